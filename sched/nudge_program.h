/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program behind sched/nudge: which structures of the kernel it reads, and its instructions.
 */
#ifndef CEDE_SCHED_NUDGE_PROGRAM_H
#define CEDE_SCHED_NUDGE_PROGRAM_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sched/nudge.h"

/* Offsets in bytes, as this kernel's BTF gives them. */
struct nudge_layout {
	int32_t task_policy, task_se;	       /* struct task_struct */
	int32_t task_info;		       /* its struct sched_info */
	int32_t info_queued, info_arrived;     /* struct sched_info */
	int32_t rq_clock;		       /* struct rq */
	int32_t se_cfs_rq, se_parent, se_my_q; /* struct sched_entity */
	int32_t cfs_rq_rq, cfs_rq_idle;	       /* struct cfs_rq */
	int32_t cfs_runnable,
		cfs_idle_runnable; /* struct cfs_rq: all tasks, those of the idle class */
	int32_t rq_cfs;		   /* struct rq */
};

#define NUDGE_INSNS_MAX 320

/* From the kernel's own description. -EOPNOTSUPP and what is missing. */
int nudge_layout_read(struct nudge_layout *ret, struct err *e);

/* Writes the program for the raw tracepoint sched_switch into insns[NUDGE_INSNS_MAX] and returns
 * how many instructions it has. events_fd: a BPF_MAP_TYPE_PERF_EVENT_ARRAY, one event for each CPU;
 * charges_fd: a BPF_MAP_TYPE_ARRAY of one uint64_t for each CPU. */
size_t nudge_program(const struct nudge_layout *l, enum nudge_who who, int events_fd,
		     int charges_fd, struct bpf_insn *insns);

#endif
