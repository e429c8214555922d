/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/nudge_program.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>

#include "base/bpf.h"
#include "base/btf.h"
#include "base/cleanup.h"

/* Of a name that has changed, the newer comes first (6.14: "sched/fair: Rename h_nr_running into
 * h_nr_queued", "Add new cfs_rq.h_nr_runnable"). */
static const struct {
	const char *type, *member;
	size_t place;
} members[] = {
#define AT(field) offsetof(struct nudge_layout, field)
	{"task_struct", "policy", AT(task_policy)},
	{"task_struct", "se", AT(task_se)},
	{"sched_entity", "cfs_rq", AT(se_cfs_rq)},
	{"sched_entity", "parent", AT(se_parent)},
	{"sched_entity", "my_q", AT(se_my_q)},
	{"cfs_rq", "rq", AT(cfs_rq_rq)},
	{"cfs_rq", "idle", AT(cfs_rq_idle)},
	{"cfs_rq", "h_nr_runnable", AT(cfs_runnable)},
	{"cfs_rq", "h_nr_running", AT(cfs_runnable)},
	{"cfs_rq", "h_nr_idle", AT(cfs_idle_runnable)},
	{"cfs_rq", "idle_h_nr_running", AT(cfs_idle_runnable)},
	{"rq", "cfs", AT(rq_cfs)},
#undef AT
};

static int32_t *field(struct nudge_layout *l, size_t place)
{
	return (int32_t *)(void *)((char *)l + place);
}

int nudge_layout_read(struct nudge_layout *ret, struct err *e)
{
	struct btf_query q[ARRAY_SIZE(members)];
	_cleanup_fd_ int fd = open(BTF_KERNEL, O_RDONLY | O_CLOEXEC);
	struct nudge_layout l;
	int rc;

	if (fd < 0)
		return refuse(e, EOPNOTSUPP, "the kernel does not describe its types (no %s)",
			      BTF_KERNEL);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		q[i] = (struct btf_query){members[i].type, members[i].member, -1};
		*field(&l, members[i].place) = -1;
	}
	rc = btf_find(fd, q, ARRAY_SIZE(q), e);
	if (rc < 0)
		return rc;
	for (size_t i = ARRAY_SIZE(members); i-- > 0;)
		if (q[i].offset >= 0)
			*field(&l, members[i].place) = q[i].offset;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (*field(&l, members[i].place) < 0)
			return refuse(e, EOPNOTSUPP, "this kernel's struct %s has no %s",
				      members[i].type, members[i].member);
	*ret = l;
	return 0;
}

/* ---- instructions ------------------------------------------------------------------------ */

/* R_A and R_B keep their values across calls, as do R_CTX and R_TASK (6 to 9 are the callee's). */
enum { R_RESULT, R_1, R_2, R_3, R_4, R_5, R_CTX, R_TASK, R_A, R_B, R_FRAME };

/* Groups in groups: those nested deeper are taken for incumbents, and nothing happens. */
#define DEPTH_MAX 8
#define JUMPS_MAX 24
#define SLOT (-8) /* of the frame: what a read brings */

struct code {
	struct bpf_insn *v;
	size_t n;
	size_t exits[JUMPS_MAX]; /* jumps to the end */
	size_t n_exits;
};

static void emit(struct code *c, int code, int dst, int src, int off, int imm)
{
	c->v[c->n++] =
		BPF_INSN((uint8_t)code, (uint8_t)dst & 0xf, (uint8_t)src & 0xf, (int16_t)off, imm);
}

static void exit_if(struct code *c, int code, int dst, int src, int imm)
{
	c->exits[c->n_exits++] = c->n;
	emit(c, code, dst, src, 0, imm);
}

/* dst = what is at base + off, 4 or 8 bytes; 0 if there is nothing. */
static void read_kernel(struct code *c, int dst, int size, int base, int32_t off)
{
	emit(c, BPF_ALU64 | BPF_MOV | BPF_X, R_1, R_FRAME, 0, 0);
	emit(c, BPF_ALU64 | BPF_ADD | BPF_K, R_1, 0, 0, SLOT);
	emit(c, BPF_ALU64 | BPF_MOV | BPF_K, R_2, 0, 0, size);
	emit(c, BPF_ALU64 | BPF_MOV | BPF_X, R_3, base, 0, 0);
	emit(c, BPF_ALU64 | BPF_ADD | BPF_K, R_3, 0, 0, off);
	emit(c, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel);
	emit(c, BPF_LDX | BPF_MEM | (size == 8 ? BPF_DW : BPF_W), dst, R_FRAME, SLOT, 0);
}

/* In R_A: the run queue of this CPU. Goes on only if it holds more runnable tasks than idle ones.
 */
