# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Without the machine's privileges: as root of a user namespace (what a rootless engine calls cede as),
# and as an ordinary user.

# as_user COMMAND...: uid and gid 65534, nothing else; cede keeps its state in $XDG_RUNTIME_DIR.
as_user() {
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
		env XDG_RUNTIME_DIR="$T/run" HOME="$T" "$@"
}
in_userns() { as_user unshare --user --map-root-user --mount "$@"; }

# with_map FILE COMMAND...: root of a user and mount namespace in which uids and gids are mapped as FILE
# says; that may have many lines. $DENY: without setgroups; $AS: what it is called with.
with_map() {
	local map=$1 pid own rc=0
	shift
	own=$(readlink /proc/self/ns/user)
	rm -f go
	mkfifo go
	${AS:-} unshare --user --mount sh -c 'read -r x <go; exec "$@"' - "$@" &
	pid=$!
	is_apart() { [ "$(readlink "/proc/$pid/ns/user")" != "$own" ]; }
	eventually 10 is_apart
	[ -z "${DENY:-}" ] || echo deny >"/proc/$pid/setgroups"
	dd if="$map" of="/proc/$pid/uid_map" bs=1M status=none
	dd if="$map" of="/proc/$pid/gid_map" bs=1M status=none
	echo >go
	wait $pid || rc=$?
	return $rc
}

