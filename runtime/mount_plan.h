/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts are planned first, as a list of operations that can be printed, then executed: detached
 * (fsopen, open_tree), attached descriptor to descriptor (move_mount). No mount(2) with path
 * strings; no path is looked up again after it was opened; no fallback from a descriptor to a path.
 *
 * Who does what, in this order:
 *  - mount_plan_make: pure (spec -> plan). Parses options, adds what every container gets (default
 *    devices and links, console, masked and read-only paths). Unit-tested.
 *  - the caller sets plan->cgroup_path, once the container's group exists.
 *  - mount_plan_open_sources: in the runtime process, host namespaces, before clone(): opens every
 *    source as a detached clone (open_tree), so that nothing of the host is looked up later; gives
 *    the clones their attributes and id mappings; with a user namespace, locks both against the
 *    container (mount_lock.c). Whoever calls it needs CAP_SYS_ADMIN over the
 *    mount namespace it is in (unprivileged: first enter a user and mount namespace).
 *  - mount_plan_execute: in init, in the new mount namespace, before pivot_root: attaches all. When
 *    it returns, the container's devpts is there; its ptmx is root_open(plan->root_fd,
 *    "/dev/pts/ptmx").
 *  - mount_plan_console: the terminal, if its slave was not known to mount_plan_execute yet.
 *  - mount_enter_root: pivot_root (or, --no-pivot, chroot), umount of the old root.
 *  - mount_plan_finish: masks, read-only paths and root.
 *  - mount_plan_free: in both processes.
 */
#ifndef CEDE_RUNTIME_MOUNT_PLAN_H
#define CEDE_RUNTIME_MOUNT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "oci/spec.h"

enum mount_op_kind {
	MOUNT_OP_ROOT,	   /* the rootfs bound onto itself, propagation, later read-only */
	MOUNT_OP_NEW,	   /* fsopen(type) -> fsmount -> move_mount */
	MOUNT_OP_BIND,	   /* open_tree(source) -> mount_setattr -> move_mount */
	MOUNT_OP_CGROUP,   /* cgroup2, or a bind of the container's group without cgroup ns */
	MOUNT_OP_REMOUNT,  /* mount_setattr / fspick on what is at the destination */
	MOUNT_OP_DEVICE,   /* mknod, or bind of the host's node inside a user namespace */
	MOUNT_OP_SYMLINK,  /* /dev/fd and friends, /dev/ptmx, copy-symlink */
	MOUNT_OP_CONSOLE,  /* the pty slave on /dev/console */
	MOUNT_OP_MASK,	   /* /dev/null on files, one shared read-only empty tmpfs on directories */
	MOUNT_OP_READONLY, /* read-only bind of itself */
	MOUNT_OP_ROOT_READONLY,
};

/*
 * Options become attributes of the mount (MOUNT_ATTR_*), flags of the superblock (MS_*, handed to
 * fsconfig by name) and the filesystem's own options. `ro` and `rw` are both of the first two;
 * which of them is used depends on the filesystem (see runtime/mount_fs.c).
 *
 * A bind mount keeps what its source mount has; options only add to that: "rw" or "suid" in a list
 * do not lift the "ro" or "nosuid" of the host's mount (mount(2) with MS_BIND does the same). The
 * recursive options (rrw, rsuid, ...) do lift.
 *
 * With a user namespace, what a bind mount has in the end is locked: neither the container nor a
 * MOUNT_OP_REMOUNT can take ro, nosuid, nodev, noexec or the kind of atime from it any more
 * (EPERM).
 */
struct mount_op {
	enum mount_op_kind kind;
	const char *destination; /* in the container: absolute, without empty and "." components */
	const char *source;	 /* absolute host path, link target, device name, or NULL */
	const char *fstype;
	const char *or_bind;		     /* bound, read-only, where fstype may not be mounted */
	struct strv fs_options;		     /* filesystem-specific: "key" or "key=value" each */
	uint64_t attr_set, attr_clr;	     /* MOUNT_ATTR_* on this mount */
	uint64_t rec_attr_set, rec_attr_clr; /* the same with AT_RECURSIVE (rro, rnosuid, ...) */
	uint64_t sb_set, sb_clr; /* MS_RDONLY SYNCHRONOUS DIRSYNC MANDLOCK LAZYTIME I_VERSION */
	uint64_t propagation;	 /* MS_PRIVATE ... | MS_REC, or 0 */
	bool bind, recursive;	 /* bind; rbind */
	bool remount;
	bool idmap, idmap_recursive;
	bool tmpcopyup;
	bool copy_symlink;  /* a source that is a link is recreated, not followed */
	bool src_nofollow;  /* a source that is a link is bound itself */
	bool dest_nofollow; /* a destination that is a link is mounted over, not followed */
	bool optional;	    /* a missing destination is fine (masked, read-only paths) */
	const struct spec_mount *spec; /* NULL: added by cede */
	const struct spec_device *device;
	int fd;		  /* the detached, then the attached mount; -1: none (yet, or not kept);
			     before it is made, or_bind's */
	bool fresh;	  /* execute: an attached, empty filesystem of our own: see mount_exec.c */
	bool late_rdonly; /* execute: becomes read-only in finish */
};

