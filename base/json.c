/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yajl's events -> a tree in an arena.
 *
 * The text is copied once, and strings without escapes stay where they are in that copy: by the
 * time yajl reports one it has read past the closing quote, which then becomes the terminator.
 * Values of open containers wait on one common stack; a container takes its own off it when it
 * closes, so that its array is allocated once, with its final size.
 */
#include "base/json.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <yajl/yajl_parse.h>
#include <yajl/yajl_version.h>

#include "base/cleanup.h"

/* Objects with more members than this look for equal keys by sorting. */
#define DEDUP_SCAN_MAX 24
#define PENDING_START 64

/* An open container. */
struct frame {
	const char *key; /* of its next value; NULL in an array */
	size_t first;	 /* of its values in pending */
};

struct parser {
	struct arena *arena;
	const char *what;
	char *text;
	size_t len;
	yajl_handle yajl;
	struct frame usual[32], *frames; /* enough for all that the specification knows */
	size_t depth, cap_frames;
	struct json_member *pending;
	size_t n_pending, cap_pending;
	size_t n_values;
	struct json *root;
	struct err *e;
	int rc; /* of an error made in a callback */
	jmp_buf no_memory;
};

/* --- memory ------------------------------------------------------------------------------------
 */

/*
 * yajl does not look at what its allocator returns. So it gets one that does not return when memory
 * is out, and whose blocks go with the arena, whatever state yajl was in.
 */
struct yajl_block {
	alignas(max_align_t) size_t size;
	unsigned char data[];
};

static void *block_new(void *ctx, size_t size)
{
	struct parser *p = ctx;
	struct yajl_block *b =
		size > SIZE_MAX / 2 ? NULL : arena_alloc(p->arena, sizeof(*b) + size);

	if (!b)
		longjmp(p->no_memory, 1);
	b->size = size;
	return b->data;
}

static void *block_resize(void *ctx, void *old, size_t size)
{
	void *new = block_new(ctx, size);

	if (old) {
		const struct yajl_block *b =
			(void *)((char *)old - offsetof(struct yajl_block, data));

		memcpy(new, old, MIN(b->size, size));
	}
	return new;
}

static void block_free(void *ctx, void *p)
{
	(void)ctx;
	(void)p; /* goes with the arena */
}

static void *need(struct parser *p, void *memory)
{
	if (!memory)
		longjmp(p->no_memory, 1);
	return memory;
}

/* --- errors ------------------------------------------------------------------------------------
 */

/* Makes the error of a callback: `offset` is that of the byte to blame. Returns 0: yajl stops. */
__attribute__((cold)) static int stop(struct parser *p, int errnum, size_t offset, const char *text)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < offset && i < p->len; i++) {
		if (p->text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)p->text[i] & 0xc0) != 0x80) {
			column++; /* characters, not bytes */
		}
	}
	p->rc = refuse(p->e, errnum, "%s: line %zu, column %zu: %s", p->what, line, column, text);
	return 0;
}

static size_t here(const struct parser *p)
{
	size_t read = yajl_get_bytes_consumed(p->yajl);

	return read ? read - 1 : 0;
}

/* yajl's own errors read "lexical error: <why>\n" or "parse error: <why>\n". */
static int stop_by_yajl(struct parser *p, size_t offset)
{
	char *text = need(p, yajl_get_error(p->yajl, 0, NULL, 0));
	const char *colon = strstr(text, ": ");

	text[strcspn(text, "\n")] = '\0';
	(void)stop(p, EBADMSG, offset, colon ? colon + 2 : text);
	yajl_free_error(p->yajl, (unsigned char *)text);
	return p->rc;
}

/* --- building ----------------------------------------------------------------------------------
 */

static void push(struct parser *p, const char *key, struct json *value)
{
	if (p->n_pending == p->cap_pending) {
		size_t cap = p->cap_pending * 4;
		struct json_member *more = need(p, arena_array(p->arena, cap, sizeof(*more)));

		memcpy(more, p->pending, p->n_pending * sizeof(*more));
		p->pending = more;
		p->cap_pending = cap;
	}
	p->pending[p->n_pending++] = (struct json_member){key, value};
}

static struct json *add(struct parser *p, enum json_type type)
{
	struct json *v;

	if (++p->n_values > JSON_MAX_VALUES) {
		(void)stop(p, EFBIG, here(p), "too many values"); /* the caller returns 0 */
		return NULL;
	}
	v = need(p, arena_alloc(p->arena, sizeof(*v)));
	v->type = type;
	if (p->depth == 0)
		p->root = v;
	else
		push(p, p->frames[p->depth - 1].key, v);
	return v;
}

