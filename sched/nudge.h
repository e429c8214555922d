/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's choice, looked over: when it puts a secondary on a CPU although an incumbent stands
 * in that CPU's run queue, it is made to choose again at once instead of at its next tick.
 *
 * Why it does that. Since Linux 6.6 (EEVDF, kernel/sched/fair.c) the scheduler picks among the
 * entities that are eligible: those that have had no more than their weighted fair share. The idle
 * class has a tiny weight, but not none. An incumbent that has just run, and so has had a
 * microsecond more than its share, is not eligible for the microsecond it takes a secondary to draw
 * level; and if the kernel must choose within it (the incumbent was preempted by another one, which
 * went to sleep; or it woke up so soon), it chooses the secondary. Nothing asks again before the
 * tick: up to 4 ms at HZ=250. Measured with redis at 5000 requests a second beside two secondaries:
 * 10 to 20 such waits a second, which is a p99 of 3 ms instead of 0.3 ms.
 *
 * What is done. A BPF program on the kernel's sched_switch tracepoint sees a secondary come while
 * the run queue holds a runnable task outside the idle class, and wakes a thread of ours that is
 * bound to that CPU and in SCHED_FIFO. It has nothing to do but to go to sleep again; that is a new
 * choice, and by then the secondary has had its microsecond. The program reads, and writes nothing
 * but that; the incumbents are not touched. The other half is the slice that a secondary is born
 * with (runtime/idle_class.h), because of which a waking incumbent preempts it in any case.
 *
 * The same program knows exactly what the loop must otherwise guess from above: how long incumbents
 * stood in a run queue while a secondary ran on that CPU. It charges that to the CPU, without the
 * first 20 us of each wait (metrics/sample.h, SAMPLE_WAKEUP_NS).
 *
 * The threads live in a child of their own, without privileges once it is set up. It ends with us,
 * and the kernel takes the program away with it. A host where it cannot be done (no BTF, no right
 * to load programs) is as it was without: later by a tick now and then.
 */
#ifndef CEDE_SCHED_NUDGE_H
#define CEDE_SCHED_NUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sched/helper.h"

/* Which tasks are secondaries: those that are SCHED_IDLE themselves, or also all below a top-level
 * group with cpu.idle. The second costs each switch some 100 ns more. */
enum nudge_who { NUDGE_TASKS, NUDGE_GROUPS };

struct nudge {
	struct helper child;
	uint64_t *charges; /* shared with the program: ns for each CPU, and whether it is at work */
	size_t n_cpus, length;
};

#define NUDGE_INIT                                                                                 \
	{                                                                                          \
		.child = HELPER_INIT                                                               \
	}

/* Starts the child, which sets itself up beside us: where that fails it ends, with an errno as its
 * exit status. */
int nudge_start(struct nudge *n, enum nudge_who who, struct err *e);

/* True once the child has ended by itself; then nudge_stop is still to be called. */
bool nudge_ended(struct nudge *n, int *ret_status);

/* What the secondaries have been charged with so far, in ns; false while nobody measures it. */
bool nudge_charged_ns(const struct nudge *n, uint64_t *ret);

void nudge_stop(struct nudge *n);

#endif
