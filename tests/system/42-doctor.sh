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
	jq -e '[.. | objects | select(has("verdict")) | .verdict] | all(. == "ok" or . == "limited" or . == "missing" or . == "fatal")' >/dev/null <<<"$OUT" || die "verdicts: $(jq -c '[.. | .verdict? // empty] | unique' <<<"$OUT")"
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

# It only looks: no group, mount, file or process is left by it, not even the slice.
# needs: cgroup2
test_changes_nothing() {
	local before after
	before=$(find "$CG" -type d | sort)
	ok cede doctor
	after=$(find "$CG" -type d | sort)
	diff <(grep -v "/ct[0-9]" <<<"$before") <(grep -v "/ct[0-9]" <<<"$after") || die "groups changed"
	[ -z "$(ls -A "$ROOT" 2>/dev/null)" ] || die "files in the state root: $(ls -A "$ROOT")"
}

# Without any cgroup2 mount cede cannot work, doctor says so and exits 1; launch gives one clear line.
# needs: root
test_unusable() {
	unshare -m bash -c 'umount -R /sys/fs/cgroup 2>/dev/null || umount -lR /sys/fs/cgroup; exec "$@"' - "$CEDE" doctor >out 2>err && die "exit status 1 expected: $(cat out)"
	like "table" "$(tr '[:upper:]' '[:lower:]' <out)" cgroup
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
	fails 1 'banana' cede doctor banana
}
