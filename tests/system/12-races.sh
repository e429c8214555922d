# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Requests that race: one of them succeeds, the other says in one line why not, nothing is left behind.

ID=$TAG-r
# Some rounds always, and more where they are quick.
ROUNDS_MIN=3 ROUNDS_MAX=25 ROW_SECONDS=1
GONE="container .$ID. does not exist"
DEAD='container not running'
BUSY='another operation holds its lock|is being created by another process'

# --- where a round begins --------------------------------------------------------------------------

none() { :; }
created() { cede create -b "$T/b" --pid-file "$T/pid" "$ID" || die "create failed"; }
running() { cede run -d -b "$T/b" --pid-file "$T/pid" "$ID" || die "run failed"; }
paused() { running && cede pause "$ID"; }
stopped() {
	created
	cede kill "$ID" KILL
	while alive "$(cat "$T/pid")"; do :; done
}

# --- a round ---------------------------------------------------------------------------------------

# another_round: counts $round up, until there were enough (0 before the first).
another_round() {
	[ "$round" != 0 ] || row_end=$((SECONDS + ROW_SECONDS))
	round=$((round + 1))
	[ "$round" -le $ROUNDS_MIN ] || { [ "$round" -le $ROUNDS_MAX ] && [ $SECONDS -lt "$row_end" ]; }
}

# Up to some milliseconds, without a process for it.
stagger() {
	local k
	for ((k = RANDOM % 4 * (RANDOM % 3000); k > 0; k--)); do :; done
}

one_side() { # NAME COMMAND...
	local name=$1 status=0
	shift
	stagger
	"$@" >"$T/$name.out" 2>"$T/$name.err" </dev/null || status=$?
	echo $status >"$T/$name.status"
}

# said NAME ERRORS: it succeeded, or failed with one line like one of these (bash regex)
said() {
	local status lines
	status=$(cat "$T/$1.status")
	lines=$(wc -l <"$T/$1.err")
	[ "$status" != 0 ] || return 0
	[ "$lines" = 1 ] || die "round $round: $1: one line expected, found $lines: $(cat "$T/$1.err")"
	[[ $(cat "$T/$1.err") =~ $2 ]] || die "round $round: $1: exit status $status: $(cat "$T/$1.err")"
}

# Deleted by force if it is still there, it leaves nothing.
swept() {
	local pid
	cede delete --force "$ID" 2>"$T/sweep.err" || die "round $round: delete: $(cat "$T/sweep.err")"
	[ ! -e "$ROOT/$ID" ] || die "round $round: state left: $(ls -A "$ROOT/$ID")"
	[ -z "$CG" ] || [ ! -e "$CG/cede.slice/$ID" ] || die "round $round: group left"
	[ ! -s "$T/pid" ] || ! alive "$(cat "$T/pid")" || eventually 5 gone "$(cat "$T/pid")"
	: >"$T/pid"
}

# race FROM WINS ERRORS 'COMMAND' 'COMMAND' [CHECK]: the two at once, many times. WINS: how many of
# them succeed (1: exactly one, 1+: at least one, *: any number, 2: the second one). CHECK runs after them.
race() {
	local from=$1 wins=$2 errors=$3 a=$4 b=$5 check=${6:-true} round=0 n pids
	[ -d "$T/b" ] || bundle b '.process.args = ["sh", "-c", "echo x >>/ran; exec sleep 1000"]'
	ABOUT="$a | $b"
	while another_round; do
		rm -f "$T/b/rootfs/ran"
		: >"$T/pid"
		$from
		# shellcheck disable=SC2086 # words of a command
		{ one_side a cede $a & pids=$!; one_side b cede $b & pids="$pids $!"; }
		# shellcheck disable=SC2086
		wait $pids
		said a "$errors"
		said b "$errors"
		n=$(cat a.status b.status | grep -cx 0) || true
		case $wins in
		1+) [ "$n" -ge 1 ] || die "round $round: nobody won: $(cat a.err b.err)" ;;
		2) [ "$(cat b.status)" = 0 ] || die "round $round: the second one lost: $(cat b.err)" ;;
		1) [ "$n" = 1 ] || die "round $round: $n won: $(cat a.err b.err)" ;;
		esac
		$check || die "round $round: $check failed (exit statuses $(cat a.status) and $(cat b.status))"
		swept
	done
}

