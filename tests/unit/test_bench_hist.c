/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic under the benchmark's figures: histogram, quantiles, time series, outcome. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/lib/hist.h"
#include "tests/bench/lib/outcome.h"
#include "tests/bench/lib/rng.h"
#include "tests/bench/lib/series.h"
#include "tests/bench/lib/stats.h"

static void assert_near(double is, double wanted, double relative)
{
	if (fabs(is - wanted) > fabs(wanted) * relative)
		fail_msg("%g is not within %g of %g", is, relative, wanted);
}

/* One value alone: every quantile is that value, at every magnitude from 1 us to 10 s. */
static void test_error_bound(void **state)
{
	static const struct {
		unsigned bits;
		double bound;
	} rows[] = {{HIST_FINE, 0.004}, {HIST_COARSE, 0.016}};

	(void)state;
	for (size_t row = 0; row < 2; row++) {
		for (double ns = 1000; ns < 1.01e10; ns *= 1.0137) {
			struct hist h;
			uint64_t v = (uint64_t)ns;

			assert_int_equal(hist_init(&h, rows[row].bits), 0);
			hist_add(&h, v - v / 2); /* so that min and max do not help */
			hist_add(&h, v);
			hist_add(&h, v + v / 2);
			assert_near((double)hist_quantile(&h, 0.5), ns, rows[row].bound);
			hist_free(&h);
		}
	}
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Against the exact answer from the sorted values. */
static void test_quantiles(void **state)
{
	enum { N = 20000 };
	static const double q[] = {0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
	uint64_t *v = calloc(N, sizeof(*v));
	struct hist h;
	struct rng rng;

	(void)state;
	assert_non_null(v);
	rng_init(&rng, 7);
	assert_int_equal(hist_init(&h, HIST_FINE), 0);
	for (size_t i = 0; i < N; i++) {
		/* A long tail: latencies over five decades. */
		v[i] = (uint64_t)(2000 * pow(10, 5 * pow(rng_uniform(&rng), 4)));
		hist_add(&h, v[i]);
	}
	qsort(v, N, sizeof(*v), compare_u64);
	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		size_t rank = (size_t)ceil(q[i] * N);

		assert_near((double)hist_quantile(&h, q[i]), (double)v[rank - 1], 0.01);
	}
	assert_int_equal(h.total, N);
	assert_int_equal(h.min_ns, v[0]);
	assert_int_equal(h.max_ns, v[N - 1]);
	assert_int_equal(hist_quantile(&h, 0), v[0]);
	hist_free(&h);
	free(v);
}

static void test_extremes(void **state)
{
	struct hist h, other;

	(void)state;
	assert_int_equal(hist_init(&h, HIST_FINE), 0);
	assert_int_equal(hist_quantile(&h, 0.99), 0);
	hist_add(&h, 0);
	assert_int_equal(hist_quantile(&h, 0.5), 0);
	/* Far beyond what is kept apart: counted, and the largest is exact. */
	hist_add(&h, UINT64_MAX / 2);
	hist_add(&h, 3 * HIST_MAX_NS);
	assert_int_equal(h.total, 3);
	assert_int_equal(hist_quantile(&h, 1), UINT64_MAX / 2);
	assert_int_equal(hist_init(&other, HIST_FINE), 0);
	hist_add(&other, 5000);
	hist_merge(&other, &h);
	assert_int_equal(other.total, 4);
	assert_int_equal(other.min_ns, 0);
	assert_int_equal(other.max_ns, UINT64_MAX / 2);
	assert_near((double)hist_quantile(&other, 0.5), 5000, 0.004);
	hist_free(&h);
	hist_free(&other);
}

static void test_series(void **state)
{
	struct err e = ERR_INIT;
	struct series s;

	(void)state;
	assert_int_equal(series_init(&s, 1000, 10500, &e), 0);
	assert_int_equal(s.n, 11);
	series_add(&s, 0, 50000);
	series_add(&s, 999, 70000);
	series_add(&s, 10400, 90000);
	series_add(&s, 11000, 1); /* outside: dropped */
	assert_int_equal(s.bins[0].total, 2);
	assert_int_equal(s.bins[0].max_ns, 70000);
	assert_int_equal(s.bins[1].total, 0);
	assert_int_equal(s.bins[10].total, 1);
	series_free(&s);
	assert_int_equal(series_init(&s, 1, 1000000000, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "longer bins"));
}

static void test_stats(void **state)
{
	double v[] = {5, 1, 4, 2, 3}, even[] = {4, 1, 3, 2};

	(void)state;
	assert_true(stats_median(v, 5) == 3);
	assert_true(stats_median(even, 4) == 2.5);
	assert_true(stats_median(v, 0) == 0);
	assert_true(stats_quantile(v, 5, 0) == 1);
	assert_true(stats_quantile(v, 5, 0.2) == 1);
	assert_true(stats_quantile(v, 5, 0.21) == 2);
	assert_true(stats_quantile(v, 5, 0.99) == 5);
	assert_true(stats_quantile(v, 5, 1) == 5);
}

/* --- outcome -----------------------------------------------------------------------------------
 */

static void add_cell(struct cells *cells, enum arm arm, unsigned round, double p99, double idle,
		     double secondary, bool noisy)
{
	cells->v[cells->n++] = (struct cell){.arm = arm,
					     .kind = CELL_STEADY,
					     .round = round,
					     .p99_us = p99,
					     .idle_cpus = idle,
					     .secondary_cpus = secondary,
					     .noisy = noisy};
}

static void test_outcome_pairs(void **state)
{
	struct cells *cells = calloc(1, sizeof(*cells));
	struct outcome o;

	(void)state;
	assert_non_null(cells);
	/* Ratios are made within rounds: 1.1, 1.2, 1.0; their median is 1.1, which is not the ratio
	 * of the medians. The noisy cell of round 2 and the noisy first try of round 3 are out. */
	add_cell(cells, ARM_ALONE, 1, 100, 1.6, 0, false);
	add_cell(cells, ARM_CEDE, 1, 110, 0, 1.52, false);
	add_cell(cells, ARM_ALONE, 2, 9000, 0.1, 0, true);
	add_cell(cells, ARM_CEDE, 2, 500, 0, 1.4, false);
	add_cell(cells, ARM_ALONE, 3, 7000, 0.1, 0, true);
	add_cell(cells, ARM_ALONE, 3, 200, 1.5, 0, false);
	add_cell(cells, ARM_CEDE, 3, 240, 0, 1.35, false);
	add_cell(cells, ARM_ALONE, 4, 300, 1.0, 0, false);
	add_cell(cells, ARM_CEDE, 4, 300, 0, 0.8, false);
	outcome_make(cells, &o);
	assert_int_equal(o.noisy, 2);
	assert_false(o.is_noisy);
	assert_int_equal(o.rounds, 4);
	assert_int_equal(o.arm[ARM_ALONE].cells, 3);
	assert_int_equal(o.arm[ARM_CEDE].cells, 4);
	assert_int_equal(o.arm[ARM_CEDE].pairs, 3);
	assert_near(o.arm[ARM_ALONE].p99_us, 200, 1e-9);
	assert_near(o.arm[ARM_CEDE].p99_us, 270, 1e-9);
	assert_near(o.arm[ARM_CEDE].vs_alone, 1.1, 1e-9);
	assert_near(o.arm[ARM_CEDE].harvested, 0.9, 1e-9);
	assert_int_equal(o.arm[ARM_UNCONTROLLED].cells, 0);
	free(cells);
}

static void test_outcome_all_noisy(void **state)
{
	struct cells *cells = calloc(1, sizeof(*cells));
	struct outcome o;

	(void)state;
	assert_non_null(cells);
	for (unsigned round = 1; round <= 5; round++)
		add_cell(cells, ARM_ALONE, round, 100 * round, 1, 0, round > 2);
	outcome_make(cells, &o);
	/* Two quiet ones are too few: all five count, and it says so. */
	assert_true(o.is_noisy);
	assert_int_equal(o.noisy, 3);
	assert_int_equal(o.arm[ARM_ALONE].cells, 5);
	assert_near(o.arm[ARM_ALONE].p99_us, 300, 1e-9);
	free(cells);
}

static void test_outcome_yield(void **state)
{
	static double a[] = {1, 2, 3}, b[] = {4, 200};
	struct cells *cells = calloc(1, sizeof(*cells));
	struct goal goals[OUTCOME_GOALS];
	struct outcome o;

	(void)state;
	assert_non_null(cells);
	cells->v[cells->n++] = (struct cell){.arm = ARM_CEDE,
					     .kind = CELL_SQUARE,
					     .round = 1,
					     .yield_ms = a,
					     .n_yields = 3,
					     .yielded = 3};
	cells->v[cells->n++] = (struct cell){.arm = ARM_CEDE,
					     .kind = CELL_SQUARE,
					     .round = 2,
					     .yield_ms = b,
					     .n_yields = 2,
					     .yielded = 1};
	outcome_make(cells, &o);
	assert_int_equal(o.arm[ARM_CEDE].steps, 5);
	assert_int_equal(o.arm[ARM_CEDE].yielded, 4);
	assert_near(o.arm[ARM_CEDE].yield_p50_ms, 3, 1e-9);
	assert_near(o.arm[ARM_CEDE].yield_p99_ms, 200, 1e-9);
	assert_int_equal(outcome_goals(&o, true, goals), OUTCOME_GOALS);
	for (size_t i = 0; i < OUTCOME_GOALS; i++) {
		/* 200 ms and 5 steps miss; what was not measured is not met either. */
		assert_false(goals[i].met);
		if (strstr(goals[i].what, "time to yield"))
			assert_true(goals[i].available);
		if (strstr(goals[i].what, "against alone"))
			assert_false(goals[i].available);
	}
	free(cells);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_bound),   cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_extremes),      cmocka_unit_test(test_series),
		cmocka_unit_test(test_stats),	      cmocka_unit_test(test_outcome_pairs),
		cmocka_unit_test(test_outcome_yield), cmocka_unit_test(test_outcome_all_noisy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
