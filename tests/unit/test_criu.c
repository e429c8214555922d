/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/cr.h"
#include "runtime/criu.h"
#include "runtime/criu_wire.h"
#include "runtime/external.h"
#include "runtime/restore_check.h"

#include <cmocka.h> /* last: it defines fail() */

/* Bytes as protoc's encoder writes them. */
static void test_encode(void **state)
{
	static const unsigned char want[] = {0x08, 0x0a, 0xf8, 0x03, 0xac, 0x02, 0x92,
					     0x02, 0x05, 0x0a, 0x03, 'a',  'b',	 'c'};
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT, inner = STRBUF_INIT;

	(void)state;
	wire_u64(&sb, 1, 10);
	wire_u64(&sb, 63, 300);
	wire_string(&inner, 1, "abc");
	wire_message(&sb, 34, &inner);
	assert_int_equal(sb.len, sizeof(want));
	assert_memory_equal(sb.buf, want, sizeof(want));
}

static void test_big_number(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct wire_field f;
	struct wire w;

	(void)state;
	wire_u64(&sb, 536870911, UINT64_MAX); /* the largest field number */
	w = (struct wire){(const unsigned char *)sb.buf, sb.len};
	assert_int_equal(wire_next(&w, &f), 1);
	assert_int_equal(f.number, 536870911);
	assert_true(f.value == UINT64_MAX);
	assert_int_equal(wire_next(&w, &f), 0);
}

static int first(const char *bytes, size_t len)
{
	struct wire w = {(const unsigned char *)bytes, len};
	struct wire_field f;

	return wire_next(&w, &f);
}

