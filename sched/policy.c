/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/policy.h"

#include <stddef.h>
#include <string.h>

#define MSEC 1000000ULL
#define SEC 1000000000ULL
#define PPM 1000000
#define PEAK_NS SEC /* how fast the incumbents' recent peak is forgotten */
#define REPEATS_MAX 16
/* Of the reserve: between 1 and this no alarm is raised, and none is over. */
#define MEM_CLEAR_PERMILLE 1250

/*
 * Where the figures come from: 10 ms and 200 ms .. 30 s are what the fastest and the slowest known
 * controllers use; 5 % of delay behind somebody else is where a p99 begins to show it (a request
 * that waits 5 ms is one in a hundred if it happens once per second at 100 requests per second).
 * CPU pressure also counts the microseconds of every wake-up, so it may be four times as much.
 */
const struct policy_config policy_config_default = {
	.tick_ns = 10 * MSEC,
	.frozen_tick_ns = 25 * MSEC,
	.smooth_ns = 80 * MSEC,
	.delay_tolerance_ppm = 50000,
	.cpu_psi_tolerance_ppm = 200000,
	.mem_psi_tolerance_ppm = 50000,
	.io_psi_tolerance_ppm = 200000,
	.freeze_permille = 4000,
	.trip_ticks = 2,
	.trial_repeats = 2,
	.hold_min_ns = 200 * MSEC,
	.hold_max_ns = 30 * SEC,
	.forget_ns = 5 * SEC,
	.baseline_ns = 30 * SEC,
	.step_ppm = 50000,
	.step_ns = 100 * MSEC,
	.min_level_ppm = 50000,
	.mem_reserve_bytes = 64 << 20,
	.mem_reserve_ppm = 20000,
};

static const char *const rung_names[RUNGS] = {
	[RUNG_IDLE_CLASS] = "idle-class",
	[RUNG_CPU_CAP] = "cpu-cap",
	[RUNG_FREEZE] = "freeze",
	[RUNG_KILL] = "kill",
};

const char *rung_name(enum rung r)
{
	return (unsigned)r < RUNGS ? rung_names[r] : "?";
}

static const char *const reason_names[REASONS] = {
	[REASON_NONE] = "none",
	[REASON_RUN_DELAY] = "run-delay",
	[REASON_CPU_PSI] = "cpu-pressure",
	[REASON_MEM_PSI] = "memory-pressure",
	[REASON_IO_PSI] = "io-pressure",
	[REASON_MEMORY_LOW] = "memory-low",
	[REASON_HOLD] = "hold",
	[REASON_ACQUITTED] = "acquitted",
	[REASON_RECOVERED] = "recovered",
};

const char *reason_name(enum reason r)
{
	return (unsigned)r < REASONS ? reason_names[r] : "?";
}

/* The signals that are compared with a baseline: one row for each. */
static const struct signal_row {
	enum reason reason;
	size_t value;	  /* in struct sample */
	size_t tolerance; /* in struct policy_config */
	bool cpu;	  /* secondaries that do not run cannot be the cause */
} signals[POLICY_SIGNALS] = {
	[SIGNAL_DELAY] = {REASON_RUN_DELAY, offsetof(struct sample, incumbent_delay_ppm),
			  offsetof(struct policy_config, delay_tolerance_ppm), true},
	[SIGNAL_CPU_PSI] = {REASON_CPU_PSI, offsetof(struct sample, incumbent_cpu_psi_ppm),
			    offsetof(struct policy_config, cpu_psi_tolerance_ppm), true},
	[SIGNAL_MEM_PSI] = {REASON_MEM_PSI, offsetof(struct sample, incumbent_mem_psi_ppm),
			    offsetof(struct policy_config, mem_psi_tolerance_ppm), false},
	[SIGNAL_IO_PSI] = {REASON_IO_PSI, offsetof(struct sample, incumbent_io_psi_ppm),
			   offsetof(struct policy_config, io_psi_tolerance_ppm), false},
};

