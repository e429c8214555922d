# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Hooks: all six, their order, their namespaces, the state on stdin, failures and time limits.

# A hook that appends NAME, its namespaces and its stdin to $T/hooks.
make_hook() {
	cat >"$T/hook" <<-SH
		#!/bin/sh
		state=\$(cat)
		echo "\$1 \$(readlink /proc/self/ns/mnt) \$(readlink /proc/self/ns/net)" >>"$T/hooks"
		echo "\$state" >"$T/state.\$1"
		env >"$T/env.\$1"
	SH
	chmod 755 "$T/hook"
}

# jq filter for one hook of each kind that runs in the runtime's mount namespace or resolves there.
all_hooks() {
	local h
	for h in prestart createRuntime createContainer poststart poststop; do
		printf '| .hooks.%s = [{path: "%s", args: ["hook", "%s"], env: ["HOOK=%s"]}] ' "$h" "$T/hook" "$h" "$h"
	done
}

# Every hook runs at its time, in the order of the specification, in the right namespaces.
test_order_and_namespaces() {
	local host pid
	make_hook
	: >hooks
	bundle b ".process.args = [\"sleep\", \"1000\"] | .mounts += [{destination: \"$T\", type: \"bind\", source: \"$T\", options: [\"rbind\"]}]
		| .hooks = {} $(all_hooks) | .hooks.startContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >/state; echo startContainer \$(readlink /proc/self/ns/mnt) \$(readlink /proc/self/ns/net) >>$T/hooks\"]}]"
	host="$(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/net)"
	ok cede create -b b "$TAG-a"
	pid=$(pid_of "$TAG-a")
	eq "hooks at create" "$(cut -d' ' -f1 hooks | tr '\n' ' ')" "prestart createRuntime createContainer "
	ok cede start "$TAG-a"
	eq "hooks at start" "$(cut -d' ' -f1 hooks | tr '\n' ' ')" "prestart createRuntime createContainer startContainer poststart "
	local inside
	inside="$(readlink "/proc/$pid/ns/mnt") $(readlink "/proc/$pid/ns/net")"
	ok cede delete -f "$TAG-a"
	eq "hooks in all" "$(cut -d' ' -f1 hooks | tr '\n' ' ')" "prestart createRuntime createContainer startContainer poststart poststop "
	for h in prestart createRuntime poststart poststop; do
		eq "namespaces of $h" "$(sed -n "s/^$h //p" hooks)" "$host"
	done
	for h in createContainer startContainer; do
		eq "namespaces of $h" "$(sed -n "s/^$h //p" hooks)" "$inside"
	done
	eq "state for prestart" "$(jq -r '.id + " " + .bundle + " " + .status' state.prestart)" "$TAG-a $T/b creating"
	eq "pid for createRuntime" "$(jq .pid state.createRuntime)" "$pid"
	eq "status for startContainer" "$(jq -r .status b/rootfs/state)" created
	eq "status for poststart" "$(jq -r .status state.poststart)" running
	eq "status for poststop" "$(jq -r .status state.poststop)" stopped
	like "environment" "$(cat env.prestart)" 'HOOK=prestart'
	unlike "environment" "$(cat env.prestart)" 'ROOTFS='
}

# The network namespace can be changed by createRuntime hooks before the program runs.
test_hook_configures_network() {
	cat >hook <<-'SH'
		#!/bin/sh
		pid=$(jq .pid)
		nsenter -t "$pid" -n ip link add dummy7 type dummy || nsenter -t "$pid" -n ip link set lo mtu 1234
	SH
	chmod 755 hook
	in_container ".hooks.createRuntime = [{path: \"$T/hook\", env: [\"PATH=$PATH\"]}]" -- sh -c 'ls /sys/class/net | grep -c dummy7; cat /sys/class/net/lo/mtu'
	like "changed" "$OUT" '(^1'$'\n''|1234)'
}

# Several hooks of one kind run in their order; args and env are as given; no env means an empty one.
test_many_hooks() {
	cat >hook <<-SH
		#!/bin/sh
		echo "\$0|\$1|\$2|\$X" >>"$T/hooks"
		/usr/bin/env >>"$T/envs"
	SH
	chmod 755 hook
	in_container ".hooks.prestart = [{path: \"$T/hook\", args: [\"first\", \"a b\", \"\"], env: [\"X=1\"]}, {path: \"$T/hook\"}]" -- true
	eq hooks "$(cat hooks)" "$T/hook|a b||1"$'\n'"$T/hook|||"
	unlike "environment" "$(cat envs)" 'WORK='
}

# A failing hook before the program runs: an error that names it, exit 1, nothing left, poststop run.
test_failures_at_create() {
	local h
	printf '#!/bin/sh\necho the reason >&2\nexit 7\n' >bad
	printf '#!/bin/sh\ntouch %s/poststop\n' "$T" >post
	chmod 755 bad post
	for h in prestart createRuntime createContainer; do
		rm -f poststop
		bundle "b$h" ".process.args = [\"touch\", \"/ran\"] | .hooks.$h = [{path: \"$T/bad\"}] | .hooks.poststop = [{path: \"$T/post\"}]"
		run cede create -b "b$h" "$TAG-$h"
		eq "exit status, $h" "$STATUS" 1
		like "error, $h" "$ERR" "^cede: .*$h"
		fails 1 'does not exist' cede state "$TAG-$h"
		[ -e poststop ] || die "$h failed: poststop hooks did not run"
		run cede run -b "b$h" "$TAG-$h"
		eq "exit status of run, $h" "$STATUS" 1
		[ ! -e "b$h/rootfs/ran" ] || die "$h failed: the program ran all the same"
	done
}

