/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about it: a pure function. (sample, state, config) -> decision; no I/O, no clock, no
 * allocation, integers only, so that a recorded trace replays bit for bit.
 *
 * The kernel's idle class arbitrates user-mode CPU time better than any loop can, and costs
 * nothing. So the law lets the secondaries run free and looks for what the idle class does not
 * arbitrate (kernel mode, memory, disks); its own danger is the false alarm, which costs work:
 *
 *  - score: s = max over the signals of (value - baseline) / tolerance. The signals are the
 *    incumbents' run delay that the secondaries can have caused (every tick, averaged over some
 *    80 ms), their CPU, memory and I/O pressure (every 100 ms), and the memory reserve.
 *  - down: s > 1 for trip_ticks ticks, or in one reading of a slow signal: the level is halved, or
 *    falls to what the incumbents' recent peak leaves, whichever is less. Unaveraged s > 4 for
 *    trip_ticks ticks (20 ms): freeze. The third alarm in a row freezes as well: only a frozen
 *    secondary shows who is to blame.
 *  - hold: 200 ms, twice as long for each alarm that repeats, up to 30 s. One repeat is forgotten
 *    for each 5 s of running free in peace.
 *  - up: s < 1/2 after the hold. After a first alarm back to where it was, at once: a false one
 *    costs no more than one hold. After repeated ones 5 % per 100 ms.
 *  - learn: what the incumbents suffer while the secondaries are frozen is not the secondaries'
 *    doing: the baseline rises to it at once and falls slowly, for each of four load levels of the
 *    incumbents. An alarm that the new baseline would not have raised ends the hold (acquitted).
 *    This is the canary of the literature, taken only when there is a doubt.
 *
 * A full machine is no alarm: where the idle class gets next to nothing it causes next to nothing,
 * and what little it gets lets small jobs end.
 *
 * Fast down, slow up, growing holds: TCP's AIMD and what PRM, koordlet and resctl-demo do at 1 s.
 */
#ifndef CEDE_SCHED_POLICY_H
#define CEDE_SCHED_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics/sample.h"

/* The ladder, from free running to evicted. Rungs between CPU_CAP and FREEZE (fewer CPUs, I/O and
 * network caps, reclaim) and behind FREEZE (reclaim the frozen, checkpoint, kill and requeue) have
 * their place here; those not built yet are not listed. */
enum rung {
	RUNG_IDLE_CLASS, /* free running in the kernel's idle class */
	RUNG_CPU_CAP,	 /* CPU time limited: cpu.max, or a freezer duty cycle */
	RUNG_FREEZE,
	RUNG_KILL, /* only for secondaries that asked for it (--on-pressure kill): sched/ladder.h
		      makes it of a confirmed RUNG_FREEZE; the policy never says it */
	RUNGS,
};
const char *rung_name(enum rung r);

struct policy_config {
	uint64_t tick_ns;	 /* while secondaries may run */
	uint64_t frozen_tick_ns; /* while they are frozen */
	uint64_t smooth_ns;	 /* window of the leaky averages */
	/* What is fine above the baseline, millionths of the time. */
	int64_t delay_tolerance_ppm;
	int64_t cpu_psi_tolerance_ppm, mem_psi_tolerance_ppm, io_psi_tolerance_ppm;
	int64_t freeze_permille; /* s * 1000 above this freezes */
	uint32_t trip_ticks;	 /* ticks in a row with s > 1 before the level falls */
	uint32_t trial_repeats;	 /* an alarm after this many others freezes */
	uint64_t hold_min_ns, hold_max_ns;
	uint64_t forget_ns;    /* of peace, for each repeat */
	uint64_t baseline_ns;  /* time constant of the falling baseline */
	int64_t step_ppm;      /* the way up: so much ... */
	uint64_t step_ns;      /* ... per so long */
	int64_t min_level_ppm; /* below this a cap becomes a freeze */
	/* MemAvailable below the larger of the two freezes: bytes, and millionths of the total. */
	int64_t mem_reserve_bytes, mem_reserve_ppm;
};
extern const struct policy_config policy_config_default;

enum reason {
	REASON_NONE,
	REASON_RUN_DELAY,
	REASON_CPU_PSI,
	REASON_MEM_PSI,
	REASON_IO_PSI,
	REASON_MEMORY_LOW,
	REASON_HOLD,	  /* nothing wrong any more, waiting the hold out, or on the way up */
	REASON_ACQUITTED, /* the incumbents suffer as much without the secondaries */
	REASON_RECOVERED,
	REASONS,
};
const char *reason_name(enum reason r);

enum policy_signal {
	SIGNAL_DELAY,
	SIGNAL_CPU_PSI,
	SIGNAL_MEM_PSI,
	SIGNAL_IO_PSI,
	POLICY_SIGNALS,
};
#define POLICY_LOADS 4 /* incumbents use up to 1/4, 1/2, 3/4, all of the CPUs */

#define LEVEL_FULL 1000000

/* Callers may look, not write; zero-initialise with policy_init. */
struct policy_state {
	enum rung rung;
	enum reason why;	  /* of the last alarm */
	int64_t level_ppm;	  /* share of the CPUs the secondaries may use, LEVEL_FULL = all */
	int64_t resume_ppm;	  /* after a first alarm: the level to go back to; else 0 */
	int64_t delay_ppm;	  /* average of the incumbents' run delay ... */
	int64_t attributable_ppm; /* ... and of what of it the secondaries can have caused */
	int64_t secondary_ppm;	  /* average of what the secondaries use, of all CPUs */
	int64_t peak_ppm;	  /* recent peak of what the incumbents use, of all CPUs */
	int64_t baseline_ppm[POLICY_LOADS][POLICY_SIGNALS];
	int64_t trip_ppm;	    /* the signal's whole value at the last alarm */
	uint32_t trips;		    /* ticks in a row with s > 1 ... */
	uint32_t hard_trips;	    /* ... and, unaveraged, over freeze_permille */
	uint32_t repeats;	    /* alarms not yet forgotten */
	uint64_t now_ns, medium_ns; /* newest data seen */
	uint64_t hold_until_ns, changed_ns, stepped_ns, peace_ns;
};

struct decision {
	enum rung rung;
	int64_t cpu_cap_ppm; /* of all CPUs; LEVEL_FULL: none; 0 when frozen */
	enum reason reason;
	int64_t score_permille; /* s * 1000: the worst normalised signal */
	/* The alarm is not the first of its kind, or cannot be a false one: what cannot be undone
	 * (RUNG_KILL) may be done. */
	bool confirmed;
	uint64_t next_tick_ns; /* how long until the next look */
};

void policy_init(struct policy_state *st, const struct policy_config *cfg);
struct decision policy_decide(const struct sample *s, struct policy_state *st,
			      const struct policy_config *cfg);

#endif
