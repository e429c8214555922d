/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host can do, probed once: the table `cede doctor` prints and the scheduler's choice of
 * actuators rests on.
 */
#ifndef CEDE_METRICS_HOST_H
#define CEDE_METRICS_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum host_verdict { HOST_OK, HOST_LIMITED, HOST_MISSING, HOST_FATAL };

struct host_fact {
	const char *name; /* stable key: "kernel", "cgroup.layout", "psi", "preempt", "criu", ... */
	enum host_verdict verdict;
	char value[160]; /* what was found */
	char costs[240]; /* what its lack costs, and what cede does instead; "" when OK */
};

struct host {
	struct host_fact facts[48];
	size_t n;
};

/* Never fails as a whole: a probe that cannot run is a fact of its own. */
void host_probe(struct host *ret);
/* True unless some fact is HOST_FATAL. */
bool host_usable(const struct host *h);
const struct host_fact *host_fact_find(const struct host *h, const char *name);

#endif
