/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/bench/lib/child.h"
#include "tests/bench/lib/track.h"

static volatile sig_atomic_t stopping;
static sigset_t inherited_mask;

static void on_stop(int signal)
{
	stopping = signal;
}

int child_signals_init(struct err *e)
{
	struct sigaction sa = {.sa_handler = on_stop};
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t block;

	(void)sigemptyset(&block); /* cannot fail */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)sigaddset(&block, signals[i]);
		if (sigaction(signals[i], &sa, NULL) < 0)
			return fail(e, errno, "sigaction");
	}
	(void)signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write */
	if (sigprocmask(SIG_BLOCK, &block, &inherited_mask) < 0)
		return fail(e, errno, "sigprocmask");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return fail(e, errno, "PR_SET_CHILD_SUBREAPER");
	/* The script that called us may be killed: then we stop as if asked to. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
		return fail(e, errno, "PR_SET_PDEATHSIG");
	return 0;
}

/* Lets the signals in for as long as it waits. 1: readable, 0: time is over, or -EINTR. */
static int wait_fd(int fd, uint64_t timeout_ns, bool even_if_stopping)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t end = now_ns() + timeout_ns, now;
	sigset_t none;
	int n;

	(void)sigemptyset(&none); /* cannot fail */
	for (;;) {
		struct timespec ts;

		if (stopping && !even_if_stopping)
			return -EINTR;
		now = now_ns();
		ts.tv_sec = now < end ? (time_t)((end - now) / NSEC_PER_SEC) : 0;
		ts.tv_nsec = now < end ? (long)((end - now) % NSEC_PER_SEC) : 0;
		n = ppoll(&p, fd >= 0 ? 1 : 0, &ts, even_if_stopping ? NULL : &none);
		if (n >= 0)
			return n;
		if (errno != EINTR)
			return -errno;
	}
}

int child_sleep_ms(int ms)
{
	int r = wait_fd(-1, (uint64_t)ms * NSEC_PER_MSEC, false);

	return r < 0 ? r : 0;
}

int child_stopping(void)
{
	(void)wait_fd(-1, 0, false); /* only lets a pending signal in */
	return stopping;
}

/* --- starting ----------------------------------------------------------------------------------
 */

static int enter_cgroup(const char *path)
{
	char file[4096];

	if (snprintf(file, sizeof(file), "%s/cgroup.procs", path) >= (int)sizeof(file))
		return -ENAMETOOLONG;
	return file_write(AT_FDCWD, file, "0", NULL);
}

/* Tells the parent through `report` why there is no program: it is closed by a successful exec. */
static _Noreturn void child_main(const struct child_opts *o, pid_t parent, int report)
{
	struct err e = ERR_INIT;
	int in, out;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0); /* cannot fail with a valid signal */
	if (getppid() != parent)
		_exit(126);
	(void)setsid(); /* we are nobody's group leader yet */
	(void)signal(SIGPIPE, SIG_DFL);
	in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	out = open(o->output ? o->output : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		   0644);
	if (in < 0 || out < 0)
		(void)fail(&e, errno, "%s: open %s", o->name, o->output ? o->output : "/dev/null");
	else if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		(void)fail(&e, errno, "%s: dup2", o->name);
	else if (o->cgroup && enter_cgroup(o->cgroup) < 0)
		(void)fail(&e, errno, "%s: enter %s", o->name, o->cgroup);
	else if (o->cwd && chdir(o->cwd) < 0)
		(void)fail(&e, errno, "%s: chdir %s", o->name, o->cwd);
	else if (o->prepare && o->prepare(o->arg) != 0)
		(void)fail(&e, errno, "%s: prepare", o->name);
	else {
		(void)sigprocmask(SIG_SETMASK, &inherited_mask, NULL); /* valid arguments */
		execvp(o->argv[0], (char *const *)o->argv);
		(void)fail(&e, errno, "run %s", o->argv[0]);
	}
	(void)io_write(report, &e, sizeof(e)); /* the parent sees the end in any case */
	_exit(126);
}

int child_start(struct child *c, const struct child_opts *o, struct err *e)
{
	struct err theirs;
	int fds[2], status;
	pid_t parent = getpid();
	ssize_t n;

	*c = (struct child)CHILD_NONE;
	(void)snprintf(c->name, sizeof(c->name), "%s", o->name);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail(e, errno, "pipe");
	c->pid = fork();
	if (c->pid < 0) {
		int r = fail(e, errno, "fork");

		c->pid = 0;
		(void)close(fds[0]); /* nothing was written */
		(void)close(fds[1]); /* the same */
		return r;
	}
	if (c->pid == 0)
		child_main(o, parent, fds[1]);
	(void)close(fds[1]); /* the child's */
	n = io_read(fds[0], &theirs, sizeof(theirs));
	(void)close(fds[0]); /* read to its end */
	if (n == (ssize_t)sizeof(theirs)) {
		(void)waitpid(c->pid, &status, 0); /* it is at its _exit */
		c->pid = 0;
		if (e)
			*e = theirs;
		return -theirs.code;
	}
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return c->pidfd < 0 ? fail(e, errno, "pidfd of %s", o->name) : 0;
}

