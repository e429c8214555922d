/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device rules as a BPF_PROG_TYPE_CGROUP_DEVICE program, written instruction by instruction.
 *
 * A request asks for some of read, write and mknod on one device; each of these bits is decided by
 * the last rule that names the device and the bit, and denied if there is none ("MUST apply entries
 * in the listed order", config-linux.md). The program therefore goes through the rules backwards
 * with the bits that are still open: a denying rule that holds one of them ends it with 0, an
 * allowing one clears its bits, and when none is left the answer is 1.
 *
 * Kernel: include/uapi/linux/bpf.h (struct bpf_cgroup_dev_ctx), kernel/bpf/cgroup.c.
 */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/cgroup.h"
#include "runtime/devices_bpf.h"

/* By this name an earlier program of ours is found again (at most 15 characters). */
#define PROG_NAME "cede_devices"
/* The most programs looked at on one group (the kernel allows 64). */
#define QUERY_MAX 64

#define ANY                                                                                        \
	{                                                                                          \
		.set = false                                                                       \
	}
#define NUM(n)                                                                                     \
	{                                                                                          \
		.set = true, .val = (n)                                                            \
	}
#define RWM .read = true, .write = true, .mknod = true

/* What every container may use (config-linux.md, "Default Devices"; the pseudo terminals are major
 * 136), and making nodes, which is of no use without a right to open them. They come behind the
 * document's rules. */
static const struct spec_device_rule defaults[] = {
	{.allow = true, .type = 'c', .major = ANY, .minor = ANY, .mknod = true},
	{.allow = true, .type = 'b', .major = ANY, .minor = ANY, .mknod = true},
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(3), RWM}, /* null */
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(5), RWM}, /* zero */
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(7), RWM}, /* full */
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(8), RWM}, /* random */
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(9), RWM}, /* urandom */
	{.allow = true, .type = 'c', .major = NUM(5), .minor = NUM(0), RWM}, /* tty */
	{.allow = true, .type = 'c', .major = NUM(5), .minor = NUM(1), RWM}, /* console */
	{.allow = true, .type = 'c', .major = NUM(5), .minor = NUM(2), RWM}, /* ptmx */
	{.allow = true, .type = 'c', .major = NUM(136), .minor = ANY, RWM},  /* pts */
};

enum { R_RESULT, R_CTX, R_OPEN, R_TYPE, R_SCRATCH };

#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define LOAD(d, field)                                                                             \
	INSN(BPF_LDX | BPF_MEM | BPF_W, d, R_CTX, offsetof(struct bpf_cgroup_dev_ctx, field), 0)
#define MOV_REG(d, s) INSN(BPF_ALU | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV(d, i) INSN(BPF_ALU | BPF_MOV | BPF_K, d, 0, 0, i)
#define AND(d, i) INSN(BPF_ALU | BPF_AND | BPF_K, d, 0, 0, i)
#define SHIFT_RIGHT(d, i) INSN(BPF_ALU | BPF_RSH | BPF_K, d, 0, 0, i)
#define JUMP_NE(d, i, o) INSN(BPF_JMP32 | BPF_JNE | BPF_K, d, 0, o, i)
#define JUMP_EQ(d, i, o) INSN(BPF_JMP32 | BPF_JEQ | BPF_K, d, 0, o, i)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct code {
	struct bpf_insn *v;
	size_t n, cap;
};

/* Room was made for the worst case: see INSNS_PER_RULE. */
static void emit(struct code *c, struct bpf_insn insn)
{
	c->v[c->n++] = insn;
}

static void emit_return(struct code *c, int value)
{
	emit(c, MOV(R_RESULT, value));
	emit(c, EXIT());
}