static void test_broken(void **state)
{
	(void)state;
	assert_int_equal(first("", 0), 0);
	assert_int_equal(first("\x08", 1), -EBADMSG);	  /* no value */
	assert_int_equal(first("\x08\xff", 2), -EBADMSG); /* half a value */
	assert_int_equal(first("\x0a\x05"
			       "abc",
			       5),
			 -EBADMSG); /* shorter than it says */
	assert_int_equal(first("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11), -EBADMSG);
	assert_int_equal(first("\x00\x01", 2), -EBADMSG);      /* field 0 */
	assert_int_equal(first("\x0b\x01", 2), -EBADMSG);      /* a group */
	assert_int_equal(first("\x09\x01\x02", 3), -EBADMSG);  /* 8 bytes */
	assert_int_equal(first("\x0d\x01\x02\x03\x04", 5), 0); /* 4 bytes, skipped */
	assert_int_equal(first("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 11), -EBADMSG);
}

static void test_relative(void **state)
{
	static const char *const cases[][3] = {
		{"/a/img", "/a/pre", "../pre"}, {"/a/img", "/a/img2", "../img2"},
		{"/a/b/c", "/d", "../../../d"}, {"/a", "/a/b/c", "b/c"},
		{"/a/b/c", "/a", "../.."},	{"/", "/a", "a"},
		{"/a/b", "/", "../.."},		{"/a", "/a", "."},
		{"/ab/c", "/a/c", "../../a/c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_free_ char *way = cr_relative(cases[i][0], cases[i][1]);

		assert_string_equal(way, cases[i][2]);
	}
}

static void test_answers(void **state)
{
	static const unsigned char note[] = {0x08, 6,	0x10, 1,   0x2a, 8,    0x0a,
					     3,	   'a', 7,    'c', 0x10, 0x80, 1};
	static const unsigned char version[] = {0x08, 10, 0x10, 1, 0x52, 6, 8, 3, 16, 17, 32, 1};
	static const unsigned char restored[] = {0x08, 2, 0x10, 1, 0x22, 2, 8, 42};
	static const unsigned char bad[] = {0x08, 2, 0x22, 2, 8, 0xff};
	struct criu_answer a = {0};

	(void)state;
	assert_int_equal(criu_answer_parse(note, sizeof(note), &a), 0);
	assert_int_equal(a.type, CRIU_REQ_NOTIFY);
	assert_string_equal(a.note, "a?c");
	assert_int_equal(a.note_pid, 128);
	a = (struct criu_answer){0};
	assert_int_equal(criu_answer_parse(version, sizeof(version), &a), 0);
	assert_int_equal(a.major * 10000 + a.minor * 100 + a.sub, CRIU_VERSION(3, 17, 1));
	a = (struct criu_answer){0};
	assert_int_equal(criu_answer_parse(restored, sizeof(restored), &a), 0);
	assert_int_equal(a.pid, 42);
	assert_int_equal(criu_answer_parse(bad, sizeof(bad), &a), -EBADMSG);
}

static void test_log(void **state)
{
	char buf[256], tiny[16];
	const char *log = "(00.01) Error (criu/a.c:1): first\n"
			  "(00.01) Warn  (criu/a.c:1): not this\n"
			  "(00.02) Error (criu/b.c:2): second: \x01 odd\n"
			  "(00.03) Error (criu/c.c:3): third\n"
			  "Error (criu/d.c:4): fourth\n"
			  "(00.04) Error (criu/cr-dump.c:2053): Dumping FAILED.\n";

	(void)state;
	criu_log_errors(log, buf, sizeof(buf));
	assert_string_equal(buf, "second: ? odd; third; fourth");
	criu_log_errors(log, tiny, sizeof(tiny));
	assert_true(strlen(tiny) < sizeof(tiny));
	criu_log_errors("(0.1) Error (x.c:1): one", buf, sizeof(buf));
	assert_string_equal(buf, "one");
	criu_log_errors("nothing here\nError (cut", buf, sizeof(buf));
	assert_string_equal(buf, "");
	criu_log_errors("", buf, sizeof(buf));
	assert_string_equal(buf, "");
	/* What CRIU does not mark as one. */
	criu_log_errors("(00.1) Can't connect to server 127.0.0.1:7\n"
			"(00.2) Error (a.c:1): Unable to detach\n",
			buf, sizeof(buf));
	assert_string_equal(buf, "Can't connect to server 127.0.0.1:7; Unable to detach");
}

static void test_maps(void **state)
{
	struct spec_idmap lines[] = {{0, 100000, 1000}, {1000, 5, 1}};
	const struct spec_idmaps two = {lines, 2}, one = {lines, 1};

	(void)state;
	assert_true(restore_same_map("         0     100000       1000\n", &one));
	assert_true(restore_same_map("         0     100000       1000\n      1000          5  "
				     "        1\n",
				     &two));
	assert_true(restore_same_map("      1000          5          1\n         0     100000    "
				     "   1000\n",
				     &two)); /* in another order */
	assert_false(restore_same_map("         0     100000       1000\n", &two));
	assert_false(restore_same_map("         0     100000      10001\n", &one));
	assert_false(restore_same_map("         0          0 4294967295\n", &one));
	assert_false(restore_same_map("", &one));
}

static void test_keys(void **state)
{
	static const char *const good[] = {"pipe:[123]", "file[1a:2b]", "tty[8801:17]",
					   "null[1a:2b]"};
	static const char *const bad[] = {"",
					  "pipe:[]",
					  "pipe:[1",
					  "pipe:[1]x",
					  "pipe:[1a]",
					  "/dev/null",
					  "file[1]",
					  "file[1:2:3]",
					  "file[:2]",
					  "file[1:]",
					  "mnt[1:2]",
					  "tty[1:2]:fd[0]",
					  "extRootNetNS",
					  "file[1:11111111111111111]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(external_is_key(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(external_is_key(bad[i]));
}

static void test_page_server(void **state)
{
	char address[16];
	struct err e = ERR_INIT;
	int port;

	(void)state;
	assert_int_equal(cr_page_server("10.0.0.1:7000", address, sizeof(address), &port, &e), 0);
	assert_string_equal(address, "10.0.0.1");
	assert_int_equal(port, 7000);
	assert_int_equal(cr_page_server("[fe80::1]:1", address, sizeof(address), &port, &e), 0);
	assert_string_equal(address, "fe80::1");
	assert_int_equal(cr_page_server("1234567890123456:1", address, sizeof(address), &port, &e),
			 -EINVAL);
	assert_int_equal(cr_page_server("a:70000", address, sizeof(address), &port, &e), -EINVAL);
	assert_int_equal(cr_page_server("[]:7", address, sizeof(address), &port, &e), -EINVAL);
	assert_int_equal(cr_page_server("", address, sizeof(address), &port, &e), -EINVAL);
}

static void test_config_file(void **state)
{
	struct spec_pair v = {.key = "org.criu.config", .value = ""};
	struct spec_pairs none = {0}, one = {&v, 1};
	struct err e = ERR_INIT;
	const char *file;

	(void)state;
	assert_int_equal(cr_config_file(&none, &file, &e), 0);
	assert_true(!file || streq(file, CR_CONFIG_FILE));
	assert_int_equal(cr_config_file(&one, &file, &e), 0);
	assert_null(file);
	v.value = "/etc/passwd";
	assert_int_equal(cr_config_file(&one, &file, &e), 0);
	assert_string_equal(file, "/etc/passwd");
	v.value = "relative";
	assert_int_equal(cr_config_file(&one, &file, &e), -EINVAL);
	v.value = "/nonexistent/x";
	assert_int_equal(cr_config_file(&one, &file, &e), -ENOENT);
	v.value = "/";
	assert_int_equal(cr_config_file(&one, &file, &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),	    cmocka_unit_test(test_big_number),
		cmocka_unit_test(test_broken),	    cmocka_unit_test(test_answers),
		cmocka_unit_test(test_relative),    cmocka_unit_test(test_maps),
		cmocka_unit_test(test_log),	    cmocka_unit_test(test_keys),
		cmocka_unit_test(test_page_server), cmocka_unit_test(test_config_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
