/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd manager: the container's group is a transient scope, so that systemd knows whose it
 * is and what its limits are, and gives it away (Delegate=) with everything below.
 *
 * A scope exists as long as there is a process in it, and needs one to begin with. Init cannot be
 * it: it is to begin with its limits in place. So a process of ours that does nothing (the holder)
 * keeps the scope until init stands in it.
 *
 * Limits go to systemd as properties, because its next reload would take back what it does not
 * know, and then to the kernel's files as with the other manager: systemd rounds some and has no
 * property for others.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/cgroup_internal.h"
#include "runtime/rootless.h"
#include "runtime/systemd_bus.h"
#include "runtime/unit_name.h"
#include "runtime/unit_props.h"

/* --- the holder ----------------------------------------------------------------------------------
 */

static _Noreturn void hold(pid_t parent)
{
	(void)close_range(0, ~0U, 0); /* nobody waits for an end of file that we would keep */
	/* Set before the look at the parent: either it is alive still, or we hear of its end. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0)
		while (getppid() == parent)
			(void)pause(); /* woken by a signal: look again */
	_exit(0);
}

static int holder_start(struct cgroup *cg, struct err *e)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&cg->holder_fd,
		.exit_signal = SIGCHLD,
	};
	pid_t parent = getpid(), pid = sys_clone3(&args);

	if (pid == 0)
		hold(parent);
	if (pid < 0) {
		cg->holder_fd = -1;
		return fail(e, errno, "clone the holder of the container's scope");
	}
	return pid;
}

void cgroup_settled(struct cgroup *cg)
{
	siginfo_t info;

	if (cg->holder_fd < 0)
		return;
	/* Killed, it ends at once, also when it is frozen; nobody asks how. */
	(void)pidfd_send_signal(cg->holder_fd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)cg->holder_fd, &info, WEXITED) < 0 && errno == EINTR)
		;
	cg->holder_fd = fd_close(cg->holder_fd);
}

/* --- the slice -----------------------------------------------------------------------------------
 */

struct setting {
	const char *name, *sig, *value;
	bool optional;
};

static int add_settings(struct unit_props *p, const struct setting *s, size_t n, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = unit_props_add(p, s[i].name, s[i].sig, s[i].value, e);
		if (rc == 0)
			p->v[p->n - 1].optional = s[i].optional;
	}
	return rc;
}

/*
 * systemd enables for the children of a slice what its own units there need, and takes away the
 * rest at every reload and with every unit that goes (seen with 252). Groups that cede makes by
 * itself would lose their limits. So there is a slice beside them in which nothing ever runs, and
 * which needs every controller that systemd knows.
 */
#define KEEPER "cede-keep.slice"

static const struct setting slice_settings[] = {
	{"Description", "s", "Secondary work (cede)", false},
	{"DefaultDependencies", "b", "0", false},
	{"IOWeight", "t", "1", false},
	/* Below the weight of anybody: cpu.idle=1. systemd before 252 cannot say it; then it is
	 * written to the kernel alone. */
	{"CPUWeight", "t", "0", true},
};

static const struct setting keeper_settings[] = {
	{"Description", "s", "Controllers for secondary work (cede)", false},
	{"DefaultDependencies", "b", "0", false},
	{"CPUWeight", "t", "100", false},
	{"IOWeight", "t", "100", false},
	{"MemoryAccounting", "b", "1", false},
	{"TasksAccounting", "b", "1", false},
	/* CPU 0 is always there. */
	{"AllowedCPUs", "ay", "1", true},
};

static int start_slice(enum systemd_manager m, const char *unit, const struct setting *s, size_t n,
		       struct err *e)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct unit_props props = {.a = &arena};
	char group[1024];
	uint64_t high;
	int rc = add_settings(&props, s, n, e);

	if (rc == 0 && s == slice_settings) {
		rc = cg_slice_memory_high(&high, e);
		if (rc == 0)
			rc = unit_props_add(&props, "MemoryHigh", "t",
					    arena_printf(&arena, "%" PRIu64, high), e);
	}
	return rc < 0 ? rc : systemd_start_slice(m, unit, &props, group, sizeof(group), e);
}

static int slice_and_keeper(enum systemd_manager m, struct err *e)
{
	int rc = start_slice(m, CEDE_SLICE, slice_settings, ARRAY_SIZE(slice_settings), e);

	return rc < 0 ? rc
		      : start_slice(m, KEEPER, keeper_settings, ARRAY_SIZE(keeper_settings), e);
}

/* A slice that is there already may be anybody's, with other settings. Whatever else they are, it
 * is idle; otherwise secondaries would run beside incumbents as their equals. */