static int access_bits(const struct spec_device_rule *r)
{
	return (r->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (r->read ? BPF_DEVCG_ACC_READ : 0) |
	       (r->write ? BPF_DEVCG_ACC_WRITE : 0);
}

/* Five for the tests, and at most five for the verdict. */
#define INSNS_PER_RULE 10
#define INSNS_FIXED 16

/*
 * Jumps to the end of this rule's code are filled in when it is known.
 *
 * The numbers are loaded anew for each test: kept in registers, their values would be known to the
 * verifier on each path, no two paths would look alike to it, and its work would grow with the
 * square of the number of rules (measured: 1000 rules were too many).
 */
static void emit_rule(struct code *c, const struct spec_device_rule *r)
{
	size_t tests[3], n = 0;
	int bits = access_bits(r);

	if (r->type != 'a') {
		tests[n++] = c->n;
		emit(c,
		     JUMP_NE(R_TYPE, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, 0));
	}
	if (r->major.set && r->major.val >= 0) {
		emit(c, LOAD(R_SCRATCH, major));
		tests[n++] = c->n;
		emit(c, JUMP_NE(R_SCRATCH, (int)(uint32_t)r->major.val, 0));
	}
	if (r->minor.set && r->minor.val >= 0) {
		emit(c, LOAD(R_SCRATCH, minor));
		tests[n++] = c->n;
		emit(c, JUMP_NE(R_SCRATCH, (int)(uint32_t)r->minor.val, 0));
	}
	if (r->allow) {
		emit(c, AND(R_OPEN, ~bits));
		emit(c, JUMP_NE(R_OPEN, 0, 2));
		emit_return(c, 1);
	} else {
		emit(c, MOV_REG(R_SCRATCH, R_OPEN));
		emit(c, AND(R_SCRATCH, bits));
		emit(c, JUMP_EQ(R_SCRATCH, 0, 2));
		emit_return(c, 0);
	}
	for (size_t i = 0; i < n; i++)
		c->v[tests[i]].off = (int16_t)(c->n - tests[i] - 1);
}

static bool is_catch_all(const struct spec_device_rule *r)
{
	return r->type == 'a' && !(r->major.set && r->major.val >= 0) &&
	       !(r->minor.set && r->minor.val >= 0) && r->read && r->write && r->mknod;
}

static void emit_head(struct code *c)
{
	/* access_type is (bits << 16) | type */
	emit(c, LOAD(R_TYPE, access_type));
	emit(c, MOV_REG(R_OPEN, R_TYPE));
	emit(c, SHIFT_RIGHT(R_OPEN, 16));
	emit(c, AND(R_TYPE, 0xffff));
	emit(c, JUMP_NE(R_OPEN, 0, 2)); /* asks for nothing (access(2) with F_OK) */
	emit_return(c, 1);
}

int devices_program(const struct spec_device_rule *rules, size_t n, struct bpf_insn **ret,
		    size_t *ret_n, struct err *e)
{
	_cleanup_free_ struct bpf_insn *insns = NULL;
	struct code c = {0};
	size_t first = 0;
	bool base = false;

	/* What stands before a rule for everything has no say. */
	for (size_t i = n; i > 0 && !first; i--)
		if (is_catch_all(&rules[i - 1])) {
			first = i;
			base = rules[i - 1].allow;
		}
	if (base && first == n) {
		*ret = NULL;
		*ret_n = 0;
		return 0;
	}
	c.cap = (n - first + ARRAY_SIZE(defaults)) * INSNS_PER_RULE + INSNS_FIXED;
	insns = calloc(c.cap, sizeof(*insns));
	if (!insns)
		return fail(e, ENOMEM, "make the device program");
	c.v = insns;
	emit_head(&c);
	for (size_t i = ARRAY_SIZE(defaults); i > 0; i--)
		emit_rule(&c, &defaults[i - 1]);
	for (size_t i = n; i > first; i--)
		if (access_bits(&rules[i - 1]))
			emit_rule(&c, &rules[i - 1]);
	emit_return(&c, base);
	*ret = take_ptr(&insns);
	*ret_n = c.n;
	return 0;
}

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int load_program(const struct bpf_insn *insns, size_t n, struct err *e)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr)); /* all of it: the kernel looks at the padding */
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	memcpy(attr.prog_name, PROG_NAME, sizeof(PROG_NAME));
	fd = sys_bpf(BPF_PROG_LOAD, &attr); /* always close-on-exec */
	if (fd >= 0)
		return fd;
	if (errno == EINVAL || errno == ENOSYS)
		return refuse(e, EOPNOTSUPP,
			      "linux.resources.devices: this kernel cannot enforce device rules "
			      "(CONFIG_CGROUP_BPF)");
	/* The verifier keeps at most 8192 open branches; past them some kernels say EFAULT. */
	if (errno == E2BIG || errno == EFAULT)
		return refuse(e, E2BIG,
			      "linux.resources.devices: more rules than the kernel can check (a "
			      "program of %zu instructions)",
			      n);
	return fail(e, errno, "linux.resources.devices: load a program of %zu instructions", n);
}

static bool is_ours(int prog_fd)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)prog_fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0 && streq(info.name, PROG_NAME);
}

/* Descriptor of the program an earlier call attached to this very group, or -1. */
static int find_ours(int cgfd)
{
	uint32_t ids[QUERY_MAX];
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgfd;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = QUERY_MAX;
	if (sys_bpf(BPF_PROG_QUERY, &attr) < 0)
		return -1;
	for (uint32_t i = 0, n = MIN(attr.query.prog_cnt, QUERY_MAX); i < n; i++) {
		_cleanup_fd_ int fd = -1;

		memset(&attr, 0, sizeof(attr));
		attr.prog_id = ids[i];
		fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
		if (fd >= 0 && is_ours(fd))
			return take_fd(&fd);
	}
	return -1;
}

/* ALLOW_MULTI: programs of others (systemd's DeviceAllow above or here) keep their say; all must
 * agree. REPLACE (5.6) leaves no instant without a program. */
static int attach(int cgfd, int prog_fd, int old_fd, struct err *e)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgfd;
	attr.attach_bpf_fd = (uint32_t)prog_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (old_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)old_fd;
	}
	if (sys_bpf(BPF_PROG_ATTACH, &attr) < 0)
		return fail(e, errno, "linux.resources.devices: attach the program to the cgroup");
	return 0;
}

static int detach(int cgfd, int prog_fd, struct err *e)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgfd;
	attr.attach_bpf_fd = (uint32_t)prog_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	if (sys_bpf(BPF_PROG_DETACH, &attr) < 0)
		return fail(e, errno, "linux.resources.devices: detach the earlier program");
	return 0;
}

int cgroup_devices_apply(int cgfd, const struct spec_device_rule *rules, size_t n, struct err *e)
{
	_cleanup_free_ struct bpf_insn *insns = NULL;
	_cleanup_fd_ int old_fd = -1, prog_fd = -1;
	size_t n_insns;
	int rc;

	rc = devices_program(rules, n, &insns, &n_insns, e);
	if (rc < 0)
		return rc;
	old_fd = find_ours(cgfd);
	if (!n_insns)
		return old_fd < 0 ? 0 : detach(cgfd, old_fd, e);
	prog_fd = load_program(insns, n_insns, e);
	if (prog_fd < 0)
		return prog_fd;
	return attach(cgfd, prog_fd, old_fd, e);
}
