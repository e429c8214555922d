/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/freezer.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/procfs.h"
#include "base/str.h"
#include "runtime/cgroup.h"
#include "runtime/hurry.h"

static const char *const holder_file[] = {
	[FREEZE_USER] = "freeze.user",
	[FREEZE_SCHED] = "freeze.sched",
};

bool freezer_is_held(const struct container *c, enum freeze_holder who)
{
	return faccessat(c->dirfd, holder_file[who], F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* "<pid> <start time>": the process that took the hold. */
static int holder_write(const struct container *c, enum freeze_holder who, struct err *e)
{
	struct proc_stat st;
	char line[64];
	int rc;

	rc = proc_stat_read(getpid(), &st, e);
	if (rc < 0)
		return rc;
	(void)snprintf(line, sizeof(line), "%d %llu\n", getpid(),
		       (unsigned long long)st.start_ticks); /* two numbers always fit */
	return file_write_atomic(c->dirfd, holder_file[who], line, strlen(line), 0600, e);
}

bool freezer_is_stale(const struct container *c)
{
	struct proc_stat st;
	char line[64], *space;
	uint64_t ticks;
	int pid;

	if (file_read(c->dirfd, holder_file[FREEZE_SCHED], line, sizeof(line), NULL) < 0)
		return false;
	line[strcspn(line, "\n")] = '\0';
	space = strchr(line, ' ');
	if (!space)
		return true; /* not written by us as a whole: nobody stands behind it */
	*space = '\0';
	if (parse_int(line, 10, &pid) < 0 || parse_u64(space + 1, 10, &ticks) < 0)
		return true;
	return proc_stat_read(pid, &st, NULL) < 0 || st.start_ticks != ticks;
}

/*
 * cgroup.freeze is asynchronous: cgroup.events says when it has happened, and wakes pollers
 * (cgroup-v2.rst, "cgroup.freeze"). A task in uninterruptible sleep delays it, hence the bound.
 */
static int wait_frozen(int cgfd, bool frozen, int wait_ms, const char *id, struct err *e)
{
	_cleanup_fd_ int fd = file_open(cgfd, "cgroup.events", O_RDONLY, e);
	uint64_t deadline = now_ns() + (uint64_t)wait_ms * NSEC_PER_MSEC;

	if (fd < 0)
		return fd;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		char text[256];
		uint64_t value, now;
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return fail(e, errno, "read cgroup.events of container `%s`", id);
		text[n] = '\0';
		if (cg_parse_key(text, "frozen", &value) < 0)
			return refuse(e, EOPNOTSUPP, "this kernel's cgroup v2 has no freezer");
		if ((value != 0) == frozen)
			return 0;
		now = now_ns();
		if (now >= deadline)
			return refuse(e, ETIMEDOUT,
				      "container `%s` did not %s within %d ms: a process in it is "
				      "stuck in the kernel",
				      id, frozen ? "freeze" : "thaw", wait_ms);
		(void)poll(&p, 1, (int)((deadline - now) / NSEC_PER_MSEC) + 1); /* loop re-reads */
	}
}

/* Beyond this it is not freezing that takes so long. */
#define OWN_TURN_MS 20

static int wait_for(const struct container *c, const struct cgroup *cg, bool frozen, int wait_ms,
		    struct err *e)
{
	struct hurried *h;
	int rc = wait_frozen(cg->fd, frozen, MIN(OWN_TURN_MS, wait_ms), c->id, e);

	if (rc != -ETIMEDOUT || !frozen || wait_ms <= OWN_TURN_MS)
		return rc;
	h = hurry_freezing(cg->fd, cg->idle_by_group, c->init_pid);
	rc = wait_frozen(cg->fd, frozen, wait_ms, c->id, e);
	hurry_back(h);
	return rc;
}

static int apply(const struct container *c, bool frozen, int wait_ms, struct err *e)
{
	struct cgroup cg;
	int rc;

	if (!c->cgroup)
		return refuse(e, EOPNOTSUPP, "container `%s` has no cgroup: it cannot be paused",
			      c->id);
	rc = cgroup_open_of(c, &cg, e);
	if (rc < 0)
		return rc;
	if (!frozen && hurry_is_left(c->init_pid))
		hurry_back_all(cg.fd, cg.idle_by_group);
	rc = cg_write(cg.fd, "cgroup.freeze", frozen ? "1" : "0", e);
	if (rc == 0 && wait_ms > 0)
		rc = wait_for(c, &cg, frozen, wait_ms, e);
	cgroup_close(&cg);
	return rc;
}

int freezer_settle(const struct container *c, int wait_ms, struct err *e)
{
	return apply(c, freezer_is_held(c, FREEZE_USER) || freezer_is_held(c, FREEZE_SCHED),
		     wait_ms, e);
}

int freezer_hold(struct container *c, enum freeze_holder who, bool hold, int wait_ms, struct err *e)
{
	enum freeze_holder other = who == FREEZE_USER ? FREEZE_SCHED : FREEZE_USER;
	bool held_by_other;
	int rc;

	if (who == FREEZE_USER && freezer_is_stale(c))
		(void)unlinkat(c->dirfd, holder_file[FREEZE_SCHED], 0); /* gone already: as good */
	held_by_other = freezer_is_held(c, other);
	if (hold) {
		rc = holder_write(c, who, e);
	} else {
		rc = unlinkat(c->dirfd, holder_file[who], 0) < 0 && errno != ENOENT
			     ? fail(e, errno, "drop the hold on container `%s`", c->id)
			     : 0;
	}
	if (rc == 0)
		rc = apply(c, hold || held_by_other, held_by_other && !hold ? 0 : wait_ms, e);
	if (rc < 0 && hold) {
		/* A hold that did not come about is not kept: nobody would ever drop it. */
		(void)unlinkat(c->dirfd, holder_file[who], 0); /* the error above is reported */
		if (!held_by_other)
			(void)apply(c, false, 0, NULL); /* nor half a freeze left behind */
	}
	return rc;
}
