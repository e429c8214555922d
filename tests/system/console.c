/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console SOCKET [--size ROWSxCOLS] [--timeout SECONDS]
 *
 * The engine's side of a console socket: listens on SOCKET, takes the pty master that comes as
 * SCM_RIGHTS, prints "console NAME" (the message's payload), then joins it to stdin and stdout
 * until the terminal is closed. Exit status: 0, 1 if no descriptor came, 3 after the time limit.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int receive(int conn, char *name, size_t size)
{
	char control[CMSG_SPACE(sizeof(int) * 4)];
	struct iovec iov = {.iov_base = name, .iov_len = size - 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	int fd;

	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	name[n] = '\0';
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Copies what is there; 0 at the end. */
static int copy(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n <= 0)
		return n < 0 && errno == EINTR;
	return write(to, buf, (size_t)n) == n;
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct winsize size = {0};
	int timeout = 30, listener, conn, master;
	char name[256];
	time_t end;

	if (argc < 2 || strlen(argv[1]) >= sizeof(addr.sun_path))
		return 2;
	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--timeout") == 0)
			timeout = (int)strtol(argv[i + 1], NULL, 10);
		else if (sscanf(argv[i + 1], "%hux%hu", &size.ws_row, &size.ws_col) != 2)
			return 2;
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", argv[1]);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (void *)&addr, sizeof(addr)) < 0 || listen(listener, 1) < 0) {
		perror("console: bind");
		return 2;
	}
	end = time(NULL) + timeout;
	if (poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, timeout * 1000) != 1)
		return 3;
	conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	master = receive(conn, name, sizeof(name));
	if (master < 0) {
		printf("no descriptor came\n");
		return 1;
	}
	printf("console %s\n", name);
	fflush(stdout);
	if (size.ws_row)
		ioctl(master, TIOCSWINSZ, &size);
	for (int input = STDIN_FILENO; time(NULL) < end;) {
		struct pollfd p[2] = {{.fd = master, .events = POLLIN},
				      {.fd = input, .events = POLLIN}};

		if (poll(p, 2, 1000) < 0)
			return 2;
		if (p[1].revents && !copy(input, master))
			input = -1;
		if (p[0].revents && !copy(master, STDOUT_FILENO))
			return 0;
	}
	return 3;
}
