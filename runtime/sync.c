/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sync.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sys.h"

#define HEADER_SIZE offsetof(struct sync_msg, err)

/* Room for one descriptor, aligned for struct cmsghdr. */
union control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int sync_share(void **ret, size_t size, struct err *e)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return fail(e, errno, "mmap");
	*ret = p;
	return 0;
}

int sync_flags(volatile struct sync_flags **ret, struct err *e)
{
	void *p = NULL;
	int rc = sync_share(&p, sizeof(**ret), e);

	*ret = p;
	return rc;
}

void sync_give_up(int fd, volatile struct sync_flags *flags, enum sync_failure what,
		  const struct err *error)
{
	flags->given_up = true;
	/* A FIFO without a reader would kill us with the message unsent and the status wrong. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sync_report(fd, what, error); /* who waits for it sees the flag, or the end */
	sys_exit(error->exit_status ? error->exit_status : 1);
}

int sync_unsaid(const volatile struct sync_flags *flags, struct err *e)
{
	if (!flags->given_up)
		return 0;
	return refuse(e, EPERM,
		      "config.json: linux.seccomp: the program was not executed, and the filter "
		      "does not let its process say why");
}

int sync_pair(int ret_fds[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0)
		return fail(e, errno, "socketpair");
	return 0;
}

int sync_send(int fd, enum sync_type type, int32_t value, int pass_fd, struct err *e)
{
	struct sync_msg m = {.type = type, .value = value};
	struct iovec iov = {.iov_base = &m, .iov_len = HEADER_SIZE};
	union control control = {.buf = {0}};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (pass_fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control.buf;
		h.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	do
		n = sendmsg(fd, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? fail(e, errno, "send to the other side of the container's set-up") : 0;
}

int sync_say(int fd, enum sync_type type, int32_t value)
{
	struct sync_msg m = {.type = type, .value = value};
	ssize_t n;

	do
		n = write(fd, &m, HEADER_SIZE);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int sync_report(int fd, enum sync_failure what, const struct err *error)
{
	struct sync_msg m = {.type = SYNC_ERROR, .value = (int32_t)what, .err = *error};
	ssize_t n;

	do
		n = write(fd, &m, sizeof(m)); /* not send(): fd may be a FIFO */
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Takes the descriptor out of the control message; there is room for one only. */
static int take_passed_fd(struct msghdr *h)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

static int wait_readable(int fd, int cancel_fd, int timeout_ms, struct err *e)
{
	struct pollfd p[] = {
		{.fd = fd, .events = POLLIN},
		{.fd = cancel_fd, .events = POLLIN},
	};
	int n;

	do
		n = poll(p, ARRAY_SIZE(p), timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "poll");
	if (n == 0)
		return refuse(e, ETIMEDOUT, "the container's init did not answer within %d s",
			      timeout_ms / 1000);
	if (p[0].revents)
		return 0;
	return refuse(e, EINTR, "interrupted");
}

/* Init runs in the container's cgroup and may have been killed there; what it says about an error
 * is printed, so it must be text, and what the code becomes must be an error. */
static int their_error(struct sync_msg *m, struct err *e)
{
	m->err.msg[sizeof(m->err.msg) - 1] = '\0';
	/* Two codes say something about the channel itself to our callers. */
	if (m->err.code <= 0 || m->err.code == ECONNRESET || m->err.code == EAGAIN)
		m->err.code = EPROTO;
	if (e)
		*e = m->err;
	return -m->err.code;
}

int sync_recv(int fd, int cancel_fd, int timeout_ms, struct sync_msg *ret, int *ret_fd,
	      struct err *e)
{
	struct iovec iov = {.iov_base = ret, .iov_len = sizeof(*ret)};
	union control control;
	struct msghdr h = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	_cleanup_fd_ int passed = -1;
	ssize_t n;
	int rc;

	if (timeout_ms >= 0 || cancel_fd >= 0) {
		rc = wait_readable(fd, cancel_fd, timeout_ms, e);
		if (rc < 0)
			return rc;
	}
	/* The other side has closed with something of ours unread: unix(7) tells that first, and
	 * once; what it had said before is still there. */
	for (int tries = 0; tries < 2; tries++) {
		do
			n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
		while (n < 0 && errno == EINTR);
		if (n >= 0 || errno != ECONNRESET)
			break;
	}
	if (n < 0 && errno != ECONNRESET)
		return fail(e, errno, "receive from the other side of the container's set-up");
	if (n <= 0)
		return refuse(e, ECONNRESET, "the other side of the container's set-up is gone");
	passed = take_passed_fd(&h);
	if ((size_t)n == sizeof(*ret) && ret->type == SYNC_ERROR)
		return their_error(ret, e);
	if ((size_t)n != HEADER_SIZE || ret->type <= SYNC_ERROR || ret->type > SYNC_GO ||
	    h.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return refuse(e, EPROTO, "unexpected message in the container's set-up");
	if (ret_fd)
		*ret_fd = take_fd(&passed);
	return 0;
}

/* A whole message is one write of at most PIPE_BUF bytes: once its head is there, so is the rest.
 */
int sync_read_report(int fd, int *ret_value, struct err *e)
{
	struct sync_msg m = {0};
	ssize_t n;

	do
		n = read(fd, &m, HEADER_SIZE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : fail(e, errno, "read what init reports");
	if (n == 0)
		return 0;
	*ret_value = m.value;
	if ((size_t)n == HEADER_SIZE && m.type == SYNC_LISTENER)
		return SYNC_LISTENER;
	if ((size_t)n != HEADER_SIZE || m.type != SYNC_ERROR ||
	    io_read(fd, &m.err, sizeof(m) - HEADER_SIZE) != (ssize_t)(sizeof(m) - HEADER_SIZE))
		return refuse(e, EPROTO, "unexpected report from init");
	return their_error(&m, e);
}

int sync_wait_go(int fd, struct err *e)
{
	struct sync_msg m;
	int rc = sync_recv(fd, -1, -1, &m, NULL, e);

	if (rc < 0)
		return rc;
	return m.type == SYNC_GO ? 0 : refuse(e, EPROTO, "unexpected message %u", m.type);
}
