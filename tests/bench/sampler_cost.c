/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sampler costs: ticks every --tick-ms for --seconds, beside --wakers programs that wake
 * 200 times a second (so that every schedstat slot is in use) and --groups empty top-level cgroups
 * (so that the medium part has incumbents to read). One line of JSON:
 *
 *	cpu_share	this program's CPU time per time, 0.006 = 0.6 % of one core
 *	loop_share	of that: waking up at every tick and doing nothing, measured first
 *	us_per_tick_*	wall time of sampler_read
 *	rss_kib		peak resident memory of this program
 *
 * Makes cgroups only as root, below the cgroup2 mount, and removes them.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "metrics/sampler.h"

struct settings {
	uint32_t seconds, tick_ms, wakers, groups, max_threads;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
	stopped = signal;
}

/* Sleeps 5 ms, wakes, works some microseconds; ends with us, because the pipe ends. */
static void waker(int alive)
{
	char c;

	if (fcntl(alive, F_SETFL, O_NONBLOCK) < 0)
		_exit(1);
	while (read(alive, &c, 1) != 0)
		if (usleep(5000) < 0 && errno != EINTR)
			break;
	_exit(0);
}

/* Grandchildren: the sampler leaves its own children out. */
static int start_wakers(uint32_t n)
{
	int alive[2];

	if (pipe2(alive, O_CLOEXEC) < 0)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		pid_t child = fork();

		if (child == 0) {
			(void)close(alive[1]); /* ours must be the only end that keeps it open */
			if (fork() == 0)
				waker(alive[0]);
			_exit(0);
		}
		if (child < 0 || waitpid(child, NULL, 0) < 0)
			return -1;
	}
	(void)close(alive[0]); /* a descriptor of a pipe */
	return alive[1];
}

static uint32_t groups(int rootfd, uint32_t n, bool make)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < n; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "cede-bench-%d-%" PRIu32, getpid(), i);
		if ((make ? mkdirat(rootfd, name, 0755) : unlinkat(rootfd, name, AT_REMOVEDIR)) ==
		    0)
			done++;
	}
	return done;
}

static double cpu_seconds(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double quantile_us(const uint64_t *sorted, size_t n, double q)
{
	return (double)sorted[(size_t)((double)(n - 1) * q)] / 1e3;
}

struct measured {
	uint64_t *took;
	size_t n;
	double loop_share, cpu_share;
	struct sample last;
};

static void report(const struct settings *s, struct measured *m, uint32_t n_groups)
{
	struct rusage u = {0};

	(void)getrusage(RUSAGE_SELF, &u); /* zeros then */
	qsort(m->took, m->n, sizeof(*m->took), by_value);
	printf("{\"bench\":\"sampler_cost\",\"ticks\":%zu,\"tick_ms\":%" PRIu32
	       ",\"threads\":%" PRIu32 ",\"groups\":%" PRIu32
	       ",\"cpu_share\":%.5f,\"loop_share\":%.5f,\"us_per_tick_p50\":%.1f,"
	       "\"us_per_tick_p99\":%.1f,\"us_per_tick_max\":%.1f,\"rss_kib\":%ld}\n",
	       m->n, s->tick_ms, m->last.n_threads, n_groups, m->cpu_share, m->loop_share,
	       quantile_us(m->took, m->n, 0.5), quantile_us(m->took, m->n, 0.99),
	       quantile_us(m->took, m->n, 1), u.ru_maxrss);
}

/* n ticks, fewer on a machine that is too slow for them; returns this program's CPU time per time.
 * Without a sampler: doing nothing in them. */
static double run_ticks(uint64_t tick, size_t n, struct sampler *sampler, struct measured *m)
{
	uint64_t begin = now_ns(), due = begin, enough = begin + 2 * n * tick;
	double cpu = cpu_seconds();

	m->n = 0;
	for (size_t i = 0; i < n && !stopped && (i == 0 || now_ns() < enough); i++) {
		struct timespec until;
		uint64_t before;

		due += tick;
		until = (struct timespec){(time_t)(due / NSEC_PER_SEC), (long)(due % NSEC_PER_SEC)};
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL); /* or early */
		if (!sampler)
			continue;
		before = now_ns();
		(void)sampler_read(sampler, due, &m->last, NULL); /* what fails is not known */
		m->took[m->n++] = now_ns() - before;
	}
	return (cpu_seconds() - cpu) / ((double)(now_ns() - begin) / 1e9);
}

static int measure(const struct settings *s, struct sampler *sampler, uint32_t n_groups)
{
	const uint64_t tick = s->tick_ms * NSEC_PER_MSEC;
	const size_t second = 1000 / s->tick_ms, n = s->seconds * second;
	struct measured m = {0};

	m.took = calloc(n, sizeof(*m.took));
	if (!m.took)
		return -ENOMEM;
	m.loop_share = run_ticks(tick, n / 2, NULL, &m);
	(void)run_ticks(tick, second, sampler, &m); /* for finding the threads: does not count */
	m.cpu_share = run_ticks(tick, n, sampler, &m);
	if (!stopped)
		report(s, &m, n_groups);
	free(m.took);
	return stopped ? -EINTR : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: sampler_cost [--seconds N] [--tick-ms N] [--wakers N] "
			"[--groups N] [--max-threads N]\n");
	return 2;
}

static int parse(int argc, char **argv, struct settings *s)
{
	static const struct option options[] = {
		{"seconds", required_argument, NULL, 's'},
		{"tick-ms", required_argument, NULL, 't'},
		{"wakers", required_argument, NULL, 'w'},
		{"groups", required_argument, NULL, 'g'},
		{"max-threads", required_argument, NULL, 'm'},
		{0},
	};
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint32_t *target = o == 's'   ? &s->seconds
				   : o == 't' ? &s->tick_ms
				   : o == 'w' ? &s->wakers
				   : o == 'g' ? &s->groups
				   : o == 'm' ? &s->max_threads
					      : NULL;

		if (!target || parse_u32(optarg, 10, target) < 0)
			return -EINVAL;
	}
	return optind == argc && s->seconds && s->seconds <= 3600 && s->tick_ms &&
			       s->tick_ms <= 1000 && s->wakers <= 1000 && s->groups <= 100
		       ? 0
		       : -EINVAL;
}

int main(int argc, char **argv)
{
	struct settings s = {.seconds = 10, .tick_ms = 10, .wakers = 32, .groups = 10};
	struct sigaction sa = {.sa_handler = on_signal};
	struct cg_host host;
	struct sampler *sampler;
	struct err e = ERR_INIT;
	uint32_t made = 0;
	int rc, alive;

	if (parse(argc, argv, &s) < 0)
		return usage();
	(void)sigaction(SIGINT, &sa, NULL);  /* cannot fail for these */
	(void)sigaction(SIGTERM, &sa, NULL); /* signals */
	alive = start_wakers(s.wakers);
	if (alive < 0) {
		perror("sampler_cost: start the wakers");
		return 1;
	}
	if (cg_host_locate(&host, &e) == 0 && host.fd >= 0)
		made = groups(host.fd, s.groups, true);
	rc = sampler_new(&(struct sampler_opts){.max_threads = s.max_threads}, &sampler, &e);
	if (rc == 0) {
		rc = measure(&s, sampler, made);
		sampler_free(sampler);
	}
	if (made)
		(void)groups(host.fd, s.groups, false); /* nothing more can be done about it */
	if (rc < 0)
		fprintf(stderr, "sampler_cost: %s\n", e.code ? e.msg : strerror(-rc));
	return rc < 0;
}
