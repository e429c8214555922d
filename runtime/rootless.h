/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether cede has the machine's privileges or only a user's: an ordinary uid, or root of a user
 * namespace (as below a rootless engine).
 */
#ifndef CEDE_RUNTIME_ROOTLESS_H
#define CEDE_RUNTIME_ROOTLESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/container.h"

/* False also where only a user namespace makes us root. Read once. */
bool rootless_in_initial_userns(void);
/* One line of uid_map (user_namespaces(7)): inside, outside, count, padded with blanks. Pure. */
bool rootless_map_line(const char *line, uint32_t v[3]);
/* --rootless auto. */
bool rootless_is(void);
/* An ordinary user: no power over any namespace but those that a new user namespace of his owns.
 * Some capability that he may have is not enough for anything else: files, cgroups, procfs and
 * setgroups ask for others, or for root. */
bool rootless_is_ordinary(void);
/* What of a document only works with more power than such a user's, with what to do. */
int rootless_check_spec(const struct spec *s, struct err *e);
/* A user namespace could not be made (rc, e): names what forbids it, if that is to be seen. */
int rootless_no_userns(int rc, struct err *e);
/* What --rootless says. */
bool runtime_is_rootless(const struct runtime *rt);
/* A group of our user namespace. */
bool rootless_has_gid(gid_t gid);
/* Our user namespace denies setgroups(2): whoever runs in it has the groups that we have. */
bool rootless_keeps_groups(void);
/* The effective uid as the machine knows it. */
uid_t rootless_uid(void);

#endif
