/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/sampler.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "base/procfs.h"
#include "base/str.h"
#include "metrics/groups.h"
#include "metrics/scan.h"
#include "metrics/threads.h"

/* Shorter intervals say nothing. */
#define FAST_LEAST_NS NSEC_PER_MSEC
/* PSI reads of one file below this see too little: every read takes whole jiffies away. */
#define MEDIUM_LEAST_NS (50 * NSEC_PER_MSEC)
/* USER_HZ, the unit of /proc/stat, is 100 on every architecture we build for. */
#define TICK_NS (10 * NSEC_PER_MSEC)
/* What looking for busy threads may take: 0.1 % of the time, in bites: the first task of a bite
 * costs ten times as much as the others (26 us, then 3), because the caches are cold. */
#define SCAN_SHARE 1000
#define SCAN_MOST_NS (250 * NSEC_PER_USEC)
#define SCAN_LEAST_NS (100 * NSEC_PER_USEC)
/* The first pass, in sampler_new. */
#define SCAN_FIRST_NS (20 * NSEC_PER_MSEC)

/* What secondaries were charged with by somebody who sees it happen. */
struct charges {
	uint64_t total_ns, ns; /* as last said; of it, not looked at yet */
	int64_t ppm;	       /* of the interval before */
	bool begun, known;
};

struct sampler {
	struct charges charges;
	bool attends; /* reads all of the fast part at every tick, whoever else knows better */
	uint64_t delays_ns; /* when the delays were read last */
	uint64_t usage_ns;  /* when it was read last */
	uint64_t medium_ns, slow_ns;
	uint64_t (*clock)(void);
	bool fake; /* the CPUs are those of the fake /proc/stat */
	int procfd, own_procfd;
	int stat_fd, meminfo_fd, machine_psi_fd[PSI_KINDS];

	struct groups groups;
	struct threads threads;
	struct scan *scan;
	int64_t scan_credit_ns;

	struct counter idle_ticks, steal_ticks, machine_psi[PSI_KINDS];
	struct cpu_mask affinity;
	uint32_t n_cpus;

	struct sample last;
	bool started;
	char *stat_buf;
	size_t stat_size;
};

static int open_proc(struct sampler *s, const char *root, struct err *e)
{
	if (!root) {
		s->procfd = proc_root(e);
		return s->procfd < 0 ? s->procfd : 0;
	}
	s->fake = true;
	s->own_procfd = s->procfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->procfd < 0 ? fail(e, errno, "open %s", root) : 0;
}

