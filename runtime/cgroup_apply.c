/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying out a plan of writes.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/cgroup_internal.h"

/* 0 or a negative errno. */
static int write_lines(int cgfd, const char *file, const char *value)
{
	_cleanup_fd_ int fd = openat(cgfd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (*value) {
		size_t len = strcspn(value, "\n");
		ssize_t n;

		do
			n = len ? write(fd, value, len) : 0;
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -errno;
		value += len;
		value += strspn(value, "\n");
	}
	return 0;
}

/* "QUOTA PERIOD" with the quota that is in force. */
static int period_with_quota(int cgfd, const struct cg_write *w, bool fresh, char *buf, size_t size)
{
	char now[64] = "max";

	if (!fresh) {
		ssize_t n = cg_read(cgfd, w->file, now, sizeof(now), NULL);

		if (n < 0)
			return (int)n;
		now[strcspn(now, " \n")] = '\0';
	}
	return (size_t)snprintf(buf, size, "%s %s", now, w->value) < size ? 0 : -ERANGE;
}

/* An idle group has no weight (kernel/sched/fair.c: EINVAL since 5.15). */
static bool is_locked_weight(int cgfd, const struct cg_write *w, int rc)
{
	uint64_t idle;

	return rc == -EINVAL && str_after(w->file, "cpu.weight") &&
	       cg_read_u64(cgfd, "cpu.idle", &idle, NULL) == 0 && idle == 1;
}

static int explain(const struct cg_write *w, int rc, struct err *e)
{
	if (rc == -ENOENT)
		return refuse(e, ENOENT, "linux.resources.%s: cgroups of this host have no file %s",
			      w->json, w->file);
	if (w->hint && (rc == -EINVAL || rc == -ERANGE || rc == -ENODEV || rc == -ENXIO))
		return fail(e, -rc, "linux.resources.%s: write \"%s\" to %s (accepted: %s)",
			    w->json, w->value, w->file, w->hint);
	return fail(e, -rc, "linux.resources.%s: write \"%s\" to %s", w->json, w->value, w->file);
}

static int write_one(int cgfd, const struct cg_write *w, bool fresh, struct err *e)
{
	const char *value = w->value;
	char buf[128];
	int rc = 0;

	if (w->keep_quota) {
		rc = period_with_quota(cgfd, w, fresh, buf, sizeof(buf));
		value = buf;
	}
	if (rc == 0)
		rc = write_lines(cgfd, w->file, value);
	if ((rc == -ENOENT || rc == -EOPNOTSUPP) && w->other)
		rc = write_lines(cgfd, w->other, w->other_value);
	if (rc == 0 || (rc == -ENOENT && (w->optional || w->neutral)))
		return 0;
	if (is_locked_weight(cgfd, w, rc)) {
		log_warn("linux.resources.%s: not written: the group is idle (cpu.idle=1) and has "
			 "no weight",
			 w->json);
		return 0;
	}
	return explain(w, rc, e);
}

static int check_usage(int cgfd, uint64_t limit, struct err *e)
{
	uint64_t used;
	int rc = cg_read_u64(cgfd, "memory.current", &used, e);

	if (rc < 0)
		return err_context(e, rc, "linux.resources.memory.checkBeforeUpdate");
	if (used > limit)
		return refuse(e, EBUSY,
			      "linux.resources.memory.limit: %" PRIu64
			      " bytes are in use, more than "
			      "the new limit of %" PRIu64,
			      used, limit);
	return 0;
}

/* A burst that is larger than the quota to come would be refused with the quota (and the other way
 * round): whichever order fails, the other one works. */
static int write_cpu_max(int cgfd, const struct cg_plan *p, size_t i, bool fresh, struct err *e)
{
	int rc = write_one(cgfd, &p->v[i], fresh, e);

	if (rc == -EINVAL && !fresh && i + 1 < p->n && streq(p->v[i + 1].file, "cpu.max.burst")) {
		rc = write_one(cgfd, &p->v[i + 1], fresh, e);
		if (rc == 0)
			rc = write_one(cgfd, &p->v[i], fresh, e);
	}
	return rc;
}

int cg_plan_write(int cgfd, const struct cg_plan *p, unsigned have, bool fresh, struct err *e)
{
	int rc = 0;

	if (p->check_before && !fresh && (have & CG_MEMORY))
		rc = check_usage(cgfd, p->check_before, e);
	/* Leaving the idle class comes before the weight, which it would lock; entering it last. */
	if (rc == 0 && p->idle == 0 && !fresh && (have & CG_CPU))
		rc = cg_write(cgfd, "cpu.idle", "0", e);
	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		const struct cg_write *w = &p->v[i];

		if (w->neutral && (fresh || !(have & w->controller)))
			continue;
		if (p->idle == 1 && str_after(w->file, "cpu.weight")) {
			log_debug("linux.resources.%s: an idle group has no weight", w->json);
			continue;
		}
		rc = streq(w->file, "cpu.max") ? write_cpu_max(cgfd, p, i, fresh, e)
					       : write_one(cgfd, w, fresh, e);
	}
	if (rc == 0 && p->idle == 1 && (have & CG_CPU))
		rc = cg_write(cgfd, "cpu.idle", "1", e);
	return rc;
}
