/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: linux.resources and linux.seccomp. */
#include "tests/unit/spec_docs.h"

#include <seccomp.h>

/* --- resources ---------------------------------------------------------------------------------
 */

static void test_resources(void **state)
{
	struct spec *s = good(RESOURCES(
		"\"memory\":{\"limit\":536870912,\"reservation\":1,\"swap\":536870912,\"kernel\":-"
		"1,"
		"\"swappiness\":0,\"disableOOMKiller\":false,\"checkBeforeUpdate\":true},"
		"\"cpu\":{\"shares\":1024,\"quota\":1000000,\"burst\":1000000,\"period\":500000,"
		"\"realtimeRuntime\":950000,\"realtimePeriod\":1000000,\"cpus\":\"2-3\",\"mems\":"
		"\"0-7\","
		"\"idle\":1},\"pids\":{\"limit\":0},"
		"\"blockIO\":{\"weight\":10,\"weightDevice\":[{\"major\":8,\"minor\":0,"
		"\"leafWeight\":300}],"
		"\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":600}],"
		"\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":16,\"rate\":300}]},"
		"\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9223372036854772000}],"
		"\"network\":{\"classID\":1048577,\"priorities\":[{\"name\":\"eth0\",\"priority\":"
		"5}]},"
		"\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":10000},\"rxe3\":{"
		"\"hcaObjects\":1}},"
		"\"unified\":{\"memory.high\":\"max\",\"io.max\":\"8:0 rbps=1\\n8:1 rbps=2\"}"));
	const struct spec_resources *r = &s->linux_.resources;

	(void)state;
	assert_true(r->memory.limit.set);
	assert_int_equal(r->memory.limit.val, 536870912);
	assert_int_equal(r->memory.kernel.val, -1);
	assert_true(r->memory.swappiness.set);
	assert_true(r->memory.disable_oom_killer.set && !r->memory.disable_oom_killer.val);
	assert_true(r->memory.check_before_update.val);
	assert_false(r->memory.use_hierarchy.set);
	assert_int_equal(r->cpu.shares.val, 1024);
	assert_int_equal(r->cpu.burst.val, 1000000);
	assert_string_equal(r->cpu.cpus, "2-3");
	assert_true(r->cpu.idle.set);
	assert_int_equal(r->cpu.idle.val, 1);
	assert_true(r->pids_limit.set); /* 0 is a limit */
	assert_int_equal(r->pids_limit.val, 0);
	assert_int_equal(r->block_io.weight.val, 10);
	assert_int_equal(r->block_io.n_weight_devices, 1);
	assert_false(r->block_io.weight_devices[0].weight.set);
	assert_int_equal(r->block_io.weight_devices[0].leaf_weight.val, 300);
	assert_int_equal(r->block_io.read_bps.n, 1);
	assert_int_equal(r->block_io.read_bps.v[0].minor, 1);
	assert_int_equal(r->block_io.write_bps.n, 0);
	assert_int_equal(r->block_io.read_iops.n, 0);
	assert_int_equal(r->block_io.write_iops.v[0].rate, 300);
	assert_string_equal(r->hugepages[0].page_size, "2MB");
	assert_true(r->hugepages[0].limit == 9223372036854772000ULL);
	assert_int_equal(r->net_class_id.val, 1048577);
	assert_string_equal(r->net_priorities[0].name, "eth0");
	assert_int_equal(r->n_rdma, 2);
	assert_string_equal(r->rdma[1].device, "rxe3");
	assert_false(r->rdma[1].hca_handles.set);
	assert_int_equal(r->unified.n, 2);
	assert_string_equal(r->unified.v[1].value, "8:0 rbps=1\n8:1 rbps=2");
	spec_free(s);
}

