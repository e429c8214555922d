/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec_read.h"

#include <ctype.h>
#include <stdio.h>

#include "base/cleanup.h"

/* --- errors ------------------------------------------------------------------------------------
 */

struct spec_quoted spec_quote(const char *s)
{
	struct spec_quoted q;
	size_t n = 0;

	q.text[n++] = '"';
	for (; *s && n < sizeof(q.text) - 8; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20 || c == 0x7f)
			n += (size_t)snprintf(q.text + n, 5, "\\x%02x", c);
		else
			q.text[n++] = *s;
	}
	if (*s) { /* cut, and not in the middle of a character */
		while (n > 1 && ((unsigned char)*s & 0xc0) == 0x80) {
			s--;
			n--;
		}
		memcpy(q.text + n, "...", 3);
		n += 3;
	}
	q.text[n++] = '"';
	q.text[n] = '\0';
	return q;
}

/* Names of ours and the like stand as they are; what else a document has for keys is quoted. */
static bool is_plain(const char *key)
{
	size_t n = 0;

	while (isalnum((unsigned char)key[n]) || key[n] == '_')
		n++;
	return n > 0 && key[n] == '\0';
}

static size_t print_at(const struct spec_at *at, char *buf, size_t size)
{
	size_t used;
	int n;

	if (!at)
		return 0;
	used = print_at(at->up, buf, size);
	if (!at->key)
		n = snprintf(buf + used, size - used, "[%zu]", at->index);
	else if (is_plain(at->key))
		n = snprintf(buf + used, size - used, "%s%.80s", used ? "." : "", at->key);
	else
		n = snprintf(buf + used, size - used, "[%s]", QUOTE(at->key));
	return n < 0 ? used : MIN(used + (size_t)n, size - 1);
}

int spec_bad(struct spec_reader *r, const struct spec_at *at, const char *fmt, ...)
{
	char place[512] = "", text[ERR_MSG_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut, never overflowed */
	va_end(ap);
	if (print_at(at, place, sizeof(place)) == 0)
		return refuse(r->e, EINVAL, "%s: %s", r->what, text);
	return refuse(r->e, EINVAL, "%s: %s: %s", r->what, place, text);
}

int spec_wrong(struct spec_reader *r, const struct spec_at *at, const char *expected,
	       const struct json *v)
{
	return spec_bad(r, at, "expected %s, found %s", expected, json_type_name(v->type));
}

/* With the list of what is known, if it is short. */
static int unknown(struct spec_reader *r, const struct spec_at *at, const struct oci_names *names,
		   const char *found)
{
	char known[256];
	size_t used = 0;

	if (names->n > 10)
		return spec_bad(r, at, "unknown value %s", QUOTE(found));
	for (size_t i = 0; i < names->n && used < sizeof(known) - 1; i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 names->v[i].name);
	return spec_bad(r, at, "unknown value %s (known: %s)", QUOTE(found), known);
}

int spec_lookup(struct spec_reader *r, const struct spec_at *at, const struct oci_names *names,
		const struct json *v, uint64_t *ret)
{
	const struct name_value *hit;

	if (v->type != JSON_STRING)
		return spec_wrong(r, at, "string", v);
	hit = oci_find(names, v->string.text);
	if (!hit)
		return unknown(r, at, names, v->string.text);
	*ret = hit->value;
	return 0;
}

int spec_no_memory(struct spec_reader *r)
{
	return fail(r->e, ENOMEM, "%s", r->what);
}

void *spec_alloc(struct spec_reader *r, size_t n, size_t size)
{
	void *p = arena_array(r->a, n, size);

	if (!p)
		(void)spec_no_memory(r); /* made for the caller to return */
	return p;
}

/* --- objects -----------------------------------------------------------------------------------
 */

static const struct {
	enum json_type type;
	const char *name;
} shapes[] = {
	[SHAPE_STRING] = {JSON_STRING, "string"},
	[SHAPE_BOOL] = {JSON_BOOL, "boolean"},
	[SHAPE_INTEGER] = {JSON_NUMBER, "integer"},
	[SHAPE_OBJECT] = {JSON_OBJECT, "object"},
	[SHAPE_STRINGS] = {JSON_ARRAY, "array of strings"},
	[SHAPE_INTEGERS] = {JSON_ARRAY, "array of integers"},
	[SHAPE_OBJECTS] = {JSON_ARRAY, "array of objects"},
};

static const struct spec_field *find_field(const struct spec_object *o, const char *key)
{
	for (size_t i = 0; i < o->n; i++)
		if (streq(o->fields[i].key, key))
			return &o->fields[i];
	return NULL;
}

static bool is_true(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);

	return v && v->type == JSON_BOOL && v->boolean;
}

