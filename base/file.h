/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the host that we trust to be where they are (the state directory, cgroupfs, the bundle).
 * Paths below a container's root go through base/rootfs.h instead, procfs through base/procfs.h.
 *
 * Every function takes a directory descriptor (or AT_FDCWD) and a path, retries EINTR, and opens
 * with O_CLOEXEC.
 */
#ifndef CEDE_BASE_FILE_H
#define CEDE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Reads the whole file into buf and NUL-terminates it; returns its length. -EFBIG if it does not
 * fit into size - 1 bytes. */
ssize_t file_read(int dirfd, const char *path, char *buf, size_t size, struct err *e);

/* The same into fresh memory, which the caller frees; *ret_len without the NUL. Accepts at most
 * `limit` bytes (-EFBIG beyond). */
int file_read_alloc(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_len,
		    struct err *e);

/* Writes into an existing file in one write(2) (what cgroupfs and procfs want). */
int file_write(int dirfd, const char *path, const char *data, struct err *e);

/* Creates `name` with all of data under a temporary name, syncs nothing, renames: readers see the
 * old or the new content, never half. Removes the temporary on failure. */
int file_write_atomic(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		      struct err *e);

/* Creates the directory and its missing parents. An existing directory is fine. */
int dir_make_all(int dirfd, const char *path, mode_t mode, struct err *e);

/* Removes a tree, never following a symbolic link. A missing one is fine. */
int dir_remove_all(int dirfd, const char *name, struct err *e);

/* Loops over short reads and writes. io_read returns the bytes read (short only at EOF). */
ssize_t io_read(int fd, void *buf, size_t len);
int io_write(int fd, const void *buf, size_t len);

/* -1 or the descriptor, opened with O_CLOEXEC added. */
int file_open(int dirfd, const char *path, int flags, struct err *e);

bool dir_is_empty(int dirfd, const char *path);

#endif