static void someone_waits(struct code *c, const struct nudge_layout *l)
{
	read_kernel(c, R_A, 8, R_TASK, l->task_se + l->se_cfs_rq);
	read_kernel(c, R_A, 8, R_A, l->cfs_rq_rq);
	read_kernel(c, R_B, 4, R_A, l->rq_cfs + l->cfs_idle_runnable);
	exit_if(c, BPF_JMP | BPF_JEQ | BPF_K, R_B, 0, 0);
	read_kernel(c, R_A, 4, R_A, l->rq_cfs + l->cfs_runnable);
	exit_if(c, BPF_JMP | BPF_JLE | BPF_X, R_A, R_B, 0);
}

/* Goes on only if the top-level group of the task has cpu.idle. */
static void top_is_idle(struct code *c, const struct nudge_layout *l)
{
	size_t at_top[DEPTH_MAX];

	emit(c, BPF_ALU64 | BPF_MOV | BPF_X, R_A, R_TASK, 0, 0);
	emit(c, BPF_ALU64 | BPF_ADD | BPF_K, R_A, 0, 0, l->task_se);
	for (int i = 0; i < DEPTH_MAX; i++) {
		read_kernel(c, R_B, 8, R_A, l->se_parent);
		at_top[i] = c->n;
		emit(c, BPF_JMP | BPF_JEQ | BPF_K, R_B, 0, 0, 0);
		emit(c, BPF_ALU64 | BPF_MOV | BPF_X, R_A, R_B, 0, 0);
	}
	for (int i = 0; i < DEPTH_MAX; i++)
		c->v[at_top[i]].off = (int16_t)(c->n - at_top[i] - 1);
	read_kernel(c, R_A, 8, R_A, l->se_my_q);
	exit_if(c, BPF_JMP | BPF_JEQ | BPF_K, R_A, 0, 0);
	read_kernel(c, R_B, 4, R_A, l->cfs_rq_idle);
	exit_if(c, BPF_JMP | BPF_JEQ | BPF_K, R_B, 0, 0);
}

/* Any record wakes who polls the event of this CPU. */
static void wake(struct code *c, int events_fd)
{
	emit(c, BPF_ALU64 | BPF_MOV | BPF_X, R_1, R_CTX, 0, 0);
	emit(c, BPF_LD | BPF_IMM | BPF_DW, R_2, BPF_PSEUDO_MAP_FD, 0, events_fd);
	emit(c, 0, 0, 0, 0, 0);
	emit(c, BPF_ALU | BPF_MOV | BPF_K, R_3, 0, 0, (int)BPF_F_CURRENT_CPU);
	emit(c, BPF_ALU64 | BPF_MOV | BPF_X, R_4, R_FRAME, 0, 0);
	emit(c, BPF_ALU64 | BPF_ADD | BPF_K, R_4, 0, 0, SLOT);
	emit(c, BPF_ALU64 | BPF_MOV | BPF_K, R_5, 0, 0, 8);
	emit(c, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_perf_event_output);
}

size_t nudge_program(const struct nudge_layout *l, enum nudge_who who, int events_fd,
		     struct bpf_insn *insns)
{
	struct code c = {.v = insns};
	size_t is_idle;

	emit(&c, BPF_ALU64 | BPF_MOV | BPF_X, R_CTX, R_1, 0, 0);
	/* TP_PROTO(bool preempt, struct task_struct *prev, struct task_struct *next, ...) */
	emit(&c, BPF_LDX | BPF_MEM | BPF_DW, R_TASK, R_CTX, 2 * 8, 0);
	emit(&c, BPF_ST | BPF_MEM | BPF_DW, R_FRAME, 0, SLOT, 0);
	if (who == NUDGE_TASKS) {
		read_kernel(&c, R_A, 4, R_TASK, l->task_policy);
		exit_if(&c, BPF_JMP | BPF_JNE | BPF_K, R_A, 0, SCHED_IDLE);
		someone_waits(&c, l);
	} else {
		someone_waits(&c, l);
		read_kernel(&c, R_A, 4, R_TASK, l->task_policy);
		is_idle = c.n;
		emit(&c, BPF_JMP | BPF_JEQ | BPF_K, R_A, 0, 0, SCHED_IDLE);
		top_is_idle(&c, l);
		c.v[is_idle].off = (int16_t)(c.n - is_idle - 1);
	}
	wake(&c, events_fd);
	for (size_t i = 0; i < c.n_exits; i++)
		c.v[c.exits[i]].off = (int16_t)(c.n - c.exits[i] - 1);
	emit(&c, BPF_ALU64 | BPF_MOV | BPF_K, R_RESULT, 0, 0, 0);
	emit(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return c.n;
}