/* What Docker sends for "no limit". */
static void test_zero_is_not_set(void **state)
{
	struct spec *s = good(RESOURCES("\"memory\":{\"limit\":0,\"swap\":0},\"cpu\":{\"shares\":0,"
					"\"quota\":0,\"period\":0,"
					"\"idle\":0},\"blockIO\":{\"weight\":0}"));
	const struct spec_resources *r = &s->linux_.resources;

	(void)state;
	assert_false(r->memory.limit.set || r->memory.swap.set);
	assert_false(r->cpu.shares.set || r->cpu.quota.set || r->cpu.period.set);
	assert_true(r->cpu.idle.set); /* 0 takes the idle class away */
	assert_false(r->block_io.weight.set);
	spec_free(s);
}

static void test_resources_errors(void **state)
{
	static const struct bad_row rows[] = {
		{RESOURCES("\"memory\":{\"limit\":\"1G\"}"),
		 "linux.resources.memory.limit: expected integer, found string"},
		{RESOURCES("\"memory\":{\"limit\":-2}"),
		 "linux.resources.memory.limit: must be between -1 and 9223372036854775807, found "
		 "-2"},
		{RESOURCES("\"memory\":{\"limit\":9223372036854775808}"),
		 "linux.resources.memory.limit: must be between -1 and 9223372036854775807, found "
		 "9223372036854775808"},
		{RESOURCES("\"memory\":{\"swappiness\":101}"),
		 "linux.resources.memory.swappiness: must be between 0 and 100, found 101"},
		{RESOURCES("\"memory\":{\"limit\":10,\"swap\":9}"),
		 "linux.resources.memory.swap: memory+swap 9 is below the memory limit 10"},
		{RESOURCES("\"memory\":{\"limit\":-1,\"swap\":9}"),
		 "linux.resources.memory.swap: memory+swap 9 is below the memory limit -1"},
		{RESOURCES("\"cpu\":{\"idle\":2}"),
		 "linux.resources.cpu.idle: must be between 0 and 1, found 2"},
		{RESOURCES("\"cpu\":{\"period\":999}"),
		 "linux.resources.cpu.period: must be between 1000 and 1000000 microseconds, found "
		 "999"},
		{RESOURCES("\"cpu\":{\"quota\":999}"),
		 "linux.resources.cpu.quota: must be at least 1000 microseconds, found 999"},
		{RESOURCES("\"cpu\":{\"quota\":1000,\"burst\":1001}"),
		 "linux.resources.cpu.burst: 1001 is above the quota 1000"},
		{RESOURCES("\"cpu\":{\"cpus\":\"a\"}"),
		 "linux.resources.cpu.cpus: expected a list like \"0-3,7\", found \"a\""},
		{RESOURCES("\"pids\":{\"limit\":-2}"),
		 "linux.resources.pids.limit: must be between -1 and 9223372036854775807, found "
		 "-2"},
		{RESOURCES("\"devices\":[{\"access\":\"rwm\"}]"),
		 "linux.resources.devices[0].allow: required but missing"},
		{RESOURCES("\"devices\":[{\"allow\":true,\"access\":\"rx\"}]"),
		 "linux.resources.devices[0].access: expected letters out of \"rwm\", found "
		 "\"rx\""},
		{RESOURCES("\"devices\":[{\"allow\":true,\"type\":\"u\"}]"),
		 "linux.resources.devices[0].type: unknown device type \"u\" (known: a, b, c)"},
		{RESOURCES("\"devices\":[{\"allow\":true,\"major\":-2}]"),
		 "linux.resources.devices[0].major: must be between -1 and 4095, found -2"},
		{RESOURCES("\"blockIO\":{\"weight\":9}"),
		 "linux.resources.blockIO.weight: must be between 10 and 1000, found 9"},
		{RESOURCES("\"blockIO\":{\"weight\":1001}"),
		 "linux.resources.blockIO.weight: must be between 0 and 1000, found 1001"},
		{RESOURCES("\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":0}]}"),
		 "linux.resources.blockIO.weightDevice[0]: needs a weight or a leafWeight"},
		{RESOURCES("\"blockIO\":{\"throttleReadIOPSDevice\":[{\"major\":8,\"minor\":0}]}"),
		 "linux.resources.blockIO.throttleReadIOPSDevice[0].rate: required but missing"},
		{RESOURCES("\"hugepageLimits\":[{\"limit\":1234123,\"pageSize\":\"64kB\"}]"),
		 "linux.resources.hugepageLimits[0].pageSize: expected a size like \"64KB\", "
		 "\"2MB\" "
		 "or \"1GB\", found \"64kB\""},
		{RESOURCES("\"hugepageLimits\":[{\"limit\":1,\"pageSize\":\"../../x\"}]"),
		 "linux.resources.hugepageLimits[0].pageSize: expected a size like \"64KB\", "
		 "\"2MB\" "
		 "or \"1GB\", found \"../../x\""},
		{RESOURCES("\"hugepageLimits\":[{\"pageSize\":\"2MB\"}]"),
		 "linux.resources.hugepageLimits[0].limit: required but missing"},
		{RESOURCES("\"network\":{\"classID\":4294967296}"),
		 "linux.resources.network.classID: must be between 0 and 4294967295, found "
		 "4294967296"},
		{RESOURCES("\"network\":{\"priorities\":[{\"priority\":1}]}"),
		 "linux.resources.network.priorities[0].name: required but missing"},
		{RESOURCES("\"rdma\":{\"mlx5_1\":{\"hcaHandles\":\"not a uint32\"}}"),
		 "linux.resources.rdma.mlx5_1.hcaHandles: expected integer, found string"},
		{RESOURCES("\"rdma\":{\"mlx5_1\":{}}"),
		 "linux.resources.rdma.mlx5_1: needs hcaHandles or hcaObjects"},
		{RESOURCES("\"rdma\":{\"a b\":{\"hcaObjects\":1}}"),
		 "linux.resources.rdma: \"a b\" is not a name for a device"},
		{RESOURCES("\"unified\":{\"a/b\":\"1\"}"),
		 "linux.resources.unified: \"a/b\" is not the name of a file"},
		{RESOURCES("\"unified\":{\"..\":\"1\"}"),
		 "linux.resources.unified: \"..\" is not the name of a file"},
		{RESOURCES("\"unified\":{\"\":\"1\"}"),
		 "linux.resources.unified: has an empty key"},
		{RESOURCES("\"unified\":{\"cgroup.procs\":\"1\"}"),
		 "linux.resources.unified: \"cgroup.procs\" is the runtime's own"},
		{RESOURCES("\"unified\":{\"memory.high\":1}"),
		 "linux.resources.unified[\"memory.high\"]: expected string, found number"},
	};

	(void)state;
	ASSERT_ALL_BAD(rows);
}

