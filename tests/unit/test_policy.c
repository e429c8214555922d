/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control law, driven with made-up samples: single steps, scenarios, and a simulated machine
 * with two CPUs.
 */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sched/policy.h"

#define MS 1000000ULL
#define CPUS 2

/* A machine in time: feeds the policy what the "kernel" below says. */
struct world {
	struct policy_config cfg;
	struct policy_state st;
	struct decision d;
	struct sample s;
	uint64_t now;
	unsigned ticks;
};

/* What the incumbents go through, with the secondaries at a level of 0 .. LEVEL_FULL. */
struct load {
	int64_t busy_ppm;      /* of all CPUs */
	int64_t own_delay_ppm; /* whatever the secondaries do */
	int64_t hurt_ppm;      /* more of it when the secondaries run at the full level */
	int64_t hurt_flat_ppm; /* more of it when they run at all */
	int64_t io_own_ppm, io_hurt_ppm;
	int64_t available; /* bytes; 0: plenty */
	bool waits;	   /* the secondaries want more than they get */
	bool sleeps;	   /* they want nothing */
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->cfg = policy_config_default;
	policy_init(&w->st, &w->cfg);
	w->now = 1000 * MS;
	w->d = (struct decision){.rung = RUNG_IDLE_CLASS, .cpu_cap_ppm = LEVEL_FULL};
	w->d.next_tick_ns = w->cfg.tick_ns;
	w->s.medium_at_ns = w->now;
}

static int64_t level(const struct world *w)
{
	return w->st.level_ppm;
}

static struct decision step(struct world *w, const struct load *l)
{
	uint64_t dt = w->d.next_tick_ns;
	struct sample *s = &w->s;
	int64_t soaked = (LEVEL_FULL - l->busy_ppm) * level(w) / LEVEL_FULL;
	int64_t part = l->hurt_ppm * level(w) / LEVEL_FULL + (level(w) ? l->hurt_flat_ppm : 0);

	w->now += dt;
	s->at_ns = w->now;
	s->interval_ns = w->ticks ? dt : 0;
	s->n_cpus = CPUS;
	s->n_threads = 4;
	soaked = l->sleeps ? 0 : soaked;
	s->secondary_ucpu = soaked * CPUS;
	s->incumbent_delay_ppm = l->own_delay_ppm + part;
	s->attributable_delay_ppm = s->incumbent_delay_ppm < s->secondary_ucpu
					    ? s->incumbent_delay_ppm
					    : s->secondary_ucpu;
	if (w->now - s->medium_at_ns >= 100 * MS) {
		s->medium_interval_ns = w->now - s->medium_at_ns;
		s->medium_at_ns = w->now;
		s->incumbent_ucpu = l->busy_ppm * CPUS;
		s->node_idle_ucpu = (LEVEL_FULL - l->busy_ppm - soaked) * CPUS;
		s->secondary_cpu_psi_ppm = l->waits ? 990000 : 0;
		s->incumbent_cpu_psi_ppm = s->incumbent_mem_psi_ppm = SAMPLE_UNKNOWN;
		s->incumbent_io_psi_ppm = l->io_own_ppm + l->io_hurt_ppm * level(w) / LEVEL_FULL;
	}
	s->mem_total_bytes = 8LL << 30;
	s->mem_available_bytes = l->available ? l->available : 4LL << 30;
	w->ticks++;
	w->d = policy_decide(s, &w->st, &w->cfg);
	return w->d;
}

/* Until `rung` or `ms` have passed; returns the milliseconds it took. */
static unsigned run_until(struct world *w, const struct load *l, enum rung rung, unsigned ms)
{
	uint64_t from = w->now;

	while (w->now - from < ms * MS)
		if (step(w, l).rung == rung)
			break;
	return (unsigned)((w->now - from) / MS);
}

/* Mean level over the time, millionths. */
static int64_t run_for(struct world *w, const struct load *l, unsigned ms)
{
	uint64_t from = w->now;
	int64_t sum = 0;

	while (w->now - from < ms * MS) {
		int64_t before = level(w);
		uint64_t at = w->now;

		(void)step(w, l);
		sum += before / 1000 * (int64_t)((w->now - at) / MS);
	}
	return sum * 1000 / (int64_t)((w->now - from) / MS);
}

