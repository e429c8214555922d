/* SPDX-License-Identifier: Apache-2.0 */
/* musl's, and the mount calls of Linux 5.2 and later, which glibc declares since 2.36. */
#ifndef CEDE_COMPAT_SYS_MOUNT_H
#define CEDE_COMPAT_SYS_MOUNT_H
#pragma GCC system_header

#include_next <sys/mount.h>

#include <fcntl.h>
#include <linux/mount.h>
#include <stddef.h>

int fsopen(const char *name, unsigned flags);
int fsmount(int fd, unsigned flags, unsigned attr);
int fsconfig(int fd, unsigned cmd, const char *key, const void *value, int aux);
int fspick(int dirfd, const char *path, unsigned flags);
int open_tree(int dirfd, const char *path, unsigned flags);
int move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int mount_setattr(int dirfd, const char *path, unsigned flags, struct mount_attr *attr,
		  size_t size);

#endif
