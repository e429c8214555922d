/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "tests/bench/lib/track.h"

/* A blank-separated number, moving *s behind it. */
static bool next_number(const char **s, uint64_t *ret)
{
	char digits[24];
	size_t n;

	*s += strspn(*s, " ");
	n = strcspn(*s, " \n");
	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, *s, n);
	digits[n] = '\0';
	*s += n;
	return parse_u64(digits, 10, ret) == 0;
}

int track_parse_usage(const char *text, uint64_t *ret_usec)
{
	const char *s = str_after(text, "usage_usec ");

	return s && next_number(&s, ret_usec) ? 0 : -EBADMSG;
}

/* Fields of proc_stat(5): cpuN user nice system idle iowait irq softirq steal ... */
enum { STAT_IDLE = 3, STAT_IOWAIT = 4, STAT_STEAL = 7, STAT_FIELDS };

int track_parse_stat(const char *text, const cpu_set_t *cpus, long ticks_per_sec,
		     uint64_t *ret_idle_usec, uint64_t *ret_steal_usec)
{
	uint64_t usec_per_tick = USEC_PER_SEC / (uint64_t)ticks_per_sec, cpu;
	uint64_t idle = 0, steal = 0, field[STAT_FIELDS];
	bool any = false;

	for (const char *s = text; (s = str_after(s, "cpu")); s++) {
		const char *line = s;

		s = strchr(s, '\n');
		if (!s)
			break; /* cut off by the reader's buffer */
		if (*line == ' ')
			continue; /* all CPUs together */
		if (!next_number(&line, &cpu))
			return -EBADMSG;
		for (size_t i = 0; i < STAT_FIELDS; i++)
			if (!next_number(&line, &field[i]))
				return -EBADMSG;
		if (cpu >= CPU_SETSIZE || !CPU_ISSET((int)cpu, cpus))
			continue;
		idle += field[STAT_IDLE] + field[STAT_IOWAIT];
		steal += field[STAT_STEAL];
		any = true;
	}
	if (!any)
		return -EBADMSG;
	*ret_idle_usec = idle * usec_per_tick;
	*ret_steal_usec = steal * usec_per_tick;
	return 0;
}

static int track_open(struct track *t, const char *name, const char *file, uint64_t interval_ns,
		      uint64_t duration_ns, struct err *e)
{
	memset(t, 0, sizeof(*t));
	t->name = name;
	t->interval_ns = interval_ns;
	t->max = (size_t)(duration_ns / interval_ns) + 64;
	t->fd = open(file, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0)
		return fail(e, errno, "watch %s", file);
	t->at_ns = calloc(t->max, sizeof(*t->at_ns));
	t->usec = calloc(t->max, sizeof(*t->usec));
	if (!t->at_ns || !t->usec) {
		track_close(t);
		return fail(e, ENOMEM, "watch %s: %zu samples", file, t->max);
	}
	return 0;
}

int track_open_cgroup(struct track *t, const char *name, const char *path, uint64_t interval_ns,
		      uint64_t duration_ns, struct err *e)
{
	char file[4096];

	if (snprintf(file, sizeof(file), "%s/cpu.stat", path) >= (int)sizeof(file))
		return fail(e, ENAMETOOLONG, "watch %s", path);
	return track_open(t, name, file, interval_ns, duration_ns, e);
}

int track_open_idle(struct track *t, const char *name, const cpu_set_t *cpus, uint64_t duration_ns,
		    struct err *e)
{
	int r = track_open(t, name, "/proc/stat", TRACK_IDLE_INTERVAL_NS, duration_ns, e);

	t->idle = true;
	t->cpus = *cpus;
	return r;
}

void track_close(struct track *t)
{
	t->fd = fd_close(t->fd);
	free(t->at_ns);
	free(t->usec);
	t->at_ns = t->usec = NULL;
	t->n = 0;
}

void track_sample_now(struct track *t, uint64_t now)
{
	char buf[16384];
	uint64_t usec, steal;
	ssize_t len;
	int r;

	t->next_ns = now + t->interval_ns;
	if (t->n == t->max)
		return;
	len = pread(t->fd, buf, t->idle ? sizeof(buf) - 1 : 127, 0);
	if (len <= 0)
		return;
	buf[len] = '\0';
	r = t->idle ? track_parse_stat(buf, &t->cpus, sysconf(_SC_CLK_TCK), &usec, &steal)
		    : track_parse_usage(buf, &usec);
	if (r < 0)
		return;
	t->at_ns[t->n] = now;
	t->usec[t->n++] = usec;
}

void track_sample(struct track *t, uint64_t now)
{
	if (now >= t->next_ns)
		track_sample_now(t, now);
}

/* The counter at an instant; false outside of what was sampled. */
static bool value_at(const struct track *t, uint64_t at, double *ret)
{
	size_t low = 0, high = t->n;
	double part;

	if (t->n == 0 || at < t->at_ns[0] || at > t->at_ns[t->n - 1])
		return false;
	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (t->at_ns[mid] <= at)
			low = mid;
		else
			high = mid;
	}
	*ret = (double)t->usec[low];
	if (low + 1 < t->n && t->at_ns[low + 1] > t->at_ns[low]) {
		part = (double)(at - t->at_ns[low]) / (double)(t->at_ns[low + 1] - t->at_ns[low]);
		*ret += part * ((double)t->usec[low + 1] - (double)t->usec[low]);
	}
	return true;
}

double track_rate(const struct track *t, uint64_t from, uint64_t to)
{
	double a, b;

	if (from >= to || !value_at(t, from, &a) || !value_at(t, to, &b))
		return -1;
	return (b - a) * (double)NSEC_PER_USEC / (double)(to - from);
}
