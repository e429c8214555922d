/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a container: what `create`, `start`, `kill`, `delete`, ... do. This is the runtime's
 * upper face; cli/ and sched/ call it. It knows nothing of a scheduler.
 *
 * State directory: <root>/<id>/ (0700) with `state.json` (atomic), `config.json` (the document as
 * it was at create: later changes of the bundle's do not count), `exec.fifo` and `exec.result`
 * between create and start (see runtime/start.c), `lock` (flock: one operation at a time),
 * `freeze.<holder>` (see runtime/freezer.h).
 */
#ifndef CEDE_RUNTIME_CONTAINER_H
#define CEDE_RUNTIME_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "oci/documents.h"
#include "oci/spec.h"

#define CEDE_DEFAULT_ROOT "/run/cede"
/* The slice, below the cgroup2 mount. */
#define CEDE_SLICE "cede.slice"

enum cgroup_manager { CGROUP_MANAGER_CGROUPFS, CGROUP_MANAGER_SYSTEMD, CGROUP_MANAGER_DISABLED };
enum rootless { ROOTLESS_AUTO, ROOTLESS_NO, ROOTLESS_YES };

/* What the global options of the command line say. */
struct runtime {
	const char *root;   /* absolute state root */
	bool root_is_users; /* by default: see state_check_root() */
	bool root_is_guess; /* nobody has named one, and there may be none: said when it is needed
			     */
	enum cgroup_manager cgroup_manager;
	enum rootless rootless; /* see runtime/rootless.h */
	bool debug;
};

/*
 * What a caller of container_run does while the container runs (`launch` schedules it). All may be
 * NULL.
 */
#define RUN_WATCH_MAX 4
struct pollfd;
struct run_hooks {
	/* The program runs; an error ends it. pidfd is borrowed. */
	int (*started)(pid_t pid, int pidfd, void *arg, struct err *e);
	/* At most RUN_WATCH_MAX descriptors to wait for beside the container; `ready` is called
	 * with their revents filled in when one of them has something. An fd of -1 is skipped. */
	struct pollfd *watch;
	size_t n_watch;
	void (*ready)(void *arg);
	/* A signal that would be passed on; true: it has been dealt with. */
	bool (*signalled)(int signal, void *arg);
	/* It has ended and has not been deleted yet: its cgroup still tells what it used. */
	void (*ended)(int status, void *arg);
	void *arg;
};

struct create_opts {
	const char *id;
	const char *bundle; /* NULL: the current directory */
	const char *config; /* NULL: config.json */
	const char *pid_file;
	const char *console_socket;
	const char *pidfd_socket;
	int preserve_fds; /* fds 3 .. 2+n stay open in the container */
	bool no_pivot;
	bool no_new_keyring;
	bool detach;		       /* run: return once started */
	bool keep;		       /* run: do not delete at exit */
	const struct run_hooks *hooks; /* run, not detached; NULL: none */
};

/* [A-Za-z0-9_+.-]{1,1024}, not "." or "..", starting with a letter, digit, '_' or '+'... */
int container_id_check(const char *id, struct err *e);

/* Somebody has made a container under this id, or is making or removing one. */
bool container_id_is_taken(const struct runtime *rt, const char *id);

/* Its place in resctrl (runtime/resctrl.h). */
struct rdt_place {
	const char *group; /* a directory's name, "." for the root; NULL: none */
	bool created;	   /* to be removed with the container */
	bool monitored;	   /* it has a monitoring group of its own */
};

/* A container read back from its state directory. */
struct container {
	struct arena arena;
	const struct runtime *rt;
	int dirfd; /* the state directory */
	int lockfd;
	const char *id, *bundle, *rootfs, *created, *owner;
	const char *cgroup; /* below the cgroup2 mount, with a leading slash; NULL: none */
	/* Its inode, which no other group of this boot has (kernfs): the path may be another
	 * group's by now. 0: not known (while creating; recorded by an earlier version). */
	uint64_t cgroup_inode;
	bool cgroup_created; /* delete removes it (runtime.md, Delete): cgroup_is_ours() */
	bool new_keyring;    /* its processes do not have the keys of who calls us */
	bool listener;	     /* its seccomp filter has one, for `start` to hand over */
	bool notifies;	     /* it has a NOTIFY_SOCKET, where `start` is to listen */
	bool no_process;     /* there is nothing to start (runtime.md, Start) */
	struct rdt_place rdt;
	const char *unit;	   /* systemd's scope; NULL: another manager's group */
	bool user_unit;		   /* of the user's systemd */
	pid_t init_pid;		   /* as recorded; 0 while creating */
	uint64_t init_start_ticks; /* with the pid: the same process, not a recycled number */
	unsigned hooks; /* bit (1 << enum spec_hook_kind) for each kind the configuration has: what
			   start and delete must run; they read STATE_CONFIG only if there is one */
	/* What an idle group's weight is to be when it is idle no more, as FILE VALUE ("cpu.weight
	 * 50"); NULL: what the configuration says. The kernel forgets it. */
	const char *idle_weight;
	struct spec_pairs annotations;
};

/* How container_open locks. Every change holds LOCK_EXCLUSIVE. */
enum container_lock { CONTAINER_NO_LOCK, CONTAINER_LOCK_SHARED, CONTAINER_LOCK_EXCLUSIVE };

/* -ENOENT with "container `ID` does not exist" (text engines look for). */
int container_open(const struct runtime *rt, const char *id, enum container_lock lock,
		   struct container **ret, struct err *e);
void container_close(struct container *c);
/* Lets go of the lock, also where a child has inherited it and does not get to close it. */
void container_unlock(struct container *c);

static inline void cleanup_container(struct container **c)
{
	container_close(*c);
}
#define _cleanup_container_ __attribute__((cleanup(cleanup_container)))

/* Derived from the kernel each time: is init alive (pid + start time), waiting on exec.fifo, frozen
 * by the user? */
int container_status(const struct container *c, enum oci_status *ret, struct err *e);
bool container_init_is_alive(const struct container *c);
void container_state_doc(const struct container *c, enum oci_status status, struct oci_state *ret);

/* A pidfd of init that cannot be somebody else's. -ESRCH: "container not running". */
int container_open_init(const struct container *c, struct err *e);

/*
 * Creates the container and leaves init waiting for start. On failure nothing is left behind.
 * *ret_pidfd (if not NULL) is a pidfd of init, owned by the caller; init is a child of this
 * process.
 */
int container_create(const struct runtime *rt, const struct create_opts *o, pid_t *ret_pid,
		     int *ret_pidfd, struct err *e);
int container_start(const struct runtime *rt, const char *id, struct err *e);
/* create + start + (unless detached) forward signals and the terminal, wait, delete.
 * *ret_status: what the command should exit with. */
int container_run(const struct runtime *rt, const struct create_opts *o, int *ret_status,
		  struct err *e);
int container_kill(const struct runtime *rt, const char *id, int signal, bool all, struct err *e);
/* Force: kills first; an unknown id is success. */
int container_delete(const struct runtime *rt, const char *id, bool force, struct err *e);
int container_pause(const struct runtime *rt, const char *id, struct err *e);
int container_resume(const struct runtime *rt, const char *id, struct err *e);
/* New limits for a container that exists: all of them, or after an error none (what could not be
 * taken back is named). A pids.limit of 0 is one not given. Rules for devices replace all earlier
 * ones. -ESRCH: "container not running". */
int container_update(const struct runtime *rt, const char *id, const struct spec_resources *asked,
		     struct err *e);
/* The same for its class in resctrl: lines of schemata, see runtime/resctrl.h. */
int container_update_schemata(const struct runtime *rt, const char *id, const char *const *lines,
			      size_t n, struct err *e);
/* Pids (host numbering) in the container's cgroup, recursively; the caller frees *ret. */
int container_pids(const struct runtime *rt, const char *id, pid_t **ret, size_t *ret_n,
		   struct err *e);
/* Calls fn for each container under the root, in name order; broken ones are logged and skipped. */
int container_each(const struct runtime *rt, int (*fn)(struct container *c, void *arg), void *arg,
		   struct err *e);

struct exec_opts {
	const char *id;
	const struct spec_process *process; /* complete: merged from --process or the options */
	const char *pid_file, *console_socket, *pidfd_socket;
	int preserve_fds;
	const char *sub_cgroup; /* NULL: the container's own */
	bool detach;
	bool ignore_paused;
};
int container_exec(const struct runtime *rt, const struct exec_opts *o, int *ret_status,
		   struct err *e);

#endif
