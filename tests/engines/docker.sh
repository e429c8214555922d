# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What Docker's tests share.

# shellcheck disable=SC2034 # the tests use it
DOCKER_STATE=/run/docker/runtime-cede/moby
docker_run() { docker run --runtime cede --network none "$@"; }
field() { docker inspect -f "{{$2}}" "$1"; }
# What a failed test leaves would be in the next one's way.
docker_clean() { [ $? = 0 ] || docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1; }

# docker_with FILE: the daemon with this file of contrib/docker.
docker_with() {
	trap docker_clean EXIT
	cmp -s "$TOP/contrib/docker/$1" /etc/docker/daemon.json && return
	install -m 0644 "$TOP/contrib/docker/$1" /etc/docker/daemon.json
	ok systemctl reset-failed docker.service
	ok systemctl restart docker.service
}
# unit NAME: its limits, as `systemctl show` has them
unit() { systemctl show -p CPUQuotaPerSecUSec,MemoryMax,TasksMax "$1" | sort; }
