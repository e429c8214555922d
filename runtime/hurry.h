/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secondaries that have to come to an end of something, and get no CPU to do it.
 *
 * The kernel kills and freezes a task by telling it; the task itself does the rest (gives its
 * memory back, stops) when it runs next. An idle task of a machine whose incumbents want every CPU
 * runs next in seconds. Here its threads get a tenth of a CPU at once, as SCHED_DEADLINE tasks
 * (sched(7), Documentation/scheduler/sched-deadline.rst): ahead of everybody, but the kernel's
 * admission keeps the bound whatever becomes of us, and children do not inherit it. What runs then
 * is the kernel's code only: a task that is to die or to freeze does not return to its program.
 *
 * Threads with a narrower affinity than the machine's CPUs are refused by the kernel, as is
 * everybody to an unprivileged caller: these wait their turn.
 */
#ifndef CEDE_RUNTIME_HURRY_H
#define CEDE_RUNTIME_HURRY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Idle tasks alone are hurried: SCHED_IDLE, or all of a group that `idle_by_group`. */

/* For those to whom SIGKILL has been sent. */
void hurry_dying(int cgfd, bool idle_by_group);
void hurry_dying_task(pid_t tid, bool idle_by_group);

/* For those that are freezing; hurry_back when they are frozen, or were not in time. */
struct hurried;
struct hurried *hurry_freezing(int cgfd, bool idle_by_group, pid_t init);
void hurry_back(struct hurried *h); /* and frees it; NULL is fine */

/* Whether a caller of hurry_freezing did not get to call hurry_back; and in his place: by task the
 * idle class, by group what the kernel's default is. */
bool hurry_is_left(pid_t init);
void hurry_back_all(int cgfd, bool idle_by_group);

#endif
