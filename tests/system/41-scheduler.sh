# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The scheduler inside `cede launch`: secondaries yield under pressure and come back; a user's pause is
# the user's; another launcher takes over when the one that acts is killed.

# job NAME [OPTION...]: a launched job that keeps all CPUs busy; its work is counted in $T/NAME.count.
job() {
	local name=$1
	shift
	cp "$HELPERS/burn" "$T/burn" 2>/dev/null || true
	[ "$name" != a ] || quiet
	exec_cede launch --name "$TAG-$name" "$@" -- ./burn 0 "$(nproc)" "$name.count" >"$name.out" 2>"$name.err" &
	eventually 10 test -s "$name.count"
}

# CPU time of a container so far, in microseconds.
usage_of() { sed -n 's/^usage_usec //p' "$(cg_of "$1")/cpu.stat"; }

# Loops the job does in SECONDS.
rate() {
	local before
	before=$(cat "$1.count")
	sleep "$2"
	echo $(($(cat "$1.count") - before))
}

# Incumbents of another session that want every CPU and notice each wait.
incumbents() {
	"$HELPERS/burn" 0 "$(nproc)" "$T/incumbent.count" &
	INCUMBENT=$!
	eventually 10 test -s incumbent.count
}
no_incumbents() {
	kill -KILL "$INCUMBENT" 2>/dev/null || true
	wait "$INCUMBENT" 2>/dev/null || true
	rm -f incumbent.count # or the next ones seem to work before they do
}
slower_than() { [ "$(rate "$1" 0.5)" -lt "$2" ]; }
faster_than() { [ "$(rate "$1" 0.5)" -gt "$2" ]; }

# Under load the job falls below a fifth of its pace; when the load goes it comes back.
# needs: root cgroup2
# timeout: 90
# alone
test_yields_and_returns() {
	local free
	job a
	sleep 0.5
	free=$(rate a 1)
	at_least "the job's pace on a free machine" "$free" 40
	incumbents
	eventually 5 slower_than a $((free / 10))
	no_incumbents
	eventually 15 faster_than a $((free / 4))
	ok cede kill "$TAG-a" KILL
	wait || true
}

# While it stands aside, `list` says yielding, `state` says running: nobody paused it.
# needs: root cgroup2
# timeout: 90
# alone
test_shown_as_yielding() {
	is_yielding() { cede list | grep -q "$TAG-a .* yielding "; }
	job a
	incumbents
	eventually 15 is_yielding
	is_status "$TAG-a" running || die "status is $(status_of "$TAG-a")"
	no_incumbents
	ok cede kill "$TAG-a" KILL
	wait || true
}

# CPU time of the incumbents so far, and what all CPUs of this machine had to give so far (idle included,
# what the host below took excluded): "incumbents machine", in ms.
cpu_times() {
	local pids
	pids="$INCUMBENT $(cat "/proc/$INCUMBENT/task/$INCUMBENT/children")"
	for pid in $pids; do cat "/proc/$pid/schedstat"; done | awk -v hz="$(getconf CLK_TCK)" '
		NF == 3 { own += $1 }
		$1 == "cpu" { all = $2 + $3 + $4 + $5 + $6 + $7 + $8 }
		END { printf "%d %d\n", own / 1e6, all * 1000 / hz }' - /proc/stat
}

# spent VARIABLE-PREFIX BEFORE AFTER: adds what cpu_times grew by to PREFIX_own and PREFIX_all.
spent() {
	local b a
	read -ra b <<<"$2"
	read -ra a <<<"$3"
	eval "$1_own=\$(($1_own + ${a[0]} - ${b[0]})) $1_all=\$(($1_all + ${a[1]} - ${b[1]}))"
}

