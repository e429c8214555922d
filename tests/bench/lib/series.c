/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/bench/lib/series.h"

int series_init(struct series *s, uint64_t bin_ns, uint64_t duration_ns, struct err *e)
{
	size_t buckets = hist_buckets(HIST_COARSE);

	*s = (struct series){.bin_ns = bin_ns};
	s->n = (size_t)((duration_ns + bin_ns - 1) / bin_ns);
	if (s->n > SERIES_MAX_BYTES / (buckets * sizeof(uint32_t)))
		return refuse(e, EINVAL,
			      "a time series of %zu bins needs more than %u MiB: take longer bins",
			      s->n, SERIES_MAX_BYTES >> 20);
	s->bins = calloc(s->n, sizeof(*s->bins));
	s->counters = calloc(s->n * buckets, sizeof(*s->counters));
	if (!s->bins || !s->counters) {
		series_free(s);
		return fail(e, ENOMEM, "a time series of %zu bins", s->n);
	}
	for (size_t i = 0; i < s->n; i++)
		hist_init_on(&s->bins[i], HIST_COARSE, s->counters + i * buckets);
	return 0;
}

void series_free(struct series *s)
{
	free(s->bins);
	free(s->counters);
	*s = (struct series){0};
}

void series_add(struct series *s, uint64_t at_ns, uint64_t latency_ns)
{
	size_t i = s->bin_ns ? (size_t)(at_ns / s->bin_ns) : s->n;

	if (i < s->n)
		hist_add(&s->bins[i], latency_ns);
}
