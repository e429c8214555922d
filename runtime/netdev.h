/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.netDevices: devices of the runtime's network namespace go into the container's, by a few
 * messages of rtnetlink(7). They keep what the kernel keeps (MTU, hardware address, queues) and
 * their permanent global addresses, which the kernel does not keep, and are up afterwards. Nothing
 * is moved back when the container ends (config-linux.md, "Namespace Lifecycle"); but a creation
 * that fails leaves things as they were (runtime.md, "Errors").
 */
#ifndef CEDE_RUNTIME_NETDEV_H
#define CEDE_RUNTIME_NETDEV_H

#include <sys/types.h>

#include "base/err.h"
#include "oci/spec.h"

/* What was moved, and a socket in either namespace: the container's stays until netdev_forget. */
struct netdevs;

/* In the runtime, whose own network namespace this thread leaves and enters again. `pid` is in the
 * container's, pidfd is of the same process. *ret: NULL, or the caller's, after a failure too. */
int netdev_move(const struct spec_linux *l, pid_t pid, int pidfd, struct netdevs **ret,
		struct err *e);
/* Back under their old names, with their addresses, and up if they were; the process may be dead.
 * What cannot be undone is a warning. */
void netdev_return(struct netdevs *n);
void netdev_forget(struct netdevs *n);

#endif
