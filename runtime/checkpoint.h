/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `checkpoint`: CRIU writes a container's processes into a directory. For the commands, and for a
 * scheduler that evicts.
 */
#ifndef CEDE_RUNTIME_CHECKPOINT_H
#define CEDE_RUNTIME_CHECKPOINT_H

#include "base/err.h"
#include "runtime/container.h"
#include "runtime/cr.h"

struct checkpoint_opts {
	const char *id;
	struct cr_opts cr;
	bool leave_running;
	bool pre_dump; /* memory alone, and the container goes on: what comes later writes less */
};

/*
 * On success the container is gone (deleted, with its poststop hooks), or, with leave_running and
 * pre_dump, as it was. On failure it is as it was: running, or frozen by whoever holds it frozen.
 *
 * Not to be frozen first: CRIU freezes the cgroup itself, and waits for ever for processes that it
 * cannot stop because somebody else has frozen them. One that is frozen by its own cgroup is fine.
 *
 * -ESRCH: not running. -EBUSY: frozen by a group above. -ENOENT: no CRIU. -ECHILD: CRIU says no,
 * and why. -ETIMEDOUT, -EINTR (a signal): CRIU was told to give up.
 */
int container_checkpoint(const struct runtime *rt, const struct checkpoint_opts *o, struct err *e);

#endif
