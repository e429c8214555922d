/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/policy.h"

#include <string.h>

#include "sched/policy_view.h"

#define MSEC 1000000ULL
#define SEC 1000000000ULL
#define EVIDENCE_NS SEC /* how long a frozen mean remembers */
#define REPEATS_MAX 16

/*
 * Where the figures come from: 10 ms and 200 ms .. 30 s are what the fastest and the slowest known
 * controllers use; 5 % of delay behind somebody else is where a p99 begins to show it. CPU pressure
 * also counts the microseconds of every wake-up, and an incumbent's own disk waits are large, so
 * these may be four times as much.
 */
const struct policy_config policy_config_default = {
	.tick_ns = 10 * MSEC,
	.slow_tick_ns = 25 * MSEC,
	.rest_ppm = 1000,
	.rest_wait_ppm = 10000,
	.average_ns = 500 * MSEC,
	.delay_tolerance_ppm = 50000,
	.cpu_psi_tolerance_ppm = 200000,
	.mem_psi_tolerance_ppm = 50000,
	.io_psi_tolerance_ppm = 200000,
	.freeze_permille = 4000,
	.guilty_permille = 700,
	.reflex_ticks = 2,
	.reflex_ns = 200 * MSEC,
	.reflex_share_ppm = 50000,
	.reflex_budget_ns = 400 * MSEC,
	.trial_ns = 200 * MSEC,
	.verdict_ns = 75 * MSEC,
	.hold_min_ns = 200 * MSEC,
	.hold_max_ns = 30 * SEC,
	.forget_ns = 5 * SEC,
	.baseline_ns = 30 * SEC,
	.step_ppm = 50000,
	.step_ns = 100 * MSEC,
	.min_level_ppm = 50000,
	.starve_idle_ppm = 20000,
	.starve_share_ppm = 50000,
	.starve_wait_ppm = 500000,
	.starve_ns = 2 * SEC,
	.starve_max_ns = 10 * SEC,
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
	[REASON_NO_IDLE] = "no-idle-cpu",
	[REASON_HOLD] = "hold",
	[REASON_ACQUITTED] = "acquitted",
	[REASON_RECOVERED] = "recovered",
};

const char *reason_name(enum reason r)
{
	return (unsigned)r < REASONS ? reason_names[r] : "?";
}

void policy_init(struct policy_state *st, const struct policy_config *cfg)
{
	*st = (struct policy_state){
		.rung = RUNG_IDLE_CLASS,
		.level_ppm = LEVEL_FULL,
		.reflex_budget_ns = cfg->reflex_budget_ns,
	};
}

/* ---- levels ------------------------------------------------------------------------------ */

static void set_level(struct policy_state *st, const struct policy_config *cfg, int64_t level)
{
	if (level < cfg->min_level_ppm)
		level = 0;
	st->level_ppm = policy_clamp(level, 0, LEVEL_FULL);
	st->rung = level >= LEVEL_FULL ? RUNG_IDLE_CLASS : level > 0 ? RUNG_CPU_CAP : RUNG_FREEZE;
}

static void forget_averages(struct policy_state *st)
{
	memset(st->average_ppm, 0, sizeof(st->average_ppm));
	st->attributable_ppm = 0;
}

static void freeze(struct policy_state *st, const struct policy_config *cfg,
		   enum policy_freeze kind, enum reason why, uint64_t length)
{
	st->why = why;
	st->freeze = kind;
	st->resume_ppm = st->level_ppm;
	set_level(st, cfg, 0);
	st->changed_ns = st->now_ns;
	st->hold_until_ns = st->now_ns + length;
	st->grave_ticks = 0;
	memset(st->frozen_ppm, 0, sizeof(st->frozen_ppm));
	memset(st->evidence_ns, 0, sizeof(st->evidence_ns));
}

static enum reason thaw(struct policy_state *st, const struct policy_config *cfg, int64_t level)
{
	set_level(st, cfg, level);
	st->changed_ns = st->stepped_ns = st->now_ns;
	if (st->level_ppm < LEVEL_FULL)
		return REASON_HOLD;
	st->peace_ns = st->now_ns;
	return REASON_RECOVERED;
}

