/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: the kernel's version, the system calls cede is made of, how it schedules and counts. */
#include <fcntl.h>
#include <linux/mount.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/sys.h"
#include "metrics/counters.h"
#include "metrics/host_probe.h"

/* A descriptor that is open nowhere: the kernel looks at the arguments and says EBADF, or ENOSYS.
 */
#define NO_FD 0x7ffffff0

static void probe_version(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "kernel");

	if (!p->kernel) {
		fact_value(f, "unknown");
		fact_costs(f, HOST_LIMITED, "/proc/sys/kernel/osrelease cannot be read");
		return;
	}
	fact_value(f, "%s", p->release);
	if (p->kernel < KERNEL(5, 15))
		fact_costs(f, HOST_LIMITED,
			   "full service needs Linux 5.15: before it there is no cpu.idle, and "
			   "secondaries are made idle task by task");
}

static long try_openat2(void)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC};
	int fd = sys_openat2(AT_FDCWD, "/", &how);

	return fd < 0 ? -1 : (fd_close(fd), 0);
}

static long try_mount_setattr(void)
{
	struct mount_attr attr = {0};

	return syscall(SYS_mount_setattr, NO_FD, "", AT_EMPTY_PATH, &attr, sizeof(attr));
}

static long try_fsopen(void)
{
	long fd = syscall(SYS_fsopen, "proc", 0 /* closed here */);

	return fd < 0 ? -1 : (fd_close((int)fd), 0);
}

static long try_open_tree(void)
{
	return syscall(SYS_open_tree, NO_FD, "", AT_EMPTY_PATH | OPEN_TREE_CLOEXEC);
}

static long try_move_mount(void)
{
	return syscall(SYS_move_mount, NO_FD, "", NO_FD, "", MOVE_MOUNT_F_EMPTY_PATH);
}

/* Into a cgroup that does not exist: refused before anything is made. */
static long try_clone3_cgroup(void)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = NO_FD};
	pid_t pid = sys_clone3(&args);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long try_pidfd_open(void)
{
	long fd = syscall(SYS_pidfd_open, getpid(), 0);

	return fd < 0 ? -1 : (fd_close((int)fd), 0);
}

static long try_close_range(void)
{
	return syscall(SYS_close_range, ~0U, ~0U, 0);
}

static const struct {
	const char *name;
	long (*call)(void);
	unsigned since;
} syscalls[] = {
	{"openat2", try_openat2, KERNEL(5, 6)},
	{"mount_setattr", try_mount_setattr, KERNEL(5, 12)},
	{"fsopen", try_fsopen, KERNEL(5, 2)},
	{"open_tree", try_open_tree, KERNEL(5, 2)},
	{"move_mount", try_move_mount, KERNEL(5, 2)},
	{"clone3 into a cgroup", try_clone3_cgroup, KERNEL(5, 7)},
	{"pidfd_open", try_pidfd_open, KERNEL(5, 3)},
	{"close_range", try_close_range, KERNEL(5, 9)},
};

/* ENOSYS and, for flags an older call does not know, E2BIG and EINVAL. Everything else comes from a
 * call that is there. */
static void probe_syscalls(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "kernel.syscalls");
	char missing[160] = "";
	bool filtered = false;

	for (size_t i = 0; i < ARRAY_SIZE(syscalls); i++) {
		if (syscalls[i].call() == 0 ||
		    (errno != ENOSYS && errno != E2BIG && errno != EINVAL))
			continue;
		word_add(missing, sizeof(missing), syscalls[i].name);
		filtered |= p->kernel >= syscalls[i].since;
	}
	if (!*missing) {
		fact_value(f, "openat2, mount_setattr, fsopen, clone3, pidfd_open, ...: all there");
		return;
	}
	fact_value(f, "missing: %s", missing);
	fact_costs(f, HOST_FATAL,
		   filtered ? "this kernel has them: a seccomp filter around this process forbids "
			      "them. Allow them there"
			    : "cede needs Linux 5.12 at least");
}

