/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/mount_options: config.md's table, the order of options, what is left to filesystems. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "runtime/mount_plan.h"

/* Comma-separated only for the tests' sake: split by the parser itself. */
static struct mount_op parse(struct arena *a, const char *text)
{
	char *one[] = {(char *)text, NULL};
	const struct strv list = {.v = one, .n = 1};
	struct mount_op op = {0};
	struct err e = ERR_INIT;

	assert_int_equal(mount_options_parse(&list, a, &op, &e), 0);
	return op;
}

/* config.md, "Linux mount options": every name, with what it must do to an empty operation.
 * attr_set, attr_clr, rec_attr_set, rec_attr_clr, sb_set, sb_clr, propagation */
static const struct {
	const char *name;
	uint64_t v[7];
} table[] = {
	{"async", {0, 0, 0, 0, 0, MS_SYNCHRONOUS}},
	{"atime", {0, MOUNT_ATTR__ATIME}},
	{"bind", {0}},
	{"defaults", {0}},
	{"dev", {0, MOUNT_ATTR_NODEV}},
	{"diratime", {0, MOUNT_ATTR_NODIRATIME}},
	{"dirsync", {0, 0, 0, 0, MS_DIRSYNC}},
	{"exec", {0, MOUNT_ATTR_NOEXEC}},
	{"iversion", {0, 0, 0, 0, MS_I_VERSION}},
	{"lazytime", {0, 0, 0, 0, MS_LAZYTIME}},
	{"loud", {0}},
	{"mand", {0, 0, 0, 0, MS_MANDLOCK}},
	{"noatime", {MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME}},
	{"nodev", {MOUNT_ATTR_NODEV}},
	{"nodiratime", {MOUNT_ATTR_NODIRATIME}},
	{"noexec", {MOUNT_ATTR_NOEXEC}},
	{"noiversion", {0, 0, 0, 0, 0, MS_I_VERSION}},
	{"nolazytime", {0, 0, 0, 0, 0, MS_LAZYTIME}},
	{"nomand", {0, 0, 0, 0, 0, MS_MANDLOCK}},
	{"norelatime", {0, MOUNT_ATTR__ATIME}},
	{"nostrictatime", {0, MOUNT_ATTR__ATIME}},
	{"nosuid", {MOUNT_ATTR_NOSUID}},
	{"nosymfollow", {MOUNT_ATTR_NOSYMFOLLOW}},
	{"private", {0, 0, 0, 0, 0, 0, MS_PRIVATE}},
	{"ratime", {0, 0, 0, MOUNT_ATTR__ATIME}},
	{"rbind", {0}},
	{"rdev", {0, 0, 0, MOUNT_ATTR_NODEV}},
	{"rdiratime", {0, 0, 0, MOUNT_ATTR_NODIRATIME}},
	{"relatime", {0, MOUNT_ATTR__ATIME}},
	{"remount", {0}},
	{"rexec", {0, 0, 0, MOUNT_ATTR_NOEXEC}},
	{"rnoatime", {0, 0, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME}},
	{"rnodiratime", {0, 0, MOUNT_ATTR_NODIRATIME}},
	{"rnoexec", {0, 0, MOUNT_ATTR_NOEXEC}},
	{"rnorelatime", {0, 0, 0, MOUNT_ATTR__ATIME}},
	{"rnostrictatime", {0, 0, 0, MOUNT_ATTR__ATIME}},
	{"rnosuid", {0, 0, MOUNT_ATTR_NOSUID}},
	{"rnosymfollow", {0, 0, MOUNT_ATTR_NOSYMFOLLOW}},
	{"ro", {MOUNT_ATTR_RDONLY, 0, 0, 0, MS_RDONLY}},
	{"rprivate", {0, 0, 0, 0, 0, 0, MS_PRIVATE | MS_REC}},
	{"rrelatime", {0, 0, 0, MOUNT_ATTR__ATIME}},
	{"rro", {0, 0, MOUNT_ATTR_RDONLY}},
	{"rrw", {0, 0, 0, MOUNT_ATTR_RDONLY}},
	{"rshared", {0, 0, 0, 0, 0, 0, MS_SHARED | MS_REC}},
	{"rslave", {0, 0, 0, 0, 0, 0, MS_SLAVE | MS_REC}},
	{"rstrictatime", {0, 0, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}},
	{"rsuid", {0, 0, 0, MOUNT_ATTR_NOSUID}},
	{"rsymfollow", {0, 0, 0, MOUNT_ATTR_NOSYMFOLLOW}},
	{"runbindable", {0, 0, 0, 0, 0, 0, MS_UNBINDABLE | MS_REC}},
	{"rw", {0, MOUNT_ATTR_RDONLY, 0, 0, 0, MS_RDONLY}},
	{"shared", {0, 0, 0, 0, 0, 0, MS_SHARED}},
	{"silent", {0}},
	{"slave", {0, 0, 0, 0, 0, 0, MS_SLAVE}},
	{"strictatime", {MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}},
	{"suid", {0, MOUNT_ATTR_NOSUID}},
	{"symfollow", {0, MOUNT_ATTR_NOSYMFOLLOW}},
	{"sync", {0, 0, 0, 0, MS_SYNCHRONOUS}},
	{"tmpcopyup", {0}},
	{"unbindable", {0, 0, 0, 0, 0, 0, MS_UNBINDABLE}},
	{"idmap", {0}},
	{"ridmap", {0}},
	/* extensions */
	{"copy-symlink", {0}},
	{"rnodev", {0, 0, MOUNT_ATTR_NODEV}},
	/* mount(8) */
	{"user", {MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC}},
	{"nofail", {0}},
};

