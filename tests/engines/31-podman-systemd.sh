# shellcheck shell=bash disable=SC2016 # expanded in the container
# SPDX-License-Identifier: Apache-2.0
# Podman as root with the systemd driver, its default: scopes, pods, kube play.

# shellcheck source=tests/engines/lib.sh disable=SC1091
source "$TOP/tests/engines/lib.sh"

PODMAN_STATE=/run/cede
pod_man() { podman --runtime cede "$@"; }
field() { pod_man inspect -f "{{$2}}" "$1"; }
# What a failed test leaves would be in the next one's way.
podman_clean() {
	[ $? != 0 ] || return 0
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
	kube_pod
	ok pod_man kube play --network none "$T/pod.yaml"
	eventually 20 prints "in the pod" pod_man logs played-job
	like cgroup "$(group_of "$(field played-job .State.Pid)")" '\.slice/libpod-[0-9a-f]{64}\.scope'
	out_is cede pod_man inspect -f '{{.OCIRuntime}}' played-job
	ok pod_man kube down "$T/pod.yaml"
	no_state "$PODMAN_STATE"
}

# a health check by itself, with a timer of systemd's
# timeout: 60
test_health_timer() {
	trap podman_clean EXIT
	ok pod_man run -d --name sick --network none --health-cmd 'test -e /tmp/well' --health-interval 3s --health-retries 1 "$IMAGE"
	eventually 20 prints unhealthy field sick .State.Health.Status
	ok pod_man exec sick touch /tmp/well
	eventually 20 prints healthy field sick .State.Health.Status
	ok pod_man rm -f -t 0 sick
	no_state "$PODMAN_STATE"
}

# as a service's main program, in the service's own group: it is up when the container is, and ends with it
# timeout: 60
test_service() {
	local unit=$TAG-podman.service group
	trap podman_clean EXIT # the service ends with its container
	ok systemd-run -q --collect --unit "$unit" -p Type=notify -p NotifyAccess=all -p Delegate=yes \
		podman --runtime cede run --rm --name served --cgroups=split --sdnotify conmon -d --network none "$IMAGE" \
		sh -c 'trap "exit 0" TERM; while :; do sleep 0.2; done'
	out_is active systemctl is-active "$unit"
	group=$(group_of "$(field served .State.Pid)")
	like cgroup "$group" "/system\.slice/$unit/libpod-payload-[0-9a-f]{64}\$"
	ok systemctl stop "$unit"
	eventually 20 eval '! pod_man container exists served'
	eventually 10 eval '[ ! -e "'"$group"'" ]'
	no_state "$PODMAN_STATE"
}

# checkpoint --export, restore --import, in a scope each: it goes on where it was
# needs: root command:criu
# timeout: 90
test_checkpoint() {
	local was new
	trap podman_clean EXIT
	ok pod_man run -d --name counter --network none -m 64m "$IMAGE" sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/n; mv /tmp/n /tmp/now; sleep 0.1; done'
	now() { pod_man exec counter cat /tmp/now; }
	eventually 20 now
	was=$(now)
	ok pod_man container checkpoint --export "$T/counter.tar.gz" counter
	ok pod_man rm counter
	no_state "$PODMAN_STATE"
	ok pod_man container restore --import "$T/counter.tar.gz"
	like cgroup "$(group_of "$(field counter .State.Pid)")" '/libpod-[0-9a-f]{64}\.scope(/container)?$'
	out_is MemoryMax=67108864 systemctl show -p MemoryMax "libpod-$(field counter .Id).scope"
	new=$(now)
	at_least count "$new" "$was"
	eventually 20 eval '[ "$(now)" -gt '"$new"' ]'
	ok pod_man rm -f -t 0 counter
	no_state "$PODMAN_STATE"
}
