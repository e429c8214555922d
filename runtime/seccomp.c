/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "base/table.h"
#include "runtime/seccomp_cache.h"
#include "runtime/seccomp_shrink.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* 5.19 */
#endif

#define KERNEL_ERRNO_MAX 4095 /* include/linux/err.h: larger ones are cut to it */
#define TRACE_MAX 0xffff
/* Longest wait for a listener's agent that does not accept or read. */
#define SEND_TIMEOUT_SEC 10

static void cleanup_ctx(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

/* Action and return value in libseccomp's one word. `where` names the place for errors. */
static int action_word(uint32_t action, const struct opt_u64 *ret_value, const char *where,
		       uint32_t *ret, struct err *e)
{
	uint64_t value = ret_value->set ? ret_value->val : EPERM;
	uint64_t max;

	if (action == SCMP_ACT_ERRNO(0))
		max = KERNEL_ERRNO_MAX;
	else if (action == SCMP_ACT_TRACE(0))
		max = TRACE_MAX;
	else if (ret_value->set)
		return refuse(e, EINVAL,
			      "linux.seccomp.%s: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE have an "
			      "errno",
			      where);
	else
		max = 0;
	if (max && value > max)
		return refuse(e, EINVAL, "linux.seccomp.%s: expected at most %u", where,
			      (unsigned)max);
	*ret = max ? action | (uint32_t)value : action;
	return 0;
}

static int add_archs(scmp_filter_ctx ctx, const struct spec_seccomp *s, struct err *e)
{
	for (size_t i = 0; i < s->n_architectures; i++) {
		int rc = seccomp_arch_add(ctx, s->architectures[i]);

		if (rc == 0 || rc == -EEXIST)
			continue;
		/* Of the other byte order: this machine cannot run it, so nothing is let through.
		 */
		if (rc == -EDOM) {
			log_debug("seccomp: architecture %#x left out: not this machine's",
				  s->architectures[i]);
			continue;
		}
		return fail(e, -rc, "linux.seccomp.architectures[%zu]: libseccomp", i);
	}
	return 0;
}

static bool same_index_twice(const struct spec_seccomp_rule *r)
{
	unsigned seen = 0;

	for (size_t i = 0; i < r->n_args; i++) {
		if (seen & (1u << r->args[i].index))
			return true;
		seen |= 1u << r->args[i].index;
	}
	return false;
}

static int args_make(const struct spec_seccomp_rule *r, size_t rule, struct scmp_arg_cmp *cmp,
		     struct err *e)
{
	for (size_t i = 0; i < r->n_args; i++) {
		const struct spec_seccomp_arg *a = &r->args[i];

		if (a->index > 5)
			return refuse(
				e, EINVAL,
				"linux.seccomp.syscalls[%zu].args[%zu].index: expected 0 to 5",
				rule, i);
		/* For MASKED_EQ value is the mask and valueTwo what must be left. */
		cmp[i] = (struct scmp_arg_cmp){
			.arg = a->index,
			.op = (enum scmp_compare)a->op,
			.datum_a = a->value,
			.datum_b = a->value_two,
		};
	}
	return 0;
}

/*
 * The conditions of one entry must all hold. Where an argument is named twice libseccomp cannot
 * say "and"; there each condition is a rule of its own ("or"), which is what profiles in use mean
 * by it and what engines have come to expect.
 */
static int add_syscall(scmp_filter_ctx ctx, uint32_t action, int nr,
		       const struct spec_seccomp_rule *r, const struct scmp_arg_cmp *cmp)
{
	int rc = 0;

	if (!same_index_twice(r))
		return seccomp_rule_add_array(ctx, action, nr, (unsigned)r->n_args, cmp);
	for (size_t i = 0; rc == 0 && i < r->n_args; i++)
		rc = seccomp_rule_add_array(ctx, action, nr, 1, &cmp[i]);
	return rc;
}

static int add_rule(scmp_filter_ctx ctx, const struct spec_seccomp *s, size_t i,
		    uint32_t default_action, struct err *e)
{
	const struct spec_seccomp_rule *r = &s->rules[i];
	_cleanup_free_ struct scmp_arg_cmp *cmp = NULL;
	char where[64];
	uint32_t action;
	int rc;

	(void)snprintf(where, sizeof(where), "syscalls[%zu].errnoRet", i); /* always fits */
	rc = action_word(r->action, &r->errno_ret, where, &action, e);
	if (rc < 0)
		return rc;
	if (action == default_action)
		return 0; /* says nothing new, and libseccomp takes it for a mistake */
	cmp = calloc(r->n_args + 1, sizeof(*cmp));
	if (!cmp)
		return fail(e, ENOMEM, "compile the seccomp filter");
	rc = args_make(r, i, cmp, e);
	for (size_t n = 0; rc == 0 && n < r->names.n; n++) {
		int nr = seccomp_syscall_resolve_name(r->names.v[n]);

		/* Profiles name the system calls of all machines and of newer kernels. */
		if (nr == __NR_SCMP_ERROR) {
			log_debug("seccomp: system call %s unknown to libseccomp: left out",
				  r->names.v[n]);
			continue;
		}
		rc = add_syscall(ctx, action, nr, r, cmp);
		if (rc < 0)
			rc = fail(e, -rc, "linux.seccomp.syscalls[%zu]: rule for %s", i,
				  r->names.v[n]);
	}
	return rc;
}

/* libseccomp 2.5 writes programs to a descriptor only. */
static int export_bpf(scmp_filter_ctx ctx, struct seccomp_program *ret, struct err *e)
{
	_cleanup_fd_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	_cleanup_free_ struct sock_filter *insns = NULL;
	struct stat st;
	size_t n;
	int rc;

	if (fd < 0)
		return fail(e, errno, "compile the seccomp filter: memfd_create");
	rc = seccomp_export_bpf(ctx, fd);
	if (rc < 0)
		return fail(e, -rc, "compile the seccomp filter");
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "compile the seccomp filter");
	n = (size_t)st.st_size / sizeof(*insns);
	if (n > BPF_MAXINSNS)
		return refuse(e, E2BIG,
			      "linux.seccomp: the filter has %zu instructions, the kernel takes at "
			      "most %d",
			      n, BPF_MAXINSNS);
	insns = calloc(n + 1, sizeof(*insns));
	if (!insns)
		return fail(e, ENOMEM, "compile the seccomp filter");
	if (pread(fd, insns, n * sizeof(*insns), 0) != (ssize_t)(n * sizeof(*insns)))
		return fail(e, EIO, "compile the seccomp filter: read it back");
	ret->insns = take_ptr(&insns);
	ret->n = (unsigned short)n;
	return 0;
}