static const struct load calm = {.busy_ppm = 300000, .own_delay_ppm = 5000};
/* Kernel-mode secondaries under preempt=none: the idle class does not help. */
static const struct load hurt = {.busy_ppm = 300000, .own_delay_ppm = 5000, .hurt_ppm = 600000};
static const struct load hurt_a_bit = {
	.busy_ppm = 300000, .own_delay_ppm = 5000, .hurt_ppm = 90000};

static void test_names(void **state)
{
	(void)state;
	for (int r = 0; r < RUNGS; r++)
		assert_string_not_equal(rung_name((enum rung)r), "?");
	for (int r = 0; r < REASONS; r++)
		assert_string_not_equal(reason_name((enum reason)r), "?");
	assert_string_equal(rung_name((enum rung)99), "?");
	assert_string_equal(reason_name((enum reason) - 1), "?");
}

static void test_calm_stays_free(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (int i = 0; i < 6000; i++) {
		struct decision d = step(&w, &calm);

		assert_int_equal(d.rung, RUNG_IDLE_CLASS);
		assert_int_equal(d.cpu_cap_ppm, LEVEL_FULL);
		assert_int_equal(d.reason, REASON_NONE);
		assert_int_equal(d.next_tick_ns, w.cfg.tick_ns);
		assert_false(d.confirmed);
	}
}

/* From the first bad sample: a grave step freezes within 20 ms, by reflex; a light one within a
 * second, on trial. */
static void test_step_response(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	run_for(&w, &calm, 1000);
	assert_int_equal(run_until(&w, &hurt, RUNG_FREEZE, 1000), 20);
	assert_int_equal(w.d.reason, REASON_RUN_DELAY);
	assert_true(w.d.score_permille > 4000);
	assert_int_equal(w.d.cpu_cap_ppm, 0);
	assert_int_equal(w.st.freeze, FREEZE_REFLEX);
	assert_false(w.d.confirmed);

	world_init(&w);
	run_for(&w, &calm, 1000);
	assert_in_range(run_until(&w, &hurt_a_bit, RUNG_FREEZE, 2000), 100, 1000);
	assert_int_equal(w.st.freeze, FREEZE_TRIAL);
	assert_int_equal(w.d.reason, REASON_RUN_DELAY);
	assert_in_range(w.d.score_permille, 1000, 4000);
	assert_in_range(run_until(&w, &hurt_a_bit, RUNG_CPU_CAP, 1000), 200, 225);
	assert_int_equal(level(&w), LEVEL_FULL / 2);
}

/* Who neither runs nor wants to is looked at less often, once that is sure; who begins again, or
 * could not, is not. */
static void test_rest(void **state)
{
	static const struct load asleep = {
		.busy_ppm = 300000, .own_delay_ppm = 5000, .sleeps = true};
	static const struct load kept_out = {.busy_ppm = LEVEL_FULL, .waits = true};
	struct world w;
	uint64_t from;

	(void)state;
	world_init(&w);
	run_for(&w, &calm, 1000);
	for (int i = 0; i < 100; i++)
		assert_int_equal(step(&w, &asleep).next_tick_ns, w.cfg.tick_ns);
	run_for(&w, &asleep, 4000);
	assert_int_equal(step(&w, &asleep).next_tick_ns, w.cfg.slow_tick_ns);
	assert_int_equal(w.d.rung, RUNG_IDLE_CLASS);
	/* The incumbents' own waits change nothing, and a clock tick of work ends it for a while.
	 */
	assert_int_equal(step(&w, &calm).next_tick_ns, w.cfg.tick_ns);
	assert_int_equal(step(&w, &asleep).next_tick_ns, w.cfg.tick_ns);
	run_for(&w, &asleep, 4000);
	assert_int_equal(w.d.next_tick_ns, w.cfg.slow_tick_ns);
	/* The slower look is not the slower reflex: one tick more. */
	from = w.now;
	(void)run_until(&w, &hurt, RUNG_FREEZE, 1000);
	assert_int_equal(w.now - from, w.cfg.slow_tick_ns + w.cfg.tick_ns);
	assert_int_equal(w.st.freeze, FREEZE_REFLEX);

	world_init(&w);
	run_for(&w, &kept_out, 110);
	for (int i = 0; i < 150; i++)
		assert_int_equal(step(&w, &kept_out).next_tick_ns, w.cfg.tick_ns);

	/* What is not known does not rest. */
	world_init(&w);
	run_for(&w, &asleep, 4000);
	w.s.secondary_ucpu = SAMPLE_UNKNOWN;
	w.s.at_ns = w.now += w.cfg.tick_ns;
	w.d = policy_decide(&w.s, &w.st, &w.cfg);
	assert_int_equal(w.d.next_tick_ns, w.cfg.tick_ns);
}

