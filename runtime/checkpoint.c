/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/checkpoint.h"

#include <fcntl.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/procfs.h"
#include "runtime/cgroup.h"
#include "runtime/criu_wire.h"
#include "runtime/external.h"
#include "runtime/freezer.h"
#include "runtime/notify.h"
#include "runtime/state.h"
#include "runtime/supervise.h"

#define FREEZE_WAIT_MS 10000

struct dump {
	const struct runtime *rt;
	const struct checkpoint_opts *o;
	struct container *c;
	struct spec *spec;
	struct cr_dirs dirs;
	struct signals signals;
	struct criu criu;
};

static int check_running(const struct container *c, struct err *e)
{
	enum oci_status status;
	int rc = container_status(c, &status, e);

	if (rc < 0)
		return rc;
	if (status == OCI_CREATED)
		return refuse(e, EINVAL,
			      "cannot checkpoint container `%s`: it has not been started", c->id);
	if (status != OCI_RUNNING && status != OCI_PAUSED)
		return refuse(e, ESRCH, "container not running");
	return 0;
}

/* A group above that is frozen keeps CRIU from stopping the processes itself. */
static int check_thawed(const struct container *c, struct err *e)
{
	uint64_t frozen = 0, own = 0;
	struct cgroup cg;
	int rc;

	if (!c->cgroup)
		return 0;
	rc = cgroup_open_of(c, &cg, e);
	if (rc < 0)
		return rc;
	(void)cg_read_u64(cg.fd, "cgroup.freeze", &own, NULL); /* no freezer: not frozen */
	(void)cg_read_key(cg.fd, "cgroup.events", "frozen", &frozen, NULL);
	cgroup_close(&cg);
	return frozen && !own ? refuse(e, EBUSY,
				       "cannot checkpoint container `%s`: a cgroup above its own "
				       "is frozen",
				       c->id)
			      : 0;
}

/* Where the container's cgroup is for CRIU, which freezes it itself. */
static int add_freezer(struct strbuf *opts, const struct container *c, struct err *e)
{
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
	struct cgroup cg;
	int rc;

	if (!c->cgroup)
		return 0;
	rc = cgroup_open_of(c, &cg, e);
	if (rc < 0)
		return rc;
	strbuf_addf(&path, "%s%s", cg.host.mount, c->cgroup);
	wire_string(opts, CRIU_FREEZE_CGROUP, strbuf_str(&path));
	opts->oom |= path.oom;
	cgroup_close(&cg);
	return 0;
}

static int encode(struct dump *d, struct strbuf *opts, struct err *e)
{
	const struct checkpoint_opts *o = d->o;
	int mode = cr_cgroups_mode(o->cr.cgroups_mode, cr_cgroups_default(d->spec), e);
	int rc = mode < 0 ? mode
			  : cr_encode(opts, &o->cr, &d->criu, &d->dirs, &d->spec->annotations, e);

	if (rc < 0)
		return rc;
	wire_u64(opts, CRIU_PID, (uint64_t)d->c->init_pid);
	wire_u64(opts, CRIU_MANAGE_CGROUPS_MODE, (uint64_t)mode);
	wire_string(opts, CRIU_ROOT, d->c->rootfs);
	if (o->leave_running || o->pre_dump)
		wire_u64(opts, CRIU_LEAVE_RUNNING, 1);
	if (o->pre_dump || o->cr.parent_path)
		wire_u64(opts, CRIU_TRACK_MEM, 1);
	if (o->cr.parent_path)
		wire_string(opts, CRIU_PARENT_IMG, d->dirs.parent);
	rc = mode == CR_CG_IGNORE ? 0 : cr_yard_make(opts, d->c, e);
	if (rc == 0)
		rc = add_freezer(opts, d->c, e);
	return rc < 0 ? rc : external_dump(opts, d->c, d->spec, d->dirs.image, e);
}

/* Who came by exec and still has a parent outside is not of the tree that CRIU writes down. */
static int name_strangers(const struct container *c, struct err *e)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
	_cleanup_free_ pid_t *pids = NULL;
	struct cgroup cg;
	size_t n = 0;
	int rc;

	if (!c->cgroup)
		return 0;
	rc = cgroup_open_of(c, &cg, e);
	if (rc < 0)
		return rc;
	rc = cgroup_pids(&cg, &pids, &n, e);
	cgroup_close(&cg);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		bool inside = pids[i] == c->init_pid;
		struct proc_stat st;

		if (inside || proc_stat_read(pids[i], &st, NULL) < 0)
			continue;
		for (size_t j = 0; j < n; j++)
			inside |= pids[j] == st.ppid;
		if (!inside)
			strbuf_addf(&names, " %d", pids[i]);
	}
	if (names.len)
		log_warn(
			"not in the checkpoint, because they came by exec and have parents outside "
			"of the container: processes%s",
			strbuf_str(&names));
	return rc;
}

/* There is nothing to do for us between CRIU's steps; that we answer tells it that we live. */
static int listen(const struct criu_note *n, void *arg, struct err *e)
{
	(void)n;
	(void)arg;
	(void)e;
	return 0;
}

