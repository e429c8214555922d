# shellcheck shell=bash disable=SC2016 # expanded in the container
# SPDX-License-Identifier: Apache-2.0
# Podman as root, with contrib/podman/containers.conf and the cgroupfs driver.

# shellcheck source=tests/engines/lib.sh disable=SC1091
source "$TOP/tests/engines/lib.sh"

PODMAN_STATE=/run/cede
pod_man() { podman --runtime cede --cgroup-manager cgroupfs "$@"; }
field() { pod_man inspect -f "{{$2}}" "$1"; }
# What a failed test leaves would be in the next one's way.
podman_clean() {
	[ $? != 0 ] || return 0
	pod_man pod rm -af -t 0 >/dev/null 2>&1
	pod_man rm -af -t 0 >/dev/null 2>&1
}

# exit statuses: the program's, and 125, 126, 127 for what could not start
# timeout: 60
test_exit() {
	trap podman_clean EXIT
	out_is hello pod_man run --rm --network none "$IMAGE" echo hello
	exits 42 pod_man run --rm --network none "$IMAGE" sh -c 'exit 42'
	exits 127 pod_man run --rm --network none "$IMAGE" nosuch
	has 127 'executable file not found in $PATH' 'not found'
	exits 126 pod_man run --rm --network none "$IMAGE" /etc/passwd
	has 126 'permission denied'
	exits 126 pod_man run --rm --network none "$IMAGE" /etc
	exits 125 pod_man run --rm --network none --nosuchflag "$IMAGE" true
	no_state "$PODMAN_STATE"
}

# a terminal; a user namespace; Podman's own filter and profile; an init of Podman's
# timeout: 60
test_options() {
	trap podman_clean EXIT
	ok script -qec "podman --runtime cede --cgroup-manager cgroupfs run --rm --network none -t $IMAGE sh -c 'test -t 0 && tty'" /dev/null
	has tty /dev/pts/0
	ok pod_man run --rm --network none --uidmap 0:100000:65536 --gidmap 0:100000:65536 -v "$T:/mnt:ro" "$IMAGE" sh -c '
		id -u; stat -c %u /bin /mnt; awk "{ print \$1, \$2, \$3 }" /proc/self/uid_map'
	eq "with a user namespace" "$OUT" $'0\n0\n65534\n0 100000 65536'
	ok pod_man run --rm --network none --init --read-only --cap-drop ALL --ulimit nofile=123:456 --hostname box "$IMAGE" sh -c '
		cat /proc/1/comm; hostname; ulimit -Hn; touch /x 2>/dev/null || echo read-only
		sed -n "s/^\(CapBnd\|Seccomp\):\t/\1 /p" /proc/self/status; cat /proc/self/attr/current'
	like "with an init" "$OUT" $'^podman-init\nbox\n456\nread-only\nCapBnd 0000000000000000\nSeccomp 2\ncontainers-default-[0-9.]+ \\(enforce\\)$'
	no_state "$PODMAN_STATE"
}

# limits, exec, stats, pause, update, top, logs, stop
# timeout: 90
test_life() {
	local pid group
	trap podman_clean EXIT
	ok pod_man run -d --name life -m 64m --cpus 0.5 --pids-limit 50 --network none "$IMAGE" \
		sh -c 'trap "exit 5" TERM; while :; do echo tick; sleep 0.2; done'
	pid=$(field life .State.Pid)
	group=$(group_of "$pid")
	eq memory.max "$(cat "$group/memory.max")" 67108864
	eq cpu.max "$(cat "$group/cpu.max")" "50000 100000"
	eq pids.max "$(cat "$group/pids.max")" 50
	exits 3 pod_man exec life sh -c 'exit 3'
	out_is $'1000\n/tmp\nb' pod_man exec -u 1000:1000 -w /tmp -e A=b life sh -c 'id -u; pwd; echo $A'
	exits 127 pod_man exec life nosuch
	exits 126 pod_man exec life /etc/passwd
	ok pod_man stats --no-stream --no-reset --format '{{.MemUsage}} {{.PIDs}}' life
	like stats "$OUT" '/ 67\.11MB [1-9]'
	ok pod_man pause life
	eq paused "$(field life .State.Status)" paused
	eq cgroup.freeze "$(cat "$group/cgroup.freeze")" 1
	ok pod_man unpause life
	eq cgroup.freeze "$(cat "$group/cgroup.freeze")" 0
	ok pod_man update -m 128m --cpus 1 life
	eq memory.max "$(cat "$group/memory.max")" 134217728
	eq cpu.max "$(cat "$group/cpu.max")" "100000 100000"
	ok pod_man top life pid args
	has top "sh -c"
	ok pod_man logs --tail 1 life
	eq logs "$OUT" tick
	ok pod_man stop -t 60 life
	eq status "$(field life .State.ExitCode)" 5
	ok pod_man rm life
	no_state "$PODMAN_STATE"
}

