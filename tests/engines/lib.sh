# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the engines' tests share, beside tests/system/lib.sh. They run in a machine whose services
# tests/engines/prepare has set up; a second of such an engine's command is one of its own on fast
# machines, so every test says its limit.

# shellcheck disable=SC2034 # the tests use it
IMAGE=docker.io/library/cede-test:1 # of tests/engines/prepare; its command is `sleep 1000000`

# no_state DIR: the engine's state root for cede has no container left in it.
no_state() {
	local left
	left=$(find "$1" -mindepth 1 -maxdepth 1 -type d ! -name '.*' -printf '%f ' 2>/dev/null) || true
	[ -z "$left" ] || die "state left in $1: $left"
}

# has NAME TEXT...: the output of the last command has each of the texts in it.
has() {
	local what=$1 text
	shift
	for text; do [[ $OUT$ERR == *"$text"* ]] || die "$what: no \"$text\" in it"; done
}

# exits STATUS COMMAND...: `run` with that exit status.
exits() {
	local want=$1
	shift
	run "$@"
	[ "$STATUS" = "$want" ] || die "exit status $want expected"
}

# out_is TEXT COMMAND...: `ok` whose output is TEXT.
out_is() {
	local want=$1
	shift
	ok "$@"
	eq "$*" "$OUT" "$want"
}
prints() { # TEXT COMMAND...: for `eventually`
	local want=$1
	shift
	[ "$("$@" 2>/dev/null)" = "$want" ]
}

# group_of PID: the directory of its cgroup.
group_of() { echo "$CG$(sed -n 's/^0:://p' "/proc/$1/cgroup")"; }

# kube_pod: $T/pod.yaml, a pod `played` for Podman's kube play
kube_pod() {
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
}