static void test_table(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *const *names = mount_option_names();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct mount_op op = parse(&a, table[i].name);
		const uint64_t got[] = {op.attr_set, op.attr_clr, op.rec_attr_set, op.rec_attr_clr,
					op.sb_set,   op.sb_clr,	  op.propagation};
		bool listed = false;

		for (size_t j = 0; j < ARRAY_SIZE(got); j++)
			if (got[j] != table[i].v[j])
				fail_msg("%s: field %zu is %#llx, expected %#llx", table[i].name, j,
					 (unsigned long long)got[j],
					 (unsigned long long)table[i].v[j]);
		if (op.fs_options.n)
			fail_msg("%s: left to the filesystem", table[i].name);
		for (size_t j = 0; names[j]; j++)
			listed = listed || strcmp(names[j], table[i].name) == 0;
		if (!listed)
			fail_msg("%s: not listed", table[i].name);
	}
}

static void test_names_sorted(void **state)
{
	const char *const *names = mount_option_names();

	(void)state;
	assert_non_null(names[0]);
	for (size_t i = 1; names[i]; i++)
		if (strcmp(names[i - 1], names[i]) >= 0)
			fail_msg("%s is not before %s", names[i - 1], names[i]);
}

static void test_switches(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct mount_op op;

	(void)state;
	op = parse(&a, "bind");
	assert_true(op.bind && !op.recursive);
	op = parse(&a, "rbind");
	assert_true(op.bind && op.recursive);
	op = parse(&a, "rbind,bind"); /* the tree stays asked for */
	assert_true(op.bind && op.recursive);
	op = parse(&a, "remount");
	assert_true(op.remount);
	op = parse(&a, "idmap");
	assert_true(op.idmap && !op.idmap_recursive);
	op = parse(&a, "ridmap");
	assert_true(op.idmap_recursive);
	op = parse(&a, "tmpcopyup,copy-symlink");
	assert_true(op.tmpcopyup && op.copy_symlink);
	assert_false(op.src_nofollow || op.dest_nofollow);
	op = parse(&a, "src-nofollow,dest-nofollow");
	assert_true(op.src_nofollow && op.dest_nofollow && !op.copy_symlink);
}