int cg_slice_ensure(const struct cg_host *h, enum systemd_manager m, struct err *e)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct unit_props props = {.a = &arena};
	int rc = slice_and_keeper(m, e);

	/* A user's slice may have no cpu controller at all; its processes are SCHED_IDLE. */
	if (rc < 0 || m == SYSTEMD_USER || cg_slice_is_idle(h))
		return rc;
	rc = unit_props_add(&props, "CPUWeight", "t", "0", e);
	props.v[0].optional = true;
	return rc < 0 ? rc : systemd_set(m, CEDE_SLICE, &props, e);
}

/* --- the scope -----------------------------------------------------------------------------------
 */

static const struct setting scope_settings[] = {
	{"Delegate", "b", "1", false},
	/* Engines end their containers themselves, in an order of their own, at shutdown. */
	{"DefaultDependencies", "b", "0", false},
	/* A scope that failed (its container ran out of memory, say) is not in the way of the next
	 * one of its name. */
	{"CollectMode", "s", "inactive-or-failed", false},
	{"CPUAccounting", "b", "1", false},
	{"MemoryAccounting", "b", "1", false},
	{"IOAccounting", "b", "1", false},
	{"TasksAccounting", "b", "1", false},
};

/* What annotations may not say, because it is what makes the scope the container's. */
static const char *const own_settings[] = {"PIDs", "Slice", "Delegate"};

static int check_annotations(const struct unit_props *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(own_settings); k++)
			if (streq(p->v[i].name, own_settings[k]))
				return refuse(e, EINVAL,
					      "annotations[\"" UNIT_ANNOTATION
					      "%s\"]: this property is the runtime's own",
					      own_settings[k]);
	return 0;
}

/* Annotations come last: who writes them means them. */
static int scope_props(struct unit_props *p, const struct cg_request *r,
		       const struct unit_name *name, pid_t holder, struct err *e)
{
	struct unit_props said = {.a = p->a};
	int rc = unit_props_of_annotations(&said, &r->spec->annotations, e);

	if (rc == 0)
		rc = check_annotations(&said, e);
	if (rc == 0)
		rc = unit_props_add(p, "Description", "s",
				    arena_printf(p->a, "cede container %s", r->id), e);
	if (rc == 0)
		rc = unit_props_add(p, "Slice", "s", name->slice, e);
	if (rc == 0)
		rc = unit_props_add(p, "PIDs", "au", arena_printf(p->a, "%d", holder), e);
	if (rc == 0)
		rc = add_settings(p, scope_settings, ARRAY_SIZE(scope_settings), e);
	if (rc == 0)
		rc = unit_props_of_plan(p, r->plan, e);
	for (size_t i = 0; rc == 0 && i < said.n; i++) {
		struct unit_prop *u = unit_props_set(p, said.v[i].name, said.v[i].sig, e);

		if (!u)
			return -ENOMEM;
		*u = said.v[i];
	}
	return rc;
}

/* A holder takes a place of pids.max, and so may a stage in front of init: where that is too few
 * places, init enters the group by itself, which the kernel does not count (cgroup-v2.rst, PID). */
static bool is_narrow(const struct cg_request *r)
{
	const struct opt_i64 *n = &r->spec->linux_.resources.pids_limit;

	return n->set && n->val >= 0 && n->val < 4;
}

static int set_up(struct cgroup *cg, const struct cg_request *r, struct err *e)
{
	_cleanup_(cg_walk_close) struct cg_walk w;
	bool in_slice = cg_in_slice(cg->path);
	unsigned have, want = r->plan->needed | (r->plan->idle == 1 ? CG_CPU : 0);
	uint64_t frozen = 0;
	int rc = cg_walk_init(&w, &cg->host, cg->path, false, e);

	if (rc < 0)
		return rc;
	cg->fd = take_fd(&w.level[w.n].fd);
	w.level[w.n].fd = cg->fd;
	if (cg_read_key(cg->fd, "cgroup.events", "frozen", &frozen, NULL) == 0 && frozen)
		rc = refuse(e, EBUSY,
			    "cgroup %s is frozen: a container made in it would never start",
			    cg->path);
	have = in_slice ? cg_birth_controllers(&cg->host) : 0;
	have = rc < 0 ? 0 : cg_walk_enable(&w, want | have);
	if (rc == 0)
		rc = cg_check_needed(&w, r->plan, have, e);
	if (rc == 0 && in_slice)
		rc = cg_birth_slice(&w, have, &cg->idle_by_group, e);
	if (rc == 0 && in_slice)
		rc = cg_birth_group(cg->fd, have, e);
	if (rc == 0)
		rc = cg_plan_write(cg->fd, r->plan, have, true, e);
	if (rc == 0)
		rc = cg_owner_apply(cg->fd, r->spec, e);
	w.level[w.n].fd = -1; /* the group's own now */
	return rc;
}

