/* SPDX-License-Identifier: Apache-2.0 */
/* err, arena, file, procfs: the ground floor. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/file.h"
#include "base/procfs.h"

static void test_err(void **state)
{
	struct err e = ERR_INIT;
	char longer[3000];

	(void)state;
	assert_int_equal(fail(&e, ENOENT, "open %s", "x"), -ENOENT);
	assert_string_equal(e.msg, "open x: No such file or directory");
	assert_int_equal(err_context(&e, -ENOENT, "container `%s`", "c1"), -ENOENT);
	assert_string_equal(e.msg, "container `c1`: open x: No such file or directory");
	assert_int_equal(refuse(&e, EINVAL, "no %d", 3), -EINVAL);
	assert_string_equal(e.msg, "no 3");
	assert_int_equal(err_exit_status(&e, -EINVAL, 127), -EINVAL);
	assert_int_equal(e.exit_status, 127);
	assert_int_equal(refuse(&e, 0, "code 0 is an error too"), -EIO);
	assert_int_equal(fail(NULL, EPERM, "nobody listens"), -EPERM);

	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(fail(&e, ENOENT, "%s", longer), -ENOENT);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
	assert_int_equal(err_context(&e, -ENOENT, "%s", longer), -ENOENT);
	assert_true(strlen(e.msg) < ERR_MSG_MAX);
}

static void test_arena(void **state)
{
	struct arena a = ARENA_INIT;
	char *big, *first;

	(void)state;
	first = arena_strdup(&a, "first");
	for (int i = 0; i < 10000; i++) {
		int *p = arena_alloc(&a, sizeof(*p));

		assert_non_null(p);
		assert_int_equal(*p, 0);
		assert_int_equal((uintptr_t)p % 16, 0);
		*p = i;
	}
	big = arena_alloc(&a, 1 << 20);
	assert_non_null(big);
	memset(big, 1, 1 << 20);
	assert_string_equal(first, "first");
	assert_string_equal(arena_printf(&a, "%s-%d", "x", 7), "x-7");
	assert_null(arena_array(&a, SIZE_MAX / 2, 4));
	assert_null(arena_alloc(&a, SIZE_MAX - 3));
	arena_free(&a);
	assert_null(a.block);
}

struct tmp {
	char path[64];
	int fd;
};

static int tmp_setup(void **state)
{
	struct tmp *t = calloc(1, sizeof(*t));

	strncpy(t->path, "/tmp/cede-unit-XXXXXX", sizeof(t->path) - 1);
	if (!mkdtemp(t->path))
		return -1;
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = t;
	return 0;
}

static int tmp_teardown(void **state)
{
	struct tmp *t = *state;
	int rc = dir_remove_all(AT_FDCWD, t->path, NULL);

	close(t->fd);
	free(t);
	return rc;
}

static void test_files(void **state)
{
	struct tmp *t = *state;
	struct err e = ERR_INIT;
	char buf[16], *text;
	struct stat st;
	size_t len;

	assert_int_equal(file_write_atomic(t->fd, "f", "hello", 5, 0600, &e), 0);
	assert_int_equal(file_read(t->fd, "f", buf, sizeof(buf), &e), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(file_read(t->fd, "f", buf, 5, &e), -EFBIG);
	assert_int_equal(file_read_alloc(t->fd, "f", 5, &text, &len, &e), 0);
	assert_int_equal(len, 5);
	free(text);
	assert_int_equal(file_read_alloc(t->fd, "f", 4, &text, &len, &e), -EFBIG);
	assert_int_equal(file_read_alloc(t->fd, "missing", 4, &text, &len, &e), -ENOENT);
	assert_int_equal(file_read_alloc(t->fd, ".", 4, &text, &len, &e), -EISDIR);
	assert_int_equal(fstatat(t->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_write_atomic(t->fd, "no/such", "x", 1, 0600, &e), -ENOENT);
	/* A fifo must not hang a reader. */
	assert_int_equal(mkfifoat(t->fd, "fifo", 0600), 0);
	assert_int_equal(file_read_alloc(t->fd, "fifo", 4, &text, &len, &e), 0);
	free(text);
}

static void test_dirs(void **state)
{
	struct tmp *t = *state;
	struct err e = ERR_INIT;
	struct stat st;

	assert_int_equal(dir_make_all(t->fd, "a/b/c", 0755, &e), 0);
	assert_int_equal(dir_make_all(t->fd, "a/b/c", 0755, &e), 0);
	assert_int_equal(file_write_atomic(t->fd, "a/b/f", "x", 1, 0600, &e), 0);
	assert_int_equal(dir_make_all(t->fd, "a/b/f/d", 0755, &e), -ENOTDIR);
	assert_int_equal(dir_make_all(t->fd, "a/b/f", 0755, &e), -ENOTDIR);
	/* A link in the tree is removed, what it points to is not. */
	assert_int_equal(dir_make_all(t->fd, "outside", 0755, &e), 0);
	assert_int_equal(file_write_atomic(t->fd, "outside/precious", "x", 1, 0600, &e), 0);
	assert_int_equal(symlinkat("../../outside", t->fd, "a/b/link"), 0);
	assert_false(dir_is_empty(t->fd, "a"));
	assert_int_equal(dir_remove_all(t->fd, "a", &e), 0);
	assert_int_equal(fstatat(t->fd, "a", &st, 0), -1);
	assert_int_equal(fstatat(t->fd, "outside/precious", &st, 0), 0);
	assert_int_equal(dir_remove_all(t->fd, "never-there", &e), 0);
}

