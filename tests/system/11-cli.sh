# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The command line: help, version, documents, global options, logs.

# --version: name and version, commit, specification, as Docker and go-runc parse it.
test_version() {
	ok cede --version
	like "version" "$OUT" $'^cede version [0-9][^\n]*\ncommit: [^\n]+\nspec: 1\\.[0-9]+\\.[0-9]+'
	ok cede -v
	ln -s "$CEDE" runc
	ok ./runc --version
	like "called as runc" "$OUT" '^runc version '
}

# --help names every command; each command has a help of its own, with its options.
test_help() {
	local v
	ok cede --help
	for v in run create start state kill delete exec list ps pause resume spec features launch doctor; do
		like "help" "$OUT" $'\n'"  $v "
	done
	for v in run create start state kill delete exec list ps pause resume spec features launch doctor; do
		ok cede "$v" --help
		like "help of $v" "$OUT" "^Usage: cede .*$v"
		[ -z "$ERR" ] || die "nothing on stderr expected"
		ok cede "$v" -h
	done
	ok cede create --help
	for v in bundle pid-file console-socket no-pivot no-new-keyring preserve-fds; do
		like "help of create" "$OUT" "--$v"
	done
}

# Who makes cgroups is said by two options: the last one counts.
test_cgroup_manager() {
	local absent='no limits with --cgroup-manager disabled' systemd='expected "slice:prefix:name"'
	bundle b '.linux.cgroupsPath = "/absolute" | .linux.resources.pids.limit = 10'
	fails 1 "$absent" cede --systemd-cgroup --cgroup-manager disabled run -b b "$TAG-a"
	fails 1 "$systemd" cede --cgroup-manager disabled --systemd-cgroup run -b b "$TAG-a"
	fails 1 "$systemd" cede --cgroup-manager=disabled --cgroup-manager systemd run -b b "$TAG-a"
	fails 1 "$absent" cede --cgroup-manager disabled --systemd-cgroup=false run -b b "$TAG-a"
	fails 1 "$absent" cede --systemd-cgroup --cgroup-manager disabled --systemd-cgroup=false run -b b "$TAG-a"
}

# No command, an unknown one, unknown options, missing and surplus operands: one line, exit 1.
# Options before, between and behind operands; Go's booleans; a document from a pipe that takes its time.
test_where_options_may_be() {
	ok cede delete "$TAG-none" --force
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run "$TAG-a" -b b -d=true
	ok cede state "$TAG-a" --help
	like "help" "$OUT" '^Usage: cede state'
	ok cede events "$TAG-a" --stats
	fails 1 'events: too many operands' cede events "$TAG-a" --stats "$TAG-a"
	fails 1 'unknown option --nosuch' cede delete "$TAG-a" --nosuch
	ok cede exec "$TAG-a" sh -c 'echo "$@"' - --force -d
	eq "the program's own" "$OUT" "--force -d"
	fails 1 '"--force" does not exist|invalid container id' cede delete -- --force
	ok cede kill "$TAG-a" --all=False KILL
	eventually 5 is_status "$TAG-a" stopped
	fails 1 'container not running' cede events --stats "$TAG-a"
	ok cede delete --force=t "$TAG-a"
	config b '.process.args = ["echo", "from a pipe"]'
	ok cede run -b b -f <(sleep 0.3; cat b/config.json) "$TAG-a"
	eq "output" "$OUT" "from a pipe"
	fails 1 'expected true or false, found "maybe"' cede create -b b --no-subreaper=maybe "$TAG-a"
	fails 1 'unknown option --nosuch' cede --nosuch
	unlike "the error" "$ERR" 'cede: cede'
	ok cede --criu /usr/sbin/criu --rootless=True list
	ok cede --rootless=f list
	fails 1 "\-\-rootless: unknown value \"maybe\"" cede --rootless=maybe list
	ok cede help run
	like "help" "$OUT" '^Usage: cede run'
}

# What the command line says wrong before the command is known is in the log, too.
test_log_of_usage_errors() {
	fails 1 'unknown command "nosuch"' cede --log log --log-format json nosuch
	fails 1 'unknown option --nosuch' cede --log log --log-format json --nosuch list
	eq "messages" "$(jq -r .level log | xargs)" "error error"
}

test_usage_errors() {
	fails 1 "." cede nosuchcommand
	like "error" "$ERR" nosuchcommand
	fails 1 "." cede --nosuchoption
	like "error" "$ERR" nosuchoption
	fails 1 "." cede state --nosuchoption id
	fails 1 "." cede state
	fails 1 "." cede state a b
	fails 1 "." cede kill
	fails 1 "." cede delete
	fails 1 "." cede start
	fails 1 "." cede create
	fails 1 "." cede run --bundle
	fails 1 "." cede list --format yaml
	fails 1 "." cede --log-format xml list
	fails 1 "." cede --root
	fails 1 "." cede run --preserve-fds=x id
	fails 1 "." cede run --preserve-fds=-1 id
	fails 1 "." cede run --preserve-fds=99999999999999999999 id
	run cede
	[ "$STATUS" != 0 ] || die "no command at all must not be success"
}

