/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name tables: mount options, signals, namespaces, knobs. A table is an array of name_value; it is
 * short enough for a linear scan unless it says otherwise.
 */
#ifndef CEDE_BASE_TABLE_H
#define CEDE_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct name_value {
	const char *name;
	uint64_t value;
};

static inline const struct name_value *table_find_n(const struct name_value *t, size_t n,
						    const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(t[i].name, name) == 0)
			return &t[i];
	return NULL;
}

static inline const char *table_name_n(const struct name_value *t, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].value == value)
			return t[i].name;
	return NULL;
}

#define table_find(t, name) table_find_n((t), sizeof(t) / sizeof((t)[0]), (name))
#define table_name(t, value) table_name_n((t), sizeof(t) / sizeof((t)[0]), (value))

#endif
