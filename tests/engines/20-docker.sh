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
	exits 127 docker_run --rm "$IMAGE" nosuch
	has 127 'exec: "nosuch": executable file not found in $PATH'
	exits 126 docker_run --rm "$IMAGE" /etc/passwd
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

# what `docker run` can ask for and the program sees: a user, capabilities, limits, a kernel parameter, files,
# Docker's own filter and profile; and everything, when it is privileged
# timeout: 60
test_options() {
	local caps
	docker_with daemon.json
	echo "from outside" >"$T/file"
	ok docker_run --rm --read-only --tmpfs /tmp:size=1m --user 1000:1000 --group-add 2000 --cap-drop ALL --cap-add CHOWN \
		--security-opt no-new-privileges --ulimit nofile=123:456 --sysctl net.ipv4.ip_unprivileged_port_start=99 \
		--oom-score-adj 500 --cpuset-cpus 0 -v "$T/file:/mnt:ro" --hostname box "$IMAGE" sh -c '
			id -u; id -G; ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/self/oom_score_adj /mnt
			hostname; touch /x 2>/dev/null || echo read-only; touch /tmp/x && echo but not /tmp
			sed -n "s/^\(CapBnd\|NoNewPrivs\|Seccomp\|Cpus_allowed_list\):\t/\1 /p" /proc/self/status; cat /proc/self/attr/current'
	eq seen "$OUT" "1000
1000 2000
123
456
99
500
from outside
box
read-only
but not /tmp
CapBnd 0000000000000001
NoNewPrivs 1
Seccomp 2
Cpus_allowed_list 0
docker-default (enforce)"
	# What "all" is, is Docker's own list of capabilities; the runtime beside cede gets the same one.
	caps=$(docker run --rm --privileged --network none "$IMAGE" sed -n 's/^CapEff:\t//p' /proc/self/status)
	ok docker_run --rm --privileged --pid host "$IMAGE" sh -c '
		cat /proc/1/comm; test -b /dev/vda && echo disk; test -w /proc/sys/kernel/hostname && echo sysctl
		sed -n "s/^\(CapEff\|Seccomp\):\t/\1 /p" /proc/self/status; cat /proc/self/attr/current'
	eq privileged "$OUT" "systemd
disk
sysctl
CapEff $caps
Seccomp 0
unconfined"
	no_state "$DOCKER_STATE"
}

# a container in the namespaces of another; a health check, which is an exec whose status counts; a device for
# reading only
# timeout: 60
test_joined() {
	local ns pid
	docker_with daemon.json
	ok docker_run -d --name first --ipc shareable --health-cmd 'test -e /tmp/well' --health-interval 2s --health-retries 1 \
		--device /dev/vda:/dev/mine:r "$IMAGE"
	pid=$(field first .State.Pid)
	ok docker run -d --runtime cede --name second --network container:first --pid container:first --ipc container:first "$IMAGE"
	for ns in net pid ipc; do
		eq "$ns" "$(readlink "/proc/$(field second .State.Pid)/ns/$ns")" "$(readlink "/proc/$pid/ns/$ns")"
	done
	eventually 20 prints unhealthy field first .State.Health.Status
	out_is $'512\nno writing' docker exec first sh -c 'touch /tmp/well
		dd if=/dev/mine count=1 2>/dev/null | wc -c; { true >>/dev/mine; } 2>/dev/null || echo no writing'
	eventually 20 prints healthy field first .State.Health.Status
	ok docker rm -f second first
	no_state "$DOCKER_STATE"
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
	ok docker rm again
	no_state "$DOCKER_STATE"
}

# what runs out of its memory is reported as such
# timeout: 40
test_oom() {
	docker_with daemon.json
	ok docker_run -d --name oom -m 16m --memory-swap 16m "$IMAGE" sh -c 'tail /dev/zero'
	eventually 30 prints "exited true" field oom '.State.Status}} {{.State.OOMKilled'
	eq status "$(field oom .State.ExitCode)" 137
	ok docker rm oom
}

# a terminal of Docker's own
# timeout: 40
test_terminal() {
	docker_with daemon.json
	ok script -qec "docker run --rm --runtime cede --network none -t $IMAGE sh -c 'test -t 0 && tty'" /dev/null
	has tty /dev/pts/0
}
