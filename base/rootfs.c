/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rootfs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/sys.h"

/* A rename somewhere on the host makes a RESOLVE_IN_ROOT walk over ".." end with EAGAIN
 * (openat2(2)); an attacker can provoke that for as long as he likes, so the patience is finite. */
#define RESOLVE_TRIES 128
/* As the kernel's MAXSYMLINKS. */
#define LINKS_MAX 40
/* Somebody removes or replaces what we have just made. */
#define RACE_TRIES 64

/* Descriptor or negative errno. */
static int resolve(int rootfd, const char *path, int flags, mode_t mode, uint64_t how_resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | how_resolve,
	};
	int fd;

	if (!*path)
		path = ".";
	for (int i = 0; i < RESOLVE_TRIES; i++) {
		fd = sys_openat2(rootfd, path, &how);
		if (fd >= 0)
			return fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int root_open(int rootfd, const char *path, int flags, mode_t mode, struct err *e)
{
	int fd = resolve(rootfd, path, flags, mode, 0);

	if (fd < 0)
		return fail(e, -fd, "open %s in the root filesystem", path);
	return fd;
}

/*
 * The slow walk, for paths of which something has to be created: one component at a time, each
 * opened or made relative to the descriptor of the directory before it and never through a link.
 * Links are read and spliced into what is left to do, so that dangling ones have their targets
 * created inside the root. Whatever an attacker renames meanwhile, `fd` was reached from the root
 * by single components that were no links, and ".." is not asked of the kernel but resolved on the
 * text of what was walked, then opened from the root again.
 */
struct walk {
	int rootfd;
	int fd;		   /* O_PATH of the directory reached; owned unless it is rootfd */
	const char *path;  /* as asked, for messages */
	bool refuse_links; /* -ELOOP instead of following */
	unsigned links;	   /* followed so far */
	size_t done_len;
	char done[PATH_MAX]; /* text of the components reached, no leading slash */
	char todo[PATH_MAX]; /* what is left */
};

static int walk_fail(const struct walk *w, int errnum, const char *name, struct err *e)
{
	return fail(e, errnum, "%s in the root filesystem: /%.*s%s%s", w->path, (int)w->done_len,
		    w->done, w->done_len ? "/" : "", name);
}

static void walk_set_fd(struct walk *w, int fd)
{
	if (w->fd != w->rootfd)
		fd_close(w->fd);
	w->fd = fd;
}

static void walk_to_root(struct walk *w)
{
	walk_set_fd(w, w->rootfd);
	w->done_len = 0;
}

static void cleanup_walk(struct walk *w)
{
	walk_to_root(w);
}

static int walk_start(struct walk *w, int rootfd, const char *path, bool refuse_links,
		      struct err *e)
{
	w->rootfd = w->fd = rootfd;
	w->path = path;
	w->refuse_links = refuse_links;
	w->links = 0;
	w->done_len = 0;
	w->done[0] = '\0';
	if (strlen(path) >= sizeof(w->todo))
		return fail(e, ENAMETOOLONG, "%s", path);
	memcpy(w->todo, path, strlen(path) + 1);
	return 0;
}

/* Cuts the next component off `todo` into name; an empty one means that nothing is left. *ret_last:
 * only slashes follow. */
static int walk_next(struct walk *w, char name[static NAME_MAX + 1], bool *ret_last, struct err *e)
{
	size_t start = strspn(w->todo, "/");
	size_t len = strcspn(w->todo + start, "/");
	size_t end = start + len;

	if (len > NAME_MAX)
		return fail(e, ENAMETOOLONG, "%s in the root filesystem", w->path);
	memcpy(name, w->todo + start, len);
	name[len] = '\0';
	end += strspn(w->todo + end, "/");
	*ret_last = !w->todo[end];
	memmove(w->todo, w->todo + end, strlen(w->todo + end) + 1);
	return 0;
}

static int walk_up(struct walk *w, struct err *e)
{
	const char *slash;
	int fd;

	if (w->done_len == 0)
		return 0; /* ".." of the root is the root */
	slash = memrchr(w->done, '/', w->done_len);
	w->done_len = slash ? (size_t)(slash - w->done) : 0;
	w->done[w->done_len] = '\0';
	if (w->done_len == 0) {
		walk_to_root(w);
		return 0;
	}
	fd = resolve(w->rootfd, w->done, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
	if (fd < 0)
		return walk_fail(w, -fd, "", e);
	walk_set_fd(w, fd);
	return 0;
}

/* Takes over fd, which is the directory `name` of the current one. */
static int walk_down(struct walk *w, const char *name, int fd, struct err *e)
{
	size_t len = strlen(name), slash = w->done_len > 0;

	if (w->done_len + slash + len >= sizeof(w->done)) {
		fd_close(fd);
		return walk_fail(w, ENAMETOOLONG, name, e);
	}
	if (slash)
		w->done[w->done_len] = '/';
	memcpy(w->done + w->done_len + slash, name, len + 1);
	w->done_len += slash + len;
	walk_set_fd(w, fd);
	return 0;
}

/* `name` is in the way of a directory: a link is spliced into todo (returns 1); 0: it is no link
 * (any more). */
static int walk_follow(struct walk *w, const char *name, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(w->fd, name, target, sizeof(target));
	size_t rest = strlen(w->todo);

	if (n < 0 && (errno == EINVAL || errno == ENOENT))
		return 0;
	if (n < 0)
		return walk_fail(w, errno, name, e);
	if (w->refuse_links)
		return refuse(e, ELOOP, "%s: /%.*s%s%s is a symbolic link in the root filesystem",
			      w->path, (int)w->done_len, w->done, w->done_len ? "/" : "", name);
	if (++w->links > LINKS_MAX)
		return walk_fail(w, ELOOP, name, e);
	if ((size_t)n + 1 + rest >= sizeof(w->todo))
		return walk_fail(w, ENAMETOOLONG, name, e);
	memmove(w->todo + n + 1, w->todo, rest + 1);
	memcpy(w->todo, target, (size_t)n);
	w->todo[n] = '/';
	if (target[0] == '/')
		walk_to_root(w);
	return 1;
}

static bool is_dots(const char *name)
{
	return streq(name, "") || streq(name, ".") || streq(name, "..");
}

/* Goes into directory `name`, making it if it is missing. */
static int walk_into(struct walk *w, const char *name, mode_t mode, struct err *e)
{
	for (int i = 0; i < RACE_TRIES; i++) {
		int fd = openat(w->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int rc;

		if (fd >= 0)
			return walk_down(w, name, fd, e);
		if (errno == ENOENT) {
			if (mkdirat(w->fd, name, mode) < 0 && errno != EEXIST)
				return walk_fail(w, errno, name, e);
			continue;
		}
		if (errno != ENOTDIR && errno != ELOOP)
			return walk_fail(w, errno, name, e);
		rc = walk_follow(w, name, e);
		if (rc < 0)
			return rc;
		if (rc > 0)
			return 0;
		if (i > 0) /* twice neither a directory nor a link: no race */
			return walk_fail(w, ENOTDIR, name, e);
	}
	return walk_fail(w, EAGAIN, name, e);
}

static int make_dir(int rootfd, const char *path, mode_t mode, bool refuse_links, struct err *e)
{
	_cleanup_(cleanup_walk) struct walk w;
	int rc = walk_start(&w, rootfd, path, refuse_links, e);
	int fd;

	while (rc >= 0) {
		char name[NAME_MAX + 1];
		bool last;

		rc = walk_next(&w, name, &last, e);
		if (rc < 0 || (!*name && last))
			break;
		if (streq(name, ".."))
			rc = walk_up(&w, e);
		else if (!is_dots(name))
			rc = walk_into(&w, name, last ? mode : 0755, e);
	}
	if (rc < 0)
		return rc;
	fd = w.fd == rootfd ? resolve(rootfd, ".", O_PATH | O_DIRECTORY, 0, 0) : w.fd;
	if (fd < 0)
		return walk_fail(&w, -fd, "", e);
	w.fd = rootfd;
	return fd;
}

int root_make_dir(int rootfd, const char *path, mode_t mode, struct err *e)
{
	int fd = resolve(rootfd, path, O_PATH | O_DIRECTORY, 0, 0);

	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		return fail(e, -fd, "open directory %s in the root filesystem", path);
	return make_dir(rootfd, path, mode, false, e);
}

int root_make_real_dir(int rootfd, const char *path, mode_t mode, struct err *e)
{
	int fd = resolve(rootfd, path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);

	/* For a link the walk makes the message: it knows which component it is. */
	if (fd >= 0)
		return fd;
	if (fd != -ENOENT && fd != -ELOOP && fd != -ENOTDIR)
		return fail(e, -fd, "open directory %s in the root filesystem", path);
	return make_dir(rootfd, path, mode, true, e);
}

/* The last component of a file's path: 1 when *ret_fd is it, 0 when a link was spliced in. */
static int walk_file(struct walk *w, const char *name, mode_t mode, int *ret_fd, struct err *e)
{
	for (int i = 0; i < RACE_TRIES; i++) {
		_cleanup_fd_ int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		struct stat st;
		int rc;

		if (fd < 0 && errno != ENOENT)
			return walk_fail(w, errno, name, e);
		if (fd < 0) {
			/* mknod makes a file without opening it, and follows no link. */
			if (mknodat(w->fd, name, S_IFREG | mode, 0) < 0 && errno != EEXIST)
				return walk_fail(w, errno, name, e);
			continue;
		}
		if (fstat(fd, &st) < 0)
			return walk_fail(w, errno, name, e);
		if (S_ISDIR(st.st_mode))
			return walk_fail(w, EISDIR, name, e);
		if (!S_ISLNK(st.st_mode)) {
			*ret_fd = take_fd(&fd);
			return 1;
		}
		rc = walk_follow(w, name, e);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	return walk_fail(w, EAGAIN, name, e);
}

static int make_file(int rootfd, const char *path, mode_t mode, struct err *e)
{
	_cleanup_(cleanup_walk) struct walk w;
	int rc = walk_start(&w, rootfd, path, false, e);
	int fd = -1;

	while (rc >= 0) {
		char name[NAME_MAX + 1];
		bool last;

		rc = walk_next(&w, name, &last, e);
		if (rc < 0)
			break;
		if (last && is_dots(name))
			return walk_fail(&w, EISDIR, name, e);
		if (streq(name, ".."))
			rc = walk_up(&w, e);
		else if (last)
			rc = walk_file(&w, name, mode, &fd, e);
		else if (!is_dots(name))
			rc = walk_into(&w, name, 0755, e);
		if (fd >= 0)
			return fd;
	}
	return rc;
}

int root_make_file(int rootfd, const char *path, mode_t mode, struct err *e)
{
	_cleanup_fd_ int fd = resolve(rootfd, path, O_PATH, 0, 0);
	struct stat st;

	if (fd == -ENOENT)
		return make_file(rootfd, path, mode, e);
	if (fd < 0)
		return fail(e, -fd, "open %s in the root filesystem", path);
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "stat %s in the root filesystem", path);
	if (S_ISDIR(st.st_mode))
		return fail(e, EISDIR, "%s in the root filesystem", path);
	return take_fd(&fd);
}

int root_open_parent(int rootfd, const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char parent[PATH_MAX];
	size_t len = (size_t)(name - path);
	int fd;

	if (is_dots(name))
		return refuse(e, EINVAL, "%s: does not end with a name", path);
	if (len >= sizeof(parent))
		return fail(e, ENAMETOOLONG, "%s", path);
	memcpy(parent, path, len);
	parent[len] = '\0';
	fd = root_make_dir(rootfd, parent, 0755, e);
	if (fd >= 0)
		*ret_name = name;
	return fd;
}
