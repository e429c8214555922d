/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/scheduler.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "metrics/sampler.h"
#include "runtime/freezer.h"
#include "sched/actuators.h"
#include "sched/edges.h"
#include "sched/leader.h"
#include "sched/nudge.h"
#include "sched/secondary.h"

#define FOLLOW_NS NSEC_PER_SEC	       /* how often a follower tries to lead */
#define SCAN_NS (200 * NSEC_PER_MSEC)  /* who has come, gone, been paused */
#define EMPTY_NS (100 * NSEC_PER_MSEC) /* a tick without secondaries */
/* Each secondary's tasks are verified this often: where they must be idle one by one, and where
 * their group is. */
#define SWEEP_TASK_NS (100 * NSEC_PER_MSEC)
#define SWEEP_GROUP_NS NSEC_PER_SEC
#define THAW_TRIES 40 /* of 5 ms, at the end */

struct scheduler {
	struct runtime rt;
	struct policy_config cfg;
	void (*on_edge)(const char *id, enum rung from, enum rung to, enum reason why, void *arg);
	void *arg;
	int timer_fd;
	uint64_t interval_ns; /* the timer's; 0: not set yet */
	uint64_t due_ns;      /* when it fires next */
	uint64_t meant_ns;    /* when the tick at work was meant to run */
	struct leader leader;
	struct nudge nudge;
	enum nudge_who nudge_who;
	bool nudging; /* one was started, whatever came of it */
	/* The rest lives while we lead. */
	struct sampler *sampler;
	struct actuators act;
	struct policy_state st;
	struct sample sample;
	struct decision d;
	struct secondaries set;
	uint64_t scan_ns, sweep_ns; /* when due */
};

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)};
}

/* Periodic, so that a tick like the one before needs no system call here. */
static int arm(struct scheduler *s, uint64_t interval_ns, struct err *e)
{
	struct itimerspec t = {.it_interval = to_timespec(interval_ns)};

	if (interval_ns == s->interval_ns)
		return 0;
	s->interval_ns = interval_ns;
	s->due_ns = now_ns() + interval_ns;
	t.it_value = to_timespec(s->due_ns);
	if (timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &t, NULL) < 0)
		return fail(e, errno, "set the scheduler's timer");
	return 0;
}

static void take_expirations(struct scheduler *s)
{
	uint64_t fired;

	s->meant_ns = 0; /* called early */
	if (read(s->timer_fd, &fired, sizeof(fired)) != (ssize_t)sizeof(fired))
		return;
	s->meant_ns = s->due_ns;
	s->due_ns += fired * s->interval_ns;
}

/* ---- the lead --------------------------------------------------------------------------- */

static int let_go_of_one(struct container *c, void *arg)
{
	struct container *locked;

	(void)arg;
	if (!freezer_is_held(c, FREEZE_SCHED) ||
	    container_open(c->rt, c->id, CONTAINER_LOCK_EXCLUSIVE, &locked, NULL) < 0)
		return 0;
	(void)freezer_hold(locked, FREEZE_SCHED, false, 0, NULL); /* nobody is left to tell */
	container_close(locked);
	return 0;
}

/* In the guard, after our death. */
static void let_go(const struct runtime *rt, bool was_capping, void *arg)
{
	struct actuators a;

	(void)arg;
	if (actuators_open(&a, NULL) == 0) {
		actuators_refresh(&a, was_capping);
		actuators_close(&a);
	}
	(void)container_each(rt, let_go_of_one, NULL, NULL);
}

void scheduler_recover(const struct runtime *rt)
{
	struct leader l = LEADER_INIT;

	if (leader_try(&l, rt, NULL) == 1)
		let_go(rt, l.was_capping, NULL);
	leader_release(&l);
}

/* Nothing that protects the incumbents rests on it: a host without it is no reason to stop. */
static void keep_nudging(struct scheduler *s)
{
	enum nudge_who who = s->act.has_idle ? NUDGE_GROUPS : NUDGE_TASKS;
	struct err e = ERR_INIT;
	int status;

	if (nudge_ended(&s->nudge, &status)) {
		log_debug("no nudges for the kernel's scheduler: %s", strerror(status));
		nudge_stop(&s->nudge);
	}
	if (s->nudging && s->nudge_who == who)
		return;
	nudge_stop(&s->nudge);
	s->nudging = true;
	s->nudge_who = who;
	if (nudge_start(&s->nudge, who, &e) < 0)
		log_debug("%s", e.msg);
}

