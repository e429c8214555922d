/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/counters.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "metrics/sample.h"

#define PPM 1000000

/* The unsigned number at *p, behind blanks; moves *p behind it. */
static bool take_number(const char **p, uint64_t *ret)
{
	const char *s = *p + strspn(*p, " \t");
	uint64_t v = 0;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	*p = s;
	*ret = v;
	return true;
}

/* user nice system idle iowait irq softirq steal; kernels before 2.6.11 had no steal, none of ours
 */
static bool take_cpu_line(const char *p, uint64_t *idle, uint64_t *steal)
{
	enum { IDLE = 3, IOWAIT = 4, STEAL = 7, FIELDS = 8 };
	uint64_t v[FIELDS];

	for (int i = 0; i < FIELDS; i++)
		if (!take_number(&p, &v[i]))
			return false;
	*idle = v[IDLE] + v[IOWAIT];
	*steal = v[STEAL];
	return true;
}

int counters_stat(const char *text, const struct cpu_mask *mask, struct cpu_times *ret)
{
	struct cpu_times all = {0}, mine = {0};
	const char *rest = str_after(text, "cpu ");
	const char *end = strchr(text, '\n');
	bool every = true;
	uint64_t next = 0;

	if (!rest || !end || !take_cpu_line(rest, &all.idle_ticks, &all.steal_ticks))
		return -EBADMSG;
	for (text = end + 1; (end = strchr(text, '\n')); text = end + 1) {
		uint64_t cpu, idle, steal;

		rest = str_after(text, "cpu");
		if (!rest)
			break;
		if (!take_number(&rest, &cpu) || cpu < next || cpu == UINT64_MAX ||
		    !take_cpu_line(rest, &idle, &steal))
			return -EBADMSG;
		next = cpu + 1; /* the kernel lists them in order */
		if (mask && !(cpu < COUNTERS_CPUS_MAX && cpu_mask_has(mask, (unsigned)cpu))) {
			every = false;
			continue;
		}
		mine.idle_ticks += idle;
		mine.steal_ticks += steal;
		mine.n_cpus++;
	}
	if (!mine.n_cpus)
		return -EBADMSG;
	/* The kernel rounds each line down: the line for all is the more exact sum. */
	all.n_cpus = mine.n_cpus;
	*ret = every ? all : mine;
	return 0;
}

int counters_schedstat(const char *text, struct schedstat *ret)
{
	struct schedstat s;

	if (!take_number(&text, &s.run_ns) || !take_number(&text, &s.wait_ns) ||
	    !take_number(&text, &s.slices))
		return -EBADMSG;
	*ret = s;
	return 0;
}

int counters_psi_some(const char *text, uint64_t *ret_usec)
{
	const char *line = str_after(text, "some ");
	const char *end = line ? strchr(line, '\n') : NULL;
	const char *total = line ? strstr(line, "total=") : NULL;
	uint64_t v;

	if (!total || (end && total > end))
		return -EBADMSG;
	total += strlen("total=");
	if (!take_number(&total, &v))
		return -EBADMSG;
	*ret_usec = v;
	return 0;
}

int counters_usage(const char *text, uint64_t *ret_usec)
{
	const char *p = strstr(text, "usage_usec ");
	uint64_t v;

	if (!p || (p != text && p[-1] != '\n'))
		return -EBADMSG;
	p += strlen("usage_usec ");
	if (!take_number(&p, &v))
		return -EBADMSG;
	*ret_usec = v;
	return 0;
}

static bool take_kib(const char *text, const char *key, uint64_t *ret)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		uint64_t v;
		const char *rest;

		p += *p == '\n';
		rest = str_after(p, key);
		if (!rest)
			continue;
		return take_number(&rest, &v) && !__builtin_mul_overflow(v, 1024, ret);
	}
	return false;
}

int counters_meminfo(const char *text, struct meminfo *ret)
{
	struct meminfo m = {0};

	if (!take_kib(text, "MemTotal:", &m.total_bytes) ||
	    !take_kib(text, "MemAvailable:", &m.available_bytes))
		return -EBADMSG;
	(void)take_kib(text, "SwapTotal:", &m.swap_total_bytes); /* absent without CONFIG_SWAP */
	*ret = m;
	return 0;
}

bool counters_path_below(const char *path, size_t len, const char *below)
{
	size_t n = strlen(below);

	if (len && *path == '/') {
		path++;
		len--;
	}
	return len >= n && memcmp(path, below, n) == 0 && (len == n || path[n] == '/');
}

bool counter_delta(struct counter *c, uint64_t now, uint64_t *ret)
{
	bool forward = c->known && now >= c->last;
	uint64_t delta = now - c->last;

	*c = (struct counter){.last = now, .known = true};
	if (forward)
		*ret = delta;
	return forward;
}

void counter_forget(struct counter *c)
{
	c->known = false;
}

int64_t rate_ppm(uint64_t amount_ns, uint64_t interval_ns, int64_t limit)
{
	unsigned __int128 ppm;

	if (!interval_ns)
		return SAMPLE_UNKNOWN;
	ppm = (unsigned __int128)amount_ns * PPM / interval_ns;
	return ppm > (unsigned __int128)limit ? limit : (int64_t)ppm;
}

int64_t stall_of_rest(int64_t both_ppm, int64_t other_ppm)
{
	/* Below a twentieth of the time without the other's stall there is too little to divide by.
	 */
	const int64_t least = PPM / 20;
	int64_t both = MIN(both_ppm, PPM), other = MIN(other_ppm, PPM);

	if (both_ppm < 0 || other_ppm < 0)
		return SAMPLE_UNKNOWN;
	if (both <= other)
		return 0;
	return MIN((both - other) * PPM / MAX(PPM - other, least), both);
}
