/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities of a container process: decided in the runtime process, set in init in two steps.
 *
 *	runtime:  caps_resolve()	warnings go to the log there
 *	init:	  caps_prepare()	bounding set, PR_SET_KEEPCAPS
 *		  setgroups, setresgid, setresuid
 *		  caps_finish()		permitted, effective, inheritable, ambient
 *
 * Capabilities that cannot be granted (the runtime does not have them, the kernel does not know
 * them, an effective one that is not permitted, an ambient one that is not both permitted and
 * inheritable) are left out with one warning, never an error (config.md, capabilities).
 * Rules of the kernel: capabilities(7), security/commoncap.c.
 */
#ifndef CEDE_RUNTIME_CAPS_H
#define CEDE_RUNTIME_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/procfs.h"
#include "oci/spec.h"

/* What to set: bit n is capability n. Plain data: may cross a fork or a pipe as it is. */
struct caps {
	uint64_t bounding, effective, inheritable, permitted, ambient;
	uint64_t drop;	    /* bounding bits that are set now and must go */
	bool clear_ambient; /* the process starts with ambient capabilities of its own */
};

/*
 * `want` NULL (process.capabilities not given): none at all. `own`: the runtime's own sets, which
 * are the ceiling; NULL: the process will be in another user namespace (new or joined), where it
 * begins with every capability and a full bounding set.
 */
void caps_resolve(const struct spec_capabilities *want, const struct proc_status *own,
		  struct caps *ret);

/* Before the change to `user`; needs CAP_SETPCAP if there is something to drop. */
int caps_prepare(const struct caps *c, uid_t user, struct err *e);

/* After it. PR_SET_KEEPCAPS is taken back (exec would do so too). */
int caps_finish(const struct caps *c, uid_t user, struct err *e);

#endif
