/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/restore.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/procfs.h"
#include "runtime/create.h"
#include "runtime/criu_wire.h"
#include "runtime/external.h"
#include "runtime/mount_impl.h"
#include "runtime/notify.h"
#include "runtime/restore_check.h"
#include "runtime/restore_mounts.h"
#include "runtime/tty.h"

/* From a kill to the end of the process. */
#define KILLED_WAIT_MS 2000

struct restore {
	const struct restore_opts *o;
	struct creation *c;
	struct cr_dirs dirs;
	struct criu criu;
	struct criu_start how;
	int mode; /* of the cgroups */
	bool recorded, terminal;
};

/* --- in the process that becomes CRIU ------------------------------------------------------------
 */

/* CRIU wants the new root to be a mount of its own. Here it is one, for CRIU alone. */
static int own_root(const struct mount_plan *plan, struct err *e)
{
	const char *rootfs = plan->rootfs;
	const unsigned how = OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE;
	_cleanup_fd_ int top = -1, target = -1, copy = -1;
	int rc;

	if (unshare(CLONE_NEWNS) < 0)
		return fail(e, errno, "a mount namespace for CRIU");
	top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	rc = top < 0 ? -errno : mount_set(top, true, 0, 0, MS_SLAVE, -1);
	if (rc < 0)
		return fail(e, -rc, "detach CRIU's mounts from the host's");
	target = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	copy = target < 0 ? -1 : open_tree(target, "", OPEN_TREE_CLOEXEC | how);
	if (copy < 0 ||
	    move_mount(copy, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return fail(e, errno, "bind the root filesystem %s", rootfs);
	return restore_mount_points(plan, copy, e);
}

static int become_criu(void *arg, struct err *e)
{
	struct restore *r = arg;
	const struct creation *c = r->c;
	int rc = 0;

	/* Its children, the container, are born where it is. */
	if (c->cgroup.fd >= 0)
		rc = cgroup_enter(&c->cgroup, e);
	if (rc == 0 && c->ns.created & CLONE_NEWCGROUP && r->mode == CR_CG_IGNORE &&
	    unshare(CLONE_NEWCGROUP) < 0)
		rc = fail(e, errno, "a cgroup namespace");
	if (rc == 0)
		rc = process_inherited(&c->process, e);
	if (rc == 0 && !c->o->no_new_keyring)
		rc = process_new_keyring(&c->process, e);
	return rc < 0 ? rc : own_root(&c->mounts, e);
}

/* --- between CRIU's steps ------------------------------------------------------------------------
 */

static int on_namespaces(struct restore *r, const struct criu_note *n, struct err *e)
{
	struct creation *c = r->c;
	int rc;

	if (n->pid <= 0)
		return refuse(e, EPROTO, "CRIU does not say which process init is");
	c->pid = n->pid;
	c->pidfd = pidfd_open(n->pid, 0);
	if (c->pidfd < 0)
		return fail(e, errno, "open init, process %d", n->pid);
	rc = creation_run_hooks(c, HOOK_PRESTART, OCI_CREATING, e);
	return rc < 0 ? rc : creation_run_hooks(c, HOOK_CREATE_RUNTIME, OCI_CREATING, e);
}

/* The one thing that must not go wrong unnoticed: limits hold in the cgroup. */
static int check_cgroup(const struct creation *c, struct err *e)
{
	const char *rest, *wanted = c->container->cgroup;
	char path[PATH_MAX];
	int rc;

	if (!wanted)
		return 0;
	rc = cg_path_of(c->pid, path, sizeof(path), e);
	if (rc < 0)
		return rc;
	rest = str_after(path, wanted);
	if (rest && (!*rest || *rest == '/'))
		return 0;
	return refuse(e, EXDEV, "CRIU has put the container into cgroup %s instead of %s", path,
		      wanted);
}

/* --- limits --------------------------------------------------------------------------------------
 *
 * CRIU needs some megabytes and processes, and it is in the container's group: a container that
 * fits its limits is not to be killed for that. So they are lifted, and are set before anything of
 * the container runs: whatever becomes of us then, it has them. By then CRIU is no longer in the
 * group; but its memory stays counted there until it ends, and so much more is granted until then.
 */

/* Page tables and sockets of CRIU, which its statm does not show. */
#define CRIU_MORE_BYTES (4 << 20)

static const char *const lifted[] = {"memory.max", "memory.high", "memory.swap.max", "pids.max"};

static void lift_limits(const struct creation *c)
{
	const struct spec_resources *r = &c->spec->linux_.resources;
	bool memory = r->memory.limit.set || r->memory.swap.set;

	if (c->cgroup.fd < 0 || !c->cgroup.created)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(lifted); i++) {
		bool asked = str_after(lifted[i], "memory.") ? memory : r->pids_limit.set;

		for (size_t j = 0; j < r->unified.n; j++)
			asked |= streq(r->unified.v[j].key, lifted[i]);
		/* What cannot be lifted stays, and CRIU has to fit. */
		if (asked)
			(void)cg_write(c->cgroup.fd, lifted[i], "max", NULL);
	}
}

/* The same resources with a little more memory. */
static int grant_more(struct arena *arena, struct spec_resources *r, int64_t more, struct err *e)
{
	struct opt_i64 *limits[] = {&r->memory.limit, &r->memory.swap};
	struct spec_pair *v = arena_array(arena, r->unified.n + 1, sizeof(*v));
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (limits[i]->set && limits[i]->val >= 0 && limits[i]->val < INT64_MAX - more)
			limits[i]->val += more;
	if (!v)
		return fail(e, ENOMEM, "limits");
	for (size_t i = 0; i < r->unified.n; i++) {
		v[i] = r->unified.v[i];
		if (!streq(v[i].key, "memory.max") || parse_bytes(v[i].value, &n) < 0 ||
		    n > INT64_MAX)
			continue;
		v[i].value = arena_printf(arena, "%llu", (unsigned long long)n + more);
		if (!v[i].value)
			return fail(e, ENOMEM, "limits");
	}
	r->unified.v = v;
	return 0;
}

static int resident_bytes(pid_t pid, int64_t *ret, struct err *e)
{
	char text[256], *pages;
	ssize_t n = proc_read(pid, "statm", text, sizeof(text), e);
	uint64_t count;

	if (n < 0)
		return (int)n;
	pages = strchr(text, ' ');
	if (pages)
		pages[1 + strcspn(pages + 1, " ")] = '\0';
	if (!pages || parse_u64(pages + 1, 10, &count) < 0 || count > INT64_MAX / 65536)
		return refuse(e, EBADMSG, "statm of process %d", pid);
	*ret = (int64_t)count * sysconf(_SC_PAGESIZE);
	return 0;
}

/* CRIU, and what it has started to help it, come to where we are. */
static int move_criu(const struct restore *r, int64_t *bytes, struct err *e)
{
	const struct cgroup *cg = &r->c->cgroup;
	_cleanup_free_ pid_t *pids = NULL;
	_cleanup_fd_ int own = -1;
	char path[PATH_MAX];
	size_t n = 0;
	int rc = cg_path_of(PROC_SELF, path, sizeof(path), e);

	*bytes = 0;
	if (rc == 0)
		rc = own = cg_open(&cg->host, path, e);
	if (rc >= 0)
		rc = cgroup_pids(cg, &pids, &n, e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct proc_stat st;
		int64_t resident = 0;

		/* Who ends meanwhile is fine. */
		if (proc_stat_read(pids[i], &st, NULL) < 0 ||
		    (pids[i] != r->criu.pid && st.ppid != r->criu.pid))
			continue;
		(void)resident_bytes(pids[i], &resident, NULL);
		*bytes += resident;
		rc = cg_write_u64(own, "cgroup.procs", (uint64_t)pids[i], e);
		if (rc == -ESRCH) {
			err_clear(e);
			rc = 0;
		}
	}
	return rc < 0 ? err_context(e, rc, "move CRIU out of the container's cgroup") : 0;
}

static int set_first_limits(const struct restore *r, struct err *e)
{
	const struct creation *c = r->c;
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct spec_resources resources = c->spec->linux_.resources;
	int64_t bytes;
	int rc;

	if (c->cgroup.fd < 0 || !c->cgroup.created)
		return 0;
	rc = move_criu(r, &bytes, e);
	if (rc == 0)
		rc = grant_more(&arena, &resources, bytes + CRIU_MORE_BYTES, e);
	return rc < 0 ? rc : cgroup_apply(&c->cgroup, &resources, e);
}

/* CRIU is gone by now. A limit that is too low kills the container here. */
static int set_limits(const struct creation *c, struct err *e)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
	uint64_t killed = 0;
	int rc;

	if (c->cgroup.fd < 0 || !c->cgroup.created)
		return 0;
	rc = cgroup_apply(&c->cgroup, &c->spec->linux_.resources, e);
	if (rc == 0)
		(void)cg_read_key(c->cgroup.fd, "memory.events", "oom_kill", &killed, NULL);
	/* Whoever was killed may not have been init; if it was, it ends now. */
	return rc == 0 && killed && poll(&p, 1, KILLED_WAIT_MS) == 1 ? creation_check_memory(c, e)
								     : rc;
}

