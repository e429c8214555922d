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
 * Loading it is the dearest step of making a container's group, and nearly all of that is the
 * verifier, which follows every branch: so a rule makes as few of them as possible. The default
 * program has some 25 instructions (measured: a load of 60 us; 98 straightforward ones: 300 us).
 *
 * Kernel: include/uapi/linux/bpf.h (struct bpf_cgroup_dev_ctx), kernel/bpf/cgroup.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bpf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/cgroup.h"
#include "runtime/devices_bpf.h"

#define TOO_MANY                                                                                   \
	"linux.resources.devices: more rules than the kernel can check (a program of %zu "         \
	"instructions)"

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
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(3), RWM}, /* null */
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(5), RWM}, /* zero */
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(7), RWM}, /* full */
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(8), RWM}, /* random */
	{.allow = true, .type = 'c', .major = NUM(1), .minor = NUM(9), RWM}, /* urandom */
	{.allow = true, .type = 'c', .major = NUM(5), .minor = NUM(0), RWM}, /* tty */
	{.allow = true, .type = 'c', .major = NUM(5), .minor = NUM(1), RWM}, /* console */
	{.allow = true, .type = 'c', .major = NUM(5), .minor = NUM(2), RWM}, /* ptmx */
	{.allow = true, .type = 'c', .major = NUM(136), .minor = ANY, RWM},  /* pts */
	{.allow = true, .type = 'a', .major = ANY, .minor = ANY, .mknod = true},
};

/* R_DEVICE is major << 20 | minor, the kernel's own dev_t (linux/kdev_t.h). */
enum { R_RESULT, R_CTX, R_OPEN, R_TYPE, R_DEVICE, R_SCRATCH };
#define MINOR_BITS 20
#define MAJOR_MAX 0xfff
#define MINOR_MAX 0xfffff

#define INSN BPF_INSN
#define LOAD(d, field)                                                                             \
	INSN(BPF_LDX | BPF_MEM | BPF_W, d, R_CTX, offsetof(struct bpf_cgroup_dev_ctx, field), 0)
#define MOV_REG(d, s) INSN(BPF_ALU | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV(d, i) INSN(BPF_ALU | BPF_MOV | BPF_K, d, 0, 0, i)
#define OR_REG(d, s) INSN(BPF_ALU | BPF_OR | BPF_X, d, s, 0, 0)
#define AND(d, i) INSN(BPF_ALU | BPF_AND | BPF_K, d, 0, 0, i)
#define SHIFT_LEFT(d, i) INSN(BPF_ALU | BPF_LSH | BPF_K, d, 0, 0, i)
#define SHIFT_RIGHT(d, i) INSN(BPF_ALU | BPF_RSH | BPF_K, d, 0, 0, i)
#define JUMP_NE(d, i, o) INSN(BPF_JMP32 | BPF_JNE | BPF_K, d, 0, o, i)
#define JUMP_EQ(d, i, o) INSN(BPF_JMP32 | BPF_JEQ | BPF_K, d, 0, o, i)
#define JUMP(o) INSN(BPF_JMP | BPF_JA, 0, 0, o, 0)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* Jumps to the two ends of the program, until it is known where they are. All others go forward. */
#define TO_DENY (-1)
#define TO_ALLOW (-2)

struct code {
	struct bpf_insn *v;
	size_t n;
};

/* Room for the worst case was made: see INSNS_PER_RULE. */
static void emit(struct code *c, struct bpf_insn insn)
{
	c->v[c->n++] = insn;
}

/* A jump over what follows, to be landed. */
static size_t emit_skip(struct code *c, struct bpf_insn insn)
{
	emit(c, insn);
	return c->n - 1;
}

static void land(struct code *c, size_t jump)
{
	c->v[jump].off = (int16_t)(c->n - jump - 1);
}

static void emit_device(struct code *c)
{
	emit(c, LOAD(R_DEVICE, major));
	emit(c, SHIFT_LEFT(R_DEVICE, MINOR_BITS));
	emit(c, LOAD(R_SCRATCH, minor));
	emit(c, OR_REG(R_DEVICE, R_SCRATCH));
}

