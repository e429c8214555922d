/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/criu_sever.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/procfs.h"
#include "base/str.h"

#ifndef TCP_REPAIR /* linux/tcp.h */
#define TCP_REPAIR 19
#endif

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool is_peer(int fd, const char *address, int port)
{
	union address has = {.any.sa_family = AF_UNSPEC};
	socklen_t len = sizeof(has);
	struct in6_addr v6;
	struct in_addr v4;

	if (getpeername(fd, &has.any, &len) < 0)
		return false;
	if (has.any.sa_family == AF_INET && inet_pton(AF_INET, address, &v4) == 1)
		return has.v4.sin_port == htons((uint16_t)port) &&
		       has.v4.sin_addr.s_addr == v4.s_addr;
	if (has.any.sa_family == AF_INET6 && inet_pton(AF_INET6, address, &v6) == 1)
		return has.v6.sin6_port == htons((uint16_t)port) &&
		       memcmp(&has.v6.sin6_addr, &v6, sizeof(v6)) == 0;
	return false;
}

static void sever(int pidfd, int number, const char *address, int port)
{
	_cleanup_fd_ int fd = pidfd_getfd(pidfd, number, 0);
	int repair = 0;
	socklen_t len = sizeof(repair);

	if (fd < 0 || !is_peer(fd, address, port) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &repair, &len) < 0 || repair)
		return;
	(void)shutdown(fd, SHUT_RDWR); /* it was connected a moment ago */
}

void criu_sever(pid_t pid, int pidfd, const char *address, int port)
{
	int dirfd = proc_open(pid, "fd", O_RDONLY | O_DIRECTORY, NULL);
	_cleanup_dir_ DIR *dir = dirfd < 0 ? NULL : fdopendir(dirfd);
	struct dirent *d;
	int number;

	if (!dir) {
		(void)fd_close(dirfd);
		return; /* it is gone */
	}
	while ((d = readdir(dir)))
		if (parse_int(d->d_name, 10, &number) == 0 && number > 2)
			sever(pidfd, number, address, port);
}
