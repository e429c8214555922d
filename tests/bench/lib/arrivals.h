/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When requests are meant to be sent: an open-loop schedule that does not know how the server is
 * doing. It is a function of its configuration and seed alone, so two runs that are compared get
 * the very same arrivals, and a generator that has fallen behind can always say when each request
 * should have left.
 *
 * The rate is constant, or a square wave: `low_ns` at rate_low, then `high_ns` at rate_high, again
 * and again, beginning with LOW. Arrivals come by inverting the integral of the rate: a gap is a
 * "distance" of 1 (constant) or Exp(1) (Poisson) requests to travel at the rate of the moment,
 * which is exact across the wave's edges.
 */
#ifndef CEDE_TESTS_BENCH_ARRIVALS_H
#define CEDE_TESTS_BENCH_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/lib/rng.h"

enum arrival_kind { ARRIVALS_POISSON, ARRIVALS_CONSTANT };

struct arrivals_config {
	enum arrival_kind kind;
	double rate_low;	  /* requests per second; the only rate if high_ns is 0 */
	double rate_high;	  /* during the HIGH phases */
	uint64_t low_ns, high_ns; /* length of the phases; high_ns 0: no wave */
	uint64_t duration_ns;	  /* of the whole schedule */
	uint64_t seed;
};

struct arrivals {
	struct arrivals_config cfg;
	struct rng rng;
	double at_ns;
};

void arrivals_init(struct arrivals *a, const struct arrivals_config *cfg);
/* The next intended time, nanoseconds from the start of the schedule; false at its end. */
bool arrivals_next(struct arrivals *a, uint64_t *ret_ns);

/* Is `ns` in a HIGH phase? Always false without a wave. */
bool arrivals_is_high(const struct arrivals_config *cfg, uint64_t ns);
/* The k-th LOW -> HIGH edge and the end of that HIGH phase; false when it does not lie wholly
 * within the schedule. */
bool arrivals_step(const struct arrivals_config *cfg, uint64_t k, uint64_t *ret_ns,
		   uint64_t *ret_end_ns);
/* How long before `ns` the HIGH phase began that it is in; UINT64_MAX outside of them. */
uint64_t arrivals_since_step(const struct arrivals_config *cfg, uint64_t ns);
#endif
