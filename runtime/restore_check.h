/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the runtime only. */
#ifndef CEDE_RUNTIME_RESTORE_CHECK_H
#define CEDE_RUNTIME_RESTORE_CHECK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "oci/spec.h"
#include "runtime/create.h"

/*
 * Namespaces are the images' affair: CRIU makes those that the checkpoint had and no others.
 * Refuses by name a container whose init (c->pid) is not in those that the document asks for: the
 * host's, the one at a path, a new one; a user namespace has the document's maps, too. Before
 * anything of the container runs. `criu` is in a mount namespace that is nobody's.
 */
int restore_check_namespaces(const struct creation *c, pid_t criu, struct err *e);

/* Whether a text of /proc/<pid>/uid_map says the same as the document. Pure. */
bool restore_same_map(const char *text, const struct spec_idmaps *m);

#endif
