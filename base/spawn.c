/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "base/sys.h"

#define DEFAULT_TIMEOUT_MS 30000
/* How long a killed child may take to become a zombie (disk sleep). */
#define KILL_WAIT_MS 5000
#define IN_CHILD_FAILED 125

/* Everything one run owns. */
struct run {
	const struct spawn *s;
	pid_t pid;
	int pidfd;
	int stdin_fd; /* memfd with stdin_data, or /dev/null */
	int null_fd;
	int out[2]; /* child's stdout and stderr */
	int exec_error[2];
	struct strbuf output;
};

static void run_deinit(struct run *r)
{
	(void)fd_close(r->pidfd);
	(void)fd_close(r->stdin_fd);
	(void)fd_close(r->null_fd);
	for (int i = 0; i < 2; i++) {
		(void)fd_close(r->out[i]);
		(void)fd_close(r->exec_error[i]);
	}
	strbuf_free(&r->output);
}

const char *env_get(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; envp && *envp; envp++)
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

/* What execve(2) would say about this file, without executing it. */
static int check_executable(const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

struct search {
	const char *name;
	char *buf;
	size_t size;
	int seen; /* the error to report if nothing is found */
};

static int try_directory(const char *dir, size_t len, void *arg)
{
	struct search *s = arg;
	size_t name_len = strlen(s->name);
	int rc;

	/* execvp(3): an empty part means the current directory. */
	if (len == 0) {
		dir = ".";
		len = 1;
	}
	if (len + 1 + name_len + 1 > s->size)
		return 0;
	memcpy(s->buf, dir, len);
	s->buf[len] = '/';
	memcpy(s->buf + len + 1, s->name, name_len + 1);
	rc = check_executable(s->buf);
	if (rc == -EACCES)
		s->seen = -EACCES;
	return rc == 0;
}

int exec_find(const char *name, const char *path, char *buf, size_t size)
{
	struct search s = {.name = name, .buf = buf, .size = size, .seen = -ENOENT};
	int rc;

	if (!*name)
		return -ENOENT;
	if (!strchr(name, '/'))
		return str_split(path ? path : SPAWN_DEFAULT_PATH, ':', try_directory, &s) ? 0
											   : s.seen;
	if (strlen(name) >= size)
		return -ENAMETOOLONG;
	rc = check_executable(name);
	if (rc == 0)
		memcpy(buf, name, strlen(name) + 1);
	return rc;
}

/* --- in the child --------------------------------------------------------------------------------
 */

static void child_descriptors(const struct run *r)
{
	int out = r->s->stdout_fd > 0 ? r->s->stdout_fd : r->out[1] >= 0 ? r->out[1] : r->null_fd;

	if (dup2(r->stdin_fd, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(IN_CHILD_FAILED);
}

/* Signals ignored by whoever started cede would stay ignored across exec. */
static void child_signals(void)
{
	static const int usual[] = {SIGPIPE, SIGXFSZ, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCHLD};
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		(void)signal(usual[i], SIG_DFL); /* cannot fail for these */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with this argument */
}

static void child_main(const struct run *r)
{
	const struct spawn *s = r->s;
	char file[4096];
	char *no_env[] = {NULL};
	char *const *envp = s->envp ? s->envp : no_env;
	int rc;

	(void)setpgid(0, 0); /* a fresh child is never a session leader */
	child_signals();
	if (s->in_child && s->in_child(s->arg) != 0)
		_exit(IN_CHILD_FAILED);
	child_descriptors(r);
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* all of ours are O_CLOEXEC already */
	rc = strchr(s->path, '/') ? 0
				  : exec_find(s->path, env_get(envp, "PATH"), file, sizeof(file));
	if (rc == 0) {
		(void)execve(strchr(s->path, '/') ? s->path : file, s->argv, envp);
		rc = -errno;
	}
	(void)io_write(r->exec_error[1], &rc, sizeof(rc)); /* the status below says it too */
	_exit(rc == -ENOENT ? 127 : 126);
}

/* --- in the parent -------------------------------------------------------------------------------
 */

static int prepare(struct run *r, struct err *e)
{
	const struct spawn *s = r->s;

	r->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (r->null_fd < 0)
		return fail(e, errno, "open /dev/null");
	if (s->stdin_data) {
		int rc;

		/* A file in memory: no deadlock between feeding the child and reading it. */
		r->stdin_fd = memfd_create("stdin", MFD_CLOEXEC);
		if (r->stdin_fd < 0)
			return fail(e, errno, "run %s: memfd_create", s->path);
		rc = io_write(r->stdin_fd, s->stdin_data, s->stdin_len);
		if (rc < 0)
			return fail(e, -rc, "run %s: write its input", s->path);
		(void)lseek(r->stdin_fd, 0, SEEK_SET); /* cannot fail on a memfd */
	} else {
		r->stdin_fd = fcntl(r->null_fd, F_DUPFD_CLOEXEC, 3);
		if (r->stdin_fd < 0)
			return fail(e, errno, "run %s: dup", s->path);
	}
	if (s->output_limit && s->stdout_fd <= 0 && pipe2(r->out, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(e, errno, "run %s: pipe", s->path);
	if (pipe2(r->exec_error, O_CLOEXEC) < 0)
		return fail(e, errno, "run %s: pipe", s->path);
	return 0;
}

static int start(struct run *r, struct err *e)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uint64_t)(uintptr_t)&r->pidfd,
		.exit_signal = SIGCHLD,
	};

	/* The child's end must block: a program may expect that of its stdout. */
	if (r->out[1] >= 0)
		(void)fcntl(r->out[1], F_SETFL, 0); /* flags of our own fresh pipe */
	r->pid = sys_clone3(&args);
	if (r->pid < 0)
		return fail(e, errno, "run %s: clone", r->s->path);
	if (r->pid == 0)
		child_main(r);
	r->out[1] = fd_close(r->out[1]);
	r->exec_error[1] = fd_close(r->exec_error[1]);
	return 0;
}

/* Reads what is there. Beyond the limit output is read and thrown away, so that the child does not
 * block. False at end of file. */
static bool take_output(struct run *r)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(r->out[0], buf, sizeof(buf))) > 0) {
		size_t room = r->s->output_limit - MIN(r->s->output_limit, r->output.len);

		strbuf_add(&r->output, buf, MIN((size_t)n, room));
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Until the child has ended. 0, -ETIMEDOUT, or -EINTR when cancelled. */
static int watch(struct run *r, int cancel_fd, int timeout_ms)
{
	uint64_t deadline = now_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
	struct pollfd p[] = {
		{.fd = r->pidfd, .events = POLLIN},
		{.fd = r->out[0], .events = POLLIN},
		{.fd = cancel_fd, .events = POLLIN},
	};

	for (;;) {
		uint64_t now = now_ns();
		int left = now >= deadline ? 0 : (int)((deadline - now) / NSEC_PER_MSEC) + 1;
		int n = poll(p, ARRAY_SIZE(p), left);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && p[1].revents && !take_output(r))
			p[1].fd = -1;
		if (n > 0 && p[0].revents)
			return 0;
		if (n > 0 && p[2].revents)
			return -EINTR;
		if (!left)
			return -ETIMEDOUT;
	}
}

