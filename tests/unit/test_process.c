/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/process_options.h"
#include "runtime/affinity.h"
#include "runtime/idmap.h"
#include "runtime/process.h"
#include "tests/unit/unit.h"

static void test_exec_error(void **state)
{
	static const struct {
		const char *name;
		int errnum, status;
		const char *text;
	} cases[] = {
		{"foo", ENOENT, 127, "exec: \"foo\": executable file not found in $PATH"},
		{"/foo", ENOENT, 127, "exec: \"/foo\": no such file or directory"},
		{"/a/foo", ENOTDIR, 127, "exec: \"/a/foo\": not a directory"},
		{"foo", EACCES, 126, "exec: \"foo\": permission denied"},
		{"/etc", EISDIR, 126, "exec: \"/etc\": is a directory: permission denied"},
		{"/foo", ENOEXEC, 126, "exec: \"/foo\": exec format error"},
		{"/foo", ELOOP, 126, "exec: \"/foo\": Too many levels of symbolic links"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(process_exec_error(cases[i].name, cases[i].errnum, &e),
				 -cases[i].errnum);
		assert_string_equal(e.msg, cases[i].text);
		assert_int_equal(e.exit_status, cases[i].status);
	}
}

static void check_home(const char *text, uint32_t uid, const char *want)
{
	const char *home = NULL;
	size_t len = 0;

	if (!want) {
		assert_false(passwd_home(text, uid, &home, &len));
		return;
	}
	assert_true(passwd_home(text, uid, &home, &len));
	assert_int_equal(len, strlen(want));
	assert_memory_equal(home, want, len);
}

static void test_passwd_home(void **state)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/sh\n"
				   "# a comment:with:1000:colons\n"
				   ":::::::\n"
				   "short:x:1000\n"
				   "bad:x:1000x:1000::/wrong:/bin/sh\n"
				   "empty:x:1001:1::\n"
				   "huge:x:99999999999999999999:1::/huge:/bin/sh\n"
				   "extra:x:1002:1::/extra:/bin/sh:more:fields\n"
				   "u:x:1000:1000:U,,,:/home/u:/bin/sh\n"
				   "noshell:x:1003:1::/noshell";

	(void)state;
	check_home(text, 0, "/root");
	check_home(text, 1000, "/home/u");
	check_home(text, 1001, NULL);
	check_home(text, 1002, "/extra");
	check_home(text, 1003, "/noshell");
	check_home(text, 4, NULL);
	check_home(text, UINT32_MAX, NULL);
	check_home("", 0, NULL);
	check_home("root:x:0:0:root:", 0, NULL);
	check_home("root:x:0", 0, NULL);
	check_home(":", 0, NULL);
}

/* CVE-2026-30892: what is not a number must never become root. */
static void test_user(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"1:",
		":1",
		" 1",
		"1 ",
		"-1",
		"+1",
		"0x1",
		"1:2:3",
		"1::2",
		"root",
		"1:root",
		"4294967295",
		"4294967296",
		"99999999999999999999",
		"1:4294967295",
		"1.5",
		"1\n",
	};
	struct spec_user u = {.uid = 7, .gid = 8};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(process_user_parse(bad[i], &u), -EINVAL);
		assert_int_equal(u.uid, 7);
		assert_int_equal(u.gid, 8);
	}
	assert_int_equal(process_user_parse("1000", &u), 0);
	assert_int_equal(u.uid, 1000);
	assert_int_equal(u.gid, 8);
	assert_int_equal(process_user_parse("0:4294967294", &u), 0);
	assert_int_equal(u.uid, 0);
	assert_int_equal(u.gid, 4294967294U);
}

/* In a child, which loses its descriptors. Returns a mask of those that are open, from 3 on. */
static unsigned survivors(int keep_fds, const int *keep, size_t n)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct process p = {.keep_fds = keep_fds};
		unsigned mask = 0;

		for (int fd = 3; fd < 11; fd++)
			(void)dup2(2, fd);
		if (process_close_fds(&p, keep, n, NULL) < 0)
			_exit(255);
		for (int fd = 3; fd < 11; fd++)
			mask |= fcntl(fd, F_GETFD) >= 0 ? 1u << (fd - 3) : 0;
		for (int fd = 11; fd < 100; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				_exit(254);
		_exit((int)mask);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return (unsigned)WEXITSTATUS(status);
}

static void test_close_fds(void **state)
{
	const int none[] = {-1, -1, -1}, some[] = {9, -1, 4}, adjacent[] = {3, 4, 5},
		  twice[] = {6, 6, 6};

	(void)state;
	assert_int_equal(survivors(0, none, 3), 0);
	assert_int_equal(survivors(2, none, 3), 0x03);
	assert_int_equal(survivors(0, some, 3), 1 << 6 | 1 << 1);
	assert_int_equal(survivors(0, adjacent, 3), 0x07);
	assert_int_equal(survivors(1, twice, 3), 1 << 0 | 1 << 3);
	/* One that is preserved anyway. */
	assert_int_equal(survivors(2, some, 3), 1 << 0 | 1 << 1 | 1 << 6);
}