/* ---- running ----------------------------------------------------------------------------- */

static void follow(struct policy_state *st, const struct policy_config *cfg, const struct view *v)
{
	int64_t *b = st->baseline_ppm[v->load];

	for (int i = 0; i < POLICY_SIGNALS; i++) {
		if (!v->news[i])
			continue;
		policy_leak(&st->average_ppm[i], v->value[i], v->news[i], cfg->average_ns);
		if (st->average_ppm[i] < b[i])
			policy_leak(&b[i], st->average_ppm[i], v->news[i], cfg->baseline_ns);
	}
	if (v->news[SIGNAL_DELAY])
		policy_leak(&st->attributable_ppm, v->attributable, v->dt, cfg->average_ns);
}

/* Unaveraged and grave: the delay for some ticks, the others in one reading, which is an average
 * already. */
static bool is_grave(struct policy_state *st, const struct policy_config *cfg, struct view *v,
		     enum policy_signal *ret)
{
	const int64_t *b = st->baseline_ppm[v->load];
	bool found = false;

	for (int i = 0; i < POLICY_SIGNALS; i++) {
		enum policy_signal sig = (enum policy_signal)i;
		int64_t part = i == SIGNAL_DELAY ? v->attributable
						 : policy_attributable(st, sig, v->n_cpus);
		int64_t score = policy_score(cfg, sig, v->value[i], part, b[i]);
		bool grave = v->news[i] && score > cfg->freeze_permille;

		if (i == SIGNAL_DELAY) {
			st->grave_ticks = grave ? st->grave_ticks + 1 : 0;
			grave = st->grave_ticks >= cfg->reflex_ticks;
		}
		if (!grave || score < v->grave_score)
			continue;
		v->grave_score = score;
		*ret = sig;
		found = true;
	}
	return found;
}

/* What cannot be measured does not starve. */
static bool is_starved(struct policy_state *st, const struct policy_config *cfg,
		       const struct view *v)
{
	bool fed = v->idle_ppm == SAMPLE_UNKNOWN || v->idle_ppm >= cfg->starve_idle_ppm ||
		   st->secondary_ppm >= cfg->starve_share_ppm || v->wait_ppm < cfg->starve_wait_ppm;

	if (fed || !st->fed_ns)
		st->fed_ns = v->now;
	return cfg->starve_ns && v->now - st->fed_ns >= cfg->starve_ns;
}

static void starve(struct policy_state *st, const struct policy_config *cfg)
{
	uint64_t length = cfg->starve_ns;

	for (uint32_t i = 0; i < st->starved && length < cfg->starve_max_ns; i++)
		length *= 2;
	if (st->starved < REPEATS_MAX)
		st->starved++;
	freeze(st, cfg, FREEZE_STARVED, REASON_NO_IDLE,
	       length < cfg->starve_max_ns ? length : cfg->starve_max_ns);
}

/* Returns the reason if it fell, else REASON_NONE. */
static enum reason check_alarm(struct policy_state *st, const struct policy_config *cfg,
			       struct view *v)
{
	enum policy_signal grave = SIGNAL_DELAY;
	enum policy_signal w = policy_worst(st, cfg, v, &v->score);

	if (v->memory_low) {
		freeze(st, cfg, FREEZE_SANCTION, REASON_MEMORY_LOW, cfg->hold_min_ns);
		return st->why;
	}
	if (v->score > 1000) {
		st->trip = w;
		st->trip_ppm = st->average_ppm[w];
		st->trip_attributable_ppm = policy_attributable(st, w, v->n_cpus);
		forget_averages(st);
		freeze(st, cfg, FREEZE_TRIAL, policy_signal_reason(w), cfg->trial_ns);
		return st->why;
	}
	if (is_starved(st, cfg, v)) {
		starve(st, cfg);
		return st->why;
	}
	if (!is_grave(st, cfg, v, &grave) || st->reflex_budget_ns < cfg->reflex_ns)
		return REASON_NONE;
	st->reflex_budget_ns -= cfg->reflex_ns;
	freeze(st, cfg, FREEZE_REFLEX, policy_signal_reason(grave), cfg->reflex_ns);
	return st->why;
}

