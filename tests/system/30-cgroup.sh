# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The container's control group: where it is, what it limits, that it goes away.

# Without cgroupsPath a container lives below the slice under its id; relative paths too; delete
# removes the group, with groups the container made itself.
# needs: root cgroup2
test_placement() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	eq "its group" "$(sed -n 's/^0:://p' "/proc/$(pid_of "$TAG-a")/cgroup")" "/cede.slice/$TAG-a"
	mkdir "$CG/cede.slice/$TAG-a/made-inside"
	ok cede delete -f "$TAG-a"
	[ ! -e "$CG/cede.slice/$TAG-a" ] || die "the group is still there"
	config b ".linux.cgroupsPath = \"$TAG-rel/leaf\""
	ok cede run -d -b b "$TAG-b"
	eq "its group" "$(sed -n 's/^0:://p' "/proc/$(pid_of "$TAG-b")/cgroup")" "/cede.slice/$TAG-rel/leaf"
	ok cede delete -f "$TAG-b"
	[ ! -e "$CG/cede.slice/$TAG-rel/leaf" ] || die "the group is still there"
	rmdir "$CG/cede.slice/$TAG-rel" 2>/dev/null || true
}

# A group of somebody else's is used and given back empty: delete removes what create has made only.
test_path_of_another() {
	bundle b ".process.args = [\"sleep\", \"1000\"] | .linux.cgroupsPath = \"/$TAG-theirs\""
	mkdir "$CG/$TAG-theirs"
	ok cede run -d -b b "$TAG-a"
	mkdir "$CG/$TAG-theirs/below"
	pid_of "$TAG-a" >"$CG/$TAG-theirs/below/cgroup.procs"
	ok cede delete --force "$TAG-a"
	[ -d "$CG/$TAG-theirs" ] || die "the group is gone"
	like events "$(cat "$CG/$TAG-theirs/cgroup.events")" 'populated 0'
	[ ! -e "$CG/$TAG-theirs/below" ] || die "a group below it is left"
	config b '.process.args = ["/nowhere"]'
	fails 127 'no such file' cede run -b b "$TAG-a"
	[ -d "$CG/$TAG-theirs" ] || die "the group is gone"
	rmdir "$CG/$TAG-theirs"
}

# From a group to which cgroup.kill was written before (Linux 6.18 kills at birth what is cloned from
# there into another group): create, run, exec work, and their processes are where they belong.
test_from_killed_group() {
	bundle b '.process.args = ["sleep", "1000"]'
	mkdir "$CG/$TAG-src"
	echo 1 >"$CG/$TAG-src/cgroup.kill"
	(
		echo $BASHPID >"$CG/$TAG-src/cgroup.procs"
		ok cede create -b b "$TAG-a"
		ok cede start "$TAG-a"
		grep -q "cede.slice/$TAG-a" "/proc/$(pid_of "$TAG-a")/cgroup" || die "init is elsewhere"
		ok cede exec "$TAG-a" sh -c 'echo ran >>/once; grep ^0:: /proc/self/cgroup'
		eq "group of exec" "$OUT" "0::/"
		eq "times that it ran" "$(cat b/rootfs/once)" ran
		run cede exec "$TAG-a" sh -c 'echo ran >>/once; kill -KILL $$'
		eq "exit status" "$STATUS" 137
		eq "times that it ran" "$(cat b/rootfs/once)" $'ran\nran'
		fails 127 'not found' cede exec "$TAG-a" nowhere
	)
	ok cede delete --force "$TAG-a"
	rmdir "$CG/$TAG-src"
}

# An absolute cgroupsPath is honoured as asked (engines account by their own tree).
# needs: root cgroup2
test_absolute_path() {
	bundle b ".process.args = [\"sleep\", \"1000\"] | .linux.cgroupsPath = \"/$TAG-engine/pod/leaf\""
	ok cede run -d -b b "$TAG-a"
	eq "its group" "$(sed -n 's/^0:://p' "/proc/$(pid_of "$TAG-a")/cgroup")" "/$TAG-engine/pod/leaf"
	ok cede delete -f "$TAG-a"
	[ ! -e "$CG/$TAG-engine/pod/leaf" ] || die "the group is still there"
	rmdir "$CG/$TAG-engine/pod" "$CG/$TAG-engine" 2>/dev/null || true
}

# Paths that climb, groups that are taken or frozen: refused, and left alone.
# needs: root cgroup2
test_refusals() {
	local g=$CG/cede.slice/$TAG-busy pid
	bundle b '.process.args = ["true"] | .linux.cgroupsPath = "/../evil"'
	fails 1 'cgroupsPath' cede run -b b "$TAG-a"
	config b '.linux.cgroupsPath = "a/../../b"'
	fails 1 'cgroupsPath' cede run -b b "$TAG-a"
	config b ".linux.cgroupsPath = \"$TAG-busy\""
	mkdir -p "$g"
	sleep 1000 &
	pid=$!
	echo $pid >"$g/cgroup.procs"
	fails 1 "$TAG-busy" cede run -b b "$TAG-a"
	alive $pid || die "the process that was there is gone"
	kill -KILL $pid
	eventually 5 sh -c "! grep -q . '$g/cgroup.procs'"
	echo 1 >"$g/cgroup.freeze"
	fails 1 "$TAG-busy" cede run -b b "$TAG-a"
	echo 0 >"$g/cgroup.freeze"
	rmdir "$g"
}

