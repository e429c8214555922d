/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPU limit without a cpu controller: an account that is paid at the allowed rate and charged
 * with what was used; frozen while it is overdrawn. The caller asks once per tick, so the quanta
 * are one tick or a few, and the mean is exact however rough the counter is within one tick. Pure.
 */
#ifndef CEDE_SCHED_DUTY_H
#define CEDE_SCHED_DUTY_H

#include <stdbool.h>
#include <stdint.h>

struct duty {
	int64_t balance_ns; /* of CPU time */
};

/*
 * May it run for the next tick? `allowed_ucpu`: millionths of one CPU; `used_ns`: CPU time since
 * the last call, `dt_ns` ago. What is saved is at most `tick_ns` worth of the allowance (no long
 * burst after a rest), what is owed at most one second's worth.
 */
bool duty_may_run(struct duty *d, int64_t allowed_ucpu, uint64_t used_ns, uint64_t dt_ns,
		  uint64_t tick_ns);

#endif
