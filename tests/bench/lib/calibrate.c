/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "tests/bench/lib/calibrate.h"

#define RUN_MS 400
#define WARMUP_MS 150
#define TRIES 6
#define CLOSE_ENOUGH 0.12
/* A server that answers less than this share by the end of a run cannot do the rate. */
#define DELIVERED_MIN 0.97
/* On a machine that others keep busy the CPU time asked for is never seen, at any rate. */
#define HIGH_RATE_MAX 12 /* times the steady rate */

struct search {
	struct lab *lab;
	unsigned connections;
	bool preload;
	double rate_max;
	cell_progress *progress;
	void *arg;
};

static int try_rate(struct search *s, double rate, struct cell *ret, struct err *e)
{
	/* Waits a little for a quiet machine, and takes what it gets. */
	static const struct noise_limits limits = {
		.idle_before = 0.85, .wait_ms = 500, .foreign_share = 1, .steal_share = 1};
	struct cell_load load = {.kind = CELL_STEADY,
				 .rate = rate,
				 .duration_ms = RUN_MS,
				 .warmup_ms = WARMUP_MS,
				 .connections = s->connections,
				 .preload = s->preload,
				 .seed = 1};
	int r;

	s->preload = false;
	r = cell_run(s->lab, ARM_ALONE, &load, &limits, s->progress, s->arg, ret, e);
	if (r == 0)
		cell_free(ret); /* its figures stay */
	return r;
}

/* The cost of a request falls with the rate (more is done per wake-up), so this converges from
 * below; the best try counts. */
static int find_rate(struct search *s, double target_cpus, double start, double *rate,
		     double *ret_cpus, struct err *e)
{
	double r = *rate > 0 ? *rate : start, ceiling = INFINITY, best = INFINITY;
	bool fixed = *rate > 0;

	for (int i = 0; i < (fixed ? 1 : TRIES); i++) {
		struct cell c;
		double off, step;
		int rc = try_rate(s, r, &c, e);

		if (rc < 0)
			return rc;
		off = fabs(c.load_cpus / target_cpus - 1);
		if (c.delivered_share < DELIVERED_MIN && !fixed) {
			ceiling = r;
			r *= 0.7;
			continue;
		}
		if (off < best) {
			best = off;
			*rate = r;
			*ret_cpus = c.load_cpus;
		}
		if (off < CLOSE_ENOUGH)
			break;
		step = target_cpus / fmax(c.load_cpus, target_cpus / 4);
		r = fmin(r * fmin(fmax(step, 0.25), 4), s->rate_max);
		if (r >= ceiling * 0.95 || r == *rate)
			break;
	}
	if (!isfinite(best))
		return refuse(e, ENODATA, "redis cannot keep up with even %.0f requests per second",
			      r);
	return 0;
}

int calibrate(struct lab *lab, unsigned connections, struct rates *rates, cell_progress *progress,
	      void *arg, struct err *e)
{
	struct search s = {.lab = lab,
			   .connections = connections,
			   .preload = true,
			   .rate_max = INFINITY,
			   .progress = progress,
			   .arg = arg};
	double n = lab->machine.n_cpus, rate = 200, cpus;
	struct cell c;
	int r = try_rate(&s, rate, &c, e); /* writes the keys: not representative */

	if (r == 0)
		r = find_rate(&s, fmin(STEADY_SHARE * n, STEADY_CPUS_MAX), 400, &rates->steady,
			      &rates->steady_cpus, e);
	if (r < 0)
		return r;
	rate = rates->steady;
	cpus = rates->steady_cpus;
	r = find_rate(&s, fmin(LOW_SHARE * n, LOW_CPUS_MAX), rate * 0.4, &rates->low,
		      &rates->low_cpus, e);
	s.rate_max = rate * HIGH_RATE_MAX;
	if (r == 0)
		r = find_rate(&s, fmin(HIGH_SHARE * n, HIGH_CPUS_MAX), rate / cpus * 0.4 * 5,
			      &rates->high, &rates->high_cpus, e);
	return r;
}
