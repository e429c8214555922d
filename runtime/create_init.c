/* SPDX-License-Identifier: Apache-2.0 */
/* The making of init: the clone, and the talk with it until it is ready (runtime/sync.h). */
#include <stdint.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "runtime/create.h"
#include "runtime/hooks.h"
#include "runtime/idmap.h"
#include "runtime/init.h"
#include "runtime/netdev.h"
#include "runtime/rootless.h"
#include "runtime/seccomp_listener.h"
#include "runtime/self.h"
#include "runtime/sync.h"
#include "runtime/tty.h"

static int enter_group(const struct creation *c, struct init *i, struct err *e)
{
	if (!c->attach)
		return c->enter_group ? cgroup_enter(&c->cgroup, e) : 0;
	i->runtime_sync = fd_close(i->runtime_sync); /* or its end would never be seen */
	return sync_wait_go(i->sync, e);
}

static _Noreturn void child(struct creation *c, const int sync[2])
{
	struct err e = ERR_INIT;
	struct init i = {
		.spec = c->spec,
		.ns = &c->ns,
		.mounts = &c->mounts,
		.process = &c->process,
		.id = c->container->id,
		.bundle = c->bundle,
		.sync = sync[1],
		.runtime_sync = sync[0],
		.fifo = c->fifo,
		.result = c->result,
		.early_go = c->early,
		.runtime_hooks = c->spec->hooks[HOOK_PRESTART].n ||
				 c->spec->hooks[HOOK_CREATE_RUNTIME].n ||
				 c->spec->linux_.n_net_devices,
		.no_pivot = c->o->no_pivot,
		.new_keyring = !c->o->no_new_keyring,
		.ordinary = c->ordinary,
		.flags = c->flags,
	};

	c->flags->begun = true;
	self_hide();
	if (enter_group(c, &i, &e) < 0)
		sync_give_up(i.sync, i.flags, SYNC_FAILED, &e);
	if (c->ns.two_stage)
		stage_main(&i);
	init_main(&i);
}

/*
 * Each exchange with init costs two wake-ups, and on an idle machine those are dear. Where init has
 * nothing to ask on its way and goes on at once (`run`), it is recorded while it makes its mounts,
 * and finds our word there when it is done. Others cannot make use of the record before the
 * container is complete: they wait for its lock. Hooks may look at the state without it, so not
 * with hooks. Not while the cgroup has a holder either, which the program must not meet.
 */
static bool may_record_early(const struct creation *c)
{
	unsigned create_hooks =
		1u << HOOK_PRESTART | 1u << HOOK_CREATE_RUNTIME | 1u << HOOK_CREATE_CONTAINER;

	/* Our word would be taken for the answer to a question. */
	if (c->seccomp.wants_listener || c->spec->linux_.n_net_devices)
		return false;
	if (c->cgroup.holder_fd >= 0)
		return false;
	return c->run_now && !c->ns.two_stage && !(c->ns.clone_flags & CLONE_NEWUSER) &&
	       !(hooks_present(c->spec) & create_hooks);
}

/* Into its group, where that is permitted. To an ordinary user it is not from a session, say, into
 * a scope of his systemd; then he may not enter it either. */
static pid_t clone_into(struct creation *c, struct clone_args *args)
{
	pid_t pid;

	c->attach |= c->enter_group && *c->cgroup.unit && c->cgroup.manager == SYSTEMD_USER;
	if (c->cgroup.fd < 0 || c->enter_group || c->attach)
		return sys_clone3(args);
	args->flags |= CLONE_INTO_CGROUP;
	args->cgroup = (uint64_t)c->cgroup.fd;
	pid = sys_clone3(args);
	if (pid >= 0 || errno != EACCES)
		return pid;
	c->attach = cgroup_can_attach(&c->cgroup);
	errno = EACCES;
	if (!c->attach)
		return pid;
	args->flags &= ~(uint64_t)CLONE_INTO_CGROUP;
	return sys_clone3(args);
}

static int clone_init(struct creation *c, struct err *e)
{
	uint64_t flags = c->ns.two_stage ? 0 : c->ns.clone_flags;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&c->pidfd,
		.exit_signal = SIGCHLD,
	};
	int sync[2];
	int rc = sync_pair(sync, e);

	if (rc < 0)
		return rc;
	c->pid = clone_into(c, &args);
	if (c->pid == 0)
		child(c, sync);
	c->sync = sync[0];
	(void)fd_close(sync[1]);
	if (c->pid < 0) {
		rc = fail(e, errno, "clone the container's init%s%s",
			  c->cgroup.fd >= 0 ? " into cgroup " : "",
			  c->cgroup.fd >= 0 ? c->cgroup.path : "");
		return c->ordinary && flags & CLONE_NEWUSER ? rootless_no_userns(rc, e) : rc;
	}
	return 0;
}

