/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

static struct json *parse(struct arena *a, const char *text)
{
	struct err e = ERR_INIT;
	struct json *v = NULL;
	int rc = json_parse(a, text, strlen(text), "doc", &v, &e);

	if (rc < 0)
		fail_msg("%s: %s", text, e.msg);
	return v;
}

/* Parsed and written again. */
static void assert_round(const char *text, const char *expected)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct json_writer w = {0};

	json_w_value(&w, NULL, parse(&a, text));
	assert_false(w.sb.oom);
	assert_string_equal(strbuf_str(&w.sb), expected);
	strbuf_free(&w.sb);
}

static void assert_refused_n(const char *text, size_t len, int errnum, const char *msg)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	struct json *v = NULL;
	int rc = json_parse(&a, text, len, "doc", &v, &e);

	if (rc != -errnum || !streq(e.msg, msg))
		fail_msg("%s: got %d \"%s\", expected %d \"%s\"", text, rc, e.msg, -errnum, msg);
	assert_null(v);
	assert_int_equal(e.code, errnum);
}

static void assert_refused(const char *text, const char *msg)
{
	assert_refused_n(text, strlen(text), EBADMSG, msg);
}

static void test_values(void **state)
{
	(void)state;
	assert_round("null", "null");
	assert_round(" true\n", "true");
	assert_round("[false]", "[false]");
	assert_round("12", "12");
	assert_round("\"x\"", "\"x\"");
	assert_round("{}", "{}");
	assert_round("[]", "[]");
	assert_round("[[],{},[{}]]", "[[],{},[{}]]");
	assert_round(
		"{ \"a\" : { \"b\" : [ 1 , { \"c\" : null } ] , \"d\" : \"e\" } , \"f\" : [] }",
		"{\"a\":{\"b\":[1,{\"c\":null}],\"d\":\"e\"},\"f\":[]}");
}

/* uint64 and int64 to the last digit; a double would lose them. */
static void test_numbers_are_exact(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *v;
	uint64_t u = 7;
	int64_t i = 7;

	(void)state;
	assert_round("[18446744073709551615,-9223372036854775808,1e400,-0,0.10]",
		     "[18446744073709551615,-9223372036854775808,1e400,-0,0.10]");
	v = parse(&a, "{\"u\":18446744073709551615,\"i\":-9223372036854775808,\"big\":"
		      "18446744073709551616,\"f\":1.5,\"s\":\"3\"}");
	assert_true(json_get_u64(v, "u", &u));
	assert_true(u == UINT64_MAX);
	assert_true(json_get_i64(v, "i", &i));
	assert_true(i == INT64_MIN);
	u = i = 7;
	assert_false(json_get_u64(v, "i", &u));
	assert_false(json_get_i64(v, "u", &i));
	assert_false(json_get_u64(v, "big", &u));
	assert_false(json_get_u64(v, "f", &u));
	assert_false(json_get_u64(v, "s", &u));
	assert_false(json_get_u64(v, "missing", &u));
	assert_true(u == 7 && i == 7);
}

static void test_strings(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *v;

	(void)state;
	v = parse(&a, "[\"\", \"plain\", \"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\", \"\\u00e9\\u20ac\", "
		      "\"\\ud83d\\ude00\", \"\xc3\xa9\"]");
	assert_int_equal(v->array.n, 6);
	assert_string_equal(v->array.items[0]->string.text, "");
	assert_string_equal(v->array.items[1]->string.text, "plain");
	assert_int_equal(v->array.items[1]->string.len, 5);
	assert_string_equal(v->array.items[2]->string.text, "a\"\\/\b\f\n\r\tz");
	assert_string_equal(v->array.items[3]->string.text, "\xc3\xa9\xe2\x82\xac");
	assert_string_equal(v->array.items[4]->string.text, "\xf0\x9f\x98\x80");
	assert_string_equal(v->array.items[5]->string.text, "\xc3\xa9");
	/* Keys are strings too, and those with escapes come from another buffer. */
	v = parse(&a, "{\"a\\u0062\":1,\"\\\\\":2,\"c\":3}");
	assert_non_null(json_get(v, "ab"));
	assert_non_null(json_get(v, "\\"));
	assert_non_null(json_get(v, "c"));
}

