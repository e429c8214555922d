/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An input as the files of a directory: a line "=X" begins the file that letter X stands for ('A':
 * the first of the table), the lines up to the next such line are its text.
 */
#ifndef CEDE_TESTS_FUZZ_TREE_H
#define CEDE_TESTS_FUZZ_TREE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

struct fuzz_tree {
	char root[64];
	int fd;
	const char *const *files;
	size_t n;
	uint64_t there; /* bit i: files[i] */
};

static struct fuzz_tree tree = {.fd = -1};

static void tree_remove(void)
{
	(void)dir_remove_all(AT_FDCWD, tree.root, NULL);
}

/* At the first call. At most 58 files: from 'A' to the end of ASCII. */
static void tree_make(const char *const *files, size_t n)
{
	if (tree.fd >= 0)
		return;
	(void)snprintf(tree.root, sizeof(tree.root), "%s/cede-fuzz-tree.XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (n > 58 || !mkdtemp(tree.root))
		abort();
	(void)atexit(tree_remove);
	tree.fd = open(tree.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree.files = files;
	tree.n = n;
	for (size_t i = 0; i < n; i++) {
		char dir[128];
		char *slash;

		(void)snprintf(dir, sizeof(dir), "%s", files[i]);
		slash = strrchr(dir, '/');
		if (slash)
			*slash = '\0';
		if (slash && dir_make_all(tree.fd, dir, 0755, NULL) < 0)
			abort();
	}
}

static void tree_write(size_t i, const char *text, size_t len)
{
	int fd;

	if (i >= tree.n)
		return;
	fd = openat(tree.fd, tree.files[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || io_write(fd, text, len) < 0)
		abort();
	(void)close(fd);
	tree.there |= 1ULL << i;
}

static void tree_fill(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;

	while (p < end) {
		const char *text, *next;
		size_t file;

		if (*p != '=' || end - p < 3 || p[2] != '\n') {
			p = memchr(p, '\n', (size_t)(end - p));
			p = p ? p + 1 : end;
			continue;
		}
		file = (size_t)(unsigned char)p[1] - 'A';
		text = p + 3;
		next = text;
		while (next < end && !(*next == '=' && end - next >= 3 && next[2] == '\n')) {
			next = memchr(next, '\n', (size_t)(end - next));
			next = next ? next + 1 : end;
		}
		tree_write(file, text, (size_t)(next - text));
		p = next;
	}
}

static void tree_clear(void)
{
	for (size_t i = 0; i < tree.n; i++)
		if (tree.there >> i & 1)
			(void)unlinkat(tree.fd, tree.files[i], 0);
	tree.there = 0;
}

#endif
