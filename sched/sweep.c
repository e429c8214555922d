/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/idle_class.h"

#define AUTOGROUP_NICE 19
#define DEPTH_MAX 8 /* of groups below a container's; a hostile one could nest a thousand */

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

/* "/autogroup-62 nice 0". True if it had to be set back. */
static bool autogroup_set_back(pid_t tid)
{
	char text[64], *nice;
	ssize_t n = proc_read(tid, "autogroup", text, sizeof(text), NULL);
	int value;

	if (n <= 0)
		return false; /* gone, or a kernel without autogroups */
	text[strcspn(text, "\n")] = '\0';
	nice = strstr(text, " nice ");
	if (!nice || parse_int(nice + 6, 10, &value) < 0 || value == AUTOGROUP_NICE)
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
static void look_at(struct walk *w, pid_t tid)
{
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

/* cgroup.threads in pieces: one number a line, of any number of lines. */
static void walk_tasks(struct walk *w, int cgfd)
{
	_cleanup_fd_ int fd = openat(cgfd, "cgroup.threads", O_RDONLY | O_CLOEXEC);
	char buf[4096];
	pid_t tid = 0;
	ssize_t n;

	if (fd < 0)
		return;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				tid = tid * 10 + (buf[i] - '0');
			} else if (tid > 0) {
				look_at(w, tid);
				tid = 0;
			}
		}
}

static void walk_groups(struct walk *w, int cgfd, int depth)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *d;
	struct stat st;
	int fd;

	walk_tasks(w, cgfd);
	/* kernfs counts a directory's subdirectories in its links. */
	if (depth == DEPTH_MAX || (fstat(cgfd, &st) == 0 && st.st_nlink <= 2))
		return;
	fd = openat(cgfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)fd_close(fd);
		return;
	}
	while ((d = readdir(dir))) {
		_cleanup_fd_ int sub = -1;

		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		sub = openat(fd, d->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			walk_groups(w, sub, depth + 1);
	}
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

	walk_groups(&w, cgfd, 0);
	if (w.at > sw->offset + w.done) {
		sw->offset += w.done;
	} else {
		sw->offset = 0;
		sessions_age(sw);
	}
	sw->n_reset += w.reset;
	return w.reset;
}
