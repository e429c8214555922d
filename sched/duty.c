/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/duty.h"

#include "base/cleanup.h"
#include "base/clock.h"

#define UCPU_MAX 1000000000LL /* a thousand CPUs */

bool duty_may_run(struct duty *d, int64_t allowed_ucpu, uint64_t used_ns, uint64_t dt_ns,
		  uint64_t tick_ns)
{
	int64_t rate = CLAMP(allowed_ucpu, 0, UCPU_MAX);
	int64_t earned = rate * (int64_t)(MIN(dt_ns, NSEC_PER_SEC) / NSEC_PER_USEC) / 1000;
	int64_t saved = rate * (int64_t)(MIN(tick_ns, NSEC_PER_SEC) / NSEC_PER_USEC) / 1000;
	int64_t owed = rate * 1000;

	d->balance_ns += earned - (int64_t)MIN(used_ns, 3600 * NSEC_PER_SEC);
	d->balance_ns = CLAMP(d->balance_ns, -owed, saved);
	return d->balance_ns > 0;
}
