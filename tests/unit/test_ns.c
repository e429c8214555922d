/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/ns.h"
#include "tests/unit/unit.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define U CLONE_NEWUSER
#define P CLONE_NEWPID
#define N CLONE_NEWNET
#define M CLONE_NEWNS
#define C CLONE_NEWCGROUP
#define I CLONE_NEWIPC
#define T CLONE_NEWTIME

/* Words and order of spec_ns_name: user cgroup ipc uts network pid mount time. */
static const struct {
	uint64_t joined, created;
	bool offsets;
	const char *plan;
	bool bound;
} cases[] = {
	{0, 0, false, "", false},
	/* What engines ask for: one clone3, the cgroup namespace by init itself. */
	{0, P | N | M | I, false, "clone=ipc,network,pid,mount", false},
	{0, P | M | C, false, "clone=pid,mount init-unshares=cgroup", false},
	{N | I, P | M, false, "clone=pid,mount init-joins=ipc,network", false},
	/* setns of a pid namespace is for children. */
	{P | N, M, false, "parent-joins=pid clone=mount init-joins=network", false},
	/* ... and where there is no way back, for the stage's. */
	{P | N, M, false, "stage stage-joins=network,pid clone=mount", true},
	{U | P, M, false, "stage stage-joins=user,pid clone=mount", true},
	/* A new user namespace owns what is made in the same clone3. */
	{0, U | P | M | C, false, "clone=user,pid,mount init-unshares=cgroup", false},
	/* Joining with the old namespace's power, before the new one takes it away. */
	{N, U | P | M, false, "stage stage-joins=network clone=user,pid,mount", false},
	{P, U | M, false, "stage stage-joins=pid clone=user,mount", false},
	/* What is new must belong to the user namespace that is joined. */
	{U | N, M | I, false, "init-joins=user,network init-unshares=ipc,mount", false},
	{U, P | M | C, false, "stage stage-joins=user clone=pid,mount init-unshares=cgroup", false},
	{U | P, M, false, "stage stage-joins=user,pid clone=mount", false},
	{U, T | M, false, "stage stage-joins=user clone=mount,time", false},
	/* Time without offsets needs no stage, with offsets somebody must write them first. */
	{0, T | M, false, "clone=mount,time", false},
	{0, T | M, true, "stage stage-unshares=time offsets clone=mount", false},
	{0, U | T | M | C, true,
	 "stage stage-unshares=user,time offsets clone=mount init-unshares=cgroup", false},
	{N, T | M, true, "stage stage-joins=network stage-unshares=time offsets clone=mount",
	 false},
	/* A time namespace is entered at once, and its offsets are not ours. */
	{T, M, true, "clone=mount init-joins=time", false},
};

static void test_decide(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		struct ns_plan p;

		ns_plan_decide(cases[i].joined, cases[i].created, cases[i].offsets, cases[i].bound,
			       &p);
		ns_plan_print(&p, &text);
		assert_string_equal(strbuf_str(&text), cases[i].plan);
		for (int k = 0; k < NS_KINDS; k++)
			assert_int_equal(p.fds[k], -1);
	}
}

/* Whatever is asked for, each namespace is made exactly once and entered exactly once. */
static void test_every_combination(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 6561; bits++) {
		uint64_t joined = 0, created = 0, enter, make;
		struct ns_plan p;

		for (unsigned k = 0, rest = bits; k < NS_KINDS; k++, rest /= 3) {
			uint64_t flag = (uint64_t)spec_ns_clone_flag((enum spec_ns_kind)k);

			joined |= rest % 3 == 1 ? flag : 0;
			created |= rest % 3 == 2 ? flag : 0;
		}
		for (int i = 0; i < 4; i++) {
			ns_plan_decide(joined, created, i & 1, i & 2, &p);
			enter = p.parent_joins | p.stage_joins | p.init_joins;
			make = p.stage_unshares | p.clone_flags | p.init_unshares;
			assert_int_equal(enter, joined);
			assert_int_equal(make, created);
			assert_int_equal(p.parent_joins & p.init_joins, 0);
			assert_int_equal(p.stage_unshares & p.clone_flags, 0);
			assert_int_equal(p.clone_flags & p.init_unshares, 0);
			/* These take effect for children: too late for init itself. */
			assert_int_equal(p.init_joins & P, 0);
			assert_int_equal(p.init_unshares & (P | T), 0);
			/* And this one is too early in the clone. */
			assert_int_equal(p.clone_flags & C, 0);
			if (!p.two_stage)
				assert_int_equal(p.stage_joins | p.stage_unshares, 0);
			if (p.two_stage)
				assert_int_equal(p.parent_joins | p.init_joins, 0);
		}
	}
}

static void make_spec(struct spec *s, enum spec_ns_kind k, const char *path)
{
	*s = (struct spec){0};
	s->linux_.namespaces[k] = (struct spec_namespace){.wanted = true, .path = path};
}

static void test_paths(void **state)
{
	char dir[] = "/tmp/test_ns.XXXXXX", fifo[64];
	struct ns_plan p;
	struct spec s;
	struct err e;

	(void)state;
	make_spec(&s, NS_NETWORK, "/proc/self/ns/net");
	assert_int_equal(ns_plan_make(&s, &p, &e), 0);
	assert_true(p.fds[NS_NETWORK] >= 0);
	assert_int_equal(p.joined, N);
	ns_plan_close(&p);
	assert_int_equal(p.fds[NS_NETWORK], -1);

	/* Our own user namespace: the kernel refuses to enter it, and there is no need to. */
	make_spec(&s, NS_USER, "/proc/self/ns/user");
	assert_int_equal(ns_plan_make(&s, &p, &e), 0);
	assert_int_equal(p.joined, 0);
	assert_int_equal(p.fds[NS_USER], -1);

	/* The mount namespace that we are in is not one to make mounts in, named or not. */
	for (int named = 0; named < 2; named++) {
		make_spec(&s, named ? NS_MOUNT : NS_UTS, named ? "/proc/self/ns/mnt" : NULL);
		assert_int_equal(ns_plan_make(&s, &p, &e), 0);
		assert_true(p.mount_lent && p.clone_flags & M && p.fds[NS_MOUNT] >= 0);
		assert_int_equal(p.joined, 0);
		ns_plan_close(&p);
		s.linux_.namespaces[NS_USER].wanted = true;
		assert_int_equal(ns_plan_make(&s, &p, &e), -EINVAL);
	}

	make_spec(&s, NS_NETWORK, "/proc/self/ns/uts");
	assert_int_equal(ns_plan_make(&s, &p, &e), -EINVAL);
	assert_string_equal(e.msg, "config.json: linux.namespaces: /proc/self/ns/uts is not a "
				   "network namespace");
	make_spec(&s, NS_UTS, "/etc/passwd");
	assert_int_equal(ns_plan_make(&s, &p, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "is not a namespace"));
	make_spec(&s, NS_UTS, "/nonexistent");
	assert_int_equal(ns_plan_make(&s, &p, &e), -ENOENT);

	/* A FIFO must not hold us up. */
	assert_non_null(mkdtemp(dir));
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	make_spec(&s, NS_UTS, fifo);
	assert_int_equal(ns_plan_make(&s, &p, &e), -EINVAL);
	assert_int_equal(unlink(fifo), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_every_combination),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
