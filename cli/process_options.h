/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line of `exec` says about a process. */
#ifndef CEDE_CLI_PROCESS_OPTIONS_H
#define CEDE_CLI_PROCESS_OPTIONS_H

#include "base/arena.h"
#include "cli/cli.h"
#include "oci/spec.h"

struct process_options {
	const char *cwd, *user, *apparmor, *label; /* NULL: not given */
	bool tty, no_new_privs;
	struct opt_list env, caps, gids;
};

/* Replaces in `p`, or adds to it. Strings are borrowed or go to the arena; `p` is of no use after
 * an error. Pure. */
int process_options_apply(const struct process_options *o, struct arena *a, struct spec_process *p,
			  struct err *e);

/* "UID[:GID]"; without a GID, ret keeps the one it has. -EINVAL, and ret untouched, for anything
 * else. Pure. */
int process_user_parse(const char *text, struct spec_user *ret);

#endif
