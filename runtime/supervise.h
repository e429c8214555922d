/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process in the foreground (`run`, `exec` without --detach): passes signals and the terminal on,
 * reaps whatever becomes our child, until the process ends.
 */
#ifndef CEDE_RUNTIME_SUPERVISE_H
#define CEDE_RUNTIME_SUPERVISE_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/container.h"

/*
 * Signals on their way through us. They are blocked from before the process exists until it is
 * gone, so that none is lost and none kills us in between; the process itself starts with all
 * unblocked (process_become).
 */
struct signals {
	sigset_t before, taken;
	int fd; /* signalfd of the taken ones; -1: none */
};
#define SIGNALS_INIT                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

enum signals_which {
	SIGNALS_END, /* INT, TERM, HUP, QUIT: to give up cleanly while a container is made */
	SIGNALS_ALL, /* everything that can be passed on, and CHLD */
};

/* Those in `ignored` (bit n - 1: signal n) stay with the kernel: who ignores HUP means it. */
int signals_take(struct signals *s, enum signals_which which, uint64_t ignored, struct err *e);
/* What came in meanwhile and was not read takes its usual course now. */
void signals_give_back(struct signals *s);

/*
 * Waits until process `pid` (our child, not yet reaped) has ended, and reaps it. master: its
 * terminal, or -1. h: what else is to be done meanwhile (watch, ready, signalled), or NULL.
 * *ret_status: exit status, or 128 + signal.
 */
int supervise(pid_t pid, int pidfd, const struct signals *s, int master, const struct run_hooks *h,
	      int *ret_status, struct err *e);

/* Exit status, or 128 + signal, of a child that ended; reaps it. */
int supervise_reap(int pidfd, int *ret_status, struct err *e);

#endif
