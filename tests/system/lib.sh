# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a system test may use. tests/run-system runs each test function in a bash of its own, in a
# private mount namespace whose mounts are shared among themselves (as systemd leaves them), below
# tests/system/reaper.c, with:
#
#   $T       an empty directory of its own, removed afterwards
#   $ROOT    a state root of its own
#   $TAG     a prefix for container ids: anything left behind under this name is a leak
#   $CEDE    the binary under test; `cede ...` calls it with --root "$ROOT"
#   $HELPERS the programs of tests/system/*.c
#   $CG      where cgroup2 is mounted
#   $SLOW    how much slower code runs here than usual (emulated machines); $PATIENCE: time limits
#
# A test is a function test_NAME with comment lines above it: what it shows, and, if it has any,
#   # needs: NEED...      (see need_* below; a need this host does not meet moves the test into the VM)
#   # timeout: SECONDS    (default 20, times $PATIENCE)
#   # alone               (never beside another test)
# It runs under `set -eu`; any command that fails unnoticed fails the test. After it, the runner
# looks for what was left behind: processes, cgroups, mounts, state directories.

set -eu -o pipefail
shopt -s extglob nullglob
SLOW=${CEDE_TEST_SLOW:-1}
# Time limits grow less than the slowest code does: most of a test is waiting.
PATIENCE=$((SLOW > 6 ? 6 : SLOW))

# --- failing ---------------------------------------------------------------------------------------

where() {
	local i
	for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
		[ "${BASH_SOURCE[i]}" = "${BASH_SOURCE[0]}" ] && continue
		echo "${BASH_SOURCE[i]##*/}:${BASH_LINENO[i - 1]}"
		return
	done
}

die() {
	printf '%s: %s\n' "$(where)" "$*" >&2
	[ -z "${LAST:-}" ] || show_last >&2
	exit 1
}

skip() {
	echo "$*" >"$T.skip"
	exit 77
}

show_last() {
	[ -z "${ABOUT:-}" ] || printf '  with %s\n' "$ABOUT"
	printf '  last command: %s\n  exit status: %s\n' "$LAST" "$STATUS"
	local f
	for f in out err; do
		[ ! -s "$T.$f" ] || { echo "  its std$f:"; head -c 2000 "$T.$f" | head -n 20 | sed 's/^/    /'; }
	done
}

# --- running ---------------------------------------------------------------------------------------

cede() {
	"$CEDE" --root "$ROOT" "$@"
}

# The same in place of a background shell, so that $! is cede: exec_cede run ... &
exec_cede() {
	exec "$CEDE" --root "$ROOT" "$@"
}

# Runs a command with nothing on stdin; $STATUS, $OUT, $ERR tell how it went (also files $T.out,
# $T.err, new ones each time: containers of commands before still write to theirs).
run() {
	LAST="$*"
	STATUS=0
	rm -f "$T.out" "$T.err"
	"$@" >"$T.out" 2>"$T.err" </dev/null || STATUS=$?
	OUT=$(tr -d '\0' <"$T.out")
	ERR=$(tr -d '\0' <"$T.err")
}

# `run` that must exit 0.
ok() {
	run "$@"
	[ "$STATUS" = 0 ] || die "exit status 0 expected"
}

# fails STATUS PATTERN COMMAND...: exit status as given, and one line on stderr matching the pattern
# (bash regex), with the program's name in front; nothing on stdout.
fails() {
	local want=$1 pattern=$2
	shift 2
	run "$@"
	[ "$STATUS" = "$want" ] || die "exit status $want expected"
	[ "$(wc -l <"$T.err")" = 1 ] || die "one line on stderr expected"
	[[ $ERR =~ ^cede:\ .*$pattern ]] || die "an error like \"cede: ...$pattern\" expected"
	[ -z "$OUT" ] || die "nothing on stdout expected"
}

# eq WHAT FOUND WANTED, like WHAT FOUND REGEX, unlike WHAT FOUND REGEX
eq() { [ "$2" = "$3" ] || die "$1: expected \"$3\", found \"$2\""; }
like() { [[ $2 =~ $3 ]] || die "$1: expected something like \"$3\", found \"$2\""; }
unlike() { [[ ! $2 =~ $3 ]] || die "$1: expected nothing like \"$3\", found \"$2\""; }
# at_most WHAT FOUND LIMIT, at_least WHAT FOUND LIMIT (integers)
at_most() { [ "$2" -le "$3" ] || die "$1: expected at most $3, found $2"; }
at_least() { [ "$2" -ge "$3" ] || die "$1: expected at least $3, found $2"; }

