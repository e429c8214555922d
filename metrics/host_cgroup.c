/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: the cgroup2 hierarchy, what can be done in it, and pressure. Nothing is made there: where
 * no group exists to look at, the kernel's version tells what a group would have. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "metrics/host_probe.h"

static void probe_layout(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "cgroup.layout");

	switch (p->cg.layout) {
	case CG_LAYOUT_UNIFIED:
		fact_value(f, "unified, %s", p->cg.mount);
		return;
	case CG_LAYOUT_HYBRID:
		fact_value(f, "hybrid, cgroup2 on %s", p->cg.mount);
		fact_costs(
			f, HOST_LIMITED,
			"controllers are in use by cgroup v1, where cede never writes: secondaries "
			"are made idle task by task, capped and frozen by the cgroup2 freezer. "
			"systemd.unified_cgroup_hierarchy=1 on the kernel command line gives full "
			"service");
		return;
	case CG_LAYOUT_NONE:
		fact_value(f, "no cgroup2 is mounted");
		fact_costs(f, HOST_LIMITED,
			   "secondaries are idle task by task, and cannot be frozen or capped; "
			   "mount -t cgroup2 none /sys/fs/cgroup (or .../unified beside v1)");
		return;
	}
}

static void probe_controllers(struct host_probe *p)
{
	static const struct {
		enum cg_controller controller;
		const char *costs;
	} wanted[] = {
		{CG_CPU, "no cpu.idle and cpu.max"},
		{CG_MEMORY, "no memory limits"},
		{CG_IO, "no I/O limits"},
		{CG_PIDS, "no limit of processes"},
		{CG_CPUSET, "no choice of CPUs"},
	};
	struct host_fact *f = fact_add(p, "cgroup.controllers");
	char have[100] = "", lack[100] = "", costs[200] = "";

	if (p->cg.layout == CG_LAYOUT_NONE) {
		fact_value(f, "none");
		fact_costs(f, HOST_LIMITED, "containers that demand limits are refused");
		return;
	}
	for (unsigned bit = 1; bit <= CG_MISC; bit <<= 1)
		if (p->cg.controllers & bit)
			word_add(have, sizeof(have), cg_controller_name(bit));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (p->cg.controllers & wanted[i].controller)
			continue;
		word_add(lack, sizeof(lack), cg_controller_name(wanted[i].controller));
		if (*costs)
			strncat(costs, ",", sizeof(costs) - strlen(costs) - 1);
		word_add(costs, sizeof(costs), wanted[i].costs);
	}
	fact_value(f, "%s%s%s", *have ? have : "none", *lack ? "; not " : "", lack);
	if (*lack)
		fact_costs(
			f, HOST_LIMITED,
			"%s: containers that demand one are refused, what is only cede's default "
			"is skipped",
			costs);
}

/* A group other than the root, which lacks most files; -1 if there is none. */
static int open_some_group(const struct host_probe *p)
{
	_cleanup_fd_ int fd =
		p->cg.fd < 0 ? -1 : openat(p->cg.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!d)
		return -1;
	(void)take_fd(&fd); /* closedir closes it */
	while ((entry = readdir(d)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			return openat(dirfd(d), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return -1;
}

/* A file that each group but the root has since a version. */
static void probe_file(struct host_probe *p, int group, const char *fact, const char *file,
		       unsigned since, const char *costs)
{
	struct host_fact *f = fact_add(p, fact);
	bool looked = group >= 0;
	bool there = looked ? cg_has(group, file) : p->kernel >= since;

	if (p->cg.layout == CG_LAYOUT_NONE) {
		fact_value(f, "no cgroup2");
		fact_costs(f, HOST_LIMITED, "%s", costs);
		return;
	}
	fact_value(f, "%s%s", there ? "yes" : "no", looked ? "" : " (by the kernel's version)");
	if (!there)
		fact_costs(f, HOST_LIMITED, "%s", costs);
}

static void probe_cpu_idle(struct host_probe *p, int group)
{
	struct host_fact *f = fact_add(p, "cgroup.cpu_idle");
	static const char costs[] = "each task of a secondary gets SCHED_IDLE and its session an "
				    "autogroup of nice 19 instead: about as good, but held by each "
				    "task and not by the group";
	/* cpu.weight: the controller is switched on for this group. */
	bool looked = group >= 0 && cg_has(group, "cpu.weight");
	bool there = looked ? cg_has(group, "cpu.idle") : p->kernel >= KERNEL(5, 15);

	if (!(p->cg.controllers & CG_CPU)) {
		fact_value(f, "no: the cpu controller is not in cgroup2");
		fact_costs(f, HOST_LIMITED, "%s", costs);
		return;
	}
	fact_value(f, "%s%s", there ? "yes" : "no", looked ? "" : " (by the kernel's version)");
	if (!there)
		fact_costs(f, HOST_LIMITED, "%s", costs);
	else if (p->kernel < KERNEL(6, 18))
		fact_costs(
			f, HOST_NOTE,
			"before Linux 6.18 cpu.max may stop a task that holds a kernel lock: cede "
			"uses it after the idle class only");
}

static void probe_writable(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "cgroup.write");

	if (p->cg.fd < 0) {
		fact_value(f, "no cgroup2");
		fact_costs(f, HOST_LIMITED, "no slice");
		return;
	}
	if (faccessat(p->cg.fd, ".", W_OK, AT_EACCESS) == 0) {
		fact_value(f, "%s is writable", p->cg.mount);
		return;
	}
	fact_value(f, "%s: %s", p->cg.mount, strerror(errno));
	fact_costs(f, HOST_LIMITED,
		   "cede cannot make its slice: secondaries are idle task by task, and cannot be "
		   "frozen or capped. Run as root, or in a delegated group");
}

static void probe_psi(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "psi");
	static const char costs[] =
		"stalls of incumbents for memory and I/O are not seen: cede goes "
		"by run delay, idle time and free memory";
	char text[512], off = probe_kconfig(p, "PSI");

	if (probe_read(p, "proc/pressure/memory", text, sizeof(text)) > 0) {
		fact_value(f, "on (read every 100 ms: totals advance in whole ticks)");
		return;
	}
	if (off == 'n') {
		fact_value(f, "not in this kernel (CONFIG_PSI)");
		fact_costs(f, HOST_LIMITED, "%s", costs);
		return;
	}
	fact_value(f, "off");
	fact_costs(f, HOST_LIMITED, "%s. psi=1 on the kernel command line turns it on%s", costs,
		   off == 'y' ? "" : ", if the kernel has it");
}

void host_probe_cgroup(struct host_probe *p)
{
	_cleanup_fd_ int group = open_some_group(p);

	probe_layout(p);
	probe_controllers(p);
	probe_cpu_idle(p, group);
	probe_file(p, group, "cgroup.freeze", "cgroup.freeze", KERNEL(5, 2),
		   "secondaries cannot be stopped: cede lowers their priority only");
	probe_file(p, group, "cgroup.kill", "cgroup.kill", KERNEL(5, 14),
		   "containers are killed by freezing them and signalling each process");
	probe_writable(p);
	probe_psi(p);
}
