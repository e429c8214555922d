/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/btf.h"
#include "base/cleanup.h"
#include "sched/nudge_program.h"
#include "tests/unit/unit.h"

static const struct nudge_layout layout = {
	.task_policy = 900,
	.task_se = 128,
	.task_info = 1200,
	.info_queued = 24,
	.info_arrived = 16,
	.rq_clock = 2600,
	.se_cfs_rq = 160,
	.se_parent = 152,
	.se_my_q = 168,
	.cfs_rq_rq = 300,
	.cfs_rq_idle = 400,
	.cfs_runnable = 24,
	.cfs_idle_runnable = 28,
	.rq_cfs = 256,
};

static bool is_jump(const struct bpf_insn *i)
{
	return i->code && BPF_CLASS(i->code) == BPF_JMP && BPF_OP(i->code) != BPF_CALL &&
	       BPF_OP(i->code) != BPF_EXIT;
}

/* Every jump was given its place, forward and inside; the end is reached. */
static void check(enum nudge_who who)
{
	struct bpf_insn v[NUDGE_INSNS_MAX + 1];
	size_t n, jumps = 0;

	memset(v, 0xee, sizeof(v));
	n = nudge_program(&layout, who, 7, 8, v);
	assert_true(n <= NUDGE_INSNS_MAX);
	assert_int_equal(v[n].code, 0xee);
	assert_int_equal(v[n - 1].code, BPF_JMP | BPF_EXIT);
	for (size_t i = 0; i < n; i++) {
		if (!is_jump(&v[i]))
			continue;
		jumps++;
		assert_true(v[i].off > 0);
		assert_true(i + 1 + (size_t)v[i].off < n);
	}
	assert_true(jumps >= 3);
}

static void test_program(void **state)
{
	(void)state;
	check(NUDGE_TASKS);
	check(NUDGE_GROUPS);
}

/* The kernel that runs this: all there, or one clear sentence. */
static void test_this_kernel(void **state)
{
	struct err e = ERR_INIT;
	struct nudge_layout l;

	(void)state;
	if (nudge_layout_read(&l, &e) < 0) {
		assert_int_equal(e.code, EOPNOTSUPP);
		assert_int_not_equal(access(BTF_KERNEL, R_OK), 0);
		skip();
	}
	assert_true(l.task_policy > 0 && l.task_se > 0);
	assert_true(l.cfs_idle_runnable > 0 && l.cfs_idle_runnable != l.cfs_runnable);
	assert_true(l.se_parent != l.se_my_q && l.se_parent != l.se_cfs_rq);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_this_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
