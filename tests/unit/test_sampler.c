/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/sampler on a fake /proc and a fake cgroup tree, with a clock of the test's own. */
#include "tests/unit/fake_tree.h"

#include <dirent.h>
#include <inttypes.h>
#include <malloc.h>
#include <sched.h>

#include "base/clock.h"
#include "base/procfs.h"
#include "metrics/sampler.h"

#define MS NSEC_PER_MSEC
#define MANY_TICKS 2000

struct world {
	struct fake_tree proc, cg;
	struct sampler *sampler;
	struct sample last;
	/* What the fake files say; tick() moves the clock only. */
	uint64_t idle_ticks, steal_ticks;
};

static uint64_t fake_now;

static uint64_t fake_clock(void)
{
	return fake_now;
}

static void set_cpus(const struct world *w, unsigned n)
{
	char lines[512];
	size_t used = 0;

	for (unsigned i = 0; i < n; i++)
		used += (size_t)snprintf(lines + used, sizeof(lines) - used,
					 "cpu%u 1 0 1 1 0 0 0 0 0 0\n", i);
	fake_file(&w->proc, "stat", "cpu  1 0 1 %" PRIu64 " 0 0 0 %" PRIu64 " 0 0\n%sintr 1 2 3\n",
		  w->idle_ticks, w->steal_ticks, lines);
}

static void set_pressure(const struct fake_tree *t, const char *path, uint64_t total_usec)
{
	fake_file(t, path,
		  "some avg10=0.00 avg60=0.00 avg300=0.00 total=%" PRIu64 "\n"
		  "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		  total_usec);
}

static void set_group_psi(const struct world *w, const char *group, uint64_t cpu, uint64_t memory,
			  uint64_t io)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cpu.pressure", group);
	set_pressure(&w->cg, path, cpu);
	snprintf(path, sizeof(path), "%s/memory.pressure", group);
	set_pressure(&w->cg, path, memory);
	snprintf(path, sizeof(path), "%s/io.pressure", group);
	set_pressure(&w->cg, path, io);
}

static void set_usage(const struct world *w, const char *group, uint64_t usec)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cpu.stat", group);
	fake_file(&w->cg, path, "usage_usec %" PRIu64 "\nuser_usec 1\nsystem_usec 1\n", usec);
}

struct process {
	pid_t pid, ppid;
	unsigned flags, policy, threads;
	uint64_t cpu_ticks, start;
	const char *cgroup;
};

static void set_process(const struct world *w, const struct process *p)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/stat", p->pid);
	fake_file(&w->proc, path,
		  "%d (na) me) S %d 1 1 0 -1 %u 0 0 0 0 %" PRIu64 " 0 0 0 20 0 %u 0 %" PRIu64
		  " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 %u 0 0 0 0 0 0 0 0 0 0 0\n",
		  p->pid, p->ppid, p->flags, p->cpu_ticks, p->threads ? p->threads : 1, p->start,
		  p->policy);
	snprintf(path, sizeof(path), "%d/cgroup", p->pid);
	fake_file(&w->proc, path, "4:memory:/v1\n0::%s\n", p->cgroup ? p->cgroup : "/");
}

static void set_thread(const struct world *w, pid_t tgid, pid_t tid, uint64_t run, uint64_t wait,
		       uint64_t slices)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/task/%d/schedstat", tgid, tid);
	fake_file(&w->proc, path, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", run, wait, slices);
}

static void remove_process(const struct world *w, pid_t pid, unsigned threads)
{
	char path[64];

	/* What an open schedstat of a thread that has gone gives; a fake one would live on. */
	for (unsigned i = 0; i < threads; i++) {
		snprintf(path, sizeof(path), "%d/task/%d/schedstat", pid, pid + (int)i);
		fake_file(&w->proc, path, "%s", "");
	}
	snprintf(path, sizeof(path), "%d", pid);
	fake_remove(&w->proc, path);
}

static const struct sample *tick(struct world *w, uint64_t ms)
{
	fake_now += ms * MS;
	assert_int_equal(sampler_read(w->sampler, 0, &w->last, NULL), 0);
	return &w->last;
}

