/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount plan against a hostile root filesystem. <tmp>/outside stands for the host; env_teardown
 * checks that nothing was made, changed or mounted there. In the root, "../../outside" is where a
 * relative link of the root's top leads to if it is followed outside the root.
 */
#include "tests/unit/mount_run.h"

#define PROC "{'destination':'/proc','type':'proc','source':'proc'}"
#define DEV "{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['mode=755']}"
#define BIND(dest, source, options)                                                                \
	"{'destination':'" dest "','source':'" source "','options':[" options "]}"

static void in_rootfs(const struct env *e)
{
	assert_int_equal(chdir(e->rootfs), 0);
}

static void make_link(const char *target, const char *name)
{
	assert_int_equal(symlink(target, name), 0);
}

/* CVE-2019-19921, -2023-27561: a link decides where procfs is. */
static void test_proc_link(void **state)
{
	struct env *e = *state;
	struct run r = {.mounts = {PROC}};

	NEEDS_MOUNTS();
	in_rootfs(e);
	assert_int_equal(mkdir("fake", 0755), 0);
	make_link("fake", "proc");
	assert_refused(&r, e,
		       "mount /proc: /proc: /proc is a symbolic link in the root filesystem");
	assert_int_equal(unlink("proc"), 0);
	make_link("../../outside", "proc");
	assert_refused(&r, e, "is a symbolic link");
	r.mounts[0] = "{'destination':'/sys','type':'sysfs'}";
	make_link("fake", "sys");
	assert_refused(&r, e, "mount /sys: /sys: /sys is a symbolic link");
	r.mounts[0] = "{'destination':'/sys/fs/inner','type':'proc'}";
	assert_refused(&r, e, "/sys is a symbolic link");
	r.mounts[0] = BIND("/proc", "/proc", "'rbind'");
	assert_refused(&r, e, "/proc is a symbolic link");
	assert_int_equal(unlink("proc"), 0);
	put("proc", "a file");
	r.mounts[0] = PROC;
	assert_refused(&r, e, "Not a directory");
}

static void check_dev_inside(struct env *e)
{
	(void)e;
	CHECK(is_device("/outside/null", 1, 3) && is_device("/dev/zero", 1, 5));
	CHECK(links_to("/outside/ptmx", "pts/ptmx"));
}

/* CVE-2026-41579, -47766: nodes and links made through a linked /dev. */
static void test_dev_link(void **state)
{
	struct env *e = *state;
	struct run r = {.check = check_dev_inside};

	NEEDS_MOUNTS();
	in_rootfs(e);
	make_link("../../outside", "dev");
	assert_runs(&r, e); /* the link is resolved in the root, its target made there */
	assert_int_equal(dir_remove_all(AT_FDCWD, "outside", NULL), 0);
	r.mounts[0] = DEV;
	assert_runs(&r, e);
	assert_true(dir_is_empty(AT_FDCWD, "outside"));
}

static void test_dev_nodes_replaced(void **state)
{
	struct env *e = *state;
	struct run r = {0};

	NEEDS_MOUNTS();
	in_rootfs(e);
	assert_int_equal(mkdir("dev", 0755), 0);
	make_link("../../../outside/secret", "dev/null");
	assert_refused(&r, e, "mount /dev/null: existing file: /dev/null is not the device c 1:3");
	assert_int_equal(unlink("dev/null"), 0);
	assert_int_equal(mknod("dev/null", S_IFCHR | 0666, makedev(1, 5)), 0);
	assert_refused(&r, e, "/dev/null is not the device c 1:3");
	assert_int_equal(unlink("dev/null"), 0);
	/* Links that are there: only ptmx matters, and it is put right. */
	make_link("../../../outside/secret", "dev/ptmx");
	make_link("/somewhere", "dev/fd");
	assert_runs(&r, e);
	assert_true(links_to("dev/ptmx", "pts/ptmx"));
	assert_true(links_to("dev/fd", "/somewhere"));
	r.linux_ = "'devices':[{'path':'/link/node','type':'c','major':1,'minor':3}]";
	make_link("../../outside", "link");
	assert_runs(&r, e);
	assert_true(is_device("outside/node", 1, 3));
}

