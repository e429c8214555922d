# shellcheck shell=bash disable=SC2016 # expanded in the container
# SPDX-License-Identifier: Apache-2.0
# containerd as Kubernetes calls it: runtime classes of contrib/containerd/config.toml (BinaryName), one
# with each cgroup driver.

# shellcheck source=tests/engines/lib.sh disable=SC1091
source "$TOP/tests/engines/lib.sh"
# shellcheck source=tests/engines/cri.sh disable=SC1091
source "$TOP/tests/engines/cri.sh"

CRI_STATE=/run/containerd/runc/k8s.io
POD='' POD_CONFIG=''
SLICE=cede-${TAG//-/}.slice # one level below cede.slice
# Values of the interface's enumerations.
NS_POD=0 NS_CONTAINER=1 NS_NODE=2
RUNNING=1 EXITED=2

# namespaces FIELD PID-MODE: the host's network, so that no network plugin is needed
namespaces() { pb_msg "$1" "$(pb_int 1 $NS_NODE)" "$(pb_int 2 "$2")"; }
default_seccomp() { pb_msg "$1" "$(pb_int 1 0)"; }

# pod CLASS CGROUP-PARENT PID-MODE: $POD
pod() {
	local security linux
	security=$(pb_msg 2 "$(namespaces 1 "$3")" "$(default_seccomp 9)")
	linux=$(pb_msg 8 "$(pb_str 1 "$2")" "$security")
	POD_CONFIG="$(pb_msg 1 "$(pb_str 1 pod)" "$(pb_str 2 "$TAG")" "$(pb_str 3 default)")$(pb_str 3 "$T/logs")$linux"
	mkdir -p "$T/logs"
	trap pod_clean EXIT
	ok cri RunPodSandbox "$(pb_msg 1 "$POD_CONFIG")" "$(pb_str 2 "$1")"
	POD=$(pb_text 1)
}

# container NAME PID-MODE SCRIPT: $ID, started, with limits
container() {
	local config resources arg
	resources=$(pb_msg 1 "$(pb_int 1 100000)" "$(pb_int 2 50000)" "$(pb_int 4 67108864)" "$(pb_int 5 900)")
	config="$(pb_msg 1 "$(pb_str 1 "$1")")$(pb_msg 2 "$(pb_str 1 "$IMAGE")")$(pb_str 11 "$1.log")"
	for arg in sh -c "$3"; do config+=$(pb_str 3 "$arg"); done
	config+=$(pb_msg 15 "$resources" "$(pb_msg 2 "$(namespaces 3 "$2")" "$(default_seccomp 15)" "$(pb_int 11 1)")")
	ok cri CreateContainer "$(pb_str 1 "$POD")" "$(pb_msg 2 "$config")" "$(pb_msg 3 "$POD_CONFIG")"
	ID=$(pb_text 1)
	ok cri StartContainer "$(pb_str 1 "$ID")"
}

# status ID: $ANSWER, and $INFO, containerd's own words about it
status() {
	ok cri ContainerStatus "$(pb_str 1 "$1")" "$(pb_int 2 1)"
	INFO=$(pb_text 2 2)
}
in_state() { status "$1" && [ "$(pb_get 1 3)" = "$2" ]; }

# exec_sync ID SECONDS COMMAND...
exec_sync() {
	local message arg
	message="$(pb_str 1 "$1")$(pb_int 3 "$2")"
	shift 2
	for arg; do message+=$(pb_str 2 "$arg"); done
	cri ExecSync "$message"
}

pod_ends() {
	ok cri StopPodSandbox "$(pb_str 1 "$POD")"
	ok cri RemovePodSandbox "$(pb_str 1 "$POD")"
	POD=''
	[ ! -d "$CG/cede.slice/$TAG" ] || rmdir "$CG/cede.slice/$TAG" # the kubelet does
	no_state "$CRI_STATE"
}
pod_clean() {
	[ -z "$POD" ] || { cri StopPodSandbox "$(pb_str 1 "$POD")" && cri RemovePodSandbox "$(pb_str 1 "$POD")"; } >/dev/null 2>&1
	systemctl -q stop "$SLICE" 2>/dev/null
}

# the class `cede`: pod and container in the slice, its limits, exec with status and time limit, log, update,
# stats, stop with the program's own status
# timeout: 120
test_class() {
	local pid group
	pod cede "/cede.slice/$TAG" $NS_CONTAINER # "/cede.slice" is systemd's form to containerd
	container job $NS_CONTAINER 'echo one; trap "exit 5" TERM; while :; do sleep 0.2; done'
	status "$ID"
	eq state "$(pb_get 1 3)" $RUNNING
	eq binary "$(jq -r .runtimeOptions.binary_name <<<"$INFO")" /usr/local/bin/cede
	eq "what cede says" "$("$CEDE" --root "$CRI_STATE" state "$ID" | jq -r .status)" running
	pid=$(jq .pid <<<"$INFO")
	group=$(group_of "$pid")
	eq cgroup "$group" "$CG/cede.slice/$TAG/$ID"
	eq idle "$(cat "$CG/cede.slice/cpu.idle")" 1
	eq memory.max "$(cat "$group/memory.max")" 67108864
	eq cpu.max "$(cat "$group/cpu.max")" "50000 100000"
	eq oom_score_adj "$(cat "/proc/$pid/oom_score_adj")" 900
	like "process status" "$(cat "/proc/$pid/status")" $'NoNewPrivs:\t1\nSeccomp:\t2'
	eq network "$(readlink "/proc/$pid/ns/net")" "$(readlink /proc/self/ns/net)"

	ok exec_sync "$ID" 0 sh -c 'echo out; echo err >&2; exit 3'
	eq "stdout, stderr, status" "$(pb_text 1) $(pb_text 2) $(pb_get 3)" "out err 3"
	exits 1 exec_sync "$ID" 0 nosuch
	has exec 'executable file not found in $PATH'
	exits 1 exec_sync "$ID" 1 sleep 1000
	has "time limit" 'grpc-status: 4'
	eventually 20 eval '! pgrep -fx "sleep 1000"'

	like log "$(cat "$T/logs/job.log")" ' stdout F one$'
	ok cri UpdateContainerResources "$(pb_str 1 "$ID")" "$(pb_msg 2 "$(pb_int 1 100000)" "$(pb_int 2 80000)" "$(pb_int 4 134217728)")"
	eq memory.max "$(cat "$group/memory.max")" 134217728
	eq cpu.max "$(cat "$group/cpu.max")" "80000 100000"
	ok cri ContainerStats "$(pb_str 1 "$ID")"
	at_least "CPU time" "$(pb_get 1 2 2 1)" 1
	at_least "working set" "$(pb_get 1 3 2 1)" 1

	ok cri StopContainer "$(pb_str 1 "$ID")" "$(pb_int 2 60)"
	status "$ID"
	eq "state and status" "$(pb_get 1 3) $(pb_get 1 7)" "$EXITED 5"
	[ ! -e "$group" ] || die "the group is still there: $group"
	ok cri RemoveContainer "$(pb_str 1 "$ID")"
	pod_ends
}

# the class `cede-systemd`: a scope in the pod's slice, which lies in cede.slice; two containers share the
# pod's pid namespace; running out of memory is told; a pod ends with all that is in it
# timeout: 150
test_class_systemd() {
	local scope first first_ns pid
	pod cede-systemd "$SLICE" $NS_POD
	container first $NS_POD 'while :; do sleep 0.2; done'
	first=$ID
	status "$first"
	scope=cri-containerd-$first.scope
	pid=$(jq .pid <<<"$INFO")
	first_ns=$(readlink "/proc/$pid/ns/pid")
	eq cgroup "$(group_of "$pid")" "$CG/cede.slice/$SLICE/$scope"
	out_is $'CPUQuotaPerSecUSec=500ms\nMemoryMax=67108864' systemctl show -p MemoryMax,CPUQuotaPerSecUSec "$scope"
	ok cri UpdateContainerResources "$(pb_str 1 "$first")" "$(pb_msg 2 "$(pb_int 1 100000)" "$(pb_int 2 80000)" "$(pb_int 4 134217728)")"
	out_is $'CPUQuotaPerSecUSec=800ms\nMemoryMax=134217728' systemctl show -p MemoryMax,CPUQuotaPerSecUSec "$scope"
	eq memory.max "$(cat "$CG/cede.slice/$SLICE/$scope/memory.max")" 134217728

	container second $NS_POD 'while :; do sleep 0.2; done'
	ok exec_sync "$ID" 0 cat /proc/1/comm # the pod's own
	eq "number 1" "$(pb_text 1)" sleep
	status "$ID"
	eq "pid namespace" "$(readlink "/proc/$(jq .pid <<<"$INFO")/ns/pid")" "$first_ns"

	container big $NS_POD 'tail /dev/zero'
	eventually 30 in_state "$ID" $EXITED
	eq "status and reason" "$(pb_get 1 7) $(pb_text 1 10)" "137 OOMKilled"
	pod_ends
	eventually 10 eval '! systemctl -q is-active "'"$scope"'"'
}
