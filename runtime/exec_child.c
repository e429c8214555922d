/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `exec` in the new process: it enters the container's namespaces with nothing of the host left
 * open, and becomes the program. For an ordinary user it is a stage first, which enters them and
 * makes the process there.
 */
#include "runtime/exec_impl.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/sys.h"
#include "runtime/affinity.h"
#include "runtime/idmap.h"
#include "runtime/mount_plan.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

static int make_terminal(struct execution *x, int sync, int *ret_slave, struct err *e)
{
	_cleanup_fd_ int master = -1;
	int rc = tty_make(x->process.spec, AT_FDCWD, &master, ret_slave, e);

	return rc < 0 ? rc : sync_send(sync, SYNC_CONSOLE, 0, master, e);
}

/* In the container's namespaces, with nothing of the host left open. */
static int become(struct execution *x, int sync, struct err *e)
{
	_cleanup_fd_ int slave = -1;
	int rc = 0;

	if (x->namespaces & CLONE_NEWUSER)
		rc = idmap_become_root(&x->spec->linux_, &x->process.spec->user, e);
	if (rc == 0 && x->container->new_keyring)
		rc = process_new_keyring(&x->process, x->container->id, e);
	if (rc == 0 && x->process.spec->terminal) {
		rc = make_terminal(x, sync, &slave, e);
		if (rc == 0)
			rc = tty_attach(slave, e);
		slave = fd_close(slave);
	}
	return rc < 0 ? rc : process_become(&x->process, e);
}

/* The host's power is needed for birth, and gone behind setns. We are in the container's pid
 * namespace already: nothing of the host stays open a moment longer than needed. Behind setns of a
 * mount namespace "/" and the working directory are the container's root. */
static int enter(struct execution *x, int sync, struct err *e)
{
	const int keep[] = {sync, x->init_pidfd, x->root};
	int rc;

	if (setsid() < 0)
		return fail(e, errno, "setsid");
	rc = process_birth(&x->process, 0, e);
	if (rc == 0)
		rc = affinity_set(x->process.spec->exec_cpu_final, "final", e);
	if (rc < 0)
		return rc;
	rc = process_open_label(&x->process, e);
	if (rc < 0)
		return rc;
	proc_forget();
	rc = process_close_fds(&x->process, keep, ARRAY_SIZE(keep), e);
	if (rc < 0)
		return rc;
	if (setns(x->init_pidfd, (int)x->namespaces) < 0)
		return fail(e, errno, "enter the container's namespaces");
	(void)fd_close(x->init_pidfd);
	rc = x->root < 0 ? 0 : mount_enter_tree(x->root, e);
	x->root = fd_close(x->root);
	return rc < 0 ? rc : become(x, sync, e);
}

/*
 * An ordinary user has power over the container's namespaces in its user namespace only, and a
 * process in the pid namespace is made by one that is in both. So a stage enters everything and
 * makes the process with CLONE_PARENT.
 */
static int stage(struct execution *x, int sync, bool *ret_inside, struct err *e)
{
	struct clone_args args = {.flags = CLONE_PARENT};
	pid_t pid;
	int rc = affinity_set(x->process.spec->exec_cpu_final, "final", e);

	if (rc < 0)
		return rc;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* see create.c */
		return fail(e, errno, "PR_SET_DUMPABLE");
	(void)proc_root(NULL); /* who cannot open it here hears so when it is used */
	if (setns(x->init_pidfd, (int)x->namespaces) < 0)
		return fail(e, errno, "enter the container's namespaces");
	x->init_pidfd = fd_close(x->init_pidfd);
	pid = sys_clone3(&args);
	if (pid < 0)
		return fail(e, errno, "clone into the container");
	*ret_inside = pid == 0;
	return pid == 0 ? 0 : sync_send(sync, SYNC_PID, pid, -1, e);
}

/*
 * Birth is the runtime's to see to, from outside. Of a process that is not dumpable an ordinary
 * user may write nothing in procfs, so it is for this moment. The container might trace it then
 * (with CAP_SYS_PTRACE), and would find nothing that it does not get anyway: all is closed but the
 * socket, whose messages are of fixed form, and "/" is the container's.
 */
static int be_born_outside(struct execution *x, int sync, struct err *e)
{
	const int keep[] = {sync};
	int rc = sync_wait_go(sync, e);

	if (rc == 0)
		rc = process_open_label(&x->process, e);
	proc_forget();
	if (rc == 0)
		rc = process_close_fds(&x->process, keep, ARRAY_SIZE(keep), e);
	if (rc < 0)
		return rc;
	if (setsid() < 0)
		return fail(e, errno, "setsid");
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return fail(e, errno, "PR_SET_DUMPABLE");
	rc = sync_send(sync, SYNC_BIRTH, 0, -1, e);
	if (rc == 0)
		rc = sync_wait_go(sync, e);
	if (rc == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		rc = fail(e, errno, "PR_SET_DUMPABLE");
	return rc;
}

static int enter_by_stage(struct execution *x, int sync, struct err *e)
{
	bool inside = false;
	int rc = stage(x, sync, &inside, e);

	if (rc == 0 && !inside)
		_exit(0);
	if (rc == 0)
		rc = be_born_outside(x, sync, e);
	return rc < 0 ? rc : become(x, sync, e);
}

_Noreturn void exec_child(struct execution *x, const int sync[2])
{
	struct err e = ERR_INIT;
	int rc;

	*x->begun = true;
	(void)fd_close(sync[0]);
	x->process.talk_fd = x->process.go_fd = sync[1];
	rc = x->enter_group ? cgroup_enter(&x->cgroup, &e) : 0;
	if (rc == 0)
		rc = x->ordinary ? enter_by_stage(x, sync[1], &e) : enter(x, sync[1], &e);
	if (rc == 0)
		(void)process_exec(&x->process, &e); /* returns with an error only */
	(void)sync_report(sync[1], SYNC_FAILED, &e); /* nobody is left to hear that this failed */
	_exit(e.exit_status ? e.exit_status : 1);
}