/* The whole group: a shell's `sleep` must not outlive it. Our child is not reaped yet, so its
 * number cannot have been given to another process. */
static void kill_group(struct run *r)
{
	(void)pidfd_send_signal(r->pidfd, SIGKILL, NULL, 0); /* gone already: fine */
	(void)kill(-r->pid, SIGKILL);			     /* it may not have its group yet */
	(void)watch(r, -1, KILL_WAIT_MS);		     /* reported as a time-out anyway */
}

static int reap(struct run *r, int *ret_status, struct err *e)
{
	siginfo_t si = {0};
	int rc;

	do
		rc = waitid(P_PIDFD, (id_t)r->pidfd, &si, WEXITED | WNOHANG);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return fail(e, errno, "run %s: wait", r->s->path);
	if (si.si_pid == 0)
		return refuse(e, ETIMEDOUT, "%s does not die, although killed", r->s->path);
	*ret_status = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	return 0;
}

static int conclude(struct run *r, int watched, int timeout_ms, struct spawn_result *ret,
		    struct err *e)
{
	int exec_error = 0, status = 0, rc;

	rc = reap(r, &status, e);
	if (rc < 0)
		return rc;
	if (r->out[0] >= 0)
		(void)take_output(r); /* what was written between the last look and the exit */
	if (r->s->output_limit) {
		ret->output_len = r->output.len;
		ret->output = strbuf_take(&r->output);
		if (!ret->output)
			return fail(e, ENOMEM, "run %s", r->s->path);
	}
	ret->status = status;
	if (watched == -ETIMEDOUT)
		return refuse(e, ETIMEDOUT, "%s did not end within %d ms and was killed",
			      r->s->path, timeout_ms);
	if (watched < 0)
		return fail(e, -watched, "run %s", r->s->path);
	if (io_read(r->exec_error[0], &exec_error, sizeof(exec_error)) ==
		    (ssize_t)sizeof(exec_error) &&
	    exec_error < 0)
		return fail(e, -exec_error, "run %s", r->s->path);
	return 0;
}

int spawn_run(const struct spawn *s, struct spawn_result *ret, struct err *e)
{
	int timeout_ms = s->timeout_ms > 0 ? s->timeout_ms : DEFAULT_TIMEOUT_MS;
	_cleanup_(run_deinit) struct run r = {
		.s = s,
		.pidfd = -1,
		.stdin_fd = -1,
		.null_fd = -1,
		.out = {-1, -1},
		.exec_error = {-1, -1},
	};
	int rc;

	*ret = (struct spawn_result){0};
	rc = prepare(&r, e);
	if (rc == 0)
		rc = start(&r, e);
	if (rc < 0)
		return rc;
	rc = watch(&r, s->cancel_fd > 0 ? s->cancel_fd : -1, timeout_ms);
	if (rc < 0)
		kill_group(&r);
	return conclude(&r, rc, timeout_ms, ret, e);
}
