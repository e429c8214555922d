/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.systemd.property.* annotations: the part of GVariant's text format (GLib manual, "GVariant
 * Text Format") that properties of units are written in.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "runtime/unit_props.h"

#define ARRAY_MAX 1024
#define TUPLE '(' /* in place of a type */

/* Words in front of a value. */
static const struct name_value type_words[] = {
	{"boolean", 'b'}, {"byte", 'y'},   {"int16", 'n'},  {"uint16", 'q'},
	{"int32", 'i'},	  {"uint32", 'u'}, {"int64", 'x'},  {"uint64", 't'},
	{"string", 's'},  {"handle", 'h'}, {"double", 'd'}, {"objectpath", 'o'},
};

/* What a number of each type can be. */
static const struct {
	char type;
	int64_t min;
	uint64_t max;
} ranges[] = {
	{'y', 0, UINT8_MAX},	     {'n', INT16_MIN, INT16_MAX}, {'q', 0, UINT16_MAX},
	{'i', INT32_MIN, INT32_MAX}, {'u', 0, UINT32_MAX},	  {'x', INT64_MIN, INT64_MAX},
	{'t', 0, UINT64_MAX},
};

struct scanner {
	struct arena *a;
	const char *p;
	char type;   /* of the elements; 0: not known yet */
	char second; /* the tuples' second; their first is a string */
	const char *problem;
};

static int wrong(struct scanner *s, const char *problem)
{
	s->problem = problem;
	return -EINVAL;
}

static void skip_blanks(struct scanner *s)
{
	s->p += strspn(s->p, " \t");
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static size_t word_length(const char *p)
{
	size_t n = 0;

	while (is_word(p[n]))
		n++;
	return n;
}

/* What a backslash makes of the character behind it. */
static char escaped(char c)
{
	static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
	const char *at = c ? strchr(from, c) : NULL;

	return at ? to[at - from] : c;
}

static int scan_string(struct scanner *s, const char **ret)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	char quote = *s->p++;

	for (; *s->p != quote; s->p++) {
		char c = *s->p;

		if (c == '\\') {
			c = *++s->p;
			if (c == 'u' || c == 'U')
				return wrong(s, "\\u in a string: write the character itself");
			c = escaped(c);
		}
		if (!c)
			return wrong(s, "a string does not end");
		strbuf_add(&out, &c, 1);
	}
	s->p++;
	*ret = out.oom ? NULL : arena_strdup(s->a, strbuf_str(&out));
	return *ret ? 0 : -ENOMEM;
}

/* b'text': its bytes and a zero. */
static int scan_bytes(struct scanner *s, const char **values, size_t *ret_n)
{
	char quote = *++s->p;
	size_t n = 0;

	for (s->p++; *s->p != quote; n++) {
		uint8_t byte = (uint8_t)*s->p;
		size_t digits = 0;

		if (byte == '\\') {
			uint8_t octal = 0;

			for (s->p++; digits < 3 && s->p[digits] >= '0' && s->p[digits] <= '7';
			     digits++)
				octal = (uint8_t)(octal * 8 + (s->p[digits] - '0'));
			byte = digits ? octal : (uint8_t)escaped(*s->p);
		}
		if (!byte && !digits)
			return wrong(s, "a string does not end");
		if (n == ARRAY_MAX - 1)
			return wrong(s, "more than 1023 bytes");
		values[n] = arena_printf(s->a, "%u", byte);
		if (!values[n])
			return -ENOMEM;
		s->p += digits ? digits : 1;
	}
	s->p++;
	values[n] = "0";
	*ret_n = n + 1;
	s->type = 'y';
	return 0;
}

/* A number with a decimal point stays as it is written: see `seconds`. */
static int scan_double(struct scanner *s, size_t len, const char **ret)
{
	size_t sign = *s->p == '-' || *s->p == '+';
	size_t whole = strspn(s->p + sign, "0123456789");
	size_t point = s->p[sign + whole] == '.';
	size_t part = point ? strspn(s->p + sign + whole + 1, "0123456789") : 0;

	if (sign + whole + point + part != len || whole + part == 0)
		return wrong(s, "expected a number like 2.5");
	*ret = arena_strndup(s->a, s->p, len);
	s->p += len;
	return *ret ? 0 : -ENOMEM;
}

static int scan_number(struct scanner *s, const char **ret)
{
	size_t len = strcspn(s->p, " \t,])");
	bool negative = *s->p == '-', hex;
	char text[32];
	const char *digits = text;
	uint64_t n;

	if (!str_part(text, sizeof(text), s->p, len))
		return wrong(s, "a number is too long");
	if (*digits == '-' || *digits == '+')
		digits++;
	hex = str_after(digits, "0x");
	if (parse_u64(digits + (hex ? 2 : 0),
		      hex			  ? 16
		      : *digits == '0' && len > 1 ? 8
						  : 10,
		      &n) < 0)
		return wrong(s, "expected true, false, a whole number, a string in quotes, or an "
				"array of these");
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (ranges[i].type != s->type)
			continue;
		if (negative ? ranges[i].min == 0 || n > (uint64_t) - (ranges[i].min + 1) + 1
			     : n > ranges[i].max)
			return wrong(s, "a number is out of its type's range");
	}
	s->p += len;
	*ret = arena_printf(s->a, "%s%" PRIu64, negative ? "-" : "", n);
	return *ret ? 0 : -ENOMEM;
}

