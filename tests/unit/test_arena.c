/* SPDX-License-Identifier: Apache-2.0 */
/* base/arena: memory is zeroed and nobody else's, wherever its blocks come from. */
#include "tests/unit/unit.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

/* More than the pool of a process holds, in all. */
#define PIECE 5000
#define PIECES 100

static bool is_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void fill(struct arena *a, unsigned char value, unsigned char *ret[PIECES])
{
	for (size_t i = 0; i < PIECES; i++) {
		ret[i] = arena_alloc(a, PIECE);
		assert_non_null(ret[i]);
		assert_int_equal((uintptr_t)ret[i] % alignof(max_align_t), 0);
		assert_true(is_zero(ret[i], PIECE));
		memset(ret[i], value, PIECE);
	}
}

static void assert_kept(unsigned char value, unsigned char *const v[PIECES])
{
	for (size_t i = 0; i < PIECES; i++)
		for (size_t j = 0; j < PIECE; j++)
			assert_int_equal(v[i][j], value);
}

static void test_zeroed_again(void **state)
{
	unsigned char *v[PIECES];

	(void)state;
	for (int round = 0; round < 3; round++) {
		struct arena a = ARENA_INIT;

		fill(&a, 0xff, v);
		assert_kept(0xff, v);
		arena_free(&a);
	}
}

/* Freed in both orders, with others in between. */
static void test_apart(void **state)
{
	unsigned char *va[PIECES], *vb[PIECES], *vc[PIECES];
	struct arena a = ARENA_INIT, b = ARENA_INIT, c = ARENA_INIT;

	(void)state;
	assert_string_equal(arena_strdup(&a, "first"), "first");
	fill(&b, 2, vb);
	fill(&a, 1, va);
	arena_free(&b);
	fill(&c, 3, vc);
	assert_kept(1, va);
	arena_free(&a);
	fill(&b, 4, vb);
	assert_kept(3, vc);
	assert_kept(4, vb);
	arena_free(&c);
	arena_free(&b);
}

static void test_too_much(void **state)
{
	struct arena a = ARENA_INIT;

	(void)state;
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_array(&a, SIZE_MAX / 2, 4));
	assert_non_null(arena_alloc(&a, 1 << 20));
	arena_free(&a);
}

static void test_first(void **state)
{
	struct own {
		char before[700];
		struct arena arena;
		char behind[5000];
	} *o = arena_first(sizeof(*o), offsetof(struct own, arena));
	char *more;

	(void)state;
	assert_non_null(o);
	assert_true(is_zero((unsigned char *)o->behind, sizeof(o->behind)));
	memset(o->before, 1, sizeof(o->before));
	memset(o->behind, 1, sizeof(o->behind));
	more = arena_strdup(&o->arena, "more");
	assert_string_equal(more, "more");
	assert_int_equal(o->behind[0] + o->behind[sizeof(o->behind) - 1], 2);
	arena_free(&o->arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_again),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