user_bundle() {
	mkdir -p run
	bundle b "del(.linux.resources) | .linux.namespaces |= map(select(.type != \"network\")) |
		.mounts |= map(select(.type != \"sysfs\" and .type != \"cgroup\")) |
		.mounts[] |= (if .type == \"devpts\" then .options -= [\"gid=5\"] else . end) | ${1:-.}"
	chmod 755 "$T"
	chown -R 65534:65534 b run
	install -m 755 "$CEDE" cede
}

# Root of a user namespace: the host's device nodes are bound, groups stay as they are, there is no
# cgroup but a warning, state is in the user's directory; nothing is left.
# needs: root userns command:setpriv
# timeout: 40
test_in_userns() {
	user_bundle '.process.args = ["sh", "-c", "id -u; echo x >/dev/null && echo null works; cat /proc/1/comm"]'
	ok in_userns ./cede run -b b "$TAG-a"
	eq "output" "$OUT" $'0\nnull works\ncat'
	like "the warning" "$ERR" "warning: cgroup .*: not permitted: the container has no cgroup"
	[ -d run/cede ] || die "the state was elsewhere"
	eq "what is left" "$(find run/cede -mindepth 1 -maxdepth 1 ! -name '.*')" ""
	config b '.linux.resources.memory.limit = 100000000'
	fails 1 "config.json: linux.resources.memory.limit: no cgroup can be made here without privileges" \
		in_userns ./cede run -b b "$TAG-a"
	config b 'del(.linux.resources) | .process.user.additionalGids = [5]'
	fails 1 "config.json: process.user.additionalGids: group 5 cannot be set: this user namespace denies setgroups$" \
		in_userns ./cede run -b b "$TAG-a"
	eq "what is left" "$(find run/cede -mindepth 1 -maxdepth 1 ! -name '.*')" ""
}

# `launch` there: no group for terminals, which is not mapped, and no groups to be set.
# needs: root userns command:setpriv
test_in_userns_launch() {
	mkdir -p run mine
	chmod 755 "$T"
	install -m 755 "$CEDE" cede
	chown 65534:65534 run mine
	launched() { (cd mine && "$@" ../cede launch -q -- sh -c 'id -u; touch here; chrt -p $$; stat -c %g /dev/pts/ptmx'); }
	ok launched in_userns
	like "output" "$OUT" $'^0\n.*SCHED_IDLE\n.*\n0$'
	eq "whose file it is" "$(stat -c %u mine/here)" 65534
	# With groups of the caller, which stay.
	ok launched setpriv --reuid 65534 --regid 65534 --groups 4,27 --inh-caps=-all \
		env XDG_RUNTIME_DIR="$T/run" HOME="$T" unshare --user --map-root-user --mount
	eq "what is left" "$(find run/cede -mindepth 1 -type d ! -name '.*')" ""
}

# A map of so many lines that it takes more than a page: it is still a user namespace, the state is in the
# user's directory, and the devices are the host's.
# needs: root userns command:setpriv
test_in_userns_of_many_ranges() {
	user_bundle '.process.args = ["sh", "-c", "id -u; echo x >/dev/null && echo null works"]'
	for ((n = 0; n < 340; n++)); do echo "$n $((65534 + n)) 1"; done >map
	AS="setpriv --reuid 65534 --regid 65534 --clear-groups" ok with_map map env XDG_RUNTIME_DIR="$T/run" ./cede run -b b "$TAG-a"
	eq "output" "$OUT" $'0\nnull works'
	[ -d run/cede ] || die "the state was elsewhere"
	nothing_left
}

# Groups that the process has without being given them: its own (an image whose group file says
# "root:x:0:root"), and those of the caller. What is not mapped is none of them.
# needs: root userns command:setpriv
# timeout: 40
test_groups_kept() {
	user_bundle '.process.args = ["id", "-u"] | .process.user.additionalGids = [0]'
	ok in_userns ./cede run -b b "$TAG-a"
	config b '.process.user.additionalGids = [0, 65534]'
	fails 1 "additionalGids: group 65534 cannot be set" in_userns ./cede run -b b "$TAG-a"
	rm -r b
	own_bundle '.process.args = ["sh", "-c", "exec sleep 1000"] | .process.user.additionalGids = [0]'
	ok as_user ./cede run -d -b b "$TAG-d"
	ok as_user ./cede exec -g 0 "$TAG-d" id -u
	fails 1 "group 7 cannot be set: this user namespace denies setgroups" as_user ./cede exec -g 7 "$TAG-d" true
	ok as_user ./cede delete -f "$TAG-d"
	# A group of the caller that is mapped in a namespace that denies setgroups all the same.
	config b '.process.args = ["id", "-G"] | .process.user.additionalGids = [4]'
	config b '.linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings)'
	echo 0 0 10 >map
	DENY=1 AS="setpriv --groups 4" ok with_map map ./cede --root "$T/other" run -b b "$TAG-e"
	eq "its groups" "$OUT" "0 4"
	nothing_left
}

# --- an ordinary user ------------------------------------------------------------------------------

# own_bundle [JQ-FILTER]: of an ordinary user, from `cede spec --rootless`; 'b' is his.
own_bundle() {
	mkdir -p run b
	chmod 755 "$T"
	install -m 755 "$CEDE" cede
	cp -a "$ROOTFS" b/rootfs
	chown -R 65534:65534 b run
	ok as_user ./cede spec --rootless -b b
	config b ".process.terminal = false | ${1:-.}"
}
nothing_left() { eq "what is left" "$(find run -mindepth 2 -maxdepth 2 ! -name ".*")" ""; }
# The container is in the idle class and its session's autogroup, if there are any, yields.
is_secondary() {
	like "its class" "$(chrt -p "$1")" "SCHED_IDLE"
	[ ! -e "/proc/$1/autogroup" ] || like "its autogroup" "$(cat "/proc/$1/autogroup")" " nice 19$"
}
own_pid() { as_user ./cede state "$1" | jq -r .pid; }
own_status() { as_user ./cede state "$1" | jq -r .status; }
own_status_is() { [ "$(own_status "$1")" = "$2" ]; }

# One capability or the other makes him no other user.
# needs: root userns command:setpriv cap:sys_admin
test_ordinary_user_with_capability() {
	local one
	own_bundle '.process.args = ["id", "-u"]'
	for one in sys_admin setuid; do
		ok setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps "-all,+$one" --ambient-caps "-all,+$one" \
			env XDG_RUNTIME_DIR="$T/run" HOME="$T" ./cede run -b b "$TAG-a"
		eq "output" "$OUT" 0
	done
	config b '.linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings)'
	fails 1 "an ordinary user's container needs a user namespace" \
		setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all,+sys_admin --ambient-caps -all,+sys_admin \
		env XDG_RUNTIME_DIR="$T/run" HOME="$T" ./cede run -b b "$TAG-a"
	nothing_left
}

# Everything from create to delete, with one's own id alone: no helper program is asked for.
# needs: root userns command:setpriv
# timeout: 60
test_ordinary_user() {
	local pid
	own_bundle '.process.args = ["sh", "-c", "echo x >/dev/null && exec sleep 1000"]'
	mount --bind /dev/null /usr/bin/newuidmap 2>/dev/null || true
	ok as_user ./cede create -b b --pid-file run/pid "$TAG-a"
	like "the warning" "$ERR" "warning: cgroup .*$TAG-a: not permitted: the container has no cgroup"
	fails 1 "container .* is not started yet: an ordinary user cannot exec in it before" as_user ./cede exec "$TAG-a" true
	ok as_user ./cede start "$TAG-a"
	pid=$(own_pid "$TAG-a")
	eq "the pid file" "$(cat run/pid)" "$pid"
	eventually 10 grep -q sleep "/proc/$pid/comm"
	is_secondary "$pid"
	eq "its map" "$(tr -s ' ' <"/proc/$pid/uid_map")" " 0 65534 1"
	eq "its groups" "$(cat "/proc/$pid/setgroups")" "deny"
	ok as_user ./cede exec "$TAG-a" sh -c 'id -u; cat /proc/1/comm; ls /proc/self/fd | wc -l; set -- $(cat /proc/self/stat); [ $1 = $6 ] || [ $6 != 0 ] && echo session'
	eq "exec" "$OUT" $'0\nsleep\n4\nsession'
	run as_user ./cede exec "$TAG-a" sh -c 'exit 7'
	eq "the status of exec" "$STATUS" 7
	ok as_user ./cede exec -d --pid-file run/pid2 "$TAG-a" sleep 1000
	eventually 10 grep -q sleep "/proc/$(cat run/pid2)/comm"
	is_secondary "$(cat run/pid2)"
	fails 127 "nothere" as_user ./cede exec "$TAG-a" nothere
	fails 1 "has no cgroup: it cannot be paused" as_user ./cede pause "$TAG-a"
	fails 1 "has no cgroup: it has no limits" as_user ./cede update --memory 100M "$TAG-a"
	fails 1 "an ordinary user's container cannot be checkpointed or restored: CRIU needs root's privileges for that$" as_user ./cede checkpoint "$TAG-a"
	fails 1 "has no cgroup: nothing is counted" as_user ./cede events --stats "$TAG-a"
	like "list" "$(as_user ./cede list)" "$TAG-a .*running"
	ok as_user ./cede kill "$TAG-a" KILL
	eventually 10 own_status_is "$TAG-a" stopped
	ok as_user ./cede delete "$TAG-a"
	ok as_user ./cede run -d -b b "$TAG-b"
	ok as_user ./cede delete -f "$TAG-b"
	umount /usr/bin/newuidmap 2>/dev/null || true
	nothing_left
}

# A terminal, and the exit status.
# needs: root userns command:setpriv
test_ordinary_user_terminal() {
	own_bundle '.process.terminal = true | .process.args = ["sh", "-c", "test -t 0 && exit 5"]'
	install -m 755 "$HELPERS/pty" pty # where the sources are, he may not be let in
	run as_user ./pty ./cede run -b b "$TAG-a"
	eq "the status" "$STATUS" 5
	nothing_left
}

# What takes more than a user's power is refused by name, and nothing is left.
# needs: root userns command:setpriv
# timeout: 60
test_ordinary_user_limits() {
	local refused
	own_bundle '.process.args = ["true"]'
	cp b/config.json good.json
	while read -r -d @ filter && read -r refused; do
		jq "$filter" good.json >b/config.json
		fails 1 "$refused" as_user ./cede run -b b "$TAG-a"
		nothing_left
	done <<-'END'
		.linux.namespaces |= map(select(.type != "user")) | del(.linux.uidMappings, .linux.gidMappings) @ linux.namespaces: an ordinary user's container needs a user namespace \('cede spec --rootless' has one\)$
		.linux.namespaces |= map(select(.type != "mount")) @ linux.namespaces: an ordinary user's container needs a new mount namespace$
		(.linux.namespaces[] | select(.type == "mount")).path = "/proc/self/ns/mnt" @ needs a new mount namespace$
		(.linux.namespaces[] | select(.type == "pid")).path = "/proc/self/ns/pid" @ pid namespace /proc/self/ns/pid: an ordinary user's container cannot join one$
		.linux.namespaces += [{type: "network", path: "/proc/self/ns/net"}] @ join the network namespace: Operation not permitted$
		.linux.netDevices = {lo: {}} | .linux.namespaces += [{type: "network"}] @ linux.netDevices: an ordinary user cannot give a network device away$
		.linux.resources.memory.limit = 100000000 @ config.json: linux.resources.memory.limit: no cgroup can be made here without privileges
		.process.oomScoreAdj = -500 @ config.json: process.oomScoreAdj: .*Permission denied$
		.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1048576000, hard: 1048576000}] @ config.json: process.rlimits\[0\]:
		.process.user.additionalGids = [0, 5] @ config.json: process.user.additionalGids: group 5 cannot be set: this user namespace denies setgroups$
		.process.user.uid = 1 @ config.json: process.user.uid: 1 is not mapped in the user namespace$
		.process.user.gid = 2 @ config.json: process.user.gid: 2 is not mapped in the user namespace$
		.mounts += [{destination: "/m", source: "/", type: "bind", options: ["bind", "idmap"]}] @ config.json: mounts\[[0-9]\] \(/m\): an ordinary user cannot id-map a mount
		.mounts += [{destination: "/m", source: "/", options: ["bind"], uidMappings: .linux.uidMappings, gidMappings: .linux.gidMappings}] @ \(/m\): an ordinary user cannot id-map a mount
		(.linux.namespaces[] | select(.type == "user")).path = "/proc/self/ns/user" | del(.linux.uidMappings, .linux.gidMappings) @ user namespace /proc/self/ns/user is the caller's: an ordinary user's container needs another one$
		.linux.namespaces |= map(select(.type != "pid")) @ mount /proc: a container with a user namespace cannot mount proc without a new pid namespace: the other is the host's$
		.linux.namespaces |= map(select(.type != "ipc")) @ mount /dev/mqueue: a container with a user namespace cannot mount mqueue without a new ipc namespace: the other is the host's$
		.linux.uidMappings[0].hostID = 0 @ config.json: linux.uidMappings: newuidmap: uid range \[0-1\) -> \[0-1\) not allowed \(exit status 1\); /etc/subuid says which ids user 65534 may map$
		.linux.gidMappings += [{containerID: 1, hostID: 1, size: 10}] @ config.json: linux.gidMappings: newgidmap: gid range .* not allowed .*/etc/subgid says which ids user 65534 may map$
		.linux.uidMappings = [] @ linux.uidMappings
	END
}

# Where a user has ranges of ids, newuidmap and newgidmap map them. /etc is this test's own.
# needs: root userns command:setpriv command:newuidmap
# timeout: 60
test_ordinary_user_ranges() {
	own_bundle '.process.args = ["sh", "-c", "id; touch /dev/shm/x; stat -c %u:%g /dev/shm/x; cat /proc/self/setgroups"] |
		.linux.uidMappings = [{containerID: 0, hostID: 65534, size: 1}, {containerID: 1, hostID: 300000, size: 1000}] |
		.linux.gidMappings = .linux.uidMappings | .process.user = {uid: 5, gid: 6, additionalGids: [7]}'
	cp -a /etc etc
	echo nobody:300000:1000 | tee etc/subuid >etc/subgid
	mount --bind etc /etc
	ok as_user ./cede run -b b "$TAG-a"
	eq "output" "$OUT" $'uid=5 gid=6 groups=7\n5:6\nallow'
	# Root is another one's id, too; exec finds it.
	config b '.linux.uidMappings = [{containerID: 0, hostID: 300000, size: 1000}] | .linux.gidMappings = .linux.uidMappings |
		.process.args = ["sh", "-c", "exec sleep 1000"]'
	ok as_user ./cede run -d -b b "$TAG-a"
	eq "whose process it is" "$(stat -c %u "/proc/$(own_pid "$TAG-a")")" 300005
	ok as_user ./cede exec -u 9:8 -g 3 "$TAG-a" id
	eq "exec" "$OUT" "uid=9 gid=8 groups=3,7"
	ok as_user ./cede kill "$TAG-a" KILL
	eventually 10 own_status_is "$TAG-a" stopped
	ok as_user ./cede delete "$TAG-a"
	config b '.process.user.additionalGids = [7, 1000]'
	fails 1 "config.json: process.user.additionalGids: 1000 is not mapped in the user namespace$" as_user ./cede run -b b "$TAG-a"
	config b '.process.user.additionalGids = []'
	fails 1 "config.json: linux.gidMappings: newgidmap\(1\) has no power to map ids here: cede was called with no_new_privs$" \
		as_user setpriv --no-new-privs ./cede run -b b "$TAG-a"
	# Beyond the range; a helper that fails without a word; none.
	config b '.linux.uidMappings[0].size = 1001'
	fails 1 "linux.uidMappings: newuidmap: uid range \[0-1001\) -> \[300000-301001\) not allowed" as_user ./cede run -b b "$TAG-a"
	config b '.linux.uidMappings[0].size = 1000'
	mount --bind /bin/false /usr/bin/newuidmap
	fails 1 "linux.uidMappings: newuidmap: no message \(exit status 1\)" as_user ./cede run -b b "$TAG-a"
	mount --bind /dev/null /usr/bin/newuidmap
	printf '#!/bin/sh\ntouch run/taken\n' >newuidmap
	chmod 755 newuidmap
	fails 1 "linux.uidMappings: an ordinary user maps other ids than his own with newuidmap\(1\), which is not installed \(package uidmap\)$" \
		as_user env PATH="$T:$PATH" ./cede run -b b "$TAG-a"
	[ ! -e run/taken ] || die "a newuidmap of PATH was executed"
	umount /usr/bin/newuidmap
	umount /usr/bin/newuidmap
	umount /etc
	nothing_left
}

# A helper that hangs (it asks a directory service, say) is given up at ^C.
# needs: root userns command:setpriv command:newuidmap
test_ordinary_user_ranges_interrupted() {
	local pid
	own_bundle '.process.args = ["true"] | .linux.uidMappings = [{containerID: 0, hostID: 300000, size: 1000}]'
	mkfifo hangs
	printf '#!/bin/sh\necho >%s/hangs\nexec sleep 1000\n' "$T" >helper
	chmod 755 helper
	chmod 666 hangs
	mount --bind helper /usr/bin/newuidmap
	(exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
		env --default-signal=INT XDG_RUNTIME_DIR="$T/run" HOME="$T" ./cede run -b b "$TAG-a" >out 2>&1 </dev/null) &
	pid=$!
	read -r _ <hangs
	kill -INT $pid
	eventually 10 gone $pid
	wait $pid || STATUS=$?
	eq "the status" "$STATUS" 130
	umount /usr/bin/newuidmap
	nothing_left
}

# In a group that was delegated to the user the container has one of its own: it can be paused, all
# its processes signalled, and it goes with the container. Limits need a controller.
# needs: root userns command:setpriv
# timeout: 60
test_ordinary_user_cgroup() {
	local group="$CG/$TAG-own"
	[ -n "$CG" ] || skip "no cgroup2"
	own_bundle '.process.args = ["sh", "-c", "exec sleep 1000"]'
	mkdir "$group"
	chown 65534:65534 "$group" "$group"/cgroup.{procs,threads,subtree_control}
	in_group() { (echo 0 >"$group/cgroup.procs" && as_user "$@"); }
	ok in_group ./cede run -d -b b "$TAG-a"
	eq "warnings" "$ERR" ""
	[ -d "$group/$TAG-a" ] || die "no group was made"
	eq "its process" "$(cat "$group/$TAG-a/cgroup.procs")" "$(own_pid "$TAG-a")"
	is_secondary "$(own_pid "$TAG-a")"
	ok in_group ./cede pause "$TAG-a"
	eq "its status" "$(own_status "$TAG-a")" paused
	ok as_user ./cede resume "$TAG-a"
	ok in_group ./cede exec -d --pid-file run/pid2 "$TAG-a" sleep 1000
	eq "its processes" "$(wc -l <"$group/$TAG-a/cgroup.procs")" 2
	eq "ps" "$(as_user ./cede ps -f json "$TAG-a" | jq length)" 2
	ok as_user ./cede events --stats "$TAG-a"
	fails 1 "memory" in_group ./cede update --memory 100M "$TAG-a"
	ok as_user ./cede kill --all "$TAG-a" KILL
	eventually 10 own_status_is "$TAG-a" stopped
	ok as_user ./cede delete "$TAG-a"
	[ ! -e "$group/$TAG-a" ] || die "the group was left"
	config b '.linux.resources.memory.limit = 100000000'
	fails 1 "config.json: linux.resources.memory.limit: .*controller" in_group ./cede run -b b "$TAG-a"
	nothing_left
	eventually 10 rmdir "$group"
}

# A cgroup namespace and a writable cgroup mount ask for the group to be the container's; a user cannot
# give his to another id, and the container runs all the same.
# needs: root userns command:setpriv command:newuidmap
test_ordinary_user_cgroup_owner() {
	local group="$CG/$TAG-own"
	[ -n "$CG" ] || skip "no cgroup2"
	own_bundle '.process.args = ["sh", "-c", "exec sleep 1000"] |
		.linux.uidMappings = [{containerID: 0, hostID: 300000, size: 1000}] | .linux.gidMappings = .linux.uidMappings |
		.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev"]}]'
	cp -a /etc etc
	echo nobody:300000:1000 | tee etc/subuid >etc/subgid
	mount --bind etc /etc
	mkdir "$group"
	chown 65534:65534 "$group" "$group"/cgroup.{procs,threads,subtree_control}
	in_group() { (echo 0 >"$group/cgroup.procs" && as_user "$@"); }
	ok in_group ./cede --debug run -d -b b "$TAG-a"
	like "messages" "$ERR" "give cgroup file . to user 300000: Operation not permitted"
	eq "its process" "$(cat "$group/$TAG-a/cgroup.procs")" "$(own_pid "$TAG-a")"
	eq "whose group it is" "$(stat -c %u "$group/$TAG-a" "$group/$TAG-a/cgroup.procs" | sort -u)" 65534
	ok in_group ./cede delete -f "$TAG-a"
	umount /etc
	nothing_left
	eventually 10 rmdir "$group"
}

# Nobody has said where a user's containers are.
# needs: root userns command:setpriv
test_ordinary_user_root() {
	own_bundle '.process.args = ["true"]'
	fails 1 'XDG_RUNTIME_DIR is not set, and /run/user/65534/cede cannot be made: Permission denied; name a directory for the containers with --root$' \
		as_user env -u XDG_RUNTIME_DIR ./cede run -b b "$TAG-a"
	ok as_user env -u XDG_RUNTIME_DIR ./cede list -q
	eq "containers" "$OUT" ""
	ok as_user env -u XDG_RUNTIME_DIR ./cede --root "$T/run/other" run -b b "$TAG-a"
	fails 1 '--rootless: unknown value "maybe"' as_user ./cede --rootless maybe list
}

# A directory of that name that another user has made first, or may write to, is not believed: hooks of the
# states in it would run as whoever looks at them.
# needs: root userns command:setpriv
test_ordinary_user_root_of_another() {
	local verb
	own_bundle '.process.args = ["true"]'
	mkdir -m 1777 shared
	mkdir -m 755 shared/cede
	chown 65533:65533 shared/cede
	shared() { as_user env XDG_RUNTIME_DIR="$T/shared" "$@"; }
	for verb in "run -b b $TAG-a" "state $TAG-a" "delete $TAG-a" "delete -f $TAG-a" "kill $TAG-a" "list"; do
		# shellcheck disable=SC2086 # words
		fails 1 "state root $T/shared/cede belongs to user 65533, whose hooks would run as user 65534: remove it, or name another directory with --root$" \
			shared ./cede $verb
	done
	eq "what is in it" "$(find shared/cede -mindepth 1)" ""
	chown 65534:65534 shared/cede
	chmod 777 shared/cede
	fails 1 "state root $T/shared/cede can be written to by others \(mode 0777\)" shared ./cede list
	chmod 711 shared/cede
	ok shared ./cede run -b b "$TAG-a"
	# Who names it has chosen it.
	chmod 777 shared/cede
	ok shared ./cede --root "$T/shared/cede" run -b b "$TAG-a"
}

# Root of a user namespace is told the same, with the number that the machine knows him by; where /run is
# his own, as in a system container, his containers are there.
# needs: root userns command:setpriv
test_in_userns_root() {
	user_bundle '.process.args = ["true"]'
	fails 1 'XDG_RUNTIME_DIR is not set, and /run/user/65534/cede cannot be made: Permission denied; name a directory for the containers with --root$' \
		in_userns env -u XDG_RUNTIME_DIR ./cede run -b b "$TAG-a"
	ok in_userns env -u XDG_RUNTIME_DIR ./cede list -q
	eq "containers" "$OUT" ""
	# shellcheck disable=SC2016 # the shell's in the namespace
	ok in_userns env -u XDG_RUNTIME_DIR sh -c 'mount -t tmpfs tmpfs /run && ./cede run -b b "$1" && ls /run' - "$TAG-a"
	eq "what is in /run" "$OUT" cede
}

# The pid namespace of another container (a pod's, below a rootless engine): our own is the host's, to which
# root of a user namespace does not come back. Hooks run in it all the same.
# needs: root userns command:setpriv
# timeout: 40
test_joined_pid_namespace() {
	user_bundle '.process.args = ["sleep", "1000"]'
	bundle c '.process.args = ["sh", "-c", "cat /proc/1/comm; test $$ -gt 1"]'
	jq -s '.[0] + {process: (.[0].process + {args: .[1].process.args})} |
		.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "readlink /proc/self/ns/pid >hook"]}]' \
		b/config.json c/config.json >both
	mv both c/config.json
	chown -R 65534:65534 c
	cat >pod <<-'S'
		set -eu
		./cede run -d -b b "$1-a"
		path=/proc/$(./cede state "$1-a" | jq .pid)/ns/pid
		jq --arg p "$path" '(.linux.namespaces[] | select(.type == "pid")).path = $p' c/config.json >c/joins
		mv c/joins c/config.json
		status=0
		./cede run -b c "$1-b" || status=$?
		./cede delete -f "$1-a"
		exit $status
	S
	chmod 755 pod
	ok in_userns bash pod "$TAG"
	eq "number 1" "$OUT" sleep
	eq "the hook's pid namespace" "$(cat c/hook)" "$(readlink /proc/self/ns/pid)"
	eq "what is left" "$(find run/cede -mindepth 1 -maxdepth 1 ! -name '.*')" ""
}

