# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# `make demo` in small: what it measures, what it writes, and that it leaves nothing behind.

BENCH=$(dirname "$HELPERS")/bench

# Cells too short to say anything about cede, long enough to say that all of it works.
small() { # rounds
	echo "--rounds $1 --steady-ms $((600 * SLOW)) --square-ms $((900 * SLOW)) --low-ms $((200 * SLOW))" \
		"--high-ms $((100 * SLOW)) --warmup-ms 100 --gate-wait-ms 0 --idle-before 0 --foreign 100 --steal 100" \
		"--rate $((600 / SLOW)) --low-rate $((300 / SLOW)) --high-rate $((3000 / SLOW)) --connections 4"
}

colocate() { # options...
	"$BENCH/colocate" --cede "$CEDE" --loadgen "$BENCH/loadgen" --job "$BENCH/job" "$@"
}

# refuses PATTERN PROGRAM...: status 1 and one line on stderr like it.
refuses() {
	local pattern=$1 program=$2
	shift 2
	run "$BENCH/$program" "$@"
	[ "$STATUS" = 1 ] || die "exit status 1 expected"
	[ "$(wc -l <"$T.err")" = 1 ] || die "one line on stderr expected"
	like "message" "$ERR" "$pattern"
}

groups_left() {
	find "$CG" -name 'cede-bench*' 2>/dev/null
}

# Every arm is measured: latencies, work done, CPU time used, load steps; the document and the picture
# are written; processes, cgroups and files of the run are gone.
# needs: root cgroup2 command:redis-server command:xz command:jq
# timeout: 60
# alone
test_measures() {
	mkdir "$T/tmp"
	# shellcheck disable=SC2046
	TMPDIR=$T/tmp ok colocate --out "$T/out" $(small 1) --all-squares --arms alone,uncontrolled,nice,cede
	like "table" "$OUT" "cede launch"
	jq -e '.p99_alone > 0 and .p99_uncontrolled > 0 and .p99_cede > 0 and .harvested_share >= 0 and .harvested_share <= 1
		and .yield_ms_p99 >= 0 and .yield_steps == 3' "$T/out/result.json" >/dev/null ||
		die "$(jq -c 'del(.cells)' "$T/out/result.json")"
	jq -e '.cells | length == 8 and all(.generator.offered > 0 and .generator.errors == 0
		and .generator.answered == .generator.offered)' "$T/out/result.json" >/dev/null || die "cells: $(jq -c '[.cells[].generator | del(.series)]' "$T/out/result.json")"
	# A cell of less than a second may be one that cede leaves to redis alone; all of them may not.
	jq -e '([.cells[] | select(.arm == "uncontrolled" or .arm == "nice")] | all(.work_bytes > 0 and .secondary_cpus > 0))
		and ([.cells[] | select(.arm == "cede")] | map(.work_bytes) | add > 0)' "$T/out/result.json" >/dev/null ||
		die "work: $(jq -c '[.cells[] | [.arm, .kind, .work_bytes, .secondary_cpus]]' "$T/out/result.json")"
	jq -e '[.cells[] | select(.arm == "alone")] | all(.work_bytes == 0 and .secondary_cpus == 0)' "$T/out/result.json" >/dev/null || die "a job beside nothing"
	jq -e '[.cells[] | select(.arm == "cede")] | all(.launcher_cpus > 0)' "$T/out/result.json" >/dev/null || die "cede launch costs nothing?"
	[ "$(grep -c '<polyline' "$T/out/timeline.svg")" = 5 ] || die "curves in the picture: $(grep -c '<polyline' "$T/out/timeline.svg")"
	[ -z "$(ls "$T/tmp")" ] || die "left in TMPDIR: $(ls "$T/tmp")"
	[ -z "$(groups_left)" ] || die "left: $(groups_left)"
}

