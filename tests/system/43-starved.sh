# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A secondary on a machine whose incumbents want every CPU: it gets next to nothing, and yet stops and
# ends at once when it is told to.

# crowd PER-CPU FILTER: so many incumbents a CPU, each with the weight of a session; and a container that
# wants every CPU.
crowd() {
	local i
	CROWD=()
	for ((i = 0; i < $1 * $(nproc); i++)); do
		setsid "$HELPERS/burn" 0 1 "$T/crowd.count" &
		CROWD+=($!)
	done
	bundle b ".process.args = [\"/burn\", \"0\", \"$(nproc)\", \"/dev/null\", \"/ahead\"] $2"
	cp "$HELPERS/burn" b/rootfs/
}
end_crowd() {
	kill -KILL "${CROWD[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
}

# ms COMMAND...: what it took
ms() {
	local from
	from=$(date +%s%N)
	ok "$@"
	echo $((($(date +%s%N) - from) / 1000000))
}
until_gone() { while alive "$1"; do sleep 0.01; done; }

# Three times each; the quickest counts: what the host below takes, it takes now and then.
stops_at_once() {
	local round pid pause=99999 kill=99999 delete=99999 took
	for round in 1 2 3; do
		cede run -d -b b "$TAG-a" </dev/null >/dev/null 2>&1
		pid=$(pid_of "$TAG-a")
		sleep 1
		took=$(ms cede pause "$TAG-a")
		[ "$took" -ge "$pause" ] || pause=$took
		threads_are "$1"
		ok cede resume "$TAG-a"
		sleep 0.5
		took=$(ms cede kill "$TAG-a" KILL)
		took=$((took + $(ms until_gone "$pid")))
		[ "$took" -ge "$kill" ] || kill=$took
		ok cede delete "$TAG-a"
		cede run -d -b b "$TAG-a" </dev/null >/dev/null 2>&1
		sleep 0.5
		took=$(ms cede delete -f "$TAG-a")
		[ "$took" -ge "$delete" ] || delete=$took
	done
	end_crowd
	[ ! -e b/rootfs/ahead ] || die "the job's program ran ahead of the incumbents"
	at_most "ms to pause" "$pause" $((400 * PATIENCE))
	at_most "ms to die" "$kill" $((400 * PATIENCE))
	at_most "ms to delete --force" "$delete" $((400 * PATIENCE))
}

# threads_are POLICY: each of the container's, as `chrt` says it
threads_are() {
	local pid tid
	ok cede ps --format json "$TAG-a"
	for pid in $(jq '.[]' <<<"$OUT"); do
		for tid in /proc/"$pid"/task/*; do
			like "policy of $tid" "$(chrt -p "${tid##*/}")" "policy: $1"$'\n'
		done
	done
}

# Idle task by task.
# needs: root hybrid
# timeout: 90
# alone
test_by_task() {
	crowd 4 ''
	stops_at_once SCHED_IDLE
}

# Idle by its group; what policy the program has chosen is as it was.
# needs: root controller:cpu
# timeout: 180
# alone
test_by_group() {
	crowd 2 '| .process.scheduler = {policy: "SCHED_BATCH"}'
	stops_at_once SCHED_BATCH
}

# A `pause` that was killed in the middle of it leaves threads that are ahead of everybody: `resume`
# takes that from them.
# needs: root hybrid
test_left_hurried() {
	local pid
	bundle b '.process.args = ["sleep", "1000"]'
	cede run -d -b b "$TAG-a" </dev/null >/dev/null 2>&1
	pid=$(pid_of "$TAG-a")
	ok cede pause "$TAG-a"
	ok chrt -R -r -p 1 "$pid"
	like policy "$(chrt -p "$pid")" SCHED_RR
	ok cede resume "$TAG-a"
	threads_are SCHED_IDLE
	ok cede delete -f "$TAG-a"
}