/* A joined pid namespace is for our next child only; hooks are to run in our own. */
static int clone_joined(struct creation *c, struct err *e)
{
	_cleanup_fd_ int self = -1;
	int rc;

	if (!c->ns.parent_joins)
		return clone_init(c, e);
	self = pidfd_open(getpid(), 0);
	if (self < 0)
		return fail(e, errno, "pidfd_open");
	rc = ns_join(&c->ns, c->ns.parent_joins, e);
	if (rc < 0)
		return rc;
	rc = clone_init(c, e);
	if (setns(self, (int)c->ns.parent_joins) < 0 && rc == 0)
		rc = fail(e, errno, "return to our own pid namespace");
	return rc;
}

static int clone_below(struct creation *c, struct err *e)
{
	int rc = c->ordinary ? 0 : mount_plan_open_sources(&c->mounts, c->spec, -1, e);

	if (rc < 0)
		return rc;
	rc = clone_joined(c, e);
	mount_plan_let_go(&c->mounts);
	if (rc < 0 || !c->attach)
		return rc;
	rc = cgroup_attach(&c->cgroup, c->pid, e);
	if (rc < 0)
		return rc;
	cgroup_settled(&c->cgroup);
	rc = sync_send(c->sync, SYNC_GO, 0, -1, e);
	return rc == -EPIPE ? 0 : rc; /* its end will be heard of next */
}

