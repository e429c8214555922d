/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/procfs.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/mount_impl.h"

/* config-linux.md, Default Devices; numbers: Documentation/admin-guide/devices.txt. */
const struct spec_device default_devices[] = {
	{.type = 'c', .path = "/dev/null", .major = 1, .minor = 3, .mode = 0666},
	{.type = 'c', .path = "/dev/zero", .major = 1, .minor = 5, .mode = 0666},
	{.type = 'c', .path = "/dev/full", .major = 1, .minor = 7, .mode = 0666},
	{.type = 'c', .path = "/dev/random", .major = 1, .minor = 8, .mode = 0666},
	{.type = 'c', .path = "/dev/urandom", .major = 1, .minor = 9, .mode = 0666},
	{.type = 'c', .path = "/dev/tty", .major = 5, .minor = 0, .mode = 0666},
};
const size_t n_default_devices = ARRAY_SIZE(default_devices);

/* runtime-linux.md, Dev symbolic links; ptmx: Default Devices; core: as runc and crun. */
const struct dev_link default_links[] = {
	{"/dev/fd", "/proc/self/fd"},	    {"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
	{"/dev/ptmx", "pts/ptmx"},	    {"/dev/core", "/proc/kcore"},
};
const size_t n_default_links = ARRAY_SIZE(default_links);

static mode_t type_bits(const struct spec_device *d)
{
	return d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
}

static dev_t number(const struct spec_device *d)
{
	return d->type == 'p' ? 0 : makedev((unsigned)d->major, (unsigned)d->minor);
}

int device_check(int fd, const struct spec_device *d, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(e, errno, "stat %s", d->path);
	if ((st.st_mode & S_IFMT) != type_bits(d) || (d->type != 'p' && st.st_rdev != number(d)))
		return refuse(e, ENODEV, "%s is not the device %c %lld:%lld", d->path, d->type,
			      (long long)d->major, (long long)d->minor);
	return 0;
}

/* sysfs, Documentation/ABI/stable/sysfs-dev; uevent: its DEVNAME is the node's name in devtmpfs. */
bool device_locate(const struct spec_device *d, char *ret, size_t size)
{
	static const char key[] = "DEVNAME=";
	char path[64], text[1024];
	const char *line, *end;

	/* Bounded by the widths of its numbers. */
	(void)snprintf(path, sizeof(path), "/sys/dev/%s/%u:%u/uevent",
		       d->type == 'b' ? "block" : "char", (unsigned)d->major, (unsigned)d->minor);
	if (file_read(AT_FDCWD, path, text, sizeof(text), NULL) < 0)
		return false;
	for (line = text; line; line = *end ? end + 1 : NULL) {
		end = line + strcspn(line, "\n");
		line = str_after(line, key);
		if (line)
			return (size_t)snprintf(ret, size, "/dev/%.*s", (int)(end - line), line) <
			       size;
	}
	return false;
}

/* Of an O_PATH descriptor; an older kernel takes it by its name in procfs alone. */
static int set_mode(int fd, uint32_t mode, struct err *e)
{
	_cleanup_fd_ int fds = -1;
	char number[16];

	if (sys_chmod_fd(fd, mode) == 0)
		return 0;
	fds = errno == ENOSYS ? proc_open(PROC_SELF, "fd", O_PATH | O_DIRECTORY, e)
			      : fail(e, errno, "chmod to %03o", mode);
	if (fds < 0)
		return fds;
	(void)snprintf(number, sizeof(number), "%d", fd);
	return fchmodat(fds, number, mode, 0) < 0 ? fail(e, errno, "chmod to %03o", mode) : 0;
}

/* What the document does not say of a device that is there stays as it is. */
static int adopt(int fd, const struct spec_device *d, struct err *e)
{
	uid_t uid = d->uid_given ? d->uid : (uid_t)-1;
	gid_t gid = d->gid_given ? d->gid : (gid_t)-1;
	int rc = 0;

	if ((d->uid_given || d->gid_given) && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		rc = fail(e, errno, "chown");
	if (rc == 0 && d->mode_given)
		rc = set_mode(fd, d->mode, e);
	return rc < 0 ? err_context(e, rc, "existing device %s", d->path) : 0;
}

int device_make(int dirfd, const char *name, const struct spec_device *d, bool own_dir,
		struct err *e)
{
	_cleanup_fd_ int fd = -1;
	bool made = mknodat(dirfd, name, type_bits(d) | d->mode, number(d)) == 0;
	int rc;

	if (!made && errno != EEXIST)
		return fail(e, errno, "make device %s", d->path);
	if (made && own_dir && d->uid == 0 && d->gid == 0)
		return 0;
	/* The directory may be shared with an attacker: look at what the name means now, and work
	 * on that alone. */
	fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "open device %s", d->path);
	rc = device_check(fd, d, e);
	if (rc < 0)
		return made ? rc : err_context(e, -EEXIST, "existing file");
	if (!made)
		return adopt(fd, d, e);
	/* mknod in a set-group-id directory takes the directory's group. */
	if (fchownat(fd, "", d->uid, d->gid, AT_EMPTY_PATH) < 0)
		return fail(e, errno, "chown device %s to %u:%u", d->path, d->uid, d->gid);
	return 0;
}

static bool is_ptmx(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(5, 2);
}

int dev_link_make(int dirfd, const char *name, const struct mount_op *op, struct err *e)
{
	char target[256];
	ssize_t n;

	if (symlinkat(op->source, dirfd, name) == 0)
		return 0;
	if (errno != EEXIST)
		return fail(e, errno, "link %s to %s", op->destination, op->source);
	n = readlinkat(dirfd, name, target, sizeof(target));
	if (n >= 0 && (size_t)n == strlen(op->source) && memcmp(target, op->source, (size_t)n) == 0)
		return 0;
	if (op->copy_symlink)
		return fail(e, EEXIST, "link %s to %s", op->destination, op->source);
	/* A ptmx of another devpts would hand out the terminals of somebody else. */
	if (!streq(name, "ptmx") || is_ptmx(dirfd, name) ||
	    (n == 13 && memcmp(target, "/dev/pts/ptmx", 13) == 0))
		return 0;
	if (unlinkat(dirfd, name, 0) < 0 || symlinkat(op->source, dirfd, name) < 0)
		return fail(e, errno, "link %s to %s", op->destination, op->source);
	return 0;
}
