/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of the specification and the kernel's numbers for them. What is parsed and what
 * `features` announces come from the same tables.
 */
#ifndef CEDE_OCI_NAMES_H
#define CEDE_OCI_NAMES_H

#include "base/table.h"

struct oci_names {
	const struct name_value *v;
	size_t n;
};

extern const struct oci_names oci_namespaces;	/* enum spec_ns_kind */
extern const struct oci_names oci_hooks;	/* enum spec_hook_kind */
extern const struct oci_names oci_capabilities; /* CAP_*, in the order of their numbers */
extern const struct oci_names oci_rlimits;	/* RLIMIT_* */
extern const struct oci_names oci_sched_policies, oci_sched_flags;
extern const struct oci_names oci_io_classes;	/* IOPRIO_CLASS_* */
extern const struct oci_names oci_propagations; /* MS_* of mount(2) */
extern const struct oci_names oci_personalities;
extern const struct oci_names oci_memory_modes, oci_memory_flags; /* MPOL_* */
extern const struct oci_names oci_seccomp_actions, oci_seccomp_operators, oci_seccomp_archs;
extern const struct oci_names oci_seccomp_flags; /* SECCOMP_FILTER_FLAG_* of seccomp(2) */

/* Bits of the memory flags (linux/mempolicy.h), for cross-checks. */
#define OCI_MPOL_F_STATIC_NODES (1u << 15)
#define OCI_MPOL_F_RELATIVE_NODES (1u << 14)

static inline const struct name_value *oci_find(const struct oci_names *names, const char *name)
{
	return table_find_n(names->v, names->n, name);
}

#endif
