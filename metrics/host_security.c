/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: namespaces, user namespaces, seccomp, security modules, capabilities, libraries. */
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "base/sys.h"
#include "metrics/host_probe.h"

static void probe_namespaces(struct host_probe *p)
{
	static const char *const kinds[] = {"mnt", "pid",    "net",  "ipc",
					    "uts", "cgroup", "user", "time"};
	struct host_fact *f = fact_add(p, "namespaces");
	char have[80] = "", lack[80] = "";

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "proc/self/ns/%s", kinds[i]); /* fits */
		word_add(probe_exists(p, path) ? have : lack, sizeof(have), kinds[i]);
	}
	fact_value(f, "%s%s%s", have, *lack ? "; not " : "", lack);
	if (!*lack)
		return;
	if (strstr(lack, "mnt") || strstr(lack, "pid"))
		fact_costs(f, HOST_FATAL, "no container can be made without mnt and pid");
	else
		fact_costs(f, HOST_LIMITED, "containers that ask for one of these are refused");
}

/* Makes one and is gone again: what limits, modules and filters say together. 0 or -errno. */
static int try_user_namespace(void)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = sys_clone3(&args);
	siginfo_t info;

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -errno;
	(void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED); /* it exits at once */
	fd_close(pidfd);
	return 0;
}

static bool is_root(const struct host_probe *p)
{
	const int cap_sys_admin = 21;

	return p->caps >> cap_sys_admin & 1;
}

static void probe_user_namespaces(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "user_namespaces");
	int64_t max = -1, on = 1;
	int rc;

	(void)probe_number(p, "proc/sys/user/max_user_namespaces", &max);
	(void)probe_number(p, "proc/sys/kernel/unprivileged_userns_clone",
			   &on); /* Debian, Ubuntu */
	rc = try_user_namespace();
	if (rc == 0) {
		fact_value(f, "yes, at most %lld%s", (long long)max,
			   on ? "" : "; not for unprivileged users");
		return;
	}
	fact_value(f, "no (%s)%s", strerror(-rc),
		   max == 0 ? ", user.max_user_namespaces is 0"
		   : !on    ? ", kernel.unprivileged_userns_clone is 0"
			    : "");
	fact_costs(f, is_root(p) ? HOST_LIMITED : HOST_FATAL,
		   is_root(p) ? "containers with a user namespace are refused"
			      : "without one only root can make containers");
}

static void probe_seccomp(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "seccomp");
	char actions[160];

	if (probe_read(p, "proc/sys/kernel/seccomp/actions_avail", actions, sizeof(actions)) <= 0) {
		fact_value(f, "not in this kernel");
		fact_costs(f, HOST_LIMITED,
			   "containers with a seccomp profile are refused (CONFIG_SECCOMP_FILTER)");
		return;
	}
	fact_value(f, "%s", actions);
	if (!strstr(actions, "user_notif"))
		fact_costs(f, HOST_NOTE, "no SCMP_ACT_NOTIFY (Linux 5.0)");
}

static void probe_security_modules(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "security_modules");
	char list[160], enabled[8];

	if (probe_read(p, "sys/kernel/security/lsm", list, sizeof(list)) > 0) {
		fact_value(f, "%s", list);
		return;
	}
	if (probe_read(p, "sys/module/apparmor/parameters/enabled", enabled, sizeof(enabled)) > 0 &&
	    enabled[0] == 'Y')
		fact_value(f, "apparmor (others are not known: securityfs is not mounted)");
	else if (probe_exists(p, "sys/fs/selinux/enforce"))
		fact_value(f, "selinux (others are not known: securityfs is not mounted)");
	else
		fact_value(f, "no AppArmor, no SELinux (others are not known)");
}

/* Names and numbers: include/uapi/linux/capability.h. */
static const struct {
	int number;
	const char *name, *costs;
} capabilities[] = {
	{0, "chown", "owners in the container's /dev cannot be set"},
	{1, "dac_override", "files of others cannot be reached"},
	{3, "fowner", "modes of others' files cannot be set"},
	{5, "kill", "containers of others cannot be signalled"},
	{6, "setgid", "process.user.gid cannot be set"},
	{7, "setuid", "process.user.uid cannot be set"},
	{8, "setpcap", "the bounding set cannot be cut"},
	{12, "net_admin", "loopback in a new network namespace stays down"},
	{18, "sys_chroot", "namespaces cannot be joined"},
	{19, "sys_ptrace", "namespaces of others cannot be joined"},
	{21, "sys_admin", "containers need a user namespace of their own"},
	{23, "sys_nice", "priorities of others cannot be set"},
	{24, "sys_resource", "rlimits cannot be raised: a container that asks for more fails"},
	{27, "mknod", "devices are bound from the host's /dev"},
};

static void read_capabilities(struct host_probe *p)
{
	char status[8192], digits[24];
	const char *hit;

	if (probe_read(p, "proc/self/status", status, sizeof(status)) <= 0)
		return;
	hit = strstr(status, "\nCapEff:");
	if (!hit)
		return;
	hit += strlen("\nCapEff:");
	hit += strspn(hit, " \t");
	if (str_part(digits, sizeof(digits), hit, strcspn(hit, "\n")))
		(void)parse_u64(digits, 16, &p->caps); /* none if that is no number */
}

static void probe_capabilities(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "capabilities");
	char lack[160] = "";
	const char *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		if (p->caps >> capabilities[i].number & 1)
			continue;
		word_add(lack, sizeof(lack), capabilities[i].name);
		first = first ? first : capabilities[i].costs;
		n++;
	}
	if (n == 0) {
		fact_value(f, "all that cede uses");
	} else if (!is_root(p)) {
		fact_value(f, "none of root's (uid %d)", (int)geteuid());
		fact_costs(f, HOST_LIMITED,
			   "run as root for containers without a user namespace, for the slice and "
			   "for looking after the whole machine");
	} else {
		fact_value(f, "all that cede uses but %s", lack);
		fact_costs(f, HOST_LIMITED, "%s%s", first, n > 1 ? "; and more" : "");
	}
}

#ifdef __GLIBC__
#define LIBC "glibc"
#else
#define LIBC "musl"
#endif

static void probe_libraries(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "libraries");
	const struct scmp_version *v = seccomp_version();

	fact_value(f, "%s, with " LIBC ": libseccomp %u.%u.%u (API level %u), %s",
		   getauxval(AT_BASE) ? "dynamic" : "static", v ? v->major : 0, v ? v->minor : 0,
		   v ? v->micro : 0, seccomp_api_get(), json_library());
}

void host_probe_security(struct host_probe *p)
{
	read_capabilities(p);
	probe_namespaces(p);
	probe_user_namespaces(p);
	probe_seccomp(p);
	probe_security_modules(p);
	probe_capabilities(p);
	probe_libraries(p);
}
