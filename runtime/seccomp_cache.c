/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

#define MAGIC "cedebpf2"
/* No filter of this size is worth a file (Docker's default profile has some 10 kB). */
#define TEXT_MAX (1u << 20)

/* In the machine's own byte order: the file never leaves it. */
struct header {
	char magic[8];
	uint64_t key_len;
	uint64_t checksum; /* of the instructions */
};

struct key {
	char prefix[512];
	size_t prefix_len;
	const char *text;
	size_t text_len;
	char name[17]; /* of the file */
};

/* Eight bytes a step; it finds accidents and spreads names, it is no protection. */
static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len) {
		size_t n = MIN(len, sizeof(uint64_t));
		uint64_t word = 0;

		memcpy(&word, p, n);
		h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 29;
		p += n;
		len -= n;
	}
	return h ^ (h >> 32);
}

static bool key_make(struct key *k, const char *text, size_t len)
{
	const struct scmp_version *v = seccomp_version();
	struct utsname uts;
	int n;

	if (!text || !len || len > TEXT_MAX || !v || uname(&uts) < 0)
		return false;
	n = snprintf(k->prefix, sizeof(k->prefix), "libseccomp %u.%u.%u %s %s\n", v->major,
		     v->minor, v->micro, uts.machine, uts.release);
	k->prefix_len = MIN((size_t)n, sizeof(k->prefix) - 1);
	k->text = text;
	k->text_len = len;
	(void)snprintf(k->name, sizeof(k->name), "%016" PRIx64, /* 16 digits */
		       hash(hash(len, k->prefix, k->prefix_len), text, len));
	return true;
}

/* Ours alone: nobody else can have written it. */
static bool is_private(int fd, mode_t type, struct stat *st)
{
	return fstat(fd, st) == 0 && (st->st_mode & S_IFMT) == type && st->st_uid == geteuid() &&
	       !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static bool read_entry(int fd, const struct key *k, size_t size, struct sock_filter **ret,
		       unsigned short *ret_n)
{
	size_t key_len = k->prefix_len + k->text_len;
	_cleanup_free_ struct sock_filter *insns = NULL; /* and the key behind them */
	struct header h;
	struct iovec io[3];
	size_t bytes;
	char *key;

	if (size <= sizeof(h) + key_len)
		return false;
	bytes = size - sizeof(h) - key_len;
	if (bytes % sizeof(*insns) || bytes / sizeof(*insns) > BPF_MAXINSNS)
		return false;
	insns = malloc(bytes + key_len);
	if (!insns)
		return false;
	key = (char *)insns + bytes;
	io[0] = (struct iovec){&h, sizeof(h)};
	io[1] = (struct iovec){key, key_len};
	io[2] = (struct iovec){insns, bytes};
	if (readv(fd, io, 3) != (ssize_t)size)
		return false;
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0 || h.key_len != key_len ||
	    memcmp(key, k->prefix, k->prefix_len) != 0 ||
	    memcmp(key + k->prefix_len, k->text, k->text_len) != 0 ||
	    hash(bytes, insns, bytes) != h.checksum)
		return false;
	*ret = take_ptr(&insns);
	*ret_n = (unsigned short)(bytes / sizeof(**ret));
	return true;
}

bool seccomp_cache_get(const char *root, const char *text, size_t len, struct sock_filter **ret,
		       unsigned short *ret_n)
{
	_cleanup_fd_ int fd = -1;
	char path[4096];
	struct stat st;
	struct key k;

	if (!key_make(&k, text, len))
		return false;
	if ((size_t)snprintf(path, sizeof(path), "%s/.cache/seccomp/%s", root, k.name) >=
	    sizeof(path))
		return false;
	/* O_NONBLOCK: a FIFO in its place must not hold us up. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || !is_private(fd, S_IFREG, &st) || st.st_size > (off_t)(2 * TEXT_MAX))
		return false;
	return read_entry(fd, &k, (size_t)st.st_size, ret, ret_n);
}

/* The directory, made if needed; -1 if it cannot be made or is not ours alone. */
static int open_dir(const char *root)
{
	_cleanup_fd_ int rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = -1;
	static const char *const parts[] = {".cache", "seccomp"};

	if (rootfd < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int parent = fd < 0 ? rootfd : fd, next;
		struct stat st;

		(void)mkdirat(parent, parts[i], 0700); /* what matters is whether it opens */
		next = openat(parent, parts[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		(void)fd_close(fd);
		fd = next;
		if (fd < 0 || !is_private(fd, S_IFDIR, &st))
			return -1;
	}
	return take_fd(&fd);
}

struct entry {
	char name[256];
	struct timespec time;
};

static int oldest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct entry *)a)->time;
	const struct timespec *y = &((const struct entry *)b)->time;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* Temporary files that a killed process left count as entries and go the same way. */
static void trim(int dirfd)
{
	int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	_cleanup_free_ struct entry *v = NULL;
	size_t n = 0, cap = 0;
	struct dirent *d;

	if (!dir) {
		(void)fd_close(copy);
		return;
	}
	while ((d = readdir(dir))) {
		struct stat st;

		if (streq(d->d_name, ".") || streq(d->d_name, "..") ||
		    fstatat(copy, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (n == cap) {
			struct entry *more = reallocarray(v, cap ? cap * 2 : 128, sizeof(*v));

			if (!more)
				return;
			v = more;
			cap = cap ? cap * 2 : 128;
		}
		(void)snprintf(v[n].name, sizeof(v[n].name), "%s", d->d_name); /* NAME_MAX */
		v[n++].time = st.st_mtim;
	}
	if (n <= SECCOMP_CACHE_MAX)
		return;
	qsort(v, n, sizeof(*v), oldest_first);
	for (size_t i = 0; i < n - SECCOMP_CACHE_MAX / 2; i++)
		(void)unlinkat(copy, v[i].name, 0); /* another process may have been faster */
}

void seccomp_cache_put(const char *root, const char *text, size_t len,
		       const struct sock_filter *insns, unsigned short n)
{
	_cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
	_cleanup_fd_ int dirfd = -1;
	struct header h = {.magic = MAGIC};
	size_t bytes = n * sizeof(*insns);
	struct err e = ERR_INIT;
	struct key k;

	if (!key_make(&k, text, len))
		return;
	dirfd = open_dir(root);
	if (dirfd < 0) {
		log_debug("seccomp filter not cached: %s/.cache/seccomp cannot be used", root);
		return;
	}
	h.key_len = k.prefix_len + k.text_len;
	h.checksum = hash(bytes, insns, bytes);
	strbuf_add(&data, &h, sizeof(h));
	strbuf_add(&data, k.prefix, k.prefix_len);
	strbuf_add(&data, k.text, k.text_len);
	strbuf_add(&data, insns, bytes);
	if (data.oom)
		return;
	if (file_write_atomic(dirfd, k.name, data.buf, data.len, 0600, &e) < 0)
		log_debug("seccomp filter not cached: %s", e.msg);
	trim(dirfd);
}