/* What one tick sees. Values are whole (baseline included) or SAMPLE_UNKNOWN. */
struct view {
	uint64_t now, dt;
	int64_t n_cpus;
	unsigned load; /* which baseline counts */
	bool fresh;    /* a new slow reading ... */
	bool clean;    /* ... that began after the last alarm */
	int64_t value[POLICY_SIGNALS];
	int64_t score[POLICY_SIGNALS]; /* s * 1000 */
	int64_t tick_score;	       /* SIGNAL_DELAY's of this tick alone */
	bool memory_low, memory_tight;
};

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

static int64_t get(const void *base, size_t offset)
{
	int64_t v;

	memcpy(&v, (const char *)base + offset, sizeof(v));
	return v;
}

static int64_t tolerance(const struct policy_config *cfg, enum policy_signal i)
{
	return clamp(get(cfg, signals[i].tolerance), 1, PPM);
}

/* Millionths of the time: unknown stays unknown, nonsense becomes the nearest sense. */
static int64_t share(int64_t v)
{
	return v < 0 ? SAMPLE_UNKNOWN : clamp(v, 0, PPM);
}

/* Millionths of one CPU -> millionths of all. */
static int64_t of_all(int64_t ucpu, int64_t n_cpus)
{
	return ucpu < 0 ? SAMPLE_UNKNOWN : clamp(ucpu / n_cpus, 0, PPM);
}

/* Moves *avg towards x, by the whole distance if dt is as long as the window. */
static void leak(int64_t *avg, int64_t x, uint64_t dt, uint64_t window)
{
	int64_t part = window > dt ? (int64_t)(dt * PPM / window) : PPM;

	*avg += (x - *avg) * part / PPM;
}

void policy_init(struct policy_state *st, const struct policy_config *cfg)
{
	(void)cfg; /* nothing in the state depends on it; the contract leaves room */
	*st = (struct policy_state){
		.rung = RUNG_IDLE_CLASS,
		.level_ppm = LEVEL_FULL,
	};
}

static void look_at_memory(const struct sample *s, const struct policy_config *cfg, struct view *v)
{
	int64_t total = clamp(s->mem_total_bytes, 0, INT64_MAX);
	int64_t reserve = total / PPM * clamp(cfg->mem_reserve_ppm, 0, PPM);

	if (s->mem_available_bytes < 0)
		return;
	if (reserve < cfg->mem_reserve_bytes)
		reserve = cfg->mem_reserve_bytes;
	v->memory_low = s->mem_available_bytes < reserve;
	v->memory_tight = s->mem_available_bytes < reserve / 1000 * MEM_CLEAR_PERMILLE;
}

/*
 * The fast signal. A kernel without schedstat (SAMPLE_UNKNOWN although time has passed) leaves our
 * own lateness: if this process had to wait for its CPU, so had others.
 */
static void look_at_delay(const struct sample *s, struct policy_state *st,
			  const struct policy_config *cfg, struct view *v)
{
	int64_t whole = share(s->incumbent_delay_ppm), part = share(s->attributable_delay_ppm);
	int64_t excess;

	if (whole == SAMPLE_UNKNOWN) {
		if (s->interval_ns == 0 || s->lateness_ns > s->interval_ns)
			return;
		whole = (int64_t)(s->lateness_ns * 1000 / s->interval_ns) * 1000;
	}
	if (part == SAMPLE_UNKNOWN)
		part = s->secondary_ucpu < 0 ? whole : clamp(s->secondary_ucpu, 0, whole);
	v->value[SIGNAL_DELAY] = whole;
	leak(&st->delay_ppm, whole, v->dt, cfg->smooth_ns);
	leak(&st->attributable_ppm, part, v->dt, cfg->smooth_ns);
	excess = clamp(st->delay_ppm - st->baseline_ppm[v->load][SIGNAL_DELAY], 0,
		       st->attributable_ppm);
	v->score[SIGNAL_DELAY] = excess * 1000 / tolerance(cfg, SIGNAL_DELAY);
	excess = clamp(whole - st->baseline_ppm[v->load][SIGNAL_DELAY], 0, part);
	v->tick_score = excess * 1000 / tolerance(cfg, SIGNAL_DELAY);
}

