/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/leader.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"

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

/* The guard must hold nothing of its parent's: neither the lock nor a pipe somebody reads to its
 * end, nor die of a signal meant for the parent's process group. */
static void guard_main(int parent, const struct runtime *rt,
		       void (*let_go)(const struct runtime *, bool, void *), void *arg)
{
	struct leader l = LEADER_INIT;
	struct pollfd p = {.fd = 3, .events = POLLIN};
	sigset_t all;

	proc_forget(); /* its descriptor is closed below */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();				/* not a group leader: cannot fail */
	(void)prctl(PR_SET_NAME, "cede-guard"); /* only a name */
	(void)!chdir("/");			/* keeps no file system busy */
	if (dup2(parent, 3) < 0 || close_range(4, ~0U, 0) < 0)
		_exit(1);
	for (int fd = 0; fd < 3; fd++) {
		(void)close(fd);
		(void)!open("/dev/null", O_RDWR | O_CLOEXEC); /* takes the number just freed */
	}
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	if (leader_try(&l, rt, NULL) == 1)
		let_go(rt, l.was_capping, arg);
	_exit(0);
}

void leader_guard(struct leader *l, const struct runtime *rt,
		  void (*let_go)(const struct runtime *rt, bool was_capping, void *arg), void *arg)
{
	_cleanup_fd_ int self = pidfd_open(getpid(), 0);

	if (self < 0 || l->guard > 0)
		return;
	l->guard = fork();
	if (l->guard == 0)
		guard_main(self, rt, let_go, arg);
	if (l->guard < 0) {
		log_warn("no guard beside the scheduler: fork: %s", strerror(errno));
		l->guard = 0;
		return;
	}
	l->guard_fd = pidfd_open(l->guard, 0);
	if (l->guard_fd < 0) {
		/* It could not be ended when its time comes: do without. */
		(void)kill(l->guard, SIGKILL);
		(void)waitpid(l->guard, NULL, 0);
		l->guard = 0;
	}
}

void leader_release(struct leader *l)
{
	siginfo_t si;

	if (l->guard > 0) {
		/* Through the descriptor: somebody who reaps all children may have reaped it. */
		(void)pidfd_send_signal(l->guard_fd, SIGKILL, NULL, 0);
		(void)waitid(P_PIDFD, (id_t)l->guard_fd, &si, WEXITED);
		l->guard = 0;
	}
	l->guard_fd = fd_close(l->guard_fd);
	if (l->lock_fd >= 0)
		write_note(l->lock_fd, false);
	l->lock_fd = fd_close(l->lock_fd);
}
