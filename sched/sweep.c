/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/sweep.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cgtasks.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/idle_class.h"

#define AUTOGROUP_NICE 19

struct walk {
	struct sweep *sw;
	size_t at, done, reset; /* tasks met, looked at, set back */
};

static bool session_is_known(struct sweep *sw, pid_t id)
{
	for (size_t i = 0; i < sw->n_sessions; i++)
		if (sw->sessions[i].id == id) {
			sw->sessions[i].seen = true;
			return true;
		}
	return false;
}

static void session_remember(struct sweep *sw, pid_t id)
{
	/* Full: start afresh, at the cost of reading some files again. */
	if (sw->n_sessions == SWEEP_SESSIONS)
		sw->n_sessions = 0;
	sw->sessions[sw->n_sessions].id = id;
	sw->sessions[sw->n_sessions++].seen = true;
}

/* Numbers are used again: a session without members is forgotten. */
static void sessions_age(struct sweep *sw)
{
	size_t kept = 0;

	for (size_t i = 0; i < sw->n_sessions; i++)
		if (sw->sessions[i].seen) {
			sw->sessions[kept] = sw->sessions[i];
			sw->sessions[kept++].seen = false;
		}
	sw->n_sessions = kept;
}

int sweep_autogroup_nice(const char *text, int *ret)
{
	const char *nice = strstr(text, " nice ");
	char number[16];

	if (!nice)
		return -ENODATA;
	nice += strlen(" nice ");
	return !str_part(number, sizeof(number), nice, strcspn(nice, "\n")) ||
			       parse_int(number, 10, ret) < 0
		       ? -EBADMSG
		       : 0;
}

/* True if it had to be set back. */
static bool autogroup_set_back(pid_t tid)
{
	char text[64];
	ssize_t n = proc_read(tid, "autogroup", text, sizeof(text), NULL);
	int value;

	/* gone, or a kernel without autogroups */
	if (n <= 0 || sweep_autogroup_nice(text, &value) < 0 || value == AUTOGROUP_NICE)
		return false;
	return proc_write(tid, "autogroup", "19", NULL) >= 0;
}

static bool is_io_idle(pid_t tid)
{
	return CEDE_IOPRIO_CLASS(sys_ioprio_get(CEDE_IOPRIO_WHO_PROCESS, tid)) ==
	       CEDE_IOPRIO_CLASS_IDLE;
}

static bool check_session(struct sweep *sw, pid_t tid)
{
	pid_t session = getsid(tid);
	bool reset;

	if (session <= 0 || session_is_known(sw, session))
		return false;
	reset = autogroup_set_back(tid);
	session_remember(sw, session);
	return reset;
}

/* A task that ended between two of these calls fails the second, which is as good. */
static void look_at(pid_t tid, void *arg)
{
	struct walk *w = arg;

	if (w->at++ < w->sw->offset || w->done == SWEEP_TASKS)
		return;
	w->done++;
	if (w->sw->sched_idle && !idle_class_has(tid))
		w->reset += idle_class_enter(tid) == 0;
	if (w->sw->autogroup)
		w->reset += check_session(w->sw, tid);
	if (w->sw->io_idle && !is_io_idle(tid))
		w->reset += sys_ioprio_set(CEDE_IOPRIO_WHO_PROCESS, tid,
					   CEDE_IOPRIO_VALUE(CEDE_IOPRIO_CLASS_IDLE, 0)) == 0;
}

void sweep_init(struct sweep *sw, pid_t init, bool by_task)
{
	*sw = (struct sweep){
		.autogroup = by_task,
		.sched_idle = by_task && idle_class_has(init),
		.io_idle = is_io_idle(init),
	};
}

size_t sweep_tasks(struct sweep *sw, int cgfd)
{
	struct walk w = {.sw = sw};

	cg_each_task(cgfd, look_at, &w);
	if (w.at > sw->offset + w.done) {
		sw->offset += w.done;
	} else {
		sw->offset = 0;
		sessions_age(sw);
	}
	sw->n_reset += w.reset;
	return w.reset;
}
