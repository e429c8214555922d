/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `exec` in its two processes.
 *
 * The stage is the runtime's child. It is born as the container's processes are, enters all the
 * container's namespaces and becomes what the program is to be: ids, capabilities, filter, working
 * directory. But who has joined a pid namespace is not in it, only his children are: nobody in the
 * container can see the stage. Last it makes the process, with CLONE_PARENT, which is seen, and has
 * nothing by then that the program has not: whoever in the container may trace it (CAP_SYS_PTRACE
 * in a container without a user namespace) gains nothing by it (CVE-2016-9962).
 *
 * What is left for the process: to lead its session, the terminal, and the execution. A filter that
 * does not let us do that is loaded by the process last of all, if no_new_privs allows it; if not,
 * or with a listener, which is told the process's number, the process becomes what it is to be by
 * itself (`late`).
 */
#include "runtime/exec_impl.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/sys.h"
#include "runtime/affinity.h"
#include "runtime/idmap.h"
#include "runtime/lsm.h"
#include "runtime/mount_plan.h"
#include "runtime/resctrl.h"
#include "runtime/self.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

/* --- the stage -----------------------------------------------------------------------------------
 */

static int join_resctrl(const struct execution *x, struct err *e)
{
	_cleanup_fd_ int root = -1;

	if (!x->container->rdt.group)
		return 0;
	root = resctrl_open(e);
	return root < 0 ? root
			: resctrl_enter(root, &x->container->rdt, x->container->id, getpid(), e);
}

/* The host's power and its procfs are needed for birth. The session is the process's own. */
static int be_born(struct execution *x, int sync, struct err *e)
{
	int rc = x->enter_group ? sync_wait_go(sync, e) : 0;

	if (rc < 0)
		return rc;
	/* ^C is for the runtime, which passes it on. */
	if (setsid() < 0)
		return fail(e, errno, "setsid");
	rc = join_resctrl(x, e);
	if (rc == 0)
		rc = process_birth_task(&x->process, 0, e);
	if (rc == 0)
		rc = affinity_set(x->process.spec->exec_cpu_final, "final", e);
	if (rc == 0)
		rc = process_open_label(&x->process, false, e);
	process_look_at_setgroups(&x->process, x->container->init_pid);
	/* Before there is a user namespace: in it, there would be no procfs of ours to write to.
	 * The execution takes it back. */
	return rc == 0 && x->container->new_keyring ? lsm_label_keys(x->process.spec, true, e) : rc;
}

/* Nothing of the host stays open behind setns. There "/" and the working directory are the
 * container's root, where that comes with its mount namespace. */
static int enter(struct execution *x, int sync, struct err *e)
{
	const int keep[] = {sync, x->init_pidfd, x->root};
	int rc;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* see create.c */
		return fail(e, errno, "PR_SET_DUMPABLE");
	proc_forget();
	rc = process_close_fds(&x->process, keep, ARRAY_SIZE(keep), e);
	if (rc < 0)
		return rc;
	if (setns(x->init_pidfd, (int)x->namespaces) < 0)
		return errno == ESRCH ? refuse(e, ESRCH, "container not running")
				      : fail(e, errno, "enter the container's namespaces");
	x->init_pidfd = fd_close(x->init_pidfd);
	rc = x->root < 0 ? 0 : mount_enter_tree(x->root, e);
	x->root = fd_close(x->root);
	if (rc == 0 && x->namespaces & CLONE_NEWUSER)
		rc = idmap_become_root(&x->spec->linux_, &x->process.spec->user, e);
	return rc == 0 && x->container->new_keyring ? process_join_keyring(e) : rc;
}

static int make_terminal(struct execution *x, int sync, int *ret_slave, struct err *e)
{
	_cleanup_fd_ int master = -1;
	int rc;

	if (!x->process.spec->terminal)
		return 0;
	rc = tty_make(x->process.spec, AT_FDCWD, &master, ret_slave, e);
	return rc < 0 ? rc : sync_send(sync, SYNC_CONSOLE, 0, master, e);
}