# eventually SECONDS COMMAND...: until it succeeds; the limit is scaled by $PATIENCE.
eventually() {
	local end=$((SECONDS + $1 * PATIENCE + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || die "did not become true in time: $*"
		sleep 0.02
	done
}
is_status() { [ "$(status_of "$1")" = "$2" ]; }
status_of() { cede state "$1" | jq -r .status; }
pid_of() { cede state "$1" | jq -r .pid; }
alive() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:.[ZX]' "/proc/$1/status" 2>/dev/null; }
gone() { ! alive "$1"; }

# --- bundles ---------------------------------------------------------------------------------------

# bundle DIR [JQ-FILTER [JQ-OPTION...]]: a bundle with a busybox root filesystem, its config.json what
# `cede spec` writes, changed by the filter. Without a terminal, writable, process.args left to it.
bundle() {
	local dir=$1 filter=${2:-.}
	shift $(($# > 1 ? 2 : 1))
	mkdir -p "$dir"
	cp -a "$ROOTFS" "$dir/rootfs"
	(cd "$dir" && cede spec) || die "cede spec failed"
	config "$dir" ".process.terminal = false | .root.readonly = false | $filter" "$@"
}

# config DIR JQ-FILTER [JQ-OPTION...]: changes a bundle's config.json.
config() {
	local dir=$1 filter=$2
	shift 2
	jq "$filter" "$@" <"$dir/config.json" >"$dir/config.new" 2>"$T.jq" || die "jq: $filter: $(head -n 3 "$T.jq")"
	mv "$dir/config.new" "$dir/config.json"
}

# put DIR HELPER...: helper programs into a bundle's /bin.
put() {
	local dir=$1 h
	shift
	for h; do cp "$HELPERS/$h" "$dir/rootfs/bin/$h"; done
}

# in_container [JQ-FILTER] -- COMMAND...: what a command in a fresh container prints; must exit 0.
in_container() {
	local filter=.
	[ "$1" = -- ] || { filter=$1; shift; }
	shift
	rm -rf "$T/in"
	# shellcheck disable=SC2016 # jq's variables
	bundle "$T/in" ".process.args = \$ARGS.positional | $filter" --args -- "$@"
	put "$T/in" probe
	ok cede run -b "$T/in" "$TAG-in"
}

# The line of the probe's output that begins with KEY (of $OUT).
probed() { sed -n "s/^$1 //p" <<<"$OUT" | head -n 1; }

# Waits (at most SECONDS) until the machine is mostly idle, for tests that measure.
quiet() {
	local end=$((SECONDS + ${1:-20})) idle
	idle_ticks() { awk '/^cpu / { print $5 + $6 }' /proc/stat; }
	while [ $SECONDS -lt $end ]; do
		idle=$(idle_ticks)
		sleep 0.5
		[ $(($(idle_ticks) - idle)) -lt $((35 * $(nproc))) ] || return 0
	done
	echo "the machine was not quiet before this test" >&2
}

cg_of() { echo "$CG/cede.slice/$1"; }
cg_value() { cat "$(cg_of "$1")/$2"; }

# --- needs -----------------------------------------------------------------------------------------
# need_X prints why not, or nothing. "here" needs are never met by going into the VM.

need_root() { [ "$(id -u)" = 0 ] || echo "root"; }
need_vm() { [ -n "${CEDE_TEST_VM:-}" ] || echo "a machine of its own"; }
need_here() { [ -z "${CEDE_TEST_VM:-}" ] || echo "the source tree and a compiler"; }
need_cgroup2() { [ -n "$CG" ] || echo "a cgroup2 mount"; }
need_controller() {
	[ -n "$CG" ] && grep -qw "$1" "$CG/cgroup.controllers" || echo "the $1 controller in cgroup v2"
}
need_unified() { [ "$(stat -f -c %T /sys/fs/cgroup 2>/dev/null)" = cgroup2fs ] || echo "unified cgroup v2"; }
need_systemd() {
	[ -z "$(need_root)" ] || { need_root; return; }
	if [ -z "${CEDE_TEST_VM:-}" ] || [ ! -d /run/systemd/system ]; then
		echo "a machine of its own with systemd"
		return
	fi
	[ -z "$(need_unified)" ] || { need_unified; return; }
	[ -x "$CEDE_LIBEXEC/cede-systemd" ] || echo "libsystemd at build time"
}
need_hybrid() { [ -e /sys/fs/cgroup/unified/cgroup.procs ] || echo "a hybrid cgroup layout"; }
need_psi() { grep -q some /proc/pressure/cpu 2>/dev/null || echo "PSI"; }
need_kernel() { printf '%s\n' "$1" "$(uname -r)" | sort -CV || echo "Linux $1"; }
need_btf() { [ -r /sys/kernel/btf/vmlinux ] || echo "a kernel that describes its types (BTF)"; }
need_command() { command -v "$1" >/dev/null || echo "the program $1"; }
# Takes a second or more, so it is asked once.
need_criu() {
	[ -e "$WORK/criu" ] || { criu check >/dev/null 2>&1 && echo yes || echo no; } >"$WORK/criu"
	[ "$(cat "$WORK/criu")" = yes ] || echo "a CRIU that works with this kernel"
}
need_cap() {
	local -A bits=([sys_resource]=24 [sys_admin]=21 [mknod]=27)
	local eff
	eff=$(sed -n 's/^CapEff:\t//p' /proc/self/status)
	((0x$eff >> bits[$1] & 1)) || echo "CAP_${1^^}"
}
need_userns() { [ "$(cat /proc/sys/user/max_user_namespaces 2>/dev/null || echo 0)" -gt 0 ] || echo "user namespaces"; }
need_timens() { [ -e /proc/self/ns/time ] || echo "time namespaces"; }
need_veth() { unshare -n ip link add cedeveth0 type veth peer name cedeveth1 2>/dev/null || echo "veth devices"; }
# The kernel admits so much of it and no more, and 6.18 does not get back all that has ended.
need_deadline() { chrt -d -T 1000000 -D 10000000 -P 10000000 0 true 2>/dev/null || echo "CPU time for SCHED_DEADLINE"; }
need_numa() { [ -e /proc/self/numa_maps ] || echo "NUMA"; }
need_apparmor() {
	if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ]; then
		echo "AppArmor"
	else
		need_command apparmor_parser
	fi
}
need_cpus() { [ "$(nproc)" -ge "$1" ] || echo "$1 CPUs"; }

# needs "root controller:cpu ...": the first that is not met.
unmet() {
	local n why
	for n in $1; do
		case $n in
		*:*) why=$(need_"${n%%:*}" "${n#*:}") ;;
		*) why=$(need_"$n") ;;
		esac
		[ -z "$why" ] || { echo "$why"; return; }
	done
}

find_cgroup2() {
	awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo
}

# --- one test (called by tests/run-system as: lib.sh FILE FUNCTION) -----------------------------------

# Mounts of this namespace without their numbers, which differ from one reading to the next; and without
# what an engine mounts in its own places, which its containers' tests look at.
ENGINES_PLACES=' /(run|var/lib)/(containerd|containers|docker|netns)[/ ]'
mounts() { cut -d' ' -f4- /proc/self/mountinfo | grep -Ev "$ENGINES_PLACES" | sed -E 's/ (shared|master|propagate_from):[0-9]+//g' | sort; }
# Network namespaces bound somewhere, and groups below the slice.
groups() { [ -z "$CG" ] || find "$CG" -mindepth 1 -type d -name "*$TAG*" 2>/dev/null | sort; }

leaks() {
	local left
	left=$(find "$ROOT" -mindepth 1 -maxdepth 1 -type d ! -name '.*' -printf '%f ' 2>/dev/null) || true
	[ -z "$left" ] || echo "state directories left in the root: $left"
	left=$(groups)
	[ -z "$left" ] || echo "cgroups left: $left"
	left=$(diff "$T.mounts" <(mounts) | grep '^[<>]') || true
	[ -z "$left" ] || echo "mounts are not what they were:"$'\n'"$left"
}

clean() {
	local d
	for d in $(groups | sort -r); do
		echo 1 >"$d/cgroup.kill" 2>/dev/null || true
		sleep 0.05
		rmdir "$d" 2>/dev/null || true
	done
}

one_test() {
	local file=$1 name=$2 status=0 found
	mount --make-rshared /
	mkdir -p "$T" "$ROOT"
	mounts >"$T.mounts"
	# shellcheck disable=SC1090
	source "$file"
	cd "$T"
	# Not in a condition: bash would ignore `set -e` in it.
	set +e
	(
		set -eE
		trap 'echo "${BASH_SOURCE[0]##*/}:$LINENO: \"$BASH_COMMAND\" failed with status $?" >&2' ERR
		"$name"
	)
	status=$?
	set -e
	cd /
	# What is being torn down may take a moment to go.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		found=$(leaks)
		[ -n "$found" ] || break
		sleep "0.$((SLOW > 5 ? 5 : 1))"
	done
	if [ -n "$found" ]; then
		# A test that failed half-way had no time to clean up.
		if [ $status = 0 ]; then
			printf 'left behind: %s\n' "$found" >&2
			status=96
		fi
		clean
	fi
	return $status
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	one_test "$@"
	exit
fi
