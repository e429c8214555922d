/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job got, measured (invariant 7): its time by the clock, its CPU time and its waiting by
 * the kernel's counters of its cgroup, the idle CPU by /proc/stat plus what all secondaries used.
 */
#ifndef CEDE_CLI_LAUNCH_SUMMARY_H
#define CEDE_CLI_LAUNCH_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cgfs.h"
#include "base/err.h"
#include "base/str.h"

struct launch_usage {
	struct cg_host host;
	int cgfd, slice_fd, events_fd, state_fd; /* events_fd: to be polled with POLLPRI */
	uint64_t start_ns, idle_ticks, slice_usec, children_usec;
	bool ungrouped; /* without a cgroup only the CPU time of ended processes is counted */
	/* Transitions of cgroup.events, for kernels that do not add them up themselves. */
	bool frozen;
	uint64_t frozen_since_ns, frozen_ns;
};

/* Of a container that has just been started; errors leave a usage that can be ended all the same.
 */
int launch_usage_begin(struct launch_usage *u, const struct runtime *rt, const char *id,
		       struct err *e);
void launch_usage_event(struct launch_usage *u);
bool launch_usage_is_frozen(const struct launch_usage *u);

struct launch_result {
	const char *id;
	int status; /* exit status or 128 + signal */
	uint64_t wall_usec, used_usec;
	uint64_t frozen_usec;
	uint64_t waited_usec; /* frozen, or runnable without a CPU */
	uint64_t idle_usec;   /* CPU time there was for secondaries; 0: not known */
	unsigned yields;      /* how often it was frozen, by the scheduler's edges */
	bool out_of_memory;
	bool ungrouped;	     /* no more is known than wall and used */
	char killed_for[32]; /* reason of the kill under pressure; "": none */
};

/* Reads the last counters: the container has ended and is not deleted yet. */
void launch_usage_end(struct launch_usage *u, const char *id, int status,
		      struct launch_result *ret);
/* Text of sched/edges.h: how many lines say "freeze", and why the last "kill". Pure. */
void launch_edges_parse(const char *text, struct launch_result *r);
/* One line without a newline. Pure. */
void launch_summary_format(const struct launch_result *r, struct strbuf *out);

#endif
