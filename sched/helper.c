/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/sys.h"

#define PARENT_FD 3

/* The two descriptors, wherever they were, to their numbers; all others are closed. */
static bool keep_only(int parent, int keep_fd)
{
	int high = fcntl(parent, F_DUPFD_CLOEXEC, HELPER_FD + 1), last = PARENT_FD;

	if (high < 0)
		return false;
	if (keep_fd >= 0) {
		if (dup2(keep_fd, HELPER_FD) < 0)
			return false;
		last = HELPER_FD;
	}
	return dup2(high, PARENT_FD) >= 0 && close_range((unsigned)last + 1, ~0U, 0) == 0;
}

static _Noreturn void helper_main(const char *name, int parent, int keep_fd,
				  int (*body)(int parent, void *arg), void *arg)
{
	sigset_t all;

	proc_forget(); /* its descriptor is closed below */
	signals_fill(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();			/* not a group leader: cannot fail */
	(void)prctl(PR_SET_NAME, name); /* only a name */
	(void)!chdir("/");		/* keeps no file system busy */
	if (!keep_only(parent, keep_fd))
		_exit(1);
	for (int fd = 0; fd < PARENT_FD; fd++) {
		(void)close(fd);
		(void)!open("/dev/null", O_RDWR | O_CLOEXEC); /* takes the number just freed */
	}
	_exit(body(PARENT_FD, arg));
}

int helper_start(struct helper *h, const char *name, int keep_fd,
		 int (*body)(int parent, void *arg), void *arg, struct err *e)
{
	_cleanup_fd_ int self = pidfd_open(getpid(), 0);

	if (self < 0)
		return fail(e, errno, "start %s", name);
	h->pid = fork();
	if (h->pid == 0)
		helper_main(name, self, keep_fd, body, arg);
	if (h->pid < 0) {
		h->pid = 0;
		return fail(e, errno, "start %s", name);
	}
	h->pidfd = pidfd_open(h->pid, 0);
	if (h->pidfd < 0) {
		int rc = fail(e, errno, "start %s", name);

		/* It could not be ended when its time comes: do without. */
		(void)kill(h->pid, SIGKILL);
		(void)waitpid(h->pid, NULL, 0);
		h->pid = 0;
		return rc;
	}
	return 0;
}

bool helper_ended(struct helper *h, int *ret_status)
{
	siginfo_t si = {0};

	if (h->pid <= 0)
		return false;
	/* ECHILD: somebody who reaps all children has reaped it; its status is lost. */
	if (waitid(P_PIDFD, (id_t)h->pidfd, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0)
		return false;
	*ret_status = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	h->pid = 0;
	h->pidfd = fd_close(h->pidfd);
	return true;
}

void helper_stop(struct helper *h)
{
	siginfo_t si;

	if (h->pid > 0) {
		/* Through the descriptor: somebody who reaps all children may have reaped it. */
		(void)pidfd_send_signal(h->pidfd, SIGKILL, NULL, 0);
		(void)waitid(P_PIDFD, (id_t)h->pidfd, &si, WEXITED);
	}
	h->pid = 0;
	h->pidfd = fd_close(h->pidfd);
}
