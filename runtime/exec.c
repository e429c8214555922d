/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `exec`: one more process in a container. It is born as init was (limits, idle class, filter),
 * stands in the container's cgroup before its first instruction, and enters all namespaces by one
 * setns(2) on init's pidfd. The configuration is the one that was kept at create.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/sys.h"
#include "runtime/affinity.h"
#include "runtime/exec_impl.h"
#include "runtime/handover.h"
#include "runtime/lsm.h"
#include "runtime/resctrl.h"
#include "runtime/rootless.h"
#include "runtime/seccomp_listener.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

/* From the clone to the execution of the program. */
#define EXEC_TIMEOUT_MS 120000

static int check_status(const struct execution *x, struct err *e)
{
	enum oci_status status;
	int rc = container_status(x->container, &status, e);

	if (rc < 0)
		return rc;
	switch (status) {
	case OCI_CREATED:
		if (!x->ordinary)
			return 0;
		/* Before it has executed its program init is not dumpable (init.c). */
		return refuse(e, EPERM,
			      "container `%s` is not started yet: an ordinary user cannot exec in "
			      "it before",
			      x->container->id);
	case OCI_RUNNING:
		return 0;
	case OCI_PAUSED:
		if (x->o->ignore_paused)
			return 0;
		return refuse(e, EBUSY,
			      "cannot exec in a paused container (--ignore-paused waits until it "
			      "is resumed)");
	default:
		return refuse(e, ESRCH, "container not running");
	}
}

/* A pidfd of init that cannot be somebody else: opened first, its start time compared then. */
static int open_init(struct execution *x, struct err *e)
{
	struct container *k = x->container;

	x->init_pidfd = pidfd_open(k->init_pid, 0);
	if (x->init_pidfd < 0)
		return refuse(e, ESRCH, "container not running");
	return check_status(x, e);
}

/* Those that the configuration names. A user namespace that was joined may be our own, which the
 * kernel refuses to enter again. */
static void choose_namespaces(struct execution *x)
{
	const struct spec_namespace *n = x->spec->linux_.namespaces;
	struct stat own, theirs;

	for (int k = 0; k < NS_KINDS; k++)
		if (n[k].wanted)
			x->namespaces |= (uint64_t)spec_ns_clone_flag(k);
	if (n[NS_USER].wanted && n[NS_USER].path) {
		if (proc_ns_stat(PROC_SELF, "user", &own, NULL) == 0 &&
		    proc_ns_stat(x->container->init_pid, "user", &theirs, NULL) == 0 &&
		    own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino)
			x->namespaces &= ~(uint64_t)CLONE_NEWUSER;
	}
}

/* In a mount namespace that is not the container's own, only its processes know its root. */
static int open_root(struct execution *x, struct err *e)
{
	const struct spec_namespace *n = &x->spec->linux_.namespaces[NS_MOUNT];

	if (n->wanted && !n->path)
		return 0;
	x->root = proc_root_of(x->container->init_pid, e);
	if (x->root < 0)
		return x->root;
	/* Init's, if init is still there. */
	return pidfd_send_signal(x->init_pidfd, 0, NULL, 0) < 0
		       ? refuse(e, ESRCH, "container not running")
		       : 0;
}

/* What the process does not say about its birth, it has in common with init. */
static void inherit_birth(struct execution *x)
{
	const struct spec_process *init = x->spec->process;
	struct spec_process *p = &x->spec_process;

	*p = *x->o->process;
	if (!init)
		return;
	if (!p->oom_score_adj.set)
		p->oom_score_adj = init->oom_score_adj;
	if (!p->io_class.set) {
		p->io_class = init->io_class;
		p->io_priority = init->io_priority;
	}
	if (!p->scheduler)
		p->scheduler = init->scheduler;
	if (!p->apparmor_profile)
		p->apparmor_profile = init->apparmor_profile;
	if (!p->selinux_label)
		p->selinux_label = init->selinux_label;
	if (!p->exec_cpu_initial && !p->exec_cpu_final) {
		p->exec_cpu_initial = init->exec_cpu_initial;
		p->exec_cpu_final = init->exec_cpu_final;
	}
}

