/* SPDX-License-Identifier: Apache-2.0 */
/* The new mount interface, one filesystem at a time: fsopen(2) and friends. */
#include <fcntl.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/mount_impl.h"

/* fsconfig(2) takes no longer strings (fs/fsopen.c: strndup_user(value, 256)). */
#define FS_VALUE_MAX 255

int mount_set(int fd, bool recursive, uint64_t set, uint64_t clr, uint64_t propagation,
	      int userns_fd)
{
	struct mount_attr a = {
		.attr_set = set | (userns_fd >= 0 ? MOUNT_ATTR_IDMAP : 0),
		.attr_clr = clr,
		.propagation = propagation & ~(uint64_t)MS_REC,
		.userns_fd = userns_fd >= 0 ? (uint64_t)userns_fd : 0,
	};
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

	return mount_setattr(fd, "", flags, &a, sizeof(a)) < 0 ? -errno : 0;
}

/*
 * Kinds of filesystems, as far as `ro` and labels are concerned. A superblock that the kernel keeps
 * for a namespace or for itself may be the host's (host network: its sysfs; joined pid namespace:
 * its proc), so what one container asks for must stay on its own mount.
 */
enum { FS_SHARED = 1, FS_MEMORY = 2, FS_LABELS = 4 };
static const struct {
	const char *type;
	unsigned flags;
} kinds[] = {
	{"binfmt_misc", FS_SHARED},
	{"bpf", FS_SHARED | FS_LABELS},
	{"cgroup", FS_SHARED},
	{"cgroup2", FS_SHARED},
	{"configfs", FS_SHARED},
	{"debugfs", FS_SHARED},
	{"devpts", FS_SHARED | FS_LABELS},
	{"devtmpfs", FS_SHARED},
	{"efivarfs", FS_SHARED},
	{"fusectl", FS_SHARED},
	{"hugetlbfs", FS_SHARED | FS_LABELS},
	{"mqueue", FS_SHARED},
	{"proc", FS_SHARED},
	{"pstore", FS_SHARED},
	{"ramfs", FS_MEMORY | FS_LABELS},
	{"securityfs", FS_SHARED},
	{"sysfs", FS_SHARED},
	{"tmpfs", FS_MEMORY | FS_LABELS},
	{"tracefs", FS_SHARED},
	{"overlay", FS_LABELS},
};

static unsigned kind_of(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (streq(kinds[i].type, type))
			return kinds[i].flags;
	return 0;
}

bool fs_ro_is_mount_only(const char *fstype)
{
	return kind_of(fstype) & (FS_SHARED | FS_MEMORY);
}

bool fs_is_memory(const char *fstype)
{
	return kind_of(fstype) & FS_MEMORY;
}

bool mount_op_has_key(const struct mount_op *op, const char *key)
{
	for (size_t i = 0; i < op->fs_options.n; i++) {
		const char *rest = str_after(op->fs_options.v[i], key);

		if (rest && (*rest == '=' || !*rest))
			return true;
	}
	return false;
}

/* What the filesystem has to say about its refusal is in the context's log, one message a read(2),
 * "e tmpfs: Unknown parameter 'x'" (Documentation/filesystems/mount_api.rst). */
static int context_fail(int fs, const char *fstype, int errnum, const char *what,
			const char *operand, struct err *e)
{
	char said[256];
	ssize_t n = read(fs, said, sizeof(said) - 1);

	while (n > 0 && said[n - 1] == '\n')
		n--;
	if (n <= 2)
		return fail(e, errnum, "%s: %s%s", fstype, what, operand);
	said[n] = '\0';
	return fail(e, errnum, "%s: %s%s: %s", fstype, what, operand, said + 2);
}

static int set_string(int fs, const char *fstype, const char *key, const char *value, struct err *e)
{
	if (strlen(value) > FS_VALUE_MAX)
		return refuse(e, ENAMETOOLONG,
			      "%s: the value of %s is longer than the kernel takes (%d bytes)",
			      fstype, key, FS_VALUE_MAX);
	if (fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0)
		return context_fail(fs, fstype, errno, "option ", key, e);
	return 0;
}

/* A long list of overlay layers goes one by one (lowerdir+, Linux 6.7); the colon separates unless
 * it is escaped, and an escaped one is plain in the single form. */
static int set_layers(int fs, const char *fstype, const char *list, struct err *e)
{
	char layer[FS_VALUE_MAX + 1];
	size_t n = 0;

	for (;; list++) {
		bool end = !*list || *list == ':';

		if (end) {
			layer[n] = '\0';
			if (n == 0)
				return refuse(e, EINVAL, "%s: empty layer in lowerdir", fstype);
			if (fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", layer, 0) < 0)
				return context_fail(fs, fstype, errno, "layer ", layer, e);
			n = 0;
			if (!*list)
				return 0;
			continue;
		}
		if (*list == '\\' && list[1])
			list++;
		if (n == FS_VALUE_MAX)
			return refuse(e, ENAMETOOLONG, "%s: layer %.*s... is too long", fstype, 60,
				      layer);
		layer[n++] = *list;
	}
}

static int set_option(int fs, const char *fstype, const char *option, struct err *e)
{
	const char *equals = strchr(option, '=');
	char key[FS_VALUE_MAX + 1];
	size_t len;

	if (!equals) {
		if (fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0) < 0)
			return context_fail(fs, fstype, errno, "option ", option, e);
		return 0;
	}
	len = (size_t)(equals - option);
	if (len == 0 || len > FS_VALUE_MAX)
		return refuse(e, EINVAL, "%s: malformed option %s", fstype, option);
	memcpy(key, option, len);
	key[len] = '\0';
	if (streq(key, "lowerdir") && strlen(equals + 1) > FS_VALUE_MAX)
		return set_layers(fs, fstype, equals + 1, e);
	return set_string(fs, fstype, key, equals + 1, e);
}

