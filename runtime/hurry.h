/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secondaries that have to come to an end of something, and get no CPU to do it.
 *
 * The kernel kills and freezes a task by telling it; the task itself does the rest (gives its
 * memory back, stops) when it runs next. An idle task of a machine whose incumbents want every CPU
 * runs next in seconds. What runs here is the kernel's code only: a task that is to die or to
 * freeze does not return to its program.
 *
 *  - Freezing takes microseconds: its threads are ahead of everybody for that long (SCHED_RR,
 *    sched(7)), and are put back.
 *  - Dying takes as long as there is memory to give back. Idle task by task: an equal among the
 *    incumbents (SCHED_OTHER, an autogroup of nice 0). Idle by its group, where no policy of the
 *    fair class helps: as for freezing.
 *
 * (SCHED_DEADLINE, whose bound would suit both, is no choice: Linux 6.18 never gives back the
 * bandwidth of a task that leaves the class while it sleeps, nor that of a zombie; measured.)
 * An unprivileged caller is refused the policies: there they wait their turn.
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

/* For those that are freezing; hurry_back when they are frozen, or were not in time. Children do
 * not inherit it. */
struct hurried;
struct hurried *hurry_freezing(int cgfd, bool idle_by_group, pid_t init);
void hurry_back(struct hurried *h); /* and frees it; NULL is fine */

/* Whether a caller of hurry_freezing did not get to call hurry_back; and in his place: by task the
 * idle class, by group what the kernel's default is. */
bool hurry_is_left(pid_t init);
void hurry_back_all(int cgfd, bool idle_by_group);

#endif
