/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's process: what `create`, `run` and `exec` have in common.
 *
 *	runtime:	process_prepare()	what can be decided before
 *	outside:	process_birth()		what needs the host's privileges: scheduling, limits
 *	inside:		process_close_fds()	nothing of the host stays open ...
 *			process_become()	... when paths of the container are walked
 *			process_exec()
 *
 * "Outside" is the runtime acting on init, or exec's child before it enters the container.
 */
#ifndef CEDE_RUNTIME_PROCESS_H
#define CEDE_RUNTIME_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "oci/spec.h"
#include "runtime/caps.h"
#include "runtime/seccomp.h"

/* podman's --group-add keep-groups: the groups of whoever calls the runtime are kept. They need no
 * mapping that way, which setgroups(2) would ask for. */
#define ANNOTATION_KEEP_GROUPS "run.oci.keep_original_groups"

struct process {
	const struct spec_process *spec; /* borrowed */
	const struct spec_linux *linux_; /* of the container; NULL: none */
	struct caps caps;
	const struct seccomp_program *seccomp; /* borrowed; NULL: no filter */
	int seccomp_listener;		       /* what loading it returned, or -1 */
	int talk_fd, go_fd; /* to and from the runtime: see runtime/seccomp_listener.h */
	bool in_userns;
	bool own_userns; /* the runtime's own is not the initial one (decided before init loses
			    sight of procfs) */
	/* Safe by birth: its cgroup does not make it idle, so the process itself must be. */
	bool idle_by_task;
	bool keep_groups;      /* of our caller: the annotation ANNOTATION_KEEP_GROUPS */
	bool setgroups_denied; /* by the user namespace; only known where more groups are wanted */
	int label_fd;	       /* takes the label of a security module (runtime/lsm.h); -1: none */
	int keep_fds;	       /* descriptors 3 .. 2 + n are the program's */
	int listen_fds;	       /* how many of them came by socket activation */
	char *names;	  /* LISTEN_FDNAMES as our caller has it; NULL: the descriptors have none */
	uint64_t ignored; /* bit n - 1: our caller ignores signal n */
	char **env;	  /* by process_become; on the heap until exec */
	char listen_pid[32];
	char file[PATH_MAX]; /* by process_find */
};

/* Decides capabilities, checks the descriptors to preserve (they must be open and inherited, not
 * our own), reads which signals our caller ignores. */
int process_prepare(struct process *p, const struct spec_process *spec, bool in_userns,
		    int preserve_fds, struct err *e);

/* What the process has from its container: personality, memory policy, annotations. */
void process_of_container(struct process *p, const struct spec *s);

/* oom_score_adj, scheduler, I/O priority of process `pid` (0: ourselves), which leads its session
 * already: the autogroup's nice value is the session's. With a user namespace also the hard limits
 * that are to be higher. */
int process_birth(const struct process *p, pid_t pid, struct err *e);
/* The two halves of it: what a child inherits, and what belongs to a session. */
int process_birth_task(const struct process *p, pid_t pid, struct err *e);
int process_birth_session(const struct process *p, pid_t pid, struct err *e);

/* Of a container whose processes CRIU makes from images: its I/O priority is in none, and is what
 * our children inherit; likewise the idle class. Then, with `pid` its init: its session. */
int process_inherited(const struct process *p, struct err *e);
int process_restored(const struct process *p, pid_t pid, struct err *e);

/* rlimits of ourselves: what process_become calls when nothing is to be opened any more. */
int process_limits(const struct process *p, struct err *e);

/* In the process itself, while procfs is at hand: opens what takes its label. `apply`: it is to
 * take it now, where one that is not loaded is found out early; else before the exec. */
int process_open_label(struct process *p, bool apply, struct err *e);
/* Then, too: may groups be set in the user namespace that it will be in, which is pid's? */
void process_look_at_setgroups(struct process *p, pid_t pid);

/* Closes everything but 0 .. 2 + keep_fds, the label's and the descriptors of `keep` (which may be
 * -1). */
int process_close_fds(const struct process *p, const int *keep, size_t n, struct err *e);

/* A session keyring of its own: keys of whoever called us are not the container's (keyrings(7)).
 * With the ids that the container's root has. It has no name: one with a name is joined if it is
 * there, and another container may have made it. The second is without the label that keys have on
 * SELinux (lsm_label_keys), for which it takes a procfs. */
int process_new_keyring(const struct process *p, struct err *e);
int process_join_keyring(struct err *e);

/* LISTEN_PID once more, in a process that was cloned behind process_become. */
void process_name_pid(struct process *p);

/* In the container: environment, user, groups, capabilities, umask, working directory. */
int process_become(struct process *p, struct err *e);

/* Then: which file to execute (exit status 127 or 126 in the error if there is none). */
int process_find(struct process *p, struct err *e);

/* The filter, if there is one that has not been loaded yet. */
int process_load_filter(struct process *p, struct err *e);

/* Loads the filter if that was not done before, and executes. Returns on failure only, with
 * the exit status in the error. */
int process_exec(struct process *p, struct err *e);

/* The error for a document without a process. */
int process_missing(struct err *e);

/* The error for a program that cannot be executed, with its exit status; words as engines look for
 * them. Pure. */
int process_exec_error(const char *name, int errnum, struct err *e);

/* "HOME=..." of a uid from the text of a passwd file: hands out a slice of it; false if there is
 * none. Pure. */
bool passwd_home(const char *text, uint32_t uid, const char **ret, size_t *ret_len);

#endif
