/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/create.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/sys.h"
#include "runtime/handover.h"
#include "runtime/hooks.h"
#include "runtime/lsm.h"
#include "runtime/netdev.h"
#include "runtime/notify.h"
#include "runtime/resctrl.h"
#include "runtime/rootless.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "runtime/sysctl.h"
#include "runtime/unit_name.h"
#include "runtime/unsupported.h"

#define CONFIG_NAME "config.json"
#define UNDO_WAIT_MS 10000

/* --- what is asked for ---------------------------------------------------------------------------
 */

static int load_document(struct creation *c, struct err *e)
{
	const char *name = c->o->config ? c->o->config : CONFIG_NAME;
	_cleanup_fd_ int dir = open(c->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (dir < 0)
		return fail(e, errno, "bundle %s", c->bundle);
	rc = file_read_alloc(dir, name, JSON_MAX_BYTES, &c->text, &c->text_len, e);
	if (rc < 0)
		return err_context(e, rc, "bundle %s", c->bundle);
	return spec_parse(c->text, c->text_len, name, &c->spec, e);
}

/* As it was named, made absolute and without "..": engines look for this very text. */
static int absolute_bundle(struct creation *c, struct err *e)
{
	const char *bundle = c->o->bundle ? c->o->bundle : "";
	char cwd[PATH_MAX], real[PATH_MAX];
	size_t len;

	if (*bundle == '/') {
		c->bundle = strdup(bundle);
	} else if (strstr(bundle, "..") && realpath(bundle, real)) {
		c->bundle = strdup(real); /* what is before the ".." may be a link */
	} else {
		while (bundle[0] == '.' && (bundle[1] == '/' || !bundle[1])) {
			bundle++;
			bundle += strspn(bundle, "/");
		}
		if (!getcwd(cwd, sizeof(cwd)))
			return fail(e, errno, "current directory");
		if (asprintf(&c->bundle, "%s/%s", cwd, bundle) < 0)
			c->bundle = NULL;
	}
	if (!c->bundle)
		return fail(e, ENOMEM, "bundle");
	for (len = strlen(c->bundle); len > 1 && c->bundle[len - 1] == '/'; len--)
		c->bundle[len - 1] = '\0';
	return 0;
}

static int check_terminal(const struct creation *c, struct err *e)
{
	bool terminal = c->spec->process && c->spec->process->terminal;
	bool stays = c->run_now && !c->o->detach;

	if (terminal && !stays && !c->o->console_socket)
		return refuse(e, EINVAL,
			      "config.json: process.terminal: nobody would hold the terminal: use "
			      "--console-socket");
	if (!terminal && c->o->console_socket)
		return refuse(e, EINVAL,
			      "--console-socket: config.json: process.terminal is not true");
	return 0;
}

/* `create` takes a document without a process; there is only nothing to start then. */
static int check_process(const struct creation *c, struct err *e)
{
	return c->run_now && !c->spec->process ? process_missing(e) : 0;
}

static int load(struct creation *c, struct err *e)
{
	int rc = absolute_bundle(c, e);

	if (rc == 0)
		rc = load_document(c, e);
	c->ordinary = rootless_is_ordinary();
	if (rc == 0 && c->ordinary)
		rc = rootless_check_spec(c->spec, e);
	if (rc == 0)
		rc = unsupported_check(c->spec, e);
	if (rc == 0)
		rc = lsm_check(c->spec->process, c->spec->linux_.mount_label, e);
	if (rc == 0 && c->spec->linux_.intel_rdt.set)
		rc = resctrl_check(e);
	if (rc == 0)
		rc = check_process(c, e);
	if (rc == 0)
		rc = check_terminal(c, e);
	return rc < 0 ? rc : sysctl_check(c->spec, e);
}

static int show_line(const char *line, size_t len, void *arg)
{
	(void)arg;
	if (len)
		log_debug("mount plan: %.*s", (int)len, line);
	return 0;
}

static void show_plans(const struct creation *c)
{
	_cleanup_strbuf_ struct strbuf ns = STRBUF_INIT, mounts = STRBUF_INIT;

	if (!log_debug_enabled())
		return;
	ns_plan_print(&c->ns, &ns);
	mount_plan_print(&c->mounts, &mounts);
	log_debug("namespace plan: %s", strbuf_str(&ns));
	(void)str_split(strbuf_str(&mounts), '\n', show_line, NULL); /* show_line cannot fail */
}

/* `launch` speaks for its jobs itself. */
static int prepare_notify(struct creation *c, struct err *e)
{
	int rc = c->o->hooks ? 0 : notify_wanted(e);

	if (rc <= 0)
		return rc;
	c->notifies = true;
	return notify_add(c->spec, c->rt, c->o->id, e);
}

/* Everything that can be decided or found wrong before anything is made. */
static int prepare(struct creation *c, struct err *e)
{
	static const struct spec_process none = {.cwd = "/"};
	const struct spec *s = c->spec;
	bool in_userns;
	int rc = ns_plan_make(s, &c->ns, e);

	if (rc < 0)
		return rc;
	in_userns = (c->ns.joined | c->ns.created) & CLONE_NEWUSER;
	rc = process_prepare(&c->process, s->process ? s->process : &none, in_userns,
			     c->o->preserve_fds, e);
	if (rc < 0)
		return rc;
	process_of_container(&c->process, s);
	if (s->linux_.seccomp) {
		rc = seccomp_prepare(c->rt, s->linux_.seccomp, &c->seccomp, e);
		c->process.seccomp = &c->seccomp;
	}
	if (rc == 0)
		rc = prepare_notify(c, e);
	if (rc == 0)
		rc = mount_plan_make(s, c->bundle, &c->mounts, e);
	if (rc == 0 && c->ns.mount_lent)
		rc = mount_plan_check_clonable(&c->mounts, e);
	if (rc == 0)
		show_plans(c);
	if (rc == 0 && c->o->console_socket)
		rc = c->console_socket =
			handover_connect(c->o->console_socket, "--console-socket", e);
	if (rc >= 0 && c->o->pidfd_socket)
		rc = c->pidfd_socket = handover_connect(c->o->pidfd_socket, "--pidfd-socket", e);
	return rc < 0 ? rc : 0;
}

/* --- the state directory -------------------------------------------------------------------------
 */

/* Recorded before it is made: whoever finds the state of a creation that was killed ends what there
 * is. */
static int fill_cgroup(struct creation *c, struct err *e)
{
	struct container *k = c->container;
	const char *asked = c->spec->linux_.cgroups_path;
	char path[sizeof(c->cgroup.path)];
	struct unit_name name;
	int rc;

	switch (c->rt->cgroup_manager) {
	case CGROUP_MANAGER_DISABLED:
		return 0;
	case CGROUP_MANAGER_SYSTEMD: /* which also says where the group is */
		rc = unit_name_make(asked, k->id, &name, e);
		if (rc < 0)
			return err_context(e, rc, "config.json");
		k->user_unit = runtime_is_rootless(c->rt);
		k->unit = arena_strdup(&k->arena, name.unit);
		break;
	default:
		rc = cgroup_place(asked, k->id, path, sizeof(path), e);
		if (rc < 0)
			return err_context(e, rc, "config.json");
		k->cgroup = arena_strdup(&k->arena, path);
	}
	k->cgroup_created = true;
	return k->cgroup || k->unit ? 0 : fail(e, ENOMEM, "container `%s`", k->id);
}

static int fill_state(struct creation *c, struct err *e)
{
	struct container *k = c->container;
	char now[CLOCK_TEXT_SIZE];
	int rc;

	clock_format_now(now);
	k->bundle = c->bundle;
	k->rootfs = c->mounts.rootfs;
	k->created = arena_strdup(&k->arena, now);
	k->owner = geteuid() == 0 ? "root" : arena_printf(&k->arena, "%u", geteuid());
	k->annotations = c->spec->annotations;
	k->hooks = hooks_present(c->spec);
	k->listener = c->seccomp.wants_listener;
	k->notifies = c->notifies;
	k->no_process = !c->spec->process;
	k->new_keyring = !c->o->no_new_keyring;
	rc = fill_cgroup(c, e);
	if (rc < 0)
		return rc;
	return k->created && k->owner ? 0 : fail(e, ENOMEM, "container `%s`", k->id);
}

/* Later changes of the bundle do not count (runtime.md, Create). */
static int keep_document(const struct creation *c, struct err *e)
{
	_cleanup_fd_ int fd = openat(c->container->dirfd, STATE_CONFIG,
				     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = fd < 0 ? -errno : io_write(fd, c->text, c->text_len);

	return rc < 0 ? fail(e, -rc, "keep a copy of config.json") : 0;
}

/* Opened for both directions, which never blocks: see init's wait_for_start and container_start. */
static int make_fifo(const struct creation *c, const char *name, int *ret, struct err *e)
{
	int dir = c->container->dirfd;

	if (mkfifoat(dir, name, STATE_FIFO_MODE) < 0)
		return fail(e, errno, "make %s", name);
	*ret = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return *ret < 0 ? fail(e, errno, "open %s", name) : 0;
}

static int make_state(struct creation *c, struct err *e)
{
	int rc = state_create(c->rt, c->o->id, &c->container, e);

	if (rc == 0)
		rc = fill_state(c, e);
	if (rc == 0)
		rc = state_save(c->container, e);
	if (rc == 0 && !c->run_now)
		rc = make_fifo(c, STATE_FIFO, &c->fifo, e);
	if (rc == 0 && !c->run_now)
		rc = make_fifo(c, STATE_RESULT, &c->result, e);
	if (rc == 0 && c->notifies)
		rc = notify_make_dir(c->container->dirfd, e);
	if (rc == 0 && c->notifies && c->run_now)
		rc = c->notify = notify_bind(c->container->dirfd, e);
	return rc < 0 ? rc : 0;
}

/* --- resources -----------------------------------------------------------------------------------
 */

static int make_cgroup(struct creation *c, struct err *e)
{
	struct container *k = c->container;
	int rc = cgroup_create(c->rt, c->spec, k->id, &c->cgroup, e);

	if (rc < 0) {
		c->cgroup = (struct cgroup)CGROUP_INIT;
		return rc;
	}
	c->enter_group = c->cgroup.self_enter;
	k->cgroup = *c->cgroup.path ? arena_strdup(&k->arena, c->cgroup.path) : NULL;
	c->process.idle_by_task = !c->cgroup.idle_by_group;
	k->cgroup_inode = cgroup_inode(&c->cgroup);
	k->cgroup_created = cgroup_is_ours(&c->cgroup) || cgroup_is_inherited(k, &c->cgroup);
	if (c->cgroup.fd < 0)
		return 0;
	c->mounts.cgroup_path =
		arena_printf(&k->arena, "%s%s", c->cgroup.host.mount, c->cgroup.path);
	return k->cgroup && c->mounts.cgroup_path ? 0 : fail(e, ENOMEM, "container `%s`", k->id);
}

/* --- the record ----------------------------------------------------------------------------------
 */

static int join_resctrl(struct creation *c, struct err *e)
{
	_cleanup_fd_ int root = -1;

	if (!c->spec->linux_.intel_rdt.set)
		return 0;
	root = resctrl_open(e);
	return root < 0 ? root
			: resctrl_join(root, &c->spec->linux_, c->container->id, c->pid,
				       &c->container->rdt, e);
}

/* From here on the container exists, whatever becomes of us: init hears of it, or finds out. */
static int let_go_on(struct creation *c, struct err *e)
{
	int rc = c->fifo >= 0 ? state_set_created(c->fifo) : 0;

	if (rc < 0)
		return fail(e, -rc, "chmod " STATE_FIFO);
	if (c->sync >= 0)
		rc = sync_send(c->sync, SYNC_GO, 0, -1, e);
	if (rc != -EPIPE)
		return rc;
	/* Somebody has found it in the state and has killed it: it has been created. */
	err_clear(e);
	return creation_check_memory(c, e);
}

int creation_record(struct creation *c, struct err *e)
{
	struct container *k = c->container;
	struct proc_stat st;
	int rc = proc_stat_read(c->pid, &st, e);

	if (rc < 0)
		return rc;
	k->init_pid = c->pid;
	k->init_start_ticks = st.start_ticks;
	rc = join_resctrl(c, e);
	if (rc == 0)
		rc = state_save(k, e);
	if (rc == 0)
		rc = handover_pid(c->o->pid_file, c->pid, &c->written, e);
	if (rc == 0)
		rc = handover_pidfd(c->pidfd_socket, c->pidfd, e);
	return rc < 0 ? rc : let_go_on(c, e);
}

static void kill_init(struct creation *c)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
	int status;

	/* An init that we have not been told of yet sees the end of the stream. */
	c->sync = fd_close(c->sync);
	if (c->pidfd < 0)
		return;
	(void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0); /* dead already: fine */
	if (poll(&p, 1, UNDO_WAIT_MS) == 1)
		(void)supervise_reap(c->pidfd, &status, NULL); /* nobody asks how it ended */
}

/* All but the record and the document. */
static void release_resources(struct creation *c)
{
	int *fds[] = {&c->console_socket, &c->pidfd_socket, &c->sync,	&c->pidfd,
		      &c->master,	  &c->fifo,	    &c->result, &c->notify};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		*fds[i] = fd_close(*fds[i]);
	netdev_forget(take_ptr(&c->netdevs));
	cgroup_close(&c->cgroup);
	ns_plan_close(&c->ns);
	mount_plan_free(&c->mounts);
	seccomp_program_free(&c->seccomp);
}

/* Failures in here are not reported: the one that led here is. Descriptors are given back first:
 * the lack of them may be that failure, and cleaning up takes some. */
void creation_undo(struct creation *c)
{
	struct container *k = c->container;
	bool grouped = c->cgroup.fd >= 0 && c->cgroup.created;

	kill_init(c);
	netdev_return(c->netdevs);
	release_resources(c);
	if (grouped && k->cgroup) {
		struct err e;

		if (cgroup_end(k, UNDO_WAIT_MS, &e) < 0)
			log_warn("%s", e.msg);
	}
	if (c->hooked) {
		struct oci_state state;
		struct err e;

		container_state_doc(k, OCI_STOPPED, &state);
		state.extended = false;
		if (hooks_run(c->spec, HOOK_POSTSTOP, &state, &e) < 0)
			log_warn("%s", e.msg);
	}
	if (k && k->rdt.group)
		resctrl_leave_place(k);
	if (c->written)
		(void)unlink(c->o->pid_file);
	if (k)
		(void)state_remove(k, NULL);
}

int creation_begin(struct creation *c, const struct runtime *rt, const struct create_opts *o,
		   bool run_now, struct err *e)
{
	int rc;

	*c = (struct creation){
		.rt = rt,
		.o = o,
		.run_now = run_now,
		.signals = SIGNALS_INIT,
		.console_socket = -1,
		.pidfd_socket = -1,
		.cgroup = CGROUP_INIT,
		.fifo = -1,
		.result = -1,
		.notify = -1,
		.sync = -1,
		.pidfd = -1,
		.master = -1,
	};
	ns_plan_decide(0, 0, false, false, &c->ns);
	rc = container_id_check(o->id, e);
	if (rc == 0)
		rc = load(c, e);
	if (rc == 0)
		rc = prepare(c, e);
	if (rc == 0)
		rc = signals_take(&c->signals, SIGNALS_END, c->process.ignored, e);
	if (rc == 0)
		rc = make_state(c, e);
	return rc < 0 ? rc : make_cgroup(c, e);
}

/* What must be done before the container's program runs, but not before init makes its mounts. */
int creation_guard(struct creation *c, struct err *e)
{
	int rc = cgroup_guard(&c->cgroup, c->spec, e);

	return rc < 0 ? rc : keep_document(c, e);
}

int creation_make(struct creation *c, const struct runtime *rt, const struct create_opts *o,
		  bool run_now, struct err *e)
{
	int rc = creation_begin(c, rt, o, run_now, e);

	if (rc == 0)
		rc = creation_clone(c, e);
	if (rc == 0)
		rc = creation_guard(c, e);
	if (rc == 0 && c->early)
		rc = creation_record(c, e); /* if init is gone already, converse hears why */
	if (rc == 0)
		rc = creation_converse(c, e);
	if (rc == 0)
		cgroup_settled(&c->cgroup);
	if (rc == 0 && !c->early)
		rc = creation_record(c, e);
	if (rc < 0)
		creation_undo(c);
	return rc;
}

int creation_started(struct creation *c, struct err *e)
{
	struct sync_msg m;
	int timeout = CREATION_TIMEOUT_MS + hooks_timeout_ms(c->spec, HOOK_START_CONTAINER);
	int rc;

	/* The program's execution closes init's end. */
	c->hooked = true;
	rc = sync_recv(c->sync, c->signals.fd, timeout, &m, NULL, e);
	if (rc == 0 && m.type == SYNC_LISTENER) {
		rc = creation_on_listener(c, m.value, e);
		if (rc == 0)
			rc = sync_send(c->sync, SYNC_GO, 0, -1, e);
		if (rc == 0)
			rc = sync_recv(c->sync, c->signals.fd, timeout, &m, NULL, e);
	}
	if (rc == -ECONNRESET) {
		err_clear(e);
		rc = sync_unsaid(c->flags, e);
		if (rc == 0 && c->spec->hooks[HOOK_POSTSTART].n)
			rc = creation_run_hooks(c, HOOK_POSTSTART, OCI_RUNNING, e);
	} else if (rc == 0) {
		rc = refuse(e, EPROTO, "unexpected message %u from init", m.type);
	}
	if (rc < 0)
		creation_undo(c);
	return rc;
}

void creation_release(struct creation *c)
{
	release_resources(c);
	container_close(take_ptr(&c->container));
	spec_free(take_ptr(&c->spec));
	free(take_ptr(&c->bundle));
	free(take_ptr(&c->text));
}

void creation_end(struct creation *c)
{
	creation_release(c);
	signals_give_back(&c->signals);
}

int container_create(const struct runtime *rt, const struct create_opts *o, pid_t *ret_pid,
		     int *ret_pidfd, struct err *e)
{
	struct creation c;
	int rc = creation_make(&c, rt, o, false, e);

	if (rc == 0) {
		*ret_pid = c.pid;
		if (ret_pidfd)
			*ret_pidfd = take_fd(&c.pidfd);
	}
	creation_end(&c);
	return rc;
}
