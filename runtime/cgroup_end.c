/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a group: listing, signalling, and the end of the group.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/cgroup_internal.h"
#include "runtime/hurry.h"

/* A container may nest groups if it was given its cgroup to write; each level costs a descriptor
 * while the tree is read. */
#define NEST_MAX 128
#define RETRY_NS (1 * NSEC_PER_MSEC)
/* Processes signalled between two readings of the group: a descriptor each. */
#define SIGNAL_BATCH 64

struct pid_list {
	pid_t *v;
	size_t n, cap;
	const struct cgroup *cg;
};

static int pids_add(struct pid_list *l, pid_t pid)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 32;
		pid_t *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = pid;
	return 0;
}

/* cgroup.procs: a pid a line; a pid of another namespace shows as 0. `rest` keeps the digits of a
 * line that a read cut in two. */
static int pids_parse(struct pid_list *l, const char *text, size_t len, pid_t *rest)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] >= '0' && text[i] <= '9' && *rest < INT32_MAX / 10) {
			*rest = *rest * 10 + (text[i] - '0');
			continue;
		}
		if (*rest > 0 && pids_add(l, *rest) < 0)
			return -ENOMEM;
		*rest = 0;
	}
	return 0;
}

static int pids_of_group(int cgfd, struct pid_list *l)
{
	_cleanup_fd_ int fd = openat(cgfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char text[4096];
	pid_t rest = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno; /* removed meanwhile */
	for (;;) {
		ssize_t n = io_read(fd, text, sizeof(text));

		/* Threaded groups have no processes of their own: the domain above lists them. */
		if (n == -EOPNOTSUPP || n == -ENODEV)
			return 0;
		if (n < 0)
			return (int)n;
		if (pids_parse(l, text, (size_t)n, &rest) < 0)
			return -ENOMEM;
		if ((size_t)n < sizeof(text))
			return 0;
	}
}

static int pids_of_tree(int cgfd, struct pid_list *l, int depth)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *d;
	int fd, rc;

	if (depth > NEST_MAX)
		return -ELOOP;
	rc = pids_of_group(cgfd, l);
	if (rc < 0)
		return rc;
	fd = openat(cgfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		rc = -errno;
		(void)fd_close(fd);
		return rc;
	}
	while ((d = readdir(dir))) {
		_cleanup_fd_ int child = -1;

		if (d->d_type != DT_DIR || d->d_name[0] == '.' || cg_is_others(l->cg, d->d_ino))
			continue;
		child = openat(fd, d->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		rc = child < 0 ? (errno == ENOENT ? 0 : -errno) : pids_of_tree(child, l, depth + 1);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *e)
{
	struct pid_list l = {.cg = cg};
	int rc;

	rc = pids_of_tree(cg->fd, &l, 0);
	if (rc < 0) {
		free(l.v);
		return rc == -ELOOP ? refuse(e, ELOOP, "cgroup %s: groups nested deeper than %d",
					     cg->path, NEST_MAX)
				    : fail(e, -rc, "read the processes of cgroup %s", cg->path);
	}
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

/* A group that systemd removed a moment ago, its last process having ended, is none to kill. */
static int write_kill(int cgfd, const char *path, struct err *e)
{
	int rc = cg_write(cgfd, "cgroup.kill", "1", e);

	if (rc == -ENODEV ||
	    (rc == -ENOENT && faccessat(cgfd, "cgroup.procs", F_OK, 0) < 0 && errno == ENOENT))
		return 0;
	if (rc == -ENOENT)
		return refuse(e, EOPNOTSUPP,
			      "cgroup %s: this kernel has no cgroup.kill (Linux 5.14 has)", path);
	return rc < 0 ? err_context(e, rc, "cgroup %s", path) : 0;
}

static bool is_among(const pid_t *v, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == pid)
			return true;
	return false;
}

/*
 * A pid of a list may be somebody else's by the time it is used. So: pidfds are opened, then the
 * group is read again, and who is still in it is signalled through his pidfd. That works only if
 * the process opened is there yet, and then the number was his all the time.
 */
static int signal_batch(const struct cgroup *cg, const pid_t *v, size_t n, int signal,
			struct err *e)
{
	_cleanup_free_ pid_t *still = NULL;
	int fds[SIGNAL_BATCH], rc = 0;
	size_t n_still = 0;

	for (size_t i = 0; i < n; i++) {
		fds[i] = pidfd_open(v[i], 0);
		if (fds[i] < 0 && errno != ESRCH && rc == 0)
			rc = fail(e, errno, "open process %d of cgroup %s", v[i], cg->path);
	}
	if (rc == 0)
		rc = cgroup_pids(cg, &still, &n_still, e);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0 && fds[i] >= 0 && is_among(still, n_still, v[i]) &&
		    pidfd_send_signal(fds[i], signal, NULL, 0) < 0 && errno != ESRCH)
			rc = fail(e, errno, "send signal %d to process %d of cgroup %s", signal,
				  v[i], cg->path);
		else if (fds[i] >= 0 && signal == SIGKILL)
			hurry_dying_task(v[i], cg->idle_by_group);
		(void)fd_close(fds[i]);
	}
	return rc;
}

