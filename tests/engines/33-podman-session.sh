# shellcheck shell=bash disable=SC2016 # expanded in the container
# SPDX-License-Identifier: Apache-2.0
# Podman of a user whose systemd delegates a cgroup (a login session, or lingering): the default of a
# distribution with systemd.

# shellcheck source=tests/engines/lib.sh disable=SC1091
source "$TOP/tests/engines/lib.sh"

SESSION_USER=cedesession # of tests/engines/prepare
USER_ID=$(id -u $SESSION_USER)
# in_session COMMAND...: as that user, with what a session of its has in the environment
in_session() {
	(cd / && exec setpriv --reuid $SESSION_USER --regid $SESSION_USER --init-groups env -i PATH="$PATH" \
		HOME=/home/$SESSION_USER XDG_RUNTIME_DIR="/run/user/$USER_ID" \
		DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$USER_ID/bus" "$@")
}
pod_man() { in_session podman --runtime cede --events-backend file "$@"; }
field() { pod_man inspect -f "{{$2}}" "$1"; }
session_ends() {
	[ $? = 0 ] || { pod_man pod rm -af -t 0; pod_man rm -af -t 0; }
	pod_man system migrate
	in_session systemctl --user stop user.slice # Podman had it started
} >/dev/null 2>&1
session_begins() {
	trap session_ends EXIT
	pod_man image exists "$IMAGE" || ok pod_man load -q -i "$TOP/image.tar"
}

# limits of the user's own: a scope of its systemd, with properties; exec, stats, update, pause, stop
# timeout: 150
test_limits() {
	local group scope pid
	session_begins
	out_is "systemd v2" pod_man info -f '{{.Host.CgroupManager}} {{.Host.CgroupsVersion}}'
	ok pod_man run -d --name mine -m 64m --cpus 0.5 --pids-limit 50 --network none "$IMAGE" \
		sh -c 'trap "exit 5" TERM; while :; do sleep 0.2; done'
	pid=$(field mine .State.Pid)
	eq owner "$(stat -c %U "/proc/$pid")" $SESSION_USER
	group=$(group_of "$pid")
	like cgroup "$group" "/user@$USER_ID\.service/user\.slice/libpod-[0-9a-f]{64}\.scope(/container)?\$"
	group=${group%/container}
	scope=${group##*/}
	eq memory.max "$(cat "$group/memory.max")" 67108864
	eq cpu.max "$(cat "$group/cpu.max")" "50000 100000"
	eq pids.max "$(cat "$group/pids.max")" 50
	out_is MemoryMax=67108864 in_session systemctl --user show -p MemoryMax "$scope"
	exits 3 pod_man exec mine sh -c 'exit 3'
	ok pod_man stats --no-stream --no-reset --format '{{.MemUsage}} {{.PIDs}}' mine
	like stats "$OUT" '/ 67\.11MB [1-9]'
	ok pod_man update -m 128m mine
	out_is MemoryMax=134217728 in_session systemctl --user show -p MemoryMax "$scope"
	eq memory.max "$(cat "$group/memory.max")" 134217728
	ok pod_man pause mine
	eq paused "$(field mine .State.Status)" paused
	ok pod_man unpause mine
	ok pod_man stop -t 60 mine
	eq status "$(field mine .State.ExitCode)" 5
	ok pod_man rm mine
	[ ! -e "$group" ] || die "the group is still there: $group"
	no_state "/run/user/$USER_ID/cede"
}

# a pod whose containers share a pid namespace, too
# timeout: 120
test_pod() {
	local ns
	session_begins
	ok pod_man pod create --name pair --network none --share pid,ipc,net,uts
	ok pod_man run -d --pod pair --name one "$IMAGE"
	ok pod_man run -d --pod pair --name two "$IMAGE"
	for ns in net ipc uts pid; do
		eq "$ns" "$(readlink "/proc/$(field one .State.Pid)/ns/$ns")" "$(readlink "/proc/$(field two .State.Pid)/ns/$ns")"
	done
	# both, and the pod's own
	out_is 3 pod_man exec two sh -c 'cat /proc/[0-9]*/comm | grep -c "sleep\|catatonit"'
	ok pod_man pod rm -f -t 0 pair
	no_state "/run/user/$USER_ID/cede"
}
