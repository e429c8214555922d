/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The place where the demo happens: a temporary directory, two cgroups (the incumbents', and one
 * for secondaries that cede does not run), a redis server, and the data the secondary compresses.
 * What is made here is removed here, also by another process after this one was killed (lab_sweep).
 *
 * The groups lie below the benchmark's own cgroup and get no controllers: they count CPU time, and
 * change nobody's share.
 */
#ifndef CEDE_TESTS_BENCH_LAB_H
#define CEDE_TESTS_BENCH_LAB_H

#include <stdint.h>

#include "base/cgfs.h"
#include "tests/bench/lib/child.h"
#include "tests/bench/lib/machine.h"

#define LAB_CORPUS_BYTES (12u << 20)

struct lab_config {
	const char *cede, *loadgen, *job; /* programs, absolute */
	const char *dir;		  /* exists; holds everything; NULL: made below /tmp */
	unsigned cpus;			  /* use so many; 0: all */
	unsigned workers;		  /* of the secondary; 0: one per CPU */
};

struct lab {
	struct lab_config cfg;
	struct machine machine;
	struct cg_host cg;
	char dir[256];	     /* temporary files */
	char work[280];	     /* working directory of the secondary */
	char state[280];     /* cede's --root */
	char group[512];     /* ours */
	char incumbent[544]; /* redis and the generator */
	char secondary[544]; /* secondaries without cede */
	uint16_t port;
	struct child redis;
	size_t corpus_bytes;
	unsigned serial; /* of the cells, for names */
};

/* Makes all of it and waits until redis answers. lab_close is due in any case. */
int lab_open(struct lab *lab, const struct lab_config *cfg, struct err *e);
/* Stops and removes all of it, and checks that nothing is left: -EBUSY naming what is. */
int lab_close(struct lab *lab, struct err *e);
/* The same for a directory left behind by a killed process; fine if it is gone. */
int lab_sweep(const char *dir, const char *cede, struct err *e);

/* `cede --root STATE delete --force ID`; then its cgroup must be gone. */
int lab_delete_container(const struct lab *lab, const char *id, struct err *e);

#endif
