/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sampler saw, as plain integers: the only thing the policy gets to know about the world.
 *
 * Units: _ucpu is millionths of one CPU (1'000'000 = one CPU busy for the whole interval), _ppm
 * millionths of the interval; the interval each value was measured over stands beside it. A value
 * that could not be measured is SAMPLE_UNKNOWN, never a guess: so are all rates of the first
 * sample, and a rate whose counter went back (a group made anew, a CPU unplugged).
 *
 * Counters that lie when they are read too fast, and what is done about it:
 *  - PSI totals are quantised to jiffies (kernel/sched/psi.c, collect_percpu_times): never below
 *    50 ms between reads of the same file;
 *  - user/nice/system ticks of /proc/stat are sampled at the tick
 *    (Documentation/admin-guide/cpu-load.rst): never used. Busy is 1 - idle (exact under
 *    NO_HZ_IDLE, in units of 10 ms: read over >= 100 ms) or cpu.stat usage_usec;
 *  - cpu.stat usage_usec of a task that runs on undisturbed is brought forward by the tick: one
 *    fast interval may be wrong by 1/HZ per CPU (4 ms at HZ=250), the sum is right.
 *
 * Run delay, the fast signal. /proc/<pid>/task/<tid>/schedstat says how long a thread has stood on
 * a run queue without running, to the nanosecond. Of the busiest threads of the incumbents
 * (sampler.h says which) these figures are made of it:
 *
 *  incumbent_delay_ppm: of the thread that waited most: (wait - 20 us x times it got a CPU) per
 *      time. Every wake-up costs some microseconds of waiting on an idle machine too (the CPU has
 *      to come out of its sleep; measured: 1-9 us in a virtual machine), and a server that wakes
 *      20'000 times a second would drown the signal in them. What is left is waiting behind
 *      somebody else who ran. One thread, not the sum: the sum grows with the number of threads.
 *
 *  attributable_delay_ppm: how much of that the secondaries can have caused at most. While a
 *      thread waits because of a secondary, a secondary runs on that CPU; so it is bounded by the
 *      CPU time the secondaries had. Two incumbents that wait for each other on a full machine,
 *      where the idle class gets nothing, are not the secondaries' fault, and freezing those would
 *      help nobody. The kernel charges a wait when it ends, so the bound is the larger of this and
 *      the last interval. It is zero while the secondaries are frozen: to learn the incumbents'
 *      own delay, use incumbent_delay_ppm. Where the secondaries' CPU time is unknown, it is
 *      incumbent_delay_ppm. Where somebody sees each case (sched/nudge, sampler_charged), it is no
 *      bound but the fact: the time that incumbents waited and a secondary ran on that CPU.
 *
 *  incumbent_delay_total_ppm: the plain sum of all watched threads' waits, for display and traces.
 *
 * Because a wait is charged when it ends, one interval can hold a longer wait than itself: the
 * first two are cut at 1'000'000. A thread that is still waiting shows nothing yet.
 */
#ifndef CEDE_METRICS_SAMPLE_H
#define CEDE_METRICS_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#define SAMPLE_UNKNOWN (-1)
/* The allowance for one wake-up, see above. */
#define SAMPLE_WAKEUP_NS 20000

struct sample {
	uint64_t at_ns;	      /* CLOCK_MONOTONIC when the fast part was read */
	uint64_t interval_ns; /* since the sample before: the fast part's window; 0: the first */
	uint64_t lateness_ns; /* how late this tick came (if we are late, so are incumbents) */
	uint32_t n_cpus;      /* online, in this process' affinity */
	uint32_t n_threads;   /* threads behind the delay figures; 0: no incumbent was busy */

	/* Fast part, every tick; where sampler.h says so, all but attributable_delay_ppm as of the
	 * medium part. */
	int64_t incumbent_delay_ppm;
	int64_t attributable_delay_ppm;
	int64_t incumbent_delay_total_ppm;
	int64_t incumbent_wait_ns; /* the longest mean wait per time a thread got a CPU, uncut */
	int64_t secondary_ucpu;	   /* the slice's cpu.stat; 0 while there is no slice */

	/* Medium part, every >= 100 ms; values stay until the next reading. */
	uint64_t medium_at_ns, medium_interval_ns;
	int64_t node_idle_ucpu;	 /* all CPUs together; waiting for I/O is idle */
	int64_t node_steal_ucpu; /* taken by the hypervisor: delay that nobody here has caused */
	/* Where every busy incumbent is in a top-level cgroup of its own: the groups' cpu.stat.
	 * Elsewhere (hybrid hosts, programs in the root cgroup): n_cpus - idle - steal - secondary,
	 * which includes the kernel's threads and cede. */
	int64_t incumbent_ucpu;
	/* "some" stall of the worst top-level cgroup. Where a busy incumbent has none of its own
	 * (hybrid hosts), the machine's figure contains the secondaries' stalls: it says nothing
	 * about cpu (SAMPLE_UNKNOWN, unless there are groups beside), and memory and I/O are
	 * estimated as (machine - slice) / (1 - slice), which takes the stalls of both sides as
	 * independent; never more than the machine's, and 0 if only the secondaries stall. cpu
	 * holds the incumbents' waiting for each other too. */
	int64_t incumbent_cpu_psi_ppm, incumbent_mem_psi_ppm, incumbent_io_psi_ppm;
	int64_t secondary_cpu_psi_ppm; /* "some" of the slice: a secondary waited for a CPU */

	/* Slow part, every >= 1 s. */
	uint64_t slow_at_ns;
	int64_t mem_available_bytes, mem_total_bytes;
};

#endif
