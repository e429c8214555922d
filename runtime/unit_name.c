/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unit_name.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "runtime/container.h"

#define PLACE "linux.cgroupsPath"
#define SLICE_SUFFIX ".slice"
#define SCOPE_SUFFIX ".scope"

static bool is_unit_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(":-_.\\", c));
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && streq(s + n - m, end);
}

int unit_slice_path(const char *slice, char *buf, size_t size, struct err *e)
{
	size_t stem = strlen(slice), used = 0;

	if (streq(slice, "-" SLICE_SUFFIX)) {
		buf[0] = '\0';
		return 0;
	}
	if (!ends_with(slice, SLICE_SUFFIX))
		return refuse(e, EINVAL, PLACE ": \"%s\": a slice's name ends with .slice", slice);
	if (stem > UNIT_NAME_MAX)
		return refuse(e, ENAMETOOLONG,
			      PLACE ": the slice's name is longer than %d "
				    "bytes",
			      UNIT_NAME_MAX);
	stem -= strlen(SLICE_SUFFIX);
	for (size_t i = 0; i <= stem; i++) {
		bool dash = i < stem && slice[i] == '-';

		if (i < stem && !is_unit_char(slice[i]))
			return refuse(e, EINVAL, PLACE ": \"%s\": not the name of a slice", slice);
		if (i < stem && !dash)
			continue;
		/* Each dash is a level (systemd.slice(5)), so none can be empty. */
		if (i == 0 || slice[i - 1] == '-')
			return refuse(e, EINVAL, PLACE ": \"%s\": not the name of a slice", slice);
		if (used + i + sizeof("/" SLICE_SUFFIX) > size)
			return refuse(e, ENAMETOOLONG, PLACE ": \"%s\": nested too deeply", slice);
		used += (size_t)snprintf(buf + used, size - used, "/%.*s" SLICE_SUFFIX, (int)i,
					 slice);
	}
	return 0;
}

/* Appends `s`, escaped; false if it does not fit. */
static bool add_escaped(char *buf, size_t size, const char *s)
{
	size_t n = strlen(buf);

	for (bool first = n == 0; *s; s++, first = false) {
		/* A leading dot would hide the name (systemd-escape(1)); a backslash is the sign
		 * of what has been escaped already. */
		if (is_unit_char(*s) && !(first && *s == '.')) {
			if (n + 1 >= size)
				return false;
			buf[n++] = *s;
		} else {
			if (n + 4 >= size)
				return false;
			n += (size_t)snprintf(buf + n, size - n, "\\x%02x", (unsigned char)*s);
		}
	}
	buf[n] = '\0';
	return true;
}

static int make_unit(const char *prefix, const char *name, struct unit_name *u, struct err *e)
{
	bool fits = true;

	u->unit[0] = '\0';
	if (ends_with(name, SLICE_SUFFIX))
		return refuse(e, EINVAL, PLACE ": %s: a slice takes no processes; name a scope",
			      name);
	if (*prefix)
		fits = add_escaped(u->unit, sizeof(u->unit), prefix) &&
		       add_escaped(u->unit, sizeof(u->unit), "-");
	fits = fits && add_escaped(u->unit, sizeof(u->unit), name) &&
	       add_escaped(u->unit, sizeof(u->unit), SCOPE_SUFFIX);
	return fits ? 0
		    : refuse(e, ENAMETOOLONG,
			     PLACE ": the unit's name would be longer than "
				   "%d bytes",
			     UNIT_NAME_MAX);
}

int unit_name_make(const char *cgroups_path, const char *id, struct unit_name *ret, struct err *e)
{
	char text[1024];
	char *slice = text, *prefix, *name;
	struct unit_name u = {.slice = CEDE_SLICE};
	int rc;

	if (!cgroups_path || !*cgroups_path) {
		rc = make_unit("cede", id, &u, e);
	} else {
		if ((size_t)snprintf(text, sizeof(text), "%s", cgroups_path) >= sizeof(text))
			return refuse(e, ENAMETOOLONG, PLACE ": longer than %zu bytes",
				      sizeof(text) - 1);
		prefix = strchr(text, ':');
		name = prefix ? strchr(prefix + 1, ':') : NULL;
		if (!name || strchr(name + 1, ':') || !name[1] || strchr(text, '/'))
			return refuse(e, EINVAL,
				      PLACE ": expected \"slice:prefix:name\" with "
					    "--systemd-cgroup, found \"%s\"",
				      cgroups_path);
		*prefix++ = '\0';
		*name++ = '\0';
		if (strlen(slice) >= sizeof(u.slice))
			return refuse(e, ENAMETOOLONG, PLACE ": the slice's name is too long");
		if (*slice)
			memcpy(u.slice, slice, strlen(slice) + 1);
		rc = make_unit(prefix, name, &u, e);
	}
	if (rc == 0)
		rc = unit_slice_path(u.slice, u.slice_path, sizeof(u.slice_path), e);
	if (rc == 0)
		*ret = u;
	return rc;
}
