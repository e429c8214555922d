/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/actuators.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/freezer.h"
#include "runtime/hurry.h"
#include "sched/leader.h"
#include "sched/secondary.h"

#define QUOTA_PERIOD_US 10000
#define QUOTA_MIN_US 1000 /* the kernel's own minimum (kernel/sched/core.c) */

/* ---- the slice's CPU time --------------------------------------------------------------- */

/*
 * Before 6.18 a group over its cpu.max is thrown off the CPU wherever it is, also inside the kernel
 * with a lock that an incumbent wants next. Since then it stops at its return to user mode ("sched/
 * fair: task based throttle"). The freezer always stopped there; so on older kernels the cap is a
 * freezer duty cycle although cpu.max is at hand.
 */
static bool has_quota(const struct actuators *a)
{
	return a->quota_is_safe && a->max.fd >= 0;
}

static bool cap_by_quota(struct actuators *a, const struct cap *c)
{
	char text[KNOB_TEXT];
	int64_t quota = c->level_ppm * c->n_cpus * QUOTA_PERIOD_US / LEVEL_FULL;

	(void)snprintf(text, sizeof(text), "%lld %d", (long long)MAX(quota, QUOTA_MIN_US),
		       QUOTA_PERIOD_US); /* two numbers always fit */
	if (c->level_ppm != a->cap_ppm)
		(void)knob_set(&a->max, text, NULL); /* a foreign writer is logged there */
	return false;
}

static void lift_quota(struct actuators *a)
{
	knob_let_go(&a->max);
}

static bool has_freezer(const struct actuators *a)
{
	return a->freeze.fd >= 0;
}

static bool cap_by_duty(struct actuators *a, const struct cap *c)
{
	bool run =
		duty_may_run(&a->duty, c->level_ppm * c->n_cpus, c->used_ns, c->dt_ns, c->tick_ns);

	(void)knob_set(&a->freeze, run ? "0" : "1", NULL); /* as above */
	return true;
}

/* Thawed in any case, unless it is somebody else's by now: what was frozen before us is not capped
 * in the first place (take_slice). */
static void lift_duty(struct actuators *a)
{
	(void)knob_set(&a->freeze, "0", NULL);
	knob_let_go(&a->freeze);
	a->duty = (struct duty){0};
}

/* ---- one container ---------------------------------------------------------------------- */

static int hold(struct secondary *s, bool freeze, struct err *e)
{
	int rc;

	if (!secondary_lock(s))
		return -EAGAIN;
	/* Not awaited: the kernel does it within a millisecond or when the task comes back from
	 * the disk, and this loop must not stand still. */
	rc = freezer_hold(s->c, FREEZE_SCHED, freeze, 0, e);
	secondary_unlock(s);
	s->duty_frozen = false;
	return rc;
}

static int freeze_one(struct secondary *s, struct err *e)
{
	return hold(s, true, e);
}

static int thaw_one(struct secondary *s, struct err *e)
{
	return hold(s, false, e);
}

/* cgroup.kill (5.14) ends frozen processes too. */
static int kill_one(struct secondary *s, struct err *e)
{
	int rc = cg_write(s->cgfd, "cgroup.kill", "1", e);

	if (rc == 0) /* their memory is wanted now */
		hurry_dying(s->cgfd, !s->sweep.autogroup);
	return rc;
}

static bool always(const struct actuators *a)
{
	(void)a; /* a row that needs nothing */
	return true;
}

static bool has_idle_group(const struct actuators *a)
{
	return a->has_idle;
}

/* The rungs, each with its ways, best first. `cap`/`lift` act on the slice, `take`/`drop` on one
 * container; the idle class needs neither: it is there from birth, and verified. */
