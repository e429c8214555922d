/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container has used so far, from the files of its cgroup (cgroup-v2.rst), as the document
 * that `runc events --stats` prints and go-runc's Stats reads. What a missing controller cannot
 * tell is left out.
 *
 *	cpu		usage {total kernel user} and throttling, in nanoseconds; psi
 *	memory		usage, swap {limit usage max failcnt}, kernel, kernelTCP, cache in bytes;
 *raw: memory.stat; psi. As on cgroup v1, swap is memory and swap together; a limit that is none is
 *2^64 - 1 pids		current, and limit if there is one
 *	blkio		bytes and requests by device and operation; psi
 *	hugetlb		by page size
 *
 * psi: avg10, avg60, avg300 in percent, total in microseconds, for some and full.
 */
#ifndef CEDE_METRICS_CONTAINER_STATS_H
#define CEDE_METRICS_CONTAINER_STATS_H

#include "base/err.h"
#include "base/json.h"

/* The value of "data", as a member called `key`. -ENOENT or -ENODEV if the group is gone. */
int container_stats_write(int cgfd, struct json_writer *w, const char *key, struct err *e);

#endif
