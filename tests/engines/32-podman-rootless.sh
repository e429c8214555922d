# shellcheck shell=bash disable=SC2016 # expanded in the container
# SPDX-License-Identifier: Apache-2.0
# Podman of a user without any privilege, without a delegated cgroup.

# shellcheck source=tests/engines/lib.sh disable=SC1091
source "$TOP/tests/engines/lib.sh"

# as_user ARG...: podman as the user cedeuser, with a runtime directory of the test's
as_user() {
	(cd / && exec setpriv --reuid cedeuser --regid cedeuser --init-groups env -i PATH="$PATH" HOME=/home/cedeuser \
		XDG_RUNTIME_DIR=/run/cedeuser podman --runtime cede --cgroup-manager cgroupfs --events-backend file "$@")
}
user_begins() {
	id cedeuser >/dev/null 2>&1 || useradd -m cedeuser
	install -d -m 0700 -o cedeuser -g cedeuser /run/cedeuser
	trap 'as_user rm -af -t 0 >/dev/null 2>&1; as_user system migrate >/dev/null 2>&1' EXIT
	as_user image exists "$IMAGE" || ok as_user load -q -i "$TOP/image.tar"
}

# a container of a user: root inside, the user outside; exit statuses; exec; stop
# timeout: 120
test_life() {
	local pid
	user_begins
	out_is 0 as_user run --rm --network none "$IMAGE" id -u
	exits 42 as_user run --rm --network none "$IMAGE" sh -c 'exit 42'
	exits 127 as_user run --rm --network none "$IMAGE" nosuch
	ok as_user run -d --name mine --network none "$IMAGE" sh -c 'trap "exit 5" TERM; while :; do sleep 0.2; done'
	pid=$(as_user inspect -f '{{.State.Pid}}' mine)
	eq owner "$(stat -c %U "/proc/$pid")" cedeuser
	exits 3 as_user exec mine sh -c 'exit 3'
	ok as_user stop -t 60 mine
	eq status "$(as_user inspect -f '{{.State.ExitCode}}' mine)" 5
	ok as_user rm mine
}

# kube play with the cgroupfs driver, where a user's pod has no group of its own
# timeout: 90
test_kube_play() {
	user_begins
	trap 'as_user pod rm -af -t 0 >/dev/null 2>&1; as_user system migrate >/dev/null 2>&1' EXIT
	kube_pod
	install -o cedeuser -m 0644 "$T/pod.yaml" /run/cedeuser/pod.yaml
	ok as_user kube play --network none /run/cedeuser/pod.yaml
	eventually 20 prints "in the pod" as_user logs played-job
	out_is cede as_user inspect -f '{{.OCIRuntime}}' played-job
	eq owner "$(stat -c %U "/proc/$(as_user inspect -f '{{.State.Pid}}' played-job)")" cedeuser
	ok as_user kube down /run/cedeuser/pod.yaml
}
