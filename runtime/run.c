/* SPDX-License-Identifier: Apache-2.0 */
/* `run`: create and start in one process, and in the foreground the rest of the container's life.
 */
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/procfs.h"
#include "runtime/create.h"
#include "runtime/notify.h"
#include "runtime/state.h"
#include "runtime/supervise.h"
#include "runtime/tty.h"

/* The signals are ours to pass on before creation_end lets them take their course. */
static int in_foreground(pid_t pid, int pidfd, int master, uint64_t ignored,
			 const struct run_hooks *h, int *ret_status, struct err *e)
{
	struct signals s = SIGNALS_INIT;
	struct tty_mode mode = {0};
	int rc = signals_take(&s, SIGNALS_ALL, ignored, e);

	if (rc == 0 && master >= 0) {
		tty_copy_size(master);
		rc = tty_raw(&mode, e);
	}
	if (rc == 0 && h && h->started)
		rc = h->started(pid, pidfd, h->arg, e);
	if (rc == 0)
		rc = supervise(pid, pidfd, &s, master, h, ret_status, e);
	tty_restore(&mode);
	if (rc == 0 && h && h->ended)
		h->ended(*ret_status, h->arg);
	signals_give_back(&s);
	return rc;
}

/* The container's NOTIFY_SOCKET, watched beside the container. */
struct ready {
	struct pollfd watch;
	pid_t pid;
};

static void on_notify(void *arg)
{
	struct ready *r = arg;
	struct err own;

	if (!r->watch.revents || !notify_hear(r->watch.fd))
		return;
	r->watch.fd = fd_close(r->watch.fd); /* it says so once */
	if (notify_tell(r->pid, &own) < 0)
		log_warn("%s", own.msg);
}

int creation_supervise(struct creation *c, const struct runtime *rt, const struct create_opts *o,
		       int *ret_status, struct err *e)
{
	_cleanup_fd_ int pidfd = take_fd(&c->pidfd), master = take_fd(&c->master);
	uint64_t ticks = c->container->init_start_ticks;
	struct ready ready = {.watch = {.fd = take_fd(&c->notify), .events = POLLIN}, c->pid};
	const struct run_hooks listen = {
		.watch = &ready.watch, .n_watch = 1, .ready = on_notify, .arg = &ready};
	const struct run_hooks *hooks = ready.watch.fd >= 0 ? &listen : o->hooks;
	struct err own;
	int rc;

	creation_release(c);
	/* The kernel takes its time to unmount it (a grace period of RCU, 0.1 ms): now that costs
	 * nobody anything, at our end whoever waits for us. */
	proc_forget();
	rc = in_foreground(c->pid, pidfd, master, c->process.ignored, hooks, ret_status, e);
	ready.watch.fd = fd_close(ready.watch.fd);
	/* Without an end of its own it is not left to run alone. */
	if ((rc < 0 || !o->keep) && container_delete_same(rt, o->id, c->pid, ticks, &own) < 0)
		log_warn("%s", own.msg);
	return rc;
}

/* As a service of its own: it is started when it says so. */
static void wait_until_ready(struct creation *c)
{
	_cleanup_fd_ int notify = take_fd(&c->notify), pidfd = take_fd(&c->pidfd);
	struct err own;

	creation_end(c);
	if (notify >= 0 && notify_wait(notify, c->pid, pidfd, &own) < 0)
		log_warn("%s", own.msg);
}

int container_run(const struct runtime *rt, const struct create_opts *o, int *ret_status,
		  struct err *e)
{
	struct creation c;
	int rc;

	*ret_status = 0;
	/* Orphans of a container without a pid namespace come to us, to be reaped. */
	if (!o->detach && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return fail(e, errno, "PR_SET_CHILD_SUBREAPER");
	rc = creation_make(&c, rt, o, true, e);
	if (rc == 0)
		rc = creation_started(&c, e);
	if (rc == 0)
		log_commit(); /* whatever comes now, the container ran */
	if (rc == 0 && !o->detach)
		rc = creation_supervise(&c, rt, o, ret_status, e);
	else if (rc == 0)
		wait_until_ready(&c);
	creation_end(&c);
	return rc;
}
