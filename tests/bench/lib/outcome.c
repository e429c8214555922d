/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/lib/outcome.h"
#include "tests/bench/lib/stats.h"

/* Which cells of an arm and kind count: the quiet ones, or all when there are too few of them. */
static bool use_noisy(const struct cells *cells, enum arm arm, enum cell_kind kind)
{
	unsigned clean = 0, all = 0;

	for (size_t i = 0; i < cells->n; i++) {
		const struct cell *c = &cells->v[i];

		if (c->arm != arm || c->kind != kind)
			continue;
		all++;
		clean += !c->noisy;
	}
	return clean < OUTCOME_MIN_CLEAN && clean < all;
}

struct selection {
	const struct cell *v[OUTCOME_MAX_CELLS];
	size_t n;
};

/* At most one per round, the latest attempt that counts. */
static void select_cells(const struct cells *cells, enum arm arm, enum cell_kind kind,
			 struct selection *ret)
{
	bool noisy = use_noisy(cells, arm, kind);

	ret->n = 0;
	for (size_t i = 0; i < cells->n; i++) {
		const struct cell *c = &cells->v[i];

		if (c->arm != arm || c->kind != kind || (c->noisy && !noisy))
			continue;
		if (ret->n > 0 && ret->v[ret->n - 1]->round == c->round)
			ret->n--;
		ret->v[ret->n++] = c;
	}
}

static double median_of(const struct selection *s, double (*get)(const struct cell *c))
{
	double v[OUTCOME_MAX_CELLS];

	for (size_t i = 0; i < s->n; i++)
		v[i] = get(s->v[i]);
	return stats_median(v, s->n);
}

static double get_p50(const struct cell *c)
{
	return c->p50_us;
}

static double get_p99(const struct cell *c)
{
	return c->p99_us;
}

static double get_p999(const struct cell *c)
{
	return c->p999_us;
}

static double get_step_p99(const struct cell *c)
{
	return c->after_step_p99_us;
}

static double get_work(const struct cell *c)
{
	return c->work_mb_per_s;
}

static double get_secondary(const struct cell *c)
{
	return c->secondary_cpus;
}

static double get_launcher(const struct cell *c)
{
	return c->launcher_cpus;
}

static double p99_ratio(const struct cell *a, const struct cell *b)
{
	return a->p99_us / b->p99_us;
}

static double harvest_ratio(const struct cell *a, const struct cell *b)
{
	return b->idle_cpus > 0 ? a->secondary_cpus / b->idle_cpus : 0;
}

/* Median of ratio(a, b) over the rounds that have both. */
static double pair_median(const struct selection *a, const struct selection *b,
			  double (*ratio)(const struct cell *, const struct cell *),
			  unsigned *ret_pairs)
{
	double v[OUTCOME_MAX_CELLS];
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++)
			if (a->v[i]->round == b->v[j]->round)
				v[n++] = ratio(a->v[i], b->v[j]);
	if (ret_pairs)
		*ret_pairs = (unsigned)n;
	return stats_median(v, n);
}

static void steady_outcome(const struct cells *cells, enum arm arm, struct arm_outcome *o)
{
	struct selection mine, alone, uncontrolled;

	select_cells(cells, arm, CELL_STEADY, &mine);
	select_cells(cells, ARM_ALONE, CELL_STEADY, &alone);
	select_cells(cells, ARM_UNCONTROLLED, CELL_STEADY, &uncontrolled);
	o->cells = (unsigned)mine.n;
	if (mine.n == 0)
		return;
	o->p50_us = median_of(&mine, get_p50);
	o->p99_us = median_of(&mine, get_p99);
	o->p999_us = median_of(&mine, get_p999);
	o->work_mb_per_s = median_of(&mine, get_work);
	o->secondary_cpus = median_of(&mine, get_secondary);
	o->launcher_cpus = median_of(&mine, get_launcher);
	o->vs_alone = pair_median(&mine, &alone, p99_ratio, &o->pairs);
	o->vs_uncontrolled = pair_median(&mine, &uncontrolled, p99_ratio, NULL);
	o->harvested = pair_median(&mine, &alone, harvest_ratio, NULL);
	o->p99_low_us = o->p99_high_us = mine.v[0]->p99_us;
	for (size_t i = 0; i < mine.n; i++) {
		const struct cell *c = mine.v[i];

		if (c->p99_us < o->p99_low_us)
			o->p99_low_us = c->p99_us;
		if (c->p99_us > o->p99_high_us)
			o->p99_high_us = c->p99_us;
		if (c->launcher_rss_kib > o->launcher_rss_kib)
			o->launcher_rss_kib = c->launcher_rss_kib;
	}
}

