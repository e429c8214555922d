/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/knob.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"

#define LOSSES_MAX 3

int knob_read(const struct knob *k, char *buf, int size, struct err *e)
{
	ssize_t n = pread(k->fd, buf, (size_t)size - 1, 0);

	if (n < 0)
		return fail(e, errno, "read %s", k->name);
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int knob_open(struct knob *k, int dirfd, const char *file, const char *name, struct err *e)
{
	int rc;

	*k = (struct knob){.name = name};
	k->fd = openat(dirfd, file, O_RDWR | O_CLOEXEC);
	if (k->fd < 0)
		return fail(e, errno, "open %s", name);
	rc = knob_read(k, k->before, sizeof(k->before), e);
	if (rc < 0)
		k->fd = fd_close(k->fd);
	return rc;
}

void knob_close(struct knob *k)
{
	k->fd = fd_close(k->fd);
	k->held = false;
}

static int write_value(struct knob *k, const char *value, struct err *e)
{
	ssize_t n;

	do
		n = pwrite(k->fd, value, strlen(value), 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? fail(e, errno, "write \"%s\" to %s", value, k->name) : 0;
}

int knob_set(struct knob *k, const char *value, struct err *e)
{
	char now[KNOB_TEXT];
	int rc;

	if (k->lost)
		return refuse(e, EBUSY, "%s is written by somebody else", k->name);
	rc = knob_read(k, now, sizeof(now), e);
	if (rc < 0)
		return rc;
	if (k->held && !streq(now, k->ours)) {
		if (k->losses++ == 0)
			log_warn("%s: \"%s\" was written by somebody else where the scheduler had "
				 "\"%s\"; left to him",
				 k->name, now, k->ours);
		k->lost = true;
		return refuse(e, EBUSY, "%s is written by somebody else", k->name);
	}
	if (!k->held)
		memcpy(k->before, now, sizeof(now));
	if (!streq(now, value)) {
		rc = write_value(k, value, e);
		/* As the kernel shows it, which need not be as it was written. */
		if (rc == 0)
			rc = knob_read(k, now, sizeof(now), e);
		if (rc < 0)
			return rc;
	}
	memcpy(k->ours, now, sizeof(now));
	k->held = true;
	return 0;
}

void knob_let_go(struct knob *k)
{
	char now[KNOB_TEXT];

	if (k->held && !k->lost && knob_read(k, now, sizeof(now), NULL) == 0 && streq(now, k->ours))
		(void)write_value(k, k->before, NULL); /* only a group that is gone refuses */
	k->held = false;
	k->lost = k->losses >= LOSSES_MAX;
}