static int check_required(struct spec_reader *r, const struct spec_at *at,
			  const struct spec_object *o, uint64_t seen)
{
	for (size_t i = 0; i < o->n; i++) {
		const struct spec_at here = spec_at_key(at, o->fields[i].key);

		if (o->fields[i].required && !(seen & 1ULL << i))
			return spec_bad(r, &here, "required but missing");
	}
	return 0;
}

int spec_read_whole(struct spec_reader *r, const struct spec_at *at, const struct spec_object *o,
		    const struct json *v, void *obj)
{
	uint64_t seen = 0;
	int rc;

	if (v->type != JSON_OBJECT)
		return spec_wrong(r, at, "object", v);
	for (size_t i = 0; i < v->object.n; i++) {
		const struct json_member *m = &v->object.members[i];
		const struct spec_at here = spec_at_key(at, m->key);
		const struct spec_field *f = find_field(o, m->key);

		if (!f || m->value->type == JSON_NULL ||
		    (f->only_with && !is_true(v, f->only_with)))
			continue;
		if (m->value->type != shapes[f->shape].type)
			return spec_wrong(r, &here, shapes[f->shape].name, m->value);
		rc = f->read(r, &here, f, m->value, obj);
		if (rc < 0)
			return rc;
		seen |= 1ULL << (f - o->fields);
	}
	rc = check_required(r, at, o, seen);
	if (rc == 0 && o->check)
		rc = o->check(r, at, obj);
	return rc;
}

int spec_read_object(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		     const struct json *v, void *obj)
{
	return spec_read_whole(r, at, f->object, v, SPEC_PTR(void, obj, f->offset));
}

int spec_read_pointer(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		      const struct json *v, void *obj)
{
	void *fresh = spec_alloc(r, 1, f->object->size);

	if (!fresh)
		return -ENOMEM;
	*SPEC_PTR(void *, obj, f->offset) = fresh;
	return spec_read_whole(r, at, f->object, v, fresh);
}