/* 1: we are the process. */
static int make_process(struct execution *x, struct err *e)
{
	pid_t pid;

	/* A change of ids may have made us dumpable again (fs.suid_dumpable); a filter that refuses
	 * this has refused such a change. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	self_hide();
	/* No word of what is in the container names a process of the host. */
	if (madvise((void *)(uintptr_t)x->made, sizeof(*x->made), MADV_DONTFORK) < 0)
		return fail(e, errno, "madvise");
	if (x->under_filter && process_load_filter(&x->process, e) < 0)
		return -e->code;
	pid = sys_clone_sibling(x->made);
	return pid < 0 ? fail(e, errno, "clone into the container") : pid == 0;
}

static int run_stage(struct execution *x, int sync, int *ret_slave, struct err *e)
{
	int rc = be_born(x, sync, e);

	if (rc == 0)
		rc = enter(x, sync, e);
	if (rc == 0)
		rc = make_terminal(x, sync, ret_slave, e);
	if (rc == 0 && !x->late)
		rc = process_become(&x->process, e);
	if (rc == 0)
		rc = lsm_apply(x->process.spec, &x->process.label_fd, e); /* a fork inherits it */
	return rc < 0 ? rc : make_process(x, e);
}

/* --- the process ---------------------------------------------------------------------------------
 */

static int become(struct execution *x, int slave, struct err *e)
{
	int rc = 0;

	if (setsid() < 0)
		return fail(e, errno, "setsid");
	if (slave >= 0)
		rc = tty_attach(slave, e);
	if (slave >= 0)
		(void)fd_close(slave);
	if (rc == 0 && x->late)
		rc = process_become(&x->process, e);
	process_name_pid(&x->process);
	if (rc == 0)
		rc = process_find(&x->process, e);	   /* /proc/self is somebody now */
	return rc < 0 ? rc : process_exec(&x->process, e); /* returns with an error only */
}

_Noreturn void exec_child(struct execution *x, const int sync[2])
{
	struct err e = ERR_INIT;
	int rc, slave = -1;

	x->flags->begun = true;
	(void)fd_close(sync[0]);
	x->process.talk_fd = x->process.go_fd = sync[1];
	rc = run_stage(x, sync[1], &slave, &e);
	if (rc == 0)
		sys_exit(0);
	if (rc == 1)
		(void)become(x, slave, &e); /* here again with an error only */
	sync_give_up(sync[1], x->flags, SYNC_FAILED, &e);
}

/* Under the filter there is the stage's last call, and what the process does up to the execution.
 */
static bool lets_us_be(const struct execution *x)
{
	static const struct {
		int number;
		unsigned long first, second;
		bool terminal; /* only with one */
	} needed[] = {
		{SYS_clone, CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD, 0, false},
		{SYS_setsid, 0, 0, false},
		{SYS_getpid, 0, 0, false},
		{SYS_faccessat2, 0, 0, false},
#ifdef SYS_stat
		{SYS_stat, 0, 0, false},
		{SYS_dup2, 0, 0, true},
#else
		{SYS_newfstatat, 0, 0, false},
		{SYS_dup3, 0, 0, true},
#endif
		{SYS_close, 0, 0, true},
		{SYS_ioctl, 0, TIOCSCTTY, true},
		{SYS_execve, 0, 0, false},
		{SYS_sendmsg, 0, 0, false},
		{SYS_exit_group, 0, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if ((x->process.spec->terminal || !needed[i].terminal) &&
		    !seccomp_allows(x->process.seccomp, needed[i].number, needed[i].first,
				    needed[i].second))
			return false;
	return true;
}

void exec_decide(struct execution *x)
{
	const struct seccomp_program *filter = x->process.seccomp;

	if (!filter)
		return;
	x->under_filter = !filter->wants_listener && lets_us_be(x);
	/* With no_new_privs who is not under it loads it last of all. */
	x->late =
		filter->wants_listener || (!x->under_filter && !x->process.spec->no_new_privileges);
}
