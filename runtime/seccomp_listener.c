/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp_listener.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "runtime/seccomp.h"
#include "runtime/sync.h"

/* From the announcement to the load, in which the process does nothing else. */
#define LOAD_TIMEOUT_MS 10000

/* --- in the process ------------------------------------------------------------------------------
 */

/* The number that the next descriptor gets. */
static int next_number(int any, struct err *e)
{
	int fd = fcntl(any, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return fail(e, errno, "find a number for the seccomp listener");
	(void)fd_close(fd);
	return fd;
}

int seccomp_load_listened(struct process *p, struct err *e)
{
	int number = next_number(p->talk_fd, e), rc;
	ssize_t n;
	char go;

	if (number < 0)
		return number;
	rc = sync_say(p->talk_fd, SYNC_LISTENER, number);
	if (rc < 0)
		return fail(e, -rc, "announce the seccomp listener");
	rc = seccomp_install(p->seccomp, &p->seccomp_listener, e);
	if (rc < 0)
		return rc;
	/* One byte in a FIFO, or the first of a SYNC_GO, whose rest goes with it. */
	n = io_read(p->go_fd, &go, 1);
	if (n <= 0)
		return fail(e, n < 0 ? (int)-n : EPIPE, "wait until the seccomp listener is taken");
	p->seccomp_listener = fd_close(p->seccomp_listener);
	return 0;
}

/* --- in the runtime ------------------------------------------------------------------------------
 */

/* The same number may have been something else a moment ago. */
static bool is_listener(int fd)
{
	uint64_t id = 0;

	/* -ENOENT: it is one, and has no such notification. */
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0 || errno == ENOENT;
}

/* Its descriptor here; -ENOENT: the process has something to say instead, or is gone. */
static int fetch(const struct seccomp_handover *h, int number, struct err *e)
{
	struct pollfd p[] = {
		{.fd = h->talk_fd, .events = POLLIN},
		{.fd = h->pidfd, .events = POLLIN},
	};
	const uint64_t end = now_ns() + LOAD_TIMEOUT_MS * NSEC_PER_MSEC;

	for (;;) {
		_cleanup_fd_ int fd = pidfd_getfd(h->pidfd, number, 0);

		if (fd >= 0 && is_listener(fd))
			return take_fd(&fd);
		if (fd < 0 && errno == EPERM)
			return fail(e, EPERM,
				    "config.json: linux.seccomp: fetch the listener out of process "
				    "%d (this needs CAP_SYS_PTRACE)",
				    h->pid);
		if (fd < 0 && errno != EBADF && errno != ESRCH)
			return fail(e, errno,
				    "config.json: linux.seccomp: fetch the listener out of process "
				    "%d",
				    h->pid);
		if (poll(p, ARRAY_SIZE(p), 1) > 0)
			return -ENOENT;
		if (now_ns() > end)
			return refuse(
				e, ETIMEDOUT,
				"config.json: linux.seccomp: the filter was not loaded within "
				"%d s",
				LOAD_TIMEOUT_MS / 1000);
	}
}

int seccomp_hand_over(const struct seccomp_handover *h, int number, struct err *e)
{
	_cleanup_fd_ int listener = fetch(h, number, e);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_writer w = {0};

	if (listener == -ENOENT)
		return 1;
	if (listener < 0)
		return listener;
	doc_process_state_write(&w, h->state, h->pid, h->seccomp->listener_metadata);
	text = w.sb;
	if (text.oom)
		return fail(e, ENOMEM, "state of the process for the seccomp agent");
	return seccomp_send_listener(h->seccomp, listener, strbuf_str(&text), e);
}
