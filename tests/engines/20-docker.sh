# shellcheck shell=bash disable=SC2016 # expanded in the container
# SPDX-License-Identifier: Apache-2.0
# Docker, with contrib/docker/daemon.json and the cgroupfs driver.

# shellcheck source=tests/engines/lib.sh disable=SC1091
source "$TOP/tests/engines/lib.sh"

# shellcheck source=tests/engines/docker.sh disable=SC1091
source "$TOP/tests/engines/docker.sh"

# exit statuses: the program's, and 125, 126, 127 for what could not start
# timeout: 60
test_exit() {
	docker_with daemon.json
	out_is hello docker_run --rm "$IMAGE" echo hello
	exits 42 docker_run --rm "$IMAGE" sh -c 'exit 42'
	exits 143 docker_run --rm "$IMAGE" sh -c 'kill -TERM $$; trap "exit 143" TERM; kill -TERM $$'
	exits 127 docker_run --rm "$IMAGE" nosuch
	has 127 'exec: "nosuch": executable file not found in $PATH'
	exits 126 docker_run --rm "$IMAGE" /etc/passwd
	exits 126 docker_run --rm "$IMAGE" /etc
	exits 125 docker_run --rm -v /etc/passwd:/etc "$IMAGE" true
	no_state "$DOCKER_STATE"
}

# a bridge, published nowhere: the container has its own network with an address
# timeout: 40
test_network() {
	docker_with daemon.json
	ok docker run --rm --runtime cede --hostname box "$IMAGE" sh -c 'hostname; ip -4 -o addr show dev eth0; cat /etc/hosts'
	has network box "inet 172." localhost
}

# limits, exec, stats, pause, update, top, logs, stop of a secondary in the slice
# timeout: 90
test_life() {
	local pid group
	docker_with daemon.json
	ok docker_run -d --name life -m 64m --memory-swap 64m --cpus 0.5 --pids-limit 50 --cgroup-parent /cede.slice \
		--init=false "$IMAGE" sh -c 'trap "exit 5" TERM; while :; do echo tick; sleep 0.2; done'
	pid=$(field life .State.Pid)
	group=$(group_of "$pid")
	like cgroup "$group" '/cede\.slice/[0-9a-f]{64}$'
	eq idle "$(cat "$CG/cede.slice/cpu.idle")" 1
	eq memory.max "$(cat "$group/memory.max")" 67108864
	eq pids.max "$(cat "$group/pids.max")" 50
	exits 3 docker exec life sh -c 'exit 3'
	out_is $'1000\n/tmp\nb' docker exec -u 1000:1000 -w /tmp -e A=b life sh -c 'id -u; pwd; echo $A'
	# 127 for later versions of Docker: the runtime's words are what both go by.
	run docker exec life nosuch
	[[ $STATUS = 12[67] ]] || die "126 or 127 expected"
	has exec 'executable file not found in $PATH'
	ok docker stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' life
	like stats "$OUT" '/ 64MiB [1-9]'
	ok docker pause life
	eq paused "$(field life .State.Status)" paused
	eq cgroup.freeze "$(cat "$group/cgroup.freeze")" 1
	ok docker unpause life
	eq cgroup.freeze "$(cat "$group/cgroup.freeze")" 0
	ok docker update -m 128m --memory-swap 256m --cpus 1 --pids-limit 60 life
	eq memory.max "$(cat "$group/memory.max")" 134217728
	eq memory.swap.max "$(cat "$group/memory.swap.max")" 134217728
	eq cpu.max "$(cat "$group/cpu.max")" "100000 100000"
	eq pids.max "$(cat "$group/pids.max")" 60
	ok docker top life
	has top "$pid" "sh -c"
	ok docker logs --tail 1 life
	eq logs "$OUT" tick
	ok docker stop -t 60 life
	eq status "$(field life .State.ExitCode)" 5
	[ ! -e "$group" ] || die "the group is still there: $group"
	ok docker start life
	eventually 10 prints true field life .State.Running
	ok docker kill life
	eventually 10 prints 137 field life .State.ExitCode
	ok docker rm life
	no_state "$DOCKER_STATE"
}

# Docker starts again what failed, as often as it was told
# timeout: 60
test_restart_policy() {
	docker_with daemon.json
	ok docker_run -d --name again --restart on-failure:2 "$IMAGE" sh -c 'exit 9'
	eventually 40 prints "exited 2 9" field again '.State.Status}} {{.RestartCount}} {{.State.ExitCode'
	no_state "$DOCKER_STATE"
}

# what runs out of its memory is reported as such
# timeout: 40
test_oom() {
	docker_with daemon.json
	ok docker_run -d --name oom -m 16m --memory-swap 16m "$IMAGE" sh -c 'tail /dev/zero'
	eventually 30 prints "exited true" field oom '.State.Status}} {{.State.OOMKilled'
	eq status "$(field oom .State.ExitCode)" 137
}

# a terminal of Docker's own
# timeout: 40
test_terminal() {
	docker_with daemon.json
	ok script -qec "docker run --rm --runtime cede --network none -t $IMAGE sh -c 'test -t 0 && tty'" /dev/null
	has tty /dev/pts/0
}
