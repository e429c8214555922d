# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Command lines as engines write them, and the words they look for in errors.

ID=$TAG-a
container() { bundle b '.process.args = ["sleep", "1000"]'; }

# containerd's shim (go-runc): global options first, numbers for signals, -no-subreaper.
test_containerd() {
	container
	g=(--root "$ROOT" --log "$T/log" --log-format json)
	ok "$CEDE" "${g[@]}" --rootless=false create --bundle "$T/b" --pid-file "$T/init.pid" --no-pivot=false --no-new-keyring "$ID"
	ok "$CEDE" "${g[@]}" start "$ID"
	jq '.process | .args = ["sleep", "999"] | .env = ["PATH=/bin"]' b/config.json >p.json
	ok "$CEDE" "${g[@]}" exec --process p.json --detach --pid-file "$T/exec.pid" "$ID"
	ok "$CEDE" "${g[@]}" ps --format json "$ID"
	eq pids "$(jq -c sort <<<"$OUT")" "$(jq -nc '[$ARGS.positional[] | tonumber] | sort' --args "$(cat init.pid)" "$(cat exec.pid)")"
	ok "$CEDE" "${g[@]}" pause "$ID"
	ok "$CEDE" "${g[@]}" resume "$ID"
	printf '{"pids": {"limit": -1}}' | "$CEDE" "${g[@]}" update --resources=- "$ID"
	ok "$CEDE" "${g[@]}" kill --all "$ID" 9
	eventually 5 is_status "$ID" stopped
	ok "$CEDE" "${g[@]}" delete "$ID"
	fails 1 'does not exist' "$CEDE" "${g[@]}" delete "$ID"
	# the shim takes the last record of level "error"
	eq "last record" "$(tail -n 1 log | jq -r '"\(.level): \(.msg)"')" "error: container \`$ID\` does not exist"
	ok "$CEDE" "${g[@]}" delete --force "$ID"
	ok "$CEDE" "${g[@]}" run -no-subreaper --detach --bundle "$T/b" --pid-file="$T/init.pid" "$ID"
	ok "$CEDE" "${g[@]}" delete --force "$ID"
}

# conmon for Podman and CRI-O: names for signals, --cgroup-manager, the log as one JSON object.
test_conmon() {
	container
	g=(--root="$ROOT" --log-format=json --log="$T/log")
	ok "$CEDE" "${g[@]}" --cgroup-manager cgroupfs create --bundle "$T/b" --no-pivot=false --pid-file "$T/pid" "$ID"
	ok "$CEDE" "${g[@]}" state "$ID"
	eq keys "$(jq -c 'keys_unsorted - ["owner", "annotations"]' <<<"$OUT")" '["ociVersion","id","pid","status","bundle","rootfs","created"]'
	ok "$CEDE" "${g[@]}" start "$ID"
	jq '.process | .args = ["sh", "-c", "exit 3"]' b/config.json >p.json
	ok "$CEDE" "${g[@]}" exec --pid-file "$T/epid" --process p.json --detach "$ID"
	for s in USR1 SIGUSR2 kill; do ok "$CEDE" "${g[@]}" kill "$ID" $s; done
	eventually 5 is_status "$ID" stopped
	ok "$CEDE" "${g[@]}" delete --force "$ID"
	config b '.process.args = ["/nowhere"]'
	run "$CEDE" "${g[@]}" create --bundle "$T/b" --pid-file "$T/pid" "$ID"
	[ "${STATUS:-0}" != 0 ] || die "created"
	jq -es 'length == 1 and (.[0].msg | test("no such file or directory"))' log >/dev/null || die "$(cat log)"
}

# A row: STATUS TEXT COMMAND..., on a container in the state the function is named after.
says() {
	local want=$1 text=$2
	shift 2
	ABOUT=
	run cede "$@"
	[ "$STATUS" = "$want" ] || die "$*: exit status $want expected"
	[[ $ERR == *"$text"* ]] || die "$*: \"$text\" expected"
	eq "lines of $*" "$(wc -l <"$T.err")" 1
}

# The words that engines look for, by the state of the container.
test_words() {
	container
	jq .process b/config.json >p.json
	for c in state start kill delete pause resume ps "update --pids-limit 5" "events --stats" "exec -p p.json"; do
		# shellcheck disable=SC2086
		says 1 "does not exist" $c "$ID"
	done
	ok cede create -b b "$ID"
	says 1 "already exists" create -b b "$ID"
	says 1 "already exists" run -b b "$ID"
	says 1 "is not paused" resume "$ID"
	says 1 "it is created" delete "$ID"
	ok cede start "$ID"
	says 1 "cannot start" start "$ID"
	says 1 "it is running" delete "$ID"
	says 127 "executable file not found" exec "$ID" nosuchprogram
	says 127 "no such file or directory" exec "$ID" /no/such/program
	says 127 "not a directory" exec "$ID" /bin/busybox/x
	says 126 "permission denied" exec "$ID" /etc/passwd
	says 126 "is a directory" exec "$ID" /etc
	says 1 "unknown signal" kill "$ID" NOSUCH
	ok cede pause "$ID"
	says 1 "already paused" pause "$ID"
	says 1 "cannot exec in a paused container" exec "$ID" true
	ok cede resume "$ID"
	ok cede kill "$ID" KILL
	eventually 5 is_status "$ID" stopped
	for c in kill pause "exec -p p.json" "update --pids-limit 5" "events --stats"; do
		# shellcheck disable=SC2086
		says 1 "container not running" $c "$ID"
	done
	says 1 "cannot start" start "$ID"
	says 1 "is not paused" resume "$ID"
	ok cede delete "$ID"
}

