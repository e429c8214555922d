/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CPU counter followed over time: the usage of a cgroup (cpu.stat), or the idle time of some CPUs
 * (/proc/stat); and what can be read from such a line: the rate between two instants.
 *
 * Resolution. usage_usec is brought up to date when a task is switched out and at the tick (4 ms at
 * HZ=250), so a single reading of a busy group is up to one tick old per CPU. The idle time of
 * /proc/stat is exact under NO_HZ, in steps of 10 ms per CPU; it is read every 20 ms.
 */
#ifndef CEDE_TESTS_BENCH_TRACK_H
#define CEDE_TESTS_BENCH_TRACK_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TRACK_IDLE_INTERVAL_NS 20000000ULL

struct track {
	const char *name; /* borrowed */
	bool idle;	  /* of /proc/stat, not of a cgroup */
	cpu_set_t cpus;	  /* those counted if `idle` */
	int fd;
	uint64_t interval_ns, next_ns;
	size_t n, max;
	uint64_t *at_ns; /* on the clock of the caller, rising */
	uint64_t *usec;	 /* the counter then */
};

/* `path`: the group's directory. At most duration/interval + slack samples are kept. */
int track_open_cgroup(struct track *t, const char *name, const char *path, uint64_t interval_ns,
		      uint64_t duration_ns, struct err *e);
int track_open_idle(struct track *t, const char *name, const cpu_set_t *cpus, uint64_t duration_ns,
		    struct err *e);
void track_close(struct track *t);

/* Reads the counter if it is due at `now_ns`. A reading that fails is left out. */
void track_sample(struct track *t, uint64_t now_ns);
/* The same, due or not. */
void track_sample_now(struct track *t, uint64_t now_ns);

/* Mean rate in CPUs between two instants, straight lines between samples; negative when the track
 * does not cover them. */
double track_rate(const struct track *t, uint64_t from_ns, uint64_t to_ns);

/* "usage_usec N" at the start of a cpu.stat; the sums over the chosen "cpuN" lines of a /proc/stat
 * of idle + iowait and of steal, in microseconds. Pure. 0 or -EBADMSG. */
int track_parse_usage(const char *text, uint64_t *ret_usec);
int track_parse_stat(const char *text, const cpu_set_t *cpus, long ticks_per_sec,
		     uint64_t *ret_idle_usec, uint64_t *ret_steal_usec);

#endif
