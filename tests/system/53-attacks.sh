# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Attacks on the runtime by what it runs: one test for each class of SECURITY.md, through the binary.
# $T/outside stands for the host; nothing may be read from it, changed, or made in it.

outside() {
	mkdir -p "$T/outside"
	echo secret >"$T/outside/secret"
}
untouched() {
	eq "what is outside" "$(cd "$T/outside" && find . -mindepth 1 | sort | tr '\n' ' ')" "./secret "
	eq "the secret" "$(cat "$T/outside/secret")" secret
	! grep -q " $T/outside" /proc/self/mountinfo || die "something is mounted outside"
}

# watched DIR [JQ-FILTER]: runs container $TAG-a that grabs at the runtime's processes ($CEDE a copy of its own).
watched() {
	cp "$CEDE" "$T/cede"
	CEDE=$T/cede SUM=$(sha256sum <"$T/cede")
	bundle "$1" ".process.args = [\"attack\", \"watch\", \"$(($(stat -c %d "$T/cede"))):$(stat -c %i "$T/cede")\"] | ${2:-.}"
	put "$1" attack
	cede run -d -b "$1" "$TAG-a" >>"$T/grabbed" 2>&1 </dev/null || die "run: $(cat "$T/grabbed")"
}
seen() { grep -c "^$1" "$T/grabbed" || true; }
has_seen() { [ "$(seen "$1")" -ge "$2" ]; }
got_nothing() {
	ok cede kill "$TAG-a" TERM
	eventually 10 is_status "$TAG-a" stopped
	eq "its last line" "$(tail -n 1 "$T/grabbed")" end
	eq "what it got hold of" "$(sed -n /HIT/p "$T/grabbed" | sort | uniq -c)" ""
	eq "the runtime's file" "$(sha256sum <"$T/cede")" "$SUM"
	ok cede delete "$TAG-a"
}

# CVE-2016-9962: the runtime's processes in a container's pid namespace, before they are the program, show
# nothing of themselves: a second container's init that waits for its start, and exec'd processes. The attacker has
# every capability that the runtime has (without CAP_SYS_PTRACE, which it lacks, too): nothing keeps him off but that
# they are not dumpable.
# timeout: 60
test_processes_out_of_reach() {
	local all n i
	all=$(cede features | jq -c '.linux.capabilities - ["CAP_SYS_PTRACE"]')
	watched b ".process.capabilities = {bounding: $all, effective: $all, permitted: $all}"
	bundle c ".process.args = [\"true\"] | (.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$(pid_of "$TAG-a")/ns/pid\""
	ok without_ptrace create -b c "$TAG-c"
	eventually 10 has_seen seen 1
	sleep 0.2
	ok cede start "$TAG-c"
	n=$(($(seen seen) + 2))
	for ((i = 0; i < 300; i++)); do
		has_seen seen $n && break
		ok without_ptrace exec "$TAG-a" true
	done
	at_least "exec'd processes that it saw" "$(seen seen)" $n
	got_nothing
	ok cede delete -f "$TAG-c"
}
without_ptrace() { setpriv --bounding-set=-sys_ptrace "$CEDE" --root "$ROOT" "$@"; }

