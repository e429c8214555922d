/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened when: one small histogram per bin of intended send times. All memory is taken at
 * the start.
 */
#ifndef CEDE_TESTS_BENCH_SERIES_H
#define CEDE_TESTS_BENCH_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tests/bench/lib/hist.h"

/* More than this for one series is refused. */
#define SERIES_MAX_BYTES (256u << 20)

struct series {
	uint64_t bin_ns;
	size_t n;
	struct hist *bins; /* n of them, on one block of counters */
	uint32_t *counters;
};

int series_init(struct series *s, uint64_t bin_ns, uint64_t duration_ns, struct err *e);
void series_free(struct series *s);
/* A request meant for `at_ns` took `latency_ns`; outside the series: dropped. */
void series_add(struct series *s, uint64_t at_ns, uint64_t latency_ns);

#endif