static int open_group(struct execution *x, struct err *e)
{
	const struct container *k = x->container;
	_cleanup_free_ char *path = NULL;
	int rc;

	if (!k->cgroup) {
		x->process.idle_by_task = true;
		return x->o->sub_cgroup
			       ? refuse(e, EINVAL, "--cgroup %s: the container has no cgroup",
					x->o->sub_cgroup)
			       : 0;
	}
	if (asprintf(&path, "%s%s%s", k->cgroup, x->o->sub_cgroup ? "/" : "",
		     x->o->sub_cgroup ? x->o->sub_cgroup : "") < 0) {
		path = NULL;
		return fail(e, ENOMEM, "cgroup");
	}
	rc = cgroup_open(path, &x->cgroup, e);
	if (rc < 0) {
		x->cgroup.fd = -1;
		return rc;
	}
	x->process.idle_by_task = !x->cgroup.idle_by_group;
	return 0;
}

static int check_terminal(const struct exec_opts *o, struct err *e)
{
	if (o->process->terminal && o->detach && !o->console_socket)
		return refuse(e, EINVAL,
			      "--detach with a terminal: nobody would hold it: use "
			      "--console-socket");
	if (!o->process->terminal && o->console_socket)
		return refuse(e, EINVAL, "--console-socket: the process has no terminal");
	if (!o->process->args.n)
		return refuse(e, EINVAL, "process.args: nothing to execute");
	return 0;
}

static int prepare(struct execution *x, struct err *e)
{
	const struct exec_opts *o = x->o;
	int rc = check_terminal(o, e);

	if (rc == 0)
		rc = container_open(x->rt, o->id, CONTAINER_LOCK_SHARED, &x->container, e);
	if (rc == 0)
		rc = open_init(x, e);
	if (rc == 0)
		rc = spec_load(x->container->dirfd, STATE_CONFIG, &x->spec, e);
	if (rc < 0)
		return rc;
	choose_namespaces(x);
	inherit_birth(x);
	rc = open_root(x, e);
	if (rc < 0)
		return rc;
	rc = lsm_check(&x->spec_process, NULL, e);
	if (rc < 0)
		return rc;
	rc = process_prepare(&x->process, &x->spec_process, x->namespaces & CLONE_NEWUSER,
			     o->preserve_fds, e);
	if (rc == 0)
		rc = open_group(x, e);
	if (rc < 0)
		return rc;
	process_of_container(&x->process, x->spec);
	if (x->spec->linux_.seccomp) {
		rc = seccomp_prepare(x->rt, x->spec->linux_.seccomp, &x->seccomp, e);
		x->process.seccomp = &x->seccomp;
	}
	if (rc == 0 && o->console_socket)
		rc = x->console_socket = handover_connect(o->console_socket, "--console-socket", e);
	if (rc >= 0 && o->pidfd_socket)
		rc = x->pidfd_socket = handover_connect(o->pidfd_socket, "--pidfd-socket", e);
	return rc < 0 ? rc : 0;
}

static int clone_child(struct execution *x, struct err *e)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&x->pidfd,
		.exit_signal = SIGCHLD,
	};
	int sync[2];
	int rc = sync_pair(sync, e);

	if (rc < 0)
		return rc;
	if (x->cgroup.fd >= 0 && !x->enter_group) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)x->cgroup.fd;
	}
	x->pid = sys_clone3(&args);
	if (x->pid == 0)
		exec_child(x, sync);
	x->sync = sync[0];
	(void)fd_close(sync[1]);
	return x->pid < 0 ? fail(e, errno, "clone into the container") : 0;
}

/* The pid namespace is entered by our next child only, and left behind it: who calls us may have
 * other children to make. Inside an engine's user namespace it cannot be left (EPERM: our own pid
 * namespace is the host's): exec makes no other child there. */
