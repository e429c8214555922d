# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What it may cost: system calls and memory. Times are for `make bench`.

# calls COMMAND...: how many system calls it and its children make until the program runs and ends.
calls() {
	strace -f -qq -c -o "$T/calls" -- "$@" >"$T.out" 2>"$T.err" </dev/null || die "$* failed: $(cat "$T.err")"
	awk '$NF == "total" { print $4 }' "$T/calls"
}

# What engines ask for: five namespaces, Docker's capabilities, HOME, a seccomp profile.
# shellcheck disable=SC2016 # for jq
ENGINE_LIKE='.process.args = ["/bin/true"] | .process.env += ["HOME=/root"]
	| .process.capabilities |= (.bounding = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER",
		"CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP",
		"CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"]
		| .effective = .bounding | .permitted = .bounding)
	| .linux.namespaces |= map(select(.type | IN("pid", "ipc", "uts", "mount", "network")))
	| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["kexec_load", "add_key", "bpf"],
		action: "SCMP_ACT_ERRNO"}]}'

# run as engines do, state, kill, exec: bounds on system calls. Where the hierarchy has more
# controllers there are more files to write: room for that.
# needs: root command:strace
# timeout: 40
test_system_calls() {
	local n controllers
	controllers=$(wc -w <"$CG/cgroup.controllers")
	bundle b "$ENGINE_LIKE"
	ok cede run -b b "$TAG-a" # makes the filter, which is kept
	n=$(calls "$CEDE" --root "$ROOT" run -b b "$TAG-a")
	echo "run: $n calls"
	at_least "calls of run (is the count right?)" "$n" 50
	at_most "calls of run" "$n" $((350 + 15 * (controllers - 1)))
	config b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-b"
	n=$(calls "$CEDE" --root "$ROOT" state "$TAG-b")
	echo "state: $n calls"
	at_most "calls of state" "$n" 40
	n=$(calls "$CEDE" --root "$ROOT" exec "$TAG-b" /bin/true)
	echo "exec: $n calls"
	at_most "calls of exec" "$n" 205
	n=$(calls "$CEDE" --root "$ROOT" kill "$TAG-b" KILL)
	echo "kill: $n calls"
	at_most "calls of kill" "$n" 70
	ok cede delete -f "$TAG-b"
}

# Peak memory of run, with all its children.
# needs: root
test_memory() {
	bundle b '.process.args = ["/probe"]'
	cp "$HELPERS/probe" b/rootfs/
	ok "$HELPERS/rss" "$T/rss" "$CEDE" --root "$ROOT" run -b b "$TAG-a"
	echo "run: $(cat rss) kB"
	at_most "peak kB of run" "$(cat rss)" "$("$CEDE" doctor | grep -q 'with musl' && echo 1000 || echo 1500)"
	ok "$HELPERS/rss" "$T/rss" "$CEDE" --version
	echo "version: $(cat rss) kB"
}

# A hundred containers, eight at a time: all run, nothing is left.
# needs: root
# timeout: 60
test_hundred() {
	local i j
	bundle b '.process.args = ["true"]'
	for ((i = 0; i < 100; i += 8)); do
		for ((j = i; j < i + 8 && j < 100; j++)); do
			{ cede run -b b "$TAG-$j" 2>"err$j" || echo "$j: status $?: $(cat "err$j")" >>failed; } &
		done
		wait
	done
	[ ! -e failed ] || die "$(cat failed)"
}

# The loop inside `cede launch` beside a job that is busy: at most 1 % of one CPU, at most 4 MB.
# needs: root here
# timeout: 40
# alone
test_loop() {
	local pid before after least=1000000
	cp "$HELPERS/burn" .
	exec_cede launch --name "$TAG-a" -- ./burn 0 "$(nproc)" count >out 2>err &
	pid=$!
	eventually 10 test -s count
	sleep 1
	# What the host takes away in the middle of it only adds: the least of three is nearest.
	for _ in 1 2 3; do
		before=$(cut -d' ' -f1 "/proc/$pid/schedstat")
		sleep 2
		after=$(cut -d' ' -f1 "/proc/$pid/schedstat")
		echo "loop: $(((after - before) / 2000)) us of CPU a second, $(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status") kB"
		[ "$least" -lt $(((after - before) / 2000)) ] || least=$(((after - before) / 2000))
	done
	at_most "us of CPU a second" "$least" 10000
	at_most "peak kB" "$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")" 4096
	ok cede kill "$TAG-a" KILL
	wait || true
}
