/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/handover.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

/* A listener that does not take one small message in this time is stuck. */
#define SEND_TIMEOUT_SEC 10

int handover_connect(const char *path, const char *option, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval bound = {.tv_sec = SEND_TIMEOUT_SEC};
	_cleanup_fd_ int fd = -1;

	if (strlen(path) >= sizeof(a.sun_path))
		return refuse(e, ENAMETOOLONG, "%s %s: a socket's path may have at most %zu bytes",
			      option, path, sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound)) < 0)
		return fail(e, errno, "%s: socket", option);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail(e, errno, "%s: connect to %s", option, path);
	return take_fd(&fd);
}

int handover_send(int sock, int fd, const char *text, struct err *e)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.buf = {0}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
	struct msghdr h = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	do
		n = sendmsg(sock, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? fail(e, errno, "hand over a descriptor") : 0;
}

int handover_pidfd(int sock, int pidfd, struct err *e)
{
	int rc = sock < 0 ? 0 : handover_send(sock, pidfd, "pidfd", e);

	return rc < 0 ? err_context(e, rc, "--pidfd-socket") : 0;
}

static int write_through(const char *path, const char *text, size_t len, struct err *e)
{
	/* A FIFO that nobody reads is no reason to wait. */
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : io_write(fd, text, len);

	return rc < 0 ? fail(e, -rc, "write %s", path) : 0;
}

int handover_pid(const char *path, pid_t pid, bool *ret_made, struct err *e)
{
	char text[16];
	struct stat st;
	bool file;
	int n, rc;

	if (!path)
		return 0;
	n = snprintf(text, sizeof(text), "%d", pid);
	file = stat(path, &st) < 0 || S_ISREG(st.st_mode);
	rc = file ? file_write_atomic(AT_FDCWD, path, text, (size_t)n, 0644, e)
		  : write_through(path, text, (size_t)n, e);
	if (ret_made)
		*ret_made = file && rc == 0;
	return rc < 0 ? err_context(e, rc, "--pid-file") : 0;
}
