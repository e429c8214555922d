# shellcheck shell=bash disable=SC2016 # expanded in the container
# SPDX-License-Identifier: Apache-2.0
# Podman as root with the systemd driver, its default: scopes, pods, kube play.

# shellcheck source=tests/engines/lib.sh disable=SC1091
source "$TOP/tests/engines/lib.sh"

PODMAN_STATE=/run/cede
pod_man() { podman --runtime cede "$@"; }
field() { pod_man inspect -f "{{$2}}" "$1"; }
podman_clean() {
	pod_man pod rm -af -t 0 >/dev/null 2>&1
	pod_man rm -af -t 0 >/dev/null 2>&1
}

# a scope of systemd's, with its limits; update goes there; it ends with the container
# timeout: 60
test_scope() {
	local group scope
	trap podman_clean EXIT
	ok pod_man run -d --name scoped -m 64m --pids-limit 50 --network none "$IMAGE"
	group=$(group_of "$(field scoped .State.Pid)")
	like cgroup "$group" '/libpod-[0-9a-f]{64}\.scope(/container)?$'
	scope=$(grep -o 'libpod-[0-9a-f]*\.scope' <<<"$group")
	out_is MemoryMax=67108864 systemctl show -p MemoryMax "$scope"
	exits 3 pod_man exec scoped sh -c 'exit 3'
	ok pod_man stats --no-stream --no-reset --format '{{.MemUsage}} {{.PIDs}}' scoped
	like stats "$OUT" '/ 67\.11MB [1-9]'
	ok pod_man pause scoped
	eq paused "$(field scoped .State.Status)" paused
	ok pod_man unpause scoped
	ok pod_man update -m 128m scoped
	out_is MemoryMax=134217728 systemctl show -p MemoryMax "$scope"
	ok pod_man rm -f -t 0 scoped
	eventually 10 eval '! systemctl -q is-active "'"$scope"'"'
	no_state "$PODMAN_STATE"
}

# kube play: a pod with its own slice, whose container runs in it
# timeout: 90
test_kube_play() {
	trap podman_clean EXIT
	cat >"$T/pod.yaml" <<-Y
		apiVersion: v1
		kind: Pod
		metadata:
		  name: played
		spec:
		  restartPolicy: Never
		  containers:
		  - name: job
		    image: $IMAGE
		    imagePullPolicy: Never
		    command: ["sh", "-c", "echo in the pod; sleep 1000000"]
	Y
	ok pod_man kube play --network none "$T/pod.yaml"
	eventually 20 prints "in the pod" pod_man logs played-job
	like cgroup "$(group_of "$(field played-job .State.Pid)")" '\.slice/libpod-[0-9a-f]{64}\.scope'
	out_is cede pod_man inspect -f '{{.OCIRuntime}}' played-job
	ok pod_man kube down "$T/pod.yaml"
	no_state "$PODMAN_STATE"
}
