# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Bad input: one clear line that names the place, the right exit status, nothing left behind.

# bad PATTERN JQ-FILTER: run and create of a bundle changed so fail with status 1 and one line.
bad() {
	local pattern=$1 filter=$2
	rm -rf b
	bundle b "$filter"
	ABOUT="config.json changed by $filter"
	fails 1 "$pattern" cede run -b b "$TAG-bad"
	fails 1 "$pattern" cede create -b b "$TAG-bad"
}

# config.json that is missing, empty, not JSON, cut, not an object, a directory, a link to nothing,
# without permission, endless, nested too deep, not UTF-8.
test_malformed_config() {
	mkdir b
	fails 1 'config.json' cede run -b b "$TAG-a"
	: >b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	echo 'not json' >b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	printf '{"ociVersion": "1.0.2", "process": {"args": ["sh"' >b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	echo '[]' >b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	echo '{} trailing' >b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	rm b/config.json
	mkdir b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	rmdir b/config.json
	ln -s nowhere b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	rm b/config.json
	ln -s /dev/zero b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	rm b/config.json
	mkfifo b/config.json
	fails 1 'config.json' timeout 5 "$CEDE" --root "$ROOT" run -b b "$TAG-a"
	rm b/config.json
	{ printf '{"annotations": '; printf '[%.0s' {1..100000}; } >b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	printf '{"ociVersion": "1.0.2", "hostname": "\xff\xfe"}' >b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	head -c 70000000 /dev/zero | tr '\0' ' ' >b/config.json
	fails 1 'config.json' cede run -b b "$TAG-a"
	fails 1 'nosuchbundle' cede run -b nosuchbundle "$TAG-a"
	fails 1 '.' cede run -b /etc/passwd "$TAG-a"
}

# Wrong types: the JSON path, what was expected and what was found.
test_wrong_types() {
	bad 'config.json: process.args: expected array of strings, found number' '.process.args = 5'
	bad 'config.json: process.args\[1\]: expected string, found number' '.process.args = ["sh", 1]'
	bad 'config.json: process: expected object, found string' '.process = "sh"'
	bad 'config.json: process.user.uid: expected .*, found string' '.process.user.uid = "root"'
	bad 'config.json: process.user.uid: .*-1' '.process.user.uid = -1'
	bad 'config.json: process.user.uid: .*1.5' '.process.user.uid = 1.5'
	bad 'config.json: process.user.uid: .*4294967296' '.process.user.uid = 4294967296'
	bad 'config.json: process.terminal: expected boolean, found string' '.process.terminal = "yes"'
	bad 'config.json: process.cwd: (expected string, found null|required but missing)' '.process.cwd = null'
	bad 'config.json: process.rlimits\[0\].hard: expected .*, found string' '.process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: "x"}]'
	bad 'config.json: root: expected object, found array' '.root = []'
	bad 'config.json: root.readonly: expected boolean, found number' '.root.readonly = 1'
	bad 'config.json: mounts: expected array.*, found object' '.mounts = {}'
	bad 'config.json: mounts\[0\].options: expected array of strings, found string' '.mounts[0].options = "ro"'
	bad 'config.json: hostname: expected string, found number' '.hostname = 7'
	bad 'config.json: linux.namespaces: expected array.*, found string' '.linux.namespaces = "all"'
	bad 'config.json: linux.resources.pids.limit: expected .*, found string' '.linux.resources.pids = {limit: "many"}'
	bad 'config.json: linux.maskedPaths\[0\]: expected string, found boolean' '.linux.maskedPaths = [true]'
	bad 'config.json: annotations\.?[^:]*: expected .*, found number' '.annotations = {"a": 1}'
	bad 'config.json: ociVersion: expected string, found number' '.ociVersion = 1'
	bad 'config.json: linux.sysctl\.?[^:]*: expected .*, found number' '.linux.sysctl = {"net.ipv4.ip_forward": 1}'
}