static int run_criu(struct dump *d, struct err *e)
{
	const struct checkpoint_opts *o = d->o;
	char peer[256];
	struct criu_start how = {
		.log = "dump.log",
		.work_fd = d->dirs.work,
		.cancel_fd = d->signals.fd,
		.timeout_ms = o->cr.timeout_ms ? o->cr.timeout_ms : CR_TIMEOUT_MS,
		.stdio = o->cr.shell_job,
		.apart = true,
		.ignores = true,
	};
	_cleanup_strbuf_ struct strbuf opts = STRBUF_INIT;
	int rc;

	/* With lazy pages it is CRIU that serves. */
	if (o->cr.page_server && !o->cr.lazy_pages &&
	    cr_page_server(o->cr.page_server, peer, sizeof(peer), &how.peer_port, NULL) == 0)
		how.peer = peer;
	rc = criu_begin(&d->criu, &how, e);
	if (rc == 0)
		rc = cr_check_features(&d->criu, &o->cr, o->pre_dump, e);
	if (rc == 0)
		rc = encode(d, &opts, e);
	if (rc == 0)
		rc = cr_images_note(&d->dirs, e);
	if (rc == 0)
		rc = cr_parent_clear(&d->dirs, e);
	if (rc == 0)
		rc = criu_call(&d->criu, o->pre_dump ? CRIU_REQ_PRE_DUMP : CRIU_REQ_DUMP, &opts,
			       listen, NULL, NULL, e);
	if (rc == 0)
		rc = cr_parent_check(&d->dirs, e);
	if (rc == 0)
		rc = cr_images_give(&d->dirs, d->spec, e);
	if (rc == 0)
		d->criu.how.peer = NULL; /* it has nothing to undo */
	criu_end(&d->criu);
	cr_yard_remove(d->c);
	return rc;
}

/* CRIU leaves the cgroup as it found it. One that was killed does not. */
static void settle_freezer(struct container *c)
{
	struct err e;

	if (c->cgroup && freezer_settle(c, FREEZE_WAIT_MS, &e) < 0)
		log_warn("%s", e.msg);
}

static int dump(struct dump *d, struct err *e)
{
	const struct checkpoint_opts *o = d->o;
	int rc = container_open(d->rt, o->id, CONTAINER_LOCK_EXCLUSIVE, &d->c, e);

	if (rc == 0)
		rc = check_running(d->c, e);
	if (rc == 0)
		rc = check_thawed(d->c, e);
	if (rc == 0)
		rc = spec_load(d->c->dirfd, STATE_CONFIG, &d->spec, e);
	/* Also where a restore has put it in place of the one that the checkpoint had. */
	if (rc == 0 && faccessat(d->c->dirfd, NOTIFY_DIR, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		rc = notify_add(d->spec, d->rt, o->id, e);
	if (rc == 0)
		rc = cr_dirs_open(&o->cr, true, &d->dirs, e);
	if (rc == 0)
		rc = signals_take(&d->signals, SIGNALS_END, 0, e);
	if (rc < 0)
		return rc;
	rc = name_strangers(d->c, e);
	if (rc == 0)
		rc = run_criu(d, e);
	if (rc < 0 || o->leave_running || o->pre_dump)
		settle_freezer(d->c);
	return rc < 0 ? err_context(e, rc, "checkpoint container `%s`", o->id) : 0;
}

/* The signal is in the error: it must not end us before that has been printed. */
static int interrupted(const struct signals *s, int rc, struct err *e)
{
	struct signalfd_siginfo si;

	if (rc == -EINTR && s->fd >= 0 && read(s->fd, &si, sizeof(si)) == sizeof(si))
		return err_exit_status(e, rc, 128 + (int)si.ssi_signo);
	return rc;
}

int container_checkpoint(const struct runtime *rt, const struct checkpoint_opts *o, struct err *e)
{
	struct dump d = {
		.rt = rt,
		.o = o,
		.dirs = CR_DIRS_INIT,
		.signals = SIGNALS_INIT,
		.criu = CRIU_INIT,
	};
	uint64_t ticks;
	pid_t pid;
	int rc = container_id_check(o->id, e);

	if (rc == 0)
		rc = cr_check(&o->cr, e);
	if (rc == 0 && o->pre_dump && o->cr.lazy_pages)
		rc = refuse(e, EINVAL, "--pre-dump and --lazy-pages exclude each other");
	if (rc < 0)
		return rc;
	rc = dump(&d, e);
	pid = d.c ? d.c->init_pid : 0;
	ticks = d.c ? d.c->init_start_ticks : 0;
	container_close(d.c);
	spec_free(d.spec);
	cr_dirs_close(&d.dirs);
	if (rc == 0 && !o->leave_running && !o->pre_dump) {
		rc = container_delete_same(rt, o->id, pid, ticks, e);
		if (rc < 0)
			(void)err_context(e, rc, "the checkpoint is complete, but");
	}
	rc = interrupted(&d.signals, rc, e);
	signals_give_back(&d.signals);
	return rc;
}
