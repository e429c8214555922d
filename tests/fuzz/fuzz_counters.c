/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a file of procfs or cgroupfs. A process chooses its own name, and others may arrange
 * what is mounted there: nothing is read beyond the text's end, nothing overflows. */
#include <stdlib.h>
#include <string.h>

#include "base/cgfs.h"
#include "base/procfs.h"
#include "metrics/counters.h"
#include "metrics/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const char *text)
{
	struct cpu_mask mask = {{5}};
	struct cpu_times times;
	struct schedstat schedstat;
	struct meminfo mem;
	struct proc_stat stat;
	const char *path;
	uint64_t v;
	size_t len;

	(void)counters_stat(text, NULL, &times);
	if (counters_stat(text, &mask, &times) == 0 && (!times.n_cpus || times.n_cpus > 2))
		abort();
	(void)counters_schedstat(text, &schedstat);
	(void)counters_psi_some(text, &v);
	(void)counters_usage(text, &v);
	(void)counters_meminfo(text, &mem);
	(void)proc_stat_parse(text, &stat);
	if (cg_path_parse(text, &path, &len) == 0) {
		if (path < text || path + len > text + strlen(text) || *path != '/')
			abort();
		(void)counters_path_below(path, len, "cede.slice");
	}
}

static void rates(const uint8_t *data)
{
	int64_t a, b, rest;
	uint64_t amount, interval;

	memcpy(&a, data, sizeof(a));
	memcpy(&b, data + 8, sizeof(b));
	memcpy(&amount, data, sizeof(amount));
	memcpy(&interval, data + 8, sizeof(interval));
	rest = stall_of_rest(a, b);
	if (rest < SAMPLE_UNKNOWN || rest > 1000000)
		abort();
	rest = rate_ppm(amount, interval, 2000000);
	if (rest < SAMPLE_UNKNOWN || rest > 2000000)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	parse(text);
	free(text);
	if (size >= 16)
		rates(data);
	return 0;
}
