# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Without the machine's privileges: as root of a user namespace (what a rootless engine calls cede as),
# and as an ordinary user.

# as_user COMMAND...: uid and gid 65534, nothing else; cede keeps its state in $XDG_RUNTIME_DIR.
as_user() {
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
		env XDG_RUNTIME_DIR="$T/run" HOME="$T" "$@"
}
in_userns() { as_user unshare --user --map-root-user --mount "$@"; }

user_bundle() {
	mkdir -p run
	bundle b "del(.linux.resources) | .linux.namespaces |= map(select(.type != \"network\")) |
		.mounts |= map(select(.type != \"sysfs\" and .type != \"cgroup\")) |
		.mounts[] |= (if .type == \"devpts\" then .options -= [\"gid=5\"] else . end) | ${1:-.}"
	chmod 755 "$T"
	chown -R 65534:65534 b run
	install -m 755 "$CEDE" cede
}

# Root of a user namespace: the host's device nodes are bound, groups stay as they are, there is no
# cgroup but a warning, state is in the user's directory; nothing is left.
# needs: root userns command:setpriv
# timeout: 40
test_in_userns() {
	user_bundle '.process.args = ["sh", "-c", "id -u; echo x >/dev/null && echo null works; cat /proc/1/comm"]'
	ok in_userns ./cede run -b b "$TAG-a"
	eq "output" "$OUT" $'0\nnull works\ncat'
	like "the warning" "$ERR" "warning: cgroup .*: not permitted: the container has no cgroup"
	[ -d run/cede ] || die "the state was elsewhere"
	eq "what is left" "$(find run/cede -mindepth 1 -maxdepth 1 ! -name '.*')" ""
	config b '.linux.resources.memory.limit = 100000000'
	fails 1 "config.json: linux.resources.memory.limit: no cgroup can be made here without privileges" \
		in_userns ./cede run -b b "$TAG-a"
	config b 'del(.linux.resources) | .process.user.additionalGids = [5]'
	fails 1 "config.json: process.user.additionalGids: " in_userns ./cede run -b b "$TAG-a"
	eq "what is left" "$(find run/cede -mindepth 1 -maxdepth 1 ! -name '.*')" ""
}

# An ordinary user is told what to do, before anything is made.
# needs: root command:setpriv
test_ordinary_user() {
	user_bundle '.process.args = ["true"]'
	fails 1 "an ordinary user cannot make a container's mounts: enter a user namespace first" as_user ./cede run -b b "$TAG-a"
	[ ! -e run/cede ] || die "state was made"
	ok as_user ./cede list -q
	eq "containers" "$OUT" ""
	fails 1 '--rootless: unknown value "maybe"' as_user ./cede --rootless maybe list
}

# The pid namespace of another container (a pod's, below a rootless engine): our own is the host's, to which
# root of a user namespace does not come back. Hooks run in it all the same.
# needs: root userns command:setpriv
# timeout: 40
test_joined_pid_namespace() {
	user_bundle '.process.args = ["sleep", "1000"]'
	bundle c '.process.args = ["sh", "-c", "cat /proc/1/comm; test $$ -gt 1"]'
	jq -s '.[0] + {process: (.[0].process + {args: .[1].process.args})} |
		.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "readlink /proc/self/ns/pid >hook"]}]' \
		b/config.json c/config.json >both
	mv both c/config.json
	chown -R 65534:65534 c
	cat >pod <<-'S'
		set -eu
		./cede run -d -b b "$1-a"
		path=/proc/$(./cede state "$1-a" | jq .pid)/ns/pid
		jq --arg p "$path" '(.linux.namespaces[] | select(.type == "pid")).path = $p' c/config.json >c/joins
		mv c/joins c/config.json
		status=0
		./cede run -b c "$1-b" || status=$?
		./cede delete -f "$1-a"
		exit $status
	S
	chmod 755 pod
	ok in_userns bash pod "$TAG"
	eq "number 1" "$OUT" sleep
	eq "the hook's pid namespace" "$(cat c/hook)" "$(readlink /proc/self/ns/pid)"
	eq "what is left" "$(find run/cede -mindepth 1 -maxdepth 1 ! -name '.*')" ""
}