static int set_options(int fs, const struct mount_op *op, struct err *e)
{
	for (size_t i = 0; i < op->fs_options.n; i++) {
		int rc = set_option(fs, op->fstype, op->fs_options.v[i], e);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Names of fs/fs_context.c, vfs_parse_sb_flag(). Change counting has no common one: those who can
 * switch it call it i_version, the others always or never do it. */
static const struct {
	uint64_t flag;
	const char *set, *clear;
	bool may_be_unknown;
} sb_flags[] = {
	{MS_RDONLY, "ro", "rw", false},
	{MS_SYNCHRONOUS, "sync", "async", false},
	{MS_DIRSYNC, "dirsync", NULL, false},
	{MS_MANDLOCK, "mand", "nomand", false},
	{MS_LAZYTIME, "lazytime", "nolazytime", false},
	{MS_I_VERSION, "i_version", NULL, true},
};

static int set_sb_flags(int fs, const struct mount_op *op, uint64_t set, uint64_t clear,
			struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(sb_flags); i++) {
		const char *name = set & sb_flags[i].flag     ? sb_flags[i].set
				   : clear & sb_flags[i].flag ? sb_flags[i].clear
							      : NULL;

		if (!name || fsconfig(fs, FSCONFIG_SET_FLAG, name, NULL, 0) == 0)
			continue;
		if (!sb_flags[i].may_be_unknown || errno != EINVAL)
			return context_fail(fs, op->fstype, errno, "option ", name, e);
		log_debug("%s: %s has no switch for %s", op->destination, op->fstype, name);
	}
	return 0;
}

static int configure(int fs, const struct mount_op *op, const char *label, struct err *e)
{
	uint64_t sb = op->sb_set;
	int rc = 0;

	if (fs_ro_is_mount_only(op->fstype))
		sb &= ~(uint64_t)MS_RDONLY;
	if (op->source && *op->source)
		rc = set_string(fs, op->fstype, "source", op->source, e);
	if (rc >= 0 && sb)
		rc = set_sb_flags(fs, op, sb, 0, e);
	if (rc >= 0)
		rc = set_options(fs, op, e);
	if (rc >= 0 && label && kind_of(op->fstype) & FS_LABELS && !mount_op_has_key(op, "context"))
		rc = set_string(fs, op->fstype, "context", label, e);
	return rc;
}

int mount_enslave_root(struct err *e)
{
	struct mount_attr slave = {.propagation = MS_SLAVE};

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof(slave)) == 0)
		return 0;
	if (errno == EINVAL)
		return refuse(e, EINVAL,
			      "/ is no mount point, as in a plain chroot: containers need one "
			      "(mount --bind DIR DIR before the chroot makes one)");
	return fail(e, errno, "make / a slave");
}

int fs_mount(const struct mount_op *op, uint64_t attrs, const char *label, struct fd_batch *done,
	     struct err *e)
{
	_cleanup_fd_ int fs = fsopen(op->fstype, FSOPEN_CLOEXEC);
	int fd, rc;

	if (fs < 0 && errno == ENODEV)
		return refuse(e, ENODEV, "filesystem type %s is not known to this kernel",
			      op->fstype);
	if (fs < 0)
		return fail(e, errno, "open filesystem %s", op->fstype);
	rc = configure(fs, op, label, e);
	if (rc < 0)
		return rc;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return context_fail(fs, op->fstype, errno, "create", "", e);
	fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attrs);
	if (fd < 0)
		return context_fail(fs, op->fstype, errno, "mount", "", e);
	fd_batch_add(done, take_fd(&fs));
	return fd;
}

int fs_reconfigure(const struct mount_op *op, int mount_fd, struct err *e)
{
	const uint64_t sb = ~(uint64_t)MS_RDONLY;
	struct mount_op named = *op;
	_cleanup_fd_ int fs = -1;
	int rc;

	if (!((op->sb_set | op->sb_clr) & sb) && !op->fs_options.n)
		return 0;
	if (!named.fstype)
		named.fstype = "remount";
	fs = fspick(mount_fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
	if (fs < 0)
		return fail(e, errno, "pick filesystem for a remount");
	rc = set_sb_flags(fs, &named, op->sb_set & sb, op->sb_clr & sb, e);
	if (rc >= 0)
		rc = set_options(fs, &named, e);
	if (rc >= 0 && fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		rc = context_fail(fs, named.fstype, errno, "reconfigure", "", e);
	return rc;
}

void fd_batch_add(struct fd_batch *b, int fd)
{
	/* One too many (see FD_BATCH_FLUSH) stays open until exec. */
	if (fd >= 0 && b->n < FD_BATCH_MAX)
		b->fds[b->n++] = fd;
}

void fd_batch_close(struct fd_batch *b)
{
	/* Insertion sort: the numbers come nearly sorted. */
	for (size_t i = 1; i < b->n; i++)
		for (size_t j = i; j > 0 && b->fds[j - 1] > b->fds[j]; j--) {
			int t = b->fds[j];

			b->fds[j] = b->fds[j - 1];
			b->fds[j - 1] = t;
		}
	for (size_t i = 0, next; i < b->n; i = next) {
		for (next = i + 1; next < b->n && b->fds[next] == b->fds[next - 1] + 1;)
			next++;
		(void)close_range((unsigned)b->fds[i], (unsigned)b->fds[next - 1],
				  0); /* as close */
	}
	b->n = 0;
}
