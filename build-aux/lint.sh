#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What can be said of the sources without running them. Says what it looks at; every finding is a line
# FILE:LINE: ...; exit status 1 if there is one. Names of checks as arguments run only those.
set -u
cd "$(dirname "$0")/.." || exit 1
checks=("$@")
[ ${#checks[@]} -gt 0 ] || checks=(format arrows calls whitespace shell man compile tidy cppcheck)

# Tracked files and new ones that git does not ignore; in a tarball, all of them.
files() {
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -co --exclude-standard -- "$@"
	else
		local p
		for p; do find . -path "./$p" -type f -printf '%P\n'; done
	fi | while IFS= read -r f; do [ ! -f "$f" ] || echo "$f"; done | sort -u
}
mapfile -t c_files < <(files '*.c' '*.h')
mapfile -t product_c < <(printf '%s\n' "${c_files[@]}" | grep -E '^(base|oci|runtime|metrics|sched|libexec|cli)/')
mapfile -t scripts < <(files | grep -vE '\.(c|h|md|[1-9]|json|mk|in|ac|svg|png|yml|yaml|toml|conf)$' | while IFS= read -r f; do
	case $f in
	*.sh) echo "$f" ;;
	*) head -c 64 "$f" | head -n 1 | grep -qE '^#!.*\b(ba)?sh\b' && echo "$f" ;;
	esac
done)

findings=0
begin() { printf '%-10s %s\n' "$1" "$2"; }
found() { findings=$((findings + 1)); }

check_format() {
	begin format "clang-format over ${#c_files[@]} C files"
	clang-format --dry-run -Werror "${c_files[@]}" 2>&1 | grep -E 'error|warning' | sort -u -t: -k1,1 | sed 's/^/  /' | grep . && found
}

check_arrows() {
	begin arrows "calls run downwards only"
	build-aux/arrows.sh | sed 's/^/  /'
	[ "${PIPESTATUS[0]}" = 0 ] || found
}

# forbid PATTERN WHY [FILE-PATTERN-THAT-MAY]: comments and strings do not count (the pattern is matched
# against lines with both blanked out).
blanked=$(mktemp -d)
trap 'rm -rf "$blanked"' EXIT
blank() {
	local f
	for f in "${product_c[@]}"; do
		mkdir -p "$blanked/$(dirname "$f")"
		perl -0pe 's{/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"}{ my $t = $&; if ($t =~ /^"/) { "\"" . (" " x (length($t) - 2)) . "\"" } else { $t =~ s/[^\n]/ /g; $t } }gse' "$f" >"$blanked/$f"
	done
}
forbid() {
	local hits
	hits=$(cd "$blanked" && grep -nEr -- "$1" . | sed 's|^\./||' | grep -vE "^(${3:-$^})" | sort)
	[ -n "$hits" ] || return 0
	printf '%s\n' "$hits" | sed "s|\$|  <- $2|; s/^/  /"
	found
}
# The same for what a string holds: PATTERN is matched against the source as it is.
forbid_text() {
	local hits
	hits=$(grep -nE -- "$1" "${product_c[@]}" | grep -vE "^(${3:-$^})")
	[ -n "$hits" ] || return 0
	printf '%s\n' "$hits" | sed "s|\$|  <- $2|; s/^/  /"
	found
}

check_calls() {
	begin calls "forbidden calls in ${#product_c[@]} files"
	blank
	forbid '\b(strto(l|ll|ul|ull|d|f|imax|umax)|ato(i|l|ll|f)|sscanf)\(' 'base/str.h parses numbers' 'base/str\.c'
	forbid '\b(strcpy|strcat|strncpy|sprintf|vsprintf|gets|alloca|strtok)\(' 'base/str.h builds strings'
	forbid '\b(system|popen|posix_spawnp?|vfork)\(' 'base/spawn.h spawns' 'base/spawn\.c'
	forbid '\bmount\(' 'mounts are made detached, descriptor to descriptor'
	forbid '\b(umount|chroot)\(' 'umount2 and the mount plan' 'runtime/mount_|runtime/init'
	forbid '\b(printf|puts|putchar|perror|fprintf)\(' 'only cli/, the helpers and the log speak' 'cli/|libexec/|base/log\.c'
	forbid '\b(exit|abort)\(' 'errors are returned' 'cli/main\.c'
	forbid '\bsleep\(' 'every wait is on something and has a bound'
	forbid '\b(creat|fopen|freopen)\(' 'open with O_CLOEXEC, base/file.h'
	forbid '\b(dup|pipe|accept|inotify_init|epoll_create)\(' 'the variant with flags, for CLOEXEC'
	not_cloexec
	forbid_text '\b(open|openat|openat2|fopen|readlink|readlinkat|access|stat|lstat|opendir)\([^;]*"/proc/' \
		'base/procfs.h opens procfs' 'base/procfs|metrics/'
}

