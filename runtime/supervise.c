/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/sys.h"
#include "runtime/tty.h"

/* Errors of our own code must end us, and job control of our shell is between it and us. */
static const int never_taken[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGABRT, SIGTRAP,
				  SIGSYS,  SIGTTIN, SIGTTOU, SIGTSTP, SIGSTOP, SIGKILL};
static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

int signals_take(struct signals *s, enum signals_which which, uint64_t ignored, struct err *e)
{
	(void)sigemptyset(&s->taken); /* these cannot fail with valid numbers */
	if (which == SIGNALS_END) {
		for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
			(void)sigaddset(&s->taken, ends[i]);
	} else {
		signals_fill(&s->taken);
		for (size_t i = 0; i < ARRAY_SIZE(never_taken); i++)
			(void)sigdelset(&s->taken, never_taken[i]);
	}
	for (int n = 1; n <= 64; n++)
		if (ignored >> (n - 1) & 1 && n != SIGCHLD)
			(void)sigdelset(&s->taken, n);
	if (sigprocmask(SIG_BLOCK, &s->taken, &s->before) < 0)
		return fail(e, errno, "block signals");
	s->fd = signalfd(-1, &s->taken, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0) {
		int rc = fail(e, errno, "signalfd");

		(void)sigprocmask(SIG_SETMASK, &s->before, NULL); /* what it was is valid */
		return rc;
	}
	return 0;
}

void signals_give_back(struct signals *s)
{
	if (s->fd < 0)
		return;
	s->fd = fd_close(s->fd);
	(void)sigprocmask(SIG_SETMASK, &s->before, NULL); /* what it was is valid */
}

int supervise_reap(int pidfd, int *ret_status, struct err *e)
{
	siginfo_t si = {0};
	int rc;

	do
		rc = waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return fail(e, errno, "wait for the container's process");
	*ret_status = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	return 0;
}

/* Output that a terminal holds back is at most 640 KiB (drivers/tty/tty_buffer.c); a read brings up
 * to 4 KiB of it, mostly less. */
#define REST_READS 1024

/* --- the terminal --------------------------------------------------------------------------------
 */

/* Keys on their way to the container. What comes back is written at once: nobody but the person in
 * front of the terminal is kept waiting by that. */
struct relay {
	int master;
	char keys[1024];
	size_t n, done;
	bool input_ended;
	int look_ms; /* until the next look at the terminal's mode; -1: never */
};

#define LOOK_FIRST_MS 50
#define LOOK_MAX_MS 1000

/* Input that ends means end of file to whoever reads the terminal: the character that says so. A
 * shell's line editor, which has turned canonical mode off, takes it the same way; but one that was
 * sent before is lost with the change, and is sent once more after it. */
static void send_eof(struct relay *r)
{
	struct termios t;
	bool again = r->input_ended;

	r->input_ended = true;
	if (isatty(0) || tcgetattr(r->master, &t) < 0) {
		r->look_ms = -1;
	} else if (!again || !(t.c_lflag & ICANON)) {
		r->keys[0] = (char)t.c_cc[VEOF];
		r->n = 1;
		r->done = 0;
		r->look_ms = t.c_lflag & ICANON ? LOOK_FIRST_MS : -1;
	} else {
		r->look_ms = MIN(2 * r->look_ms, LOOK_MAX_MS);
	}
}

static void read_keys(struct relay *r)
{
	ssize_t n = read(0, r->keys, sizeof(r->keys));

	if (n > 0) {
		r->n = (size_t)n;
		r->done = 0;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		send_eof(r);
	}
}

static void write_keys(struct relay *r)
{
	ssize_t n = write(r->master, r->keys + r->done, r->n - r->done);

	if (n > 0)
		r->done += (size_t)n;
	else if (n < 0 && errno != EINTR && errno != EAGAIN)
		r->done = r->n; /* nobody reads there any more */
}

