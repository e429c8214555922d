/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/policy_view.h"

#include <stddef.h>
#include <string.h>

#define PEAK_NS 1000000000ULL /* how fast the incumbents' recent peak is forgotten */
/* Of the reserve: between 1 and this no alarm is raised, and none is over. */
#define MEM_CLEAR_PERMILLE 1250

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

static int64_t get(const void *base, size_t offset)
{
	int64_t v;

	memcpy(&v, (const char *)base + offset, sizeof(v));
	return v;
}

enum reason policy_signal_reason(enum policy_signal i)
{
	return signals[i].reason;
}

/* Half the baseline at least: where incumbents wait a lot for each other, a little more of it is
 * within its own variation. */
static int64_t tolerance(const struct policy_config *cfg, enum policy_signal i, int64_t baseline)
{
	int64_t t = policy_clamp(get(cfg, signals[i].tolerance), 1, POLICY_PPM);

	return t > baseline / 2 ? t : baseline / 2;
}

int64_t policy_score(const struct policy_config *cfg, enum policy_signal i, int64_t value,
		     int64_t attributable, int64_t baseline)
{
	return policy_clamp(value - baseline, 0, attributable) * 1000 / tolerance(cfg, i, baseline);
}

/* Millionths of the time: unknown stays unknown, nonsense becomes the nearest sense. */
static int64_t share(int64_t v)
{
	return v < 0 ? SAMPLE_UNKNOWN : policy_clamp(v, 0, POLICY_PPM);
}

/* Millionths of one CPU -> millionths of all. */
static int64_t of_all(int64_t ucpu, int64_t n_cpus)
{
	return ucpu < 0 ? SAMPLE_UNKNOWN : policy_clamp(ucpu / n_cpus, 0, POLICY_PPM);
}

void policy_leak(int64_t *avg, int64_t x, uint64_t dt, uint64_t window)
{
	int64_t part = window > dt ? (int64_t)(dt * POLICY_PPM / window) : POLICY_PPM;

	*avg += (x - *avg) * part / POLICY_PPM;
}

static void look_at_memory(const struct sample *s, const struct policy_config *cfg, struct view *v)
{
	int64_t total = policy_clamp(s->mem_total_bytes, 0, INT64_MAX);
	int64_t reserve = total / POLICY_PPM * policy_clamp(cfg->mem_reserve_ppm, 0, POLICY_PPM);

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
static void look_at_delay(const struct sample *s, const struct policy_state *st, struct view *v)
{
	int64_t whole = share(s->incumbent_delay_ppm), part = share(s->attributable_delay_ppm);

	if (whole == SAMPLE_UNKNOWN) {
		if (s->interval_ns == 0 || s->lateness_ns > s->interval_ns)
			return;
		whole = (int64_t)(s->lateness_ns * 1000 / s->interval_ns) * 1000;
	}
	if (part == SAMPLE_UNKNOWN)
		part = s->secondary_ucpu < 0 ? whole : policy_clamp(s->secondary_ucpu, 0, whole);
	v->value[SIGNAL_DELAY] = whole;
	v->attributable = part;
	/* A wait is charged when it ends: the first interval after a freeze tells of the time
	 * before. After a thaw that is the calmer side, and right enough. */
	if (st->rung != RUNG_FREEZE || v->now - v->dt > st->changed_ns)
		v->news[SIGNAL_DELAY] = v->dt;
}

static void look_at_pressure(const struct sample *s, struct policy_state *st, struct view *v)
{
	bool fresh = s->medium_at_ns > st->medium_ns && s->medium_at_ns <= v->now;

	v->clean = fresh && s->medium_interval_ns < s->medium_at_ns &&
		   s->medium_at_ns - s->medium_interval_ns >= st->changed_ns;
	v->idle_ppm = of_all(s->node_idle_ucpu, v->n_cpus);
	v->wait_ppm = share(s->secondary_cpu_psi_ppm);
	if (fresh)
		st->medium_ns = s->medium_at_ns;
	for (int i = SIGNAL_CPU_PSI; i < POLICY_SIGNALS; i++) {
		v->value[i] = share(get(s, signals[i].value));
		if (v->clean && v->value[i] != SAMPLE_UNKNOWN)
			v->news[i] = s->medium_interval_ns;
	}
}

static void look_at_usage(const struct sample *s, struct policy_state *st,
			  const struct policy_config *cfg, struct view *v)
{
	int64_t used = of_all(s->incumbent_ucpu, v->n_cpus);

	if (used > st->peak_ppm)
		st->peak_ppm = used;
	else if (used != SAMPLE_UNKNOWN)
		policy_leak(&st->peak_ppm, used, v->dt, PEAK_NS);
	v->load = used == SAMPLE_UNKNOWN ? 0
					 : (unsigned)policy_clamp(used * POLICY_LOADS / POLICY_PPM,
								  0, POLICY_LOADS - 1);
	v->used_ppm = of_all(s->secondary_ucpu, v->n_cpus);
	if (v->used_ppm != SAMPLE_UNKNOWN)
		policy_leak(&st->secondary_ppm, v->used_ppm, v->dt, cfg->average_ns);
}

struct view policy_look(const struct sample *s, struct policy_state *st,
			const struct policy_config *cfg)
{
	struct view v = {.now = s->at_ns > st->now_ns ? s->at_ns : st->now_ns};

	/* The first look has no past; a clock that went back stands still. */
	v.dt = st->now_ns ? v.now - st->now_ns : 0;
	v.n_cpus = policy_clamp(s->n_cpus, 1, 1 << 16);
	st->now_ns = v.now;
	v.value[SIGNAL_DELAY] = SAMPLE_UNKNOWN;
	look_at_usage(s, st, cfg, &v);
	look_at_delay(s, st, &v);
	look_at_pressure(s, st, &v);
	look_at_memory(s, cfg, &v);
	return v;
}

int64_t policy_attributable(const struct policy_state *st, enum policy_signal i, int64_t n_cpus)
{
	if (i == SIGNAL_DELAY)
		return st->attributable_ppm;
	return signals[i].cpu ? policy_clamp(st->secondary_ppm * n_cpus, 0, POLICY_PPM)
			      : POLICY_PPM;
}

static int64_t average_score(const struct policy_state *st, const struct policy_config *cfg,
			     const struct view *v, enum policy_signal i)
{
	return policy_score(cfg, i, st->average_ppm[i], policy_attributable(st, i, v->n_cpus),
			    st->baseline_ppm[v->load][i]);
}

enum policy_signal policy_worst(const struct policy_state *st, const struct policy_config *cfg,
				const struct view *v, int64_t *ret_score)
{
	enum policy_signal w = SIGNAL_DELAY;

	*ret_score = average_score(st, cfg, v, w);
	for (int i = SIGNAL_CPU_PSI; i < POLICY_SIGNALS; i++) {
		int64_t score = average_score(st, cfg, v, (enum policy_signal)i);

		if (score > *ret_score) {
			*ret_score = score;
			w = (enum policy_signal)i;
		}
	}
	return w;
}
