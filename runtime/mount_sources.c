/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of the plan that looks at the host: every source is opened here, once, as a detached
 * clone with its final attributes, before there is a container that could interfere.
 *
 * A clone of a shared mount is its peer: what is mounted below the one appears below the other.
 * Nothing a container does may reach the host that way, so clones become slaves (they still follow
 * the host: an unmount there does not leave the filesystem busy here) unless the document asks for
 * sharing in both places, for the mount and for the root.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/mount_impl.h"

static int clone_tree(const char *path, bool recursive, struct err *e)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
	int fd = open_tree(AT_FDCWD, path, flags);

	return fd < 0 ? fail(e, errno, "open %s", path) : fd;
}

/*
 * With a read-only root, all that was mounted in the rootfs so far becomes read-only, not only its
 * top: it is part of the root filesystem (with "/" it is the rest of the host). This is done at
 * once; mount_exec.c lifts it from the top should it have to create a mount point there.
 */
static int open_root(struct mount_plan *p, struct err *e)
{
	bool private = p->root_propagation & (MS_PRIVATE | MS_UNBINDABLE);
	/* The trailing dot wants a directory. */
	const char *path = arena_printf(&p->arena, "%s/.", p->rootfs);
	struct statfs fs;
	int rc;

	if (!path)
		return fail(e, ENOMEM, "mount plan");
	p->root_fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (p->root_fd < 0)
		return fail(e, errno, "open root filesystem %s", p->rootfs);
	if (p->root_readonly) {
		if (fstatfs(p->root_fd, &fs) < 0)
			return fail(e, errno, "stat root filesystem %s", p->rootfs);
		p->root_keep = p->root_keep || fs.f_flags & ST_RDONLY;
	}
	rc = mount_set(p->root_fd, true, p->root_readonly && !p->in_userns ? MOUNT_ATTR_RDONLY : 0,
		       0, private ? MS_PRIVATE : MS_SLAVE, -1);
	if (rc < 0)
		return fail(e, -rc, "set up root filesystem %s", p->rootfs);
	return 0;
}

/*
 * Masks are clones of the host's /dev/null. Read-only and private: writing to a device needs no
 * writable mount, but with one the container's root could change the mode of the host's node, and
 * with a shared one mount something over it.
 */
static int open_null(struct mount_plan *p, struct err *e)
{
	const uint64_t attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	int rc;

	p->null_fd = clone_tree("/dev/null", false, e);
	if (p->null_fd < 0)
		return p->null_fd;
	rc = device_check(p->null_fd, &default_devices[0], e);
	if (rc < 0)
		return rc;
	rc = mount_set(p->null_fd, false, attrs, 0, MS_PRIVATE, -1);
	return rc < 0 ? fail(e, -rc, "set up /dev/null") : 0;
}

struct sources {
	struct mount_plan *p;
	const struct spec *s;
	int userns_fd;	      /* given by the caller, or -1 */
	int container_userns; /* made or opened here for idmap without mappings; -1: not yet */
};

/* Borrowed unless *ret_owned is set. */
static int userns_for(struct sources *src, const struct mount_op *op, int *ret_owned, struct err *e)
{
	const struct spec_linux *l = &src->s->linux_;

	if (op->spec->uid_mappings.n)
		return *ret_owned = userns_with_mappings(&op->spec->uid_mappings,
							 &op->spec->gid_mappings, e);
	if (src->userns_fd >= 0)
		return src->userns_fd;
	if (src->container_userns >= 0)
		return src->container_userns;
	if (l->namespaces[NS_USER].path) {
		src->container_userns = open(l->namespaces[NS_USER].path, O_RDONLY | O_CLOEXEC);
		if (src->container_userns < 0)
			return fail(e, errno, "open user namespace %s",
				    l->namespaces[NS_USER].path);
	} else {
		src->container_userns = userns_with_mappings(&l->uid_mappings, &l->gid_mappings, e);
	}
	return src->container_userns;
}

