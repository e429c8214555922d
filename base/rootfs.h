/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to open a path below a container's root filesystem.
 *
 * The rootfs is hostile: its symbolic links may point anywhere, and another container that shares
 * it may change it while we look. So every access resolves with openat2(2) RESOLVE_IN_ROOT |
 * RESOLVE_NO_MAGICLINKS relative to one descriptor of the root, and what follows works on the
 * returned descriptor, never again on the path. Classes of attack: CVE-2019-19921, -2021-30465,
 * -2024-45310, -2025-24965, -2025-31133.
 *
 * Modes of what is created are subject to the umask. All returned descriptors are O_CLOEXEC.
 * EAGAIN (a concurrent rename made the walk unsafe) is retried a bounded number of times.
 */
#ifndef CEDE_BASE_ROOTFS_H
#define CEDE_BASE_ROOTFS_H

#include <sys/types.h>

#include "base/err.h"

/* Returns a descriptor or a negative errno. `flags` as for openat2; mode with O_CREAT. */
int root_open(int rootfd, const char *path, int flags, mode_t mode, struct err *e);

/* Creates the directory and its missing parents, component by component on descriptors below the
 * root; returns an O_PATH|O_DIRECTORY descriptor of it. An existing directory is returned as it is;
 * anything else in the way is -ENOTDIR. */
int root_make_dir(int rootfd, const char *path, mode_t mode, struct err *e);

/* The same, but refuses (-ELOOP) when any component is a symbolic link: where proc and sysfs may be
 * mounted (CVE-2019-19921, -2023-27561). */
int root_make_real_dir(int rootfd, const char *path, mode_t mode, struct err *e);

/* The same for a regular file (parents 0755): an existing non-directory is returned as it is (the
 * target of a bind mount may be a device or a socket); a dangling symbolic link is resolved in the
 * root and its target created, as images with /etc/resolv.conf -> ../run/... need. O_PATH
 * descriptor; -EISDIR for a directory. */
int root_make_file(int rootfd, const char *path, mode_t mode, struct err *e);

/* Opens (O_PATH|O_DIRECTORY) the parent of the path's last component, creating missing parents,
 * and hands out that component's name (points into `path`). For mknodat, symlinkat. */
int root_open_parent(int rootfd, const char *path, const char **ret_name, struct err *e);

#endif
