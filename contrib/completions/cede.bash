# SPDX-License-Identifier: Apache-2.0
# bash completion for cede: options come from `cede COMMAND --help`, ids from `cede list -q`.
_cede() {
	local cur prev words cword
	_init_completion 2>/dev/null || {
		cur=${COMP_WORDS[COMP_CWORD]}
		words=("${COMP_WORDS[@]}")
		cword=$COMP_CWORD
	}
	local globals="--root --log --log-format --log-level --debug --cgroup-manager --systemd-cgroup --rootless --version --help"
	local verb="" root=() i
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--root) root=(--root "${words[i + 1]}"); ((i++)) ;;
		--log | --log-format | --log-level | --cgroup-manager | --rootless) ((i++)) ;;
		-*) ;;
		*) verb=${words[i]}; break ;;
		esac
	done
	if [[ -z $verb ]]; then
		local verbs
		verbs=$("${words[0]}" --help 2>/dev/null | sed -n 's/^  \([a-z]\+\)  .*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$globals $verbs" -- "$cur")
		return
	fi
	case $cur in
	-*)
		local opts
		opts=$("${words[0]}" "$verb" --help 2>/dev/null | grep -oE -- '--[a-z][a-z0-9-]+' | sort -u)
		mapfile -t COMPREPLY < <(compgen -W "$opts" -- "$cur")
		;;
	*)
		case $verb in
		start | state | kill | delete | exec | ps | pause | resume | update | events | checkpoint)
			local ids
			ids=$("${words[0]}" "${root[@]}" list -q 2>/dev/null)
			mapfile -t COMPREPLY < <(compgen -W "$ids" -- "$cur")
			;;
		*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		esac
		;;
	esac
}
complete -F _cede cede