/* False when the terminal has no other side any more (EIO). */
static bool show_output(struct relay *r)
{
	char buf[4096];
	ssize_t n = read(r->master, buf, sizeof(buf));

	if (n > 0)
		(void)io_write(1, buf, (size_t)n); /* our own terminal is gone: go on */
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void show_the_rest(struct relay *r)
{
	struct pollfd p = {.fd = r->master, .events = POLLIN};

	/* Other processes of the container may have the terminal open and never be silent. */
	for (int i = 0; i < REST_READS && r->master >= 0; i++)
		if (poll(&p, 1, 0) != 1 || !(p.revents & POLLIN) || !show_output(r))
			break;
}

/* --- signals -------------------------------------------------------------------------------------
 */

/* Orphans of the container become ours (we are their subreaper) and must not stay as zombies. The
 * process itself is left for supervise_reap. */
static void reap_others(pid_t pid)
{
	siginfo_t si;

	for (;;) {
		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0 ||
		    si.si_pid == pid)
			return;
		(void)waitid(P_PID, (id_t)si.si_pid, &si, WEXITED | WNOHANG); /* seen above */
	}
}

static void pass_signals(const struct signals *s, pid_t pid, int pidfd, int master,
			 const struct run_hooks *h)
{
	struct signalfd_siginfo si;

	while (read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		int n = (int)si.ssi_signo;

		if (n == SIGCHLD)
			reap_others(pid);
		else if (n == SIGWINCH && master >= 0)
			tty_copy_size(master);
		else if (h && h->signalled && h->signalled(n, h->arg))
			continue;
		else if (n != SIGPIPE) /* ours: whoever read our output has gone */
			(void)pidfd_send_signal(pidfd, n, NULL, 0); /* it may be gone by now */
	}
}

/* The hooks' descriptors go behind ours. */
static nfds_t add_watch(struct pollfd *p, const struct run_hooks *h)
{
	size_t n = h ? MIN(h->n_watch, RUN_WATCH_MAX) : 0;

	if (n)
		memcpy(p, h->watch, n * sizeof(*p));
	return n;
}

static void call_watch(const struct pollfd *p, size_t n, const struct run_hooks *h)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		h->watch[i].revents = p[i].revents;
		any |= p[i].revents != 0;
	}
	if (any)
		h->ready(h->arg);
}

int supervise(pid_t pid, int pidfd, const struct signals *s, int master, const struct run_hooks *h,
	      int *ret_status, struct err *e)
{
	enum { PROCESS, SIGNALS, INPUT, MASTER, N };
	struct relay r = {.master = master, .input_ended = master < 0, .look_ms = -1};
	struct pollfd p[N + RUN_WATCH_MAX] = {
		[PROCESS] = {.fd = pidfd, .events = POLLIN},
		[SIGNALS] = {.fd = s->fd, .events = POLLIN},
	};

	if (master >= 0)
		(void)fcntl(master, F_SETFL, O_NONBLOCK); /* a pty of our own */
	for (;;) {
		bool keys_wait = r.done < r.n;
		nfds_t watched = add_watch(p + N, h);
		int n;

		p[INPUT] = (struct pollfd){.fd = r.input_ended || keys_wait ? -1 : 0,
					   .events = POLLIN};
		p[MASTER] = (struct pollfd){.fd = r.master,
					    .events = (short)(POLLIN | (keys_wait ? POLLOUT : 0))};
		n = poll(p, N + watched, r.master < 0 || keys_wait ? -1 : r.look_ms);
		if (n < 0) {
			if (errno != EINTR)
				return fail(e, errno, "poll");
			continue;
		}
		if (n == 0)
			send_eof(&r);
		if (p[SIGNALS].revents)
			pass_signals(s, pid, pidfd, r.master, h);
		if (p[INPUT].revents)
			read_keys(&r);
		if (p[MASTER].revents & POLLOUT)
			write_keys(&r);
		if (p[MASTER].revents & (POLLIN | POLLHUP | POLLERR) && !show_output(&r))
			r.master = -1;
		call_watch(p + N, watched, h);
		if (p[PROCESS].revents)
			break;
	}
	show_the_rest(&r);
	return supervise_reap(pidfd, ret_status, e);
}