static void check_binds_inside(struct env *e)
{
	char text[64];

	(void)e;
	CHECK(exists("/outside/here/marker") && exists("/up/marker"));
	CHECK(file_read(AT_FDCWD, "/outside/resolv.conf", text, sizeof(text), NULL) == 4);
	CHECK(try_write("/tmpfs/link") == 0 && mount_is("/tmpfs/outside", "tmpfs", NULL));
}

/* CVE-2019-18837, -2021-30465, -2024-45310: destinations through links and "..". */
static void test_destinations(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts =
			{
				PROC,
				BIND("/link/here", "../vol", "'bind'"),
				BIND("/../../../up", "../vol", "'bind'"),
				BIND("/etc/resolv.conf", "../vol/marker", "'bind'"),
				/* A link inside a filesystem that the container's owner filled. */
				"{'destination':'/tmpfs','type':'tmpfs','options':['tmpcopyup']}",
				"{'destination':'/tmpfs/link','type':'tmpfs'}",
			},
		.check = check_binds_inside,
	};

	NEEDS_MOUNTS();
	in_rootfs(e);
	assert_int_equal(mkdir("../../vol", 0755), 0);
	put("../../vol/marker", "text");
	make_link("../../outside", "link");
	assert_int_equal(mkdir("etc", 0755), 0);
	make_link("../../../outside/resolv.conf", "etc/resolv.conf");
	assert_int_equal(mkdir("tmpfs", 0755), 0);
	make_link("outside", "tmpfs/link");
	assert_int_equal(mkdir("tmpfs/outside", 0755), 0);
	assert_runs(&r, e);
	assert_int_equal(access("outside/here", F_OK), 0);
}

static void check_masks_inside(struct env *e)
{
	char text[64];

	(void)e;
	CHECK(file_read(AT_FDCWD, "/outside/secret", text, sizeof(text), NULL) == 0);
	CHECK(is_device("/outside/secret", 1, 3));
	CHECK(try_write("/rolink") == EROFS && try_write("/data") == EROFS);
	CHECK(try_write("/self") == 0);
}

/* CVE-2025-31133: the mask itself comes from the host, not from the container's /dev/null; and the
 * paths to mask are looked up in the root. */
static void test_masks(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts = {PROC},
		.linux_ = "'maskedPaths':['/masklink'],'readonlyPaths':['/rolink','/dangling']",
		.check = check_masks_inside,
	};

	NEEDS_MOUNTS();
	in_rootfs(e);
	make_link("../../outside/secret", "masklink");
	assert_int_equal(mkdir("outside", 0755), 0);
	put("outside/secret", "the container's own");
	make_link("/data", "rolink");
	make_link("/nowhere", "dangling");
	assert_int_equal(mkdir("data", 0755), 0);
	assert_int_equal(mkdir("self", 0755), 0);
	assert_int_equal(mkdir("dev", 0755), 0);
	assert_int_equal(mknod("dev/null", S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_runs(&r, e);
}

/* As a process that shares the root may, once the nodes have been looked at. */
static void replace_null(struct env *e, struct mount_plan *p)
{
	(void)e;
	CHECK(unlinkat(p->root_fd, "dev/null", 0) == 0);
	CHECK(symlinkat("/evil", p->root_fd, "dev/null") == 0);
}

static void check_mask_is_null(struct env *e)
{
	(void)e;
	CHECK(links_to("/dev/null", "/evil"));
	CHECK(is_device("/masked", 1, 3) && is_device("/masked2", 1, 3));
}

static void test_masks_null_replaced(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.linux_ = "'maskedPaths':['/masked','/masked2']",
		.mounted = replace_null,
		.check = check_mask_is_null,
	};

	NEEDS_MOUNTS();
	in_rootfs(e);
	put("evil", "in its place");
	put("masked", "the container's own");
	put("masked2", "the container's own");
	assert_runs(&r, e);
}

