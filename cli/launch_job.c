/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job from its plan to its summary: container_run does what `run` does, and wakes us meanwhile
 * for the scheduler's ticks, for freezes and thaws, and for the signals of the person who waits.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"
#include "cli/launch.h"
#include "cli/launch_summary.h"
#include "sched/scheduler.h"

#define ID_TRIES 16

enum { WATCH_SCHEDULER, WATCH_EVENTS, WATCH_STOP, WATCHES };

struct job {
	const struct runtime *rt;
	struct launch_plan *plan;
	void (*on_start)(void *arg);
	void *arg;
	pid_t pid;
	int pidfd; /* borrowed while it runs */
	struct scheduler *sched;
	bool sched_failed, has_started, has_ended;
	struct launch_usage usage;
	struct launch_result result;
	struct pollfd watch[WATCHES];
	int interrupts;
	int ended_by; /* a signal whose default we carried out; 0: none */
};

/* ---- signals ---------------------------------------------------------------------------- */

/*
 * Init of a pid namespace does not get a signal that it has no handler for, not even from outside
 * (pid_namespaces(7)): `sleep 1000` could not be interrupted. So what the kernel would do to any
 * other process is done here.
 */
static bool takes_default(pid_t pid, int signal)
{
	struct proc_status st;

	if (proc_status_read(pid, &st, NULL) < 0)
		return false;
	return !((st.sig_ignored | st.sig_caught) >> (signal - 1) & 1);
}

/* Those that end a process unless it says otherwise, and that people send. What comes from the
 * keyboard goes to all processes of the foreground group, hence `all`. */
static const struct {
	int signal;
	bool all;
} ends[] = {{SIGINT, true}, {SIGQUIT, true}, {SIGTERM, false}, {SIGHUP, false}};

static void end_job(struct job *j, int signal, bool all)
{
	struct err e = ERR_INIT;

	if (all && container_kill(j->rt, j->plan->id, signal, true, &e) < 0)
		log_debug("%s", e.msg);
	if (takes_default(j->pid, signal)) {
		j->ended_by = signal;
		(void)pidfd_send_signal(j->pidfd, SIGKILL, NULL, 0); /* or it has ended by itself */
		return;
	}
	if (!all)
		(void)pidfd_send_signal(j->pidfd, signal, NULL, 0);
	if (launch_usage_is_frozen(&j->usage))
		log_warn("%s is frozen, because the machine is busy, and will get the signal when "
			 "it runs again%s",
			 j->plan->id, signal == SIGINT ? "; interrupt again to kill it" : "");
}

static bool on_signal(int signal, void *arg)
{
	struct job *j = arg;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (ends[i].signal != signal)
			continue;
		if (signal == SIGINT && ++j->interrupts > 1) {
			j->ended_by = SIGINT;
			(void)pidfd_send_signal(j->pidfd, SIGKILL, NULL, 0);
		} else {
			end_job(j, signal, ends[i].all);
		}
		return true;
	}
	return false; /* passed on as it is */
}

/*
 * Ctrl-Z: the job is paused, the lead given up (a scheduler that stands still watches over nobody),
 * then we stop as asked; `fg` goes on here.
 */
