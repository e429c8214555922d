/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: linux, without resources and seccomp. */
#include "tests/unit/spec_docs.h"

#include <linux/sched.h>
#include <sys/mount.h>

/* --- linux -------------------------------------------------------------------------------------
 */

static void test_namespaces(void **state)
{
	static const struct bad_row rows[] = {
		{LINUX(NS(T("pid") "," T("mount") "," T("uts") "," T("pid"))),
		 "linux.namespaces[3]: duplicated type \"pid\""},
		{LINUX(NS(T("net"))),
		 "linux.namespaces[0].type: unknown value \"net\" (known: cgroup, ipc, mount, "
		 "network, pid, time, user, uts)"},
		{LINUX(NS("{\"path\":\"/x\"}")), "linux.namespaces[0].type: required but missing"},
		{LINUX(NS("{\"type\":\"ipc\",\"path\":\"x\"}")),
		 "linux.namespaces[0].path: must be an absolute path, found \"x\""},
		{LINUX(NS("\"pid\"")), "linux.namespaces[0]: expected object, found string"},
		{LINUX("\"namespaces\":{}"),
		 "linux.namespaces: expected array of objects, found object"},
	};
	static const struct {
		const char *name, *proc_name;
		int flag;
	} kinds[NS_KINDS] = {
		[NS_USER] = {"user", "user", CLONE_NEWUSER},
		[NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
		[NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},
		[NS_UTS] = {"uts", "uts", CLONE_NEWUTS},
		[NS_NETWORK] = {"network", "net", CLONE_NEWNET},
		[NS_PID] = {"pid", "pid", CLONE_NEWPID},
		[NS_MOUNT] = {"mount", "mnt", CLONE_NEWNS},
		[NS_TIME] = {"time", "time", CLONE_NEWTIME},
	};
	struct spec *s = good(LINUX(NS(T("pid") "," T("network") "," T("mount") "," T("ipc") "," T(
		"uts") "," T("cgroup") "," T("time") ",{\"type\":\"user\",\"path\":\"/proc/1/ns/"
						     "user\"}")));

	(void)state;
	for (int k = 0; k < NS_KINDS; k++) {
		assert_true(s->linux_.namespaces[k].wanted);
		if (k == NS_USER)
			assert_string_equal(s->linux_.namespaces[k].path, "/proc/1/ns/user");
		else
			assert_null(s->linux_.namespaces[k].path);
		assert_string_equal(spec_ns_name((enum spec_ns_kind)k), kinds[k].name);
		assert_string_equal(spec_ns_proc_name((enum spec_ns_kind)k), kinds[k].proc_name);
		assert_int_equal(spec_ns_clone_flag((enum spec_ns_kind)k), kinds[k].flag);
	}
	spec_free(s);
	assert_good(LINUX(NS("{\"type\":\"ipc\",\"path\":\"\"}")));
	ASSERT_ALL_BAD(rows);
}

#define MAPS(c, h, n) "\"uidMappings\":[" MAP(c, h, n) "],\"gidMappings\":[" MAP(c, h, n) "]"

static void test_user_namespace(void **state)
{
	static const struct bad_row rows[] = {
		{LINUX(MAPS(0, 1000, 1)), "linux.uidMappings: mappings without a user namespace"},
		{LINUX("\"gidMappings\":[" MAP(0, 1, 1) "]"),
		 "linux.gidMappings: mappings without a user namespace"},
		{LINUX(NS(T("user"))), "linux.uidMappings: a new user namespace needs mappings"},
		{LINUX(NS(T("user")) ",\"uidMappings\":[" MAP(0, 1, 1) "]"),
		 "linux.gidMappings: a new user namespace needs mappings"},
		{LINUX(NS(T("user")) ",\"uidMappings\":[{\"containerID\":0,\"hostID\":1}]"),
		 "linux.uidMappings[0].size: required but missing"},
		{LINUX(NS(T("user")) "," MAPS(0, 4294967290, 6)),
		 "linux.uidMappings[0]: the range of 6 ids goes beyond the last one"},
		{LINUX(NS(T("user")) "," MAPS(4294967295, 0, 1)),
		 "linux.uidMappings[0]: the range of 1 ids goes beyond the last one"},
		{LINUX(NS(T("user")) ",\"uidMappings\":[" MAP(0, 1000, 10) "," MAP(9, 5000, 1) "]"),
		 "linux.uidMappings[1]: overlaps mapping 0"},
		{LINUX(NS(T("user")) ",\"uidMappings\":[" MAP(0, 1000, 10) "," MAP(50, 1009,
										   1) "]"),
		 "linux.uidMappings[1]: overlaps mapping 0"},
		{LINUX(NS(T("user")) ",\"uidMappings\":[" MAP(50, 1000, 10) "," MAP(41, 1, 10) "]"),
		 "linux.uidMappings[1]: overlaps mapping 0"},
	};
	struct strbuf sb = STRBUF_INIT;
	struct spec *s = good(LINUX(NS(T("user")) "," MAPS(0, 4294967290, 5)));

	(void)state;
	assert_int_equal(s->linux_.uid_mappings.n, 1);
	assert_int_equal(s->linux_.gid_mappings.v[0].host_id, 4294967290u);
	spec_free(s);
	assert_good(
		LINUX(NS("{\"type\":\"user\",\"path\":\"/u\"}"))); /* joined: has them already */
	assert_good(LINUX(NS("{\"type\":\"user\",\"path\":\"/u\"}") "," MAPS(0, 1, 1)));
	assert_good(DOC(
		",\"linux\":{" NS(T("user")) "," MAPS(0, 1, 1) "},\"mounts\":[{\"destination\":"
							       "\"/d\",\"options\":[\"idmap\"]}]"));
	ASSERT_ALL_BAD(rows);
	strbuf_adds(
		&sb,
		"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"uidMappings\":[");
	for (int i = 0; i < 341; i++)
		strbuf_addf(&sb, "%s{\"containerID\":%d,\"hostID\":%d,\"size\":1}", i ? "," : "", i,
			    i);
	strbuf_adds(&sb, "]}}");
	assert_bad(strbuf_str(&sb),
		   "linux.uidMappings: 341 mappings; the kernel takes at most 340");
	strbuf_free(&sb);
}

static void test_uts_and_time(void **state)
{
	static const struct bad_row rows[] = {
		{DOC(",\"hostname\":\"h\""), "hostname: needs a uts namespace"},
		{DOC(",\"domainname\":\"h\""), "domainname: needs a uts namespace"},
		{DOC(",\"linux\":{" NS(T("uts")) "},\"hostname\":\"12345678901234567890123456789012"
						 "345678901234567890123456789012345\""),
		 "hostname: longer than 64 bytes"},
		{LINUX("\"timeOffsets\":{\"boottime\":{\"secs\":1}}"),
		 "linux.timeOffsets: needs a time namespace"},
		{LINUX(NS("{\"type\":\"time\",\"path\":\"/t\"}") ",\"timeOffsets\":{\"boottime\":{}"
								 "}"),
		 "linux.timeOffsets: not possible in a time namespace that is joined"},
		{LINUX(NS(T("time")) ",\"timeOffsets\":{\"realtime\":{\"secs\":1}}"),
		 "linux.timeOffsets.realtime: unknown clock (known: monotonic, boottime)"},
		{LINUX(NS(T("time")) ",\"timeOffsets\":{\"monotonic\":{\"nanosecs\":1000000000}}"),
		 "linux.timeOffsets.monotonic.nanosecs: must be between 0 and 999999999, found "
		 "1000000000"},
	};
	struct spec *s =
		good(DOC(",\"hostname\":\"h\",\"domainname\":\"d\",\"linux\":{" NS(T("uts") "," T(
			"time")) ",\"timeOffsets\":{\"monotonic\":{\"secs\":-5,\"nanosecs\":7}}}"));

	(void)state;
	assert_string_equal(s->hostname, "h");
	assert_string_equal(s->domainname, "d");
	assert_true(s->linux_.offset_monotonic.set);
	assert_int_equal(s->linux_.offset_monotonic.secs, -5);
	assert_int_equal(s->linux_.offset_monotonic.nanosecs, 7);
	assert_false(s->linux_.offset_boottime.set);
	spec_free(s);
	assert_good(DOC(",\"hostname\":\"\"")); /* not given */
	ASSERT_ALL_BAD(rows);
}

static void test_devices(void **state)
{
	static const struct bad_row rows[] = {
		{LINUX("\"devices\":[{\"path\":\"/dev/x\"}]"),
		 "linux.devices[0].type: required but missing"},
		{LINUX("\"devices\":[{\"type\":\"c\",\"major\":1,\"minor\":3}]"),
		 "linux.devices[0].path: required but missing"},
		{LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"dev/x\",\"major\":1,\"minor\":3}]"),
		 "linux.devices[0].path: must be an absolute path, found \"dev/x\""},
		{LINUX("\"devices\":[{\"type\":\"x\",\"path\":\"/dev/x\"}]"),
		 "linux.devices[0].type: unknown device type \"x\" (known: c, b, u, p)"},
		{LINUX("\"devices\":[{\"type\":\"b\",\"path\":\"/dev/x\",\"major\":1}]"),
		 "linux.devices[0].minor: required but missing"},
		{LINUX("\"devices\":[{\"type\":\"b\",\"path\":\"/dev/x\",\"minor\":1}]"),
		 "linux.devices[0].major: required but missing"},
		{LINUX("\"devices\":[{\"type\":\"b\",\"path\":\"/dev/"
		       "x\",\"major\":4096,\"minor\":1}]"),
		 "linux.devices[0].major: must be between 0 and 4095, found 4096"},
		{LINUX("\"devices\":[{\"type\":\"p\",\"path\":\"/x\",\"fileMode\":65536}]"),
		 "linux.devices[0].fileMode: must be between 0 and 65535, found 65536"},
	};
	struct spec *s = good(LINUX(
		"\"devices\":[{\"type\":\"u\",\"path\":\"/dev/fuse\",\"major\":10,\"minor\":229,"
		"\"fileMode\":8630,\"uid\":1,\"gid\":2},{\"type\":\"p\",\"path\":\"/pipe\"}]"));
	const struct spec_device *d = s->linux_.devices;

	(void)state;
	assert_int_equal(s->linux_.n_devices, 2);
	assert_int_equal(d[0].type, 'c');
	assert_int_equal(d[0].major, 10);
	assert_int_equal(d[0].minor, 229);
	assert_int_equal(d[0].mode, 0666); /* the document has the file type in it */
	assert_int_equal(d[0].uid, 1);
	assert_int_equal(d[0].gid, 2);
	assert_int_equal(d[1].type, 'p');
	assert_int_equal(d[1].mode, 0666);
	assert_int_equal(d[1].major, 0);
	spec_free(s);
	ASSERT_ALL_BAD(rows);
}