# What must be there and is not; what cannot be together; what cannot be.
test_missing_and_impossible() {
	bad 'config.json: ociVersion' 'del(.ociVersion)'
	bad 'config.json: ociVersion.*9.9.9' '.ociVersion = "9.9.9"'
	bad 'config.json: ociVersion' '.ociVersion = "banana"'
	bad 'config.json: root' 'del(.root)'
	bad 'config.json: root.path' 'del(.root.path)'
	bad 'config.json: process.args' 'del(.process.args)'
	bad 'config.json: process.args' '.process.args = []'
	bad 'config.json: process.cwd' 'del(.process.cwd)'
	bad 'config.json: .*NUL' '.process.args = ["a\u0000b"]'
	bad 'config.json: mounts\[0\].destination' '.mounts = [{destination: "", type: "tmpfs"}]'
	bad 'config.json: linux.namespaces' 'del(.hostname) | .linux.namespaces = [{"type": "pid"}, {"type": "pid"}]'
	bad 'config.json: linux.rootfsPropagation.*banana' '.linux.rootfsPropagation = "banana"'
	bad 'config.json: linux.devices\[0\].type' '.linux.devices = [{path: "/dev/x", type: "z", major: 1, minor: 1}]'
	bad 'config.json: linux.devices\[0\].path' '.linux.devices = [{type: "c", major: 1, minor: 1}]'
	bad 'config.json: linux.maskedPaths\[0\]' '.linux.maskedPaths = ["relative"]'
}

# Container ids: what exists, slashes, dots, dashes in front, emptiness, length, strange bytes.
test_ids() {
	local id
	bundle b '.process.args = ["true"]'
	for id in a/b ../a / . .. "" "a b" $'a\nb' "a;b" "-a" "é" "$(printf 'x%.0s' {1..1025})" "*" '$(x)'; do
		run cede run -b b -- "$id"
		[ "$STATUS" = 1 ] || die "id \"${id:0:40}\": exit status 1 expected"
		[ "$(wc -l <"$T.err")" = 1 ] || die "id \"${id:0:40}\": one line expected"
		for v in state start kill delete pause resume; do
			run cede "$v" -- "$id"
			[ "$STATUS" = 1 ] || die "$v of id \"${id:0:40}\": exit status 1 expected"
		done
	done
	[ -z "$(find "$ROOT" -mindepth 1 ! -path "$ROOT/.*" 2>/dev/null)" ] || die "left in the root: $(ls -A "$ROOT")"
	ok cede run -b b "$TAG-A_9+.x-"
}

# A root filesystem that is missing, is a file, is empty; a bundle given as a relative path works.
test_rootfs() {
	local d
	bundle b '.process.args = ["true"]'
	mv b/rootfs b/elsewhere
	fails 1 'rootfs' cede run -b b "$TAG-a"
	: >b/rootfs
	fails 1 'rootfs' cede run -b b "$TAG-a"
	rm b/rootfs
	mkdir b/rootfs
	run cede run -b b "$TAG-a"
	[ "$STATUS" = 127 ] || [ "$STATUS" = 1 ] || die "exit status 127 or 1 expected"
	rm -r b/rootfs
	config b ".root.path = \"$T/b/elsewhere\""
	ok cede run -b b "$TAG-a"
	for d in ./b/ .//./b "$T/b/"; do
		ok cede create -b "$d" "$TAG-a"
		eq "bundle of $d" "$(cede state "$TAG-a" | jq -r .bundle)" "$T/b"
		ok cede delete -f "$TAG-a"
	done
	mkdir -p far/sub
	cp -a b far/
	ln -s far/sub link # link/.. is far, not where link is
	ok cede create -b link/../b "$TAG-a"
	eq "bundle of link/../b" "$(cede state "$TAG-a" | jq -r .bundle)" "$T/far/b"
	ok cede delete -f "$TAG-a"
}

# Programs: not found is 127, found but not executable is 126, a bad interpreter, a wrong format.
test_programs() {
	bundle b '.process.args = ["nosuchprogram"]'
	fails 127 'nosuchprogram' cede run -b b "$TAG-a"
	config b '.process.args = ["/no/such/program"]'
	fails 127 '/no/such/program' cede run -b b "$TAG-a"
	config b '.process.args = [""]'
	fails 127 '.' cede run -b b "$TAG-a"
	config b '.process.args = ["/etc/passwd"]'
	fails 126 '/etc/passwd' cede run -b b "$TAG-a"
	config b '.process.args = ["/etc"]'
	fails 126 '/etc' cede run -b b "$TAG-a"
	printf '#!/no/such/interpreter\n' >b/rootfs/bin/script
	printf 'garbage\n' >b/rootfs/bin/garbage
	printf '#!/bin/sh\n' >b/rootfs/bin/secret
	chmod 755 b/rootfs/bin/script b/rootfs/bin/garbage
	chmod 700 b/rootfs/bin/secret
	config b '.process.args = ["script"]'
	fails 127 'script' cede run -b b "$TAG-a"
	config b '.process.args = ["garbage"]'
	fails 126 'garbage' cede run -b b "$TAG-a"
	config b '.process.args = ["/bin/secret"] | .process.user = {uid: 1000, gid: 1000} | .process.capabilities = {}'
	fails 126 '/bin/secret' cede run -b b "$TAG-a"
}