static int lead_begin(struct scheduler *s, struct err *e)
{
	const struct sampler_opts opts = {.slice = CEDE_SLICE};
	int rc;

	rc = actuators_open(&s->act, e);
	if (rc == 0)
		rc = sampler_new(&opts, &s->sampler, e);
	if (rc < 0)
		return rc;
	actuators_refresh(&s->act, s->leader.was_capping);
	policy_init(&s->st, &s->cfg);
	s->d = (struct decision){.rung = RUNG_IDLE_CLASS, .cpu_cap_ppm = LEVEL_FULL};
	s->scan_ns = s->sweep_ns = 0;
	leader_guard(&s->leader, &s->rt, let_go, NULL);
	log_debug("scheduler: leading below %s", s->rt.root);
	return 0;
}

static void thaw_at_end(struct scheduler *s, struct secondary *sec)
{
	struct ladder_step step = ladder_next(sec->state, LADDER_DO_FREE);

	for (int i = 0; i < THAW_TRIES && step.action == LADDER_THAW; i++) {
		if (actuators_do(&s->act, sec, LADDER_THAW, NULL) != -EAGAIN)
			return;
		(void)usleep(5000); /* the container's lock is taken: never for long */
	}
	if (sec->duty_frozen)
		actuators_end_limit(sec);
}

static void lead_end(struct scheduler *s)
{
	if (s->leader.lock_fd < 0)
		return;
	for (size_t i = 0; i < s->set.n; i++)
		if (s->set.v[i]->c)
			thaw_at_end(s, s->set.v[i]);
	nudge_stop(&s->nudge);
	s->nudging = false;
	secondaries_free(&s->set);
	actuators_close(&s->act);
	sampler_free(s->sampler);
	s->sampler = NULL;
	leader_release(&s->leader);
}

/* ---- one secondary ---------------------------------------------------------------------- */

static void report_edge(struct scheduler *s, struct secondary *sec, enum ladder_state from,
			enum reason why)
{
	struct edge edge = {
		.from = ladder_rung(from),
		.to = ladder_rung(sec->state),
		.reason = why,
		.score_permille = s->d.score_permille,
		.level_ppm = s->d.cpu_cap_ppm,
		.usage_usec = secondary_usage_usec(sec),
	};
	struct err e = ERR_INIT;

	if (edge.from == edge.to)
		return;
	if (edge_append(sec->c->dirfd, &edge, &e) < 0 && e.code != ENOENT)
		log_warn("container `%s`: %s", sec->id, e.msg);
	if (s->on_edge)
		s->on_edge(sec->id, edge.from, edge.to, why, s->arg);
}

static void feed(struct scheduler *s, struct secondary *sec, enum ladder_event ev, enum reason why)
{
	struct ladder_step step = ladder_next(sec->state, ev);
	enum ladder_state from = sec->state;
	struct err e = ERR_INIT;
	int rc;

	if (step.next == from && step.action == LADDER_NONE)
		return;
	rc = actuators_do(&s->act, sec, step.action, &e);
	if (rc == -EAGAIN)
		return; /* events are levels: the next tick asks again */
	if (rc < 0) {
		if (!sec->warned_action && rc != -ENOENT && rc != -ESRCH && rc != -ENODEV)
			log_warn("container `%s`: %s", sec->id, e.msg);
		sec->warned_action = true;
		return;
	}
	sec->state = step.next;
	sec->since_ns = now_ns();
	if (step.action == LADDER_FORGET)
		secondary_forget(&s->set, sec);
	else
		report_edge(s, sec, from, why);
}

static void greet(struct secondary *sec, void *arg)
{
	(void)arg;
	log_debug("container `%s` adopted, %s", sec->id, ladder_state_name(sec->state));
}

static int look_around(struct scheduler *s, struct err *e)
{
	int rc;

	actuators_refresh(&s->act, false);
	for (size_t i = 0; i < s->set.n; i++) {
		struct secondary *sec = s->set.v[i];
		enum ladder_event ev;

		if (sec->c && secondary_fact(sec, &ev))
			feed(s, sec, ev, REASON_NONE);
	}
	rc = secondaries_scan(&s->set, &s->rt, &s->act, greet, s, e);
	if (s->set.n_live)
		keep_nudging(s);
	s->scan_ns = now_ns() + SCAN_NS;
	return rc;
}

static void sweep_next(struct scheduler *s, uint64_t now)
{
	uint64_t period = s->act.has_idle ? SWEEP_GROUP_NS : SWEEP_TASK_NS;
	struct secondary *sec;
	size_t reset;

	if (now < s->sweep_ns)
		return;
	s->sweep_ns = now + period / s->set.n_live;
	sec = s->set.v[s->set.next_sweep++ % s->set.n];
	if (!sec->c || sec->state == LADDER_FROZEN || sec->state == LADDER_PAUSED_FROZEN)
		return;
	reset = sweep_tasks(&sec->sweep, sec->cgfd);
	if (reset)
		log_debug("container `%s`: %zu tasks or sessions put back into the idle class",
			  sec->id, reset);
}