static bool is_number_type(char type)
{
	return type && strchr("ynqiuxt", type);
}

/* A literal, with a type in front of it or not. Its type, or that of those before it, goes to
 * s->type. */
static int scan_value(struct scanner *s, const char **ret)
{
	size_t len = word_length(s->p);
	char found;

	for (size_t i = 0; i < ARRAY_SIZE(type_words); i++)
		if (strlen(type_words[i].name) == len &&
		    memcmp(type_words[i].name, s->p, len) == 0) {
			if (s->type && s->type != (char)type_words[i].value)
				return wrong(s, "values of different types in one array");
			s->type = (char)type_words[i].value;
			s->p += len;
			skip_blanks(s);
			len = word_length(s->p);
			break;
		}
	if (s->type == 'h')
		return wrong(s, "no property has this type");
	if (*s->p == '\'' || *s->p == '"') {
		found = s->type == 'o' ? 'o' : 's';
		if (scan_string(s, ret) < 0)
			return s->problem ? -EINVAL : -ENOMEM;
	} else if ((len == 4 && memcmp(s->p, "true", 4) == 0) ||
		   (len == 5 && memcmp(s->p, "false", 5) == 0)) {
		found = 'b';
		*ret = len == 4 ? "1" : "0";
		s->p += len;
	} else {
		size_t end = strcspn(s->p, " \t,])");
		int rc;

		found = is_number_type(s->type) ? s->type : 'i';
		if (s->type == 'd' || memchr(s->p, '.', end))
			found = 'd';
		if (!s->type)
			s->type = found;
		rc = found == 'd' ? scan_double(s, end, ret) : scan_number(s, ret);
		if (rc < 0)
			return rc;
	}
	if (s->type && s->type != found)
		return wrong(s, "the value is not of the type in front of it");
	s->type = found;
	return 0;
}

/* ('a', 'b') or ('a', uint64 1), as in a(ss) and a(st). */
static int scan_tuple(struct scanner *s, const char **values)
{
	int rc;

	if (s->type && s->type != TUPLE)
		return wrong(s, "values of different types in one array");
	s->p++;
	skip_blanks(s);
	s->type = 's';
	rc = scan_value(s, &values[0]);
	if (rc < 0)
		return rc;
	skip_blanks(s);
	if (*s->p++ != ',')
		return wrong(s, "expected a pair like ('text', 'text') or ('text', uint64 5)");
	skip_blanks(s);
	s->type = s->second;
	rc = scan_value(s, &values[1]);
	if (rc < 0)
		return rc;
	s->second = s->type;
	s->type = TUPLE;
	skip_blanks(s);
	if (s->second != 's' && s->second != 't')
		return wrong(s, "expected a pair like ('text', 'text') or ('text', uint64 5)");
	return *s->p++ == ')' ? 0 : wrong(s, "a pair does not end");
}

/* "@as" in front of an array that may be empty. */
static int scan_annotation(struct scanner *s, bool *ret_array)
{
	const char *types = "bynqiuxtso";
	const char *pairs = str_after(s->p, "@a(s");

	*ret_array = false;
	if (*s->p != '@')
		return 0;
	if (pairs && (*pairs == 's' || *pairs == 't') && pairs[1] == ')' &&
	    (pairs[2] == ' ' || pairs[2] == '\t')) {
		*ret_array = true;
		s->type = TUPLE;
		s->second = *pairs;
		s->p = pairs + 2;
		skip_blanks(s);
		return 0;
	}
	s->p++;
	if (*s->p == 'a') {
		*ret_array = true;
		s->p++;
	}
	if (!*s->p || !strchr(types, *s->p) || (s->p[1] != ' ' && s->p[1] != '\t'))
		return wrong(s, "this type is none that cede can pass on");
	s->type = *s->p++;
	skip_blanks(s);
	return 0;
}

static int scan_array(struct scanner *s, const char **values, size_t *ret_n)
{
	size_t n = 0;
	int rc;

	for (s->p++, skip_blanks(s); *s->p != ']';) {
		bool tuple = *s->p == '(';

		if (n + tuple >= ARRAY_MAX)
			return wrong(s, "an array of more than 1024 values");
		if (*s->p == '[')
			return wrong(s, "an array in an array");
		rc = tuple ? scan_tuple(s, &values[n]) : scan_value(s, &values[n]);
		if (rc < 0)
			return rc;
		n += tuple ? 2 : 1;
		skip_blanks(s);
		if (*s->p == ',') {
			s->p++;
			skip_blanks(s);
		} else if (*s->p != ']') {
			return wrong(s, "an array does not end");
		}
	}
	s->p++;
	*ret_n = n;
	return s->type ? 0 : wrong(s, "an empty array needs its type in front, like @as []");
}

