/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mountinfo.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* "\040" and the like, in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && is_octal(s[2]) &&
		    is_octal(s[3])) {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

/* "36 35 98:0 /root /mount/point options [tag:value ...] - type source options" */
static bool read_line(char *line, struct mountinfo *ret)
{
	char *save = NULL, *field = strtok_r(line, " ", &save), *point;
	const char *number = field;

	for (int i = 0; i < 4 && field; i++)
		field = strtok_r(NULL, " ", &save);
	if (!field || parse_u64(number, 10, &ret->id) < 0)
		return false;
	point = field;
	while (field && !streq(field, "-"))
		field = strtok_r(NULL, " ", &save);
	field = field ? strtok_r(NULL, " ", &save) : NULL;
	unescape(point);
	ret->point = point;
	ret->type = field ? field : "";
	return true;
}

bool mountinfo_any(const char *text, bool (*fn)(const struct mountinfo *m, void *arg), void *arg)
{
	bool hit = false;

	for (const char *line = text; *line && !hit;) {
		size_t len = strcspn(line, "\n");
		_cleanup_free_ char *copy = strndup(line, len);
		struct mountinfo m;

		hit = copy && read_line(copy, &m) && fn(&m, arg);
		line += len + (line[len] == '\n');
	}
	return hit;
}
