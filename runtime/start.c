/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `start`: init waits in a read of STATE_FIFO. One byte wakes it; STATE_RESULT tells what became of
 * it: an error, or the end of the file when the program's execution has closed init's end.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/container.h"
#include "runtime/hooks.h"
#include "runtime/notify.h"
#include "runtime/process.h"
#include "runtime/seccomp_listener.h"
#include "runtime/state.h"
#include "runtime/sync.h"

/* From the byte to the execution of the program, hooks not counted. */
#define START_TIMEOUT_MS 60000
/* From its last words to its end. */
#define END_TIMEOUT_MS 5000

static int check_created(const struct container *c, enum oci_status status, struct err *e)
{
	switch (status) {
	case OCI_CREATED: /* and stays it */
		return c->no_process ? process_missing(e) : 0;
	case OCI_RUNNING:
		return refuse(e, EINVAL, "cannot start container `%s`: it is running already",
			      c->id);
	case OCI_STOPPED:
		return refuse(e, EINVAL, "cannot start container `%s`: it has stopped", c->id);
	default:
		return refuse(e, EINVAL, "cannot start container `%s`: it is %s", c->id,
			      oci_status_name(status));
	}
}

static int open_fifo(const struct container *c, const char *name, int flags)
{
	int fd = openat(c->dirfd, name, flags | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

/* The program runs, woken by a `start` that was killed; or init has ended meanwhile. */
static int nobody_waits(const struct container *c, struct err *e)
{
	enum oci_status status;

	(void)container_status(c, &status, NULL); /* always has an answer */
	return check_created(c, status == OCI_CREATED ? OCI_RUNNING : status, e);
}

/* The name stays until the program runs. Killed before that we leave a FIFO that nobody reads in
 * the end, which container_status knows for what it is; the other way round init would wait for
 * ever. *ret_fd: where more can be written. */
static int wake(const struct container *c, int *ret_fd, struct err *e)
{
	_cleanup_fd_ int fd = open_fifo(c, STATE_FIFO, O_WRONLY);

	if (fd == -ENXIO)
		return nobody_waits(c, e);
	if (fd < 0)
		return fail(e, -fd, "container `%s`: open " STATE_FIFO, c->id);
	/* Init may be killed before the next line. The number is valid. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (write(fd, "s", 1) != 1)
		return errno == EPIPE ? nobody_waits(c, e)
				      : fail(e, errno, "container `%s`: wake init", c->id);
	if (c->listener) /* a second byte would be taken for the word that its listener was taken */
		(void)unlinkat(c->dirfd, STATE_FIFO, 0);
	*ret_fd = take_fd(&fd);
	return 0;
}

struct starting {
	const struct container *c;
	const struct spec *spec; /* NULL: nothing in it matters here */
	int pidfd, fifo, result;
};

static int hear(const struct starting *s, int timeout_ms, int *ret_what, struct err *e)
{
	struct pollfd p[] = {
		{.fd = s->result, .events = POLLIN},
		{.fd = s->pidfd, .events = POLLIN},
	};
	int n, rc;

	do
		n = poll(p, ARRAY_SIZE(p), timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "poll");
	if (n == 0)
		return refuse(e, ETIMEDOUT, "the container did not start within %d s",
			      timeout_ms / 1000);
	rc = sync_read_report(s->result, ret_what, e);
	/* It has said why it ends; who asks for the state next is to hear that it has ended. */
	if (rc < 0 && rc != -EAGAIN)
		(void)poll(&p[1], 1, END_TIMEOUT_MS);
	/* It ended, and its end of the FIFO is not closed yet. */
	return rc == -EAGAIN ? 0 : rc;
}

static int run_poststart(const struct container *c, const struct spec *s, struct err *e)
{
	struct oci_state state;

	container_state_doc(c, OCI_RUNNING, &state);
	state.extended = false;
	return hooks_run(s, HOOK_POSTSTART, &state, e);
}

/* Init waits for the byte that says that its listener was taken. */
static int hand_over(const struct starting *s, int number, struct err *e)
{
	struct oci_state state;
	struct seccomp_handover h = {
		.seccomp = s->spec ? s->spec->linux_.seccomp : NULL,
		.state = &state,
		.pid = s->c->init_pid,
		.pidfd = s->pidfd,
		.talk_fd = s->result,
	};
	int rc;

	if (!h.seccomp)
		return refuse(e, EPROTO, "unexpected report from init");
	container_state_doc(s->c, OCI_CREATED, &state);
	state.extended = false;
	rc = seccomp_hand_over(&h, number, e);
	if (rc == 0 && write(s->fifo, "l", 1) != 1)
		rc = fail(e, errno, "container `%s`: wake init", s->c->id);
	if (rc < 0) /* without its agent it could not go on */
		(void)pidfd_send_signal(s->pidfd, SIGKILL, NULL, 0); /* it has ended: fine */
	return rc;
}

static int hear_all(const struct starting *s, int timeout_ms, int *ret_what, struct err *e)
{
	int rc = hear(s, timeout_ms, ret_what, e);

	if (rc == SYNC_LISTENER)
		rc = hand_over(s, *ret_what, e);
	else
		return rc;
	if (rc < 0)
		*ret_what = SYNC_FAILED;
	return rc < 0 ? rc : hear(s, timeout_ms, ret_what, e);
}

static int load_document(const struct container *c, struct spec **ret, struct err *e)
{
	unsigned wanted = 1u << HOOK_START_CONTAINER | 1u << HOOK_POSTSTART;

	return c->hooks & wanted || c->listener ? spec_load(c->dirfd, STATE_CONFIG, ret, e) : 0;
}

/* *ret_destroy: runtime.md, Lifecycle, wants the container stopped and destroyed. */
static int start(struct container *c, bool *ret_destroy, struct err *e)
{
	_cleanup_fd_ int pidfd = pidfd_open(c->init_pid, 0), result = -1, fifo = -1;
	_cleanup_spec_ struct spec *s = NULL;
	int timeout = START_TIMEOUT_MS, what = SYNC_FAILED, rc;

	if (pidfd < 0)
		return fail(e, errno, "container `%s`: open init", c->id);
	rc = load_document(c, &s, e);
	if (rc < 0)
		return rc;
	if (s)
		timeout += hooks_timeout_ms(s, HOOK_START_CONTAINER);
	result = open_fifo(c, STATE_RESULT, O_RDONLY);
	if (result < 0)
		return fail(e, -result, "container `%s`: open " STATE_RESULT, c->id);
	rc = wake(c, &fifo, e);
	if (rc < 0)
		return rc;
	rc = hear_all(&(struct starting){c, s, pidfd, fifo, result}, timeout, &what, e);
	(void)unlinkat(c->dirfd, STATE_FIFO, 0); /* both go with the directory otherwise */
	(void)unlinkat(c->dirfd, STATE_RESULT, 0);
	*ret_destroy = rc < 0 && what == SYNC_HOOK_FAILED;
	if (rc == 0 && s) {
		rc = run_poststart(c, s, e);
		*ret_destroy = rc < 0;
	}
	return rc;
}

/* Its socket, before the program could want it; -1 in *ret: nobody listens. */
static int listen_for_ready(const struct container *c, int *ret, struct err *e)
{
	int rc = c->notifies ? notify_wanted(e) : 0;

	if (rc == 1)
		rc = *ret = notify_bind(c->dirfd, e);
	return rc < 0 ? rc : 0;
}

/* It runs whatever comes of this. */
static void wait_until_ready(int notify, pid_t pid, int pidfd)
{
	struct err own;

	if (notify >= 0 && pidfd >= 0 && notify_wait(notify, pid, pidfd, &own) < 0)
		log_warn("%s", own.msg);
}

int container_start(const struct runtime *rt, const char *id, struct err *e)
{
	_cleanup_fd_ int notify = -1, pidfd = -1;
	struct container *c = NULL;
	enum oci_status status;
	bool destroy = false;
	uint64_t ticks;
	pid_t pid;
	int rc;

	rc = container_open(rt, id, CONTAINER_LOCK_EXCLUSIVE, &c, e);
	if (rc < 0)
		return rc;
	rc = container_status(c, &status, e);
	if (rc == 0)
		rc = check_created(c, status, e);
	if (rc == 0)
		rc = listen_for_ready(c, &notify, e);
	if (notify >= 0)
		pidfd = pidfd_open(c->init_pid, 0); /* its end is an answer, too */
	if (rc == 0)
		rc = start(c, &destroy, e);
	pid = c->init_pid;
	ticks = c->init_start_ticks;
	container_close(c);
	if (destroy) {
		struct err own;

		if (container_delete_same(rt, id, pid, ticks, &own) < 0)
			log_warn("%s", own.msg);
	}
	if (rc == 0) /* others may have to do with the container meanwhile */
		wait_until_ready(notify, pid, pidfd);
	return rc;
}