static const struct actuator {
	enum rung rung;
	const char *name;
	bool (*usable)(const struct actuators *a);
	bool (*cap)(struct actuators *a, const struct cap *c);
	void (*lift)(struct actuators *a);
	int (*take)(struct secondary *s, struct err *e);
	int (*drop)(struct secondary *s, struct err *e);
} table[] = {
	{RUNG_IDLE_CLASS, "cpu.idle of the slice", has_idle_group, NULL, NULL, NULL, NULL},
	{RUNG_IDLE_CLASS, "SCHED_IDLE and autogroup nice of every task", always, NULL, NULL, NULL,
	 NULL},
	{RUNG_CPU_CAP, "cpu.max of the slice", has_quota, cap_by_quota, lift_quota, NULL, NULL},
	{RUNG_CPU_CAP, "freezer duty cycle of the slice", has_freezer, cap_by_duty, lift_duty, NULL,
	 NULL},
	{RUNG_FREEZE, "cgroup.freeze of each container", always, NULL, NULL, freeze_one, thaw_one},
	{RUNG_KILL, "cgroup.kill of the container", always, NULL, NULL, kill_one, NULL},
};

static void choose(struct actuators *a)
{
	for (int r = 0; r < RUNGS; r++) {
		const struct actuator *before = a->by_rung[r];

		a->by_rung[r] = NULL;
		for (size_t i = 0; i < ARRAY_SIZE(table) && !a->by_rung[r]; i++)
			if (table[i].rung == (enum rung)r && table[i].usable(a))
				a->by_rung[r] = &table[i];
		if (a->by_rung[r] != before)
			log_debug("rung %s: %s", rung_name((enum rung)r),
				  actuators_name(a, (enum rung)r));
	}
}

const char *actuators_name(const struct actuators *a, enum rung r)
{
	return a->by_rung[r] ? a->by_rung[r]->name : "no way on this host";
}

/* ---- the slice -------------------------------------------------------------------------- */

static bool kernel_at_least(unsigned major, unsigned minor)
{
	struct utsname u;
	char *dot, *end;
	unsigned have_major, have_minor;

	if (uname(&u) < 0)
		return false;
	dot = strchr(u.release, '.');
	if (!dot)
		return false;
	*dot = '\0';
	end = dot + 1 + strspn(dot + 1, "0123456789");
	*end = '\0';
	if (parse_u32(u.release, 10, &have_major) < 0 || parse_u32(dot + 1, 10, &have_minor) < 0)
		return false;
	return have_major > major || (have_major == major && have_minor >= minor);
}

int actuators_open(struct actuators *a, struct err *e)
{
	int rc;

	*a = (struct actuators){
		.host.fd = -1,
		.slice = -1,
		.freeze.fd = -1,
		.max.fd = -1,
		.cap_ppm = LEVEL_FULL,
		.quota_is_safe = kernel_at_least(6, 18),
	};
	rc = cg_host_locate(&a->host, e);
	if (rc == 0)
		choose(a);
	return rc;
}

static void close_slice(struct actuators *a)
{
	knob_close(&a->freeze);
	knob_close(&a->max);
	a->slice = fd_close(a->slice);
	a->owner = a->has_idle = false;
	a->cap_ppm = LEVEL_FULL;
}

void actuators_close(struct actuators *a)
{
	if (a->owner && a->cap_ppm < LEVEL_FULL && a->by_rung[RUNG_CPU_CAP])
		a->by_rung[RUNG_CPU_CAP]->lift(a);
	close_slice(a);
	cg_host_close(&a->host);
}

/* A group that was removed keeps its descriptor, but has no name any more. */
static bool slice_is_gone(const struct actuators *a)
{
	struct stat st;

	return fstat(a->slice, &st) < 0 || st.st_nlink == 0 ||
	       faccessat(a->slice, "cgroup.procs", F_OK, 0) < 0;
}

static void take_slice(struct actuators *a, bool was_capping)
{
	char text[KNOB_TEXT];

	if (a->freeze.fd < 0 || process_lock(a->freeze.fd) <= 0)
		return;
	a->owner = true;
	if (knob_read(&a->freeze, text, sizeof(text), NULL) < 0)
		return;
	if (was_capping) {
		(void)knob_set(&a->freeze, "0", NULL); /* left behind in mid-cycle */
		if (a->max.fd >= 0)
			(void)knob_set(&a->max, "max", NULL);
		a->freeze.held = a->max.held = false;
	} else if (streq(text, "1")) {
		a->foreign_freeze = true;
		log_warn("%s is frozen, and not by a scheduler: nothing in it runs until somebody "
			 "writes 0 to its cgroup.freeze",
			 CEDE_SLICE);
	}
}