static void test_last_word_wins(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct mount_op op;

	(void)state;
	op = parse(&a, "ro,rw");
	assert_int_equal(op.attr_set, 0);
	assert_int_equal(op.attr_clr, MOUNT_ATTR_RDONLY);
	assert_int_equal(op.sb_set, 0);
	op = parse(&a, "rw,ro");
	assert_int_equal(op.attr_set, MOUNT_ATTR_RDONLY);
	assert_int_equal(op.attr_clr, 0);
	assert_int_equal(op.sb_set, MS_RDONLY);
	op = parse(&a, "user,exec,suid");
	assert_int_equal(op.attr_set, MOUNT_ATTR_NODEV);
	op = parse(&a, "rro,rrw,nosuid,suid,nosuid");
	assert_int_equal(op.rec_attr_set, 0);
	assert_int_equal(op.rec_attr_clr, MOUNT_ATTR_RDONLY);
	assert_int_equal(op.attr_set, MOUNT_ATTR_NOSUID);
	op = parse(&a, "private,rshared");
	assert_int_equal(op.propagation, MS_SHARED | MS_REC);
	op = parse(&a, "sync,async");
	assert_int_equal(op.sb_set, 0);
	assert_int_equal(op.sb_clr, MS_SYNCHRONOUS);
}

/* The modes are one field: setting one must clear the whole of it, and taking back a mode that was
 * not asked for leaves the one that was. */
static void test_atime(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct mount_op op;

	(void)state;
	op = parse(&a, "noatime,strictatime");
	assert_int_equal(op.attr_set, MOUNT_ATTR_STRICTATIME);
	assert_int_equal(op.attr_clr, MOUNT_ATTR__ATIME);
	op = parse(&a, "strictatime,noatime");
	assert_int_equal(op.attr_set, MOUNT_ATTR_NOATIME);
	assert_int_equal(op.attr_clr, MOUNT_ATTR__ATIME);
	op = parse(&a, "noatime,norelatime");
	assert_int_equal(op.attr_set, MOUNT_ATTR_NOATIME);
	op = parse(&a, "noatime,atime");
	assert_int_equal(op.attr_set, MOUNT_ATTR_RELATIME);
	assert_int_equal(op.attr_clr, MOUNT_ATTR__ATIME);
	op = parse(&a, "strictatime,nostrictatime,nodiratime");
	assert_int_equal(op.attr_set, MOUNT_ATTR_NODIRATIME);
	op = parse(&a, "rnoatime,rnostrictatime");
	assert_int_equal(op.rec_attr_set, MOUNT_ATTR_NOATIME);
}

static void test_filesystem_options(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *v[] = {"mode=755", "nosuid",	 "size=65536k,nr_inodes=10",
			   "Ro",       "lowerdir=a\\,b", "context=\"u:r:t:s0:c1,c2\",rw",
			   "",	       ",,x-custom,",	 "comment=hello",
			   "hidepid",  "unknown=",	 NULL};
	const struct strv list = {.v = (char **)v, .n = ARRAY_SIZE(v) - 1};
	static const char *const want[] = {"mode=755",	     "size=65536k",
					   "nr_inodes=10",   "Ro",
					   "lowerdir=a\\,b", "context=\"u:r:t:s0:c1,c2\"",
					   "hidepid",	     "unknown="};
	struct mount_op op = {0};

	(void)state;
	assert_int_equal(mount_options_parse(&list, &a, &op, NULL), 0);
	assert_int_equal(op.attr_set, MOUNT_ATTR_NOSUID);
	assert_int_equal(op.attr_clr, MOUNT_ATTR_RDONLY);
	assert_int_equal(op.fs_options.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(op.fs_options.v[i], want[i]);
}

static void test_odd_lists(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct strv none = {0};
	struct mount_op op = {0};
	const char *v[] = {"a\\", "\"open,quote", "=", NULL};
	const struct strv odd = {.v = (char **)v, .n = 3};

	(void)state;
	assert_int_equal(mount_options_parse(&none, &a, &op, NULL), 0);
	assert_int_equal(op.fs_options.n, 0);
	assert_int_equal(mount_options_parse(&odd, &a, &op, NULL), 0);
	assert_int_equal(op.fs_options.n, 3);
	assert_string_equal(op.fs_options.v[1], "\"open,quote");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	  cmocka_unit_test(test_names_sorted),
		cmocka_unit_test(test_switches),  cmocka_unit_test(test_last_word_wins),
		cmocka_unit_test(test_atime),	  cmocka_unit_test(test_filesystem_options),
		cmocka_unit_test(test_odd_lists),
	};

	return cmocka_run_group_tests_name("mount_options", tests, NULL, NULL);
}
