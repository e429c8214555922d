/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/nudge_program.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>

#include "base/bpf.h"
#include "base/btf.h"
#include "base/cleanup.h"
#include "metrics/sample.h"

/* Of a name that has changed, the newer comes first (6.14: "sched/fair: Rename h_nr_running into
 * h_nr_queued", "Add new cfs_rq.h_nr_runnable"). */
static const struct {
	const char *type, *member;
	size_t place;
} members[] = {
#define AT(field) offsetof(struct nudge_layout, field)
	{"task_struct", "policy", AT(task_policy)},
	{"task_struct", "se", AT(task_se)},
	{"task_struct", "sched_info", AT(task_info)},
	{"sched_info", "last_queued", AT(info_queued)},
	{"sched_info", "last_arrival", AT(info_arrived)},
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
	{"rq", "clock", AT(rq_clock)},
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

/* TP_PROTO(bool preempt, struct task_struct *prev, struct task_struct *next, ...) */
#define ARG_PREV 8
#define ARG_NEXT 16

/* Groups in groups: what is nested deeper is taken for an incumbent, and nothing happens. */
#define DEPTH_MAX 6
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

static void set(struct code *c, int dst, int imm)
{
	emit(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static void copy(struct code *c, int dst, int src)
{
	emit(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void add(struct code *c, int dst, int imm)
{
	/* NOLINTNEXTLINE(misc-redundant-expression): as in set_map */
	emit(c, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}

static void call(struct code *c, int function)
{
	emit(c, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

static void set_map(struct code *c, int dst, int fd)
{
	/* NOLINTNEXTLINE(misc-redundant-expression): both names are 0, and yet mean two things */
	emit(c, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, fd);
	emit(c, 0, 0, 0, 0, 0);
}

/* A jump forward, to be landed. */
static size_t jump_if(struct code *c, int condition, int dst, int src, int imm)
{
	emit(c, BPF_JMP | condition, dst, src, 0, imm);
	return c->n - 1;
}

static void land(struct code *c, size_t jump)
{
	c->v[jump].off = (int16_t)(c->n - jump - 1);
}

static void exit_if(struct code *c, int condition, int dst, int src, int imm)
{
	c->exits[c->n_exits++] = jump_if(c, condition, dst, src, imm);
}

static void leave(struct code *c)
{
	exit_if(c, BPF_JA, 0, 0, 0);
}

static void load_task(struct code *c, int arg)
{
	emit(c, BPF_LDX | BPF_MEM | BPF_DW, R_TASK, R_CTX, arg, 0);
}

/* dst = what is at base + off, 4 or 8 bytes; 0 if there is nothing. */
static void read_kernel(struct code *c, int dst, int size, int base, int32_t off)
{
	copy(c, R_1, R_FRAME);
	add(c, R_1, SLOT);
	set(c, R_2, size);
	copy(c, R_3, base);
	add(c, R_3, off);
	call(c, BPF_FUNC_probe_read_kernel);
	emit(c, BPF_LDX | BPF_MEM | (size == 8 ? BPF_DW : BPF_W), dst, R_FRAME, SLOT, 0);
}

/* R_A = the run queue that the task belongs to. */
static void load_rq(struct code *c, const struct nudge_layout *l)
{
	read_kernel(c, R_A, 8, R_TASK, l->task_se + l->se_cfs_rq);
	read_kernel(c, R_A, 8, R_A, l->cfs_rq_rq);
}

/* R_B = cpu.idle of the task's top-level group. */
static void load_top_idle(struct code *c, const struct nudge_layout *l)
{
	size_t at_top[DEPTH_MAX], in_root;

	copy(c, R_A, R_TASK);
	add(c, R_A, l->task_se);
	for (int i = 0; i < DEPTH_MAX; i++) {
		read_kernel(c, R_B, 8, R_A, l->se_parent);
		at_top[i] = jump_if(c, BPF_JEQ | BPF_K, R_B, 0, 0);
		copy(c, R_A, R_B);
	}
	for (int i = 0; i < DEPTH_MAX; i++)
		land(c, at_top[i]);
	read_kernel(c, R_B, 8, R_A, l->se_my_q);
	in_root = jump_if(c, BPF_JEQ | BPF_K, R_B, 0, 0);
	read_kernel(c, R_B, 4, R_B, l->cfs_rq_idle);
	land(c, in_root);
}

/* R_B = whether the task is a secondary. */
static void load_is_idle(struct code *c, const struct nudge_layout *l, enum nudge_who who)
{
	size_t other, end;

	read_kernel(c, R_B, 4, R_TASK, l->task_policy);
	other = jump_if(c, BPF_JNE | BPF_K, R_B, 0, SCHED_IDLE);
	set(c, R_B, 1);
	end = jump_if(c, BPF_JA, 0, 0, 0);
	land(c, other);
	if (who == NUDGE_GROUPS)
		load_top_idle(c, l);
	else
		set(c, R_B, 0);
	land(c, end);
}

/* Any record wakes who polls the event of this CPU. */
static void wake(struct code *c, int events_fd)
{
	copy(c, R_1, R_CTX);
	set_map(c, R_2, events_fd);
	emit(c, BPF_ALU | BPF_MOV | BPF_K, R_3, 0, 0, (int)BPF_F_CURRENT_CPU);
	copy(c, R_4, R_FRAME);
	add(c, R_4, SLOT);
	set(c, R_5, 8);
	call(c, BPF_FUNC_perf_event_output);
}

/* A secondary comes: does its run queue hold more runnable tasks than idle ones? */
static void secondary_comes(struct code *c, const struct nudge_layout *l, int events_fd)
{
	load_rq(c, l);
	read_kernel(c, R_B, 4, R_A, l->rq_cfs + l->cfs_idle_runnable);
	read_kernel(c, R_A, 4, R_A, l->rq_cfs + l->cfs_runnable);
	exit_if(c, BPF_JLE | BPF_X, R_A, R_B, 0);
	wake(c, events_fd);
}

/* A secondary goes, and R_TASK comes: for as long as both that was waiting and the secondary ran,
 * the secondary is charged. These clocks are those of the run queue. */
static void secondary_goes(struct code *c, const struct nudge_layout *l, int charges_fd)
{
	size_t queued_later;

	read_kernel(c, R_B, 8, R_TASK, l->task_info + l->info_queued);
	exit_if(c, BPF_JEQ | BPF_K, R_B, 0, 0); /* the idle task */
	load_rq(c, l);
	read_kernel(c, R_A, 8, R_A, l->rq_clock);
	load_task(c, ARG_PREV);
	read_kernel(c, R_TASK, 8, R_TASK, l->task_info + l->info_arrived);
	queued_later = jump_if(c, BPF_JLE | BPF_X, R_TASK, R_B, 0);
	copy(c, R_B, R_TASK);
	land(c, queued_later);
	emit(c, BPF_ALU64 | BPF_SUB | BPF_X, R_A, R_B, 0, 0);
	exit_if(c, BPF_JSLE | BPF_K, R_A, 0, SAMPLE_WAKEUP_NS);
	add(c, R_A, -SAMPLE_WAKEUP_NS);
	call(c, BPF_FUNC_get_smp_processor_id);
	emit(c, BPF_STX | BPF_MEM | BPF_W, R_FRAME, R_RESULT, SLOT, 0);
	set_map(c, R_1, charges_fd);
	copy(c, R_2, R_FRAME);
	add(c, R_2, SLOT);
	call(c, BPF_FUNC_map_lookup_elem);
	exit_if(c, BPF_JEQ | BPF_K, R_RESULT, 0, 0);
	/* Only this CPU writes here, and never twice at a time. */
	emit(c, BPF_LDX | BPF_MEM | BPF_DW, R_1, R_RESULT, 0, 0);
	emit(c, BPF_ALU64 | BPF_ADD | BPF_X, R_1, R_A, 0, 0);
	emit(c, BPF_STX | BPF_MEM | BPF_DW, R_RESULT, R_1, 0, 0);
}

size_t nudge_program(const struct nudge_layout *l, enum nudge_who who, int events_fd,
		     int charges_fd, struct bpf_insn *insns)
{
	struct code c = {.v = insns};
	size_t comes;

	copy(&c, R_CTX, R_1);
	emit(&c, BPF_ST | BPF_MEM | BPF_DW, R_FRAME, 0, SLOT, 0);
	load_task(&c, ARG_NEXT);
	load_is_idle(&c, l, who);
	comes = jump_if(&c, BPF_JNE | BPF_K, R_B, 0, 0);
	load_task(&c, ARG_PREV);
	load_is_idle(&c, l, who);
	exit_if(&c, BPF_JEQ | BPF_K, R_B, 0, 0);
	load_task(&c, ARG_NEXT);
	secondary_goes(&c, l, charges_fd);
	leave(&c);
	land(&c, comes);
	secondary_comes(&c, l, events_fd);
	for (size_t i = 0; i < c.n_exits; i++)
		land(&c, c.exits[i]);
	set(&c, R_RESULT, 0);
	emit(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return c.n;
}
