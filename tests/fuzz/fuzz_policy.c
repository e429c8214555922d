/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control law on arbitrary samples: it never crashes, and what must always hold does.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sched/ladder.h"
#include "sched/policy.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t left;
};

static uint64_t take(struct input *in, size_t n)
{
	uint64_t v = 0;

	if (n > in->left)
		n = in->left;
	memcpy(&v, in->p, n);
	in->p += n;
	in->left -= n;
	return v;
}

/* Mostly something plausible, sometimes anything at all. */
static int64_t figure(struct input *in, int64_t scale)
{
	uint8_t kind = (uint8_t)take(in, 1);

	if (kind < 8)
		return (int64_t)take(in, 8);
	if (kind < 16)
		return SAMPLE_UNKNOWN;
	return (int64_t)(kind - 16) * scale / 239;
}

static struct sample sample(struct input *in, struct sample *last)
{
	struct sample s = *last;
	uint8_t kind = (uint8_t)take(in, 1);

	s.interval_ns = kind < 4 ? take(in, 8) : 10000000ull + kind * 100000ull;
	s.at_ns += s.interval_ns;
	s.lateness_ns = kind & 1 ? take(in, 4) : 0;
	s.n_cpus = kind & 2 ? (uint32_t)take(in, 4) : 2;
	s.incumbent_delay_ppm = figure(in, 1000000);
	s.attributable_delay_ppm = figure(in, 1000000);
	s.secondary_ucpu = figure(in, 2000000);
	if (kind & 4) {
		s.medium_interval_ns = s.at_ns - s.medium_at_ns;
		s.medium_at_ns = s.at_ns;
		s.incumbent_ucpu = figure(in, 2000000);
		s.node_idle_ucpu = figure(in, 100000);
		s.secondary_cpu_psi_ppm = figure(in, 1000000);
		s.incumbent_cpu_psi_ppm = figure(in, 1000000);
		s.incumbent_mem_psi_ppm = figure(in, 300000);
		s.incumbent_io_psi_ppm = figure(in, 1000000);
	}
	if (kind & 8) {
		s.mem_total_bytes = figure(in, 8ll << 30);
		s.mem_available_bytes = figure(in, 1ll << 30);
	}
	*last = s;
	return s;
}

static void check(const struct policy_state *before, const struct policy_state *st,
		  const struct decision *d, const struct policy_config *cfg)
{
	CHECK(st->level_ppm >= 0 && st->level_ppm <= LEVEL_FULL);
	CHECK(d->rung == st->rung && d->cpu_cap_ppm == st->level_ppm);
	CHECK((st->rung == RUNG_IDLE_CLASS) == (st->level_ppm == LEVEL_FULL));
	CHECK((st->rung == RUNG_FREEZE) == (st->level_ppm == 0));
	CHECK(st->rung != RUNG_CPU_CAP || st->level_ppm >= cfg->min_level_ppm);
	CHECK(d->next_tick_ns > 0 && d->next_tick_ns <= 1000000000ull);
	CHECK(d->reason < REASONS && d->score_permille >= 0);
	CHECK(!d->confirmed || d->rung == RUNG_FREEZE);
	CHECK(st->reflex_budget_ns <= cfg->reflex_budget_ns);
	/* Nothing goes up before its hold is over, but by a verdict, or when idle time is back. */
	if (st->level_ppm > before->level_ppm && st->now_ns < before->hold_until_ns)
		CHECK(d->reason == REASON_ACQUITTED || before->freeze == FREEZE_STARVED);
	for (int l = 0; l < POLICY_LOADS; l++)
		for (int i = 0; i < POLICY_SIGNALS; i++)
			CHECK(st->baseline_ppm[l][i] >= 0 && st->baseline_ppm[l][i] <= 1000000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct policy_config *cfg = &policy_config_default;
	struct input in = {data, size};
	struct policy_state st, twin;
	struct sample last = {.at_ns = 1000000000};

	policy_init(&st, cfg);
	policy_init(&twin, cfg);
	for (int i = 0; in.left && i < 2000; i++) {
		struct sample s = sample(&in, &last);
		struct policy_state before = st;
		struct decision d = policy_decide(&s, &st, cfg), again;

		check(&before, &st, &d, cfg);
		(void)ladder_event_for(&d, i & 1);
		/* Pure: the same samples, the same state. */
		again = policy_decide(&s, &twin, cfg);
		CHECK(again.rung == d.rung && again.reason == d.reason &&
		      again.cpu_cap_ppm == d.cpu_cap_ppm);
		CHECK(memcmp(&st, &twin, sizeof(st)) == 0);
	}
	return 0;
}
