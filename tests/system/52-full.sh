# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Full disks and other exhausted things: one line, nothing left.

# attempt WHAT COMMAND...: either it works, or it fails with one line; nothing stays in the root.
attempt() {
	local what=$1
	shift
	run "$@"
	if [ "$STATUS" != 0 ]; then
		[ "$(wc -l <"$T.err")" = 1 ] || die "$what: one line on stderr expected"
		like "$what" "$ERR" '^cede: '
	fi
	[ -z "$(find "$ROOT" -mindepth 1 -maxdepth 1 -type d ! -name '.*')" ] || die "$what: state left: $(ls -A "$ROOT")"
	[ -z "$(groups)" ] || die "$what: groups left: $(groups)"
}

# A state root without a free block: the error names it.
test_no_space() {
	bundle b '.process.args = ["true"]'
	mount -t tmpfs -o size=16k cede-test "$ROOT"
	dd if=/dev/zero of="$ROOT/.fill" bs=4k 2>/dev/null || true
	attempt "full" cede run -b b "$TAG-a"
	eq "exit status" "$STATUS" 1
	like "error" "$ERR" 'No space left on device'
	attempt "full, launch" cede launch --name "$TAG-l" -- true
	eq "exit status" "$STATUS" 125
	umount "$ROOT"
}

# A state root that becomes full after any number of files or pages.
# timeout: 40
test_space_ends_anywhere() {
	local n
	bundle b '.process.args = ["true"]'
	for n in 1 2 3 4 5 6 7 8 9 10; do
		mount -t tmpfs -o nr_inodes=$((n + 1)) cede-test "$ROOT"
		attempt "$n inodes" cede run -b b "$TAG-a"
		attempt "$n inodes, launch" cede launch --name "$TAG-l" -- true
		umount "$ROOT"
		mount -t tmpfs -o size=$((n * 4))k cede-test "$ROOT"
		attempt "$n pages" cede run -b b "$TAG-a"
		umount "$ROOT"
	done
}

# A full disk under the pid file, the log, the root filesystem.
test_other_full_disks() {
	bundle b '.process.args = ["true"]'
	mkdir full
	mount -t tmpfs -o size=4k cede-test full
	dd if=/dev/zero of=full/fill bs=4k 2>/dev/null || true
	attempt "pid file" cede run -b b --pid-file full/pid "$TAG-a"
	eq "exit status" "$STATUS" 1
	run cede --log full/log --log-format json state "$TAG-none"
	eq "exit status" "$STATUS" 1
	umount full
}

# A read-only state root.
test_read_only_root() {
	bundle b '.process.args = ["true"]'
	mount -t tmpfs -o ro cede-test "$ROOT"
	attempt "read-only" cede run -b b "$TAG-a"
	eq "exit status" "$STATUS" 1
	umount "$ROOT"
}

# Few descriptors: from three upwards either it works or it says why not.
# timeout: 60
test_few_descriptors() {
	local n
	bundle b '.process.args = ["true"]'
	for n in 3 4 5 6 7 8 10 12 14 16 20 24 32 40 48 64; do
		attempt "$n descriptors" bash -c 'ulimit -Sn "$1"; shift; exec "$@"' - $n "$CEDE" --root "$ROOT" run -b b "$TAG-a"
	done
	eq "exit status with 64" "$STATUS" 0
}

# No more processes for this user (a limit as root does not bind; the pids controller does).
# needs: root controller:pids
test_no_processes() {
	local g=$CG/${TAG/ct/caller} n
	bundle b '.process.args = ["true"]'
	mkdir "$g"
	for n in 1 2 3; do
		echo $n >"$g/pids.max"
		attempt "$n processes" bash -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' - "$g" "$CEDE" --root "$ROOT" run -b b "$TAG-a" || true
	done
	rmdir "$g"
}

# The network namespaces of this machine are used up.
test_no_namespaces() {
	local max
	bundle b '.process.args = ["true"]'
	max=$(cat /proc/sys/user/max_uts_namespaces)
	[ -n "${CEDE_TEST_VM:-}" ] || return 0
	echo 0 >/proc/sys/user/max_uts_namespaces
	attempt "no namespaces" cede run -b b "$TAG-a"
	echo "$max" >/proc/sys/user/max_uts_namespaces
	eq "exit status" "$STATUS" 1
}
