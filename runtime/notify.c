/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/notify.h"

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define VARIABLE "NOTIFY_SOCKET"
/* A datagram that is longer is cut; what we look for comes first in all of them. */
#define TEXT_MAX 4096
/* Datagrams read at a time. */
#define HEAR_MAX 64

/* A path, or with '@' a name in the abstract namespace (sd_notify(3)). */
static bool make_address(const char *name, struct sockaddr_un *ret, socklen_t *ret_len)
{
	size_t len = strlen(name);

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len < 2 || len >= sizeof(ret->sun_path) || (*name != '/' && *name != '@'))
		return false;
	memcpy(ret->sun_path, name, len);
	if (*name == '@')
		ret->sun_path[0] = '\0';
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*name == '/'));
	return true;
}

int notify_wanted(struct err *e)
{
	const char *name = getenv(VARIABLE);
	struct sockaddr_un a;
	socklen_t len;

	if (!name || !*name)
		return 0;
	if (make_address(name, &a, &len))
		return 1;
	return refuse(e, EINVAL,
		      VARIABLE "=%s in the environment: expected the path of a socket, or @ and a "
			       "name, of at most %zu bytes",
		      name, sizeof(a.sun_path) - 1);
}

static int add_mount(struct spec *s, const char *dir)
{
	static const char *const options[] = {"bind", "nosuid", "nodev", "noexec", "ro", NULL};
	struct spec_mount *v = arena_array(&s->arena, s->n_mounts + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	if (s->n_mounts)
		memcpy(v, s->mounts, s->n_mounts * sizeof(*v));
	v[s->n_mounts++] = (struct spec_mount){
		.destination = NOTIFY_INSIDE,
		.type = "bind",
		.source = dir,
		.options = {(char **)(uintptr_t)options, ARRAY_SIZE(options) - 1},
	};
	s->mounts = v;
	return 0;
}

/* In place of the document's own: that one would name nothing in the container. */
static int add_variable(struct spec *s, struct strv *env)
{
	static char variable[] = VARIABLE "=" NOTIFY_INSIDE "/" NOTIFY_SOCKET_NAME;
	char **v = arena_array(&s->arena, env->n + 2, sizeof(*v));
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < env->n; i++)
		if (!str_after(env->v[i], VARIABLE "="))
			v[n++] = env->v[i];
	v[n++] = variable;
	*env = (struct strv){v, n};
	return 0;
}

const char *notify_path(struct arena *a, const struct runtime *rt, const char *id)
{
	return arena_printf(a, "%s/%s/" NOTIFY_DIR, rt->root, id);
}

int notify_add(struct spec *s, const struct runtime *rt, const char *id, struct err *e)
{
	const char *dir = notify_path(&s->arena, rt, id);
	int rc = dir ? add_mount(s, dir) : -ENOMEM;

	if (rc == 0 && s->process)
		rc = add_variable(s, &s->process->env);
	return rc < 0 ? fail(e, -rc, VARIABLE) : 0;
}

int notify_make_dir(int state_fd, struct err *e)
{
	/* The container's users pass through it. */
	if (mkdirat(state_fd, NOTIFY_DIR, 0755) < 0 || fchmodat(state_fd, NOTIFY_DIR, 0755, 0) < 0)
		return fail(e, errno, "make the directory of the container's " VARIABLE);
	return 0;
}

/* bind(2) takes a path, and no more than 107 bytes of it. */
static int bind_in(int dir, int sock)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = NOTIFY_SOCKET_NAME};
	_cleanup_fd_ int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (cwd < 0 || fchdir(dir) < 0)
		return -errno;
	rc = bind(sock, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : 0;
	if (fchdir(cwd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

int notify_bind(int state_fd, struct err *e)
{
	_cleanup_fd_ int dir =
		openat(state_fd, NOTIFY_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_fd_ int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (dir < 0 || sock < 0)
		return fail(e, errno, "make the container's " VARIABLE);
	(void)unlinkat(dir, NOTIFY_SOCKET_NAME, 0); /* of a start that failed */
	rc = bind_in(dir, sock);
	/* Any user of the container may write to it. */
	if (rc == 0 && fchmodat(dir, NOTIFY_SOCKET_NAME, 0777, 0) < 0)
		rc = -errno;
	return rc < 0 ? fail(e, -rc, "make the container's " VARIABLE) : take_fd(&sock);
}

bool notify_is_ready(const char *text)
{
	for (;;) {
		size_t len = strcspn(text, "\n");

		if (len == strlen("READY=1") && strncmp(text, "READY=1", len) == 0)
			return true;
		if (!text[len])
			return false;
		text += len + 1;
	}
}

/* Descriptors that come along (BARRIER=1) are closed by the kernel, which is the answer. */
bool notify_hear(int fd)
{
	char text[TEXT_MAX];
	bool ready = false;
	ssize_t n;

	/* The container may write faster than we read: the caller has other things to look at. */
	for (int i = 0; i < HEAR_MAX && !ready; i++) {
		n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
		if (n < 0)
			break;
		text[n] = '\0';
		ready = notify_is_ready(text);
	}
	return ready;
}

int notify_tell(pid_t pid, struct err *e)
{
	const char *name = getenv(VARIABLE);
	_cleanup_fd_ int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a;
	socklen_t len;
	char text[64];
	int n;

	if (!name || !make_address(name, &a, &len))
		return 0; /* whoever starts it now does not want to know */
	n = snprintf(text, sizeof(text), "MAINPID=%d\nREADY=1\n", pid);
	if (sock < 0 || sendto(sock, text, (size_t)n, MSG_NOSIGNAL, (struct sockaddr *)&a, len) < 0)
		return fail(e, errno, VARIABLE "=%s: say that the container is ready", name);
	return 0;
}

int notify_wait(int fd, pid_t pid, int pidfd, struct err *e)
{
	struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};

	for (;;) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return fail(e, errno, "poll");
		if (p[0].revents && notify_hear(fd))
			return notify_tell(pid, e);
		if (p[1].revents)
			return 0;
	}
}
