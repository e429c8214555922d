/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One error, made once, where it happens.
 *
 * A function that can fail returns 0 (or a non-negative result) on success and a negative errno
 * on failure, and takes a `struct err *` last. The message is made at the place that knows the
 * operand, gets context on the way up only where that context is new, and is printed once, in
 * cli/ or in the daemon's loop.
 *
 * `struct err` needs no heap and no destructor; it can cross a pipe as it is (init reports its
 * failures to the runtime that way).
 */
#ifndef CEDE_BASE_ERR_H
#define CEDE_BASE_ERR_H

#include <errno.h>
#include <stdarg.h>

#define ERR_MSG_MAX 1024

struct err {
	int code;	 /* positive errno; 0: no error */
	int exit_status; /* what the process should exit with; 0: the command's default */
	char msg[ERR_MSG_MAX];
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		.code = 0                                                                          \
	}

/*
 * Record "<formatted>: <strerror(errnum)>" and return -errnum (-EIO if errnum is 0).
 * `e` may be NULL when the caller only wants the code. A message that is too long is cut.
 */
int fail(struct err *e, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/* The same without the strerror text: the message says it all (validation, refusals). */
int refuse(struct err *e, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Put "<formatted>: " before the message of an error already made. Returns rc, for
 * `return err_context(e, rc, "mount %s", dst)`. */
int err_context(struct err *e, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Say with which status the process should end because of this error. Returns rc. */
int err_exit_status(struct err *e, int rc, int exit_status);

void err_clear(struct err *e);

#endif
