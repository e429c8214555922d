/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cede launch`: what was asked for, and the job that comes of it. Shared by the files
 * cli/launch*.c.
 */
#ifndef CEDE_CLI_LAUNCH_H
#define CEDE_CLI_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/cli.h"

/* The command line, as it stands there. */
struct launch_opts {
	const char *rootfs, *workdir, *name, *net, *cpus, *memory, *user, *on_pressure, *output;
	struct opt_list env, writable, capabilities;
	bool read_only_workdir, tty, no_tty, detach, quiet, dry_run;
	int argc;
	char **argv; /* the job's own; argv[argc] is NULL */
};

/* Of terminals: tty, on all distributions. */
#define LAUNCH_TTY_GROUP 5

/* What the host and the caller are: looked up once, made up in unit tests. */
struct launch_host {
	bool has_cpu, has_memory; /* controllers in cgroup v2 */
	bool has_cgroup;	  /* cgroup v2 at all */
	bool has_var_tmp;	  /* a directory /var/tmp */
	bool ordinary;		  /* the caller is an ordinary user: runtime/rootless.h */
	bool has_tty_group;	  /* LAUNCH_TTY_GROUP is one of our user namespace's */
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* none where the job can be given none: the caller's stay */
	size_t n_groups;
	mode_t umask;
	char **environ;
	const char *cwd; /* real path of the caller's */
	const char
		*resolv_conf;	/* real path of /etc/resolv.conf if that is below /run, else NULL */
	uint16_t rows, columns; /* of the terminal; 0: none */
};

/* Every string is in the arena or borrowed from the two above. */
struct launch_plan {
	struct arena arena;
	const char *id; /* of the options, or made up: may be made anew if it is taken */
	bool id_is_made_up;
	const char *rootfs; /* absolute; "/" is the host's, read-only */
	const char *cwd;
	struct launch_bind {
		const char *path; /* on the host and in the container */
		bool read_only;
	} * binds; /* the working directory, what --writable names */
	size_t n_binds;
	bool host_net, terminal, kill_on_pressure;
	uint64_t cpus_milli;   /* 0: no limit */
	uint64_t memory_bytes; /* 0: no limit */
	uint32_t uid, gid;
	const gid_t *groups;
	size_t n_groups;
	mode_t umask;
	const char **env;	   /* "KEY=value", NULL-terminated */
	const char **capabilities; /* "CAP_...", NULL-terminated */
	char **argv;		   /* NULL-terminated */
	const char *resolv_conf;
	uint16_t rows, columns;
	bool has_cpu, has_var_tmp, has_tty_group;
	bool ordinary; /* in a user namespace with his own id, without a cgroup or a scheduler */
};

/* cli/launch_plan.c: what can be refused is refused here. `h` must live as long as the plan. */
int launch_plan_make(const struct launch_opts *o, const struct launch_host *h,
		     struct launch_plan *ret, struct err *e);
void launch_plan_free(struct launch_plan *p);
/* "make" -> "make-3f2a": another one at each call. */
int launch_plan_make_id(struct launch_plan *p, struct err *e);

/* Looks the host and the caller up; strings go to the arena. */
int launch_host_look(struct arena *a, struct launch_host *ret, struct err *e);

/* cli/launch_bundle.c: the plan as a config.json. Pure. */
void launch_config_write(const struct launch_plan *p, struct json_writer *w);

/* cli/launch_job.c: runs it, in this process. *ret_status is the job's. */
int launch_job(const struct runtime *rt, struct launch_plan *p, bool quiet, int *ret_status,
	       void (*started)(void *arg), void *arg, struct err *e);

#endif