int creation_clone(struct creation *c, struct err *e)
{
	int rc = sync_flags(&c->flags, e);

	if (rc < 0)
		return rc;
	c->early = may_record_early(c);
	/* A process that is not dumpable belongs to the host's root: an ordinary user could not
	 * write the maps of his own child. There init does this itself, after it has them (init.c);
	 * until then nobody else can be in its pid namespace. */
	if (c->ordinary)
		return clone_below(c, e);
	/* Before anything of the container runs: what shares a pid namespace with init, or joins
	 * it, gets no hold of its memory and descriptors (CVE-2016-9962). Inherited by init, undone
	 * for the program by exec. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail(e, errno, "PR_SET_DUMPABLE");
	return clone_below(c, e);
}

/* --- the talk with init --------------------------------------------------------------------------
 */

int creation_run_hooks(struct creation *c, enum spec_hook_kind kind, enum oci_status status,
		       struct err *e)
{
	struct oci_state state;

	container_state_doc(c->container, status, &state);
	state.pid = c->pid;
	state.extended = false;
	c->hooked = true;
	return hooks_run_cancel(c->spec, kind, &state, c->signals.fd, e);
}

static int on_hooks(struct creation *c, const struct sync_msg *m, int *fd, struct err *e)
{
	/* Hooks may want to do something with the devices. */
	int rc = netdev_move(&c->spec->linux_, c->pid, c->pidfd, &c->netdevs, e);

	(void)m;
	(void)fd;
	if (rc == 0)
		rc = creation_run_hooks(c, HOOK_PRESTART, OCI_CREATING, e);
	return rc < 0 ? rc : creation_run_hooks(c, HOOK_CREATE_RUNTIME, OCI_CREATING, e);
}

/* The stage has made init with CLONE_PARENT: it is our child. */
static int on_pid(struct creation *c, const struct sync_msg *m, int *fd, struct err *e)
{
	int status, rc = supervise_reap(c->pidfd, &status, e);

	(void)fd;
	if (rc < 0)
		return rc;
	c->pid = m->value;
	(void)fd_close(c->pidfd);
	c->pidfd = pidfd_open(c->pid, 0);
	return c->pidfd < 0 ? fail(e, errno, "open init, process %d", c->pid) : 0;
}

static int on_map_ids(struct creation *c, const struct sync_msg *m, int *fd, struct err *e)
{
	(void)m;
	(void)fd;
	return idmap_write(c->pid, &c->spec->linux_, c->signals.fd, e);
}

static int on_offsets(struct creation *c, const struct sync_msg *m, int *fd, struct err *e)
{
	(void)m;
	(void)fd;
	return ns_write_offsets(c->pid, &c->spec->linux_, e);
}

static int on_birth(struct creation *c, const struct sync_msg *m, int *fd, struct err *e)
{
	int rc = process_birth(&c->process, c->pid, e);

	if (rc < 0 || !(c->ns.clone_flags & CLONE_NEWUSER))
		return rc;
	return on_map_ids(c, m, fd, e);
}

static int on_console(struct creation *c, const struct sync_msg *m, int *fd, struct err *e)
{
	(void)m;
	if (*fd < 0)
		return refuse(e, EPROTO, "the terminal's message came without the terminal");
	if (c->console_socket >= 0)
		return tty_hand_over(c->console_socket, *fd, e);
	c->master = take_fd(fd);
	return 0;
}

int creation_on_listener(struct creation *c, int number, struct err *e)
{
	struct oci_state state;
	const struct seccomp_handover h = {
		.seccomp = c->spec->linux_.seccomp,
		.state = &state,
		.pid = c->pid,
		.pidfd = c->pidfd,
		.talk_fd = c->sync,
	};

	if (!c->seccomp.wants_listener)
		return refuse(e, EPROTO, "unexpected listener from init");
	container_state_doc(c->container, OCI_CREATING, &state);
	state.pid = c->pid;
	state.extended = false;
	return seccomp_hand_over(&h, number, e);
}

static int on_listener(struct creation *c, const struct sync_msg *m, int *fd, struct err *e)
{
	(void)fd;
	return creation_on_listener(c, m->value, e);
}

static const struct {
	int (*handle)(struct creation *c, const struct sync_msg *m, int *fd, struct err *e);
	bool answer; /* with SYNC_GO */
} talk[] = {
	[SYNC_PID] = {on_pid, true},	       [SYNC_MAP_IDS] = {on_map_ids, true},
	[SYNC_OFFSETS] = {on_offsets, true},   [SYNC_BIRTH] = {on_birth, true},
	[SYNC_HOOKS] = {on_hooks, true},       [SYNC_CONSOLE] = {on_console, false},
	[SYNC_LISTENER] = {on_listener, true},
};

int creation_check_memory(const struct creation *c, struct err *e)
{
	uint64_t killed = 0;

	if (c->cgroup.fd < 0 ||
	    cg_read_key(c->cgroup.fd, "memory.events", "oom_kill", &killed, NULL) < 0 || !killed)
		return 0;
	return refuse(e, ENOMEM,
		      "config.json: linux.resources.memory.limit: too low: the kernel killed the "
		      "container's init while it was set up");
}

/* Init is gone without a word: killed, most likely by a memory limit below what set-up needs, or at
 * birth for the sake of its group (see cgroup_enter): then it is made another way. */
static int on_death(struct creation *c, struct err *e)
{
	int status = 0;

	if (supervise_reap(c->pidfd, &status, e) < 0)
		return -e->code;
	c->pidfd = fd_close(c->pidfd);
	if (creation_check_memory(c, e) < 0)
		return -ENOMEM;
	if (sync_unsaid(c->flags, e) < 0)
		return -EPERM;
	if (status == 128 + SIGKILL && !c->flags->begun && c->cgroup.fd >= 0 && !c->enter_group &&
	    !c->attach) {
		err_clear(e);
		c->enter_group = true;
		c->early = false; /* what was recorded is the other one */
		c->sync = fd_close(c->sync);
		return clone_below(c, e);
	}
	return refuse(e, ECHILD, "the container's init ended with status %d while it was set up",
		      status);
}

int creation_converse(struct creation *c, struct err *e)
{
	int timeout = CREATION_TIMEOUT_MS + hooks_timeout_ms(c->spec, HOOK_CREATE_CONTAINER);

	for (;;) {
		_cleanup_fd_ int fd = -1;
		struct sync_msg m = {0};
		int rc = sync_recv(c->sync, c->signals.fd, timeout, &m, &fd, e);

		if (rc == -ECONNRESET) {
			rc = on_death(c, e);
			if (rc < 0)
				return rc;
			continue;
		}
		if (rc < 0) {
			c->hooked |= m.type == SYNC_ERROR && m.value == SYNC_HOOK_FAILED;
			return rc;
		}
		if (m.type == SYNC_READY)
			return 0;
		if (m.type >= ARRAY_SIZE(talk) || !talk[m.type].handle)
			return refuse(e, EPROTO, "unexpected message %u from init", m.type);
		rc = talk[m.type].handle(c, &m, &fd, e);
		if (rc < 0)
			return rc;
		if (talk[m.type].answer)
			rc = sync_send(c->sync, SYNC_GO, 0, -1, e);
		if (rc < 0 && rc != -EPIPE) /* its end will be heard of next */
			return rc;
	}
}
