/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one tick sees: the sample, put into the policy's terms. Inside of the policy only.
 */
#ifndef CEDE_SCHED_POLICY_VIEW_H
#define CEDE_SCHED_POLICY_VIEW_H

#include "sched/policy.h"

#define POLICY_PPM 1000000

/* Values are whole (baseline included) or SAMPLE_UNKNOWN; a value is `news` in the tick it was
 * read, if it was measured after the last freeze or thaw. */
struct view {
	uint64_t now, dt;
	int64_t n_cpus;
	unsigned load; /* which baseline counts */
	int64_t value[POLICY_SIGNALS];
	int64_t attributable;	       /* of the delay */
	uint64_t news[POLICY_SIGNALS]; /* the length of the measurement; 0: no news */
	int64_t score;		       /* the worst, averaged */
	bool clean;	     /* a new slow reading that began after the last freeze or thaw */
	int64_t used_ppm;    /* by the secondaries, of all CPUs, or SAMPLE_UNKNOWN */
	int64_t idle_ppm;    /* of all CPUs, or SAMPLE_UNKNOWN */
	int64_t wait_ppm;    /* of the secondaries for a CPU, or SAMPLE_UNKNOWN */
	int64_t grave_score; /* unaveraged, if that is over freeze_permille */
	bool memory_low, memory_tight;
};

static inline int64_t policy_clamp(int64_t v, int64_t lo, int64_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* Moves *avg towards x, by the whole distance if dt is as long as the window. */
void policy_leak(int64_t *avg, int64_t x, uint64_t dt, uint64_t window);

/* Takes the sample in: the averages of usage in `st` move, and its clock. */
struct view policy_look(const struct sample *s, struct policy_state *st,
			const struct policy_config *cfg);

enum reason policy_signal_reason(enum policy_signal i);
/* s * 1000, of what is attributable at most. */
int64_t policy_score(const struct policy_config *cfg, enum policy_signal i, int64_t value,
		     int64_t attributable, int64_t baseline);
/* What of a signal the secondaries can have caused at most, by the averages. */
int64_t policy_attributable(const struct policy_state *st, enum policy_signal i, int64_t n_cpus);
/* The signal with the highest score, by the averages. */
enum policy_signal policy_worst(const struct policy_state *st, const struct policy_config *cfg,
				const struct view *v, int64_t *ret_score);

#endif
