/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts are planned first, as a list of operations that can be printed, then executed: detached
 * (fsopen, open_tree), attached descriptor to descriptor (move_mount). No mount(2) with path
 * strings; no path is looked up again after it was opened; no fallback from a descriptor to a path.
 *
 * Who does what:
 *  - mount_plan_make: pure (spec -> plan). Parses options, adds what every container gets (default
 *    devices and links, console, masked and read-only paths). Unit-tested.
 *  - mount_plan_open_sources: in the runtime process, host namespaces: opens every bind source as a
 *    detached clone (open_tree), so that nothing of the host is looked up later. Also the id-mapped
 *    mounts' user namespaces.
 *  - mount_plan_execute: in init, in the new mount namespace, before pivot_root: attaches all.
 *  - mount_enter_root: pivot_root (or, --no-pivot, move and chroot), umount of the old root.
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
	MOUNT_OP_SYMLINK,  /* /dev/fd and friends, /dev/ptmx */
	MOUNT_OP_CONSOLE,  /* the pty slave on /dev/console */
	MOUNT_OP_MASK,	   /* /dev/null on files, one shared read-only empty tmpfs on directories */
	MOUNT_OP_READONLY, /* read-only bind of itself */
	MOUNT_OP_ROOT_READONLY,
};

struct mount_op {
	enum mount_op_kind kind;
	const char *destination; /* in the container */
	const char *source;	 /* absolute host path, link target, or NULL */
	const char *fstype;
	const char *fsdata;	     /* filesystem-specific options, comma-separated, or NULL */
	uint64_t attr_set, attr_clr; /* MOUNT_ATTR_* on this mount */
	uint64_t rec_attr_set, rec_attr_clr; /* the same with AT_RECURSIVE (rro, rnosuid, ...) */
	uint64_t sb_flags;		     /* superblock flags by fsconfig: ro sync dirsync ... */
	uint64_t propagation;		     /* MS_PRIVATE ... | MS_REC, or 0 */
	bool recursive;			     /* rbind */
	bool idmap, idmap_recursive;
	const struct spec_mount *spec; /* NULL: added by cede */
	const struct spec_device *device;
	bool optional; /* a missing destination is fine (masked, read-only paths) */
	bool tmpcopyup;
	bool copy_symlink; /* a source that is a link is recreated, not followed */
	int source_fd;	   /* detached mount from mount_plan_open_sources, -1 before */
};

struct mount_plan {
	struct arena arena;
	struct mount_op *ops;
	size_t n;
	bool in_userns; /* devices are bound instead of made */
	bool own_cgroupns;
	const char *rootfs; /* absolute host path */
	int root_fd;	    /* detached clone of the rootfs */
	int dev_null_fd;    /* the host's /dev/null, verified 1:3 (CVE-2025-31133) */
	char *cgroup_path;  /* host path of the container's group, for MOUNT_OP_CGROUP */
};

int mount_plan_make(const struct spec *s, const char *bundle, struct mount_plan *ret,
		    struct err *e);
/* One line an operation: what `--dry-run` and `--debug` show. */
void mount_plan_print(const struct mount_plan *p, struct strbuf *out);
int mount_plan_open_sources(struct mount_plan *p, const struct spec *s, int userns_fd,
			    struct err *e);
/* console_fd: pty slave to bind on /dev/console, or -1. */
int mount_plan_execute(struct mount_plan *p, const struct spec *s, int console_fd, struct err *e);
int mount_enter_root(const struct mount_plan *p, bool no_pivot, struct err *e);
/* Masked and read-only paths, and the read-only root: after pivot_root, before capabilities go. */
int mount_plan_finish(const struct mount_plan *p, struct err *e);
void mount_plan_free(struct mount_plan *p);

/* One option list -> flags of `op` (exported for the unit tests and `features`). */
int mount_options_parse(const struct strv *options, struct arena *a, struct mount_op *op,
			struct err *e);
/* All option names known, NULL-terminated, sorted. */
const char *const *mount_option_names(void);

#endif
