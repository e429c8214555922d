# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Descriptors and files at the border: pid file, preserved descriptors, socket activation, leaks.

# The pid file holds digits only, no newline, complete whenever it exists, and is replaced whole.
test_pid_file() {
	bundle b '.process.args = ["sleep", "1000"]'
	echo "old content that is longer than any pid" >pid
	ok cede create -b b --pid-file pid "$TAG-a"
	like "content" "$(od -An -tc pid | tr -d ' \n')" '^[0-9]+$'
	eq "pid" "$(cat pid)" "$(pid_of "$TAG-a")"
	eq "temporary files beside it" "$(find . -maxdepth 1 -name '*pid*' | wc -l)" 1
	ok cede delete -f "$TAG-a"
	fails 1 'no/such' cede create -b b --pid-file no/such/dir/pid "$TAG-a"
}

# --preserve-fds N hands 3..2+N to the program, those and no others.
test_preserve_fds() {
	bundle b '.process.args = ["sh", "-c", "probe | grep ^fds; cat <&3; cat <&4"]'
	put b probe
	echo three >f3
	echo four >f4
	exec 3<f3 4<f4 5<f3 8<f4
	ok cede run --preserve-fds 2 -b b "$TAG-a"
	exec 3<&- 4<&- 5<&- 8<&-
	eq "what it saw" "$OUT" $'fds 0 1 2 3 4\nthree\nfour'
}

# Descriptors that were promised but are not open are an error, not a surprise.
test_preserve_fds_missing() {
	bundle b '.process.args = ["true"]'
	fails 1 '.' cede run --preserve-fds 5 -b b "$TAG-a"
}

# LISTEN_FDS (socket activation) is passed on with the right pid and the names.
test_listen_fds() {
	bundle b '.process.args = ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID $$ ${LISTEN_FDNAMES-none}; cat <&3"]'
	echo three >f3
	exec 3<f3
	LISTEN_FDS=1 ok cede run -b b "$TAG-a"
	eq "what it saw" "$OUT" $'1 1 1 none\nthree'
	exec 3<f3
	LISTEN_FDS=1 LISTEN_FDNAMES=web.socket ok cede run -b b "$TAG-a"
	exec 3<&-
	eq "what it saw, with a name" "$OUT" $'1 1 1 web.socket\nthree'
	LISTEN_FDNAMES=web.socket run cede run -b b "$TAG-a" 3<f3
	eq "what it saw, without activation" "$(head -1 <<<"$OUT")" "1 none"
}

# No descriptor of the host leads out of the container, neither for the program nor in hooks or exec
# (CVE-2024-21626).
test_no_leaked_descriptors() {
	in_container -- sh -c 'for f in /proc/self/fd/*; do readlink $f; done; true'
	unlike "descriptors" "$OUT" '(cgroup|/state|rootfs|/proc/|exec.fifo)'
	bundle b '.process.args = ["ls", "-l", "/proc/self/fd/"] | .process.cwd = "/proc/self/fd/7"'
	run cede run -b b "$TAG-a"
	[ "$STATUS" != 0 ] || die "a working directory through a leaked descriptor was accepted: $OUT"
	bundle d '.process.args = ["sleep", "1000"]'
	ok cede run -d -b d "$TAG-d"
	for n in 3 4 5 6 7 8 9 10; do
		run cede exec --cwd "/proc/self/fd/$n" "$TAG-d" pwd
		[ "$STATUS" != 0 ] || die "exec --cwd /proc/self/fd/$n was accepted: $OUT"
	done
	ok cede delete -f "$TAG-d"
}

# While a container waits for start, its init holds nothing that the program will not need.
test_created_init_is_clean() {
	local pid
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede create -b b "$TAG-a"
	pid=$(pid_of "$TAG-a")
	ok cede start "$TAG-a"
	eventually 5 grep -q sleep "/proc/$pid/comm"
	eq "descriptors of the program" "$(find "/proc/$pid/fd" -mindepth 1 | wc -l)" 3
	ok cede delete -f "$TAG-a"
}
