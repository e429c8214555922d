/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/affinity.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

/* A decimal number at the cursor, which moves behind it. */
static bool take_cpu(const char **cursor, uint32_t *ret)
{
	size_t len = strspn(*cursor, "0123456789");
	char digits[8];

	if (!str_part(digits, sizeof(digits), *cursor, len))
		return false;
	*cursor += len;
	return parse_u32(digits, 10, ret) == 0 && *ret < CPU_SETSIZE;
}

int affinity_parse(const char *list, cpu_set_t *ret)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (const char *p = list;; p++) {
		uint32_t from, to;

		if (!take_cpu(&p, &from))
			return -EINVAL;
		to = from;
		if (*p == '-') {
			p++;
			if (!take_cpu(&p, &to) || to < from)
				return -EINVAL;
		}
		for (uint32_t cpu = from; cpu <= to; cpu++)
			CPU_SET(cpu, &set);
		if (!*p)
			break;
		if (*p != ',')
			return -EINVAL;
	}
	*ret = set;
	return 0;
}

int affinity_set(const char *list, const char *key, struct err *e)
{
	cpu_set_t set;

	if (!list || !*list)
		return 0;
	if (affinity_parse(list, &set) < 0)
		return refuse(
			e, EINVAL,
			"process.execCPUAffinity.%s: expected a list like 0-3,7, found \"%s\"", key,
			list);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return fail(e, errno, "process.execCPUAffinity.%s: %s", key, list);
	return 0;
}