static int start_scope(struct cgroup *cg, const struct cg_request *r, const struct unit_name *name,
		       struct err *e)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct unit_props props = {.a = &arena};
	pid_t holder = holder_start(cg, e);
	int rc = holder < 0 ? holder : scope_props(&props, r, name, holder, e);

	if (rc == 0)
		rc = systemd_start_scope(cg->manager, name->unit, &props, cg->path,
					 sizeof(cg->path), e);
	if (rc == -EEXIST)
		return err_context(e, rc, "linux.cgroupsPath");
	if (rc < 0)
		return rc;
	(void)snprintf(cg->unit, sizeof(cg->unit), "%s", name->unit); /* of the same size */
	cg->created = true;
	cg->self_enter = is_narrow(r);
	return 0;
}

int cg_create_systemd(const struct cg_request *r, struct cgroup *cg, struct err *e)
{
	struct unit_name name;
	int rc = unit_name_make(r->spec->linux_.cgroups_path, r->id, &name, e);

	if (rc == 0)
		rc = cg_host_open(&cg->host, e);
	if (rc < 0)
		return rc;
	if (cg->host.layout != CG_LAYOUT_UNIFIED)
		return refuse(e, EOPNOTSUPP,
			      "--systemd-cgroup: this host has no unified cgroup v2 hierarchy; use "
			      "the cgroupfs manager (leave the option out)");
	cg->manager = runtime_is_rootless(r->rt) ? SYSTEMD_USER : SYSTEMD_SYSTEM;
	if (str_after(name.slice_path, "/" CEDE_SLICE) &&
	    (cg->manager == SYSTEMD_USER || !cg_slice_is_idle(&cg->host)))
		rc = cg_slice_ensure(&cg->host, cg->manager, e);
	if (rc == 0)
		rc = start_scope(cg, r, &name, e);
	if (rc == 0) {
		rc = set_up(cg, r, e);
		if (rc < 0) {
			struct err ignored;

			cgroup_settled(cg);
			/* The error above is the one to report. */
			(void)systemd_stop(cg->manager, name.unit, &ignored);
		}
	}
	return rc; /* the holder is let go by cgroup_close */
}

/* --- later ---------------------------------------------------------------------------------------
 */

#define BANDWIDTH_TEXT 32

/* A quota and its period, as the words of cpu.max. */
struct bandwidth {
	char quota[BANDWIDTH_TEXT], period[BANDWIDTH_TEXT];
};

/* The next word, "" if there is none, and what is behind it. */
static const char *next_word(const char *text, char word[BANDWIDTH_TEXT])
{
	size_t len = strcspn(text, " \n");

	if (!str_part(word, BANDWIDTH_TEXT, text, len))
		word[0] = '\0';
	text += len;
	return text + strspn(text, " ");
}

/* Both halves of a write, `now` being in force. What is no cpu.max stays: the kernel will judge. */
static int complete(struct bandwidth *now, struct arena *a, struct cg_write *w, struct err *e)
{
	struct bandwidth next = *now;
	char period[BANDWIDTH_TEXT];
	const char *rest = w->value;
	uint64_t n;

	if (!w->keep_quota)
		rest = next_word(rest, next.quota);
	rest = next_word(rest, period);
	if (*period)
		memcpy(next.period, period, sizeof(period));
	if ((*rest && !streq(rest, "\n")) || parse_u64(next.period, 10, &n) < 0 ||
	    (!streq(next.quota, "max") && parse_u64(next.quota, 10, &n) < 0))
		return 0;
	w->value = arena_printf(a, "%s %s", next.quota, next.period);
	w->keep_quota = false;
	*now = next;
	return w->value ? 0 : fail(e, ENOMEM, "linux.resources.%s", w->json);
}

int cg_complete_quotas(int cgfd, struct arena *a, struct cg_plan *plan, struct err *e)
{
	struct bandwidth now;
	char text[2 * BANDWIDTH_TEXT];
	ssize_t n = cg_read(cgfd, "cpu.max", text, sizeof(text), NULL);
	int rc = 0;

	if (n < 0) /* no controller: a plan that needs it has been refused */
		return 0;
	(void)next_word(next_word(text, now.quota), now.period); /* the kernel's own form */
	for (size_t i = 0; rc == 0 && i < plan->n; i++)
		if (streq(plan->v[i].file, "cpu.max"))
			rc = complete(&now, a, &plan->v[i], e);
	return rc;
}

int cg_apply_systemd(const struct cgroup *cg, struct arena *a, const struct cg_plan *plan,
		     struct err *e)
{
	struct unit_props props = {.a = a};
	uint64_t idle = 0;
	size_t n = 0;
	int rc;

	rc = unit_props_of_plan(&props, plan, e);
	if (rc < 0)
		return rc;
	/* An idle group has no weight, and to give it one would end its idleness: cg_plan_write
	 * warns. */
	if (plan->idle < 0 && cg_read_u64(cg->fd, "cpu.idle", &idle, NULL) == 0 && idle == 1) {
		for (size_t i = 0; i < props.n; i++)
			if (!streq(props.v[i].name, "CPUWeight"))
				props.v[n++] = props.v[i];
		props.n = n;
	}
	return props.n ? systemd_set(cg->manager, cg->unit, &props, e) : 0;
}
