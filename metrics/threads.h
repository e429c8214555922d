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
/* The busiest are read at every call, of the others so many in turn: a read costs some 1.5 us when
 * the machine has had 10 ms to forget about us. */
#define THREADS_ALWAYS 6
#define THREADS_IN_TURN 3

struct thread_delays {
	uint32_t n;	   /* threads watched */
	int64_t worst_ppm; /* of the threads that were read now, each over its own interval */
	int64_t wait_ns;   /* the same */
	int64_t total_ppm; /* of all, as of their last reading */
};

struct watched {
	pid_t tgid, tid;
	int fd;
	bool kept; /* during threads_choose */
	uint32_t score;
	uint64_t read_ns;
	int64_t wait_ppm;
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

/* Threads that have gone are dropped. */
void threads_read(struct threads *t, uint64_t now_ns, struct thread_delays *ret);

/* A new choice: begin, keep or add each wanted one, end (closes what was not wanted again). */
void threads_choose_begin(struct threads *t);
void threads_choose(struct threads *t, uint64_t now_ns, pid_t tgid, pid_t tid, uint32_t score);
void threads_choose_end(struct threads *t);

#endif
