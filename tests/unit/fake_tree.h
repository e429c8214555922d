/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of its own for one test, with the files it says: a fake /proc, /sys or cgroup tree.
 */
#ifndef CEDE_TESTS_UNIT_FAKE_TREE_H
#define CEDE_TESTS_UNIT_FAKE_TREE_H

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

struct fake_tree {
	char root[64];
	int fd;
};

static inline void fake_tree_make(struct fake_tree *t)
{
	strcpy(t->root, "/tmp/cede-unit-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	t->fd = open(t->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->fd >= 0);
}

static inline void fake_tree_remove(struct fake_tree *t)
{
	t->fd = fd_close(t->fd);
	assert_int_equal(dir_remove_all(AT_FDCWD, t->root, NULL), 0);
}

/* Overwrites the file in place, as the kernel's files change: descriptors that are open see it. */
__attribute__((format(printf, 3, 4))) static inline void fake_file(const struct fake_tree *t,
								   const char *path,
								   const char *fmt, ...)
{
	char parent[256], text[4096];
	char *slash;
	va_list ap;
	int fd, len;

	assert_true((size_t)snprintf(parent, sizeof(parent), "%s", path) < sizeof(parent));
	slash = strrchr(parent, '/');
	if (slash) {
		*slash = '\0';
		assert_int_equal(dir_make_all(t->fd, parent, 0755, NULL), 0);
	}
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert_true(len >= 0 && (size_t)len < sizeof(text));
	/* Not O_TRUNC: ext4 waits for the disk when a file is emptied and written again. */
	fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)len), len);
	assert_int_equal(ftruncate(fd, len), 0);
	fd_close(fd);
}

static inline void fake_remove(const struct fake_tree *t, const char *path)
{
	assert_int_equal(dir_remove_all(t->fd, path, NULL), 0);
}

static inline const char *fake_path(const struct fake_tree *t, const char *path, char *buf,
				    size_t size)
{
	assert_true((size_t)snprintf(buf, size, "%s/%s", t->root, path) < size);
	return buf;
}

#endif