static void earn_reflexes(struct policy_state *st, const struct policy_config *cfg,
			  const struct view *v)
{
	uint64_t dt = v->dt < SEC ? v->dt : SEC;

	st->reflex_budget_ns +=
		dt / 1000 * (uint64_t)policy_clamp(cfg->reflex_share_ppm, 0, POLICY_PPM) / 1000;
	if (st->reflex_budget_ns > cfg->reflex_budget_ns)
		st->reflex_budget_ns = cfg->reflex_budget_ns;
}

static enum reason rise(struct policy_state *st, const struct policy_config *cfg,
			const struct view *v)
{
	if (v->now < st->hold_until_ns || v->score >= 500 || v->memory_tight ||
	    v->now - st->stepped_ns < cfg->step_ns)
		return REASON_HOLD;
	st->stepped_ns = v->now;
	set_level(st, cfg, st->level_ppm + cfg->step_ppm);
	if (st->level_ppm < LEVEL_FULL)
		return REASON_HOLD;
	st->peace_ns = v->now;
	return REASON_RECOVERED;
}

static enum reason running_tick(struct policy_state *st, const struct policy_config *cfg,
				struct view *v)
{
	enum reason fell;

	follow(st, cfg, v);
	earn_reflexes(st, cfg, v);
	fell = check_alarm(st, cfg, v);
	if (fell != REASON_NONE)
		return fell;
	if (st->rung != RUNG_IDLE_CLASS)
		return rise(st, cfg, v);
	if (st->repeats && v->now - st->peace_ns >= cfg->forget_ns) {
		st->repeats--;
		st->peace_ns = v->now;
	}
	return REASON_NONE;
}

/* ---- frozen ------------------------------------------------------------------------------ */

/* A frozen secondary causes nothing: what is seen now is the incumbents' own. */
static void learn(struct policy_state *st, const struct policy_config *cfg, const struct view *v)
{
	int64_t *b = st->baseline_ppm[v->load];

	for (int i = 0; i < POLICY_SIGNALS; i++) {
		if (!v->news[i])
			continue;
		st->evidence_ns[i] += v->news[i];
		if (st->evidence_ns[i] > EVIDENCE_NS)
			st->evidence_ns[i] = EVIDENCE_NS;
		/* The mean of all so far, later of the last second. */
		policy_leak(&st->frozen_ppm[i], v->value[i], v->news[i], st->evidence_ns[i]);
		if (st->evidence_ns[i] >= cfg->verdict_ns && st->frozen_ppm[i] > b[i])
			b[i] = st->frozen_ppm[i];
	}
}

/* The alarm's score against what the incumbents suffer now. */
static int64_t trip_score(const struct policy_state *st, const struct policy_config *cfg)
{
	return policy_score(cfg, st->trip, st->trip_ppm, st->trip_attributable_ppm,
			    st->frozen_ppm[st->trip]);
}

static bool is_acquitted(const struct policy_state *st, const struct policy_config *cfg)
{
	return (st->freeze == FREEZE_TRIAL || st->freeze == FREEZE_SANCTION) &&
	       st->why != REASON_MEMORY_LOW && st->evidence_ns[st->trip] >= cfg->verdict_ns &&
	       trip_score(st, cfg) <= cfg->guilty_permille;
}

static enum reason convict(struct policy_state *st, const struct policy_config *cfg)
{
	uint64_t hold = cfg->hold_min_ns;
	int64_t half = st->resume_ppm / 2, left = POLICY_PPM - st->peak_ppm;