/* The mount's descriptor, or -1: a host without cgroup2 is fine. */
static int open_cgroups(const struct sampler_opts *o, struct err *e)
{
	struct cg_host host;
	int fd;

	if (o->cgroup_root) {
		fd = open(o->cgroup_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return fd < 0 && errno != ENOENT ? fail(e, errno, "open %s", o->cgroup_root) : fd;
	}
	if (cg_host_locate(&host, NULL) < 0)
		return -1;
	fd = take_fd(&host.fd);
	cg_host_close(&host);
	return fd;
}

static int open_files(struct sampler *s, struct err *e)
{
	/* A line of a CPU has at most 11 numbers; those of interrupts, behind, are not needed. */
	s->stat_size = 1024 + (size_t)cpus_possible() * 160;
	s->stat_buf = malloc(s->stat_size);
	if (!s->stat_buf)
		return fail(e, ENOMEM, "sampler");
	s->stat_fd = openat(s->procfd, "stat", O_RDONLY | O_CLOEXEC);
	s->meminfo_fd = openat(s->procfd, "meminfo", O_RDONLY | O_CLOEXEC);
	s->machine_psi_fd[PSI_MEMORY] = openat(s->procfd, "pressure/memory", O_RDONLY | O_CLOEXEC);
	s->machine_psi_fd[PSI_IO] = openat(s->procfd, "pressure/io", O_RDONLY | O_CLOEXEC);
	return 0;
}

/* Hotplug and taskset(1) come seldom: the slow part asks. */
static void read_affinity(struct sampler *s)
{
	memset(&s->affinity, 0, sizeof(s->affinity));
	if (syscall(SYS_sched_getaffinity, 0, sizeof(s->affinity), s->affinity.bits) < 0)
		memset(&s->affinity, 0xff, sizeof(s->affinity)); /* > 8192 CPUs: all we can see */
}

static bool read_stat(struct sampler *s, struct cpu_times *ret)
{
	ssize_t n = s->stat_fd < 0 ? -1 : pread(s->stat_fd, s->stat_buf, s->stat_size - 1, 0);

	if (n <= 0)
		return false;
	s->stat_buf[n] = '\0';
	return counters_stat(s->stat_buf, s->fake ? NULL : &s->affinity, ret) == 0;
}

static int64_t all_cpus(const struct sampler *s)
{
	return (int64_t)s->n_cpus * 1000000;
}

/* Millionths of a CPU from ticks of all CPUs. */
static int64_t ticks_rate(struct sampler *s, struct counter *c, uint64_t now, uint64_t interval_ns)
{
	uint64_t delta;

	if (!counter_delta(c, now, &delta) || delta > UINT64_MAX / TICK_NS)
		return SAMPLE_UNKNOWN;
	return rate_ppm(delta * TICK_NS, interval_ns, all_cpus(s));
}

static void read_node(struct sampler *s, uint64_t interval_ns, struct sample *ret)
{
	struct cpu_times t;

	ret->node_idle_ucpu = ret->node_steal_ucpu = SAMPLE_UNKNOWN;
	if (!read_stat(s, &t)) {
		counter_forget(&s->idle_ticks);
		counter_forget(&s->steal_ticks);
		return;
	}
	if (t.n_cpus != s->n_cpus) {
		/* The sums before and after are of different CPUs. */
		counter_forget(&s->idle_ticks);
		counter_forget(&s->steal_ticks);
		s->n_cpus = t.n_cpus;
	}
	ret->node_idle_ucpu = ticks_rate(s, &s->idle_ticks, t.idle_ticks, interval_ns);
	ret->node_steal_ucpu = ticks_rate(s, &s->steal_ticks, t.steal_ticks, interval_ns);
}

/* Microseconds of CPU time as millionths of a CPU. */
static int64_t usage_rate(const struct sampler *s, uint64_t usec, uint64_t interval_ns)
{
	if (usec > UINT64_MAX / NSEC_PER_USEC)
		return SAMPLE_UNKNOWN;
	return rate_ppm(usec * NSEC_PER_USEC, interval_ns, all_cpus(s));
}

static int64_t rest_of_machine(const struct sampler *s, const struct groups_figures *f,
			       uint64_t interval_ns, const struct sample *node)
{
	int64_t secondary = usage_rate(s, f->slice_usec, interval_ns), rest;

	if (!f->slice_known || secondary < 0 || node->node_idle_ucpu < 0 ||
	    node->node_steal_ucpu < 0)
		return SAMPLE_UNKNOWN;
	rest = all_cpus(s) - node->node_idle_ucpu - node->node_steal_ucpu - secondary;
	return MAX(rest, 0);
}

static void read_incumbents(struct sampler *s, uint64_t interval_ns, struct sample *ret)
{
	bool grouped = groups_complete(&s->groups) && s->groups.n && !scan_saw_root(s->scan);
	int64_t machine[PSI_KINDS] = {SAMPLE_UNKNOWN, SAMPLE_UNKNOWN, SAMPLE_UNKNOWN};
	bool quiet[PSI_KINDS] = {false};
	struct groups_figures f;
	int64_t psi[PSI_KINDS];

	for (int k = PSI_MEMORY; k < PSI_KINDS; k++) {
		machine[k] = psi_read(s->machine_psi_fd[k], &s->machine_psi[k], interval_ns);
		quiet[k] = machine[k] == 0;
	}
	groups_read(&s->groups, interval_ns, quiet, &f);
	memcpy(psi, f.worst_psi_ppm, sizeof(psi));
	for (int k = PSI_MEMORY; !grouped && k < PSI_KINDS; k++)
		psi[k] = MAX(psi[k], stall_of_rest(machine[k], f.slice_psi_ppm[k]));
	if (grouped && f.usage_known)
		ret->incumbent_ucpu = usage_rate(s, f.usage_usec, interval_ns);
	else
		ret->incumbent_ucpu = rest_of_machine(s, &f, interval_ns, ret);
	ret->incumbent_cpu_psi_ppm = psi[PSI_CPU];
	ret->incumbent_mem_psi_ppm = psi[PSI_MEMORY];
	ret->incumbent_io_psi_ppm = psi[PSI_IO];
	ret->secondary_cpu_psi_ppm = f.slice_psi_ppm[PSI_CPU];
}

static void read_medium(struct sampler *s, uint64_t now, struct sample *ret)
{
	uint64_t interval = s->last.medium_at_ns ? now - s->last.medium_at_ns : 0;

	read_node(s, interval, ret);
	read_incumbents(s, interval, ret);
	ret->n_cpus = s->n_cpus;
	ret->medium_at_ns = now;
	ret->medium_interval_ns = interval;
}

static void read_memory(struct sampler *s, struct sample *ret)
{
	char buf[4096];
	ssize_t n = s->meminfo_fd < 0 ? -1 : pread(s->meminfo_fd, buf, sizeof(buf) - 1, 0);
	struct meminfo m;

	ret->mem_available_bytes = ret->mem_total_bytes = SAMPLE_UNKNOWN;
	if (n <= 0)
		return;
	buf[n] = '\0';
	if (counters_meminfo(buf, &m) < 0 || m.total_bytes > INT64_MAX)
		return;
	ret->mem_total_bytes = (int64_t)m.total_bytes;
	ret->mem_available_bytes = (int64_t)MIN(m.available_bytes, m.total_bytes);
}

static void read_slow(struct sampler *s, uint64_t now, struct sample *ret)
{
	read_affinity(s);
	read_memory(s, ret);
	groups_rescan(&s->groups);
	ret->slow_at_ns = now;
}

void sampler_charged(struct sampler *s, uint64_t total_ns)
{
	struct charges *c = &s->charges;

	c->known = c->begun && total_ns >= c->total_ns;
	c->ns = c->known ? c->ns + (total_ns - c->total_ns) : 0;
	c->total_ns = total_ns;
	c->begun = true;
}

void sampler_attend(struct sampler *s, bool attend)
{
	s->attends = attend;
}

/* Of this interval or the one before, whichever is more: the two clocks do not tick together. */
static bool charged_ppm(struct sampler *s, uint64_t interval_ns, int64_t *ret)
{
	struct charges *c = &s->charges;
	int64_t before = c->ppm;

	c->ppm = 0;
	if (!c->known || !interval_ns)
		return false;
	c->ppm = (int64_t)(MIN(c->ns, interval_ns) * 1000000 / interval_ns);
	c->known = false; /* until somebody says it again */
	c->ns = 0;
	*ret = MAX(c->ppm, before);
	return true;
}

/* What is not the secondaries' doing asks for no decision. */
static bool may_spare_delays(const struct sampler *s, uint64_t interval_ns)
{
	const struct charges *c = &s->charges;

	return !s->attends && c->known && interval_ns && c->ns == 0 && c->ppm == 0;
}

static void spare_delays(struct sampler *s, struct sample *ret)
{
	int64_t charged;

	(void)charged_ppm(s, ret->interval_ns, &charged); /* none: it moves on */
	ret->attributable_delay_ppm = MIN(ret->attributable_delay_ppm, 0);
}

/* After ticks that were spared, what the secondaries are charged with in this one is not thinned by
 * the others: all that was waited since then may have been now. */
static int64_t as_of_this_tick(const struct sampler *s, const struct thread_delays *d,
			       const struct sample *now, int64_t charged)
{
	uint64_t since = now->at_ns - s->delays_ns;
	int64_t all;

	if (d->worst_ppm < 0 || since <= now->interval_ns || since > NSEC_PER_SEC)
		return d->worst_ppm;
	all = d->worst_ppm * (int64_t)(since / NSEC_PER_USEC) /
	      (int64_t)MAX(now->interval_ns / NSEC_PER_USEC, 1);
	return MAX(d->worst_ppm, MIN(MIN(all, charged), 1000000));
}

static void read_delays(struct sampler *s, struct sample *ret)
{
	struct thread_delays d;
	int64_t bound =
		ret->secondary_ucpu < 0 ? -1 : MAX(ret->secondary_ucpu, s->last.secondary_ucpu);
	int64_t charged;

	threads_read(&s->threads, ret->at_ns, &d);
	if (!ret->interval_ns || scan_is_blind(s->scan) || scan_passes(s->scan) < 2)
		d = (struct thread_delays){d.n, SAMPLE_UNKNOWN, SAMPLE_UNKNOWN, SAMPLE_UNKNOWN};
	ret->n_threads = d.n;
	ret->incumbent_delay_ppm = d.worst_ppm;
	ret->incumbent_delay_total_ppm = d.total_ppm;
	ret->incumbent_wait_ns = d.wait_ns;
	if (charged_ppm(s, ret->interval_ns, &charged)) {
		bound = charged;
		d.worst_ppm = as_of_this_tick(s, &d, ret, charged);
		ret->incumbent_delay_ppm = d.worst_ppm;
	}
	ret->attributable_delay_ppm = bound < 0 ? d.worst_ppm : MIN(d.worst_ppm, bound);
	s->delays_ns = ret->at_ns;
}

/* Cold, this file costs as much as all others of a tick together. */
static void read_usage(struct sampler *s, uint64_t now, struct sample *ret)
{
	uint64_t interval = s->started && now > s->usage_ns ? now - s->usage_ns : 0, usec;

	s->usage_ns = now;
	ret->secondary_ucpu = groups_slice_usage(&s->groups, &usec) ? usage_rate(s, usec, interval)
								    : SAMPLE_UNKNOWN;
}

static void read_fast(struct sampler *s, uint64_t now, uint64_t due_ns, bool medium,
		      struct sample *ret)
{
	ret->at_ns = now;
	ret->interval_ns = s->started && now > s->last.at_ns ? now - s->last.at_ns : 0;
	ret->lateness_ns = due_ns && now > due_ns ? now - due_ns : 0;
	if (medium || s->attends || !s->charges.known)
		read_usage(s, now, ret);
	if (!medium && may_spare_delays(s, ret->interval_ns))
		spare_delays(s, ret);
	else
		read_delays(s, ret);
}

static void run_scan(struct sampler *s, uint64_t at_ns, uint64_t interval_ns)
{
	uint64_t spent;

	s->scan_credit_ns += (int64_t)MIN(interval_ns / SCAN_SHARE, SCAN_MOST_NS);
	s->scan_credit_ns = MIN(s->scan_credit_ns, (int64_t)SCAN_MOST_NS);
	if (scan_passes(s->scan) < 2)
		s->scan_credit_ns = SCAN_MOST_NS; /* blind until then */
	if (s->scan_credit_ns < (int64_t)SCAN_LEAST_NS)
		return;
	spent = scan_run(s->scan, &s->threads, at_ns, (uint64_t)s->scan_credit_ns);
	/* Not our work but others', if it took much longer: do not starve the scan for it. */
	s->scan_credit_ns -= (int64_t)MIN(spent, 2 * SCAN_MOST_NS);
}

static bool is_due(uint64_t now, uint64_t last, uint64_t every, uint64_t least)
{
	/* A sixteenth early rather than a whole tick late. */
	return now < last || now - last >= MAX(every - every / 16, least);
}

int sampler_read(struct sampler *s, uint64_t due_ns, struct sample *ret, struct err *e)
{
	uint64_t now = s->clock();
	struct sample sample = s->last;
	bool medium = is_due(now, s->last.medium_at_ns, s->medium_ns, MEDIUM_LEAST_NS);

	(void)e; /* nothing of what is read every tick breaks the sampler */
	if (s->started && now >= s->last.at_ns && now - s->last.at_ns < FAST_LEAST_NS) {
		*ret = s->last; /* ticks that were late and now come all at once */
		return 0;
	}
	read_fast(s, now, due_ns, medium, &sample);
	if (medium)
		read_medium(s, now, &sample);
	if (is_due(now, s->last.slow_at_ns, s->slow_ns, 0))
		read_slow(s, now, &sample);
	run_scan(s, now, sample.interval_ns);
	s->last = sample;
	s->started = true;
	*ret = sample;
	return 0;
}

/* First readings, from which the first rates are made. */
static void read_baseline(struct sampler *s)
{
	uint64_t now = s->clock();

	read_affinity(s);
	read_usage(s, now, &s->last); /* the next call gives the rate */
	s->last.secondary_ucpu = SAMPLE_UNKNOWN;
	s->delays_ns = now;
	read_medium(s, now, &s->last);
	read_slow(s, now, &s->last);
	(void)scan_run(s->scan, &s->threads, now, SCAN_FIRST_NS); /* the time does not matter */
}

int sampler_new(const struct sampler_opts *o, struct sampler **ret, struct err *e)
{
	struct sampler *s = calloc(1, sizeof(*s));
	const char *slice = o->slice ? o->slice : "cede.slice";
	int rc, cgfd;

	if (!s)
		return fail(e, ENOMEM, "sampler");
	s->own_procfd = s->stat_fd = s->meminfo_fd = -1;
	for (int k = 0; k < PSI_KINDS; k++)
		s->machine_psi_fd[k] = -1;
	s->groups.rootfd = s->groups.listfd = -1;
	s->clock = o->clock ? o->clock : now_ns;
	s->medium_ns = MAX(o->medium_ns ? o->medium_ns : 100 * NSEC_PER_MSEC, MEDIUM_LEAST_NS);
	s->slow_ns = o->slow_ns ? o->slow_ns : NSEC_PER_SEC;
	slice += strspn(slice, "/");
	if (!*slice || strlen(slice) >= sizeof(s->groups.slice.name)) {
		rc = refuse(e, EINVAL, "sampler: bad path of a slice: '%s'", o->slice);
		goto failed;
	}
	rc = open_proc(s, o->proc_root, e);
	if (rc < 0)
		goto failed;
	rc = open_files(s, e);
	if (rc < 0)
		goto failed;
	threads_init(&s->threads, s->procfd, o->max_threads ? o->max_threads : 32);
	rc = scan_new(&(struct scan_opts){s->procfd, slice, s->slow_ns, getpid(), s->clock},
		      &s->scan, e);
	if (rc < 0)
		goto failed;
	cgfd = open_cgroups(o, e);
	if (cgfd < -1) {
		rc = cgfd;
		goto failed;
	}
	groups_init(&s->groups, cgfd, slice);
	read_baseline(s);
	*ret = s;
	return 0;
failed:
	sampler_free(s);
	return rc;
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	scan_free(s->scan);
	threads_close(&s->threads);
	groups_close(&s->groups);
	for (int k = 0; k < PSI_KINDS; k++)
		(void)fd_close(s->machine_psi_fd[k]); /* always -1, as are these */
	(void)fd_close(s->stat_fd);
	(void)fd_close(s->meminfo_fd);
	(void)fd_close(s->own_procfd);
	free(s->stat_buf);
	free(s);
}
