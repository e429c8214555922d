/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about it: a pure function. (sample, state, config) -> decision; no I/O, no clock, no
 * allocation, integers only, so that a recorded trace replays bit for bit.
 *
 * The kernel's idle class arbitrates user-mode CPU time better than any loop can, and costs
 * nothing. So the law lets the secondaries run free and looks for what the idle class does not
 * arbitrate (kernel mode, memory, disks); its own danger is the false alarm, which costs work:
 *
 *  - score: s = (value - baseline) / tolerance of the worst signal. The signals are the incumbents'
 *    run delay (every tick) as far as the secondaries can have caused it, and their CPU, memory and
 *    I/O pressure (every 100 ms), all averaged over half a second of running, and the memory
 *    reserve. The tolerance is an absolute one or half the baseline, whichever is more.
 *  - reflex: s > 4 in two ticks (20 ms) or one reading, unaveraged: freeze for 200 ms, then back to
 *    where it was. May be wrong, so it has a budget: 5 % of the time.
 *  - alarm: s > 1: freeze for 200 ms, as a trial: what the incumbents suffer meanwhile is not the
 *    secondaries' doing. It becomes the baseline, one for each of four load levels of the
 *    incumbents; this is the canary of the literature, taken only when there is a doubt.
 *  - verdict: is most of it (s > 0.7) above what is left in the trial? If not: acquitted, back to
 *    where it was. If so, the level is halved, or falls to what the incumbents' recent peak leaves
 *    (feed-forward), whichever is less; with s > 4, or below the least level, it stays frozen.
 *    Averages are compared with averages: what follows a spike is calmer than the spike, whoever
 *    caused it.
 *  - hold: a sanction lasts 200 ms, twice as long for each one not yet forgotten, up to 30 s. One
 *    is forgotten for each 5 s of running free in peace.
 *  - up: s < 1/2 after the hold: 5 % per 100 ms.
 *
 *  - rest: what neither runs nor wants to is looked at less often; waking an idle CPU is most of
 *    what a look costs. The first sign that it runs, or that incumbents wait, ends it.
 *
 *  - starve: the incumbents take every CPU, and a secondary that wants one gets next to none, for
 *    2 s: freeze rather than starve. A starved task may hold a kernel lock that an incumbent waits
 *    for (a priority inversion: these locks know nothing of the idle class); a frozen one stands at
 *    the border of user mode and holds none. Over with the first idle time; without any it runs
 *    for another 2 s after 2 s, 4 s, at most 10 s, so that small jobs come to their end.
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
	uint64_t tick_ns;      /* while secondaries run */
	uint64_t slow_tick_ns; /* while they are frozen, or rest: */
	int64_t rest_ppm;      /* use less than that of all CPUs, */
	int64_t rest_wait_ppm; /* and wait less than that for one */
	uint64_t average_ns;   /* window of the leaky averages */
	/* What is fine above the baseline, millionths of the time. */
	int64_t delay_tolerance_ppm;
	int64_t cpu_psi_tolerance_ppm, mem_psi_tolerance_ppm, io_psi_tolerance_ppm;
	int64_t freeze_permille;       /* s * 1000 above this is grave */
	int64_t guilty_permille;       /* and this, against the trial's baseline, is guilty */
	uint32_t reflex_ticks;	       /* grave ticks in a row that make a reflex */
	uint64_t reflex_ns;	       /* its length, */
	int64_t reflex_share_ppm;      /* the share of the time that reflexes may take, */
	uint64_t reflex_budget_ns;     /* and how much of that can be saved up */
	uint64_t trial_ns, verdict_ns; /* length of a trial; evidence needed for an early verdict */
	uint64_t hold_min_ns, hold_max_ns;
	uint64_t forget_ns;    /* of peace, for each sanction */
	uint64_t baseline_ns;  /* time constant of the falling baseline */
	int64_t step_ppm;      /* the way up: so much ... */
	uint64_t step_ns;      /* ... per so long */
	int64_t min_level_ppm; /* below this a cap becomes a freeze */
	/* Starving: idle time and the secondaries' share below these (of all CPUs), their waiting
	 * above that (of the time), for so long; 0: never. */
	int64_t starve_idle_ppm, starve_share_ppm, starve_wait_ppm;
	uint64_t starve_ns, starve_max_ns;
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
	REASON_NO_IDLE,	  /* the incumbents take every CPU */
	REASON_HOLD,	  /* a sanction, or the way up from it */
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

/* Why a frozen secondary is frozen. */
enum policy_freeze { FREEZE_REFLEX, FREEZE_TRIAL, FREEZE_SANCTION, FREEZE_STARVED };

/* Callers may look, not write; zero-initialise with policy_init. */
struct policy_state {
	enum rung rung;
	enum policy_freeze freeze;
	enum reason why;    /* of the last alarm */
	int64_t level_ppm;  /* share of the CPUs the secondaries may use, LEVEL_FULL = all */
	int64_t resume_ppm; /* what it was before the freeze */
	int64_t average_ppm[POLICY_SIGNALS]; /* while running */
	int64_t attributable_ppm; /* of the run delay, what secondaries can have caused */
	int64_t secondary_ppm;	  /* what the secondaries use of all CPUs, averaged */
	int64_t peak_ppm;	  /* recent peak of what the incumbents use of all CPUs */
	int64_t baseline_ppm[POLICY_LOADS][POLICY_SIGNALS];
	/* Since the freeze: the mean of each signal, and the time it rests on. */
	int64_t frozen_ppm[POLICY_SIGNALS];
	uint64_t evidence_ns[POLICY_SIGNALS];
	/* At the last alarm: which signal, what it was, what of it was attributable. */
	enum policy_signal trip;
	int64_t trip_ppm, trip_attributable_ppm;
	uint32_t grave_ticks; /* in a row */
	uint32_t repeats;     /* sanctions not yet forgotten */
	uint64_t reflex_budget_ns;
	uint64_t now_ns, medium_ns; /* newest data seen */
	uint32_t starved;	    /* times in a row */
	uint64_t hold_until_ns, changed_ns, stepped_ns, peace_ns, fed_ns;
};

struct decision {
	enum rung rung;
	int64_t cpu_cap_ppm; /* of all CPUs; LEVEL_FULL: none; 0 when frozen */
	enum reason reason;
	int64_t score_permille; /* s * 1000: the worst normalised signal */
	/* Neither a reflex, nor a first trial, nor a short want of idle time: what cannot be undone
	 * (RUNG_KILL) may be done. */
	bool confirmed;
	uint64_t next_tick_ns; /* how long until the next look */
};

void policy_init(struct policy_state *st, const struct policy_config *cfg);
struct decision policy_decide(const struct sample *s, struct policy_state *st,
			      const struct policy_config *cfg);

#endif