/* ---- the tick --------------------------------------------------------------------------- */

static uint64_t carry_out(struct scheduler *s)
{
	uint64_t dt = s->sample.interval_ns, next = s->d.next_tick_ns;
	struct cap cap = {
		.level_ppm = s->d.rung == RUNG_CPU_CAP ? s->d.cpu_cap_ppm : LEVEL_FULL,
		.n_cpus = s->sample.n_cpus,
		.dt_ns = dt,
		.tick_ns = s->cfg.tick_ns,
	};
	bool was_capped = s->act.cap_ppm < LEVEL_FULL, limited = false;

	if (s->sample.secondary_ucpu > 0)
		cap.used_ns = (uint64_t)s->sample.secondary_ucpu * (dt / NSEC_PER_USEC) / 1000;
	if (!was_capped && cap.level_ppm < LEVEL_FULL)
		leader_note_capping(&s->leader, true);
	if (actuators_cap(&s->act, &cap))
		limited = true;
	if (was_capped && cap.level_ppm == LEVEL_FULL)
		leader_note_capping(&s->leader, false);
	for (size_t i = 0; i < s->set.n; i++) {
		struct secondary *sec = s->set.v[i];

		if (!sec->c)
			continue;
		feed(s, sec, ladder_event_for(&s->d, sec->kill_on_pressure), s->d.reason);
		if (sec->c && sec->limit_ucpu) {
			actuators_own_limit(sec, dt, s->cfg.tick_ns);
			limited = true;
		}
	}
	return limited ? MIN(next, s->cfg.tick_ns) : next;
}

static int lead_tick(struct scheduler *s, uint64_t *next, struct err *e)
{
	uint64_t now = now_ns(), charged;
	int rc;

	if (now >= s->scan_ns) {
		rc = look_around(s, e);
		if (rc < 0)
			return rc;
	}
	if (nudge_charged_ns(&s->nudge, &charged))
		sampler_charged(s->sampler, charged);
	sampler_attend(s->sampler, s->d.rung != RUNG_IDLE_CLASS);
	rc = sampler_read(s->sampler, s->meant_ns, &s->sample, e);
	if (rc < 0)
		return rc;
	*next = EMPTY_NS;
	if (s->set.n_live == 0) {
		/* Nobody to judge; a cap or an alarm of the last one does not wait for the next. */
		if (s->st.level_ppm < LEVEL_FULL) {
			policy_init(&s->st, &s->cfg);
			s->d = (struct decision){.cpu_cap_ppm = LEVEL_FULL};
			(void)carry_out(s);
		}
		return 0;
	}
	s->d = policy_decide(&s->sample, &s->st, &s->cfg);
	*next = carry_out(s);
	if (s->set.n_live)
		sweep_next(s, now);
	return 0;
}

int scheduler_tick(struct scheduler *s, struct err *e)
{
	uint64_t next = FOLLOW_NS;
	bool led = s->leader.lock_fd >= 0;
	int rc;

	take_expirations(s);
	rc = leader_try(&s->leader, &s->rt, e);
	if (rc == 1) {
		rc = led ? 0 : lead_begin(s, e);
		if (rc == 0)
			rc = lead_tick(s, &next, e);
	}
	if (rc < 0) {
		lead_end(s);
		(void)arm(s, FOLLOW_NS, NULL); /* the error at hand is the one to report */
		return rc;
	}
	return arm(s, next, e);
}

/* ---- from outside ----------------------------------------------------------------------- */

int scheduler_new(const struct scheduler_opts *o, struct scheduler **ret, struct err *e)
{
	struct scheduler *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return fail(e, ENOMEM, "start the scheduler");
	s->rt = *o->rt;
	s->cfg = o->config ? *o->config : policy_config_default;
	s->on_edge = o->on_edge;
	s->arg = o->arg;
	s->leader = (struct leader)LEADER_INIT;
	s->nudge = (struct nudge)NUDGE_INIT;
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	rc = s->timer_fd < 0 ? fail(e, errno, "make the scheduler's timer") : scheduler_tick(s, e);
	if (rc < 0) {
		scheduler_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void scheduler_step_down(struct scheduler *s)
{
	lead_end(s);
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	lead_end(s);
	(void)fd_close(s->timer_fd);
	free(s);
}

int scheduler_fd(const struct scheduler *s)
{
	return s->timer_fd;
}

bool scheduler_is_active(const struct scheduler *s)
{
	return s->leader.lock_fd >= 0;
}