# a health check is an exec whose status counts
# timeout: 60
test_healthcheck() {
	trap podman_clean EXIT
	ok pod_man run -d --name sick --network none --health-cmd 'test -e /tmp/well' --health-interval disable "$IMAGE"
	exits 1 pod_man healthcheck run sick
	ok pod_man exec sick touch /tmp/well
	ok pod_man healthcheck run sick
	ok pod_man rm -f -t 0 sick
	no_state "$PODMAN_STATE"
}

# --cgroups=disabled: no group is made, the container stays in the caller's
# timeout: 40
test_no_cgroups() {
	local before after
	trap podman_clean EXIT
	before=$(find "$CG" -type d | sort)
	ok pod_man run -d --name bare --cgroups=disabled --network none "$IMAGE"
	after=$(find "$CG" -type d | sort)
	eq groups "$after" "$before"
	out_is 0::/ pod_man exec bare cat /proc/self/cgroup
	ok pod_man rm -f -t 0 bare
	no_state "$PODMAN_STATE"
}

# containers of a pod share network and ipc namespaces, not the pid namespace
# timeout: 60
test_pod() {
	local ns
	trap podman_clean EXIT
	# Podman 4.3 denies every device to the group it makes for a pod itself, whatever the runtime.
	ok pod_man pod create --name pair --network none --share-parent=false
	ok pod_man run -d --pod pair --name one "$IMAGE"
	ok pod_man run -d --pod pair --name two "$IMAGE"
	for ns in net ipc uts; do
		eq "$ns" "$(readlink "/proc/$(field one .State.Pid)/ns/$ns")" "$(readlink "/proc/$(field two .State.Pid)/ns/$ns")"
	done
	[ "$(readlink "/proc/$(field one .State.Pid)/ns/pid")" != "$(readlink "/proc/$(field two .State.Pid)/ns/pid")" ] ||
		die "one pid namespace"
	ok pod_man pod rm -f -t 0 pair
	no_state "$PODMAN_STATE"
}

# kube play knows no --share-parent=false: what that group denies is named, and everything can be removed
# timeout: 40
test_kube_play() {
	trap podman_clean EXIT
	kube_pod
	run pod_man kube play --network none "$T/pod.yaml"
	[ "$STATUS" != 0 ] || die "this Podman leaves devices to the group of a pod: test that kube play works"
	has "kube play" "cede: mount /dev/null: make device /dev/null: Operation not permitted"
	ok pod_man kube down "$T/pod.yaml"
	no_state "$PODMAN_STATE"
}

# checkpoint --export, restore --import: the counter goes on where it was
# needs: root command:criu
# timeout: 90
test_checkpoint() {
	local count
	trap podman_clean EXIT
	ok pod_man run -d --name counter --network none "$IMAGE" sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; mv /tmp/n /tmp/now; sleep 0.1; done'
	count() { pod_man exec counter cat /tmp/now; }
	eventually 20 eval '[ "$(count)" -ge 2 ]'
	ok pod_man container checkpoint --export "$T/counter.tar.gz" counter
	ok pod_man rm counter
	no_state "$PODMAN_STATE"
	ok pod_man container restore --import "$T/counter.tar.gz"
	count=$(count)
	at_least count "$count" 2
	eventually 20 eval '[ "$(count)" -gt '"$count"' ]'
	ok pod_man rm -f -t 0 counter
	no_state "$PODMAN_STATE"
}