	for (uint32_t i = 0; i < st->repeats && hold < cfg->hold_max_ns; i++)
		hold *= 2;
	st->hold_until_ns = st->now_ns + (hold < cfg->hold_max_ns ? hold : cfg->hold_max_ns);
	st->peace_ns = st->now_ns;
	if (st->repeats < REPEATS_MAX)
		st->repeats++;
	if (half < cfg->min_level_ppm || trip_score(st, cfg) > cfg->freeze_permille) {
		st->freeze = FREEZE_SANCTION;
		return st->why;
	}
	if (left < half)
		half = left > cfg->min_level_ppm ? left : cfg->min_level_ppm;
	(void)thaw(st, cfg, half); /* the reason is the sanction's */
	return st->why;
}

static enum reason frozen_tick(struct policy_state *st, const struct policy_config *cfg,
			       const struct view *v)
{
	bool over = v->now >= st->hold_until_ns && !v->memory_tight;

	learn(st, cfg, v);
	if (v->memory_low)
		st->hold_until_ns = v->now + cfg->hold_min_ns;
	else if (st->freeze == FREEZE_STARVED && v->clean && v->idle_ppm >= cfg->starve_idle_ppm) {
		st->starved = 0;
		over = !v->memory_tight;
	} else if (!v->memory_tight && is_acquitted(st, cfg)) {
		st->repeats /= 2;
		(void)thaw(st, cfg, st->resume_ppm); /* the reason is the verdict */
		return REASON_ACQUITTED;
	}
	if (!over)
		return v->now < st->hold_until_ns ? st->why : REASON_HOLD;
	switch (st->freeze) {
	case FREEZE_STARVED:
		st->fed_ns = 0;
		return thaw(st, cfg, st->resume_ppm);
	case FREEZE_REFLEX:
		return thaw(st, cfg, st->resume_ppm);
	case FREEZE_TRIAL:
		/* A slow signal may need a little longer to say something. */
		if (st->evidence_ns[st->trip] < cfg->verdict_ns &&
		    v->now < st->hold_until_ns + cfg->trial_ns)
			return st->why;
		return convict(st, cfg);
	case FREEZE_SANCTION:
		break;
	}
	return thaw(st, cfg, st->why == REASON_MEMORY_LOW ? st->resume_ppm : cfg->min_level_ppm);
}

/* ---- both -------------------------------------------------------------------------------- */

static bool is_confirmed(const struct policy_state *st, const struct policy_config *cfg)
{
	if (st->rung != RUNG_FREEZE)
		return false;
	switch (st->freeze) {
	case FREEZE_REFLEX:
		return false;
	case FREEZE_TRIAL:
		return st->repeats > 0;
	case FREEZE_SANCTION:
		return true;
	case FREEZE_STARVED:
		return st->starved > 1 || st->now_ns - st->changed_ns >= cfg->starve_ns / 2;
	}
	return false;
}

/* On the average and just now. */
static bool is_at_rest(const struct policy_state *st, const struct policy_config *cfg,
		       const struct view *v)
{
	return st->rung == RUNG_IDLE_CLASS && st->secondary_ppm < cfg->rest_ppm &&
	       v->used_ppm != SAMPLE_UNKNOWN && v->used_ppm < cfg->rest_ppm &&
	       v->wait_ppm < cfg->rest_wait_ppm && v->attributable == 0;
}

struct decision policy_decide(const struct sample *s, struct policy_state *st,
			      const struct policy_config *cfg)
{
	struct view v = policy_look(s, st, cfg);
	struct decision d;

	if (st->rung == RUNG_FREEZE) {
		d.reason = frozen_tick(st, cfg, &v);
		v.score = st->freeze == FREEZE_TRIAL || st->freeze == FREEZE_SANCTION
				  ? trip_score(st, cfg)
				  : 0;
	} else {
		d.reason = running_tick(st, cfg, &v);
	}
	d.score_permille = v.grave_score > v.score ? v.grave_score : v.score;
	if (v.memory_low)
		d.score_permille = cfg->freeze_permille + 1000;
	d.rung = st->rung;
	d.cpu_cap_ppm = st->level_ppm;
	d.confirmed = is_confirmed(st, cfg);
	d.next_tick_ns = st->rung == RUNG_FREEZE || is_at_rest(st, cfg, &v) ? cfg->slow_tick_ns
									    : cfg->tick_ns;
	return d;
}
