/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/leader.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/state.h"

#define LOCK_FILE "scheduler.lock"
#define CAPPING "capping"

static int open_lock(const struct runtime *rt, struct err *e)
{
	_cleanup_fd_ int root = open(rt->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc, fd;

	if (root < 0) {
		rc = dir_make_all(AT_FDCWD, rt->root, 0711, e);
		if (rc < 0)
			return rc;
		root = open(rt->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	rc = root < 0 ? 0 : state_check_root(rt, root, e);
	if (rc < 0)
		return rc;
	fd = root < 0 ? -1
		      : openat(root, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? fail(e, errno, "open %s/%s", rt->root, LOCK_FILE) : fd;
}

/* For people and for the next leader: "<pid>" or "<pid> capping". */
static void write_note(int fd, bool capping)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%d%s\n", getpid(), capping ? " " CAPPING : "");

	/* The lock is what counts; the note may be missing. */
	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, line, (size_t)n, 0);
}

static bool read_note(int fd)
{
	char line[64];
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);

	if (n < 0)
		return false;
	line[n] = '\0';
	return strstr(line, CAPPING) != NULL;
}

int process_lock(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_SETLK, &whole) == 0)
		return 1;
	return errno == EAGAIN || errno == EACCES ? 0 : -errno;
}

int leader_try(struct leader *l, const struct runtime *rt, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int rc;

	if (l->lock_fd >= 0)
		return 1;
	fd = open_lock(rt, e);
	if (fd < 0)
		return fd;
	rc = process_lock(fd);
	if (rc <= 0)
		return rc == 0 ? 0 : fail(e, -rc, "lock %s/%s", rt->root, LOCK_FILE);
	l->was_capping = read_note(fd);
	write_note(fd, false);
	l->lock_fd = take_fd(&fd);
	return 1;
}

void leader_note_capping(const struct leader *l, bool capping)
{
	if (l->lock_fd >= 0)
		write_note(l->lock_fd, capping);
}

struct guard {
	const struct runtime *rt;
	void (*let_go)(const struct runtime *rt, bool was_capping, void *arg);
	void *arg;
};

static int guard_main(int parent, void *arg)
{
	const struct guard *g = arg;
	struct leader l = LEADER_INIT;
	struct pollfd p = {.fd = parent, .events = POLLIN};

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	if (leader_try(&l, g->rt, NULL) == 1)
		g->let_go(g->rt, l.was_capping, g->arg);
	return 0;
}

void leader_guard(struct leader *l, const struct runtime *rt,
		  void (*let_go)(const struct runtime *rt, bool was_capping, void *arg), void *arg)
{
	struct guard g = {.rt = rt, .let_go = let_go, .arg = arg};
	struct err e = ERR_INIT;

	if (l->guard.pid == 0 && helper_start(&l->guard, "cede-guard", -1, guard_main, &g, &e) < 0)
		log_warn("no guard beside the scheduler: %s", e.msg);
}

void leader_release(struct leader *l)
{
	helper_stop(&l->guard);
	if (l->lock_fd >= 0)
		write_note(l->lock_fd, false);
	l->lock_fd = fd_close(l->lock_fd);
}