/* Who is born while we signal is signalled in the next round; three rounds catch whoever forks in
 * answer to the signal, and a fork bomb is what SIGKILL (atomic, in the kernel) is for. */
int cgroup_signal(const struct cgroup *cg, int signal, struct err *e)
{
	_cleanup_free_ pid_t *seen = NULL;
	size_t n_seen = 0;
	bool is_news = false;

	if (signal == SIGKILL && !cg->n_others) {
		int rc = write_kill(cg->fd, cg->path, e);

		if (rc == 0)
			hurry_dying(cg->fd, cg->idle_by_group);
		return rc;
	}
	for (int round = 0; round < 3; round++) {
		_cleanup_free_ pid_t *now = NULL;
		pid_t news[SIGNAL_BATCH], *swap;
		size_t n, n_news = 0;
		int rc;

		rc = cgroup_pids(cg, &now, &n, e);
		for (size_t i = 0; rc == 0 && i < n; i++) {
			if (!is_among(seen, n_seen, now[i]))
				news[n_news++] = now[i];
			if (n_news == 0 || (n_news < SIGNAL_BATCH && i + 1 < n))
				continue;
			rc = signal_batch(cg, news, n_news, signal, e);
			is_news = true;
			n_news = 0;
		}
		if (rc < 0)
			return rc;
		if (!is_news)
			break;
		is_news = false;
		swap = seen;
		seen = now;
		now = swap;
		n_seen = n;
	}
	return 0;
}

