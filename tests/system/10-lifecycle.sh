# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The life of a container: run, create, start, state, kill, delete, exec, list, ps, pause, resume.

# `run` prints what the program prints, passes its exit status on, and leaves nothing.
test_run_status() {
	bundle b '.process.args = ["sh", "-c", "echo out; echo err >&2; exit 42"]'
	run cede run -b b "$TAG-a"
	eq "exit status" "$STATUS" 42
	eq stdout "$OUT" out
	eq stderr "$ERR" err
}

# `run` of a program that a signal ends exits with 128 + signal.
test_run_signal_status() {
	bundle b '.process.args = ["sh", "-c", "kill -TERM $$"]'
	put b probe
	# The init of a pid namespace ignores signals it has no handler for; its child does not.
	config b '.process.args = ["sh", "-c", "kill -9 $$; sh -c \"kill -15 \\$\\$\"; exit $?"]'
	run cede run -b b "$TAG-a"
	eq "exit status" "$STATUS" 143
	config b '(.linux.namespaces |= map(select(.type != "pid"))) | .process.args = ["sh", "-c", "kill -KILL $$"]'
	run cede run -b b "$TAG-b"
	eq "exit status" "$STATUS" 137
}

# `run` finds the bundle in the current directory, and hands stdin through.
test_run_cwd_stdin() {
	bundle b '.process.args = ["cat"]'
	cd b
	STATUS=0
	OUT=$(echo "through the pipe" | cede run "$TAG-a") || STATUS=$?
	eq "exit status" "$STATUS" 0
	eq stdout "$OUT" "through the pipe"
}

# create, state, start, kill, delete: each stage is what `state` says it is.
test_stages() {
	local id=$TAG-a pid
	bundle b '.process.args = ["sh", "-c", "trap \"exit 7\" TERM; echo started; : >/started; while :; do sleep 0.1; done"] | .annotations = {"org.example.key": "value"}'
	ok cede create -b b --pid-file "$T/pid" "$id"
	[ -s "$T/pid" ] || die "no pid file"
	like "pid file" "$(od -An -c "$T/pid" | tr -d ' ')" '^[0-9]+$'
	pid=$(cat "$T/pid")
	ok cede state "$id"
	eq id "$(jq -r .id <<<"$OUT")" "$id"
	eq status "$(jq -r .status <<<"$OUT")" created
	eq pid "$(jq -r .pid <<<"$OUT")" "$pid"
	eq bundle "$(jq -r .bundle <<<"$OUT")" "$T/b"
	eq rootfs "$(jq -r .rootfs <<<"$OUT")" "$T/b/rootfs"
	eq annotation "$(jq -r '.annotations["org.example.key"]' <<<"$OUT")" value
	like ociVersion "$(jq -r .ociVersion <<<"$OUT")" '^1\.'
	like created "$(jq -r .created <<<"$OUT")" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T.*(Z|[+-][0-9:]+)$'
	eq owner "$(jq -r .owner <<<"$OUT")" root
	fails 1 'container.*(cannot|not|still|created).*' cede delete "$id"
	ok cede start "$id"
	is_status "$id" running || die "status is $(status_of "$id") after start"
	fails 1 "." cede start "$id"
	fails 1 "." cede delete "$id"
	is_status "$id" running || die "status is $(status_of "$id") after a refused delete"
	eventually 5 test -e b/rootfs/started
	eq comm "$(cat "/proc/$pid/comm")" sh
	ok cede kill "$id" TERM
	eventually 5 is_status "$id" stopped
	eq "pid when stopped" "$(pid_of "$id")" 0
	fails 1 '(container not running|no such process|already finished)' cede kill "$id" TERM
	fails 1 "." cede start "$id"
	ok cede delete "$id"
	fails 1 'does not exist' cede state "$id"
	fails 1 'does not exist' cede delete "$id"
	ok cede delete --force "$id"
}

# The program does not run before `start`, and config.json may change after `create` without effect.
test_create_waits() {
	local id=$TAG-a
	bundle b '.process.args = ["touch", "/ran"]'
	ok cede create -b b "$id"
	sleep 0.2
	[ ! -e b/rootfs/ran ] || die "the program ran before start"
	config b '.process.args = ["touch", "/changed"]'
	ok cede start "$id"
	eventually 5 is_status "$id" stopped
	[ -e b/rootfs/ran ] || die "the program did not run"
	[ ! -e b/rootfs/changed ] || die "config.json was read again after create"
	ok cede delete "$id"
}