# spec writes a configuration that runs; it does not overwrite one; --bundle says where.
test_spec() {
	mkdir b
	ok cede spec --bundle b
	jq -e '.ociVersion and .process.args == ["sh"] and .root.path == "rootfs" and (.linux.namespaces | length >= 5)' b/config.json >/dev/null || die "$(cat b/config.json)"
	fails 1 'config.json' cede spec -b b
	fails 1 "." cede spec -b nosuchdir
	cp -a "$ROOTFS" b/rootfs
	config b '.process.terminal = false | .process.args = ["echo", "ran"]'
	ok cede run -b b "$TAG-a"
	eq out "$OUT" ran
}

# spec --rootless has a user namespace with the caller's id mapped, and no network namespace.
test_spec_rootless() {
	mkdir b
	ok cede spec --rootless -b b
	jq -e '[.linux.namespaces[].type] | contains(["user"]) and (contains(["network"]) | not)' b/config.json >/dev/null || die "$(jq -c .linux.namespaces b/config.json)"
	jq -e '.linux.uidMappings[0].size == 1' b/config.json >/dev/null || die "$(jq -c .linux.uidMappings b/config.json)"
}

# features: the document engines ask for, on stdout alone.
test_features() {
	ok cede features
	[ -z "$ERR" ] || die "nothing on stderr expected"
	jq -e '.ociVersionMin and .ociVersionMax' >/dev/null <<<"$OUT" || die "versions are missing"
	eq hooks "$(jq -c '.hooks | sort' <<<"$OUT")" '["createContainer","createRuntime","poststart","poststop","prestart","startContainer"]'
	eq namespaces "$(jq -c '.linux.namespaces | sort' <<<"$OUT")" '["cgroup","ipc","mount","network","pid","time","user","uts"]'
	jq -e '.mountOptions | contains(["rbind", "ro", "rro", "nosuid"])' >/dev/null <<<"$OUT" || die "mount options: $(jq -c .mountOptions <<<"$OUT")"
	jq -e '.linux.seccomp.enabled and (.linux.capabilities | contains(["CAP_SYS_ADMIN"])) and .linux.cgroup.v2' >/dev/null <<<"$OUT" || die "$(jq -c .linux <<<"$OUT")"
}

# --log FILE gets the error as one JSON object (podman parses the whole file as one), stderr too.
test_log_json() {
	run cede --log log --log-format json state "$TAG-none"
	eq "exit status" "$STATUS" 1
	eq "lines in the log" "$(wc -l <log)" 1
	jq -e '.level == "error" and (.msg | test("does not exist")) and (.time | test("^20.*T"))' log >/dev/null || die "log: $(cat log)"
	like stderr "$ERR" 'does not exist'
	run cede --log log --log-format json state "$TAG-none"
	eq "lines in the log, appended" "$(wc -l <log)" 2
	run cede --log log2 --log-format text state "$TAG-none"
	like "text log" "$(cat log2)" 'does not exist'
	fails 1 "nosuchdir" cede --log nosuchdir/log state "$TAG-none"
}

# A failed create leaves exactly one JSON object in the log, whatever was warned before.
test_log_failed_create() {
	bundle b '.process.args = ["/no/such/program"]'
	run cede --log log --log-format json create -b b "$TAG-a"
	if [ "$STATUS" = 0 ]; then
		run cede --log log --log-format json start "$TAG-a"
		cede delete -f "$TAG-a"
	fi
	[ "$STATUS" != 0 ] || die "a program that does not exist was started"
	jq -es 'length == 1 and .[0].level == "error"' log >/dev/null || die "log: $(cat log)"
}

# Messages with quotes, newlines and control characters in them stay one JSON line.
test_log_escapes() {
	run cede --log log --log-format json state $'a"b\\c\nd\e'
	eq "lines" "$(wc -l <log)" 1
	jq -e .msg log >/dev/null || die "log: $(cat log)"
	eq "lines on stderr" "$(wc -l <"$T.err")" 1
}

# A full stdout is an error, not silence.
test_stdout_full() {
	local s=0
	cede features >/dev/full 2>err || s=$?
	eq "exit status with a full stdout" "$s" 1
}

# Flags that engines send and that need no action are taken in both spellings.
test_compatible_flags() {
	bundle b '.process.args = ["true"]'
	ok cede run --no-subreaper --no-pivot=false -b b "$TAG-a"
	ok cede run -no-subreaper -bundle b "$TAG-a"
	ok "$CEDE" --root="$ROOT" --rootless=false run --bundle=b "$TAG-a"
	ok cede run -b b -- "$TAG-a"
}

# All standard descriptors closed by the caller: cede still works and does not confuse its own.
test_closed_stdio() {
	bundle b '.process.args = ["sh", "-c", "touch /ran; ls /proc/self/fd >/fds"]'
	local s=0
	cede run -b b "$TAG-a" <&- >&- 2>&- || s=$?
	[ -e b/rootfs/ran ] || die "it did not run (exit status $s)"
}