static int ms_left(uint64_t deadline)
{
	uint64_t now = now_ns();

	return now >= deadline ? 0 : (int)((deadline - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

/* cgroup.events wakes pollers with POLLPRI when the last process has gone (cgroup-v2.rst). */
static int wait_unpopulated(int cgfd, const char *path, uint64_t deadline, struct err *e)
{
	_cleanup_fd_ int fd = openat(cgfd, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "cgroup %s: open cgroup.events", path);
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		char text[256];
		uint64_t populated;
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		int left;

		if (n < 0)
			return errno == ENODEV
				       ? 0
				       : fail(e, errno, "cgroup %s: read cgroup.events", path);
		text[n] = '\0';
		if (cg_parse_key(text, "populated", &populated) < 0 || !populated)
			return 0;
		left = ms_left(deadline);
		if (!left)
			return refuse(e, ETIMEDOUT,
				      "cgroup %s: killed, but a process in it does not end: it is "
				      "stuck in the kernel",
				      path);
		(void)poll(&p, 1, left); /* whatever woke us: look again */
	}
}

/* Removes what can be removed among the children; *ret_busy (256 bytes) names one that has children
 * itself or is not free yet. 1 if there is one. */
static int remove_children(int fd, char *ret_busy)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	int found = 0;
	struct dirent *d;

	if (!dir) {
		int rc = errno == ENOENT ? 0 : -errno;

		(void)fd_close(copy);
		return rc;
	}
	while ((d = readdir(dir))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		if (unlinkat(copy, d->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			continue;
		if (errno != EBUSY)
			return -errno;
		found = 1;
		(void)snprintf(ret_busy, 256, "%s", d->d_name); /* NAME_MAX is 255 */
	}
	return found;
}

/*
 * Bottom-up, with one descriptor however deep a hostile container has nested: down into a child
 * that does not go, up again when a level is empty. A child that is unpopulated goes at once; one
 * that is not makes us wait, up to the deadline.
 */
static int remove_tree(int cgfd, uint64_t deadline)
{
	_cleanup_fd_ int fd = openat(cgfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool came_down = false;
	size_t depth = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	for (;;) {
		char busy[256];
		int next, rc = remove_children(fd, busy);

		if (rc < 0)
			return rc;
		if (rc == 0 && depth == 0)
			return 0;
		if (rc == 0 && came_down) {
			/* A leaf that was busy a moment ago: its last process is on its way out. */
			struct timespec ts = {.tv_nsec = RETRY_NS};

			if (!ms_left(deadline))
				return -EBUSY;
			(void)nanosleep(&ts, NULL); /* shorter is fine */
		}
		next = openat(fd, rc ? busy : "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && rc && errno == ENOENT)
			continue;
		if (next < 0)
			return -errno;
		depth = rc ? depth + 1 : depth - 1;
		came_down = rc;
		(void)fd_close(fd);
		fd = next;
	}
}

/* Groups that a relative cgroupsPath brought along ("a/b") go with their last container. */
static void remove_parents(int mount_fd, char *rel)
{
	for (;;) {
		char *slash = strrchr(rel, '/');

		if (!slash)
			return;
		*slash = '\0';
		if (!cg_in_slice(rel) || unlinkat(mount_fd, rel, AT_REMOVEDIR) < 0)
			return;
	}
}

/* Beyond this they need help to end (runtime/hurry.h). */
#define OWN_TURN_NS (10 * NSEC_PER_MSEC)

/* The kernel kills a group with all below it or not at all: one by one, until nobody is left. */
static int end_one_by_one(const struct cgroup *cg, uint64_t deadline, struct err *e)
{
	struct timespec ts = {.tv_nsec = RETRY_NS};

	for (;;) {
		_cleanup_free_ pid_t *left = NULL;
		size_t n = 0;
		int rc = cgroup_signal(cg, SIGKILL, e);

		if (rc == 0)
			rc = cgroup_pids(cg, &left, &n, e);
		if (rc < 0 || !n)
			return rc;
		if (!ms_left(deadline))
			return refuse(e, ETIMEDOUT,
				      "cgroup %s: killed, but process %d does not end", cg->path,
				      left[0]);
		(void)nanosleep(&ts, NULL); /* shorter is fine */
	}
}

static int end_processes(const struct cgroup *cg, uint64_t deadline, struct err *e)
{
	int rc;

	if (cg->n_others)
		return end_one_by_one(cg, deadline, e);
	rc = write_kill(cg->fd, cg->path, e); /* acts on the frozen too */
	if (rc < 0)
		return rc;
	rc = wait_unpopulated(cg->fd, cg->path, MIN(deadline, now_ns() + OWN_TURN_NS), e);
	if (rc != -ETIMEDOUT)
		return rc;
	hurry_dying(cg->fd, cg->idle_by_group);
	return wait_unpopulated(cg->fd, cg->path, deadline, e);
}

/* What is on the way to a group of another container does not go, and that is all that stays. */
static void remove_around_others(const struct cgroup *cg, int parent, int depth)
{
	int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir)
		(void)fd_close(fd);
	while (dir && (d = readdir(dir))) {
		_cleanup_fd_ int child = -1;

		if (d->d_type != DT_DIR || d->d_name[0] == '.' || cg_is_others(cg, d->d_ino) ||
		    unlinkat(fd, d->d_name, AT_REMOVEDIR) == 0 || depth == NEST_MAX)
			continue;
		child = openat(fd, d->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0)
			remove_around_others(cg, child, depth + 1);
		(void)unlinkat(fd, d->d_name, AT_REMOVEDIR); /* EBUSY: on the way */
	}
}

/* All that is in the group and below it, which are the container's own. */
static int empty(const struct cgroup *cg, uint64_t deadline, struct err *e)
{
	int rc = end_processes(cg, deadline, e);

	if (rc < 0)
		return rc;
	if (cg->n_others) {
		remove_around_others(cg, cg->fd, 0);
		log_warn("cgroup %s stays: there is a group of another container below it",
			 cg->path);
		return 0;
	}
	rc = remove_tree(cg->fd, deadline);
	return rc < 0 ? fail(e, -rc, "remove the groups below cgroup %s", cg->path) : 0;
}

static int empty_own(const struct container *c, uint64_t deadline, bool *ret_others, struct err *e)
{
	struct cgroup cg;
	int rc = cgroup_open_own(c, &cg, e);

	if (rc < 0)
		return rc;
	rc = empty(&cg, deadline, e);
	*ret_others = cg.n_others;
	cgroup_close(&cg);
	return rc;
}

static int end_group(const struct container *c, const struct cg_host *h, const char *rel,
		     uint64_t deadline, struct err *e)
{
	for (;;) {
		struct timespec ts = {.tv_nsec = RETRY_NS};
		bool others = false;
		int rc = empty_own(c, deadline, &others, e);

		if (rc < 0 || others)
			return rc == -ENOENT || rc == -ESTALE ? 0 : rc;
		if (unlinkat(h->fd, rel, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY || !ms_left(deadline))
			return fail(e, errno, "remove cgroup %s/%s", h->mount, rel);
		(void)nanosleep(&ts, NULL); /* shorter is fine */
	}
}

/* The usual case: everybody has gone already. */
static int remove_group(const struct container *c, const struct cg_host *h, const char *rel,
			uint64_t deadline, struct err *e)
{
	struct stat st;

	if (fstatat(h->fd, rel, &st, AT_SYMLINK_NOFOLLOW) == 0 && cg_is_another(c, st.st_ino))
		return 0;
	if (unlinkat(h->fd, rel, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return errno == EBUSY ? end_group(c, h, rel, deadline, e)
			      : fail(e, errno, "remove cgroup %s/%s", h->mount, rel);
}

static int destroy(const struct container *c, uint64_t deadline, struct err *e)
{
	char norm[sizeof(((struct cgroup *)NULL)->path)], *rel = norm + 1;
	struct cg_host h;
	int rc;

	if (strlen(c->cgroup) >= sizeof(norm) - 1)
		return refuse(e, ENAMETOOLONG, "cgroup path %s: too long", c->cgroup);
	if (cg_normalise(c->cgroup, norm) == 0 || streq(rel, CEDE_SLICE))
		return refuse(e, EINVAL, "cgroup %s is not a container's", c->cgroup);
	rc = cg_path_check(rel, e);
	if (rc == 0)
		rc = cg_host_locate(&h, e);
	if (rc < 0)
		return rc;
	if (h.fd < 0)
		return 0; /* without a hierarchy there is no group */
	rc = remove_group(c, &h, rel, deadline, e);
	if (rc == 0 && cg_in_slice(rel))
		remove_parents(h.fd, rel);
	cg_host_close(&h);
	return rc;
}

static uint64_t deadline_in(int timeout_ms)
{
	return now_ns() + (uint64_t)MAX(timeout_ms, 0) * NSEC_PER_MSEC;
}

int cgroup_destroy(const char *path, int timeout_ms, struct err *e)
{
	const struct container c = {.cgroup = path};

	return destroy(&c, deadline_in(timeout_ms), e);
}

/* Processes first: systemd would send them SIGTERM and wait. */
static int end_scope(const struct container *c, uint64_t deadline, struct err *e)
{
	bool others = false;
	int rc = c->cgroup ? empty_own(c, deadline, &others, e) : -ENOENT;

	/* With its group another container may have the unit, which is known by its name only. */
	if (rc == -ESTALE)
		return 0;
	if (rc == -ENOENT)
		rc = cg_unit_is_others(c, e);
	if (rc != 0 || others)
		return MIN(rc, 0);
	return systemd_stop(c->user_unit ? SYSTEMD_USER : SYSTEMD_SYSTEM, c->unit, e);
}

int cgroup_end(const struct container *c, int timeout_ms, struct err *e)
{
	uint64_t deadline = deadline_in(timeout_ms);
	bool others;
	int rc;

	if (c->unit)
		return end_scope(c, deadline, e);
	if (!c->cgroup)
		return 0;
	if (c->cgroup_created)
		return destroy(c, deadline, e);
	rc = empty_own(c, deadline, &others, e);
	return rc == -ENOENT || rc == -ESTALE ? 0 : rc;
}