# --- the table -------------------------------------------------------------------------------------

# timeout: 120
test_two_deletes() {
	race stopped 1 "$GONE" "delete $ID" "delete $ID"
	race running 1+ "$GONE|$BUSY" "delete --force $ID" "delete --force $ID"
	race running 2 "$GONE|cannot delete container|$BUSY" "delete $ID" "delete --force $ID"
}

# The container that was made is the one that is there.
ours_is_there() { is_status "$ID" created && alive "$(cat "$T/pid")"; }
# timeout: 120
test_two_creates() {
	leftover() { mkdir "$ROOT/$ID" && touch "$ROOT/$ID/lock"; } # of one that was killed at once
	race leftover 1 "already exists" "create -b $T/b --pid-file $T/pid $ID" "create -b $T/b --pid-file $T/pid $ID" ours_is_there
	race none 1 "already exists" "create -b $T/b --pid-file $T/pid $ID" "create -b $T/b --pid-file $T/pid $ID" ours_is_there
	race none 1 "already exists" "create -b $T/b --pid-file $T/pid $ID" "run -d -b $T/b --pid-file $T/pid $ID"
}

ran_once() {
	eventually 5 test -s "$T/b/rootfs/ran"
	eq "runs of the program" "$(wc -l <"$T/b/rootfs/ran")" 1
}
# timeout: 120
test_start_twice() {
	race created 1 'running already' "start $ID" "start $ID" ran_once
}

# Killed at any moment of its creation
# timeout: 120
test_kill_during_create() {
	race none 1+ "$GONE|$DEAD" \
		"create -b $T/b --pid-file $T/pid $ID" "kill $ID KILL"
	race none 1+ "$GONE|$DEAD|$BUSY" \
		"create -b $T/b --pid-file $T/pid $ID" "delete --force $ID"
	race none 1+ "$GONE" "create -b $T/b --pid-file $T/pid $ID" "start $ID"
}

# timeout: 120
test_start_and_end() {
	race created 2 "$GONE|cannot start container .$ID.: it has stopped" "start $ID" "kill $ID KILL"
	race created 2 "$GONE|cannot start container .$ID.: it has stopped" "start $ID" "delete --force $ID"
	race created '*' "cannot delete container .$ID.: it is (created|running)" "start $ID" "delete $ID"
}

# Killed before it was started, init ends for as long as one of its namespace is not waited for: it
# runs no more than it did before, and it is not deleted before it has gone.
test_ending_unstarted() {
	local runner
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede create -b b --pid-file "$T/pid" "$ID"
	"$CEDE" --root "$ROOT" exec --pid-file "$T/exec.pid" "$ID" sleep 1000 </dev/null >exec.out 2>&1 &
	runner=$!
	eventually 5 test -s "$T/exec.pid"
	kill -STOP $runner
	ok cede kill "$ID" KILL
	eventually 5 no_descriptors "$(cat "$T/pid")"
	alive "$(cat "$T/pid")" || die "it is gone: nothing is tested here"
	is_status "$ID" stopped || die "status is $(status_of "$ID") without a start"
	fails 1 "cannot start container .$ID.: it has stopped" cede start "$ID"
	(sleep 1 && kill -CONT $runner) &
	ok cede delete "$ID"
	gone "$(cat "$T/pid")" || die "deleted while its init is there"
	[ ! -e "$ROOT/$ID" ] || die "state left"
	wait || true
}

# The same between the opening of the FIFO and the byte.
# needs: root command:strace
test_ended_before_the_byte() {
	local starter status=0
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede create -b b --pid-file "$T/pid" "$ID"
	strace -qq -o calls -e trace=write,openat -e inject=write:delay_enter=1000000 \
		-- "$CEDE" --root "$ROOT" start "$ID" >out 2>err </dev/null &
	starter=$!
	eventually 5 grep -q 'exec.fifo.*O_WRONLY.* = [0-9]' calls
	sleep 0.3
	ok cede kill "$ID" KILL
	wait $starter || status=$?
	eq "exit status" "$status" 1
	like "error" "$(cat err)" "^cede: cannot start container .$ID.: it has stopped$"
	ok cede delete "$ID"
}
no_descriptors() { [ -z "$(ls "/proc/$1/fd")" ]; }

