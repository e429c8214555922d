/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.intelRdt: the container's place in the resctrl filesystem
 * (Documentation/arch/x86/resctrl.rst): a class of service (a directory with a `schemata` file and
 * the pids of its members in `tasks`), and a monitoring group below it. What children inherit, so
 * init's own pid is enough.
 *
 * Functions take a descriptor of the filesystem's root, so that a tree of plain files will do in
 * tests.
 */
#ifndef CEDE_RUNTIME_RESCTRL_H
#define CEDE_RUNTIME_RESCTRL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "oci/spec.h"
#include "runtime/container.h"

#define RESCTRL_ROOT "/sys/fs/resctrl"

/* Descriptor of the mounted filesystem; refused by name where there is none. */
int resctrl_open(struct err *e);

/* The same, for the answer alone. */
int resctrl_check(struct err *e);

/* As config-linux.md, "IntelRdt", has it: finds or makes the class, writes or compares its
 * schemata, puts the process in, makes the monitoring group. On failure what was made is gone
 * again. */
int resctrl_join(int root, const struct spec_linux *l, const char *id, pid_t pid,
		 struct rdt_place *ret, struct err *e);
/* One more process of a container that has such a place. */
int resctrl_enter(int root, const struct rdt_place *place, const char *id, pid_t pid,
		  struct err *e);
/* New schemata ("L3:0=f0", one resource a line) for the class of a container (`update`). Refused if
 * the class is not the container's own; if one line is, those before it are taken back. */
int resctrl_update(int root, const struct rdt_place *place, const char *id,
		   const char *const *lines, size_t n, struct err *e);
/* Removes what resctrl_join made; what is gone already is fine. */
int resctrl_leave(int root, const struct rdt_place *place, const char *id, struct err *e);

/* The same for a container's end: what fails is a warning. */
void resctrl_leave_place(const struct container *c);

/* Every domain that the wanted line ("L3:0=7f0;1=1f") names has that value in the file's text.
 * Leading zeros and blanks do not count. Pure. */
bool resctrl_has_line(const char *text, const char *wanted);

#endif