/* --- what CRIU says ------------------------------------------------------------------------------
 */

/* Everything is there, nothing runs yet. */
static int on_restored(struct restore *r, struct err *e)
{
	int rc = check_cgroup(r->c, e);

	if (rc == 0)
		cgroup_settled(&r->c->cgroup);
	if (rc == 0)
		rc = restore_check_namespaces(r->c, r->criu.pid, e);
	if (rc == 0)
		rc = restore_seal(&r->c->mounts, r->c->pid, e);
	if (rc == 0)
		rc = creation_guard(r->c, e);
	if (rc == 0)
		rc = process_restored(&r->c->process, r->c->pid, e);
	if (rc == 0)
		rc = set_first_limits(r, e);
	if (rc == 0)
		rc = creation_record(r->c, e);
	r->recorded = rc == 0;
	if (rc == 0 && r->c->spec->process && r->c->spec->process->terminal && !r->terminal)
		log_warn("config.json: process.terminal: the checkpoint has no terminal");
	return rc;
}

static int on_terminal(struct restore *r, const struct criu_note *n, struct err *e)
{
	struct creation *c = r->c;

	r->terminal = true;
	if (*n->fd < 0)
		return refuse(e, EPROTO, "CRIU's notice of the terminal came without it");
	if (c->console_socket >= 0)
		return tty_hand_over(c->console_socket, *n->fd, e);
	c->master = take_fd(n->fd);
	return 0;
}

