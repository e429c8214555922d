/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unsupported.h"

#include <stdbool.h>

#include "base/cleanup.h"

/* What would change the host, or cannot work; rules between objects are oci/spec_check.c's. */

static bool lacks_root(const struct spec *s)
{
	return !s->root_path || !*s->root_path;
}

static const struct {
	bool (*is_so)(const struct spec *s);
	const char *text;
} impossible[] = {
	{lacks_root, "root.path: required but missing"},
};

int unsupported_check(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(impossible); i++)
		if (impossible[i].is_so(s))
			return refuse(e, EINVAL, "config.json: %s", impossible[i].text);
	return 0;
}
