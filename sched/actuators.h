/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What carries a decision out: for each rung the ways this kernel and this host have, best first
 * (the table in sched/actuators.c). The cap is the slice's, one write for all secondaries; freeze
 * and kill are each container's own.
 *
 * Whose slice: state roots are many, the slice is one. Its files belong to the scheduler that
 * holds a lock on its cgroup.freeze; one that serves another state root freezes and kills its own
 * containers and leaves the cap to that one, which sees the same machine.
 */
#ifndef CEDE_SCHED_ACTUATORS_H
#define CEDE_SCHED_ACTUATORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cgfs.h"
#include "base/err.h"
#include "sched/duty.h"
#include "sched/knob.h"
#include "sched/ladder.h"
#include "sched/policy.h"

struct secondary;
struct actuator;

struct actuators {
	struct cg_host host;
	int slice;	     /* O_PATH; -1 while there is no slice */
	bool owner;	     /* of the slice's files */
	bool has_idle;	     /* cpu.idle is there */
	bool quota_is_safe;  /* see has_quota in actuators.c */
	bool foreign_freeze; /* of the slice, from before we came */
	bool warned_idle;
	struct knob freeze, max;
	const struct actuator *by_rung[RUNGS];
	struct duty duty;
	int64_t cap_ppm;
};

int actuators_open(struct actuators *a, struct err *e);
void actuators_close(struct actuators *a);

/* Finds a slice that has appeared or been made anew, tries to own it, and verifies what must
 * always hold (cpu.idle). Some times per second. `was_capping`: what a scheduler that died has left
 * on the slice is put right. */
void actuators_refresh(struct actuators *a, bool was_capping);

struct cap {
	int64_t level_ppm; /* LEVEL_FULL: none */
	uint32_t n_cpus;
	uint64_t used_ns,
		dt_ns; /* CPU time of the slice since the last call, and how long that is */
	uint64_t tick_ns;
};
/* Every tick, with or without a cap. Returns true if it wants to be called again after tick_ns. */
bool actuators_cap(struct actuators *a, const struct cap *c);

/* One action of the ladder. 0, -EAGAIN (the container is busy: next tick), -ENOENT (it is gone),
 * or another error. */
int actuators_do(struct actuators *a, struct secondary *s, enum ladder_action act, struct err *e);

/* A secondary's own limit (--cpus) on a host whose slice has no cpu controller. */
void actuators_own_limit(struct secondary *s, uint64_t dt_ns, uint64_t tick_ns);
void actuators_end_limit(struct secondary *s);

/* "cpu.max of the slice", ...: for the debug log. */
const char *actuators_name(const struct actuators *a, enum rung r);

#endif
