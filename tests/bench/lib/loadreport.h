/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one run of the generator says, as a JSON object: the command's output, and a cell of the
 * demo's result. Latencies are microseconds, CPU rates are CPUs.
 */
#ifndef CEDE_TESTS_BENCH_LOADREPORT_H
#define CEDE_TESTS_BENCH_LOADREPORT_H

#include "base/json.h"
#include "tests/bench/lib/load.h"

/*
 * Time to yield, of one step from LOW to HIGH load at the instant t0 (the schedule's, not the
 * generator's), HIGH until t1: the smallest y >= 0 with
 *
 *	answered in [t0 + y, t0 + y + W)  >=  0.9 * due in it,	t0 + y + W <= t1
 *
 * in whole milliseconds, W = YIELD_WINDOW_MS. So y is the time after which the incumbents get what
 * they need to answer as fast as they are asked. It was defined by the CPU time of the secondary
 * before (the phase alone tells how much it has to leave over); but the same load takes a quarter
 * more or less CPU beside a secondary than alone (interrupts between CPUs for each wake-up; more
 * requests for each of them), so that what a secondary has says little about who is kept waiting.
 * A step at which that never happens has not been yielded to: it counts with the whole length of
 * the phase.
 */
#define YIELD_WINDOW_MS 8

struct yields {
	size_t steps;	/* steps that lie wholly within the schedule */
	size_t yielded; /* of them */
	uint64_t *ns;	/* steps of them; the length of the phase where it did not yield */
};

/* 0 or -ENOMEM; free `ns`. Without a wave there are no steps. */
int yields_measure(const struct load_config *cfg, const struct load_result *res,
		   struct yields *ret);

/* Mean rate of a track over all LOW (or HIGH) phases, without the first quarter of each; without a
 * wave "LOW" is the whole schedule. Negative: no such phase was covered. */
double track_phase_rate(const struct load_config *cfg, const struct load_result *res,
			const struct track *t, bool high);

/* Members of an object that is open. `y` may be NULL. */
void load_report(struct json_writer *w, const struct load_config *cfg,
		 const struct load_result *res, const struct track *tracks, size_t n_tracks,
		 const struct yields *y);

#endif
