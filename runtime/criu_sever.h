/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the runtime only. */
#ifndef CEDE_RUNTIME_CRIU_SEVER_H
#define CEDE_RUNTIME_CRIU_SEVER_H

#include <sys/types.h>

/*
 * Ends CRIU's connections to its page server: one that does not read keeps CRIU from hearing that
 * it is to give up, and killed it would leave the container's own connections in repair mode,
 * without which its processes cannot go on. Those (CRIU holds copies) are not touched.
 */
void criu_sever(pid_t pid, int pidfd, const char *address, int port);

#endif
