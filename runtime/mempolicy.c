/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mempolicy.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"
#include "oci/names.h"

/* A decimal number at the cursor, which moves behind it and the blanks around it. */
static bool take_node(const char **cursor, uint32_t *ret)
{
	const char *start = *cursor + strspn(*cursor, " ");
	size_t len = strspn(start, "0123456789");
	char digits[8];

	if (!str_part(digits, sizeof(digits), start, len))
		return false;
	*cursor = start + len;
	*cursor += strspn(*cursor, " ");
	return parse_u32(digits, 10, ret) == 0 && *ret < MEMPOLICY_NODES_MAX;
}

int mempolicy_nodes_parse(const char *list, struct mempolicy_nodes *ret)
{
	struct mempolicy_nodes nodes = {0};

	for (const char *p = list;; p++) {
		uint32_t from, to;

		if (!take_node(&p, &from))
			return -EINVAL;
		to = from;
		if (*p == '-') {
			p++;
			if (!take_node(&p, &to) || to < from)
				return -EINVAL;
		}
		for (uint32_t n = from; n <= to; n++)
			nodes.bits[n / MEMPOLICY_BITS] |= 1UL << n % MEMPOLICY_BITS;
		if (!*p)
			break;
		if (*p != ',')
			return -EINVAL;
	}
	*ret = nodes;
	return 0;
}

int mempolicy_set(const struct spec_linux *l, struct err *e)
{
	const char *list = l->memory_policy.nodes;
	const char *mode =
		table_name_n(oci_memory_modes.v, oci_memory_modes.n, l->memory_policy.mode);
	struct mempolicy_nodes nodes = {0};
	long rc;

	if (!l->memory_policy.set)
		return 0;
	if (list && mempolicy_nodes_parse(list, &nodes) < 0)
		return refuse(
			e, EINVAL,
			"config.json: linux.memoryPolicy.nodes: expected a list of nodes from "
			"0 to %d, found \"%s\"",
			MEMPOLICY_NODES_MAX - 1, list);
	/* The kernel takes one off the count it is given (set_mempolicy(2), BUGS). */
	rc = syscall(SYS_set_mempolicy, (int)(l->memory_policy.mode | l->memory_policy.flags),
		     list ? nodes.bits : NULL, list ? MEMPOLICY_NODES_MAX + 1 : 0);
	if (rc == 0)
		return 0;
	if (errno == ENOSYS)
		return refuse(e, EOPNOTSUPP,
			      "config.json: linux.memoryPolicy: this kernel is built without NUMA");
	if (errno == EINVAL)
		return refuse(
			e, EINVAL,
			"config.json: linux.memoryPolicy: the kernel does not take %s%s%s: a "
			"mode or flag it does not know, or none of the nodes is there and has "
			"memory",
			mode ? mode : "this mode", list ? " on nodes " : "", list ? list : "");
	return fail(e, errno, "config.json: linux.memoryPolicy: %s", mode ? mode : "mode");
}
