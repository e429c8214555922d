# shellcheck shell=bash disable=SC2016 # expanded in the container
# SPDX-License-Identifier: Apache-2.0
# Docker, with contrib/docker/daemon-systemd.json: the systemd driver, and checkpoints, which Docker calls
# experimental.

# shellcheck source=tests/engines/lib.sh disable=SC1091
source "$TOP/tests/engines/lib.sh"
# shellcheck source=tests/engines/docker.sh disable=SC1091
source "$TOP/tests/engines/docker.sh"

# limits are the scope's; exec, stats, update, pause, stop; nothing is left of it
# timeout: 120
test_scope() {
	local pid group scope
	docker_with daemon-systemd.json
	out_is systemd docker info -f '{{.CgroupDriver}}'
	ok docker_run -d --name scoped -m 64m --memory-swap 64m --cpus 0.5 --pids-limit 50 --cgroup-parent cede.slice \
		"$IMAGE" sh -c 'trap "exit 5" TERM; while :; do echo tick; sleep 0.2; done'
	pid=$(field scoped .State.Pid)
	scope=docker-$(field scoped .Id).scope
	group=$(group_of "$pid")
	eq cgroup "$group" "$CG/cede.slice/$scope"
	eq idle "$(cat "$CG/cede.slice/cpu.idle")" 1
	out_is $'CPUQuotaPerSecUSec=500ms\nMemoryMax=67108864\nTasksMax=50' unit "$scope"
	eq cpu.max "$(cat "$group/cpu.max")" "50000 100000"
	exits 3 docker exec scoped sh -c 'exit 3'
	ok docker stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' scoped
	like stats "$OUT" '/ 64MiB [1-9]'
	ok docker update -m 128m --memory-swap 256m --cpus 1 --pids-limit 60 scoped
	out_is $'CPUQuotaPerSecUSec=1s\nMemoryMax=134217728\nTasksMax=60' unit "$scope"
	eq memory.max "$(cat "$group/memory.max")" 134217728
	ok systemctl daemon-reload
	eq "memory.max after a reload" "$(cat "$group/memory.max")" 134217728
	ok docker pause scoped
	eq cgroup.freeze "$(cat "$group/cgroup.freeze")" 1
	ok docker unpause scoped
	ok docker stop -t 60 scoped
	eq status "$(field scoped .State.ExitCode)" 5
	! systemctl -q is-active "$scope" || die "the scope is still there: $scope"
	ok docker rm scoped
	no_state "$DOCKER_STATE"
}

# checkpoint: the container ends; started from it, it is the one it was, in place of a new one
# needs: root command:criu
# timeout: 120
test_checkpoint() {
	local was new
	docker_with daemon-systemd.json
	# Who it is and how far it came: a name that each start makes anew, and a count.
	ok docker_run -d --name counter "$IMAGE" \
		sh -c 'read name </proc/sys/kernel/random/uuid; i=0; while :; do i=$((i + 1)); echo $name $i >/tmp/n; mv /tmp/n /tmp/now; sleep 0.1; done'
	now() { docker exec counter cat /tmp/now; }
	eventually 20 now
	was=$(now)
	ok docker checkpoint create counter second
	eventually 10 prints false field counter .State.Running
	ok docker start counter # afresh
	eventually 20 eval '[[ $(now) != "'"${was% *}"' "* ]]'
	ok docker stop -t 0 counter
	ok docker start --checkpoint second counter
	eq running "$(field counter .State.Running)" true
	eventually 20 eval '[[ $(now) = "'"${was% *}"' "* ]]'
	new=$(now)
	at_least count "${new#* }" "${was#* }"
	ok docker rm -f counter
	no_state "$DOCKER_STATE"
}
