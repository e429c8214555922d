/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/btf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/btf.h"
#include "base/cleanup.h"
#include "tests/unit/unit.h"

/* A description of two structs, and of other kinds with their different tails between them. */
static const char strings[] = "\0first\0second\0a\0b\0bits\0other";
enum { FIRST = 1, SECOND = 7, A = 14, B = 16, BITS = 18, OTHER = 23 };
#define INFO(kind, flag, parts) ((uint32_t)(flag) << 31 | (uint32_t)(kind) << 24 | (parts))

struct blob {
	struct btf_header h;
	uint32_t types[64];
	char strings[sizeof(strings)];
};

static uint32_t fill(uint32_t *at)
{
	const uint32_t types[] = {
		/* int, with its encoding */
		OTHER,
		INFO(BTF_KIND_INT, 0, 0),
		4,
		0x20,
		/* struct first { a at 0; b at 8 bytes } */
		FIRST,
		INFO(BTF_KIND_STRUCT, 0, 2),
		16,
		A,
		1,
		0,
		B,
		1,
		64,
		/* enum and array: tails of other sizes */
		OTHER,
		INFO(BTF_KIND_ENUM, 0, 2),
		4,
		A,
		1,
		B,
		2,
		0,
		INFO(BTF_KIND_ARRAY, 0, 0),
		0,
		1,
		1,
		4,
		0,
		INFO(BTF_KIND_FUNC_PROTO, 0, 1),
		0,
		A,
		1,
		/* a union of the same name does not count */
		SECOND,
		INFO(BTF_KIND_UNION, 0, 1),
		4,
		B,
		1,
		32,
		/* struct second, with bit fields: a at 4 bytes, bits of width 3, b at 16 bytes */
		SECOND,
		INFO(BTF_KIND_STRUCT, 1, 3),
		24,
		A,
		1,
		32,
		BITS,
		1,
		3u << 24 | 64,
		B,
		1,
		128,
	};

	memcpy(at, types, sizeof(types));
	return sizeof(types);
}

static struct blob make_blob(void)
{
	struct blob b = {
		.h = {.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(b.h)},
	};

	b.h.type_len = fill(b.types);
	b.h.str_off = sizeof(b.types);
	b.h.str_len = sizeof(b.strings);
	memcpy(b.strings, strings, sizeof(strings));
	return b;
}

static int find(const void *data, size_t size, struct btf_query *q, size_t n, struct err *e)
{
	_cleanup_fd_ int fd = memfd_create("btf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	return btf_find(fd, q, n, e);
}

static void test_offsets(void **state)
{
	struct btf_query q[] = {
		{"first", "a", 99},  {"first", "b", 99},     {"second", "a", 99},
		{"second", "b", 99}, {"second", "bits", 99}, {"first", "bits", 99},
		{"third", "a", 99},  {"first", "c", 99},
	};
	static const int32_t want[] = {0, 8, 4, 16, -1, -1, -1, -1};
	struct blob b = make_blob();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(find(&b, sizeof(b), q, ARRAY_SIZE(q), &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++)
		if (q[i].offset != want[i])
			fail_msg("%s.%s: %d instead of %d", q[i].type, q[i].member, q[i].offset,
				 want[i]);
}

static void test_not_btf(void **state)
{
	struct btf_query q = {"first", "a", 0};
	struct blob b = make_blob();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(find("", 0, &q, 1, &e), -EBADMSG);
	assert_int_equal(find(&b, sizeof(b.h) - 1, &q, 1, &e), -EBADMSG);
	b.h.magic ^= 1;
	assert_int_equal(find(&b, sizeof(b), &q, 1, &e), -EBADMSG);
	b = make_blob();
	b.h.version++;
	assert_int_equal(find(&b, sizeof(b), &q, 1, &e), -EBADMSG);
	b = make_blob();
	b.h.str_len += 1000;
	assert_int_equal(find(&b, sizeof(b), &q, 1, &e), -EBADMSG);
	assert_non_null(strstr(e.msg, "shorter than it says"));
	b = make_blob();
	b.h.type_len -= 4;
	assert_int_equal(find(&b, sizeof(b), &q, 1, &e), -EBADMSG);
	b = make_blob();
	b.types[1] = INFO(31, 0, 0);
	assert_int_equal(find(&b, sizeof(b), &q, 1, &e), -EBADMSG);
	assert_non_null(strstr(e.msg, "31"));
	/* More parts than there is room for. */
	b = make_blob();
	b.types[5] = INFO(BTF_KIND_STRUCT, 0, 0xffff);
	assert_int_equal(find(&b, sizeof(b), &q, 1, &e), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_not_btf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