static void look_at_pressure(const struct sample *s, const struct policy_state *st,
			     const struct policy_config *cfg, struct view *v)
{
	for (int i = SIGNAL_CPU_PSI; i < POLICY_SIGNALS; i++) {
		int64_t value = share(get(s, signals[i].value));
		int64_t excess = clamp(value - st->baseline_ppm[v->load][i], 0, PPM);

		if (value == SAMPLE_UNKNOWN)
			continue;
		if (signals[i].cpu)
			excess = clamp(excess, 0, st->secondary_ppm * v->n_cpus);
		v->value[i] = value;
		v->score[i] = excess * 1000 / tolerance(cfg, (enum policy_signal)i);
	}
}

static struct view look(const struct sample *s, struct policy_state *st,
			const struct policy_config *cfg)
{
	struct view v = {.now = s->at_ns > st->now_ns ? s->at_ns : st->now_ns};
	uint64_t began = s->medium_at_ns - s->medium_interval_ns;
	int64_t used;

	/* The first look has no past; a clock that went back stands still. */
	v.dt = st->now_ns ? v.now - st->now_ns : 0;
	v.n_cpus = clamp(s->n_cpus, 1, 1 << 16);
	v.fresh = s->medium_at_ns > st->medium_ns && s->medium_at_ns <= v.now;
	v.clean = v.fresh && s->medium_interval_ns < s->medium_at_ns && began >= st->changed_ns;
	st->now_ns = v.now;
	if (v.fresh)
		st->medium_ns = s->medium_at_ns;
	for (int i = 0; i < POLICY_SIGNALS; i++)
		v.value[i] = SAMPLE_UNKNOWN;

	used = of_all(s->incumbent_ucpu, v.n_cpus);
	if (used > st->peak_ppm)
		st->peak_ppm = used;
	else if (used != SAMPLE_UNKNOWN)
		leak(&st->peak_ppm, used, v.dt, PEAK_NS);
	v.load = used == SAMPLE_UNKNOWN
			 ? 0
			 : (unsigned)clamp(used * POLICY_LOADS / PPM, 0, POLICY_LOADS - 1);
	if (s->secondary_ucpu >= 0)
		leak(&st->secondary_ppm, of_all(s->secondary_ucpu, v.n_cpus), v.dt, cfg->smooth_ns);

	look_at_delay(s, st, cfg, &v);
	look_at_pressure(s, st, cfg, &v);
	look_at_memory(s, cfg, &v);
	return v;
}

/* The worst signal; `new_only`: of those that say something about the present level. */
static enum policy_signal worst(const struct view *v, bool new_only)
{
	enum policy_signal w = SIGNAL_DELAY;

	for (int i = SIGNAL_CPU_PSI; i < POLICY_SIGNALS; i++)
		if ((v->clean || !new_only) && v->score[i] > v->score[w])
			w = (enum policy_signal)i;
	return w;
}

/* ---- down -------------------------------------------------------------------------------- */

static void set_level(struct policy_state *st, const struct policy_config *cfg, int64_t level)
{
	if (level < cfg->min_level_ppm)
		level = 0;
	st->level_ppm = clamp(level, 0, LEVEL_FULL);
	st->rung = level >= LEVEL_FULL ? RUNG_IDLE_CLASS : level > 0 ? RUNG_CPU_CAP : RUNG_FREEZE;
}

