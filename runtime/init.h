/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's init from its first instruction up to exec, and the stage that some namespace
 * plans need in front of it. Both are forks of the runtime: what they need, they find in memory.
 *
 * Order, and why:
 *	namespaces		a user namespace that is joined takes the host's power away, so
 *				limits and scheduling come before (or from outside)
 *	names, loopback, keyring
 *	mounts, terminal	in the new mount namespace, the host's tree still there
 *	network devices, prestart, createRuntime (by the runtime), createContainer hooks
 *	sysctls			a network device may have come with a hook
 *	pivot_root, masks, read-only paths; back to the runtime's
 *				mount namespace, if that is asked for
 *	descriptors closed	before any path of the container is walked for the program's sake
 *	user, capabilities, working directory, look-up of the program
 *	READY ... GO, the wait for `start`
 *	startContainer hooks, filter, exec
 */
#ifndef CEDE_RUNTIME_INIT_H
#define CEDE_RUNTIME_INIT_H

#include <stdbool.h>

#include "oci/documents.h"
#include "oci/spec.h"
#include "runtime/mount_plan.h"
#include "runtime/ns.h"
#include "runtime/process.h"
#include "runtime/sync.h"

struct init {
	const struct spec *spec;
	const struct ns_plan *ns;
	struct mount_plan *mounts;
	struct process *process;
	const char *id, *bundle;
	int sync;	  /* our end */
	int runtime_sync; /* the runtime's: must be closed here, or its end is never seen */
	int fifo;	  /* read end of STATE_FIFO, where `start` writes a byte; -1: run at GO */
	int result;	  /* write end of STATE_RESULT: errors from there on; -1: the sync socket */
	bool runtime_hooks; /* there are prestart or createRuntime hooks, or network devices */
	bool early_go;	    /* SYNC_GO comes, or came, without being asked for */
	bool no_pivot;
	bool new_keyring;
	bool ordinary;	  /* the runtime is an ordinary user: our user namespace has the power */
	bool hook_failed; /* what an error is about */
	volatile struct sync_flags *flags;
};

/* In the child. They report every failure and end the process. */
_Noreturn void init_main(struct init *i);
_Noreturn void stage_main(struct init *i);

#endif
