/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The idle class, verified task by task: what is born idle may have got out of it since.
 *
 *  - a task that calls setsid(2) gets an autogroup of its own with nice 0, that is, the weight of
 *    any other session, in which SCHED_IDLE yields to nobody outside (kernel/sched/autogroup.c);
 *  - one with CAP_SYS_NICE may have left SCHED_IDLE;
 *  - anybody may raise his I/O priority from idle to best effort (ioprio_set(2)).
 *
 * They are set back, unless the container was made otherwise: what its init has when it is first
 * looked at (a bundle may name a scheduler or an I/O priority) is what its tasks may have. Where
 * the cgroup itself is idle (cpu.idle) only the last matters.
 *
 * Cheap: two or three system calls per task that look at nothing but the task; a session is opened
 * once. At most SWEEP_TASKS tasks per call, the next call goes on with the others.
 */
#ifndef CEDE_SCHED_SWEEP_H
#define CEDE_SCHED_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SWEEP_TASKS 256
#define SWEEP_SESSIONS 64

struct sweep {
	bool autogroup, sched_idle, io_idle; /* what is looked after */
	struct {
		pid_t id;
		bool seen;
	} sessions[SWEEP_SESSIONS]; /* known to have nice 19 */
	size_t n_sessions;
	size_t offset;	/* where the next call begins */
	size_t n_reset; /* tasks and sessions set back so far */
};

/* `by_task`: the tasks themselves must be idle, their group is not. */
void sweep_init(struct sweep *sw, pid_t init, bool by_task);

/* `cgfd`: the container's group; groups below it are included. Returns how many were set back now.
 * What cannot be read or set is gone or not ours. */
size_t sweep_tasks(struct sweep *sw, int cgfd);

/* The 0 of "/autogroup-62 nice 0" (sched(7)). 0, -ENODATA or -EBADMSG. Pure. */
int sweep_autogroup_nice(const char *text, int *ret);

#endif
