/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"

static const struct verb verb = {.name = "test", .args = "ID", .summary = "a verb"};

struct values {
	bool flag, other;
	const char *text;
	int number;
	uint64_t size;
	struct opt_list list;
};

static int parse(struct values *v, struct err *e, int argc, const char **argv)
{
	const struct opt opts[] = {
		{"flag", 'f', OPT_FLAG, &v->flag, NULL, "a flag"},
		{"other", 'o', OPT_FLAG, &v->other, NULL, NULL},
		{"text", 't', OPT_STRING, &v->text, "TEXT", "a text"},
		{"number", 'n', OPT_INT, &v->number, "N", "a number"},
		{"size", 0, OPT_U64, &v->size, "N", "a size"},
		{"item", 'i', OPT_LIST, &v->list, "X", "repeated"},
		{"loud", 'l', OPT_SAYS, &v->text, "LOUD", NULL},
		{"no-subreaper", 0, OPT_IGNORE, NULL, NULL, NULL},
		{"old", 0, OPT_IGNORE_VALUE, NULL, NULL, NULL},
		{0},
	};

	memset(v, 0, sizeof(*v));
	err_clear(e);
	return cli_options(&verb, opts, argc, (char **)(uintptr_t)argv, e);
}
#define PARSE(...)                                                                                 \
	({                                                                                         \
		const char *argv_[] = {"test", __VA_ARGS__, NULL};                                 \
		parse(&v, &e, (int)ARRAY_SIZE(argv_) - 1, argv_);                                  \
	})

static void test_forms(void **state)
{
	struct err e = ERR_INIT;
	struct values v;

	(void)state;
	assert_int_equal(PARSE("--flag", "--text", "x", "id"), 4);
	assert_true(v.flag);
	assert_string_equal(v.text, "x");
	assert_int_equal(PARSE("--text=a=b", "--number=-3", "--size=18446744073709551615"), 4);
	assert_string_equal(v.text, "a=b");
	assert_int_equal(v.number, -3);
	assert_true(v.size == UINT64_MAX);
	assert_int_equal(PARSE("-t", "x", "-n5", "-fo", "id", "--flag"), 5);
	assert_int_equal(v.number, 5);
	assert_true(v.flag && v.other);
	/* as go-runc writes them */
	assert_int_equal(PARSE("-no-subreaper", "-text", "y", "id"), 4);
	assert_string_equal(v.text, "y");
	assert_int_equal(PARSE("--no-subreaper", "--old", "5", "id"), 4);
	assert_int_equal(PARSE("--flag=false", "id"), 2);
	assert_false(v.flag);
	assert_int_equal(PARSE("-i", "a", "--item=b", "-ic", "--", "--flag"), 6);
	assert_int_equal(v.list.n, 3);
	assert_string_equal(v.list.v[2], "c");
	assert_false(v.flag);
	assert_int_equal(PARSE("-", "--flag"), 1);
}

/* An option that stands for another one's value: the last one wins. */
static void test_says(void **state)
{
	struct values v;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("--loud", "x"), 2);
	assert_string_equal(v.text, "LOUD");
	assert_int_equal(PARSE("-t", "soft", "-l", "x"), 4);
	assert_string_equal(v.text, "LOUD");
	assert_int_equal(PARSE("--loud", "--text=soft", "x"), 3);
	assert_string_equal(v.text, "soft");
	assert_int_equal(PARSE("--text=soft", "--loud=false", "x"), 3);
	assert_string_equal(v.text, "soft");
	assert_int_equal(PARSE("--loud", "--loud=false", "x"), 3);
	assert_null(v.text);
	assert_int_equal(PARSE("--loud=maybe", "x"), -EINVAL);
}

static void test_refusals(void **state)
{
	struct err e = ERR_INIT;
	struct values v;

	(void)state;
	assert_int_equal(PARSE("--unknown"), -EINVAL);
	assert_non_null(strstr(e.msg, "unknown option --unknown"));
	assert_int_equal(PARSE("-x"), -EINVAL);
	assert_int_equal(PARSE("--text"), -EINVAL);
	assert_non_null(strstr(e.msg, "requires an argument"));
	assert_int_equal(PARSE("-t"), -EINVAL);
	assert_int_equal(PARSE("--number=1x"), -EINVAL);
	assert_non_null(strstr(e.msg, "expected an integer, found \"1x\""));
	assert_int_equal(PARSE("--number="), -EINVAL);
	assert_int_equal(PARSE("--number=99999999999"), -EINVAL);
	assert_int_equal(PARSE("--size=-1"), -EINVAL);
	assert_int_equal(PARSE("--flag=maybe"), -EINVAL);
}

static void test_operands(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(cli_operands(&verb, 3, 2, 1, 1, &e), 0);
	assert_int_equal(cli_operands(&verb, 2, 2, 1, 1, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "missing operand"));
	assert_int_equal(cli_operands(&verb, 4, 2, 1, 1, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "too many operands"));
	assert_int_equal(cli_operands(&verb, 40, 2, 1, -1, &e), 0);
}

static void test_signals(void **state)
{
	static const struct {
		const char *name;
		int rc, value;
	} rows[] = {
		{"9", 0, 9},
		{"KILL", 0, SIGKILL},
		{"SIGTERM", 0, SIGTERM},
		{"sigusr1", 0, SIGUSR1},
		{"0", 0, 0},
		{"SIG", -EINVAL, 0},
		{"NOPE", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"65", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"9x", -EINVAL, 0},
		{"SIGSIGTERM", -EINVAL, 0},
		{"a-very-long-signal-name-indeed", -EINVAL, 0},
	};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int sig = -7, rc = cli_signal(rows[i].name, &sig, &e);

		if (rc != rows[i].rc || (rc == 0 && sig != rows[i].value))
			fail_msg("cli_signal(\"%s\"): rc %d value %d", rows[i].name, rc, sig);
	}
	{
		int sig = 0;

		assert_int_equal(cli_signal("RTMIN+1", &sig, &e), 0);
		assert_int_equal(sig, 35);
		assert_int_equal(cli_signal("SIGRTMAX-2", &sig, &e), 0);
		assert_int_equal(sig, SIGRTMAX - 2);
		assert_int_equal(cli_signal("RTMIN+99", &sig, &e), -EINVAL);
		assert_string_equal(cli_signal_name(SIGTERM), "TERM");
		assert_null(cli_signal_name(0));
		assert_null(cli_signal_name(40));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	 cmocka_unit_test(test_says),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_operands),
		cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
