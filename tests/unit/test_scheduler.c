/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop around the policy, on made-up cgroups: who leads, whom it adopts, what it writes, what
 * it leaves alone, what is left when it is killed.
 */
#include "tests/unit/unit.h"

#include <poll.h>

#include "base/clock.h"
#include "runtime/freezer.h"
#include "sched/leader.h"
#include "sched/scheduler.h"
#include "tests/unit/fake_slice.h"

#define LEAF "unified/cede.slice/job/"

static struct {
	unsigned n;
	enum rung from, to;
	enum reason why;
} edges;

static void on_edge(const char *id, enum rung from, enum rung to, enum reason why, void *arg)
{
	(void)arg;
	assert_string_equal(id, "job");
	edges.n++;
	edges.from = from;
	edges.to = to;
	edges.why = why;
}

/* No machine has so much memory: an alarm at once, and for as long as we like. */
static struct policy_config alarmed(void)
{
	struct policy_config cfg = policy_config_default;

	cfg.mem_reserve_bytes = INT64_MAX;
	return cfg;
}

/* One that nothing in this test can alarm, whatever else runs on the machine. */
static struct policy_config calm(void)
{
	struct policy_config cfg = policy_config_default;

	cfg.delay_tolerance_ppm = cfg.cpu_psi_tolerance_ppm = 1000000;
	cfg.mem_psi_tolerance_ppm = cfg.io_psi_tolerance_ppm = 1000000;
	cfg.mem_reserve_bytes = cfg.mem_reserve_ppm = 0;
	return cfg;
}

static struct scheduler *start(const struct fake *f, const struct policy_config *cfg)
{
	struct scheduler_opts o = {.rt = &f->rt, .config = cfg, .on_edge = on_edge};
	struct scheduler *s;
	struct err e = ERR_INIT;

	memset(&edges, 0, sizeof(edges));
	if (scheduler_new(&o, &s, &e) < 0)
		fail_msg("scheduler: %s", e.msg);
	return s;
}

/* As a caller does: waits for the descriptor, calls the tick. */
static void run_for(struct scheduler *s, unsigned ms)
{
	uint64_t end = now_ns() + ms * NSEC_PER_MSEC;

	while (now_ns() < end) {
		struct pollfd p = {.fd = scheduler_fd(s), .events = POLLIN};
		struct err e = ERR_INIT;

		assert_true(poll(&p, 1, 2000) == 1);
		if (scheduler_tick(s, &e) < 0)
			fail_msg("tick: %s", e.msg);
	}
}

static bool held(const struct fake *f, const char *holder)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "root/job/freeze.%s", holder);
	return !streq(get(f, path), "-");
}

static void user_hold(const struct fake *f, bool hold)
{
	struct container *c;

	assert_int_equal(container_open(&f->rt, "job", CONTAINER_LOCK_EXCLUSIVE, &c, NULL), 0);
	assert_int_equal(freezer_hold(c, FREEZE_USER, hold, 0, NULL), 0);
	container_close(c);
}

static void test_freeze_and_thaw(void **state)
{
	struct policy_config cfg = alarmed();
	struct scheduler *s;
	struct fake f;
	pid_t pid;

	(void)state;
	fake_init(&f);
	pid = fake_container(&f, "job", NULL, NULL);
	s = start(&f, &cfg);
	assert_true(scheduler_is_active(s));
	run_for(s, 300);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "1");
	assert_true(held(&f, "sched"));
	assert_int_equal(edges.n, 1);
	assert_int_equal(edges.from, RUNG_IDLE_CLASS);
	assert_int_equal(edges.to, RUNG_FREEZE);
	assert_int_equal(edges.why, REASON_MEMORY_LOW);
	assert_non_null(
		strstr(get(&f, "root/job/edges"), "\"to\":\"freeze\",\"reason\":\"memory-low\""));
	/* The slice itself is not what is frozen, or nobody could be created in it. */
	assert_string_equal(get(&f, "unified/cede.slice/cgroup.freeze"), "0");

	/* Its end lets everything go. */
	scheduler_free(s);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "0");
	assert_false(held(&f, "sched"));
	fake_container_end(pid);
	fake_end(&f);
}

