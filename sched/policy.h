/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about it: a pure function. (sample, state, config) -> decision; no I/O, no clock, no
 * allocation, integers only, so that a recorded trace replays bit for bit.
 */
#ifndef CEDE_SCHED_POLICY_H
#define CEDE_SCHED_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics/sample.h"

/* The ladder, from free running to evicted. Rungs between CAP and FREEZE (fewer CPUs, I/O and
 * network caps, reclaim) and behind FREEZE (reclaim the frozen, checkpoint, kill and requeue) have
 * their place here; those not built yet are not listed. */
enum rung {
	RUNG_IDLE_CLASS, /* free running in the kernel's idle class */
	RUNG_CPU_CAP,	 /* CPU time limited: cpu.max, or a freezer duty cycle */
	RUNG_FREEZE,
	RUNG_KILL, /* only for secondaries that asked for it (--on-pressure kill) */
	RUNGS,
};
const char *rung_name(enum rung r);

struct policy_config {
	uint64_t tick_ns;	     /* 10 ms */
	int64_t delay_tolerance_ppm; /* incumbents' run delay above their baseline that is fine */
	int64_t freeze_factor;	     /* s above this freezes at once (4) */
	uint32_t trip_ticks;	     /* ticks in a row with s > 1 before the level falls (2) */
	uint64_t hold_min_ns, hold_max_ns; /* 200 ms, doubling per repeat, 30 s */
	int64_t min_level_ppm;		   /* below this a cap becomes a freeze */
	int64_t cpu_psi_tolerance_ppm, mem_psi_tolerance_ppm, io_psi_tolerance_ppm;
	int64_t mem_reserve_bytes; /* MemAvailable below this freezes */
};
extern const struct policy_config policy_config_default;

/* Opaque to callers; zero-initialise with policy_init. */
struct policy_state {
	int64_t level_ppm;    /* share of the CPUs the secondaries may use, 1'000'000 = all */
	int64_t baseline_ppm; /* learnt: the incumbents' own delay */
	uint32_t trips;	      /* ticks in a row over the tolerance */
	uint32_t repeats;
	uint64_t hold_ns, hold_until_ns, last_ns;
	enum rung rung;
};

enum reason {
	REASON_NONE,
	REASON_RUN_DELAY,
	REASON_CPU_PSI,
	REASON_MEM_PSI,
	REASON_IO_PSI,
	REASON_MEMORY_LOW,
	REASON_HOLD, /* nothing wrong any more, waiting the hold out */
	REASON_RECOVERED,
};
const char *reason_name(enum reason r);

struct decision {
	enum rung rung;
	int64_t cpu_cap_ppm; /* of all CPUs; meaningful on RUNG_CPU_CAP */
	enum reason reason;
	int64_t score_permille; /* s * 1000: the worst normalised signal */
	uint64_t next_tick_ns;	/* when to look again */
};

void policy_init(struct policy_state *st, const struct policy_config *cfg);
struct decision policy_decide(const struct sample *s, struct policy_state *st,
			      const struct policy_config *cfg);

#endif
