/* SPDX-License-Identifier: Apache-2.0 */
/* The hands of the scheduler: knobs, the slice's cap, a limit of one's own, the sweep, the edges.
 */
#include "tests/unit/unit.h"

#include <sched.h>

#include "base/clock.h"
#include "base/sys.h"
#include "sched/actuators.h"
#include "sched/edges.h"
#include "sched/secondary.h"
#include "tests/unit/fake_slice.h"

#define SLICE "unified/cede.slice/"
#define TICK (10 * NSEC_PER_MSEC)

static int open_dir(const struct fake *f, const char *path)
{
	char full[256];
	int fd;

	(void)snprintf(full, sizeof(full), "%s/%s", f->dir, path);
	fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void test_knob(void **state)
{
	struct knob k;
	struct fake f;
	int dir;

	(void)state;
	fake_init(&f);
	put(&f, SLICE "knob", "first 1\n");
	dir = open_dir(&f, SLICE);
	assert_int_equal(knob_open(&k, dir, "nothing", "nothing", NULL), -ENOENT);
	assert_int_equal(knob_open(&k, dir, "knob", "knob", NULL), 0);
	knob_let_go(&k); /* never held: nothing to put back */
	assert_int_equal(knob_set(&k, "ours  2", NULL), 0);
	assert_string_equal(get(&f, SLICE "knob"), "ours  2");
	knob_let_go(&k);
	assert_string_equal(get(&f, SLICE "knob"), "first 1");

	/* A foreign writer is left alone until we would have let go, three times; then for good. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(knob_set(&k, "ours  3", NULL), 0);
		put(&f, SLICE "knob", "their 1\n");
		assert_int_equal(knob_set(&k, "ours  4", NULL), -EBUSY);
		assert_int_equal(knob_set(&k, "ours  4", NULL), -EBUSY);
		assert_string_equal(get(&f, SLICE "knob"), "their 1");
		knob_let_go(&k);
		assert_string_equal(get(&f, SLICE "knob"), "their 1");
	}
	assert_int_equal(knob_set(&k, "ours  5", NULL), -EBUSY);
	assert_string_equal(get(&f, SLICE "knob"), "their 1");
	knob_close(&k);
	assert_int_equal(close(dir), 0);
	fake_end(&f);
}

/* Without a cpu controller: the slice stands still for some of the ticks. */
static void test_cap_by_duty(void **state)
{
	struct cap cap = {.level_ppm = 250000, .n_cpus = 2, .dt_ns = TICK, .tick_ns = TICK};
	struct actuators a;
	struct fake f;
	unsigned ran = 0;

	(void)state;
	fake_init(&f);
	assert_int_equal(actuators_open(&a, NULL), 0);
	actuators_refresh(&a, false);
	assert_true(a.owner);
	assert_false(a.has_idle);
	assert_string_equal(actuators_name(&a, RUNG_CPU_CAP), "freezer duty cycle of the slice");
	assert_non_null(strstr(actuators_name(&a, RUNG_IDLE_CLASS), "SCHED_IDLE"));
	for (int i = 0; i < 400; i++) {
		bool runs;

		assert_true(actuators_cap(&a, &cap));
		runs = streq(get(&f, SLICE "cgroup.freeze"), "0");
		ran += runs;
		cap.used_ns = runs ? 2 * TICK : 0;
	}
	assert_in_range(ran, 96, 104);
	cap.level_ppm = LEVEL_FULL;
	assert_false(actuators_cap(&a, &cap));
	assert_string_equal(get(&f, SLICE "cgroup.freeze"), "0");

	/* However it ends, it does not end frozen. */
	cap.level_ppm = 50000;
	cap.used_ns = NSEC_PER_SEC;
	(void)actuators_cap(&a, &cap);
	assert_string_equal(get(&f, SLICE "cgroup.freeze"), "1");
	actuators_close(&a);
	assert_string_equal(get(&f, SLICE "cgroup.freeze"), "0");
	fake_end(&f);
}

static void test_cap_by_quota(void **state)
{
	struct cap cap = {.level_ppm = 250000, .n_cpus = 2, .dt_ns = TICK, .tick_ns = TICK};
	struct actuators a;
	struct fake f;

	(void)state;
	fake_init(&f);
	put(&f, SLICE "cpu.max", "max 100000");
	put(&f, SLICE "cpu.idle", "1\n");
	assert_int_equal(actuators_open(&a, NULL), 0);
	a.quota_is_safe = true; /* as on 6.18 and later */
	actuators_refresh(&a, false);
	assert_true(a.has_idle);
	assert_string_equal(actuators_name(&a, RUNG_CPU_CAP), "cpu.max of the slice");
	assert_string_equal(actuators_name(&a, RUNG_IDLE_CLASS), "cpu.idle of the slice");
	assert_false(actuators_cap(&a, &cap));
	assert_true(str_after(get(&f, SLICE "cpu.max"), "5000 10000"));
	cap.level_ppm = 1;
	(void)actuators_cap(&a, &cap);
	assert_true(str_after(get(&f, SLICE "cpu.max"), "1000 10000")); /* the kernel's minimum */
	cap.level_ppm = LEVEL_FULL;
	(void)actuators_cap(&a, &cap);
	assert_true(str_after(get(&f, SLICE "cpu.max"), "max 100000")); /* as it was */
	/* Older kernels throttle inside the kernel: there the freezer is the better way. */
	a.quota_is_safe = false;
	actuators_refresh(&a, false);
	assert_string_equal(actuators_name(&a, RUNG_CPU_CAP), "freezer duty cycle of the slice");
	actuators_close(&a);
	fake_end(&f);
}

/* What a scheduler that died in mid-cycle has left is put right; what an administrator has frozen
 * is not touched. */
static void test_frozen_slice(void **state)
{
	struct cap cap = {.level_ppm = 500000, .n_cpus = 2, .dt_ns = TICK, .tick_ns = TICK};
	struct actuators a;
	struct fake f;

	(void)state;
	fake_init(&f);
	put(&f, SLICE "cgroup.freeze", "1\n");
	assert_int_equal(actuators_open(&a, NULL), 0);
	actuators_refresh(&a, true);
	assert_string_equal(get(&f, SLICE "cgroup.freeze"), "0");
	actuators_close(&a);

	put(&f, SLICE "cgroup.freeze", "1\n");
	assert_int_equal(actuators_open(&a, NULL), 0);
	actuators_refresh(&a, false);
	for (int alarm = 0; alarm < 5; alarm++) {
		cap.level_ppm = 500000;
		for (int i = 0; i < 10; i++)
			(void)actuators_cap(&a, &cap);
		cap.level_ppm = LEVEL_FULL;
		(void)actuators_cap(&a, &cap);
		assert_string_equal(get(&f, SLICE "cgroup.freeze"), "1");
	}
	/* When he has thawed it, it is ours to write again. */
	put(&f, SLICE "cgroup.freeze", "0\n");
	cap.level_ppm = 50000;
	cap.used_ns = NSEC_PER_SEC;
	(void)actuators_cap(&a, &cap);
	assert_string_equal(get(&f, SLICE "cgroup.freeze"), "1");
	actuators_close(&a);
	assert_string_equal(get(&f, SLICE "cgroup.freeze"), "0");
	fake_end(&f);
}

/* A slice that appears later, and one that is removed and made anew. */
static void test_slice_comes_and_goes(void **state)
{
	char path[128];
	struct actuators a;
	struct fake f;

	(void)state;
	fake_init(&f);
	(void)snprintf(path, sizeof(path), "%s/unified/cede.slice", f.dir);
	assert_int_equal(dir_remove_all(AT_FDCWD, path, NULL), 0);
	assert_int_equal(actuators_open(&a, NULL), 0);
	for (int i = 0; i < 3; i++) {
		actuators_refresh(&a, false);
		assert_true(a.slice < 0 && !a.owner);
		fake_group(&f, "unified/cede.slice");
		actuators_refresh(&a, false);
		assert_true(a.slice >= 0 && a.owner);
		assert_int_equal(dir_remove_all(AT_FDCWD, path, NULL), 0);
	}
	actuators_close(&a);
	fake_end(&f);
}

static void ignore(struct secondary *s, void *arg)
{
	(void)s;
	(void)arg;
}

/* --cpus where no controller can keep it. */
static void test_own_limit(void **state)
{
	struct secondaries set = {0};
	struct secondary *s;
	struct actuators a;
	struct fake f;
	uint64_t usec = 0;
	unsigned ran = 0;
	pid_t pid;

	(void)state;
	fake_init(&f);
	pid = fake_container(&f, "job", ANNOTATION_CPUS, "0.5");
	assert_int_equal(actuators_open(&a, NULL), 0);
	actuators_refresh(&a, false);
	assert_int_equal(secondaries_scan(&set, &f.rt, &a, ignore, NULL, NULL), 0);
	assert_int_equal(set.n_live, 1);
	s = set.v[0];
	assert_int_equal(s->limit_ucpu, 500000);
	for (int i = 0; i < 400; i++) {
		char text[64];
		bool runs;

		actuators_own_limit(s, TICK, TICK);
		runs = streq(get(&f, SLICE "job/cgroup.freeze"), "0");
		ran += runs;
		usec += runs ? 2 * TICK / NSEC_PER_USEC : 0; /* two threads */
		(void)snprintf(text, sizeof(text), "usage_usec %llu\n", (unsigned long long)usec);
		put(&f, SLICE "job/cpu.stat", text);
	}
	assert_in_range(ran, 92, 108); /* half a CPU of two */
	actuators_end_limit(s);
	assert_string_equal(get(&f, SLICE "job/cgroup.freeze"), "0");

	/* Under the user's pause it is not ours to thaw. */
	put(&f, "root/job/freeze.user", "1 1\n");
	put(&f, SLICE "job/cgroup.freeze", "1\n");
	s->duty_frozen = true;
	for (int i = 0; i < 300; i++)
		actuators_own_limit(s, TICK, TICK);
	assert_string_equal(get(&f, SLICE "job/cgroup.freeze"), "1");
	secondaries_free(&set);
	actuators_close(&a);
	fake_container_end(pid);
	fake_end(&f);
}

static void test_bad_annotations(void **state)
{
	static const char *const bad[] = {"0", "-1", "many", "1001", ""};
	struct fake f;
	struct actuators a;

	(void)state;
	fake_init(&f);
	assert_int_equal(actuators_open(&a, NULL), 0);
	actuators_refresh(&a, false);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct secondaries set = {0};
		char id[16];
		pid_t pid;

		(void)snprintf(id, sizeof(id), "job%zu", i);
		pid = fake_container(&f, id, ANNOTATION_CPUS, bad[i]);
		assert_int_equal(secondaries_scan(&set, &f.rt, &a, ignore, NULL, NULL), 0);
		assert_int_equal(set.n_live, 1);
		for (size_t k = 0; k < set.n; k++)
			assert_int_equal(set.v[k]->limit_ucpu, 0);
		secondaries_free(&set);
		fake_container_end(pid);
	}
	actuators_close(&a);
	fake_end(&f);
}

/* A task that is as a program under nobody's control would be. */
static pid_t escaped(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		const struct sched_param zero = {0};

		(void)setsid();
		(void)sched_setscheduler(0, SCHED_BATCH, &zero);
		(void)sys_ioprio_set(CEDE_IOPRIO_WHO_PROCESS, 0, CEDE_IOPRIO_VALUE(2, 4));
		(void)raise(SIGSTOP);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	return pid;
}

static void test_sweep(void **state)
{
	const struct sched_param zero = {0};
	struct sweep sw;
	struct fake f;
	char text[64];
	pid_t init, pid;
	int dir;

	(void)state;
	fake_init(&f);
	init = escaped();
	assert_int_equal(sched_setscheduler(init, SCHED_IDLE, &zero), 0);
	assert_int_equal(sys_ioprio_set(CEDE_IOPRIO_WHO_PROCESS, init,
					CEDE_IOPRIO_VALUE(CEDE_IOPRIO_CLASS_IDLE, 0)),
			 0);
	pid = escaped();
	(void)snprintf(text, sizeof(text), "%d\n%d\n2147483646\n", init, pid);
	/* In a group below the container's: those are looked at too. */
	fake_group(&f, SLICE "job");
	fake_group(&f, SLICE "job/sub");
	put(&f, SLICE "job/sub/cgroup.threads", text);
	dir = open_dir(&f, SLICE "job");

	sweep_init(&sw, init, true);
	assert_true(sw.sched_idle && sw.io_idle && sw.autogroup);
	assert_true(sweep_tasks(&sw, dir) >= 2);
	assert_int_equal(sched_getscheduler(pid), SCHED_IDLE);
	assert_int_equal(CEDE_IOPRIO_CLASS(sys_ioprio_get(CEDE_IOPRIO_WHO_PROCESS, pid)),
			 CEDE_IOPRIO_CLASS_IDLE);
	if (proc_read(pid, "autogroup", text, sizeof(text), NULL) > 0)
		assert_non_null(strstr(text, "nice 19"));
	assert_int_equal(sweep_tasks(&sw, dir), 0);

	/* A group that is idle as a whole: only the I/O priority is the tasks' own. */
	assert_int_equal(sched_setscheduler(init, SCHED_BATCH, &zero), 0);
	sweep_init(&sw, init, false);
	assert_int_equal(sweep_tasks(&sw, dir), 0);
	assert_int_equal(sched_getscheduler(init), SCHED_BATCH);
	/* A bundle that names another scheduler is not overruled. */
	sweep_init(&sw, init, true);
	assert_false(sw.sched_idle);
	assert_int_equal(close(dir), 0);
	fake_container_end(init);
	fake_container_end(pid);
	fake_end(&f);
}

/* More tasks than one call looks at: the next one goes on. */
static void test_sweep_in_parts(void **state)
{
	struct sweep sw;
	struct fake f;
	struct strbuf text = STRBUF_INIT;
	pid_t pid;
	int dir;

	(void)state;
	fake_init(&f);
	fake_group(&f, SLICE "job");
	pid = escaped();
	for (int i = 0; i < 3 * SWEEP_TASKS; i++)
		strbuf_addf(&text, "%d\n", 2147480000 + i);
	strbuf_addf(&text, "%d\n", pid);
	put(&f, SLICE "job/cgroup.threads", strbuf_str(&text));
	strbuf_free(&text);
	dir = open_dir(&f, SLICE "job");
	sw = (struct sweep){.sched_idle = true};
	for (int i = 0; i < 3; i++)
		assert_int_equal(sweep_tasks(&sw, dir), 0);
	assert_int_equal(sweep_tasks(&sw, dir), 1);
	assert_int_equal(sched_getscheduler(pid), SCHED_IDLE);
	assert_int_equal(sw.offset, 0);
	assert_int_equal(close(dir), 0);
	fake_container_end(pid);
	fake_end(&f);
}

static void test_edges(void **state)
{
	const struct edge edge = {.from = RUNG_FREEZE,
				  .to = RUNG_CPU_CAP,
				  .reason = REASON_HOLD,
				  .score_permille = 5012,
				  .level_ppm = 250000,
				  .usage_usec = 42};
	struct stat st;
	struct fake f;
	char path[128];
	int dir;

	(void)state;
	fake_init(&f);
	dir = open_dir(&f, "root");
	assert_int_equal(edge_append(dir, &edge, NULL), 0);
	assert_non_null(strstr(get(&f, "root/edges"),
			       "Z\",\"from\":\"freeze\",\"to\":\"cpu-cap\",\"reason\":\"hold\","
			       "\"score\":5.012,\"level\":0.250,\"usage_usec\":42}"));
	for (int i = 0; i < 5000; i++)
		assert_int_equal(edge_append(dir, &edge, NULL), 0);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/root/edges%s", f.dir, i ? ".1" : "");
		assert_int_equal(stat(path, &st), 0);
		assert_in_range(st.st_size, 1000, EDGES_MAX);
	}
	assert_int_equal(close(dir), 0);
	fake_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_knob),
		cmocka_unit_test(test_cap_by_duty),
		cmocka_unit_test(test_cap_by_quota),
		cmocka_unit_test(test_frozen_slice),
		cmocka_unit_test(test_slice_comes_and_goes),
		cmocka_unit_test(test_own_limit),
		cmocka_unit_test(test_bad_annotations),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_sweep_in_parts),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
