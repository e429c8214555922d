/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of the host probe only: what they share while the facts are gathered.
 */
#ifndef CEDE_METRICS_HOST_PROBE_H
#define CEDE_METRICS_HOST_PROBE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/cgfs.h"
#include "metrics/host.h"

struct host_probe {
	const struct host_opts *o;
	struct host *host;
	int rootfd;	   /* O_PATH of o->root */
	unsigned kernel;   /* KERNEL(6, 18) */
	char release[128]; /* uname -r */
	char *kconfig;	   /* the kernel's configuration as text, or NULL */
	const char *kconfig_from;
	struct cg_host cg;
	uint64_t caps; /* effective */
};

#define KERNEL(major, minor) ((unsigned)(major) << 16 | (unsigned)(minor))

/* The next fact, OK so far. Valid until host_probe returns; never NULL (a table that is full gives
 * the last one again: a defect that the unit test looks for). */
struct host_fact *fact_add(struct host_probe *p, const char *name);
void fact_value(struct host_fact *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fact_costs(struct host_fact *f, enum host_verdict v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A file below the root ("proc/swaps"), NUL-terminated, a newline at the end taken off; longer ones
 * are cut. The length, or -errno. */
ssize_t probe_read(const struct host_probe *p, const char *path, char *buf, size_t size);
bool probe_exists(const struct host_probe *p, const char *path);
/* A file that holds one number; false where there is none. */
bool probe_number(const struct host_probe *p, const char *path, int64_t *ret);

/* CONFIG_<name> of this kernel: 'y', 'm', 'n' (not set), or '?' (not known). */
char probe_kconfig(const struct host_probe *p, const char *name);

/* Appends a word to a list: "a b c". */
void word_add(char *list, size_t size, const char *word);

/* One function for each subject; each adds its facts. */
void host_probe_kernel(struct host_probe *p);
void host_probe_scheduler(struct host_probe *p);
void host_probe_cgroup(struct host_probe *p);
void host_probe_security(struct host_probe *p);
void host_probe_machine(struct host_probe *p);
void host_probe_programs(struct host_probe *p);
void host_probe_counters(struct host_probe *p); /* only with o->counters */

#endif
