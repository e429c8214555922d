# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The systemd cgroup manager, against a real systemd.

sd() { cede --systemd-cgroup "$@"; }
prop() { systemctl show -P "$2" "$1"; }
scope_of() { echo "cede-$1.scope"; }
SLICE_CG=/sys/fs/cgroup/cede.slice
unit_gone() { [ "$(prop "$1" LoadState)" = not-found ]; }
sleeper() { bundle b ".process.args = [\"sleep\", \"1000\"] | ${1:-.}"; }

# A container is a transient scope in cede.slice, which is idle: created, started, run in by exec,
# deleted; nothing is left, also not after the container ended by itself.
# needs: systemd
# timeout: 60
test_life() {
	local u pid
	u=$(scope_of "$TAG-a")
	sleeper
	ok sd create -b b "$TAG-a"
	eq "status" "$(status_of "$TAG-a")" created
	pid=$(pid_of "$TAG-a")
	eq "its group" "$(sed -n 's/^0:://p' "/proc/$pid/cgroup")" "/cede.slice/$u"
	eq "who is in it" "$(cat "$SLICE_CG/$u/cgroup.procs")" "$pid"
	eq "state" "$(prop "$u" ActiveState)" active
	eq "slice" "$(prop "$u" Slice)" cede.slice
	eq "delegation" "$(prop "$u" Delegate)" yes
	eq "description" "$(prop "$u" Description)" "cede container $TAG-a"
	eq "weight of the slice" "$(prop cede.slice CPUWeight)" idle
	eq "cpu.idle of the slice" "$(cat $SLICE_CG/cpu.idle)" 1
	ok cede start "$TAG-a"
	ok cede exec "$TAG-a" cat /proc/self/cgroup
	ok cede pause "$TAG-a"
	eq "frozen" "$(cat "$SLICE_CG/$u/cgroup.freeze")" 1
	ok cede resume "$TAG-a"
	ok cede ps --format json "$TAG-a"
	eq "ps" "$(jq -c . <<<"$OUT")" "[$pid]"
	ok cede delete --force "$TAG-a"
	gone "$pid" || die "the container's init is still there"
	unit_gone "$u" || die "$u is still there"
	[ ! -e "$SLICE_CG/$u" ] || die "the group is still there"
	config b '.process.args = ["true"]'
	ok sd run -b b "$TAG-a"
	unit_gone "$u" || die "$u is still there after its program has ended"
}

# Limits are properties of the scope, and the kernel's files say exactly what was asked for. A reload
# of systemd changes neither.
# needs: systemd
# timeout: 90
test_limits() {
	local u g
	u=$(scope_of "$TAG-a") g=$SLICE_CG/$(scope_of "$TAG-a")
	sleeper '.linux.resources += {
		cpu: {shares: 512, quota: 35000, period: 70000, cpus: "0", burst: 5000},
		memory: {limit: 104857600, swap: 209715200, reservation: 1048576},
		pids: {limit: 77}, unified: {"memory.high": "94371840"}}'
	ok sd run -d -b b "$TAG-a"
	values() {
		cat "$g"/{cpu.weight,cpu.max,cpu.max.burst,cpuset.cpus,memory.max,memory.swap.max,memory.low,memory.high,pids.max} | tr '\n' ' '
	}
	local want="59 35000 70000 5000 0 104857600 104857600 1048576 94371840 77 "
	eq "the kernel's files" "$(values)" "$want"
	eq "CPUWeight" "$(prop "$u" CPUWeight)" 59
	eq "MemoryMax" "$(prop "$u" MemoryMax)" 104857600
	eq "MemorySwapMax" "$(prop "$u" MemorySwapMax)" 104857600
	eq "MemoryHigh" "$(prop "$u" MemoryHigh)" 94371840
	eq "TasksMax" "$(prop "$u" TasksMax)" 77
	eq "AllowedCPUs" "$(prop "$u" AllowedCPUs)" 0
	eq "quota" "$(prop "$u" CPUQuotaPerSecUSec)" 500ms
	systemctl daemon-reload
	eq "after a reload" "$(values)" "$want"
	ok cede delete --force "$TAG-a"
}

