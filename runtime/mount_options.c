/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount options: the table of config.md ("Linux mount options"), what mount(8) knows beside it, and
 * the extensions of others. What is not in the table belongs to the filesystem.
 */
#include "runtime/mount_plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"

enum option_kind {
	OPT_NOTHING,	 /* what the kernel does anyway, or mount(8) keeps to itself */
	OPT_ATTR,	 /* value: set, value2: clear; sb likewise */
	OPT_RATTR,	 /* the same, recursive */
	OPT_NO_ATIME,	 /* back to relatime, if value is the mode asked for so far */
	OPT_RNO_ATIME,	 /* the same, recursive */
	OPT_SB,		 /* superblock only: value: set, value2: clear */
	OPT_PROPAGATION, /* value: MS_* */
	OPT_BOOL,	 /* value: offset in struct mount_op */
	OPT_BIND,	 /* value: recursive */
};

struct option {
	const char *name;
	enum option_kind kind;
	uint32_t set, clear;
	uint32_t sb_set, sb_clear;
};

#define SET(flag) OPT_ATTR, MOUNT_ATTR_##flag, 0, 0, 0
#define CLEAR(flag) OPT_ATTR, 0, MOUNT_ATTR_##flag, 0, 0
#define RSET(flag) OPT_RATTR, MOUNT_ATTR_##flag, 0, 0, 0
#define RCLEAR(flag) OPT_RATTR, 0, MOUNT_ATTR_##flag, 0, 0
/* The access time modes are an enumeration in the attributes: changing one means to clear the whole
 * field (mount_setattr(2)). */
#define ATIME(flag) OPT_ATTR, MOUNT_ATTR_##flag, MOUNT_ATTR__ATIME, 0, 0
#define RATIME(flag) OPT_RATTR, MOUNT_ATTR_##flag, MOUNT_ATTR__ATIME, 0, 0
#define SB_SET(flag) OPT_SB, 0, 0, flag, 0
#define SB_CLEAR(flag) OPT_SB, 0, 0, 0, flag
#define NOTHING OPT_NOTHING, 0, 0, 0, 0
#define BOOL(field) OPT_BOOL, offsetof(struct mount_op, field), 0, 0, 0
#define PROPAGATION(flags) OPT_PROPAGATION, flags, 0, 0, 0

#define NO_SUID_DEV (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* Sorted by name (the unit test checks it). */
static const struct option options[] = {
	{"_netdev", NOTHING},
	{"async", SB_CLEAR(MS_SYNCHRONOUS)},
	{"atime", OPT_NO_ATIME, MOUNT_ATTR_NOATIME, 0, 0, 0},
	{"auto", NOTHING},
	{"bind", OPT_BIND, false, 0, 0, 0},
	{"copy-symlink", BOOL(copy_symlink)},
	{"defaults", NOTHING},
	{"dest-nofollow", BOOL(dest_nofollow)},
	{"dev", CLEAR(NODEV)},
	{"diratime", CLEAR(NODIRATIME)},
	{"dirsync", SB_SET(MS_DIRSYNC)},
	{"exec", CLEAR(NOEXEC)},
	{"group", OPT_ATTR, NO_SUID_DEV, 0, 0, 0},
	{"idmap", BOOL(idmap)},
	{"iversion", SB_SET(MS_I_VERSION)},
	{"lazytime", SB_SET(MS_LAZYTIME)},
	{"loud", NOTHING},
	{"mand", SB_SET(MS_MANDLOCK)},
	{"noatime", ATIME(NOATIME)},
	{"noauto", NOTHING},
	{"nodev", SET(NODEV)},
	{"nodiratime", SET(NODIRATIME)},
	{"noexec", SET(NOEXEC)},
	{"nofail", NOTHING},
	{"nogroup", NOTHING},
	{"noiversion", SB_CLEAR(MS_I_VERSION)},
	{"nolazytime", SB_CLEAR(MS_LAZYTIME)},
	{"nomand", SB_CLEAR(MS_MANDLOCK)},
	{"noowner", NOTHING},
	{"norelatime", OPT_NO_ATIME, MOUNT_ATTR_RELATIME, 0, 0, 0},
	{"nostrictatime", OPT_NO_ATIME, MOUNT_ATTR_STRICTATIME, 0, 0, 0},
	{"nosuid", SET(NOSUID)},
	{"nosymfollow", SET(NOSYMFOLLOW)},
	{"nouser", NOTHING},
	{"nousers", NOTHING},
	{"owner", OPT_ATTR, NO_SUID_DEV, 0, 0, 0},
	{"private", PROPAGATION(MS_PRIVATE)},
	{"ratime", OPT_RNO_ATIME, MOUNT_ATTR_NOATIME, 0, 0, 0},
	{"rbind", OPT_BIND, true, 0, 0, 0},
	{"rdev", RCLEAR(NODEV)},
	{"rdiratime", RCLEAR(NODIRATIME)},
	{"relatime", ATIME(RELATIME)},
	{"remount", BOOL(remount)},
	{"rexec", RCLEAR(NOEXEC)},
	{"ridmap", BOOL(idmap_recursive)},
	{"rnoatime", RATIME(NOATIME)},
	{"rnodev", RSET(NODEV)},
	{"rnodiratime", RSET(NODIRATIME)},
	{"rnoexec", RSET(NOEXEC)},
	{"rnorelatime", OPT_RNO_ATIME, MOUNT_ATTR_RELATIME, 0, 0, 0},
	{"rnostrictatime", OPT_RNO_ATIME, MOUNT_ATTR_STRICTATIME, 0, 0, 0},
	{"rnosuid", RSET(NOSUID)},
	{"rnosymfollow", RSET(NOSYMFOLLOW)},
	{"ro", OPT_ATTR, MOUNT_ATTR_RDONLY, 0, MS_RDONLY, 0},
	{"rprivate", PROPAGATION(MS_PRIVATE | MS_REC)},
	{"rrelatime", RATIME(RELATIME)},
	{"rro", RSET(RDONLY)},
	{"rrw", RCLEAR(RDONLY)},
	{"rshared", PROPAGATION(MS_SHARED | MS_REC)},
	{"rslave", PROPAGATION(MS_SLAVE | MS_REC)},
	{"rstrictatime", RATIME(STRICTATIME)},
	{"rsuid", RCLEAR(NOSUID)},
	{"rsymfollow", RCLEAR(NOSYMFOLLOW)},
	{"runbindable", PROPAGATION(MS_UNBINDABLE | MS_REC)},
	{"rw", OPT_ATTR, 0, MOUNT_ATTR_RDONLY, 0, MS_RDONLY},
	{"shared", PROPAGATION(MS_SHARED)},
	{"silent", NOTHING},
	{"slave", PROPAGATION(MS_SLAVE)},
	{"src-nofollow", BOOL(src_nofollow)},
	{"strictatime", ATIME(STRICTATIME)},
	{"suid", CLEAR(NOSUID)},
	{"symfollow", CLEAR(NOSYMFOLLOW)},
	{"sync", SB_SET(MS_SYNCHRONOUS)},
	{"tmpcopyup", BOOL(tmpcopyup)},
	{"unbindable", PROPAGATION(MS_UNBINDABLE)},
	{"user", OPT_ATTR, NO_SUID_DEV | MOUNT_ATTR_NOEXEC, 0, 0, 0},
	{"users", OPT_ATTR, NO_SUID_DEV | MOUNT_ATTR_NOEXEC, 0, 0, 0},
};

