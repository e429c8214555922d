/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the loads that fit the machine: request rates at which redis and the generator together use
 * a given part of the CPUs.
 */
#ifndef CEDE_TESTS_BENCH_CALIBRATE_H
#define CEDE_TESTS_BENCH_CALIBRATE_H

#include "tests/bench/lib/cell.h"

/* Of all CPUs in use, but at most so many CPUs: redis has one thread, and so has the generator. The
 * steady load leaves most of the machine idle, as machines worth harvesting do; what a request
 * costs more on a machine that never sleeps (interrupts between CPUs) grows with the load, see
 * RESULTS.md. */
#define LOW_SHARE 0.10
#define LOW_CPUS_MAX 0.2
#define STEADY_SHARE 0.13
#define STEADY_CPUS_MAX 0.26
#define HIGH_SHARE 0.65
#define HIGH_CPUS_MAX 1.3

struct rates {
	double low, steady, high; /* requests per second; those > 0 stay as they are */
	double low_cpus, steady_cpus, high_cpus; /* measured */
};

/* Also writes redis' keys. `connections` as in the cells. Bounded: at most some 20 short runs. */
int calibrate(struct lab *lab, unsigned connections, struct rates *rates, cell_progress *progress,
	      void *arg, struct err *e);

#endif
