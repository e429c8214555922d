/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's idle class, task by task: where no cgroup makes the secondaries idle.
 *
 * SCHED_IDLE, and the longest slice there is (100 ms; sched_setattr(2), sched_runtime of a fair
 * task, Linux 6.12). The slice is for the incumbents' sake: a task that wakes up preempts one whose
 * slice is longer than its own as soon as it is eligible (PREEMPT_SHORT, kernel/sched/features.h);
 * otherwise the one that runs may end the slice it has begun (RUN_TO_PARITY), and the incumbent
 * waits for it till the next tick, 4 ms at HZ=250. A group's slice is the shortest of those in it,
 * and children inherit it. Older kernels take no notice of it.
 *
 * This orders tasks within one group of the scheduler. Where sched_autogroup_enabled is 1 every
 * session is such a group, with the full weight of one: its nice value (autogroup of procfs,
 * sched(7)) is the caller's business.
 */
#ifndef CEDE_RUNTIME_IDLE_CLASS_H
#define CEDE_RUNTIME_IDLE_CLASS_H

#include <stdbool.h>
#include <sys/types.h>

/* tid 0: the caller. 0, or negative errno. */
int idle_class_enter(pid_t tid);

/* Whether the task is SCHED_IDLE. Its slice cannot be asked for, but nothing that leaves it in the
 * class takes the slice away. */
bool idle_class_has(pid_t tid);

#endif
