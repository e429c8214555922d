/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup file that we write and that somebody else may write too (invariant 9): before each
 * write it is read, and if it does not say what we wrote last, a foreign writer was there. He is
 * named in the log once and not fought: the file is his until we would have let go of it anyway,
 * and after the third time for good.
 */
#ifndef CEDE_SCHED_KNOB_H
#define CEDE_SCHED_KNOB_H

#include <stdbool.h>

#include "base/err.h"

#define KNOB_TEXT 48

struct knob {
	const char *name;	/* for the log: "cede.slice/cpu.max"; borrowed */
	int fd;			/* -1: closed */
	char before[KNOB_TEXT]; /* what it said when we opened it */
	char ours[KNOB_TEXT];	/* what it said after our last write */
	bool held;		/* we have written and not let go yet */
	bool lost;		/* it is somebody else's now */
	unsigned losses;
};

/* -ENOENT when the kernel or the host does not have the file. */
int knob_open(struct knob *k, int dirfd, const char *file, const char *name, struct err *e);
void knob_close(struct knob *k);

/* Writes unless it says so already. -EBUSY: not ours now. */
int knob_set(struct knob *k, const char *value, struct err *e);
/* Back to what it said before us. A file that is somebody else's stays as it is. */
void knob_let_go(struct knob *k);
/* First line of the file. */
int knob_read(const struct knob *k, char *buf, int size, struct err *e);

#endif
