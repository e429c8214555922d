/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hurry.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/cgtasks.h"
#include "base/procfs.h"
#include "base/sys.h"
#include "runtime/idle_class.h"

#define CEDE_SCHED_FLAG_RESET_ON_FORK 1

static const struct sched_attr_v1 ahead = {
	.size = sizeof(ahead),
	.policy = SCHED_RR,
	.flags = CEDE_SCHED_FLAG_RESET_ON_FORK,
	.priority = 1,
};
static const struct sched_attr_v1 equal = {
	.size = sizeof(equal),
	.policy = SCHED_OTHER,
};

struct hurried {
	bool idle_by_group;
	pid_t init;
	struct was {
		pid_t tid;
		struct sched_attr_v1 attr;
	} * v;
	size_t n, cap;
};

static bool is_hurried(pid_t tid)
{
	struct sched_attr_v1 now;

	return sys_sched_getattr(tid, &now) == 0 && now.policy == ahead.policy &&
	       now.priority == ahead.priority && now.flags == ahead.flags;
}

static bool remember(struct hurried *h, pid_t tid, const struct sched_attr_v1 *attr)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 16;
		struct was *v = reallocarray(h->v, cap, sizeof(*v));

		if (!v)
			return false;
		h->v = v;
		h->cap = cap;
	}
	h->v[h->n++] = (struct was){tid, *attr};
	return true;
}

static bool is_idle(pid_t tid, bool idle_by_group, struct sched_attr_v1 *ret)
{
	return sys_sched_getattr(tid, ret) == 0 &&
	       (idle_by_group ? ret->policy != ahead.policy : ret->policy == SCHED_IDLE);
}

static void hurry_freezing_task(pid_t tid, void *arg)
{
	struct hurried *h = arg;
	struct sched_attr_v1 was;

	if (is_idle(tid, h->idle_by_group, &was) && remember(h, tid, &was))
		(void)sys_sched_setattr(tid, &ahead); /* refused: it waits its turn */
}

void hurry_dying_task(pid_t tid, bool idle_by_group)
{
	struct sched_attr_v1 was;

	if (!is_idle(tid, idle_by_group, &was))
		return;
	(void)sys_sched_setattr(tid, idle_by_group ? &ahead : &equal); /* as above */
	if (!idle_by_group)
		(void)proc_write(tid, "autogroup", "0", NULL);
}

static void dying_task(pid_t tid, void *arg)
{
	const bool *idle_by_group = arg;

	hurry_dying_task(tid, *idle_by_group);
}

void hurry_dying(int cgfd, bool idle_by_group)
{
	cg_each_task(cgfd, dying_task, &idle_by_group);
}

struct hurried *hurry_freezing(int cgfd, bool idle_by_group, pid_t init)
{
	struct hurried *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->idle_by_group = idle_by_group;
	h->init = init;
	cg_each_task(cgfd, hurry_freezing_task, h);
	return h;
}

/* A number that is somebody else's by now is none that we have hurried. */
static void put_back(pid_t tid, const struct sched_attr_v1 *was)
{
	if (!is_hurried(tid))
		return;
	if (was->policy == SCHED_IDLE)
		(void)idle_class_enter(tid); /* gone: as good */
	else
		(void)sys_sched_setattr(tid, was); /* the same */
}

/* init last: it tells that somebody did not get to the end of this. */
void hurry_back(struct hurried *h)
{
	if (!h)
		return;
	for (int of_init = 0; of_init <= 1; of_init++)
		for (size_t i = 0; i < h->n; i++)
			if ((h->v[i].tid == h->init) == of_init)
				put_back(h->v[i].tid, &h->v[i].attr);
	free(h->v);
	free(h);
}

bool hurry_is_left(pid_t init)
{
	return is_hurried(init);
}

static void back_task(pid_t tid, void *arg)
{
	const bool *idle_by_group = arg;
	const struct sched_attr_v1 was = {
		.size = sizeof(was),
		.policy = *idle_by_group ? SCHED_OTHER : SCHED_IDLE,
	};

	put_back(tid, &was);
}

void hurry_back_all(int cgfd, bool idle_by_group)
{
	cg_each_task(cgfd, back_task, &idle_by_group);
}