struct value {
	char sig[8];
	const char **values;
	size_t n;
};

static int scan(struct scanner *s, struct value *ret)
{
	bool typed_array, array, bytes;
	int rc;

	skip_blanks(s);
	rc = scan_annotation(s, &typed_array);
	if (rc < 0)
		return rc;
	bytes = *s->p == 'b' && (s->p[1] == '\'' || s->p[1] == '"');
	array = *s->p == '[' || bytes;
	if (s->type && array != typed_array)
		return wrong(s, "the value is not of the type in front of it");
	ret->values = arena_array(s->a, array ? ARRAY_MAX : 1, sizeof(*ret->values));
	if (!ret->values)
		return -ENOMEM;
	ret->n = 1;
	if (bytes && s->type && s->type != 'y')
		return wrong(s, "the value is not of the type in front of it");
	if (bytes)
		rc = scan_bytes(s, ret->values, &ret->n);
	else
		rc = array ? scan_array(s, ret->values, &ret->n) : scan_value(s, ret->values);
	if (rc < 0)
		return rc;
	skip_blanks(s);
	if (*s->p)
		return wrong(s, "there is something behind the value");
	if (s->type == TUPLE)
		(void)snprintf(ret->sig, sizeof(ret->sig), "a(s%c)", s->second); /* fits */
	else
		(void)snprintf(ret->sig, sizeof(ret->sig), "%s%c", array ? "a" : "",
			       s->type); /* fits */
	return 0;
}

/* Of seconds, written with a decimal point or without; what is less than a microsecond is cut. */
static int to_usec(struct scanner *s, const char *text, uint64_t *ret)
{
	char whole[32], part[] = "000000";
	const char *point = strchr(text, '.');
	size_t len, digits = point ? MIN(strlen(point + 1), sizeof(part) - 1) : 0;
	uint64_t n = 0, usec = 0;

	if (*text == '-')
		return wrong(s, "a number of seconds below zero");
	if (digits)
		memcpy(part, point + 1, digits);
	text += *text == '+';
	len = strcspn(text, ".");
	if (!str_part(whole, sizeof(whole), text, len) || (len && parse_u64(whole, 10, &n) < 0) ||
	    parse_u64(part, 10, &usec) < 0)
		return wrong(s, "a number is too long");
	*ret = n > (UINT64_MAX - usec) / 1000000 ? UINT64_MAX : n * 1000000 + usec;
	return 0;
}

/* "TimeoutStopSec" with a number of seconds -> "TimeoutStopUSec". */
static int seconds(struct scanner *s, const char **name, struct value *v)
{
	size_t len = strlen(*name);
	uint64_t n;

	if (len <= 3 || !streq(*name + len - 3, "Sec") || (len > 4 && (*name)[len - 4] == 'U'))
		return 0;
	if (v->sig[0] != 'd' && !is_number_type(v->sig[0]))
		return wrong(s, "expected a number of seconds");
	if (to_usec(s, v->values[0], &n) < 0)
		return -EINVAL;
	*name = arena_printf(s->a, "%.*sUSec", (int)(len - 3), *name);
	v->values[0] = arena_printf(s->a, "%" PRIu64, n);
	memcpy(v->sig, "t", 2);
	return *name && v->values[0] ? 0 : -ENOMEM;
}

static int add_annotation(struct unit_props *p, const struct spec_pair *pair, struct err *e)
{
	const char *name = pair->key + strlen(UNIT_ANNOTATION), *sig;
	struct scanner s = {.a = p->a, .p = pair->value ? pair->value : ""};
	struct value v = {.n = 0};
	struct unit_prop *u;
	int rc = 0;

	if (!*name || name[word_length(name)])
		rc = wrong(&s, "expected the name of a property in letters behind "
			       "\"" UNIT_ANNOTATION "\"");
	if (rc == 0)
		rc = scan(&s, &v);
	if (rc == 0)
		rc = seconds(&s, &name, &v);
	if (rc == 0 && strchr(v.sig, 'd'))
		rc = wrong(&s, "no property has this type");
	if (rc == -EINVAL)
		return refuse(e, EINVAL, "annotations[\"%s\"]: %s, found \"%.100s\"", pair->key,
			      s.problem, pair->value ? pair->value : "");
	sig = rc < 0 ? NULL : arena_strdup(p->a, v.sig);
	u = sig ? unit_props_set(p, name, sig, e) : NULL;
	if (!u)
		return fail(e, ENOMEM, "annotations[\"%s\"]", pair->key);
	u->values = v.values;
	u->n = u->cap = v.n;
	return 0;
}

int unit_props_of_annotations(struct unit_props *p, const struct spec_pairs *annotations,
			      struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < annotations->n; i++)
		if (str_after(annotations->v[i].key, UNIT_ANNOTATION))
			rc = add_annotation(p, &annotations->v[i], e);
	return rc;
}
