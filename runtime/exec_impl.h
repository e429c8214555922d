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
	bool ordinary;	  /* we are an ordinary user: see stage */
	bool staged;	  /* the stage has told the process and has ended */
	bool enter_group; /* the process enters the group itself: see cgroup_enter */
	/* In memory shared with it: it has begun (its program may have run, whatever became of it).
	 */
	volatile bool *begun;
};

/* From the first instruction to the program, on its end of the socket pair: sync[1]; sync[0] is the
 * runtime's. What goes wrong is told there. */
_Noreturn void exec_child(struct execution *x, const int sync[2]);

#endif
