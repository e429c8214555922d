/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/seccomp_shrink: what comes out returns the same, and is shorter. */
#include "tests/unit/unit.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_shrink.h"

#define NR offsetof(struct seccomp_data, nr)
#define ARCH offsetof(struct seccomp_data, arch)
#define ARG(i) (offsetof(struct seccomp_data, args) + 8 * (i))
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
#define IF(op, k, jt, jf) BPF_JUMP(BPF_JMP | (op) | BPF_K, k, jt, jf)

/* The machine that the kernel's filters run on, as far as these tests go
 * (Documentation/networking/filter.rst). */
static uint32_t run(const struct sock_filter *f, size_t n, const struct seccomp_data *d)
{
	uint32_t a = 0, x = 0, m[BPF_MEMWORDS] = {0};

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		uint32_t operand = BPF_SRC(i->code) == BPF_X ? x : i->k;

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			if (BPF_MODE(i->code) == BPF_ABS)
				memcpy(&a, (const char *)d + i->k, sizeof(a));
			else
				a = BPF_MODE(i->code) == BPF_MEM ? m[i->k] : i->k;
			break;
		case BPF_LDX:
			x = BPF_MODE(i->code) == BPF_MEM ? m[i->k] : i->k;
			break;
		case BPF_ST:
			m[i->k] = a;
			break;
		case BPF_STX:
			m[i->k] = x;
			break;
		case BPF_ALU:
			a = BPF_OP(i->code) == BPF_AND ? a & operand : a + operand;
			break;
		case BPF_MISC:
			if (BPF_MISCOP(i->code) == BPF_TAX)
				x = a;
			else
				a = x;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		default: { /* BPF_JMP */
			bool yes = BPF_OP(i->code) == BPF_JEQ	? a == operand
				   : BPF_OP(i->code) == BPF_JGT ? a > operand
				   : BPF_OP(i->code) == BPF_JGE ? a >= operand
								: (a & operand) != 0;

			pc += BPF_OP(i->code) == BPF_JA ? i->k : yes ? i->jt : i->jf;
		}
		}
	}
	fail_msg("the filter has no end");
	return 0;
}

static uint64_t seed = 1;

static uint32_t any(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

static const uint32_t archs[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0, 1, ~0u};

/* Numbers at and around those the filter names. */
static uint32_t some_number(const struct sock_filter *f, size_t n)
{
	switch (any(4)) {
	case 0:
		return any(500);
	case 1:
		return 0x40000000u + any(600);
	case 2:
		return (uint32_t)any(1u << 31) * 2 + any(2);
	default:
		return f[any((uint32_t)n)].k + any(3) - 1;
	}
}

static void assert_same(const struct sock_filter *f, size_t n, const struct sock_filter *g,
			size_t m, const struct seccomp_data *d)
{
	uint32_t was = run(f, n, d), is = run(g, m, d);

	if (was != is)
		fail_msg("arch %#x nr %#x args %#llx %#llx: %#x, was %#x", d->arch, (unsigned)d->nr,
			 (unsigned long long)d->args[0], (unsigned long long)d->args[1], is, was);
}

static void compare(const struct sock_filter *f, size_t n, const struct sock_filter *g, size_t m)
{
	struct seccomp_data d = {0};

	for (size_t a = 0; a < ARRAY_SIZE(archs); a++)
		for (uint32_t nr = 0; nr < 600; nr++) {
			d.arch = archs[a];
			d.nr = (int)nr;
			assert_same(f, n, g, m, &d);
			d.nr = (int)(nr + 0x40000000);
			assert_same(f, n, g, m, &d);
		}
	for (int i = 0; i < 4000; i++) {
		d.arch = any(8) ? archs[any(ARRAY_SIZE(archs))] : some_number(f, n);
		d.nr = (int)some_number(f, n);
		for (int j = 0; j < 6; j++)
			d.args[j] = any(3) ? any(8)
					   : (uint64_t)some_number(f, n) << 32 | some_number(f, n);
		assert_same(f, n, g, m, &d);
	}
}

/* Returns how long it is then; 0: it was left alone. */
static size_t shrunk(const struct sock_filter *f, size_t n)
{
	struct sock_filter *g;
	unsigned short m;

	if (!seccomp_shrink(f, (unsigned short)n, &g, &m))
		return 0;
	assert_in_range(m, 1, n - 1);
	compare(f, n, g, m);
	free(g);
	return m;
}

static size_t export_filter(scmp_filter_ctx ctx, struct sock_filter *f, size_t max)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
	n = pread(fd, f, max * sizeof(*f), 0);
	assert_in_range(n, sizeof(*f), max * sizeof(*f) - 1);
	close(fd);
	return (size_t)n / sizeof(*f);
}

