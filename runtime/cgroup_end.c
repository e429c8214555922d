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
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
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

		if (d->d_type != DT_DIR || d->d_name[0] == '.')
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
	struct pid_list l = {0};
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

	if (signal == SIGKILL) {
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

static int end_processes(const struct cg_host *h, int fd, const char *rel, uint64_t deadline,
			 struct err *e)
{
	int rc = write_kill(fd, rel, e); /* acts on the frozen too */

	if (rc < 0)
		return rc;
	rc = wait_unpopulated(fd, rel, MIN(deadline, now_ns() + OWN_TURN_NS), e);
	if (rc != -ETIMEDOUT)
		return rc;
	hurry_dying(fd, cg_in_slice(rel) && cg_slice_is_idle(h));
	return wait_unpopulated(fd, rel, deadline, e);
}

static int end_group(const struct cg_host *h, const char *rel, uint64_t deadline, struct err *e)
{
	_cleanup_fd_ int fd = openat(h->fd, rel, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "open cgroup %s/%s", h->mount, rel);
	rc = end_processes(h, fd, rel, deadline, e);
	if (rc < 0)
		return rc;
	for (;;) {
		struct timespec ts = {.tv_nsec = RETRY_NS};

		rc = remove_tree(fd, deadline);
		if (rc < 0)
			return fail(e, -rc, "remove the groups below cgroup %s", rel);
		if (unlinkat(h->fd, rel, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY || !ms_left(deadline))
			return fail(e, errno, "remove cgroup %s/%s", h->mount, rel);
		(void)nanosleep(&ts, NULL); /* shorter is fine */
	}
}

int cgroup_destroy(const char *path, int timeout_ms, struct err *e)
{
	uint64_t deadline = now_ns() + (uint64_t)MAX(timeout_ms, 0) * NSEC_PER_MSEC;
	char norm[sizeof(((struct cgroup *)NULL)->path)], *rel = norm + 1;
	struct cg_host h;
	int rc;

	if (strlen(path) >= sizeof(norm) - 1)
		return refuse(e, ENAMETOOLONG, "cgroup path %s: too long", path);
	if (cg_normalise(path, norm) == 0 || streq(rel, CEDE_SLICE))
		return refuse(e, EINVAL, "cgroup %s is not a container's", path);
	rc = cg_path_check(rel, e);
	if (rc == 0)
		rc = cg_host_locate(&h, e);
	if (rc < 0)
		return rc;
	if (h.fd < 0)
		return 0; /* without a hierarchy there is no group */
	/* The usual case: everybody has gone already. */
	if (unlinkat(h.fd, rel, AT_REMOVEDIR) < 0) {
		if (errno == EBUSY)
			rc = end_group(&h, rel, deadline, e);
		else if (errno != ENOENT)
			rc = fail(e, errno, "remove cgroup %s/%s", h.mount, rel);
	}
	if (rc == 0 && cg_in_slice(rel))
		remove_parents(h.fd, rel);
	cg_host_close(&h);
	return rc;
}

/* Processes first: systemd would send them SIGTERM and wait. */
static int end_scope(const struct container *c, int timeout_ms, struct err *e)
{
	int rc = c->cgroup ? cgroup_empty(c->cgroup, timeout_ms, e) : 0;

	return rc < 0 ? rc : systemd_stop(c->user_unit ? SYSTEMD_USER : SYSTEMD_SYSTEM, c->unit, e);
}

int cgroup_end(const struct container *c, int timeout_ms, struct err *e)
{
	if (c->unit)
		return end_scope(c, timeout_ms, e);
	if (!c->cgroup)
		return 0;
	return c->cgroup_created ? cgroup_destroy(c->cgroup, timeout_ms, e)
				 : cgroup_empty(c->cgroup, timeout_ms, e);
}

int cgroup_empty(const char *path, int timeout_ms, struct err *e)
{
	uint64_t deadline = now_ns() + (uint64_t)MAX(timeout_ms, 0) * NSEC_PER_MSEC;
	struct cgroup cg;
	int rc;

	rc = cgroup_open(path, &cg, e);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	rc = end_processes(&cg.host, cg.fd, path, deadline, e);
	if (rc == 0) {
		rc = remove_tree(cg.fd, deadline);
		if (rc < 0)
			rc = fail(e, -rc, "remove the groups below cgroup %s", path);
	}
	cgroup_close(&cg);
	return rc;
}
