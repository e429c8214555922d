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

static int write_line(int fd, const char *line, size_t len)
{
	ssize_t n;

	do
		n = write(fd, len ? line : "\n", len ? len : 1);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int cg_write_lines(int cgfd, const char *file, const char *value)
{
	_cleanup_fd_ int fd = openat(cgfd, file, O_WRONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	do {
		size_t len = strcspn(value, "\n");

		rc = write_line(fd, value, len);
		value += len;
		value += strspn(value, "\n");
	} while (rc == 0 && *value);
	return rc;
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
		rc = cg_write_lines(cgfd, w->file, value);
	if ((rc == -ENOENT || rc == -EOPNOTSUPP) && w->other)
		rc = cg_write_lines(cgfd, w->other, w->other_value);
	if (rc == 0 || (rc == -ENOENT && (w->optional || w->neutral)))
		return 0;
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

/* One plan on its way into the files. */
struct writing {
	int cgfd;
	const struct cg_plan *plan;
	bool fresh;
	struct arena *a;
	struct cg_undo *undo; /* NULL for a fresh group */
	struct err *e;
};

static int write_kept(struct writing *x, const struct cg_write *w)
{
	bool other = x->undo && w->other && !cg_has(x->cgfd, w->file);
	int rc = 0;

	if (x->undo)
		rc = cg_undo_remember(x->undo, x->a, x->cgfd, other ? w->other : w->file,
				      other ? w->other_value : w->value, x->e);
	return rc < 0 ? rc : write_one(x->cgfd, w, x->fresh, x->e);
}

static int write_idle(struct writing *x, const char *value)
{
	const struct cg_write w = {.json = "cpu.idle", .file = "cpu.idle", .value = value};

	return write_kept(x, &w);
}

/* A burst that is larger than the quota to come would be refused with the quota (and the other way
 * round): whichever order fails, the other one works. */
static int write_cpu_max(struct writing *x, size_t i)
{
	const struct cg_write *w = &x->plan->v[i];
	int rc = write_kept(x, w);

	if (rc == -EINVAL && !x->fresh && i + 1 < x->plan->n && streq(w[1].file, "cpu.max.burst")) {
		rc = write_kept(x, &w[1]);
		if (rc == 0)
			rc = write_kept(x, w);
	}
	return rc;
}

/* Less memory pushes pages out: first there must be room for them in the swap. */
static int write_memory_max(struct writing *x, size_t i)
{
	const struct cg_write *w = &x->plan->v[i];
	uint64_t now, then;
	int rc = 0;

	if (!x->fresh && i + 1 < x->plan->n && streq(w[1].file, "memory.swap.max") &&
	    cg_read_u64(x->cgfd, w->file, &now, NULL) == 0 && parse_u64(w->value, 10, &then) == 0 &&
	    then < now)
		rc = write_kept(x, &w[1]);
	return rc < 0 ? rc : write_kept(x, w);
}

static const struct {
	const char *file;
	int (*write)(struct writing *x, size_t i);
} special[] = {{"cpu.max", write_cpu_max}, {"memory.max", write_memory_max}};

static int write_number(struct writing *x, size_t i)
{
	for (size_t k = 0; k < ARRAY_SIZE(special); k++)
		if (streq(x->plan->v[i].file, special[k].file))
			return special[k].write(x, i);
	return write_kept(x, &x->plan->v[i]);
}

static bool is_weight(const struct cg_write *w)
{
	return str_after(w->file, "cpu.weight");
}

/*
 * An idle group has no weight, and none can be written (kernel/sched/fair.c: EINVAL since 5.15). So
 * a group in use leaves the idle class before its weight is written, be it for a moment: what is
 * not a weight shows. The kernel forgets it; runtime/update.c does not.
 */
static int write_all(struct writing *x, unsigned have)
{
	const struct cg_plan *p = x->plan;
	bool is_idle = false, unlock = p->idle == 0;
	uint64_t idle = 0;
	int rc = 0;

	if (!x->fresh && (have & CG_CPU) && cg_read_u64(x->cgfd, "cpu.idle", &idle, NULL) == 0)
		is_idle = idle == 1;
	for (size_t i = 0; i < p->n; i++)
		unlock |= is_weight(&p->v[i]);
	unlock &= is_idle;
	if (unlock)
		rc = write_idle(x, "0");
	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		const struct cg_write *w = &p->v[i];

		if (w->neutral && (x->fresh || !(have & w->controller)))
			continue;
		if (x->fresh && p->idle == 1 && is_weight(w))
			log_debug("linux.resources.%s: an idle group has no weight", w->json);
		else
			rc = write_number(x, i);
	}
	if (rc == 0 && (have & CG_CPU) && (p->idle == 1 || (unlock && p->idle != 0)))
		rc = write_idle(x, "1");
	return rc;
}

int cg_plan_write(int cgfd, const struct cg_plan *p, unsigned have, bool fresh, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct writing x = {.cgfd = cgfd, .plan = p, .fresh = fresh, .a = &a, .e = e};
	int rc;

	if (fresh)
		return write_all(&x, have);
	rc = p->check_before && (have & CG_MEMORY) ? check_usage(cgfd, p->check_before, e) : 0;
	if (rc < 0)
		return rc;
	x.undo = arena_alloc(&a, sizeof(*x.undo));
	if (!x.undo)
		return fail(e, ENOMEM, "linux.resources");
	rc = write_all(&x, have);
	return rc < 0 ? cg_undo(x.undo, cgfd, rc, e) : 0;
}