static void verify_idle(struct actuators *a)
{
	uint64_t idle;

	if (cg_read_u64(a->slice, "cpu.idle", &idle, NULL) < 0) {
		a->has_idle = false;
		return;
	}
	a->has_idle = idle == 1;
	if (a->has_idle || a->warned_idle)
		return;
	a->warned_idle = true;
	log_warn(CEDE_SLICE "/cpu.idle is 0, so the secondaries compete with the incumbents; "
			    "left to whoever wrote it, their tasks become SCHED_IDLE");
}

void actuators_refresh(struct actuators *a, bool was_capping)
{
	if (a->slice >= 0 && slice_is_gone(a))
		close_slice(a);
	if (a->slice < 0) {
		a->slice = cg_open(&a->host, CEDE_SLICE, NULL);
		if (a->slice < 0) {
			a->slice = -1;
			return;
		}
		/* Either may be missing: an old kernel, a host without the controller. */
		(void)knob_open(&a->freeze, a->slice, "cgroup.freeze", CEDE_SLICE "/cgroup.freeze",
				NULL);
		(void)knob_open(&a->max, a->slice, "cpu.max", CEDE_SLICE "/cpu.max", NULL);
	}
	if (!a->owner)
		take_slice(a, was_capping);
	verify_idle(a);
	choose(a);
}

/* An administrator's freeze caps better than we could, and is his to end. */
static bool is_foreign_freeze(struct actuators *a)
{
	char text[KNOB_TEXT];

	if (a->foreign_freeze && knob_read(&a->freeze, text, sizeof(text), NULL) == 0 &&
	    streq(text, "0"))
		a->foreign_freeze = false;
	return a->foreign_freeze;
}

bool actuators_cap(struct actuators *a, const struct cap *c)
{
	const struct actuator *way = a->by_rung[RUNG_CPU_CAP];
	bool again = false;

	if (!a->owner || !way || is_foreign_freeze(a))
		return false;
	if (c->level_ppm < LEVEL_FULL)
		again = way->cap(a, c);
	else if (a->cap_ppm < LEVEL_FULL)
		way->lift(a);
	a->cap_ppm = c->level_ppm;
	return again;
}

int actuators_do(struct actuators *a, struct secondary *s, enum ladder_action act, struct err *e)
{
	const struct actuator *freeze = a->by_rung[RUNG_FREEZE], *kill = a->by_rung[RUNG_KILL];

	switch (act) {
	case LADDER_FREEZE:
		return freeze->take(s, e);
	case LADDER_THAW:
		return freeze->drop(s, e);
	case LADDER_KILL:
		return kill->take(s, e);
	case LADDER_NONE:
	case LADDER_FORGET:
		break;
	}
	return 0;
}

/* ---- a limit of one's own --------------------------------------------------------------- */

/* The user's pause and our hold keep their meaning: under either the quantum is not ours to end. */
static void set_frozen(struct secondary *s, bool frozen)
{
	if (!secondary_lock(s))
		return; /* the next tick tries again */
	if (!freezer_is_held(s->c, FREEZE_USER) && !freezer_is_held(s->c, FREEZE_SCHED) &&
	    pwrite(s->freeze_fd, frozen ? "1" : "0", 1, 0) == 1)
		s->duty_frozen = frozen;
	secondary_unlock(s);
}

void actuators_own_limit(struct secondary *s, uint64_t dt_ns, uint64_t tick_ns)
{
	uint64_t usec = secondary_usage_usec(s), used = 0;
	bool run;

	if (s->used_usec && usec > s->used_usec)
		used = (usec - s->used_usec) * NSEC_PER_USEC;
	s->used_usec = usec;
	run = duty_may_run(&s->duty, s->limit_ucpu, used, dt_ns, tick_ns);
	if (s->state != LADDER_FREE && s->state != LADDER_CAPPED)
		return;
	if (s->duty_frozen == run)
		set_frozen(s, !run);
}

void actuators_end_limit(struct secondary *s)
{
	set_frozen(s, false);
}
