/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that run beside the benchmark: started into a cgroup and a session of their own, watched
 * through a pidfd, stopped for certain.
 *
 * SIGINT, SIGTERM and SIGHUP ask the benchmark to stop: child_signals_init blocks them, and every
 * wait here lets them in, ends with -EINTR, and goes on doing so until the end. Waits with
 * `even_if_stopping` are for cleaning up.
 */
#ifndef CEDE_TESTS_BENCH_CHILD_H
#define CEDE_TESTS_BENCH_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct child {
	char name[64]; /* for messages */
	pid_t pid;     /* 0: not running */
	int pidfd;
};

#define CHILD_NONE                                                                                 \
	{                                                                                          \
		.pidfd = -1                                                                        \
	}

struct child_opts {
	const char *name;
	const char *const *argv; /* argv[0] is searched in PATH */
	const char *cgroup;	 /* directory of a v2 group to start in; NULL: stay */
	const char *cwd;	 /* NULL: stay */
	const char *output;	 /* file for stdout and stderr, appended to; NULL: /dev/null */
	/* Runs in the child right before exec, in its own session; non-zero ends it with 126. */
	int (*prepare)(void *arg);
	void *arg;
};

/* Blocks the signals and remembers them; also makes orphans of our children come to us, and the end
 * of our parent count as SIGTERM. */
int child_signals_init(struct err *e);
/* The signal that asked us to stop, or 0. Looks for pending ones. */
int child_stopping(void);

/* Starts in a new session; the child gets SIGTERM when we die. -ENOENT and the like when exec
 * fails. */
int child_start(struct child *c, const struct child_opts *o, struct err *e);
/* Waits; *ret_status is the exit status or 128 + signal. -ETIMEDOUT, -EINTR leave it running. */
int child_wait(struct child *c, int timeout_ms, bool even_if_stopping, int *ret_status,
	       struct err *e);
/* SIGTERM, a bounded wait, SIGKILL to the whole session, a bounded wait. Fine if it is gone. */
int child_stop(struct child *c, int timeout_ms, struct err *e);
/* Starts and waits; -EIO with the end of its output if the status is not 0. */
int child_run(const struct child_opts *o, int timeout_ms, bool even_if_stopping, struct err *e);

/* Sleeps; -EINTR when asked to stop. */
int child_sleep_ms(int ms);

/* Groups: made with their parents there; killed and removed with all below them, bounded by 5 s. */
int group_make(const char *path, struct err *e);
int group_remove(const char *path, struct err *e);
/* usage_usec of its cpu.stat. */
int group_usage_usec(const char *path, unsigned long long *ret, struct err *e);

#endif