# --cgroup-manager disabled: no group is made.
# needs: root cgroup2
test_disabled() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede --cgroup-manager disabled run -d -b b "$TAG-a"
	eq "its group" "$(sed -n 's/^0:://p' "/proc/$(pid_of "$TAG-a")/cgroup")" "$(sed -n 's/^0:://p' /proc/self/cgroup)"
	[ ! -e "$CG/cede.slice/$TAG-a" ] || die "a group was made"
	ok cede delete -f "$TAG-a"
}

# Safe by birth: the slice is idle at the top level, below it nothing counts against incumbents.
# needs: root controller:cpu
test_slice_is_idle() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	eq "cpu.idle of the slice" "$(cat "$CG/cede.slice/cpu.idle")" 1
	eq "depth of the slice" "$(dirname "$CG/cede.slice")" "$CG"
	[ "$(cg_value "$TAG-a" memory.oom.group 2>/dev/null || echo 1)" = 1 ] || die "memory.oom.group is off"
	ok cede delete -f "$TAG-a"
}

# It is really idle: beside a busy incumbent on the same CPU the secondary gets next to nothing.
# needs: root controller:cpu vm
# timeout: 30
# alone
test_idle_has_effect() {
	local inc sec pid
	bundle b '.process.args = ["taskset", "1", "burn", "0", "1", "/count"]'
	put b burn
	ok cede run -d -b b "$TAG-a"
	eventually 10 test -s b/rootfs/count
	taskset 1 "$HELPERS/burn" 0 1 "$T/count" &
	pid=$!
	eventually 10 test -s count
	sleep 1
	inc=$(cat count) sec=$(cat b/rootfs/count)
	sleep 5
	inc=$(($(cat count) - inc)) sec=$(($(cat b/rootfs/count) - sec))
	kill -KILL $pid
	ok cede delete -f "$TAG-a"
	at_most "work of the secondary per 100 of the incumbent" $((sec * 100 / inc)) 5
}

# Memory: limit, reservation, swap; a program above its limit is killed alone.
# needs: root controller:memory
test_memory() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources.memory = {limit: 67108864, reservation: 33554432, swap: 67108864}'
	ok cede run -d -b b "$TAG-a"
	eq memory.max "$(cg_value "$TAG-a" memory.max)" 67108864
	eq memory.low "$(cg_value "$TAG-a" memory.low)" 33554432
	[ ! -e "$(cg_of "$TAG-a")/memory.swap.max" ] || eq memory.swap.max "$(cg_value "$TAG-a" memory.swap.max)" 0
	ok cede delete -f "$TAG-a"
	bundle c '.process.args = ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=96M count=1"] | .linux.resources.memory = {limit: 33554432, swap: 33554432}'
	run cede run -b c "$TAG-b"
	[ "$STATUS" != 0 ] || die "100 MB fit into a limit of 32 MB: $OUT"
	bundle d '.process.args = ["true"] | .linux.resources.memory = {limit: -1}'
	ok cede run -b d "$TAG-c"
}

# CPU: quota and period, shares, burst, idle; weight and idle in an order that the kernel takes.
# needs: root controller:cpu
test_cpu() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources.cpu = {quota: 20000, period: 50000, shares: 1024, burst: 10000}'
	ok cede run -d -b b "$TAG-a"
	eq cpu.max "$(cg_value "$TAG-a" cpu.max)" "20000 50000"
	eq cpu.weight "$(cg_value "$TAG-a" cpu.weight)" 100
	eq cpu.max.burst "$(cg_value "$TAG-a" cpu.max.burst)" 10000
	ok cede delete -f "$TAG-a"
	config b '.linux.resources.cpu = {shares: 2, idle: 1}'
	ok cede run -d -b b "$TAG-b"
	eq cpu.idle "$(cg_value "$TAG-b" cpu.idle)" 1
	ok cede delete -f "$TAG-b"
	config b '.linux.resources.cpu = {shares: 262144}'
	ok cede run -d -b b "$TAG-c"
	eq cpu.weight "$(cg_value "$TAG-c" cpu.weight)" 10000
	ok cede delete -f "$TAG-c"
}

# CPU sets.
# needs: root controller:cpuset cpus:2
test_cpuset() {
	bundle b '.process.args = ["sh", "-c", "grep Cpus_allowed_list /proc/self/status"] | .linux.resources.cpu = {cpus: "1", mems: "0"}'
	ok cede run -b b "$TAG-a"
	like "allowed" "$OUT" 'Cpus_allowed_list:.1$'
	config b '.linux.resources.cpu = {cpus: "banana"}'
	fails 1 'cpu' cede run -b b "$TAG-b"
	config b '.linux.resources.cpu = {cpus: "500-600"}'
	run cede run -b b "$TAG-c"
}

