/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/criu.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/sys.h"
#include "runtime/criu_sever.h"
#include "runtime/criu_wire.h"
#include "runtime/supervise.h"

/* From the end of the conversation to CRIU's: it may have a dump to undo. */
#define END_WAIT_MS 30000
#define KILL_WAIT_MS 5000
/* An answer carries a string or two. */
#define ANSWER_MAX 65536
/* Of the log, the end is read. */
#define LOG_TAIL 262144
/* The child ended before it was CRIU; its words are the whole error. */
#define NOT_STARTED 125

/* --- its log -------------------------------------------------------------------------------------
 */

#define ERRORS_SHOWN 3

/* "(00.014233) Error (criu/mount.c:1234): mnt: ..." -> "mnt: ...". That it failed, we say. */
static const char *error_text(const char *line, size_t len)
{
	/* The one message of its kind that matters and is not marked. */
	const char *connect =
		memmem(line, len, "Can't connect to server ", strlen("Can't connect to server "));
	const char *p = memmem(line, len, "Error (", strlen("Error ("));
	const char *end = line + len;

	if (connect)
		return connect;
	p = p ? memmem(p, (size_t)(end - p), "): ", 3) : NULL;
	if (!p)
		return NULL;
	p += 3;
	return memmem(p, (size_t)(end - p), "FAILED.", strlen("FAILED.")) ? NULL : p;
}

void criu_log_errors(const char *log, char *buf, size_t size)
{
	struct wire found[ERRORS_SHOWN] = {0};
	size_t n = 0, used = 0;

	for (const char *line = log; *line;) {
		size_t len = strcspn(line, "\n");
		const char *text = error_text(line, len);

		if (text) {
			memmove(found, found + 1, sizeof(found) - sizeof(found[0]));
			found[ERRORS_SHOWN - 1] = (struct wire){(const unsigned char *)text,
								(size_t)(line + len - text)};
			n++;
		}
		line += len + (line[len] == '\n');
	}
	buf[0] = '\0';
	for (size_t i = n < ERRORS_SHOWN ? ERRORS_SHOWN - n : 0; i < ERRORS_SHOWN; i++) {
		char text[512];
		int m;

		wire_text(&found[i], text, sizeof(text));
		m = snprintf(buf + used, size - used, "%s%s", used ? "; " : "", text);
		if (m < 0 || (size_t)m >= size - used)
			break; /* cut */
		used += (size_t)m;
	}
}