static void fall(struct policy_state *st, const struct policy_config *cfg, enum reason why,
		 int64_t level, uint64_t hold)
{
	st->why = why;
	st->resume_ppm = st->level_ppm;
	set_level(st, cfg, level);
	st->changed_ns = st->now_ns;
	st->hold_until_ns = st->now_ns + hold;
	st->stepped_ns = st->hold_until_ns;
	st->trips = st->hard_trips = 0;
	st->delay_ppm = st->attributable_ppm = 0; /* what comes next is about the new level */
}

static uint64_t hold_length(const struct policy_state *st, const struct policy_config *cfg)
{
	uint64_t hold = cfg->hold_min_ns;

	for (uint32_t i = 0; i < st->repeats && hold < cfg->hold_max_ns; i++)
		hold *= 2;
	return hold < cfg->hold_max_ns ? hold : cfg->hold_max_ns;
}

static void alarm_at(struct policy_state *st, const struct policy_config *cfg, enum reason why,
		     int64_t level, int64_t value)
{
	bool first = st->repeats == 0;

	fall(st, cfg, why, level, hold_length(st, cfg));
	if (!first)
		st->resume_ppm = 0;
	st->trip_ppm = value;
	st->peace_ns = st->now_ns;
	if (st->repeats < REPEATS_MAX)
		st->repeats++;
}

/* Half of what there was, or what the incumbents' recent peak leaves: feed-forward. */
static int64_t lower_level(const struct policy_state *st, const struct policy_config *cfg)
{
	int64_t half = st->level_ppm / 2, left = PPM - st->peak_ppm;

	if (st->repeats >= cfg->trial_repeats)
		return 0;
	return half < left ? half : left;
}

/* True if it fell. */
static bool check_alarm(struct policy_state *st, const struct policy_config *cfg,
			const struct view *v)
{
	enum policy_signal w = worst(v, true);
	bool slow = w != SIGNAL_DELAY; /* averaged by its counter already: one reading counts */

	st->trips = v->score[SIGNAL_DELAY] > 1000 ? st->trips + 1 : 0;
	st->hard_trips = v->tick_score > cfg->freeze_permille ? st->hard_trips + 1 : 0;
	if (v->memory_low)
		alarm_at(st, cfg, REASON_MEMORY_LOW, 0, 0);
	else if (st->hard_trips >= cfg->trip_ticks)
		alarm_at(st, cfg, REASON_RUN_DELAY, 0, v->value[SIGNAL_DELAY]);
	else if (slow && v->score[w] > cfg->freeze_permille)
		alarm_at(st, cfg, signals[w].reason, 0, v->value[w]);
	else if (slow && v->score[w] > 1000)
		alarm_at(st, cfg, signals[w].reason, lower_level(st, cfg), v->value[w]);
	else if (st->trips >= cfg->trip_ticks)
		alarm_at(st, cfg, REASON_RUN_DELAY, lower_level(st, cfg), st->delay_ppm);
	else
		return false;
	return true;
}

/* ---- up ---------------------------------------------------------------------------------- */

/* A frozen secondary causes nothing: what is seen now is the incumbents' own. */
static void learn(struct policy_state *st, const struct view *v)
{
	int64_t *b = st->baseline_ppm[v->load];

	/* A wait is charged when it ends: the first interval still tells of the time before. */
	if (v->value[SIGNAL_DELAY] != SAMPLE_UNKNOWN) {
		if (v->now - v->dt <= st->changed_ns)
			st->delay_ppm = 0;
		else if (st->delay_ppm > b[SIGNAL_DELAY])
			b[SIGNAL_DELAY] = st->delay_ppm;
	}
	for (int i = SIGNAL_CPU_PSI; v->clean && i < POLICY_SIGNALS; i++)
		if (v->value[i] > b[i])
			b[i] = v->value[i];
}