static void test_net_devices(void **state)
{
	static const struct bad_row rows[] = {
		{LINUX("\"netDevices\":{\"eth0\":{}}"),
		 "linux.netDevices: needs a network namespace"},
		{LINUX("\"netDevices\":{\"eth0\":{\"name\":23}}"),
		 "linux.netDevices.eth0.name: expected string, found number"},
		{LINUX("\"netDevices\":{\"eth0\":{\"name\":\"a/b\"}}"),
		 "linux.netDevices.eth0.name: \"a/b\" is not a name for a network device"},
		{LINUX("\"netDevices\":{\"eth0\":{\"name\":\"eth%s\"}}"),
		 "linux.netDevices.eth0.name: \"eth%s\" is not a name for a network device"},
		{LINUX("\"netDevices\":{\"a\":{\"name\":\"x\"},\"b\":{},\"x\":{}}"),
		 "linux.netDevices.x: the name \"x\" is taken by \"a\""},
		{LINUX("\"netDevices\":{\"..\":{}}"),
		 "linux.netDevices: \"..\" is not a name for a network device"},
		{LINUX("\"netDevices\":{\"sixteen-letters-\":{}}"),
		 "linux.netDevices: \"sixteen-letters-\" is not a name for a network device"},
		{LINUX("\"netDevices\":[]"), "linux.netDevices: expected object, found array"},
	};
	struct spec *s = good(LINUX(NS(T("network")) ",\"netDevices\":{\"eth0\":{\"name\":"
						     "\"container_eth0\"},\"ens4\":{\"name\":\"e%"
						     "d\"},\"ens5\":{\"name\":\"e%d\"},\"e\":{}}"));

	(void)state;
	assert_int_equal(s->linux_.n_net_devices, 4);
	assert_string_equal(s->linux_.net_devices[0].host_name, "eth0");
	assert_string_equal(s->linux_.net_devices[0].name, "container_eth0");
	assert_string_equal(s->linux_.net_devices[1].name, "e%d");
	assert_null(s->linux_.net_devices[3].name);
	spec_free(s);
	ASSERT_ALL_BAD(rows);
}

