/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secondaries: every container in the slice whose program has been started, whoever launched
 * it. The set is rebuilt from the state root and the kernel by looking (invariant 6).
 */
#ifndef CEDE_SCHED_SECONDARY_H
#define CEDE_SCHED_SECONDARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/container.h"
#include "sched/actuators.h"
#include "sched/duty.h"
#include "sched/ladder.h"
#include "sched/sweep.h"

/* Annotations that `cede launch` writes and anybody may. */
#define ANNOTATION_ON_PRESSURE "cede.on-pressure" /* "freeze" (default), "kill" */
#define ANNOTATION_CPUS "cede.cpus" /* "1.5": at most so many CPUs; for hosts without cpu.max */

struct secondary {
	char *id;
	ino_t ino;	     /* of the state directory: the same id may come again */
	bool seen;	     /* by the scan at work */
	struct container *c; /* NULL: known and none of our business (ended, not in the slice) */
	int lock_fd;	     /* of the state directory, for flock with a bound */
	int pidfd, cgfd, freeze_fd, stat_fd;
	enum ladder_state state;
	uint64_t since_ns;
	bool kill_on_pressure;
	bool odd_freeze, warned_foreign, warned_action;
	int64_t limit_ucpu; /* its own limit; 0: none, or the kernel's business */
	uint64_t used_usec; /* at the last look, for the limit */
	struct duty duty;
	bool duty_frozen;
	struct sweep sweep;
};

struct secondaries {
	struct secondary **v;
	size_t n, cap;
	size_t n_live;
	int64_t limits; /* how many have a limit of their own */
	size_t next_sweep;
};

/* Looks for containers that have come and forgets those that have gone. `on_new` is called for each
 * one adopted. */
int secondaries_scan(struct secondaries *set, const struct runtime *rt, struct actuators *a,
		     void (*on_new)(struct secondary *s, void *arg), void *arg, struct err *e);
/* Everything closed, nothing thawed. */
void secondaries_free(struct secondaries *set);
/* Closes what is open of one; it stays known until its directory goes. */
void secondary_forget(struct secondaries *set, struct secondary *s);

/* The fact to be fed to the ladder now, if there is one. */
bool secondary_fact(struct secondary *s, enum ladder_event *ret);
/* CPU time used so far; 0 if it cannot be read. */
uint64_t secondary_usage_usec(const struct secondary *s);
/* Tries to take the container's lock; secondary_unlock gives it back. */
bool secondary_lock(const struct secondary *s);
void secondary_unlock(const struct secondary *s);

#endif
