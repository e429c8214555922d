/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who schedules (invariant 9, one writer): the process that holds the lock of
 * <root>/scheduler.lock. The kernel drops the lock with its holder, however that ends.
 *
 * And what is left when it is killed: a guard, a child that does nothing but wait for its parent's
 * death and then lets go of what the parent held (frozen containers run on in the idle class, caps
 * are lifted), unless another scheduler has taken the lead by then. So a `kill -9` costs the
 * incumbents nothing that the kernel's idle class does not give them, and the secondaries nothing
 * at all.
 */
#ifndef CEDE_SCHED_LEADER_H
#define CEDE_SCHED_LEADER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/container.h"
#include "sched/helper.h"

struct leader {
	int lock_fd; /* -1: a follower */
	struct helper guard;
	bool was_capping; /* the one before died while it had the slice's CPU time limited */
};

#define LEADER_INIT                                                                                \
	{                                                                                          \
		.lock_fd = -1, .guard = HELPER_INIT                                                \
	}

/* Takes a whole-file lock that belongs to this process alone: unlike flock(2)'s it is not shared
 * with children, so a container's init that has not called exec yet cannot keep it alive. Lost when
 * any descriptor of the file is closed here. 1: got it, 0: somebody else has it, negative errno. */
int process_lock(int fd);

/* 1: we lead now (or did already); 0: somebody else does; negative errno. Makes the root. */
int leader_try(struct leader *l, const struct runtime *rt, struct err *e);

/* Notes in the lock file that the slice is being capped, for whoever comes after a crash: a
 * freeze of the slice that nobody noted is an administrator's. */
void leader_note_capping(const struct leader *l, bool capping);

/* Starts the guard; `let_go` runs in it after the parent's death, holding the lock. A host that
 * cannot give one more process is no reason not to schedule: then there is no guard. */
void leader_guard(struct leader *l, const struct runtime *rt,
		  void (*let_go)(const struct runtime *rt, bool was_capping, void *arg), void *arg);

/* Ends the guard and gives the lead up. */
void leader_release(struct leader *l);

#endif