static void add_rules(scmp_filter_ctx ctx, uint32_t action, int percent)
{
	static const enum scmp_compare ops[] = {SCMP_CMP_EQ, SCMP_CMP_NE, SCMP_CMP_GT,
						SCMP_CMP_GE, SCMP_CMP_LT, SCMP_CMP_LE};

	for (int nr = 0; nr < 450; nr++) {
		struct scmp_arg_cmp c[2] = {
			SCMP_CMP64(0, ops[any(6)], any(8)),
			SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, any(16), any(8)),
		};

		if ((int)any(100) >= percent)
			continue;
		/* Numbers that some architecture does not have are refused: fine. */
		(void)seccomp_rule_add_array(ctx, action, nr, any(10) ? 0 : 1 + any(2), c);
	}
}

/* What libseccomp makes of random profiles. */
static void test_profiles(void **state)
{
	static const uint32_t actions[] = {SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(1), SCMP_ACT_ERRNO(38),
					   SCMP_ACT_KILL_PROCESS, SCMP_ACT_LOG};
	static struct sock_filter f[BPF_MAXINSNS];
	size_t done = 0;

	(void)state;
	for (int i = 0; i < 40; i++) {
		uint32_t other = actions[any(ARRAY_SIZE(actions))];
		scmp_filter_ctx ctx = seccomp_init(other);
		size_t n, m;

		assert_non_null(ctx);
		if (any(2))
			(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		if (any(2))
			(void)seccomp_arch_add(ctx, SCMP_ARCH_X86);
		if (any(2))
			(void)seccomp_arch_add(ctx, SCMP_ARCH_X32);
		for (int j = 0; j < 2; j++) {
			uint32_t action = actions[any(ARRAY_SIZE(actions))];

			if (action != other)
				add_rules(ctx, action, 1 + (int)any(90));
		}
		n = export_filter(ctx, f, ARRAY_SIZE(f));
		m = shrunk(f, n);
		done += m > 0;
		seccomp_release(ctx);
	}
	assert_in_range(done, 20, 40);
}

/* An allow list as long as engines use: most numbers, in long rows. */
static void test_allow_list(void **state)
{
	static struct sock_filter f[BPF_MAXINSNS];
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(1));
	size_t n, m;

	(void)state;
	assert_int_equal(seccomp_arch_add(ctx, SCMP_ARCH_X86), 0);
	assert_int_equal(seccomp_arch_add(ctx, SCMP_ARCH_X32), 0);
	for (int nr = 0; nr < 330; nr++)
		if (nr % 11)
			(void)seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
	n = export_filter(ctx, f, ARRAY_SIZE(f));
	m = shrunk(f, n);
	seccomp_release(ctx);
	if (m == 0 || m * 2 > n)
		fail_msg("%zu instructions of %zu", m, n);
}

#define FILTER(...) ((const struct sock_filter[]){__VA_ARGS__})
#define SHRUNK(...)                                                                                \
	shrunk(FILTER(__VA_ARGS__), sizeof(FILTER(__VA_ARGS__)) / sizeof(struct sock_filter))

/* What is not understood is left alone, however silly. */
static void test_left_alone(void **state)
{
	struct sock_filter *g;
	unsigned short m;

	(void)state;
	assert_int_equal(SHRUNK(RETURN(1)), 0);
	assert_false(seccomp_shrink(FILTER(RETURN(1)), 0, &g, &m));
	/* A mask of the number is no interval. */
	assert_int_equal(SHRUNK(LOAD(NR), IF(BPF_JSET, 1, 0, 1), RETURN(1), RETURN(2), RETURN(3)),
			 0);
	/* Arithmetic, the index register, memory. */
	assert_int_equal(SHRUNK(LOAD(NR), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 7),
				IF(BPF_JEQ, 3, 0, 1), RETURN(1), RETURN(2), RETURN(3)),
			 0);
	assert_int_equal(SHRUNK(LOAD(NR), BPF_STMT(BPF_MISC | BPF_TAX, 0),
				BPF_STMT(BPF_RET | BPF_A, 0), RETURN(2)),
			 0);
	assert_int_equal(SHRUNK(LOAD(NR), BPF_STMT(BPF_ST, 0), IF(BPF_JEQ, 3, 0, 1), LOAD(ARG(0)),
				RETURN(2), RETURN(3)),
			 0);
	/* An architecture that is greater than another. */
	assert_int_equal(SHRUNK(LOAD(ARCH), IF(BPF_JGT, 3, 0, 1), RETURN(1), RETURN(2), RETURN(3)),
			 0);
	/* Compared before anything was loaded; out of its end, by a jump and without one. */
	assert_int_equal(SHRUNK(IF(BPF_JEQ, 0, 0, 1), RETURN(1), RETURN(2), RETURN(3)), 0);
	assert_int_equal(SHRUNK(LOAD(NR), IF(BPF_JEQ, 0, 2, 1), RETURN(1), RETURN(2)), 0);
	assert_false(seccomp_shrink(FILTER(LOAD(NR), BPF_STMT(BPF_JMP | BPF_JA, 9), RETURN(1)), 3,
				    &g, &m));
	assert_false(seccomp_shrink(FILTER(RETURN(1), RETURN(2), LOAD(NR)), 3, &g, &m));
}

