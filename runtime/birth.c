/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container's process is born with: limits, OOM score, CPU and I/O scheduling. All of it is
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

#include "base/procfs.h"
#include "base/sys.h"
#include "runtime/process.h"

/* sched_setattr(2); glibc 2.36 has neither the call nor the struct. */
struct sched_attr_v1 {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static int set_limits(const struct spec_process *s, pid_t pid, struct err *e)
{
	for (size_t i = 0; i < s->n_rlimits; i++) {
		const struct spec_rlimit *l = &s->rlimits[i];
		struct rlimit r = {.rlim_cur = l->soft, .rlim_max = l->hard};

		if (prlimit(pid, (enum __rlimit_resource)l->resource, &r, NULL) == 0)
			continue;
		if (errno == EPERM)
			return refuse(e, EPERM,
				      "config.json: process.rlimits[%zu]: %s: the hard limit may "
				      "not be raised to %llu without CAP_SYS_RESOURCE",
				      i, l->type, (unsigned long long)l->hard);
		return fail(e, errno, "config.json: process.rlimits[%zu]: %s", i, l->type);
	}
	return 0;
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

	if (syscall(SYS_sched_setattr, pid, &a, 0) < 0)
		return fail(e, errno,
			    "config.json: process.scheduler: policy %d, nice %d, priority %d",
			    s->policy, s->nice, s->priority);
	return 0;
}

static int become_idle(pid_t pid, struct err *e)
{
	const struct sched_param none = {0};
	struct err own;
	int rc;

	if (sched_setscheduler(pid, SCHED_IDLE, &none) < 0)
		return fail(e, errno, "set SCHED_IDLE");
	rc = proc_write(pid, "autogroup", "19", &own);
	if (rc < 0 && rc != -ENOENT) { /* a kernel without autogroups has nothing to set */
		if (e)
			*e = own;
		return rc;
	}
	return 0;
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

int process_birth(const struct process *p, pid_t pid, struct err *e)
{
	const struct spec_process *s = p->spec;
	int rc = set_oom_score_adj(s, pid, e);

	if (rc == 0)
		rc = set_io_priority(s, pid, e);
	if (rc == 0 && s->scheduler)
		rc = set_scheduler(s->scheduler, pid, e);
	else if (rc == 0 && p->idle_by_task)
		rc = become_idle(pid, e);
	/* Last: a limit on processes or files must not hit what is done here. */
	return rc < 0 ? rc : set_limits(s, pid, e);
}
