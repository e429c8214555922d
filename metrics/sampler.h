/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the machine. All descriptors are opened when an object appears and read with pread; a tick
 * allocates nothing (everything is sized in sampler_new). Rescanning (new cgroups, new busy
 * threads) is slow-part work, cut into slices.
 *
 * What a tick costs: some 20 us for the fast part with 32 threads, every 100 ms some 50-100 us more
 * for the medium part with 10 incumbents; looking for busy threads is paid from an account that
 * gets 0.2 % of the time. Measured by tests/bench/sampler_cost.c.
 *
 * Whose threads: of all processes but kernel threads, those below the slice, those in SCHED_IDLE
 * (they have given way by themselves; also what cede makes of secondaries on hosts without a cpu
 * controller) and this process with its children. Of these the max_threads with the highest score:
 * CPU time per time plus 20 us for each time it got a CPU, so that a server that works little but
 * often is seen; the score decays by a quarter per pass, so that a thread stays in view for some
 * seconds of rest. A process that lives shorter than a pass (>= 1 s) is not seen: the machine's
 * figures are there for those.
 */
#ifndef CEDE_METRICS_SAMPLER_H
#define CEDE_METRICS_SAMPLER_H

#include "base/cgfs.h"
#include "base/err.h"
#include "metrics/sample.h"

struct sampler;

#define SAMPLER_THREADS_MAX 256

struct sampler_opts {
	const char *slice;	 /* NULL: "cede.slice"; path below the cgroup2 mount */
	unsigned max_threads;	 /* schedstat files kept open for incumbents; 0: 32 */
	uint64_t medium_ns;	 /* 0: 100 ms; lower than 50 ms is raised to 50 ms */
	uint64_t slow_ns;	 /* 0: 1 s */
	const char *proc_root;	 /* NULL: /proc; a fake tree in unit tests */
	const char *cgroup_root; /* NULL: found by cg_host_open */
	uint64_t (*clock)(void); /* NULL: now_ns; unit tests bring their own */
};

/* Looks at all processes once (a few ms). A host without cgroup2 or PSI is fine: what cannot be
 * read is SAMPLE_UNKNOWN. Errors: no memory, no procfs. */
int sampler_new(const struct sampler_opts *o, struct sampler **ret, struct err *e);
void sampler_free(struct sampler *s);
/* To be called before sampler_read by who knows how long, in ns since any beginning, secondaries
 * ran where incumbents waited (all CPUs together, the allowance for wake-ups left out): from the
 * second time on, attributable_delay_ppm is that instead of a bound. secondary_ucpu, no longer
 * needed for it, is then read with the medium part only, and so are the incumbents' delays while
 * none of them is the secondaries' doing: in peace a tick reads nothing. A figure that went down
 * begins anew. */
void sampler_charged(struct sampler *s, uint64_t total_ns);
/* All of the fast part is read at every tick all the same: by who limits the secondaries, or learns
 * from the incumbents' delays without them. */
void sampler_attend(struct sampler *s, bool attend);
/* `due_ns`: when this tick was meant to run (for lateness); 0: not known. Less than 1 ms
 * after the last call the last sample comes again. Values that cannot be read become
 * SAMPLE_UNKNOWN; only a broken sampler is an error. */
int sampler_read(struct sampler *s, uint64_t due_ns, struct sample *ret, struct err *e);

#endif
