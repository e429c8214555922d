/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protection of the runtime's own file. The test executes a copy of itself as "protected", which
 * protects itself and then holds still, so that the parent can attack it. (A copy, because a file
 * that somebody executes, as the parent does, cannot be opened for writing anyway.)
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/self.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/test_self.XXXXXX";
static char copy[sizeof(dir) + 8];

static int make_copy(void **state)
{
	char buf[65536];
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to;
	ssize_t n;

	(void)state;
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	(void)snprintf(copy, sizeof(copy), "%s/copy", dir);
	to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (to < 0 || fchmod(to, 0755) < 0)
		return -1;
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return -1;
	(void)fd_close(from);
	(void)fd_close(to);
	return (int)n;
}

static int remove_copy(void **state)
{
	(void)state;
	return unlink(copy) | rmdir(dir);
}

struct victim {
	pid_t pid;
	int ready, hold;
};

/* argv: NAME "protected" READY-FD HOLD-FD. Writes the outcome, waits for its end. */
static int be_protected(char **argv)
{
	struct err e = ERR_INIT;
	int rc = self_protect(argv, &e);
	char byte = rc == 0 ? 'y' : 'n';

	(void)!write(argv[2][0] - '0', &byte, 1);
	(void)!read(argv[3][0] - '0', &byte, 1);
	return 0;
}

static void start(struct victim *v, uid_t uid)
{
	char *argv[] = {(char *)"test_self", (char *)"protected", (char *)"8", (char *)"9", NULL};
	int ready[2], hold[2];
	char byte = 0;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	v->pid = fork();
	if (v->pid == 0) {
		(void)dup2(ready[1], 8);
		(void)dup2(hold[0], 9);
		if (uid && setresuid(uid, uid, uid) < 0)
			_exit(1);
		(void)execve(copy, argv, (char *[]){NULL});
		_exit(1);
	}
	(void)fd_close(ready[1]);
	(void)fd_close(hold[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	v->ready = ready[0];
	v->hold = hold[1];
}

static void stop(struct victim *v)
{
	int status;

	(void)fd_close(v->hold);
	assert_int_equal(waitpid(v->pid, &status, 0), v->pid);
	assert_int_equal(status, 0);
	(void)fd_close(v->ready);
}

/* Gets hold of the victim's file while it runs and opens it for writing when it has ended, when the
 * kernel's "text file busy" does not stand in the way any more. */
static int attack(struct victim *v)
{
	char path[64];
	int handle, fd, error;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", v->pid);
	handle = open(path, O_PATH | O_CLOEXEC);
	assert_true(handle >= 0);
	stop(v);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	error = fd < 0 ? errno : 0;
	if (fd >= 0) { /* then at least nothing may be written */
		error = write(fd, "x", 1) < 0 ? errno : 0;
		(void)fd_close(fd);
	}
	(void)fd_close(handle);
	return error;
}

static void test_read_only_mount(void **state)
{
	struct victim v;

	(void)state;
	if (geteuid() != 0)
		skip();
	start(&v, 0);
	assert_int_equal(attack(&v), EROFS);
}

/* Without the right to mount: a sealed copy. */
static void test_sealed_copy(void **state)
{
	struct victim v;

	(void)state;
	start(&v, geteuid() == 0 ? 65534 : 0);
	assert_int_equal(attack(&v), EPERM);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_only_mount),
		cmocka_unit_test(test_sealed_copy),
	};

	if (argc == 4 && strcmp(argv[1], "protected") == 0)
		return be_protected(argv);
	return cmocka_run_group_tests(tests, make_copy, remove_copy);
}