# Which programs cannot be executed, at create as at exec.
test_words_of_create() {
	local text status args
	container
	while IFS='|' read -r status text args; do
		config b '.process.args = [$p]' --arg p "$args"
		says "$status" "$text" create -b b "$ID"
		says "$status" "$text" run -b b "$ID"
	done <<-'END'
		127|executable file not found|nosuchprogram
		127|no such file or directory|/no/such/program
		126|permission denied|/etc/passwd
		126|is a directory|/etc
	END
}

# --pid-file to what is no file: it is written to, and stays what it is.
test_pid_file_that_is_none() {
	container
	mknod full c 1 7 2>/dev/null || cp -a /dev/full full
	fails 1 '--pid-file: write full: No space left' cede create -b b --pid-file full "$ID"
	fails 1 'does not exist' cede state "$ID"
	test -c full || die "the device was replaced"
	mkfifo fifo
	cat fifo >got &
	ok cede create -b b --pid-file fifo "$ID"
	wait $!
	eq "what came" "$(cat got)" "$(pid_of "$ID")"
	fails 1 '--pid-file: write fifo' cede exec --pid-file fifo "$ID" true
	fails 1 '--pid-file: write b: Is a directory' cede exec --pid-file b "$ID" true
	ok cede delete -f "$ID"
}

# --pidfd-socket of create, run and exec hands over a pidfd of the very process.
test_pidfd_socket() {
	local engine
	container
	listen() {
		rm -f sock
		"$HELPERS/pidfd" sock >got &
		engine=$!
		eventually 5 test -S sock
	}
	got() {
		wait "$engine" || die "no pidfd came"
		eq "process behind the pidfd" "$(cat got)" "$1"
	}
	listen
	ok cede create -b b --pidfd-socket sock "$ID"
	got "$(pid_of "$ID")"
	ok cede start "$ID"
	listen
	ok cede exec --detach --pid-file pid --pidfd-socket sock "$ID" sleep 1000
	got "$(cat pid)"
	ok cede delete -f "$ID"
	listen
	ok cede run -d -b b --pidfd-socket sock "$ID"
	got "$(pid_of "$ID")"
	ok cede delete -f "$ID"
	rm sock
	fails 1 '--pidfd-socket.*sock' cede create -b b --pidfd-socket sock "$ID"
	fails 1 'does not exist' cede state "$ID"
	# Whoever asked for it is gone before it is there; a killed process is not gone at once.
	listen
	disown "$engine" # the shell has nothing to say of its end
	config b '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "kill -KILL \($p); while grep -qs ^State:.[^ZX] /proc/\($p)/status; do sleep 0.01; done"]}]' --arg p "$engine"
	fails 1 '--pidfd-socket: hand over a descriptor: Broken pipe' cede create -b b --pidfd-socket sock "$ID"
	fails 1 'does not exist' cede state "$ID"
}

# exec --cgroup: below the container's own group, nowhere else.
test_exec_cgroup() {
	container
	ok cede run -d -b b "$ID"
	mkdir "$(cg_of "$ID")/sub"
	ok cede exec --cgroup sub "$ID" cat /proc/self/cgroup
	like group "$OUT" '0::.*/sub$'
	ok cede exec --cgroup /sub "$ID" cat /proc/self/cgroup
	like group "$OUT" '0::.*/sub$'
	fails 1 '--cgroup.*cpu:sub' cede exec --cgroup cpu:sub "$ID" true
	fails 1 'cgroup' cede exec --cgroup nosuch "$ID" true
	fails 1 '\.\.' cede exec --cgroup ../other "$ID" true
	ok cede delete -f "$ID"
}

# --process is the whole process: options that would change it are refused, not lost.
test_exec_process_alone() {
	container
	jq .process b/config.json >p.json
	for o in "--cwd /" "--env A=B" "-u 1" "-g 5" "--cap CAP_KILL" "--no-new-privs" "--apparmor x" "--process-label x"; do
		# shellcheck disable=SC2086
		fails 1 'cannot be combined with --process' cede exec -p p.json $o "$ID"
	done
}

# Every option that some caller sends is known to its verb, with a value where it has one.
test_union_of_flags() {
	local verb flag
	while read -r verb flag; do
		for f in $flag; do
			# known: the error, if any, is about something else
			run cede "$verb" "--$f" </dev/null
			unlike "$verb --$f" "$ERR" 'unknown option'
			run cede "$verb" "-$f" </dev/null # as go-runc may spell it
			unlike "$verb -$f" "$ERR" 'unknown option'
		done
	done <<-'END'
		create bundle config pid-file console-socket pidfd-socket no-pivot no-new-keyring preserve-fds no-subreaper
		run bundle config pid-file console-socket pidfd-socket no-pivot no-new-keyring preserve-fds no-subreaper detach keep
		exec process detach pid-file console-socket pidfd-socket preserve-fds cwd env tty user cap no-new-privs apparmor process-label cgroup additional-gids ignore-paused no-subreaper
		kill all
		delete force
		list format quiet
		ps format
		spec bundle config rootless
		events stats interval
		update resources blkio-weight cpu-period cpu-quota cpu-burst cpu-share cpu-shares cpu-rt-period cpu-rt-runtime cpuset-cpus cpuset-mems memory memory-reservation memory-swap pids-limit cpu-idle l3-cache-schema mem-bw-schema kernel-memory kernel-memory-tcp
	END
	for f in --root=/x --log=/dev/null --log-format=json --log-level=warn --debug --systemd-cgroup --cgroup-manager=systemd --rootless=true --rootless=auto; do
		run "$CEDE" "$f" --version
		eq "status of $f" "$STATUS" 0
	done
	for l in panic fatal error warn warning info debug trace; do ok cede --log-level $l list; done
	fails 1 '--log-level: unknown value "loud"' cede --log-level loud list
}
