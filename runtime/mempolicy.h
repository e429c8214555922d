/* SPDX-License-Identifier: Apache-2.0 */
/* linux.memoryPolicy: set_mempolicy(2), inherited across fork and exec. */
#ifndef CEDE_RUNTIME_MEMPOLICY_H
#define CEDE_RUNTIME_MEMPOLICY_H

#include <stddef.h>

#include "base/err.h"
#include "oci/spec.h"

/* The kernel's largest CONFIG_NODES_SHIFT is 10. */
#define MEMPOLICY_NODES_MAX 1024
#define MEMPOLICY_BITS (8 * sizeof(unsigned long))

struct mempolicy_nodes {
	unsigned long bits[MEMPOLICY_NODES_MAX / MEMPOLICY_BITS];
};

/* "0-3,7" -> its bits; -EINVAL: not such a list, or a number that no kernel has. Pure. */
int mempolicy_nodes_parse(const char *list, struct mempolicy_nodes *ret);

/* The calling process's policy from now on. Nothing to do if the document has none. */
int mempolicy_set(const struct spec_linux *l, struct err *e);

#endif