/* One bad tick, as a stolen vCPU makes it, is not an alarm. */
static void test_one_outlier(void **state)
{
	struct load outlier = calm;
	struct world w;

	(void)state;
	outlier.own_delay_ppm = 400000;
	world_init(&w);
	for (int i = 0; i < 50; i++) {
		run_for(&w, &calm, 500);
		assert_int_equal(step(&w, &outlier).rung, RUNG_IDLE_CLASS);
	}
	run_for(&w, &calm, 500);
	assert_int_equal(w.d.rung, RUNG_IDLE_CLASS);
}

/* The idle class' own work: incumbents wait for each other while the secondaries get nothing. */
static void test_not_attributable(void **state)
{
	struct load full = {.busy_ppm = 998000, .own_delay_ppm = 900000};
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(run_for(&w, &full, 5000), LEVEL_FULL);
}

/* A reflex that was wrong costs 200 ms, and all of them together 5 % of the time. */
static void test_reflex_is_cheap(void **state)
{
	struct load spike = calm;
	struct world w;
	int64_t mean = 0;

	(void)state;
	spike.own_delay_ppm = 600000;
	world_init(&w);
	run_for(&w, &calm, 1000);
	run_until(&w, &spike, RUNG_FREEZE, 1000);
	assert_in_range(run_until(&w, &calm, RUNG_IDLE_CLASS, 10000), 200, 225);
	assert_int_equal(w.d.reason, REASON_RECOVERED);
	assert_int_equal(w.st.repeats, 0);
	/* Two bad ticks in each half second, for two minutes. */
	for (int i = 0; i < 240; i++) {
		(void)step(&w, &spike);
		(void)step(&w, &spike);
		mean += run_for(&w, &calm, 480);
	}
	assert_true(mean / 240 > 930000);
	assert_int_equal(w.st.repeats, 0);
}

/* While the reason is there each sanction is twice the one before, up to the limit. */
static void test_holds_grow(void **state)
{
	static const struct load any = {.busy_ppm = 300000, .hurt_flat_ppm = 80000};
	struct world w;
	uint64_t last = 0;

	(void)state;
	world_init(&w);
	run_for(&w, &calm, 1000);
	for (uint32_t i = 1; i < 14; i++) {
		uint64_t hold;

		for (int t = 0; w.st.repeats != i; t++) {
			(void)step(&w, &any);
			assert_in_range(t, 0, 4000);
		}
		hold = w.st.hold_until_ns - w.now;
		if (i == 1)
			assert_int_equal(hold, 200 * MS);
		assert_true(hold == 2 * last || hold == w.cfg.hold_max_ns || i == 1);
		last = hold;
		/* Nothing rises, nothing thaws before it is over. */
		while (w.now < w.st.hold_until_ns - w.cfg.slow_tick_ns) {
			int64_t before = level(&w);

			(void)step(&w, &calm);
			assert_true(level(&w) <= before);
		}
	}
	assert_int_equal(last, 30000 * MS);
	/* What hurts whenever it runs hardly runs. */
	assert_in_range(run_for(&w, &any, 300000), 0, 60000);
}

static void test_recovery_time(void **state)
{
	struct world w;
	unsigned ms;

	(void)state;
	world_init(&w);
	run_for(&w, &calm, 1000);
	run_until(&w, &hurt_a_bit, RUNG_CPU_CAP, 5000);
	assert_int_equal(level(&w), LEVEL_FULL / 2);
	/* the hold, then 50 -> 100 % at 5 % per 100 ms */
	ms = run_until(&w, &calm, RUNG_IDLE_CLASS, 60000);
	assert_in_range(ms, 1050, 1250);
	assert_int_equal(w.d.reason, REASON_RECOVERED);
	assert_int_equal(w.st.repeats, 1);
	run_for(&w, &calm, 5100);
	assert_int_equal(w.st.repeats, 0); /* forgotten */
}