/* --- waiting and stopping ----------------------------------------------------------------------
 */

int child_wait(struct child *c, int timeout_ms, bool even_if_stopping, int *ret_status,
	       struct err *e)
{
	int status, r;

	r = wait_fd(c->pidfd, (uint64_t)timeout_ms * NSEC_PER_MSEC, even_if_stopping);
	if (r == -EINTR)
		return refuse(e, EINTR, "interrupted");
	if (r < 0)
		return fail(e, -r, "wait for %s", c->name);
	if (r == 0)
		return refuse(e, ETIMEDOUT, "%s did not end within %d ms", c->name, timeout_ms);
	if (waitpid(c->pid, &status, 0) < 0)
		return fail(e, errno, "wait for %s", c->name);
	c->pidfd = fd_close(c->pidfd);
	c->pid = 0;
	if (ret_status)
		*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

int child_stop(struct child *c, int timeout_ms, struct err *e)
{
	pid_t pid = c->pid;
	int r;

	if (pid <= 0)
		return 0;
	(void)kill(pid, SIGTERM); /* not reaped yet, so the number is its own */
	r = child_wait(c, timeout_ms, true, NULL, e);
	if (r == -ETIMEDOUT) {
		(void)kill(-pid, SIGKILL); /* its session's group; may have no one left */
		(void)kill(pid, SIGKILL);
		r = child_wait(c, 5000, true, NULL, e);
	}
	return r;
}

/* The last line or so of a program's output, for the message. */
static void last_words(const char *path, char *buf, size_t size)
{
	char text[4096];
	ssize_t n;
	_cleanup_fd_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	buf[0] = '\0';
	if (fd < 0)
		return;
	(void)lseek(fd, -(off_t)sizeof(text) + 1, SEEK_END); /* shorter: from its start */
	n = io_read(fd, text, sizeof(text) - 1);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0)
		return;
	text[n] = '\0';
	(void)snprintf(buf, size, ": %.400s", strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text);
}

int child_run(const struct child_opts *o, int timeout_ms, bool even_if_stopping, struct err *e)
{
	struct child c;
	char words[512];
	int status, r = child_start(&c, o, e);

	if (r < 0)
		return r;
	r = child_wait(&c, timeout_ms, even_if_stopping, &status, e);
	if (r < 0) {
		(void)child_stop(&c, 1000, NULL); /* the error above is the one to report */
		return r;
	}
	if (status == 0)
		return 0;
	last_words(o->output, words, sizeof(words));
	return refuse(e, EIO, "%s ended with status %d%s", o->name, status, words);
}

/* --- groups ------------------------------------------------------------------------------------
 */

int group_make(const char *path, struct err *e)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return fail(e, errno, "make cgroup %s", path);
	return 0;
}

static int remove_tree(const char *path)
{
	char below[4096];
	DIR *d = opendir(path);
	struct dirent *de;

	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while ((de = readdir(d))) {
		if (de->d_type != DT_DIR || de->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, de->d_name) < (int)sizeof(below))
			(void)remove_tree(below); /* the rmdir below says what is left */
	}
	(void)closedir(d); /* read only */
	return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

int group_remove(const char *path, struct err *e)
{
	uint64_t end = now_ns() + 5 * NSEC_PER_SEC;
	char kill_file[4096];
	int r;

	if (snprintf(kill_file, sizeof(kill_file), "%s/cgroup.kill", path) >=
	    (int)sizeof(kill_file))
		return fail(e, ENAMETOOLONG, "%s", path);
	if (access(path, F_OK) < 0)
		return 0;
	do {
		(void)file_write(AT_FDCWD, kill_file, "1", NULL); /* rmdir says if it helped */
		r = remove_tree(path);
		if (r == 0)
			return 0;
		/* Orphans of the group are ours to reap (we are their subreaper). */
		while (waitpid(-1, NULL, WNOHANG | __WNOTHREAD) > 0)
			;
		(void)usleep(5000);
	} while (now_ns() < end);
	return fail(e, -r, "remove cgroup %s", path);
}

int group_usage_usec(const char *path, unsigned long long *ret, struct err *e)
{
	char file[4096], buf[1024];
	uint64_t usec;
	ssize_t n;

	if (snprintf(file, sizeof(file), "%s/cpu.stat", path) >= (int)sizeof(file))
		return fail(e, ENAMETOOLONG, "%s", path);
	n = file_read(AT_FDCWD, file, buf, sizeof(buf), e);
	if (n < 0)
		return (int)n;
	if (track_parse_usage(buf, &usec) < 0)
		return refuse(e, EBADMSG, "%s: no usage_usec", file);
	*ret = usec;
	return 0;
}