/* On the host it is no null device: then nothing is masked with it. */
static void test_masks_no_null(void **state)
{
	struct env *e = *state;
	struct run r = {.linux_ = "'maskedPaths':['/masked']"};
	struct err err = ERR_INIT;
	int status;

	NEEDS_MOUNTS();
	in_rootfs(e);
	put("masked", "the container's own");
	assert_int_equal(mount(e->outside, "/dev", NULL, MS_BIND, NULL), 0);
	put("/dev/null", "");
	status = run(&r, e, &err);
	assert_int_equal(unlink("/dev/null"), 0);
	assert_int_equal(umount("/dev"), 0);
	assert_int_equal(status, 3);
	assert_string_equal(err.msg, "mount /masked: /dev/null is not the device c 1:3");
}

/* A link to the right device outside is no device: it would be given to the container's owner. */
static void test_dev_node_is_link(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.linux_ = "'devices':[{'path':'/dev/null','type':'c','major':1,'minor':3,"
			  "'fileMode':438,'uid':77,'gid':77}]",
	};
	char path[128];
	struct stat st;

	NEEDS_MOUNTS();
	in_rootfs(e);
	(void)snprintf(path, sizeof(path), "%s/node", e->tmp);
	assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(1, 3)), 0);
	assert_int_equal(mkdir("dev", 0755), 0);
	make_link(path, "dev/null");
	assert_refused(&r, e, "mount /dev/null: existing file: /dev/null is not the device c 1:3");
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_uid == 0 && (st.st_mode & 0777) == 0600);
}

/* A magic link leads out of every root. */
static void test_magic_links(void **state)
{
	struct env *e = *state;
	struct run r = {.mounts = {PROC, BIND("/jump/etc", "../vol", "'bind'")}};

	NEEDS_MOUNTS();
	in_rootfs(e);
	assert_int_equal(mkdir("../../vol", 0755), 0);
	make_link("/proc/self/cwd", "jump");
	assert_refused(&r, e, "Too many levels of symbolic links");
	r.mounts[1] = NULL;
	r.linux_ = "'maskedPaths':['/jump/etc']";
	assert_refused(&r, e, "mask /jump/etc: open: Too many levels of symbolic links");
	r.linux_ = "'devices':[{'path':'/proc/self/root/node','type':'p'}]";
	assert_refused(&r, e, "Too many levels of symbolic links");
}

/* CVE-2021-30465: a second container with the same volume exchanges a directory with a link for as
 * long as this one is set up. */
static _Noreturn void exchange_forever(void)
{
	(void)alarm(60);
	for (;;)
		(void)renameat2(AT_FDCWD, "d/victim", AT_FDCWD, "d/evil", RENAME_EXCHANGE);
}

static void test_race(void **state)
{
	struct env *e = *state;
	const struct run r = {
		.mounts =
			{
				PROC,
				BIND("/d/victim/new/dir", "../vol", "'bind'"),
				BIND("/d/victim/file", "../outside/secret", "'bind'"),
				"{'destination':'/d/victim/tmp','type':'tmpfs'}",
			},
		.linux_ = "'devices':[{'path':'/d/victim/node','type':'p'}],"
			  "'maskedPaths':['/d/victim/secret']",
	};
	int done = 0, refused = 0;
	pid_t attacker;

	NEEDS_MOUNTS();
	in_rootfs(e);
	assert_int_equal(mkdir("../../vol", 0755), 0);
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(mkdir("d/victim", 0755), 0);
	make_link("../../../outside", "d/evil");
	attacker = fork();
	assert_true(attacker >= 0);
	if (attacker == 0)
		exchange_forever();
	for (int i = 0; i < 60; i++) {
		struct err err = ERR_INIT;

		if (run(&r, e, &err) == 0)
			done++;
		else
			refused++;
	}
	assert_int_equal(kill(attacker, SIGKILL), 0);
	assert_int_equal(waitpid(attacker, NULL, 0), attacker);
	assert_int_equal(chdir("/"), 0);
	assert_true(done + refused == 60 && done > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		mount_test(test_proc_link),
		mount_test(test_dev_link),
		mount_test(test_dev_nodes_replaced),
		mount_test(test_destinations),
		mount_test(test_masks),
		mount_test(test_masks_null_replaced),
		mount_test(test_masks_no_null),
		mount_test(test_dev_node_is_link),
		mount_test(test_magic_links),
		mount_test(test_race),
	};

	return cmocka_run_group_tests_name("mount_attack", tests, NULL, NULL);
}
