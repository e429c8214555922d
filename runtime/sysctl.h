/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.sysctl: written in the container's namespaces. That each key belongs to a namespace which
 * the container names has been checked with the document (oci/spec_check.c); here that this
 * namespace is not, after all, the host's.
 */
#ifndef CEDE_RUNTIME_SYSCTL_H
#define CEDE_RUNTIME_SYSCTL_H

#include "base/err.h"
#include "oci/spec.h"

/* In the runtime. A namespace that is joined may be the very one we are in: refused. */
int sysctl_check(const struct spec *s, struct err *e);

/* In init, in the container's namespaces, while the host's procfs can be reached. */
int sysctl_apply(const struct spec *s, struct err *e);

#endif
