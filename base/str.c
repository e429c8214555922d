/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

bool str_part(char *ret, size_t size, const char *part, size_t len)
{
	if (len >= size)
		return false;
	memcpy(ret, part, len);
	ret[len] = '\0';
	return true;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return 99;
}

int parse_u64(const char *s, int base, uint64_t *ret)
{
	uint64_t v = 0;

	if (!s || !*s)
		return -EINVAL;
	for (; *s; s++) {
		int d = digit_value(*s);

		if (d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

int parse_i64(const char *s, int base, int64_t *ret)
{
	bool minus = s && *s == '-';
	uint64_t v;
	int rc;

	if (!s)
		return -EINVAL;
	rc = parse_u64(s + minus, base, &v);
	if (rc < 0)
		return rc;
	if (v > (uint64_t)INT64_MAX + minus)
		return -ERANGE;
	*ret = minus ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int parse_u32(const char *s, int base, uint32_t *ret)
{
	uint64_t v;
	int rc = parse_u64(s, base, &v);

	if (rc < 0)
		return rc;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

int parse_int(const char *s, int base, int *ret)
{
	int64_t v;
	int rc = parse_i64(s, base, &v);

	if (rc < 0)
		return rc;
	if (v > INT32_MAX || v < INT32_MIN)
		return -ERANGE;
	*ret = (int)v;
	return 0;
}

/* Decimal "12.345xyz" -> value scaled by `unit`, exact in integers; *rest is behind the number. */
static int parse_scaled(const char *s, uint64_t unit, uint64_t *ret, const char **rest)
{
	/* Digits behind the 12th change nothing that a unit up to 2^50 could show usefully. */
	const uint64_t denominator_max = 1000000000000ULL;
	uint64_t whole = 0, scaled, numerator = 0, denominator = 1;
	bool any = false;

	for (; *s >= '0' && *s <= '9'; s++, any = true)
		if (__builtin_mul_overflow(whole, 10ULL, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole))
			return -ERANGE;
	if (*s == '.') {
		for (s++; *s >= '0' && *s <= '9'; s++, any = true) {
			if (denominator == denominator_max)
				continue;
			numerator = numerator * 10 + (uint64_t)(*s - '0');
			denominator *= 10;
		}
	}
	if (__builtin_mul_overflow(whole, unit, &scaled) ||
	    __builtin_add_overflow(
		    scaled, (uint64_t)((unsigned __int128)numerator * unit / denominator), &scaled))
		return -ERANGE;
	if (!any)
		return -EINVAL;
	*ret = scaled;
	*rest = s;
	return 0;
}

int parse_bytes(const char *s, uint64_t *ret)
{
	static const char suffix[] = "kmgtp";
	uint64_t unit = 1, v;
	const char *end, *hit;
	size_t len;
	int rc;

	if (!s || !*s)
		return -EINVAL;
	len = strspn(s, "0123456789.");
	hit = s[len] ? strchr(suffix, s[len] | 0x20) : NULL;
	if (hit)
		unit = 1ULL << (10 * (hit - suffix + 1));
	rc = parse_scaled(s, unit, &v, &end);
	if (rc < 0)
		return rc;
	if (hit) {
		end++;
		if (*end == 'i' || *end == 'I')
			end++;
	}
	if (*end == 'b' || *end == 'B')
		end++;
	if (*end)
		return -EINVAL;
	*ret = v;
	return 0;
}

int parse_milli(const char *s, uint64_t *ret)
{
	const char *end;
	uint64_t v;
	int rc;

	if (!s)
		return -EINVAL;
	rc = parse_scaled(s, 1000, &v, &end);
	if (rc < 0)
		return rc;
	if (*end)
		return -EINVAL;
	*ret = v;
	return 0;
}

int parse_duration(const char *s, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"ns", 1},		{"us", 1000},	       {"ms", 1000000},
		     {"s", 1000000000}, {"m", 60000000000ULL}, {"h", 3600000000000ULL}};
	uint64_t sum = 0, v = 0;

	if (!s || !*s)
		return -EINVAL;
	while (*s) {
		size_t number = strspn(s, "0123456789."), len, i = 0;
		const char *end;
		int rc;

		len = strcspn(s + number, "0123456789.");
		while (i < ARRAY_SIZE(units) && (strlen(units[i].name) != len ||
						 memcmp(units[i].name, s + number, len) != 0))
			i++;
		if (i == ARRAY_SIZE(units))
			return -EINVAL;
		rc = parse_scaled(s, units[i].ns, &v, &end);
		if (rc < 0)
			return rc;
		if (end != s + number)
			return -EINVAL;
		if (__builtin_add_overflow(sum, v, &sum))
			return -ERANGE;
		s = end + len;
	}
	*ret = sum;
	return 0;
}

void strbuf_free(struct strbuf *sb)
{
	free(sb->buf);
	*sb = (struct strbuf)STRBUF_INIT;
}

bool strbuf_reserve(struct strbuf *sb, size_t more)
{
	size_t need, cap;
	char *buf;

	if (sb->oom || __builtin_add_overflow(sb->len + 1, more, &need)) {
		sb->oom = true;
		return false;
	}
	if (need <= sb->cap)
		return true;
	cap = sb->cap ? sb->cap : 128;
	while (cap < need)
		cap *= 4;
	buf = realloc(sb->buf, cap);
	if (!buf) {
		sb->oom = true;
		return false;
	}
	sb->buf = buf;
	sb->cap = cap;
	return true;
}

void strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	if (!strbuf_reserve(sb, len))
		return;
	memcpy(sb->buf + sb->len, data, len);
	sb->len += len;
	sb->buf[sb->len] = '\0';
}

void strbuf_adds(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !strbuf_reserve(sb, (size_t)n))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(sb->buf + sb->len, (size_t)n + 1, fmt, ap); /* measured above */
	va_end(ap);
	sb->len += (size_t)n;
}

const char *strbuf_str(const struct strbuf *sb)
{
	return sb->buf ? sb->buf : "";
}

char *strbuf_take(struct strbuf *sb)
{
	char *s = NULL;

	if (!sb->oom && strbuf_reserve(sb, 0)) {
		sb->buf[sb->len] = '\0';
		s = sb->buf;
		sb->buf = NULL;
	}
	strbuf_free(sb);
	return s;
}

int str_split(const char *s, char sep, int (*fn)(const char *part, size_t len, void *arg),
	      void *arg)
{
	for (;;) {
		const char *end = strchrnul(s, sep);
		int rc = fn(s, (size_t)(end - s), arg);

		if (rc)
			return rc;
		if (!*end)
			return 0;
		s = end + 1;
	}
}
