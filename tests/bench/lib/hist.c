/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/lib/hist.h"

/*
 * With s sub-bucket bits: units below 2^(s+1) have a bucket each; a unit u >= 2^(s+1) whose highest
 * bit is b lies in the octave e = b - s, where buckets are 2^e units wide.
 */
static size_t bucket_of(const struct hist *h, uint64_t ns)
{
	uint64_t u = ns >> HIST_UNIT_SHIFT;
	unsigned s = h->sub_bits, e;
	size_t i;

	if (u < (2ULL << s))
		return (size_t)u;
	e = 63 - (unsigned)__builtin_clzll(u) - s;
	i = ((size_t)e << s) + (size_t)(u >> e);
	return i < h->n_buckets ? i : h->n_buckets - 1;
}

/* The middle of the bucket, in nanoseconds. */
static uint64_t middle_of(const struct hist *h, size_t i)
{
	unsigned s = h->sub_bits, e;
	uint64_t low;

	if (i < (2UL << s))
		return ((uint64_t)i << HIST_UNIT_SHIFT) + (1ULL << HIST_UNIT_SHIFT) / 2;
	e = (unsigned)(i >> s) - 1;
	low = ((uint64_t)i - ((uint64_t)e << s)) << e;
	return (low << HIST_UNIT_SHIFT) + ((1ULL << e) << HIST_UNIT_SHIFT) / 2;
}

size_t hist_buckets(unsigned sub_bits)
{
	unsigned octaves = 34 - HIST_UNIT_SHIFT - sub_bits; /* log2(HIST_MAX_NS) is 34 */

	return ((size_t)octaves + 1) << sub_bits;
}

void hist_init_on(struct hist *h, unsigned sub_bits, uint32_t *count)
{
	memset(h, 0, sizeof(*h));
	h->sub_bits = sub_bits;
	h->n_buckets = hist_buckets(sub_bits);
	h->count = count;
	h->borrowed = true;
	h->min_ns = UINT64_MAX;
}

int hist_init(struct hist *h, unsigned sub_bits)
{
	uint32_t *count = calloc(hist_buckets(sub_bits), sizeof(*count));

	if (!count)
		return -ENOMEM;
	hist_init_on(h, sub_bits, count);
	h->borrowed = false;
	return 0;
}

void hist_free(struct hist *h)
{
	if (!h->borrowed)
		free(h->count);
	h->count = NULL;
}

void hist_add(struct hist *h, uint64_t ns)
{
	h->count[bucket_of(h, ns)]++;
	h->total++;
	h->sum_ns += (double)ns;
	if (ns < h->min_ns)
		h->min_ns = ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	for (size_t i = 0; i < into->n_buckets; i++)
		into->count[i] += from->count[i];
	into->total += from->total;
	into->sum_ns += from->sum_ns;
	if (from->min_ns < into->min_ns)
		into->min_ns = from->min_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
	uint64_t wanted = (uint64_t)ceil(q * (double)h->total);
	uint64_t seen = 0, v = h->max_ns;

	if (h->total == 0)
		return 0;
	if (wanted == 0)
		return h->min_ns;
	for (size_t i = 0; i < h->n_buckets; i++) {
		seen += h->count[i];
		if (seen >= wanted) {
			/* The last bucket has no upper end: its middle says nothing. */
			v = i + 1 < h->n_buckets ? middle_of(h, i) : h->max_ns;
			break;
		}
	}
	if (v < h->min_ns)
		return h->min_ns;
	return v > h->max_ns ? h->max_ns : v;
}

double hist_mean(const struct hist *h)
{
	return h->total ? h->sum_ns / (double)h->total : 0;
}
