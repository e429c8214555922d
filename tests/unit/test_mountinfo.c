/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mountinfo.h"
#include "base/str.h"
#include "tests/unit/unit.h"

static const char text[] =
	"36 35 98:0 /mnt1 /mnt\\0402\\134x rw,noatime master:1 shared:7 - ext3 /dev/root rw\n"
	"24 30 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
	"x 30 0:22 / /not/a/number rw - tmpfs tmpfs rw\n"
	"25 30 0:23 /\n"
	"27 30 0:24 / /\\1\n"
	"28 30 0:24 / /\\1\xe9\\18\\400\\ rw - tmpfs tmpfs rw\n"
	"26 30 0:23 / /cut rw shared:1";

struct found {
	struct mountinfo wanted;
	size_t n;
	bool hit;
};

static bool compare(const struct mountinfo *m, void *arg)
{
	struct found *f = arg;

	f->n++;
	f->hit = m->id == f->wanted.id && streq(m->point, f->wanted.point) &&
		 streq(m->type, f->wanted.type);
	return f->hit;
}

static size_t at(uint64_t id, const char *point, const char *type)
{
	struct found f = {.wanted = {.id = id, .point = point, .type = type}};

	bool any = mountinfo_any(text, compare, &f);

	assert_int_equal(any, f.hit);
	return f.hit ? f.n : 0;
}

static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(at(36, "/mnt 2\\x", "ext3"), 1);
	assert_int_equal(at(24, "/sys/fs/cgroup", "cgroup2"), 2);
	assert_int_equal(at(27, "/\\1", ""), 3);
	/* no octal numbers of a byte */
	assert_int_equal(at(28, "/\\1\xe9\\18\\400\\", "tmpfs"), 4);
	assert_int_equal(at(26, "/cut", ""), 5);
	assert_int_equal(at(25, "/", ""), 0);
	assert_int_equal(at(1, "/not/a/number", "tmpfs"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines)};

	return cmocka_run_group_tests_name("mountinfo", tests, NULL, NULL);
}
