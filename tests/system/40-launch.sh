# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# `cede launch`: a secondary job from a command line.

# The command runs in the caller's directory, sees the host's programs, and its status is passed on.
test_status_and_output() {
	echo data >file
	run cede launch -- sh -c 'cat file; echo err >&2; exit 42'
	eq "exit status" "$STATUS" 42
	eq stdout "$OUT" data
	like stderr "$ERR" $'^err\n'
}

# A command ended by a signal gives 128 + its number.
test_signal_status() {
	run cede launch -- sh -c 'sh -c "kill -TERM \$\$"; exit $?'
	eq "exit status" "$STATUS" 143
}

# At the end one line on stderr says how long it ran, waited, and how much idle CPU it used.
# alone
# timeout: 40
test_summary() {
	cp "$HELPERS/burn" .
	quiet
	run cede launch --name "$TAG-s" -- ./burn 1.5
	eq "exit status" "$STATUS" 0
	eq "lines on stderr" "$(wc -l <"$T.err")" 1
	like summary "$ERR" "^cede: $TAG-s: exit 0 after [0-9.]+ s: ran [0-9.]+ s, waited [0-9.]+ s( \\(frozen [^)]*\\))?, used [0-9.]+ CPU-s.*[0-9.]+ ?%"
	eq stdout "$OUT" ""
	run cede launch --name "$TAG-s" -- false
	eq "exit status" "$STATUS" 1
	like summary "$ERR" "^cede: $TAG-s: exit 1 "
}

# The working directory can be written, the rest of the host cannot; /tmp is the job's own.
test_filesystem() {
	mkdir work
	cd work
	ok cede launch -- sh -c 'pwd; echo new >new; touch /etc/cede-test 2>/dev/null || echo refused; touch /usr/cede-test 2>/dev/null || echo refused; touch "/tmp/$0" && echo tmp' "$TAG-mine"
	eq "what it did" "$OUT" "$T/work"$'\nrefused\nrefused\ntmp'
	eq "written" "$(cat new)" new
	for f in /etc/cede-test /usr/cede-test "/tmp/$TAG-mine"; do
		[ ! -e "$f" ] || die "it wrote $f on the host"
	done
}

# Private namespaces for processes, network, ipc and names; --net host shares the network.
test_namespaces() {
	local n
	ok cede launch -- sh -c 'for n in pid net ipc uts mnt; do readlink /proc/self/ns/$n; done; ls /sys/class/net 2>/dev/null'
	for n in pid net ipc uts mnt; do
		unlike "$n namespace" "$OUT" "$(readlink "/proc/self/ns/$n" | sed 's/[][]/\\&/g')"
	done
	ok cede launch --net none -- readlink /proc/self/ns/net
	[ "$OUT" != "$(readlink /proc/self/ns/net)" ] || die "--net none shares the network"
	ok cede launch --net host -- readlink /proc/self/ns/net
	eq "--net host" "$OUT" "$(readlink /proc/self/ns/net)"
	fails 125 'banana' cede launch --net banana -- true
}

# --env adds, --workdir changes the directory.
test_env_workdir() {
	mkdir other
	ok cede launch --env A=1 --env "B=two words" --workdir "$T/other" -- sh -c 'echo "$A $B"; pwd; echo x >made'
	eq "what it saw" "$OUT" "1 two words"$'\n'"$T/other"
	[ -s other/made ] || die "nothing was made in the directory"
	fails 125 'no/such' cede launch --workdir "$T/no/such" -- true
	run cede launch --env "=x" -- true
	[ "$STATUS" != 0 ] || die "--env =x was accepted"
}

# --rootfs: another root filesystem, its programs, not the host's.
test_rootfs() {
	cp -a "$ROOTFS" tree
	echo theirs >tree/etc/mark
	ok cede launch --rootfs "$T/tree" -- sh -c 'cat /etc/mark; readlink /bin/sh; ls /work 2>/dev/null | wc -l'
	like "what it saw" "$OUT" $'^theirs\nbusybox'
	fails 125 'no/such' cede launch --rootfs "$T/no/such" -- true
	fails 125 'etc/mark' cede launch --rootfs "$T/tree/etc/mark" -- true
}

# --name: the id in `list`; a name that is taken or impossible is refused.
test_name() {
	exec_cede launch --name "$TAG-named" -- sleep 1000 >out 2>err &
	eventually 5 is_status "$TAG-named" running
	fails 125 'already exists' cede launch --name "$TAG-named" -- true
	ok cede kill "$TAG-named" KILL
	STATUS=0
	wait $! || STATUS=$?
	eq "exit status" "$STATUS" 137
	fails 125 '/' cede launch --name "a/b" -- true
	fails 125 '.' cede launch --name "" -- true
}

# --detach prints the id and returns; the job runs on, in the slice, and can be deleted.
test_detach() {
	local id
	ok cede launch --detach --name "$TAG-d" -- sleep 1000
	id=$(tail -n 1 <<<"$OUT")
	eq "printed id" "$id" "$TAG-d"
	is_status "$id" running || die "status is $(status_of "$id")"
	like "its group" "$(cat "/proc/$(pid_of "$id")/cgroup")" "0::/cede.slice/$id"
	ok cede delete -f "$id"
}

