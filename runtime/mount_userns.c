/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user namespace as the carrier of an id mapping: mount_setattr(2) takes mappings only in this
 * form. A namespace exists as long as a descriptor of it, but to be made it needs a process in it:
 * a child that does nothing and ends as soon as the descriptor is there.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/idmap.h"
#include "runtime/mount_impl.h"

#define CHILD_END_MS 5000

static int write_map(pid_t pid, const char *file, const struct spec_idmaps *maps, struct err *e)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	idmap_print(maps, &sb);
	if (sb.oom)
		return fail(e, ENOMEM, "id mapping");
	return proc_write(pid, file, strbuf_str(&sb), e);
}

static int open_userns(pid_t pid, struct err *e)
{
	/* ns/user is a magic link: it is opened from the directory of our own procfs. */
	_cleanup_fd_ int dir = proc_open(pid, "ns", O_PATH | O_DIRECTORY, e);
	int fd;

	if (dir < 0)
		return dir;
	fd = openat(dir, "user", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "open user namespace of process %d", pid);
	return fd;
}

/* The child's whole life: until the other end of the pipe is closed, also by our death. */
static _Noreturn void idle(int read_fd, int write_fd)
{
	char c;

	fd_close(write_fd);
	while (read(read_fd, &c, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static void end_child(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	siginfo_t info;

	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); /* it may be gone already */
	while (poll(&p, 1, CHILD_END_MS) < 0 && errno == EINTR)
		;
	(void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL); /* reaped or stuck */
}

int userns_with_mappings(const struct spec_idmaps *uids, const struct spec_idmaps *gids,
			 struct err *e)
{
	_cleanup_fd_ int read_fd = -1, write_fd = -1, pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
	};
	int ends[2], rc;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(e, errno, "pipe");
	read_fd = ends[0];
	write_fd = ends[1];
	pid = sys_clone3(&args);
	if (pid < 0)
		return fail(e, errno, "make a user namespace for an id mapping");
	if (pid == 0)
		idle(ends[0], ends[1]);
	rc = write_map(pid, "uid_map", uids, e);
	if (rc >= 0)
		rc = write_map(pid, "gid_map", gids, e);
	if (rc >= 0)
		rc = open_userns(pid, e);
	end_child(pidfd);
	return rc < 0 ? err_context(e, rc, "id mapping") : rc;
}