# A document without a process: create takes it, exec works in it; start refuses and changes nothing, run
# makes nothing (runtime.md, Start, Errors).
test_without_process() {
	local id=$TAG-a pid
	bundle b "del(.process) | .hooks = {createRuntime: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo ran >>$T/hook\"]}]}"
	fails 1 'process: required to start' cede run -b b "$TAG-b"
	[ ! -e hook ] || die "run began to make a container that it could not start"
	ok cede create -b b "$id"
	pid=$(pid_of "$id")
	fails 1 'process: required to start' cede start "$id"
	is_status "$id" created || die "status is $(status_of "$id") after a refused start"
	eq "pid after a refused start" "$(pid_of "$id")" "$pid"
	fails 1 'process: required to start' cede start "$id"
	ok cede exec "$id" /bin/sh -c 'echo $PPID'
	eq "output of exec" "$OUT" 0
	ok cede kill "$id" KILL
	eventually 5 is_status "$id" stopped
	ok cede delete "$id"
}

# The output of a created container goes to the stdio that `create` had; `create` itself returns.
test_create_stdio() {
	bundle b '.process.args = ["sh", "-c", "cat; echo done >&2"]'
	echo hello >in
	cede create -b b "$TAG-a" <in >out 2>err
	ok cede start "$TAG-a"
	eventually 5 is_status "$TAG-a" stopped
	eq stdout "$(cat out)" hello
	eq stderr "$(cat err)" "done"
	ok cede delete "$TAG-a"
}

# A container that was never started can be killed and deleted; --force does both.
test_delete_created() {
	bundle b
	ok cede create -b b "$TAG-a"
	ok cede kill "$TAG-a" KILL
	eventually 5 is_status "$TAG-a" stopped
	ok cede delete "$TAG-a"
	ok cede create -b b "$TAG-b"
	ok cede delete --force "$TAG-b"
	fails 1 'does not exist' cede state "$TAG-b"
}

# --force ends a running container whose processes ignore everything they can, with all of them.
test_delete_force_running() {
	bundle b '.process.args = ["sh", "-c", "trap \"\" TERM INT HUP; setsid sh -c \"trap \\\"\\\" TERM; sleep 1000\" & sleep 1000"]'
	ok cede run -d -b b "$TAG-a"
	ok cede delete -f "$TAG-a"
	fails 1 'does not exist' cede state "$TAG-a"
}

# Signals: by number, name, name with SIG; unknown ones are refused; the default is TERM.
test_kill_signals() {
	local id=$TAG-a s
	bundle b '.process.args = ["sh", "-c", "for s in TERM HUP USR1 USR2 INT; do trap \"echo $s >>/got\" $s; done; touch /ready; while :; do sleep 0.05; done"]'
	ok cede run -d -b b "$id"
	eventually 5 test -e b/rootfs/ready
	for s in "" 1 USR1 SIGUSR2 int; do
		: >b/rootfs/got
		# shellcheck disable=SC2086 # no argument when empty
		ok cede kill "$id" $s
		eventually 5 test -s b/rootfs/got
		case $s in
		"") eq "default signal" "$(cat b/rootfs/got)" TERM ;;
		1) eq "signal 1" "$(cat b/rootfs/got)" HUP ;;
		*) like "signal $s" "SIG$(cat b/rootfs/got)" "${s#SIG}|${s^^}" ;;
		esac
	done
	for s in FOO 0x9 -1 65 9999999999 SIG "" " 9" "9 "; do
		fails 1 "signal" cede kill "$id" "$s"
	done
	is_status "$id" running || die "a refused signal changed the status"
	ok cede kill --all "$id" KILL
	eventually 5 is_status "$id" stopped
	ok cede delete "$id"
}

