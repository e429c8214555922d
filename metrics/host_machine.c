/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: processors, memory, disks, file systems, where the state goes. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "metrics/counters.h"
#include "metrics/host_probe.h"

static void probe_cpus(struct host_probe *p, const struct cpu_times *t)
{
	struct host_fact *f = fact_add(p, "cpus");
	char online[128];

	if (!t->n_cpus) {
		fact_value(f, "unknown");
		fact_costs(f, HOST_LIMITED, "/proc/stat is not readable: idle time is not known");
		return;
	}
	if (probe_read(p, "sys/devices/system/cpu/online", online, sizeof(online)) > 0)
		fact_value(f, "%u online (%s)", t->n_cpus, online);
	else
		fact_value(f, "%u online", t->n_cpus);
}

static void probe_smt(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "smt");
	int64_t active;

	if (!probe_number(p, "sys/devices/system/cpu/smt/active", &active)) {
		fact_value(f, "unknown");
		return;
	}
	fact_value(f, "%s", active ? "on" : "off");
	if (active)
		fact_costs(f, HOST_NOTE,
			   "a secondary on the other thread of a core slows an incumbent down, and "
			   "cede has no remedy for that yet");
}

/* The share since boot: a neighbour that comes and goes is seen by `cede` at run time. */
static void probe_steal(struct host_probe *p, const struct cpu_times *t)
{
	struct host_fact *f = fact_add(p, "steal");
	char text[64];
	uint64_t uptime_s = 0;
	double share;

	if (probe_read(p, "proc/uptime", text, sizeof(text)) > 0) {
		text[strcspn(text, ". ")] = '\0';
		(void)parse_u64(text, 10, &uptime_s); /* stays 0: unknown */
	}
	if (!uptime_s || !t->n_cpus) {
		fact_value(f, "unknown");
		return;
	}
	share = (double)t->steal_ticks / (100.0 * (double)uptime_s * t->n_cpus);
	fact_value(f, "%.1f %% of the CPU time since boot", 100 * share);
	if (share > 0.02)
		fact_costs(f, HOST_NOTE,
			   "the hypervisor gives this machine's CPU time to others: delays from "
			   "that are not the secondaries' fault, and cede cannot cure them");
}

static void probe_memory(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "memory"), *swap;
	struct meminfo m = {0};
	char text[4096];

	if (probe_read(p, "proc/meminfo", text, sizeof(text)) <= 0 ||
	    counters_meminfo(text, &m) < 0) {
		fact_value(f, "unknown");
		fact_costs(
			f, HOST_LIMITED,
			"/proc/meminfo is not readable: cede cannot give way when memory is short");
		return;
	}
	fact_value(f, "%llu MB, %llu MB available", (unsigned long long)m.total_bytes >> 20,
		   (unsigned long long)m.available_bytes >> 20);
	swap = fact_add(p, "swap");
	if (m.swap_total_bytes) {
		fact_value(swap, "%llu MB", (unsigned long long)m.swap_total_bytes >> 20);
		return;
	}
	fact_value(swap, "none");
	fact_costs(
		swap, HOST_MISSING,
		"a frozen secondary keeps its memory: when that is short, it can only be killed. "
		"Some swap or zram lets it be moved out");
}

/* Idle I/O priority is obeyed by bfq and mq-deadline (5.14) only. */
static void probe_disks(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "io.scheduler");
	_cleanup_fd_ int fd = openat(p->rootfd, "sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char obeys[80] = "", ignores[80] = "";

	if (d)
		(void)take_fd(&fd); /* closedir closes it */
	while (d && (entry = readdir(d))) {
		char path[NAME_MAX + 40], text[128];

		/* No disks: loop devices and RAM. */
		if (entry->d_name[0] == '.' || str_after(entry->d_name, "loop") ||
		    str_after(entry->d_name, "ram") || str_after(entry->d_name, "zram"))
			continue;
		(void)snprintf(path, sizeof(path), "sys/block/%s/queue/scheduler",
			       entry->d_name); /* fits */
		if (probe_read(p, path, text, sizeof(text)) <= 0)
			continue;
		word_add(strstr(text, "[bfq]") || strstr(text, "[mq-deadline]") ? obeys : ignores,
			 sizeof(obeys), entry->d_name);
	}
	fact_value(f, "%s%s%s%s%s", *obeys ? "priorities obeyed by " : "", obeys,
		   *obeys && *ignores ? ", " : "", *ignores ? "ignored by " : "", ignores);
	if (!*obeys && !*ignores)
		fact_value(f, "no disks here");
	if (*ignores && !(p->cg.controllers & CG_IO))
		fact_costs(
			f, HOST_NOTE,
			"secondaries' idle I/O priority has no effect on these: echo mq-deadline "
			"(or bfq) >/sys/block/DISK/queue/scheduler");
}

static void probe_overlay(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "overlayfs");
	char text[8192];

	if (probe_read(p, "proc/filesystems", text, sizeof(text)) > 0 &&
	    strstr(text, "\toverlay")) {
		fact_value(f, "yes");
		return;
	}
	if (probe_kconfig(p, "OVERLAY_FS") == 'm') {
		fact_value(f, "a module that is not loaded");
		fact_costs(f, HOST_NOTE, "the first mount loads it");
		return;
	}
	fact_value(f, "not registered");
	fact_costs(f, HOST_MISSING,
		   "engines that build root filesystems from layers need it: modprobe overlay");
}

/* Is the first directory of the path that exists writable? Those behind are made when needed. */
static void probe_state_root(struct host_probe *p)
{
	struct host_fact *f;
	char path[PATH_MAX];
	char *slash;

	if (!p->o->state_root ||
	    snprintf(path, sizeof(path), "%s", p->o->state_root) >= (int)sizeof(path))
		return;
	f = fact_add(p, "state_root");
	while (access(path, F_OK) < 0 && errno == ENOENT && (slash = strrchr(path, '/')))
		slash[slash == path] = '\0';
	if (access(path, W_OK | X_OK) == 0) {
		fact_value(f, "%s", p->o->state_root);
		return;
	}
	fact_value(f, "%s: %s", p->o->state_root, strerror(errno));
	fact_costs(f, HOST_LIMITED,
		   "containers' state cannot be kept there: cede --root DIRECTORY names another "
		   "place");
}

void host_probe_machine(struct host_probe *p)
{
	struct cpu_times t = {0};
	char text[16384];

	if (probe_read(p, "proc/stat", text, sizeof(text)) > 0)
		(void)counters_stat(text, NULL, &t); /* zeros then: not known */
	probe_cpus(p, &t);
	probe_smt(p);
	probe_steal(p, &t);
	probe_memory(p);
	probe_disks(p);
	probe_overlay(p);
	probe_state_root(p);
}
