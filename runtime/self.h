/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-protection (CVE-2019-5736). A process that enters a container can be found there as
 * /proc/<pid>/exe, or executed again (an image whose program is a link to /proc/self/exe); whoever
 * opens that file for writing would change the runtime on the host. So such a process runs from a
 * read-only, detached mount of its own executable: the file is the same (nothing is copied), but
 * through this mount it cannot be opened for writing by anybody, and no path leads to it.
 */
#ifndef CEDE_RUNTIME_SELF_H
#define CEDE_RUNTIME_SELF_H

#include <stdbool.h>

#include "base/err.h"

/*
 * To be called first thing in a command that will enter a container: executes itself again from the
 * protected file, with the same arguments and environment, unless it already runs from there (or
 * the filesystem it was started from is mounted read-only). Where mounting is not permitted
 * (unprivileged), a sealed copy in memory takes the mount's place.
 */
int self_protect(char *const *argv, struct err *e);

/*
 * In a process that is going to show in a container: its command line and environment, which
 * everybody in a pid namespace can read or which root there can, are gone. What self_protect was
 * given is overwritten (others keep copies), and the environment is empty.
 */
void self_hide(void);

/* What runtime/self_entry.c saw, where there is one: our executable's mount is read-only. */
extern bool self_read_only;

#endif
