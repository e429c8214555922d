/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine under the benchmark: which CPUs it uses, what they are doing, and what to write under
 * the figures.
 */
#ifndef CEDE_TESTS_BENCH_MACHINE_H
#define CEDE_TESTS_BENCH_MACHINE_H

#include <sched.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct machine {
	cpu_set_t cpus; /* those the benchmark uses */
	unsigned n_cpus;
	unsigned online; /* those the machine has */
	char cpu_list[64];
	char model[128];
	char kernel[160];
	char hypervisor; /* 'y' when CPUID says so, else 'n' */
	char distribution[96];
	char cgroups[96]; /* layout and controllers of the v2 hierarchy */
	char preemption[48];
	char autogroup; /* '1', '0', or '-' when the kernel has none */
	uint64_t memory_bytes;
	char date[32]; /* RFC 3339 */
};

/* Takes up to `n` CPUs of this process' affinity (0: all), one per core first, and binds the
 * process and so its children to them. */
int machine_bind(struct machine *m, unsigned n, struct err *e);
/* Everything else; what cannot be found is left empty. */
void machine_facts(struct machine *m);
/* Members of an object that is open. */
void machine_report(struct json_writer *w, const struct machine *m);

/* Counters of the CPUs in use, and their clock. Idle is exact in steps of 10 ms per CPU. */
struct machine_load {
	uint64_t at_ns, idle_usec, steal_usec;
};

int machine_load_read(const struct machine *m, struct machine_load *ret, struct err *e);
/* CPUs idle, and share of stolen time [0, 1], between two readings. */
double machine_idle_cpus(const struct machine_load *a, const struct machine_load *b);
double machine_steal_share(const struct machine *m, const struct machine_load *a,
			   const struct machine_load *b);

#endif
