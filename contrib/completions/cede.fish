# SPDX-License-Identifier: Apache-2.0
# fish completion for cede: options come from `cede COMMAND --help`, ids from `cede list -q`.
function __cede_verbs
	cede --help 2>/dev/null | string match -r '^  [a-z]+ +.*' | string replace -r '^  ([a-z]+) +(.*)' '$1\t$2'
end
function __cede_verb
	set -l value
	for word in (commandline -opc)[2..]
		if test -n "$value"
			set value
		else if contains -- $word --root --log --log-format --log-level --cgroup-manager
			set value $word
		else if not string match -q -- '-*' $word
			echo $word
			return 0
		end
	end
	return 1
end
function __cede_options
	cede (__cede_verb) --help 2>/dev/null | string match -ra -- '--[a-z][a-z0-9-]+' | sort -u
end
complete -c cede -f -n 'not __cede_verb' -a '(__cede_verbs)'
complete -c cede -f -n '__cede_verb' -a '(__cede_options)'
complete -c cede -f -n 'contains (__cede_verb) start state kill delete exec ps pause resume update events checkpoint' -a '(cede list -q)'
complete -c cede -F -n 'contains (__cede_verb) launch run create restore spec'
