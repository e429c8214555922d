/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first block is small: most arenas are. */
#define FIRST_SIZE 1000
#define BLOCK_SIZE 61000

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	bool stale; /* not zeroed: what is handed out of it must be */
	alignas(max_align_t) unsigned char data[];
};

/*
 * The first blocks of a process come from here: a block of the heap is a mapping of its own, which
 * costs some 10 us to make, touch and give back, and most commands of ours live for less than a
 * hundred times that. What was taken last is given back first; a gap stays until all is free.
 */
#define POOL_SIZE 262144
static alignas(max_align_t) unsigned char pool[POOL_SIZE];
static size_t pool_used, pool_touched, pool_blocks;

static bool in_pool(const struct arena_block *b)
{
	return (const unsigned char *)b >= pool && (const unsigned char *)b < pool + POOL_SIZE;
}

/* `size` with the header, a multiple of the alignment; zeroed, or marked. */
static struct arena_block *block_new(size_t size)
{
	struct arena_block *b;

	if (size > POOL_SIZE - pool_used)
		return calloc(1, size);
	b = (struct arena_block *)(void *)(pool + pool_used);
	*b = (struct arena_block){.stale = pool_used < pool_touched};
	pool_blocks++;
	pool_used += size;
	if (pool_touched < pool_used)
		pool_touched = pool_used;
	return b;
}

static void block_free(struct arena_block *b)
{
	if (!in_pool(b)) {
		free(b);
		return;
	}
	if (b->data + b->size == pool + pool_used)
		pool_used = (size_t)((unsigned char *)b - pool);
	if (--pool_blocks == 0)
		pool_used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->block;
	const size_t align = alignof(max_align_t);
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) & ~(align - 1);
	if (!b || b->size - b->used < size) {
		size_t usual = b ? BLOCK_SIZE : FIRST_SIZE, room = size > usual ? size : usual;

		room = (room + align - 1) & ~(align - 1);
		b = block_new(sizeof(*b) + room);
		if (!b)
			return NULL;
		b->size = room;
		b->next = a->block;
		a->block = b;
	}
	p = b->data + b->used;
	b->used += size;
	return b->stale ? memset(p, 0, size) : p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	return arena_alloc(a, total);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (p)
		memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	p = arena_alloc(a, (size_t)n + 1);
	if (!p)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap); /* measured above */
	va_end(ap);
	return p;
}

void *arena_first(size_t size, size_t place)
{
	struct arena a = ARENA_INIT;
	char *p = arena_alloc(&a, size);

	if (p)
		memcpy(p + place, &a, sizeof(a));
	return p;
}

void arena_free(struct arena *a)
{
	struct arena_block *b = a->block;

	a->block = NULL; /* not later: it may itself be in one of them */
	while (b) {
		struct arena_block *next = b->next;

		block_free(b);
		b = next;
	}
}