# It runs when its program does, not before; whoever comes after a start that was killed waits for the same.
test_running_is_the_program() {
	bundle b '.process.args = ["sleep", "1000"]
		| .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "touch /hook; while [ ! -e /on ]; do sleep 0.05; done"]}]'
	ok cede create -b b "$TAG-a"
	"$CEDE" --root "$ROOT" start "$TAG-a" &
	disown $!
	eventually 10 test -e b/rootfs/hook
	eq "status with the hook" "$(status_of "$TAG-a")" created
	kill -KILL $!
	{ sleep 0.2; touch b/rootfs/on; } &
	ok cede start "$TAG-a"
	eq "status" "$(status_of "$TAG-a")" running
	fails 1 'running already' cede start "$TAG-a"
	ok cede delete -f "$TAG-a"
}

# A failing startContainer hook: the program does not run, the container is stopped and removed.
test_failure_of_start_container() {
	bundle b '.process.args = ["touch", "/ran"] | .hooks.startContainer = [{path: "/bin/false"}]'
	ok cede create -b b "$TAG-a"
	run cede start "$TAG-a"
	eq "exit status" "$STATUS" 1
	like error "$ERR" '^cede: .*startContainer'
	[ ! -e b/rootfs/ran ] || die "the program ran"
	ok cede delete -f "$TAG-a"
	run cede run -b b "$TAG-b"
	eq "exit status of run" "$STATUS" 1
	[ ! -e b/rootfs/ran ] || die "the program ran"
}

# A failing poststart hook: an error, and the container is stopped (specification 1.3).
test_failure_of_poststart() {
	printf '#!/bin/sh\nexit 1\n' >bad
	chmod 755 bad
	bundle b ".process.args = [\"sleep\", \"1000\"] | .hooks.poststart = [{path: \"$T/bad\"}]"
	ok cede create -b b "$TAG-a"
	run cede start "$TAG-a"
	eq "exit status" "$STATUS" 1
	like error "$ERR" '^cede: .*poststart'
	run cede state "$TAG-a"
	[ "$STATUS" != 0 ] || eq "status" "$(jq -r .status <<<"$OUT")" stopped
	ok cede delete -f "$TAG-a"
}

# A failing poststop hook is a warning: the others run, delete succeeds.
test_failure_of_poststop() {
	printf '#!/bin/sh\nexit 1\n' >bad
	printf '#!/bin/sh\ntouch %s/second\n' "$T" >good
	chmod 755 bad good
	bundle b ".process.args = [\"true\"] | .hooks.poststop = [{path: \"$T/bad\"}, {path: \"$T/good\"}]"
	run cede run -b b "$TAG-a"
	eq "exit status" "$STATUS" 0
	[ -e second ] || die "the second hook did not run"
	like "warning" "$ERR" 'poststop'
}

# A hook that hangs is ended after its timeout, with its children.
test_timeout() {
	printf '#!/bin/sh\nsleep 1000\n' >slow
	chmod 755 slow
	bundle b ".process.args = [\"true\"] | .hooks.prestart = [{path: \"$T/slow\", timeout: 1}]"
	local began=$SECONDS
	run cede run -b b "$TAG-a"
	eq "exit status" "$STATUS" 1
	like "error" "$ERR" '^cede: .*prestart.*(timed out|did not end)'
	at_most "seconds it took" $((SECONDS - began)) $((3 * SLOW))
}

# Hooks that do not exist, are relative, or have nonsense around them.
test_refusals() {
	bundle b '.process.args = ["true"] | .hooks.prestart = [{path: "/no/such/hook"}]'
	fails 1 '/no/such/hook' cede run -b b "$TAG-a"
	bundle c '.process.args = ["true"] | .hooks.prestart = [{path: "relative/hook"}]'
	fails 1 'hooks.prestart\[0\].path' cede run -b c "$TAG-a"
	bundle d '.process.args = ["true"] | .hooks.prestart = [{path: "/bin/true", timeout: -1}]'
	fails 1 'hooks.prestart\[0\].timeout' cede run -b d "$TAG-a"
	bundle e '.process.args = ["true"] | .hooks.prestart = [{}]'
	fails 1 'hooks.prestart\[0\].path' cede run -b e "$TAG-a"
	bundle f '.process.args = ["true"] | .hooks.prestart = {path: "/bin/true"}'
	fails 1 'hooks.prestart' cede run -b f "$TAG-a"
}

# A hook gets the whole state even if it does not read it, and may print without harm.
test_hook_that_ignores_stdin() {
	bundle b '.process.args = ["echo", "ran"] | .hooks.prestart = [{path: "/bin/true"}, {path: "/bin/echo", args: ["echo", "noise"]}] | .annotations = {"big": ("x" * 200000)}'
	ok cede run -b b "$TAG-a"
	like "output" "$OUT" ran
}