/* At most three calls: the whole tree, its top alone, and making it shared behind being a slave. */
static int set_clone(const struct mount_plan *p, const struct mount_op *op, int userns_fd)
{
	const uint64_t asked = p->in_userns ? 0 : op->propagation; /* see finish_locked */
	bool peer = asked & MS_SHARED && p->root_propagation & MS_SHARED;
	/* What can be said of the whole tree at once; the rest is for the second call. */
	bool whole = asked && !(asked & MS_SHARED) && (asked & MS_REC || !op->recursive);
	uint64_t first = peer ? 0 : whole ? asked : MS_SLAVE;
	uint64_t second = asked && !whole && !peer ? asked : 0;
	bool map_tree = op->idmap_recursive || !op->recursive;
	uint64_t set = op->rec_attr_set, clr = op->rec_attr_clr;
	int rc;

	if (!op->recursive) {
		set = (set & ~op->attr_clr) | op->attr_set;
		clr = (clr & ~op->attr_set) | op->attr_clr;
	}
	rc = mount_set(op->fd, op->recursive, set, clr, first, map_tree ? userns_fd : -1);
	if (rc < 0)
		return rc;
	if (op->recursive && (op->attr_set || op->attr_clr || (!map_tree && userns_fd >= 0)))
		rc = mount_set(op->fd, false, op->attr_set, op->attr_clr, 0,
			       map_tree ? -1 : userns_fd);
	if (rc >= 0 && second)
		rc = mount_set(op->fd, op->recursive && second & MS_REC, 0, 0, second, -1);
	return rc;
}

/* The option of a bind mount that no table knows has nobody to go to. mount(2) ignored it, and
 * engines leave some behind, so this is a warning. */
static void warn_leftovers(const struct mount_op *op)
{
	for (size_t i = 0; i < op->fs_options.n; i++)
		log_warn("mount %s: option %s has no meaning for a bind mount", op->destination,
			 op->fs_options.v[i]);
}

/* 1: it was a link and is one now in the plan, too. */
static int take_link(struct mount_plan *p, struct mount_op *op, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(AT_FDCWD, op->source, target, sizeof(target));

	if (n < 0 && errno == EINVAL)
		return 0;
	if (n < 0)
		return fail(e, errno, "open %s", op->source);
	if ((size_t)n == sizeof(target))
		return fail(e, ENAMETOOLONG, "link %s", op->source);
	op->source = arena_strndup(&p->arena, target, (size_t)n);
	if (!op->source)
		return fail(e, ENOMEM, "mount plan");
	op->kind = MOUNT_OP_SYMLINK;
	return 1;
}

static int clone_source(const struct mount_op *op, struct err *e)
{
	const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
	int fd;

	if (!op->src_nofollow)
		return clone_tree(op->source, op->recursive, e);
	fd = open_tree(AT_FDCWD, op->source, flags | (op->recursive ? AT_RECURSIVE : 0));
	return fd < 0 ? fail(e, errno, "open %s", op->source) : fd;
}

/* What the container takes for procfs must be one (CVE-2019-16884, -2019-19921). */
static int check_proc(const struct mount_op *op, struct err *e)
{
	struct statfs fs;

	if (!mount_path_means(op->destination, "proc"))
		return 0;
	if (fstatfs(op->fd, &fs) < 0)
		return fail(e, errno, "stat %s", op->source);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return refuse(e, EINVAL, "%s is not a procfs: it may not be bound on /proc",
			      op->source);
	return 0;
}

static int open_bind(struct sources *src, struct mount_op *op, struct err *e)
{
	_cleanup_fd_ int own_userns = -1;
	int userns_fd = -1, rc;

	if (op->copy_symlink) {
		rc = take_link(src->p, op, e);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	warn_leftovers(op);
	op->fd = clone_source(op, e);
	if (op->fd < 0)
		return op->fd;
	rc = check_proc(op, e);
	if (rc < 0)
		return rc;
	if (op->idmap) {
		userns_fd = userns_for(src, op, &own_userns, e);
		if (userns_fd < 0)
			return userns_fd;
	}
	rc = set_clone(src->p, op, userns_fd);
	if (rc == -EINVAL && op->idmap)
		return refuse(
			e, EINVAL,
			"id mapping of the bind of %s: its filesystem cannot be id-mapped with "
			"this kernel",
			op->source);
	if (rc < 0)
		return fail(e, -rc, "set attributes of the bind of %s", op->source);
	return 0;
}

/* Nobody may need it, so that it is not there is no error yet. */
static void open_or_bind(const struct mount_plan *p, struct mount_op *op)
{
	const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
	_cleanup_fd_ int fd = open_tree(AT_FDCWD, op->or_bind, flags | AT_RECURSIVE);
	const struct mount_op bind = {
		.fd = fd,
		.recursive = true,
		.rec_attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				MOUNT_ATTR_NOEXEC,
		.propagation = op->propagation,
	};
	struct statfs fs;

	if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == SYSFS_MAGIC &&
	    set_clone(p, &bind, -1) >= 0)
		op->fd = take_fd(&fd);
}

/*
 * Without a cgroup namespace of its own the container sees its own group only, as a bind. A fresh
 * cgroup2 mount from the host's namespace would show the whole host, and resets the options of the
 * hierarchy for everybody (kernel/cgroup/cgroup.c, apply_cgroup_root_flags). A container without a
 * group sees the hierarchy, read-only whatever is asked.
 */