# The same for an attacker who may trace it (CAP_SYS_PTRACE), and for one who may nothing at all: what exec makes
# inside the container has nothing by then that the container has not. Each of them wants to see some of it.
gains() {
	local n=10 i
	config b ".process.args = [\"attack\", \"gain\"] | $1"
	: >"$T/grabbed"
	cede run -d -b b "$TAG-a" >>"$T/grabbed" 2>&1 </dev/null || die "run: $(cat "$T/grabbed")"
	for ((i = 0; i < 600; i++)); do
		has_seen seen $n && break
		HOSTSECRET=1 cede exec --env A=HOSTSECRET "$TAG-a" true 2>err </dev/null || die "exec: $(cat err)"
	done
	at_least "exec'd processes that it saw" "$(seen seen)" $n
	ok cede kill "$TAG-a" TERM
	eventually 10 is_status "$TAG-a" stopped
	eq "its last line" "$(tail -n 1 "$T/grabbed")" end
	eq "what they had, of $1" "$(sed -n /HIT/p "$T/grabbed" | cut -d' ' -f2 | sort | uniq -c)" ""
	ok cede delete "$TAG-a"
}
# timeout: 60
test_nothing_to_gain() {
	local all caps filter='{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["sethostname"], action: "SCMP_ACT_ERRNO"}]}'
	all=$(cede features | jq -c '.linux.capabilities')
	bundle b .
	put b attack
	for caps in "$all" '["CAP_SYS_PTRACE"]'; do
		caps="{bounding: $caps, effective: $caps, permitted: $caps}"
		gains ".process.capabilities = $caps"
		for no_new in true false; do
			gains ".process.capabilities = $caps | .process.noNewPrivileges = $no_new | .linux.seccomp = $filter"
		done
	done
	gains '.process.user = {uid: 1000, gid: 1000} | .process.capabilities = {}'
}

# CVE-2019-5736: the image makes the runtime execute itself (a program that is /proc/self/exe, a script whose
# interpreter it is), opens its file and writes to it when nobody executes it any more.
# timeout: 60
test_own_file() {
	local i
	watched b
	ln -s /proc/self/exe b/rootfs/bin/evil
	printf '#!/proc/self/exe\n' >b/rootfs/bin/script
	chmod 755 b/rootfs/bin/script
	for program in /proc/self/exe evil script; do
		for ((i = 0; i < 100; i++)); do
			has_seen 'exe EROFS' 1 && break
			run cede exec "$TAG-a" "$program" --version
		done
		has_seen 'exe EROFS' 1 || die "it did not get to see the runtime's file: $(sort "$T/grabbed" | uniq -c)"
		: >"$T/grabbed"
	done
	got_nothing
	bundle c '.process.args = ["/proc/self/exe", "--version"]'
	ok cede run -b c "$TAG-c"
	like "what it executed" "$OUT" version
}

# CVE-2024-21626: no working directory and no program by way of a descriptor, leaked, inherited or handed on.
# timeout: 60
test_working_directory() {
	local n cwd
	outside
	exec 5<"$T/outside" 7</ 9<"$T"
	bundle b '.process.args = ["cat", "secret"]'
	ln -s /proc/self/fd/7 b/rootfs/work
	for cwd in /proc/self/fd/{3..12} /proc/thread-self/fd/7/ /dev/fd/7; do
		config b ".process.cwd = \"$cwd\""
		fails 1 'process.cwd: .*' cede run -b b "$TAG-b"
	done
	config b '.process.cwd = "/work"'
	fails 1 'process.cwd: .*' cede run -b b "$TAG-b"
	# handed on by the caller's own wish, a directory still is no place to be
	for n in 5 7; do
		config b ".process.cwd = \"/proc/self/fd/$n\""
		fails 1 "process.cwd: /proc/self/fd/$n leads out of the container's root" cede run --preserve-fds 7 -b b "$TAG-b" 8</dev/null 6</dev/null 4</dev/null 3</dev/null
	done
	config b '.process.cwd = "/" | .process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-b"
	for n in {3..12}; do
		fails 1 'process.cwd: .*' cede exec --cwd "/proc/self/fd/$n" "$TAG-b" cat secret
		fails 127 'exec: .*no such file or directory' cede exec "$TAG-b" "/proc/self/fd/$n/bin/sh" -c 'echo out'
	done
	fails 1 'process.cwd: .*' cede exec --cwd /work "$TAG-b" pwd
	jq '.process | .args = ["cat", "secret"] | .cwd = "/proc/self/fd/7"' b/config.json >p.json
	fails 1 'process.cwd: .*' cede exec --process p.json "$TAG-b"
	# what its root can do later: links of /proc to its own processes lead nowhere but into the container
	ok cede exec --cwd /proc/1/root/proc/1/cwd "$TAG-b" pwd
	eq "working directory by way of init" "$OUT" /
	exec 5<&- 7<&- 9<&-
	ok cede delete -f "$TAG-b"
	untouched
}

