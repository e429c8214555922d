/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of the cache of filters, cut and changed: it is taken as it was written, or not at all.
 * Input: two bytes how long it is to be (0: all), then for each change two bytes where and one that
 * is xored.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/seccomp_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "the text of a filter"

static char root[] = "/tmp/cede-fuzz-cache.XXXXXX";
static char file[512];
static char *entry;
static size_t entry_len;
static const struct sock_filter program[] = {
	{0x20, 0, 0, 4}, {0x15, 0, 1, 0xc000003e}, {6, 0, 0, 0x7fff0000}};

static void clean_up(void)
{
	(void)dir_remove_all(AT_FDCWD, root, NULL);
	free(entry);
}

static void set_up(void)
{
	char path[sizeof(root) + 32];
	struct dirent *d;
	DIR *dir;

	if (entry)
		return;
	if (!mkdtemp(root))
		abort();
	(void)atexit(clean_up);
	seccomp_cache_put(root, KEY, strlen(KEY), program, sizeof(program) / sizeof(*program));
	(void)snprintf(path, sizeof(path), "%s/.cache/seccomp", root);
	dir = opendir(path);
	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			(void)snprintf(file, sizeof(file), "%s/%s", path, d->d_name);
	if (!dir || file_read_alloc(AT_FDCWD, file, 1 << 20, &entry, &entry_len, NULL) < 0)
		abort();
	(void)closedir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sock_filter *insns = NULL;
	unsigned short n = 0;
	size_t len;
	char *copy;
	int fd;

	set_up();
	len = size >= 2 ? (size_t)(data[0] | data[1] << 8) : 0;
	if (!len || len > entry_len)
		len = entry_len;
	copy = malloc(entry_len);
	if (!copy)
		return 0;
	memcpy(copy, entry, entry_len);
	for (size_t i = 2; i + 2 < size; i += 3)
		copy[(size_t)(data[i] | data[i + 1] << 8) % entry_len] ^= (char)data[i + 2];
	fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || io_write(fd, copy, len) < 0)
		abort();
	(void)close(fd);
	/* The checksum is none against design, and the fuzzer may find another text with the same
	 * one. */
	if (seccomp_cache_get(root, KEY, strlen(KEY), &insns, &n) &&
	    (!insns || !n || n > BPF_MAXINSNS))
		abort();
	free(insns);
	free(copy);
	return 0;
}
