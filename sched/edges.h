/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edges: when a secondary changed its rung, and why. One JSON object a line in the state
 * directory's file `edges`; when that is full it becomes `edges.1` and a new one begins, so at most
 * two times EDGES_MAX bytes are kept. What `cede list` shows and the ledger takes in.
 *
 *	{"time":"2026-01-02T03:04:05.678901234Z","from":"idle-class","to":"freeze",
 *	 "reason":"run-delay","score":5.120,"level":0.000,"usage_usec":1234567}
 */
#ifndef CEDE_SCHED_EDGES_H
#define CEDE_SCHED_EDGES_H

#include <stdint.h>

#include "base/err.h"
#include "sched/policy.h"

#define EDGES_FILE "edges"
#define EDGES_MAX (256 << 10)

struct edge {
	enum rung from, to;
	enum reason reason;
	int64_t score_permille, level_ppm;
	uint64_t usage_usec; /* of the secondary, at this moment */
};

int edge_append(int dirfd, const struct edge *edge, struct err *e);

#endif