static void shrink(struct seccomp_program *p)
{
	struct sock_filter *less;
	unsigned short n;

	if (!seccomp_shrink(p->insns, p->n, &less, &n))
		return;
	log_debug("seccomp: %u instructions instead of %u", n, p->n);
	free(p->insns);
	p->insns = less;
	p->n = n;
}

static int compile(const struct spec_seccomp *s, struct seccomp_program *ret, struct err *e)
{
	_cleanup_(cleanup_ctx) scmp_filter_ctx ctx = NULL;
	uint32_t action;
	int rc;

	rc = action_word(s->default_action, &s->default_errno_ret, "defaultErrnoRet", &action, e);
	if (rc < 0)
		return rc;
	ctx = seccomp_init(action);
	if (!ctx)
		return refuse(
			e, EINVAL,
			"linux.seccomp.defaultAction: libseccomp or this kernel does not take "
			"it");
	/* A binary tree over the system call numbers: measured, the kernel installs Docker's
	 * default profile in a third of the time, and every call passes fewer instructions. */
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc < 0)
		log_debug("seccomp: no binary tree with this libseccomp: %s", strerror(-rc));
	rc = add_archs(ctx, s, e);
	for (size_t i = 0; rc == 0 && i < s->n_rules; i++)
		rc = add_rule(ctx, s, i, action, e);
	return rc < 0 ? rc : export_bpf(ctx, ret, e);
}

