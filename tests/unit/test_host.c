/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/host on fake trees: what is found there, and what its lack is said to cost. */
#include "tests/unit/fake_tree.h"

#include "base/str.h"
#include "metrics/host.h"

static struct fake_tree tree;
static struct host host;
static char path_variable[128];
static char *environment[] = {path_variable, NULL};

/* A machine with everything: each test takes something away. */
static int setup(void **state)
{
	char cgroup[128];

	(void)state;
	fake_tree_make(&tree);
	fake_file(&tree, "proc/sys/kernel/osrelease", "6.18.1-fake\n");
	fake_file(&tree, "proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Thu Jan 1\n");
	fake_file(&tree, "proc/cmdline", "root=/dev/vda ro preempt=full quiet\n");
	fake_file(&tree, "proc/sys/kernel/sched_autogroup_enabled", "1\n");
	fake_file(&tree, "sys/kernel/btf/vmlinux", "BTF");
	fake_file(&tree, "proc/self/schedstat", "1000 10 3\n");
	fake_file(&tree, "proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
	fake_file(&tree, "proc/pressure/memory", "some avg10=0 avg60=0 avg300=0 total=0\n");
	fake_file(&tree, "proc/stat",
		  "cpu  0 0 0 9 0 0 0 100 0 0\ncpu0 0 0 0 9 0 0 0 100 0 0\nintr 1\n");
	fake_file(&tree, "proc/uptime", "1000.51 900.12\n");
	fake_file(&tree, "proc/meminfo",
		  "MemTotal: 2048 kB\nMemAvailable: 1024 kB\nSwapTotal: 4096 kB\n");
	fake_file(&tree, "proc/filesystems", "nodev\ttmpfs\nnodev\toverlay\n");
	fake_file(&tree, "proc/sys/kernel/seccomp/actions_avail",
		  "kill_process errno user_notif\n");
	for (const char *const *k = (const char *const[]){"mnt", "pid", "net", "ipc", "uts",
							  "cgroup", "user", "time", NULL};
	     *k; k++) {
		char path[64];

		snprintf(path, sizeof(path), "proc/self/ns/%s", *k);
		fake_file(&tree, path, "%s", "");
	}
	fake_file(&tree, "sys/devices/system/cpu/online", "0-1\n");
	fake_file(&tree, "sys/devices/system/cpu/smt/active", "0\n");
	fake_file(&tree, "sys/block/vda/queue/scheduler", "none [mq-deadline] bfq\n");
	fake_file(&tree, "sys/kernel/security/lsm", "capability,apparmor\n");
	fake_file(&tree, "run/systemd/system/x", "%s", "");
	fake_file(&tree, "cg/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n");
	for (const char *const *f = (const char *const[]){"cpu.weight", "cpu.idle", "cgroup.freeze",
							  "cgroup.kill", NULL};
	     *f; f++) {
		char path[64];

		snprintf(path, sizeof(path), "cg/system.slice/%s", *f);
		fake_file(&tree, path, "0\n");
	}
	setenv("CEDE_CGROUP_MOUNT", fake_path(&tree, "cg", cgroup, sizeof(cgroup)), 1);
	snprintf(path_variable, sizeof(path_variable), "PATH=%s/bin:/nonexistent", tree.root);
	fake_file(&tree, "bin/criu",
		  "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Version: 4.0' || echo Looks good.\n");
	assert_int_equal(fchmodat(tree.fd, "bin/criu", 0755, 0), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsetenv("CEDE_CGROUP_MOUNT");
	fake_tree_remove(&tree);
	return 0;
}

static void probe_with(struct host_opts o)
{
	o.root = tree.root;
	o.environ = environment;
	host_probe(&o, &host);
}

static const struct host_fact *probe(const char *name)
{
	const struct host_fact *f;

	probe_with((struct host_opts){.programs = true, .state_root = tree.root});
	f = host_fact_find(&host, name);
	if (!f)
		fail_msg("no fact '%s'", name);
	return f;
}

static void check(const char *name, enum host_verdict verdict, const char *value, const char *costs)
{
	const struct host_fact *f = probe(name);

	if (f->verdict != verdict)
		fail_msg("%s: %s (%s; %s)", name, host_verdict_name(f->verdict), f->value,
			 f->costs);
	if (!strstr(f->value, value))
		fail_msg("%s: '%s' has no '%s'", name, f->value, value);
	if (!strstr(f->costs, costs))
		fail_msg("%s: '%s' has no '%s'", name, f->costs, costs);
	assert_int_equal(!*costs, !*f->costs);
}

/* Whatever is wrong is said with what it costs; whatever is said has been found. */
static void check_all_facts(void)
{
	assert_true(host.n > 20 && host.n < HOST_FACTS_MAX);
	for (size_t i = 0; i < host.n; i++) {
		const struct host_fact *f = &host.facts[i];

		if (!*f->value)
			fail_msg("%s: no value", f->name);
		if (f->verdict != HOST_OK && !*f->costs)
			fail_msg("%s: %s without a word on it", f->name,
				 host_verdict_name(f->verdict));
		if (strlen(f->value) + 1 == sizeof(f->value) ||
		    strlen(f->costs) + 1 == sizeof(f->costs))
			fail_msg("%s: cut: '%s' '%s'", f->name, f->value, f->costs);
		assert_ptr_equal(host_fact_find(&host, f->name), f); /* no name twice */
	}
}

static void test_everything_there(void **state)
{
	/* What this machine's own kernel answers, whatever the files say. */
	static const char *const live[] = {"kernel.syscalls", "user_namespaces", "cgroup.write"};

	(void)state;
	probe("kernel");
	check_all_facts();
	for (size_t i = 0; i < host.n; i++) {
		bool skip = false;

		for (size_t k = 0; k < ARRAY_SIZE(live); k++)
			skip |= streq(host.facts[i].name, live[k]);
		if (!skip && host.facts[i].verdict != HOST_OK)
			fail_msg("%s: %s: %s: %s", host.facts[i].name,
				 host_verdict_name(host.facts[i].verdict), host.facts[i].value,
				 host.facts[i].costs);
	}
}

/* An empty directory instead of a machine: still a table. */
static void test_nothing_there(void **state)
{
	(void)state;
	for (const char *const *d = (const char *const[]){"proc", "sys", "run", "cg", "bin", NULL};
	     *d; d++)
		fake_remove(&tree, *d);
	probe("kernel");
	check_all_facts();
	assert_false(host_usable(&host)); /* no namespaces */
	assert_string_equal(host_service(&host), "none");
	check("psi", HOST_LIMITED, "off", "psi=1");
	check("schedstat", HOST_LIMITED, "not kept", "pressure");
	check("cgroup.layout", HOST_LIMITED, "no cgroup2", "mount -t cgroup2");
	check("criu", HOST_MISSING, "not installed", "frozen");
}

static void test_kernel(void **state)
{
	(void)state;
	check("kernel", HOST_OK, "6.18.1-fake", "");
	fake_file(&tree, "proc/sys/kernel/osrelease", "5.15.0\n");
	check("kernel", HOST_OK, "5.15.0", "");
	fake_file(&tree, "proc/sys/kernel/osrelease", "5.10.0-30-amd64\n");
	check("kernel", HOST_LIMITED, "5.10", "cpu.idle");
	fake_file(&tree, "proc/sys/kernel/osrelease", "unknown\n");
	check("kernel", HOST_LIMITED, "unknown", "osrelease");
	fake_file(&tree, "proc/sys/kernel/osrelease", "99999999999.1\n");
	check("kernel", HOST_LIMITED, "unknown", "osrelease");
}

static void test_preempt(void **state)
{
	(void)state;
	check("preempt", HOST_OK, "full (from kernel command line)", "");
	fake_file(&tree, "sys/kernel/debug/sched/preempt", "none voluntary full (lazy)\n");
	check("preempt", HOST_NOTE, "lazy (from /sys/kernel/debug", "tick");
	fake_remove(&tree, "sys/kernel/debug");
	fake_file(&tree, "proc/cmdline", "xpreempt=full\n");
	check("preempt", HOST_NOTE, "not known", "preempt=full");
	fake_file(&tree, "boot/config-6.18.1-fake",
		  "#\nCONFIG_PREEMPT_VOLUNTARY=y\nCONFIG_HZ=250\n");
	check("preempt", HOST_NOTE, "voluntary (from /boot/config)", "preempt=full");
	fake_remove(&tree, "boot");
	fake_file(&tree, "proc/sys/kernel/version", "#1 SMP PREEMPT_RT\n");
	check("preempt", HOST_OK, "full (from uname -v)", "");
	fake_file(&tree, "proc/sys/kernel/version", "#1 SMP Debian\n");
	check("preempt", HOST_NOTE, "none or voluntary", "preempt=full");
}

static void test_packed_configuration(void **state)
{
	/* gzip of "#\nCONFIG_PSI=y\nCONFIG_HZ_PERIODIC=y\n" */
	static const unsigned char packed[] = {
		0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0x53, 0xe6,
		0x72, 0xf6, 0xf7, 0x73, 0xf3, 0x74, 0x8f, 0x0f, 0x08, 0xf6, 0xb4, 0xad,
		0x84, 0x71, 0x3c, 0xa2, 0xe2, 0x03, 0x5c, 0x83, 0x3c, 0xfd, 0x5d, 0x3c,
		0x9d, 0x81, 0x82, 0x00, 0xcb, 0x3e, 0xef, 0x9e, 0x24, 0x00, 0x00, 0x00};
	int fd = openat(tree.fd, "proc/config.gz", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	(void)state;
	assert_int_equal(write(fd, packed, sizeof(packed)), sizeof(packed));
	snprintf(path_variable, sizeof(path_variable), "PATH=/usr/bin:/bin");
	check("idle_time", HOST_LIMITED, "CONFIG_HZ_PERIODIC", "run delay");
	/* Cut: not unpacked, not known, and no harm. */
	assert_int_equal(ftruncate(fd, 20), 0);
	check("idle_time", HOST_OK, "if the kernel has NO_HZ", "");
	fd_close(fd);
}

static void test_scheduler(void **state)
{
	(void)state;
	check("autogroup", HOST_OK, "on", ""); /* the slice is a group anyway */
	fake_file(&tree, "cg/cgroup.controllers", "memory\n");
	check("autogroup", HOST_NOTE, "on", "nice 19");
	fake_file(&tree, "proc/sys/kernel/sched_autogroup_enabled", "0\n");
	check("autogroup", HOST_OK, "off", "");
	fake_file(&tree, "proc/sys/kernel/osrelease", "6.6.10\n");
	check("idle_class", HOST_NOTE, "EEVDF", "f553741ac8c0");
	fake_file(&tree, "proc/sys/kernel/osrelease", "6.1.0\n");
	check("idle_class", HOST_OK, "", "");
	check("btf", HOST_OK, "describes its types", "");
	assert_int_equal(unlinkat(tree.fd, "sys/kernel/btf/vmlinux", 0), 0);
	check("btf", HOST_OK, "no /sys/kernel/btf/vmlinux", ""); /* not needed there */
	fake_file(&tree, "proc/sys/kernel/osrelease", "6.18.0\n");
	check("btf", HOST_NOTE, "no /sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF");
	fake_file(&tree, "proc/self/schedstat", "0 0 0\n");
	check("schedstat", HOST_LIMITED, "not kept", "CONFIG_SCHED_INFO");
	fake_file(&tree, "proc/cmdline", "nohz=off\n");
	check("idle_time", HOST_LIMITED, "nohz=off", "run delay");
	fake_file(&tree, "proc/cmdline", "quiet\n");
	fake_file(&tree, "boot/config-6.18.0", "#\nCONFIG_HZ_PERIODIC=y\n");
	check("idle_time", HOST_LIMITED, "CONFIG_HZ_PERIODIC", "run delay");
}

static void test_cgroup(void **state)
{
	char path[128];

	(void)state;
	check("cgroup.layout", HOST_OK, "unified", "");
	check("cgroup.cpu_idle", HOST_OK, "yes", "");
	fake_file(&tree, "proc/sys/kernel/osrelease", "6.1.0\n");
	check("cgroup.cpu_idle", HOST_NOTE, "yes", "cpu.max");
	fake_remove(&tree, "cg/system.slice/cpu.idle");
	check("cgroup.cpu_idle", HOST_LIMITED, "no", "SCHED_IDLE");
	fake_remove(&tree, "cg/system.slice/cpu.weight"); /* not switched on there: the version */
	check("cgroup.cpu_idle", HOST_NOTE, "by the kernel's version", "cpu.max");
	fake_remove(&tree, "cg/system.slice/cgroup.kill");
	check("cgroup.kill", HOST_LIMITED, "no", "signalling");
	fake_remove(&tree, "cg/system.slice");
	check("cgroup.kill", HOST_OK, "by the kernel's version", "");
	fake_file(&tree, "proc/sys/kernel/osrelease", "5.10.0\n");
	check("cgroup.kill", HOST_LIMITED, "by the kernel's version", "signalling");
	check("cgroup.freeze", HOST_OK, "yes", "");
	check("cgroup.cpu_idle", HOST_LIMITED, "no", "SCHED_IDLE");
	fake_file(&tree, "cg/cgroup.controllers", "cpu memory\n");
	check("cgroup.controllers", HOST_LIMITED, "cpu memory; not io pids cpuset",
	      "no I/O limits");

	fake_file(&tree, "unified/cgroup.controllers", "hugetlb\n");
	setenv("CEDE_CGROUP_MOUNT", fake_path(&tree, "unified", path, sizeof(path)), 1);
	check("cgroup.layout", HOST_LIMITED, "hybrid", "v1");
	check("cgroup.cpu_idle", HOST_LIMITED, "not in cgroup2", "SCHED_IDLE");
	assert_string_not_equal(host_service(&host), "full");
	setenv("CEDE_CGROUP_MOUNT", "/nonexistent", 1);
	check("cgroup.layout", HOST_LIMITED, "no cgroup2", "frozen");
	check("cgroup.freeze", HOST_LIMITED, "no cgroup2", "stopped");
}

static void test_psi(void **state)
{
	(void)state;
	check("psi", HOST_OK, "on", "");
	fake_remove(&tree, "proc/pressure");
	check("psi", HOST_LIMITED, "off", "if the kernel has it");
	fake_file(&tree, "boot/config-6.18.1-fake",
		  "#\nCONFIG_PSI=y\nCONFIG_PSI_DEFAULT_DISABLED=y\n");
	probe("psi");
	assert_null(strstr(host_fact_find(&host, "psi")->costs, "if the kernel has it"));
	check("psi", HOST_LIMITED, "off", "psi=1");
	fake_file(&tree, "boot/config-6.18.1-fake", "#\n# CONFIG_PSI is not set\n");
	check("psi", HOST_LIMITED, "not in this kernel", "run delay");
}

static void test_security(void **state)
{
	(void)state;
	fake_remove(&tree, "proc/self/ns/time");
	check("namespaces", HOST_LIMITED, "not time", "refused");
	fake_remove(&tree, "proc/self/ns/mnt");
	check("namespaces", HOST_FATAL, "not mnt time", "no container");
	assert_false(host_usable(&host));
	fake_file(&tree, "proc/sys/kernel/seccomp/actions_avail", "errno\n");
	check("seccomp", HOST_NOTE, "errno", "NOTIFY");
	fake_remove(&tree, "proc/sys/kernel/seccomp");
	check("seccomp", HOST_LIMITED, "not in this kernel", "CONFIG_SECCOMP");
	check("security_modules", HOST_OK, "apparmor", "");
	fake_remove(&tree, "sys/kernel/security");
	check("security_modules", HOST_OK, "no AppArmor", "");
	fake_file(&tree, "proc/self/status", "Name:\tx\nCapEff:\tx\n");
	check("capabilities", HOST_LIMITED, "none of root's", "root");
	fake_file(&tree, "proc/self/status", "Name:\tx\nCapEff:\t000001fffeffffff\n");
	check("capabilities", HOST_LIMITED, "but sys_resource", "rlimits");
	fake_file(&tree, "proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n");
	check("capabilities", HOST_LIMITED, "none of root's", "run as root");
	check("libraries", HOST_OK, "libseccomp 2.", "");
	check("libraries", HOST_OK, "yajl 2.", "");
}

static void test_machine(void **state)
{
	(void)state;
	check("cpus", HOST_OK, "1 online (0-1)", "");
	check("steal", HOST_OK, "0.1 %", ""); /* 1 s of 1000 */
	fake_file(&tree, "proc/uptime", "10.0 1.0\n");
	check("steal", HOST_NOTE, "10.0 %", "hypervisor");
	fake_file(&tree, "sys/devices/system/cpu/smt/active", "1\n");
	check("smt", HOST_NOTE, "on", "core");
	check("memory", HOST_OK, "2 MB, 1 MB available", "");
	check("swap", HOST_OK, "4 MB", "");
	fake_file(&tree, "proc/meminfo", "MemTotal: 2048 kB\nMemAvailable: 1024 kB\n");
	check("swap", HOST_MISSING, "none", "zram");
	check("io.scheduler", HOST_OK, "obeyed by vda", "");
	fake_file(&tree, "sys/block/vda/queue/scheduler", "[none] mq-deadline\n");
	fake_file(&tree, "sys/block/loop0/queue/scheduler", "[none] mq-deadline\n");
	check("io.scheduler", HOST_OK, "ignored by vda", ""); /* there is the io controller */
	fake_file(&tree, "cg/cgroup.controllers", "cpu\n");
	check("io.scheduler", HOST_NOTE, "ignored by vda", "mq-deadline");
	fake_file(&tree, "proc/filesystems", "nodev\ttmpfs\n");
	check("overlayfs", HOST_MISSING, "not registered", "modprobe");
	fake_file(&tree, "boot/config-6.18.1-fake", "#\nCONFIG_OVERLAY_FS=m\n");
	check("overlayfs", HOST_NOTE, "module", "loads");
}

static void test_state_root(void **state)
{
	char path[128];

	(void)state;
	probe_with((struct host_opts){.state_root = fake_path(&tree, "a/b/c", path, sizeof(path))});
	assert_int_equal(host_fact_find(&host, "state_root")->verdict, HOST_OK);
	/* A file in the way. */
	probe_with((struct host_opts){.state_root =
					      fake_path(&tree, "proc/stat/x", path, sizeof(path))});
	assert_int_equal(host_fact_find(&host, "state_root")->verdict, HOST_LIMITED);
	probe_with((struct host_opts){0});
	assert_null(host_fact_find(&host, "state_root"));
}

static unsigned progresses;

static void count_progress(const char *what, void *arg)
{
	assert_ptr_equal(arg, &progresses);
	progresses += what != NULL;
}

static void test_criu(void **state)
{
	(void)state;
	check("criu", HOST_OK, "4.0, criu check: good", "");
	fake_file(&tree, "bin/criu",
		  "#!/bin/sh\n"
		  "[ \"$1\" = --version ] && { echo 'Version: 3.17.1'; exit; }\n"
		  "echo 'Error (criu/util.c:642): exited, status=1' >&2\n"
		  "echo 'Error (criu/vdso.c:381): vdso: Unexpected bounds' >&2\n"
		  "echo 'Error (criu/x.c:1): later' >&2\n"
		  "exit 1\n");
	check("criu", HOST_MISSING, "3.17.1, criu check: vdso: Unexpected bounds", "frozen");
	fake_file(&tree, "bin/criu", "#!/bin/sh\nexit 3\n");
	check("criu", HOST_MISSING, "unknown version, criu check: failed", "frozen");
	/* Nothing is run unless asked for. */
	progresses = 0;
	probe_with((struct host_opts){.progress = count_progress, .arg = &progresses});
	assert_int_equal(progresses, 0);
	assert_non_null(strstr(host_fact_find(&host, "criu")->value, "not checked"));
	probe_with((struct host_opts){
		.programs = true, .progress = count_progress, .arg = &progresses});
	assert_int_equal(progresses, 1);
	fake_remove(&tree, "bin/criu");
	check("criu", HOST_MISSING, "not installed", "frozen");
	fake_remove(&tree, "run");
	check("systemd", HOST_MISSING, "not running", "slice");
}

/* This machine, as it is: the live probes work, and leave no child and no descriptor behind. */
static void test_this_machine(void **state)
{
	int before = dup(0), after;

	(void)state;
	unsetenv("CEDE_CGROUP_MOUNT");
	host_probe(NULL, &host); /* opens the private procfs for good */
	fd_close(before);
	before = dup(0);
	host_probe(NULL, &host);
	after = dup(0);
	check_all_facts();
	assert_int_equal(host_fact_find(&host, "kernel.syscalls")->verdict, HOST_OK);
	fd_close(before);
	fd_close(after);
	assert_int_equal(after, before + 1);
}

static void test_counters(void **state)
{
	(void)state;
	assert_null(host_fact_find(&host, "counters.psi"));
	probe_with((struct host_opts){.counters = true});
	assert_non_null(host_fact_find(&host, "counters.psi"));
	assert_non_null(host_fact_find(&host, "counters.idle"));
	check_all_facts();
}

#define TREE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_everything_there),
		TREE_TEST(test_nothing_there),
		TREE_TEST(test_kernel),
		TREE_TEST(test_preempt),
		TREE_TEST(test_packed_configuration),
		TREE_TEST(test_scheduler),
		TREE_TEST(test_cgroup),
		TREE_TEST(test_psi),
		TREE_TEST(test_security),
		TREE_TEST(test_machine),
		TREE_TEST(test_state_root),
		TREE_TEST(test_criu),
		TREE_TEST(test_this_machine),
		TREE_TEST(test_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
