/* SPDX-License-Identifier: Apache-2.0 */
/* What cede-systemd reads on its stdin; libexec/cede-systemd.c says what it looks like. */
#ifndef CEDE_LIBEXEC_PROPERTIES_H
#define CEDE_LIBEXEC_PROPERTIES_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

struct property {
	const char *name, *sig;
	const char **values; /* n and a NULL */
	size_t n;
	bool optional;
};

static inline const char *property_field(const char **p, const char *end)
{
	const char *field = *p, *nul = memchr(field, '\0', (size_t)(end - field));

	if (!nul)
		return NULL;
	*p = nul + 1;
	return field;
}

static inline int property_parse(const char **p, const char *end, struct property *ret)
{
	const char *name = property_field(p, end);
	const char *sig = name ? property_field(p, end) : NULL;
	const char *count = sig ? property_field(p, end) : NULL;
	uint64_t n;

	/* A value has a byte at least: no more memory than the text could fill. */
	if (!count || !*sig || parse_u64(count, 10, &n) < 0 || n > (uint64_t)(end - *p))
		return -EBADMSG;
	ret->optional = *name == '?';
	ret->name = name + ret->optional;
	ret->sig = sig;
	ret->n = (size_t)n;
	ret->values = calloc(ret->n + 1, sizeof(*ret->values));
	if (!ret->values)
		return -ENOMEM;
	for (size_t i = 0; i < ret->n; i++) {
		ret->values[i] = property_field(p, end);
		if (!ret->values[i])
			return -EBADMSG;
	}
	return 0;
}

static inline void properties_free(struct property *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].values);
	free(v);
}

/* Strings are borrowed from the text. *ret and *ret_n are what has been read, also on failure;
 * properties_free. */
static inline int properties_parse(const char *text, size_t len, struct property **ret,
				   size_t *ret_n, struct err *e)
{
	const char *p = text, *end = text + len;

	while (p < end) {
		struct property *v = reallocarray(*ret, *ret_n + 1, sizeof(*v));
		int rc;

		if (!v)
			return fail(e, ENOMEM, "read the properties");
		*ret = v;
		v[*ret_n] = (struct property){0};
		rc = property_parse(&p, end, &v[(*ret_n)++]);
		if (rc < 0)
			return fail(e, -rc, "property %zu of the request", *ret_n - 1);
	}
	return 0;
}

#endif
