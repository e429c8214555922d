/* SPDX-License-Identifier: Apache-2.0 */
/* base/rootfs: nothing below a hostile root leads out of it. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/rootfs.h"
#include "base/sys.h"

/* <tmp>/root is the container's root, <tmp>/outside what must never be touched. */
struct tree {
	char tmp[64];
	int tmpfd, root;
};

static int setup(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	strcpy(t->tmp, "/tmp/cede-rootfs-XXXXXX");
	assert_non_null(mkdtemp(t->tmp));
	t->tmpfd = open(t->tmp, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->tmpfd >= 0);
	assert_int_equal(mkdirat(t->tmpfd, "root", 0755), 0);
	assert_int_equal(mkdirat(t->tmpfd, "outside", 0755), 0);
	assert_int_equal(mknodat(t->tmpfd, "outside/secret", S_IFREG | 0600, 0), 0);
	t->root = openat(t->tmpfd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->root >= 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tree *t = *state;

	fd_close(t->root);
	fd_close(t->tmpfd);
	assert_int_equal(dir_remove_all(AT_FDCWD, t->tmp, NULL), 0);
	free(t);
	return 0;
}

static void make_link(const struct tree *t, const char *target, const char *name)
{
	assert_int_equal(symlinkat(target, t->root, name), 0);
}

static bool exists(int dirfd, const char *path)
{
	return faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool same(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* The descriptor is the entry at `path`, opened without following anything. */
static void assert_fd_is(const struct tree *t, int fd, const char *path)
{
	_cleanup_fd_ int want = openat(t->root, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(want >= 0);
	assert_true(same(fd, want));
	fd_close(fd);
}

static void assert_outside_untouched(const struct tree *t)
{
	int fd = openat(t->tmpfd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *d = fdopendir(fd);
	struct dirent *ent;
	int others = 0;

	assert_non_null(d);
	while ((ent = readdir(d)))
		if (ent->d_name[0] != '.' && strcmp(ent->d_name, "secret") != 0)
			others++;
	assert_int_equal(others, 0);
	assert_false(exists(t->tmpfd, "x"));
}

static void test_open_stays_inside(void **state)
{
	struct tree *t = *state;
	struct err e = ERR_INIT;
	int fd;

	assert_int_equal(mkdirat(t->root, "etc", 0755), 0);
	assert_int_equal(mknodat(t->root, "etc/passwd", S_IFREG | 0600, 0), 0);
	make_link(t, "/etc", "abs");
	make_link(t, "../../../../../etc", "dotdot");
	make_link(t, t->tmp, "host");

	assert_fd_is(t, root_open(t->root, "/etc/passwd", O_PATH, 0, &e), "etc/passwd");
	assert_fd_is(t, root_open(t->root, "abs/passwd", O_PATH, 0, &e), "etc/passwd");
	assert_fd_is(t, root_open(t->root, "dotdot/passwd", O_PATH, 0, &e), "etc/passwd");
	assert_fd_is(t, root_open(t->root, "/../../etc/passwd", O_PATH, 0, &e), "etc/passwd");
	assert_fd_is(t, root_open(t->root, "", O_PATH, 0, &e), ".");
	assert_fd_is(t, root_open(t->root, "/", O_PATH, 0, &e), ".");
	assert_int_equal(root_open(t->root, "host/outside/secret", O_PATH, 0, &e), -ENOENT);
	assert_string_equal(e.msg, "open host/outside/secret in the root filesystem: "
				   "No such file or directory");

	fd = root_open(t->root, "etc/new", O_WRONLY | O_CREAT | O_EXCL, 0640, &e);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_fd_is(t, fd, "etc/new");
}

static void test_open_refuses_magic_links(void **state)
{
	struct err e = ERR_INIT;
	_cleanup_fd_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(proc >= 0);
	/* The target is a host directory of this very process: a jump out of any root. */
	assert_int_equal(root_open(proc, "self/cwd", O_PATH, 0, &e), -ELOOP);
	assert_int_equal(root_open(proc, "self/root/etc", O_PATH, 0, &e), -ELOOP);
}

static void test_make_dir(void **state)
{
	struct tree *t = *state;
	struct err e = ERR_INIT;
	struct stat st;

	assert_fd_is(t, root_make_dir(t->root, "/a/b//./c/", 0700, &e), "a/b/c");
	assert_int_equal(fstatat(t->root, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(t->root, "a/b", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	/* existing: as it is */
	assert_fd_is(t, root_make_dir(t->root, "a/b", 0700, &e), "a/b");
	assert_fd_is(t, root_make_dir(t->root, "/", 0700, &e), ".");
	assert_fd_is(t, root_make_dir(t->root, "a/new/../b/../../z/..", 0755, &e), ".");
	assert_true(exists(t->root, "z") && exists(t->root, "a/new"));
	assert_fd_is(t, root_make_dir(t->root, "../../../x/y", 0755, &e), "x/y");

	assert_int_equal(mknodat(t->root, "file", S_IFREG | 0600, 0), 0);
	assert_int_equal(root_make_dir(t->root, "file", 0755, &e), -ENOTDIR);
	assert_int_equal(root_make_dir(t->root, "file/sub/deeper", 0755, &e), -ENOTDIR);
	assert_outside_untouched(t);
}

static void test_make_dir_through_links(void **state)
{
	struct tree *t = *state;
	struct err e = ERR_INIT;

	make_link(t, "/run/lock", "dangling");
	make_link(t, "../../../../outside", "up");
	make_link(t, t->tmp, "host");
	make_link(t, "loop2", "loop1");
	make_link(t, "loop1", "loop2");

	assert_fd_is(t, root_make_dir(t->root, "dangling/sub", 0755, &e), "run/lock/sub");
	/* What looks like the host's directory is made inside. */
	assert_fd_is(t, root_make_dir(t->root, "up/sub", 0755, &e), "outside/sub");
	fd_close(root_make_dir(t->root, "host/outside/sub", 0755, &e));
	assert_outside_untouched(t);
	assert_int_equal(root_make_dir(t->root, "loop1/x", 0755, &e), -ELOOP);
}

static void test_make_real_dir(void **state)
{
	struct tree *t = *state;
	struct err e = ERR_INIT;

	assert_fd_is(t, root_make_real_dir(t->root, "/proc", 0755, &e), "proc");
	assert_fd_is(t, root_make_real_dir(t->root, "/sys/fs/cgroup", 0755, &e), "sys/fs/cgroup");
	make_link(t, "proc", "link");
	make_link(t, "gone", "dangling");
	assert_int_equal(root_make_real_dir(t->root, "/link", 0755, &e), -ELOOP);
	assert_string_equal(e.msg, "/link: /link is a symbolic link in the root filesystem");
	assert_int_equal(root_make_real_dir(t->root, "/link/sub", 0755, &e), -ELOOP);
	assert_int_equal(root_make_real_dir(t->root, "/sys/../dangling/x", 0755, &e), -ELOOP);
	assert_false(exists(t->root, "gone"));
	assert_int_equal(mknodat(t->root, "file", S_IFREG | 0600, 0), 0);
	assert_int_equal(root_make_real_dir(t->root, "/file", 0755, &e), -ENOTDIR);
}

static void test_make_file(void **state)
{
	struct tree *t = *state;
	struct err e = ERR_INIT;

	assert_fd_is(t, root_make_file(t->root, "/etc/hosts", 0644, &e), "etc/hosts");
	assert_int_equal(mkfifoat(t->root, "fifo", 0600), 0);
	assert_fd_is(t, root_make_file(t->root, "fifo", 0644, &e), "fifo");
	assert_int_equal(root_make_file(t->root, "etc", 0644, &e), -EISDIR);
	assert_int_equal(root_make_file(t->root, "etc/hosts/x", 0644, &e), -ENOTDIR);
	assert_int_equal(root_make_file(t->root, "new/..", 0644, &e), -EISDIR);

	make_link(t, "../run/resolv.conf", "etc/resolv.conf");
	assert_fd_is(t, root_make_file(t->root, "etc/resolv.conf", 0644, &e), "run/resolv.conf");
	/* Again: now the link is not dangling any more. */
	assert_fd_is(t, root_make_file(t->root, "etc/resolv.conf", 0644, &e), "run/resolv.conf");
	make_link(t, "../../outside/planted", "etc/up");
	assert_fd_is(t, root_make_file(t->root, "etc/up", 0644, &e), "outside/planted");
	make_link(t, "/etc/", "etc/dir");
	assert_int_equal(root_make_file(t->root, "etc/dir", 0644, &e), -EISDIR);
	make_link(t, "self", "self");
	assert_int_equal(root_make_file(t->root, "self", 0644, &e), -ELOOP);
	assert_outside_untouched(t);
}

static void test_open_parent(void **state)
{
	struct tree *t = *state;
	struct err e = ERR_INIT;
	const char *name = NULL;

	make_link(t, "/etc", "dev");
	assert_fd_is(t, root_open_parent(t->root, "/dev/null", &name, &e), "etc");
	assert_string_equal(name, "null");
	assert_fd_is(t, root_open_parent(t->root, "null", &name, &e), ".");
	assert_string_equal(name, "null");
	assert_int_equal(root_open_parent(t->root, "/dev/", &name, &e), -EINVAL);
	assert_int_equal(root_open_parent(t->root, "/dev/..", &name, &e), -EINVAL);
	assert_int_equal(root_open_parent(t->root, "/", &name, &e), -EINVAL);
}

static void test_too_long(void **state)
{
	struct tree *t = *state;
	struct err e = ERR_INIT;
	char path[8192], name[400];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(root_make_dir(t->root, name, 0755, &e), -ENAMETOOLONG);
	for (size_t i = 0; i + 2 < sizeof(path); i += 2)
		memcpy(path + i, "d/", 3);
	assert_int_equal(root_make_dir(t->root, path, 0755, &e), -ENAMETOOLONG);
	assert_int_equal(root_make_file(t->root, path, 0755, &e), -ENAMETOOLONG);
}

/*
 * The attacker of CVE-2021-30465: a directory that the runtime walks through is exchanged, as fast
 * as the machine can, with a link to a directory of the host, absolute and relative.
 */
struct attack {
	const struct tree *t;
	atomic_bool stop;
	unsigned long turns;
};

static void *exchange_loop(void *arg)
{
	struct attack *a = arg;

	while (!atomic_load(&a->stop)) {
		(void)renameat2(a->t->root, "d/victim", a->t->root, "d/evil", RENAME_EXCHANGE);
		a->turns++;
	}
	return NULL;
}

static void test_race(void **state)
{
	struct tree *t = *state;
	struct attack a = {.t = t};
	unsigned long inside = 0, refused = 0, bad = 0;
	uint64_t end;
	pthread_t thread;

	assert_int_equal(mkdirat(t->root, "d", 0755), 0);
	assert_int_equal(mkdirat(t->root, "d/victim", 0755), 0);
	make_link(t, "../../outside", "d/evil");
	assert_int_equal(pthread_create(&thread, NULL, exchange_loop, &a), 0);
	end = now_ns() + 700 * NSEC_PER_MSEC;
	for (unsigned i = 0; now_ns() < end; i++) {
		static const char *const paths[] = {"d/victim/x", "d/victim/sub/../x",
						    "d/victim/sub/x"};
		const char *path = paths[i % ARRAY_SIZE(paths)];
		const char *name;
		int fd = i % 5 == 0   ? root_make_file(t->root, path, 0644, NULL)
			 : i % 5 == 1 ? root_make_dir(t->root, "d/victim/y/z", 0755, NULL)
			 : i % 5 == 2 ? root_open_parent(t->root, path, &name, NULL)
			 : i % 5 == 3 ? root_open(t->root, "d/victim/secret", O_PATH, 0, NULL)
				      : root_make_real_dir(t->root, "d/victim/r/s", 0755, NULL);

		if (fd >= 0 && i % 5 == 3)
			bad++;
		if (fd >= 0)
			inside++;
		else
			refused++;
		fd_close(fd);
	}
	atomic_store(&a.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(bad, 0);
	assert_true(inside > 0 && refused > 0 && a.turns > 100);
	assert_outside_untouched(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open_stays_inside, setup, teardown),
		cmocka_unit_test(test_open_refuses_magic_links),
		cmocka_unit_test_setup_teardown(test_make_dir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_make_dir_through_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_make_real_dir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_make_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_parent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_race, setup, teardown),
	};

	umask(022);
	return cmocka_run_group_tests_name("rootfs", tests, NULL, NULL);
}
