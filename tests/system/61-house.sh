# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The house keeps its own rules: the checkers find what they are there for, the documents match the tree.

# A copy of the sources to break.
copy_tree() {
	mkdir src
	(cd "$TOP" && tar -c --exclude=./build --exclude=./.git .) | tar -x -C src
}

# build-aux/arrows.sh passes on this tree, and finds a call upwards, an impure policy, yajl elsewhere.
# needs: here
test_arrows() {
	copy_tree
	ok src/build-aux/arrows.sh
	echo '#include "cli/cli.h"' >>src/base/err.c
	run src/build-aux/arrows.sh
	eq "exit status" "$STATUS" 1
	like "finding" "$OUT" 'base/err.c:[0-9]+: base must not include cli/cli.h'
	cp "$TOP/base/err.c" src/base/err.c
	echo '#include <stdio.h>' >>src/sched/policy.c
	run src/build-aux/arrows.sh
	eq "exit status" "$STATUS" 1
	like "finding" "$OUT" 'sched/policy.c'
}

# lint finds forbidden calls, bad formatting, descriptors without CLOEXEC.
# needs: here command:clang-format command:perl
# timeout: 60
test_lint() {
	local f
	copy_tree
	ok src/build-aux/lint.sh calls
	for f in 'long x(const char *s) { return strtol(s, 0, 10); }' 'int x(void) { return system("true"); }' \
		'int x(void) { return mount("a", "/b", "c", 0, 0); }' 'int x(void) { return open("/x", O_RDONLY); }' \
		'int x(int fd) { return openat(fd, "/proc/self/mem", O_RDONLY | O_CLOEXEC); }'; do
		cp "$TOP/runtime/ns.c" src/runtime/ns.c
		echo "$f" >>src/runtime/ns.c
		run src/build-aux/lint.sh calls
		[ "$STATUS" = 1 ] || die "lint did not find: $f"
		like "finding" "$OUT" 'runtime/ns.c:[0-9]+:'
	done
	cp "$TOP/runtime/ns.c" src/runtime/ns.c
	printf '\n/* strtol(s) in a comment */\nstatic const char text[] __attribute__((unused)) = "system(x)";\n' >>src/runtime/ns.c
	ok src/build-aux/lint.sh calls
	echo 'int   badly( int  formatted );' >>src/base/err.h
	run src/build-aux/lint.sh format
	eq "exit status" "$STATUS" 1
	like "finding" "$OUT" 'base/err.h'
}

# Every path that ARCHITECTURE.md and README.md name in backquotes exists; every room is named.
# needs: here
test_documents_match_the_tree() {
	local doc path room
	for doc in ARCHITECTURE.md README.md; do
		[ -s "$TOP/$doc" ] || die "$doc is missing"
		while read -r path; do
			[[ $path == build/* ]] && continue
			compgen -G "$TOP/$path" >/dev/null || compgen -G "$TOP/$path.[ch]" >/dev/null || die "$doc names $path, which does not exist"
		done < <(grep -oE '`[A-Za-z0-9_.*-]+(/[A-Za-z0-9_.*-]+)+/?`' "$TOP/$doc" | tr -d '`' |
			grep -E '^(base|oci|runtime|metrics|sched|cli|tests|man|contrib|build-aux|\.ci)/' | sort -u || true)
	done
	for room in base oci runtime metrics sched cli tests man contrib; do
		grep -qF "$room/" "$TOP/ARCHITECTURE.md" || die "ARCHITECTURE.md does not name $room/"
	done
}

# The README's commands are targets of the Makefile, its options are options of cede.
# needs: here command:make
test_readme_commands() {
	local t v o
	for t in $(grep -oE '\bmake [a-z][a-z-]*' "$TOP/README.md" | awk '{ print $2 }' | sort -u); do
		grep -qE "^([a-z-]+ )*$t( [a-z-]+)*:" "$TOP/Makefile" || die "README.md: make $t is no target"
	done
	for t in 'make demo' 'make check'; do
		grep -qF "$t" "$TOP/README.md" || die "README.md does not name $t"
	done
	for v in $(grep -oE '\bcede (run|create|start|state|kill|delete|exec|list|ps|pause|resume|spec|features|launch|doctor)\b' "$TOP/README.md" | awk '{ print $2 }' | sort -u); do
		ok cede "$v" --help
	done
	for o in $(grep -oE 'cede launch [^`]*' "$TOP/README.md" | sed 's/ -- .*//' | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
		ok cede launch --help
		grep -qF -- "$o" <<<"$OUT" || die "README.md: cede launch has no option $o"
	done
}

# .ci/run is the README's second command and then the engines; it fails when either fails, and counts
# both.
# needs: here
test_ci_fails_when_check_fails() {
	mkdir -p x/.ci bin
	cp "$TOP/.ci/run" x/.ci/run
	cat >bin/make <<-'SH'
		#!/bin/sh
		mkdir -p "build/$1"
		case "$*" in
		check) echo "3 passed, 1 failed, 0 skipped" >build/check/summary; exit "$CHECK" ;;
		check-engines) echo "5 passed, 0 failed, 2 skipped" >build/check-engines/summary; exit "$ENGINES" ;;
		*) exit 9 ;;
		esac
	SH
	chmod 755 bin/make
	CHECK=2 ENGINES=0 PATH=$T/bin:$PATH run x/.ci/run
	eq "exit status" "$STATUS" 2
	eq "last line" "${OUT##*$'\n'}" "8 passed, 1 failed, 2 skipped"
	CHECK=0 ENGINES=3 PATH=$T/bin:$PATH run x/.ci/run
	eq "exit status" "$STATUS" 3
	CHECK=0 ENGINES=0 PATH=$T/bin:$PATH run x/.ci/run
	eq "exit status" "$STATUS" 0
}
