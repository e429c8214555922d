/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/json.h"

/* The comma, the line break and the key in front of any value. */
static void begin(struct json_writer *w, const char *key)
{
	if (w->depth > 0) {
		if (!w->first)
			strbuf_add(&w->sb, ",", 1);
		if (w->indent)
			strbuf_addf(&w->sb, "\n%*s", w->depth * 2, "");
	}
	w->first = false;
	if (key) {
		json_w_quote(&w->sb, key);
		strbuf_add(&w->sb, ": ", w->indent ? 2 : 1);
	}
}

static void open_container(struct json_writer *w, const char *key, const char *bracket)
{
	begin(w, key);
	strbuf_add(&w->sb, bracket, 1);
	w->depth++;
	w->first = true;
}

static void close_container(struct json_writer *w, const char *bracket)
{
	bool empty = w->first;

	w->depth--;
	if (w->indent && !empty)
		strbuf_addf(&w->sb, "\n%*s", w->depth * 2, "");
	strbuf_add(&w->sb, bracket, 1);
	w->first = false;
}

/*
 * The length of the UTF-8 sequence at s, 0 if it is not one: too short, overlong, a surrogate, or
 * above U+10FFFF (RFC 3629, section 4). s is NUL-terminated, and NUL is no continuation byte, so
 * nothing is read behind the end.
 */
static size_t utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char from, to; /* first byte */
		unsigned char lo, hi;	/* second byte */
		unsigned char len;
	} forms[] = {
		{0x00, 0x7f, 0, 0, 1},	     {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i].from || s[0] > forms[i].to)
			continue;
		if (forms[i].len > 1 && (s[1] < forms[i].lo || s[1] > forms[i].hi))
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

static void add_escape(struct strbuf *sb, unsigned char c)
{
	static const char shorts[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
					 {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};

	for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++)
		if ((unsigned char)shorts[i][0] == c) {
			strbuf_add(sb, "\\", 1);
			strbuf_add(sb, &shorts[i][1], 1);
			return;
		}
	strbuf_addf(sb, "\\u%04x", c);
}

void json_w_quote(struct strbuf *sb, const char *value)
{
	const unsigned char *s = (const unsigned char *)value, *run = s;

	strbuf_add(sb, "\"", 1);
	while (*s) {
		if (*s >= 0x20 && *s < 0x80 && *s != '"' && *s != '\\') {
			s++;
			continue;
		}
		size_t n = *s >= 0x80 ? utf8_length(s) : 0;

		if (n > 0) {
			s += n;
			continue;
		}
		strbuf_add(sb, run, (size_t)(s - run));
		if (*s >= 0x80)
			strbuf_adds(sb, "\xef\xbf\xbd"); /* U+FFFD for each byte that is none */
		else
			add_escape(sb, *s);
		run = ++s;
	}
	strbuf_add(sb, run, (size_t)(s - run));
	strbuf_add(sb, "\"", 1);
}

void json_w_object(struct json_writer *w, const char *key)
{
	open_container(w, key, "{");
}

void json_w_array(struct json_writer *w, const char *key)
{
	open_container(w, key, "[");
}

void json_w_end_object(struct json_writer *w)
{
	close_container(w, "}");
}

void json_w_end_array(struct json_writer *w)
{
	close_container(w, "]");
}

void json_w_string(struct json_writer *w, const char *key, const char *value)
{
	if (!value) {
		json_w_null(w, key);
		return;
	}
	begin(w, key);
	json_w_quote(&w->sb, value);
}

void json_w_u64(struct json_writer *w, const char *key, uint64_t value)
{
	begin(w, key);
	strbuf_addf(&w->sb, "%llu", (unsigned long long)value);
}

void json_w_i64(struct json_writer *w, const char *key, int64_t value)
{
	begin(w, key);
	strbuf_addf(&w->sb, "%lld", (long long)value);
}

void json_w_double(struct json_writer *w, const char *key, double value, int decimals)
{
	if (!isfinite(value)) {
		json_w_null(w, key); /* JSON has no word for it */
		return;
	}
	begin(w, key);
	strbuf_addf(&w->sb, "%.*f", decimals, value);
}

void json_w_bool(struct json_writer *w, const char *key, bool value)
{
	begin(w, key);
	strbuf_adds(&w->sb, value ? "true" : "false");
}

void json_w_null(struct json_writer *w, const char *key)
{
	begin(w, key);
	strbuf_adds(&w->sb, "null");
}

/* Depth is bounded by the parser. */
void json_w_value(struct json_writer *w, const char *key, const struct json *value)
{
	switch (value->type) {
	case JSON_NULL:
		json_w_null(w, key);
		break;
	case JSON_BOOL:
		json_w_bool(w, key, value->boolean);
		break;
	case JSON_NUMBER:
		begin(w, key);
		strbuf_adds(&w->sb, value->number);
		break;
	case JSON_STRING:
		json_w_string(w, key, value->string.text);
		break;
	case JSON_ARRAY:
		json_w_array(w, key);
		for (size_t i = 0; i < value->array.n; i++)
			json_w_value(w, NULL, value->array.items[i]);
		json_w_end_array(w);
		break;
	case JSON_OBJECT:
		json_w_object(w, key);
		for (size_t i = 0; i < value->object.n; i++)
			json_w_value(w, value->object.members[i].key,
				     value->object.members[i].value);
		json_w_end_object(w);
		break;
	}
}
