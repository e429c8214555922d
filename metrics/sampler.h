/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the machine. All descriptors are opened when an object appears and read with pread; a tick
 * allocates nothing. Rescanning (new cgroups, new busy threads) is a slow-part job.
 */
#ifndef CEDE_METRICS_SAMPLER_H
#define CEDE_METRICS_SAMPLER_H

#include "base/cgfs.h"
#include "base/err.h"
#include "metrics/sample.h"

struct sampler;

struct sampler_opts {
	const char *slice;	 /* "cede.slice" */
	unsigned max_threads;	 /* schedstat files kept open for incumbents; 0: 32 */
	uint64_t medium_ns;	 /* 0: 100 ms; lower than 50 ms is raised to 50 ms */
	uint64_t slow_ns;	 /* 0: 1 s */
	const char *proc_root;	 /* NULL: /proc; a fake tree in unit tests */
	const char *cgroup_root; /* NULL: found by cg_host_open */
};

int sampler_new(const struct sampler_opts *o, struct sampler **ret, struct err *e);
void sampler_free(struct sampler *s);
/* `due_ns`: when this tick was meant to run (for lateness). Values that cannot be read become
 * SAMPLE_UNKNOWN; only a broken sampler is an error. */
int sampler_read(struct sampler *s, uint64_t due_ns, struct sample *ret, struct err *e);

#endif
