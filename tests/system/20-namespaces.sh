# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Namespaces: created, joined by path, left alone; user namespaces; time offsets.

ns_of() { readlink "/proc/$1/ns/$2"; }

# The seven namespaces of a default bundle are new; those not asked for are the caller's.
test_new_namespaces() {
	local pid n
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	pid=$(pid_of "$TAG-a")
	for n in pid net ipc uts mnt cgroup; do
		[ "$(ns_of "$pid" $n)" != "$(ns_of self $n)" ] || die "$n namespace is the host's"
	done
	eq "user namespace" "$(ns_of "$pid" user)" "$(ns_of self user)"
	ok cede delete -f "$TAG-a"
	config b 'del(.hostname) | .linux.namespaces = [{"type": "mount"}]'
	ok cede run -d -b b "$TAG-a"
	pid=$(pid_of "$TAG-a")
	for n in pid net ipc uts cgroup user time; do
		eq "$n namespace" "$(ns_of "$pid" $n)" "$(ns_of self $n)"
	done
	ok cede delete -f "$TAG-a"
}

# Inside a pid namespace the program is number 1 and sees only its own.
test_pid_namespace() {
	in_container -- sh -c 'echo $$; ls -d /proc/[0-9]* | wc -l'
	eq "pid and processes" "$(head -n 1 <<<"$OUT")" 1
	at_most "processes seen" "$(tail -n 1 <<<"$OUT")" 5
}

# A network namespace of its own has a loopback that is up, and nothing else.
test_network_namespace() {
	in_container '(.process.capabilities | .bounding, .effective, .permitted) += ["CAP_NET_RAW"]' -- sh -c 'ls /sys/class/net; ping -c 1 -W 1 127.0.0.1 >/dev/null && echo loopback works'
	eq "interfaces" "$OUT" $'lo\nloopback works'
}