static void test_sysctl(void **state)
{
	static const struct bad_row rows[] = {
		{LINUX("\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}"),
		 "linux.sysctl: \"net.ipv4.ip_forward\" needs a namespace of type network"},
		{LINUX("\"sysctl\":{\"net/ipv4/ip_forward\":\"1\"}"),
		 "linux.sysctl: \"net/ipv4/ip_forward\" needs a namespace of type network"},
		{LINUX("\"sysctl\":{\"kernel.shmmax\":\"1\"}"),
		 "linux.sysctl: \"kernel.shmmax\" needs a namespace of type ipc"},
		{LINUX("\"sysctl\":{\"fs.mqueue.msg_max\":\"1\"}"),
		 "linux.sysctl: \"fs.mqueue.msg_max\" needs a namespace of type ipc"},
		{LINUX("\"sysctl\":{\"kernel.hostname\":\"x\"}"),
		 "linux.sysctl: \"kernel.hostname\" needs a namespace of type uts"},
		{LINUX("\"sysctl\":{\"vm.swappiness\":\"1\"}"),
		 "linux.sysctl: \"vm.swappiness\" is not known as a parameter of a "
		 "namespace, which could be set for the container alone"},
		{LINUX("\"sysctl\":{\"kernel.shmmax.x\":\"1\"}"),
		 "linux.sysctl: \"kernel.shmmax.x\" is not known as a parameter of a "
		 "namespace, which could be set for the container alone"},
		{LINUX(NS(T("network")) ",\"sysctl\":{\"net.//.kernel.core_pattern\":\"1\"}"),
		 "linux.sysctl: \"net.//.kernel.core_pattern\" is not the name of a kernel "
		 "parameter"},
		{LINUX(NS(T("network")) ",\"sysctl\":{\"net/../kernel/core_pattern\":\"1\"}"),
		 "linux.sysctl: \"net/../kernel/core_pattern\" is not the name of a kernel "
		 "parameter"},
		{LINUX(NS(T("network")) ",\"sysctl\":{\"/net/x\":\"1\"}"),
		 "linux.sysctl: \"/net/x\" is not the name of a kernel parameter"},
		{LINUX(NS(T("network")) ",\"sysctl\":{\"net.\":\"1\"}"),
		 "linux.sysctl: \"net.\" is not the name of a kernel parameter"},
		{LINUX("\"sysctl\":{\"a.b\":1}"),
		 "linux.sysctl[\"a.b\"]: expected string, found number"},
		{LINUX("\"sysctl\":{\"\":\"1\"}"), "linux.sysctl: has an empty key"},
	};
	struct spec *s = good(LINUX(NS(T("network") "," T("ipc") "," T(
		"uts")) ",\"sysctl\":{"
			"\"net.ipv4.conf.eth0/1.mtu\":\"1\",\"net/core/somaxconn\":\"2\","
			"\"kernel.sem\":\"1 2 3 4\",\"fs.mqueue.msg_max\":\"5\","
			"\"kernel.domainname\":\"d\"}"));

	(void)state;
	assert_int_equal(s->linux_.sysctl.n, 5);
	assert_string_equal(s->linux_.sysctl.v[2].key, "kernel.sem");
	assert_string_equal(s->linux_.sysctl.v[2].value, "1 2 3 4");
	spec_free(s);
	ASSERT_ALL_BAD(rows);
}

