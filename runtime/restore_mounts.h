/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the runtime only. */
#ifndef CEDE_RUNTIME_RESTORE_MOUNTS_H
#define CEDE_RUNTIME_RESTORE_MOUNTS_H

#include <sys/types.h>

#include "base/err.h"
#include "runtime/mount_plan.h"

/*
 * Gives the mounts of a restored container the attributes that the plan wants: CRIU 3.17 makes a
 * second bind mount of one filesystem without its own ro, noexec and so on (measured: of four
 * masked files only the first was read-only again). Before anything of the container runs. `pid`:
 * its init. What the plan has and the images do not is named in one warning.
 */
int restore_seal(const struct mount_plan *p, pid_t pid, struct err *e);

/*
 * Makes the mount points of the plan that the root (an attached mount, not yet the container's)
 * lacks: CRIU mounts onto what is there, and an engine that brings the images to a fresh root
 * filesystem has not made them. What lies below another mount comes with that one.
 */
int restore_mount_points(const struct mount_plan *p, int root, struct err *e);

#endif
