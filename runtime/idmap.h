/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids of a container's user namespace (user_namespaces(7)).
 */
#ifndef CEDE_RUNTIME_IDMAP_H
#define CEDE_RUNTIME_IDMAP_H

#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "oci/spec.h"

/* In the runtime: uid_map, gid_map (and setgroups, which a runtime without privilege must give up)
 * of a process that is in a new user namespace. An ordinary user's maps are written by newuidmap(1)
 * and newgidmap(1), unless they are his own id alone; a readable `cancel_fd` (or -1) ends these
 * with -EINTR. */
int idmap_write(pid_t pid, const struct spec_linux *l, int cancel_fd, struct err *e);

/* In that process: becomes root of the namespace, if it has one, else user and group of the
 * process; keeps its capabilities. */
int idmap_become_root(const struct spec_linux *l, const struct spec_user *u, struct err *e);

/* This one id alone: what a user may map without anybody's leave. Pure. */
bool idmap_is_own(const struct spec_idmaps *m, uint32_t own);
/* The host's id of a container's id; false if it is not mapped. Pure. */
bool idmap_to_host(const struct spec_idmaps *m, uint32_t id, uint32_t *ret);
/* "0 100000 65536\n" per line. Pure. */
void idmap_print(const struct spec_idmaps *m, struct strbuf *out);

#endif