static int clone_below(struct execution *x, struct err *e)
{
	_cleanup_fd_ int self = -1;
	int rc;

	if (x->ordinary || !(x->namespaces & CLONE_NEWPID))
		return clone_child(x, e);
	x->namespaces &= ~(uint64_t)CLONE_NEWPID;
	self = pidfd_open(getpid(), 0);
	if (self < 0)
		return fail(e, errno, "pidfd_open");
	if (setns(x->init_pidfd, CLONE_NEWPID) < 0)
		return errno == ESRCH ? refuse(e, ESRCH, "container not running")
				      : fail(e, errno, "enter the container's pid namespace");
	rc = clone_child(x, e);
	x->namespaces |= CLONE_NEWPID; /* for another one */
	if (setns(self, CLONE_NEWPID) < 0 && errno != EPERM && rc == 0) {
		rc = fail(e, errno, "return to our own pid namespace");
		(void)pidfd_send_signal(x->pidfd, SIGKILL, NULL, 0); /* it cannot be gone */
	}
	return rc;
}

static int make_child(struct execution *x, struct err *e)
{
	int rc = affinity_set(x->process.spec->exec_cpu_initial, "initial", e);

	if (rc < 0)
		return rc;
	if (!x->ordinary && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* see create.c */
		return fail(e, errno, "PR_SET_DUMPABLE");
	rc = sync_flag(&x->begun, e);
	return rc < 0 ? rc : clone_below(x, e);
}

/* Its end is closed: it runs, or it was killed at birth for the sake of its group (1: it is made
 * another way). */
static int on_silence(struct execution *x, struct err *e)
{
	struct pollfd init = {.fd = x->init_pidfd, .events = POLLIN};
	int status, rc;

	err_clear(e);
	if (*x->begun || x->cgroup.fd < 0 || x->enter_group || poll(&init, 1, 0) != 0)
		return 0; /* or the whole container was killed */
	rc = supervise_reap(x->pidfd, &status, e);
	if (rc < 0)
		return rc;
	x->pidfd = fd_close(x->pidfd);
	x->sync = fd_close(x->sync);
	x->enter_group = true;
	rc = clone_below(x, e);
	return rc < 0 ? rc : 1;
}

static int on_console(struct execution *x, int *fd, struct err *e)
{
	if (x->console_socket >= 0)
		return tty_hand_over(x->console_socket, *fd, e);
	x->master = take_fd(fd);
	return 0;
}

static int on_listener(struct execution *x, int number, struct err *e)
{
	struct oci_state state;
	const struct seccomp_handover h = {
		.seccomp = x->spec->linux_.seccomp,
		.state = &state,
		.pid = x->pid,
		.pidfd = x->pidfd,
		.talk_fd = x->sync,
	};
	int rc;

	if (!h.seccomp)
		return refuse(e, EPROTO, "unexpected listener from the new process");
	container_state_doc(x->container, OCI_RUNNING, &state);
	state.extended = false;
	rc = seccomp_hand_over(&h, number, e);
	return rc == 0 ? sync_send(x->sync, SYNC_GO, 0, -1, e) : rc;
}

static int on_pid(struct execution *x, pid_t pid, struct err *e)
{
	int status, rc;

	/* Once, by the stage: no word of what is inside the container names a process of the host.
	 */
	if (!x->ordinary || x->staged)
		return refuse(e, EPROTO, "unexpected process from the new process");
	x->staged = true;
	rc = supervise_reap(x->pidfd, &status, e);
	if (rc < 0)
		return rc;
	x->pid = pid;
	(void)fd_close(x->pidfd);
	x->pidfd = pidfd_open(pid, 0);
	return x->pidfd < 0 ? fail(e, errno, "open process %d", pid)
			    : sync_send(x->sync, SYNC_GO, 0, -1, e);
}

static int on_birth(struct execution *x, struct err *e)
{
	int rc = process_birth(&x->process, x->pid, e);

	return rc < 0 ? rc : sync_send(x->sync, SYNC_GO, 0, -1, e);
}

/* Until the program has been executed, which closes the child's end. */
static int converse(struct execution *x, struct err *e)
{
	for (;;) {
		_cleanup_fd_ int fd = -1;
		struct sync_msg m;
		int rc = sync_recv(x->sync, x->signals.fd, EXEC_TIMEOUT_MS, &m, &fd, e);

		if (rc == -ECONNRESET) {
			rc = on_silence(x, e);
			if (rc <= 0)
				return rc;
			continue;
		}
		if (rc < 0)
			return rc;
		if (m.type == SYNC_CONSOLE && fd >= 0)
			rc = on_console(x, &fd, e);
		else if (m.type == SYNC_LISTENER)
			rc = on_listener(x, m.value, e);
		else if (m.type == SYNC_PID)
			rc = on_pid(x, m.value, e);
		else if (m.type == SYNC_BIRTH)
			rc = on_birth(x, e);
		else
			return refuse(e, EPROTO, "unexpected message %u from the new process",
				      m.type);
		if (rc < 0)
			return rc;
	}
}

static int record(struct execution *x, struct err *e)
{
	int rc = handover_pid(x->o->pid_file, x->pid, NULL, e);

	return rc < 0 ? rc : handover_pidfd(x->pidfd_socket, x->pidfd, e);
}

static int in_foreground(struct execution *x, int *ret_status, struct err *e)
{
	struct signals s = SIGNALS_INIT;
	struct tty_mode mode = {0};
	int rc = signals_take(&s, SIGNALS_ALL, x->process.ignored, e);

	if (rc == 0 && x->master >= 0) {
		tty_copy_size(x->master);
		rc = tty_raw(&mode, e);
	}
	if (rc == 0) {
		log_commit(); /* whatever comes now, the process runs */
		rc = supervise(x->pid, x->pidfd, &s, x->master, NULL, ret_status, e);
	}
	tty_restore(&mode);
	signals_give_back(&s);
	return rc;
}

/* What comes of init inherits its place; this process does not. */
static int join_resctrl(struct execution *x, struct err *e)
{
	_cleanup_fd_ int root = -1;

	if (!x->container->rdt.group)
		return 0;
	root = resctrl_open(e);
	return root < 0 ? root
			: resctrl_enter(root, &x->container->rdt, x->container->id, x->pid, e);
}

static int execute(struct execution *x, int *ret_status, struct err *e)
{
	int status, rc = prepare(x, e);

	if (rc == 0)
		rc = signals_take(&x->signals, SIGNALS_END, x->process.ignored, e);
	if (rc == 0)
		rc = make_child(x, e);
	if (rc < 0)
		return rc;
	/* From here on the container may be resumed, stopped and deleted; the process goes with
	 * it. How long that takes to get ready is in the container's hands, which may be frozen or
	 * stop it. */
	container_unlock(x->container);
	rc = join_resctrl(x, e);
	if (rc == 0)
		rc = converse(x, e);
	if (rc == 0)
		rc = record(x, e);
	if (rc < 0) {
		(void)pidfd_send_signal(x->pidfd, SIGKILL, NULL, 0); /* it has ended: fine */
		(void)supervise_reap(x->pidfd, &status, NULL);	     /* the error above is told */
		return rc;
	}
	return x->o->detach ? 0 : in_foreground(x, ret_status, e);
}

int container_exec(const struct runtime *rt, const struct exec_opts *o, int *ret_status,
		   struct err *e)
{
	struct execution x = {
		.rt = rt,
		.o = o,
		.ordinary = rootless_is_ordinary(),
		.signals = SIGNALS_INIT,
		.cgroup = CGROUP_INIT,
		.init_pidfd = -1,
		.root = -1,
		.console_socket = -1,
		.pidfd_socket = -1,
		.sync = -1,
		.pidfd = -1,
		.master = -1,
	};
	int *fds[] = {&x.init_pidfd, &x.root,  &x.console_socket, &x.pidfd_socket,
		      &x.sync,	     &x.pidfd, &x.master};
	int rc;

	*ret_status = 0;
	rc = execute(&x, ret_status, e);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		*fds[i] = fd_close(*fds[i]);
	cgroup_close(&x.cgroup);
	seccomp_program_free(&x.seccomp);
	container_close(x.container);
	spec_free(x.spec);
	signals_give_back(&x.signals);
	return rc;
}
