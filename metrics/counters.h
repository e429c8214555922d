/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's counters as text, parsed; and what may be concluded from two readings of one. Pure.
 *
 * Parsers take NUL-terminated text, return 0 or -EBADMSG, and leave *ret alone on failure. They
 * read in place and allocate nothing: they run at every tick (base/str.h parses whole strings
 * only).
 */
#ifndef CEDE_METRICS_COUNTERS_H
#define CEDE_METRICS_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTERS_CPUS_MAX 8192
struct cpu_mask {
	unsigned long bits[COUNTERS_CPUS_MAX / (8 * sizeof(unsigned long))];
};

static inline bool cpu_mask_has(const struct cpu_mask *m, unsigned cpu)
{
	const unsigned width = 8 * sizeof(unsigned long);

	return cpu < COUNTERS_CPUS_MAX && (m->bits[cpu / width] >> (cpu % width) & 1);
}

/* /proc/stat, proc(5). idle holds iowait too: a CPU that waits for I/O is free to run something. */
struct cpu_times {
	uint64_t idle_ticks, steal_ticks; /* USER_HZ */
	uint32_t n_cpus;		  /* online, and in the mask */
};
/* `mask` NULL: all CPUs. Cut text is fine behind the last complete cpu line. */
int counters_stat(const char *text, const struct cpu_mask *mask, struct cpu_times *ret);

/* /proc/<pid>/schedstat (Documentation/scheduler/sched-stats.rst). */
struct schedstat {
	uint64_t run_ns, wait_ns, slices;
};
int counters_schedstat(const char *text, struct schedstat *ret);

/* The "some" total of a pressure file, in microseconds. */
int counters_psi_some(const char *text, uint64_t *ret_usec);

/* usage_usec of a cgroup's cpu.stat. */
int counters_usage(const char *text, uint64_t *ret_usec);

struct meminfo {
	uint64_t total_bytes, available_bytes, swap_total_bytes;
};
int counters_meminfo(const char *text, struct meminfo *ret);

/* Is the path the group `below` or something below it? `below` without slashes at the ends. */
bool counters_path_below(const char *path, size_t len, const char *below);

/*
 * A counter over time. The first reading and a reading lower than the last one (the object was made
 * anew, a CPU went away) give no delta.
 */
struct counter {
	uint64_t last;
	bool known;
};
bool counter_delta(struct counter *c, uint64_t now, uint64_t *ret);
void counter_forget(struct counter *c);

/* amount_ns per interval_ns in millionths, at most `limit`; SAMPLE_UNKNOWN for no interval. */
int64_t rate_ppm(uint64_t amount_ns, uint64_t interval_ns, int64_t limit);

/* What a shared "some" stall says about one of two sides, both taken as independent:
 * (both - other) / (1 - other). Unknown if one of them is. */
int64_t stall_of_rest(int64_t both_ppm, int64_t other_ppm);

#endif