static void on_stop(struct job *j)
{
	struct signalfd_siginfo si;
	bool paused;

	if (read(j->watch[WATCH_STOP].fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	paused = container_pause(j->rt, j->plan->id, NULL) == 0; /* or the user has paused it */
	if (j->sched)
		scheduler_step_down(j->sched);
	(void)kill(getpid(), SIGSTOP);
	if (paused)
		(void)container_resume(j->rt, j->plan->id, NULL); /* it may have been killed */
}

/* ---- what container_run calls ----------------------------------------------------------- */

static void start_scheduler(struct job *j)
{
	const struct scheduler_opts o = {.rt = j->rt};
	struct err e = ERR_INIT;

	if (scheduler_new(&o, &j->sched, &e) < 0)
		log_warn("%s runs in the idle class, but without a scheduler: %s", j->plan->id,
			 e.msg);
	else
		j->watch[WATCH_SCHEDULER].fd = scheduler_fd(j->sched);
}

static int on_started(pid_t pid, int pidfd, void *arg, struct err *e)
{
	struct job *j = arg;
	int rc;

	j->pid = pid;
	j->pidfd = pidfd;
	rc = launch_usage_begin(&j->usage, j->rt, j->plan->id, e);
	j->has_started = true;
	if (rc < 0)
		return rc;
	j->watch[WATCH_EVENTS] = (struct pollfd){.fd = j->usage.events_fd, .events = POLLPRI};
	if (!j->plan->ordinary)
		start_scheduler(j);
	if (j->on_start)
		j->on_start(j->arg);
	return 0;
}

static void on_ready(void *arg)
{
	struct job *j = arg;
	struct err e = ERR_INIT;

	if (j->watch[WATCH_SCHEDULER].revents && scheduler_tick(j->sched, &e) < 0) {
		if (!j->sched_failed)
			log_warn("scheduler: %s", e.msg);
		j->sched_failed = true; /* it tries again each second; said once */
	}
	if (j->watch[WATCH_EVENTS].revents)
		launch_usage_event(&j->usage);
	if (j->watch[WATCH_STOP].revents)
		on_stop(j);
}

static void on_ended(int status, void *arg)
{
	struct job *j = arg;

	if (status == 128 + SIGKILL && j->ended_by)
		status = 128 + j->ended_by;
	launch_usage_end(&j->usage, j->plan->id, status, &j->result);
	j->has_ended = true;
}

/* ---- the run ---------------------------------------------------------------------------- */

/* In memory only: nothing to clean up, whoever kills us. The runtime keeps a copy of its own. */
static int write_config(const struct launch_plan *p, struct err *e)
{
	_cleanup_fd_ int fd = memfd_create("config.json", MFD_CLOEXEC);
	struct json_writer w = {0};
	int rc = 0;

	if (fd < 0)
		return fail(e, errno, "launch: memory for the configuration");
	launch_config_write(p, &w);
	if (w.sb.oom)
		rc = fail(e, ENOMEM, "launch: configuration");
	else if (io_write(fd, strbuf_str(&w.sb), w.sb.len) < 0)
		rc = fail(e, errno, "launch: write the configuration");
	strbuf_free(&w.sb);
	return rc < 0 ? rc : take_fd(&fd);
}

/* Blocked from before the job exists; init starts with all unblocked. */
static int watch_for_stop(sigset_t *before, struct err *e)
{
	sigset_t stop;
	int fd;

	(void)sigemptyset(&stop); /* these cannot fail with valid numbers */
	(void)sigaddset(&stop, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &stop, before);
	fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? fail(e, errno, "signalfd") : fd;
}

static int run(struct job *j, int *ret_status, struct err *e)
{
	struct launch_plan *p = j->plan;
	const struct run_hooks hooks = {
		.started = on_started,
		.watch = j->watch,
		.n_watch = WATCHES,
		.ready = on_ready,
		.signalled = on_signal,
		.ended = on_ended,
		.arg = j,
	};
	_cleanup_fd_ int config = write_config(p, e);
	struct create_opts o = {
		.bundle = streq(p->rootfs, "/") ? p->cwd : p->rootfs,
		.hooks = &hooks,
	};
	char path[64];
	int rc = config;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", config); /* fits */
	o.config = path;
	for (int i = 0; rc >= 0 && i < ID_TRIES; i++) {
		o.id = p->id;
		rc = container_run(j->rt, &o, ret_status, e);
		/* Init may fail with this number too, and has then left nothing under the id. */
		if (rc != -EEXIST || !p->id_is_made_up || j->has_started ||
		    !container_id_is_taken(j->rt, p->id))
			return rc;
		err_clear(e);
		rc = launch_plan_make_id(p, e);
	}
	return rc;
}

static void say(const struct launch_result *r)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	strbuf_adds(&sb, "cede: ");
	launch_summary_format(r, &sb);
	strbuf_adds(&sb, "\n");
	(void)io_write(STDERR_FILENO, strbuf_str(&sb), sb.len); /* nowhere else to say it */
}

int launch_job(const struct runtime *rt, struct launch_plan *p, bool quiet, int *ret_status,
	       void (*started)(void *arg), void *arg, struct err *e)
{
	struct job j = {.rt = rt, .plan = p, .on_start = started, .arg = arg, .pidfd = -1};
	_cleanup_fd_ int stop = -1;
	sigset_t before;
	int rc;

	for (int i = 0; i < WATCHES; i++)
		j.watch[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	stop = watch_for_stop(&before, e);
	if (stop < 0)
		return stop;
	j.watch[WATCH_STOP].fd = stop;
	if (!p->ordinary)
		scheduler_recover(rt);
	rc = run(&j, ret_status, e);
	if (j.has_ended)
		*ret_status = j.result.status;
	else if (j.has_started)
		launch_usage_end(&j.usage, p->id, 0, &j.result); /* only to close it */
	scheduler_free(j.sched);
	(void)sigprocmask(SIG_SETMASK, &before, NULL); /* what it was is valid */
	if (rc == 0 && !quiet)
		say(&j.result);
	return rc;
}
