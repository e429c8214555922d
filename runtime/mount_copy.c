/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpcopyup: what is in the directory below a tmpfs is copied into it. The source is the
 * container's (hostile: links, huge files, deep trees, changing meanwhile), so everything goes
 * descriptor to descriptor, no link is followed, no other mount entered, and there are bounds;
 * beyond them the container does not start. Devices and sockets are left out.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/mount_impl.h"

#define COPY_DEPTH_MAX 32
#define COPY_ENTRIES_MAX 65536
#define COPY_BYTES_MAX (512ULL << 20)

struct copy {
	size_t entries;
	uint64_t bytes;
};

/* One component, no link, same mount. */
static int open_entry(int dirfd, const char *name, int flags)
{
	const struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return sys_openat2(dirfd, name, &how);
}

static int copy_meta(int to, const char *name, const struct stat *st, struct err *e)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	bool link = S_ISLNK(st->st_mode);

	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "chown copy of %s", name);
	/* After chown, which takes set-id bits away. The entry is ours: nobody else sees it yet. */
	if (!link && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return fail(e, errno, "chmod copy of %s", name);
	if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "set times of copy of %s", name);
	return 0;
}

static int copy_data(struct copy *c, int in, int out, const char *name, struct err *e)
{
	for (;;) {
		ssize_t n = sendfile(out, in, NULL, 1 << 20);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(e, errno, "copy %s", name);
		if (n == 0)
			return 0;
		c->bytes += (uint64_t)n;
		if (c->bytes > COPY_BYTES_MAX)
			return refuse(e, EFBIG, "copy %s: more than %llu MiB of content", name,
				      COPY_BYTES_MAX >> 20);
	}
}

static int copy_file(struct copy *c, int from, int to, const char *name, struct err *e)
{
	_cleanup_fd_ int in = open_entry(from, name, O_RDONLY | O_NONBLOCK);
	_cleanup_fd_ int out = -1;
	struct stat st;
	int rc;

	if (in < 0 || fstat(in, &st) < 0)
		return fail(e, errno, "open %s to copy it", name);
	if (!S_ISREG(st.st_mode))
		return refuse(e, EAGAIN, "copy %s: it changed meanwhile", name);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return fail(e, errno, "create copy of %s", name);
	rc = copy_data(c, in, out, name, e);
	return rc < 0 ? rc : copy_meta(to, name, &st, e);
}

static int copy_link(int from, int to, const char *name, const struct stat *st, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return fail(e, errno, "read link %s", name);
	target[n] = '\0';
	if (symlinkat(target, to, name) < 0)
		return fail(e, errno, "create link %s", name);
	return copy_meta(to, name, st, e);
}

static int copy_dir(struct copy *c, int from, int to, unsigned depth, struct err *e);

static int copy_subdir(struct copy *c, int from, int to, const char *name, const struct stat *st,
		       unsigned depth, struct err *e)
{
	_cleanup_fd_ int in = open_entry(from, name, O_RDONLY | O_DIRECTORY);
	_cleanup_fd_ int out = -1;
	bool other_mount = in < 0 && errno == EXDEV;
	int rc = 0;

	if (in < 0 && !other_mount)
		return fail(e, errno, "open directory %s to copy it", name);
	if (depth == COPY_DEPTH_MAX)
		return refuse(e, ELOOP, "copy %s: more than %d directories deep", name,
			      COPY_DEPTH_MAX);
	if (mkdirat(to, name, 0700) < 0)
		return fail(e, errno, "create copy of directory %s", name);
	out = openat(to, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return fail(e, errno, "open copy of directory %s", name);
	if (!other_mount)
		rc = copy_dir(c, in, out, depth + 1, e);
	if (rc < 0)
		return err_context(e, rc, "%s", name);
	return copy_meta(to, name, st, e);
}

static int copy_entry(struct copy *c, int from, int to, const char *name, unsigned depth,
		      struct err *e)
{
	struct stat st;

	if (++c->entries > COPY_ENTRIES_MAX)
		return refuse(e, EFBIG, "copy %s: more than %d entries", name, COPY_ENTRIES_MAX);
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "stat %s", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_subdir(c, from, to, name, &st, depth, e);
	case S_IFREG:
		return copy_file(c, from, to, name, e);
	case S_IFLNK:
		return copy_link(from, to, name, &st, e);
	case S_IFIFO:
		if (mkfifoat(to, name, 0600) < 0)
			return fail(e, errno, "create fifo %s", name);
		return copy_meta(to, name, &st, e);
	default:
		log_debug("tmpcopyup: %s is a device or socket, not copied", name);
		return 0;
	}
}

static int copy_dir(struct copy *c, int from, int to, unsigned depth, struct err *e)
{
	_cleanup_dir_ DIR *d = NULL;
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 0);
	struct dirent *ent;

	if (fd >= 0)
		d = fdopendir(fd);
	if (!d) {
		int errnum = errno;

		fd_close(fd);
		return fail(e, errnum, "read directory to copy");
	}
	while (errno = 0, (ent = readdir(d))) {
		int rc;

		if (streq(ent->d_name, ".") || streq(ent->d_name, ".."))
			continue;
		rc = copy_entry(c, from, to, ent->d_name, depth, e);
		if (rc < 0)
			return rc;
	}
	return errno ? fail(e, errno, "read directory to copy") : 0;
}

int tree_copy(int from, int to, struct err *e)
{
	struct copy c = {0};

	return copy_dir(&c, from, to, 0, e);
}
