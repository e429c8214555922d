# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# checkpoint and restore. What needs a CRIU that works runs in the test machine.

# A bundle with a counting process (crjob), which writes to /tmp/out of its rootfs.
# job DIR [JQ-FILTER] [-- KIND ARG...]
job() {
	local dir=$1 filter=.
	shift
	[ $# = 0 ] || [ "$1" = -- ] || { filter=$1; shift; }
	[ $# = 0 ] || shift
	# shellcheck disable=SC2016 # jq's variables
	bundle "$dir" ".process.args = [\"/bin/crjob\", \"/tmp/out\"] + \$ARGS.positional | $filter" --args -- "$@"
	put "$dir" crjob
}
lines() { wc -l <"$1/rootfs/tmp/out"; }
has_lines() { [ "$(lines "$1")" -ge "$2" ]; }
# The count goes on: at least N more lines, and none is missing or there twice.
goes_on() {
	local n
	eventually 15 has_lines "$1" $(($(lines "$1") + ${2:-5}))
	n=$(lines "$1")
	cmp -s <(head -n "$n" "$1/rootfs/tmp/out") <(seq "$n") ||
		die "the count is broken: $(diff <(head -n "$n" "$1/rootfs/tmp/out") <(seq "$n") | head -n 5)"
}
# start_job DIR ID: runs it detached and waits until it counts. Its output goes to a file outside.
start_job() {
	cede run -d -b "$1" "$2" </dev/null >"$T/said" 2>&1 || die "run: $(cat "$T/said")"
	eventually 10 has_lines "$1" 3
}
# with_path PATH ARGUMENT...: cede with another search path
# shellcheck disable=SC2153 # CEDE and STATUS are lib.sh's
with_path() { /usr/bin/env PATH="$1" "$CEDE" --root "$ROOT" "${@:2}"; }
cgroup_of() { sed -n 's/^0:://p' "/proc/$(pid_of "$1")/cgroup"; }

# A process that counts is written down, is gone, and goes on counting under another id, in the new
# container's group, with nothing lost; and once more.
# needs: root criu
# timeout: 60
test_round_trip() {
	job b
	start_job b "$TAG-a"
	local io
	io=$(ionice -p "$(pid_of "$TAG-a")")
	ok cede checkpoint --image-path "$T/img" --work-path "$T/work" "$TAG-a"
	[ -s work/dump.log ] || die "no dump.log"
	fails 1 'does not exist' cede state "$TAG-a"
	[ ! -e "$(cg_of "$TAG-a")" ] || die "its cgroup is still there"
	local n
	n=$(lines b)
	ok cede restore -d -b b --image-path "$T/img" --work-path "$T/work" "$TAG-b"
	[ -s work/restore.log ] || die "no restore.log"
	eq status "$(status_of "$TAG-b")" running
	eq cgroup "$(cgroup_of "$TAG-b")" "/cede.slice/$TAG-b"
	eq "I/O priority" "$(ionice -p "$(pid_of "$TAG-b")")" "$io"
	goes_on b
	at_least "lines" "$(lines b)" $((n + 1))
	# What exec sees is the container's own cgroup namespace, and its mounts.
	ok cede exec "$TAG-b" cat /proc/self/cgroup
	eq "own cgroup namespace" "$OUT" "0::/"
	ok cede checkpoint --image-path "$T/img2" "$TAG-b"
	ok cede restore -d -b b --image-path "$T/img2" "$TAG-c"
	goes_on b
	ok cede delete -f "$TAG-c"
}

# A container with a NOTIFY_SOCKET: restored it is as ready as it was, also where nobody asks any more.
# needs: root criu
# timeout: 90
test_notify() {
	"$HELPERS/notify" listen "$T/manager" >"$T/heard" 2>&1 &
	eventually 5 grep -q listening "$T/heard"
	job b
	put b notify
	config b '.process.args = ["sh", "-c", "notify send READY=1; exec /bin/crjob /tmp/out"]'
	NOTIFY_SOCKET=$T/manager start_job b "$TAG-a"
	eq heard "$(tail -n +2 heard)" "MAINPID=$(pid_of "$TAG-a") READY=1 "
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	NOTIFY_SOCKET=$T/manager ok cede restore -d -b b --image-path "$T/img" "$TAG-b"
	goes_on b
	eventually 5 eval '[ "$(wc -l <heard)" = 3 ]'
	eq "heard again" "$(tail -n 1 heard)" "MAINPID=$(pid_of "$TAG-b") READY=1 "
	ok cede checkpoint --image-path "$T/img2" "$TAG-b"
	ok cede restore -d -b b --image-path "$T/img2" "$TAG-c"
	goes_on b
	eq "heard when nobody asks" "$(wc -l <heard)" 3
	ok cede checkpoint --image-path "$T/img3" "$TAG-c"
	kill %1
}

# --leave-running, and what a pause means to it: it stays a pause.
# needs: root criu
# timeout: 90
test_leave_running() {
	job b
	start_job b "$TAG-a"
	ok cede checkpoint --leave-running --image-path "$T/img" "$TAG-a"
	eq status "$(status_of "$TAG-a")" running
	goes_on b
	ok cede pause "$TAG-a"
	ok cede checkpoint --leave-running --image-path "$T/img2" "$TAG-a"
	eq status "$(status_of "$TAG-a")" paused
	eventually 5 grep -q 'frozen 1' "$(cg_of "$TAG-a")/cgroup.events"
	local n
	n=$(lines b)
	sleep 0.5
	eq "lines while paused" "$(lines b)" "$n"
	ok cede resume "$TAG-a"
	goes_on b
	ok cede delete -f "$TAG-a"
}

# A paused container, also one that a scheduler has frozen, can be written down, and then is gone.
# needs: root criu
# timeout: 90
test_frozen() {
	job b
	start_job b "$TAG-a"
	ok cede pause "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	fails 1 'does not exist' cede state "$TAG-a"
	ok cede restore -d -b b --image-path "$T/img" "$TAG-b"
	eq status "$(status_of "$TAG-b")" running
	goes_on b
	# The scheduler's hold, as runtime/freezer.c writes it: this shell is the holder.
	echo "$$ $(cut -d' ' -f22 /proc/$$/stat)" >"$ROOT/$TAG-b/freeze.sched"
	echo 1 >"$(cg_of "$TAG-b")/cgroup.freeze"
	eventually 5 grep -q 'frozen 1' "$(cg_of "$TAG-b")/cgroup.events"
	ok cede checkpoint --leave-running --image-path "$T/img2" "$TAG-b"
	eventually 5 grep -q 'frozen 1' "$(cg_of "$TAG-b")/cgroup.events"
	ok cede checkpoint --image-path "$T/img3" "$TAG-b"
	fails 1 'does not exist' cede state "$TAG-b"
}

# A pre-dump leaves it running; the dump that names it as its parent writes less; both restore it.
# needs: root criu
# timeout: 90
test_pre_dump() {
	job b -- memory 8
	start_job b "$TAG-a"
	ok cede checkpoint --pre-dump --image-path "$T/all/pre" --work-path "$T/work" "$TAG-a"
	eq status "$(status_of "$TAG-a")" running
	goes_on b
	ok cede checkpoint --parent-path ../pre --image-path "$T/all/img" --work-path "$T/work" "$TAG-a"
	at_least "bytes of the pre-dump" "$(cat all/pre/pages-*.img | wc -c)" 8388608
	at_most "bytes of the dump" "$(cat all/img/pages-*.img | wc -c)" 4194304
	ok cede restore -d -b b --image-path "$T/all/img" --work-path "$T/work" --parent-path ../pre "$TAG-b"
	goes_on b
	ok cede delete -f "$TAG-b"
}

# Another dump into a directory that has a link to an earlier pre-dump goes by its own; a path that
# is absolute leads there, too, when it is restored.
# needs: root criu
# timeout: 90
test_parent_again() {
	job b -- memory 4
	start_job b "$TAG-a"
	ok cede checkpoint --pre-dump --image-path "$T/all/pre1" "$TAG-a"
	ok cede checkpoint --leave-running --parent-path ../pre1 --image-path "$T/all/img" "$TAG-a"
	ok cede checkpoint --pre-dump --image-path "$T/all/pre2" "$TAG-a"
	ok cede checkpoint --parent-path "$T/all/pre2" --image-path "$T/all/img" "$TAG-a"
	eq "parent" "$(readlink all/img/parent)" ../pre2
	ok cede restore -d -b b --image-path "$T/all/img" "$TAG-b"
	goes_on b
	ok cede checkpoint --image-path "$T/all/img" "$TAG-b"
	[ ! -L all/img/parent ] || die "a whole checkpoint has a parent"
	mkdir all/img/parent
	ok cede restore -d -b b --image-path "$T/all/img" "$TAG-c"
	fails 1 'parent in it is not' cede checkpoint --image-path "$T/all/img" "$TAG-c"
	goes_on b
	ok cede delete -f "$TAG-c"
}

# An open TCP connection: refused, and the container goes on; with --tcp-established carried over.
# needs: root criu command:iptables
# timeout: 90
test_tcp() {
	job b -- tcp 5000
	start_job b "$TAG-a"
	fails 1 'CRIU: .*(tcp|TCP|onnected).*dump.log' cede checkpoint --image-path "$T/img" "$TAG-a"
	eq status "$(status_of "$TAG-a")" running
	goes_on b
	ok cede checkpoint --tcp-established --image-path "$T/img" "$TAG-a"
	ok cede restore -d --tcp-established -b b --image-path "$T/img" "$TAG-b"
	goes_on b
	ok cede delete -f "$TAG-b"
}

# A Unix socket whose other end is outside. (CRIU finds it only in the
# network namespace it is in itself, and under the path that it was bound to.)
# needs: root criu
# timeout: 90
test_unix_socket() {
	mkdir host
	# shellcheck disable=SC2016 # jq's variables
	job b ".mounts += [{destination: \"$T/host\", type: \"bind\", source: \"$T/host\", options: [\"bind\"]}]
		| .linux.namespaces |= map(select(.type != \"network\"))" -- unix "$T/host/sock"
	"$HELPERS/crjob" "$T/heard" hear "$T/host/sock" &
	local listener=$!
	# shellcheck disable=SC2064 # its value now
	trap "kill $listener" EXIT
	eventually 5 test -S host/sock
	start_job b "$TAG-a"
	fails 1 'CRIU: .*unix' cede checkpoint --image-path "$T/img" "$TAG-a"
	goes_on b
	ok cede checkpoint --ext-unix-sk --image-path "$T/img" "$TAG-a"
	ok cede restore -d --ext-unix-sk -b b --image-path "$T/img" "$TAG-b"
	goes_on b
	heard_all() { [ "$(wc -l <heard)" -ge "$1" ]; }
	eventually 5 heard_all "$(($(lines b) - 5))"
	ok cede delete -f "$TAG-b"
}

# A file lock: refused without --file-locks; with it the lock is held again.
# needs: root criu
# timeout: 90
test_file_locks() {
	job b -- lock /tmp/locked
	start_job b "$TAG-a"
	fails 1 'CRIU: .*lock' cede checkpoint --image-path "$T/img" "$TAG-a"
	goes_on b
	ok cede checkpoint --file-locks --image-path "$T/img" "$TAG-a"
	flock -n b/rootfs/tmp/locked true || die "the lock is still held"
	ok cede restore -d --file-locks -b b --image-path "$T/img" "$TAG-b"
	! flock -n b/rootfs/tmp/locked true || die "the lock is not held"
	goes_on b
	ok cede delete -f "$TAG-b"
}

# In the foreground: signals are passed on, the exit status is the container's, nothing is left.
# needs: root criu
# timeout: 60
test_foreground() {
	job b
	start_job b "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	exec_cede restore -b b --image-path "$T/img" "$TAG-b" &
	local cede=$! status=0
	eventually 30 is_status "$TAG-b" running
	goes_on b
	kill -TERM $cede
	wait $cede || status=$?
	eq "exit status" "$status" 7
	fails 1 'does not exist' cede state "$TAG-b"
}

# The terminal comes back over the console socket; keys reach the program that had it.
# needs: root criu
# timeout: 60
test_terminal() {
	job b '.process.terminal = true' -- tty
	(eventually 20 test -e made; echo first; eventually 20 has_lines b 1; sleep 5) | "$HELPERS/console" "$T/s1" --timeout 300 >o1 &
	eventually 5 test -S s1
	ok cede create -b b --console-socket "$T/s1" "$TAG-a"
	ok cede start "$TAG-a"
	touch made
	eventually 20 has_lines b 1
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	(eventually 30 is_status "$TAG-b" running; echo second) | "$HELPERS/console" "$T/s2" --timeout 300 >o2 &
	eventually 5 test -S s2
	ok cede restore -d -b b --image-path "$T/img" --console-socket "$T/s2" --pid-file pid "$TAG-b"
	eq "pid file" "$(cat pid)" "$(pid_of "$TAG-b")"
	eventually 20 has_lines b 2
	eq "typed" "$(cat b/rootfs/tmp/out)" $'first\nsecond'
	ok cede delete -f "$TAG-b"
	wait
}

# Limits, group and mounts are those of the new container; read-only stays read-only.
# needs: root criu controller:pids controller:memory
# timeout: 60
test_new_container() {
	mkdir r1 r2 deep deep/er
	mount -t tmpfs none deep/er
	echo below >deep/er/file
	job b ".mounts += [{destination: \"/r1\", type: \"bind\", source: \"$T/r1\", options: [\"bind\", \"ro\"]},
		{destination: \"/r2\", type: \"bind\", source: \"$T/r2\", options: [\"bind\", \"ro\", \"noexec\"]},
		{destination: \"/deep\", type: \"bind\", source: \"$T/deep\", options: [\"rbind\"]}]"
	start_job b "$TAG-a"
	mounted() { ok cede exec "$1" sh -c "sed -n 's/^[0-9]* [0-9]* [0-9:]* [^ ]* \([^ ]*\) \([^ ]*\) .*/\1 \2/p' /proc/self/mountinfo | sort"; }
	mounted "$TAG-a"
	local before=$OUT
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	config b ".linux.cgroupsPath = \"sub/$TAG-b\" | .linux.resources = {pids: {limit: 5}, memory: {limit: 4194304}}"
	ok cede restore -d -b b --image-path "$T/img" "$TAG-b"
	eq cgroup "$(cgroup_of "$TAG-b")" "/cede.slice/sub/$TAG-b"
	eq pids.max "$(cat "$CG/cede.slice/sub/$TAG-b/pids.max")" 5
	eq memory.max "$(cat "$CG/cede.slice/sub/$TAG-b/memory.max")" 4194304
	mounted "$TAG-b"
	eq "mounts" "$OUT" "$before"
	run cede exec "$TAG-b" touch /r1/x /r2/x
	# shellcheck disable=SC2153 # as above
	[ "$STATUS" != 0 ] || die "a read-only mount is writable"
	[ ! -e r1/x ] && [ ! -e r2/x ]
	ok cede exec "$TAG-b" cat /deep/er/file
	eq "what is mounted below a recursive bind mount" "$OUT" below
	ok cede delete -f "$TAG-b"
	umount deep/er
}

# Limits that the container fits into and CRIU does not, also such as are named as the kernel names
# them; and one that the container does not fit into.
# needs: root criu controller:pids controller:memory
# timeout: 60
test_tight_limits() {
	job b
	start_job b "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	cp b/rootfs/tmp/out out
	config b '.linux.resources = {memory: {limit: 100000}}'
	fails 1 'memory.limit: too low' cede restore -d -b b --image-path "$T/img" "$TAG-b"
	fails 1 'does not exist' cede state "$TAG-b"
	cp out b/rootfs/tmp/out # it ran for a moment
	config b '.linux.resources = {unified: {"memory.max": "4194304", "memory.high": "4000000", "pids.max": "1"}}'
	ok cede restore -d -b b --image-path "$T/img" "$TAG-b"
	eq limits "$(cat "$(cg_of "$TAG-b")"/{memory.max,memory.high,pids.max})" $'4194304\n3997696\n1'
	goes_on b
	ok cede delete -f "$TAG-b"
}

# Whoever loses cede in the middle of a restore has no container, or one with its limits.
# needs: root criu controller:pids controller:memory
# timeout: 120
test_restore_killed() {
	job b '.linux.resources = {memory: {limit: 33554432}, pids: {limit: 7}}'
	start_job b "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	local wait cede
	for wait in 0 0.02 0.1 0.3; do
		exec_cede restore -d -b b --image-path "$T/img" "$TAG-b" 2>err &
		cede=$!
		eventually 30 test -e "$ROOT/$TAG-b/config.json"
		sleep $wait
		kill -KILL $cede
		wait $cede || true
		eventually 30 sh -c "! pgrep -x criu"
		if [ "$(status_of "$TAG-b")" = running ]; then
			eq pids.max "$(cat "$(cg_of "$TAG-b")/pids.max")" 7
			# Until it is killed cede grants what CRIU itself has.
			at_most memory.max "$(cat "$(cg_of "$TAG-b")/memory.max")" 67108864
			goes_on b
			ok cede delete -f "$TAG-b"
			return 0
		fi
		ok cede delete -f "$TAG-b"
	done
}

# A lack of descriptors is not the lack of a mount.
# needs: root criu
# timeout: 120
test_few_descriptors() {
	mkdir data
	job b ".mounts += [{destination: \"/data\", type: \"bind\", source: \"$T/data\", options: [\"bind\"]}]"
	start_job b "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	config b '.mounts[-1].options = ["bind", "ro"]'
	local n
	for n in 18 19 20 21; do
		# shellcheck disable=SC2034 # run's
		(ulimit -n "$n"; cede restore -d -b b --image-path "$T/img" "$TAG-b" </dev/null >"$T/said" 2>&1) || continue
		run cede exec "$TAG-b" touch "/data/$n"
		[ ! -e "data/$n" ] || die "with $n descriptors a read-only mount is writable: $(cat said)"
		return 0
	done
}

# Namespaces are those that the new container's configuration asks for, or there is no container.
# needs: root criu
# timeout: 180
test_namespaces() {
	job b
	start_job b "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	cp b/config.json own.json
	config b '.linux.namespaces |= map(if .type == "network" then .path = "/proc/1/ns/net" else . end)'
	fails 1 'namespaces: network: .*cannot become /proc/1/ns/net' cede restore -d -b b --image-path "$T/img" "$TAG-b"
	fails 1 'does not exist' cede state "$TAG-b"
	cp own.json b/config.json
	config b '.linux.namespaces |= map(select(.type != "network"))'
	fails 1 'namespaces: no network, but' cede restore -d -b b --image-path "$T/img" "$TAG-b"
	cp own.json b/config.json
	config b '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings'
	fails 1 'namespaces: user: the checkpoint has none' cede restore -d --manage-cgroups-mode ignore -b b --image-path "$T/img" "$TAG-b"
	job c '.linux.namespaces |= map(select(.type != "network"))'
	start_job c "$TAG-c"
	ok cede checkpoint --image-path "$T/img2" "$TAG-c"
	cp c/config.json host.json
	config c '.linux.namespaces += [{type: "network"}]'
	fails 1 'namespaces: network: the checkpoint has none' cede restore -d -b c --image-path "$T/img2" "$TAG-c"
	cp host.json c/config.json
	ok cede restore -d -b c --image-path "$T/img2" "$TAG-c"
	eq "network namespace" "$(readlink "/proc/$(pid_of "$TAG-c")/ns/net")" "$(readlink /proc/self/ns/net)"
	goes_on c
	ok cede delete -f "$TAG-c"
}

# With a user namespace; its root and nobody else may read the images, and not even it may change
# them; what was in the directory before, and the directory, stay whose they are. The host's cgroup2
# mount keeps its options.
# needs: root criu userns
# timeout: 90
test_user_namespace() {
	local before
	before=$(grep " $CG " /proc/self/mountinfo)
	job b '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings'
	chown -R 100000:100000 b/rootfs
	# What was a file CRIU opens again, as the user namespace's root: nobody is there to write $T/said.
	cede run -d -b b "$TAG-a" </dev/null >/dev/null 2>&1
	eventually 10 has_lines b 3
	mkdir -m 700 img
	echo secret >img/key.img
	echo linked >elsewhere
	chmod 600 img/key.img elsewhere
	ln elsewhere img/linked.img
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	eq "what was there" "$(stat -c '%n %a %u:%g' img img/key.img elsewhere)" \
		$'img 700 0:0\nimg/key.img 600 0:0\nelsewhere 600 0:0'
	eq "images that others may read" "$(find img -name '*.img' ! -name key.img ! -name linked.img \( -perm /037 -o ! -gid 100000 \))" ""
	eq "images that somebody else may change" "$(find img -type f ! -uid 0)" ""
	ok cede restore -d -b b --image-path "$T/img" "$TAG-b"
	goes_on b
	eq "the directory afterwards" "$(stat -c '%a %u:%g' img)" "700 0:0"
	eq cgroup "$(cgroup_of "$TAG-b")" "/cede.slice/$TAG-b"
	like "user namespace" "$(cat "/proc/$(pid_of "$TAG-b")/uid_map")" ' 0 +100000 +65536'
	eq "the host's cgroup2 mount" "$(grep " $CG " /proc/self/mountinfo)" "$before"
	ok cede delete -f "$TAG-b"
}

# Groups that the container made come back below the new one's, where that is asked for.
# needs: root criu unified
# timeout: 90
test_cgroups_mode() {
	local before
	before=$(grep " $CG " /proc/self/mountinfo)
	job b '.process.args = ["sh", "-c", "mkdir /sys/fs/cgroup/sub; echo 0 >/sys/fs/cgroup/sub/cgroup.procs; exec crjob /tmp/out"]
		| .mounts |= map(if .destination == "/sys/fs/cgroup" then .options -= ["ro"] else . end)'
	start_job b "$TAG-a"
	ok cede checkpoint --manage-cgroups-mode soft --image-path "$T/img" "$TAG-a"
	ok cede restore -d --manage-cgroups-mode soft -b b --image-path "$T/img" "$TAG-b"
	eq cgroup "$(cgroup_of "$TAG-b")" "/cede.slice/$TAG-b/sub"
	goes_on b
	eq "the host's cgroup2 mount" "$(grep " $CG " /proc/self/mountinfo)" "$before"
	# A process that somebody brought in is not of the tree that is written down.
	(cede exec "$TAG-b" sleep 1000 || true) &
	eventually 10 sh -c "[ \$('$CEDE' --root '$ROOT' ps -f json $TAG-b | jq length) = 2 ]"
	ok cede checkpoint --leave-running --image-path "$T/img2" "$TAG-b"
	like "warning" "$ERR" 'came by exec .*processes [0-9]+$'
	# A file cannot become a pipe.
	ok cede checkpoint --image-path "$T/img3" "$TAG-b"
	"$CEDE" --root "$ROOT" restore -d -b b --image-path "$T/img3" "$TAG-c" 2>err </dev/null | cat || true
	like "refusal" "$(cat err)" 'descriptor 1 was a file'
	wait
}

# Hooks: those of the runtime run again, poststop at delete.
# needs: root criu
# timeout: 60
test_hooks() {
	hook() { printf '[{"path": "/bin/sh", "args": ["sh", "-c", "jq -r .id >>%s/%s"], "env": ["PATH=%s"]}]' "$T" "$1" "$PATH"; }
	job b ".hooks = {prestart: $(hook prestart), createRuntime: $(hook createRuntime), poststart: $(hook poststart), poststop: $(hook poststop)}"
	start_job b "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	eq poststop "$(cat poststop)" "$TAG-a"
	ok cede restore -d -b b --image-path "$T/img" "$TAG-b"
	local k
	for k in prestart createRuntime poststart; do
		eq "$k" "$(cat $k)" "$TAG-a"$'\n'"$TAG-b"
	done
	ok cede delete -f "$TAG-b"
	eq poststop "$(cat poststop)" "$TAG-a"$'\n'"$TAG-b"
}

# A hook that fails ends the restore, and nothing is left.
# needs: root criu
# timeout: 60
test_hook_fails() {
	job b
	start_job b "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	config b '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "echo not here; exit 3"]}]'
	fails 1 'not here' cede restore -d -b b --image-path "$T/img" --pid-file "$T/pid" "$TAG-b"
	fails 1 'does not exist' cede state "$TAG-b"
	[ ! -e pid ] || die "the pid file is left"
	config b 'del(.hooks)'
	ok cede restore -d -b b --image-path "$T/img" "$TAG-b"
	goes_on b
	ok cede delete -f "$TAG-b"
}

# A network namespace that is joined by its path belongs to somebody else: it is joined again.
# needs: root criu command:ip
# timeout: 60
test_joined_namespaces() {
	unshare -n sleep 1000 &
	local holder=$!
	# shellcheck disable=SC2064 # its value now
	trap "kill $holder" EXIT
	eventually 5 sh -c "[ \"\$(readlink /proc/$holder/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
	job b ".linux.namespaces |= map(if .type == \"network\" then .path = \"/proc/$holder/ns/net\" else . end)"
	start_job b "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	ok cede restore -d -b b --image-path "$T/img" "$TAG-b"
	eq "network namespace" "$(readlink "/proc/$(pid_of "$TAG-b")/ns/net")" "$(readlink /proc/$holder/ns/net)"
	goes_on b
	ok cede delete -f "$TAG-b"
}

# Images that are damaged, or of something else; a bundle that is not the container's.
# needs: root criu
# timeout: 120
test_bad_images() {
	job b
	start_job b "$TAG-a"
	ok cede checkpoint --image-path "$T/img" "$TAG-a"
	local f
	for f in inventory.img pstree.img core-1.img mm-1.img files.img; do
		rm -rf bad && cp -a img bad
		head -c 10 "img/$f" >"bad/$f"
		fails 1 'CRIU' cede restore -d -b b --image-path "$T/bad" "$TAG-b"
	done
	rm -rf bad && cp -a img bad
	head -c 100000 /dev/urandom >bad/core-1.img
	fails 1 'CRIU' cede restore -d -b b --image-path "$T/bad" "$TAG-b"
	# Without the program that ran.
	job other
	rm other/rootfs/bin/crjob
	fails 1 'CRIU: .*(crjob|tmp/out)' cede restore -d -b other --image-path "$T/img" "$TAG-b"
	for f in '{' '["a"' '{"a":1}' '["x","x","x","x"]' '7'; do
		printf %s "$f" >bad/descriptors.json
		fails 1 'descriptors.json' cede restore -d -b b --image-path "$T/bad" "$TAG-b"
	done
	rm bad/descriptors.json
	ln -s /etc/passwd bad/descriptors.json
	fails 1 'descriptors.json' cede restore -d -b b --image-path "$T/bad" "$TAG-b"
	# The images themselves are untouched by all that.
	ok cede restore -d -b b --image-path "$T/img" "$TAG-b"
	goes_on b
	ok cede delete -f "$TAG-b"
}

# A disk that fills up while the images are written: the container goes on.
# needs: root criu
# timeout: 60
test_full_disk() {
	mkdir small
	mount -t tmpfs -o size=2m none small
	job b -- memory 8
	start_job b "$TAG-a"
	fails 1 'CRIU: .*' cede checkpoint --image-path "$T/small/img" --work-path "$T/work" "$TAG-a"
	eq status "$(status_of "$TAG-a")" running
	goes_on b
	umount small
	# So is a limit on the size of files.
	! (ulimit -f 10; cede checkpoint --image-path "$T/img" "$TAG-a" 2>"$T/err") || die "a checkpoint in 10 KB"
	like "message" "$(cat err)" 'CRIU: |ulimit -f'
	eq status "$(status_of "$TAG-a")" running
	goes_on b
	ok cede delete -f "$TAG-a"
}

# Whoever interrupts a checkpoint has a container that runs.
# needs: root criu
# timeout: 60
test_interrupted() {
	job b -- memory 16
	start_job b "$TAG-a"
	exec_cede checkpoint --image-path "$T/img" "$TAG-a" 2>err &
	local cede=$! status=0
	eventually 20 test -e img/inventory.img -o -e img/dump.log
	kill -TERM $cede
	wait $cede || status=$?
	if [ $status != 0 ]; then
		eq status "$(status_of "$TAG-a")" running
		goes_on b
		ok cede delete -f "$TAG-a"
	else
		fails 1 'does not exist' cede state "$TAG-a" # it was too late
	fi
}

# Also while a page server does not read; and the container's own connections go on.
# needs: root criu command:iptables command:perl
# timeout: 120
test_interrupted_page_server() {
	perl -e 'use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 7002, Listen => 5, ReuseAddr => 1) or die;
		my @c; while (1) { push @c, $s->accept; open(my $f, ">", $ARGV[0]); }' "$T/accepted" &
	local server=$! cede status=0
	# shellcheck disable=SC2064 # its value now
	trap "kill $server" EXIT
	job b '.process.args = ["sh", "-c", "crjob /tmp/other memory 32 & exec crjob /tmp/out tcp 5000"]'
	start_job b "$TAG-a"
	exec_cede checkpoint --tcp-established --page-server 127.0.0.1:7002 --image-path "$T/img" "$TAG-a" 2>err &
	cede=$!
	eventually 20 test -e accepted
	stuck() { case $(cat "/proc/$(pgrep -x criu)/wchan") in *stream* | *sk_* | *tcp* | *wait_woken*) ;; *) false ;; esac; }
	eventually 20 stuck
	kill -TERM $cede
	wait $cede || status=$?
	eq "exit status" $status 143
	like "message" "$(cat err)" 'checkpoint container .*: interrupted'
	eq status "$(status_of "$TAG-a")" running
	goes_on b
	fails 1 "CRIU: .*Can't connect to server 127.0.0.1:7999" cede checkpoint --page-server 127.0.0.1:7999 --tcp-established --image-path "$T/img2" "$TAG-a"
	goes_on b
	ok cede delete -f "$TAG-a"
}

# Where CRIU cannot dump (or works): a failed checkpoint leaves the container running.
test_failure_leaves_it_running() {
	job b
	start_job b "$TAG-a"
	: >file
	fails 1 '(image-path.*Not a directory|image-path)' cede checkpoint --image-path "$T/file" "$TAG-a"
	fails 1 'work-path' cede checkpoint --image-path "$T/img" --work-path "$T/file" "$TAG-a"
	fails 1 'parent-path ../no' cede checkpoint --image-path "$T/img" --parent-path ../no "$TAG-a"
	fails 1 'CRIU is not installed' unshare -m sh -c 'for f in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do [ ! -e $f/criu ] || mount --bind /dev/null $f/criu; done
		PATH=/nonexistent exec "$0" --root "$1" checkpoint --image-path "$2" "$3"' "$CEDE" "$ROOT" "$T/img" "$TAG-a"
	mkdir bin
	printf '#!/bin/sh\nexit 3\n' >bin/criu
	chmod 755 bin/criu
	fails 1 'CRIU ended with status 3' with_path "$T/bin" checkpoint --image-path "$T/img" "$TAG-a"
	printf '#!/nonexistent\n' >bin/criu
	fails 1 'bin/criu: No such file' with_path "$T/bin" checkpoint --image-path "$T/img" "$TAG-a"
	eq status "$(status_of "$TAG-a")" running
	goes_on b
	ok cede delete -f "$TAG-a"
}

# A program that is not CRIU, or one of another kind, is not waited for for ever, nor believed.
test_not_criu() {
	job b
	start_job b "$TAG-a"
	mkdir bin
	printf '#!/bin/bash\nread -r -N 1 -u $2 x\necho nonsense >&$2\nexit 0\n' >bin/criu
	chmod 755 bin/criu
	fails 1 'cannot be understood|does not answer' with_path "$T/bin" checkpoint --image-path "$T/img" "$TAG-a"
	# success, version 3.9, type = VERSION (a newline: bash flushes behind it)
	printf '#!/bin/bash\nread -r -N 1 -u $2 x\nprintf "\\020\\001\\122\\004\\010\\003\\020\\011\\010\\012" >&$2\nexit 0\n' >bin/criu
	fails 1 'needs CRIU 3.14 or newer, this is 3.9' with_path "$T/bin" checkpoint --image-path "$T/img" "$TAG-a"
	eq status "$(status_of "$TAG-a")" running
	ok cede delete -f "$TAG-a"
}

# Containers that cannot be written down: none, not started, ended.
test_states() {
	fails 1 'does not exist' cede checkpoint "$TAG-a"
	job b
	ok cede create -b b "$TAG-a"
	fails 1 'not been started' cede checkpoint --image-path "$T/img" "$TAG-a"
	ok cede kill "$TAG-a" KILL
	eventually 5 is_status "$TAG-a" stopped
	fails 1 'container not running' cede checkpoint --image-path "$T/img" "$TAG-a"
	ok cede delete "$TAG-a"
	[ ! -e img ] || die "an image directory was made for nothing"
}

# Restores that cannot begin: no images, no bundle, an id that is taken.
test_restore_refusals() {
	job b
	fails 1 'image-path.*nosuch.*No such file' cede restore -b b --image-path "$T/nosuch" "$TAG-a"
	: >file
	fails 1 'image-path.*Not a directory' cede restore -b b --image-path "$T/file" "$TAG-a"
	mkdir empty
	fails 1 'no checkpoint in it' cede restore -b b --image-path "$T/empty" "$TAG-a"
	touch empty/inventory.img
	mkfifo empty/core-1.img
	fails 1 'image-path.*core-1.img is not a regular file' cede restore -b b --image-path "$T/empty" "$TAG-a"
	rm empty/core-1.img
	# In a directory of others only what CRIU would write matters.
	mkdir work
	ln -s /etc/hosts work/other
	fails 1 'bundle' cede restore -b "$T/nosuch" --image-path "$T/empty" --work-path "$T/work" "$TAG-a"
	ln -s /etc/hosts work/stats-restore
	fails 1 'work-path.*stats-restore is a symbolic link' cede restore -b b --image-path "$T/empty" --work-path "$T/work" "$TAG-a"
	fails 1 'bundle' cede restore -b "$T/nosuch" --image-path "$T/empty" "$TAG-a"
	run cede restore -d -b b --image-path "$T/empty" "$TAG-a"
	[ "$STATUS" = 1 ] || die "an empty inventory is no checkpoint"
	# CRIU is found where PATH does not lead, as it does not for everybody.
	[ ! -x /usr/sbin/criu ] ||
		fails 1 'CRIU: ' with_path /nonexistent restore -d -b b --image-path "$T/empty" "$TAG-a"
	fails 1 'does not exist' cede state "$TAG-a"
	fails 1 'console' cede restore -d -b b --image-path "$T/empty" --console-socket "$T/s" "$TAG-a"
	ok cede create -b b "$TAG-a"
	fails 1 'already exists' cede restore -d -b b --image-path "$T/empty" "$TAG-a"
	eq status "$(status_of "$TAG-a")" created
	ok cede delete -f "$TAG-a"
}

# Options: what engines probe, and every wrong value by name.
test_options() {
	local verb
	for verb in checkpoint restore; do
		ok cede $verb --help
		fails 1 'missing operand' cede $verb
		fails 1 'invalid container id' cede $verb ../x
		fails 1 'manage-cgroups-mode: expected .*"none"' cede $verb --manage-cgroups-mode none x
		fails 1 'network-lock: expected .*"pf"' cede $verb --network-lock pf x
		fails 1 'empty-ns ipc' cede $verb --empty-ns ipc x
	done
	fails 1 'requires an argument' cede restore --lsm-mount-context
	fails 1 'lsm-profile: expected' cede restore --lsm-profile nosuch:x x
	fails 1 'lsm-profile: expected' cede restore --lsm-profile selinux: x
	fails 1 'status-fd: descriptor 99' cede checkpoint --status-fd 99 x
	fails 1 'status-fd: descriptor -1' cede checkpoint --status-fd -1 x
	local v
	for v in x 1.2.3.4 :80 1.2.3.4:0 1.2.3.4:65536 1.2.3.4:x '[]:1'; do
		fails 1 'page-server: ' cede checkpoint --page-server "$v" x
	done
	fails 1 'exclude each other' cede checkpoint --pre-dump --lazy-pages x
	# go-runc's spelling, and options that only some commands of others have
	fails 1 'image-path' cede restore -no-subreaper --parent-path ../p --no-pivot --image-path "$T/no" x
	ok cede features
	for v in cede org.opencontainers.runc run.oci.crun; do
		eq "annotation" "$(jq -r ".annotations[\"$v.checkpoint.enabled\"]" "$T.out")" true
	done
	like "unsafe annotations" "$(jq -c .potentiallyUnsafeConfigAnnotations "$T.out")" '"org.criu.config"'
}
