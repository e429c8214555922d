/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/init.h"

#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/procfs.h"
#include "base/rootfs.h"
#include "base/sys.h"
#include "runtime/hooks.h"
#include "runtime/idmap.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "runtime/sysctl.h"
#include "runtime/tty.h"

static int ask(const struct init *i, enum sync_type what, struct err *e)
{
	int rc = sync_send(i->sync, what, 0, -1, e);

	return rc < 0 ? rc : sync_wait_go(i->sync, e);
}

/*
 * If the runtime dies, so do we: at once by this signal, at the latest at the next exchange with it
 * (end of the stream), which also covers a death before this call and a change of credentials,
 * which takes the signal back (prctl(2)).
 */
static int die_with_runtime(bool yes, struct err *e)
{
	if (prctl(PR_SET_PDEATHSIG, yes ? SIGKILL : 0, 0, 0, 0) < 0)
		return fail(e, errno, "PR_SET_PDEATHSIG");
	return 0;
}

/* --- namespaces ----------------------------------------------------------------------------------
 */

/* Limits and scheduling are set as late as possible, so that they do not hit the set-up itself.
 * With a user namespace that is before it is entered, or from outside if we begin in it. */
static int early_birth(struct init *i, struct err *e)
{
	const struct ns_plan *ns = i->ns;

	if (!((ns->joined | ns->created) & CLONE_NEWUSER))
		return 0;
	if (ns->clone_flags & CLONE_NEWUSER || ns->two_stage)
		return ask(i, SYNC_BIRTH, e);
	return process_birth(i->process, 0, e);
}

static int late_birth(struct init *i, struct err *e)
{
	const struct ns_plan *ns = i->ns;

	return (ns->joined | ns->created) & CLONE_NEWUSER ? 0 : process_birth(i->process, 0, e);
}

/* What the runtime of an ordinary user could not do: only this user namespace owns a mount
 * namespace in which sources can be opened. As its root, who may read what any of its ids may. */
static int open_sources(struct init *i, struct err *e)
{
	const struct ns_plan *ns = i->ns;

	if (ns->init_unshares & CLONE_NEWNS && unshare(CLONE_NEWNS) < 0)
		return fail(e, errno, "make a mount namespace");
	return mount_plan_open_sources(i->mounts, i->spec, -1, e);
}

static int enter_namespaces(struct init *i, struct err *e)
{
	const struct ns_plan *ns = i->ns;
	uint64_t unshares = ns->init_unshares & ~(i->ordinary ? (uint64_t)CLONE_NEWNS : 0);
	int rc = ns_join(ns, ns->init_joins, e);

	if (rc == 0 && (ns->joined | ns->created) & CLONE_NEWUSER)
		rc = idmap_become_root(&i->spec->linux_, &i->process->spec->user, e);
	if (rc == 0 && i->ordinary)
		rc = open_sources(i, e);
	if (rc == 0 && unshares && unshare((int)unshares) < 0)
		rc = fail(e, errno, "make namespaces");
	return rc;
}

static int set_names(const struct spec *s, struct err *e)
{
	if (s->hostname && sethostname(s->hostname, strlen(s->hostname)) < 0)
		return fail(e, errno, "config.json: hostname: %s", s->hostname);
	if (s->domainname && setdomainname(s->domainname, strlen(s->domainname)) < 0)
		return fail(e, errno, "config.json: domainname: %s", s->domainname);
	return 0;
}

/* A new network namespace has a loopback device that is down. */
static int loopback_up(struct err *e)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		return fail(e, errno, "bring up the container's loopback device");
	return 0;
}

/* --- filesystem ----------------------------------------------------------------------------------
 */

static int set_up_terminal(struct init *i, int *ret_slave, struct err *e)
{
	_cleanup_fd_ int master = -1, slave = -1;
	int rc = tty_make(i->process->spec, i->mounts->root_fd, &master, &slave, e);

	if (rc == 0)
		rc = mount_plan_console(i->mounts, slave, e);
	if (rc == 0)
		rc = sync_send(i->sync, SYNC_CONSOLE, 0, master, e);
	if (rc == 0)
		*ret_slave = take_fd(&slave);
	return rc;
}

