/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespace plan: who makes and who enters which namespace, and in how many steps.
 *
 * Facts of the kernel behind it (namespaces(7), setns(2), clone(2), time_namespaces(7); checked on
 * 6.18):
 *  - with CLONE_NEWUSER in the same clone3, the kernel makes the user namespace first and it owns
 *    the others;
 *  - setns() to a pid namespace, and unshare() of pid or time, take effect for children only;
 *    setns() to a time namespace takes effect at once;
 *  - the offsets of a time namespace are written between unshare(CLONE_NEWTIME) and the first
 *    process in it: clone3(CLONE_NEWTIME) is too late for them;
 *  - a new cgroup namespace is rooted at the cgroup of its *maker*: with clone3(CLONE_INTO_CGROUP |
 *    CLONE_NEWCGROUP) that is the runtime's, so init unshares it once it stands in its own group;
 *  - to come back from a joined pid namespace takes power over our own one, which root of a user
 *    namespace does not have over the host's;
 *  - pivot_root(2) changes the root of all who live in the mount namespace, so a container that is
 *    to be in the machine's or the runtime's makes its mounts in one that is lent to it, and takes
 *    them along (init.c); in any other that is joined they are made in place;
 *  - who enters a new user namespace has no power any more over namespaces that another one owns,
 *    so those are joined before.
 *
 * Most containers need one clone3. Where a process in between is unavoidable ("stage"), it makes
 * init with CLONE_PARENT, so that init is the runtime's child in every case.
 */
#ifndef CEDE_RUNTIME_NS_H
#define CEDE_RUNTIME_NS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "oci/spec.h"

/* Sets of namespaces are CLONE_NEW* masks. */
struct ns_plan {
	uint64_t joined, created; /* what is asked for */
	bool two_stage;
	uint64_t parent_joins; /* pid only: for its children, taken back afterwards */
	uint64_t stage_joins;
	uint64_t stage_unshares; /* user and time, in this order; in front of the time offsets */
	uint64_t clone_flags;	 /* of the clone3 that makes init */
	uint64_t init_joins;
	uint64_t init_unshares;
	bool offsets;	   /* timens_offsets are to be written, by whoever unshares time */
	bool mount_lent;   /* the one created is for init to work in; fds has the container's */
	int fds[NS_KINDS]; /* of the joined ones, and see mount_lent; -1 else */
};

/* Pure: which step does what. `bound`: who has joined a pid namespace cannot come back to our own.
 * fds are set to -1. */
void ns_plan_decide(uint64_t joined, uint64_t created, bool offsets, bool bound,
		    struct ns_plan *ret);

/* Opens the namespaces to join (in the runtime's mount namespace), checks their types, decides. A
 * user namespace that is our own already needs no joining and is left out. */
int ns_plan_make(const struct spec *s, struct ns_plan *ret, struct err *e);
void ns_plan_close(struct ns_plan *p);

/* One line: what --debug shows and the unit tests compare. */
void ns_plan_print(const struct ns_plan *p, struct strbuf *out);

/*
 * Enters the given namespaces. Those that the caller has no power over are tried again behind the
 * user namespace, if that is among them.
 */
int ns_join(const struct ns_plan *p, uint64_t which, struct err *e);

/* In the runtime, for a process that has unshared time and not forked since. (The process itself is
 * not dumpable, so its files in procfs belong to the host's root, which it may no longer be.) */
int ns_write_offsets(pid_t pid, const struct spec_linux *l, struct err *e);

#endif
