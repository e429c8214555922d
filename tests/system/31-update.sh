# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# update: new limits for a container that exists.

# expect_file FILE VALUE...: of container $TAG-a
expect_file() {
	local file=$1 want=$2
	eq "$file" "$(cg_value "$TAG-a" "$file")" "$want"
}

up() { ok cede update "$@" "$TAG-a"; }

# resources JSON: as engines give them, on stdin
resources() {
	LAST="update --resources - <<< $1"
	STATUS=0
	printf '%s' "$1" | cede update --resources - "$TAG-a" >"$T.out" 2>"$T.err" || STATUS=$?
	OUT=$(cat "$T.out") ERR=$(cat "$T.err")
}

# Every CPU knob by its option, and no limit again.
# needs: root controller:cpu
test_cpu() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources = {cpu: {shares: 512, quota: 50000, period: 100000}}'
	ok cede create -b b "$TAG-a" # created is as good as running
	up --cpu-quota 20000
	expect_file cpu.max "20000 100000"
	ok cede start "$TAG-a"
	up --cpu-period 200000
	expect_file cpu.max "20000 200000"
	up --cpu-quota=-1
	expect_file cpu.max "max 200000"
	up --cpu-share 2048
	expect_file cpu.weight 174
	up --cpu-shares 1024
	expect_file cpu.weight 100
	up --cpu-quota 80000 --cpu-period 100000 --cpu-burst 70000
	expect_file cpu.max.burst 70000
	up --cpu-quota 20000 --cpu-burst 10000 # both down at once
	expect_file cpu.max "20000 100000"
	expect_file cpu.max.burst 10000
	up --cpu-quota 90000 --cpu-burst 90000 # both up at once
	expect_file cpu.max.burst 90000
	ok cede pause "$TAG-a"
	up --cpu-quota 30000 --cpu-burst 0
	expect_file cpu.max "30000 100000"
	ok cede resume "$TAG-a"
	ok cede delete -f "$TAG-a"
}

# cpu.idle on, off and on again, with a weight that outlives it.
# needs: root controller:cpu
test_idle_and_weight() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources = {cpu: {shares: 512, idle: 1}}'
	ok cede run -d -b b "$TAG-a"
	expect_file cpu.idle 1
	up --cpu-idle 0 # the weight of the configuration
	expect_file cpu.idle 0
	expect_file cpu.weight 59
	up --cpu-idle 1
	up --cpu-share 2048 # kept while idle
	expect_file cpu.idle 1
	expect_file cpu.weight 0
	up --cpu-idle 0
	expect_file cpu.weight 174
	up --cpu-idle 1 --cpu-share 512
	expect_file cpu.idle 1
	up --cpu-idle 0 --cpu-share 1024 # the new one counts
	expect_file cpu.weight 100
	# What an administrator wrote himself
	echo 33 >"$(cg_of "$TAG-a")/cpu.weight"
	up --cpu-idle 1
	resources '{"unified": {"cpu.idle": "0"}}'
	eq status "$STATUS" 0
	expect_file cpu.weight 33
	resources '{"unified": {"cpu.idle": "1", "cpu.weight": "44"}}'
	expect_file cpu.idle 1
	# A weight that is none is refused also while it has no effect, and changes nothing.
	resources '{"unified": {"cpu.weight": "a lot"}}'
	eq status "$STATUS" 1
	like error "$ERR" 'linux.resources.unified\["cpu.weight"\]'
	expect_file cpu.idle 1
	resources '{"cpu": {"idle": 0}}'
	expect_file cpu.weight 44
	fails 1 'cpu.idle' cede update --cpu-idle 2 "$TAG-a"
	ok cede delete -f "$TAG-a"
}

# Memory and swap: the document's swap is both together.
# needs: root controller:memory
test_memory() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources = {memory: {limit: 67108864}}'
	ok cede run -d -b b "$TAG-a"
	up --memory 128m --memory-reservation 8M
	expect_file memory.max 134217728
	expect_file memory.low 8388608
	if [ -e "$(cg_of "$TAG-a")/memory.swap.max" ]; then
		up --memory-swap 192m # beside the limit in force
		expect_file memory.swap.max 67108864
		up --memory 32m --memory-swap 64m
		expect_file memory.max 33554432
		expect_file memory.swap.max 33554432
		fails 1 'memory.swap' cede update --memory 64m --memory-swap 32m "$TAG-a"
		expect_file memory.max 33554432
		up --memory-swap -1
		expect_file memory.swap.max max
		up --memory 32m --memory-swap 64m
	fi
	up --memory -1
	expect_file memory.max max
	[ ! -e "$(cg_of "$TAG-a")/memory.swap.max" ] || expect_file memory.swap.max max
	resources '{"memory": {"limit": 4096, "checkBeforeUpdate": true}}'
	eq status "$STATUS" 1
	like error "$ERR" 'in use'
	expect_file memory.max max
	ok cede delete -f "$TAG-a"
}

