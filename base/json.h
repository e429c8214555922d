/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in: a tree in an arena. JSON out: a writer over a string builder.
 *
 * yajl lives behind this header and nowhere else. Documents come from engines and files that may be
 * hostile, so depth, size and number of values are bounded.
 */
#ifndef CEDE_BASE_JSON_H
#define CEDE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER, /* kept as text: OCI has uint64 and int64 fields, both must be exact */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_member;

struct json {
	enum json_type type;
	union {
		bool boolean;
		const char *number; /* the literal */
		struct {
			const char *text; /* NUL-terminated; with \u0000 inside it is refused */
			size_t len;
		} string;
		struct {
			struct json **items;
			size_t n;
		} array;
		struct {
			/* In document order; of equal keys only the last is here, as in Go's
			 * decoder. */
			struct json_member *members;
			size_t n;
		} object;
	};
};

struct json_member {
	const char *key;
	struct json *value;
};

#define JSON_MAX_BYTES (16u << 20)
#define JSON_MAX_DEPTH 10000 /* and who walks a tree has a stack for that */
#define JSON_MAX_VALUES 1000000

/* `what` names the document in errors ("config.json"). Errors: -EBADMSG with line and column,
 * -EFBIG over a bound, -ENOMEM. */
int json_parse(struct arena *a, const char *text, size_t len, const char *what, struct json **ret,
	       struct err *e);

/* NULL if it is not an object or has no such member. */
const struct json *json_get(const struct json *obj, const char *key);
/* Short cuts for documents of our own: NULL / fallback when missing or of another type. */
const char *json_get_string(const struct json *obj, const char *key);
bool json_get_u64(const struct json *obj, const char *key, uint64_t *ret);
bool json_get_i64(const struct json *obj, const char *key, int64_t *ret);
bool json_get_bool(const struct json *obj, const char *key, bool fallback);

/* The parser behind it and its version, for people: "yajl 2.1.0". */
const char *json_library(void);

/* "object", "array", "string", "number", "boolean", "null": for messages. */
const char *json_type_name(enum json_type t);

/*
 * Writer. Keys are NULL inside arrays and for the root. `indent` true: two spaces, one value a
 * line. Allocation failures show as sb.oom at the end. Invalid UTF-8 in strings becomes U+FFFD.
 */
struct json_writer {
	struct strbuf sb;
	bool indent;
	int depth;
	bool first;
};

void json_w_object(struct json_writer *w, const char *key);
void json_w_array(struct json_writer *w, const char *key);
void json_w_end_object(struct json_writer *w);
void json_w_end_array(struct json_writer *w);
void json_w_string(struct json_writer *w, const char *key, const char *value);
void json_w_u64(struct json_writer *w, const char *key, uint64_t value);
void json_w_i64(struct json_writer *w, const char *key, int64_t value);
/* Fixed point: `decimals` digits behind the point. */
void json_w_double(struct json_writer *w, const char *key, double value, int decimals);
void json_w_bool(struct json_writer *w, const char *key, bool value);
void json_w_null(struct json_writer *w, const char *key);
/* A parsed value, as it was. */
void json_w_value(struct json_writer *w, const char *key, const struct json *value);

/* A string with its quotes, outside of any document. */
void json_w_quote(struct strbuf *sb, const char *value);

#endif