static void test_proc_stat(void **state)
{
	struct proc_stat st;

	(void)state;
	assert_int_equal(
		proc_stat_parse("17 (evil) R 1 (x) S 3 4 5 6 -1 8 9 10 11 12 13 14 15 16 17 18 19 "
				"20 12345 22 23 24\n",
				&st),
		0);
	assert_int_equal(st.state, 'S');
	assert_int_equal(st.ppid, 3);
	assert_int_equal(st.session, 5);
	assert_int_equal(st.utime_ticks, 13);
	assert_int_equal(st.start_ticks, 12345);
	assert_int_equal(proc_stat_parse("17 (short) S 1 2 3", &st), -EBADMSG);
	assert_int_equal(proc_stat_parse("no parenthesis", &st), -EBADMSG);
	assert_int_equal(proc_stat_parse("", &st), -EBADMSG);
	assert_int_equal(proc_stat_read(PROC_SELF, &st, NULL), 0);
	assert_int_equal(st.ppid, getppid());
	assert_int_equal(proc_stat_read(0x3fffffff, &st, NULL), -ENOENT);
}

static void test_proc_beneath(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	/* Magic links and ways out are refused, whatever they point to. */
	assert_int_equal(proc_open(PROC_SELF, "exe", O_RDONLY, &e), -ELOOP);
	assert_int_equal(proc_open(PROC_SELF, "root/etc/passwd", O_RDONLY, &e), -ELOOP);
	assert_int_equal(proc_open(PROC_SELF, "cwd", O_RDONLY, &e), -ELOOP);
	assert_int_equal(proc_open(PROC_SELF, "fd/0", O_RDONLY, &e), -ELOOP);
	assert_int_equal(proc_open(PROC_SELF, "../../etc/passwd", O_RDONLY, &e), -EXDEV);
	assert_int_equal(proc_open(PROC_ROOT, "/etc/passwd", O_RDONLY, &e), -EXDEV);
}

#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!(cond))                                                                       \
			_exit(__LINE__ % 200 + 1);                                                 \
	} while (0)

/* Without privileges there is no procfs of its own, and somebody has mounted over the host's: a
 * directory on a directory, a file on a file. */
static _Noreturn void see_mounts_over_proc(const char *fake)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};
	char path[64];

	REQUIRE(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	REQUIRE(mount(fake, "/proc/sys", NULL, MS_BIND, NULL) == 0);
	(void)snprintf(path, sizeof(path), "%s/kernel", fake);
	REQUIRE(mount(path, "/proc/uptime", NULL, MS_BIND, NULL) == 0);
	REQUIRE(syscall(SYS_capset, &head, none) == 0);
	proc_forget();
	REQUIRE(proc_open(PROC_ROOT, "sys/kernel", O_RDONLY, NULL) == -EXDEV);
	REQUIRE(proc_open(PROC_ROOT, "sys", O_PATH, NULL) == -EXDEV);
	REQUIRE(proc_open(PROC_ROOT, "uptime", O_RDONLY, NULL) == -EXDEV);
	REQUIRE(proc_open(PROC_SELF, "root/etc/passwd", O_RDONLY, NULL) == -ELOOP);
	REQUIRE(proc_open(PROC_ROOT, "../etc/passwd", O_RDONLY, NULL) == -EXDEV);
	REQUIRE(proc_open(PROC_SELF, "stat", O_RDONLY, NULL) >= 0);
	_exit(0);
}

static void test_proc_mounted_over(void **state)
{
	char fake[] = "/tmp/cede-base-XXXXXX", file[64];
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(fake));
	(void)snprintf(file, sizeof(file), "%s/kernel", fake);
	assert_int_equal(close(creat(file, 0600)), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		unshare(CLONE_NEWNS) < 0 ? _exit(255) : see_mounts_over_proc(fake);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(fake), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 255) {
		print_message("skipped: needs root to mount\n");
		skip();
	}
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err),
		cmocka_unit_test(test_arena),
		cmocka_unit_test_setup_teardown(test_files, tmp_setup, tmp_teardown),
		cmocka_unit_test_setup_teardown(test_dirs, tmp_setup, tmp_teardown),
		cmocka_unit_test(test_proc_stat),
		cmocka_unit_test(test_proc_beneath),
		cmocka_unit_test(test_proc_mounted_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
