/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a container is not in it, told to CRIU by name (criu(8), --external): CRIU stores the
 *name, and whoever restores says what it stands for there.
 *
 *	bind mounts, masked files	the mount point in the container; a path of the host
 *	joined network, pid namespace	NETNS_KEY, PIDNS_KEY; a descriptor
 *	joined ipc, uts, time namespace	stored whole by CRIU; joined instead at restore
 *	0, 1, 2 (files and terminals	kept in the images as descriptors.json: an array of three
 *	outside, pipes)			strings in CRIU's own notation, as other runtimes do
 *
 * That file comes from a directory that others may have written: it is read once, with a bound, and
 * of its strings only those of an exact form are believed.
 */
#ifndef CEDE_RUNTIME_EXTERNAL_H
#define CEDE_RUNTIME_EXTERNAL_H

#include "base/err.h"
#include "base/str.h"
#include "runtime/create.h"
#include "runtime/criu.h"

/* Adds to the options of a dump; refuses by name what CRIU would lose silently.
 * Writes descriptors.json. */
int external_dump(struct strbuf *opts, const struct container *c, const struct spec *s,
		  int image_fd, struct err *e);
/* Adds to those of a restore, and to the descriptors that CRIU is to have. `c` is at
 * creation_begin. The descriptors are closed by external_close. */
int external_restore(struct strbuf *opts, struct criu_start *how, const struct creation *c,
		     int image_fd, struct err *e);
void external_close(struct criu_start *how);

/* "pipe:[123]", "file[1a:2b]", "tty[8801:17]", and "null[1a:2b]" for a file that is /dev/null and
 * stays it: what is believed. Pure. */
bool external_is_key(const char *text);

#endif
