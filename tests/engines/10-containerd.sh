# shellcheck shell=bash disable=SC2016 # expanded in the container
# SPDX-License-Identifier: Apache-2.0
# containerd by hand: ctr, and the shim it starts.

# shellcheck source=tests/engines/lib.sh disable=SC1091
source "$TOP/tests/engines/lib.sh"

CTR_STATE=/run/containerd/runc/default
ctr_run() { ctr run --runc-binary /usr/local/bin/cede "$@"; }
task_is() { ctr task ls | grep -Eq "^$1 .* $2\$"; }
task_pid() { ctr task ls | awk -v id="$1" '$1 == id { print $2 }'; }

# a container's output and exit status come back; what cannot start is said in one line; a terminal
# timeout: 40
test_run() {
	out_is hello ctr_run --rm "$IMAGE" "$TAG-a" echo hello
	exits 42 ctr_run --rm "$IMAGE" "$TAG-b" sh -c 'exit 42'
	exits 1 ctr_run --rm "$IMAGE" "$TAG-c" nosuch
	has "nosuch" 'exec: "nosuch": executable file not found in $PATH'
	out_is 'Seccomp:	2' ctr_run --rm --seccomp --read-only "$IMAGE" "$TAG-d" grep Seccomp: /proc/self/status
	ok script -qec "ctr run --runc-binary /usr/local/bin/cede --rm -t $IMAGE $TAG-e sh -c 'test -t 0 && tty'" /dev/null
	has tty /dev/pts/0
	no_state "$CTR_STATE"
}

# exec, pause, resume, ps, metrics, kill, delete of a running task
# timeout: 60
test_task() {
	local id=$TAG-t pid group
	ok ctr_run -d --memory-limit 100000000 --cpus 0.5 --pid-file "$T/pid" "$IMAGE" "$id"
	pid=$(task_pid "$id")
	eq "pid file" "$(cat "$T/pid")" "$pid"
	group=$(group_of "$pid")
	eq memory.max "$(cat "$group/memory.max")" 99999744
	eq cpu.max "$(cat "$group/cpu.max")" "50000 100000"
	exits 7 ctr task exec --exec-id e1 "$id" sh -c 'exit 7'
	out_is 1000 ctr task exec --exec-id e2 --user 1000 "$id" id -u
	out_is /tmp ctr task exec --exec-id e3 --cwd /tmp "$id" pwd
	exits 1 ctr task exec --exec-id e4 "$id" nosuch
	has exec 'executable file not found in $PATH'
	exits 7 script -qec "ctr task exec -t --exec-id e5 $id sh -c 'test -t 0 && tty; exit 7'" /dev/null
	has tty /dev/pts/
	ok ctr task pause "$id"
	task_is "$id" PAUSED || die "not paused: $(ctr task ls)"
	eq cgroup.freeze "$(cat "$group/cgroup.freeze")" 1
	ok ctr task resume "$id"
	task_is "$id" RUNNING || die "not running: $(ctr task ls)"
	eq cgroup.freeze "$(cat "$group/cgroup.freeze")" 0
	ok ctr task ps "$id"
	has ps "$pid"
	ok ctr task metrics "$id"
	has metrics 99999744 pids.current
	ok ctr task kill -s SIGKILL "$id"
	eventually 10 task_is "$id" STOPPED
	ok ctr task delete "$id"
	has delete "exit code 137"
	ok ctr container rm "$id"
	no_state "$CTR_STATE"
}

# checkpoint through the shim: the task goes on, or ends, and the images are there
# needs: root command:criu
# timeout: 60
test_checkpoint() {
	local id=$TAG-k
	ok ctr_run -d "$IMAGE" "$id"
	mkdir "$T/images" "$T/work"
	ok ctr task checkpoint --image-path "$T/images" --work-path "$T/work" "$id"
	[ -s "$T/images/inventory.img" ] || die "no images"
	task_is "$id" RUNNING || die "not running after a checkpoint: $(ctr task ls)"
	ok ctr task checkpoint --exit --image-path "$T/images2" "$id"
	[ -s "$T/images2/inventory.img" ] || die "no images"
	eventually 10 task_is "$id" STOPPED
	run ctr task delete "$id"
	ok ctr container rm "$id"
	no_state "$CTR_STATE"
}

# a checkpoint as an image, and a container made of it with its task: it counts on where it was
# needs: root command:criu
# timeout: 100
test_restore() {
	local id=$TAG-r count
	count() { ctr task exec --exec-id "n$EPOCHREALTIME" "$id" cat /tmp/now; }
	ok ctr_run -d "$IMAGE" "$id" sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; mv /tmp/n /tmp/now; sleep 0.1; done'
	eventually 20 eval '[ "$(count)" -ge 2 ]'
	count=$(count)
	ok ctr container checkpoint --rw --image --task "$id" "$TAG-image"
	ok ctr task kill -s SIGKILL "$id"
	eventually 10 task_is "$id" STOPPED
	run ctr task delete "$id"
	ok ctr container rm "$id"
	no_state "$CTR_STATE"
	ctr container restore --rw --live "$id" "$TAG-image" >restored 2>&1 & # stays until the task ends
	eventually 30 task_is "$id" RUNNING
	at_least count "$(count)" "$count"
	count=$(count)
	eventually 20 eval '[ "$(count)" -gt '"$count"' ]'
	ok ctr task kill -s SIGKILL "$id"
	eventually 10 task_is "$id" STOPPED
	wait || true
	run ctr task delete "$id"
	ok ctr container rm "$id"
	ok ctr image rm "$TAG-image"
	no_state "$CTR_STATE"
}
