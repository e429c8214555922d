# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# events: lines of JSON about a container, as go-runc reads them.

stats() { ok cede events --stats "$TAG-a"; }
# get JQ-FILTER: of the last line
get() { jq -er "$1" <<<"$OUT" || die "no $1 in $OUT"; }

# The shape of one line, and a CPU counter that counts, on any host.
test_stats() {
	local before
	bundle b '.process.args = ["sh", "-c", "while [ ! -e /stop ]; do :; done; exec sleep 1000"]'
	ok cede create -b b "$TAG-a"
	stats
	eq type "$(get .type)" stats
	eq id "$(get .id)" "$TAG-a"
	eq sections "$(get '.data | keys | join(" ")')" "blkio cpu hugetlb memory pids"
	eq lines "$(wc -l <"$T.out")" 1
	before=$(get .data.cpu.usage.total)
	ok cede start "$TAG-a"
	more() { [ "$(cede events --stats "$TAG-a" | jq .data.cpu.usage.total)" -gt $((before + 50000000)) ]; }
	eventually 10 more
	stats
	get '.data.cpu.usage | (.kernel + .user - .total | fabs) <= 2000' >/dev/null
	touch b/rootfs/stop
	ok cede kill "$TAG-a" KILL
	eventually 5 is_status "$TAG-a" stopped
	fails 1 'container not running' cede events --stats "$TAG-a"
	ok cede delete "$TAG-a"
}

# Every section says what the group's files say.
# needs: root controller:cpu controller:memory controller:pids
test_figures() {
	bundle b '.process.args = ["sh", "-c", "sleep 1000 & exec sleep 1000"] | .linux.resources = {cpu: {quota: 20000, period: 100000}, memory: {limit: 67108864}, pids: {limit: 20}}'
	ok cede run -d -b b "$TAG-a"
	eventually 5 sh -c "[ \$('$CEDE' --root '$ROOT' events --stats '$TAG-a' | jq .data.pids.current) = 2 ]"
	stats
	eq pids "$(get '.data.pids | "\(.current) \(.limit)"')" "2 20"
	eq limit "$(get .data.memory.usage.limit)" 67108864
	get '.data.memory.usage.usage > 4096 and .data.memory.usage.usage < 67108864' >/dev/null
	eq raw "$(get .data.memory.raw.anon)" "$(awk '$1 == "anon" { print $2 }' "$(cg_of "$TAG-a")/memory.stat")"
	eq failcnt "$(get .data.memory.usage.failcnt)" 0
	if [ -e "$(cg_of "$TAG-a")/memory.swap.max" ]; then
		ok cede update --memory-swap 96m "$TAG-a"
		stats
		eq "swap with memory" "$(get .data.memory.swap.limit)" $((96 << 20))
	fi
	ok cede update --memory -1 --pids-limit -1 "$TAG-a"
	stats
	eq "no limit" "$(grep -o '"usage":{"limit":[0-9]*' "$T.out" | tail -n 1)" '"usage":{"limit":18446744073709551615'
	eq "no limit" "$(get '.data.pids | has("limit")|not')" true
	ok cede delete -f "$TAG-a"
}

# Throttling, block I/O and huge pages
# needs: root controller:cpu controller:io controller:hugetlb vm
# timeout: 40
test_figures_of_a_machine() {
	mkdir "/var/tmp/$TAG" # on a disk
	trap 'rm -rf "/var/tmp/$TAG"' EXIT
	bundle b '.process.args = ["sh", "-c", "dd if=/dev/zero of=/data/file bs=1M count=8 conv=fsync; while :; do :; done"] | .mounts += [{destination: "/data", source: $dir, type: "bind", options: ["bind"]}] | .linux.resources = {unified: {"io.weight": "100"}, hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}' --arg dir "/var/tmp/$TAG"
	ok cede run -d -b b "$TAG-a"
	throttled() { [ "$(cede events --stats "$TAG-a" | jq .data.cpu.throttling.throttledPeriods)" -gt 3 ]; }
	written() { [ "$(cede events --stats "$TAG-a" | jq '[.data.blkio.ioServiceBytesRecursive[] | select(.op == "Write").value] | add')" -ge 8388608 ]; }
	eventually 10 written
	ok cede update --cpu-quota 10000 --cpu-period 100000 "$TAG-a"
	eventually 10 throttled
	stats
	get '.data.cpu.throttling | .periods >= .throttledPeriods and .throttledTime > 1000000' >/dev/null
	get '.data.hugetlb["2MB"].failcnt == 0' >/dev/null
	get '[.data.blkio.ioServicedRecursive[] | select(.op == "Write").value] | add > 0' >/dev/null
	ok cede delete -f "$TAG-a"
}

# Pressure, by kind
# needs: root psi cgroup2
test_pressure() {
	[ -e "$CG/cede.slice/cpu.pressure" ] || [ -e "$CG/cgroup.pressure" ] || skip "cgroups with PSI"
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	stats
	for kind in cpu memory blkio; do
		eq "$kind" "$(get ".data.$kind.psi.some | keys | join(\" \")")" "avg10 avg300 avg60 total"
	done
	ok cede delete -f "$TAG-a"
}

# A line each interval, until the container ends; also a paused one.
test_interval() {
	local reader
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	exec_cede events --interval 20ms "$TAG-a" >lines 2>err & reader=$!
	at_least_lines() { [ "$(wc -l <lines)" -ge "$1" ]; }
	eventually 10 at_least_lines 3
	ok cede pause "$TAG-a"
	eventually 10 at_least_lines $(($(wc -l <lines) + 3))
	ok cede delete -f "$TAG-a"
	wait $reader || die "events failed: $(cat err)"
	eq types "$(jq -r .type <lines | sort -u)" stats
	[ ! -s err ] || die "$(cat err)"
}

# A reader that goes away is noticed though there is nothing to say.
test_reader_is_gone() {
	local writer
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	mkfifo pipe
	exec_cede events --interval 1h "$TAG-a" >pipe 2>err & writer=$!
	head -n 1 <pipe >line
	STATUS=0
	wait $writer || STATUS=$?
	eq status "$STATUS" 1
	like error "$(cat err)" 'nobody reads'
	ok cede delete -f "$TAG-a"
}

# Out of memory: said once, before the end.
# needs: root controller:memory
test_oom() {
	local reader
	bundle b '.process.args = ["sh", "-c", "while [ ! -e /go ]; do sleep 0.1; done; sleep 0.5; exec tail /dev/zero"] | .linux.resources.memory = {limit: 16777216, swap: 16777216}'
	[ -e "$CG/cede.slice/memory.swap.max" ] || config b 'del(.linux.resources.memory.swap)'
	ok cede run -d -b b "$TAG-a"
	exec_cede events --interval 1h "$TAG-a" >lines & reader=$!
	eventually 5 test -s lines
	touch b/rootfs/go
	wait $reader || die "events failed"
	eq lines "$(jq -r '"\(.type) \(.id)"' <lines | tr '\n' ' ')" "stats $TAG-a oom $TAG-a "
	ok cede delete -f "$TAG-a"
}

# What is wrong is said.
test_bad_input() {
	fails 1 'does not exist' cede events "$TAG-a"
	for bad in 5 0s "" -1s abc 1m30 500ns 99999999999h; do
		ABOUT=$bad
		fails 1 '--interval: expected a time' cede events --interval "$bad" "$TAG-a"
	done
	ABOUT=
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede --cgroup-manager disabled run -d -b b "$TAG-a"
	fails 1 'has no cgroup' cede events --stats "$TAG-a"
	ok cede delete -f "$TAG-a"
}
