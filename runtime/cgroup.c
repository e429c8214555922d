/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"
#include "runtime/cgroup_internal.h"
#include "runtime/rootless.h"

size_t cg_normalise(const char *path, char *buf)
{
	size_t n = 0;

	for (const char *p = path; *p;) {
		size_t part;

		p += strspn(p, "/");
		part = strcspn(p, "/");
		if (part && !(part == 1 && *p == '.')) {
			buf[n++] = '/';
			memmove(buf + n, p, part);
			n += part;
		}
		p += part;
	}
	buf[n] = '\0';
	return n;
}

int cgroup_path(const char *cgroups_path, const char *id, char *buf, size_t size, struct err *e)
{
	char path[2048];
	size_t n;
	int len, rc;

	if (cgroups_path && !*cgroups_path)
		cgroups_path = NULL; /* engines send "" for "none given" */
	if (!cgroups_path)
		len = snprintf(path, sizeof(path), "/%s/%s", CEDE_SLICE, id);
	else if (cgroups_path[0] == '/')
		len = snprintf(path, sizeof(path), "%s", cgroups_path);
	else
		len = snprintf(path, sizeof(path), "/%s/%s", CEDE_SLICE, cgroups_path);
	if (len < 0 || (size_t)len >= sizeof(path) || (size_t)len >= size)
		return refuse(e, ENAMETOOLONG, "linux.cgroupsPath: longer than %zu bytes",
			      size - 1);
	rc = cg_path_check(path, e);
	if (rc < 0)
		return err_context(e, rc, "linux.cgroupsPath");
	n = cg_normalise(path, buf);
	if (n == 0)
		return refuse(e, EINVAL,
			      "linux.cgroupsPath: the root of the hierarchy is no place for a "
			      "container");
	if (streq(buf, "/" CEDE_SLICE))
		return refuse(e, EINVAL,
			      "linux.cgroupsPath: %s is the root of all secondaries, not a group "
			      "for one of them",
			      buf);
	return 0;
}

int cgroup_place(const char *cgroups_path, const char *id, char *buf, size_t size, struct err *e)
{
	char own[1024], path[2048];

	if (!rootless_is() || (cgroups_path && *cgroups_path == '/') ||
	    cg_path_of(PROC_SELF, own, sizeof(own), NULL) < 0)
		return cgroup_path(cgroups_path, id, buf, size, e);
	if (!cgroups_path || !*cgroups_path)
		cgroups_path = id;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", streq(own, "/") ? "" : own,
			     cgroups_path) >= sizeof(path))
		return refuse(e, ENAMETOOLONG, "linux.cgroupsPath: longer than %zu bytes",
			      size - 1);
	return cgroup_path(path, id, buf, size, e);
}

/* A scheduler may freeze the slice and thaw it again many times a second (a duty cycle, where there
 * is no cpu controller): a gap is due at once. */
#define THAW_WAIT_MS 2000

static bool thaws(int cgfd)
{
	_cleanup_fd_ int fd = file_open(cgfd, "cgroup.events", O_RDONLY, NULL);
	uint64_t deadline = now_ns() + (uint64_t)THAW_WAIT_MS * NSEC_PER_MSEC;

	for (uint64_t now = now_ns(); fd >= 0 && now < deadline; now = now_ns()) {
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		char text[256];
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		uint64_t frozen;

		if (n < 0)
			return false;
		text[n] = '\0';
		if (cg_parse_key(text, "frozen", &frozen) < 0 || !frozen)
			return true;
		(void)poll(&p, 1, (int)((deadline - now) / NSEC_PER_MSEC) + 1); /* loop re-reads */
	}
	return false;
}

/* A group a container can begin in: nobody there, not frozen, and of the kind that takes processes.
 * runtime.md and config-linux.md ("Control groups") ask for an error if not. */