# Joining by path: every kind that a plain container can join is the one named.
test_join_by_path() {
	local pid n type
	local -A types=([net]=network [ipc]=ipc [uts]=uts [pid]=pid [cgroup]=cgroup [mnt]=mount)
	bundle b '.process.args = ["sleep", "1000"] | .hostname = "first"'
	ok cede run -d -b b "$TAG-a"
	pid=$(pid_of "$TAG-a")
	for n in net ipc uts pid cgroup; do
		type=${types[$n]}
		bundle "j$n" ".process.args = [\"readlink\", \"/proc/self/ns/$n\"] | del(.hostname)
			| .linux.namespaces |= map(if .type == \"$type\" then .path = \"/proc/$pid/ns/$n\" else . end)"
		ok cede run -b "j$n" "$TAG-j"
		eq "joined $n namespace" "$OUT" "$(ns_of "$pid" $n)"
	done
	ok cede delete -f "$TAG-a"
}

# A bundle that joins network, ipc and uts of another (a pod) has its host name and its loopback.
test_join_pod() {
	local pid
	bundle b '.process.args = ["sleep", "1000"] | .hostname = "pod"'
	ok cede run -d -b b "$TAG-a"
	pid=$(pid_of "$TAG-a")
	bundle c ".process.args = [\"hostname\"] | del(.hostname)
		| .linux.namespaces |= map(({network: \"net\", ipc: \"ipc\", uts: \"uts\"}[.type]) as \$n | if \$n then .path = \"/proc/$pid/ns/\" + \$n else . end)"
	ok cede run -b c "$TAG-b"
	eq hostname "$OUT" pod
	ok cede delete -f "$TAG-a"
}

# A namespace bound to a file (as `ip netns` does) is joined through it.
test_join_bound_file() {
	local want
	: >net
	unshare --net="$T/net" true
	want=$(nsenter --net="$T/net" readlink /proc/self/ns/net)
	bundle b ".process.args = [\"readlink\", \"/proc/self/ns/net\"] | .linux.namespaces |= map(if .type == \"network\" then .path = \"$T/net\" else . end)"
	run cede run -b b "$TAG-a"
	umount net
	eq "exit status" "$STATUS" 0
	eq "network namespace" "$OUT" "$want"
}

# A mount namespace joined by path: the program and what is executed later are in that very one.
test_join_mount_namespace() {
	local pid want
	unshare -m sleep 1000 &
	pid=$!
	eventually 5 grep -q sleep "/proc/$pid/comm"
	bundle b ".process.args = [\"readlink\", \"/proc/self/ns/mnt\"] | .linux.namespaces |= map(if .type == \"mount\" then .path = \"/proc/$pid/ns/mnt\" else . end)"
	want=$(ns_of "$pid" mnt)
	ok cede run -b b "$TAG-a"
	eq "mount namespace" "$OUT" "$want"
	kill -KILL "$pid"
	unshare -m sleep 1000 & # the root of the first one is the container's now
	pid=$!
	eventually 5 grep -q sleep "/proc/$pid/comm"
	want=$(ns_of "$pid" mnt)
	config b ".process.args = [\"sleep\", \"1000\"] | .linux.namespaces |= map(if .type == \"mount\" then .path = \"/proc/$pid/ns/mnt\" else . end)"
	ok cede run -d -b b "$TAG-a"
	ok cede exec "$TAG-a" sh -c 'readlink /proc/self/ns/mnt; ls -d /bin/busybox; ls -d "$0" 2>&1 || :' "$T"
	like "what exec finds" "${OUT#"$want"}" "^"$'\n/bin/busybox\nls: '
	ok cede delete -f "$TAG-a"
	kill -KILL "$pid"
}

# in_callers_mountns JQ-FILTER: a container that lives in the mount namespace of who calls cede, where nothing
# changes, has its own root and mounts all the same, and so has what is executed in it.
in_callers_mountns() {
	local own pid before
	own=$(ns_of self mnt)
	rm -rf b
	bundle b ".process.args = [\"sleep\", \"1000\"] | $1"
	touch b/rootfs/here
	before=$(mounts)
	ok cede create -b b "$TAG-a"
	pid=$(pid_of "$TAG-a")
	eq "mount namespace" "$(ns_of "$pid" mnt)" "$own"
	ok cede exec "$TAG-a" ls /here
	ok cede start "$TAG-a"
	eventually 5 grep -q sleep "/proc/$pid/comm"
	eq "mount namespace" "$(ns_of "$pid" mnt)" "$own"
	ok cede exec "$TAG-a" sh -c 'readlink /proc/self/ns/mnt; pwd; cd ../../..; cd ..; ls -d here dev/shm; stat -f -c %T /proc /dev /sys
		touch /proc/sys/kernel/domainname 2>&1; ls -A /sys/firmware; touch /new; [ ! -e "$0" ] || echo "the host is there"' "$T"
	eq "what a process in it finds" "$OUT" "$own"$'\n/\ndev/shm\nhere\nproc\ntmpfs\nsysfs\ntouch: /proc/sys/kernel/domainname: Read-only file system'
	[ -e b/rootfs/new ] || die "the container's root is not the bundle's"
	eq "the caller's mounts" "$(mounts)" "$before"
	ok cede kill "$TAG-a" KILL
	eventually 5 is_status "$TAG-a" stopped
	ok cede delete "$TAG-a"
	eq "the caller's mounts" "$(mounts)" "$before"
}

# No mount namespace asked for: the caller's (config-linux.md, Namespaces). Its root and its mounts stay as they
# are, also where it is named by its path.
test_inherit_mount_namespace() {
	in_callers_mountns '.linux.namespaces |= map(select(.type != "mount"))'
	in_callers_mountns '.linux.namespaces |= map(if .type == "mount" then .path = "/proc/self/ns/mnt" else . end)'
	bundle c 'del(.linux, .hostname, .mounts) | .process.args = ["sh", "-c", "echo /*; ls /dev"]'
	ok cede run -b c "$TAG-a"
	like "a document without linux" "$OUT" '/bin /dev .*null.*zero'
	config c '.linux.rootfsPropagation = "unbindable"'
	fails 1 'unbindable' cede run -b c "$TAG-a"
	bundle d '.linux.namespaces |= map(select(.type != "mount")) + [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}]
		| .linux.gidMappings = .linux.uidMappings'
	fails 1 'linux.namespaces: with a user namespace there must be a mount namespace' cede run -b d "$TAG-a"
}

# A user namespace with mappings: root inside is an ordinary id outside; files belong to it.
# needs: root userns
test_user_namespace() {
	local id=$TAG-a pid
	bundle b '.process.args = ["sh", "-c", "cat /proc/self/uid_map; id -u; touch /tmp/file; exec sleep 1000"]
		| .linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}]
		| .linux.gidMappings = [{"containerID": 0, "hostID": 200000, "size": 65536}]'
	chown -R 100000:200000 b/rootfs
	cede create -b b "$id" >out 2>err || die "create: $(cat err)"
	ok cede start "$id"
	pid=$(pid_of "$id")
	eventually 5 test -e b/rootfs/tmp/file
	[ "$(ns_of "$pid" user)" != "$(ns_of self user)" ] || die "no user namespace of its own"
	eq "map and id" "$(tr -s ' ' <out)" $' 0 100000 65536\n0'
	eq "uid outside" "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" 100000
	eq "gid outside" "$(awk '/^Gid:/ { print $2 }' "/proc/$pid/status")" 200000
	eq "owner of its file" "$(stat -c %u:%g b/rootfs/tmp/file)" 100000:200000
	ok cede exec "$id" readlink /proc/self/ns/user
	eq "exec's user namespace" "$OUT" "$(ns_of "$pid" user)"
	ok cede delete -f "$id"
}

# A user namespace joined by path, with the network namespace it owns.
# needs: root userns
test_join_user_namespace() {
	local pid
	bundle b '.process.args = ["sleep", "1000"] | .linux.namespaces += [{"type": "user"}]
		| .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
	chown -R 100000:100000 b/rootfs
	ok cede run -d -b b "$TAG-a"
	pid=$(pid_of "$TAG-a")
	bundle c ".process.args = [\"sh\", \"-c\", \"readlink /proc/self/ns/user; readlink /proc/self/ns/net\"]
		| .linux.namespaces |= map(if .type == \"network\" then .path = \"/proc/$pid/ns/net\" else . end)
		| .linux.namespaces += [{\"type\": \"user\", \"path\": \"/proc/$pid/ns/user\"}]"
	chown -R 100000:100000 c/rootfs
	run cede run -b c "$TAG-b"
	eq "exit status" "$STATUS" 0
	eq "namespaces" "$OUT" "$(ns_of "$pid" user)"$'\n'"$(ns_of "$pid" net)"
	ok cede delete -f "$TAG-a"
}

# A time namespace: new with offsets, and joined by path.
# needs: root timens
test_time_namespace() {
	local host pid
	host=$(cut -d. -f1 /proc/uptime)
	bundle b '.process.args = ["sh", "-c", "cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets; exec sleep 1000"]
		| .linux.namespaces += [{"type": "time"}] | .linux.timeOffsets = {"boottime": {"secs": 1000000}, "monotonic": {"secs": 5000, "nanosecs": 7}}'
	cede run -d -b b "$TAG-a" >out 2>err || die "run: $(cat err)"
	eventually 5 grep -q boottime out
	at_least "uptime inside" "$(head -n 1 out)" $((host + 1000000))
	like "offsets" "$(tr -s ' ' <out)" 'monotonic 5000 7.*boottime 1000000 0'
	pid=$(pid_of "$TAG-a")
	[ "$(ns_of "$pid" time)" != "$(ns_of self time)" ] || die "no time namespace of its own"
	bundle c ".process.args = [\"cut\", \"-d.\", \"-f1\", \"/proc/uptime\"] | .linux.namespaces += [{\"type\": \"time\", \"path\": \"/proc/$pid/ns/time\"}]"
	ok cede run -b c "$TAG-b"
	at_least "uptime in the joined one" "$OUT" $((host + 1000000))
	ok cede delete -f "$TAG-a"
}

# Nonsense about namespaces is refused by name.
test_refusals() {
	local pid
	bundle b '.linux.namespaces += [{"type": "banana"}]'
	fails 1 'linux.namespaces.*banana' cede run -b b "$TAG-a"
	bundle c '.linux.namespaces += [{"type": "pid"}]'
	fails 1 'linux.namespaces' cede run -b c "$TAG-a"
	bundle d '.linux.namespaces |= map(if .type == "network" then .path = "/no/such/ns" else . end)'
	fails 1 '/no/such/ns' cede run -b d "$TAG-a"
	bundle e '.linux.namespaces |= map(if .type == "network" then .path = "/etc/passwd" else . end)'
	fails 1 '/etc/passwd' cede run -b e "$TAG-a"
	bundle f ".linux.namespaces |= map(if .type == \"network\" then .path = \"/proc/self/ns/uts\" else . end)"
	fails 1 '/proc/self/ns/uts' cede run -b f "$TAG-a"
	bundle g '.linux.uidMappings = [{"containerID": 0, "hostID": 1000, "size": 1}]'
	fails 1 'uidMappings' cede run -b g "$TAG-a"
	bundle h '.linux.namespaces |= map(select(.type != "uts")) | .hostname = "x"'
	fails 1 'hostname' cede run -b h "$TAG-a"
}
