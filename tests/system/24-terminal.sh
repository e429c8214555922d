# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Terminals: a console socket (engines) and the caller's own terminal (people).

terminal='.process.terminal = true'

# create with a console socket: the engine gets the pty's master; the program has it as terminal.
test_console_socket() {
	bundle b "$terminal | .process.args = [\"sh\", \"-c\", \"tty; test -t 0 && test -t 1 && test -t 2 && echo is a terminal; stty size; ls -l /dev/console | cut -c1; read line; echo got:\$line\"] | .process.consoleSize = {height: 33, width: 101}"
	: >out
	(until grep -q '^c.$' out; do sleep 0.1; done; echo typed) | "$HELPERS/console" "$T/sock" >out &
	eventually 5 test -S sock
	ok cede create -b b --console-socket "$T/sock" "$TAG-a"
	ok cede start "$TAG-a"
	wait $! || die "console: $(cat out)"
	OUT=$(tr -d '\r' <out)
	like "payload" "${OUT%%$'\n'*}" '^console .+'
	like "terminal" "$OUT" $'/dev/(pts/0|console)\nis a terminal\n33 101\nc\n'
	like "input" "$OUT" 'got:typed'
	eventually 5 is_status "$TAG-a" stopped
	ok cede delete "$TAG-a"
}

# run --detach with a console socket.
test_console_socket_run() {
	bundle b "$terminal | .process.args = [\"echo\", \"hello\"]"
	"$HELPERS/console" "$T/sock" >out </dev/null &
	eventually 5 test -S sock
	ok cede run -d -b b --console-socket "$T/sock" "$TAG-a"
	wait $! || die "console: $(cat out)"
	like "output" "$(cat out)" 'hello'
	eventually 5 is_status "$TAG-a" stopped
	ok cede delete "$TAG-a"
}

# exec --tty with a console socket, detached, as engines do it.
test_console_socket_exec() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	"$HELPERS/console" "$T/sock" >out </dev/null &
	eventually 5 test -S sock
	ok cede exec -d --tty --console-socket "$T/sock" "$TAG-a" sh -c 'test -t 0 && echo is a terminal'
	wait $! || die "console: $(cat out)"
	like "output" "$(cat out)" 'is a terminal'
	ok cede delete -f "$TAG-a"
}

# In the foreground: keys go in, the picture comes out, the exit status is passed through.
test_foreground() {
	bundle b "$terminal | .process.args = [\"sh\", \"-c\", \"stty size; read line; echo got:\$line; exit 6\"]"
	STATUS=0
	(sleep 1; echo typed) | "$HELPERS/pty" --size 30x90 "$CEDE" --root "$ROOT" run -b b "$TAG-a" >out || STATUS=$?
	OUT=$(tr -d '\r' <out)
	eq "exit status" "$STATUS" 6
	like "size" "$OUT" '30 90'
	like "input" "$OUT" 'got:typed'
}

# Input that ends is its end for the program, too: also for a shell that edits lines, which sets the terminal up
# for that after the end has been sent.
test_foreground_end_of_input() {
	bundle b "$terminal | .process.args = [\"sh\"] | .process.env += [\"TERM=vt100\"]"
	ok timeout 20 "$CEDE" --root "$ROOT" run -b b "$TAG-a" # stdin: /dev/null
	# shellcheck disable=SC2016 # for the shell in the container
	ok timeout 20 bash -c 'echo "$1" | "$2" --root "$3" run -b b "$4"' - 'echo answer $((6 * 7))' "$CEDE" "$ROOT" "$TAG-a"
	like output "$OUT" 'answer 42'
	config b '.process.args = ["cat"]'
	ok timeout 20 "$CEDE" --root "$ROOT" run -b b "$TAG-a"
}

# Ctrl-C typed at the terminal interrupts the program, not cede; the caller's terminal is as before.
test_foreground_ctrl_c() {
	bundle b "$terminal | .process.args = [\"sh\", \"-c\", \"trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.1; done\"]"
	cat >outer <<-SH
		stty -a >$T/before
		"$CEDE" --root "$ROOT" run -b "$T/b" "$TAG-a"
		echo status \$?
		stty -a >$T/after
	SH
	(eventually 10 grep -q ready out; printf '\003') | "$HELPERS/pty" sh outer >out
	OUT=$(tr -d '\r' <out)
	like "output" "$OUT" $'interrupted\n.*status 3'
	eq "terminal settings" "$(cat after)" "$(cat before)"
}

# The window's size follows while the program runs.
test_foreground_winch() {
	bundle b "$terminal | .process.args = [\"sh\", \"-c\", \"trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.1; done\"]"
	"$HELPERS/pty" --size 30x90 "$CEDE" --root "$ROOT" run -b b "$TAG-a" >out </dev/null &
	eventually 5 grep -q ready out
	kill -WINCH $!
	wait $! || die "exit status $?: $(cat out)"
	like "size" "$(tr -d '\r' <out)" '30 100'
}

# exec --tty in the foreground.
test_foreground_exec() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	STATUS=0
	"$HELPERS/pty" "$CEDE" --root "$ROOT" exec --tty "$TAG-a" sh -c 'test -t 1 && echo is a terminal; exit 4' >out </dev/null || STATUS=$?
	eq "exit status" "$STATUS" 4
	like "output" "$(cat out)" 'is a terminal'
	ok cede delete -f "$TAG-a"
}

# A terminal without a way to it, a socket without a terminal, a socket nobody listens on.
test_refusals() {
	bundle b "$terminal | .process.args = [\"true\"]"
	fails 1 'console' cede create -b b "$TAG-a"
	fails 1 'console' cede run -d -b b "$TAG-a"
	fails 1 'nosuchsocket' cede create -b b --console-socket "$T/nosuchsocket" "$TAG-a"
	bundle c '.process.args = ["true"]'
	fails 1 'console' cede create -b c --console-socket "$T/sock" "$TAG-a"
	: >file
	fails 1 'file' cede create -b b --console-socket "$T/file" "$TAG-a"
	fails 1 '.' cede create -b b --console-socket "$T/$(printf 'x%.0s' {1..200})" "$TAG-a"
}

# A terminal inside a user namespace belongs to its root.
# needs: root userns
test_terminal_in_user_namespace() {
	bundle b "$terminal | .process.args = [\"sh\", \"-c\", \"stat -c %u \$(tty); echo done\"] | .linux.namespaces += [{\"type\": \"user\"}]
		| .linux.uidMappings = [{\"containerID\": 0, \"hostID\": 100000, \"size\": 65536}] | .linux.gidMappings = .linux.uidMappings"
	chown -R 100000:100000 b/rootfs
	STATUS=0
	"$HELPERS/pty" "$CEDE" --root "$ROOT" run -b b "$TAG-a" >out </dev/null || STATUS=$?
	eq "exit status" "$STATUS" 0
	like "owner and end" "$(tr -d '\r' <out)" $'0\ndone'
}