# CVE-2019-16884, -2019-19921, -2023-27561, -2025-52881: /proc and /sys of the image or of a volume do not
# decide where the runtime writes.
test_proc_replaced() {
	outside
	bundle b '.process.args = ["true"]'
	local name kind
	for name in proc sys; do
		for kind in link outside file; do
			rm -rf "b/rootfs/${name:?}"
			case $kind in
			link) ln -s tmp "b/rootfs/$name" ;;
			outside) ln -s ../../outside "b/rootfs/$name" ;;
			file) echo file >"b/rootfs/$name" ;;
			esac
			fails 1 "mount /$name.*(is a symbolic link|Not a directory)" cede run -b b "$TAG-b"
		done
		rm -f "b/rootfs/$name"
	done
	# a fake procfs, as a volume: refused on /proc by any spelling; where a link of the image puts it there
	# after all, sysctl and labels do not go through it
	mkdir -p b/fake/sys/net/ipv4 b/fake/self/attr/apparmor
	echo fake >b/fake/sys/net/ipv4/ip_default_ttl
	local volume="{destination: \"/proc\", source: \"$T/b/fake\", type: \"bind\", options: [\"rbind\"]}"
	config b '.linux.sysctl = {"net.ipv4.ip_default_ttl": "77"} | .process.args = ["cat", "/real/sys/net/ipv4/ip_default_ttl"]
		| .mounts += [{destination: "/real", type: "proc", source: "proc"}]'
	cp b/config.json plain.json
	config b ".mounts += [$volume]"
	fails 1 'is not a procfs: it may not be bound on /proc' cede run -b b "$TAG-b"
	jq ".mounts += [$volume | .destination = \"/tmp/../proc\"]" plain.json >b/config.json
	fails 1 'is not a procfs: it may not be bound on /proc' cede run -b b "$TAG-b"
	ln -s /proc b/rootfs/data
	jq ".mounts += [$volume | .destination = \"/data\"]" plain.json >b/config.json
	run cede run -b b "$TAG-b"
	[ "$STATUS" != 0 ] || eq "the sysctl" "$OUT" 77
	eq "the fake one" "$(cat b/fake/sys/net/ipv4/ip_default_ttl)" fake
	untouched
}

# The same, with what is mounted on the procfs that the runtime itself was started with: it reads and writes in one of its
# own. (A test has a mount namespace of its own.)
test_own_procfs() {
	local id=$TAG-a pid
	mkdir -p fake/net/ipv4
	echo fake >fake/net/ipv4/ip_default_ttl
	bundle b '.process.args = ["sleep", "1000"] | .linux.sysctl = {"net.ipv4.ip_default_ttl": "77"}'
	mount --bind fake /proc/sys
	run cede run -d -b b "$id"
	umount /proc/sys
	[ "$STATUS" = 0 ] || die "exit status 0 expected"
	eq "the fake sysctl" "$(cat fake/net/ipv4/ip_default_ttl)" fake
	ok cede exec "$id" cat /proc/sys/net/ipv4/ip_default_ttl
	eq "the sysctl" "$OUT" 77
	# init with another start time: a process that is not the container's
	pid=$(pid_of "$id")
	mkdir self
	echo "$pid (sleep) S 1 $pid $pid 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0" >self/stat
	mount --bind self "/proc/$pid"
	run cede state "$id"
	local state=$OUT code=$STATUS
	run cede exec "$id" echo there
	umount "/proc/$pid"
	eq "exit status of state" "$code" 0
	eq "status" "$(jq -r .status <<<"$state")" running
	eq "exec" "$OUT" there
	ok cede delete -f "$id"
}