# Calls that make a descriptor say CLOEXEC (or hand on flags of their own) between their parentheses.
not_cloexec() {
	local hits
	# shellcheck disable=SC2016 # perl's variables
	hits=$(cd "$blanked" && printf '%s\n' "${product_c[@]}" | xargs perl -0ne '
		while (/\b(open|openat|socket|socketpair|accept4|pipe2|dup3|eventfd|timerfd_create|signalfd|epoll_create1|memfd_create|inotify_init1|fsopen|fsmount|open_tree|fspick|mkostemp)(\((?:[^()]|(?2))*\))/g) {
			my ($call, $args) = ($1, $2);
			next if $args =~ /CLOEXEC|flags/;
			next if substr($_, 0, pos) =~ /(int|static)[^;{}()]*\b\Q$call\E\Q$args\E\z/s;
			my $line = 1 + (substr($_, 0, pos) =~ tr/\n//);
			print "  $ARGV:$line: $call without CLOEXEC\n";
		}')
	[ -n "$hits" ] || return 0
	echo "$hits"
	found
}

check_whitespace() {
	begin whitespace "no trailing blanks, files end with a newline"
	local f
	while IFS= read -r f; do
		grep -nE '[ 	]+$' "$f" | sed "s|^|  $f:|; s|\$|  <- trailing blank|" | grep . && found
		[ -z "$(tail -c 1 "$f")" ] || { echo "  $f: no newline at the end"; found; }
	done < <(files '*.c' '*.h' '*.sh' '*.md' 'Makefile' 'man/*' | grep -v '^tests/fuzz/corpus')
}

check_shell() {
	begin shell "shellcheck over ${#scripts[@]} scripts"
	shellcheck -f gcc "${scripts[@]}" | sed 's/^/  /' | grep . && found
}

check_man() {
	local pages
	mapfile -t pages < <(files 'man/*.[1-9]')
	begin man "mandoc over ${#pages[@]} pages"
	[ ${#pages[@]} = 0 ] || mandoc -T lint -W warning "${pages[@]}" 2>&1 | sed 's/^/  /' | grep . && found
}

check_compile() {
	begin compile "gcc, warnings are errors (build/lint)"
	make --no-print-directory -s -j"$(nproc)" WERROR=1 BUILD=build/lint all unit helpers 2>&1 | grep -E 'error|warning|\*\*\*|undefined' | sed 's/^/  /' | grep . && found
}

check_tidy() {
	begin tidy "clang-tidy over $(printf '%s\n' "${product_c[@]}" | grep -c '\.c$') files"
	# shellcheck disable=SC2016 # "$@" is the inner shell's
	printf '%s\n' "${product_c[@]}" | grep '\.c$' | grep -vx 'base/err\.c' |
		xargs -P "$(nproc)" -n 4 sh -c 'clang-tidy --quiet "$@" -- \
		-std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -Ibuild/lint -Ibuild -include build-aux/analyzer.h' - 2>/dev/null |
		grep -E '(warning|error):' | sort -u | sed 's/^/  /' | grep . && found
}

check_cppcheck() {
	begin cppcheck "cppcheck"
	printf '%s\n' "${product_c[@]}" | grep '\.c$' | cppcheck -q -j "$(nproc)" --std=c11 --enable=warning,portability,performance \
		--inline-suppr --suppressions-list=build-aux/cppcheck.txt -D_GNU_SOURCE -D__GNUC__=12 -I. -Ibuild --file-list=- \
		--template='{file}:{line}: {severity}: {message} [{id}]' 2>&1 | sed 's/^/  /' | grep . && found
}

for c in "${checks[@]}"; do
	declare -F "check_$c" >/dev/null || { echo "no such check: $c" >&2; exit 2; }
	"check_$c"
done
if [ $findings -gt 0 ]; then
	echo "lint: findings in $findings of its checks"
	exit 1
fi
echo "lint: clean"
