/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the mount plan share (mount_*.c, devices.c). Not for others: their contract is
 * runtime/mount_plan.h.
 */
#ifndef CEDE_RUNTIME_MOUNT_IMPL_H
#define CEDE_RUNTIME_MOUNT_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/spec.h"
#include "runtime/mount_plan.h"

/* --- what every container gets (devices.c) ------------------------------------------------------
 */

extern const struct spec_device default_devices[];
extern const size_t n_default_devices;
struct dev_link {
	const char *path, *target;
};
extern const struct dev_link default_links[];
extern const size_t n_default_links;

/*
 * Makes the node `name` in the directory. own_dir: a directory that nobody else has ever seen, so
 * that a node that could be made needs no second look. An existing node is accepted if it is the
 * same device (-EEXIST otherwise, as config-linux.md, Devices, asks).
 */
int device_make(int dirfd, const char *name, const struct spec_device *d, bool own_dir,
		struct err *e);
/* The descriptor refers to that device. 0 or -ENODEV. */
int device_check(int fd, const struct spec_device *d, struct err *e);
/* The name that the host's devtmpfs gives it, from sysfs; false: not known there. */
bool device_locate(const struct spec_device *d, char *ret, size_t size);
/* An existing link is accepted if it has the same target; what else is at /dev/ptmx is replaced
 * unless it is a ptmx, what is at other places is left alone. */
int dev_link_make(int dirfd, const char *name, const struct mount_op *op, struct err *e);

/* --- paths (mount_plan.c) -----------------------------------------------------------------------
 */

/* The path, as far as its text tells, is /NAME ("proc"), or with "" the root itself: ".." takes
 * back what is before it. */
bool mount_path_means(const char *path, const char *name);

/* --- filesystems (mount_fs.c) -------------------------------------------------------------------
 */

void fd_batch_add(struct fd_batch *b, int fd);
void fd_batch_close(struct fd_batch *b);

/* What happens to this mount namespace must not reach the host's. Slaves rather than private: an
 * unmount on the host while we are busy here takes the mount away here, too, instead of keeping the
 * device busy. */
int mount_enslave_root(struct err *e);

/* Makes a filesystem by fsopen(2) and returns a detached mount of it with the attributes.
 * The filesystem context goes to `done`. */
int fs_mount(const struct mount_op *op, uint64_t attrs, const char *label, struct fd_batch *done,
	     struct err *e);
/* Changes the superblock's flags and options of the mount (the fspick(2) way). */
int fs_reconfigure(const struct mount_op *op, int mount_fd, struct err *e);
/* A filesystem whose superblock belongs to a namespace or is the kernel's own: `ro` must not (proc,
 * sysfs, cgroup2: shared with others) or need not (tmpfs) reach the superblock. */
bool fs_ro_is_mount_only(const char *fstype);
bool fs_is_memory(const char *fstype);
bool mount_op_has_key(const struct mount_op *op, const char *key);

/* --- locks (mount_lock.c) -----------------------------------------------------------------------
 */

/* Replaces every source of the plan by a clone that is locked as in a mount namespace copied for a
 * user namespace: with what attributes they have by now. None may be shared or unbindable: the copy
 * makes slaves of the ones and cannot be cloned from with the others. */
int mount_lock(struct mount_plan *p, struct err *e);

/* --- small parts (mount_sources.c, mount_userns.c, mount_copy.c) --------------------------------
 */

/* mount_setattr(2) on the mount that fd is the root of. */
int mount_set(int fd, bool recursive, uint64_t set, uint64_t clr, uint64_t propagation,
	      int userns_fd);
/* A user namespace with these mappings: its descriptor or a negative errno. */
int userns_with_mappings(const struct spec_idmaps *uids, const struct spec_idmaps *gids,
			 struct err *e);
/* Copies what is in one directory into another (tmpcopyup): bounded in depth, entries and bytes,
 * following no link, crossing no mount. */
int tree_copy(int from, int to, struct err *e);

#endif
