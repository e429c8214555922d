/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `exec`: one more process in a container. It is born as init was (limits, idle class, filter),
 * stands in the container's cgroup before its first instruction, and enters all namespaces by one
 * setns(2) on init's pidfd. The configuration is the one that was kept at create. How it is made,
 * and by whom, is in exec_child.c.
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

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/sys.h"
#include "runtime/affinity.h"
#include "runtime/exec_impl.h"
#include "runtime/handover.h"
#include "runtime/lsm.h"
#include "runtime/rootless.h"
#include "runtime/seccomp_listener.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

/* From the clone to the execution of the program. */
#define EXEC_TIMEOUT_MS 120000
#define INIT_ENDS_MS 2000

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

/* In a tree of its own making (systemd in a container) init is not at the top any more, and no
 * process may be there (cgroup-v2.rst, No Internal Process Constraint): then where init is. */
static int join_init(struct execution *x, struct err *e)
{
	const char *top = x->container->cgroup, *below;
	struct cgroup cg = CGROUP_INIT;
	char path[PATH_MAX];
	int rc = cg_path_of(x->container->init_pid, path, sizeof(path), e);

	below = rc == 0 ? str_after(path, top) : NULL;
	if (rc == 0 && (!below || *below != '/'))
		rc = refuse(e, EBUSY,
			    "clone into the container: its cgroup %s has others below it, and none "
			    "of them is init's",
			    top);
	if (rc == 0)
		rc = cgroup_open(path, &cg, e);
	if (rc == 0 && pidfd_send_signal(x->init_pidfd, 0, NULL, 0) < 0)
		rc = refuse(e, ESRCH, "container not running"); /* the path was somebody else's */
	if (rc < 0) {
		cgroup_close(&cg);
		return rc;
	}
	cgroup_close(&x->cgroup);
	x->cgroup = cg;
	return 0;
}

static pid_t clone_stage(struct execution *x, const int sync[2])
{
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&x->pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	if (x->cgroup.fd >= 0 && !x->enter_group) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)x->cgroup.fd;
	}
	pid = sys_clone3(&args);
	if (pid == 0)
		exec_child(x, sync);
	return pid;
}

/* The stage waits for it. */
static int let_in(struct execution *x, struct err *e)
{
	int rc = cgroup_enter_other(&x->cgroup, x->pid, e);

	if (rc == -EACCES && cgroup_can_attach(&x->cgroup))
		rc = cgroup_attach(&x->cgroup, x->pid, e);
	return rc < 0 ? rc : sync_send(x->sync, SYNC_GO, 0, -1, e);
}

static int make_stage(struct execution *x, struct err *e)
{
	int sync[2], number;
	int rc = sync_pair(sync, e);

	if (rc < 0)
		return rc;
	x->pid = clone_stage(x, sync);
	if (x->pid < 0 && errno == EBUSY && !x->o->sub_cgroup) {
		rc = join_init(x, e);
		x->pid = rc < 0 ? -1 : clone_stage(x, sync);
	}
	number = errno;
	/* From a session, say, into a scope of the user's systemd. */
	if (x->pid < 0 && rc == 0 && number == EACCES && cgroup_can_attach(&x->cgroup)) {
		x->enter_group = true;
		x->pid = clone_stage(x, sync);
		number = errno;
	}
	if (x->pid < 0 && rc == 0)
		rc = fail(e, number, "clone into the container%s%s",
			  x->cgroup.fd >= 0 ? ": cgroup " : "",
			  x->cgroup.fd >= 0 ? x->cgroup.path : "");
	x->sync = sync[0];
	(void)fd_close(sync[1]);
	return rc < 0 || !x->enter_group ? rc : let_in(x, e);
}

static int make_child(struct execution *x, struct err *e)
{
	void *made = NULL;
	int rc = affinity_set(x->process.spec->exec_cpu_initial, "initial", e);

	if (rc < 0)
		return rc;
	exec_decide(x);
	if (!x->ordinary && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) /* see create.c */
		return fail(e, errno, "PR_SET_DUMPABLE");
	rc = sync_flags(&x->flags, e);
	if (rc == 0)
		rc = sync_share(&made, sizeof(*x->made), e);
	x->made = made;
	return rc < 0 ? rc : make_stage(x, e);
}

/* The stage was killed at birth for the sake of its group (see cgroup_enter), or with the
 * container, which must not get a process more then, behind the back of who waits for its end: as
 * the first time, not without the lock. */
static int make_stage_outside(struct execution *x, struct err *e)
{
	struct container *k = NULL;
	enum oci_status status = OCI_STOPPED;
	struct err own;
	int rc = container_open(x->rt, x->o->id, CONTAINER_LOCK_SHARED, &k, &own);

	if (rc == 0)
		rc = container_status(k, &status, &own);
	if (rc < 0 || status == OCI_STOPPED || k->init_pid != x->container->init_pid ||
	    k->init_start_ticks != x->container->init_start_ticks) {
		container_close(k);
		return refuse(e, ESRCH, "container not running");
	}
	x->enter_group = true;
	rc = make_stage(x, e);
	container_close(k);
	return rc;
}