# kill without --all is for the container of that name, also when another has its group below it (which
# cgroup2 allows where it has no controllers).
# needs: root hybrid
test_kill_leaves_groups_below() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.cgroupsPath = $p' --arg p "/cede.slice/$TAG-over"
	ok cede run -d -b b "$TAG-a"
	config b '.linux.cgroupsPath += "/below"'
	ok cede run -d -b b "$TAG-b"
	ok cede kill "$TAG-a" KILL
	eventually 5 is_status "$TAG-a" stopped
	is_status "$TAG-b" running || die "status of the one below is $(status_of "$TAG-b")"
	ok cede delete -f "$TAG-b"
	ok cede delete "$TAG-a"
}

# A group that its processes have left may be entered by another container: from then on it is that
# one's, whatever is done to the first one, and goes with it.
# needs: root cgroup2
test_group_taken_over() {
	local p pid
	bundle b '.process.args = ["sleep", "1000"] | .linux.namespaces |= map(select(.type != "pid"))'
	for p in "/$TAG-g/x" "/cede.slice/$TAG-g"; do
		config b '.linux.cgroupsPath = $p' --arg p "$p"
		ok cede run -d -b b "$TAG-a"
		ok cede kill "$TAG-a" KILL
		eventually 5 is_status "$TAG-a" stopped
		ok cede run -d -b b "$TAG-b"
		pid=$(pid_of "$TAG-b")
		fails 1 'container not running' cede ps "$TAG-a"
		ok cede kill --all "$TAG-a" KILL
		ok cede ps "$TAG-b"
		like "processes of the second one" "$OUT" "$pid"
		ok cede delete "$TAG-a"
		is_status "$TAG-b" running || die "the second one fell with the first"
		ok cede exec "$TAG-b" true
		ok cede delete --force "$TAG-b"
		gone "$pid" || die "it lives on"
		[ ! -e "$CG$p" ] || die "$p is left"
	done
	rmdir "$CG/$TAG-g" # the way to a path is the caller's
}

# The same for a group that was removed and made again, also by a container of another state root.
# needs: root cgroup2
test_group_made_again() {
	local other="$T/other"
	bundle b '.process.args = ["sleep", "1000"] | .linux.cgroupsPath = $p' --arg p "/$TAG-g"
	ok cede run -d -b b "$TAG-a"
	ok cede kill "$TAG-a" KILL
	eventually 5 is_status "$TAG-a" stopped
	eventually 5 rmdir "$CG/$TAG-g"
	mkdir "$CG/$TAG-g"
	ok cede delete "$TAG-a"
	rmdir "$CG/$TAG-g" || die "a group that somebody has made is gone"
	ok cede run -d -b b "$TAG-a"
	ok cede kill "$TAG-a" KILL
	eventually 5 is_status "$TAG-a" stopped
	eventually 5 rmdir "$CG/$TAG-g"
	ok "$CEDE" --root "$other" run -d -b b "$TAG-b"
	fails 1 'container not running' cede ps "$TAG-a"
	ok cede kill --all "$TAG-a" KILL
	ok cede delete --force "$TAG-a"
	ok "$CEDE" --root "$other" state "$TAG-b"
	eq "the other one" "$(jq -r .status <"$T.out")" running
	ok "$CEDE" --root "$other" delete --force "$TAG-b"
}

# What a creation that was killed has recorded is only what it wanted: a container that is there already
# does not fall to the end of it.
# needs: root cgroup2
test_group_never_reached() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.cgroupsPath = $p' --arg p "/cede.slice/$TAG-g"
	ok cede run -d -b b "$TAG-a"
	mkdir "$ROOT/$TAG-b"
	: >"$ROOT/$TAG-b/lock"
	jq '.id = $id | .pid = 0 | .pidStartTicks = 0 | del(.cgroupInode)' --arg id "$TAG-b" \
		<"$ROOT/$TAG-a/state.json" >"$ROOT/$TAG-b/state.json"
	ok cede delete --force "$TAG-b"
	is_status "$TAG-a" running || die "the one that was there is gone"
	ok cede delete --force "$TAG-a"
}

