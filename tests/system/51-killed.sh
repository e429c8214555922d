# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 at any moment: nothing runs on outside the slice, and delete --force cleans up the rest.

# Children of the subreaper above this test that are not the test itself: what was left without parent.
orphans() { pgrep -P "$PPID" | grep -vx "$$" || true; }

# Every orphan ends by itself soon or is inside the slice.
no_orphan_outside() {
	local pid
	for pid in $(orphans); do
		alive "$pid" || continue
		grep -q '^0::/cede.slice/' "/proc/$pid/cgroup" 2>/dev/null || return 1
	done
}

# killed COMMAND...: starts it, kills -9 after a random moment up to MAX_MS, checks, cleans up by id.
rounds() {
	local n=$1 max_ms=$2 i us
	shift 2
	for ((i = 0; i < n; i++)); do
		us=$((RANDOM % (max_ms * 1000)))
		"$@" >out 2>err </dev/null &
		sleep "0.$(printf %06d $us)"
		kill -KILL $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		LAST="$* (killed after $us us, round $i)" STATUS=137
		eventually 3 no_orphan_outside
		cede list -q >list 2>>err || true
		ok cede delete --force "$TAG-k"
		for id in $(cede list -q 2>/dev/null); do cede delete --force "$id"; done
		for pid in $(orphans); do eventually 3 gone "$pid"; done
		[ -z "$(groups)" ] || die "after $us us: groups left: $(groups)"
		[ -z "$(find "$ROOT" -mindepth 1 -maxdepth 1 -type d ! -name '.*')" ] || die "after $us us: state left: $(ls -A "$ROOT")"
	done
}

# What a killed create has left is stopped, not being created for ever.
test_create_is_known_dead() {
	bundle b '.process.args = ["true"] | .hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "2"]}]'
	exec_cede create -b b "$TAG-k" 2>err & creator=$!
	eventually 3 is_status "$TAG-k" creating
	kill -KILL $creator
	wait $creator 2>/dev/null || true
	eventually 3 is_status "$TAG-k" stopped
	ok cede delete "$TAG-k"
	for pid in $(orphans); do eventually 3 gone "$pid"; done # the hook
	[ -z "$(groups)" ] || die "groups left: $(groups)"
}

# cede run
# timeout: 60
test_run() {
	bundle b '.process.args = ["sleep", "1000"]'
	rounds 30 $((30 * SLOW)) "$CEDE" --root "$ROOT" run -b "$T/b" "$TAG-k"
}

# cede run of a short program: kills fall into its end, too
# timeout: 60
test_run_end() {
	bundle b '.process.args = ["true"]'
	ok cede run -b b "$TAG-k"
	rounds 30 $((20 * SLOW)) "$CEDE" --root "$ROOT" run -b "$T/b" "$TAG-k"
}

# cede create
# timeout: 60
test_create() {
	bundle b '.process.args = ["sleep", "1000"]'
	rounds 30 $((15 * SLOW)) "$CEDE" --root "$ROOT" create -b "$T/b" "$TAG-k"
}

# cede launch
# timeout: 90
test_launch() {
	ok cede launch --name "$TAG-k" -- true
	rounds 30 $((50 * SLOW)) "$CEDE" --root "$ROOT" launch --name "$TAG-k" -- sleep 1000
}

# cede start and cede delete of a created container
# timeout: 60
test_start_delete() {
	local i
	bundle b '.process.args = ["sleep", "1000"]'
	for i in 1 2 3 4 5 6 7 8 9 10; do
		ok cede create -b b "$TAG-k"
		rounds 1 $((8 * SLOW)) "$CEDE" --root "$ROOT" start "$TAG-k"
		ok cede create -b b "$TAG-k"
		rounds 1 $((8 * SLOW)) "$CEDE" --root "$ROOT" delete --force "$TAG-k"
	done
}

# cede exec: the container is none the worse
# timeout: 60
test_exec() {
	local i us
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-k"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		us=$((RANDOM % (10000 * SLOW)))
		exec_cede exec "$TAG-k" sleep 5 >out 2>err </dev/null &
		sleep "0.$(printf %06d $us)"
		kill -KILL $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		eventually 3 no_orphan_outside
		is_status "$TAG-k" running || die "round $i: status is $(status_of "$TAG-k")"
		ok cede exec "$TAG-k" true
	done
	ok cede delete -f "$TAG-k"
}

# The caller is killed with all its process group, as a closed terminal or a shell's job kill does.
# timeout: 60
test_process_group() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		setsid "$CEDE" --root "$ROOT" launch --name "$TAG-k" -- sleep 1000 >out 2>err </dev/null &
		sleep "0.0$((RANDOM % 90 + 10))"
		kill -KILL -- -$! 2>/dev/null || true
		wait $! 2>/dev/null || true
		eventually 3 no_orphan_outside
		ok cede delete --force "$TAG-k"
		for pid in $(orphans); do eventually 3 gone "$pid"; done
	done
}