/* Whom the stage has made is whom we mean from now on: our child, too, so its number is its own
 * until we reap it. */
static int adopt(struct execution *x, struct err *e)
{
	int fd;

	if (!x->made || !*x->made || x->stage >= 0)
		return 0;
	fd = pidfd_open(*x->made, 0);
	if (fd < 0)
		return fail(e, errno, "open process %d", *x->made);
	x->stage = x->pidfd;
	x->pid = *x->made;
	x->pidfd = fd;
	return 0;
}

/* Its session is what it alone could make, and what of its birth is the session's follows. It was
 * born into SCHED_IDLE and its group; a user has no power over it if it runs as another id. */
static int birth_of_session(struct execution *x, struct err *e)
{
	struct err own;
	int rc = process_birth_session(&x->process, x->pid, &own);

	/* It may have ended. */
	if (rc >= 0 || rc == -ENOENT || rc == -ESRCH)
		return 0;
	if (x->ordinary && (rc == -EACCES || rc == -EPERM)) {
		log_debug("%s", own.msg);
		return 0;
	}
	*e = own;
	return rc;
}

/* Their end of the socket is closed: the program runs, or the stage is dead; at birth for the sake
 * of its group, perhaps (1: it is made another way). */
static int on_silence(struct execution *x, struct err *e)
{
	struct pollfd init = {.fd = x->init_pidfd, .events = POLLIN};
	int status = 0, rc;

	err_clear(e);
	rc = adopt(x, e);
	if (rc == 0)
		rc = sync_unsaid(x->flags, e);
	if (rc < 0)
		return rc;
	if (x->stage >= 0)
		return birth_of_session(x, e);
	rc = supervise_reap(x->pidfd, &status, e);
	if (rc < 0)
		return rc;
	x->pidfd = fd_close(x->pidfd);
	/* Killed with the container, most likely, whose init ends in this moment, too. */
	if (poll(&init, 1, x->flags->begun && status == 128 + SIGKILL ? INIT_ENDS_MS : 0) != 0)
		return refuse(e, ESRCH, "container not running");
	if (x->flags->begun || x->cgroup.fd < 0 || x->enter_group)
		return refuse(e, ECHILD,
			      "the new process was ended with status %d before its program ran",
			      status);
	x->sync = fd_close(x->sync);
	rc = make_stage_outside(x, e);
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
	struct seccomp_handover h = {
		.seccomp = x->spec->linux_.seccomp, .state = &state, .talk_fd = x->sync};
	int rc = adopt(x, e);

	if (rc < 0)
		return rc;
	h.pid = x->pid;
	h.pidfd = x->pidfd;
	if (!h.seccomp)
		return refuse(e, EPROTO, "unexpected listener from the new process");
	container_state_doc(x->container, OCI_RUNNING, &state);
	state.extended = false;
	rc = seccomp_hand_over(&h, number, e);
	return rc == 0 ? sync_send(x->sync, SYNC_GO, 0, -1, e) : rc;
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

/* What it was doing has failed and is told, or is done. */
static void end_child(int pidfd)
{
	int status;

	if (pidfd < 0)
		return;
	(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0); /* it has ended: fine */
	(void)supervise_reap(pidfd, &status, NULL);	  /* nobody asks how */
}

/* The stage first: while it lives it may make the process. */
static void end_children(struct execution *x)
{
	struct err own;

	if (x->stage < 0) {
		end_child(x->pidfd);
		x->pidfd = fd_close(x->pidfd);
		(void)adopt(x, &own); /* if there is one */
	}
	end_child(x->stage);
	if (x->made && x->pid == *x->made)
		end_child(x->pidfd);
}

static int execute(struct execution *x, int *ret_status, struct err *e)
{
	int rc = prepare(x, e);

	if (rc == 0)
		rc = signals_take(&x->signals, SIGNALS_END, x->process.ignored, e);
	if (rc == 0)
		rc = make_child(x, e);
	if (rc < 0 && x->pid <= 0)
		return rc;
	/* From here on the container may be resumed, stopped and deleted; the process goes with
	 * it. How long that takes to get ready is in the container's hands, which may be frozen or
	 * stop it. */
	container_unlock(x->container);
	if (rc == 0)
		rc = converse(x, e);
	if (rc == 0)
		rc = record(x, e);
	if (rc < 0) {
		end_children(x);
		return rc;
	}
	if (x->stage >= 0)
		end_child(x->stage); /* it is ending by itself */
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
		.stage = -1,
		.root = -1,
		.console_socket = -1,
		.pidfd_socket = -1,
		.sync = -1,
		.pidfd = -1,
		.master = -1,
	};
	int *fds[] = {&x.init_pidfd, &x.root,  &x.console_socket, &x.pidfd_socket,
		      &x.sync,	     &x.pidfd, &x.master,	  &x.stage};
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
