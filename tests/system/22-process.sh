# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the program finds itself to be: user, capabilities, limits, filters, devices, environment.

# uid, gid, additional groups, umask; nothing of the caller's groups.
test_user() {
	in_container '.process.user = {uid: 1000, gid: 1001, additionalGids: [2000, 3000], umask: 18}' -- probe
	eq uid "$(probed uid)" "1000 1000"
	eq gid "$(probed gid)" "1001 1001"
	eq groups "$(tr ' ' '\n' <<<"$(probed groups)" | grep -v '^1001$' | sort -n | tr '\n' ' ')" "2000 3000 "
	eq umask "$(probed umask)" 0022
	in_container '.process.user = {uid: 0, gid: 0, umask: 63}' -- probe
	eq umask "$(probed umask)" 0077
	umask 0 # ours is not its
	in_container '.process.user = {uid: 0, gid: 0}' -- probe
	umask 022
	eq umask "$(probed umask)" 0022
}

# cwd is entered as the container's user; one that does not exist in the image is made, as engines expect.
test_cwd() {
	in_container '.process.cwd = "/tmp"' -- probe
	eq cwd "$(probed cwd)" /tmp
	in_container '.process.cwd = "/srv/made"' -- probe
	eq cwd "$(probed cwd)" /srv/made
	bundle b '.process.args = ["true"] | .process.cwd = "relative"'
	fails 1 'process.cwd' cede run -b b "$TAG-a"
}

# Keys in the caller's session keyring are not the container's, neither for its program nor for exec;
# --no-new-keyring leaves them.
test_keyring() {
	local none='Required key not available'
	run "$HELPERS/keys" put job secret "$HELPERS/keys" get job
	[ "$STATUS" != 77 ] || skip "this kernel has no keys"
	eq "the caller's key" "$OUT" secret
	bundle b '.process.args = ["keys", "get", "job"]'
	put b keys
	ok "$HELPERS/keys" put job secret "$CEDE" --root "$ROOT" run -b b "$TAG-a"
	eq "key for run" "$OUT" "$none"
	ok "$HELPERS/keys" put job secret "$CEDE" --root "$ROOT" run --no-new-keyring -b b "$TAG-a"
	eq "key for run --no-new-keyring" "$OUT" secret
	config b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	ok cede run -d --no-new-keyring -b b "$TAG-b"
	ok "$HELPERS/keys" put job secret "$CEDE" --root "$ROOT" exec "$TAG-a" keys get job
	eq "key for exec" "$OUT" "$none"
	ok "$HELPERS/keys" put job secret "$CEDE" --root "$ROOT" exec "$TAG-b" keys get job
	eq "key for exec with --no-new-keyring at create" "$OUT" secret
	ok cede delete --force "$TAG-a"
	ok cede delete --force "$TAG-b"
}

# A keyring that another container has made ready under the name that one might be given is not joined.
test_keyring_of_another() {
	run "$HELPERS/keys" put job secret true
	[ "$STATUS" != 77 ] || skip "this kernel has no keys"
	bundle b ".process.args = [\"keys\", \"open\", \"_ses.$TAG-b\", \"job\", \"planted\", \"sleep\", \"1000\"]"
	put b keys
	ok cede run -d -b b "$TAG-a"
	eventually 5 sh -c "grep -q sleep /proc/$(pid_of "$TAG-a")/comm"
	config b '.process.args = ["keys", "get", "job"]'
	ok cede run -b b "$TAG-b"
	eq "its key" "$OUT" 'Required key not available'
	ok cede delete --force "$TAG-a"
}

# The environment and the arguments are exactly those of the document; PATH is searched in it.
test_env_args() {
	in_container '.process.env = ["PATH=/bin", "A=b=c", "EMPTY=", "UTF=\u00e9"]' -- probe "a b" "" $'new\nline'
	eq env "$(grep '^env ' <<<"$OUT" | grep -v '^env HOME=')" $'env PATH=/bin\nenv A=b=c\nenv EMPTY=\nenv UTF=é'
	like args "$OUT" $'arg probe\narg a b\narg \narg new\nline'
	bundle b '.process.args = ["tool"] | .process.env = ["PATH=/none:/opt/tools"]'
	mkdir -p b/rootfs/opt/tools
	printf '#!/bin/sh\necho found\n' >b/rootfs/opt/tools/tool
	chmod 755 b/rootfs/opt/tools/tool
	ok cede run -b b "$TAG-a"
	eq "program found in PATH" "$OUT" found
}