static void test_last_key_wins(void **state)
{
	struct strbuf sb = STRBUF_INIT;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *v;
	uint64_t n;

	(void)state;
	assert_round("{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2,\"a\":3}");
	assert_round("{\"a\":1,\"a\":2,\"a\":[]}", "{\"a\":[]}");
	/* Enough members for the other algorithm: k0=0 .. k49=49, then all again. */
	strbuf_adds(&sb, "{");
	for (int i = 0; i < 100; i++)
		strbuf_addf(&sb, "%s\"k%d\":%d", i ? "," : "", i % 50, i);
	strbuf_adds(&sb, "}");
	v = parse(&a, strbuf_str(&sb));
	assert_int_equal(v->object.n, 50);
	for (int i = 0; i < 50; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_string_equal(v->object.members[i].key, key);
		assert_true(json_get_u64(v, key, &n));
		assert_int_equal(n, 50 + i);
	}
	strbuf_free(&sb);
}

static void test_syntax_errors_have_a_place(void **state)
{
	(void)state;
	assert_refused("", "doc: line 1, column 1: premature EOF");
	assert_refused("{]", "doc: line 1, column 2: invalid object key (must be a string)");
	assert_refused("[1,2", "doc: line 1, column 5: premature EOF");
	assert_refused("{\"a\":\n\n  x}", "doc: line 3, column 3: invalid char in json text.");
	assert_refused("[1] x", "doc: line 1, column 5: trailing garbage");
	assert_refused("{} {}", "doc: line 1, column 4: trailing garbage");
	assert_refused("[\"\xc3\xa9\", x]", "doc: line 1, column 7: invalid char in json text.");
	assert_refused("[1,]", "doc: line 1, column 4: unallowed token at this point in JSON text");
	assert_refused("[/* x */]", "doc: line 1, column 1: probable comment found in input text, "
				    "comments are not enabled.");
	assert_refused("[\"a\x01\"]", "doc: line 1, column 3: invalid character inside string.");
	assert_refused("[\"\xff\"]", "doc: line 1, column 3: invalid bytes in UTF8 string.");
	assert_refused("[01]", "doc: line 1, column 3: after array element, I expect ',' or ']'");
	assert_refused("\xef\xbb\xbf{}", "doc: line 1, column 1: invalid char in json text.");
	assert_refused("[\"abc", "doc: line 1, column 6: premature EOF");
	assert_refused("nul", "doc: line 1, column 4: invalid string in json text.");
}

static void test_nul_is_refused(void **state)
{
	(void)state;
	assert_refused("[\"a\\u0000b\"]",
		       "doc: line 1, column 11: a string contains a NUL character");
	assert_refused("{\"\\u0000\":1}",
		       "doc: line 1, column 9: a string contains a NUL character");
	assert_refused_n("[1]\0", 4, EBADMSG, "doc: line 1, column 4: trailing garbage");
	assert_refused_n("[\"\0\"]", 5, EBADMSG,
			 "doc: line 1, column 2: invalid character inside string.");
}

static void test_lone_surrogates_are_refused(void **state)
{
	static const char msg[] =
		"doc: line 1, column 3: an escaped surrogate without its other half";

	(void)state;
	assert_refused("[\"\\ud800\"]", msg);
	assert_refused("[\"\\uDFFF\"]", msg);
	assert_refused("[\"\\ud800\\u0041\"]", msg);
	assert_refused("[\"\\udc00\\ud800\"]", msg);
	assert_refused("[\"\\ud800\\", msg);
	assert_round("[\"\\\\ud800\"]", "[\"\\\\ud800\"]"); /* an escaped backslash, then text */
	assert_round("[\"\\ud83d\\ude00\\ud83d\\ude00\"]",
		     "[\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"]");
}

static char *repeat(const char *unit, size_t n)
{
	struct strbuf sb = STRBUF_INIT;

	while (n-- > 0)
		strbuf_adds(&sb, unit);
	return strbuf_take(&sb);
}

