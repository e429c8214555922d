/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp agent: agent SOCKET. For each connection it prints the state it was sent, one line, and
 * then answers what is notified: mkdir and mkdirat with "disk quota exceeded", all else goes on.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 8) < 0)
		return -1;
	return s;
}

/* Prints the state; returns the listener. */
static int take(int conn)
{
	static char text[65536];
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec io = {.iov_base = text, .iov_len = sizeof(text) - 1};
	struct msghdr h = {
		.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(conn, &h, MSG_CMSG_CLOEXEC), more;
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	int fd = -1;

	if (n <= 0 || !c)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	while ((more = read(conn, text + n, sizeof(text) - 1 - (size_t)n)) > 0)
		n += more;
	printf("%.*s\n", (int)n, text);
	fflush(stdout);
	return fd;
}

static void answer(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, -1) > 0 && p.revents & POLLIN) {
		struct seccomp_notif req;
		struct seccomp_notif_resp resp = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

		memset(&req, 0, sizeof(req)); /* the kernel insists */
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0)
			continue;
		resp.id = req.id;
		if (req.data.nr == SYS_mkdir || req.data.nr == SYS_mkdirat) {
			resp.flags = 0;
			resp.error = -EDQUOT;
		}
		(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp); /* it may be gone */
	}
}

int main(int argc, char **argv)
{
	int s = argc == 2 ? listen_at(argv[1]) : -1;

	if (s < 0) {
		perror("agent");
		return 1;
	}
	for (;;) {
		int conn = accept4(s, NULL, NULL, SOCK_CLOEXEC), fd;

		if (conn < 0)
			return 1;
		fd = take(conn);
		close(conn);
		if (fd >= 0 && fork() == 0) {
			close(s);
			answer(fd);
			return 0;
		}
		if (fd >= 0)
			close(fd);
	}
}