# Number of processes; a fork bomb stays in its box.
# needs: root controller:pids
test_pids() {
	bundle a '.process.args = ["sh", "-c", "i=0; while [ $i -lt 50 ]; do sleep 100 & i=$((i+1)); done; echo all of them"] | .linux.resources.pids = {limit: 20}'
	run cede run -b a "$TAG-a"
	[ "$STATUS" != 0 ] || die "50 processes within a limit of 20: $OUT"
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources.pids = {limit: 20}'
	ok cede run -d -b b "$TAG-a"
	eq pids.max "$(cg_value "$TAG-a" pids.max)" 20
	ok cede delete -f "$TAG-a"
	config b '.linux.resources.pids = {limit: -1}'
	ok cede run -d -b b "$TAG-b"
	eq pids.max "$(cg_value "$TAG-b" pids.max)" max
	ok cede delete -f "$TAG-b"
}

# Block I/O weight and throttling by device.
# needs: root controller:io vm
test_io() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources.blockIO = {throttleReadBpsDevice: [{major: 254, minor: 0, rate: 1048576}], throttleWriteIOPSDevice: [{major: 254, minor: 0, rate: 50}]}'
	ok cede run -d -b b "$TAG-a"
	eq io.max "$(cg_value "$TAG-a" io.max)" "254:0 rbps=1048576 wbps=max riops=max wiops=50"
	ok cede delete -f "$TAG-a"
}

# hugetlb limits, by page size; an unknown size is refused by name.
# needs: root controller:hugetlb
test_hugetlb() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
	ok cede run -d -b b "$TAG-a"
	eq hugetlb.2MB.max "$(cg_value "$TAG-a" hugetlb.2MB.max)" 4194304
	ok cede delete -f "$TAG-a"
	config b '.linux.resources.hugepageLimits = [{pageSize: "3MB", limit: 1}]'
	fails 1 '3MB' cede run -b b "$TAG-b"
}

# `unified`: files by name; names that climb or do not exist are refused.
# needs: root controller:memory
test_unified() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources.unified = {"memory.high": "50331648", "pids.max": "33"}'
	ok cede run -d -b b "$TAG-a"
	eq memory.high "$(cg_value "$TAG-a" memory.high)" 50331648
	eq pids.max "$(cg_value "$TAG-a" pids.max)" 33
	ok cede delete -f "$TAG-a"
	config b '.linux.resources.unified = {"../cgroup.freeze": "1"}'
	fails 1 'unified' cede run -b b "$TAG-b"
	config b '.linux.resources.unified = {"memory.nosuch": "1"}'
	fails 1 'memory.nosuch' cede run -b b "$TAG-b"
	config b '.linux.resources.unified = {"memory.high": "banana"}'
	fails 1 'memory.high' cede run -b b "$TAG-b"
}

# Limits whose controller is missing are refused by name, not dropped.
# needs: root cgroup2 hybrid
test_missing_controllers_are_refused() {
	bundle b '.process.args = ["true"] | .linux.resources.memory = {limit: 67108864}'
	fails 1 'linux.resources.memory' cede run -b b "$TAG-a"
	bundle c '.process.args = ["true"] | .linux.resources.cpu = {quota: 20000, period: 50000}'
	fails 1 'linux.resources.cpu' cede run -b c "$TAG-b"
	bundle d '.process.args = ["true"] | .linux.resources.pids = {limit: 20}'
	fails 1 'linux.resources.pids' cede run -b d "$TAG-c"
}

# The container may make groups of its own when its cgroup mount is writable; delete takes them along.
# needs: root controller:pids
test_delegation() {
	bundle b '.process.args = ["sh", "-c", "mkdir /sys/fs/cgroup/sub && echo 1 >/sys/fs/cgroup/sub/cgroup.procs && exec sleep 1000"]
		| .mounts |= map(if .destination == "/sys/fs/cgroup" then .options |= map(if . == "ro" then "rw" else . end) else . end)'
	ok cede run -d -b b "$TAG-a"
	eventually 5 grep -q . "$CG/cede.slice/$TAG-a/sub/cgroup.procs"
	ok cede ps --format json "$TAG-a"
	eq "processes" "$(jq length <<<"$OUT")" 1
	ok cede exec "$TAG-a" true
	ok cede delete -f "$TAG-a"
}

# A limit too small to start in is a clear error, not a hang or a silent kill.
# needs: root controller:memory
test_tiny_memory() {
	bundle b '.process.args = ["true"] | .linux.resources.memory = {limit: 4096, swap: 4096}'
	run cede run -b b "$TAG-a"
	[ "$STATUS" != 0 ] || die "started in 4 kB?"
	like "error" "$ERR" '^cede: .*memory'
	eq "lines of error" "$(wc -l <"$T.err")" 1
}

# OOM takes the container as a whole and is told from a kill.
# needs: root controller:memory
test_oom_group() {
	bundle b '.process.args = ["sh", "-c", "sleep 1000 & dd if=/dev/zero of=/dev/null bs=96M count=1; sleep 1000"] | .linux.resources.memory = {limit: 33554432, swap: 33554432}'
	run timeout 60 "$CEDE" --root "$ROOT" run -b b "$TAG-a"
	eq "exit status" "$STATUS" 137
}