# `launch`: the user himself, in the idle class, his directory writable and the rest not; said in a line
# that he has no scheduler. Nothing is left.
# needs: root userns command:setpriv
# timeout: 60
test_ordinary_user_launch() {
	mkdir -p run mine
	chmod 755 "$T"
	install -m 755 "$CEDE" cede
	chown 65534:65534 run mine
	mine() { (cd mine && as_user ../cede launch "$@"); }
	ok mine -- sh -c 'id -u; touch here; touch /var/there 2>/dev/null || echo protected; chrt -p $$; cat /proc/self/autogroup 2>/dev/null; exit 0'
	like "output" "$OUT" $'^65534\nprotected\n.*SCHED_IDLE'
	[ ! -e /proc/self/autogroup ] || like "its autogroup" "$OUT" " nice 19"
	like "messages" "$ERR" "runs in the idle class; nobody freezes it for others"
	like "summary" "$ERR" "exit 0 after [0-9.]+ s, used [0-9.]+ CPU-s"
	eq "whose file it is" "$(stat -c %u mine/here)" 65534
	run mine -q --net host -- sh -c 'ls /sys/class/net | wc -l >here; exit 3'
	eq "the status" "$STATUS" 3
	eq "the host's network" "$(cat mine/here)" "$(find /sys/class/net -mindepth 1 | wc -l)"
	ok mine -d -o out -- echo detached
	eventually 20 grep -q detached mine/out
	fails 125 "launch: --user 0: an ordinary user's job runs as himself" mine --user 0 true
	fails 125 "launch: --detach: an ordinary user names a file with --output" mine -d true
	all_ended() { [ -z "$(find run -mindepth 2 -maxdepth 2 ! -name '.*')" ]; }
	eventually 20 all_ended
}