# timeout: 120
test_delete_and_others() {
	local busy="$GONE|$DEAD|$BUSY"
	race running 2 "$busy|not paused" "pause $ID" "delete --force $ID"
	race paused 2 "$busy|not paused" "resume $ID" "delete --force $ID"
	race running 2 "$busy" "update --pids-limit -1 $ID" "delete --force $ID"
}

# Those that take no lock
# timeout: 120
test_delete_and_readers() {
	local busy="$GONE|$DEAD"
	race running 2 "$busy" "kill --all $ID TERM" "delete --force $ID"
	race running 2 "$busy" "ps --format json $ID" "delete --force $ID"
	race running 2 "$busy" "events --stats $ID" "delete --force $ID"
	race running 2 "$busy" "state $ID" "delete --force $ID"
}

# What is executed while the container ends was killed with it (and says nothing), or was never in it.
exec_ended() { [[ $(cat a.status) =~ ^(0|1|137|255)$ ]]; }
# timeout: 120
test_exec_and_end() {
	race running 2 "$GONE|$DEAD|$BUSY|^$" "exec --detach $ID sleep 1000" "delete --force $ID" exec_ended
	race stopped '*' "$GONE|$DEAD|$BUSY" "exec --detach $ID true" "delete $ID"
}

# In the moment in which the state is there and the document is not (yet, or any more).
test_exec_without_document() {
	bundle b '.process.args = ["sleep", "1000"]'
	ok cede run -d -b b "$TAG-a"
	mv "$ROOT/$TAG-a/config.json" kept
	fails 1 'container not running$' cede exec "$TAG-a" true
	mv kept "$ROOT/$TAG-a/config.json"
	ok cede exec "$TAG-a" true
	ok cede delete -f "$TAG-a"
}

# timeout: 120
test_pause_and_resume() {
	race running 1+ "already paused|$DEAD" "pause $ID" "pause $ID"
	race paused 1+ "not paused" "resume $ID" "resume $ID"
	race running 1+ "not paused" "pause $ID" "resume $ID"
	race running 1+ "already paused" "update --pids-limit -1 $ID" "pause $ID"
}

# --- an engine that is killed ------------------------------------------------------------------------

# engine COMMAND...: as an engine has it: a process group of its own, with the runtime in it; $ENGINE
engine() {
	# shellcheck disable=SC2016
	setsid bash -c 'cede=$1 root=$2; shift 2; "$cede" --root "$root" "$@"; echo $? >ended; exec sleep 1000' - "$CEDE" "$ROOT" "$@" >out 2>err </dev/null &
	ENGINE=$!
}
kill_engine() {
	until kill -KILL -- "-$ENGINE" 2>/dev/null; do :; done # it may not be a group yet
	wait "$ENGINE" 2>/dev/null || true
}

# Between create and start: the container waits, and another engine starts or deletes it.
# timeout: 120
test_engine_killed_before_start() {
	local round
	bundle b '.process.args = ["sh", "-c", "echo x >>/ran; exec sleep 1000"]'
	round=0
	while another_round; do
		rm -f ended b/rootfs/ran
		engine create -b "$T/b" --pid-file "$T/pid" "$ID"
		eventually 5 test -s ended
		kill_engine
		is_status "$ID" created || die "round $round: $(status_of "$ID")"
		alive "$(cat pid)" || die "round $round: init is gone"
		[ ! -e b/rootfs/ran ] || die "round $round: it runs"
		if ((round % 2)); then
			ok cede start "$ID"
			ran_once
		fi
		swept
	done
}

settled() {
	state=$(status_of "$ID" 2>/dev/null) || true
	[ "$state" != creating ]
}

# At any moment of create or start: what is there afterwards is one of the known states, and goes on from it.
# timeout: 120
test_engine_killed() {
	local round state
	bundle b '.process.args = ["sh", "-c", "echo x >>/ran; exec sleep 1000"]'
	round=0
	while another_round; do
		rm -f ended b/rootfs/ran
		: >pid
		engine create -b "$T/b" --pid-file "$T/pid" "$ID"
		sleep "0.$(printf %03d $((RANDOM % (15 * SLOW))))"
		kill_engine
		eventually 5 settled
		case $state in
		'') ;; # not yet a container, or undone
		created)
			ok cede start "$ID"
			ran_once
			;;
		stopped) [ ! -e b/rootfs/ran ] || die "round $round: it ran" ;;
		*) die "round $round: a state of \"$state\"" ;;
		esac
		swept
	done
	round=0
	while another_round; do
		rm -f ended b/rootfs/ran
		created
		engine start "$ID"
		sleep "0.$(printf %03d $((RANDOM % (10 * SLOW))))"
		kill_engine
		# Woken, or still waiting for somebody to do it: never the one while the state says the other.
		running_or_created() { case $(status_of "$ID") in running) test -e b/rootfs/ran ;; created) cede start "$ID" 2>>err; false ;; *) false ;; esac; }
		eventually 5 running_or_created
		ran_once
		swept
	done
}