/* NULL after an error. */
static const char *own_string(struct parser *p, const unsigned char *s, size_t len)
{
	char *at = (char *)s;

	if (memchr(s, '\0', len)) {
		(void)stop(p, EBADMSG, here(p), "a string contains a NUL character");
		return NULL;
	}
	if (at < p->text || at >= p->text + p->len) /* had escapes: yajl's buffer */
		return need(p, arena_strndup(p->arena, at, len));
	at[len] = '\0';
	return at;
}

static int on_null(void *ctx)
{
	return add(ctx, JSON_NULL) != NULL;
}

static int on_bool(void *ctx, int value)
{
	struct json *v = add(ctx, JSON_BOOL);

	if (!v)
		return 0;
	v->boolean = value;
	return 1;
}

static int on_number(void *ctx, const char *s, size_t len)
{
	struct parser *p = ctx;
	struct json *v = add(p, JSON_NUMBER);

	if (!v)
		return 0;
	/* Not in place: yajl has yet to read the character behind it. */
	v->number = need(p, arena_strndup(p->arena, s, len));
	return 1;
}

static int on_string(void *ctx, const unsigned char *s, size_t len)
{
	struct parser *p = ctx;
	struct json *v = add(p, JSON_STRING);

	if (!v)
		return 0;
	v->string.text = own_string(p, s, len);
	v->string.len = len;
	return v->string.text != NULL;
}

static int on_key(void *ctx, const unsigned char *s, size_t len)
{
	struct parser *p = ctx;
	struct frame *f = &p->frames[p->depth - 1];

	f->key = own_string(p, s, len);
	return f->key != NULL;
}

static void grow_frames(struct parser *p)
{
	size_t cap = p->cap_frames * 4;
	struct frame *more = need(p, arena_array(p->arena, cap, sizeof(*more)));

	memcpy(more, p->frames, p->depth * sizeof(*more));
	p->frames = more;
	p->cap_frames = cap;
}

static int open_container(struct parser *p, enum json_type type)
{
	if (p->depth == JSON_MAX_DEPTH)
		return stop(p, EFBIG, here(p), "nested too deeply");
	if (!add(p, type))
		return 0;
	if (p->depth == p->cap_frames)
		grow_frames(p);
	p->frames[p->depth++] = (struct frame){.first = p->n_pending};
	return 1;
}

static int on_object(void *ctx)
{
	return open_container(ctx, JSON_OBJECT);
}

static int on_array(void *ctx)
{
	return open_container(ctx, JSON_ARRAY);
}

/* Returns the container's own value, which was pushed just before its content. */
static struct json *close_container(struct parser *p, size_t *ret_first)
{
	*ret_first = p->frames[--p->depth].first;
	return p->depth == 0 ? p->root : p->pending[*ret_first - 1].value;
}

static int on_array_end(void *ctx)
{
	struct parser *p = ctx;
	size_t first;
	struct json *v = close_container(p, &first);
	size_t n = p->n_pending - first;

	v->array.items = need(p, arena_array(p->arena, n, sizeof(*v->array.items)));
	for (size_t i = 0; i < n; i++)
		v->array.items[i] = p->pending[first + i].value;
	v->array.n = n;
	p->n_pending = first;
	return 1;
}

static int by_key(const void *a, const void *b)
{
	const struct json_member *const *x = a, *const *y = b;
	int rc = strcmp((*x)->key, (*y)->key);

	return rc ? rc : (*x > *y) - (*x < *y);
}

/* Marks (value NULL) each member that is followed by one with the same key. */
static void mark_overridden(struct parser *p, struct json_member *m, size_t n)
{
	struct json_member **sorted;

	if (n <= DEDUP_SCAN_MAX) {
		for (size_t i = 0; i < n; i++)
			for (size_t j = i + 1; j < n; j++)
				if (strcmp(m[i].key, m[j].key) == 0) {
					m[i].value = NULL;
					break;
				}
		return;
	}
	sorted = need(p, reallocarray(NULL, n, sizeof(struct json_member *)));
	for (size_t i = 0; i < n; i++)
		sorted[i] = &m[i];
	qsort(sorted, n, sizeof(struct json_member *), by_key);
	for (size_t i = 0; i + 1 < n; i++)
		if (strcmp(sorted[i]->key, sorted[i + 1]->key) == 0)
			sorted[i]->value = NULL;
	free(sorted);
}

static int on_object_end(void *ctx)
{
	struct parser *p = ctx;
	size_t first;
	struct json *v = close_container(p, &first);
	struct json_member *m = p->pending + first;
	size_t n = p->n_pending - first;

	v->object.members = need(p, arena_array(p->arena, n, sizeof(*m)));
	mark_overridden(p, m, n);
	for (size_t i = 0; i < n; i++)
		if (m[i].value)
			v->object.members[v->object.n++] = m[i];
	p->n_pending = first;
	return 1;
}

/* --- the parser --------------------------------------------------------------------------------
 */