# CVE-2025-31133, -2025-52565, -2026-41579, -2026-88264: /dev and what is in it, without a filesystem of its own
# on top: masks, devices, ptmx, pts, console and the links are made in the image or not at all.
test_dev_replaced() {
	local no_dev='.mounts |= map(select(.destination | startswith("/dev") | not)) | .process.args = ["sh", "-c", "cat /etc/masked; ls -l /dev/null"]
		| .linux.maskedPaths += ["/etc/masked"]'
	outside
	bundle b "$no_dev"
	echo "not to be seen" >b/rootfs/etc/masked
	# the image's /dev/null is something else
	local evil
	for evil in ../../../outside/secret /etc/passwd /proc/self/exe; do
		ln -sf "$evil" b/rootfs/dev/null
		fails 1 'mount /dev/null: .*' cede run -b b "$TAG-b"
	done
	rm b/rootfs/dev/null
	mknod b/rootfs/dev/null c 1 5
	fails 1 'mount /dev/null: .*not the device c 1:3' cede run -b b "$TAG-b"
	# or a link to that very device on the host, whose owner and mode are the container's to choose
	mknod node c 1 3
	chmod 600 node
	ln -sf "$T/node" b/rootfs/dev/null
	cp b/config.json plain.json
	config b '.linux.devices = [{path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 438, uid: 77, gid: 77}]'
	fails 1 'mount /dev/null: existing file: .*not the device c 1:3' cede run -b b "$TAG-b"
	eq "the device on the host" "$(stat -c '%u:%g %a' node)" "0:0 600"
	# it becomes something else when it has been looked at, before the masks are made
	echo "what was put in its place" >b/rootfs/etc/evil
	rm b/rootfs/dev/null
	jq '.hooks.createContainer = [{path: "/bin/sh", args: ["sh", "-c", "ln -sf /etc/evil \($dev)/null && touch \($dev)/../done"]}]
		| .process.args = ["sh", "-c", "cat /etc/masked; stat -c %F-%t:%T /etc/masked; cat /dev/null"]' \
		--arg dev "$T/b/rootfs/dev" plain.json >b/config.json
	ok cede run -b b "$TAG-b"
	eq "the masked file, and what is in place of /dev/null" "$OUT" $'character special file-1:3\nwhat was put in its place'
	rm b/rootfs/done b/rootfs/etc/evil b/rootfs/dev/null
	mv plain.json b/config.json
	# the host's own is something else: no mask is made of it
	: >file
	mount --bind file /dev/null
	run cede run -b b "$TAG-b"
	umount /dev/null
	eq "exit status" "$STATUS" 1
	like "why" "$ERR" 'mount /[a-z/]+: /dev/null is not the device c 1:3'
	ok cede run -b b "$TAG-b"
	unlike "a masked file" "$OUT" "not to be seen"
	# /dev itself is a link out of the image
	rm -rf b/rootfs/dev
	ln -s ../../outside b/rootfs/dev
	ok cede run -b b "$TAG-b"
	[ -c b/rootfs/outside/null ] || die "devices were not made in the image"
	untouched
	# a terminal: ptmx, pts and console are links to the outside
	rm -rf b/rootfs/dev b/rootfs/outside
	mkdir -p b/rootfs/dev
	local name
	for name in ptmx pts console; do ln -s ../../../outside/secret "b/rootfs/dev/$name"; done
	config b '.process.terminal = true'
	fails 1 'process.terminal: .*' cede run -b b "$TAG-b"
	untouched
	rm -r "$T"/b/rootfs/dev/*
	mkdir b/rootfs/dev/pts
	mknod b/rootfs/dev/pts/ptmx c 1 3
	fails 1 '/dev/pts/ptmx of the container is not that of a devpts' cede run -b b "$TAG-b"
	# the right device in the image, and a devpts beside it, where the kernel looks for it
	rm b/rootfs/dev/pts/ptmx
	mknod b/rootfs/dev/pts/ptmx c 5 2
	cp b/config.json plain.json
	config b '.mounts += [{destination: "/dev/pts/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"]}]'
	fails 1 '/dev/pts/ptmx of the container is not that of a devpts' cede run -b b "$TAG-b"
	mv plain.json b/config.json
	rm -rf b/rootfs/dev/*
	for name in ptmx pts console; do ln -s ../../../outside/secret "b/rootfs/dev/$name"; done
	config b '.mounts += [{destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"]}]'
	run cede run -b b "$TAG-b"
	untouched
	rm -f b/rootfs/dev/*
	ln -s ../../../outside/secret b/rootfs/dev/console
	config b '.process.args = ["sh", "-c", "ls -l /dev/console; stat -c %t /dev/pts/0"]'
	run cede run -b b "$TAG-b"
	untouched
}

# CVE-2019-18837, -2021-30465: a volume with a link to the host, where all is that is wanted, and paths that are there
# on the host, too: mounts, devices and masks are made in the container's root. A hook looks, in the container's mount
# namespace, before the host's root is gone from it.
test_destination_links() {
	mkdir -p outside/deep/dir vol
	echo secret >outside/secret
	echo file >outside/file
	ln -s "$T/outside" vol/evil
	# shellcheck disable=SC2016 # jq's variables
	bundle b '.process.args = ["true"] | .linux.maskedPaths += ["/vol/evil/secret"]
		| .linux.devices += [{path: "/vol/evil/node", type: "p"}, {path: "\($t)/outside/deep/node", type: "p"}]
		| .mounts += [{destination: "/vol", source: "\($t)/vol", type: "bind", options: ["rbind"]},
			{destination: "/vol/evil/deep/dir", type: "tmpfs", source: "tmpfs"},
			{destination: "/vol/evil/file", source: "\($t)/b/rootfs/etc/passwd", type: "bind", options: ["bind"]},
			{destination: "\($t)/outside/deep", type: "tmpfs", source: "tmpfs"},
			{destination: "\($t)/outside/secret", source: "\($t)/b/rootfs/etc/passwd", type: "bind", options: ["bind"]}]
		| .hooks.createContainer = [{path: "/bin/sh", args: ["sh", "-c", "cut -d\" \" -f5 /proc/self/mountinfo >\($t)/mounts"]}]' \
		--arg t "$T"
	ok cede run -b b "$TAG-b"
	like "mounts that the hook saw" "$(cat mounts)" "/proc"
	eq "mounts outside" "$(grep "^$T/outside" mounts || true)" ""
	eq "what is outside" "$(cd outside && find . -mindepth 1 | sort | tr '\n' ' ')" "./deep ./deep/dir ./file ./secret "
	[ -p "b/rootfs$T/outside/node" ] || die "the device is not where the link leads to in the root"
}

# CVE-2021-30465, -2024-45310: names of a shared volume are exchanged for links to the host all the time that a
# container is made on it: nothing is mounted, made or masked outside of it.
# timeout: 40
test_destination_race() {
	outside
	mkdir -p vol/victim outside/deep/dir # there is all to mount on
	: >outside/file
	ln -s "$T/outside" vol/evil
	# where a mount lands is to be seen in the container's namespace alone
	bundle b ".process.args = [\"true\"] | .hooks.createContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\",
			\"grep -F ' $T/outside' /proc/self/mountinfo >>$T/landed; echo x >>$T/looked\"]}] | .linux.maskedPaths += [\"/vol/victim/secret\"]
		| .linux.devices += [{path: \"/vol/victim/node\", type: \"p\"}]
		| .mounts += [{destination: \"/vol\", source: \"$T/vol\", type: \"bind\", options: [\"rbind\"]},
			{destination: \"/vol/victim/deep/dir\", type: \"tmpfs\", source: \"tmpfs\"},
			{destination: \"/vol/victim/file\", source: \"$T/b/rootfs/etc/passwd\", type: \"bind\", options: [\"bind\"]}]"
	"$HELPERS/attack" exchange vol/victim vol/evil &
	local attacker=$! i won=0
	for ((i = 0; i < 15; i++)); do
		run cede run -b b "$TAG-b"
		[ "$STATUS" != 0 ] || won=$((won + 1))
	done
	kill "$attacker"
	wait "$attacker" || true
	at_least "containers that ran all the same" $won 1
	at_least "looks at the mounts" "$(wc -l <looked)" "$won"
	eq "mounts outside" "$(cat landed)" ""
	rmdir outside/deep/dir outside/deep
	rm outside/file
	untouched
}

# The source of a bind is exchanged for a link while the container is made: whichever it was, what was looked at is
# what is mounted, with the attributes asked for.
# timeout: 40
test_source_race() {
	outside
	mkdir -p src/victim
	echo volume >src/victim/secret
	ln -s ../outside src/evil
	bundle b ".process.args = [\"sh\", \"-c\", \"cat /vol/secret; echo changed >/vol/secret\"]
		| .mounts += [{destination: \"/vol\", source: \"$T/src/victim\", type: \"bind\", options: [\"rbind\", \"ro\"]}]"
	"$HELPERS/attack" exchange src/victim src/evil &
	local attacker=$! i
	for ((i = 0; i < 15; i++)); do
		run cede run -b b "$TAG-b"
		like "what it saw" "$OUT" '^(volume|secret)$'
		like "what it was told" "$ERR" 'Read-only file system'
	done
	kill "$attacker"
	wait "$attacker" || true
	untouched
}

# CVE-2026-30892: a user that is not a number never is root.
test_malformed_user() {
	local user
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-b"
	for user in "" : 1: :1 1x x1 root -1 +1 " 1" "1 " 1:1:1 1:x 0x0 1.0 4294967295 4294967296 1:4294967295 \
		99999999999999999999 18446744073709551616 $'1\n' 0:; do
		fails 1 'exec: --user: expected UID\[:GID\], found ' cede exec --user "$user" "$TAG-b" id
	done
	ok cede exec --user 1:2 "$TAG-b" sh -c 'id -u; id -g'
	eq "user and group" "$OUT" $'1\n2'
	jq '.process | .args = ["id", "-u"] | .user = {uid: 4294967295, gid: 0}' b/config.json >p.json
	fails 1 'user.uid' cede exec --process p.json "$TAG-b"
	fails 1 'additional-gids' cede exec --additional-gids 1x "$TAG-b" id
	ok cede delete -f "$TAG-b"
}

# CVE-2022-24769, -27649, -27650, -29162: no inheritable or ambient capabilities but those of the document,
# whatever exec adds.
test_inheritable_capabilities() {
	local mask='grep -E "^Cap(Inh|Amb)" /proc/self/status'
	bundle b '.process.args = ["sleep", "1000"] | .process.capabilities |= del(.inheritable, .ambient)'
	ok cede run -d -b b "$TAG-b"
	local user
	for user in 0 1000; do
		ok cede exec --user $user --cap CAP_SYS_PTRACE --cap CAP_NET_ADMIN "$TAG-b" sh -c "$mask"
		eq "inheritable and ambient" "$(tr -d '\n\t' <<<"$OUT")" "CapInh:0000000000000000CapAmb:0000000000000000"
	done
	ok cede delete -f "$TAG-b"
	in_container 'del(.process.capabilities.inheritable, .process.capabilities.ambient)' -- sh -c "$mask"
	eq "inheritable and ambient" "$(tr -d '\n\t' <<<"$OUT")" "CapInh:0000000000000000CapAmb:0000000000000000"
}

# Ids, paths of groups, knobs and annotations from somebody who means harm.
test_hostile_names() {
	local id
	outside
	bundle b '.process.args = ["true"]'
	for id in "" . .. ../outside /tmp a/b a/../../outside $'a\nb' 'a b' 'a;b' '$(x)' -x .x $'\e[2J' "$(printf 'x%.0s' {1..256})"; do
		fails 1 '(invalid container id|container id is|unknown option)' cede create -b b "$id"
		fails 1 '(invalid container id|container id is|unknown option)' cede delete --force "$id"
		fails 1 '(invalid container id|container id is|unknown option)' cede state "$id"
	done
	config b '.linux.cgroupsPath = "/../../x"'
	fails 1 'linux.cgroupsPath: .*"\.\."' cede run -b b "$TAG-b"
	config b '.linux.cgroupsPath = "" | .linux.resources.unified = {"../cgroup.procs": "1"}'
	fails 1 'unified' cede run -b b "$TAG-b"
	config b 'del(.linux.resources.unified) | .linux.sysctl = {"net.../../../kernel/core_pattern": "|x"}'
	fails 1 'sysctl' cede run -b b "$TAG-b"
	config b 'del(.linux.sysctl) | .hostname = "a\nb\u001b[2J" | .process.args = ["no\nsuch\u001b[2Jprogram"]
		| .annotations = {"k\n\"e\u0001y": "v\n\u001b[2J", "": ".."}'
	run cede run -b b "$TAG-b"
	[ "$STATUS" != 0 ] || die "a program that is not there was executed"
	[ "$(wc -l <"$T.err")" = 1 ] || die "one line expected"
	grep -q $'\e' "$T.err" && die "a control sequence reached the terminal"
	run cede --log log.json --log-format json create -b b "$TAG-b"
	[ ! -s log.json ] || jq -e . <log.json >/dev/null || die "the log is not JSON: $(cat log.json)"
	if [ "$STATUS" = 0 ]; then
		ok cede state "$TAG-b"
		eq "annotation" "$(jq '.annotations["k\n\"e\u0001y"]' <<<"$OUT")" '"v\n\u001b[2J"'
		ok cede delete -f "$TAG-b"
	fi
	untouched
}

# What the image gives for a program, an interpreter or /etc/passwd: refused or ignored, in time.
test_malicious_image() {
	local passwd
	bundle b '.process.args = ["/bin/evil"] | .process.user = {uid: 1000, gid: 1000}'
	mkfifo b/rootfs/bin/evil
	chmod 755 b/rootfs/bin/evil
	fails 126 'exec: "/bin/evil": permission denied' cede run -b b "$TAG-b"
	rm b/rootfs/bin/evil
	printf '#!/bin/evil\n' >b/rootfs/bin/evil
	chmod 755 b/rootfs/bin/evil
	fails 126 'exec: "/bin/evil"' cede run -b b "$TAG-b"
	head -c 64 b/rootfs/bin/busybox >b/rootfs/bin/evil
	fails 126 'exec: "/bin/evil"' cede run -b b "$TAG-b"
	rm b/rootfs/bin/evil
	config b '.process.args = ["sh", "-c", "echo $HOME"]'
	for passwd in fifo link dir zero; do
		rm -rf b/rootfs/etc/passwd
		case $passwd in
		fifo) mkfifo b/rootfs/etc/passwd ;;
		link) ln -s /proc/self/fd/0 b/rootfs/etc/passwd ;;
		dir) mkdir b/rootfs/etc/passwd ;;
		zero) truncate -s 1G b/rootfs/etc/passwd ;;
		esac
		ok timeout 10 "$CEDE" --root "$ROOT" run -b b "$TAG-b"
		eq "home with $passwd" "$OUT" /
	done
}

# A directory of images that somebody else packed: no link in it is followed to write or read outside.
test_image_directory() {
	outside
	bundle b '.process.args = ["true"]'
	mkdir img work
	echo >img/inventory.img
	local name
	for name in restore.log stats-restore descriptors.json core-1.img; do
		ln -s ../outside/secret "img/$name"
		fails 1 "img.*$name is a symbolic link" cede restore -b b --image-path img "$TAG-b"
		rm "img/$name"
		untouched
	done
	ln -s ../outside/secret work/restore.log
	fails 1 'work.*restore.log is a symbolic link' cede restore -b b --image-path img --work-path work "$TAG-b"
	untouched
	config b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-b"
	ln -s ../outside/secret work/dump.log
	fails 1 'work.*is a symbolic link' cede checkpoint --image-path img2 --work-path work "$TAG-b"
	is_status "$TAG-b" running || die "the container does not run any more"
	untouched
	ok cede delete -f "$TAG-b"
}