# A narrow pids limit counts the container's processes, and none of ours, which is gone when they run.
# needs: systemd command:strace
# timeout: 40
test_one_process() {
	bundle b '.process.args = ["cat", "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/cgroup.procs"] | .linux.resources.pids.limit = 1'
	ok sd run -b b "$TAG-a"
	eq "the limit and who is there" "$OUT" 1$'\n'1
	# Ours is sent away late, and with room for many the container does not enter by itself.
	config b '.linux.resources.pids.limit = 64'
	run strace -qq -o calls -e trace=pidfd_send_signal -e inject=pidfd_send_signal:delay_enter=500000 "$CEDE" --root "$ROOT" --systemd-cgroup run -b b "$TAG-b"
	eq "exit status" "$STATUS" 0
	eq "who is there" "$OUT" 64$'\n'1
}

# cpu.idle of a container, and weights beside it.
# needs: systemd
# timeout: 40
test_idle() {
	local u
	u=$(scope_of "$TAG-a")
	sleeper '.linux.resources.cpu = {idle: 1}'
	ok sd run -d -b b "$TAG-a"
	eq "cpu.idle" "$(cat "$SLICE_CG/$u/cpu.idle")" 1
	eq "CPUWeight" "$(prop "$u" CPUWeight)" idle
	ok cede delete --force "$TAG-a"
}

# slice:prefix:name, as engines ask; another slice is not made idle, and init is SCHED_IDLE itself.
# needs: systemd
# timeout: 40
test_place() {
	sleeper ".linux.cgroupsPath = \"system.slice:eng:$TAG-x\""
	ok sd run -d -b b "$TAG-a"
	eq "its group" "$(sed -n 's/^0:://p' "/proc/$(pid_of "$TAG-a")/cgroup")" "/system.slice/eng-$TAG-x.scope"
	fails 1 "unit eng-$TAG-x.scope exists already" sd run -b b "$TAG-b"
	eq "the first one" "$(status_of "$TAG-a")" running
	ok cede delete --force "$TAG-a"
	unit_gone "eng-$TAG-x.scope" || die "the scope is still there"
	config b '.linux.cgroupsPath = "/absolute"'
	fails 1 'config.json: linux.cgroupsPath: expected "slice:prefix:name"' sd run -b b "$TAG-b"
	config b '.linux.cgroupsPath = "no--slice.slice:a:b"'
	fails 1 'config.json: linux.cgroupsPath: .*not the name of a slice' sd run -b b "$TAG-b"
}

# Annotations become properties; what cannot be one is refused by name, and nothing stays.
# needs: systemd
# timeout: 60
test_annotations() {
	local u
	u=$(scope_of "$TAG-a")
	sleeper '.annotations = {"org.systemd.property.TimeoutStopSec": "uint64 5", "org.systemd.property.KillSignal": "15",
		"org.systemd.property.Description": "'"'told by an engine'"'"}'
	ok sd run -d -b b "$TAG-a"
	eq "TimeoutStopUSec" "$(prop "$u" TimeoutStopUSec)" 5s
	eq "Description" "$(prop "$u" Description)" "told by an engine"
	ok cede delete --force "$TAG-a"
	config b '.annotations = ($ARGS.named | with_entries(.key |= "org.systemd.property." + .))' --arg TimeoutStopSec 2.5 \
		--arg DeviceAllow "[('/dev/null','rw')]" --arg AllowedCPUs "b'\\001'" \
		--arg IOReadBandwidthMax "[('/dev/vda', uint64 1000000)]"
	ok sd run -d -b b "$TAG-a"
	eq "TimeoutStopUSec" "$(prop "$u" TimeoutStopUSec)" 2.500000s
	eq "DeviceAllow" "$(prop "$u" DeviceAllow)" "/dev/null rw"
	eq "AllowedCPUs" "$(prop "$u" AllowedCPUs)" 0
	eq "IOReadBandwidthMax" "$(prop "$u" IOReadBandwidthMax)" "/dev/vda 1000000"
	ok cede delete --force "$TAG-a"
	config b '.annotations = {"org.systemd.property.MemoryMax": "{1}"}'
	fails 1 'config.json: annotations\["org.systemd.property.MemoryMax"\]: ' sd run -b b "$TAG-a"
	config b '.annotations = {"org.systemd.property.Delegate": "false"}'
	fails 1 'the runtime.s own' sd run -b b "$TAG-a"
	config b '.annotations = {"org.systemd.property.NoSuchThing": "1"}'
	fails 1 'systemd: start unit '"$u"': .*NoSuchThing' sd run -b b "$TAG-a"
	unit_gone "$u" || die "the scope is there"
}