static void test_device_rules(void **state)
{
	struct spec *s = good(RESOURCES(
		"\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\","
		"\"major\":10,\"minor\":229,\"access\":\"mr\"},{\"allow\":true,\"type\":\"b\","
		"\"major\":-1},"
		"{\"allow\":true,\"type\":\"\"}]"));
	const struct spec_device_rule *d = s->linux_.resources.devices;

	(void)state;
	assert_int_equal(s->linux_.resources.n_devices, 4);
	assert_int_equal(d[0].type, 'a');
	assert_true(!d[0].allow && d[0].read && d[0].write && d[0].mknod);
	assert_false(d[0].major.set || d[0].minor.set);
	assert_int_equal(d[1].major.val, 10);
	assert_int_equal(d[1].minor.val, 229);
	assert_true(d[1].read && !d[1].write && d[1].mknod);
	assert_int_equal(d[2].type, 'b');
	assert_false(d[2].major.set);
	assert_true(d[2].read && d[2].write && d[2].mknod);
	assert_int_equal(d[3].type, 'a');
	spec_free(s);
}

/* --- seccomp -----------------------------------------------------------------------------------
 */

static void test_seccomp(void **state)
{
	struct spec *s = good(LINUX(
		"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
		"\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X32\"],"
		"\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"listenerPath\":\"/run/agent\","
		"\"listenerMetadata\":\"m\",\"syscalls\":["
		"{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":7,\"args\":[{"
		"\"index\":5,\"value\":18446744073709551615,\"valueTwo\":3,\"op\":\"SCMP_CMP_"
		"MASKED_EQ\"}]},"
		"{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}"));
	const struct spec_seccomp *f = s->linux_.seccomp;

	(void)state;
	assert_int_equal(f->default_action, SCMP_ACT_ERRNO(0));
	assert_int_equal(f->default_errno_ret.val, 38);
	assert_int_equal(f->n_architectures, 2);
	assert_int_equal(f->architectures[0], SCMP_ARCH_X86_64);
	assert_int_equal(f->architectures[1], SCMP_ARCH_X32);
	assert_string_equal(f->flags.v[0], "SECCOMP_FILTER_FLAG_LOG");
	assert_string_equal(f->listener_path, "/run/agent");
	assert_string_equal(f->listener_metadata, "m");
	assert_int_equal(f->n_rules, 3);
	assert_int_equal(f->rules[0].action, SCMP_ACT_ALLOW);
	assert_int_equal(f->rules[0].names.n, 2);
	assert_int_equal(f->rules[1].action, SCMP_ACT_TRACE(0));
	assert_int_equal(f->rules[1].errno_ret.val, 7);
	assert_int_equal(f->rules[1].args[0].index, 5);
	assert_true(f->rules[1].args[0].value == UINT64_MAX);
	assert_int_equal(f->rules[1].args[0].value_two, 3);
	assert_int_equal(f->rules[1].args[0].op, SCMP_CMP_MASKED_EQ);
	assert_int_equal(f->rules[2].action, SCMP_ACT_NOTIFY);
	assert_string_equal(f->text, "default 50000 errno 38\n"
				     "arch c000003e 4000003e\n"
				     "flags SECCOMP_FILTER_FLAG_LOG\n"
				     "rule 7fff0000: read write\n"
				     "rule 7ff00000 errno 7 arg 5 7 ffffffffffffffff 3: clone\n"
				     "rule 7fc00000: mkdir\n");
	assert_int_equal(f->text_len, strlen(f->text));
	spec_free(s);
}