static void start(struct world *w, struct sampler_opts o)
{
	struct err e = ERR_INIT;

	o.proc_root = w->proc.root;
	o.cgroup_root = o.cgroup_root ? o.cgroup_root : w->cg.root;
	o.clock = fake_clock;
	if (sampler_new(&o, &w->sampler, &e) < 0)
		fail_msg("%s", e.msg);
	tick(w, 10);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	fake_now = 1000 * NSEC_PER_SEC;
	fake_tree_make(&w->proc);
	fake_tree_make(&w->cg);
	set_cpus(w, 2);
	fake_file(&w->proc, "meminfo", "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n");
	set_pressure(&w->proc, "pressure/memory", 0);
	set_pressure(&w->proc, "pressure/io", 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	sampler_free(w->sampler);
	fake_tree_remove(&w->proc);
	fake_tree_remove(&w->cg);
	free(w);
	return 0;
}

/* Thread `tid` of process `pid` works 1 ms in each 10 ms tick until n threads are watched. The
 * thread's counters are returned, to go on from. */
static struct sample work_until(struct world *w, unsigned n, const pid_t *pids, size_t n_pids,
				uint64_t *run)
{
	for (int i = 0; i < MANY_TICKS; i++) {
		*run += MS;
		for (size_t k = 0; k < n_pids; k++)
			set_thread(w, pids[k], pids[k], *run, 0, *run / MS);
		tick(w, 10);
		if (w->last.n_threads == n)
			return w->last;
	}
	fail_msg("%u threads are watched instead of %u", w->last.n_threads, n);
	return w->last;
}

static void settle(struct world *w)
{
	for (int i = 0; i < 300; i++)
		tick(w, 10);
}

static void test_first_sample(void **state)
{
	struct world *w = *state;

	start(w, (struct sampler_opts){0});
	assert_int_equal(w->last.interval_ns, 0);
	assert_int_equal(w->last.n_cpus, 2);
	assert_int_equal(w->last.incumbent_delay_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.secondary_ucpu, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.node_idle_ucpu, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.mem_available_bytes, 400 * 1024);
	assert_int_equal(w->last.mem_total_bytes, 1000 * 1024);
	tick(w, 10);
	assert_int_equal(w->last.interval_ns, 10 * MS);
	assert_int_equal(w->last.secondary_ucpu, 0); /* no slice: no secondaries */
}

static void test_lateness(void **state)
{
	struct world *w = *state;

	start(w, (struct sampler_opts){0});
	fake_now += 10 * MS;
	assert_int_equal(sampler_read(w->sampler, fake_now - 3 * MS, &w->last, NULL), 0);
	assert_int_equal(w->last.lateness_ns, 3 * MS);
	fake_now += 10 * MS;
	assert_int_equal(sampler_read(w->sampler, fake_now + 3 * MS, &w->last, NULL), 0);
	assert_int_equal(w->last.lateness_ns, 0);
}

/* No group but the slice: the incumbents are the machine less the slice. */
static void test_whole_machine(void **state)
{
	struct world *w = *state;

	set_usage(w, "cede.slice", 0);
	set_group_psi(w, "cede.slice", 0, 0, 0);
	start(w, (struct sampler_opts){0});
	/* 100 ms on 2 CPUs: 40 ms idle, 10 ms stolen, 100 ms secondaries, the rest incumbents. */
	w->idle_ticks += 4;
	w->steal_ticks += 1;
	set_cpus(w, 2);
	set_usage(w, "cede.slice", 100000);
	set_group_psi(w, "cede.slice", 99000, 50000, 10000);
	set_pressure(&w->proc, "pressure/memory", 60000);
	set_pressure(&w->proc, "pressure/io", 10000);
	tick(w, 90);
	assert_int_equal(w->last.medium_interval_ns, 100 * MS);
	assert_int_equal(w->last.node_idle_ucpu, 400000);
	assert_int_equal(w->last.node_steal_ucpu, 100000);
	assert_int_equal(w->last.incumbent_ucpu, 500000);
	assert_int_equal(w->last.incumbent_cpu_psi_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_mem_psi_ppm, 200000);
	assert_int_equal(w->last.incumbent_io_psi_ppm, 0);
}

/* Groups of their own for all incumbents: exact usage, and their own pressure. */
static void test_groups(void **state)
{
	struct world *w = *state;

	set_usage(w, "cede.slice", 0);
	set_group_psi(w, "cede.slice", 0, 0, 0);
	set_usage(w, "system.slice", 1000);
	set_group_psi(w, "system.slice", 10, 10, 10);
	set_usage(w, "user.slice", 5000);
	set_group_psi(w, "user.slice", 0, 0, 0);
	start(w, (struct sampler_opts){0});
	set_usage(w, "system.slice", 31000);
	set_usage(w, "user.slice", 25000);
	set_group_psi(w, "system.slice", 5010, 10, 2010);
	set_group_psi(w, "user.slice", 20000, 1000, 0);
	set_usage(w, "cede.slice", 90000);
	set_group_psi(w, "cede.slice", 90000, 90000, 90000);
	set_pressure(&w->proc, "pressure/memory", 99999); /* not what is reported */
	set_pressure(&w->proc, "pressure/io", 99999);
	tick(w, 90);
	assert_int_equal(w->last.incumbent_ucpu, 500000);
	assert_int_equal(w->last.incumbent_cpu_psi_ppm, 200000);
	assert_int_equal(w->last.incumbent_mem_psi_ppm, 10000);
	assert_int_equal(w->last.incumbent_io_psi_ppm, 20000);
	/* A group that is removed takes its figures along and does no harm. */
	fake_remove(&w->cg, "user.slice");
	settle(w);
	assert_int_equal(w->last.incumbent_ucpu, 0);
	assert_int_equal(w->last.incumbent_cpu_psi_ppm, 0);
}

/* A busy program in the root group: the groups are not all of them. */
static void test_root_is_populated(void **state)
{
	static const pid_t pids[] = {100};
	struct world *w = *state;
	uint64_t run = 0;

	set_usage(w, "system.slice", 1000);
	set_group_psi(w, "system.slice", 10, 10, 10);
	set_process(w, &(struct process){.pid = 100, .start = 5, .cgroup = "/"});
	set_thread(w, 100, 100, 1, 0, 1);
	start(w, (struct sampler_opts){0});
	work_until(w, 1, pids, 1, &run);
	for (int i = 0; i < 30; i++) {
		w->idle_ticks++;
		set_cpus(w, 2);
		tick(w, 10);
	}
	assert_int_equal(w->last.node_idle_ucpu, 1000000);
	assert_int_equal(w->last.incumbent_ucpu, 1000000);
}

/* The slice below a group of the incumbents (a delegated subtree). */
static void test_nested_slice(void **state)
{
	struct world *w = *state;

	set_usage(w, "user.slice", 0);
	set_group_psi(w, "user.slice", 0, 0, 0);
	set_usage(w, "user.slice/u/cede.slice", 0);
	set_group_psi(w, "user.slice/u/cede.slice", 0, 0, 0);
	start(w, (struct sampler_opts){.slice = "/user.slice/u/cede.slice"});
	set_usage(w, "user.slice", 150000);
	set_group_psi(w, "user.slice", 60000, 60000, 5000);
	set_usage(w, "user.slice/u/cede.slice", 100000);
	set_group_psi(w, "user.slice/u/cede.slice", 1, 50000, 5000);
	set_pressure(&w->proc, "pressure/memory", 60000);
	set_pressure(&w->proc, "pressure/io", 5000);
	tick(w, 90);
	assert_int_equal(w->last.secondary_ucpu, 1111111);
	assert_int_equal(w->last.incumbent_ucpu, 500000);
	assert_int_equal(w->last.incumbent_cpu_psi_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_mem_psi_ppm, 200000);
	assert_int_equal(w->last.incumbent_io_psi_ppm, 0);
}

static void test_nothing_there(void **state)
{
	struct world *w = *state;

	fake_remove(&w->proc, "pressure");
	fake_remove(&w->proc, "meminfo");
	fake_remove(&w->proc, "stat");
	start(w, (struct sampler_opts){.cgroup_root = "/nonexistent/cgroup"});
	settle(w);
	assert_int_equal(w->last.secondary_ucpu, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.node_idle_ucpu, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_ucpu, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_cpu_psi_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_mem_psi_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_io_psi_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.mem_available_bytes, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_delay_ppm, 0); /* nobody there, nobody waits */
}

static void test_psi_missing(void **state)
{
	struct world *w = *state;

	fake_remove(&w->proc, "pressure");
	set_usage(w, "cede.slice", 0);
	set_usage(w, "system.slice", 0);
	start(w, (struct sampler_opts){0});
	set_usage(w, "system.slice", 50000);
	tick(w, 90);
	assert_int_equal(w->last.incumbent_ucpu, 500000);
	assert_int_equal(w->last.incumbent_cpu_psi_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_mem_psi_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_io_psi_ppm, SAMPLE_UNKNOWN);
}

/* However short the interval that is asked for. */
static void test_psi_never_too_fast(void **state)
{
	struct world *w = *state;
	int changes = 0;
	int64_t before;

	set_usage(w, "system.slice", 0);
	set_group_psi(w, "system.slice", 0, 0, 0);
	start(w, (struct sampler_opts){.medium_ns = 1});
	before = w->last.incumbent_io_psi_ppm;
	for (uint64_t i = 0; i < 125; i++) {
		set_group_psi(w, "system.slice", 0, 0, i * i * 10);
		set_pressure(&w->proc, "pressure/io", i * i * 10);
		tick(w, 8);
		if (w->last.incumbent_io_psi_ppm != before) {
			changes++;
			assert_true(w->last.medium_interval_ns >= 50 * MS);
		}
		before = w->last.incumbent_io_psi_ppm;
	}
	assert_in_range(changes, 10, 20);
}

/* 32 threads, of which each waits 5 % of the time: none is forgotten. */
static void test_threads_in_turn(void **state)
{
	struct world *w = *state;
	pid_t pids[32];
	uint64_t run = 0, wait = 0;

	set_usage(w, "cede.slice", 0);
	for (int i = 0; i < 32; i++) {
		pids[i] = 100 + i;
		set_process(w, &(struct process){.pid = pids[i]});
		set_thread(w, pids[i], pids[i], 1, 0, 1);
	}
	start(w, (struct sampler_opts){0});
	work_until(w, 32, pids, 32, &run);
	for (int i = 0; i < 40; i++) {
		wait += MS / 2;
		for (int k = 0; k < 32; k++)
			set_thread(w, pids[k], pids[k], run, wait, run / MS);
		tick(w, 10);
	}
	assert_int_equal(w->last.n_threads, 32);
	assert_int_equal(w->last.incumbent_delay_ppm, 50000);
	assert_int_equal(w->last.incumbent_delay_total_ppm, 32 * 50000);
	/* One of them waits more; in one of the next ticks it shows, averaged over its turn. */
	for (int k = 0; k < 32; k += 31) {
		int64_t worst = 0;

		set_thread(w, pids[k], pids[k], run, wait + 9 * MS, run / MS);
		for (int i = 0; i < 10; i++) {
			tick(w, 10);
			worst = MAX(worst, w->last.incumbent_delay_ppm);
		}
		assert_in_range(worst, 90000, 900000);
	}
}

static void test_values_stay(void **state)
{
	struct world *w = *state;
	uint64_t at;

	start(w, (struct sampler_opts){0});
	w->idle_ticks += 10;
	set_cpus(w, 2);
	tick(w, 90);
	at = w->last.medium_at_ns;
	assert_int_equal(w->last.node_idle_ucpu, 1000000);
	w->idle_ticks += 7;
	set_cpus(w, 2);
	tick(w, 10);
	assert_int_equal(w->last.medium_at_ns, at);
	assert_int_equal(w->last.node_idle_ucpu, 1000000);
}

static void test_secondary_usage(void **state)
{
	struct world *w = *state;

	set_usage(w, "cede.slice", 1000);
	start(w, (struct sampler_opts){0});
	set_usage(w, "cede.slice", 6000);
	assert_int_equal(tick(w, 10)->secondary_ucpu, 500000);
	set_usage(w, "cede.slice", 1000000); /* the tick brought it forward: cut at all CPUs */
	assert_int_equal(tick(w, 10)->secondary_ucpu, 2000000);
	set_usage(w, "cede.slice", 0); /* back: made anew */
	assert_int_equal(tick(w, 10)->secondary_ucpu, SAMPLE_UNKNOWN);
	set_usage(w, "cede.slice", 10000);
	assert_int_equal(tick(w, 10)->secondary_ucpu, 1000000);
	/* The slice goes and comes: a new directory, new files. */
	fake_file(&w->cg, "cede.slice/cpu.stat", "%s", "");
	fake_remove(&w->cg, "cede.slice");
	assert_int_equal(tick(w, 10)->secondary_ucpu, SAMPLE_UNKNOWN);
	assert_int_equal(tick(w, 10)->secondary_ucpu, 0);
	set_usage(w, "cede.slice", 5000);
	tick(w, 10);
	set_usage(w, "cede.slice", 10000);
	assert_int_equal(tick(w, 10)->secondary_ucpu, 500000);
	/* Made anew between two ticks, while the old files can still be read. */
	fake_remove(&w->cg, "cede.slice");
	set_usage(w, "cede.slice", 0);
	for (int i = 0; i < 200; i++)
		tick(w, 10);
	set_usage(w, "cede.slice", 5000);
	assert_int_equal(tick(w, 10)->secondary_ucpu, 500000);
}

/* Where every case is seen by somebody, cpu.stat is read with the medium part, at 90, 190 ms and so
 * on; unless somebody limits it. */
static void test_secondary_usage_spared(void **state)
{
	static const struct {
		int until;
		uint64_t usec; /* used per tick of 10 ms */
		bool said, watched;
		int64_t ucpu;
	} rows[] = {
		{14, 5000, true, false, 500000},   /* the first two as before, then as it was */
		{18, 10000, true, false, 500000},  /* not looked at, */
		{19, 10000, true, false, 750000},  /* now it is: half of either */
		{24, 10000, true, false, 750000},  /* and that stays; */
		{25, 5000, false, false, 916666},  /* nobody sees: since the last look, */
		{27, 5000, false, false, 500000},  /* and each tick, */
		{28, 10000, true, false, 500000},  /* until somebody does again */
		{29, 10000, true, false, 1000000}, /* the medium part's */
		{30, 5000, true, true, 500000},	   /* limited */
		{31, 10000, true, true, 1000000},
	};
	struct world *w = *state;
	uint64_t usec = 0;
	int at = 1;

	set_usage(w, "cede.slice", 0);
	start(w, (struct sampler_opts){0});
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (; at <= rows[i].until; at++) {
			usec += rows[i].usec;
			set_usage(w, "cede.slice", usec);
			if (rows[i].said)
				sampler_charged(w->sampler, 0);
			sampler_attend(w->sampler, rows[i].watched);
			assert_int_equal(tick(w, 10)->secondary_ucpu, rows[i].ucpu);
		}
}

/* In peace the threads are not looked at between two medium parts; the tick in which somebody is
 * charged, and each one while they are limited, sees what it saw when all were. */
static void test_delay_spared(void **state)
{
	static const pid_t pids[] = {100};
	struct world *w = *state;
	uint64_t run = 0, wait = 0, charged = 0, before;

	set_usage(w, "cede.slice", 0);
	set_process(w, &(struct process){.pid = 100, .start = 5});
	set_thread(w, 100, 100, 1, 0, 1);
	start(w, (struct sampler_opts){0});
	work_until(w, 1, pids, 1, &run);
	for (int i = 0; i < 40; i++) { /* to a medium part, and five ticks on */
		before = w->last.medium_at_ns;
		sampler_charged(w->sampler, charged);
		tick(w, 10);
		if (i > 20 && w->last.medium_at_ns != before)
			break;
	}
	for (int i = 0; i < 5; i++) {
		wait += 1 * MS; /* the incumbents' own */
		set_thread(w, 100, 100, run, wait, run / MS);
		sampler_charged(w->sampler, charged);
		assert_int_equal(tick(w, 10)->incumbent_delay_ppm, 0);
		assert_int_equal(w->last.attributable_delay_ppm, 0);
	}
	wait += 8 * MS;
	set_thread(w, 100, 100, run, wait, run / MS);
	sampler_charged(w->sampler, charged += 7 * MS);
	assert_int_equal(tick(w, 10)->incumbent_delay_ppm, 700000); /* not 13 of 60 ms */
	assert_int_equal(w->last.attributable_delay_ppm, 700000);
	wait += 8 * MS;
	set_thread(w, 100, 100, run, wait, run / MS);
	sampler_charged(w->sampler, charged += 5 * MS);
	assert_int_equal(tick(w, 10)->incumbent_delay_ppm, 800000); /* as it is */
	assert_int_equal(w->last.attributable_delay_ppm, 700000);
	/* One more, for the clocks; then peace again, but somebody learns from it. */
	sampler_charged(w->sampler, charged);
	assert_int_equal(tick(w, 10)->incumbent_delay_ppm, 0);
	sampler_attend(w->sampler, true);
	wait += 3 * MS;
	set_thread(w, 100, 100, run, wait, run / MS);
	sampler_charged(w->sampler, charged);
	assert_int_equal(tick(w, 10)->incumbent_delay_ppm, 300000);
	assert_int_equal(w->last.attributable_delay_ppm, 0);
}

static void test_hotplug(void **state)
{
	struct world *w = *state;

	start(w, (struct sampler_opts){0});
	w->idle_ticks += 20;
	set_cpus(w, 2);
	assert_int_equal(tick(w, 90)->node_idle_ucpu, 2000000);
	w->idle_ticks = 3; /* the sum is of fewer CPUs now, or whatever the kernel makes of it */
	set_cpus(w, 1);
	assert_int_equal(tick(w, 100)->node_idle_ucpu, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_ucpu, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.n_cpus, 1);
	w->idle_ticks += 5;
	set_cpus(w, 1);
	assert_int_equal(tick(w, 100)->node_idle_ucpu, 500000);
	assert_int_equal(w->last.incumbent_ucpu, 500000);
	w->idle_ticks += 500;
	set_cpus(w, 2);
	assert_int_equal(tick(w, 100)->node_idle_ucpu, SAMPLE_UNKNOWN);
	w->idle_ticks += 500; /* more than there is time: cut */
	set_cpus(w, 2);
	assert_int_equal(tick(w, 100)->node_idle_ucpu, 2000000);
	w->idle_ticks -= 100; /* back without a change of CPUs */
	set_cpus(w, 2);
	assert_int_equal(tick(w, 100)->node_idle_ucpu, SAMPLE_UNKNOWN);
}

static void test_too_soon(void **state)
{
	struct world *w = *state;
	struct sample before;

	set_usage(w, "cede.slice", 1000);
	start(w, (struct sampler_opts){0});
	set_usage(w, "cede.slice", 6000);
	before = *tick(w, 10);
	set_usage(w, "cede.slice", 7000);
	fake_now += 10000;
	assert_int_equal(sampler_read(w->sampler, 0, &w->last, NULL), 0);
	assert_memory_equal(&before, &w->last, sizeof(before));
	fake_now += 2 * MS - 10000;
	assert_int_equal(sampler_read(w->sampler, 0, &w->last, NULL), 0);
	assert_int_equal(w->last.secondary_ucpu, 500000);
}

/* 1 ms of waiting in a tick, less 20 us for each of the two turns. */
static void test_run_delay(void **state)
{
	static const pid_t pids[] = {100};
	struct world *w = *state;
	uint64_t run = 0;

	set_usage(w, "cede.slice", 0);
	set_process(w, &(struct process){.pid = 100, .start = 5});
	set_thread(w, 100, 100, 1, 0, 1);
	start(w, (struct sampler_opts){0});
	work_until(w, 1, pids, 1, &run);
	tick(w, 10);
	assert_int_equal(w->last.incumbent_delay_ppm, 0);
	set_thread(w, 100, 100, run + MS, MS, run / MS + 2);
	set_usage(w, "cede.slice", 5000);
	tick(w, 10);
	assert_int_equal(w->last.incumbent_delay_ppm, 96000);
	assert_int_equal(w->last.attributable_delay_ppm, 96000);
	assert_int_equal(w->last.incumbent_delay_total_ppm, 100000);
	assert_int_equal(w->last.incumbent_wait_ns, MS / 2);
	/* The secondaries had 2 % of a CPU now, 50 % in the interval before. */
	set_thread(w, 100, 100, run + MS, 3 * MS, run / MS + 2);
	set_usage(w, "cede.slice", 5200);
	tick(w, 10);
	assert_int_equal(w->last.incumbent_delay_ppm, 200000);
	assert_int_equal(w->last.attributable_delay_ppm, 200000);
	/* And now they had 2 % at most: they cannot have caused more. */
	set_thread(w, 100, 100, run + MS, 5 * MS, run / MS + 2);
	tick(w, 10);
	assert_int_equal(w->last.incumbent_delay_ppm, 200000);
	assert_int_equal(w->last.attributable_delay_ppm, 20000);
	/* Frozen: nothing is their fault. A wait that is longer than the interval is cut. */
	set_thread(w, 100, 100, run + MS, 500 * MS, run / MS + 3);
	tick(w, 10);
	assert_int_equal(w->last.incumbent_delay_ppm, 1000000);
	assert_int_equal(w->last.attributable_delay_ppm, 0);
	assert_int_equal(w->last.incumbent_wait_ns, 495 * MS);
	/* Microseconds on every wake-up are not a delay. */
	set_thread(w, 100, 100, run + 2 * MS, 500 * MS + 900000, run / MS + 103);
	tick(w, 10);
	assert_int_equal(w->last.incumbent_delay_ppm, 0);
	assert_int_equal(w->last.incumbent_wait_ns, 9000);
	/* Back: no figure of this thread, no negative one. */
	set_thread(w, 100, 100, 1, 1, 1);
	tick(w, 10);
	assert_int_equal(w->last.incumbent_delay_ppm, 0);
	assert_int_equal(w->last.incumbent_delay_total_ppm, 0);
}

/* Somebody sees what the secondaries cause: that is it, whatever CPU time they had. */
static void test_delay_charged(void **state)
{
	static const struct {
		int64_t said_ns; /* < 0: nobody says anything */
		int64_t ppm;
	} ticks[] = {
		{5 * MS, 200000}, /* the first time: since when? the bound (the wait, here) it is */
		{5 * MS, 0},	  /* nothing since */
		{6 * MS, 100000}, /* 1 ms in this tick */
		{6 * MS, 100000}, /* or in the one before */
		{6 * MS, 0},	   {7 * MS, 100000},
		{27 * MS, 200000}, /* never more than was waited */
		{-1, 200000},	   /* the bound again */
		{1, 200000},	   /* begun anew */
		{1 + MS, 100000},
	};
	static const pid_t pids[] = {100};
	struct world *w = *state;
	uint64_t run = 0, wait = 0, usage = 0;

	set_usage(w, "cede.slice", 0);
	set_process(w, &(struct process){.pid = 100, .start = 5});
	set_thread(w, 100, 100, 1, 0, 1);
	start(w, (struct sampler_opts){0});
	work_until(w, 1, pids, 1, &run);
	for (size_t i = 0; i < ARRAY_SIZE(ticks); i++) {
		wait += 2 * MS;
		usage += 10000; /* one CPU */
		set_thread(w, 100, 100, run + MS, wait, run / MS);
		set_usage(w, "cede.slice", usage);
		if (ticks[i].said_ns >= 0)
			sampler_charged(w->sampler, (uint64_t)ticks[i].said_ns);
		tick(w, 10);
		assert_int_equal(w->last.incumbent_delay_ppm, 200000);
		if (w->last.attributable_delay_ppm != ticks[i].ppm)
			fail_msg("tick %zu: %lld instead of %lld", i,
				 (long long)w->last.attributable_delay_ppm,
				 (long long)ticks[i].ppm);
	}
}

/* Without a cgroup tree nothing bounds what they can have caused. */
static void test_delay_unbounded(void **state)
{
	static const pid_t pids[] = {100};
	struct world *w = *state;
	uint64_t run = 0;

	set_process(w, &(struct process){.pid = 100, .start = 5});
	set_thread(w, 100, 100, 1, 0, 1);
	start(w, (struct sampler_opts){.cgroup_root = "/nonexistent/cgroup"});
	work_until(w, 1, pids, 1, &run);
	tick(w, 10);
	set_thread(w, 100, 100, run, MS, run / MS);
	tick(w, 10);
	assert_int_equal(w->last.secondary_ucpu, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.attributable_delay_ppm, 100000);
}

static void test_thread_exit(void **state)
{
	static const pid_t pids[] = {100, 200};
	struct world *w = *state;
	uint64_t run = 0;

	for (int i = 0; i < 2; i++) {
		set_process(w, &(struct process){.pid = pids[i], .start = 5});
		set_thread(w, pids[i], pids[i], 1, 0, 1);
	}
	start(w, (struct sampler_opts){0});
	work_until(w, 2, pids, 2, &run);
	remove_process(w, 100, 1);
	tick(w, 10);
	assert_int_equal(w->last.n_threads, 1);
	assert_int_equal(w->last.incumbent_delay_ppm, 0);
	remove_process(w, 200, 1);
	settle(w);
	assert_int_equal(w->last.n_threads, 0);
}

/* The pid comes again, with a longer life behind it than the scan has seen: that is not this
 * pass's work, and the delay counters of the two are not mixed. */
static void test_pid_reuse(void **state)
{
	static const pid_t pids[] = {100};
	struct world *w = *state;
	uint64_t run = 0;

	set_process(w, &(struct process){.pid = 100, .start = 5});
	set_thread(w, 100, 100, 1, 0, 1);
	start(w, (struct sampler_opts){0});
	work_until(w, 1, pids, 1, &run);
	remove_process(w, 100, 1);
	set_process(w, &(struct process){.pid = 100, .start = 77, .flags = PROC_KTHREAD});
	set_thread(w, 100, 100, 1000 * run, 1000 * run, 1000);
	settle(w); /* three passes: sooner than what is known is looked at again anyway */
	assert_int_equal(w->last.n_threads, 0); /* found out that it is a kernel thread now */
	remove_process(w, 100, 1);
	set_process(w, &(struct process){.pid = 100, .start = 99});
	set_thread(w, 100, 100, 1, 0, 1);
	run = 0;
	for (int i = 0; i < 8000 && w->last.n_threads == 0; i++) {
		run += MS;
		set_thread(w, 100, 100, run, 0, run / MS);
		tick(w, 10);
	}
	assert_int_equal(w->last.n_threads, 1); /* and a program again */
}

static void test_who_is_no_incumbent(void **state)
{
	static const pid_t pids[] = {100, 101, 102, 103, 104, 105, 106};
	struct world *w = *state;
	uint64_t run = 0;

	set_process(w, &(struct process){.pid = 100, .cgroup = "/system.slice/a"});
	set_process(w, &(struct process){.pid = 101, .flags = PROC_KTHREAD});
	set_process(w, &(struct process){.pid = 102, .policy = SCHED_IDLE});
	set_process(w, &(struct process){.pid = 103, .cgroup = "/cede.slice/x"});
	set_process(w, &(struct process){.pid = 104, .ppid = getpid()});
	set_process(w, &(struct process){.pid = 105, .cgroup = "/cede.slice-not"});
	set_process(w, &(struct process){.pid = 106, .cgroup = "/cede.slice"});
	for (int i = 0; i < 7; i++)
		set_thread(w, pids[i], pids[i], 1, 0, 1);
	start(w, (struct sampler_opts){0});
	work_until(w, 2, pids, 7, &run);
	for (int i = 0; i < 300; i++) {
		work_until(w, 2, pids, 7, &run); /* and stays so */
	}
}

/* An administrator moves a busy incumbent into the slice. */
static void test_adopted(void **state)
{
	static const pid_t pids[] = {100};
	struct world *w = *state;
	uint64_t run = 0;

	set_process(w, &(struct process){.pid = 100, .start = 5, .cgroup = "/a"});
	set_thread(w, 100, 100, 1, 0, 1);
	start(w, (struct sampler_opts){0});
	work_until(w, 1, pids, 1, &run);
	set_process(w, &(struct process){.pid = 100, .start = 5, .cgroup = "/cede.slice/a"});
	work_until(w, 0, pids, 1, &run);
}

static void test_threads_of_a_process(void **state)
{
	struct world *w = *state;
	uint64_t run = 1000;
	struct process p = {.pid = 100, .start = 5, .threads = 40};

	/* The leader sleeps; of its threads 140 works: more than are always looked at. */
	set_process(w, &p);
	for (pid_t tid = 100; tid < 140; tid++)
		set_thread(w, 100, tid, 1000, 0, 1);
	start(w, (struct sampler_opts){0});
	for (int i = 0; i < MANY_TICKS && w->last.n_threads != 1; i++) {
		run += MS;
		p.cpu_ticks++;
		set_process(w, &p);
		set_thread(w, 100, 139, run, 0, run / MS);
		tick(w, 10);
	}
	assert_int_equal(w->last.n_threads, 1);
	set_thread(w, 100, 139, run, MS, run / MS);
	tick(w, 10);
	assert_int_equal(w->last.incumbent_delay_total_ppm, 100000);
}

static void test_max_threads(void **state)
{
	pid_t pids[6];
	struct world *w = *state;
	uint64_t run = 0;

	for (int i = 0; i < 6; i++) {
		pids[i] = 100 + i;
		set_process(w, &(struct process){.pid = pids[i]});
		set_thread(w, pids[i], pids[i], 1, 0, 1);
	}
	start(w, (struct sampler_opts){.max_threads = 3});
	work_until(w, 3, pids, 6, &run);
	/* One does ten times as much from now on, wherever the listing has it: it must be seen. */
	for (pid_t busy = 100; busy <= 105; busy++) {
		uint64_t more = run;

		for (int i = 0; i < 250; i++) {
			more += 10 * MS;
			set_thread(w, busy, busy, more, 0, more / MS);
			tick(w, 10);
		}
		set_thread(w, busy, busy, more, 5 * MS, more / MS);
		tick(w, 10);
		assert_true(w->last.n_threads <= 3);
		assert_int_equal(w->last.incumbent_delay_total_ppm, 500000);
	}
}

/* Seven threads: one takes turns with itself. */
static void test_one_in_turn(void **state)
{
	struct world *w = *state;
	pid_t pids[7];
	uint64_t run = 0;

	for (int i = 0; i < 7; i++) {
		pids[i] = 100 + i;
		set_process(w, &(struct process){.pid = pids[i]});
		set_thread(w, pids[i], pids[i], 1, 0, 1);
	}
	start(w, (struct sampler_opts){0});
	work_until(w, 7, pids, 7, &run);
	tick(w, 10);
	for (int i = 0; i < 7; i++)
		set_thread(w, pids[i], pids[i], run, MS, run / MS);
	tick(w, 10);
	assert_int_equal(w->last.incumbent_delay_total_ppm, 700000);
}

/* A thread that rests for some seconds stays in view, one that rests for long does not. */
static void test_rest(void **state)
{
	static const pid_t pids[] = {100};
	struct world *w = *state;
	uint64_t run = 0;

	set_process(w, &(struct process){.pid = 100});
	set_thread(w, 100, 100, 1, 0, 1);
	start(w, (struct sampler_opts){0});
	work_until(w, 1, pids, 1, &run);
	for (int i = 0; i < 400; i++)
		tick(w, 10);
	assert_int_equal(w->last.n_threads, 1);
	for (int i = 0; i < 4000; i++)
		tick(w, 10);
	assert_int_equal(w->last.n_threads, 0);
}

/* A kernel without CONFIG_SCHED_INFO. */
static void test_no_schedstat(void **state)
{
	struct world *w = *state;

	set_process(w, &(struct process){.pid = 100, .start = 5});
	set_thread(w, 100, 100, 0, 0, 0);
	start(w, (struct sampler_opts){0});
	settle(w);
	assert_int_equal(w->last.incumbent_delay_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.attributable_delay_ppm, SAMPLE_UNKNOWN);
	assert_int_equal(w->last.incumbent_wait_ns, SAMPLE_UNKNOWN);
}

static unsigned open_files(void)
{
	_cleanup_dir_ DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n;
}

static void test_no_leaks(void **state)
{
	static const pid_t pids[] = {100};
	struct world *w = *state;
	unsigned before = open_files();
	uint64_t run = 0;
	size_t heap;

	set_usage(w, "cede.slice", 0);
	set_group_psi(w, "cede.slice", 0, 0, 0);
	set_usage(w, "system.slice", 0);
	set_process(w, &(struct process){.pid = 100, .start = 5});
	set_thread(w, 100, 100, 1, 0, 1);
	start(w, (struct sampler_opts){0});
	assert_true(open_files() > before);
	heap = mallinfo2().uordblks;
	work_until(w, 1, pids, 1, &run);
	for (int i = 0; i < 5; i++) {
		unsigned busy = open_files();

		/* Groups and processes come and go. */
		set_usage(w, "other.slice", 0);
		settle(w);
		fake_remove(&w->cg, "other.slice");
		settle(w);
		assert_true(open_files() <= busy);
	}
	assert_int_equal(mallinfo2().uordblks, heap); /* ticks allocate nothing */
	sampler_free(w->sampler);
	w->sampler = NULL;
	assert_int_equal(open_files(), before);
}

static void test_bad_options(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	char name[400];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(
		sampler_new(&(struct sampler_opts){.slice = "/", .proc_root = w->proc.root},
			    &w->sampler, &e),
		-EINVAL);
	assert_int_equal(
		sampler_new(&(struct sampler_opts){.slice = name, .proc_root = w->proc.root},
			    &w->sampler, &e),
		-EINVAL);
	assert_int_equal(
		sampler_new(&(struct sampler_opts){.proc_root = "/nonexistent"}, &w->sampler, &e),
		-ENOENT);
	assert_non_null(strstr(e.msg, "/nonexistent"));
	sampler_free(NULL);
}

/* The machine this runs on: the real files are understood. */
static void test_this_machine(void **state)
{
	struct sampler *s;
	struct sample x;
	struct err e = ERR_INIT;
	uint64_t until;

	(void)state;
	if (sampler_new(&(struct sampler_opts){0}, &s, &e) < 0)
		fail_msg("%s", e.msg);
	until = now_ns() + 300 * MS;
	do {
		assert_int_equal(sampler_read(s, 0, &x, &e), 0);
		usleep(20000);
	} while (now_ns() < until);
	assert_true(x.n_cpus >= 1);
	assert_in_range(x.node_idle_ucpu, 0, x.n_cpus * 1000000ull);
	assert_true(x.mem_available_bytes > 0);
	assert_true(x.mem_total_bytes >= x.mem_available_bytes);
	assert_true(x.medium_interval_ns >= 90 * MS);
	sampler_free(s);
}

#define WORLD_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_first_sample),
		WORLD_TEST(test_lateness),
		WORLD_TEST(test_whole_machine),
		WORLD_TEST(test_groups),
		WORLD_TEST(test_root_is_populated),
		WORLD_TEST(test_nested_slice),
		WORLD_TEST(test_nothing_there),
		WORLD_TEST(test_psi_missing),
		WORLD_TEST(test_psi_never_too_fast),
		WORLD_TEST(test_values_stay),
		WORLD_TEST(test_threads_in_turn),
		WORLD_TEST(test_secondary_usage),
		WORLD_TEST(test_secondary_usage_spared),
		WORLD_TEST(test_delay_spared),
		WORLD_TEST(test_hotplug),
		WORLD_TEST(test_too_soon),
		WORLD_TEST(test_run_delay),
		WORLD_TEST(test_delay_charged),
		WORLD_TEST(test_delay_unbounded),
		WORLD_TEST(test_thread_exit),
		WORLD_TEST(test_pid_reuse),
		WORLD_TEST(test_who_is_no_incumbent),
		WORLD_TEST(test_adopted),
		WORLD_TEST(test_threads_of_a_process),
		WORLD_TEST(test_max_threads),
		WORLD_TEST(test_one_in_turn),
		WORLD_TEST(test_rest),
		WORLD_TEST(test_no_schedstat),
		WORLD_TEST(test_no_leaks),
		WORLD_TEST(test_bad_options),
		cmocka_unit_test(test_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
