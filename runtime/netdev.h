/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.netDevices: devices of the runtime's network namespace go into the container's, by a few
 * messages of rtnetlink(7). They keep what the kernel keeps (MTU, hardware address, queues) and
 * their permanent global addresses, which the kernel does not keep, and are up afterwards. Nothing
 * is ever moved back (config-linux.md, "Namespace Lifecycle").
 */
#ifndef CEDE_RUNTIME_NETDEV_H
#define CEDE_RUNTIME_NETDEV_H

#include <sys/types.h>

#include "base/err.h"
#include "oci/spec.h"

/* In the runtime, whose own network namespace this thread leaves and enters again. `pid` is in the
 * container's, pidfd is of the same process. Devices already moved stay where they are on failure:
 * with the container's namespace the kernel takes them back or apart. */
int netdev_move(const struct spec_linux *l, pid_t pid, int pidfd, struct err *e);

#endif