/* Where one side goes on into what the other side looks at. */
static void test_arguments(void **state)
{
	(void)state;
	assert_in_range(SHRUNK(LOAD(ARCH), IF(BPF_JEQ, AUDIT_ARCH_X86_64, 0, 12), LOAD(NR),
			       IF(BPF_JEQ, 7, 0, 1), RETURN(1), IF(BPF_JEQ, 8, 0, 1), RETURN(1),
			       IF(BPF_JEQ, 9, 0, 1), RETURN(1), IF(BPF_JGE, 20, 0, 4), LOAD(ARG(0)),
			       IF(BPF_JEQ, 5, 0, 1), RETURN(3), BPF_STMT(BPF_JMP | BPF_JA, 0),
			       LOAD(ARG(1)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 3),
			       IF(BPF_JSET, 1, 0, 1), RETURN(4), RETURN(5)),
			1, 18);
	/* All the same, whatever it asks. */
	assert_int_equal(SHRUNK(LOAD(ARCH), IF(BPF_JEQ, 3, 0, 1), RETURN(1), LOAD(NR),
				IF(BPF_JGT, 8, 0, 1), RETURN(1), RETURN(1)),
			 3);
}

/* Random programs of what it knows, in which everything may follow anything. */
static void test_random(void **state)
{
	static const uint32_t loads[] = {NR, NR, ARCH, ARG(0), ARG(1)};
	static const uint16_t ops[] = {BPF_JEQ, BPF_JEQ, BPF_JGT, BPF_JGE};
	size_t done = 0;

	(void)state;
	for (int round = 0; round < 1500; round++) {
		struct sock_filter f[60];
		size_t n = 8 + any(50);

		for (size_t i = 0; i < n; i++) {
			uint32_t left = (uint32_t)(n - i - 1);
			uint32_t kind = left < 2 ? 0 : any(10);

			if (kind == 0)
				f[i] = (struct sock_filter)RETURN(any(3));
			else if (kind < 4)
				f[i] = (struct sock_filter)LOAD(loads[any(ARRAY_SIZE(loads))]);
			else if (kind == 4)
				f[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, any(left));
			else
				f[i] = (struct sock_filter)IF(
					ops[any(ARRAY_SIZE(ops))], any(4) ? any(12) : archs[any(2)],
					(uint8_t)any(left), (uint8_t)any(left));
		}
		f[0] = (struct sock_filter)LOAD(loads[any(3)]);
		done += shrunk(f, n) > 0;
	}
	assert_in_range(done, 100, 1500);
}

/* Longer than a comparison can jump. */
static void test_far(void **state)
{
	static struct sock_filter f[BPF_MAXINSNS];
	size_t n = 0;

	(void)state;
	f[n++] = (struct sock_filter)LOAD(NR);
	for (uint32_t nr = 0; nr < 600; nr++) {
		f[n++] = (struct sock_filter)IF(BPF_JEQ, nr, 0, 1);
		f[n++] = (struct sock_filter)RETURN(nr % 5);
		/* Said again, so that there is something to gain. */
		f[n++] = (struct sock_filter)IF(BPF_JEQ, nr, 0, 1);
		f[n++] = (struct sock_filter)RETURN(nr % 7);
	}
	f[n++] = (struct sock_filter)LOAD(ARG(0));
	f[n++] = (struct sock_filter)IF(BPF_JEQ, 3, 0, 1);
	f[n++] = (struct sock_filter)RETURN(9);
	f[n++] = (struct sock_filter)RETURN(8);
	assert_in_range(shrunk(f, n), 600, 2000);
}

/* What a profile is prepared to is the short one: all numbers of a row need a few comparisons. */
static void test_prepared(void **state)
{
	static char words[][9] = {"read",  "write", "open",  "close", "stat",	  "fstat",
				  "lstat", "poll",  "lseek", "mmap",  "mprotect", "munmap"};
	char *names[ARRAY_SIZE(words)];
	struct spec_seccomp_rule rule = {.names = {names, ARRAY_SIZE(names)},
					 .action = SCMP_ACT_ALLOW};
	const char text[] = "test_prepared";
	const struct spec_seccomp s = {.default_action = SCMP_ACT_ERRNO(0),
				       .rules = &rule,
				       .n_rules = 1,
				       .text = text,
				       .text_len = sizeof(text) - 1};
	const struct runtime rt = {.root = "/nonexistent"};
	struct seccomp_program p;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		names[i] = words[i];
	if (seccomp_prepare(&rt, &s, &p, &e) < 0)
		fail_msg("%s", e.msg);
	assert_in_range(p.n, 3, ARRAY_SIZE(names));
	seccomp_program_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),   cmocka_unit_test(test_allow_list),
		cmocka_unit_test(test_left_alone), cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_prepared),   cmocka_unit_test(test_random),
		cmocka_unit_test(test_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