# delete ends what a container has left behind, in groups of its own, too, but not the container that
# has its group below: that one's stays, with the way to it.
# needs: root hybrid
test_delete_leaves_groups_below() {
	local pid
	bundle b '.process.args = ["sh", "-c", "setsid sleep 1000 & setsid sleep 1000 & exec sleep 1000"]
		| .linux.namespaces |= map(select(.type != "pid")) | .linux.cgroupsPath = $p' --arg p "/cede.slice/$TAG-over"
	ok cede run -d -b b "$TAG-a"
	eventually 5 sh -c "[ \$('$CEDE' --root '$ROOT' ps --format json '$TAG-a' | jq length) = 3 ]"
	mkdir -p "$(cg_of "$TAG-over")/own/deeper"
	pid=$(cede ps --format json "$TAG-a" | jq 'max')
	echo "$pid" >"$(cg_of "$TAG-over")/own/deeper/cgroup.procs"
	config b '.process.args = ["sleep", "1000"] | .linux.cgroupsPath += "/own/below"'
	ok cede run -d -b b "$TAG-b"
	eq "processes of the one above" "$(cede ps --format json "$TAG-a" | jq length)" 3
	ok cede kill --all "$TAG-a" STOP
	like "the one below is not signalled" "$(cat "/proc/$(pid_of "$TAG-b")/status")" 'State:.S'
	ok cede kill "$TAG-a" KILL
	eventually 5 is_status "$TAG-a" stopped
	alive "$pid" || die "nothing is left to be ended"
	ok cede delete "$TAG-a"
	like "what is said" "$ERR" "cgroup /cede.slice/$TAG-over stays: there is a group of another container below"
	gone "$pid" || die "what it left in a group of its own lives on"
	eq "who is left" "$(cat "$(cg_of "$TAG-over")"/{,own/,own/*/}cgroup.procs)" "$(pid_of "$TAG-b")"
	[ ! -e "$(cg_of "$TAG-over")/own/deeper" ] || die "its own group is left"
	is_status "$TAG-b" running || die "status of the one below is $(status_of "$TAG-b")"
	ok cede delete -f "$TAG-b"
	[ ! -e "$(cg_of "$TAG-over")" ] || die "the way is left"
}

# kill --all reaches every process of the container.
test_kill_all() {
	bundle b '.process.args = ["sh", "-c", "sleep 1000 & sleep 1001 & exec sleep 1002"] | .linux.namespaces |= map(select(.type != "pid"))'
	ok cede run -d -b b "$TAG-a"
	eventually 5 sh -c "[ \$('$CEDE' --root '$ROOT' ps --format json '$TAG-a' | jq length) = 3 ]"
	ok cede kill --all "$TAG-a" USR1
	eventually 5 sh -c "[ \$('$CEDE' --root '$ROOT' ps --format json '$TAG-a' | jq length) = 0 ]"
	ok cede delete "$TAG-a"
	# more than are signalled between two readings of the group
	config b '.process.args = ["sh", "-c", "i=0; while [ $i -lt 150 ]; do sleep 1000 & i=$((i + 1)); done; exec sleep 1002"]'
	ok cede run -d -b b "$TAG-a"
	eventually 30 sh -c "[ \$('$CEDE' --root '$ROOT' ps --format json '$TAG-a' | jq length) = 151 ]"
	ok cede kill --all "$TAG-a" TERM
	eventually 30 sh -c "[ \$('$CEDE' --root '$ROOT' ps --format json '$TAG-a' | jq length) = 0 ]"
	ok cede delete "$TAG-a"
	config b '.process.args = ["sh", "-c", "sleep 1000 & sleep 1001 & exec sleep 1002"]'
	ok cede run -d -b b "$TAG-a"
	ok cede kill --all "$TAG-a" KILL
	eventually 5 sh -c "[ \$('$CEDE' --root '$ROOT' ps --format json '$TAG-a' | jq length) = 0 ]"
	# systemd removes a scope with its last process; containerd makes sure after that
	eventually 5 is_status "$TAG-a" stopped
	eventually 5 rmdir "$(cg_of "$TAG-a")"
	ok cede kill --all "$TAG-a" KILL
	ok cede delete "$TAG-a"
}

# Without a pid namespace of its own, deleting a stopped container takes its other processes along.
test_delete_host_pid_leftovers() {
	bundle b '.process.args = ["sh", "-c", "setsid sleep 1000 & sleep 0.2"] | .linux.namespaces |= map(select(.type != "pid"))'
	ok cede run -d -b b "$TAG-a"
	eventually 5 is_status "$TAG-a" stopped
	ok cede delete "$TAG-a"
}