/* One that is made while the scheduler runs is adopted; one that has not been started is not. */
static void test_adoption(void **state)
{
	struct policy_config cfg = alarmed();
	struct scheduler *s;
	struct fake f;
	pid_t pid;

	(void)state;
	fake_init(&f);
	s = start(&f, &cfg);
	run_for(s, 150);
	pid = fake_container(&f, "job", NULL, NULL);
	put(&f, "root/job/" STATE_FIFO, "");
	run_for(s, 500);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "0");
	{
		char fifo[128];

		(void)snprintf(fifo, sizeof(fifo), "%s/job/" STATE_FIFO, f.root);
		assert_int_equal(unlink(fifo), 0);
	}
	run_for(s, 500);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "1");

	/* The end of its process is noticed, and the same id may come again. */
	fake_container_end(pid);
	run_for(s, 500);
	assert_int_equal(container_delete(&f.rt, "nobody", true, NULL), 0);
	scheduler_free(s);
	fake_end(&f);
}

/* A hold of a scheduler that is gone: dropped, because nothing is wrong now. */
static void test_stale_hold(void **state)
{
	struct policy_config cfg = calm();
	struct scheduler *s;
	struct fake f;
	pid_t pid;

	(void)state;
	fake_init(&f);
	pid = fake_container(&f, "job", NULL, NULL);
	put(&f, "root/job/freeze.sched", "2147483646 1\n");
	put(&f, LEAF "cgroup.freeze", "1\n");
	s = start(&f, &cfg);
	run_for(s, 300);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "0");
	assert_false(held(&f, "sched"));
	assert_int_equal(edges.n, 0);
	scheduler_free(s);
	fake_container_end(pid);
	fake_end(&f);
}

/* Invariant 3: a user's pause is the user's. */
static void test_pause_is_the_users(void **state)
{
	struct policy_config cfg = alarmed();
	struct scheduler *s;
	struct fake f;
	pid_t pid;

	(void)state;
	fake_init(&f);
	pid = fake_container(&f, "job", NULL, NULL);
	user_hold(&f, true);
	s = start(&f, &cfg);
	run_for(s, 300);
	assert_true(held(&f, "sched") && held(&f, "user"));
	/* Resumed by the user, but the alarm goes on: it stays frozen, by us. */
	user_hold(&f, false);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "1");
	run_for(s, 300);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "1");
	/* Paused again; our end does not thaw it. */
	user_hold(&f, true);
	run_for(s, 300);
	scheduler_free(s);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "1");
	assert_false(held(&f, "sched"));
	assert_true(held(&f, "user"));
	fake_container_end(pid);
	fake_end(&f);
}

/* Somebody thaws by hand what we have frozen: seen, and not fought. */
static void test_foreign_thaw(void **state)
{
	struct policy_config cfg = alarmed();
	struct scheduler *s;
	struct fake f;
	pid_t pid;

	(void)state;
	fake_init(&f);
	pid = fake_container(&f, "job", NULL, NULL);
	s = start(&f, &cfg);
	run_for(s, 300);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "1");
	put(&f, LEAF "cgroup.freeze", "0\n");
	run_for(s, 700);
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "0");
	assert_int_equal(edges.n, 2);
	assert_int_equal(edges.to, RUNG_IDLE_CLASS);
	scheduler_free(s);
	assert_false(held(&f, "sched"));
	fake_container_end(pid);
	fake_end(&f);
}