static void assert_same_text(const char *a, const char *b, bool same)
{
	struct spec *x = good(a), *y = good(b);

	if (streq(x->linux_.seccomp->text, y->linux_.seccomp->text) != same)
		fail_msg("%s and %s: %s", a, b, x->linux_.seccomp->text);
	spec_free(x);
	spec_free(y);
}

/* The text is the key of the filter cache: the same for the same filter however it is spelled, and
 * never the same for another one. */
static void test_seccomp_text(void **state)
{
	static const char one[] = RULE("\"names\":[\"a\",\"b\"],\"action\":\"SCMP_ACT_KILL\"");

	(void)state;
	assert_same_text(one,
			 RULE(" \"action\" : \"SCMP_ACT_KILL_THREAD\", \"names\":[\"a\",\"b\"],"
			      "\"comment\":\"x\",\"args\":null"),
			 true);
	assert_same_text(one, RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\""), false);
	assert_same_text(one, RULE("\"names\":[\"a\",\"b\"],\"action\":\"SCMP_ACT_KILL_PROCESS\""),
			 false);
	assert_same_text(one,
			 SECCOMP(",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"syscalls\":[{"
				 "\"names\":[\"a\",\"b\"],\"action\":\"SCMP_ACT_KILL\"}]"),
			 false);
	assert_same_text(one,
			 SECCOMP(",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\"},"
				 "{\"names\":[\"b\"],\"action\":\"SCMP_ACT_KILL\"}]"),
			 false);
	assert_same_text(RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_ERRNO\""),
			 RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":0"),
			 false);
}

