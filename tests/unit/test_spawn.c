/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/spawn.h"

#include <cmocka.h> /* last: it defines fail() */

static char *const shell_env[] = {(char *)"PATH=/usr/bin:/bin", (char *)"X=42", NULL};

static int run_shell(const char *script, struct spawn s, struct spawn_result *ret, struct err *e)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};

	s.path = "sh";
	s.argv = argv;
	s.envp = shell_env;
	return spawn_run(&s, ret, e);
}

static void test_status_and_output(void **state)
{
	struct spawn_result r;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(
		run_shell("cat; echo $X; echo err >&2; exit 7",
			  (struct spawn){.stdin_data = "in\n", .stdin_len = 3, .output_limit = 99},
			  &r, &e),
		0);
	assert_int_equal(r.status, 7);
	assert_string_equal(r.output, "in\n42\nerr\n");
	assert_int_equal(r.output_len, 10);
	free(r.output);
}

static void test_signal_is_128_plus(void **state)
{
	struct spawn_result r;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(run_shell("kill -9 $$", (struct spawn){0}, &r, &e), 0);
	assert_int_equal(r.status, 137);
	assert_null(r.output);
}

/* More output than a pipe holds and than is kept: the child must neither block nor be killed. */
static void test_output_is_cut_not_blocked(void **state)
{
	struct spawn_result r;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(run_shell("head -c 300000 /dev/zero | tr '\\0' x; exit 3",
				   (struct spawn){.output_limit = 1000}, &r, &e),
			 0);
	assert_int_equal(r.status, 3);
	assert_int_equal(r.output_len, 1000);
	assert_int_equal(strlen(r.output), 1000);
	free(r.output);
}

/* The time-out takes the shell and what it started with it. */
static void test_timeout_kills_the_group(void **state)
{
	struct spawn_result r;
	struct err e = ERR_INIT;
	uint64_t begin = now_ns();
	int child = 0;

	(void)state;
	assert_int_equal(run_shell("sleep 100 & echo $!; wait",
				   (struct spawn){.output_limit = 20, .timeout_ms = 200}, &r, &e),
			 -ETIMEDOUT);
	assert_true(now_ns() - begin < 3 * NSEC_PER_SEC);
	assert_non_null(strstr(e.msg, "200 ms"));
	child = (int)strtoul(r.output, NULL, 10);
	free(r.output);
	assert_true(child > 1);
	for (int i = 0; i < 200 && kill(child, 0) == 0; i++)
		(void)usleep(10000);
	assert_int_equal(kill(child, 0), -1);
}

static void test_cancel(void **state)
{
	struct spawn_result r;
	struct err e = ERR_INIT;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(run_shell("sleep 100", (struct spawn){.cancel_fd = p[0]}, &r, &e), -EINTR);
	assert_int_equal(r.status, 137);
	(void)close(p[0]);
	(void)close(p[1]);
}

static void test_exec_errors(void **state)
{
	char *argv[] = {(char *)"x", NULL};
	struct spawn_result r;
	struct err e = ERR_INIT;
	char file[] = "/tmp/test_spawn.XXXXXX";
	int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(spawn_run(&(struct spawn){.path = "/nonexistent/x", .argv = argv}, &r, &e),
			 -ENOENT);
	assert_string_equal(e.msg, "run /nonexistent/x: No such file or directory");
	assert_int_equal(spawn_run(&(struct spawn){.path = file, .argv = argv}, &r, &e), -EACCES);
	assert_int_equal(
		spawn_run(&(struct spawn){.path = "no-such-program", .argv = argv}, &r, &e),
		-ENOENT);
	(void)unlink(file);
}

/* Nothing but 0, 1, 2 reaches the program, whatever flags descriptors here have. */
static void test_no_descriptor_leaks(void **state)
{
	struct spawn_result r;
	struct err e = ERR_INIT;
	int leaky = open("/dev/null", O_RDONLY);

	(void)state;
	assert_true(leaky >= 3);
	assert_int_equal(run_shell("ls /proc/self/fd | tr '\\n' ' '",
				   (struct spawn){.output_limit = 100}, &r, &e),
			 0);
	(void)close(leaky);
	assert_string_equal(r.output, "0 1 2 3 "); /* 3: ls reading the directory */
	free(r.output);
}