/* Descriptors that are done with are closed together: those made one after the other mostly have
 * neighbouring numbers, which one close_range(2) takes at once. From FD_BATCH_FLUSH on that happens
 * between operations; a few more always fit. */
#define FD_BATCH_MAX 80
#define FD_BATCH_FLUSH 64
struct fd_batch {
	int fds[FD_BATCH_MAX];
	size_t n;
};

struct mount_plan {
	struct arena arena;
	struct mount_op *ops;
	size_t n;
	bool in_userns; /* devices are bound instead of made */
	bool own_cgroupns;
	bool root_readonly;
	bool root_unlocked; /* read-only so far lifted to create mount points */
	bool root_keep;	    /* nothing may be created in the root: it is the host's "/", or was
			       read-only before */
	uint64_t root_propagation; /* MS_* [| MS_REC] of linux.rootfsPropagation; 0: not given */
	const char *rootfs;	   /* absolute host path */
	const char *mount_label;   /* SELinux context of new filesystems, or NULL */
	int root_fd;		   /* detached clone of the rootfs, then the attached root */
	int null_fd;		 /* clone of the host's /dev/null, verified 1:3 (CVE-2025-31133) */
	struct fd_batch done;	 /* what mount_plan_finish() leaves to process_close_fds() */
	const char *cgroup_path; /* host path of the container's group, for MOUNT_OP_CGROUP;
				    set by the caller, borrowed; NULL: it has none */
};

int mount_plan_make(const struct spec *s, const char *bundle, struct mount_plan *ret,
		    struct err *e);
/* One line an operation: what `--dry-run` and `--debug` show. */
void mount_plan_print(const struct mount_plan *p, struct strbuf *out);
/*
 * userns_fd: the container's user namespace for `idmap` without mappings of its own, or -1: a
 * namespace with the same mappings is made for it (an id mapping is copied from the namespace, its
 * identity does not matter), so callers before clone() simply pass -1.
 */
int mount_plan_open_sources(struct mount_plan *p, const struct spec *s, int userns_fd,
			    struct err *e);
/* console_fd: pty slave to bind on /dev/console, or -1: none, or not yet. */
int mount_plan_execute(struct mount_plan *p, const struct spec *s, int console_fd, struct err *e);
/* Binds the slave on /dev/console. The slave must come from a devpts mounted in this mount
 * namespace (TIOCGPTPEER on a master opened from the container's ptmx). Before mount_enter_root or
 * after it. */
int mount_plan_console(struct mount_plan *p, int console_fd, struct err *e);
/* Makes a directory and its parents in the container, if it is missing, also in a root that is to
 * be read-only. After mount_plan_execute, before mount_plan_finish. */
int mount_plan_make_dir(struct mount_plan *p, const char *path, struct err *e);
/* Afterwards "/" and the working directory are the container's root. */
int mount_enter_root(const struct mount_plan *p, bool no_pivot, struct err *e);
/* The same for a root that is not the one of our mount namespace, by chroot. */
int mount_enter_tree(int fd, struct err *e);
/* Masked and read-only paths, and the read-only root: after mount_enter_root, before capabilities
 * go. */
int mount_plan_finish(struct mount_plan *p, struct err *e);
/* What is unbindable cannot be cloned, and so not be taken along to another mount namespace
 * (mount_lent in runtime/ns.h). Pure. */
int mount_plan_check_clonable(const struct mount_plan *p, struct err *e);

/* In the runtime, once init has them: closes the sources that init attaches. A mount is busy for
 * the container for as long as somebody has it open. Those that are only copied or may not be
 * needed stay: to close them last takes the kernel its time, which is init's otherwise. */
void mount_plan_let_go(struct mount_plan *p);
/* Closes and frees; a zeroed plan and one that failed to be made are fine. */
void mount_plan_free(struct mount_plan *p);

/* One option list -> flags of `op` (exported for the unit tests and `features`). */
int mount_options_parse(const struct strv *options, struct arena *a, struct mount_op *op,
			struct err *e);
/* All option names known, NULL-terminated, sorted. */
const char *const *mount_option_names(void);

#endif
