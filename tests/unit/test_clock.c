/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/unit.h"

static void test_known(void **state)
{
	static const struct {
		int64_t sec;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000000007Z"},
		{951782399, "2000-02-28T23:59:59.000000007Z"},
		{951782400, "2000-02-29T00:00:00.000000007Z"},
		{4107542399, "2100-02-28T23:59:59.000000007Z"},
		{4107542400, "2100-03-01T00:00:00.000000007Z"},
		{-1, "1969-12-31T23:59:59.000000007Z"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct timespec ts = {.tv_sec = cases[i].sec, .tv_nsec = 7};
		char buf[CLOCK_TEXT_SIZE];

		clock_format(&ts, buf);
		assert_string_equal(buf, cases[i].text);
	}
}

/* Every day of 500 years, against the C library. */
static void test_like_the_library(void **state)
{
	(void)state;
	for (int64_t day = -20000; day < 160000; day++) {
		struct timespec ts = {.tv_sec = day * 86400 + 45296};
		char buf[CLOCK_TEXT_SIZE], want[CLOCK_TEXT_SIZE];
		struct tm tm;

		(void)gmtime_r(&ts.tv_sec, &tm);
		assert_int_equal(strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm),
				 CLOCK_TEXT_SIZE - 1);
		clock_format(&ts, buf);
		assert_string_equal(buf, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_like_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
