/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One measurement: a load on redis, and a secondary beside it (an arm), for a few seconds. What a
 * cell found is complete in itself; comparing cells is outcome.h's business.
 */
#ifndef CEDE_TESTS_BENCH_CELL_H
#define CEDE_TESTS_BENCH_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "tests/bench/lib/lab.h"

enum arm {
	ARM_ALONE,
	ARM_UNCONTROLLED, /* plain exec, a session of its own: as from another shell or service */
	ARM_NICE,	  /* nice 19 */
	ARM_SCHED_IDLE,	  /* chrt --idle */
	ARM_CPU_IDLE,	  /* a top-level cgroup with cpu.idle=1 and nothing else */
	ARM_CEDE,
	ARMS,
};

const char *arm_name(enum arm a);  /* "uncontrolled" */
const char *arm_title(enum arm a); /* "nobody controls it" */
/* -ENOENT for a name that is none. */
int arm_parse(const char *name, size_t len, enum arm *ret);
/* Whether this host can run it; false with the reason in `e`. */
bool arm_is_possible(const struct lab *lab, enum arm a, struct err *e);

enum cell_kind { CELL_STEADY, CELL_SQUARE };

/* The load of a cell. Rates in requests per second. */
struct cell_load {
	enum cell_kind kind;
	double rate, high_rate; /* high_rate with CELL_SQUARE only */
	unsigned low_ms, high_ms;
	unsigned duration_ms, warmup_ms;
	unsigned connections;
	bool preload; /* write the keys first: once per redis */
	uint64_t seed;
};

/* When a cell does not count. */
struct noise_limits {
	double idle_before;   /* the machine must be at least so idle before [0, 1] */
	unsigned wait_ms;     /* waits at most so long for that */
	double foreign_share; /* CPU used by others during the cell, of all CPUs */
	double steal_share;
};

#define CELL_MAX_STEPS 4096

struct cell {
	enum arm arm;
	enum cell_kind kind;
	unsigned round, attempt;
	bool noisy;
	char noise[160]; /* why */

	double p50_us, p99_us, p999_us, max_us;
	double delivered_share, late_share;
	double seconds;	  /* over which the following are rates */
	double load_cpus; /* the incumbents' under the measured load alone, without its start */
	double idle_before;
	double idle_cpus, steal_share;
	double incumbent_cpus, secondary_cpus, launcher_cpus;
	double foreign_cpus; /* what is left of the busy time: others, interrupts */
	double work_mb_per_s;
	uint64_t work_bytes;
	uint64_t launcher_rss_kib;	      /* `cede launch` itself, its peak */
	double idle_low_cpus, idle_high_cpus; /* CELL_SQUARE: in LOW and HIGH phases; else < 0 */
	size_t n_yields;
	double *yield_ms; /* in the arena */
	size_t yielded;
	double after_step_p99_us; /* CELL_SQUARE: p99 within LOAD_STEP_NS of a step; else 0 */

	struct arena arena;
	struct json *report; /* the generator's document, in the arena */
};

/* Called now and then while a cell runs; ms of the whole. */
typedef void cell_progress(void *arg, unsigned done_ms, unsigned all_ms);

/* Runs one. Noise is no error: it is noted in the cell. -EINTR when asked to stop. Whatever was
 * started is stopped again. */
int cell_run(struct lab *lab, enum arm arm, const struct cell_load *load,
	     const struct noise_limits *limits, cell_progress *progress, void *arg,
	     struct cell *ret, struct err *e);
void cell_free(struct cell *c);

#endif
