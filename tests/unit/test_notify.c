/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/notify.h"
#include "tests/unit/spec_docs.h"

static void test_is_ready(void **state)
{
	static const char *const ready[] = {"READY=1", "READY=1\n", "STATUS=x\nREADY=1",
					    "\n\nREADY=1\nMAINPID=1\n"};
	static const char *const not_ready[] = {"",	    "\n",	"READY=0",
						"READY=11", "XREADY=1", "STATUS=READY=1",
						"ready=1",  "READY=1 ", "READY="};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ready); i++)
		assert_true(notify_is_ready(ready[i]));
	for (size_t i = 0; i < ARRAY_SIZE(not_ready); i++)
		assert_false(notify_is_ready(not_ready[i]));
}

static void test_wanted(void **state)
{
	char longest[109];
	struct err e;

	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(notify_wanted(&e), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
	assert_int_equal(notify_wanted(&e), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", "@x", 1), 0);
	assert_int_equal(notify_wanted(&e), 1);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[107] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", longest, 1), 0);
	assert_int_equal(notify_wanted(&e), 1);
	longest[107] = 'x';
	longest[108] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", longest, 1), 0);
	assert_int_equal(notify_wanted(&e), -EINVAL);
	assert_int_equal(setenv("NOTIFY_SOCKET", "x", 1), 0);
	assert_int_equal(notify_wanted(&e), -EINVAL);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

static void test_add(void **state)
{
	struct spec *s = good(PROCESS(",\"env\":[\"A=b\",\"NOTIFY_SOCKET=/x\",\"C=d\"]"));
	struct spec *bare = good(DOC(""));
	const struct runtime rt = {.root = "/state"};
	const struct spec_mount *m;

	(void)state;
	assert_int_equal(notify_add(s, &rt, "id", NULL), 0);
	assert_int_equal(s->process->env.n, 3);
	assert_string_equal(s->process->env.v[0], "A=b");
	assert_string_equal(s->process->env.v[1], "C=d");
	assert_string_equal(s->process->env.v[2], "NOTIFY_SOCKET=/run/notify/notify.sock");
	assert_null(s->process->env.v[3]);
	m = &s->mounts[s->n_mounts - 1];
	assert_string_equal(m->destination, "/run/notify");
	assert_string_equal(m->source, "/state/id/notify");
	assert_int_equal(notify_add(bare, &rt, "id", NULL), 0);
	assert_int_equal(bare->n_mounts, 1);
	spec_free(s);
	spec_free(bare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_ready),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
