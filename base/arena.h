/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A region of memory that is freed at once. A parsed document lives in one arena: no destructor
 * per object, no leak on an error path, few page faults. For one thread of a process.
 */
#ifndef CEDE_BASE_ARENA_H
#define CEDE_BASE_ARENA_H

#include <stddef.h>

struct arena {
	struct arena_block *block;
};

#define ARENA_INIT                                                                                 \
	{                                                                                          \
		0                                                                                  \
	}

/* Zeroed, aligned for any type; NULL when memory is out (or the product overflows). */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a);

/* An object that lives in the arena which it holds, at `place` in it, and ends with it. */
void *arena_first(size_t size, size_t place);

#define _cleanup_arena_ __attribute__((cleanup(arena_free)))

#endif