# A failed unit of the container's name is forgotten; a slice that is frozen is refused at once.
# needs: systemd
# timeout: 60
# alone
test_in_the_way() {
	local u
	u=$(scope_of "$TAG-a")
	systemd-run -q --unit="$u" --scope -p CollectMode=inactive sh -c 'kill -9 $$' || true
	systemd-run -q --unit="$TAG-f" -p CollectMode=inactive false || true
	eventually 10 systemctl -q is-failed "$TAG-f.service"
	systemctl reset-failed "$TAG-f.service"
	bundle b '.process.args = ["true"]'
	ok sd run -b b "$TAG-a"
	unit_gone "$u" || die "the scope is there"
	echo 1 >$SLICE_CG/cgroup.freeze
	run timeout 30 "$CEDE" --root "$ROOT" --systemd-cgroup run -b b "$TAG-a"
	echo 0 >$SLICE_CG/cgroup.freeze
	eq "exit status" "$STATUS" 1
	like "why" "$ERR" "is frozen"
	unit_gone "$u" || die "the scope is there"
}

# A scope ends with its last process, and another container may have its name by then, in whatever
# slice: that one is left alone, whatever is done to the first.
# needs: systemd
# timeout: 120
test_name_taken_over() {
	local u="cede-$TAG-n.scope" slice
	sleeper
	for slice in system cede; do
		config b '.linux.cgroupsPath = "system.slice:cede:" + $n' --arg n "$TAG-n"
		ok sd run -d -b b "$TAG-a"
		ok sd kill "$TAG-a" KILL
		eventually 10 unit_gone "$u"
		config b '.linux.cgroupsPath = $s + ".slice:cede:" + $n' --arg s "$slice" --arg n "$TAG-n"
		ok sd run -d -b b "$TAG-b"
		fails 1 'container not running' sd ps "$TAG-a"
		ok sd kill --all "$TAG-a" KILL
		ok sd delete "$TAG-a"
		is_status "$TAG-b" running || die "the second one, in $slice.slice, fell with the first"
		eq "the scope" "$(prop "$u" ActiveState)" active
		ok sd delete --force "$TAG-b"
		eventually 10 unit_gone "$u"
	done
}

# Groups that cede makes by itself keep their limits and the slice its class, whatever systemd does.
# needs: systemd
# timeout: 90
# alone
test_plain_keeps_limits() {
	sleeper '.linux.resources += {memory: {limit: 104857600}, pids: {limit: 50}, cpu: {shares: 512, cpus: "0"}}'
	ok cede run -d -b b "$TAG-a"
	eq "the slice is systemd's" "$(prop cede.slice ActiveState)" active
	values() { cat "$(cg_of "$TAG-a")"/{memory.max,pids.max,cpu.weight,cpuset.cpus} "$CG/cede.slice/cpu.idle" | tr '\n' ' '; }
	eq "limits" "$(values)" "104857600 50 59 0 1 "
	systemctl daemon-reload
	eq "after a reload" "$(values)" "104857600 50 59 0 1 "
	systemd-run -q --scope --slice=cede.slice -p MemoryMax=1G -p AllowedCPUs=0 true
	eq "after a scope beside it has come and gone" "$(values)" "104857600 50 59 0 1 "
	systemctl set-property --runtime cede.slice MemoryLow=1M
	eq "after a property of the slice was set" "$(values)" "104857600 50 59 0 1 "
	systemctl set-property --runtime cede.slice MemoryLow=0
	ok cede delete --force "$TAG-a"
}

# Without the helper, or with a systemd that does not answer, one clear line and nothing left.
# needs: systemd
# timeout: 60
test_no_helper() {
	bundle b '.process.args = ["true"]'
	run env CEDE_LIBEXEC=/nonexistent "$CEDE" --root "$ROOT" --systemd-cgroup run -b b "$TAG-a"
	eq "exit status" "$STATUS" 1
	like "why" "$ERR" "helper program /nonexistent/cede-systemd"
	# The helper killed half-way: what it was asked for may be there or not; it is gone afterwards.
	mkdir libexec
	printf '#!/bin/sh\n%s "$@" && kill -9 $$\n' "$CEDE_LIBEXEC/cede-systemd" >libexec/cede-systemd
	chmod 755 libexec/cede-systemd
	run env CEDE_LIBEXEC="$T/libexec" "$CEDE" --root "$ROOT" --systemd-cgroup run -b b "$TAG-a"
	eq "exit status" "$STATUS" 1
	like "why" "$ERR" "exit status 137"
	eventually 10 unit_gone "$(scope_of "$TAG-a")"
}

