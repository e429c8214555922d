/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "tests/bench/lib/arrivals.h"

void arrivals_init(struct arrivals *a, const struct arrivals_config *cfg)
{
	memset(a, 0, sizeof(*a));
	a->cfg = *cfg;
	rng_init(&a->rng, cfg->seed);
}

static bool has_wave(const struct arrivals_config *c)
{
	return c->high_ns > 0;
}

uint64_t arrivals_since_step(const struct arrivals_config *c, uint64_t ns)
{
	uint64_t in = has_wave(c) ? ns % (c->low_ns + c->high_ns) : 0;

	return has_wave(c) && in >= c->low_ns ? in - c->low_ns : UINT64_MAX;
}

bool arrivals_is_high(const struct arrivals_config *c, uint64_t ns)
{
	return arrivals_since_step(c, ns) != UINT64_MAX;
}

bool arrivals_step(const struct arrivals_config *c, uint64_t k, uint64_t *ret_ns,
		   uint64_t *ret_end_ns)
{
	uint64_t start = c->low_ns + k * (c->low_ns + c->high_ns);

	if (!has_wave(c) || start + c->high_ns > c->duration_ns)
		return false;
	*ret_ns = start;
	*ret_end_ns = start + c->high_ns;
	return true;
}

/* Rate at `at` and how long it lasts from there. */
static double rate_at(const struct arrivals_config *c, double at, double *ret_left_ns)
{
	double period, in;

	if (!has_wave(c)) {
		*ret_left_ns = INFINITY;
		return c->rate_low;
	}
	period = (double)(c->low_ns + c->high_ns);
	in = fmod(at, period);
	if (in < (double)c->low_ns) {
		*ret_left_ns = (double)c->low_ns - in;
		return c->rate_low;
	}
	*ret_left_ns = period - in;
	return c->rate_high;
}

bool arrivals_next(struct arrivals *a, uint64_t *ret_ns)
{
	const struct arrivals_config *c = &a->cfg;
	double distance = c->kind == ARRIVALS_POISSON ? -log(rng_uniform(&a->rng)) : 1;

	while (a->at_ns < (double)c->duration_ns) {
		double left, rate = rate_at(c, a->at_ns, &left);
		double gap = rate > 0 ? distance / rate * (double)NSEC_PER_SEC : INFINITY;

		if (gap <= left) {
			a->at_ns += gap;
			break;
		}
		distance -= left * rate / (double)NSEC_PER_SEC;
		/* At least a nanosecond, so that rounding cannot hold us before an edge. */
		a->at_ns += left > 1 ? left : 1;
	}
	if (a->at_ns >= (double)c->duration_ns)
		return false;
	*ret_ns = (uint64_t)a->at_ns;
	return true;
}