# The incumbents hardly notice: with the job beside them they get at least 9/10 of the CPU time, and do at
# least 9/10 of the work, that they do alone. The job is frozen and thawed in turn, and halves that follow
# each other are compared; the alone halves among themselves say how steady the machine was.
# needs: root cgroup2
# timeout: 90
# alone
test_incumbents_keep_their_pace() {
	local alone last=0 beside used=0 job_before i ratios=() noise=() found before after
	local alone_own=0 alone_all=0 beside_own=0 beside_all=0
	job a
	incumbents
	for i in 1 2 3 4 5 6 7; do
		ok cede pause "$TAG-a"
		before=$(cpu_times)
		alone=$(rate incumbent 1)
		after=$(cpu_times)
		spent alone "$before" "$after"
		ok cede resume "$TAG-a"
		sleep 0.3
		job_before=$(usage_of "$TAG-a")
		before=$(cpu_times)
		beside=$(rate incumbent 1)
		after=$(cpu_times)
		spent beside "$before" "$after"
		used=$((used + $(usage_of "$TAG-a") - job_before))
		ratios+=($((beside * 100 / alone)))
		[ "$i" = 1 ] || noise+=($((alone * 100 / last)))
		last=$alone
	done
	no_incumbents
	ok cede kill "$TAG-a" KILL
	wait || true
	at_most "the job's CPU time beside the incumbents, permille" $((used / 7 / $(nproc) / 1000)) 100
	at_least "incumbents' share of the CPU time, percent of alone ($beside_own of $beside_all ms, $alone_own of $alone_all ms)" \
		$((100 * beside_own * alone_all / beside_all / alone_own)) 90
	median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
	found=$(median "${ratios[@]}")
	at_least "incumbents' work beside the job, percent of alone (${ratios[*]}; alone, of the one before: ${noise[*]})" "$found" 90
}

# A container that the user paused is not thawed by the scheduler, whatever the load does.
# needs: root cgroup2
# timeout: 90
# alone
test_user_pause_is_respected() {
	local before
	job a
	ok cede pause "$TAG-a"
	incumbents
	sleep 2
	no_incumbents
	before=$(cat a.count)
	sleep 4
	eq "work done while paused" "$(($(cat a.count) - before))" 0
	is_status "$TAG-a" paused || die "status is $(status_of "$TAG-a")"
	ok cede resume "$TAG-a"
	eventually 20 faster_than a 0
	ok cede kill "$TAG-a" KILL
	wait || true
}

# The launcher that acts is killed -9 while its jobs stand aside: another launcher takes over and lets
# them go on when the load is gone.
# needs: root cgroup2
# timeout: 120
# alone
test_takeover() {
	local leader
	job a
	leader=$!
	sleep 1
	job b
	incumbents
	sleep 2
	kill -KILL $leader
	sleep 1
	no_incumbents
	eventually 20 faster_than a 0
	eventually 20 faster_than b 0
	# The one that took over acts for both.
	incumbents
	sleep 3
	at_most "work of the orphan under load" "$(rate a 1)" $(($(rate incumbent 1) / 4 + 1))
	no_incumbents
	ok cede delete -f "$TAG-a"
	ok cede kill "$TAG-b" KILL
	wait || true
	run cede delete -f "$TAG-b"
}

# The only launcher is killed -9 while its job stands aside: the job is inside the slice, a user can
# resume and delete it.
# needs: root cgroup2
# timeout: 90
# alone
test_killed_launcher() {
	local leader pid
	job a
	leader=$!
	pid=$(pid_of "$TAG-a")
	incumbents
	sleep 2
	kill -KILL $leader
	wait $leader 2>/dev/null || true
	no_incumbents
	if alive "$pid"; then
		like "its group" "$(cat "/proc/$pid/cgroup")" "0::/cede.slice/"
		run cede resume "$TAG-a"
		eventually 5 faster_than a 0
	fi
	ok cede delete -f "$TAG-a"
}

# --on-pressure kill: the job ends instead of waiting, and cede says why.
# needs: root cgroup2
# timeout: 90
# alone
test_on_pressure_kill() {
	local pid
	job a --on-pressure kill
	pid=$!
	incumbents
	eventually 30 gone $pid
	no_incumbents
	STATUS=0
	wait $pid || STATUS=$?
	eq "exit status" "$STATUS" 137
	like "reason" "$(cat a.err)" '^cede: .*(pressure|evicted|killed)'
}

# --on-pressure freeze (the default): under the same load the job is still there at the end.
# needs: root cgroup2
# timeout: 90
# alone
test_on_pressure_freeze() {
	job a --on-pressure freeze
	incumbents
	sleep 3
	no_incumbents
	is_status "$TAG-a" running || die "status is $(status_of "$TAG-a"): $(cat a.err)"
	eventually 15 faster_than a 0
	ok cede kill "$TAG-a" KILL
	wait || true
}

# Ctrl-C and kill work while the job stands aside.
# needs: root cgroup2
# timeout: 90
# alone
test_interrupt_while_yielding() {
	local pid
	job a
	pid=$!
	incumbents
	sleep 2
	kill -TERM $pid
	eventually 10 gone $pid
	no_incumbents
	STATUS=0
	wait $pid || STATUS=$?
	eq "exit status" "$STATUS" 143
}

