/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's cgroup: where it is, how it is made, limited and removed. Managers (cgroupfs,
 * systemd) are a small vtable behind these calls.
 *
 * Safe by birth (invariant 1): the slice gets cpu.idle=1, memory.oom.group and its soft ceiling
 * before the first process enters; what the host cannot do is returned in cgroup_birth, so that
 * init sets the per-task equivalent (SCHED_IDLE, autogroup nice 19, idle I/O priority).
 *
 * Limits whose controller is missing are refused if the document demands them (-EOPNOTSUPP, naming
 * the JSON path), and skipped with one warning if they are only cede's defaults (on a hybrid host
 * with a debug line). Limits of cgroup v1 that v2 has no equivalent of are refused; see
 * cgroup_knobs.c. A limit that says "none" is fine without its controller.
 *
 * Written outside the slice: cgroup.subtree_control of the levels above the group, to enable
 * (never disable) the controllers that are needed; nothing else.
 */
#ifndef CEDE_RUNTIME_CGROUP_H
#define CEDE_RUNTIME_CGROUP_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/cgfs.h"
#include "base/err.h"
#include "oci/spec.h"
#include "runtime/container.h"
#include "runtime/systemd_bus.h"

struct cgroup {
	struct cg_host host;
	char path[1024]; /* below the mount, leading slash; "" with CGROUP_MANAGER_DISABLED */
	int fd;		 /* O_PATH|O_DIRECTORY of the group; CLONE_INTO_CGROUP takes it; -1: none */
	bool created;	 /* this call made the directory */
	/* True where the group's place in the tree already makes it idle against incumbents (below
	 * the slice, cpu.idle=1 there). False: init must become SCHED_IDLE itself. */
	bool idle_by_group;
	/* The systemd manager: the scope's name ("" with others), whose manager it is, and a
	 * process of ours that keeps the scope while nobody else is in it (-1: none). */
	char unit[256];
	enum systemd_manager manager;
	int holder_fd;
	/* CLONE_INTO_CGROUP would not do: init has to enter by cgroup_enter. */
	bool self_enter;
	/* Inodes of the groups below that are other containers' (cgroup_open_own): what is done to
	 * all of the group is not done to them. */
	uint64_t *others;
	size_t n_others;
};
#define CGROUP_INIT                                                                                \
	{                                                                                          \
		.host = {.fd = -1}, .fd = -1, .holder_fd = -1                                      \
	}

/*
 * Where a container goes: linux.cgroupsPath absolute: below the mount as asked (and then none of
 * the slice's settings apply); relative: below the slice; absent or empty: the slice plus the id.
 * Pure; refuses "..", the root, the slice itself and over-long paths.
 */
int cgroup_path(const char *cgroups_path, const char *id, char *buf, size_t size, struct err *e);

/* The same for whoever calls: a user without the machine's privileges has, instead of the slice,
 * the group he is in, which may have been delegated to him. */
int cgroup_place(const char *cgroups_path, const char *id, char *buf, size_t size, struct err *e);

/* Makes the slice (if needed) and the group, enables controllers on the way, writes the limits, and
 * gives the group to the container's user where the specification says so.
 * A group that exists must be empty of processes and not frozen (-EBUSY), and no threaded one
 * (-EOPNOTSUPP). On failure everything made here is removed. The slice stays when its last
 * container goes: it is the machine's partition, and its settings may be the administrator's. */
int cgroup_create(const struct runtime *rt, const struct spec *s, const char *id,
		  struct cgroup *ret, struct err *e);
/* The device program of a group just made, before anything of the container runs in it: the kernel
 * takes a while to verify it, and init has other things to do meanwhile. */
int cgroup_guard(const struct cgroup *cg, const struct spec *s, struct err *e);
/* The container's first process is in its group now. */
void cgroup_settled(struct cgroup *cg);
/* An existing one, by its path; a container's, with what its manager must know to change it
 * (cgroup_apply): -ESRCH if it is there no more, or another one has its path. */