static void test_bounds(void **state)
{
	_cleanup_free_ char *opened = repeat("[", JSON_MAX_DEPTH),
			    *closed = repeat("]", JSON_MAX_DEPTH + 16);
	_cleanup_free_ char *deep = NULL, *too_deep = NULL;
	_cleanup_free_ char *values = repeat("1,", JSON_MAX_VALUES - 2);
	_cleanup_free_ char *many = NULL, *too_many = NULL;
	_cleanup_free_ char *spaces = calloc(1, JSON_MAX_BYTES + 2);
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	assert_true(asprintf(&deep, "%s%.*s", opened, JSON_MAX_DEPTH, closed) > 0);
	assert_true(asprintf(&too_deep, "[%s", opened) > 0);
	(void)parse(&a, deep); /* fails the test itself */
	assert_refused_n(too_deep, strlen(too_deep), EFBIG,
			 "doc: line 1, column 10001: nested too deeply");
	/* The array counts too. */
	assert_true(asprintf(&many, "[%s1]", values) > 0);
	assert_true(asprintf(&too_many, "[%s1,1]", values) > 0);
	assert_int_equal(parse(&a, many)->array.n, JSON_MAX_VALUES - 1);
	assert_refused_n(too_many, strlen(too_many), EFBIG,
			 "doc: line 1, column 2000000: too many values");
	memset(spaces, ' ', JSON_MAX_BYTES + 1);
	spaces[0] = '1';
	assert_refused_n(spaces, JSON_MAX_BYTES + 1, EFBIG, "doc: larger than 16777216 bytes");
	spaces[JSON_MAX_BYTES] = '\0';
	(void)parse(&a, spaces);
}

/* yajl's buffer for strings with escapes grows several times, and is used again for the next. */
static void test_long_escaped_strings(void **state)
{
	_cleanup_free_ char *escaped = repeat("\\t0123456789", 5000);
	_cleanup_free_ char *plain = repeat("\t0123456789", 5000);
	_cleanup_free_ char *doc = NULL;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *v;

	(void)state;
	assert_true(asprintf(&doc, "[\"%s\",\"x\\ty\",\"%s\"]", escaped, escaped) > 0);
	v = parse(&a, doc);
	assert_string_equal(v->array.items[0]->string.text, plain);
	assert_int_equal(v->array.items[0]->string.len, strlen(plain));
	assert_string_equal(v->array.items[1]->string.text, "x\ty");
	assert_string_equal(v->array.items[2]->string.text, plain);
}

/* Many equal and unequal keys in one object must not take quadratic time (minutes, if they did). */
static void test_many_keys(void **state)
{
	struct strbuf sb = STRBUF_INIT;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *v;

	(void)state;
	strbuf_adds(&sb, "{");
	for (int i = 0; i < 400000; i++)
		strbuf_addf(&sb, "%s\"%d\":1", i ? "," : "", i % 300000);
	strbuf_adds(&sb, "}");
	v = parse(&a, strbuf_str(&sb));
	assert_int_equal(v->object.n, 300000);
	assert_string_equal(v->object.members[0].key, "100000");
	strbuf_free(&sb);
}

/* A child whose address space may grow by `room` bytes parses `doc`; what came of it: 0, 1 for
 * -ENOMEM as it should be, or anything else. */
