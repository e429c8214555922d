/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run delay of the incumbents' busiest threads: a few schedstat files kept open. Which ones is
 * decided by metrics/scan.h; what the figures mean stands in metrics/sample.h.
 *
 * An open file of procfs belongs to the task it was opened for (struct pid), never to a later one
 * with the same number: once the thread has gone, reading gives ESRCH. So a pid that is used again
 * cannot mix two threads' counters.
 */
#ifndef CEDE_METRICS_THREADS_H
#define CEDE_METRICS_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "metrics/counters.h"

#define THREADS_MAX 256

struct thread_delays {
	uint32_t n;	   /* threads behind the figures */
	int64_t worst_ppm; /* these three SAMPLE_UNKNOWN without an interval */
	int64_t total_ppm;
	int64_t wait_ns;
};

struct watched {
	pid_t tgid, tid;
	int fd;
	bool kept; /* during threads_choose */
	struct counter wait, slices;
};

struct threads {
	int procfd; /* borrowed */
	unsigned max, n;
	struct watched watched[THREADS_MAX];
};

/* `procfd`: the procfs to read, borrowed. */
void threads_init(struct threads *t, int procfd, unsigned max);
void threads_close(struct threads *t);

/* All of them, over the interval since the last call. Threads that have gone are dropped. */
void threads_read(struct threads *t, uint64_t interval_ns, struct thread_delays *ret);

/* A new choice: begin, keep or add each wanted one, end (closes what was not wanted again). */
void threads_choose_begin(struct threads *t);
void threads_choose(struct threads *t, pid_t tgid, pid_t tid);
void threads_choose_end(struct threads *t);

#endif
