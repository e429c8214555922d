/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the two halves of `exec`: exec.c is in the runtime, exec_child.c in the new process.
 */
#ifndef CEDE_RUNTIME_EXEC_IMPL_H
#define CEDE_RUNTIME_EXEC_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci/spec.h"
#include "runtime/cgroup.h"
#include "runtime/container.h"
#include "runtime/process.h"
#include "runtime/seccomp.h"
#include "runtime/supervise.h"
#include "runtime/sync.h"

struct execution {
	const struct runtime *rt;
	const struct exec_opts *o;
	struct container *container;
	struct spec *spec; /* of the container */
	struct spec_process spec_process;
	struct process process;
	struct seccomp_program seccomp;
	struct cgroup cgroup;
	struct signals signals;
	uint64_t namespaces; /* CLONE_NEW*: which to enter */
	int init_pidfd;
	int root; /* init's, where that does not come with its mount namespace; -1 else */
	int console_socket, pidfd_socket;
	int sync, pidfd, master;
	pid_t pid;
	int stage;	   /* pidfd of the stage, once pid and pidfd are the process's; -1 before */
	bool ordinary;	   /* we are an ordinary user */
	bool under_filter; /* the filter lets the stage make the process, and the process be made */
	bool late; /* the process sets itself up: its filter does not let the stage make it */
	bool enter_group; /* the stage waits until it was put into its group */
	/* In memory shared with both. */
	volatile struct sync_flags *flags;
	/* In memory shared with the stage alone: the process's number, as we see it; 0: not yet. */
	volatile pid_t *made;
};

/* From the first instruction of the stage to the program, on its end of the socket pair: sync[1];
 * sync[0] is the runtime's. What goes wrong is told there. */
_Noreturn void exec_child(struct execution *x, const int sync[2]);

/* In the runtime: who loads the filter and does the rest, see execution.under_filter and late. */
void exec_decide(struct execution *x);

#endif
