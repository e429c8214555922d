/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The making of a container, as `create` and `run` share it. Inside the runtime only.
 */
#ifndef CEDE_RUNTIME_CREATE_H
#define CEDE_RUNTIME_CREATE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/cgroup.h"
#include "runtime/container.h"
#include "runtime/mount_plan.h"
#include "runtime/ns.h"
#include "runtime/process.h"
#include "runtime/seccomp.h"
#include "runtime/supervise.h"
#include "runtime/sync.h"

/* What init may take for one step of its set-up, hooks not counted. On a loaded machine it runs in
 * the idle class. */
#define CREATION_TIMEOUT_MS 120000

/* All that is owned while a container is made, in the order in which it is acquired. */
struct creation {
	const struct runtime *rt;
	const struct create_opts *o;
	/* True: init runs the program as soon as it is recorded; no FIFO, no `start`. */
	bool run_now;

	char *text; /* the document, as it was read */
	size_t text_len;
	struct spec *spec;
	char *bundle; /* absolute */
	struct ns_plan ns;
	struct mount_plan mounts;
	struct process process;
	struct seccomp_program seccomp;
	struct signals signals;
	int console_socket, pidfd_socket; /* connected; -1: none asked for */

	struct container *container; /* its state directory, locked */
	struct cgroup cgroup;
	int fifo, result;
	int notify; /* the container's NOTIFY_SOCKET, if it runs at once; -1 */

	bool ordinary;	  /* we are an ordinary user: see rootless_is_ordinary */
	bool notifies;	  /* it has a NOTIFY_SOCKET of its own */
	bool early;	  /* recorded before init is ready */
	int sync;	  /* ours of the pair; -1 until the clone */
	pid_t pid;	  /* of init, or of the stage before it has told */
	int pidfd;	  /* of the same */
	int master;	  /* of the terminal, if it stays here; else -1 */
	bool enter_group; /* init enters its group itself: see cgroup_enter */
	bool attach;	  /* ... or is moved there, before it does anything: see cgroup_attach */
	volatile struct sync_flags *flags; /* in memory shared with it */
	struct netdevs *netdevs;	   /* that were moved; NULL: none */
	bool hooked;  /* the hooks' stage was reached: poststop hooks are owed */
	bool written; /* the pid file is */
};

/*
 * Makes the container up to where init has been recorded and may go on (at once, or to wait for
 * start). On failure everything is undone, except what creation_end releases.
 */
int creation_make(struct creation *c, const struct runtime *rt, const struct create_opts *o,
		  bool run_now, struct err *e);

/*
 * The steps of it that `restore` shares, whose init CRIU makes (runtime/restore.c). After a failure
 * of any of them: creation_undo, then creation_end. In this order:
 *	creation_begin	all before init: the document, the plans, the state directory, the cgroup
 *	creation_guard	before anything of the container runs: device program, the document's copy
 *	creation_record	c->pid and c->pidfd are init's: state, pid file, pidfd socket
 */
int creation_begin(struct creation *c, const struct runtime *rt, const struct create_opts *o,
		   bool run_now, struct err *e);
int creation_guard(struct creation *c, struct err *e);
int creation_record(struct creation *c, struct err *e);
void creation_undo(struct creation *c);
/* In the foreground, for as long as init lives; then deletes it (unless o->keep). Releases. In
 * runtime/run.c. */
int creation_supervise(struct creation *c, const struct runtime *rt, const struct create_opts *o,
		       int *ret_status, struct err *e);

/* Waits until the program has been executed (run_now only), or hands out why not. Then poststart
 * hooks. On failure everything is undone. */
int creation_started(struct creation *c, struct err *e);
/* Releases what the making needed, and the container's lock; the container stays. Signals that came
 * in since creation_make take their course only in creation_end, which does both. */
void creation_release(struct creation *c);
void creation_end(struct creation *c);

/* --- runtime/create_init.c -----------------------------------------------------------------------
 */

/* Opens what the container's mounts are made of, and clones init (or the stage in front of it). */
int creation_clone(struct creation *c, struct err *e);
/* Hears and answers init until it says that it is ready. */
int creation_converse(struct creation *c, struct err *e);
/* -ENOMEM, naming the limit, if the kernel has killed for want of memory in its group. */
int creation_check_memory(const struct creation *c, struct err *e);
/* On SYNC_LISTENER with this value; the answer is the caller's to send. */
int creation_on_listener(struct creation *c, int number, struct err *e);
/* Hooks in the runtime's namespaces; from then on poststop hooks are owed. */
int creation_run_hooks(struct creation *c, enum spec_hook_kind kind, enum oci_status status,
		       struct err *e);

#endif
