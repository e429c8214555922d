/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secondary job, started in one of the ways that are compared.
 */
#ifndef CEDE_TESTS_BENCH_SECONDARY_H
#define CEDE_TESTS_BENCH_SECONDARY_H

#include "tests/bench/lib/cell.h"
#include "tests/bench/lib/counter.h"

struct secondary {
	enum arm arm;
	struct child child; /* the job, or `cede launch` */
	char id[64];	    /* container; "" without cede */
	char group[600];    /* directory of the cgroup whose CPU time is the job's; "" when alone */
	char top[560];	    /* a group made for this one only, to be removed; "" for none */
	char counter[320];
};

/* Starts it and returns when all its workers work. secondary_stop is due in any case. */
int secondary_start(struct lab *lab, enum arm arm, struct secondary *ret, struct err *e);
/* Stops it and checks that nothing of it is left. Fine if it was never started. */
int secondary_stop(struct lab *lab, struct secondary *s, struct err *e);

/* CPU time, and work done so far; 0 when alone. */
int secondary_read(const struct secondary *s, unsigned long long *ret_usec, uint64_t *ret_blocks,
		   struct err *e);
/* CPU time of `cede launch` itself in nanoseconds, and its peak memory; 0 in other arms. */
int secondary_launcher(const struct secondary *s, uint64_t *ret_ns, uint64_t *ret_rss_kib,
		       struct err *e);

#endif