# run --detach returns when the program runs; --pid-file says where.
test_run_detach() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run --detach --pid-file "$T/pid" -b b "$TAG-a"
	is_status "$TAG-a" running || die "status is $(status_of "$TAG-a")"
	eq "pid in the file" "$(cat pid)" "$(pid_of "$TAG-a")"
	eq "its program" "$(cat "/proc/$(cat pid)/comm")" sleep
	ok cede delete -f "$TAG-a"
}

# run --keep leaves the stopped container to be looked at.
test_run_keep() {
	bundle b '.process.args = ["true"]'
	ok cede run --keep -b b "$TAG-a"
	is_status "$TAG-a" stopped || die "status is $(status_of "$TAG-a")"
	ok cede delete "$TAG-a"
}

# Signals sent to a foreground `run` reach the program.
test_run_forwards_signals() {
	local pid
	bundle b '.process.args = ["sh", "-c", "trap \"exit 5\" TERM; trap \"echo usr1 >>/got\" USR1; touch /ready; while :; do sleep 0.05; done"]'
	exec_cede run -b b "$TAG-a" &
	pid=$!
	eventually 5 test -e b/rootfs/ready
	kill -USR1 "$pid"
	eventually 5 test -s b/rootfs/got
	kill -TERM "$pid"
	STATUS=0
	wait "$pid" || STATUS=$?
	eq "exit status" "$STATUS" 5
}

# exec: output, exit status, options; it is inside the container's namespaces.
test_exec() {
	local id=$TAG-a
	bundle b '.process.args = ["sleep", "1000"] | .hostname = "inside" | .process.env += ["FROM_SPEC=1"] | .process.cwd = "/tmp"'
	put b probe
	ok cede run -d -b b "$id"
	run cede exec "$id" sh -c 'echo out; echo err >&2; exit 9'
	eq "exit status" "$STATUS" 9
	eq stdout "$OUT" out
	eq stderr "$ERR" err
	ok cede exec "$id" hostname
	eq hostname "$OUT" inside
	ok cede exec "$id" probe
	eq cwd "$(probed cwd)" /tmp
	like env "$OUT" $'env FROM_SPEC=1\n'
	eq fds "$(probed fds)" "0 1 2"
	ok cede exec --cwd /etc --env A=1 -e "B=two words" --user 1000:2000 "$id" probe
	eq cwd "$(probed cwd)" /etc
	like env "$OUT" $'env A=1\n'
	like env "$OUT" $'env B=two words\n'
	eq uid "$(probed uid)" "1000 1000"
	eq gid "$(probed gid)" "2000 2000"
	ok cede exec "$id" ls /proc/self/ns
	for ns in pid net ipc uts mnt cgroup; do
		eq "namespace $ns" "$(cede exec "$id" readlink "/proc/self/ns/$ns")" "$(readlink "/proc/$(pid_of "$id")/ns/$ns")"
	done
	OUT=$(echo "to the pipe" | cede exec "$id" cat)
	eq "stdin" "$OUT" "to the pipe"
	ok cede delete -f "$id"
}

# exec --process takes a whole process object from a file.
test_exec_process_file() {
	local id=$TAG-a
	bundle b '.process.args = ["sleep", "1000"]'
	put b probe
	ok cede run -d -b b "$id"
	jq -n '{args: ["probe", "x y"], cwd: "/etc", env: ["PATH=/bin", "K=V"], user: {uid: 1000, gid: 1000, additionalGids: [2000]}, noNewPrivileges: true, rlimits: [{type: "RLIMIT_NOFILE", hard: 77, soft: 55}]}' >p.json
	ok cede exec --process p.json "$id"
	like args "$OUT" $'arg probe\narg x y'
	eq cwd "$(probed cwd)" /etc
	eq uid "$(probed uid)" "1000 1000"
	like groups "$(probed groups)" '\b2000\b'
	eq nnp "$(probed no_new_privs)" 1
	eq rlimit "$(probed RLIMIT_NOFILE)" "55 77"
	like env "$OUT" $'env K=V'
	ok cede delete -f "$id"
}