static int check_fit(const struct cg_walk *w, int fd, bool created, struct err *e)
{
	char text[256];
	uint64_t populated = 0, frozen = 0;
	ssize_t n;

	n = cg_read(fd, "cgroup.events", text, sizeof(text), e);
	if (n < 0)
		return err_context(e, (int)n, "cgroup %s", w->path);
	(void)cg_parse_key(text, "populated", &populated); /* missing: nobody is there */
	(void)cg_parse_key(text, "frozen", &frozen);	   /* missing before 5.2: cannot be */
	if (populated)
		return refuse(e, EBUSY,
			      "cgroup %s: there are processes in it; a container needs an empty "
			      "group",
			      w->path);
	/* A group made just now is frozen by one above it. */
	if (frozen && !(created && cg_in_slice(w->path) && thaws(fd)))
		return refuse(e, EBUSY,
			      "cgroup %s is frozen: a container made in it would never start",
			      w->path);
	/* Below cede's own slice nobody makes threaded groups. */
	if (created && cg_in_slice(w->path))
		return 0;
	n = cg_read(fd, "cgroup.type", text, sizeof(text), e);
	if (n < 0)
		return err_context(e, (int)n, "cgroup %s", w->path);
	text[strcspn(text, "\n")] = '\0';
	if (!streq(text, "domain"))
		return refuse(e, EOPNOTSUPP,
			      "cgroup %s: its type is \"%s\"; a container needs a domain group "
			      "(threaded groups take threads, not processes)",
			      w->path, text);
	return 0;
}

int cg_check_needed(const struct cg_walk *w, const struct cg_plan *p, unsigned have, struct err *e)
{
	if (!(p->needed & ~have))
		return 0;
	for (size_t i = 0; i < p->n; i++)
		if (!p->v[i].neutral && (p->v[i].controller & ~have))
			return cg_walk_explain(w, p->v[i].controller, p->v[i].json, e);
	return 0;
}

int cgroup_guard(const struct cgroup *cg, const struct spec *s, struct err *e)
{
	int rc = cg->fd < 0 ? 0 : cgroup_devices_guard(cg->fd, &s->linux_, e);

	/* Inside a user namespace device rules cannot be set, and need not be: no node can be made
	 * there (mknod(2)), and what is bound into the container the administrator has chosen. */
	if (rc == -EPERM && rootless_is()) {
		log_debug("device rules not set: not permitted without privileges");
		return 0;
	}
	return rc;
}

static int set_up(struct cg_walk *w, const struct cg_request *r, struct cgroup *cg, struct err *e)
{
	const struct cg_plan *plan = r->plan;
	struct cg_level *leaf = &w->level[w->n];
	bool in_slice = cg_in_slice(w->path);
	unsigned want = plan->needed | (plan->idle == 1 ? CG_CPU : 0), have;
	int rc;

	rc = check_fit(w, leaf->fd, leaf->created, e);
	if (rc < 0)
		return rc;
	if (in_slice)
		want |= cg_birth_controllers(w->host);
	have = cg_walk_enable(w, want);
	rc = cg_check_needed(w, plan, have, e);
	if (rc == 0 && in_slice)
		rc = cg_birth_slice(w, have, &cg->idle_by_group, e);
	if (rc == 0 && in_slice)
		rc = cg_birth_group(leaf->fd, have, e);
	if (rc == 0)
		rc = cg_plan_write(leaf->fd, plan, have, leaf->created, e);
	if (rc == 0)
		rc = cg_owner_apply(leaf->fd, r->spec, e);
	return rc;
}

/* Once a boot: where systemd is, the new slice becomes a unit of its. What cannot be told is not in
 * the way of the container, but the next reload may take limits back. */
static void tell_systemd(struct cg_walk *w)
{
	struct err e = ERR_INIT;

	/* The real hierarchy, and the system's manager; a user has another slice. */
	if (!streq(w->host->mount, "/sys/fs/cgroup") || rootless_is() || !systemd_is_there())
		return;
	if (cg_slice_ensure(w->host, SYSTEMD_SYSTEM, &e) < 0)
		log_warn("%s: limits of containers may be lost when systemd reloads", e.msg);
	/* Nothing is known of it any more. */
	w->level[1].created = w->level[1].known = false;
	w->level[0].known = false;
}

/* Where a user may make no group, the container has none: limits that it asks for are refused, what
 * cede gives by default is not missed by anybody but the incumbents, who have SCHED_IDLE. */
static int go_without(const struct cg_request *r, struct cgroup *cg, struct err *e)
{
	const struct cg_plan *plan = r->plan;

	for (size_t i = 0; i < plan->n; i++)
		if (!plan->v[i].neutral)
			return refuse(e, EOPNOTSUPP,
				      "linux.resources.%s: no cgroup can be made here without "
				      "privileges (%s); where systemd gives its users one, "
				      "--systemd-cgroup has limits",
				      plan->v[i].json, cg->path);
	log_warn("cgroup %s: not permitted: the container has no cgroup, so it cannot be paused or "
		 "limited",
		 cg->path);
	cg->path[0] = '\0';
	return 0;
}

