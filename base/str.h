/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one number parser, the one string builder.
 */
#ifndef CEDE_BASE_STR_H
#define CEDE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Returns the rest of `s` behind `prefix`, or NULL. */
static inline const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* A part of a text as a string of its own, for a parser: false if it does not fit in `size`. */
bool str_part(char *ret, size_t size, const char *part, size_t len);

/*
 * Strict number parsing: the whole string, base as given (10, 8, 16), no blanks, no sign for
 * unsigned ones, no overflow. Returns 0, -EINVAL (not a number) or -ERANGE. *ret is untouched on
 * failure.
 */
int parse_u64(const char *s, int base, uint64_t *ret);
int parse_i64(const char *s, int base, int64_t *ret);
int parse_u32(const char *s, int base, uint32_t *ret);
int parse_int(const char *s, int base, int *ret);
/* "512", "64k", "1.5G", "2GiB" -> bytes; suffixes k m g t are powers of 1024, case-insensitive. */
int parse_bytes(const char *s, uint64_t *ret);
/* "1.5", ".25", "2" -> thousandths (1500, 250, 2000). */
int parse_milli(const char *s, uint64_t *ret);
/* "5s", "100ms", "1m30s", "1.5h" -> nanoseconds, as Go writes durations (ns us ms s m h). */
int parse_duration(const char *s, uint64_t *ret);

/*
 * A growing string. Zero-initialise; after a failed allocation `oom` is set, the content stays
 * what it was, and further calls do nothing, so that a caller checks once at the end.
 */
struct strbuf {
	char *buf;  /* NUL-terminated, or NULL while empty */
	size_t len; /* without the NUL */
	size_t cap;
	bool oom;
};

#define STRBUF_INIT                                                                                \
	{                                                                                          \
		0                                                                                  \
	}

void strbuf_free(struct strbuf *sb);
/* Room for so much more: false, and oom, if there is none. The other functions make it themselves.
 */
bool strbuf_reserve(struct strbuf *sb, size_t more);
void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_adds(struct strbuf *sb, const char *s);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "" instead of NULL. Borrowed. */
const char *strbuf_str(const struct strbuf *sb);
/* The caller frees the result; the buffer is empty afterwards. NULL after an oom. */
char *strbuf_take(struct strbuf *sb);

#define _cleanup_strbuf_ __attribute__((cleanup(strbuf_free)))

/* Comma- or colon-separated lists: calls fn for each part (not NUL-terminated: ptr and length);
 * stops at the first non-zero return and returns it. Empty parts are passed too. */
int str_split(const char *s, char sep, int (*fn)(const char *part, size_t len, void *arg),
	      void *arg);

#endif
