# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# NOTIFY_SOCKET: a container as a service that says itself when it is ready.

# start_manager NAME: what a service manager is to the service: a socket; what comes is in $T/heard.
start_manager() {
	"$HELPERS/notify" listen "$1" >"$T/heard" 2>&1 &
	MANAGER=$!
	export NOTIFY_SOCKET=$1
	eventually 5 grep -q listening "$T/heard"
}
stop_manager() { kill "$MANAGER"; wait "$MANAGER" || true; unset NOTIFY_SOCKET; }
heard() { tail -n +2 "$T/heard"; }
# So many lines: who has told the manager may be done before the manager has written it down.
has_heard() { eventually 5 eval '[ "$(heard | wc -l)" = '"$1"' ]'; }
# A bundle whose program waits for /go (a file) and then says what $1 is.
notifying() {
	bundle b ".process.args = [\"sh\", \"-c\", \"while ! [ -e /go ]; do sleep 0.02; done; notify send \\\"$1\\\"; sleep 1000\"]
		| .root.readonly = false | .process.env += [\"NOTIFY_SOCKET=/somewhere/else\"] | ${2:-.}"
	put b notify
}

# start returns when the program says READY=1, and the manager hears that and the pid of the container's
# first process, and nothing else that the program may say.
test_start_waits() {
	local waiting
	start_manager "$T/manager"
	notifying $'STATUS=at work\nMAINPID=1\nREADY=1'
	ok cede create -b b "$TAG-a"
	exec_cede start "$TAG-a" & waiting=$!
	eventually 5 is_status "$TAG-a" running
	sleep 0.2
	alive $waiting || die "start did not wait"
	eq "heard before" "$(heard)" ""
	touch b/rootfs/go
	wait $waiting || die "start failed"
	has_heard 1
	eq heard "$(heard)" "MAINPID=$(pid_of "$TAG-a") READY=1 "
	ok cede delete --force "$TAG-a"
	stop_manager
}

# The same with run --detach; run in the foreground passes the word on; a user that is not root, a user
# namespace and a socket in the abstract namespace make no difference.
test_run() {
	start_manager "@$TAG-manager"
	notifying READY=1 '.process.user = {uid: 1000, gid: 1000}'
	touch b/rootfs/go
	ok cede run -d -b b "$TAG-a"
	has_heard 1
	eq heard "$(heard)" "MAINPID=$(pid_of "$TAG-a") READY=1 "
	# an exec'd program is no part of it
	run cede exec "$TAG-a" sh -c 'echo "$NOTIFY_SOCKET"'
	eq "the variable in exec" "$OUT" /somewhere/else
	ok cede delete --force "$TAG-a"
	config b '.linux.namespaces += [{type: "user"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	cede run -b b "$TAG-a" &
	has_heard 2
	eq heard "$(heard | tail -n 1)" "MAINPID=$(pid_of "$TAG-a") READY=1 "
	ok cede kill "$TAG-a" KILL
	wait $! || true
	stop_manager
}

# A program that ends without a word ends the wait; kill and delete are possible meanwhile; without a manager
# nothing is in the way; nonsense in the variable is refused.
test_no_word() {
	local waiting
	start_manager "$T/manager"
	bundle b '.process.args = ["true"]'
	ok cede run -d -b b "$TAG-a"
	ok cede delete "$TAG-a"
	config b '.process.args = ["sleep", "1000"]'
	ok cede create -b b "$TAG-a"
	exec_cede start "$TAG-a" & waiting=$!
	eventually 5 is_status "$TAG-a" running
	ok cede delete --force "$TAG-a"
	wait $waiting || die "start failed"
	ok cede create -b b "$TAG-b"
	eq heard "$(heard)" ""
	stop_manager
	ok cede start "$TAG-b"
	ok cede delete --force "$TAG-b"
	ok cede run -d -b b "$TAG-c"
	ok cede exec "$TAG-c" sh -c '[ ! -e /run/notify/notify.sock ]'
	ok cede delete --force "$TAG-c"
	local bad
	for bad in relative/path vsock:2:1234 @ / "/$(printf 'x%.0s' {1..107})"; do
		export NOTIFY_SOCKET=$bad
		fails 1 "NOTIFY_SOCKET=$bad in the environment: expected the path of a socket" cede run -b b "$TAG-a"
	done
	export NOTIFY_SOCKET=$T/nobody
	config b '.process.args = ["notify", "send", "READY=1"]'
	put b notify
	ok cede run -b b "$TAG-a"
	like "a manager that is gone is a warning" "$ERR" "NOTIFY_SOCKET=$T/nobody: say that the container is ready: No such file"
}