# While a scheduler holds the slice back by freezing it for moments (hosts without the cpu controller),
# containers can be created all the same; a slice that stays frozen is refused with a reason.
# needs: root cgroup2 vm
# timeout: 40
# alone
test_create_in_duty_cycle() {
	local toggler
	bundle b '.process.args = ["true"]'
	ok cede run -b b "$TAG-a"
	while :; do
		echo 1 >"$CG/cede.slice/cgroup.freeze"
		sleep 0.1
		echo 0 >"$CG/cede.slice/cgroup.freeze"
		sleep 0.05
	done &
	toggler=$!
	for _ in 1 2 3 4 5 6; do ok cede run -b b "$TAG-a"; done
	kill $toggler
	wait $toggler || true
	echo 1 >"$CG/cede.slice/cgroup.freeze"
	fails 1 'frozen' cede run -b b "$TAG-a"
	echo 0 >"$CG/cede.slice/cgroup.freeze"
}

# With the cpu controller: the cap is cpu.max or the freezer on the slice's groups, the idle bit stays,
# and all is as it was when the launcher has gone.
# needs: root controller:cpu
# timeout: 90
# alone
test_leaves_no_knobs() {
	job a
	incumbents
	sleep 3
	eq "cpu.idle of the slice" "$(cat "$CG/cede.slice/cpu.idle")" 1
	no_incumbents
	ok cede kill "$TAG-a" KILL
	wait || true
	eq "cpu.max of the slice" "$(cat "$CG/cede.slice/cpu.max")" "max 100000"
	eq "frozen" "$(cat "$CG/cede.slice/cgroup.freeze")" 0
}

# Beside the loop, a child that makes the kernel choose again when it has put a secondary before an
# incumbent: in a class above both, with no privileges, and gone with the loop, also after kill -9.
# needs: root cgroup2 btf
# timeout: 60
test_nudge() {
	local leader nudge
	nudge_of() { # the child of PID of that name
		local p
		for p in $(cat "/proc/$1/task/$1/children"); do
			[ "$(cat "/proc/$p/comm" 2>/dev/null)" != cede-nudge ] || echo "$p"
		done
	}
	is_ready() { # its threads come last
		nudge=$(nudge_of "$1")
		[ -n "$nudge" ] && [ "$(find "/proc/$nudge/task" -mindepth 1 -maxdepth 1 | wc -l)" -eq $(($(nproc) + 1)) ]
	}
	exec_cede launch --name "$TAG-a" -- sleep 1000 &
	leader=$!
	eventually 10 is_ready $leader
	like "its privileges" "$(cat "/proc/$nudge/status")" $'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000'
	like "its privileges" "$(cat "/proc/$nudge/status")" $'NoNewPrivs:\t1'
	eq "its threads' class" "$(for t in /proc/"$nudge"/task/*; do chrt -p "${t##*/}" | grep -c SCHED_FIFO; done | sort -u)" 1
	kill -KILL $leader
	wait $leader 2>/dev/null || true
	eventually 10 gone "$nudge"
	ok cede delete -f "$TAG-a"
	# And with an ordinary end.
	exec_cede launch --name "$TAG-b" -- sleep 1000 &
	leader=$!
	eventually 10 is_ready $leader
	ok cede kill "$TAG-b" KILL
	wait $leader || true
	eventually 5 gone "$nudge"
}

# A job's tasks get the longest slice there is, so that an incumbent that wakes up preempts them at
# once; what they start inherits it, and what has left the idle class is put back with it.
# needs: root cgroup2 hybrid kernel:6.12 command:perl
# timeout: 60
test_long_slices() {
	local pid child
	slice_ms() { # sched_getattr(2), x86-64: the slice of a fair task is its sched_runtime (6.12)
		perl -e 'my $a = pack("x56"); syscall(315, int(shift), $a, 56, 0) == 0 or exit 1;
			print unpack("x24 Q", $a) / 1e6' "$1"
	}
	is_idle_again() { chrt -p "$1" | grep -q SCHED_IDLE && [ "$(slice_ms "$1")" = 100 ]; }
	exec_cede launch --name "$TAG-a" -- sh -c 'sleep 1000 & wait' &
	eventually 10 is_status "$TAG-a" running
	pid=$(pid_of "$TAG-a")
	eventually 5 grep -q . "/proc/$pid/task/$pid/children"
	child=$(($(cat "/proc/$pid/task/$pid/children")))
	eq "slice of the job" "$(slice_ms "$pid")" 100
	eq "slice of its child" "$(slice_ms "$child")" 100
	chrt -o -p 0 "$child"
	eventually 5 is_idle_again "$child"
	ok cede kill "$TAG-a" KILL
	wait || true
}