static void test_paths_and_propagation(void **state)
{
	static const struct bad_row rows[] = {
		{LINUX("\"maskedPaths\":[\"/a\",\"b\"]"),
		 "linux.maskedPaths[1]: must be an absolute path, found \"b\""},
		{LINUX("\"readonlyPaths\":[\"\"]"),
		 "linux.readonlyPaths[0]: must be an absolute path, found \"\""},
		{LINUX("\"rootfsPropagation\":\"hidden\""),
		 "linux.rootfsPropagation: unknown value \"hidden\" (known: private, rprivate, "
		 "shared, rshared, slave, rslave, unbindable, runbindable)"},
		{LINUX("\"cgroupsPath\":\"/a/../../b\""),
		 "linux.cgroupsPath: must not contain \"..\", found \"/a/../../b\""},
		{LINUX("\"cgroupsPath\":\"..\""),
		 "linux.cgroupsPath: must not contain \"..\", found \"..\""},
		{LINUX("\"mountLabel\":1"), "linux.mountLabel: expected string, found number"},
	};
	struct spec *s = good(LINUX(
		"\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\",\"/proc/bus\"],"
		"\"rootfsPropagation\":\"rslave\",\"cgroupsPath\":\"/a..b/..c/d..\",\"mountLabel\":"
		"\"system_u:x\""));

	(void)state;
	assert_int_equal(s->linux_.masked_paths.n, 1);
	assert_int_equal(s->linux_.readonly_paths.n, 2);
	assert_string_equal(s->linux_.rootfs_propagation, "rslave");
	assert_true(spec_propagation_flags(s->linux_.rootfs_propagation) == (MS_SLAVE | MS_REC));
	assert_true(spec_propagation_flags(NULL) == 0);
	assert_string_equal(s->linux_.cgroups_path, "/a..b/..c/d..");
	assert_string_equal(s->linux_.mount_label, "system_u:x");
	spec_free(s);
	s = good(LINUX("\"rootfsPropagation\":\"\",\"cgroupsPath\":\"\""));
	assert_null(s->linux_.rootfs_propagation);
	assert_null(s->linux_.cgroups_path);
	spec_free(s);
	ASSERT_ALL_BAD(rows);
}

