/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "tests/bench/lib/machine.h"
#include "tests/bench/lib/track.h"

/* The number of the first CPU that shares a core with `cpu`; itself when nothing is known. */
static int core_of(int cpu)
{
	char path[128], buf[64];
	uint32_t first;

	(void)snprintf(path, sizeof(path),
		       "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
	if (file_read(AT_FDCWD, path, buf, sizeof(buf), NULL) <= 0)
		return cpu;
	buf[strspn(buf, "0123456789")] = '\0';
	return parse_u32(buf, 10, &first) == 0 ? (int)first : cpu;
}

/* Adds CPUs of `have` to `take` until it has n: first one of each core, then any. */
static void choose(const cpu_set_t *have, unsigned n, cpu_set_t *take)
{
	CPU_ZERO(take);
	for (int any = 0; any < 2; any++)
		for (int c = 0; c < CPU_SETSIZE && (unsigned)CPU_COUNT(take) < n; c++)
			if (CPU_ISSET(c, have) && (any || core_of(c) == c))
				CPU_SET(c, take);
}

static void print_list(const cpu_set_t *set, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int c = 0; c < CPU_SETSIZE && len < size - 8; c++)
		if (CPU_ISSET(c, set))
			len += (size_t)snprintf(buf + len, size - len, "%s%d", len ? "," : "", c);
}

int machine_bind(struct machine *m, unsigned n, struct err *e)
{
	cpu_set_t have;

	memset(m, 0, sizeof(*m));
	if (sched_getaffinity(0, sizeof(have), &have) < 0)
		return fail(e, errno, "sched_getaffinity");
	if (n == 0 || n > (unsigned)CPU_COUNT(&have))
		n = (unsigned)CPU_COUNT(&have);
	choose(&have, n, &m->cpus);
	m->n_cpus = n;
	m->online = (unsigned)get_nprocs();
	print_list(&m->cpus, m->cpu_list, sizeof(m->cpu_list));
	if (sched_setaffinity(0, sizeof(m->cpus), &m->cpus) < 0)
		return fail(e, errno, "sched_setaffinity to %s", m->cpu_list);
	return 0;
}

/* The text behind `key` (and blanks, ':', '=', '"') on its line of a file. */
static void find_line(const char *path, const char *key, char *ret, size_t size)
{
	char buf[16384];
	const char *s;
	size_t n;

	if (file_read(AT_FDCWD, path, buf, sizeof(buf), NULL) <= 0) {
		/* Longer than we look: the start is enough for /proc/cpuinfo. */
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t len = fd < 0 ? -1 : io_read(fd, buf, sizeof(buf) - 1);

		if (fd >= 0)
			(void)close(fd); /* read only */
		if (len <= 0)
			return;
		buf[len] = '\0';
	}
	s = strstr(buf, key);
	if (!s)
		return;
	s += strlen(key);
	s += strspn(s, " \t:=\"");
	n = strcspn(s, "\"\n");
	(void)snprintf(ret, size, "%.*s", (int)n, s);
}

static void find_cgroups(struct machine *m)
{
	static const char *const names[] = {"none", "unified", "hybrid"};
	struct cg_host h;
	char buf[80] = "";

	if (cg_host_open(&h, NULL) < 0)
		return;
	if (file_read(h.fd, "cgroup.controllers", buf, sizeof(buf), NULL) < 0)
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	(void)snprintf(m->cgroups, sizeof(m->cgroups), "%s (v2 controllers: %s)", names[h.layout],
		       buf[0] ? buf : "none");
	cg_host_close(&h);
}

static void find_preemption(struct machine *m)
{
	char buf[128];
	const char *s;

	if (file_read(AT_FDCWD, "/sys/kernel/debug/sched/preempt", buf, sizeof(buf), NULL) > 0 &&
	    (s = strchr(buf, '('))) {
		(void)snprintf(m->preemption, sizeof(m->preemption), "%.*s",
			       (int)strcspn(s + 1, ")"), s + 1);
		return;
	}
	if (file_read(AT_FDCWD, "/proc/version", buf, sizeof(buf), NULL) > 0)
		(void)snprintf(m->preemption, sizeof(m->preemption), "%s",
			       strstr(buf, "PREEMPT_DYNAMIC") ? "dynamic" : "");
}

void machine_facts(struct machine *m)
{
	struct sysinfo si;
	struct utsname u;
	struct tm tm;
	time_t now = time(NULL);
	char buf[64] = "";

	find_line("/proc/cpuinfo", "model name", m->model, sizeof(m->model));
	find_line("/proc/cpuinfo", "flags", buf, sizeof(buf));
	find_line("/etc/os-release", "PRETTY_NAME", m->distribution, sizeof(m->distribution));
	find_cgroups(m);
	find_preemption(m);
	m->hypervisor = 'n';
	if (access("/sys/hypervisor", F_OK) == 0)
		m->hypervisor = 'y';
	buf[0] = '\0';
	find_line("/proc/cpuinfo", " hypervisor", buf, sizeof(buf));
	if (buf[0])
		m->hypervisor = 'y';
	if (uname(&u) == 0)
		(void)snprintf(m->kernel, sizeof(m->kernel), "%s %s", u.release, u.machine);
	if (sysinfo(&si) == 0)
		m->memory_bytes = (uint64_t)si.totalram * si.mem_unit;
	m->autogroup = '-';
	if (file_read(AT_FDCWD, "/proc/sys/kernel/sched_autogroup_enabled", buf, sizeof(buf),
		      NULL) > 0)
		m->autogroup = buf[0];
	if (gmtime_r(&now, &tm))
		(void)strftime(m->date, sizeof(m->date), "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void machine_report(struct json_writer *w, const struct machine *m)
{
	json_w_string(w, "cpu", m->model);
	json_w_u64(w, "cpus_online", m->online);
	json_w_string(w, "cpus_used", m->cpu_list);
	json_w_bool(w, "virtual", m->hypervisor == 'y');
	json_w_u64(w, "memory_bytes", m->memory_bytes);
	json_w_string(w, "kernel", m->kernel);
	json_w_string(w, "distribution", m->distribution);
	json_w_string(w, "cgroups", m->cgroups);
	json_w_string(w, "preemption", m->preemption);
	if (m->autogroup == '-')
		json_w_null(w, "autogroup");
	else
		json_w_bool(w, "autogroup", m->autogroup == '1');
	json_w_string(w, "date", m->date);
}

int machine_load_read(const struct machine *m, struct machine_load *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	long hz = sysconf(_SC_CLK_TCK);
	int r = file_read_alloc(AT_FDCWD, "/proc/stat", 1 << 20, &text, &len, e);

	if (r < 0)
		return r;
	ret->at_ns = now_ns();
	if (track_parse_stat(text, &m->cpus, hz, &ret->idle_usec, &ret->steal_usec) < 0)
		return refuse(e, EBADMSG, "/proc/stat: cannot be understood");
	return 0;
}

double machine_idle_cpus(const struct machine_load *a, const struct machine_load *b)
{
	return (double)(b->idle_usec - a->idle_usec) * (double)NSEC_PER_USEC /
	       (double)(b->at_ns - a->at_ns);
}

double machine_steal_share(const struct machine *m, const struct machine_load *a,
			   const struct machine_load *b)
{
	return (double)(b->steal_usec - a->steal_usec) * (double)NSEC_PER_USEC /
	       (double)(b->at_ns - a->at_ns) / m->n_cpus;
}