# Without privileges, cede says so in one line.
test_no_permission() {
	bundle b '.process.args = ["true"]'
	cp "$CEDE" cede-copy
	mkdir -m 777 uroot
	LAST="cede as another user"
	STATUS=0
	setpriv --reuid 65534 --regid 65534 --clear-groups ./cede-copy --root "$T/uroot/r" run -b b "$TAG-a" >"$T.out" 2>"$T.err" || STATUS=$?
	eq "exit status" "$STATUS" 1
	eq "lines of error" "$(wc -l <"$T.err")" 1
	like error "$(cat "$T.err")" '^cede(-copy)?: '
	STATUS=0
	setpriv --reuid 65534 --regid 65534 --clear-groups ./cede-copy --root "$ROOT" list >"$T.out" 2>"$T.err" || STATUS=$?
	[ "$STATUS" = 0 ] || eq "lines of error" "$(wc -l <"$T.err")" 1
	mkdir -p "$ROOT"
	STATUS=0
	setpriv --reuid 65534 --regid 65534 --clear-groups ./cede-copy --root /nosuchroot/x run -b b "$TAG-a" >"$T.out" 2>"$T.err" || STATUS=$?
	eq "exit status" "$STATUS" 1
	[ ! -e /nosuchroot ] || die "a state root was made without permission?"
}

# State that was damaged: named, skipped by list, removed by delete --force.
test_damaged_state() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	ok cede run -d -b b "$TAG-b"
	cp "$ROOT/$TAG-a/state.json" saved
	for damage in '' '{' '[]' '{"id": 5}' 'null'; do
		printf '%s' "$damage" >"$ROOT/$TAG-a/state.json"
		run cede state "$TAG-a"
		[ "$STATUS" = 1 ] || die "state \"$damage\": exit status 1 expected"
		eq "lines of error" "$(wc -l <"$T.err")" 1
		run cede list -q
		like "list" "$OUT" "$TAG-b"
	done
	cp saved "$ROOT/$TAG-a/state.json"
	is_status "$TAG-a" running || die "status is $(status_of "$TAG-a")"
	ok cede delete -f "$TAG-b"
	printf '{' >"$ROOT/$TAG-a/state.json"
	run cede delete -f "$TAG-a"
	[ ! -e "$ROOT/$TAG-a" ] || die "delete --force left the directory: $ERR"
}

# The process of a stopped container was followed by another one with the same number: it is not ours.
test_recycled_pid() {
	local pid
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	sleep 0.05 # the kernel counts starts in 1/100 s, and no number comes round in one of those
	sleep 999 &
	pid=$!
	jq "if has(\"pid\") then .pid = $pid else . end | if has(\"init_pid\") then .init_pid = $pid else . end" "$ROOT/$TAG-a/state.json" >new
	cp new "$ROOT/$TAG-a/state.json"
	is_status "$TAG-a" stopped || die "another process was taken for the container's: $(status_of "$TAG-a")"
	run cede kill "$TAG-a" KILL
	alive $pid || die "a process that is not the container's was killed"
	ok cede delete -f "$TAG-a"
	alive $pid || die "a process that is not the container's was killed"
	kill $pid
}

# exec --process with a broken file; env and args that are too long for the kernel.
test_exec_input() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	fails 1 'nosuchfile' cede exec --process nosuchfile "$TAG-a"
	echo '{"args": 5, "cwd": "/"}' >p.json
	fails 1 'args: expected array of strings, found number' cede exec --process p.json "$TAG-a"
	echo '{"cwd": "/"}' >p.json
	fails 1 'args' cede exec --process p.json "$TAG-a"
	jq -n '{cwd: "/", args: ["true", ("x" * 3000000)]}' >p.json
	run cede exec --process p.json "$TAG-a"
	[ "$STATUS" != 0 ] || die "an argument of 3 MB was taken"
	eq "lines of error" "$(wc -l <"$T.err")" 1
	ok cede delete -f "$TAG-a"
}

# In a plain chroot / is no mount point: said in one line, nothing is left.
# needs: root cgroup2
test_plain_chroot() {
	bundle b '.process.args = ["true"] | .root.path = "/b/rootfs"'
	mkdir -p r/{proc,sys,dev,state}
	mv b r/
	cp "$CEDE" r/cede
	# shellcheck disable=SC2016 # for the inner shell
	fails 1 '/ is no mount point' unshare -m --propagation private sh -c '
		for d in proc sys dev; do mount --rbind /$d r/$d || exit 99; done
		exec chroot r /cede --root /state run -b /b "$1"' sh "$TAG-a"
	eq "state left" "$(ls r/state)" ""
}
