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
#include "runtime/state.h"
#include "runtime/sync.h"

/* From the byte to the execution of the program, hooks not counted. */
#define START_TIMEOUT_MS 60000
/* From its last words to its end. */
#define END_TIMEOUT_MS 5000

static int check_created(const struct container *c, enum oci_status status, struct err *e)
{
	switch (status) {
	case OCI_CREATED:
		return 0;
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

/* Writes the byte, then removes the name. Killed in between we leave a FIFO that nobody reads,
 * which container_status knows for what it is; the other way round init would wait for ever. */
static int wake(const struct container *c, struct err *e)
{
	_cleanup_fd_ int fd = open_fifo(c, STATE_FIFO, O_WRONLY);

	if (fd == -ENXIO) /* nobody reads: init has been woken before, by a start that was killed */
		return refuse(e, EINVAL, "cannot start container `%s`: it has been started already",
			      c->id);
	if (fd < 0)
		return fail(e, -fd, "container `%s`: open " STATE_FIFO, c->id);
	if (write(fd, "s", 1) != 1)
		return fail(e, errno, "container `%s`: wake init", c->id);
	(void)unlinkat(c->dirfd, STATE_FIFO, 0); /* as good as removed once init has read */
	return 0;
}

static int hear(int result, int pidfd, int timeout_ms, enum sync_failure *ret_what, struct err *e)
{
	struct pollfd p[] = {
		{.fd = result, .events = POLLIN},
		{.fd = pidfd, .events = POLLIN},
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
	rc = sync_read_report(result, ret_what, e);
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

/* *ret_destroy: runtime.md, Lifecycle, wants the container stopped and destroyed. */
static int start(struct container *c, bool *ret_destroy, struct err *e)
{
	unsigned wanted = 1u << HOOK_START_CONTAINER | 1u << HOOK_POSTSTART;
	_cleanup_fd_ int pidfd = pidfd_open(c->init_pid, 0), result = -1;
	enum sync_failure what = SYNC_FAILED;
	_cleanup_spec_ struct spec *s = NULL;
	int timeout = START_TIMEOUT_MS, rc = 0;

	if (pidfd < 0)
		return fail(e, errno, "container `%s`: open init", c->id);
	if (c->hooks & wanted) {
		rc = spec_load(c->dirfd, STATE_CONFIG, &s, e);
		if (rc < 0)
			return rc;
		timeout += hooks_timeout_ms(s, HOOK_START_CONTAINER);
	}
	result = open_fifo(c, STATE_RESULT, O_RDONLY);
	if (result < 0)
		return fail(e, -result, "container `%s`: open " STATE_RESULT, c->id);
	rc = wake(c, e);
	if (rc < 0)
		return rc;
	rc = hear(result, pidfd, timeout, &what, e);
	(void)unlinkat(c->dirfd, STATE_RESULT, 0); /* goes with the directory otherwise */
	*ret_destroy = rc < 0 && what == SYNC_HOOK_FAILED;
	if (rc == 0 && s) {
		rc = run_poststart(c, s, e);
		*ret_destroy = rc < 0;
	}
	return rc;
}

int container_start(const struct runtime *rt, const char *id, struct err *e)
{
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
		rc = start(c, &destroy, e);
	pid = c->init_pid;
	ticks = c->init_start_ticks;
	container_close(c);
	if (destroy) {
		struct err own;

		if (container_delete_same(rt, id, pid, ticks, &own) < 0)
			log_warn("%s", own.msg);
	}
	return rc;
}