# exec --detach returns at once; the process is in the container and named by the pid file.
test_exec_detach() {
	local id=$TAG-a pid
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$id"
	ok cede exec -d --pid-file "$T/pid" "$id" sleep 999
	pid=$(cat pid)
	eventually 5 grep -q sleep "/proc/$pid/comm"
	eq "its mount namespace" "$(readlink "/proc/$pid/ns/mnt")" "$(readlink "/proc/$(pid_of "$id")/ns/mnt")"
	ok cede ps --format json "$id"
	like "ps" "$OUT" "\b$pid\b"
	ok cede delete -f "$id"
	gone "$pid" || die "the process survived its container"
}

# exec into a container that is not running, or with a program that is not there.
test_exec_failures() {
	local id=$TAG-a
	bundle b '.process.args = ["sleep", "1000"]'
	fails 1 'does not exist' cede exec "$id" true
	ok cede create -b b "$id"
	run cede exec "$id" true
	[ "$STATUS" = 0 ] || like "error" "$ERR" '^cede: '
	ok cede start "$id"
	fails 127 '(executable file not found|no such file or directory|No such file or directory)' cede exec "$id" nosuchprogram
	fails 127 '(No such file or directory|no such file or directory)' cede exec "$id" /no/such/program
	fails 126 '[Pp]ermission denied' cede exec "$id" /etc/passwd
	fails 126 '([Pp]ermission denied|[Ii]s a directory)' cede exec "$id" /etc
	fails 1 "." cede exec --cwd /no/such/dir "$id" true
	fails 1 "." cede exec "$id"
	ok cede kill "$id" KILL
	eventually 5 is_status "$id" stopped
	fails 1 '.' cede exec "$id" true
	ok cede delete "$id"
}

# `exec --user` takes numbers only in forms that say what they mean (CVE-2026-30892).
test_exec_user_parsing() {
	local id=$TAG-a u
	bundle b '.process.args = ["sleep", "1000"]'
	put b probe
	ok cede run -d -b b "$id"
	ok cede exec --user 1 "$id" probe
	eq uid "$(probed uid)" "1 1"
	for u in "" ":" "1:" ":1" "1:2:3" "-1" "0x1" " 1" "1 " "4294967296" "99999999999999999999" "root;"; do
		run cede exec --user "$u" "$id" probe
		[ "$STATUS" != 0 ] || die "--user \"$u\" was accepted: uid $(probed uid)"
		[ "$(wc -l <"$T.err")" = 1 ] || die "--user \"$u\": one line of error expected"
	done
	ok cede delete -f "$id"
}

# ps: a table with ps(1)'s columns, or pids as JSON; all processes, nothing else.
test_ps() {
	local id=$TAG-a
	bundle b '.process.args = ["sh", "-c", "sleep 1000 & exec sleep 1001"]'
	ok cede run -d -b b "$id"
	eventually 5 sh -c "[ \$('$CEDE' --root '$ROOT' ps --format json '$id' | jq length) = 2 ]"
	ok cede ps --format json "$id"
	like "json" "$OUT" '^\[[0-9]+,[0-9]+\]$'
	like "pids" "$OUT" "\b$(pid_of "$id")\b"
	ok cede ps "$id"
	like header "${OUT%%$'\n'*}" PID
	eq lines "$(wc -l <<<"$OUT")" 3
	ok cede ps "$id" -o pid,comm
	like "columns" "${OUT%%$'\n'*}" 'PID COMMAND'
	ok cede delete -f "$id"
}