# pids; what engines send that means nothing; any file by unified.
# needs: root controller:pids controller:memory
test_pids_and_unified() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources = {pids: {limit: 20}}'
	ok cede run -d -b b "$TAG-a"
	up --pids-limit 30
	expect_file pids.max 30
	resources '{"blockIO": {"weight": 0}, "cpu": {"shares": 0, "quota": 0, "period": 0}, "memory": {"limit": 0, "swap": 0, "reservation": 0, "kernel": 0}, "pids": {"limit": 0}}'
	eq status "$STATUS" 0
	expect_file pids.max 30
	resources '{"unified": {"memory.high": "50331648"}, "pids": {"limit": -1}}'
	eq status "$STATUS" 0
	expect_file memory.high 50331648
	expect_file pids.max max
	ok cede delete -f "$TAG-a"
}

# One write that the kernel refuses takes back those before it.
# needs: root controller:cpu controller:memory controller:pids
test_all_or_nothing() {
	local bad
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources = {cpu: {shares: 512, quota: 50000, period: 100000}, memory: {limit: 67108864}, pids: {limit: 20}}'
	ok cede run -d -b b "$TAG-a"
	bad='{"cpu": {"shares": 2048, "quota": 20000, "burst": 10000, "idle": 1}, "memory": {"limit": 134217728}, "pids": {"limit": 30}, "unified": {"memory.high": "rubbish"}}'
	resources "$bad"
	eq status "$STATUS" 1
	like error "$ERR" 'linux.resources.unified\["memory.high"\]: write "rubbish"'
	unlike error "$ERR" 'taken back'
	expect_file cpu.weight 59
	expect_file cpu.max "50000 100000"
	expect_file cpu.max.burst 0
	expect_file cpu.idle 0
	expect_file memory.max 67108864
	expect_file pids.max 20
	# What cannot be taken back is named.
	resources '{"pids": {"limit": 30}, "unified": {"memory.reclaim": "1", "memory.high": "rubbish"}}'
	eq status "$STATUS" 1
	like error "$ERR" 'could not be taken back: memory.reclaim'
	expect_file pids.max 20
	up --cpu-idle 1
	resources "$(jq 'del(.cpu.idle) | .cpu.idle = 0' <<<"$bad")"
	eq status "$STATUS" 1
	expect_file cpu.idle 1
	up --cpu-idle 0
	expect_file cpu.weight 59
	ok cede delete -f "$TAG-a"
}

# Block I/O with a real device: rates are set, changed, taken away, and taken back.
# needs: root controller:io vm
test_io() {
	local dev
	dev=$(lsblk -dno MAJ:MIN /dev/vda | tr -d ' ')
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	rate() { printf '{"blockIO": {"throttleReadBpsDevice": [{"major": %s, "minor": %s, "rate": %s}]}%s}' "${dev%:*}" "${dev#*:}" "$1" "${2:-}"; }
	resources "$(rate 1000000)"
	eq status "$STATUS" 0
	like io.max "$(cg_value "$TAG-a" io.max)" "$dev rbps=1000000 wbps=max"
	resources "$(rate 5 ', "unified": {"io.max": "nonsense"}')"
	eq status "$STATUS" 1
	like io.max "$(cg_value "$TAG-a" io.max)" "$dev rbps=1000000 wbps=max"
	resources "$(rate 0)"
	eq status "$STATUS" 0
	eq io.max "$(cg_value "$TAG-a" io.max)" ""
	ok cede delete -f "$TAG-a"
}

# cpusets
# needs: root controller:cpuset cpus:2
test_cpuset() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	up --cpuset-cpus 1 --cpuset-mems 0
	expect_file cpuset.cpus 1
	eq allowed "$(awk '/^Cpus_allowed_list/ { print $2 }' "/proc/$(pid_of "$TAG-a")/status")" 1
	fails 1 'cpu.cpus' cede update --cpuset-cpus 4000 "$TAG-a"
	expect_file cpuset.cpus 1
	ok cede delete -f "$TAG-a"
}

# What linux.devices lists stays usable when the rules are replaced, unless one says otherwise.
# needs: root cgroup2 cap:mknod
test_listed_devices() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources.devices = []
		| .linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11}]'
	ok cede run -d -b b "$TAG-a"
	ok cede exec "$TAG-a" sh -c 'exec 3>/dev/kmsg'
	resources '{"devices": [{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]}'
	eq status "$STATUS" 0
	ok cede exec "$TAG-a" sh -c 'exec 3>/dev/kmsg'
	resources '{"devices": [{"allow": false, "access": "rwm"}]}'
	eq status "$STATUS" 0
	run cede exec "$TAG-a" sh -c 'exec 3>/dev/kmsg'
	[ "$STATUS" != 0 ] || die "kmsg could be opened"
	ok cede delete -f "$TAG-a"
}

