/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

static int negative(int errnum)
{
	return errnum > 0 ? -errnum : -EIO;
}

int fail(struct err *e, int errnum, const char *fmt, ...)
{
	int rc = negative(errnum);
	size_t used;
	va_list ap;

	if (!e)
		return rc;
	e->code = -rc;
	e->exit_status = 0;
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap); /* cut, never overflowed */
	va_end(ap);
	used = strlen(e->msg);
	(void)snprintf(e->msg + used, sizeof(e->msg) - used, ": %s", strerror(-rc));
	return rc;
}

int refuse(struct err *e, int errnum, const char *fmt, ...)
{
	int rc = negative(errnum);
	va_list ap;

	if (!e)
		return rc;
	e->code = -rc;
	e->exit_status = 0;
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return rc;
}

int err_context(struct err *e, int rc, const char *fmt, ...)
{
	char prefix[ERR_MSG_MAX / 2];
	size_t len, room;
	va_list ap;

	if (!e)
		return rc;
	va_start(ap, fmt);
	(void)vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	len = strnlen(prefix, sizeof(prefix) - 3);
	memcpy(prefix + len, ": ", 3);
	len += 2;
	room = sizeof(e->msg) - len - 1;
	memmove(e->msg + len, e->msg, strnlen(e->msg, room) + 1);
	e->msg[sizeof(e->msg) - 1] = '\0';
	memcpy(e->msg, prefix, len);
	return rc;
}

int err_exit_status(struct err *e, int rc, int exit_status)
{
	if (e)
		e->exit_status = exit_status;
	return rc;
}

void err_clear(struct err *e)
{
	if (e) {
		e->code = 0;
		e->exit_status = 0;
		e->msg[0] = '\0';
	}
}