static int open_cgroup(struct mount_plan *p, struct mount_op *op, struct err *e)
{
	struct cg_host host = {.fd = -1};
	const char *path = p->cgroup_path;
	int rc;

	if ((!path && !p->own_cgroupns) || log_debug_enabled()) {
		rc = cg_host_locate(&host, e);
		if (rc < 0)
			return rc;
		if (host.layout == CG_LAYOUT_HYBRID)
			log_debug("mount %s: the controllers of this host are in cgroup v1; the "
				  "container sees the cgroup2 hierarchy",
				  op->destination);
		if (!path && !p->own_cgroupns && host.layout == CG_LAYOUT_NONE)
			return refuse(e, ENODEV, "this host has no cgroup2 hierarchy");
		cg_host_close(&host);
	}
	if (p->own_cgroupns)
		return 0; /* mounted by init */
	if (!path) {
		path = host.mount;
		op->attr_set |= MOUNT_ATTR_RDONLY;
	}
	op->attr_clr &= MOUNT_ATTR__ATIME;
	op->fd = clone_tree(path, false, e);
	if (op->fd < 0)
		return op->fd;
	rc = set_clone(p, op, -1);
	return rc < 0 ? fail(e, -rc, "set attributes of the bind of %s", path) : 0;
}

static int clone_device(const char *path, const struct spec_device *d, struct err *e)
{
	_cleanup_fd_ int fd = clone_tree(path, false, e);
	int rc = fd < 0 ? fd : device_check(fd, d, e);

	return rc < 0 ? rc : take_fd(&fd);
}

/* The device may have another name in the container than on the host. */
static int open_device(struct mount_op *op, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	op->fd = clone_device(op->source, op->device, e);
	if (op->fd < 0 && device_locate(op->device, path, sizeof(path))) {
		err_clear(e);
		op->fd = clone_device(path, op->device, e);
	}
	if (op->fd < 0)
		return op->fd;
	rc = mount_set(op->fd, false, 0, 0, MS_PRIVATE, -1);
	return rc < 0 ? fail(e, -rc, "set up device %s", op->source) : 0;
}

static int open_source(struct sources *src, struct mount_op *op, struct err *e)
{
	int rc = 0;

	switch (op->kind) {
	case MOUNT_OP_ROOT:
		return open_root(src->p, e);
	case MOUNT_OP_NEW:
		if (op->or_bind && op->fd < 0)
			open_or_bind(src->p, op);
		break;
	case MOUNT_OP_BIND:
		rc = open_bind(src, op, e);
		break;
	case MOUNT_OP_CGROUP:
		rc = open_cgroup(src->p, op, e);
		break;
	case MOUNT_OP_DEVICE:
		if (op->source)
			rc = open_device(op, e);
		break;
	case MOUNT_OP_MASK:
		if (src->p->null_fd < 0)
			rc = open_null(src->p, e);
		break;
	default:
		break;
	}
	return rc < 0 ? err_context(e, rc, "mount %s", op->destination) : 0;
}

/*
 * What would not go through the locks, or must not be locked. Sharing is with the host's mount no
 * more, only among the container's own: a less privileged namespace is a slave of the host's. The
 * root stays read-only for as long as nobody lifts it from the top: mount points may be missing.
 */
static int finish_locked(const struct mount_plan *p, const struct mount_op *op, struct err *e)
{
	uint64_t asked = op->propagation;
	int rc = 0;

	if (op->kind == MOUNT_OP_ROOT && p->root_readonly)
		rc = mount_set(p->root_fd, true, MOUNT_ATTR_RDONLY, 0, 0, -1);
	else if (op->kind != MOUNT_OP_ROOT && op->fd >= 0 && asked)
		rc = mount_set(op->fd, op->recursive && asked & MS_REC, 0, 0, asked, -1);
	return rc < 0 ? fail(e, -rc, "set attributes of mount %s", op->destination) : 0;
}

static int lock_sources(struct mount_plan *p, struct err *e)
{
	int rc = mount_lock(p, e);

	for (size_t i = 0; i < p->n && rc >= 0; i++)
		rc = finish_locked(p, &p->ops[i], e);
	return rc;
}

int mount_plan_open_sources(struct mount_plan *p, const struct spec *s, int userns_fd,
			    struct err *e)
{
	struct sources src = {p, s, userns_fd, -1};
	int rc = 0;

	for (size_t i = 0; i < p->n && rc >= 0; i++)
		rc = open_source(&src, &p->ops[i], e);
	fd_close(src.container_userns);
	return rc >= 0 && p->in_userns ? lock_sources(p, e) : rc;
}