static int create_fs(const struct cg_request *r, struct cgroup *cg, struct err *e)
{
	struct cg_walk w;
	int rc;

	rc = cgroup_place(r->spec->linux_.cgroups_path, r->id, cg->path, sizeof(cg->path), e);
	if (rc == 0)
		rc = cg_host_open(&cg->host, e);
	if (rc < 0)
		return rc;
	if (cg->host.layout == CG_LAYOUT_NONE)
		return refuse(
			e, EOPNOTSUPP,
			"no cgroup2 hierarchy is mounted: mount one on /sys/fs/cgroup, or use "
			"--cgroup-manager disabled");
	rc = cg_walk_init(&w, &cg->host, cg->path, true, e);
	if ((rc == -EACCES || rc == -EPERM || rc == -EROFS) && runtime_is_rootless(r->rt))
		return go_without(r, cg, e);
	if (rc < 0)
		return rc;
	if (cg_in_slice(cg->path) && w.level[1].created)
		tell_systemd(&w);
	rc = set_up(&w, r, cg, e);
	if (rc < 0)
		cg_walk_undo(&w);
	if (rc == 0) {
		cg->created = w.level[w.n].created;
		cg->fd = take_fd(&w.level[w.n].fd);
	}
	cg_walk_close(&w);
	return rc;
}

static int no_limits(const struct cg_plan *plan, struct err *e)
{
	for (size_t i = 0; i < plan->n; i++)
		if (!plan->v[i].neutral)
			return refuse(e, EOPNOTSUPP,
				      "linux.resources.%s: there are no limits with "
				      "--cgroup-manager disabled",
				      plan->v[i].json);
	return 0;
}

/* Device rules need a group too; without one the container has what is mounted. */
static int create_none(const struct cg_request *r, struct cgroup *cg, struct err *e)
{
	cg->path[0] = '\0';
	return no_limits(r->plan, e);
}

/* The managers: each chooses cg->path, makes the group there and carries out the plan, or leaves
 * nothing. */
typedef int (*create_fn)(const struct cg_request *r, struct cgroup *cg, struct err *e);
static const create_fn managers[] = {
	[CGROUP_MANAGER_CGROUPFS] = create_fs,
	[CGROUP_MANAGER_SYSTEMD] = cg_create_systemd,
	[CGROUP_MANAGER_DISABLED] = create_none,
};

int cgroup_create(const struct runtime *rt, const struct spec *s, const char *id,
		  struct cgroup *ret, struct err *e)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct cgroup cg = CGROUP_INIT;
	struct cg_plan plan;
	const struct cg_request r = {.rt = rt, .spec = s, .id = id, .plan = &plan};
	int rc;

	rc = cg_plan_make(&arena, &s->linux_.resources, &plan, e);
	if (rc < 0)
		return err_context(e, rc, "config.json");
	rc = managers[rt->cgroup_manager](&r, &cg, e);
	if (rc < 0) {
		bool of_document =
			e && (str_after(e->msg, "linux.") || str_after(e->msg, "annotations["));

		cgroup_close(&cg);
		return of_document ? err_context(e, rc, "config.json") : rc;
	}
	*ret = cg;
	return 0;
}

bool cg_slice_is_idle(const struct cg_host *h)
{
	uint64_t idle;

	return cg_read_u64(h->fd, CEDE_SLICE "/cpu.idle", &idle, NULL) == 0 && idle == 1;
}

int cgroup_open(const char *path, struct cgroup *ret, struct err *e)
{
	struct cgroup cg = CGROUP_INIT;
	int rc;

	if ((size_t)snprintf(cg.path, sizeof(cg.path), "%s", path) >= sizeof(cg.path))
		return refuse(e, ENAMETOOLONG, "cgroup path %s: too long", path);
	rc = cg_host_locate(&cg.host, e);
	if (rc < 0)
		return rc;
	cg.fd = cg_open(&cg.host, path, e);
	if (cg.fd < 0) {
		rc = cg.fd;
		cgroup_close(&cg);
		return rc;
	}
	cg.idle_by_group = cg_in_slice(path) && cg_slice_is_idle(&cg.host);
	*ret = cg;
	return 0;
}