static int access_bits(const struct spec_device_rule *r)
{
	return (r->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (r->read ? BPF_DEVCG_ACC_READ : 0) |
	       (r->write ? BPF_DEVCG_ACC_WRITE : 0);
}

static bool has_major(const struct spec_device_rule *r)
{
	return r->major.set && r->major.val >= 0;
}

static bool has_minor(const struct spec_device_rule *r)
{
	return r->minor.set && r->minor.val >= 0;
}

/* What the rule's number is compared with. */
static int emit_number(struct code *c, const struct spec_device_rule *r, uint32_t *ret)
{
	if (has_major(r) && has_minor(r)) {
		*ret = (uint32_t)r->major.val << MINOR_BITS | (uint32_t)r->minor.val;
		return R_DEVICE;
	}
	*ret = (uint32_t)(has_major(r) ? r->major.val : r->minor.val);
	emit(c, has_major(r) ? LOAD(R_SCRATCH, major) : LOAD(R_SCRATCH, minor));
	return R_SCRATCH;
}

/* Some of the bits: what is decided, and what is left open. */
static void emit_partial(struct code *c, const struct spec_device_rule *r)
{
	if (r->allow) {
		emit(c, AND(R_OPEN, ~access_bits(r)));
		emit(c, JUMP_EQ(R_OPEN, 0, TO_ALLOW));
	} else {
		emit(c, MOV_REG(R_SCRATCH, R_OPEN));
		emit(c, AND(R_SCRATCH, access_bits(r)));
		emit(c, JUMP_NE(R_SCRATCH, 0, TO_DENY));
	}
}

/* A load, a test, three for the verdict, four to forget; and its share of a test of the type. */
#define INSNS_PER_RULE 10
#define INSNS_FIXED 16
/* The farthest a jump may go. */
#define INSNS_MAX INT16_MAX

/* The type has been tested. False if nothing can come after it. */
static bool emit_rule(struct code *c, const struct spec_device_rule *r)
{
	bool all = r->read && r->write && r->mknod;
	int end = r->allow ? TO_ALLOW : TO_DENY, reg;
	uint32_t number;
	size_t skip;

	if (!has_major(r) && !has_minor(r)) {
		if (all)
			emit(c, JUMP(end));
		else
			emit_partial(c, r);
		return !all;
	}
	reg = emit_number(c, r, &number);
	if (all) {
		emit(c, JUMP_EQ(reg, (int)number, end));
		return true;
	}
	skip = emit_skip(c, JUMP_NE(reg, (int)number, 0));
	emit_partial(c, r);
	/* On this way the verifier knows the device, and would go on knowing it through all rules
	 * to come: its work would grow with the square of their number. */
	if (reg == R_DEVICE)
		emit_device(c);
	land(c, skip);
	return true;
}

/* A rule that can match anything at all. */
static bool is_live(const struct spec_device_rule *r)
{
	return access_bits(r) && !(has_major(r) && r->major.val > MAJOR_MAX) &&
	       !(has_minor(r) && r->minor.val > MINOR_MAX);
}

/* Backwards; one test of the type for neighbours that have the same. */
static void emit_rules(struct code *c, const struct spec_device_rule *rules, size_t n)
{
	while (n) {
		char type = rules[n - 1].type;
		bool open = true;
		size_t skip = 0;

		if (type != 'a')
			skip = emit_skip(
				c,
				JUMP_NE(R_TYPE,
					type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, 0));
		for (; n && rules[n - 1].type == type; n--)
			if (open && is_live(&rules[n - 1]))
				open = emit_rule(c, &rules[n - 1]);
		if (type != 'a')
			land(c, skip);
	}
}

static void emit_head(struct code *c)
{
	/* access_type is (bits << 16) | type */
	emit(c, LOAD(R_TYPE, access_type));
	emit(c, MOV_REG(R_OPEN, R_TYPE));
	emit(c, SHIFT_RIGHT(R_OPEN, 16));
	emit(c, JUMP_EQ(R_OPEN, 0, TO_ALLOW)); /* asks for nothing: access(2) with F_OK */
	emit(c, AND(R_TYPE, 0xffff));
	emit_device(c);
}

/* The end that is fallen into comes first; the other one only if somebody jumps to it, for the
 * verifier refuses code that nobody reaches. */
static void emit_ends(struct code *c, bool fall_to)
{
	size_t body = c->n, at[2];
	bool used[2] = {!fall_to, fall_to};

	for (size_t i = 0; i < body; i++)
		if (c->v[i].off < 0)
			used[c->v[i].off == TO_ALLOW] = true;
	for (int i = 0; i < 2; i++) {
		bool end = i ? !fall_to : fall_to;

		at[end] = c->n;
		if (used[end]) {
			emit(c, MOV(R_RESULT, end));
			emit(c, EXIT());
		}
	}
	for (size_t i = 0; i < body; i++)
		if (c->v[i].off < 0)
			c->v[i].off = (int16_t)(at[c->v[i].off == TO_ALLOW] - i - 1);
}

static bool is_catch_all(const struct spec_device_rule *r)
{
	return r->type == 'a' && !has_major(r) && !has_minor(r) && r->read && r->write && r->mknod;
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
	insns = calloc((n - first + ARRAY_SIZE(defaults)) * INSNS_PER_RULE + INSNS_FIXED,
		       sizeof(*insns));
	if (!insns)
		return fail(e, ENOMEM, "make the device program");
	c.v = insns;
	emit_head(&c);
	emit_rules(&c, defaults, ARRAY_SIZE(defaults));
	if (first < n) /* none: `rules` may be NULL */
		emit_rules(&c, rules + first, n - first);
	if (c.n > INSNS_MAX)
		return refuse(e, E2BIG, TOO_MANY, c.n);
	emit_ends(&c, base);
	*ret = take_ptr(&insns);
	*ret_n = c.n;
	return 0;
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
		return refuse(e, E2BIG, TOO_MANY, n);
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

int cgroup_devices_guard(int cgfd, const struct spec_linux *l, struct err *e)
{
	const struct spec_resources *r = &l->resources;
	_cleanup_free_ struct spec_device_rule *rules = NULL;
	size_t n = 0;

	if (!l->n_devices)
		return cgroup_devices_apply(cgfd, r->devices, r->n_devices, e);
	rules = calloc(l->n_devices + r->n_devices, sizeof(*rules));
	if (!rules)
		return fail(e, ENOMEM, "make the device program");
	for (size_t i = 0; i < l->n_devices; i++) {
		const struct spec_device *d = &l->devices[i];

		if (d->type != 'p') /* a FIFO is no device */
			rules[n++] = (struct spec_device_rule){
				.allow = true,
				.type = d->type,
				.major = NUM(d->major),
				.minor = NUM(d->minor),
				RWM,
			};
	}
	for (size_t i = 0; i < r->n_devices; i++)
		rules[n++] = r->devices[i];
	return cgroup_devices_apply(cgfd, rules, n, e);
}