# From a login session, which is beside the user's systemd: the container is in its scope from its first
# instruction on, with limits, whatever the kernel allows to the session.
# needs: systemd command:setpriv
# timeout: 120
# alone
test_ordinary_user_session() {
	local u=65534 pid group both dropin=/run/systemd/system/user@65534.service.d
	mkdir -p $dropin
	printf '[Service]\nEnvironment=XDG_RUNTIME_DIR=/run/user/%s\n' $u >$dropin/50-cede-test.conf # without libpam-systemd
	systemctl daemon-reload
	systemctl start user@$u.service
	own_bundle '.process.args = ["sh", "-c", "cat /sys/fs/cgroup/pids.max; exec sleep 1000"]'
	# His runtime directory is mounted where this test's mount namespace does not see it.
	in_session() {
		nsenter -t 1 -m systemd-run -q --scope --slice=user-$u.slice setpriv --reuid $u --regid $u --clear-groups --inh-caps=-all \
			env -C "$T" XDG_RUNTIME_DIR=/run/user/$u HOME="$T" CEDE_LIBEXEC="$CEDE_LIBEXEC" ./cede --root "$T/run/cede" --systemd-cgroup "$@"
	}
	group=/user.slice/user-$u.slice/user@$u.service/cede.slice/cede-$TAG-a.scope
	own_group() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }
	config b '.linux.resources = {memory: {limit: 104857600}, pids: {limit: 77}}'
	ok in_session create -b b --pid-file run/pid "$TAG-a"
	eq "messages" "$ERR" ""
	pid=$(cat run/pid)
	eq "its group" "$(own_group "$pid")" "$group"
	eq "who is in it" "$(cat "$CG$group/cgroup.procs")" "$pid"
	eq "its limits" "$(cat "$CG$group"/{memory.max,pids.max} | tr '\n' ' ')" "104857600 77 "
	ok in_session start "$TAG-a"
	ok in_session pause "$TAG-a"
	eq "frozen" "$(cat "$CG$group/cgroup.freeze")" 1
	ok in_session resume "$TAG-a"
	ok in_session update --pids-limit 50 "$TAG-a"
	eq "its new limit" "$(cat "$CG$group/pids.max")" 50
	ok in_session exec "$TAG-a" cat /proc/self/cgroup
	eq "where exec is, by its cgroup namespace" "$OUT" "0::/"
	ok in_session delete --force "$TAG-a"
	[ ! -e "$CG$group" ] || die "the group was left"
	# With room for few init would enter by itself.
	config b '.linux.resources = {pids: {limit: 2}} | .process.args = ["cat", "/proc/self/cgroup"]'
	ok in_session run -b b "$TAG-a"
	eq "the root of its cgroup namespace" "$OUT" "0::/"
	# Killed while it waits for systemd: nothing runs on.
	as_user touch run/pid3
	mkdir libexec
	# shellcheck disable=SC2016 # the script's own
	printf '#!/bin/sh\n[ $3 != attach ] || { echo $PPID $$ >>%s/run/pid3; exec sleep 1000; }\nexec %s "$@"\n' "$T" "$CEDE_LIBEXEC/cede-systemd" >libexec/cede-systemd
	chmod 755 libexec/cede-systemd
	CEDE_LIBEXEC="$T/libexec" in_session run -b b "$TAG-a" </dev/null >out 2>&1 &
	eventually 20 test -s run/pid3
	read -ra both <run/pid3
	kill -9 "${both[@]}" # cede and its helper
	wait $! || true
	ok in_session delete --force "$TAG-a"
	[ ! -e "$CG$group" ] || die "the group was left"
	systemctl stop user@$u.service
	rm -r $dropin
	systemctl daemon-reload
}