static int listen(const struct criu_note *n, void *arg, struct err *e)
{
	struct restore *r = arg;

	if (streq(n->what, "setup-namespaces"))
		return on_namespaces(r, n, e);
	if (streq(n->what, "post-restore"))
		return on_restored(r, e);
	if (streq(n->what, "orphan-pts-master"))
		return on_terminal(r, n, e);
	return 0;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static int encode(struct restore *r, struct strbuf *opts, struct err *e)
{
	const struct creation *c = r->c;
	int rc = cr_encode(opts, &r->o->cr, &r->criu, &r->dirs, &c->spec->annotations, e);

	if (rc < 0)
		return rc;
	wire_string(opts, CRIU_ROOT, c->mounts.rootfs);
	wire_u64(opts, CRIU_RST_SIBLING, 1);
	wire_u64(opts, CRIU_MANAGE_CGROUPS_MODE, (uint64_t)r->mode);
	if (r->mode != CR_CG_IGNORE && c->container->cgroup) {
		_cleanup_strbuf_ struct strbuf root = STRBUF_INIT;

		wire_string(&root, 2, c->container->cgroup);
		wire_message(opts, CRIU_CG_ROOT, &root);
	}
	return r->mode == CR_CG_IGNORE ? 0 : cr_yard_make(opts, c->container, e);
}

static int run_criu(struct restore *r, struct err *e)
{
	_cleanup_strbuf_ struct strbuf external = STRBUF_INIT, opts = STRBUF_INIT;
	pid_t pid = 0;
	int rc = external_restore(&external, &r->how, r->c, r->dirs.image, e);

	if (rc == 0)
		rc = criu_begin(&r->criu, &r->how, e);
	if (rc == 0)
		rc = cr_check_features(&r->criu, &r->o->cr, false, e);
	if (rc == 0)
		rc = encode(r, &opts, e);
	strbuf_add(&opts, strbuf_str(&external), external.len);
	opts.oom |= external.oom;
	if (rc == 0)
		rc = criu_call(&r->criu, CRIU_REQ_RESTORE, &opts, listen, r, &pid, e);
	if (rc == 0 && !r->recorded)
		rc = refuse(e, EPROTO, "CRIU did not say that it was done");
	if (rc < 0 && e && strstr(e->msg, "No mapping for"))
		rc = err_context(e, rc,
				 "config.json: mounts: one that the checkpoint has from outside is "
				 "missing");
	criu_end(&r->criu);
	cr_yard_remove(r->c->container);
	external_close(&r->how);
	return rc;
}

static int check_images(const struct cr_dirs *d, const struct cr_opts *o, struct err *e)
{
	struct stat st;

	/* The file every checkpoint has. */
	if (fstatat(d->image, "inventory.img", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return refuse(e, ENOENT, "--image-path %s: there is no checkpoint in it (no inventory.img)",
		      o->image_path ? o->image_path : CR_IMAGE_PATH);
}

/* What it had to say it said before its checkpoint: it is as ready as it was. */
static void tell_ready(struct creation *c)
{
	struct err own;

	c->notify = fd_close(c->notify);
	if (notify_tell(c->pid, &own) < 0)
		log_warn("%s", own.msg);
}

static int restore(struct restore *r, const struct runtime *rt, struct err *e)
{
	struct creation *c = r->c;
	int rc = creation_begin(c, rt, &r->o->create, true, e);

	if (rc == 0) {
		r->how = (struct criu_start){
			.log = "restore.log",
			.work_fd = r->dirs.work,
			.cancel_fd = c->signals.fd,
			.timeout_ms = r->o->cr.timeout_ms ? r->o->cr.timeout_ms : CR_TIMEOUT_MS,
			.stdio = r->o->cr.shell_job,
			.in_child = become_criu,
			.arg = r,
		};
		r->mode = cr_cgroups_mode(r->o->cr.cgroups_mode, cr_cgroups_default(c->spec), NULL);
		lift_limits(c);
		rc = cr_images_admit(&r->dirs, c->spec, e);
	}
	if (rc == 0)
		rc = run_criu(r, e);
	if (rc == 0)
		rc = set_limits(c, e);
	if (rc == 0 && c->notifies)
		tell_ready(c);
	if (rc == 0 && c->spec->hooks[HOOK_POSTSTART].n)
		rc = creation_run_hooks(c, HOOK_POSTSTART, OCI_RUNNING, e);
	if (rc < 0)
		creation_undo(c);
	return rc < 0 ? err_context(e, rc, "restore container `%s`", r->o->create.id) : 0;
}

int container_restore(const struct runtime *rt, const struct restore_opts *o, int *ret_status,
		      struct err *e)
{
	struct creation c = {0};
	struct restore r = {.o = o, .c = &c, .dirs = CR_DIRS_INIT, .criu = CRIU_INIT};
	int rc = container_id_check(o->create.id, e);

	*ret_status = 0;
	if (rc == 0)
		rc = cr_check(&o->cr, e);
	if (rc == 0)
		rc = cr_dirs_open(&o->cr, false, &r.dirs, e);
	if (rc == 0)
		rc = check_images(&r.dirs, &o->cr, e);
	if (rc == 0 && !o->create.detach && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		rc = fail(e, errno, "PR_SET_CHILD_SUBREAPER");
	if (rc < 0) {
		cr_dirs_close(&r.dirs);
		return rc;
	}
	rc = restore(&r, rt, e);
	cr_dirs_close(&r.dirs);
	if (rc == 0)
		log_commit();
	if (rc == 0 && !o->create.detach)
		rc = creation_supervise(&c, rt, &o->create, ret_status, e);
	creation_end(&c);
	return rc;
}