static void unlearn(struct policy_state *st, const struct policy_config *cfg, const struct view *v)
{
	int64_t *b = st->baseline_ppm[v->load];

	for (int i = 0; i < POLICY_SIGNALS; i++) {
		int64_t now = i == SIGNAL_DELAY ? st->delay_ppm : v->value[i];

		if (now != SAMPLE_UNKNOWN && now < b[i])
			leak(&b[i], now, v->dt, cfg->baseline_ns);
	}
}

static bool is_acquitted(const struct policy_state *st, const struct policy_config *cfg,
			 const struct view *v)
{
	for (int i = 0; i < POLICY_SIGNALS; i++)
		if (signals[i].reason == st->why)
			return st->trip_ppm - st->baseline_ppm[v->load][i] <=
			       tolerance(cfg, (enum policy_signal)i);
	return false;
}

/* Returns the reason the decision shows. */
static enum reason rise(struct policy_state *st, const struct policy_config *cfg,
			const struct view *v)
{
	if (st->level_ppm >= LEVEL_FULL)
		return REASON_NONE;
	if (v->now < st->hold_until_ns)
		return REASON_HOLD;
	if (v->score[worst(v, false)] >= 500 || v->memory_tight)
		return st->why;
	if (st->resume_ppm > 0) {
		set_level(st, cfg, st->resume_ppm);
		st->resume_ppm = 0;
		st->stepped_ns = v->now;
	} else if (v->now - st->stepped_ns >= cfg->step_ns) {
		int64_t level = st->level_ppm + cfg->step_ppm;

		set_level(st, cfg, level < cfg->min_level_ppm ? cfg->min_level_ppm : level);
		st->stepped_ns = v->now;
	}
	if (st->level_ppm < LEVEL_FULL)
		return REASON_HOLD;
	st->peace_ns = v->now;
	return REASON_RECOVERED;
}

static enum reason frozen_tick(struct policy_state *st, const struct policy_config *cfg,
			       const struct view *v)
{
	learn(st, v);
	if (v->memory_low)
		st->hold_until_ns = v->now + cfg->hold_min_ns;
	if (v->now >= st->hold_until_ns || v->memory_tight || !is_acquitted(st, cfg, v))
		return rise(st, cfg, v);
	st->hold_until_ns = v->now;
	st->resume_ppm = st->resume_ppm ? st->resume_ppm : LEVEL_FULL;
	st->repeats /= 2;
	(void)rise(st, cfg, v); /* the reason is the verdict */
	return REASON_ACQUITTED;
}

static enum reason running_tick(struct policy_state *st, const struct policy_config *cfg,
				const struct view *v)
{
	enum reason shown;

	if (check_alarm(st, cfg, v))
		return st->why;
	unlearn(st, cfg, v);
	shown = rise(st, cfg, v);
	if (st->rung == RUNG_IDLE_CLASS && st->repeats && v->now - st->peace_ns >= cfg->forget_ns) {
		st->repeats--;
		st->peace_ns = v->now;
	}
	return shown;
}

struct decision policy_decide(const struct sample *s, struct policy_state *st,
			      const struct policy_config *cfg)
{
	struct view v = look(s, st, cfg);
	struct decision d = {
		.score_permille = v.memory_low	   ? cfg->freeze_permille + 1000
				  : v.memory_tight ? 750
						   : 0,
	};

	if (v.score[worst(&v, false)] > d.score_permille)
		d.score_permille = v.score[worst(&v, false)];
	if (v.tick_score > cfg->freeze_permille && v.tick_score > d.score_permille)
		d.score_permille = v.tick_score;
	d.reason = st->rung == RUNG_FREEZE ? frozen_tick(st, cfg, &v) : running_tick(st, cfg, &v);
	d.rung = st->rung;
	d.cpu_cap_ppm = st->level_ppm;
	d.confirmed = st->rung == RUNG_FREEZE && (st->repeats > 1 || st->why == REASON_MEMORY_LOW);
	d.next_tick_ns = st->rung == RUNG_FREEZE ? cfg->frozen_tick_ns : cfg->tick_ns;
	return d;
}
