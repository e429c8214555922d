# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# `cede doctor`: what this machine can do.

# The table names what was looked at; exit 0 where cede can work.
# needs: cgroup2
test_table() {
	local w
	ok cede doctor
	for w in kernel cgroup psi seccomp criu namespace; do
		like "table" "${OUT,,}" "$w"
	done
	like "kernel" "$OUT" "$(uname -r | cut -d- -f1)"
	[ -z "$ERR" ] || die "nothing on stderr expected"
}

# --json: the same facts for programs, each with a name, a verdict, a value, and what its lack costs.
# needs: cgroup2
test_json() {
	ok cede doctor --json
	jq -e '[.. | objects | select(has("verdict"))] | length >= 8 and all(.name and .verdict and has("value"))' >/dev/null <<<"$OUT" || die "$(jq -c . <<<"$OUT" | head -c 600)"
	jq -e '[.. | objects | select(has("verdict")) | .verdict] | all(. == "ok" or . == "note" or . == "limited" or . == "missing" or . == "fatal")' >/dev/null <<<"$OUT" || die "verdicts: $(jq -c '[.. | .verdict? // empty] | unique' <<<"$OUT")"
	jq -e '[.. | objects | select(.verdict? == "missing" or .verdict? == "limited")] | all((.costs // "") != "")' >/dev/null <<<"$OUT" || die "something is missing without a word on what it costs"
}

# On a hybrid machine it says so, and what cede does instead of the missing controllers.
# needs: cgroup2 hybrid
test_hybrid() {
	ok cede doctor
	like "layout" "${OUT,,}" hybrid
	like "what instead" "$OUT" SCHED_IDLE
}

# On a unified machine with its controllers nothing about cgroups is missing.
# needs: controller:cpu controller:memory unified
test_unified() {
	ok cede doctor --json
	jq -e '[.. | objects | select((.name? // "") | test("^cgroup")) | select(.verdict == "missing" or .verdict == "fatal")] | length == 0' >/dev/null <<<"$OUT" || die "$(jq -c '[.. | objects | select((.name? // "") | test("^cgroup"))]' <<<"$OUT")"
}

# It only looks: it makes, removes, renames, mounts and writes nothing.
# needs: root command:strace
test_changes_nothing() {
	ok cede doctor
	[ -z "$(ls -A "$ROOT")" ] || die "files in the state root: $(ls -A "$ROOT")"
	strace -f -qq -o calls -e trace=mkdir,mkdirat,mount,umount2,move_mount,unlink,unlinkat,rmdir,rename,renameat,renameat2,symlink,symlinkat,link,linkat,mknod,mknodat,open,openat,openat2,creat,truncate \
		"$CEDE" --root "$ROOT" doctor >out
	# What `criu check` tries on its own process it may try.
	eq "what it changed" "$(grep -vE '"(clear_refs|loginuid)"|O_RDONLY|O_PATH|"/dev/null"| = -1 |^[0-9]+ +(---|\+\+\+)' calls)" ""
	at_least "calls seen" "$(wc -l <calls)" 10
}

# Without any cgroup2 mount: doctor says so, and what it costs; what cede does then is what it says.
# needs: root
test_without_cgroups() {
	bare() { unshare -m bash -c 'umount -lR /sys/fs/cgroup; exec "$@"' - "$CEDE" --root "$ROOT" "$@"; }
	run bare doctor --json
	eq "usable" "$(jq .usable <<<"$OUT")" "$([ "$STATUS" = 0 ] && echo true || echo false)"
	like "layout" "$(jq -r '.facts[] | select(.name == "cgroup.layout") | .verdict' <<<"$OUT")" '^(limited|missing|fatal)$'
	fails 125 'no cgroup2 hierarchy is mounted' bare launch -- true
	bundle b '.process.args = ["probe"] | .mounts |= map(select(.type != "cgroup"))'
	put b probe
	ok bare --cgroup-manager disabled run -b b "$TAG-a"
	eq "SCHED_IDLE" "$(probed sched)" 5
}

# An ordinary user can ask, too.
# needs: root cgroup2
test_as_user() {
	cp "$CEDE" "$T/cede-copy"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$T/cede-copy" doctor
	eq "exit status" "$STATUS" 0
}

# --help, unknown options, surplus operands.
# needs: cgroup2
test_usage() {
	ok cede doctor --help
	fails 1 'banana' cede doctor --banana
	fails 1 'operand' cede doctor banana
}

# What takes longer than two seconds is named on stderr while it lasts.
# needs: cgroup2
test_progress() {
	mkdir "$T/bin"
	printf '#!/bin/sh\n[ "$1" = check ] && sleep 3\necho Version: 9.9\n' >"$T/bin/criu"
	chmod 755 "$T/bin/criu"
	PATH=$T/bin:$PATH ok cede doctor
	like "progress" "$ERR" 'still at it: criu check'
	like "result" "$OUT" '9\.9, criu check: good'
}

# --probe-counters: two facts more, measured.
# needs: cgroup2
test_counters() {
	ok cede doctor --json
	eq "not measured" "$(jq '[.facts[] | select(.name | startswith("counters."))] | length' <<<"$OUT")" 0
	ok cede doctor --json --probe-counters
	eq "measured" "$(jq '[.facts[] | select(.name | startswith("counters."))] | length' <<<"$OUT")" 2
}