# cede killed at any moment: delete --force ends what there is.
# needs: systemd
# timeout: 120
test_killed() {
	local i pid
	sleeper
	for i in 1 2 3 4 5 6; do
		exec_cede --systemd-cgroup run -b b "$TAG-a" </dev/null >/dev/null 2>&1 &
		pid=$!
		sleep "0.0$((i * 3 * (SLOW > 3 ? 3 : SLOW)))"
		kill -9 $pid
		wait $pid 2>/dev/null || true
		ok cede delete --force "$TAG-a"
		eventually 20 unit_gone "$(scope_of "$TAG-a")"
	done
}

# update through systemd: the properties and the kernel's files change together, and stay through a
# reload; idle on, off and on again, with the weight coming back.
# needs: systemd
# timeout: 120
test_update() {
	local u g
	u=$(scope_of "$TAG-a") g=$SLICE_CG/$(scope_of "$TAG-a")
	sleeper '.linux.resources += {cpu: {shares: 512}, memory: {limit: 104857600}}'
	ok sd run -d -b b "$TAG-a"
	ok cede update --memory 209715200 --memory-swap 209715200 --pids-limit 33 --cpu-quota 20000 --cpu-period 100000 "$TAG-a"
	eq "MemoryMax" "$(prop "$u" MemoryMax)" 209715200
	eq "TasksMax" "$(prop "$u" TasksMax)" 33
	eq "quota" "$(prop "$u" CPUQuotaPerSecUSec)" 200ms
	eq "memory.max" "$(cat "$g/memory.max")" 209715200
	eq "cpu.max" "$(cat "$g/cpu.max")" "20000 100000"
	idle() { echo "$(cat "$g/cpu.idle") $(cat "$g/cpu.weight") $(prop "$u" CPUWeight)"; }
	eq "before" "$(idle)" "0 59 59"
	ok cede update --cpu-idle 1 "$TAG-a"
	eq "idle" "$(idle)" "1 0 idle"
	ok cede update --pids-limit 34 "$TAG-a"
	eq "still idle" "$(idle)" "1 0 idle"
	ok cede update --cpu-idle 0 "$TAG-a"
	eq "back" "$(idle)" "0 59 59"
	ok cede update --cpu-idle 1 "$TAG-a"
	eq "idle again" "$(idle)" "1 0 idle"
	systemctl daemon-reload
	eq "after a reload" "$(idle)" "1 0 idle"
	ok cede update --cpu-idle 0 --cpu-share 2048 "$TAG-a"
	eq "with a weight" "$(idle | cut -d' ' -f1)" 0
	ok cede delete --force "$TAG-a"
}

# A quota and a period change one without the other: the kernel keeps the other half, systemd is told of both, and
# what it does later with the group leaves them.
# needs: systemd
# timeout: 120
test_update_quota() {
	local u g
	u=$(scope_of "$TAG-a") g=$SLICE_CG/$(scope_of "$TAG-a")
	sleeper '.linux.resources.cpu = {quota: 35000, period: 70000}'
	ok sd run -d -b b "$TAG-a"
	told() { echo "$(cat "$g/cpu.max") $(prop "$u" CPUQuotaPerSecUSec) $(prop "$u" CPUQuotaPeriodUSec)"; }
	eq "before" "$(told)" "35000 70000 500ms 70ms"
	ok cede update --cpu-quota 14000 "$TAG-a"
	eq "a quota alone" "$(told)" "14000 70000 200ms 70ms"
	systemctl daemon-reload
	systemctl set-property --runtime "$u" CPUWeight=50
	eq "after a reload and a property" "$(told)" "14000 70000 200ms 70ms"
	ok cede update --cpu-period 50000 "$TAG-a"
	eq "a period alone" "$(told)" "14000 50000 280ms 50ms"
	ok cede update --cpu-quota 1000 "$TAG-a"
	eq "the least quota" "$(told)" "1000 50000 20ms 50ms"
	echo '{"unified": {"cpu.max": "20000"}}' >r.json
	ok cede update -r r.json "$TAG-a"
	eq "one number in unified" "$(told)" "20000 50000 400ms 50ms"
	ok cede update --cpu-quota -1 "$TAG-a"
	eq "none" "$(told)" "max 50000 infinity 50ms"
	ok cede delete --force "$TAG-a"
}

