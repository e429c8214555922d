/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.sysctl: only what a namespace of the container's own keeps to itself may be written, or a
 * container would change the host.
 */
#ifndef CEDE_RUNTIME_SYSCTL_H
#define CEDE_RUNTIME_SYSCTL_H

#include <stddef.h>

#include "base/err.h"
#include "oci/spec.h"

/* Every key must be one that is private to a namespace that the container does not share with the
 * runtime. Pure but for comparing joined namespaces with our own. */
int sysctl_check(const struct spec *s, struct err *e);

/* In init, in the container's namespaces, while procfs of the host can be reached. */
int sysctl_apply(const struct spec *s, struct err *e);

/* "net.ipv4.conf.eth0/1.forwarding" -> "sys/net/ipv4/conf/eth0.1/forwarding" (sysctl.d(5)); a name
 * whose first separator is a slash is taken as it is. Refuses empty and ".." components. Pure. */
int sysctl_path(const char *name, char *buf, size_t size, struct err *e);

/* The namespace that keeps this sysctl to itself, or NS_KINDS. Pure. */
enum spec_ns_kind sysctl_namespace(const char *name);

#endif