/* The end of a file, NUL-terminated; "" if it cannot be read. The caller frees. */
static char *read_tail(int fd)
{
	struct stat st;
	off_t from;
	ssize_t n;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return strdup("");
	from = st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0;
	text = malloc(LOG_TAIL + 1);
	if (!text)
		return NULL;
	n = pread(fd, text, LOG_TAIL, from);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* What came to pass, for people: the log's errors, else its standard error, else its status. */
static int explain(struct criu *c, int status, struct err *e)
{
	_cleanup_fd_ int fd =
		openat(c->how.work_fd, c->how.log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_free_ char *log = read_tail(fd), *words = read_tail(c->words);
	char text[768] = "";
	struct rlimit size;

	if (status == NOT_STARTED && words && *words) {
		words[strcspn(words, "\n")] = '\0';
		return refuse(e, ECHILD, "%s", words);
	}
	if (log)
		criu_log_errors(log, text, sizeof(text));
	if (!*text && words)
		criu_log_errors(words, text, sizeof(text));
	if (*text)
		return refuse(e, ECHILD, "CRIU: %s (%s has more)", text, c->how.log);
	/* Of what it could not write it could not even tell. */
	if (getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur != RLIM_INFINITY)
		return refuse(e, ECHILD,
			      "CRIU ended with status %d and without a word (files may be %llu "
			      "bytes long: ulimit -f)",
			      status, (unsigned long long)size.rlim_cur);
	return refuse(e, ECHILD, "CRIU ended with status %d and without a word", status);
}

/* --- its process ---------------------------------------------------------------------------------
 */

static _Noreturn void child_failed(const char *what)
{
	(void)dprintf(2, "%s: %s\n", what, strerror(errno)); /* nobody else would hear */
	_exit(NOT_STARTED);
}

static int open_null(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static _Noreturn void child(const struct criu *c, const char *path, int sock)
{
	char number[16], env[4096];
	char *argv[] = {(char *)"criu", (char *)"swrk", number, NULL};
	char *envp[] = {env, NULL};
	const char *search = getenv("PATH");
	struct err e = ERR_INIT;
	sigset_t none;

	if (dup2(c->words, 1) < 0 || dup2(c->words, 2) < 0 ||
	    (!c->how.stdio && dup2(open_null(), 0) < 0))
		child_failed("standard descriptors of CRIU");
	if (c->how.apart && setpgid(0, 0) < 0)
		child_failed("a process group for CRIU");
	if (c->how.in_child && c->how.in_child(c->how.arg, &e) < 0) {
		(void)dprintf(2, "%s\n", e.msg); /* nobody else would hear */
		_exit(NOT_STARTED);
	}
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		child_failed("close_range");
	(void)fcntl(sock, F_SETFD, 0); /* they are open */
	for (size_t i = 0; i < c->how.n_keep; i++)
		(void)fcntl(c->how.keep[i], F_SETFD, 0);
	(void)umask(077); /* the images hold memory; what it restores has a umask of its own */
	if (c->how.ignores) {
		(void)signal(SIGPIPE, SIG_IGN); /* valid numbers */
		(void)signal(SIGXFSZ, SIG_IGN);
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* a valid set */
	(void)snprintf(number, sizeof(number), "%d", sock);
	/* It runs iptables, and more of that kind. */
	if (!search)
		search = "";
	if (snprintf(env, sizeof(env), "PATH=%s%s%s", search, *search ? ":" : "",
		     SPAWN_DEFAULT_PATH) >= (int)sizeof(env))
		(void)snprintf(env, sizeof(env), "PATH=%s", SPAWN_DEFAULT_PATH);
	(void)execve(path, argv, envp);
	child_failed(path);
}

static int spawn(struct criu *c, const char *path, struct err *e)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&c->pidfd,
		.exit_signal = SIGCHLD,
	};
	int pair[2];

	c->words = memfd_create("criu", MFD_CLOEXEC);
	if (c->words < 0)
		return fail(e, errno, "memfd_create");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(e, errno, "socketpair");
	c->pid = sys_clone3(&args);
	if (c->pid == 0)
		child(c, path, pair[1]);
	c->sock = pair[0];
	(void)fd_close(pair[1]);
	return c->pid < 0 ? fail(e, errno, "start CRIU") : 0;
}

static bool ends_within(const struct criu *c, int ms)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/* The end of the stream makes it give up and undo, once it looks; only then it is killed. Its exit
 * status. */
static int finish(struct criu *c)
{
	int status = 0;

	c->sock = fd_close(c->sock);
	if (c->pidfd < 0)
		return 0;
	if (c->how.peer)
		criu_sever(c->pid, c->pidfd, c->how.peer, c->how.peer_port);
	if (!ends_within(c, END_WAIT_MS)) {
		log_warn("CRIU did not end within %d s and was killed", END_WAIT_MS / 1000);
		(void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0); /* it may be gone by now */
		(void)ends_within(c, KILL_WAIT_MS);
	}
	(void)supervise_reap(c->pidfd, &status, NULL); /* 0 then */
	c->pidfd = fd_close(c->pidfd);
	return status;
}

void criu_end(struct criu *c)
{
	(void)finish(c);
	c->words = fd_close(c->words);
}

/* --- the conversation ----------------------------------------------------------------------------
 */

/* Numbers of a nested message by their field's number. */
static int read_numbers(struct wire w, uint64_t *const targets[], size_t n)
{
	struct wire_field f;
	int rc;

	while ((rc = wire_next(&w, &f)) > 0)
		if (f.number < n && targets[f.number] && !f.data.p)
			*targets[f.number] = f.value;
	return rc;
}
#define READ_NUMBERS(w, targets) read_numbers(w, targets, ARRAY_SIZE(targets))

static int read_note(struct wire w, struct criu_answer *a)
{
	struct wire_field f;
	int rc;

	while ((rc = wire_next(&w, &f)) > 0) {
		if (f.number == 1 && f.data.p)
			wire_text(&f.data, a->note, sizeof(a->note));
		else if (f.number == 2)
			a->note_pid = f.value;
	}
	return rc;
}

static int read_field(const struct wire_field *f, struct criu_answer *a)
{
	uint64_t *const restored[] = {NULL, &a->pid};
	uint64_t *const features[] = {NULL, &a->mem_track, &a->lazy_pages};
	uint64_t *const version[] = {NULL, &a->major, &a->minor, NULL, &a->sub};

	if (!f->data.p) {
		if (f->number == 1)
			a->type = f->value;
		else if (f->number == 2)
			a->success = f->value;
		return 0;
	}
	switch (f->number) {
	case 4:
		return READ_NUMBERS(f->data, restored);
	case 5:
		return read_note(f->data, a);
	case 8:
		return READ_NUMBERS(f->data, features);
	case 9:
		wire_text(&f->data, a->message, sizeof(a->message));
		return 0;
	case 10:
		return READ_NUMBERS(f->data, version);
	default:
		return 0;
	}
}

int criu_answer_parse(const unsigned char *text, size_t len, struct criu_answer *ret)
{
	struct wire w = {.p = text, .len = len};
	struct wire_field f;
	int rc;

	while ((rc = wire_next(&w, &f)) > 0) {
		rc = read_field(&f, ret);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int wait_packet(const struct criu *c, struct err *e)
{
	struct pollfd p[] = {
		{.fd = c->sock, .events = POLLIN},
		{.fd = c->how.cancel_fd, .events = POLLIN},
	};

	for (;;) {
		uint64_t now = now_ns();
		int left = now < c->deadline_ns ? (int)((c->deadline_ns - now) / NSEC_PER_MSEC) + 1
						: 0;
		int n = poll(p, ARRAY_SIZE(p), left);

		if (n < 0 && errno != EINTR)
			return fail(e, errno, "poll");
		if (p[1].revents && n > 0)
			return refuse(e, EINTR, "interrupted");
		if (n > 0)
			return 0;
		if (n == 0)
			return refuse(e, ETIMEDOUT, "CRIU did not finish within %d s",
				      c->how.timeout_ms / 1000);
	}
}

/* -ECONNRESET: it is gone. */
static int receive(struct criu *c, struct criu_answer *ret, struct err *e)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	unsigned char text[ANSWER_MAX];
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text)};
	struct msghdr h = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *m;
	ssize_t n;
	int rc = wait_packet(c, e);

	*ret = (struct criu_answer){.fd = -1};
	if (rc < 0)
		return rc;
	n = recvmsg(c->sock, &h, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return -ECONNRESET;
	m = CMSG_FIRSTHDR(&h);
	if (m && m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_RIGHTS)
		memcpy(&ret->fd, CMSG_DATA(m), sizeof(int));
	if (h.msg_flags & MSG_TRUNC || criu_answer_parse(text, (size_t)n, ret) < 0) {
		ret->fd = fd_close(ret->fd);
		return refuse(e, EPROTO, "CRIU's answer cannot be understood");
	}
	return 0;
}

static int send_request(struct criu *c, const struct strbuf *req, struct err *e)
{
	if (req->oom)
		return fail(e, ENOMEM, "request to CRIU");
	if (send(c->sock, strbuf_str(req), req->len, MSG_NOSIGNAL) < 0)
		return errno == EPIPE || errno == ECONNRESET ? -ECONNRESET
							     : fail(e, errno, "request to CRIU");
	return 0;
}

/* One that has no options and leaves the conversation open. */
static int ask(struct criu *c, enum criu_request type, struct criu_answer *ret, struct err *e)
{
	_cleanup_strbuf_ struct strbuf req = STRBUF_INIT, features = STRBUF_INIT;
	int rc;

	wire_u64(&req, 1, type);
	wire_u64(&req, 4, 1); /* keep_open */
	if (type == CRIU_REQ_FEATURE_CHECK) {
		wire_u64(&features, 1, 1); /* mem_track */
		wire_u64(&features, 2, 1); /* lazy_pages */
		wire_message(&req, 5, &features);
	}
	rc = send_request(c, &req, e);
	if (rc == 0)
		rc = receive(c, ret, e);
	if (rc == -ECONNRESET)
		return explain(c, finish(c), e);
	ret->fd = fd_close(ret->fd);
	if (rc == 0 && ret->type != type)
		return refuse(e, EPROTO, "CRIU does not answer the question it was asked%s%s",
			      *ret->message ? ": " : "", ret->message);
	return rc;
}

int criu_features(struct criu *c, bool *ret_mem_track, bool *ret_lazy_pages, struct err *e)
{
	struct criu_answer a;
	int rc = ask(c, CRIU_REQ_FEATURE_CHECK, &a, e);

	if (rc < 0)
		return rc;
	*ret_mem_track = a.mem_track;
	*ret_lazy_pages = a.lazy_pages;
	return 0;
}

int criu_needs(const struct criu *c, unsigned version, const char *option, struct err *e)
{
	if (c->version >= version)
		return 0;
	return refuse(e, EOPNOTSUPP, "%s needs CRIU %u.%u or newer, this is %u.%u.%u", option,
		      version / 10000, version / 100 % 100, c->version / 10000,
		      c->version / 100 % 100, c->version % 100);
}

int criu_begin(struct criu *c, const struct criu_start *how, struct err *e)
{
	char path[PATH_MAX];
	struct criu_answer a;
	int rc;

	*c = (struct criu)CRIU_INIT;
	c->how = *how;
	c->deadline_ns = now_ns() + (uint64_t)how->timeout_ms * NSEC_PER_MSEC;
	/* Where programs of the administrator are not everybody's PATH leads. */
	if (exec_find("criu", getenv("PATH"), path, sizeof(path)) < 0 &&
	    exec_find("criu", SPAWN_DEFAULT_PATH, path, sizeof(path)) < 0)
		return refuse(e, ENOENT,
			      "CRIU is not installed (Debian: package criu); see 'cede doctor'");
	/* What a log of this name is now may be a link to somewhere else. */
	if (unlinkat(how->work_fd, how->log, 0) < 0 && errno != ENOENT)
		return fail(e, errno, "remove an older %s", how->log);
	rc = spawn(c, path, e);
	if (rc == 0)
		rc = ask(c, CRIU_REQ_VERSION, &a, e);
	if (rc < 0)
		return rc;
	c->version = (unsigned)(a.major * 10000 + a.minor * 100 + a.sub);
	return criu_needs(c, CRIU_OLDEST, "cede", e);
}

/* What the listener said goes back; its error, the first one, is kept. */
static int pass_note(struct criu *c, struct criu_answer *a, criu_listener listen, void *arg,
		     struct err *first)
{
	_cleanup_strbuf_ struct strbuf req = STRBUF_INIT;
	struct criu_note n = {.what = a->note, .pid = (pid_t)a->note_pid, .fd = &a->fd};
	struct err e = ERR_INIT;
	int rc;

	log_debug("CRIU: %s", a->note);
	rc = listen(&n, arg, &e);
	a->fd = fd_close(a->fd);
	if (rc < 0 && !first->code)
		*first = e;
	wire_u64(&req, 1, CRIU_REQ_NOTIFY);
	wire_u64(&req, 3, rc == 0); /* notify_success */
	return send_request(c, &req, first);
}

int criu_call(struct criu *c, enum criu_request type, const struct strbuf *opts,
	      criu_listener listen, void *arg, pid_t *ret_pid, struct err *e)
{
	_cleanup_strbuf_ struct strbuf req = STRBUF_INIT;
	struct err first = ERR_INIT;
	struct criu_answer a;
	int rc, status;

	wire_u64(&req, 1, type);
	wire_message(&req, 2, opts);
	rc = send_request(c, &req, e);
	while (rc == 0) {
		rc = receive(c, &a, e);
		if (rc < 0 || a.type != CRIU_REQ_NOTIFY)
			break;
		rc = pass_note(c, &a, listen, arg, &first);
	}
	if (rc < 0 && rc != -ECONNRESET)
		return rc;
	if (rc == 0 && a.type == type && a.success) {
		if (ret_pid)
			*ret_pid = (pid_t)a.pid;
		return 0;
	}
	status = finish(c);
	if (first.code) {
		if (e)
			*e = first;
		return -first.code;
	}
	rc = explain(c, status, e);
	if (e && rc == -ECHILD && a.message[0] && strstr(e->msg, "without a word"))
		return refuse(e, ECHILD, "CRIU: %s", a.message);
	return rc;
}