static int refuse_in_child(void *arg)
{
	return *(int *)arg;
}

static void test_in_child(void **state)
{
	struct spawn_result r;
	struct err e = ERR_INIT;
	int yes = 0, no = -1;

	(void)state;
	assert_int_equal(run_shell("exit 0",
				   (struct spawn){.in_child = refuse_in_child, .arg = &yes}, &r,
				   &e),
			 0);
	assert_int_equal(r.status, 0);
	assert_int_equal(run_shell("exit 0",
				   (struct spawn){.in_child = refuse_in_child, .arg = &no}, &r, &e),
			 0);
	assert_int_equal(r.status, 125);
}

static void test_signals_are_reset(void **state)
{
	struct spawn_result r;
	struct err e = ERR_INIT;
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);

	(void)state;
	assert_int_equal(run_shell("kill -PIPE $$; exit 0", (struct spawn){0}, &r, &e), 0);
	(void)signal(SIGPIPE, before);
	assert_int_equal(r.status, 128 + SIGPIPE);
}

static void make_file(const char *dir, const char *name, mode_t mode)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static void test_exec_find(void **state)
{
	char dir[] = "/tmp/test_spawn.XXXXXX", path[128], buf[256], want[256], small[8];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	make_file(path, "tool", 0644);
	make_file(dir, "tool", 0755);
	make_file(dir, "plain", 0644);
	(void)snprintf(path, sizeof(path), "/nonexistent:%s/a:%s", dir, dir);
	(void)snprintf(want, sizeof(want), "%s/tool", dir);
	/* A file without the x bit is passed over. */
	assert_int_equal(exec_find("tool", path, buf, sizeof(buf)), 0);
	assert_string_equal(buf, want);
	assert_int_equal(exec_find("plain", path, buf, sizeof(buf)), -EACCES);
	assert_int_equal(exec_find("a", path, buf, sizeof(buf)), -ENOENT);
	assert_int_equal(exec_find("missing", path, buf, sizeof(buf)), -ENOENT);
	assert_int_equal(exec_find("", path, buf, sizeof(buf)), -ENOENT);
	assert_int_equal(exec_find(dir, path, buf, sizeof(buf)), -EISDIR);
	assert_int_equal(exec_find(want, path, small, sizeof(small)), -ENAMETOOLONG);
	assert_int_equal(exec_find("sh", NULL, buf, sizeof(buf)), 0);
	assert_int_equal(unlinkat(AT_FDCWD, want, 0), 0);
	(void)snprintf(want, sizeof(want), "%s/plain", dir);
	assert_int_equal(unlink(want), 0);
	(void)snprintf(want, sizeof(want), "%s/a/tool", dir);
	assert_int_equal(unlink(want), 0);
	(void)snprintf(want, sizeof(want), "%s/a", dir);
	assert_int_equal(rmdir(want), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void test_env_get(void **state)
{
	char *const env[] = {(char *)"PATHX=1", (char *)"PATH=/a", (char *)"E=", NULL};

	(void)state;
	assert_string_equal(env_get(env, "PATH"), "/a");
	assert_string_equal(env_get(env, "E"), "");
	assert_null(env_get(env, "PAT"));
	assert_null(env_get(NULL, "PATH"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_and_output),
		cmocka_unit_test(test_signal_is_128_plus),
		cmocka_unit_test(test_output_is_cut_not_blocked),
		cmocka_unit_test(test_timeout_kills_the_group),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_exec_errors),
		cmocka_unit_test(test_no_descriptor_leaks),
		cmocka_unit_test(test_in_child),
		cmocka_unit_test(test_signals_are_reset),
		cmocka_unit_test(test_exec_find),
		cmocka_unit_test(test_env_get),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
