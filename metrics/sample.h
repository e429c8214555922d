/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sampler saw, as plain integers: the only thing the policy gets to know about the world.
 *
 * Units: _ucpu is millionths of one CPU (1'000'000 = one CPU busy for the whole interval); the
 * interval each value was measured over stands beside it. Two counters lie when read too fast
 * (../DESIGN "colocation" notes; Documentation/admin-guide/cpu-load.rst, kernel/sched/psi.c):
 *  - PSI totals are quantised to jiffies: never below 50 ms between reads of the same file;
 *  - user/nice/system ticks of /proc/stat are sampled at the tick: never used. Busy is 1 - idle
 *    (exact under NO_HZ, in units of 10 ms: read over >= 100 ms) or cpu.stat usage_usec.
 */
#ifndef CEDE_METRICS_SAMPLE_H
#define CEDE_METRICS_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#define SAMPLE_UNKNOWN (-1)

struct sample {
	uint64_t at_ns;	      /* CLOCK_MONOTONIC when the fast part was read */
	uint64_t interval_ns; /* since the sample before: the fast part's window */
	uint64_t lateness_ns; /* how late this tick came (if we are late, so are incumbents) */
	uint32_t n_cpus;      /* online, in this process' affinity */

	/* Fast part, every tick. */
	int64_t incumbent_delay_ppm; /* worst incumbent: run-queue wait per time, millionths; from
					schedstat of its busiest threads */
	int64_t secondary_ucpu;	     /* the slice's cpu.stat */

	/* Medium part, every >= 100 ms; values stay until the next reading. */
	uint64_t medium_at_ns, medium_interval_ns;
	int64_t node_idle_ucpu; /* all CPUs together */
	int64_t incumbent_ucpu; /* n_cpus - idle - secondaries */
	int64_t incumbent_cpu_psi_ppm, incumbent_mem_psi_ppm,
		incumbent_io_psi_ppm; /* "some" stall
of the worst incumbent; where incumbents have no cgroup of their own (hybrid) cpu is
SAMPLE_UNKNOWN, because the machine's own figure contains the secondaries' waiting */

	/* Slow part, every >= 1 s. */
	uint64_t slow_at_ns;
	int64_t mem_available_bytes, mem_total_bytes;
};

#endif