# creator_killed STRACE-OPTION...: a create that does not live to its end, in silence
creator_killed() {
	: >pid
	# The braces: this shell says of the death, too.
	{ strace -qq -o calls "$@" -- "$CEDE" --root "$ROOT" create -b b --pid-file pid "$ID" </dev/null >out 2>err; } 2>/dev/null || true
}

# The same, and every moment of them: killed at each of its system calls, as many as there is time for.
# needs: root command:strace
# timeout: 120
test_creator_killed_at_each_call() {
	local n k first at states='' end=$((SECONDS + 15))
	bundle b '.process.args = ["sh", "-c", "echo x >>/ran; exec sleep 1000"]'
	strace -qq -o calls -- "$CEDE" --root "$ROOT" create -b b --pid-file pid "$ID" </dev/null || die "create failed"
	swept
	# The third openat, the first fchmod: strace counts each name for itself.
	mapfile -t at < <(awk -F'(' '/^[a-z]/ && !/^exit/ { n[$1]++; printf "%s:error=EINTR:signal=KILL:when=%d\n", $1, n[$1] }' calls)
	n=${#at[@]}
	at_least "calls of create" "$n" 50
	first=$((RANDOM % n))
	for ((k = 0; k < n && SECONDS < end; k++)); do
		round=$(((first + k * 37) % n)) # 37: of every part some, also where there is no time for all
		rm -f b/rootfs/ran
		creator_killed -e "inject=${at[round]}"
		settled || eventually 5 settled # init has a copy of the lock for a moment
		ABOUT="inject=${at[round]}"
		states+=" ${state:-none}"
		case $state in
		'') [ ! -s pid ] || die "a pid file" ;;
		created)
			ok cede start "$ID"
			ran_once
			;;
		stopped)
			fails 1 'it has stopped$' cede start "$ID"
			[ ! -e b/rootfs/ran ] || die "it ran"
			;;
		*) die "a state of \"$state\"" ;;
		esac
		swept
	done
	echo "$k of $n calls: $(tr ' ' '\n' <<<"$states" | sort | uniq -c | xargs)"
	[ "$k" -lt "$n" ] || for state in none stopped created; do like states "$states" " $state"; done
}

# Recorded, and killed before it said so: init ends, some time; nobody is told meanwhile that it waits.
# needs: root command:strace
test_creator_killed_after_the_record() {
	bundle b '.process.args = ["sleep", "1000"]'
	creator_killed -f -e trace=fchmod,recvmsg -e inject=fchmod:error=EINTR:signal=KILL -e inject=recvmsg:delay_exit=$((400000 * SLOW)) &
	eventually 10 grep -q 'killed by SIGKILL' calls
	alive "$(cat pid)" || die "init has ended already: nothing is shown here"
	eq state "$(status_of "$ID")" stopped
	fails 1 'it has stopped$' cede start "$ID"
	ok cede delete "$ID"
	! alive "$(cat pid)" || die "init lives after the delete"
	wait
	# One call later it is created, and stays it.
	creator_killed -e inject=sendmsg:error=EINTR:signal=KILL
	tail -n 2 calls | grep -q '^sendmsg' || die "not killed there: $(tail -n 2 calls)"
	sleep 0.3
	eq state "$(status_of "$ID")" created
	ok cede start "$ID"
	ok cede delete --force "$ID"
}

# A delete that is killed half-way is finished by the next one.
# timeout: 120
test_delete_killed() {
	local round
	bundle b '.process.args = ["sleep", "1000"]'
	round=0
	while another_round; do
		running
		engine delete --force "$ID"
		sleep "0.$(printf %03d $((RANDOM % (8 * SLOW))))"
		kill_engine
		swept
	done
}
