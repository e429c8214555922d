/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/hooks.h"
#include "tests/unit/unit.h"

/* A hook that is a shell script, in a document of one kind. */
struct scripts {
	struct spec spec;
	struct spec_hook hooks[4];
	char *args[4][4];
	char *env[2];
};

static const struct spec *script(struct scripts *s, enum spec_hook_kind kind, int timeout_sec,
				 const char *const *text, size_t n)
{
	*s = (struct scripts){.env = {(char *)"PATH=/usr/bin:/bin", NULL}};
	for (size_t i = 0; i < n; i++) {
		s->args[i][0] = (char *)"sh";
		s->args[i][1] = (char *)"-c";
		s->args[i][2] = (char *)text[i];
		s->hooks[i] = (struct spec_hook){
			.path = "/bin/sh",
			.args = {.v = s->args[i], .n = 3},
			.env = {.v = s->env, .n = 1},
			.timeout_sec = timeout_sec,
		};
	}
	s->spec.hooks[kind] = (struct spec_hooks){.v = s->hooks, .n = n};
	return &s->spec;
}
#define SCRIPT(s, kind, timeout, ...)                                                              \
	script(s, kind, timeout, (const char *const[]){__VA_ARGS__},                               \
	       ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static char dir[] = "/tmp/test_hooks.XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return dir_remove_all(AT_FDCWD, dir, NULL);
}

static const struct spec_pairs no_annotations;
static struct oci_state make_state(void)
{
	return (struct oci_state){
		.id = "c1",
		.status = OCI_CREATING,
		.pid = 4711,
		.bundle = dir,
		.annotations = &no_annotations,
	};
}

static void read_file(const char *name, char *buf, size_t size)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_true(file_read(AT_FDCWD, path, buf, size, NULL) >= 0);
	assert_int_equal(unlink(path), 0);
}

/* The state on stdin, the bundle as directory, the document's environment and nothing else. */
static void test_what_a_hook_gets(void **state)
{
	const struct oci_state st = make_state();
	struct scripts s;
	struct err e;
	char buf[1024];

	(void)state;
	assert_int_equal(
		hooks_run(SCRIPT(&s, HOOK_CREATE_RUNTIME, 0, "cat > state", "env > env; pwd > pwd"),
			  HOOK_CREATE_RUNTIME, &st, &e),
		0);
	read_file("state", buf, sizeof(buf));
	assert_non_null(strstr(buf, "\"id\":\"c1\""));
	assert_non_null(strstr(buf, "\"pid\":4711"));
	assert_non_null(strstr(buf, "\"status\":\"creating\""));
	read_file("pwd", buf, sizeof(buf));
	assert_memory_equal(buf, dir, strlen(dir));
	read_file("env", buf, sizeof(buf));
	assert_non_null(strstr(buf, "PATH=/usr/bin:/bin\n"));
	assert_null(strstr(buf, "HOME="));
}

static void test_first_failure_stops(void **state)
{
	const struct oci_state st = make_state();
	struct scripts s;
	struct err e;

	(void)state;
	assert_int_equal(hooks_run(SCRIPT(&s, HOOK_PRESTART, 0, "exit 0",
					  "echo no such; echo bridge >&2; exit 3", "touch third"),
				   HOOK_PRESTART, &st, &e),
			 -ECANCELED);
	assert_string_equal(e.msg,
			    "hooks.prestart[1]: /bin/sh ended with status 3: no such bridge");
	assert_int_equal(access("third", F_OK), -1);
}

/* runtime.md: the remaining poststop hooks are run as if the failed one had succeeded. */
static void test_poststop_goes_on(void **state)
{
	const struct oci_state st = make_state();
	struct scripts s;
	struct err e;
	char buf[64];

	(void)state;
	assert_int_equal(
		hooks_run(SCRIPT(&s, HOOK_POSTSTOP, 0, "exit 1", "exit 2", "echo ran > third"),
			  HOOK_POSTSTOP, &st, &e),
		-ECANCELED);
	assert_non_null(strstr(e.msg, "hooks.poststop[0]"));
	read_file("third", buf, sizeof(buf));
	assert_string_equal(buf, "ran\n");
}

static void test_timeout(void **state)
{
	const struct oci_state st = make_state();
	struct scripts s;
	struct err e;

	(void)state;
	assert_int_equal(
		hooks_run(SCRIPT(&s, HOOK_POSTSTART, 1, "sleep 60"), HOOK_POSTSTART, &st, &e),
		-ETIMEDOUT);
	assert_non_null(strstr(e.msg, "hooks.poststart[0]"));
	assert_int_equal(hooks_timeout_ms(&s.spec, HOOK_POSTSTART), 1000);
	assert_int_equal(hooks_timeout_ms(&s.spec, HOOK_PRESTART), 0);
	(void)SCRIPT(&s, HOOK_POSTSTART, 0, "true", "true");
	assert_int_equal(hooks_timeout_ms(&s.spec, HOOK_POSTSTART), 2 * HOOK_DEFAULT_TIMEOUT_MS);
	(void)SCRIPT(&s, HOOK_POSTSTART, INT32_MAX, "true", "true", "true");
	assert_true(hooks_timeout_ms(&s.spec, HOOK_POSTSTART) > 0);
}

static void test_missing_program(void **state)
{
	const struct oci_state st = make_state();
	struct spec_hook h = {.path = "/nonexistent/hook"};
	const struct spec s = {.hooks[HOOK_PRESTART] = {.v = &h, .n = 1}};
	struct err e;

	(void)state;
	assert_int_equal(hooks_run(&s, HOOK_PRESTART, &st, &e), -ENOENT);
	assert_string_equal(e.msg,
			    "hooks.prestart[0]: run /nonexistent/hook: No such file or directory");
	assert_int_equal(hooks_present(&s), 1u << HOOK_PRESTART);
	assert_int_equal(hooks_run(&s, HOOK_POSTSTOP, &st, &e), 0);
}

static void test_cancel(void **state)
{
	const struct oci_state st = make_state();
	struct scripts s;
	struct err e;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(hooks_run_cancel(SCRIPT(&s, HOOK_PRESTART, 0, "sleep 60"), HOOK_PRESTART,
					  &st, p[0], &e),
			 -EINTR);
	(void)fd_close(p[0]);
	(void)fd_close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_hook_gets), cmocka_unit_test(test_first_failure_stops),
		cmocka_unit_test(test_poststop_goes_on), cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_missing_program),	 cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