/* Guilty in part: with secondaries at the full level it hurts, at a third it does not. */
static void test_finds_a_level(void **state)
{
	struct load l = {.busy_ppm = 300000, .hurt_ppm = 120000};
	struct world w;
	int64_t mean;

	(void)state;
	world_init(&w);
	run_for(&w, &l, 20000);
	mean = run_for(&w, &l, 60000);
	assert_in_range(mean, 50000, 700000);
}

static unsigned freezes_in(struct world *w, const struct load *l, unsigned ms)
{
	uint64_t from = w->now;
	enum rung before = w->d.rung;
	unsigned n = 0;

	while (w->now - from < ms * MS) {
		n += step(w, l).rung == RUNG_FREEZE && before != RUNG_FREEZE;
		before = w->d.rung;
	}
	return n;
}

/* Incumbents that suffer as much without us: a look at it, then never again. */
static void test_acquittal(void **state)
{
	static const struct load contended = {.busy_ppm = 700000, .own_delay_ppm = 250000};
	static const struct load disk_bound = {.busy_ppm = 300000, .io_own_ppm = 900000};
	struct world w;

	(void)state;
	world_init(&w);
	run_for(&w, &calm, 1000);
	assert_in_range(freezes_in(&w, &contended, 10000), 1, 3);
	assert_int_equal(w.d.rung, RUNG_IDLE_CLASS);
	assert_int_equal(w.st.repeats, 0);
	assert_int_equal(freezes_in(&w, &contended, 60000), 0);

	world_init(&w);
	assert_in_range(freezes_in(&w, &disk_bound, 10000), 1, 3);
	assert_int_equal(w.d.rung, RUNG_IDLE_CLASS);
	assert_int_equal(freezes_in(&w, &disk_bound, 60000), 0);
}

/* What was learnt under one load does not make the law deaf under another. */
static void test_baseline_per_load(void **state)
{
	static const struct load contended = {.busy_ppm = 800000, .own_delay_ppm = 500000};
	struct world w;

	(void)state;
	world_init(&w);
	run_for(&w, &contended, 10000);
	assert_int_equal(w.d.rung, RUNG_IDLE_CLASS);
	assert_true(w.st.baseline_ppm[3][SIGNAL_DELAY] > 300000);
	run_for(&w, &calm, 3000);
	assert_int_equal(run_until(&w, &hurt, RUNG_FREEZE, 1000), 20);
}

static void test_slow_signals(void **state)
{
	struct load io = {.busy_ppm = 300000, .io_hurt_ppm = 900000};
	struct world w;

	(void)state;
	world_init(&w);
	run_for(&w, &calm, 1000);
	assert_in_range(run_until(&w, &io, RUNG_FREEZE, 1000), 10, 200);
	assert_int_equal(w.d.reason, REASON_IO_PSI);
	assert_int_equal(w.st.freeze, FREEZE_REFLEX);

	world_init(&w);
	run_for(&w, &calm, 1000);
	io.io_hurt_ppm = 400000;
	assert_in_range(run_until(&w, &io, RUNG_FREEZE, 2000), 200, 1000);
	assert_int_equal(w.st.freeze, FREEZE_TRIAL);
	run_until(&w, &io, RUNG_CPU_CAP, 1000);
	assert_int_equal(level(&w), LEVEL_FULL / 2);
	/* One reading is one reason, however many ticks it stays on the table. */
	for (int i = 0; i < 9; i++)
		assert_int_equal(step(&w, &io).cpu_cap_ppm, LEVEL_FULL / 2);
}

