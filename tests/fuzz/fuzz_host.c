/* SPDX-License-Identifier: Apache-2.0 */
/* Any text in the files that tell what the host can do (tree.h): facts of `cede doctor`, of their
 * bounds. */
#include "tests/fuzz/tree.h"

#include "metrics/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = {
	"proc/sys/kernel/osrelease",
	"proc/sys/kernel/version",
	"proc/cmdline",
	"proc/sys/kernel/sched_autogroup_enabled",
	"sys/kernel/btf/vmlinux",
	"proc/self/schedstat",
	"proc/self/status",
	"proc/pressure/memory",
	"proc/stat",
	"proc/uptime",
	"proc/meminfo",
	"proc/filesystems",
	"proc/sys/kernel/seccomp/actions_avail",
	"sys/devices/system/cpu/online",
	"sys/devices/system/cpu/smt/active",
	"sys/block/vda/queue/scheduler",
	"sys/kernel/security/lsm",
	"cg/cgroup.controllers",
	"cg/system.slice/cpu.weight",
	"boot/config-6.18.1-fake",
	"sys/kernel/debug/sched/preempt",
	"proc/sys/kernel/unprivileged_userns_clone",
	"proc/sys/user/max_user_namespaces",
	"sys/fs/selinux/enforce",
	"sys/module/apparmor/parameters/enabled",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct host host;
	char cg[96];

	tree_make(files, sizeof(files) / sizeof(*files));
	(void)snprintf(cg, sizeof(cg), "%s/cg", tree.root);
	(void)setenv("CEDE_CGROUP_MOUNT", cg, 1);
	tree_fill(data, size);
	host_probe(&(struct host_opts){.root = tree.root}, &host);
	if (!host.n || host.n > HOST_FACTS_MAX)
		abort();
	for (size_t i = 0; i < host.n; i++) {
		const struct host_fact *f = &host.facts[i];

		if (!f->name || f->verdict >= HOST_VERDICTS ||
		    !memchr(f->value, '\0', sizeof(f->value)) ||
		    !memchr(f->costs, '\0', sizeof(f->costs)))
			abort();
	}
	(void)host_service(&host);
	(void)unsetenv("CEDE_CGROUP_MOUNT"); /* other targets share the process */
	tree_clear();
	return 0;
}
