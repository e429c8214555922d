/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int file_open(int dirfd, const char *path, int flags, struct err *e)
{
	int fd;

	do
		fd = openat(dirfd, path, flags | O_CLOEXEC, 0666);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return fail(e, errno, "open %s", path);
	return fd;
}

ssize_t io_read(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int io_write(int fd, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, (const char *)buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

ssize_t file_read(int dirfd, const char *path, char *buf, size_t size, struct err *e)
{
	_cleanup_fd_ int fd = file_open(dirfd, path, O_RDONLY, e);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = io_read(fd, buf, size);
	if (n < 0)
		return fail(e, (int)-n, "read %s", path);
	if ((size_t)n == size)
		return refuse(e, EFBIG, "read %s: larger than %zu bytes", path, size - 1);
	buf[n] = '\0';
	return n;
}

#define FIFO_WAIT_MS 10000

/* <(a command), which takes its time; but a FIFO that nobody writes to is no reason to wait. The
 * first byte, or how many there are: 0 at the end. The rest is waited for. */
static ssize_t read_first(int fd, char *ret)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n = io_read(fd, ret, 1);
	int ready;

	if (n == -EAGAIN) { /* there is somebody who may write */
		ready = poll(&p, 1, FIFO_WAIT_MS);
		n = ready > 0 ? io_read(fd, ret, 1) : ready == 0 ? -ETIMEDOUT : -errno;
	}
	return fcntl(fd, F_SETFL, O_RDONLY) < 0 ? -errno : n;
}

int file_read_alloc(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_len,
		    struct err *e)
{
	_cleanup_fd_ int fd = file_open(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, e);
	_cleanup_free_ char *buf = NULL;
	size_t cap = 4096, len = 0;
	ssize_t ahead = 0;
	struct stat st;
	char first;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "stat %s", path);
	if (S_ISDIR(st.st_mode))
		return fail(e, EISDIR, "read %s", path);
	if (S_ISFIFO(st.st_mode))
		ahead = read_first(fd, &first);
	if (ahead < 0)
		return fail(e, (int)-ahead, "read %s", path);
	/* What fstat says is the length, if there is that much: looked for more is only where it
	 * says nothing (procfs) or too much (sysfs). */
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		cap = (size_t)st.st_size;
	for (;;) {
		char *bigger;
		ssize_t n;

		if (cap > limit + 1)
			cap = limit + 1;
		bigger = realloc(buf, cap + 1);
		if (!bigger)
			return fail(e, ENOMEM, "read %s", path);
		buf = bigger;
		if (len == 0 && ahead)
			buf[len++] = first;
		n = io_read(fd, buf + len, cap - len);
		if (n < 0)
			return fail(e, (int)-n, "read %s", path);
		len += (size_t)n;
		if (len < cap || (len == (size_t)st.st_size && S_ISREG(st.st_mode) && len <= limit))
			break;
		if (len > limit)
			return refuse(e, EFBIG, "read %s: larger than %zu bytes", path, limit);
		cap *= 2;
	}
	buf[len] = '\0';
	*ret = take_ptr(&buf);
	*ret_len = len;
	return 0;
}

int file_write(int dirfd, const char *path, const char *data, struct err *e)
{
	_cleanup_fd_ int fd = file_open(dirfd, path, O_WRONLY, e);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = write(fd, data, strlen(data));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "write \"%s\" to %s", data, path);
	return 0;
}

static int create_new(int dirfd, const char *name, mode_t mode)
{
	return openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
}

int file_write_atomic(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		      struct err *e)
{
	_cleanup_free_ char *tmp = NULL;
	_cleanup_fd_ int fd = -1;
	const char *slash = strrchr(name, '/');
	int prefix = slash ? (int)(slash + 1 - name) : 0;
	int rc;

	if (asprintf(&tmp, "%.*s.%s.%d", prefix, name, name + prefix, getpid()) < 0) {
		tmp = NULL;
		return fail(e, ENOMEM, "write %s", name);
	}
	fd = create_new(dirfd, tmp, mode);
	if (fd < 0 && errno == EEXIST) {
		/* Left by a process that was killed between open and rename and had our pid. */
		(void)unlinkat(dirfd, tmp, 0); /* the second open says what is wrong */
		fd = create_new(dirfd, tmp, mode);
	}
	if (fd < 0)
		return fail(e, errno, "create %s", name);
	rc = io_write(fd, data, len);
	if (rc < 0) {
		rc = fail(e, -rc, "write %s", name);
	} else if (renameat(dirfd, tmp, dirfd, name) < 0) {
		rc = fail(e, errno, "rename to %s", name);
	}
	if (rc < 0)
		(void)unlinkat(dirfd, tmp, 0); /* the error above is the one to report */
	return rc;
}

int dir_make_all(int dirfd, const char *path, mode_t mode, struct err *e)
{
	_cleanup_free_ char *copy = NULL;

	if (mkdirat(dirfd, path, mode) == 0)
		return 0;
	if (errno == EEXIST) {
		struct stat st;

		if (fstatat(dirfd, path, &st, 0) < 0)
			return fail(e, errno, "stat %s", path);
		return S_ISDIR(st.st_mode) ? 0 : fail(e, ENOTDIR, "create directory %s", path);
	}
	if (errno != ENOENT)
		return fail(e, errno, "create directory %s", path);
	copy = strdup(path);
	if (!copy)
		return fail(e, ENOMEM, "create directory %s", path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST)
			return fail(e, errno, "create directory %s", copy);
		*p = '/';
	}
	if (mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST)
		return fail(e, errno, "create directory %s", path);
	return 0;
}

static int remove_children(int fd, const char *name, struct err *e)
{
	_cleanup_dir_ DIR *dir = fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		int saved = errno;

		(void)fd_close(fd);
		return fail(e, saved, "read directory %s", name);
	}
	while ((d = readdir(dir))) {
		int rc;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		rc = dir_remove_all(fd, d->d_name, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int dir_remove_all(int dirfd, const char *name, struct err *e)
{
	int fd, rc;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fail(e, errno, "remove %s", name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "remove %s", name);
	rc = remove_children(fd, name, e);
	if (rc < 0)
		return rc;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return fail(e, errno, "remove directory %s", name);
	return 0;
}

bool dir_is_empty(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		(void)fd_close(fd);
		return false;
	}
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			return false;
	return true;
}
