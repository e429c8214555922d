/* SPDX-License-Identifier: Apache-2.0 */
/* `cede spec` writes a document that cede itself takes, never over another one, and never half. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/cli.h"

struct place {
	char dir[48];
	int fd;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/cede-test-cli-spec-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->fd = open(p->dir, O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	(void)close(p->fd);
	assert_int_equal(dir_remove_all(AT_FDCWD, p->dir, NULL), 0);
	free(p);
	return 0;
}

static int spec(const struct place *p, const char *more, struct err *e)
{
	char verb[] = "spec", bundle[] = "--bundle", dir[sizeof(p->dir)], extra[32];
	char *argv[] = {verb, bundle, dir, extra, NULL};
	struct cli cli = {.program = "cede"};

	memcpy(dir, p->dir, sizeof(dir));
	(void)snprintf(extra, sizeof(extra), "%s", more ? more : "");
	return verb_spec.run(&cli, more ? 4 : 3, argv, e);
}

static struct spec *loaded(const struct place *p, const char *name)
{
	struct err e = ERR_INIT;
	struct spec *s = NULL;

	if (spec_load(p->fd, name, &s, &e) < 0)
		fail_msg("%s", e.msg);
	return s;
}

static void test_writes_what_cede_takes(void **state)
{
	const struct place *p = *state;
	struct err e = ERR_INIT;
	struct spec *s;

	assert_int_equal(spec(p, NULL, &e), 0);
	s = loaded(p, "config.json");
	assert_false(s->linux_.namespaces[NS_USER].wanted);
	spec_free(s);
	assert_int_equal(unlinkat(p->fd, "config.json", 0), 0);
	assert_int_equal(spec(p, "--rootless", &e), 0);
	s = loaded(p, "config.json");
	assert_true(s->linux_.namespaces[NS_USER].wanted);
	spec_free(s);
	assert_int_equal(spec(p, "--config=other.json", &e), 0);
	spec_free(loaded(p, "other.json"));
}

static void test_never_overwrites(void **state)
{
	const struct place *p = *state;
	struct err e = ERR_INIT;
	char text[16], expected[128];
	int fd = openat(p->fd, "config.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "mine", 4), 4);
	assert_int_equal(close(fd), 0);
	assert_int_equal(spec(p, NULL, &e), -EEXIST);
	(void)snprintf(expected, sizeof(expected),
		       "%s/config.json exists already; move it away first", p->dir);
	assert_string_equal(e.msg, expected);
	assert_int_equal(file_read(p->fd, "config.json", text, sizeof(text), &e), 4);
	assert_string_equal(text, "mine");
	/* Not through a link that leads nowhere either. */
	assert_int_equal(unlinkat(p->fd, "config.json", 0), 0);
	assert_int_equal(symlinkat("target", p->fd, "config.json"), 0);
	assert_int_equal(spec(p, NULL, &e), -EEXIST);
	assert_int_equal(faccessat(p->fd, "target", F_OK, 0), -1);
}

/* A file size limit fails the write as a full disk does. */
static void test_never_leaves_half(void **state)
{
	const struct place *p = *state;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit limit = {100, 100};
		struct err e = ERR_INIT;

		if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) < 0)
			_exit(2);
		if (spec(p, NULL, &e) != -EFBIG || !strstr(e.msg, "/config.json: File too large"))
			_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(dir_is_empty(p->fd, "."));
}

static void test_bad_usage(void **state)
{
	struct place nowhere = {.dir = "/nonexistent/bundle"};
	struct err e = ERR_INIT;

	assert_int_equal(spec(&nowhere, NULL, &e), -ENOENT);
	assert_string_equal(e.msg, "open /nonexistent/bundle: No such file or directory");
	assert_true(spec(*state, "operand", &e) < 0);
	assert_true(dir_is_empty(((struct place *)*state)->fd, "."));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_writes_what_cede_takes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_never_overwrites, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_never_leaves_half, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_usage, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("cli spec", tests, NULL, NULL);
}