# list: table, JSON and ids of exactly the containers below this root.
test_list() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede list
	eq "table of nothing" "$OUT" "ID  PID  STATUS  BUNDLE  CREATED  OWNER"
	ok cede list --format json
	eq "nothing" "$(jq -c . <<<"$OUT")" "[]"
	ok cede create -b b "$TAG-one"
	ok cede run -d -b b "$TAG-two"
	ok cede list -q
	eq ids "$OUT" "$TAG-one"$'\n'"$TAG-two"
	ok cede list --format json
	eq "lines" "$(wc -l <<<"$OUT")" 1
	eq "stati" "$(jq -c '[.[] | [.id, .status]]' <<<"$OUT")" "[[\"$TAG-one\",\"created\"],[\"$TAG-two\",\"running\"]]"
	ok cede list
	like "table" "$OUT" "ID +PID +STATUS +BUNDLE.*$TAG-one +[0-9]+ +created .*$TAG-two +[0-9]+ +running "
	local long
	long=$(printf %064d 7)
	ok cede create -b b "$long"
	ok cede list
	like "as wide as its widest" "$OUT" "^ID {64}PID .*$long  [0-9]"
	ok cede delete -f "$long"
	ok cede delete -f "$TAG-one"
	ok cede delete -f "$TAG-two"
}

# pause stops every process, resume lets them go on; exec into a paused container is refused.
# needs: root cgroup2
test_pause_resume() {
	local id=$TAG-a one two
	bundle b '.process.args = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.02; done"]'
	ok cede run -d -b b "$id"
	eventually 5 test -s b/rootfs/count
	fails 1 "." cede resume "$id"
	ok cede pause "$id"
	is_status "$id" paused || die "status is $(status_of "$id")"
	one=$(cat b/rootfs/count)
	sleep 0.3
	two=$(cat b/rootfs/count)
	eq "the count while paused" "$two" "$one"
	fails 1 "." cede pause "$id"
	fails 1 '[Pp]aused' cede exec "$id" true
	ok cede list
	like "list" "$OUT" "$id +[0-9]+ +paused"
	ok cede resume "$id"
	is_status "$id" running || die "status is $(status_of "$id") after resume"
	eventually 5 sh -c "[ \"\$(cat b/rootfs/count)\" != '$two' ]"
	ok cede delete -f "$id"
}

# exec --ignore-paused waits for resume and does not stand in its way, nor in that of delete.
test_exec_waits_for_resume() {
	local waiting
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	ok cede pause "$TAG-a"
	exec_cede exec --ignore-paused "$TAG-a" echo resumed >out & waiting=$!
	sleep 0.3
	alive $waiting || die "exec did not wait"
	ok cede resume "$TAG-a"
	wait $waiting || die "exec failed"
	eq "output" "$(cat out)" resumed
	ok cede pause "$TAG-a"
	exec_cede exec --ignore-paused "$TAG-a" echo resumed >out 2>err & waiting=$!
	for _ in $(seq 100); do
		[ "$(cg_value "$TAG-a" cgroup.procs | wc -l)" -lt 2 ] || break
		sleep 0.05
	done
	ok cede delete --force "$TAG-a"
	STATUS=0
	wait $waiting || STATUS=$?
	# Killed as part of the container; or before it was any part of it.
	[ "$STATUS" = 137 ] || eq "exit status of exec" "$STATUS $(cat err)" "1 cede: container not running"
	[ ! -s out ] || die "it ran: $(cat out)"
}

# A paused container can be killed and deleted.
# needs: root cgroup2
test_kill_paused() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	ok cede pause "$TAG-a"
	ok cede kill "$TAG-a" KILL
	ok cede delete -f "$TAG-a"
	ok cede run -d -b b "$TAG-b"
	ok cede pause "$TAG-b"
	ok cede delete --force "$TAG-b"
	bundle c '.process.args = ["sleep", "1000"]'
	ok cede create -b c "$TAG-c"
	run cede pause "$TAG-c"
	ok cede delete --force "$TAG-c"
}

# An id is free again after delete, and taken before.
test_ids_are_unique() {
	bundle b '.process.args = ["true"]'
	ok cede create -b b "$TAG-a"
	fails 1 'already exists' cede create -b b "$TAG-a"
	fails 1 'already exists' cede run -b b "$TAG-a"
	is_status "$TAG-a" created || die "the first container did not survive: $(status_of "$TAG-a")"
	ok cede delete -f "$TAG-a"
	ok cede run -b b "$TAG-a"
	ok cede run -b b "$TAG-a"
}

# Two roots do not know of each other.
test_roots_are_separate() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	fails 1 'does not exist' "$CEDE" --root "$ROOT/../other" state "$TAG-a"
	ok "$CEDE" --root "$ROOT/../other" list -q
	eq "list of another root" "$OUT" ""
	ok cede delete -f "$TAG-a"
}

