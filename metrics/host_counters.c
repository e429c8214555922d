/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what this kernel's counters can resolve, measured. Two of them lie when they are read too
 * fast or taken for what they are not (metrics/sample.h); on a machine where they lie in another
 * way than the one cede was built on, this is where it shows. About a second, on one CPU, in the
 * idle class.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/sys.h"
#include "metrics/counters.h"
#include "metrics/host_probe.h"

#define WINDOW_NS (200 * NSEC_PER_MSEC)

static int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static int first_cpu(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -1;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			return i;
	return -1;
}

/* Two of these on one CPU: one of them waits all the time. */
static pid_t start_spinner(int cpu)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || pin(cpu) < 0 ||
	    sys_sched_setscheduler(0, SCHED_IDLE, 0) < 0)
		_exit(1);
	for (;;)
		__asm__ volatile("" ::: "memory");
}

static void stop_spinner(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);    /* our own child, not reaped yet: it is there */
	(void)waitpid(pid, NULL, 0); /* dies at once */
}

static void sleep_ns(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)};

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL); /* shorter if interrupted */
}

static bool read_total(int fd, uint64_t *ret_usec)
{
	char buf[512];
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	return counters_psi_some(buf, ret_usec) == 0;
}

/* How much stall a reader sees who comes every `poll_ns`, in thousandths of the time; -1: none. */
static int64_t seen_when_polled(int fd, uint64_t poll_ns)
{
	uint64_t begin = now_ns(), from, to;

	if (!read_total(fd, &from))
		return -1;
	do {
		sleep_ns(poll_ns);
		if (!read_total(fd, &to))
			return -1;
	} while (now_ns() - begin < WINDOW_NS);
	return (int64_t)((to - from) * NSEC_PER_USEC * 1000 / (now_ns() - begin));
}

/* A CPU that is full all the time, seen by readers of different haste, in percent of what one
 * reading over the whole window says (which is less than all of it where other CPUs are busy). */
static void probe_pressure(struct host_probe *p, int cpu)
{
	static const uint64_t polls_ms[] = {200, 50, 10, 1};
	struct host_fact *f = fact_add(p, "counters.psi");
	_cleanup_fd_ int fd = open("/proc/pressure/cpu", O_RDONLY | O_CLOEXEC);
	int64_t seen[ARRAY_SIZE(polls_ms)];
	pid_t a, b;

	if (fd < 0 || cpu < 0) {
		fact_value(f, "no PSI");
		return;
	}
	a = start_spinner(cpu);
	b = start_spinner(cpu);
	sleep_ns(20 * NSEC_PER_MSEC);
	for (size_t i = 0; i < ARRAY_SIZE(polls_ms); i++)
		seen[i] = seen_when_polled(fd, polls_ms[i] * NSEC_PER_MSEC);
	stop_spinner(a);
	stop_spinner(b);
	if (seen[0] < 100) {
		fact_value(f, "could not be measured");
		return;
	}
	for (size_t i = 1; i < ARRAY_SIZE(polls_ms); i++)
		seen[i] = seen[i] * 100 / seen[0];
	fact_value(f, "of a stall, read every 50 ms: %d %%, 10 ms: %d %%, 1 ms: %d %%",
		   (int)seen[1], (int)seen[2], (int)seen[3]);
	if (seen[1] < 70)
		fact_costs(f, HOST_NOTE,
			   "even slow reading loses stalls: pressure says too little here, or "
			   "something else reads these files fast");
}

static bool idle_of(int fd, int cpu, uint64_t *ret_ticks)
{
	static char text[65536];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	const size_t width = 8 * sizeof(unsigned long);
	struct cpu_mask mask = {{0}};
	struct cpu_times t;

	if (n <= 0 || cpu >= COUNTERS_CPUS_MAX)
		return false;
	text[n] = '\0';
	mask.bits[(size_t)cpu / width] = 1ul << ((size_t)cpu % width);
	if (counters_stat(text, &mask, &t) < 0)
		return false;
	*ret_ticks = t.idle_ticks;
	return true;
}

/* 1 ms of work in every 4, which a sampling tick of 250 Hz sees always or never. Runs in this
 * process; returns the CPU time it took. */
static uint64_t work_a_quarter(uint64_t window_ns)
{
	uint64_t begin = now_ns(), due = begin, cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	while (now_ns() - begin < window_ns) {
		while (now_ns() - due < NSEC_PER_MSEC)
			;
		due += 4 * NSEC_PER_MSEC;
		if (due > now_ns())
			sleep_ns(due - now_ns());
	}
	return clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
}

/* Pinned to the CPU, with the affinity put back afterwards. */
static void probe_idle(struct host_probe *p, int cpu)
{
	struct host_fact *f = fact_add(p, "counters.idle");
	_cleanup_fd_ int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	uint64_t begin, span, from, to, worked;
	cpu_set_t before;
	int load, shown;

	if (fd < 0 || cpu < 0 || sched_getaffinity(0, sizeof(before), &before) < 0 ||
	    pin(cpu) < 0 || !idle_of(fd, cpu, &from)) {
		fact_value(f, "could not be measured");
		return;
	}
	begin = now_ns();
	worked = work_a_quarter(2 * WINDOW_NS);
	span = now_ns() - begin;
	if (!idle_of(fd, cpu, &to))
		to = from;
	(void)sched_setaffinity(0, sizeof(before), &before); /* it was allowed before */
	load = (int)(worked * 100 / span);
	shown = 100 - (int)MIN((to - from) * 10 * NSEC_PER_MSEC * 100 / span, 100ul);
	fact_value(f, "a load of %d %% on CPU %d shows as %d %% in its idle time", load, cpu,
		   shown);
	if (shown + 10 < load)
		fact_costs(
			f, HOST_NOTE,
			"idle time is sampled, not counted: short work between ticks is not seen "
			"there. cede goes by run delay and cgroup usage");
	else if (shown > load + 10)
		fact_costs(f, HOST_NOTE,
			   "others were busy on that CPU: measure again when it is "
			   "quiet");
}

void host_probe_counters(struct host_probe *p)
{
	int cpu = first_cpu();

	if (p->o->progress)
		p->o->progress("what the counters can resolve", p->o->arg);
	probe_pressure(p, cpu);
	probe_idle(p, cpu);
	if (p->o->progress)
		p->o->progress(NULL, p->o->arg);
}
