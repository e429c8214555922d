/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container's process is born with: OOM score, limits, CPU and I/O scheduling. All of it is
 * inherited by everything the container ever starts, so it is set once, before the program runs.
 *
 * A container is a secondary. Where its cgroup's place in the tree does not make it idle (no cpu
 * controller; an engine's own tree), the process itself becomes SCHED_IDLE. That alone protects
 * nobody where autogroups are on: each session competes with all others as one group of weight
 * 1024, whatever class its tasks have, so the session's autogroup gets nice 19 as well
 * (sched(7), "The autogroup feature").
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "base/sys.h"
#include "oci/names.h"
#include "runtime/idle_class.h"
#include "runtime/process.h"

static int set_limit(const struct spec_process *s, size_t i, pid_t pid, const struct rlimit *r,
		     struct err *e)
{
	const struct spec_rlimit *l = &s->rlimits[i];

	if (prlimit(pid, (int)l->resource, r, NULL) == 0)
		return 0;
	if (errno == EPERM)
		return refuse(e, EPERM,
			      "config.json: process.rlimits[%zu]: %s: the hard limit may "
			      "not be raised to %llu without CAP_SYS_RESOURCE",
			      i, l->type, (unsigned long long)l->hard);
	return fail(e, errno, "config.json: process.rlimits[%zu]: %s", i, l->type);
}

/* Only what takes the host's power, and cannot get in the way of the set-up to come. */
static int raise_limits(const struct spec_process *s, pid_t pid, struct err *e)
{
	for (size_t i = 0; i < s->n_rlimits; i++) {
		struct rlimit r;
		int rc;

		if (prlimit(pid, (int)s->rlimits[i].resource, NULL, &r) < 0)
			return fail(e, errno, "config.json: process.rlimits[%zu]: %s", i,
				    s->rlimits[i].type);
		if (r.rlim_max >= s->rlimits[i].hard)
			continue;
		r.rlim_max = s->rlimits[i].hard;
		rc = set_limit(s, i, pid, &r, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int process_limits(const struct process *p, struct err *e)
{
	const struct spec_process *s = p->spec;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n_rlimits; i++) {
		const struct rlimit r = {
			.rlim_cur = s->rlimits[i].soft,
			.rlim_max = s->rlimits[i].hard,
		};

		rc = set_limit(s, i, 0, &r, e);
	}
	return rc;
}

static int set_oom_score_adj(const struct spec_process *s, pid_t pid, struct err *e)
{
	char text[24];
	int rc;

	if (!s->oom_score_adj.set)
		return 0;
	/* Bounded by the width of the number. */
	(void)snprintf(text, sizeof(text), "%lld", (long long)s->oom_score_adj.val);
	rc = proc_write(pid, "oom_score_adj", text, e);
	return rc < 0 ? err_context(e, rc, "config.json: process.oomScoreAdj") : 0;
}

static int set_scheduler(const struct spec_scheduler *s, pid_t pid, struct err *e)
{
	const char *policy =
		table_name_n(oci_sched_policies.v, oci_sched_policies.n, (uint64_t)s->policy);
	struct sched_attr_v1 a = {
		.size = sizeof(a),
		.policy = (uint32_t)s->policy,
		.flags = s->flags,
		.nice = s->nice,
		.priority = (uint32_t)s->priority,
		.runtime = s->runtime,
		.deadline = s->deadline,
		.period = s->period,
	};

	if (sys_sched_setattr(pid, &a) == 0)
		return 0;
	if (errno == EOPNOTSUPP)
		return refuse(e, EOPNOTSUPP,
			      "config.json: process.scheduler.flags: this kernel has no "
			      "utilization clamping");
	return fail(e, errno, "config.json: process.scheduler: %s, nice %d, priority %d",
		    policy ? policy : "policy", s->nice, s->priority);
}

/* Without CAP_SYS_ADMIN the kernel takes one such write per 100 ms, whoever makes it (kernel/sched/
 * autogroup.c, proc_sched_autogroup_set_nice): until it is our turn. */
#define AUTOGROUP_TRIES 60
#define AUTOGROUP_WAIT_NS (50 * NSEC_PER_MSEC)

static int set_autogroup_nice(pid_t pid, struct err *e)
{
	const struct timespec wait = {.tv_nsec = AUTOGROUP_WAIT_NS};
	int rc = proc_write(pid, "autogroup", "19", e);

	for (int i = 1; rc == -EAGAIN && i < AUTOGROUP_TRIES; i++) {
		(void)nanosleep(&wait, NULL); /* a shorter one does no harm */
		rc = proc_write(pid, "autogroup", "19", e);
	}
	return rc;
}

static int become_idle(pid_t pid, struct err *e)
{
	int rc = idle_class_enter(pid);

	return rc < 0 ? fail(e, -rc, "set SCHED_IDLE") : 0;
}

static int set_io_priority(const struct spec_process *s, pid_t pid, struct err *e)
{
	int value = CEDE_IOPRIO_VALUE(CEDE_IOPRIO_CLASS_IDLE, 0);

	if (s->io_class.set)
		value = CEDE_IOPRIO_VALUE((int)s->io_class.val,
					  s->io_priority.set ? (int)s->io_priority.val : 0);
	if (sys_ioprio_set(CEDE_IOPRIO_WHO_PROCESS, pid, value) < 0)
		return fail(e, errno, "config.json: process.ioPriority");
	return 0;
}

int process_birth_session(const struct process *p, pid_t pid, struct err *e)
{
	struct err own;
	int rc;

	if (p->spec->scheduler || !p->idle_by_task)
		return 0;
	rc = set_autogroup_nice(pid, &own);
	if (rc < 0 && rc != -ENOENT) { /* a kernel without autogroups has nothing to set */
		if (e)
			*e = own;
		return rc;
	}
	return 0;
}

int process_birth_task(const struct process *p, pid_t pid, struct err *e)
{
	const struct spec_process *s = p->spec;
	int rc = set_oom_score_adj(s, pid, e);

	if (rc == 0)
		rc = set_io_priority(s, pid, e);
	if (rc == 0 && s->scheduler)
		rc = set_scheduler(s->scheduler, pid, e);
	else if (rc == 0 && p->idle_by_task)
		rc = become_idle(pid, e);
	/* The limits themselves come last of all (process_become): one on files or processes must
	 * not hit the set-up. Inside a user namespace hard limits can only go down, so those that
	 * go up do so here. */
	return rc < 0 || !p->in_userns ? rc : raise_limits(s, pid, e);
}

int process_birth(const struct process *p, pid_t pid, struct err *e)
{
	int rc = process_birth_session(p, pid, e);

	return rc < 0 ? rc : process_birth_task(p, pid, e);
}

int process_inherited(const struct process *p, struct err *e)
{
	int rc = set_io_priority(p->spec, PROC_SELF, e);

	if (rc < 0 || p->spec->scheduler || !p->idle_by_task)
		return rc;
	return become_idle(PROC_SELF, e);
}

int process_restored(const struct process *p, pid_t pid, struct err *e)
{
	struct proc_stat st;
	int rc;

	if (p->spec->scheduler || !p->idle_by_task)
		return 0;
	rc = proc_stat_read(pid, &st, e);
	/* Somebody else's session is not made idle with it. */
	if (rc == 0 && st.session == pid)
		rc = process_birth_session(p, pid, e);
	return rc < 0 ? rc : become_idle(pid, e);
}
