/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroups whose counters are read: the slice, and the incumbents' top-level groups beside it.
 * Files are opened when a group appears and kept; a group that is removed and made anew is noticed
 * by its inode number at the next rescan, or by the failing read, whichever is first.
 *
 * If the slice is not at the top level (a delegated subtree), the top-level group above it holds
 * incumbents and secondaries: its figures are taken less the slice's.
 */
#ifndef CEDE_METRICS_GROUPS_H
#define CEDE_METRICS_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "metrics/counters.h"

/* More top-level groups than that, and the rest is not watched one by one: groups_complete. */
#define GROUPS_MAX 32

enum psi { PSI_CPU, PSI_MEMORY, PSI_IO, PSI_KINDS };

struct group {
	char name[256]; /* below the mount */
	uint64_t ino;
	bool kept;
	int stat_fd, psi_fd[PSI_KINDS];
	struct counter usage_usec, psi_usec[PSI_KINDS];
};

struct groups {
	int rootfd; /* owned; -1: no cgroup2 here */
	int listfd;
	bool listed, overflow;
	struct group slice; /* ino 0: not there */
	struct group group[GROUPS_MAX];
	unsigned n;
	/* The slice's usage as of its last reading by groups_slice_usage. */
	uint64_t slice_usage_usec;
	bool slice_usage_known;
	struct counter slice_medium_usec; /* the medium part's own view of it */
	char buf[4096] __attribute__((aligned(8)));
};

struct groups_figures {
	unsigned n;	     /* groups of incumbents that could be read */
	bool usage_known;    /* of all of them */
	uint64_t usage_usec; /* of all of them since the last call, without the slice */
	uint64_t slice_usec; /* the slice in the same time; only if slice_known */
	bool slice_known;
	int64_t worst_psi_ppm[PSI_KINDS]; /* SAMPLE_UNKNOWN if no group says */
	int64_t slice_psi_ppm[PSI_KINDS]; /* 0 without a slice */
};

/* Takes rootfd (the cgroup2 mount, or -1). */
void groups_init(struct groups *g, int rootfd, const char *slice);
void groups_close(struct groups *g);
/* Looks for new and vanished groups. */
void groups_rescan(struct groups *g);
/* Every top-level group is watched. */
bool groups_complete(const struct groups *g);
/* The slice's usage since the last call. False where that is not known; no slice: 0. */
bool groups_slice_usage(struct groups *g, uint64_t *ret_usec);
/* At least 50 ms after the last call, over interval_ns. `quiet`: kinds of stall of which the whole
 * machine had none in the interval; the groups' files need not be read then. */
void groups_read(struct groups *g, uint64_t interval_ns, const bool quiet[PSI_KINDS],
		 struct groups_figures *ret);

/* A pressure file opened by the caller; SAMPLE_UNKNOWN if it cannot be read or was not before. */
int64_t psi_read(int fd, struct counter *c, uint64_t interval_ns);

#endif
