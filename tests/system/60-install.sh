# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# make install, uninstall, dist: what a packager does.

# install puts everything below DESTDIR and PREFIX and nowhere else; the installed binary works;
# uninstall takes the files away again.
# needs: here command:make command:gcc
# timeout: 120
test_install() {
	make -C "$TOP" -s install DESTDIR="$T/dest" PREFIX=/opt/cede >log 2>&1 || die "make install: $(tail -n 5 log)"
	eq "installed below" "$(cd dest && find . -type f | cut -d/ -f2,3 | sort -u)" "opt/cede"
	[ -x dest/opt/cede/bin/cede ] || die "no bin/cede: $(find dest -type f)"
	like "version" "$(dest/opt/cede/bin/cede --version)" '^cede version '
	[ -s dest/opt/cede/share/man/man8/cede.8 ] || die "no man page"
	[ -s dest/opt/cede/share/bash-completion/completions/cede ] || die "no completion"
	make -C "$TOP" -s uninstall DESTDIR="$T/dest" PREFIX=/opt/cede >log 2>&1 || die "make uninstall: $(tail -n 5 log)"
	eq "left after uninstall" "$(find dest -type f)" ""
}

# The tarball of `make dist` builds by itself and its binary runs.
# needs: here command:make command:gcc command:git command:autoconf
# timeout: 300
test_dist() {
	local tar
	git -C "$TOP" rev-parse --git-dir >/dev/null 2>&1 || skip "a git checkout"
	tar=$(make -C "$TOP" -s dist BUILD="$T/d" | tail -n 1)
	mkdir src
	tar -xzf "$tar" -C src --strip-components=1
	env -u BUILD make -C src -s all >log 2>&1 || die "make: $(tail -n 5 log)"
	like "version" "$(src/build/cede --version)" '^cede version '
}

# The man page is well formed and tells of every command and option that --help shows.
# needs: here command:mandoc
test_man_page() {
	local o v
	mandoc -T lint -W error "$TOP/man/cede.8" || die "mandoc"
	OUT=$(mandoc -T utf8 "$TOP/man/cede.8" | sed 's/.\x08//g')
	for v in $("$CEDE" --help | sed -n 's/^  \([a-z]\+\)  .*/\1/p'); do
		like "man page" "$OUT" "\b$v\b"
		for o in $("$CEDE" "$v" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
			[ "$o" = --help ] || grep -qF -- "$o" <<<"$OUT" || die "the man page does not tell of $v $o"
		done
	done
}

# What bash offers after "cede ", "cede launch --" and "cede delete " is what the binary knows; the other
# shells' files are well formed where the shell is there, and ask the binary too.
# needs: here
test_completions() {
	local v f
	complete_bash() {
		PATH=$(dirname "$CEDE"):$PATH bash -c '
			source "$1"; shift
			COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
			_cede && printf "%s\n" "${COMPREPLY[@]}"' - "$TOP/contrib/completions/cede.bash" "$@"
	}
	OUT=$(complete_bash "$CEDE" "")
	for v in $("$CEDE" --help | sed -n 's/^  \([a-z]\+\)  .*/\1/p'); do
		grep -qx -- "$v" <<<"$OUT" || die "bash does not offer $v: $OUT"
	done
	OUT=$(complete_bash "$CEDE" launch --on)
	eq "options of launch" "$OUT" "--on-pressure"
	OUT=$(complete_bash "$CEDE" la)
	eq "a command half typed" "$OUT" "launch"
	for f in _cede cede.fish; do
		grep -qF -- '--help' "$TOP/contrib/completions/$f" || die "$f does not ask the binary"
	done
	! command -v zsh >/dev/null || zsh -n "$TOP/contrib/completions/_cede" || die "_cede"
	! command -v fish >/dev/null || fish -n "$TOP/contrib/completions/cede.fish" || die "cede.fish"
}