int spec_read_array(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		    const struct json *v, void *obj)
{
	char *fresh = spec_alloc(r, v->array.n, f->object->size);

	if (!fresh)
		return -ENOMEM;
	*SPEC_PTR(void *, obj, f->offset) = fresh;
	*SPEC_PTR(size_t, obj, f->count) = v->array.n;
	for (size_t i = 0; i < v->array.n; i++) {
		const struct spec_at here = spec_at_index(at, i);
		int rc = spec_read_whole(r, &here, f->object, v->array.items[i],
					 fresh + i * f->object->size);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* --- strings -----------------------------------------------------------------------------------
 */

int spec_read_string(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		     const struct json *v, void *obj)
{
	if (v->string.len == 0) {
		if (f->required)
			return spec_bad(r, at, "must not be empty");
		return 0;
	}
	*SPEC_PTR(const char *, obj, f->offset) = v->string.text;
	return 0;
}

int spec_read_path(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		   const struct json *v, void *obj)
{
	if (v->string.text[0] != '/' && (v->string.len > 0 || f->required))
		return spec_bad(r, at, "must be an absolute path, found %s", QUOTE(v->string.text));
	return spec_read_string(r, at, f, v, obj);
}

/* Digits at *s, which moves behind them; what is above the kernel's own limits is no number. */
static bool scan_number(const char **s, unsigned int *ret)
{
	unsigned int n = 0;

	if (!isdigit((unsigned char)**s))
		return false;
	for (; isdigit((unsigned char)**s); ++*s) {
		n = n * 10 + (unsigned int)(**s - '0');
		if (n > 1u << 20)
			return false;
	}
	*ret = n;
	return true;
}

/* cpuset(7), "List format". Blanks are let through, as the schema does. */
static bool is_cpu_list(const char *s)
{
	for (;;) {
		unsigned int from, to;

		s += strspn(s, " ");
		if (!scan_number(&s, &from))
			return false;
		if (*s == '-') {
			s++;
			if (!scan_number(&s, &to) || to < from)
				return false;
		}
		s += strspn(s, " ");
		if (!*s)
			return true;
		if (*s++ != ',')
			return false;
	}
}

int spec_read_cpus(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		   const struct json *v, void *obj)
{
	if (v->string.len > 0 && !is_cpu_list(v->string.text))
		return spec_bad(r, at, "expected a list like \"0-3,7\", found %s",
				QUOTE(v->string.text));
	return spec_read_string(r, at, f, v, obj);
}

int spec_read_strings(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		      const struct json *v, void *obj)
{
	char **list = spec_alloc(r, v->array.n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < v->array.n; i++) {
		const struct json *item = v->array.items[i];
		const struct spec_at here = spec_at_index(at, i);

		if (item->type != JSON_STRING)
			return spec_wrong(r, &here, "string", item);
		list[i] = (char *)item->string.text;
	}
	*SPEC_PTR(struct strv, obj, f->offset) = (struct strv){list, v->array.n};
	return 0;
}

int spec_read_paths(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		    const struct json *v, void *obj)
{
	int rc = spec_read_strings(r, at, f, v, obj);
	const struct strv *list = SPEC_PTR(struct strv, obj, f->offset);

	for (size_t i = 0; rc == 0 && i < list->n; i++) {
		const struct spec_at here = spec_at_index(at, i);

		if (list->v[i][0] != '/')
			rc = spec_bad(r, &here, "must be an absolute path, found %s",
				      QUOTE(list->v[i]));
	}
	return rc;
}

int spec_read_pairs(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		    const struct json *v, void *obj)
{
	struct spec_pairs pairs = {spec_alloc(r, v->object.n, sizeof(*pairs.v)), 0};

	if (!pairs.v)
		return -ENOMEM;
	for (size_t i = 0; i < v->object.n; i++) {
		const struct json_member *m = &v->object.members[i];
		const struct spec_at here = spec_at_key(at, m->key);

		if (!*m->key)
			return spec_bad(r, at, "has an empty key");
		if (m->value->type != JSON_STRING)
			return spec_wrong(r, &here, "string", m->value);
		pairs.v[pairs.n++] = (struct spec_pair){m->key, m->value->string.text};
	}
	*SPEC_PTR(struct spec_pairs, obj, f->offset) = pairs;
	return 0;
}

int spec_read_name(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		   const struct json *v, void *obj)
{
	uint64_t value = 0;
	int rc = spec_lookup(r, at, f->names, v, &value);

	*SPEC_PTR(int, obj, f->offset) = (int)value;
	return rc;
}

int spec_read_name_u32(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		       const struct json *v, void *obj)
{
	uint64_t value = 0;
	int rc = spec_lookup(r, at, f->names, v, &value);

	*SPEC_PTR(uint32_t, obj, f->offset) = (uint32_t)value;
	return rc;
}

int spec_read_name_u64(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		       const struct json *v, void *obj)
{
	return spec_lookup(r, at, f->names, v, SPEC_PTR(uint64_t, obj, f->offset));
}

int spec_read_flags(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		    const struct json *v, void *obj)
{
	for (size_t i = 0; i < v->array.n; i++) {
		const struct spec_at here = spec_at_index(at, i);
		uint64_t flag = 0;
		int rc = spec_lookup(r, &here, f->names, v->array.items[i], &flag);

		if (rc < 0)
			return rc;
		*SPEC_PTR(uint64_t, obj, f->offset) |= flag;
	}
	return 0;
}

/* --- scalars -----------------------------------------------------------------------------------
 */

int spec_read_bool(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		   const struct json *v, void *obj)
{
	(void)r;
	(void)at;
	*SPEC_PTR(bool, obj, f->offset) = v->boolean;
	return 0;
}

int spec_read_opt_bool(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		       const struct json *v, void *obj)
{
	(void)r;
	(void)at;
	*SPEC_PTR(struct opt_bool, obj, f->offset) = (struct opt_bool){true, v->boolean};
	return 0;
}

/* Any integer between min and max; a negative one as its two's complement. */
static int read_integer(struct spec_reader *r, const struct spec_at *at, const struct json *v,
			int64_t min, uint64_t max, uint64_t *ret)
{
	bool minus = v->number[0] == '-';
	int64_t negative = 0;
	int rc = minus ? parse_i64(v->number, 10, &negative) : parse_u64(v->number, 10, ret);

	if (rc == -EINVAL)
		return spec_bad(r, at, "expected integer, found %s", QUOTE(v->number));
	if (minus)
		*ret = (uint64_t)negative;
	if (rc < 0 || (minus ? negative < min : *ret > max || (min > 0 && *ret < (uint64_t)min)))
		return spec_bad(r, at, "must be between %lld and %llu, found %.24s", (long long)min,
				(unsigned long long)max, v->number);
	return 0;
}

static int read_ranged(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		       const struct json *v, int64_t min, uint64_t max, uint64_t *ret)
{
	if (f->min || f->max) {
		min = f->min;
		max = f->max;
	}
	return read_integer(r, at, v, min, max, ret);
}

#define INTEGER_READER(name, type, min_, max_)                                                     \
	int spec_read_##name(struct spec_reader *r, const struct spec_at *at,                      \
			     const struct spec_field *f, const struct json *v, void *obj)          \
	{                                                                                          \
		uint64_t n = 0;                                                                    \
		int rc = read_ranged(r, at, f, v, (min_), (max_), &n);                             \
                                                                                                   \
		if (rc == 0)                                                                       \
			*SPEC_PTR(type, obj, f->offset) = (type)n;                                 \
		return rc;                                                                         \
	}

#define OPT_READER(name, type, value_type, min_, max_)                                             \
	int spec_read_##name(struct spec_reader *r, const struct spec_at *at,                      \
			     const struct spec_field *f, const struct json *v, void *obj)          \
	{                                                                                          \
		uint64_t n = 0;                                                                    \
		int rc = read_ranged(r, at, f, v, (min_), (max_), &n);                             \
                                                                                                   \
		if (rc == 0 && !(n == 0 && f->zero_unset))                                         \
			*SPEC_PTR(type, obj, f->offset) = (type){true, (value_type)n};             \
		return rc;                                                                         \
	}

