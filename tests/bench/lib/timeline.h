/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CEDE_TESTS_BENCH_TIMELINE_H
#define CEDE_TESTS_BENCH_TIMELINE_H

#include "tests/bench/lib/outcome.h"

/*
 * A picture of the square-wave cells of one round: above, redis' p99 per bin of the generator's
 * time series; below, the share of the CPUs the secondary had; bands where the load is HIGH. One
 * SVG file that needs nothing else, readable on light and dark pages. -ENODATA without such cells.
 */
int timeline_write(const char *path, const struct outcome_context *c, struct err *e);

#endif