# Ctrl-C interrupts the job, not only cede; nothing is left.
test_ctrl_c() {
	cat >job <<-'SH'
		trap 'echo interrupted; exit 3' INT
		echo ready
		while :; do sleep 0.1; done
	SH
	STATUS=0
	(eventually 10 grep -q ready out; printf '\003') | "$HELPERS/pty" "$CEDE" --root "$ROOT" launch -- sh "$T/job" >out || STATUS=$?
	eq "exit status" "$STATUS" 3
	like "output" "$(tr -d '\r' <out)" interrupted
}

# SIGTERM to cede reaches the job; a job that ignores it can be killed by a second try with KILL.
test_sigterm() {
	local pid
	exec_cede launch --name "$TAG-t" -- sh -c 'trap "exit 9" TERM; touch ready; while :; do sleep 0.05; done' >out 2>err &
	pid=$!
	eventually 5 test -e ready
	kill -TERM $pid
	STATUS=0
	wait $pid || STATUS=$?
	eq "exit status" "$STATUS" 9
}

# stdin is the job's, through a pipe and to its end.
test_stdin() {
	OUT=$(seq 1 100000 | cede launch -- wc -l 2>err)
	eq "lines" "$OUT" 100000
}

# The job is born idle, whatever the host can do.
test_born_idle() {
	ok cede launch -- sh -c 'chrt -p $$; cat /proc/self/autogroup 2>/dev/null; ionice; cat /proc/self/oom_score_adj; grep 0:: /proc/self/cgroup'
	if grep -qw cpu "$CG/cgroup.controllers"; then
		eq "cpu.idle of the slice" "$(cat "$CG/cede.slice/cpu.idle")" 1
	else
		like "policy" "$OUT" SCHED_IDLE
	fi
	like "I/O class" "$OUT" 'idle'
	like "oom_score_adj" "$OUT" $'\n1000\n'
}

# A file system cannot be written beyond the working directory even by root inside; no device nodes.
test_no_way_out() {
	run cede launch -- sh -c 'mount -o remount,rw / 2>/dev/null && touch /usr/cede-test; mknod n b 7 0 2>/dev/null && head -c1 n >/dev/null 2>&1 && echo opened; echo end'
	eq "what it did" "$OUT" end
	[ ! -e /usr/cede-test ] || die "it wrote to the host"
}

# Commands that do not exist (127), may not be executed (126), are missing: one line, nothing left.
test_bad_commands() {
	fails 127 'nosuchprogram' cede launch -- nosuchprogram
	fails 127 '/no/such/program' cede launch -- /no/such/program
	echo x >plain
	fails 126 'plain' cede launch -- ./plain
	fails 126 "$T" cede launch -- "$T"
	fails 125 '.' cede launch
	fails 125 '.' cede launch --
	fails 125 'nosuchoption' cede launch --nosuchoption -- true
	fails 125 'banana' cede launch --on-pressure banana -- true
}

# Limits that make no sense are refused by option.
test_bad_limits() {
	local v
	for v in 0 -1 banana 1e9 "" 0.00001; do
		run cede launch --cpus "$v" -- true
		[ "$STATUS" = 125 ] || die "--cpus \"$v\": exit status 125 expected"
		like "--cpus \"$v\"" "$ERR" '^cede: .*--cpus'
	done
	for v in 0 -1 banana 1X 99999999999999999999 "" 1; do
		run cede launch --memory "$v" -- true
		[ "$STATUS" = 125 ] || die "--memory \"$v\": exit status 125 expected"
		like "--memory \"$v\"" "$ERR" '^cede: .*(--memory|memory)'
	done
}

# Where the controllers are missing, --memory is refused (it was demanded) and says why.
# needs: root hybrid
test_limits_without_controllers() {
	fails 125 'memory' cede launch --memory 64M -- true
}

# --cpus and --memory are the group's limits.
# needs: root controller:cpu controller:memory
# timeout: 30
test_limits() {
	exec_cede launch --name "$TAG-l" --cpus 0.5 --memory 64M -- sleep 1000 >out 2>err &
	eventually 5 is_status "$TAG-l" running
	read -r quota period <<<"$(cg_value "$TAG-l" cpu.max)"
	eq "CPU time in percent" $((quota * 100 / period)) 50
	eq memory.max "$(cg_value "$TAG-l" memory.max)" 67108864
	ok cede delete -f "$TAG-l"
	wait $! || true
	run cede launch --memory 32M -- dd if=/dev/zero of=/dev/null bs=96M count=1 iflag=fullblock
	[ "$STATUS" != 0 ] || die "100 MB fit into 32 MB"
}

# Ten jobs at the same time, without names: each has its own id, none disturbs another.
# timeout: 60
test_many_at_once() {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		exec_cede launch -- sh -c "sleep 0.3; echo $i >done$i" >"out$i" 2>"err$i" &
	done
	wait
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ -e "done$i" ] || die "job $i: $(cat "err$i")"
	done
	ok cede list -q
	eq "left in the list" "$OUT" ""
}

# launch works from a directory that is not the caller's to write, and from /.
test_from_root_directory() {
	cd /
	ok cede launch -- sh -c 'pwd; id -u'
	like "pwd" "$OUT" '^/'
}

# An init that fails with "exists" is not an id that is taken: one try, and its own words.
# needs: root command:strace
test_exists_is_no_taken_id() {
	run strace -f -qq -e trace=setsid -e inject=setsid:error=EEXIST -o "$T/calls" "$CEDE" --root "$ROOT" launch -- true
	eq status "$STATUS" 125
	like error "$ERR" 'setsid: File exists'
	eq tries "$(grep -c INJECTED "$T/calls")" 1
}
