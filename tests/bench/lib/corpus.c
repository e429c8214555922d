/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/bench/lib/corpus.h"
#include "tests/bench/lib/rng.h"

#define BLOCK 16384
#define PER_FILE (1u << 20)

/* Directories of each third; what one lacks the next fills up. */
static const char *const places[3][4] = {
	{"/usr/share/common-licenses", "/usr/share/doc", "/usr/share", NULL},
	{"/usr/bin", "/usr/sbin", NULL},
	{"/usr/lib", "/lib", NULL},
};

struct corpus {
	char *data;
	size_t len, limit;
};

static void add_file(struct corpus *c, const char *path)
{
	struct stat st;
	size_t room = c->limit - c->len;
	ssize_t n;
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return; /* not for us: another one will do */
	n = io_read(fd, c->data + c->len, room < PER_FILE ? room : PER_FILE);
	if (n > 0)
		c->len += (size_t)n;
}

/* Files of a directory and those below, in the order of their names. */
static void add_directory(struct corpus *c, const char *path, int depth)
{
	struct dirent **list;
	char below[4096];
	int n = c->len < c->limit && depth < 4 ? scandir(path, &list, NULL, alphasort) : -1;

	if (n < 0)
		return;
	for (int i = 0; i < n; i++) {
		bool fits = snprintf(below, sizeof(below), "%s/%s", path, list[i]->d_name) <
			    (int)sizeof(below);

		if (fits && c->len < c->limit && list[i]->d_name[0] != '.') {
			if (list[i]->d_type == DT_REG)
				add_file(c, below);
			else if (list[i]->d_type == DT_DIR)
				add_directory(c, below, depth + 1);
		}
		free(list[i]);
	}
	free(list);
}

static void shuffle(struct corpus *c)
{
	char tmp[BLOCK];
	struct rng rng;

	rng_init(&rng, 1);
	for (size_t i = c->len / BLOCK; i > 1; i--) {
		char *a = c->data + (i - 1) * BLOCK;
		char *b = c->data + (size_t)rng_below(&rng, (uint32_t)i) * BLOCK;

		memcpy(tmp, a, BLOCK);
		memmove(a, b, BLOCK);
		memcpy(b, tmp, BLOCK);
	}
}

int corpus_make(const char *path, size_t bytes, size_t *ret_bytes, struct err *e)
{
	_cleanup_free_ char *data = malloc(bytes);
	struct corpus c = {.data = data};
	_cleanup_fd_ int fd = -1;
	int r;

	if (!data)
		return fail(e, ENOMEM, "corpus of %zu bytes", bytes);
	for (size_t third = 0; third < 3; third++) {
		c.limit = bytes * (third + 1) / 3;
		for (size_t i = 0; places[third][i]; i++)
			add_directory(&c, places[third][i], 0);
	}
	c.len -= c.len % BLOCK;
	if (c.len < (1u << 20))
		return refuse(e, ENODATA, "found only %zu bytes below /usr to compress", c.len);
	shuffle(&c);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return fail(e, errno, "create %s", path);
	r = io_write(fd, c.data, c.len);
	if (r < 0)
		return fail(e, -r, "write %s", path);
	*ret_bytes = c.len;
	return 0;
}