static const struct name_value load_flags[] = {
	{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
	{"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
};

static int flags_make(const struct spec_seccomp *s, struct seccomp_program *p, struct err *e)
{
	for (size_t i = 0; i < s->flags.n; i++) {
		const struct name_value *f = table_find(load_flags, s->flags.v[i]);

		if (!f)
			return refuse(e, EINVAL, "linux.seccomp.flags[%zu]: unknown flag %s", i,
				      s->flags.v[i]);
		p->load_flags |= f->value;
	}
	if (p->wants_listener) {
		p->load_flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
		/* Both return a number; together the kernel wants them told apart (5.7). */
		if (p->load_flags & SECCOMP_FILTER_FLAG_TSYNC)
			p->load_flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	} else {
		/* About how a notification is waited for: nothing is notified here. */
		p->load_flags &= ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	}
	return 0;
}

static int check_listener(const struct spec_seccomp *s, struct seccomp_program *p, struct err *e)
{
	/* Init itself would have to ask an agent that does not have the descriptor yet. */
	if (s->default_action == SCMP_ACT_NOTIFY)
		return refuse(
			e, EINVAL,
			"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY would stop the container "
			"before its listener is known; name the system calls instead");
	for (size_t i = 0; i < s->n_rules; i++)
		p->wants_listener |= s->rules[i].action == SCMP_ACT_NOTIFY;
	if (p->wants_listener && !s->listener_path)
		return refuse(e, EINVAL,
			      "linux.seccomp.listenerPath: required with SCMP_ACT_NOTIFY, and not "
			      "given");
	return 0;
}

int seccomp_prepare(const struct runtime *rt, const struct spec_seccomp *s,
		    struct seccomp_program *ret, struct err *e)
{
	struct seccomp_program p = {0};
	int rc;

	rc = check_listener(s, &p, e);
	if (rc == 0)
		rc = flags_make(s, &p, e);
	if (rc == 0 && !seccomp_cache_get(rt->root, s->text, s->text_len, &p.insns, &p.n)) {
		rc = compile(s, &p, e);
		if (rc == 0)
			shrink(&p);
		if (rc == 0)
			seccomp_cache_put(rt->root, s->text, s->text_len, p.insns, p.n);
	}
	if (rc < 0)
		return err_context(e, rc, "config.json");
	*ret = p;
	return 0;
}

int seccomp_install(const struct seccomp_program *p, int *ret_listener, struct err *e)
{
	struct sock_fprog prog = {.len = p->n, .filter = p->insns};
	long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, p->load_flags, &prog);

	if (rc < 0 && errno == EACCES)
		return refuse(e, EACCES,
			      "load the seccomp filter: not permitted without CAP_SYS_ADMIN unless "
			      "process.noNewPrivileges is true");
	if (rc < 0 && errno == EINVAL)
		return fail(e, EINVAL, "load the seccomp filter (flags %#lx, %u instructions)",
			    p->load_flags, p->n);
	if (rc < 0)
		return fail(e, errno, "load the seccomp filter");
	if (!p->wants_listener && rc > 0)
		return refuse(e, ESRCH,
			      "load the seccomp filter: thread %ld cannot be synchronised", rc);
	*ret_listener = p->wants_listener ? (int)rc : -1;
	return 0;
}

/* The value that a filter ends with; false: it does what we do not know. Jumps only go forwards
 * (Documentation/networking/filter.rst). */
static bool judge(const struct seccomp_program *p, const struct seccomp_data *d, uint32_t *ret)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < p->n; pc++) {
		const struct sock_filter *i = &p->insns[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k > sizeof(*d) - sizeof(a))
				return false;
			memcpy(&a, (const char *)d + i->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += a & i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			*ret = i->k;
			return true;
		default:
			return false;
		}
	}
	return false;
}

bool seccomp_allows(const struct seccomp_program *p, int number, uint64_t first, uint64_t second)
{
	const struct seccomp_data d = {
		.nr = number, .arch = seccomp_arch_native(), .args = {first, second}};
	uint32_t value;

	return judge(p, &d, &value) && (value == SECCOMP_RET_ALLOW || value == SECCOMP_RET_LOG);
}

static int send_with_fd(int sock, int fd, const char *data, size_t len)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec io = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr msg = {
		.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	memset(&control, 0, sizeof(control));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	/* "If more than one sendmsg(2) is used, the file descriptors MUST be sent only in the first
	 * call." */
	while (n >= 0 && (size_t)n < len) {
		ssize_t more = send(sock, data + n, len - (size_t)n, MSG_NOSIGNAL);

		if (more < 0 && errno == EINTR)
			continue;
		n = more < 0 ? -1 : n + more;
	}
	return n < 0 ? -errno : 0;
}

int seccomp_send_listener(const struct spec_seccomp *s, int listener, const char *state_json,
			  struct err *e)
{
	_cleanup_fd_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval limit = {.tv_sec = SEND_TIMEOUT_SEC};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int rc;

	if (strlen(s->listener_path) >= sizeof(addr.sun_path))
		return refuse(e, ENAMETOOLONG,
			      "config.json: linux.seccomp.listenerPath: longer than %zu bytes",
			      sizeof(addr.sun_path) - 1);
	if (sock < 0)
		return fail(e, errno, "make a socket for the seccomp listener");
	memcpy(addr.sun_path, s->listener_path, strlen(s->listener_path) + 1);
	/* Bounds connect(2) too when the agent's backlog is full (unix(7) sockets). */
	if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return fail(e, errno, "bound the wait for the seccomp agent");
	if (connect(sock, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return fail(e, errno, "connect to the seccomp agent at %s", s->listener_path);
	rc = send_with_fd(sock, listener, state_json, strlen(state_json));
	if (rc < 0)
		return fail(e, -rc, "send the seccomp listener to the agent at %s",
			    s->listener_path);
	return 0;
}

void seccomp_program_free(struct seccomp_program *p)
{
	free(p->insns);
	*p = (struct seccomp_program){0};
}