INTEGER_READER(u16, uint16_t, 0, UINT16_MAX)
INTEGER_READER(u32, uint32_t, 0, UINT32_MAX)
INTEGER_READER(u64, uint64_t, 0, UINT64_MAX)
INTEGER_READER(i32, int32_t, INT32_MIN, INT32_MAX)
INTEGER_READER(i64, int64_t, INT64_MIN, INT64_MAX)
OPT_READER(opt_u64, struct opt_u64, uint64_t, 0, UINT64_MAX)
OPT_READER(opt_i64, struct opt_i64, int64_t, INT64_MIN, INT64_MAX)

int spec_read_u32s(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		   const struct json *v, void *obj)
{
	uint32_t *list = spec_alloc(r, v->array.n, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < v->array.n; i++) {
		const struct json *item = v->array.items[i];
		const struct spec_at here = spec_at_index(at, i);
		uint64_t n = 0;
		int rc;

		if (item->type != JSON_NUMBER)
			return spec_wrong(r, &here, "integer", item);
		rc = read_ranged(r, &here, f, item, 0, UINT32_MAX, &n);
		if (rc < 0)
			return rc;
		list[i] = (uint32_t)n;
	}
	*SPEC_PTR(uint32_t *, obj, f->offset) = list;
	*SPEC_PTR(size_t, obj, f->count) = v->array.n;
	return 0;
}
