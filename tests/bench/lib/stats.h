/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of a handful of numbers: cells, ratios, steps.
 */
#ifndef CEDE_TESTS_BENCH_STATS_H
#define CEDE_TESTS_BENCH_STATS_H

#include <stddef.h>

/* These sort v. 0 when n is 0. */
double stats_median(double *v, size_t n);
/* Nearest rank: the smallest value with at least q * n values at or below it; q 0: the minimum. */
double stats_quantile(double *v, size_t n, double q);

#endif
