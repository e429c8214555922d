/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of the plan that init carries out in the container's mount namespace, before it enters
 * the root: everything is attached below one descriptor of the root.
 *
 * A filesystem that has just been made (a tmpfs on /dev) is "fresh": its content is ours alone, so
 * what is made in it needs no walk from the root and no second look: one component relative to the
 * mount's own descriptor, never followed if it were a link.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/rootfs.h"
#include "runtime/mount_impl.h"

struct exec {
	struct mount_plan *p;
	const struct spec *s;
	struct mount_op *op; /* the current one */
	struct err *e;
	/* Parent of the last device or link: the next one mostly goes there, too. */
	const char *parent;
	size_t parent_len;
	int parent_fd;
	int console_fd;
};

/* A place that needs no walk: a name in a fresh filesystem. */
struct place {
	int dirfd; /* borrowed; -1: there is none */
	const char *name;
};

static bool is_mount(const struct mount_op *op)
{
	return op->kind == MOUNT_OP_NEW || op->kind == MOUNT_OP_BIND || op->kind == MOUNT_OP_CGROUP;
}

static struct place fresh_place(const struct exec *x)
{
	const char *dest = x->op->destination;
	const char *slash = strrchr(dest, '/');
	size_t parent_len = (size_t)(slash - dest);
	struct place none = {.dirfd = -1};

	if (strstr(dest, "/.."))
		return none;
	for (const struct mount_op *m = x->op - 1; m > x->p->ops; m--) {
		size_t len = strlen(m->destination);

		if (!is_mount(m) || len > parent_len || memcmp(m->destination, dest, len) != 0 ||
		    dest[len] != '/')
			continue;
		/* The last mount on the way: either it is the very directory, or it hides it. */
		if (len == parent_len && m->fresh)
			return (struct place){m->fd, slash + 1};
		return none;
	}
	return none;
}

/* A read-only root becomes writable again for as long as we make mount points in it. */
static bool unlock_root(struct mount_plan *p)
{
	if (!p->root_readonly || p->root_unlocked || p->root_keep)
		return false;
	p->root_unlocked = mount_set(p->root_fd, false, 0, MOUNT_ATTR_RDONLY, 0, -1) >= 0;
	return p->root_unlocked;
}

int mount_plan_make_dir(struct mount_plan *p, const char *path, struct err *e)
{
	int fd;

	do
		fd = root_make_dir(p->root_fd, path, 0755, e);
	while (fd == -EROFS && unlock_root(p));
	if (fd < 0)
		return fd;
	(void)fd_close(fd);
	return 0;
}

typedef int make_target(int rootfd, const char *path, mode_t mode, struct err *e);

/* Opens the destination, made by `make` if it is missing. The descriptor goes to the plan's batch.
 */
static int open_target(struct exec *x, make_target *make)
{
	mode_t mode = make == root_make_file ? 0644 : 0755;
	int fd;

	do
		fd = make(x->p->root_fd, x->op->destination, mode, x->e);
	while (fd == -EROFS && unlock_root(x->p));
	fd_batch_add(&x->p->done, fd);
	return fd;
}

/* Attaches a detached mount onto a descriptor. */
static int attach(struct exec *x, int mount_fd, int target)
{
	const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
	struct stat source, dest;

	if (move_mount(mount_fd, "", target, "", flags) == 0)
		return 0;
	if (errno == EINVAL && fstat(mount_fd, &source) == 0 && fstat(target, &dest) == 0 &&
	    S_ISDIR(source.st_mode) != S_ISDIR(dest.st_mode))
		return refuse(x->e, ENOTDIR, "the source is %s directory, the destination is %s",
			      S_ISDIR(source.st_mode) ? "a" : "not a",
			      S_ISDIR(dest.st_mode) ? "one" : "not");
	return fail(x->e, errno, "attach");
}

