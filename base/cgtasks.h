/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tasks of a group and of those below it, one after the other, in bounded memory: a container
 * may have any number of them and nest groups as deep as it likes.
 */
#ifndef CEDE_BASE_CGTASKS_H
#define CEDE_BASE_CGTASKS_H

#include <sys/types.h>

/* Calls `look` for each number in cgroup.threads of the group (O_PATH will do) and of its
 * descendants, eight levels deep. A task may have ended by then, and its number be another's. What
 * cannot be read is passed over: who comes and goes meanwhile is met or not, anyway. */
void cg_each_task(int cgfd, void (*look)(pid_t tid, void *arg), void *arg);

#endif
