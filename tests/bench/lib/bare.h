/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor below every runtime: one clone3() with the namespaces of a container, one exec. No
 * mounts, no cgroup, no limits: what remains is what the kernel itself needs.
 */
#ifndef CEDE_TESTS_BENCH_BARE_H
#define CEDE_TESTS_BENCH_BARE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* "pid,network,ipc,uts,mount,cgroup" (OCI names) -> CLONE_NEW* bits. */
int bare_namespaces(const char *list, uint64_t *ret_flags, struct err *e);
/* Starts `path` (argv of one) in new namespaces. The child's pid, or a negative errno; a failed
 * exec shows as exit status 127. */
pid_t bare_start(uint64_t flags, const char *path, struct err *e);

#define BARE_DEFAULT_NAMESPACES "pid,network,ipc,uts,mount,cgroup"

#endif