static void test_memory(void **state)
{
	struct load low = calm, tight = calm;
	struct world w;

	(void)state;
	low.available = 100 << 20; /* the reserve of 8 GB is 160 MB */
	tight.available = 180 << 20;
	world_init(&w);
	run_for(&w, &calm, 1000);
	assert_int_equal(step(&w, &low).rung, RUNG_FREEZE);
	assert_int_equal(w.d.reason, REASON_MEMORY_LOW);
	assert_true(w.d.confirmed);
	assert_int_equal(run_for(&w, &low, 5000), 0);
	assert_int_equal(run_for(&w, &tight, 5000), 0); /* not low any more, not clear either */
	run_until(&w, &calm, RUNG_IDLE_CLASS, 500);
	assert_int_equal(w.d.rung, RUNG_IDLE_CLASS);
	assert_int_equal(run_for(&w, &tight, 1000), LEVEL_FULL);
}

/* The incumbents take everything: frozen after 2 s, over with the first idle time; without any the
 * secondaries get a little time again and again. */
static void test_starved(void **state)
{
	struct load full = {.busy_ppm = 990000, .waits = true};
	struct load rests = {.busy_ppm = 990000}; /* a secondary that sleeps */
	struct world w;
	unsigned ms;

	(void)state;
	world_init(&w);
	run_for(&w, &calm, 1000);
	ms = run_until(&w, &full, RUNG_FREEZE, 5000);
	assert_in_range(ms, 2000, 3500);
	assert_int_equal(w.d.reason, REASON_NO_IDLE);
	assert_false(w.d.confirmed);
	run_for(&w, &full, 1100);
	assert_int_equal(w.d.rung, RUNG_FREEZE);
	assert_true(w.d.confirmed);
	ms = run_until(&w, &calm, RUNG_IDLE_CLASS, 5000);
	assert_in_range(ms, 0, 225);
	assert_int_equal(w.d.reason, REASON_RECOVERED);
	assert_int_equal(w.st.repeats, 0);

	run_for(&w, &calm, 3000);
	for (unsigned want = 2000; want <= 32000; want *= 2) {
		run_until(&w, &full, RUNG_FREEZE, 5000);
		ms = run_until(&w, &full, RUNG_IDLE_CLASS, 20000);
		assert_in_range(ms, (want < 10000 ? want : 10000) - 25, want + 25);
	}

	/* Bursts shorter than that cost nothing, and nobody who wants nothing is frozen. */
	world_init(&w);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(run_for(&w, &full, 900), LEVEL_FULL);
		assert_int_equal(run_for(&w, &calm, 900), LEVEL_FULL);
	}
	assert_int_equal(run_for(&w, &rests, 20000), LEVEL_FULL);
}

/* 1 Hz, a load that hurts in its high half and none in the other, for a minute: few freezes for
 * each rising edge, and it gets calmer, not wilder. */
static void test_square_wave(void **state)
{
	struct world w;
	unsigned first = 0, last = 0;
	enum rung before = RUNG_IDLE_CLASS;

	(void)state;
	world_init(&w);
	for (int second = 0; second < 60; second++) {
		uint64_t from = w.now;
		unsigned changes = 0;

		while (w.now - from < 1000 * MS) {
			bool high = w.now - from < 500 * MS;

			(void)step(&w, high ? &hurt : &calm);
			changes += w.d.rung == RUNG_FREEZE && before != RUNG_FREEZE;
			before = w.d.rung;
		}
		assert_true(changes <= 3); /* reflexes and trials are shorter than a half */
		if (second < 10)
			first += changes;
		else if (second >= 50)
			last += changes;
	}
	assert_true(first >= 3);
	assert_true(last <= first);
	assert_true(last <= 10);
}

/* --- a small plant: two CPUs, a wakeful incumbent, the noise of a virtual machine ------------- */