int cgroup_open_of(const struct container *c, struct cgroup *ret, struct err *e)
{
	int rc;

	if (!c->cgroup)
		return refuse(e, EOPNOTSUPP, "container `%s` has no cgroup", c->id);
	rc = cgroup_open(c->cgroup, ret, e);
	if (rc == 0 && cg_is_another(c, cgroup_inode(ret))) {
		cgroup_close(ret);
		rc = -ENOENT;
	}
	if (rc == -ENOENT) /* deleted meanwhile; or systemd's, which goes with its last process */
		return refuse(e, ESRCH, "container not running");
	if (rc == 0 && c->unit) {
		(void)snprintf(ret->unit, sizeof(ret->unit), "%s", c->unit); /* at most 255 */
		ret->manager = c->user_unit ? SYSTEMD_USER : SYSTEMD_SYSTEM;
	}
	return rc;
}

int cgroup_enter(const struct cgroup *cg, struct err *e)
{
	int rc = cg_write(cg->fd, "cgroup.procs", "0", e);

	return rc < 0 ? err_context(e, rc, "enter cgroup %s", cg->path) : 0;
}

int cgroup_enter_other(const struct cgroup *cg, pid_t pid, struct err *e)
{
	int rc = cg_write_u64(cg->fd, "cgroup.procs", (uint64_t)pid, e);

	return rc < 0 ? err_context(e, rc, "enter cgroup %s", cg->path) : 0;
}

bool cgroup_is_ours(const struct cgroup *cg)
{
	return cg->created || cg_in_slice(cg->path);
}

void cgroup_close(struct cgroup *cg)
{
	cgroup_settled(cg);
	cg->fd = fd_close(cg->fd);
	free(take_ptr(&cg->others));
	cg->n_others = 0;
	cg_host_close(&cg->host);
}

/* A limit of memory plus swap is relative to a limit of memory: the one in force, if no other is
 * given. No limit of memory is none of both. */
static void complete_memory(const struct cgroup *cg, struct spec_resources *r)
{
	uint64_t limit;

	if (r->memory.limit.set && r->memory.limit.val == -1 && !r->memory.swap.set)
		r->memory.swap = (struct opt_i64){.set = true, .val = -1};
	if (r->memory.swap.set && r->memory.swap.val > 0 && !r->memory.limit.set && cg->fd >= 0 &&
	    cg_read_u64(cg->fd, "memory.max", &limit, NULL) == 0 && limit <= INT64_MAX)
		r->memory.limit = (struct opt_i64){.set = true, .val = (int64_t)limit};
}

int cgroup_apply(const struct cgroup *cg, const struct spec_resources *asked, struct err *e)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct spec_resources r = *asked;
	struct cg_host host = cg->host; /* borrowed descriptor */
	struct cg_plan plan;
	struct cg_walk w;
	unsigned have = 0, want;
	int rc;

	complete_memory(cg, &r);
	rc = cg_plan_make(&arena, &r, &plan, e);
	if (rc < 0)
		return rc;
	if (cg->fd < 0)
		return no_limits(&plan, e);
	rc = cg_read_controllers(cg->fd, "cgroup.controllers", &have, e);
	if (rc < 0)
		return err_context(e, rc, "cgroup %s", cg->path);
	want = plan.needed | (plan.idle >= 0 ? CG_CPU : 0);
	if (want & ~have) {
		rc = cg_read_controllers(host.fd, "cgroup.controllers", &host.controllers, e);
		if (rc == 0)
			rc = cg_walk_init(&w, &host, cg->path, false, e);
		if (rc < 0)
			return rc;
		have |= cg_walk_enable(&w, want);
		rc = cg_check_needed(&w, &plan, have, e);
		cg_walk_close(&w);
		if (rc < 0)
			return rc;
	}
	rc = *cg->unit ? cg_complete_quotas(cg->fd, &arena, &plan, e) : 0;
	if (rc == 0)
		rc = cg_plan_write(cg->fd, &plan, have, false, e);
	if (rc < 0 || !*cg->unit)
		return rc;
	/* The kernel has judged, systemd is told, and what systemd has rounded is made exact. */
	rc = cg_apply_systemd(cg, &arena, &plan, e);
	if (rc < 0)
		return err_context(e, rc, "the limits are new, but its next reload will undo them");
	return cg_plan_write(cg->fd, &plan, have, false, e);
}
