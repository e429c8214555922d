/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file in which the secondary job counts its work: it maps and counts, anyone else reads. One
 * page, so that it can be a plain file in the working directory of a container.
 */
#ifndef CEDE_TESTS_BENCH_COUNTER_H
#define CEDE_TESTS_BENCH_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

#define COUNTER_MAGIC 0x6564656372747277ULL
#define COUNTER_MAX_WORKERS 62

struct counter_slot {
	_Atomic uint64_t blocks; /* handed over to the compressor */
	_Atomic uint64_t passes; /* complete streams whose compressor ended well */
	uint64_t unused[6];	 /* a cache line each: workers must not disturb one another */
};

struct counter {
	uint64_t magic;
	uint32_t workers;
	uint32_t block_bytes;
	uint64_t unused[6];
	struct counter_slot slot[COUNTER_MAX_WORKERS];
};

struct counter_sum {
	uint64_t blocks, passes, block_bytes;
	uint32_t workers;
	uint32_t started; /* workers that have done something */
};

/* Creates the file anew and maps it shared. */
int counter_create(const char *path, uint32_t workers, uint32_t block_bytes, struct counter **ret,
		   struct err *e);
/* -ENOENT while the job has not made it; -EBADMSG if it is not such a file. */
int counter_read(const char *path, struct counter_sum *ret, struct err *e);

#endif