static void test_seccomp_errors(void **state)
{
	static const struct bad_row rows[] = {
		{LINUX("\"seccomp\":{}"), "linux.seccomp.defaultAction: required but missing"},
		{LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_PANIC\"}"),
		 "linux.seccomp.defaultAction: unknown value \"SCMP_ACT_PANIC\" (known: "
		 "SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, "
		 "SCMP_ACT_KILL_THREAD, SCMP_ACT_LOG, SCMP_ACT_NOTIFY, SCMP_ACT_TRACE, "
		 "SCMP_ACT_TRAP)"},
		{LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\",\"listenerPath\":\"/"
		       "x\"}"),
		 "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY is not possible as the default"},
		{LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}"),
		 "linux.seccomp.defaultErrnoRet: is only possible with SCMP_ACT_ERRNO and "
		 "SCMP_ACT_TRACE"},
		{SECCOMP(",\"defaultErrnoRet\":4096"),
		 "linux.seccomp.defaultErrnoRet: must be between 0 and 4095, found 4096"},
		{SECCOMP(",\"architectures\":[\"SCMP_ARCH_Z80\"]"),
		 "linux.seccomp.architectures[0]: unknown value \"SCMP_ARCH_Z80\""},
		{SECCOMP(",\"flags\":[\"SECCOMP_FILTER_FLAG_NEW_LISTENER\"]"),
		 "linux.seccomp.flags[0]: unknown value \"SECCOMP_FILTER_FLAG_NEW_LISTENER\" "
		 "(known: "
		 "SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_LOG, "
		 "SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)"},
		{SECCOMP(",\"listenerMetadata\":\"x\""),
		 "linux.seccomp.listenerMetadata: must not be set without listenerPath"},
		{SECCOMP(",\"listenerPath\":\"x\""),
		 "linux.seccomp.listenerPath: must be an absolute path, found \"x\""},
		{RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\""),
		 "linux.seccomp.listenerPath: required with SCMP_ACT_NOTIFY"},
		{RULE("\"action\":\"SCMP_ACT_ALLOW\""),
		 "linux.seccomp.syscalls[0].names: required but missing"},
		{RULE("\"names\":[],\"action\":\"SCMP_ACT_ALLOW\""),
		 "linux.seccomp.syscalls[0].names: at least one entry is required"},
		{RULE("\"names\":[\"a\",\"b c\"],\"action\":\"SCMP_ACT_ALLOW\""),
		 "linux.seccomp.syscalls[0].names[1]: \"b c\" is not the name of a system call"},
		{RULE("\"names\":[\"a\"]"),
		 "linux.seccomp.syscalls[0].action: required but missing"},
		{RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"errnoRet\":1"),
		 "linux.seccomp.syscalls[0].errnoRet: is only possible with SCMP_ACT_ERRNO and "
		 "SCMP_ACT_TRACE"},
		{RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":6,"
		      "\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]"),
		 "linux.seccomp.syscalls[0].args[0].index: must be between 0 and 5, found 6"},
		{RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,"
		      "\"value\":1}]"),
		 "linux.seccomp.syscalls[0].args[0].op: required but missing"},
		{RULE("\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,"
		      "\"value\":1,\"op\":\"==\"}]"),
		 "linux.seccomp.syscalls[0].args[0].op: unknown value \"==\" (known: SCMP_CMP_EQ, "
		 "SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_LE, SCMP_CMP_LT, SCMP_CMP_MASKED_EQ, "
		 "SCMP_CMP_NE)"},
	};

	(void)state;
	ASSERT_ALL_BAD(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resources),	 cmocka_unit_test(test_zero_is_not_set),
		cmocka_unit_test(test_resources_errors), cmocka_unit_test(test_device_rules),
		cmocka_unit_test(test_seccomp),		 cmocka_unit_test(test_seccomp_text),
		cmocka_unit_test(test_seccomp_errors),
	};

	return cmocka_run_group_tests_name("spec_resources", tests, NULL, NULL);
}
