#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deps.sh GROUP: names the Debian packages of the group that are missing and, as root, installs them.
set -euo pipefail

declare -A packages=(
	[build]="gcc make libc6-dev autoconf libseccomp-dev libcap-dev libyajl-dev libsystemd-dev linux-libc-dev musl-tools"
	[demo]="redis-server xz-utils"
	[check]="libcmocka-dev busybox-static redis-server xz-utils mmdebstrap qemu-system-x86 e2fsprogs util-linux mount procps jq strace mandoc iproute2 git uidmap"
	[lint]="clang-format clang-tidy cppcheck shellcheck mandoc clang libclang-rt-14-dev git"
	[bench]="redis-server xz-utils runc crun busybox-static strace jq"
)

group=${1:?usage: deps.sh build|demo|check|lint|bench}
wanted=${packages[$group]?unknown group: $group}

if ! command -v dpkg-query >/dev/null; then
	echo "cede: this is not a Debian system; make sure these are installed: $wanted" >&2
	exit 0
fi
missing=()
for p in $wanted; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Missing Debian packages ($group): ${missing[*]}"
if [ "$(id -u)" -ne 0 ]; then
	echo "Run this as root, or: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# redis-server's package starts a server of its own on the default port; ours must not.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	trap 'rm -f $policy' EXIT
fi
install() { apt-get install -y -q --no-install-recommends "${missing[@]}"; }
echo "Installing them ..."
install >/dev/null 2>&1 || { apt-get update -q && install; }