static int parse_within(const char *doc, size_t room)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		struct json *v = NULL;
		struct rlimit limit;
		unsigned long pages = 0;
		FILE *f = fopen("/proc/self/statm", "re");
		int rc;

		if (!f || fscanf(f, "%lu", &pages) != 1)
			_exit(2);
		limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) + room;
		if (setrlimit(RLIMIT_AS, &limit) < 0)
			_exit(3);
		rc = json_parse(&a, doc, strlen(doc), "doc", &v, &e);
		if (rc == 0)
			_exit(v ? 0 : 4);
		_exit(rc == -ENOMEM && !v && streq(e.msg, "doc: Cannot allocate memory") ? 1 : 5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Wherever memory ends - the copy of the text, yajl's buffers, the tree - it is an error, never a
 * crash. */
static void test_out_of_memory(void **state)
{
#ifdef __SANITIZE_ADDRESS__
	(void)state;
	(void)parse_within;
	skip(); /* its allocator ends the program */
#else
	_cleanup_free_ char *escaped = repeat("\\n", 1u << 20),
			    *items = repeat("{\"k\":[]},", 50000);
	_cleanup_free_ char *doc = NULL;
	int seen[2] = {0};

	(void)state;
	(void)malloc_trim(0); /* or the child lives on what the parent has freed */
	assert_true(asprintf(&doc, "[%s\"%s\"]", items, escaped) > 0);
	for (size_t mb = 0; mb < 24; mb++) {
		int rc = parse_within(doc, mb << 20);

		if (rc != 0 && rc != 1)
			fail_msg("with %zu MB: child ended with %d", mb, rc);
		seen[rc]++;
	}
	assert_true(seen[0] > 0 && seen[1] > 5);
#endif
}

static void test_get(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *v = parse(&a, "{\"s\":\"x\",\"b\":true,\"n\":3,\"z\":null,\"l\":[1]}");

	(void)state;
	assert_string_equal(json_get_string(v, "s"), "x");
	assert_null(json_get_string(v, "n"));
	assert_null(json_get_string(v, "none"));
	assert_true(json_get_bool(v, "b", false));
	assert_true(json_get_bool(v, "none", true));
	assert_false(json_get_bool(v, "s", false));
	assert_int_equal(json_get(v, "z")->type, JSON_NULL);
	assert_null(json_get(json_get(v, "l"), "s"));
	assert_null(json_get(NULL, "s"));
	assert_string_equal(json_type_name(json_get(v, "l")->type), "array");
	assert_string_equal(json_type_name(JSON_BOOL), "boolean");
}

static void assert_written(const char *value, const char *expected)
{
	struct json_writer w = {0};

	json_w_string(&w, NULL, value);
	assert_string_equal(strbuf_str(&w.sb), expected);
	strbuf_free(&w.sb);
}

static void test_writer_escapes(void **state)
{
	(void)state;
	assert_written("", "\"\"");
	assert_written("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	assert_written("\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
	assert_written("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		       "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* Not UTF-8: a stray byte, cut short, overlong, a surrogate, above U+10FFFF. */
	assert_written("a\x80z", "\"a\xef\xbf\xbdz\"");
	assert_written("\xc3", "\"\xef\xbf\xbd\"");
	assert_written("\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_written("\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_written("\xe0\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_written("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_written("\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_written("\xff\xe2\x82\xac", "\"\xef\xbf\xbd\xe2\x82\xac\"");
	assert_written(NULL, "null");
}

static void write_all_kinds(struct json_writer *w)
{
	json_w_object(w, NULL);
	json_w_string(w, "s\n", "x");
	json_w_u64(w, "u", UINT64_MAX);
	json_w_i64(w, "i", INT64_MIN);
	json_w_double(w, "d", 0.125, 2);
	json_w_double(w, "nan", __builtin_nan(""), 2);
	json_w_array(w, "a");
	json_w_bool(w, NULL, true);
	json_w_bool(w, NULL, false);
	json_w_null(w, NULL);
	json_w_object(w, NULL);
	json_w_end_object(w);
	json_w_end_array(w);
	json_w_array(w, "e");
	json_w_end_array(w);
	json_w_end_object(w);
}

static void test_writer_layout(void **state)
{
	struct json_writer w = {0};

	(void)state;
	write_all_kinds(&w);
	assert_string_equal(strbuf_str(&w.sb),
			    "{\"s\\n\":\"x\",\"u\":18446744073709551615,\"i\":-9223372036854775808,"
			    "\"d\":0.12,\"nan\":null,\"a\":[true,false,null,{}],\"e\":[]}");
	strbuf_free(&w.sb);
	w = (struct json_writer){.indent = true};
	write_all_kinds(&w);
	assert_string_equal(strbuf_str(&w.sb), "{\n"
					       "  \"s\\n\": \"x\",\n"
					       "  \"u\": 18446744073709551615,\n"
					       "  \"i\": -9223372036854775808,\n"
					       "  \"d\": 0.12,\n"
					       "  \"nan\": null,\n"
					       "  \"a\": [\n"
					       "    true,\n"
					       "    false,\n"
					       "    null,\n"
					       "    {}\n"
					       "  ],\n"
					       "  \"e\": []\n"
					       "}");
	strbuf_free(&w.sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_numbers_are_exact),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_last_key_wins),
		cmocka_unit_test(test_syntax_errors_have_a_place),
		cmocka_unit_test(test_nul_is_refused),
		cmocka_unit_test(test_lone_surrogates_are_refused),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_long_escaped_strings),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_writer_escapes),
		cmocka_unit_test(test_writer_layout),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
