/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The in-process scheduler: sampler + policy + ladder + actuators behind one descriptor, so that
 * `cede launch` (and later `ceded`) can poll it beside its own business.
 *
 * One writer (invariant 9): of all processes only the one that holds <root>/scheduler.lock acts;
 * the others try again once a second and take over when it ends, however it ends. The one that acts
 * looks after *all* containers in the slice, its own and those whose launcher died.
 */
#ifndef CEDE_SCHED_SCHEDULER_H
#define CEDE_SCHED_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/container.h"
#include "sched/policy.h"

struct scheduler;

struct scheduler_opts {
	const struct runtime *rt;
	const struct policy_config *config; /* NULL: the default */
	/* Called at every edge (rung change) of a secondary; may be NULL. */
	void (*on_edge)(const char *id, enum rung from, enum rung to, enum reason why, void *arg);
	void *arg;
};

/* Lets go of what a scheduler that was killed together with its guard has left frozen or capped;
 * nothing if somebody leads. For whoever is about to make a container. */
void scheduler_recover(const struct runtime *rt);

int scheduler_new(const struct scheduler_opts *o, struct scheduler **ret, struct err *e);
/* Thaws what it froze, drops its caps, releases the lock. NULL is fine. */
void scheduler_free(struct scheduler *s);
/* The same, but stays: the next tick tries to lead again. For a process that is about to be stopped
 * (SIGTSTP): a stopped leader would watch over nobody. */
void scheduler_step_down(struct scheduler *s);
/* A timerfd: readable when scheduler_tick is due. */
int scheduler_fd(const struct scheduler *s);
/* Errors: the sampler or the state root is broken; the lead is given up, the next tick tries
 * afresh. What goes wrong with a single container is logged once. */
int scheduler_tick(struct scheduler *s, struct err *e);
/* Does this process lead? */
bool scheduler_is_active(const struct scheduler *s);

#endif
