/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		int base, rc;
		uint64_t value;
	} rows[] = {
		{"0", 10, 0, 0},
		{"18446744073709551615", 10, 0, UINT64_MAX},
		{"18446744073709551616", 10, -ERANGE, 0},
		{"99999999999999999999999", 10, -ERANGE, 0},
		{"", 10, -EINVAL, 0},
		{"-1", 10, -EINVAL, 0},
		{"+1", 10, -EINVAL, 0},
		{" 1", 10, -EINVAL, 0},
		{"1 ", 10, -EINVAL, 0},
		{"1:", 10, -EINVAL, 0},
		{":1", 10, -EINVAL, 0},
		{"0x10", 10, -EINVAL, 0},
		{"ff", 16, 0, 255},
		{"FF", 16, 0, 255},
		{"fg", 16, -EINVAL, 0},
		{"777", 8, 0, 511},
		{"8", 8, -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 42;
		int rc = parse_u64(rows[i].text, rows[i].base, &v);

		if (rc != rows[i].rc || v != (rc == 0 ? rows[i].value : 42))
			fail_msg("parse_u64(\"%s\", %d): rc %d value %llu", rows[i].text,
				 rows[i].base, rc, (unsigned long long)v);
	}
	assert_int_equal(parse_u64(NULL, 10, &(uint64_t){0}), -EINVAL);
}

static void test_signed(void **state)
{
	int64_t v = 0;
	uint32_t u = 0;
	int i = 0;

	(void)state;
	assert_int_equal(parse_i64("-9223372036854775808", 10, &v), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(parse_i64("9223372036854775807", 10, &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(parse_i64("9223372036854775808", 10, &v), -ERANGE);
	assert_int_equal(parse_i64("-9223372036854775809", 10, &v), -ERANGE);
	assert_int_equal(parse_i64("--1", 10, &v), -EINVAL);
	assert_int_equal(parse_i64("-", 10, &v), -EINVAL);
	assert_int_equal(parse_u32("4294967295", 10, &u), 0);
	assert_int_equal(parse_u32("4294967296", 10, &u), -ERANGE);
	assert_int_equal(parse_int("-2147483648", 10, &i), 0);
	assert_int_equal(parse_int("2147483648", 10, &i), -ERANGE);
}

static void test_bytes(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t value;
	} rows[] = {
		{"512", 0, 512},	 {"64k", 0, 65536},	    {"64K", 0, 65536},
		{"1.5G", 0, 1610612736}, {"2GiB", 0, 2147483648},   {"2gb", 0, 2147483648},
		{".5m", 0, 524288},	 {"1t", 0, 1ULL << 40},	    {"7b", 0, 7},
		{"", -EINVAL, 0},	 {"k", -EINVAL, 0},	    {".", -EINVAL, 0},
		{"1x", -EINVAL, 0},	 {"1kk", -EINVAL, 0},	    {"-1k", -EINVAL, 0},
		{"1..5k", -EINVAL, 0},	 {"20000000p", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 42;
		int rc = parse_bytes(rows[i].text, &v);

		if (rc != rows[i].rc || v != (rc == 0 ? rows[i].value : 42))
			fail_msg("parse_bytes(\"%s\"): rc %d value %llu", rows[i].text, rc,
				 (unsigned long long)v);
	}
}

static void test_part(void **state)
{
	char buf[4];

	(void)state;
	assert_true(str_part(buf, sizeof(buf), "123456", 3));
	assert_string_equal(buf, "123");
	assert_false(str_part(buf, sizeof(buf), "123456", 4));
	assert_string_equal(buf, "123");
	assert_true(str_part(buf, sizeof(buf), "x", 0));
	assert_string_equal(buf, "");
}

static void test_milli(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(parse_milli("1.5", &v), 0);
	assert_int_equal(v, 1500);
	assert_int_equal(parse_milli(".25", &v), 0);
	assert_int_equal(v, 250);
	assert_int_equal(parse_milli("2", &v), 0);
	assert_int_equal(v, 2000);
	assert_int_equal(parse_milli("0.0001", &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(parse_milli("2x", &v), -EINVAL);
	assert_int_equal(parse_milli("", &v), -EINVAL);
	assert_int_equal(parse_milli(NULL, &v), -EINVAL);
}

static void test_parse_duration(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
		int rc;
	} rows[] = {
		{"5s", 5000000000ULL, 0},
		{"100ms", 100000000, 0},
		{"1m30s", 90000000000ULL, 0},
		{"1.5h", 5400000000000ULL, 0},
		{"7us", 7000, 0},
		{"3ns", 3, 0},
		{"0s", 0, 0},
		{"", 7, -EINVAL},
		{"5", 7, -EINVAL},
		{"s", 7, -EINVAL},
		{"5x", 7, -EINVAL},
		{"-5s", 7, -EINVAL},
		{"5s ", 7, -EINVAL},
		{"1.2.3s", 7, -EINVAL},
		{".s", 7, -EINVAL},
		{"99999999999999h", 7, -ERANGE},
		{"4000000h4000000h", 7, -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 7;

		if (parse_duration(rows[i].text, &v) != rows[i].rc || v != rows[i].ns)
			fail_msg("%s: %llu", rows[i].text, (unsigned long long)v);
	}
	assert_int_equal(parse_duration(NULL, NULL), -EINVAL);
}

static void test_strbuf(void **state)
{
	struct strbuf sb = STRBUF_INIT;
	char *s;

	(void)state;
	assert_string_equal(strbuf_str(&sb), "");
	for (int i = 0; i < 100; i++)
		strbuf_addf(&sb, "%d,", i);
	strbuf_add(&sb, "x\0y", 3);
	assert_int_equal(sb.len, 10 * 2 + 90 * 3 + 3);
	assert_memory_equal(sb.buf + sb.len - 3, "x\0y", 4);
	s = strbuf_take(&sb);
	assert_non_null(s);
	assert_null(sb.buf);
	free(s);
	s = strbuf_take(&sb);
	assert_string_equal(s, "");
	free(s);
}

static void test_strbuf_overflow(void **state)
{
	struct strbuf sb = STRBUF_INIT;

	(void)state;
	strbuf_adds(&sb, "kept");
	strbuf_add(&sb, "", SIZE_MAX - 2);
	assert_true(sb.oom);
	strbuf_adds(&sb, "ignored");
	assert_string_equal(strbuf_str(&sb), "kept");
	assert_null(strbuf_take(&sb));
}

static int join(const char *part, size_t len, void *arg)
{
	strbuf_addf(arg, "[%.*s]", (int)len, part);
	return len == 4 && memcmp(part, "stop", 4) == 0 ? 7 : 0;
}

static void test_split(void **state)
{
	struct strbuf sb = STRBUF_INIT;

	(void)state;
	assert_int_equal(str_split("a,,bc,", ',', join, &sb), 0);
	assert_string_equal(strbuf_str(&sb), "[a][][bc][]");
	strbuf_free(&sb);
	assert_int_equal(str_split("a:stop:b", ':', join, &sb), 7);
	assert_string_equal(strbuf_str(&sb), "[a][stop]");
	strbuf_free(&sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_part),   cmocka_unit_test(test_u64),
		cmocka_unit_test(test_signed), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_milli),  cmocka_unit_test(test_parse_duration),
		cmocka_unit_test(test_strbuf), cmocka_unit_test(test_strbuf_overflow),
		cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