void host_probe_kernel(struct host_probe *p)
{
	probe_version(p);
	probe_syscalls(p);
}

/* --- how it schedules ------------------------------------------------------------------------- */

static void probe_hz(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "kernel.hz");
	struct timespec tick;

	/* The coarse clocks advance by one tick (kernel/time/posix-timers.c). */
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) < 0 || tick.tv_sec || !tick.tv_nsec) {
		fact_value(f, "unknown");
		return;
	}
	fact_value(f, "%ld (a tick is %ld ms)", (long)NSEC_PER_SEC / tick.tv_nsec,
		   tick.tv_nsec / (long)NSEC_PER_MSEC);
}

/* The words of /sys/kernel/debug/sched/preempt: "none voluntary (full) lazy". */
static bool mode_in_brackets(const char *text, char *mode, size_t size)
{
	const char *open = strchr(text, '('), *close = open ? strchr(open, ')') : NULL;
	size_t len = close ? (size_t)(close - open - 1) : 0;

	return len && str_part(mode, size, open + 1, len);
}

static bool mode_on_cmdline(const char *text, char *mode, size_t size)
{
	const char *hit = strstr(text, "preempt=");
	size_t len;

	if (!hit || (hit != text && hit[-1] != ' '))
		return false;
	hit += strlen("preempt=");
	len = strcspn(hit, " \n");
	return len && str_part(mode, size, hit, len);
}

static const char *mode_configured(const struct host_probe *p)
{
	static const struct {
		const char *option, *mode;
	} modes[] = {
		{"PREEMPT_RT", "full"},	  {"PREEMPT", "full"},
		{"PREEMPT_LAZY", "lazy"}, {"PREEMPT_VOLUNTARY", "voluntary"},
		{"PREEMPT_NONE", "none"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (probe_kconfig(p, modes[i].option) == 'y')
			return modes[i].mode;
	return NULL;
}

/* What of uname -v is certain: the words are made from the configuration. */
static const char *mode_in_version(const char *version)
{
	if (strstr(version, "PREEMPT_DYNAMIC"))
		return NULL; /* chosen at boot or later */
	if (strstr(version, "PREEMPT_LAZY"))
		return "lazy";
	if (strstr(version, "PREEMPT"))
		return "full"; /* PREEMPT, PREEMPT_RT */
	return "none or voluntary";
}

/* Mode and how it is known; false where only guesses are left. */
static bool find_preempt(const struct host_probe *p, char *mode, size_t size, const char **from)
{
	char text[4096];
	const char *configured = mode_configured(p), *version = NULL;

	*from = "/sys/kernel/debug/sched/preempt";
	if (probe_read(p, "sys/kernel/debug/sched/preempt", text, sizeof(text)) > 0 &&
	    mode_in_brackets(text, mode, size))
		return true;
	*from = "kernel command line";
	if (probe_read(p, "proc/cmdline", text, sizeof(text)) > 0 &&
	    mode_on_cmdline(text, mode, size))
		return true;
	if (probe_read(p, "proc/sys/kernel/version", text, sizeof(text)) > 0)
		version = mode_in_version(text);
	*from = configured ? p->kconfig_from : "uname -v";
	if (!configured && !version)
		return false;
	(void)snprintf(mode, size, "%s", configured ? configured : version); /* short words */
	return true;
}

static void probe_preempt(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "preempt");
	char mode[32];
	const char *from;

	if (!find_preempt(p, mode, sizeof(mode), &from)) {
		fact_value(f, "dynamic; which mode is not known (debugfs is not readable)");
		fact_costs(f, HOST_NOTE,
			   "unless it is full, a secondary inside a system call gives way late: "
			   "preempt=full on the kernel command line is best for incumbents");
		return;
	}
	fact_value(f, "%s (from %s)", mode, from);
	if (streq(mode, "full"))
		return;
	fact_costs(
		f, HOST_NOTE,
		streq(mode, "lazy")
			? "a secondary may run on for up to a tick after an incumbent woke: "
			  "preempt=full on the kernel command line is best for incumbents"
			: "a secondary inside a system call gives way at its end only; cede caps "
			  "and freezes earlier. preempt=full on the kernel command line is best");
}

static void probe_autogroup(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "autogroup");
	bool by_group = p->cg.controllers & CG_CPU;
	int64_t on;

	if (!probe_number(p, "proc/sys/kernel/sched_autogroup_enabled", &on) || !on) {
		fact_value(f, "off");
		return;
	}
	fact_value(f, "on");
	if (by_group)
		return; /* the slice is a group of its own anyway */
	fact_costs(f, HOST_NOTE,
		   "each session is a scheduling group of its own, and SCHED_IDLE acts inside one "
		   "only: cede also gives the autogroups of secondaries nice 19");
}