static int compare(const void *name, const void *option)
{
	return strcmp(name, ((const struct option *)option)->name);
}

/* The last word wins: what is set is no longer to be cleared and the other way round. */
static void apply(uint64_t *set, uint64_t *clear, uint64_t s, uint64_t c)
{
	*set = (*set & ~c) | s;
	*clear = (*clear & ~s) | c;
}

/*
 * `atime`, `norelatime` and `nostrictatime` take back one mode: mount(2) then has none and falls
 * back to its default, relatime. They leave another mode that was asked for alone.
 */
static void apply_no_atime(uint64_t *set, uint64_t *clear, uint64_t mode)
{
	bool asked = *clear & MOUNT_ATTR__ATIME;

	if (!asked || (*set & MOUNT_ATTR__ATIME) == mode)
		apply(set, clear, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME);
}

static void apply_option(const struct option *o, struct mount_op *op)
{
	switch (o->kind) {
	case OPT_NOTHING:
		break;
	case OPT_ATTR:
		apply(&op->attr_set, &op->attr_clr, o->set, o->clear);
		apply(&op->sb_set, &op->sb_clr, o->sb_set, o->sb_clear);
		break;
	case OPT_RATTR:
		apply(&op->rec_attr_set, &op->rec_attr_clr, o->set, o->clear);
		break;
	case OPT_NO_ATIME:
		apply_no_atime(&op->attr_set, &op->attr_clr, o->set);
		break;
	case OPT_RNO_ATIME:
		apply_no_atime(&op->rec_attr_set, &op->rec_attr_clr, o->set);
		break;
	case OPT_SB:
		apply(&op->sb_set, &op->sb_clr, o->sb_set, o->sb_clear);
		break;
	case OPT_PROPAGATION:
		op->propagation = o->set;
		break;
	case OPT_BOOL:
		*(bool *)((char *)op + o->set) = true;
		break;
	case OPT_BIND:
		op->bind = true;
		op->recursive = op->recursive || o->set;
		break;
	}
}

/* mount(8) keeps these to itself: comments and the userspace's own options. */
static bool is_userspace(const char *name)
{
	return str_after(name, "x-") || str_after(name, "X-") || str_after(name, "comment=");
}

/* Length of the first option in a list: mount(2) gets one comma-separated string, so an entry may
 * hold several. Commas behind a backslash (overlayfs) or in quotes (SELinux contexts) are text. */
static size_t first_length(const char *s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; s[i] && (quoted || s[i] != ','); i++) {
		if (s[i] == '"')
			quoted = !quoted;
		else if (s[i] == '\\' && s[i + 1])
			i++;
	}
	return i;
}

static size_t count_parts(const struct strv *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		for (const char *s = list->v[i]; *s; n++) {
			s += first_length(s);
			s += *s == ',';
		}
	return n;
}

int mount_options_parse(const struct strv *list, struct arena *a, struct mount_op *op,
			struct err *e)
{
	char **fs = arena_array(a, count_parts(list) + 1, sizeof(*fs));

	if (!fs)
		return fail(e, ENOMEM, "mount options");
	op->fs_options.v = fs;
	for (size_t i = 0; i < list->n; i++) {
		for (const char *s = list->v[i]; *s;) {
			size_t len = first_length(s);
			const struct option *o;
			char *name = arena_strndup(a, s, len);

			if (!name)
				return fail(e, ENOMEM, "mount options");
			s += len;
			s += *s == ',';
			o = bsearch(name, options, ARRAY_SIZE(options), sizeof(options[0]),
				    compare);
			if (o)
				apply_option(o, op);
			else if (*name && !is_userspace(name))
				fs[op->fs_options.n++] = name;
		}
	}
	return 0;
}

const char *const *mount_option_names(void)
{
	static const char *names[ARRAY_SIZE(options) + 1];

	if (!names[0])
		for (size_t i = 0; i < ARRAY_SIZE(options); i++)
			names[i] = options[i].name;
	return names;
}
