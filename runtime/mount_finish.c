/* SPDX-License-Identifier: Apache-2.0 */
/* Entering the root, and what is left to close inside it: masks, read-only paths, the root. */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/rootfs.h"
#include "base/sys.h"
#include "runtime/mount_impl.h"

/*
 * pivot_root(".", ".") stacks the old root on the new one, where umount(".") finds it
 * (pivot_root(2), NOTES). The working directory stays on the new root, which by then is "/". That
 * also works for a clone of "/" attached over "/".
 */
int mount_enter_root(const struct mount_plan *p, bool no_pivot, struct err *e)
{
	if (fchdir(p->root_fd) < 0)
		return fail(e, errno, "enter root filesystem %s", p->rootfs);
	if (no_pivot) {
		/* ELOOP: a clone of "/" is there already. */
		if (move_mount(p->root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 &&
		    errno != ELOOP)
			return fail(e, errno, "move root filesystem to /");
		if (chroot(".") < 0)
			return fail(e, errno, "chroot to root filesystem %s", p->rootfs);
		return 0;
	}
	if (sys_pivot_root(".", ".") < 0) {
		if (errno == EINVAL)
			return refuse(e, EINVAL,
				      "pivot_root to %s: Invalid argument (if this machine runs "
				      "from its initial ramdisk, use --no-pivot)",
				      p->rootfs);
		return fail(e, errno, "pivot_root to %s", p->rootfs);
	}
	if (umount2(".", MNT_DETACH) < 0)
		return fail(e, errno, "unmount the old root");
	return 0;
}

int mount_enter_tree(int fd, struct err *e)
{
	if (fchdir(fd) < 0 || chroot(".") < 0)
		return fail(e, errno, "enter the container's root");
	return 0;
}

struct finish {
	struct mount_plan *p;
	const struct mount_op *op;
	struct err *e;
	bool null_used; /* p->null_fd is attached: from now on it is cloned */
	int empty_fd;	/* the attached empty directory, or -1 */
};

static int attach_on(struct finish *f, int fd, int target)
{
	const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;

	return move_mount(fd, "", target, "", flags) < 0 ? fail(f->e, errno, "attach") : 0;
}

static int clone_fd(struct finish *f, int fd, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	int clone = open_tree(fd, "", flags | (recursive ? AT_RECURSIVE : 0));

	if (clone < 0)
		return fail(f->e, errno, "clone");
	fd_batch_add(&f->p->done, clone);
	return clone;
}

static int empty_dir(struct finish *f)
{
	const struct mount_op op = {.fstype = "tmpfs", .source = "tmpfs"};
	const uint64_t attrs =
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

	if (f->empty_fd >= 0)
		return clone_fd(f, f->empty_fd, false);
	f->empty_fd = fs_mount(&op, attrs, f->p->mount_label, &f->p->done, f->e);
	return f->empty_fd;
}

/* A detached mount can be attached once; clones are made of one that is attached (a detached one
 * can be cloned since Linux 6.15 only). */
static int null_file(struct finish *f)
{
	if (f->null_used)
		return clone_fd(f, f->p->null_fd, false);
	f->null_used = true;
	return f->p->null_fd;
}

static bool is_missing(int rc)
{
	return rc == -ENOENT || rc == -ENOTDIR;
}

static int mask(struct finish *f)
{
	int root = f->p->root_fd;
	int target = root_open(root, f->op->destination, O_PATH | O_DIRECTORY, 0, NULL);
	bool dir = target >= 0;
	int source;

	if (target == -ENOTDIR)
		target = root_open(root, f->op->destination, O_PATH, 0, f->e);
	if (target < 0)
		return is_missing(target) ? 0 : fail(f->e, -target, "open");
	fd_batch_add(&f->p->done, target);
	source = dir ? empty_dir(f) : null_file(f);
	return source < 0 ? source : attach_on(f, source, target);
}

static int make_readonly(struct finish *f)
{
	int target = root_open(f->p->root_fd, f->op->destination, O_PATH, 0, NULL);
	int clone, rc;

	if (target < 0)
		return is_missing(target) ? 0 : fail(f->e, -target, "open");
	fd_batch_add(&f->p->done, target);
	clone = clone_fd(f, target, true);
	if (clone < 0)
		return clone;
	rc = mount_set(clone, true, MOUNT_ATTR_RDONLY, 0, 0, -1);
	return rc < 0 ? fail(f->e, -rc, "make read-only") : attach_on(f, clone, target);
}

/* Read-only since it was opened, unless a mount point had to be made. */
static int lock_root(struct finish *f)
{
	int rc;

	if (!f->p->root_unlocked)
		return 0;
	rc = mount_set(f->p->root_fd, false, MOUNT_ATTR_RDONLY, 0, 0, -1);
	if (rc < 0)
		return fail(f->e, -rc, "make read-only");
	f->p->root_unlocked = false;
	return 0;
}

static const char *verb(const struct mount_op *op)
{
	return op->kind == MOUNT_OP_MASK ? "mask" : "mount";
}

static int finish_op(struct finish *f, struct mount_op *op)
{
	int rc = 0;

	f->op = op;
	if (op->late_rdonly)
		rc = mount_set(op->fd, false, MOUNT_ATTR_RDONLY, 0, 0, -1);
	if (rc < 0)
		return fail(f->e, -rc, "make read-only");
	fd_batch_add(&f->p->done, op->fd);
	op->fd = -1;
	switch (op->kind) {
	case MOUNT_OP_MASK:
		return mask(f);
	case MOUNT_OP_READONLY:
		return make_readonly(f);
	case MOUNT_OP_ROOT_READONLY:
		return lock_root(f);
	default:
		return 0;
	}
}

/* Neither may come earlier: pivot_root wants no shared mounts, and clones cannot be made of
 * unbindable ones. */
static int set_root_propagation(const struct mount_plan *p, struct err *e)
{
	uint64_t asked = p->root_propagation;
	int rc = 0;

	if (asked & (MS_SHARED | MS_UNBINDABLE))
		rc = mount_set(p->root_fd, asked & MS_REC, 0, 0, asked, -1);
	return rc < 0 ? fail(e, -rc, "set linux.rootfsPropagation") : 0;
}

int mount_plan_finish(struct mount_plan *p, struct err *e)
{
	struct finish f = {.p = p, .e = e, .empty_fd = -1};
	int rc = 0;

	for (size_t i = 0; i < p->n && rc >= 0; i++) {
		rc = finish_op(&f, &p->ops[i]);
		if (rc < 0)
			err_context(e, rc, "%s %s", verb(&p->ops[i]), p->ops[i].destination);
		if (p->done.n >= FD_BATCH_FLUSH)
			fd_batch_close(&p->done);
	}
	fd_batch_add(&p->done, f.empty_fd);
	return rc < 0 ? rc : set_root_propagation(p, e);
}
