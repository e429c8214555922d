/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scan remembers of each process and thread from one pass to the next: a hash table of a
 * fixed size, forgotten as a whole. Pids are handed out in sequence, so the number itself is the
 * hash: neighbours share pages, and few pages are touched.
 */
#ifndef CEDE_METRICS_TASK_TABLE_H
#define CEDE_METRICS_TASK_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TASK_TABLE_SLOTS 4096

enum task_kind {
	TASK_USER, /* an incumbent, as far as is known */
	TASK_KERNEL,
	TASK_SECONDARY, /* below the slice, or in SCHED_IDLE */
	TASK_SELF,	/* cede */
};

struct task {
	pid_t pid;	    /* or tid */
	uint32_t n_threads; /* processes only, like start_ticks, cpu_ticks, kind and placed */
	uint64_t ino;	    /* of its directory in /proc: the same as long as it is the same task */
	uint64_t start_ticks, cpu_ticks;
	uint64_t run_ns, slices;
	uint32_t score; /* millionths of a CPU, decaying */
	uint32_t generation;
	uint8_t kind;
	bool known;   /* stat was read */
	bool counted; /* run_ns and slices hold something */
	bool placed;  /* its cgroup was looked at in this pass */
	bool worked;  /* used CPU time since the last pass */
	bool active;  /* got on a CPU since the last pass */
};

struct task_table {
	uint32_t generation, used;
	struct task slots[TASK_TABLE_SLOTS];
};

/* Zeroed memory is an empty table once it has been cleared. */
void task_table_clear(struct task_table *t);
struct task *task_find(struct task_table *t, pid_t pid);
/* Its entry, or a new empty one; NULL when the table is three quarters full. */
struct task *task_put(struct task_table *t, pid_t pid);
/* Overwrites what *to knows with what *from knows, but for the place in the table. */
void task_copy(struct task *to, const struct task *from);

#endif
