/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which threads of the incumbents are busy: passes over /proc, a few tasks at a time.
 *
 * A pass begins at most once per `pass_ns`, and goes on in slices (scan_run) as long as the caller
 * pays. What a task costs: 2-4 us for a process with one thread (its schedstat; and once, when it
 * is new, its stat); kernel threads and secondaries are known from the pass before and cost
 * nothing. Large processes are opened up (a schedstat per thread) only if they have used CPU since.
 *
 * Is it the same process as in the pass before? Its directory's inode number tells, for free: it
 * comes with the listing, and is a new one when the pid is used again (the kernel throws the cached
 * directory away at exit). Where it changed, everything is read anew and the start time compared.
 */
#ifndef CEDE_METRICS_SCAN_H
#define CEDE_METRICS_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "metrics/threads.h"

struct scan;

struct scan_opts {
	int procfd;	   /* borrowed */
	const char *slice; /* copied; without slashes at the ends */
	uint64_t pass_ns;
	pid_t self;		 /* this process: it and its children are no incumbents */
	uint64_t (*clock)(void); /* for the budget */
};

int scan_new(const struct scan_opts *o, struct scan **ret, struct err *e);
void scan_free(struct scan *s);

/* Goes on for about budget_ns (measured inside), begins a new pass when one is due at `at_ns`. At
 * the end of a pass the best threads are put into `t`. Returns the time it took. */
uint64_t scan_run(struct scan *s, struct threads *t, uint64_t at_ns, uint64_t budget_ns);

/* Passes completed: 0: nothing is known; 1: who there is, but not yet who is busy. */
unsigned scan_passes(const struct scan *s);
/* This kernel keeps no schedstat, or we may not read it. */
bool scan_is_blind(const struct scan *s);
/* A busy incumbent was in the root cgroup (or in no cgroup2) lately: the top-level groups are not
 * all of them. */
bool scan_saw_root(const struct scan *s);

#endif
