/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log-linear histogram of latencies (the idea of HdrHistogram): every power of two is divided
 * into 2^sub_bits equal buckets, so the relative error of a quantile is at most 2^-(sub_bits + 1)
 * (the bucket's middle is reported): 0.4 % with 7 bits, 1.6 % with 5. Values are nanoseconds in
 * steps of 8 ns; up to HIST_MAX_NS they are kept apart, above it they share the last bucket (the
 * largest value itself is always exact). Memory is fixed at init.
 */
#ifndef CEDE_TESTS_BENCH_HIST_H
#define CEDE_TESTS_BENCH_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HIST_UNIT_SHIFT 3
#define HIST_MAX_NS (1ULL << 34) /* 17.2 s */
#define HIST_FINE 7
#define HIST_COARSE 5

struct hist {
	unsigned sub_bits;
	size_t n_buckets;
	uint32_t *count; /* owned unless `borrowed` */
	bool borrowed;
	uint64_t total;
	uint64_t min_ns, max_ns;
	double sum_ns;
};

/* Number of buckets for so many bits: for callers that hold the memory of many histograms. */
size_t hist_buckets(unsigned sub_bits);
/* 0 or -ENOMEM. */
int hist_init(struct hist *h, unsigned sub_bits);
/* On memory of the caller, hist_buckets(sub_bits) zeroed counters. */
void hist_init_on(struct hist *h, unsigned sub_bits, uint32_t *count);
void hist_free(struct hist *h);

void hist_add(struct hist *h, uint64_t ns);
/* Both must have the same sub_bits. */
void hist_merge(struct hist *into, const struct hist *from);
/* The smallest recorded value (middle of its bucket, never outside [min, max]) with at least
 * q * total values at or below it. q in [0, 1]; 0 when empty. */
uint64_t hist_quantile(const struct hist *h, double q);
double hist_mean(const struct hist *h);

#endif