# What a document says to be without limit is so, whatever limits systemd gives its units by default.
# needs: systemd
# timeout: 60
test_unlimited() {
	local u g
	u=$(scope_of "$TAG-a") g=$SLICE_CG/$(scope_of "$TAG-a")
	unlike "systemd's own" "$(systemctl show -P DefaultTasksMax)" infinity
	sleeper '.linux.resources += {pids: {limit: -1}, cpu: {shares: 1024, quota: -1}, memory: {limit: -1}}'
	ok sd run -d -b b "$TAG-a"
	values() { cat "$g"/{pids.max,memory.max,cpu.max,cpu.weight} | tr '\n' ' '; }
	eq "limits" "$(values)" "max max max 100000 100 "
	eq "TasksMax" "$(prop "$u" TasksMax)" infinity
	systemctl daemon-reload
	eq "after a reload" "$(values)" "max max max 100000 100 "
	ok cede delete --force "$TAG-a"
}

# A weight that is given as a nice value is systemd's as well: it says the same number as the kernel.
# needs: systemd
# timeout: 120
test_nice_weight() {
	local u g nice weight
	u=$(scope_of "$TAG-a") g=$SLICE_CG/$(scope_of "$TAG-a")
	sleeper '.linux.resources.unified = {"cpu.weight.nice": "5"}'
	ok sd run -d -b b "$TAG-a"
	eq "weight" "$(cat "$g/cpu.weight") $(prop "$u" CPUWeight)" "33 33"
	systemctl daemon-reload
	eq "after a reload" "$(cat "$g/cpu.weight.nice")" 5
	# Those whose weights are least like powers of 1.25.
	for nice in -20 -13 -7 -1 0 9 15 19; do
		echo "{\"unified\": {\"cpu.weight.nice\": \"$nice\"}}" >r.json
		ok cede update -r r.json "$TAG-a"
		weight=$(cat "$g/cpu.weight")
		eq "nice $nice" "$(cat "$g/cpu.weight.nice") $(prop "$u" CPUWeight)" "$nice $weight"
	done
	ok cede delete --force "$TAG-a"
}

# While systemd executes itself anew it cannot be reached: requests wait for it.
# needs: systemd command:strace
# timeout: 120
# alone
test_reconnect() {
	local u helper
	u=$(scope_of "$TAG-a")
	sleeper
	ok sd run -d -b b "$TAG-a"
	# A socket that nobody listens at any more.
	systemd-socket-activate -l "$T/stale" true &
	eventually 10 test -S stale
	kill $!
	wait $! || true
	mount --bind stale /run/systemd/private
	mount --bind stale /run/dbus/system_bus_socket
	strace -f -qq -o calls -e trace=connect "$CEDE" --root "$ROOT" update --pids-limit 44 "$TAG-a" >out 2>&1 &
	helper=$!
	eventually 20 grep -q ECONNREFUSED calls
	umount /run/dbus/system_bus_socket
	umount /run/systemd/private
	wait $helper || die "update failed: $(cat out)"
	eq "TasksMax" "$(prop "$u" TasksMax)" 44
	ok cede delete --force "$TAG-a"
}

# The same with the real thing, and every request.
# needs: systemd
# timeout: 240
# alone
test_reexec() {
	local i
	sleeper
	ok sd run -d -b b "$TAG-u"
	(for i in 1 2 3 4 5 6 7 8; do systemctl daemon-reexec; done; touch over) &
	i=10
	until [ -e over ]; do
		i=$((i + 1))
		ok cede update --pids-limit $i "$TAG-u"
		eq "TasksMax" "$(cat "$SLICE_CG/$(scope_of "$TAG-u")/pids.max")" $i
		ok sd run -d -b b "$TAG-a"
		eq "its group" "$(sed -n 's/^0:://p' "/proc/$(pid_of "$TAG-a")/cgroup")" "/cede.slice/$(scope_of "$TAG-a")"
		ok cede delete --force "$TAG-a"
		eventually 10 unit_gone "$(scope_of "$TAG-a")"
	done
	wait
	eq "the slice" "$(cat $SLICE_CG/cpu.idle)" 1
	ok cede delete --force "$TAG-u"
}