static int attach_fresh(struct exec *x, int mount_fd, struct place at, bool dir)
{
	int rc = dir ? mkdirat(at.dirfd, at.name, 0755)
		     : mknodat(at.dirfd, at.name, S_IFREG | 0644, 0);

	if (rc < 0 && errno != EEXIST)
		return fail(x->e, errno, "create mount point");
	if (move_mount(mount_fd, "", at.dirfd, at.name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail(x->e, errno, "attach");
	return 0;
}

/* --- new filesystems ----------------------------------------------------------------------------
 */

/* No link may decide where these are mounted (CVE-2019-19921, -2023-27561). */
static bool wants_real_dir(const struct mount_op *op)
{
	return mount_path_means(op->destination, "proc") ||
	       mount_path_means(op->destination, "sys") ||
	       (op->kind == MOUNT_OP_NEW &&
		(streq(op->fstype, "proc") || streq(op->fstype, "sysfs")));
}

/* Whose namespace decides who may mount these, if they are not refused for what they would show
 * (mount_namespaces(7)). */
static const struct {
	const char *fstype;
	enum spec_ns_kind ns;
} owners[] = {
	{"proc", NS_PID},
	{"mqueue", NS_IPC},
	{"sysfs", NS_NETWORK},
};

static int mount_failed(const struct exec *x, int rc)
{
	for (size_t i = 0; i < ARRAY_SIZE(owners) && rc == -EPERM && x->p->in_userns; i++)
		if (streq(owners[i].fstype, x->op->fstype) &&
		    !x->s->linux_.namespaces[owners[i].ns].wanted)
			return refuse(x->e, EPERM,
				      "a container with a user namespace cannot mount %s without a "
				      "new %s namespace: the other is the host's",
				      x->op->fstype, spec_ns_name(owners[i].ns));
	return rc;
}

static int make_filesystem(struct exec *x)
{
	struct mount_op *op = x->op;
	uint64_t attrs = op->rec_attr_set & ~op->attr_clr;
	int rc;

	if (op->attr_set & MOUNT_ATTR__ATIME)
		attrs &= ~(uint64_t)MOUNT_ATTR__ATIME;
	attrs |= op->attr_set;
	if (fs_is_memory(op->fstype)) { /* more may have to be made in it */
		op->late_rdonly = attrs & MOUNT_ATTR_RDONLY;
		attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	}
	rc = fs_mount(op, attrs, x->p->mount_label, &x->p->done, x->e);
	if (rc == -EPERM && op->fd >= 0) {
		log_debug("mount %s: %s: the host's %s is bound", op->destination, x->e->msg,
			  op->or_bind);
		err_clear(x->e);
		return 0;
	}
	if (rc < 0)
		return mount_failed(x, rc);
	fd_batch_add(&x->p->done, op->fd);
	op->fd = rc;
	rc = op->propagation ? mount_set(op->fd, false, 0, 0, op->propagation, -1) : 0;
	return rc < 0 ? fail(x->e, -rc, "set propagation") : 0;
}

static int add_fs_option(struct exec *x, const char *option)
{
	struct strv *o = &x->op->fs_options;
	char **v = arena_array(&x->p->arena, o->n + 1, sizeof(*v));

	if (!v || !option)
		return fail(x->e, ENOMEM, "mount options");
	if (o->n)
		memcpy(v, o->v, o->n * sizeof(*v));
	v[o->n++] = (char *)option;
	o->v = v;
	return 0;
}

/*
 * A tmpfs over a directory of the root, without a mode of its own, takes the directory's: the
 * container's /run or /var/cache should not become world-writable because memory is put there.
 * tmpcopyup takes owner and content, too.
 */
static int make_tmpfs_over(struct exec *x, int below)
{
	struct mount_op *op = x->op;
	bool own_ids = mount_op_has_key(op, "uid") || mount_op_has_key(op, "gid");
	struct stat st;
	int rc = 0;

	if (fstat(below, &st) < 0)
		return fail(x->e, errno, "stat the directory below");
	if (!mount_op_has_key(op, "mode"))
		rc = add_fs_option(x, arena_printf(&x->p->arena, "mode=%04o", st.st_mode & 07777));
	if (rc >= 0)
		rc = make_filesystem(x);
	if (rc < 0 || !op->tmpcopyup)
		return rc;
	rc = tree_copy(below, op->fd, x->e);
	if (rc < 0)
		return err_context(x->e, rc, "tmpcopyup");
	if (!own_ids && fchownat(op->fd, "", st.st_uid, st.st_gid, AT_EMPTY_PATH) < 0)
		return fail(x->e, errno, "tmpcopyup: chown");
	return 0;
}

static int run_tmpfs_over(struct exec *x)
{
	int flags = O_DIRECTORY | (x->op->tmpcopyup ? O_RDONLY : O_PATH);
	int below = root_open(x->p->root_fd, x->op->destination, flags, 0, NULL);
	int rc;

	if (below >= 0) {
		fd_batch_add(&x->p->done, below);
		rc = make_tmpfs_over(x, below);
	} else {
		rc = below = open_target(x, root_make_dir);
		if (rc >= 0)
			rc = make_filesystem(x);
	}
	return rc < 0 ? rc : attach(x, x->op->fd, below);
}

static int run_new(struct exec *x)
{
	struct mount_op *op = x->op;
	struct place at = fresh_place(x);
	bool tmpfs = op->kind == MOUNT_OP_NEW && streq(op->fstype, "tmpfs");
	int target = -1, rc;

	if (at.dirfd < 0 && tmpfs && (op->tmpcopyup || !mount_op_has_key(op, "mode")))
		return run_tmpfs_over(x);
	if (at.dirfd < 0) {
		target = open_target(x, wants_real_dir(op) ? root_make_real_dir : root_make_dir);
		if (target < 0)
			return target;
	}
	rc = make_filesystem(x);
	if (rc < 0)
		return rc;
	return at.dirfd >= 0 ? attach_fresh(x, op->fd, at, true) : attach(x, op->fd, target);
}

/* --- binds and remounts -------------------------------------------------------------------------
 */

static int source_is_dir(struct exec *x, bool *ret)
{
	struct stat st;

	if (fstat(x->op->fd, &st) < 0)
		return fail(x->e, errno, "stat the source");
	*ret = S_ISDIR(st.st_mode);
	return 0;
}

static int run_bind(struct exec *x)
{
	struct place at = fresh_place(x);
	int target, rc = 0;
	bool dir = false;

	if (at.dirfd >= 0) {
		rc = source_is_dir(x, &dir);
		return rc < 0 ? rc : attach_fresh(x, x->op->fd, at, dir);
	}
	if (wants_real_dir(x->op)) {
		target = open_target(x, root_make_real_dir);
		return target < 0 ? target : attach(x, x->op->fd, target);
	}
	target = root_open(x->p->root_fd, x->op->destination,
			   O_PATH | (x->op->dest_nofollow ? O_NOFOLLOW : 0), 0, NULL);
	if (target >= 0) {
		fd_batch_add(&x->p->done, target);
	} else {
		rc = source_is_dir(x, &dir);
		if (rc < 0)
			return rc;
		target = open_target(x, dir ? root_make_dir : root_make_file);
	}
	return target < 0 ? target : attach(x, x->op->fd, target);
}

static int run_cgroup(struct exec *x)
{
	return x->p->own_cgroupns ? run_new(x) : run_bind(x);
}

/* Attributes of the mount that is there. `ro` and `rw` stay on it: the superblock may be shared
 * with others; other flags and options of the filesystem reach it unless `bind` is given, too. */
static int run_remount(struct exec *x)
{
	const struct mount_op *op = x->op;
	int fd = root_open(x->p->root_fd, op->destination, O_PATH, 0, x->e);
	struct statx st;
	int rc = 0;

	if (fd < 0)
		return fd;
	fd_batch_add(&x->p->done, fd);
	/* Said by the kernel as well, unless there is nothing to change. */
	if (statx(fd, "", AT_EMPTY_PATH, 0, &st) < 0 ||
	    !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		rc = -EINVAL;
	if (rc >= 0 && (op->rec_attr_set | op->rec_attr_clr))
		rc = mount_set(fd, true, op->rec_attr_set, op->rec_attr_clr, 0, -1);
	if (rc >= 0 && (op->attr_set | op->attr_clr))
		rc = mount_set(fd, false, op->attr_set, op->attr_clr, 0, -1);
	if (rc >= 0 && op->propagation)
		rc = mount_set(fd, op->propagation & MS_REC, 0, 0, op->propagation, -1);
	if (rc == -EINVAL)
		return refuse(x->e, EINVAL, "remount: nothing is mounted here");
	if (rc < 0)
		return fail(x->e, -rc, "remount");
	return op->bind ? 0 : fs_reconfigure(op, fd, x->e);
}

/* --- devices and links --------------------------------------------------------------------------
 */

static int open_parent(struct exec *x, struct place *ret)
{
	const char *dest = x->op->destination;
	size_t len = (size_t)(strrchr(dest, '/') - dest);
	int fd;

	*ret = fresh_place(x);
	if (ret->dirfd >= 0)
		return 0;
	if (x->parent && x->parent_len == len && memcmp(x->parent, dest, len) == 0) {
		*ret = (struct place){x->parent_fd, dest + len + 1};
		return 0;
	}
	do
		fd = root_open_parent(x->p->root_fd, dest, &ret->name, x->e);
	while (fd == -EROFS && unlock_root(x->p));
	if (fd < 0)
		return fd;
	fd_close(x->parent_fd);
	x->parent = dest;
	x->parent_len = len;
	ret->dirfd = x->parent_fd = fd;
	return 0;
}

static int run_device(struct exec *x)
{
	struct mount_op *op = x->op;
	struct place at = {.dirfd = -1};
	bool fresh;
	int rc;

	if (op->fd >= 0)
		return run_bind(x);
	rc = open_parent(x, &at);
	if (rc < 0)
		return rc;
	fresh = at.dirfd != x->parent_fd;
	do
		rc = device_make(at.dirfd, at.name, op->device, fresh, x->e);
	while (rc == -EROFS && unlock_root(x->p));
	return rc;
}

static int run_symlink(struct exec *x)
{
	struct place at;
	int rc = open_parent(x, &at);

	if (rc < 0)
		return rc;
	do
		rc = dev_link_make(at.dirfd, at.name, x->op, x->e);
	while (rc == -EROFS && unlock_root(x->p));
	return rc;
}

/* --- the terminal -------------------------------------------------------------------------------
 */

/* Unix98 pty slaves (Documentation/admin-guide/devices.txt). */
static bool is_pty_slave(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) >= 136 &&
	       major(st.st_rdev) <= 143;
}

/* The descriptor itself is bound, never what some path below /dev/pts means by now
 * (CVE-2025-52565). */
static int run_console(struct exec *x)
{
	const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;

	if (x->console_fd < 0)
		return 0;
	if (!is_pty_slave(x->console_fd))
		return refuse(x->e, ENOTTY, "the console is not a pseudoterminal");
	x->op->fd = open_tree(x->console_fd, "", flags);
	if (x->op->fd < 0)
		return fail(x->e, errno, "clone the console");
	return run_bind(x);
}

int mount_plan_console(struct mount_plan *p, int console_fd, struct err *e)
{
	struct exec x = {.p = p, .e = e, .parent_fd = -1, .console_fd = console_fd};
	mode_t mask = umask(0);
	int rc = 0;

	for (size_t i = 0; i < p->n && rc >= 0; i++) {
		x.op = &p->ops[i];
		if (x.op->kind == MOUNT_OP_CONSOLE)
			rc = run_console(&x);
	}
	fd_batch_close(&p->done);
	umask(mask);
	return rc < 0 ? err_context(e, rc, "mount /dev/console") : 0;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

/*
 * On its own directory, where hooks look for it. Root of a user namespace may not be let in there,
 * if that is below somebody's private directory: the source was opened before (mount_sources.c),
 * but a descriptor of the host's mount namespace is no place to attach to in ours (EINVAL). "/" is
 * one that needs no look-up, and what is below keeps its paths: a look-up begins under what covers
 * it.
 */
static int run_root(struct exec *x)
{
	const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;
	int rc = mount_enslave_root(x->e);

	if (rc < 0)
		return rc;
	rc = move_mount(x->p->root_fd, "", AT_FDCWD, x->p->rootfs, flags);
	if (rc < 0 && errno == EACCES && x->p->in_userns)
		rc = move_mount(x->p->root_fd, "", AT_FDCWD, "/", flags);
	if (rc < 0)
		return fail(x->e, errno, "attach root filesystem %s", x->p->rootfs);
	return 0;
}

static int run_op(struct exec *x)
{
	switch (x->op->kind) {
	case MOUNT_OP_ROOT:
		return run_root(x);
	case MOUNT_OP_NEW:
		return run_new(x);
	case MOUNT_OP_BIND:
		return run_bind(x);
	case MOUNT_OP_CGROUP:
		return run_cgroup(x);
	case MOUNT_OP_REMOUNT:
		return run_remount(x);
	case MOUNT_OP_DEVICE:
		return run_device(x);
	case MOUNT_OP_SYMLINK:
		return run_symlink(x);
	case MOUNT_OP_CONSOLE:
		return run_console(x);
	case MOUNT_OP_MASK: /* these belong to mount_plan_finish */
	case MOUNT_OP_READONLY:
	case MOUNT_OP_ROOT_READONLY:
		return 0;
	}
	return 0;
}

/* The mount stays open as long as something may be made in it. */
static void end_op(struct exec *x)
{
	struct mount_op *op = x->op;

	if (op->kind == MOUNT_OP_NEW)
		op->fresh = fs_is_memory(op->fstype) && !op->tmpcopyup;
	if (!op->fresh && !op->late_rdonly) {
		fd_batch_add(&x->p->done, op->fd);
		op->fd = -1;
	}
	if (is_mount(op) && x->parent) { /* it may hide what was opened before */
		x->parent = NULL;
		x->parent_fd = fd_close(x->parent_fd);
	}
	if (x->p->done.n >= FD_BATCH_FLUSH)
		fd_batch_close(&x->p->done);
}

int mount_plan_execute(struct mount_plan *p, const struct spec *s, int console_fd, struct err *e)
{
	struct exec x = {.p = p, .s = s, .e = e, .parent_fd = -1, .console_fd = console_fd};
	mode_t mask = umask(0);
	int rc = 0;

	for (size_t i = 0; i < p->n && rc >= 0; i++) {
		x.op = &p->ops[i];
		rc = run_op(&x);
		if (rc < 0)
			err_context(e, rc, "mount %s", x.op->destination);
		else
			end_op(&x);
	}
	fd_close(x.parent_fd);
	umask(mask);
	return rc;
}