static int run_hooks(struct init *i, enum spec_hook_kind kind, enum oci_status status,
		     struct err *e)
{
	int rc;
	struct oci_state state = {
		.id = i->id,
		.status = status,
		.pid = getpid(), /* as seen by the container (runtime.md, State) */
		.bundle = i->bundle,
		.annotations = &i->spec->annotations,
	};

	rc = hooks_run(i->spec, kind, &state, e);
	i->hook_failed = rc < 0;
	return rc;
}

/*
 * The container is to be in a mount namespace that has others in it, which its mounts are none of
 * the business of: they go with it as a tree that is in no namespace, of which "/" is the root. The
 * descriptor, when it is closed, takes the tree out of the anonymous namespace that it has (the
 * kernel's dissolve_on_fput); it stays together for as long as a process has it for a root.
 */
static int return_mount_ns(const struct init *i, struct err *e)
{
	_cleanup_fd_ int tree =
		open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	int rc;

	if (tree < 0)
		return fail(e, errno, "clone the container's mounts");
	rc = ns_join(i->ns, CLONE_NEWNS, e);
	return rc < 0 ? rc : mount_enter_tree(tree, e);
}

static int build_filesystem(struct init *i, int *ret_slave, struct err *e)
{
	int rc = mount_plan_execute(i->mounts, i->spec, -1, e);

	if (rc == 0 && i->process->spec->terminal)
		rc = set_up_terminal(i, ret_slave, e);
	if (rc == 0 && i->runtime_hooks)
		rc = ask(i, SYNC_HOOKS, e);
	if (rc == 0)
		rc = run_hooks(i, HOOK_CREATE_CONTAINER, OCI_CREATING, e);
	if (rc == 0)
		rc = sysctl_apply(i->spec, e);
	if (rc == 0)
		rc = mount_enter_root(i->mounts, i->no_pivot, e);
	if (rc < 0)
		return rc;
	/* Engines expect a working directory that is missing to be made. Failure shows when it is
	 * entered. */
	if (!streq(i->process->spec->cwd, "/") && access(i->process->spec->cwd, F_OK) < 0 &&
	    errno == ENOENT)
		(void)mount_plan_make_dir(i->mounts, i->process->spec->cwd, NULL);
	rc = mount_plan_finish(i->mounts, e);
	return rc == 0 && i->ns->mount_lent ? return_mount_ns(i, e) : rc;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static int set_up(struct init *i, struct err *e)
{
	const int keep[] = {i->sync, i->fifo, i->result};
	_cleanup_fd_ int slave = -1;
	int rc;

	/* The stage has told the runtime who we are. */
	rc = i->ns->two_stage ? sync_wait_go(i->sync, e) : 0;
	if (rc < 0)
		return rc;
	/* Before birth: the autogroup that gets its nice value is the session's. */
	if (setsid() < 0)
		return fail(e, errno, "setsid");
	rc = early_birth(i, e);
	/* See creation_clone: the maps are written, nobody needs our files in procfs any more. */
	if (rc == 0 && i->ordinary && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		rc = fail(e, errno, "PR_SET_DUMPABLE");
	if (rc == 0)
		rc = enter_namespaces(i, e);
	if (rc == 0)
		rc = set_names(i->spec, e);
	if (rc == 0 && i->ns->created & CLONE_NEWNET)
		rc = loopback_up(e);
	if (rc == 0 && i->new_keyring)
		rc = process_new_keyring(i->process, e);
	if (rc == 0)
		rc = build_filesystem(i, &slave, e);
	if (rc == 0)
		rc = late_birth(i, e);
	if (rc == 0 && slave >= 0)
		rc = tty_attach(slave, e);
	if (rc == 0)
		/* A hook that we start would run with it. */
		rc = process_open_label(i->process, !i->spec->hooks[HOOK_START_CONTAINER].n, e);
	if (rc < 0)
		return rc;
	process_look_at_setgroups(i->process, PROC_SELF);
	proc_forget();
	rc = process_close_fds(i->process, keep, ARRAY_SIZE(keep), e);
	slave = -1; /* closed with the rest */
	if (rc == 0)
		rc = process_become(i->process, e);
	if (rc == 0)
		rc = process_find(i->process, e);
	return rc;
}

/* The runtime has recorded us when this returns: from here on we may outlive it. */
static int get_recorded(struct init *i, struct err *e)
{
	int rc = die_with_runtime(false, e);

	if (rc == 0 && !i->early_go) {
		rc = ask(i, SYNC_READY, e);
		if (rc < 0 && i->fifo >= 0 && state_is_created(i->fifo))
			rc = 0; /* it was killed with the word on its lips */
		return rc;
	}
	if (rc < 0)
		return rc;
	rc = sync_wait_go(i->sync, e);
	return rc < 0 ? rc : sync_send(i->sync, SYNC_READY, 0, -1, e);
}

static int wait_for_start(const struct init *i, struct err *e)
{
	char byte;

	/* We hold a write end as well, so there is no end of file, only a byte. */
	if (io_read(i->fifo, &byte, 1) != 1)
		return fail(e, errno, "wait for start");
	return 0;
}

void init_main(struct init *i)
{
	struct err e = ERR_INIT;
	int report = i->sync, rc;

	(void)fd_close(i->runtime_sync);
	i->process->talk_fd = i->process->go_fd = i->sync;
	rc = die_with_runtime(true, &e);
	if (rc == 0)
		rc = set_up(i, &e);
	if (rc == 0)
		rc = get_recorded(i, &e);
	if (rc == 0 && i->fifo >= 0) {
		(void)fd_close(i->sync);
		report = i->result;
		rc = wait_for_start(i, &e);
		i->process->talk_fd = i->result;
		i->process->go_fd = i->fifo; /* open until the program is executed: see status.c */
	}
	if (rc == 0)
		rc = run_hooks(i, HOOK_START_CONTAINER, OCI_CREATED, &e);
	if (rc == 0)
		(void)process_exec(i->process, &e); /* returns with an error only */
	sync_give_up(report, i->flags, i->hook_failed ? SYNC_HOOK_FAILED : SYNC_FAILED, &e);
}

/* What only affects children, and joining with the power of a user namespace that is then left. */
static int stage_namespaces(const struct init *i, struct err *e)
{
	const struct ns_plan *ns = i->ns;
	int rc = ns_join(ns, ns->stage_joins, e);

	if (rc == 0 && ns->stage_unshares & CLONE_NEWUSER) {
		if (unshare(CLONE_NEWUSER) < 0)
			return fail(e, errno, "make a user namespace");
		rc = ask(i, SYNC_MAP_IDS, e);
	}
	if (rc == 0 && ns->stage_unshares & CLONE_NEWTIME) {
		if (unshare(CLONE_NEWTIME) < 0)
			return fail(e, errno, "make a time namespace");
		rc = ask(i, SYNC_OFFSETS, e);
	}
	return rc;
}

void stage_main(struct init *i)
{
	/* With CLONE_PARENT init is the runtime's child as we are, and its death is signalled to
	 * the runtime like ours. */
	struct clone_args args = {.flags = i->ns->clone_flags | CLONE_PARENT};
	struct err e = ERR_INIT;
	int runtime_sync = i->runtime_sync;
	pid_t pid = -1;
	int rc;

	i->runtime_sync = fd_close(runtime_sync);
	rc = die_with_runtime(true, &e);
	if (rc == 0)
		rc = stage_namespaces(i, &e);
	if (rc == 0) {
		pid = sys_clone3(&args);
		if (pid == 0)
			init_main(i);
		if (pid < 0)
			rc = fail(&e, errno, "clone the container's init");
	}
	if (rc == 0)
		rc = sync_send(i->sync, SYNC_PID, pid, -1, &e);
	if (rc < 0)
		sync_give_up(i->sync, i->flags, SYNC_FAILED, &e);
	_exit(0);
}
