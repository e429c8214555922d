/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCMP_ACT_NOTIFY: how the listener of a filter gets from the process that loads it to the agent.
 *
 * Once the filter is there, any system call of the process may wait for an agent that has nothing
 * to answer with yet. So the process says *before* which descriptor the listener will be (the
 * lowest free one, as always), and the runtime, which no filter holds, fetches it out of the
 * process with pidfd_getfd(2) and hands it over. The process then waits in one read(2): should even
 * that be the agent's to decide, the agent has what it needs.
 */
#ifndef CEDE_RUNTIME_SECCOMP_LISTENER_H
#define CEDE_RUNTIME_SECCOMP_LISTENER_H

#include <sys/types.h>

#include "base/err.h"
#include "oci/documents.h"
#include "oci/spec.h"
#include "runtime/process.h"

/* In the process: loads p->seccomp, which wants a listener; returns when that has been handed over.
 * Talks over p->talk_fd and p->go_fd. */
int seccomp_load_listened(struct process *p, struct err *e);

struct seccomp_handover {
	const struct spec_seccomp *seccomp;
	const struct oci_state *state; /* of the container */
	pid_t pid;		       /* of the process, as we see it */
	int pidfd;		       /* of the same */
	int talk_fd;		       /* where it would say what went wrong */
};

/* In the runtime, on SYNC_LISTENER with this value. 0: the process waits to be told to go on. 1: it
 * has failed instead, and why is on talk_fd, to be read next. */
int seccomp_hand_over(const struct seccomp_handover *h, int number, struct err *e);

#endif
