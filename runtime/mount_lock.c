/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources for a container with a user namespace. Its root may have CAP_SYS_ADMIN there, and with it
 * umount(2) and remount what is mounted in its mount namespace. What holds it back are locks
 * (mount_namespaces(7), "Restrictions on mount namespaces"): a mount below another cannot be taken
 * away from it, read-only, nosuid, nodev, noexec and atime cannot be lifted. The kernel sets them
 * when a mount namespace is copied for a less privileged user namespace, and only then
 * (fs/namespace.c, copy_mnt_ns): never on a clone that was made outside and handed in.
 *
 * So the sources, opened with the host's credentials and with all attributes that the document asks
 * for, go through such a copy. A child does it, in namespaces that end with it:
 *	a mount namespace of its own, a new tmpfs its root: the sources are attached there,
 *	unshare of a user and a mount namespace: the copy, in which all is locked,
 *	each source is cloned out of the copy. A clone's top can be attached and taken away, but
 *	its attributes and all below it keep their locks.
 * For which user namespace the copy is made does not matter: locks do not name it. Hence this works
 * for one that is made and one that is joined, and with any mount namespace. The tmpfs is the
 * child's working directory, the only thing that unshare(2) moves into the copy by itself: nothing
 * is looked up but names in it that we have just made.
 *
 * The table of descriptors is shared: the child puts each clone where its source was.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/mount_impl.h"
#include "runtime/sync.h"

/* Nothing that the child does waits for anybody but the kernel's lock of all mounts. */
#define CHILD_MS 60000
#define KILLED_MS 5000

struct source {
	int fd;
	const char *what;
	char name[12];	 /* in the tmpfs */
	struct statx st; /* never asked of a server: it may refuse us and still be bound */
};

struct sources {
	struct source *v;
	size_t n;
};

static int look(int fd, struct statx *ret)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, ret) < 0 ? -errno : 0;
}

static int enter_tmpfs(struct err *e)
{
	const struct mount_op op = {.fstype = "tmpfs"};
	struct fd_batch done = {.n = 0};
	_cleanup_fd_ int fd = -1;
	int rc = mount_enslave_root(e);

	if (rc < 0)
		return rc;
	fd = fs_mount(&op, 0, NULL, &done, e);
	fd_batch_close(&done);
	if (fd < 0)
		return fd;
	if (move_mount(fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail(e, errno, "attach a tmpfs");
	/* The root, too: who is in a chroot may make no user namespace. */
	if (fchdir(fd) < 0 || chroot(".") < 0)
		return fail(e, errno, "enter a tmpfs");
	return 0;
}

static int put_in(const struct source *s, struct err *e)
{
	mode_t type = s->st.stx_mode & S_IFMT;
	/* What does not tell is FUSE, and its root a directory. */
	bool dir = !type || S_ISDIR(type);
	int rc = dir ? mkdir(s->name, 0700) : mknod(s->name, S_IFREG | 0600, 0);

	if (rc < 0)
		return fail(e, errno, "make a mount point");
	if (move_mount(s->fd, "", AT_FDCWD, s->name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail(e, errno, "attach");
	return 0;
}

/* Some mounts are not copied (a mount namespace's own file); then the mount point shows. */
static int take_out(const struct source *s, struct err *e)
{
	const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
	_cleanup_fd_ int clone = open_tree(AT_FDCWD, s->name, flags | AT_SYMLINK_NOFOLLOW);
	struct statx st;
	int rc;

	if (clone < 0)
		return fail(e, errno, "clone");
	rc = look(clone, &st);
	if (rc < 0)
		return fail(e, -rc, "stat");
	if (st.stx_dev_major != s->st.stx_dev_major || st.stx_dev_minor != s->st.stx_dev_minor ||
	    st.stx_ino != s->st.stx_ino)
		return refuse(e, EINVAL, "the kernel lets no user namespace have this mount");
	return dup3(clone, s->fd, O_CLOEXEC) < 0 ? fail(e, errno, "keep the clone") : 0;
}

static int lock_all(const struct sources *all, struct err *e)
{
	int rc = enter_tmpfs(e);

	for (size_t i = 0; i < all->n && rc >= 0; i++) {
		rc = put_in(&all->v[i], e);
		if (rc < 0)
			return err_context(e, rc, "mount %s", all->v[i].what);
	}
	if (rc >= 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return fail(e, errno, "make a user namespace to lock mounts in");
	for (size_t i = 0; i < all->n && rc >= 0; i++) {
		rc = take_out(&all->v[i], e);
		if (rc < 0)
			return err_context(e, rc, "mount %s", all->v[i].what);
	}
	return rc;
}

static _Noreturn void child(const struct sources *all, int report)
{
	struct err e = ERR_INIT;
	int rc = lock_all(all, &e);

	if (rc < 0)
		(void)sync_report(report, SYNC_FAILED, &e); /* the status tells as well */
	_exit(rc < 0);
}

/* Its end, by itself or else by force. Zero only if it has done all. */
static int wait_for(int pidfd, struct err *e)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	siginfo_t info = {.si_pid = 0};
	int n;

	do
		n = poll(&p, 1, CHILD_MS);
	while (n < 0 && errno == EINTR);
	if (n < 1) {
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); /* or just gone */
		(void)poll(&p, 1, KILLED_MS);				       /* dead or stuck */
	}
	(void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL); /* si_pid tells */
	if (n < 1)
		return refuse(e, ETIMEDOUT, "locking the mounts took more than %d s",
			      CHILD_MS / 1000);
	if (info.si_pid == 0 || info.si_code != CLD_EXITED || info.si_status != 0)
		return refuse(e, ECHILD, "the process that locks the mounts was killed");
	return 0;
}

/* What it has reported says more than how it ended. */
static int why(int report, int rc, struct err *e)
{
	int ignored;
	struct err own;
	int reported = sync_read_report(report, &ignored, &own);

	if (reported >= 0 || reported == -EAGAIN)
		return rc;
	if (e)
		*e = own;
	return reported;
}

static int run_child(const struct sources *all, struct err *e)
{
	_cleanup_fd_ int pidfd = -1, ours = -1, theirs = -1;
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_FILES | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
	};
	int ends[2], rc;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(e, errno, "pipe");
	ours = ends[0];
	theirs = ends[1];
	pid = sys_clone3(&args);
	if (pid < 0)
		return fail(e, errno, "make a process to lock mounts");
	if (pid == 0)
		child(all, theirs);
	rc = wait_for(pidfd, e);
	return rc < 0 ? why(ours, rc, e) : 0;
}

static int add(struct sources *all, int fd, const char *what, struct err *e)
{
	struct source *s = &all->v[all->n];
	int rc;

	if (fd < 0)
		return 0;
	s->fd = fd;
	s->what = what;
	(void)snprintf(s->name, sizeof(s->name), "%u", (unsigned)all->n); /* bounded by its width */
	rc = look(fd, &s->st);
	if (rc < 0)
		return fail(e, -rc, "stat %s", what);
	all->n++;
	return 0;
}

int mount_lock(struct mount_plan *p, struct err *e)
{
	struct sources all = {.v = arena_array(&p->arena, p->n + 2, sizeof(*all.v))};
	int rc;

	if (!all.v)
		return fail(e, ENOMEM, "mount plan");
	rc = add(&all, p->root_fd, "/", e);
	if (rc >= 0)
		rc = add(&all, p->null_fd, "/dev/null", e);
	for (size_t i = 0; i < p->n && rc >= 0; i++)
		rc = add(&all, p->ops[i].fd, p->ops[i].destination, e);
	return rc < 0 ? rc : run_child(&all, e);
}
