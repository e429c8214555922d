/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cells say together: medians over interleaved rounds, ratios within rounds, and what was
 * thrown away.
 *
 * A round is one cell of each arm, one after the other; ratios are made within a round (a pair) and
 * their median is reported. A noisy cell (cell.h) is thrown away and counted, and so no pair with
 * it. If fewer than OUTCOME_MIN_CLEAN quiet cells of an arm remain, noisy ones count after all, and
 * the outcome says that it is noisy.
 */
#ifndef CEDE_TESTS_BENCH_OUTCOME_H
#define CEDE_TESTS_BENCH_OUTCOME_H

#include <stdio.h>

#include "tests/bench/lib/calibrate.h"
#include "tests/bench/lib/cell.h"

#define OUTCOME_MIN_CLEAN 3
#define OUTCOME_MAX_CELLS 1024

struct cells {
	struct cell v[OUTCOME_MAX_CELLS];
	size_t n;
};

struct arm_outcome {
	unsigned cells; /* steady ones that count; 0: this arm has no figures */
	double p50_us, p99_us, p999_us;
	double p99_low_us, p99_high_us; /* over the cells */
	double vs_alone;		/* p99, median of the pairs */
	double vs_uncontrolled;		/* the same */
	unsigned pairs;
	double work_mb_per_s, secondary_cpus;
	double harvested; /* CPU time used / CPU time idle when alone, median of the pairs */
	double launcher_cpus;
	uint64_t launcher_rss_kib;
	unsigned square_cells;
	double square_p99_us; /* under the square wave */
	double step_p99_us;   /* of that, within LOAD_STEP_NS of a step to HIGH load */
	size_t steps, yielded;
	double yield_p50_ms, yield_p99_ms, yield_max_ms;
};

struct outcome {
	struct arm_outcome arm[ARMS];
	unsigned rounds;
	unsigned noisy; /* cells thrown away, or that would have been */
	bool is_noisy;	/* some of them count after all */
};

void outcome_make(const struct cells *cells, struct outcome *ret);

/* The goals of this machine (issue: figures to reach) against what was measured. */
struct goal {
	const char *what;
	double value, limit;
	bool at_least;	/* else at most */
	bool available; /* the figures for it are there */
	bool met;
	const char *unit;
};
#define OUTCOME_GOALS 7
size_t outcome_goals(const struct outcome *o, bool cpu_controller, struct goal ret[OUTCOME_GOALS]);

struct outcome_context {
	const struct lab *lab;
	const struct rates *rates;
	const struct cells *cells;
	bool cpu_controller;
	double seconds; /* of the whole */
};

/* The final table, for people. */
void outcome_print(FILE *f, const struct outcome *o, const struct outcome_context *c, bool color);
/* The same as Markdown. */
void outcome_markdown(FILE *f, const struct outcome *o, const struct outcome_context *c);
/* result.json: 0 or a negative errno. */
int outcome_write_json(const char *path, const struct outcome *o, const struct outcome_context *c,
		       struct err *e);

#endif