static void test_rdt_policy_personality(void **state)
{
	static const struct bad_row rows[] = {
		{LINUX("\"intelRdt\":{\"closID\":\"a/b\"}"),
		 "linux.intelRdt.closID: must be one directory name or \"/\", found \"a/b\""},
		{LINUX("\"intelRdt\":{\"closID\":\"..\"}"),
		 "linux.intelRdt.closID: must be one directory name or \"/\", found \"..\""},
		{LINUX("\"intelRdt\":{\"memBwSchema\":\"L3:0=7\"}"),
		 "linux.intelRdt.memBwSchema: must be one line starting with \"MB:\", found "
		 "\"L3:0=7\""},
		{LINUX("\"intelRdt\":{\"schemata\":[\"L3:0=7\\nMB:0=1\"]}"),
		 "linux.intelRdt.schemata[0]: must be one line"},
		{LINUX("\"intelRdt\":{\"l3CacheSchema\":\"L3:\\n\"}"),
		 "linux.intelRdt.l3CacheSchema: must be one line"},
		{LINUX("\"memoryPolicy\":{}"), "linux.memoryPolicy.mode: required but missing"},
		{LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}"),
		 "linux.memoryPolicy.nodes: MPOL_BIND needs at least one node"},
		{LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\",\"nodes\":\"0\"}"),
		 "linux.memoryPolicy.nodes: MPOL_LOCAL takes no nodes"},
		{LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0,\"}"),
		 "linux.memoryPolicy.nodes: expected a list like \"0-3,7\", found \"0,\""},
		{LINUX("\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":["
		       "\"MPOL_F_STATIC_NODES\",\"MPOL_F_RELATIVE_NODES\"]}"),
		 "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude "
		 "each other"},
		{LINUX("\"memoryPolicy\":{\"mode\":\"BIND\"}"),
		 "linux.memoryPolicy.mode: unknown value \"BIND\" (known: MPOL_DEFAULT, MPOL_BIND, "
		 "MPOL_INTERLEAVE, MPOL_WEIGHTED_INTERLEAVE, MPOL_PREFERRED, MPOL_PREFERRED_MANY, "
		 "MPOL_LOCAL)"},
		{LINUX("\"personality\":{}"), "linux.personality.domain: required but missing"},
		{LINUX("\"personality\":{\"domain\":\"SVR4\"}"),
		 "linux.personality.domain: unknown value \"SVR4\" (known: LINUX, LINUX32)"},
		{LINUX("\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"X\"]}"),
		 "linux.personality.flags: unknown value \"X\" (none is known)"},
	};
	struct spec *s = good(
		LINUX("\"intelRdt\":{\"closID\":\"g\",\"schemata\":[\"L3:0=7f0\"],"
		      "\"enableMonitoring\":true},"
		      "\"memoryPolicy\":{\"mode\":\"MPOL_INTERLEAVE\",\"nodes\":\"2-3\",\"flags\":["
		      "\"MPOL_F_STATIC_NODES\"]},\"personality\":{\"domain\":\"LINUX32\"}"));

	(void)state;
	assert_true(s->linux_.intel_rdt.set && s->linux_.intel_rdt.enable_monitoring);
	assert_string_equal(s->linux_.intel_rdt.clos_id, "g");
	assert_int_equal(s->linux_.intel_rdt.schemata.n, 1);
	assert_true(s->linux_.memory_policy.set);
	assert_int_equal(s->linux_.memory_policy.mode, 3);
	assert_int_equal(s->linux_.memory_policy.flags, 1 << 15);
	assert_string_equal(s->linux_.memory_policy.nodes, "2-3");
	assert_true(s->linux_.personality.set);
	assert_int_equal(s->linux_.personality.domain, 8);
	spec_free(s);
	assert_good(LINUX("\"intelRdt\":{\"closID\":\"/\"}"));
	ASSERT_ALL_BAD(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_user_namespace),
		cmocka_unit_test(test_uts_and_time),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_net_devices),
		cmocka_unit_test(test_sysctl),
		cmocka_unit_test(test_paths_and_propagation),
		cmocka_unit_test(test_rdt_policy_personality),
	};

	return cmocka_run_group_tests_name("spec_linux", tests, NULL, NULL);
}