int cgroup_open(const char *path, struct cgroup *ret, struct err *e);
int cgroup_open_of(const struct container *c, struct cgroup *ret, struct err *e);
/* For what is done to all that is in a container's group, also when its init has ended: without
 * the groups below that other containers of the state root have as theirs. c->cgroup is not NULL.
 * -ENOENT; -ESTALE: it is another container's by now. */
int cgroup_open_own(const struct container *c, struct cgroup *ret, struct err *e);
/* A group that was there is one that a container which is still recorded has made: whoever takes it
 * over is to remove it in the end. */
bool cgroup_is_inherited(const struct container *c, struct cgroup *cg);
/* Groups below may be the container's own, or other containers', by their cgroupsPath. */
bool cg_has_groups_below(const struct cgroup *cg);
/* Which group it is among all that have or had its path; 0: none. */
uint64_t cgroup_inode(const struct cgroup *cg);
void cgroup_close(struct cgroup *cg);
/* To be removed with the container: made for it, or below the slice, where everything is ours. */
bool cgroup_is_ours(const struct cgroup *cg);

/* Limits alone, of a group that may be in use: all, or after an error none (what could not be taken
 * back is named). systemd's scopes get them as properties, too. The weight of a group with
 * cpu.idle=1 is checked and forgotten by the kernel: container_update keeps it. */
int cgroup_apply(const struct cgroup *cg, const struct spec_resources *asked, struct err *e);

/* cgroup.kill (5.14; also when frozen), waits up to timeout_ms until unpopulated (-ETIMEDOUT),
 * removes the group, its descendants, and below the slice the parents that became empty. A missing
 * group is fine. */
int cgroup_destroy(const char *path, int timeout_ms, struct err *e);
/* The same for a container's; a group that was there before the container stays, and a scope is
 * ended by systemd afterwards. One that is another container's by now is left alone, and so are
 * groups below that are others', with the way to them. */
int cgroup_end(const struct container *c, int timeout_ms, struct err *e);
/*
 * The calling process enters. For when CLONE_INTO_CGROUP does not do: Linux 6.18 kills the new
 * process at birth if cgroup.kill has been written to the caller's group and not as often to this
 * one, or the other way round (kernel/cgroup/cgroup.c, kill_seq; measured).
 */
int cgroup_enter(const struct cgroup *cg, struct err *e);
/* The same for another process, which is ours and waits. */
int cgroup_enter_other(const struct cgroup *cg, pid_t pid, struct err *e);
/*
 * For when neither is permitted (EACCES): a user's systemd moves the process, which is a child of
 * the caller that does nothing before it is told to, and has its ids as they were: systemd moves
 * the user's processes only. Nothing but systemd's check of its name says that the group is a unit
 * of a user's: cgroup_can_attach.
 */
bool cgroup_can_attach(const struct cgroup *cg);
int cgroup_attach(const struct cgroup *cg, pid_t pid, struct err *e);
/* To every process of the group and its descendants; SIGKILL by cgroup.kill, if all are its own. */
int cgroup_signal(const struct cgroup *cg, int signal, struct err *e);
/* All pids of the group and its descendants; the caller frees. */
int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *e);

/* runtime/devices_bpf.c: attaches a BPF_PROG_TYPE_CGROUP_DEVICE program made of the rules of a
 * document (linux.resources.devices; the last match wins) and the default allowed devices; replaces
 * an earlier one of ours. What linux.devices lists is allowed as long as no rule says otherwise
 * (config-linux.md: it "MUST be available"). */
int cgroup_devices_guard(int cgfd, const struct spec_linux *l, struct err *e);

/* Quadratic map of cpu.shares [2, 262144] to cpu.weight [1, 10000] (crun 1.23, runc 1.3 and
 * KEP-2254 discussion): 10^((log2(shares)^2 + 125 log2(shares)) / 612 - 7/34), 1024 -> 100. Pure.
 */
uint64_t cgroup_shares_to_weight(uint64_t shares);

#endif
