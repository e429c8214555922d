/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open-loop load on a redis server: one thread, epoll, N connections.
 *
 * Every request has an intended send time, given by the schedule and by nothing else. Latency is
 * counted from that time to the reply, so a server (or generator) that stalls is charged for every
 * request that should have been sent meanwhile (no coordinated omission). Requests that were never
 * answered count with the time until the generator gave up.
 *
 * Memory is bounded: at most LOAD_MAX_OUTSTANDING requests per connection are under way; what is
 * due beyond that is sent late (and counted as late), not forgotten.
 */
#ifndef CEDE_TESTS_BENCH_LOAD_H
#define CEDE_TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tests/bench/lib/arrivals.h"
#include "tests/bench/lib/hist.h"
#include "tests/bench/lib/series.h"
#include "tests/bench/lib/track.h"

#define LOAD_MAX_CONNECTIONS 1024
#define LOAD_MAX_OUTSTANDING 4096
#define LOAD_MAX_TRACKS 4
#define LOAD_LATE_NS 100000ULL
/* What a user may have to wait for a secondary to yield (issue: figures to reach). */
#define LOAD_STEP_NS 20000000ULL

struct load_config {
	const char *host; /* IPv4 address */
	uint16_t port;
	unsigned connections;
	struct arrivals_config arrivals; /* of the measured part */
	uint64_t warmup_ns;		 /* before it, at rate_low, not recorded */
	uint64_t drain_ns;		 /* how long to wait for the last replies */
	unsigned set_percent;		 /* share of SETs; the rest are GETs */
	uint32_t keys;
	bool preload; /* write every key once before the warm-up */
	uint32_t value_bytes;
	uint64_t bin_ns; /* 0: no time series */
};

struct load_result {
	uint64_t offered;	  /* scheduled in the measured part */
	uint64_t sent;		  /* of them */
	uint64_t late;		  /* of them, more than LOAD_LATE_NS after the intended time */
	uint64_t answered;	  /* replies of any kind, up to the end of the drain */
	uint64_t answered_by_end; /* up to the end of the schedule */
	uint64_t errors;	  /* error replies among them */
	char first_error[128];
	struct hist latency;	/* measured requests; unanswered ones censored, see above */
	struct hist after_step; /* those of them due within LOAD_STEP_NS of a step to HIGH load */
	struct hist lateness;	/* actual - intended send time */
	struct series series;	/* n == 0 without one */
	/* Of a square wave, for each millisecond of the measured part: requests that were due in
	 * it, and that were answered in it. n_ms == 0 without one. */
	size_t n_ms;
	uint32_t *due_per_ms, *answered_per_ms;
	uint64_t start_ns; /* CLOCK_MONOTONIC of the measured part's start; tracks use this clock
			      too */
	/* The generator's own CPU time, and over which time: warm-up to the end of the drain. */
	uint64_t generator_cpu_usec, generator_wall_usec;
};

/* Runs the whole load. `tracks` (may be empty) are sampled on the way. The result is complete only
 * on success; load_result_free is due either way. */
int load_run(const struct load_config *cfg, struct track *tracks, size_t n_tracks,
	     struct load_result *ret, struct err *e);
void load_result_free(struct load_result *r);

#endif