# Capabilities: exactly the five sets of the document.
test_capabilities() {
	caps() { grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' <<<"$OUT" | tr -s '\t' ' ' | tr '\n' ' '; }
	in_container '.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN"], effective: ["CAP_CHOWN"], permitted: ["CAP_KILL", "CAP_CHOWN"], inheritable: [], ambient: []} | .process.noNewPrivileges = true' -- cat /proc/self/status
	like "bounding" "$(caps)" 'CapBnd: 0000000000000021'
	in_container '.process.user.uid = 1000 | .process.capabilities = {bounding: ["CAP_NET_BIND_SERVICE"], effective: ["CAP_NET_BIND_SERVICE"], permitted: ["CAP_NET_BIND_SERVICE"], inheritable: ["CAP_NET_BIND_SERVICE"], ambient: ["CAP_NET_BIND_SERVICE"]}' -- cat /proc/self/status
	eq "user with ambient" "$(caps)" "CapInh: 0000000000000400 CapPrm: 0000000000000400 CapEff: 0000000000000400 CapBnd: 0000000000000400 CapAmb: 0000000000000400 "
	in_container '.process.capabilities = {}' -- cat /proc/self/status
	eq "none" "$(caps)" "CapInh: 0000000000000000 CapPrm: 0000000000000000 CapEff: 0000000000000000 CapBnd: 0000000000000000 CapAmb: 0000000000000000 "
	in_container 'del(.process.capabilities)' -- cat /proc/self/status
	eq "left out" "$(caps)" "CapInh: 0000000000000000 CapPrm: 0000000000000000 CapEff: 0000000000000000 CapBnd: 0000000000000000 CapAmb: 0000000000000000 "
}

# A capability that the kernel does not know is a warning, not a failure (specification, config.md).
test_unknown_capability() {
	bundle b '.process.args = ["true"] | .process.capabilities.bounding += ["CAP_BANANA"]'
	ok cede run -b b "$TAG-a"
	eq "lines of warning" "$(wc -l <"$T.err")" 1
	like "warning" "$ERR" '^cede: warning: .*CAP_BANANA'
}

# What capabilities are for: without CAP_CHOWN chown fails, with it it works.
test_capabilities_have_effect() {
	in_container '.process.capabilities = {}' -- sh -c 'touch /tmp/f; chown 1 /tmp/f 2>/dev/null || echo refused'
	eq "without" "$OUT" refused
	in_container '.process.capabilities = {bounding: ["CAP_CHOWN"], effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"]}' -- sh -c 'touch /tmp/f; chown 1 /tmp/f && stat -c %u /tmp/f'
	eq "with" "$OUT" 1
}

# exec --cap adds to the sets but never to the inheritable one (CVE-2022-29162).
test_exec_cap() {
	bundle b '.process.args = ["sleep", "1000"] | .process.capabilities = {}'
	ok cede run -d -b b "$TAG-a"
	ok cede exec --cap CAP_KILL "$TAG-a" cat /proc/self/status
	like "effective" "$(tr -s '\t' ' ' <<<"$OUT")" 'CapEff: 0000000000000020'
	like "inheritable" "$(tr -s '\t' ' ' <<<"$OUT")" 'CapInh: 0000000000000000'
	fails 1 'CAP_NOSUCH' cede exec --cap CAP_NOSUCH "$TAG-a" true
	ok cede delete -f "$TAG-a"
}

# Resource limits, each kind by its name.
test_rlimits() {
	in_container '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}, {type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_NPROC", soft: 300, hard: 400}, {type: "RLIMIT_STACK", soft: 4194304, hard: 8388608}]' -- probe
	eq NOFILE "$(probed RLIMIT_NOFILE)" "100 200"
	eq CORE "$(probed RLIMIT_CORE)" "0 0"
	eq NPROC "$(probed RLIMIT_NPROC)" "300 400"
	eq STACK "$(probed RLIMIT_STACK)" "4194304 8388608"
	bundle b '.process.args = ["true"] | .process.rlimits = [{type: "RLIMIT_BANANA", soft: 1, hard: 1}]'
	fails 1 'process.rlimits\[0\].*RLIMIT_BANANA' cede run -b b "$TAG-a"
	bundle c '.process.args = ["true"] | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 2, hard: 1}]'
	fails 1 'process.rlimits\[0\]' cede run -b c "$TAG-a"
	bundle d '.process.args = ["true"] | .process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_CORE", soft: 1, hard: 1}]'
	fails 1 'process.rlimits' cede run -b d "$TAG-a"
}

USERNS='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'

# A limit that leaves the program no descriptor does not hit what comes before it.
# needs: root userns
test_rlimit_tiny() {
	local tiny='.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 4, hard: 4}]'
	bundle b ".process.args = [\"sleep\", \"1000\"] | $tiny"
	for how in . "$USERNS"; do
		config b "$how"
		[ "$how" = . ] || chown -R 100000:100000 b/rootfs
		ok cede run -d -b b "$TAG-a"
		ok cede exec "$TAG-a" sh -c 'ulimit -n'
		eq limit "$OUT" 4
		ok "$HELPERS/pty" "$CEDE" --root "$ROOT" exec -t "$TAG-a" sh -c 'ulimit -n'
		like limit "$OUT" 4
		ok cede delete -f "$TAG-a"
	done
}

# A hard limit can be raised where the caller may, also into a user namespace.
# needs: root cap:sys_resource userns
test_rlimit_raise() {
	bundle b '.process.args = ["probe"] | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 5000, hard: 5000}]'
	put b probe
	(ulimit -n 1000; ok cede run -b b "$TAG-a"; eq NOFILE "$(probed RLIMIT_NOFILE)" "5000 5000")
	config b "$USERNS"
	chown -R 100000:100000 b/rootfs
	(ulimit -n 1000; ok cede run -b b "$TAG-a"; eq NOFILE "$(probed RLIMIT_NOFILE)" "5000 5000")
	config b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	(ulimit -n 1000; ok cede exec "$TAG-a" probe; eq NOFILE "$(probed RLIMIT_NOFILE)" "5000 5000")
	ok cede delete -f "$TAG-a"
}

# no_new_privs on and off: with it a set-user-id program gains nothing.
test_no_new_privileges() {
	in_container '.process.noNewPrivileges = true' -- probe
	eq nnp "$(probed no_new_privs)" 1
	in_container '.process.noNewPrivileges = false' -- probe
	eq nnp "$(probed no_new_privs)" 0
	for nnp in true false; do
		bundle "b$nnp" ".process.args = [\"suid\"] | .process.user = {uid: 1000, gid: 1000} | .process.noNewPrivileges = $nnp"
		cp "$HELPERS/probe" "b$nnp/rootfs/bin/suid"
		chmod 4755 "b$nnp/rootfs/bin/suid"
		ok cede run -b "b$nnp" "$TAG-$nnp"
		eq "uid of a set-user-id program, noNewPrivileges $nnp" "$(probed uid)" "1000 $([ $nnp = true ] && echo 1000 || echo 0)"
	done
}

# exec: by options a process has the container's own setting, which --no-new-privs can only raise; by a document it
# has what the document says, and one that says nothing says no (config.md, noNewPrivileges).
test_exec_no_new_privileges() {
	local nnp own
	for nnp in true false; do
		bundle "b$nnp" ".process.args = [\"sleep\", \"1000\"] | .process.noNewPrivileges = $nnp"
		put "b$nnp" probe
		ok cede run -d -b "b$nnp" "$TAG-$nnp"
		ok cede exec "$TAG-$nnp" probe
		eq "by options, the container has $nnp" "$(probed no_new_privs)" "$([ $nnp = true ] && echo 1 || echo 0)"
		ok cede exec --no-new-privs "$TAG-$nnp" probe
		eq "by --no-new-privs, the container has $nnp" "$(probed no_new_privs)" 1
		for own in true false null; do
			jq ".process | .args = [\"probe\"] | .noNewPrivileges = $own | if $own == null then del(.noNewPrivileges) else . end" "b$nnp/config.json" >p.json
			ok cede exec --process p.json "$TAG-$nnp"
			eq "by a document with $own, the container has $nnp" "$(probed no_new_privs)" "$([ $own = true ] && echo 1 || echo 0)"
		done
		ok cede delete -f "$TAG-$nnp"
	done
}

seccomp='{defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 30}]}'

# seccomp: errno actions with their number, with and without no_new_privs; it also holds for exec.
test_seccomp() {
	local nnp
	for nnp in true false; do
		in_container ".process.noNewPrivileges = $nnp | .linux.seccomp = $seccomp" -- sh -c 'mkdir /tmp/x 2>&1; grep Seccomp: /proc/self/status | tr "\t" " "'
		like "noNewPrivileges $nnp" "$OUT" $'Read-only file system\nSeccomp: 2'
	done
	bundle b ".process.args = [\"sleep\", \"1000\"] | .linux.seccomp = $seccomp"
	ok cede run -d -b b "$TAG-a"
	run cede exec "$TAG-a" mkdir /tmp/x
	like "in exec" "$ERR" 'Read-only file system'
	ok cede delete -f "$TAG-a"
}

# seccomp: a default of errno with a list of allowed calls; arguments; kill.
test_seccomp_actions() {
	in_container '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["kill"], action: "SCMP_ACT_ERRNO", errnoRet: 13, args: [{index: 1, value: 10, op: "SCMP_CMP_EQ"}]}]}' -- \
		sh -c 'kill -10 1 2>&1; kill -0 1 && echo allowed'
	like "by argument" "$OUT" $'Permission denied\nallowed'
	bundle b '.process.args = ["sh", "-c", "mkdir /tmp/x; echo $?"] | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS"}]}'
	ok cede run -b b "$TAG-a"
	eq "killed by SIGSYS" "$(tail -n 1 <<<"$OUT")" 159
	bundle c '.process.args = ["true"] | .linux.seccomp = {defaultAction: "SCMP_ACT_BANANA"}'
	fails 1 'linux.seccomp.defaultAction.*SCMP_ACT_BANANA' cede run -b c "$TAG-a"
}

# System calls that the kernel or the library does not know are skipped, as engines' profiles need.
test_seccomp_unknown_names() {
	in_container '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["no_such_call", "mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}' -- sh -c 'mkdir /tmp/x 2>&1 || true'
	like "the known one" "$OUT" 'Operation not permitted'
}

# A filter that refuses what is left to do, ending included: said at once, if the program was not to be had at all;
# and one that refuses only what the runtime would like to do is no obstacle.
# timeout: 40
test_seccomp_refuses_us() {
	local no_new start=$SECONDS
	bundle b '.process.args = ["true"]'
	for no_new in true false; do
		config b ".process.args = [\"true\"] | .process.noNewPrivileges = $no_new | .linux.seccomp = {defaultAction: \"SCMP_ACT_ERRNO\", syscalls: [{names: [\"mkdir\"], action: \"SCMP_ACT_ALLOW\"}]}"
		fails 1 'linux.seccomp: .*the filter does not let its process say why' cede run -b b "$TAG-a"
		config b ".process.args = [\"sleep\", \"1000\"] | .process.noNewPrivileges = $no_new | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"clone\", \"clone3\", \"fork\", \"vfork\"], action: \"SCMP_ACT_ERRNO\"}]}"
		ok cede run -d -b b "$TAG-a"
		ok cede exec "$TAG-a" echo "under the filter"
		eq "output" "$OUT" "under the filter"
		ok cede exec "$TAG-a" grep Seccomp: /proc/self/status
		eq "its filter" "$OUT" "Seccomp:	2"
		run cede exec "$TAG-a" sh -c 'true & true'
		like "its own attempt" "$STATUS $ERR" "2 sh: can't fork"
		ok cede delete --force "$TAG-a"
	done
	[ $((SECONDS - start)) -lt 30 ] || die "it took $((SECONDS - start)) s"
}

# sysctl: set inside; those that would change the host are refused.
test_sysctl() {
	local before
	in_container '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "65537", "net.core.somaxconn": "77"}' -- \
		sh -c 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn'
	eq values "$OUT" $'1\n65537\n77'
	before=$(cat /proc/sys/vm/swappiness)
	bundle b '.process.args = ["true"] | .linux.sysctl = {"vm.swappiness": "13"}'
	fails 1 'vm.swappiness' cede run -b b "$TAG-a"
	eq "the host's value" "$(cat /proc/sys/vm/swappiness)" "$before"
	bundle c '.process.args = ["true"] | .linux.sysctl = {"net.ipv4.ip_forward": "1"} | .linux.namespaces |= map(select(.type != "network"))'
	fails 1 'net.ipv4.ip_forward' cede run -b c "$TAG-a"
	bundle d '.process.args = ["true"] | .linux.sysctl = {"net/../kernel/hostname": "evil"}'
	fails 1 '.' cede run -b d "$TAG-a"
}

# hostname and domainname, up to their limits.
test_hostname() {
	in_container '.hostname = "box.example" | .domainname = "nis.example"' -- probe
	eq hostname "$(probed hostname)" box.example
	eq domainname "$(probed domainname)" nis.example
	bundle b '.process.args = ["true"] | .hostname = ("x" * 65)'
	fails 1 'hostname' cede run -b b "$TAG-a"
}

# A device that is there already becomes what the document says of it; what it does not say stays.
# needs: root cap:mknod
test_existing_devices() {
	bundle b '.process.args = ["stat", "-c", "%n %t:%T %a %u:%g", "/a", "/b", "/p", "/dev/x"] | .root.readonly = false
		| .linux.devices = [{path: "/a", type: "c", major: 1, minor: 3, fileMode: 438, uid: 5, gid: 6}, {path: "/b", type: "c", major: 1, minor: 3},
			{path: "/p", type: "p", fileMode: 436, gid: 8}, {path: "/dev/x", type: "c", major: 1, minor: 5, fileMode: 384},
			{path: "/dev/x", type: "c", major: 1, minor: 5, fileMode: 420, uid: 9}]'
	mknod -m 600 b/rootfs/a c 1 3
	mknod -m 600 b/rootfs/b c 1 3
	mkfifo -m 600 b/rootfs/p
	ok cede run -b b "$TAG-a"
	eq "what it saw" "$OUT" "/a 1:3 666 5:6
/b 1:3 600 0:0
/p 0:0 664 0:8
/dev/x 1:5 644 9:0"
	config b '.linux.devices[1].major = 2'
	fails 1 '/b is not the device c 2:3' cede run -b b "$TAG-a"
}

# The default devices are there, work, and no others; a device of the document is made as asked.
test_devices() {
	in_container '.linux.devices = [{path: "/dev/sub/extra", type: "c", major: 1, minor: 5, fileMode: 416, uid: 7, gid: 8}, {path: "/dev/pipe", type: "p", fileMode: 384}]' -- \
		sh -c 'stat -c "%n %t:%T %a %F" /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; stat -c "%n %t:%T %a %u:%g" /dev/sub/extra; stat -c "%n %F" /dev/pipe; head -c 3 /dev/zero | wc -c; echo x >/dev/null && echo written; for l in fd stdin stdout stderr ptmx core; do readlink /dev/$l; done'
	eq "what it saw" "$OUT" "/dev/null 1:3 666 character special file
/dev/zero 1:5 666 character special file
/dev/full 1:7 666 character special file
/dev/random 1:8 666 character special file
/dev/urandom 1:9 666 character special file
/dev/tty 5:0 666 character special file
/dev/sub/extra 1:5 640 7:8
/dev/pipe fifo
3
written
/proc/self/fd
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2
pts/ptmx
/proc/kcore"
}

# The device controller: what the rules do not allow cannot be opened, even if its node exists.
# needs: root cgroup2 cap:mknod
test_device_rules() {
	# CAP_SYSLOG: /dev/kmsg asks for it where dmesg is restricted.
	local allow='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_MKNOD", "CAP_SYSLOG"]'
	in_container "$allow | .linux.resources.devices = [{allow: false, access: \"rwm\"}]" -- \
		sh -c 'head -c 1 /dev/zero | wc -c; mknod /tmp/kmsg c 1 11 && head -c 1 /tmp/kmsg 2>/dev/null || echo refused'
	eq "default deny" "$OUT" $'1\nrefused'
	in_container "$allow | .linux.resources.devices = [{allow: false, access: \"rwm\"}, {allow: true, type: \"c\", major: 1, minor: 11, access: \"r\"}, {allow: true, type: \"c\", major: 1, minor: 11, access: \"m\"}]" -- \
		sh -c 'mknod /tmp/kmsg c 1 11; dd if=/tmp/kmsg of=/dev/null bs=8192 count=1 2>/dev/null && echo opened; (echo x >/tmp/kmsg) 2>/dev/null || echo not written'
	eq "read only" "$OUT" $'opened\nnot written'
}

# A device that the document lists is to be had (config-linux.md, Devices), unless its rules say no; one that
# it does not list is not.
test_listed_devices() {
	local listed='.linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11}, {path: "/dev/pipe", type: "p"}]'
	local caps='(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_MKNOD", "CAP_SYSLOG"]'
	local try='mknod /tmp/tun c 10 200; exec 2>/dev/null; for d in /dev/kmsg /tmp/tun; do (: <$d) && echo $d; done; :'
	local rules
	for rules in 'del(.linux.resources)' '.linux.resources.devices = []' \
		'.linux.resources.devices = [{allow: true, type: "c", major: 1, access: "m"}]'; do
		in_container "$caps | $listed | $rules" -- sh -c "$try"
		eq "with $rules" "$OUT" /dev/kmsg
	done
	in_container "$caps | $listed | .linux.resources.devices = [{allow: false, access: \"rwm\"}]" -- sh -c "$try"
	eq "forbidden by rule" "$OUT" ""
	[ -e /sys/class/misc/tun ] || return 0
	in_container "$caps | $listed | .linux.resources.devices = [{allow: true, access: \"rwm\"}]" -- sh -c "$try"
	eq "all allowed" "$OUT" $'/dev/kmsg\n/tmp/tun'
}

# oom_score_adj: as asked; left alone where the document says nothing, as the specification demands
# (`cede launch` asks for 1000).
test_oom_score_adj() {
	in_container '.process.oomScoreAdj = 321' -- cat /proc/self/oom_score_adj
	eq "as asked" "$OUT" 321
	echo 123 >/proc/self/oom_score_adj
	in_container 'del(.process.oomScoreAdj)' -- cat /proc/self/oom_score_adj
	eq "left out" "$OUT" 123
}

# Safe by birth: idle by its group, or, where the group cannot say so, SCHED_IDLE, autogroup nice 19
# and idle I/O priority on the task.
test_born_idle() {
	in_container -- sh -c 'probe | grep -E "^(sched|ioprio) "; cat /proc/self/autogroup 2>/dev/null'
	if grep -qw cpu "$CG/cgroup.controllers"; then
		eq "cpu.idle of the slice" "$(cat "$CG/cede.slice/cpu.idle")" 1
	else
		eq sched "$(probed sched)" 5
		[ ! -e /proc/self/autogroup ] || like autogroup "$OUT" 'nice 19'
	fi
	eq "I/O class" "$(($(probed ioprio) >> 13))" 3
}

# Nothing else comes along: descriptors, signal mask, ignored signals, personality, session.
test_clean_start() {
	exec 7</etc/passwd 9</etc/group
	(trap '' USR1 PIPE; in_container -- probe; cp "$T.out" "$T.probe")
	exec 7<&- 9<&-
	OUT=$(cat "$T.probe")
	eq fds "$(probed fds)" "0 1 2"
	eq blocked "$(probed signals_blocked)" ""
	eq ignored "$(probed signals_ignored)" ""
	eq personality "$(probed personality)" 0
	eq "session leader" "$(probed sid)" "$(probed pid)"
	eq securebits "$(probed securebits)" 0
	eq keepcaps "$(probed keepcaps)" 0
}

# A read-write /proc/self/exe of the runtime is out of reach (CVE-2019-5736).
test_runtime_binary_is_safe() {
	local before
	before=$(sha256sum <"$CEDE")
	bundle b '.process.args = ["/proc/self/exe", "--version"]'
	run cede run -b b "$TAG-a"
	unlike "no cede inside" "$OUT" 'cede version'
	bundle c '.process.args = ["sleep", "1000"] | .process.capabilities.bounding += ["CAP_SYS_PTRACE"]'
	ok cede run -d -b c "$TAG-b"
	run cede exec "$TAG-b" sh -c 'for p in /proc/[0-9]*; do (echo evil >$p/exe) 2>/dev/null; done; true'
	ok cede delete -f "$TAG-b"
	eq "the binary" "$(sha256sum <"$CEDE")" "$before"
}

# policies_are <"POLICY SCHEDULER" lines: what the container's program says its policy is
policies_are() {
	local want s
	while read -r want s; do
		config b ".process.scheduler = $s"
		ok cede run -b b "$TAG-a"
		eq "policy with $s" "$(probed sched)" "$want"
	done
}

# Every scheduling policy of the document with its parameters and flags; what makes no sense is named.
test_scheduler_policies() {
	bundle b '.process.args = ["probe"]'
	put b probe
	# the policy as sched_getscheduler(2) has it; 0x40000000 is "reset on fork"
	policies_are <<-'EOF_POLICIES'
		0 {policy: "SCHED_OTHER", nice: -5}
		1 {policy: "SCHED_FIFO", priority: 1}
		2 {policy: "SCHED_RR", priority: 99}
		3 {policy: "SCHED_BATCH"}
		5 {policy: "SCHED_IDLE", nice: 19}
		1073741825 {policy: "SCHED_FIFO", priority: 5, flags: ["SCHED_FLAG_RESET_ON_FORK"]}
	EOF_POLICIES
	config b '.process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_UTIL_CLAMP_MIN"]}'
	run cede run -b b "$TAG-a"
	[[ $STATUS = 0 || $ERR =~ process.scheduler.flags:\ this\ kernel\ has\ no\ utilization\ clamping ]] || die "clamping"
	config b '.process.scheduler = {policy: "SCHED_ISO"}'
	fails 1 'process.scheduler.policy: unknown value "SCHED_ISO"' cede run -b b "$TAG-a"
	config b '.process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_X"]}'
	fails 1 'process.scheduler.flags\[0\]: unknown value "SCHED_FLAG_X"' cede run -b b "$TAG-a"
	config b '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 2, deadline: 1}'
	fails 1 'process.scheduler: SCHED_DEADLINE needs 0 < runtime <= deadline <= period' cede run -b b "$TAG-a"
	config b '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1, deadline: 1, period: 1}'
	fails 1 'process.scheduler: SCHED_DEADLINE, nice 0, priority 0: Invalid argument' cede run -b b "$TAG-a"
}

# needs: deadline
test_scheduler_deadline() {
	bundle b '.process.args = ["probe"]'
	put b probe
	policies_are <<-'EOF_POLICIES'
		6 {policy: "SCHED_DEADLINE", runtime: 1000000, deadline: 10000000, period: 10000000}
		1073741830 {policy: "SCHED_DEADLINE", runtime: 1000000, deadline: 10000000, flags: ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN"]}
	EOF_POLICIES
}

# personality, I/O priority and scheduler of the document.
test_scheduler_fields() {
	in_container '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 5}' -- probe
	eq ioprio "$(probed ioprio)" $(((2 << 13) | 5))
	in_container '.process.scheduler = {policy: "SCHED_BATCH", nice: 3}' -- probe
	eq sched "$(probed sched)" 3
	eq nice "$(probed nice)" 3
}
