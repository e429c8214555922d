/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/idle_class.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/sys.h"

#define SLICE_NS (100 * NSEC_PER_MSEC) /* the most the kernel takes */

int idle_class_enter(pid_t tid)
{
	const struct sched_attr_v1 longest = {
		.size = sizeof(longest),
		.policy = SCHED_BATCH,
		.nice = getpriority(PRIO_PROCESS, (id_t)tid),
		.runtime = SLICE_NS,
	};

	/* SCHED_IDLE takes no slice, but keeps the one it finds. A task that is SCHED_IDLE already
	 * stays what it is if this is refused (an old kernel, no right to leave the class). */
	(void)sys_sched_setattr(tid, &longest);
	return sys_sched_setscheduler(tid, SCHED_IDLE, 0) < 0 ? -errno : 0;
}

bool idle_class_has(pid_t tid)
{
	return (sys_sched_getscheduler(tid) & ~SCHED_RESET_ON_FORK) == SCHED_IDLE;
}