/* A descriptor of our own (close-on-exec) is none that the caller left for the program. */
static void test_preserve_fds(void **state)
{
	const struct spec_process spec = {.cwd = "/"};
	struct process p;
	struct err e;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		(void)close_range(3, ~0U, 0);
		(void)dup2(2, 3);
		(void)dup3(2, 4, O_CLOEXEC);
		if (process_prepare(&p, &spec, false, 2, &e) != -EBADF)
			_exit(1);
		(void)close(4);
		if (process_prepare(&p, &spec, false, 2, &e) != -EBADF)
			_exit(2);
		if (process_prepare(&p, &spec, false, 1, &e) != 0 || p.keep_fds != 1)
			_exit(3);
		if (process_prepare(&p, &spec, false, -1, &e) != -EINVAL ||
		    process_prepare(&p, &spec, false, 100000, &e) != -EINVAL)
			_exit(4);
		(void)setenv("LISTEN_FDS", "1", 1);
		if (process_prepare(&p, &spec, false, 0, &e) != 0 || p.keep_fds != 1 ||
		    p.listen_fds != 1)
			_exit(5);
		(void)setenv("LISTEN_FDS", "1x", 1);
		if (process_prepare(&p, &spec, false, 0, &e) != -EINVAL)
			_exit(6);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_ignored_signals(void **state)
{
	const struct spec_process spec = {.cwd = "/"};
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct process p;

	(void)state;
	assert_int_equal(process_prepare(&p, &spec, false, 0, NULL), 0);
	assert_true(p.ignored >> (SIGXFSZ - 1) & 1);
	assert_false(p.ignored >> (SIGUSR1 - 1) & 1);
	(void)signal(SIGXFSZ, before);
}

static void test_affinity(void **state)
{
	static const char *const bad[] = {"",	   ",",		  "1,",	   ",1",  "a",
					  "1-",	   "-1",	  "3-1",   "1 2", "1--2",
					  "99999", "99999999999", "0-1024"};
	cpu_set_t set;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(affinity_parse(bad[i], &set), -EINVAL);
	assert_int_equal(affinity_parse("0-3,7", &set), 0);
	assert_int_equal(CPU_COUNT(&set), 5);
	assert_true(CPU_ISSET(0, &set) && CPU_ISSET(3, &set) && CPU_ISSET(7, &set));
	assert_int_equal(affinity_parse("1023", &set), 0);
	assert_int_equal(CPU_COUNT(&set), 1);
}

static void test_own_id(void **state)
{
	struct spec_idmap one = {.container_id = 7, .host_id = 1000, .size = 1};
	struct spec_idmap two[] = {one, one};
	struct spec_idmaps m = {.v = &one, .n = 1};

	(void)state;
	assert_true(idmap_is_own(&m, 1000));
	assert_false(idmap_is_own(&m, 1001));
	assert_false(idmap_is_own(&m, 7));
	one.size = 2;
	assert_false(idmap_is_own(&m, 1000));
	one.size = 1;
	m = (struct spec_idmaps){.v = two, .n = 2};
	assert_false(idmap_is_own(&m, 1000));
	m.n = 0;
	assert_false(idmap_is_own(&m, 1000));
}

static void test_idmap(void **state)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct spec_idmap v[] = {{0, 100000, 1000}, {5000, 1, 1}, {4294967294U, 7, 1}};
	const struct spec_idmaps m = {.v = v, .n = 3};
	uint32_t id = 42;

	(void)state;
	assert_true(idmap_to_host(&m, 0, &id) && id == 100000);
	assert_true(idmap_to_host(&m, 999, &id) && id == 100999);
	assert_true(idmap_to_host(&m, 5000, &id) && id == 1);
	assert_true(idmap_to_host(&m, 4294967294U, &id) && id == 7);
	assert_false(idmap_to_host(&m, 1000, &id));
	assert_false(idmap_to_host(&m, 5001, &id));
	assert_false(idmap_to_host(&(struct spec_idmaps){0}, 0, &id));
	idmap_print(&m, &text);
	assert_string_equal(strbuf_str(&text), "0 100000 1000\n5000 1 1\n4294967294 7 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_error),   cmocka_unit_test(test_passwd_home),
		cmocka_unit_test(test_user),	     cmocka_unit_test(test_close_fds),
		cmocka_unit_test(test_preserve_fds), cmocka_unit_test(test_ignored_signals),
		cmocka_unit_test(test_affinity),     cmocka_unit_test(test_idmap),
		cmocka_unit_test(test_own_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