# Requests at the same moment: one of two deletes, starts and creates wins, the other says why not.
test_races() {
	local a b
	bundle b '.process.args = ["sleep", "1000"]'
	for _ in 1 2 3 4 5; do
		a=0 b=0
		exec_cede create -b b "$TAG-a" 2>err1 & p1=$!
		exec_cede create -b b "$TAG-a" 2>err2 & p2=$!
		wait $p1 || a=$?
		wait $p2 || b=$?
		eq "create twice: exit stati" "$((a + b))" 1
		like "the loser's error" "$(cat err1 err2)" 'already exists'
		a=0 b=0
		exec_cede start "$TAG-a" 2>err1 & p1=$!
		exec_cede start "$TAG-a" 2>err2 & p2=$!
		wait $p1 || a=$?
		wait $p2 || b=$?
		eq "start twice: exit stati" "$((a + b))" 1
		[ "$(cat err1 err2 | wc -l)" = 1 ] || die "start twice: one line of error expected: $(cat err1 err2)"
		a=0 b=0
		exec_cede delete -f "$TAG-a" 2>err1 & p1=$!
		exec_cede delete -f "$TAG-a" 2>err2 & p2=$!
		wait $p1 || a=$?
		wait $p2 || b=$?
		eq "delete --force twice: exit stati" "$((a + b)) $(cat err1 err2)" "0 "
	done
}

# A container that was removed and made again under its name is left alone by whoever still had to do
# with the first one: a delete --force that waited for its lock, a run in the foreground.
test_namesake_is_spared() {
	local waiting runner
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede create -b b "$TAG-a"
	exec 8<>"$ROOT/$TAG-a/lock"
	flock 8
	exec_cede delete --force "$TAG-a" 2>err & waiting=$!
	sleep 0.3
	# What a delete by somebody else does, in the middle of which the other one waits.
	kill -KILL "$(pid_of "$TAG-a")"
	mv "$ROOT/$TAG-a" "$T/old"
	eventually 5 rmdir "$(cg_of "$TAG-a")"
	ok cede run -d -b b "$TAG-a"
	flock -u 8
	wait $waiting || die "delete --force: $(cat err)"
	is_status "$TAG-a" running || die "the new container fell to a delete of the old one"
	ok cede delete --force "$TAG-a"

	exec_cede run -b b "$TAG-a" 2>err & runner=$!
	eventually 5 is_status "$TAG-a" running
	kill -STOP $runner
	ok cede delete --force "$TAG-a"
	ok cede run -d -b b "$TAG-a"
	kill -CONT $runner
	STATUS=0
	wait $runner || STATUS=$?
	eq "exit status of run" "$STATUS" 137
	is_status "$TAG-a" running || die "the new container fell to the end of the old run"
	ok cede delete --force "$TAG-a"
}

# Whoever moved init out of its group has not saved it from delete --force.
test_delete_force_moved_init() {
	local pid
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	pid=$(pid_of "$TAG-a")
	echo "$pid" >"$CG/cgroup.procs"
	ok cede delete --force "$TAG-a"
	gone "$pid" || { kill -KILL "$pid"; die "init lives on"; }
}

# The container stays when the process that made it and its session go away.
test_detached_from_caller() {
	bundle b '.process.args = ["sleep", "1000"]'
	setsid sh -c "'$CEDE' --root '$ROOT' run -d -b '$T/b' '$TAG-a'" >/dev/null 2>&1 </dev/null
	sleep 0.1
	is_status "$TAG-a" running || die "status is $(status_of "$TAG-a")"
	ok cede delete -f "$TAG-a"
}

# The parent of init is whoever adopts orphans (the engine), not a process of cede.
test_init_is_handed_over() {
	local pid parent
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede create -b b --pid-file "$T/pid" "$TAG-a"
	pid=$(cat pid)
	parent=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
	eq "init's parent" "$(cat "/proc/$parent/comm")" reaper
	eq "other processes of cede" "$(pgrep -x cede -P "$parent" | grep -vxc "$pid" || true)" 0
	ok cede delete -f "$TAG-a"
}
