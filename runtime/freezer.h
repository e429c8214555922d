/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds a container frozen. "A user's pause is the user's; the scheduler thaws only what the
 * scheduler froze" (invariant 3): a container is frozen while anyone holds it.
 *
 * A holder is a file `freeze.<holder>` in the state directory; its content is the pid and the start
 * time of the process that took it (a hold of the scheduler whose process is gone is stale: it is
 * dropped by the next resume, delete or scheduler). Changes are made under the container's lock,
 * then cgroup.freeze is written and cgroup.events awaited.
 */
#ifndef CEDE_RUNTIME_FREEZER_H
#define CEDE_RUNTIME_FREEZER_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/container.h"

enum freeze_holder {
	FREEZE_USER,  /* `pause`, `resume` */
	FREEZE_SCHED, /* the scheduler */
};

/* Takes or drops one hold. `wait_ms` > 0: waits until the kernel says the group is frozen (or
 * thawed), -ETIMEDOUT after that; 0: only asks. The container must be open with
 * CONTAINER_LOCK_EXCLUSIVE. */
int freezer_hold(struct container *c, enum freeze_holder who, bool hold, int wait_ms,
		 struct err *e);
/* Makes the cgroup what its holders want, whatever somebody else has written there. The same lock.
 */
int freezer_settle(const struct container *c, int wait_ms, struct err *e);
bool freezer_is_held(const struct container *c, enum freeze_holder who);
/* True if the scheduler's hold belongs to a process that is gone. */
bool freezer_is_stale(const struct container *c);

#endif