static void probe_idle_class(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "idle_class");

	/* EEVDF's slice protection against waking tasks, f553741ac8c0 in 6.15. */
	if (p->kernel >= KERNEL(6, 6) && p->kernel < KERNEL(6, 15)) {
		fact_value(f, "EEVDF before 6.15");
		fact_costs(f, HOST_NOTE,
			   "unless its distributor took f553741ac8c0 (stable kernels have it since "
			   "April 2025), an idle task may hold a waking incumbent up for 3 ms");
		return;
	}
	fact_value(f, "gives way at wake-up");
}

/* What sched/nudge needs. */
static void probe_btf(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "btf");

	if (probe_exists(p, "sys/kernel/btf/vmlinux")) {
		fact_value(f, "the kernel describes its types");
		return;
	}
	fact_value(f, "no /sys/kernel/btf/vmlinux");
	if (p->kernel >= KERNEL(6, 6))
		fact_costs(f, HOST_NOTE,
			   "the scheduler's choices cannot be looked over: a secondary may hold an "
			   "incumbent up for a tick now and then. CONFIG_DEBUG_INFO_BTF would have "
			   "it");
}

static void probe_schedstat(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "schedstat");
	struct schedstat s = {0};
	char text[128];

	if (probe_read(p, "proc/self/schedstat", text, sizeof(text)) > 0 &&
	    counters_schedstat(text, &s) == 0 && s.run_ns) {
		fact_value(f, "run delay of each thread, in ns");
		return;
	}
	fact_value(f, "not kept by this kernel");
	fact_costs(f, HOST_LIMITED,
		   "incumbents' waiting for a CPU is not seen: cede goes by pressure (100 ms) and "
		   "idle time. CONFIG_SCHED_INFO (TASK_DELAY_ACCT or SCHEDSTATS) would have it");
}

static void probe_idle_time(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "idle_time");
	char cmdline[4096];
	bool off = probe_read(p, "proc/cmdline", cmdline, sizeof(cmdline)) > 0 &&
		   strstr(cmdline, "nohz=off");

	if (off || probe_kconfig(p, "HZ_PERIODIC") == 'y') {
		fact_value(f, "sampled at the tick (%s)", off ? "nohz=off" : "CONFIG_HZ_PERIODIC");
		fact_costs(f, HOST_LIMITED,
			   "short bursts of work between two ticks are not seen in the idle time: "
			   "cede goes by run delay and pressure");
		return;
	}
	fact_value(f, probe_kconfig(p, "NO_HZ_COMMON") == 'y'
			      ? "exact (NO_HZ), in units of 10 ms"
			      : "in units of 10 ms; exact if the kernel has NO_HZ");
}

void host_probe_scheduler(struct host_probe *p)
{
	probe_hz(p);
	probe_preempt(p);
	probe_autogroup(p);
	probe_idle_class(p);
	probe_btf(p);
	probe_schedstat(p);
	probe_idle_time(p);
}