/* 0..0xffff for "\uXXXX" at s, or -1; s is NUL-terminated. */
static int escaped_unit(const char *s)
{
	int unit = 0;

	if (s[0] != '\\' || s[1] != 'u')
		return -1;
	for (size_t i = 2; i < 6; i++) {
		char c = s[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* yajl makes garbage of surrogates without their other half; they are refused before it sees them.
 * A backslash outside of a string is an error of yajl's, so there is no need to know which is
 * which. */
static int check_surrogates(struct parser *p)
{
	const char *end = p->text + p->len;

	for (const char *s = p->text; (s = memchr(s, '\\', (size_t)(end - s)));) {
		int unit = escaped_unit(s);

		if ((unit & ~0x3ff) == 0xd800) {
			int low = escaped_unit(s + 6);

			if ((low & ~0x3ff) != 0xdc00)
				unit = 0xdc00; /* as wrong as a low one alone */
			else
				s += 6;
		}
		if ((unit & ~0x3ff) == 0xdc00) {
			(void)stop(p, EBADMSG, (size_t)(s - p->text),
				   "an escaped surrogate without its other half");
			return p->rc;
		}
		s += unit >= 0 ? 6 : 2;
		if (s >= end)
			break;
	}
	return 0;
}

static int run(struct parser *p, const char *text)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null,
		.yajl_boolean = on_bool,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_object,
		.yajl_map_key = on_key,
		.yajl_end_map = on_object_end,
		.yajl_start_array = on_array,
		.yajl_end_array = on_array_end,
	};
	yajl_alloc_funcs memory = {block_new, block_resize, block_free, p};
	int rc;

	if (setjmp(p->no_memory))
		return fail(p->e, ENOMEM, "%s", p->what);
	p->pending = need(p, arena_array(p->arena, PENDING_START, sizeof(*p->pending)));
	p->cap_pending = PENDING_START;
	p->text = need(p, arena_strndup(p->arena, text, p->len));
	rc = check_surrogates(p);
	if (rc < 0)
		return rc;
	p->yajl = yajl_alloc(&callbacks, &memory, p);
	switch (yajl_parse(p->yajl, (unsigned char *)p->text, p->len)) {
	case yajl_status_ok:
		break;
	case yajl_status_client_canceled:
		return p->rc;
	default:
		return stop_by_yajl(p, here(p));
	}
	if (yajl_complete_parse(p->yajl) == yajl_status_ok)
		return 0;
	return p->rc < 0 ? p->rc : stop_by_yajl(p, p->len);
}

int json_parse(struct arena *a, const char *text, size_t len, const char *what, struct json **ret,
	       struct err *e)
{
	struct parser p;
	int rc;

	if (len > JSON_MAX_BYTES)
		return refuse(e, EFBIG, "%s: larger than %u bytes", what, JSON_MAX_BYTES);
	p = (struct parser){.arena = a, .what = what, .len = len, .e = e};
	p.frames = p.usual;
	p.cap_frames = ARRAY_SIZE(p.usual);
	rc = run(&p, text);
	if (rc < 0)
		return rc;
	*ret = p.root;
	return 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

const struct json *json_get(const struct json *obj, const char *key)
{
	if (!obj || obj->type != JSON_OBJECT)
		return NULL;
	for (size_t i = 0; i < obj->object.n; i++)
		if (streq(obj->object.members[i].key, key))
			return obj->object.members[i].value;
	return NULL;
}

static const struct json *get_typed(const struct json *obj, const char *key, enum json_type type)
{
	const struct json *v = json_get(obj, key);

	return v && v->type == type ? v : NULL;
}

const char *json_get_string(const struct json *obj, const char *key)
{
	const struct json *v = get_typed(obj, key, JSON_STRING);

	return v ? v->string.text : NULL;
}

bool json_get_u64(const struct json *obj, const char *key, uint64_t *ret)
{
	const struct json *v = get_typed(obj, key, JSON_NUMBER);

	return v && parse_u64(v->number, 10, ret) == 0;
}

bool json_get_i64(const struct json *obj, const char *key, int64_t *ret)
{
	const struct json *v = get_typed(obj, key, JSON_NUMBER);

	return v && parse_i64(v->number, 10, ret) == 0;
}

bool json_get_bool(const struct json *obj, const char *key, bool fallback)
{
	const struct json *v = get_typed(obj, key, JSON_BOOL);

	return v ? v->boolean : fallback;
}

const char *json_type_name(enum json_type t)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	  [JSON_BOOL] = "boolean", [JSON_NUMBER] = "number",
		[JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
	};

	return t < ARRAY_SIZE(names) ? names[t] : "unknown";
}

const char *json_library(void)
{
	static char name[32];
	int v = yajl_version(); /* major * 10000 + minor * 100 + micro */

	(void)snprintf(name, sizeof(name), "yajl %d.%d.%d", v / 10000, v / 100 % 100, v % 100);
	return name;
}