# Rules for devices replace those before.
# needs: root cgroup2 cap:mknod
test_devices() {
	bundle b '.process.args = ["sleep", "1000"] | .linux.resources.devices = [{allow: false, access: "rwm"}] | .process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	ok cede run -d -b b "$TAG-a"
	ok cede exec "$TAG-a" mknod /tmp/kmsg c 1 11
	run cede exec "$TAG-a" sh -c 'exec 3>/tmp/kmsg'
	[ "$STATUS" != 0 ] || die "kmsg could be opened"
	resources '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "w"}]}'
	eq status "$STATUS" 0
	ok cede exec "$TAG-a" sh -c 'exec 3>/tmp/kmsg'
	resources '{"devices": [{"allow": false, "access": "rwm"}]}'
	eq status "$STATUS" 0
	run cede exec "$TAG-a" sh -c 'exec 3>/tmp/kmsg'
	[ "$STATUS" != 0 ] || die "kmsg could be opened"
	ok cede delete -f "$TAG-a"
}

# What is wrong is said, in one line, and nothing changes.
test_bad_input() {
	bundle b '.process.args = ["sleep", "1000"]'
	fails 1 "container .$TAG-a. does not exist" cede update --pids-limit 5 "$TAG-a"
	ok cede create -b b "$TAG-a"
	fails 1 'nothing to change' cede update "$TAG-a"
	run cede update --kernel-memory 5 --kernel-memory-tcp 5 "$TAG-a"
	eq "status with what is ignored alone ($ERR)" "$STATUS" 0
	fails 1 '--cpu-quota: expected an integer, found "much"' cede update --cpu-quota much "$TAG-a"
	fails 1 '--cpu-quota: expected at least 1000.*found "0"' cede update --cpu-quota 0 "$TAG-a"
	fails 1 '--memory: expected a size.*found "-2"' cede update --memory -2 "$TAG-a"
	fails 1 '--memory: expected a size.*found "99999999999999999999"' cede update --memory 99999999999999999999 "$TAG-a"
	fails 1 '--cpu-share: expected a non-negative' cede update --cpu-share -5 "$TAG-a"
	fails 1 '--pids-limit: expected.*found "0"' cede update --pids-limit 0 "$TAG-a"
	fails 1 'cpu.period: must be between 1000' cede update --cpu-period 5 "$TAG-a"
	fails 1 'cpu.cpus' cede update --cpuset-cpus 'a;b' "$TAG-a"
	fails 1 'realtimeRuntime' cede update --cpu-rt-runtime 1000 "$TAG-a"
	fails 1 'option --memory requires an argument' cede update --memory
	fails 1 'unknown option --no-such' cede update --no-such 1 "$TAG-a"
	fails 1 'has no class of its own in resctrl' cede update --l3-cache-schema 'L3:0=f' "$TAG-a"
	fails 1 '--l3-cache-schema: expected a line that begins with L3' cede update --l3-cache-schema '0=f' "$TAG-a"
	fails 1 '--mem-bw-schema: expected a line that begins with MB:' cede update --mem-bw-schema 'L3:0=f' "$TAG-a"
	fails 1 '--memory: cannot be combined with --resources' cede update --memory 5m --resources - "$TAG-a"
	fails 1 '--resources: open /nowhere' cede update --resources /nowhere "$TAG-a"
	fails 1 'standard input: ' cede update --resources - "$TAG-a"
	for doc in '{"memory": {"limit": "64m"}}' '{"memory": {"limit": 1e99}}' '[]' '{"memory"' '{"unified": {"../cpu.max": "1"}}' '{"unified": {"cgroup.procs": "1"}}' '{"pids": {"limit": -7}}'; do
		printf '%s' "$doc" >r.json
		ABOUT=$doc
		fails 1 'r.json: ' cede update -r r.json "$TAG-a"
	done
	ABOUT=
	head -c 17000000 /dev/zero | tr '\0' ' ' >r.json
	fails 1 'r.json' cede update -r r.json "$TAG-a"
	ok cede kill "$TAG-a" KILL
	eventually 5 is_status "$TAG-a" stopped
	fails 1 'container not running' cede update --pids-limit 5 "$TAG-a"
	ok cede delete "$TAG-a"
	ok cede --cgroup-manager disabled run -d -b b "$TAG-a"
	fails 1 'has no cgroup' cede update --pids-limit 5 "$TAG-a"
	ok cede delete -f "$TAG-a"
}

# A missing controller is a refusal with its name.
# needs: root cgroup2 hybrid
test_missing_controller() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	fails 1 'linux.resources.memory.limit: this host has no memory controller' cede update --memory 64m "$TAG-a"
	ok cede update --pids-limit -1 "$TAG-a" # there is none
	ok cede delete -f "$TAG-a"
}

# Kernel memory is ignored, and said so.
test_kernel_memory() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	ok cede --log log --log-format json update --kernel-memory 5000000 --kernel-memory-tcp=1 --pids-limit -1 "$TAG-a"
	like log "$(cat log)" 'kernel-memory: ignored'
	ok cede delete -f "$TAG-a"
}