/* All steps of all square cells together. */
static void square_outcome(const struct cells *cells, enum arm arm, struct arm_outcome *o)
{
	struct selection s;
	double *all;
	size_t n = 0;

	select_cells(cells, arm, CELL_SQUARE, &s);
	o->square_cells = (unsigned)s.n;
	o->square_p99_us = median_of(&s, get_p99);
	o->step_p99_us = median_of(&s, get_step_p99);
	for (size_t i = 0; i < s.n; i++)
		o->steps += s.v[i]->n_yields;
	all = calloc(o->steps + 1, sizeof(*all));
	if (!all) {
		o->steps = 0;
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		o->yielded += s.v[i]->yielded;
		if (s.v[i]->n_yields > 0)
			memcpy(all + n, s.v[i]->yield_ms, s.v[i]->n_yields * sizeof(*all));
		n += s.v[i]->n_yields;
	}
	o->yield_p50_ms = stats_quantile(all, n, 0.5);
	o->yield_p99_ms = stats_quantile(all, n, 0.99);
	o->yield_max_ms = stats_quantile(all, n, 1);
	free(all);
}

void outcome_make(const struct cells *cells, struct outcome *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < cells->n; i++) {
		ret->noisy += cells->v[i].noisy;
		if (cells->v[i].round > ret->rounds)
			ret->rounds = cells->v[i].round;
	}
	for (int a = 0; a < ARMS; a++) {
		steady_outcome(cells, (enum arm)a, &ret->arm[a]);
		square_outcome(cells, (enum arm)a, &ret->arm[a]);
		ret->is_noisy |= use_noisy(cells, (enum arm)a, CELL_STEADY) ||
				 use_noisy(cells, (enum arm)a, CELL_SQUARE);
	}
}

size_t outcome_goals(const struct outcome *o, bool cpu_controller, struct goal g[OUTCOME_GOALS])
{
	const struct arm_outcome *c = &o->arm[ARM_CEDE];
	bool uncontrolled = o->arm[ARM_UNCONTROLLED].cells > 0, steady = c->cells > 0 && c->pairs;
	const struct goal all[OUTCOME_GOALS] = {
		{"p99 under cede, against alone", c->vs_alone, cpu_controller ? 1.10 : 1.25, false,
		 steady, false, "x"},
		{"p99 under cede, against uncontrolled", c->vs_uncontrolled, 0.25, false,
		 steady && uncontrolled, false, "x"},
		{"idle CPU used by the secondary", c->harvested * 100, 85, true, steady, false,
		 " %"},
		{"time to yield after a load step, p99", c->yield_p99_ms, 20, false, c->steps > 0,
		 false, " ms"},
		{"load steps measured", (double)c->steps, 50, true, c->steps > 0, false, ""},
		{"CPU of the loop in cede launch", c->launcher_cpus * 100, 1, false, c->cells > 0,
		 false, " % of a core"},
		{"memory of cede launch", (double)c->launcher_rss_kib / 1024, 4, false,
		 c->launcher_rss_kib > 0, false, " MiB"},
	};

	memcpy(g, all, sizeof(all));
	for (size_t i = 0; i < OUTCOME_GOALS; i++)
		g[i].met = g[i].available &&
			   (g[i].at_least ? g[i].value >= g[i].limit : g[i].value <= g[i].limit);
	return OUTCOME_GOALS;
}