static void test_kill_on_pressure(void **state)
{
	struct policy_config cfg = alarmed();
	struct scheduler *s;
	struct fake f;
	pid_t pid;

	(void)state;
	fake_init(&f);
	pid = fake_container(&f, "job", "cede.on-pressure", "kill");
	s = start(&f, &cfg);
	run_for(s, 300);
	assert_string_equal(get(&f, LEAF "cgroup.kill"), "1");
	assert_int_equal(edges.n, 1);
	assert_int_equal(edges.to, RUNG_KILL);
	assert_int_equal(edges.why, REASON_MEMORY_LOW);
	assert_non_null(strstr(get(&f, "root/job/edges"), "\"to\":\"kill\""));
	fake_container_end(pid);
	run_for(s, 300);
	scheduler_free(s);
	fake_end(&f);
}

/* A leader in a process of its own, which reports by freezing. */
static pid_t leader_process(const struct fake *f)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct policy_config cfg = alarmed();

		run_for(start(f, &cfg), 60000);
		_exit(0);
	}
	assert_true(pid > 0);
	for (int i = 0; i < 500 && !streq(get(f, LEAF "cgroup.freeze"), "1"); i++)
		(void)usleep(10000);
	assert_string_equal(get(f, LEAF "cgroup.freeze"), "1");
	return pid;
}

/* One writer: the second waits, and takes over when the first is killed. */
static void test_follower_takes_over(void **state)
{
	struct policy_config cfg = calm();
	struct scheduler *s;
	struct fake f;
	pid_t pid, leader;

	(void)state;
	fake_init(&f);
	pid = fake_container(&f, "job", NULL, NULL);
	leader = leader_process(&f);
	s = start(&f, &cfg);
	assert_false(scheduler_is_active(s));
	run_for(s, 1200);
	assert_false(scheduler_is_active(s));
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "1");
	fake_container_end(leader);
	run_for(s, 1500);
	assert_true(scheduler_is_active(s));
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "0");
	assert_false(held(&f, "sched"));
	scheduler_free(s);
	fake_container_end(pid);
	fake_end(&f);
}

/* kill -9 with nobody to take over: the guard lets go. */
static void test_guard(void **state)
{
	struct fake f;
	pid_t pid, leader;

	(void)state;
	fake_init(&f);
	pid = fake_container(&f, "job", NULL, NULL);
	leader = leader_process(&f);
	assert_true(held(&f, "sched"));
	fake_container_end(leader);
	for (int i = 0; i < 200 && held(&f, "sched"); i++)
		(void)usleep(10000);
	assert_false(held(&f, "sched"));
	assert_string_equal(get(&f, LEAF "cgroup.freeze"), "0");
	fake_container_end(pid);
	fake_end(&f);
}

static bool let_go_was_called(const struct fake *f)
{
	return !streq(get(f, "let-go"), "-");
}

static void let_go(const struct runtime *rt, bool was_capping, void *arg)
{
	(void)rt;
	put(arg, "let-go", was_capping ? "capping" : "not capping");
}

/* An orderly end does not call the guard; a crash in mid-cycle leaves the note. */
static void test_leader(void **state)
{
	struct leader l = LEADER_INIT;
	struct fake f;
	struct err e = ERR_INIT;
	pid_t pid;

	(void)state;
	fake_init(&f);
	assert_int_equal(leader_try(&l, &f.rt, &e), 1);
	assert_int_equal(leader_try(&l, &f.rt, &e), 1);
	leader_guard(&l, &f.rt, let_go, &f);
	leader_release(&l);
	(void)usleep(100000);
	assert_false(let_go_was_called(&f));

	pid = fork();
	if (pid == 0) {
		if (leader_try(&l, &f.rt, &e) != 1)
			_exit(1);
		leader_guard(&l, &f.rt, let_go, &f);
		leader_note_capping(&l, true);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 200 && !let_go_was_called(&f); i++)
		(void)usleep(10000);
	assert_string_equal(get(&f, "let-go"), "capping");
	fake_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_freeze_and_thaw),
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_stale_hold),
		cmocka_unit_test(test_pause_is_the_users),
		cmocka_unit_test(test_foreign_thaw),
		cmocka_unit_test(test_kill_on_pressure),
		cmocka_unit_test(test_follower_takes_over),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_leader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
