/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host can do, probed once: the table `cede doctor` prints, and what a choice of
 * actuators may rest on. Changes nothing on the host.
 */
#ifndef CEDE_METRICS_HOST_H
#define CEDE_METRICS_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum host_verdict {
	HOST_OK,
	HOST_NOTE,    /* works; worth knowing */
	HOST_MISSING, /* an optional thing that is not there */
	HOST_LIMITED, /* cede works, but protects less or refuses some containers */
	HOST_FATAL,   /* cede cannot work */
	HOST_VERDICTS,
};
const char *host_verdict_name(enum host_verdict v);

struct host_fact {
	const char *name; /* stable key: "kernel", "cgroup.layout", "psi", "preempt", "criu", ... */
	enum host_verdict verdict;
	char value[200]; /* what was found */
	char costs[320]; /* what its lack costs, and what cede does instead; "" if there is nothing
			    to say */
};

#define HOST_FACTS_MAX 48
struct host {
	struct host_fact facts[HOST_FACTS_MAX];
	size_t n;
};

struct host_opts {
	const char *root;	/* NULL: "/"; a fake tree in unit tests */
	const char *state_root; /* NULL: not looked at */
	char *const *environ;	/* for PATH; NULL: the usual directories */
	/* Also run other programs: criu check, gzip for the kernel's configuration. Seconds. */
	bool programs;
	/* Also measure what the kernel's counters can resolve: about a second, on one CPU. */
	bool counters;
	/* Called before something that may take long, and with NULL behind it. May be NULL. */
	void (*progress)(const char *what, void *arg);
	void *arg;
};

/* `o` NULL: the defaults. Never fails as a whole: a probe that cannot run is a fact of its own. */
void host_probe(const struct host_opts *o, struct host *ret);

/* True unless some fact is HOST_FATAL. */
bool host_usable(const struct host *h);
/* "full", "reduced" (some fact is HOST_LIMITED) or "none". */
const char *host_service(const struct host *h);
const struct host_fact *host_fact_find(const struct host *h, const char *name);

#endif