# Told to stop while `cede launch` runs, it stops and removes everything, and says so by its status.
# needs: root cgroup2 command:redis-server command:xz
# timeout: 60
# alone
test_interrupted() {
	local signal pid i
	for signal in INT TERM KILL; do
		mkdir "$T/$signal"
		TMPDIR=$T/$signal DEMO_OUT=$T/out BUILD=$(dirname "$CEDE") \
			DEMO_OPTIONS="$(small 5) --arms alone,cede" \
			env --default-signal=INT "$TOP/tests/bench/demo" >"$T/$signal.log" 2>&1 &
		pid=$!
		for ((i = 0; i < 200 * SLOW; i++)); do
			! compgen -G "$CG/cede.slice/cede-bench-*" >/dev/null || break
			kill -0 "$pid" 2>/dev/null || die "the demo ended by itself: $(cat "$T/$signal.log")"
			sleep 0.1
		done
		compgen -G "$CG/cede.slice/cede-bench-*" >/dev/null || die "no container appeared"
		if [ "$signal" = KILL ]; then # the measurement itself, not the script: that one cleans up
			kill -KILL "$(pgrep -P "$pid" -x colocate)"
		else
			kill -s "$signal" "$pid"
		fi
		STATUS=0
		wait "$pid" || STATUS=$?
		case $signal:$STATUS in
		INT:130 | TERM:143 | KILL:137) ;;
		*) die "$signal: status $STATUS: $(tail -3 "$T/$signal.log")" ;;
		esac
		[ -z "$(ls "$T/$signal")" ] || die "$signal: left in TMPDIR: $(ls -R "$T/$signal")"
		[ -z "$(groups_left)" ] || die "$signal: left: $(groups_left)"
	done
}

# The job counts what it compresses, stops when told, and names a compressor that cannot be run.
# needs: command:xz command:od
test_job() {
	local pid before after
	head -c 200000 /dev/urandom >"$T/corpus"
	"$BENCH/job" --corpus "$T/corpus" --counter "$T/counter" --workers 1 &
	pid=$!
	sleep $((1 * SLOW))
	before=$(od -An -t u8 -j 64 -N 8 "$T/counter")
	sleep $((1 * SLOW))
	after=$(od -An -t u8 -j 64 -N 8 "$T/counter")
	kill "$pid"
	wait "$pid" || die "status $? after SIGTERM"
	((before > 0 && after > before)) || die "blocks: $before, then $after"
	run "$BENCH/job" --corpus "$T/corpus" --counter "$T/counter" --compressor /no/such/program
	[ "$STATUS" = 1 ] || die "exit status 1 expected"
	like "message" "$ERR" "/no/such/program cannot be run"
	refuses "open $T/nothing" job --corpus "$T/nothing" --counter "$T/counter"
}

# Wrong options: one line that says which.
test_bad_options() {
	local pattern line
	while IFS='|' read -r pattern line; do
		# shellcheck disable=SC2086
		refuses "$pattern" $line
	done <<-'END'
		--port is missing|loadgen --rate 100
		--rate is missing|loadgen --port 1
		--port 70000|loadgen --port 70000 --rate 1
		--rate x|loadgen --port 1 --rate x
		square wave|loadgen --port 1 --rate 10 --high-rate 20
		--arrivals sometimes|loadgen --port 1 --rate 10 --arrivals sometimes
		connections|loadgen --port 1 --rate 10 --connections 0
		/no/such/group|loadgen --port 1 --rate 10 --watch-cgroup /no/such/group
		127.0.0.1:1|loadgen --port 1 --rate 10
		operand|loadgen --port 1 --rate 10 operand
		--verbose|loadgen --verbose
		--cede|colocate --out /tmp
		nobody|colocate --cede x --loadgen x --job x --out x --arms alone,nobody
		alone is missing|colocate --cede x --loadgen x --job x --out x --arms cede
		too short|colocate --cede x --loadgen x --job x --out x --rounds 0
		--runs|startup --runs 0 x=true
		nothing to run|startup
		no-such-program|startup --runs 1 x=no-such-program
		usage|floor
		namespace in nonsense|floor -n nonsense /bin/true
	END
}
