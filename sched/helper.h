/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that helps the scheduler: a copy of this process with one thing to do. It holds nothing
 * of its parent's (neither a lock nor a pipe somebody reads to its end), hears no signal that was
 * meant for the parent's group, and knows when the parent has gone.
 */
#ifndef CEDE_SCHED_HELPER_H
#define CEDE_SCHED_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct helper {
	pid_t pid; /* 0: none */
	int pidfd;
};

#define HELPER_INIT                                                                                \
	{                                                                                          \
		.pid = 0, .pidfd = -1                                                              \
	}

/* `body` runs in the child, where parent is a pidfd of this process; what it returns is the exit
 * status. It must not log: the log's descriptors are not there. keep_fd: the one descriptor that it
 * has besides, there with the number HELPER_FD; -1: none. name: at most 15 characters. */
#define HELPER_FD 4
int helper_start(struct helper *h, const char *name, int keep_fd,
		 int (*body)(int parent, void *arg), void *arg, struct err *e);

/* True once it has ended by itself: *ret_status is its exit status (128 + signal), and there is
 * none any more. */
bool helper_ended(struct helper *h, int *ret_status);

/* Ends it, if there is one. */
void helper_stop(struct helper *h);

#endif