static uint32_t prng(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/*
 * Noise as it was seen on a shared virtual machine: most ticks wait well below 1 %, one in ten a
 * few per cent, one in 200 some milliseconds, one in 3000 a whole tick or two (stolen vCPU).
 */
static int64_t noise(uint32_t *seed, int64_t *rest)
{
	uint32_t r = prng(seed) % 6000, x = prng(seed);

	if (*rest > 0) {
		*rest = 0;
		return 700000;
	}
	if (r < 2) {
		*rest = 1;
		return LEVEL_FULL;
	}
	if (r < 30)
		return 100000 + x % 300000;
	if (r < 600)
		return 10000 + x % 40000;
	return x % 8000;
}

/* Bursts: a build beside us, whose processes wait for each other a third of the time. */
static int64_t bursts(uint32_t *seed, int64_t *rest)
{
	uint32_t x = prng(seed);

	if (*rest == 0)
		*rest = x % 3 ? -(int64_t)(prng(seed) % 60) - 10 : (int64_t)(prng(seed) % 60) + 10;
	if (*rest < 0) {
		(*rest)++;
		return x % 30000;
	}
	(*rest)--;
	return 300000 + x % 500000;
}

static int64_t harvest(int64_t (*weather)(uint32_t *seed, int64_t *rest), uint32_t seed,
		       int64_t busy_ppm, unsigned seconds, struct world *w)
{
	struct load l = {0};
	int64_t rest = 0, sum = 0, time = 0;

	world_init(w);
	while (w->now < 1000 * MS + seconds * 1000 * MS) {
		uint64_t at = w->now;
		int64_t before = level(w);

		l.own_delay_ppm = weather(&seed, &rest);
		l.busy_ppm = busy_ppm + (int64_t)(prng(&seed) % 100000) - 50000;
		(void)step(w, &l);
		sum += before / 1000 * (int64_t)((w->now - at) / MS);
		time += (int64_t)((w->now - at) / MS);
	}
	return sum * 1000 / time;
}

/* False alarms may cost at most a small part of the 15 % that the figures leave. */
static void test_harvest_under_noise(void **state)
{
	static const int64_t busy[] = {100000, 300000, 500000, 800000};

	(void)state;
	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
		struct world w;
		int64_t h = harvest(noise, 12345 + (uint32_t)i, busy[i], 300, &w);

		if (h < 970000)
			fail_msg("busy %ld: harvest only %ld ppm", (long)busy[i], (long)h);
		h = harvest(bursts, 4711 + (uint32_t)i, busy[i], 300, &w);
		if (h < 850000)
			fail_msg("bursts, busy %ld: harvest only %ld ppm", (long)busy[i], (long)h);
	}
}

static void test_deterministic(void **state)
{
	struct world a, b;

	(void)state;
	(void)harvest(bursts, 99, 400000, 120, &a);
	(void)harvest(bursts, 99, 400000, 120, &b);
	assert_memory_equal(&a.st, &b.st, sizeof(a.st));
	assert_memory_equal(&a.d, &b.d, sizeof(a.d));
}

/* First samples have no rates, hosts lack counters, clocks go back. */
static void test_unknowns(void **state)
{
	struct world w;
	struct sample s;

	(void)state;
	world_init(&w);
	memset(&s, 0xff, sizeof(s)); /* every rate is SAMPLE_UNKNOWN, every count enormous */
	s.at_ns = w.now;
	s.interval_ns = 0;
	s.n_cpus = 0;
	for (int i = 0; i < 100; i++) {
		struct decision d = policy_decide(&s, &w.st, &w.cfg);

		assert_int_equal(d.rung, RUNG_IDLE_CLASS);
		s.at_ns -= MS;
	}
	/* Without schedstat our own lateness speaks. */
	world_init(&w);
	s.at_ns = w.now;
	s.n_cpus = CPUS;
	for (int i = 0; i < 10; i++) {
		s.at_ns += 10 * MS;
		s.interval_ns = 10 * MS;
		s.lateness_ns = 8 * MS;
		s.secondary_ucpu = 1500000;
		w.d = policy_decide(&s, &w.st, &w.cfg);
		if (w.d.rung == RUNG_FREEZE)
			break;
	}
	assert_int_equal(w.d.rung, RUNG_FREEZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_calm_stays_free),
		cmocka_unit_test(test_step_response),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_one_outlier),
		cmocka_unit_test(test_not_attributable),
		cmocka_unit_test(test_reflex_is_cheap),
		cmocka_unit_test(test_holds_grow),
		cmocka_unit_test(test_recovery_time),
		cmocka_unit_test(test_finds_a_level),
		cmocka_unit_test(test_acquittal),
		cmocka_unit_test(test_baseline_per_load),
		cmocka_unit_test(test_slow_signals),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_starved),
		cmocka_unit_test(test_square_wave),
		cmocka_unit_test(test_harvest_under_noise),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_unknowns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
