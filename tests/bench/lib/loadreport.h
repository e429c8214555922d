/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one run of the generator says, as a JSON object: the command's output, and a cell of the
 * demo's result. Latencies are microseconds, CPU rates are CPUs.
 */
#ifndef CEDE_TESTS_BENCH_LOADREPORT_H
#define CEDE_TESTS_BENCH_LOADREPORT_H

#include "base/json.h"
#include "tests/bench/lib/load.h"

/* How long the secondary needed at each LOW -> HIGH step (definition: track.h). */
struct yields {
	double target_cpus; /* < 0: not asked for */
	size_t steps;	    /* steps that lie wholly within the schedule */
	size_t yielded;	    /* of them */
	uint64_t *ns;	    /* steps of them; the length of the phase where it did not yield */
};

/* 0 or -ENOMEM; free `ns`. `t` is the secondary's track. */
int yields_measure(const struct load_config *cfg, const struct load_result *res,
		   const struct track *t, double target_cpus, struct yields *ret);

/* Mean rate of a track over all LOW (or HIGH) phases, without the first quarter of each; without a
 * wave "LOW" is the whole schedule. Negative: no such phase was covered. */
double track_phase_rate(const struct load_config *cfg, const struct load_result *res,
			const struct track *t, bool high);

/* Members of an object that is open. `y` may be NULL. */
void load_report(struct json_writer *w, const struct load_config *cfg,
		 const struct load_result *res, const struct track *tracks, size_t n_tracks,
		 const struct yields *y);

#endif
