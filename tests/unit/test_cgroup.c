/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cgroup: paths, the conversion of linux.resources, and writing it to a fake group. */
#include "tests/unit/capture_log.h"

#include <math.h>

#include "base/str.h"
#include "runtime/cgroup_internal.h"

#define SET(v)                                                                                     \
	{                                                                                          \
		true, (v)                                                                          \
	}

static void test_path(void **state)
{
	static const struct {
		const char *given, *path;
	} good[] = {
		{NULL, "/cede.slice/box"},
		{"", "/cede.slice/box"},
		{"a", "/cede.slice/a"},
		{"a/b", "/cede.slice/a/b"},
		{"./a//b/", "/cede.slice/a/b"},
		{"/kubepods/pod1/c1", "/kubepods/pod1/c1"},
		{"//x/", "/x"},
		{"/cede.slice/x", "/cede.slice/x"},
		{"/...", "/..."},
	};
	static const char *const bad[] = {"/",	  "//",		 "/./", "..",		"/a/../b",
					  "a/..", "/cede.slice", ".",	"/cede.slice/."};
	struct err e = ERR_INIT;
	char buf[1024], longest[2000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (cgroup_path(good[i].given, "box", buf, sizeof(buf), &e) < 0)
			fail_msg("%s: %s", good[i].given, e.msg);
		assert_string_equal(buf, good[i].path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (cgroup_path(bad[i], "box", buf, sizeof(buf), &e) != -EINVAL)
			fail_msg("%s was taken: %s", bad[i], buf);
		assert_ptr_equal(strstr(e.msg, "linux.cgroupsPath: "), e.msg);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(cgroup_path(longest, "box", buf, sizeof(buf), &e), -ENAMETOOLONG);
	assert_true(cg_in_slice("/cede.slice/x") && cg_in_slice("cede.slice/x/y"));
	assert_false(cg_in_slice("/cede.slice") || cg_in_slice("/cede.slicer/x") ||
		     cg_in_slice("/a/cede.slice/x"));
}

/* Every value, against the formula in floating point. */
static void test_weight(void **state)
{
	(void)state;
	assert_int_equal(cgroup_shares_to_weight(0), 1);
	assert_int_equal(cgroup_shares_to_weight(2), 1);
	assert_int_equal(cgroup_shares_to_weight(1024), 100);
	assert_int_equal(cgroup_shares_to_weight(262144), 10000);
	assert_int_equal(cgroup_shares_to_weight(UINT64_MAX), 10000);
	for (uint64_t shares = 2; shares <= 262144; shares++) {
		double l = log2((double)shares);
		double weight = pow(10, (l * l + 125 * l) / 612.0 - 7.0 / 34.0);

		/* 1024 is exactly 100, whatever the last digit of a double says. */
		if (cgroup_shares_to_weight(shares) != (uint64_t)ceil(weight - 1e-9))
			fail_msg("%lu: %lu, expected %.12f", shares,
				 cgroup_shares_to_weight(shares), weight);
	}
}

/* "file=value" of each write, separated by blanks, as planned; "idle" at the end. */
static const char *show(const struct cg_plan *p, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < p->n; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s%s=%s", i ? "; " : "",
					 p->v[i].neutral ? "~" : "", p->v[i].file, p->v[i].value);
	if (p->idle >= 0)
		used += (size_t)snprintf(buf + used, size - used, "%sidle=%d", p->n ? "; " : "",
					 p->idle);
	assert_true(used < size);
	return buf;
}

static struct spec_throttle_device dev_rate[] = {{8, 0, 1048576}, {8, 16, 0}};
static struct spec_weight_device dev_weight[] = {{8, 0, SET(500), {0}}, {8, 16, {0}, {0}}};
static struct spec_weight_device dev_leaf[] = {{8, 0, SET(500), SET(10)}};
static struct spec_hugepage huge[] = {{"2MB", 209715200}, {"64KB", 0}};
static struct spec_hugepage huge_bad[] = {{"../2MB", 1}};
static struct spec_rdma rdma[] = {{"mlx5_1", SET(3), SET(10000)}, {"rxe3", {0}, SET(5)}};
static struct spec_rdma rdma_bad[] = {{"mlx5 1", SET(3), {0}}};
static struct spec_net_priority prio[] = {{"eth0", 5}};
static struct spec_pair unified[] = {{"memory.high", "1000"},
				     {"io.max", "8:0 rbps=1\n8:16 rbps=2"},
				     {"cpu.idle", "1"},
				     {"misc.max", "x 1"},
				     {"new.thing", "7"}};
static struct spec_pair pair_slash[] = {{"../memory.max", "1"}};
static struct spec_pair pair_own[] = {{"cgroup.procs", "1"}};
static struct spec_pair pair_plain[] = {{"tasks", "1"}};
static struct spec_pair pair_empty[] = {{"memory.max", ""}};

#define ALL_OF(a) .v = (a), .n = ARRAY_SIZE(a)

static const struct {
	struct spec_resources r;
	const char *plan; /* or, with an error, what its text contains */
	unsigned needed;
	int rc;
} conversions[] = {
	{{0}, "", 0, 0},
	/* memory */
	{{.memory.limit = SET(1048576)}, "memory.max=1048576", CG_MEMORY, 0},
	{{.memory.limit = SET(-1)}, "~memory.max=max", 0, 0},
	{{.memory.limit = SET(0)}, "", 0, 0},
	{{.memory.limit = SET(-2)}, "linux.resources.memory.limit: expected", 0, -EINVAL},
	{{.memory = {.limit = SET(100), .swap = SET(300)}},
	 "memory.max=100; memory.swap.max=200",
	 CG_MEMORY,
	 0},
	{{.memory = {.limit = SET(100), .swap = SET(100)}},
	 "memory.max=100; memory.swap.max=0",
	 CG_MEMORY,
	 0},
	{{.memory = {.limit = SET(100), .swap = SET(-1)}},
	 "memory.max=100; ~memory.swap.max=max",
	 CG_MEMORY,
	 0},
	{{.memory = {.limit = SET(100), .swap = SET(99)}},
	 "memory.swap: memory plus swap is less",
	 0,
	 -EINVAL},
	{{.memory = {.swap = SET(99)}},
	 "memory.swap: a limit of memory plus swap needs",
	 0,
	 -EINVAL},
	{{.memory = {.limit = SET(-1), .swap = SET(99)}}, "memory.swap: a limit", 0, -EINVAL},
	{{.memory.reservation = SET(77)}, "memory.low=77", CG_MEMORY, 0},
	{{.memory.reservation = SET(-1)}, "memory.low=max", CG_MEMORY, 0},
	{{.memory.kernel = SET(-1), .memory.kernel_tcp = SET(0)}, "", 0, 0},
	{{.memory.kernel = SET(5)}, "linux.resources.memory.kernel: ", 0, -EOPNOTSUPP},
	{{.memory.kernel_tcp = SET(5)}, "memory.kernelTCP: ", 0, -EOPNOTSUPP},
	{{.memory.swappiness = SET(0)}, "memory.swappiness: ", 0, -EOPNOTSUPP},
	{{.memory.disable_oom_killer = SET(false), .memory.use_hierarchy = SET(true)}, "", 0, 0},
	{{.memory.disable_oom_killer = SET(true)}, "memory.disableOOMKiller: ", 0, -EOPNOTSUPP},
	/* cpu */
	{{.cpu.shares = SET(512)}, "cpu.weight=59", CG_CPU, 0},
	{{.cpu.shares = SET(1024)}, "~cpu.weight=100", 0, 0},
	{{.cpu.shares = SET(0)}, "", 0, 0},
	{{.cpu = {.quota = SET(50000), .period = SET(100000)}}, "cpu.max=50000 100000", CG_CPU, 0},
	{{.cpu.quota = SET(50000)}, "cpu.max=50000", CG_CPU, 0},
	{{.cpu.quota = SET(-1)}, "~cpu.max=max", 0, 0},
	{{.cpu = {.quota = SET(-1), .period = SET(20000)}}, "cpu.max=max 20000", CG_CPU, 0},
	{{.cpu.period = SET(20000)}, "cpu.max=20000", CG_CPU, 0},
	{{.cpu = {.quota = SET(50000), .burst = SET(10000)}},
	 "cpu.max=50000; cpu.max.burst=10000",
	 CG_CPU,
	 0},
	{{.cpu = {.quota = SET(50000), .burst = SET(50001)}}, "cpu.burst: larger than", 0, -EINVAL},
	{{.cpu.burst = SET(0)}, "~cpu.max.burst=0", 0, 0},
	{{.cpu.idle = SET(1)}, "idle=1", 0, 0},
	{{.cpu = {.idle = SET(0), .shares = SET(2)}}, "cpu.weight=1; idle=0", CG_CPU, 0},
	{{.cpu.idle = SET(2)}, "cpu.idle: expected 0 or 1", 0, -EINVAL},
	{{.cpu = {.cpus = "0-3,7", .mems = "0"}}, "cpuset.cpus=0-3,7; cpuset.mems=0", CG_CPUSET, 0},
	{{.cpu.cpus = "0-3\n7"}, "cpu.cpus: expected a list", 0, -EINVAL},
	{{.cpu.realtime_period = SET(0), .cpu.realtime_runtime = SET(0)}, "", 0, 0},
	{{.cpu.realtime_period = SET(1)}, "cpu.realtimePeriod: ", 0, -EOPNOTSUPP},
	{{.cpu.realtime_runtime = SET(1)}, "cpu.realtimeRuntime: ", 0, -EOPNOTSUPP},
	/* pids */
	{{.pids_limit = SET(100)}, "pids.max=100", CG_PIDS, 0},
	{{.pids_limit = SET(0)}, "pids.max=1", CG_PIDS, 0},
	{{.pids_limit = SET(-1)}, "~pids.max=max", 0, 0},
	{{.pids_limit = SET(-2)}, "pids.limit: expected", 0, -EINVAL},
	/* blockIO */
	{{.block_io.weight = SET(10)}, "io.bfq.weight=10", CG_IO, 0},
	{{.block_io.weight = SET(0)}, "", 0, 0},
	{{.block_io.weight = SET(1001)}, "blockIO.weight: expected 10 to 1000", 0, -EINVAL},
	{{.block_io = {.weight_devices = dev_weight, .n_weight_devices = 2}},
	 "io.bfq.weight=8:0 500",
	 CG_IO,
	 0},
	{{.block_io = {.weight_devices = dev_leaf, .n_weight_devices = 1}},
	 "linux.resources.blockIO.weightDevice[0].leafWeight: ",
	 0,
	 -EOPNOTSUPP},
	{{.block_io.leaf_weight = SET(10)}, "blockIO.leafWeight: ", 0, -EOPNOTSUPP},
	{{.block_io.read_bps = {ALL_OF(dev_rate)}},
	 "io.max=8:0 rbps=1048576; io.max=8:16 rbps=max",
	 CG_IO,
	 0},
	{{.block_io = {.write_bps = {dev_rate, 1},
		       .read_iops = {dev_rate, 1},
		       .write_iops = {dev_rate, 1}}},
	 "io.max=8:0 wbps=1048576; io.max=8:0 riops=1048576; io.max=8:0 wiops=1048576",
	 CG_IO,
	 0},
	/* huge pages, rdma, network */
	{{.hugepages = huge, .n_hugepages = 2},
	 "hugetlb.2MB.max=209715200; hugetlb.2MB.rsvd.max=209715200; hugetlb.64KB.max=0; "
	 "hugetlb.64KB.rsvd.max=0",
	 CG_HUGETLB,
	 0},
	{{.hugepages = huge_bad, .n_hugepages = 1}, "hugepageLimits[0]: pageSize: ", 0, -EINVAL},
	{{.rdma = rdma, .n_rdma = 2},
	 "rdma.max=mlx5_1 hca_handle=3 hca_object=10000; rdma.max=rxe3 hca_object=5",
	 CG_RDMA,
	 0},
	{{.rdma = rdma_bad, .n_rdma = 1}, "linux.resources.rdma: ", 0, -EINVAL},
	{{.net_class_id = SET(0)}, "", 0, 0},
	{{.net_class_id = SET(1)}, "network.classID: ", 0, -EOPNOTSUPP},
	{{.net_priorities = prio, .n_net_priorities = 1}, "network.priorities: ", 0, -EOPNOTSUPP},
	/* unified */
	{{.unified = {ALL_OF(unified)}},
	 "memory.high=1000; io.max=8:0 rbps=1\n8:16 rbps=2; misc.max=x 1; new.thing=7; idle=1",
	 CG_MEMORY | CG_IO | CG_MISC,
	 0},
	{{.unified = {ALL_OF(pair_slash)}},
	 "linux.resources.unified[\"../memory.max\"]: ",
	 0,
	 -EINVAL},
	{{.unified = {ALL_OF(pair_own)}}, "unified[\"cgroup.procs\"]: ", 0, -EINVAL},
	{{.unified = {ALL_OF(pair_plain)}}, "unified[\"tasks\"]: ", 0, -EINVAL},
	{{.unified = {ALL_OF(pair_empty)}},
	 "unified[\"memory.max\"]: expected a value",
	 0,
	 -EINVAL},
};

static void test_conversions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(conversions); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		struct cg_plan p;
		char buf[1024];
		int rc = cg_plan_make(&a, &conversions[i].r, &p, &e);

		if (rc != conversions[i].rc)
			fail_msg("%s: returned %d (%s)", conversions[i].plan, rc, e.msg);
		if (rc < 0) {
			if (!strstr(e.msg, conversions[i].plan) ||
			    !str_after(e.msg, "linux.resources."))
				fail_msg("expected %s, found %s", conversions[i].plan, e.msg);
			continue;
		}
		assert_string_equal(show(&p, buf, sizeof(buf)), conversions[i].plan);
		assert_int_equal(p.needed, conversions[i].needed);
	}
}

/* --- writing, on a directory with the files a group has --- */

static int setup(void **state)
{
	static const char *const files[] = {
		"cpu.weight", "cpu.max",   "cpu.max.burst", "cpu.idle", "memory.max",
		"memory.low", "io.weight", "io.max",	    "pids.max", "hugetlb.2MB.max",
	};
	struct fake_tree *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	fake_tree_make(t);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		fake_file(t, files[i], "%s", "");
	capture_log_start(t);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fake_tree *t = *state;

	(void)unsetenv("CEDE_CGROUP_MOUNT"); /* cannot fail for a valid name */
	capture_log_stop();
	fake_tree_remove(t);
	free(t);
	return 0;
}

static void assert_file(const struct fake_tree *t, const char *file, const char *expected)
{
	char text[512];

	assert_true(file_read(t->fd, file, text, sizeof(text), NULL) >= 0);
	if (!streq(text, expected))
		fail_msg("%s: \"%s\", expected \"%s\"", file, text, expected);
}

static int write_plan(const struct fake_tree *t, const struct spec_resources *r, bool fresh,
		      struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cg_plan p;
	int rc = cg_plan_make(&a, r, &p, e);

	return rc < 0 ? rc : cg_plan_write(t->fd, &p, ~0u, fresh, e);
}

static void test_write(void **state)
{
	struct fake_tree *t = *state;
	const struct spec_resources r = {
		.memory = {.limit = SET(1000), .reservation = SET(500)},
		.cpu = {.quota = SET(20000), .period = SET(100000), .shares = SET(2)},
		.pids_limit = SET(-1),
		.block_io = {.weight = SET(1000), .read_bps = {dev_rate, 1}},
		.hugepages = huge,
		.n_hugepages = 1, /* hugetlb.2MB.rsvd.max is not there: fine */
	};
	struct err e = ERR_INIT;

	if (write_plan(t, &r, true, &e) < 0)
		fail_msg("%s", e.msg);
	assert_file(t, "memory.max", "1000");
	assert_file(t, "memory.low", "500");
	assert_file(t, "cpu.max", "20000 100000");
	assert_file(t, "cpu.weight", "1");
	assert_file(t, "pids.max", "");	      /* a fresh group has no limit anyway */
	assert_file(t, "io.weight", "10000"); /* without bfq */
	assert_file(t, "io.max", "8:0 rbps=1048576");
	assert_file(t, "hugetlb.2MB.max", "209715200");
	assert_file(t, "cpu.idle", "");
	if (write_plan(t, &r, false, &e) < 0)
		fail_msg("%s", e.msg);
	assert_file(t, "pids.max", "max"); /* one in use may have had one */
}

static void test_write_idle(void **state)
{
	struct fake_tree *t = *state;
	const struct spec_resources on = {.cpu = {.shares = SET(2048), .idle = SET(1)}};
	const struct spec_resources off = {.cpu = {.shares = SET(2048), .idle = SET(0)}};
	struct err e = ERR_INIT;

	assert_int_equal(write_plan(t, &on, true, &e), 0);
	assert_file(t, "cpu.idle", "1");
	assert_file(t, "cpu.weight", ""); /* an idle group has none */
	assert_int_equal(write_plan(t, &off, false, &e), 0);
	assert_file(t, "cpu.idle", "0");
	assert_file(t, "cpu.weight", "174");
}

static void test_write_period(void **state)
{
	struct fake_tree *t = *state;
	const struct spec_resources r = {.cpu.period = SET(50000)};
	struct err e = ERR_INIT;

	fake_file(t, "cpu.max", "30000 10000\n");
	assert_int_equal(write_plan(t, &r, false, &e), 0);
	assert_file(t, "cpu.max", "30000 50000\n");
	fake_file(t, "cpu.max", "%s", "");
	assert_int_equal(write_plan(t, &r, true, &e), 0);
	assert_file(t, "cpu.max", "max 50000");
}

/* What would be written to have each file as it was. */
static void test_undo_text(void **state)
{
	static const struct {
		const char *file, *now, *value, *old;
	} rows[] = {
		{"memory.max", "12345\n", "99", "12345\n"},
		{"cpu.max", "max 100000\n", "5000 20000", "max 100000\n"},
		{"cpuset.cpus", "\n", "0-3", "\n"},
		{"io.max", "8:0 rbps=1 wbps=max\n8:16 rbps=2 wbps=3\n", "8:16 rbps=9\n8:1 rbps=4",
		 "8:16 rbps=2 wbps=3\n8:1 rbps=max wbps=max riops=max wiops=max\n"},
		{"io.weight", "default 100\n8:0 50\n", "200", "default 100\n"},
		{"io.weight", "default 100\n8:0 50\n", "8:0 7", "8:0 50\n"},
		{"io.weight", "default 100\n8:0 50\n", "8:16 7", "8:16 default\n"},
		{"io.bfq.weight", "100\n", "200", "100\n"},
		{"rdma.max", "mlx4_0 hca_handle=2 hca_object=max\n", "mlx4_0 hca_handle=3",
		 "mlx4_0 hca_handle=2 hca_object=max\n"},
		{"misc.max", "res_a 3\nres_b max\n", "res_c 4", "res_c max\n"},
	};
	struct fake_tree *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct cg_undo u = {0};
		struct err e = ERR_INIT;

		(void)unlinkat(t->fd, rows[i].file, 0); /* of the row before */
		fake_file(t, rows[i].file, "%s", rows[i].now);
		assert_int_equal(cg_undo_remember(&u, &a, t->fd, rows[i].file, rows[i].value, &e),
				 0);
		assert_int_equal(u.n, 1);
		assert_string_equal(u.v[0].text, rows[i].old);
	}
}

static void test_undo(void **state)
{
	struct fake_tree *t = *state;
	const struct spec_pair no_such[] = {{"memory.high", "5"}};
	const struct spec_resources r = {
		.memory.limit = SET(22222),
		.cpu = {.shares = SET(2048), .idle = SET(1)},
		.unified = {(struct spec_pair *)(uintptr_t)no_such, 1}, /* not there: ENOENT */
	};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cg_undo u = {0};
	struct err e = ERR_INIT;

	fake_file(t, "memory.max", "11111\n");
	fake_file(t, "cpu.weight", "100\n");
	fake_file(t, "cpu.idle", "0\n");
	assert_int_equal(write_plan(t, &r, false, &e), -ENOENT);
	assert_string_equal(e.msg, "linux.resources.unified[\"memory.high\"]: cgroups of this host "
				   "have no file memory.high");
	assert_file(t, "memory.max", "11111\n");
	assert_file(t, "cpu.weight", "100\n");
	assert_file(t, "cpu.idle", "0\n");

	/* A file that cannot be read cannot be taken back, and is named; one twice is one. */
	assert_int_equal(mkdirat(t->fd, "memory.reclaim", 0755), 0);
	assert_int_equal(cg_undo_remember(&u, &a, t->fd, "memory.reclaim", "1", &e), 0);
	assert_int_equal(cg_undo_remember(&u, &a, t->fd, "memory.max", "22222", &e), 0);
	fake_file(t, "memory.max", "22222\n");
	assert_int_equal(cg_undo_remember(&u, &a, t->fd, "memory.max", "33333", &e), 0);
	assert_int_equal(cg_undo_remember(&u, &a, t->fd, "not.there", "1", &e), 0);
	assert_int_equal(u.n, 2);
	(void)refuse(&e, EINVAL, "first");
	assert_int_equal(cg_undo(&u, t->fd, -EINVAL, &e), -EINVAL);
	assert_string_equal(e.msg, "first; what was written before and could not be taken back: "
				   "memory.reclaim");
	assert_file(t, "memory.max", "11111\n");
}

static void test_write_errors(void **state)
{
	struct fake_tree *t = *state;
	struct spec_resources r = {.unified = {ALL_OF(unified)}};
	struct err e = ERR_INIT;

	assert_int_equal(write_plan(t, &r, true, &e), -ENOENT);
	assert_string_equal(e.msg, "linux.resources.unified[\"memory.high\"]: cgroups of this host "
				   "have no file memory.high");
	r = (struct spec_resources){
		.memory = {.limit = SET(100), .check_before_update = SET(true)}};
	fake_file(t, "memory.current", "101\n");
	assert_int_equal(write_plan(t, &r, false, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "101 bytes are in use"));
	assert_file(t, "memory.max", "");
	fake_file(t, "memory.current", "100\n");
	assert_int_equal(write_plan(t, &r, false, &e), 0);
	assert_file(t, "memory.max", "100");
}

/* --- create, on a tree in which the groups are there already --- */

static void make_group(const struct fake_tree *t, const char *group, const char *files)
{
	char path[256];

	for (const char *p = files; *p;) {
		size_t len = strcspn(p, " ");

		assert_true((size_t)snprintf(path, sizeof(path), "%s/%.*s", group, (int)len, p) <
			    sizeof(path));
		fake_file(t, path, "%s", "");
		p += len;
		p += strspn(p, " ");
	}
	assert_true((size_t)snprintf(path, sizeof(path), "%s/cgroup.events", group) < sizeof(path));
	fake_file(t, path, "populated 0\nfrozen 0\n");
	assert_true((size_t)snprintf(path, sizeof(path), "%s/cgroup.type", group) < sizeof(path));
	fake_file(t, path, "domain\n");
}

/* Everything allowed: no device program, which a fake group could not take. */
static struct spec_device_rule allow_all[] = {
	{.allow = true, .type = 'a', .read = true, .write = true, .mknod = true},
};

static struct spec a_spec(const char *path)
{
	return (struct spec){
		.linux_ = {.cgroups_path = path,
			   .resources = {.devices = allow_all, .n_devices = 1}},
	};
}

static const struct runtime rt = {.root = "/nonexistent"};

static void fake_host(const struct fake_tree *t, const char *controllers)
{
	fake_file(t, "cgroup.controllers", "%s\n", controllers);
	fake_file(t, "cgroup.subtree_control", "%s", "");
	assert_int_equal(setenv("CEDE_CGROUP_MOUNT", t->root, 1), 0);
	make_group(t, "cede.slice", "cgroup.subtree_control cpu.idle memory.high io.weight");
	fake_file(t, "cede.slice/cpu.idle", "0\n");
	make_group(t, "cede.slice/box", "memory.oom.group memory.max pids.max");
}

static void test_create(void **state)
{
	struct fake_tree *t = *state;
	struct spec s = a_spec(NULL);
	struct err e = ERR_INIT;
	struct cgroup cg;
	char high[64];
	ssize_t n;

	fake_host(t, "cpuset cpu io memory pids");
	s.linux_.resources.memory.limit = (struct opt_i64)SET(4096);
	if (cgroup_create(&rt, &s, "box", &cg, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(cg.path, "/cede.slice/box");
	assert_true(cg.fd >= 0);
	assert_false(cg.created);
	assert_true(cg.idle_by_group);
	/* What is needed is enabled, from the top down, and nothing else. */
	assert_file(t, "cgroup.subtree_control", "+cpu +memory ");
	assert_file(t, "cede.slice/cgroup.subtree_control", "+cpu +memory ");
	assert_file(t, "cede.slice/cpu.idle", "1\n");
	assert_file(t, "cede.slice/box/memory.oom.group", "1");
	assert_file(t, "cede.slice/box/memory.max", "4096");
	n = file_read(t->fd, "cede.slice/memory.high", high, sizeof(high), NULL);
	assert_true(n > 6); /* some part of the machine's memory, in bytes */
	cgroup_close(&cg);

	/* A slice that is idle was set up before: its ceiling is not ours to set again. */
	fake_file(t, "cede.slice/memory.high", "12345\n");
	fake_file(t, "cgroup.subtree_control", "cpu memory pids\n");
	fake_file(t, "cede.slice/cgroup.subtree_control", "cpu memory pids\n");
	s.linux_.resources.pids_limit = (struct opt_i64)SET(10);
	if (cgroup_create(&rt, &s, "box", &cg, &e) < 0)
		fail_msg("%s", e.msg);
	assert_file(t, "cede.slice/memory.high", "12345\n");
	assert_file(t, "cede.slice/cgroup.subtree_control", "cpu memory pids\n");
	assert_file(t, "cede.slice/box/pids.max", "10");
	cgroup_close(&cg);
}

/* A hybrid host: no controllers at all. */
static void test_create_hybrid(void **state)
{
	struct fake_tree *t = *state;
	struct spec s = a_spec(NULL);
	struct err e = ERR_INIT;
	struct cgroup cg;

	fake_host(t, "");
	if (cgroup_create(&rt, &s, "box", &cg, &e) < 0)
		fail_msg("%s", e.msg);
	assert_false(cg.idle_by_group); /* init makes itself SCHED_IDLE */
	assert_file(t, "cgroup.subtree_control", "");
	assert_file(t, "cede.slice/cgroup.subtree_control", "");
	assert_file(t, "cede.slice/memory.high", "");
	assert_false(logged(t, "level=warning"));
	assert_true(logged(t, "SCHED_IDLE instead of cpu.idle"));
	cgroup_close(&cg);

	/* What says "no limit" or "idle" is fulfilled; a limit is refused. */
	s.linux_.resources.memory.limit = (struct opt_i64)SET(-1);
	s.linux_.resources.pids_limit = (struct opt_i64)SET(-1);
	s.linux_.resources.cpu.shares = (struct opt_u64)SET(1024);
	s.linux_.resources.cpu.idle = (struct opt_i64)SET(1);
	if (cgroup_create(&rt, &s, "box", &cg, &e) < 0)
		fail_msg("%s", e.msg);
	cgroup_close(&cg);
	s.linux_.resources.memory.limit = (struct opt_i64)SET(4096);
	assert_int_equal(cgroup_create(&rt, &s, "box", &cg, &e), -EOPNOTSUPP);
	assert_string_equal(e.msg,
			    "config.json: linux.resources.memory.limit: this host has no "
			    "memory controller in cgroup v2 (hybrid or not delegated); remove "
			    "the limit or boot with the unified hierarchy");
	assert_file(t, "cede.slice/box/memory.max", "");
}

static void test_create_unfit(void **state)
{
	struct fake_tree *t = *state;
	struct spec s = a_spec(NULL), outside = a_spec("/box");
	struct err e = ERR_INIT;
	struct cgroup cg;

	fake_host(t, "");
	fake_file(t, "cede.slice/box/cgroup.events", "populated 1\nfrozen 0\n");
	assert_int_equal(cgroup_create(&rt, &s, "box", &cg, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "cgroup /cede.slice/box: there are processes in it"));
	fake_file(t, "cede.slice/box/cgroup.events", "populated 0\nfrozen 1\n");
	assert_int_equal(cgroup_create(&rt, &s, "box", &cg, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "cgroup /cede.slice/box is frozen"));
	make_group(t, "box", "memory.max");
	fake_file(t, "box/cgroup.type", "domain invalid\n");
	assert_int_equal(cgroup_create(&rt, &outside, "box", &cg, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "cgroup /box: its type is \"domain invalid\""));
	fake_file(t, "box/cgroup.type", "threaded\n");
	assert_int_equal(cgroup_create(&rt, &outside, "box", &cg, &e), -EOPNOTSUPP);
}

/* As asked, with none of the slice's settings. */
static void test_create_outside(void **state)
{
	struct fake_tree *t = *state;
	struct spec s = a_spec("/kubepods/box");
	struct err e = ERR_INIT;
	struct cgroup cg;

	fake_host(t, "cpu memory");
	make_group(t, "kubepods", "cgroup.subtree_control");
	make_group(t, "kubepods/box", "memory.oom.group memory.max");
	if (cgroup_create(&rt, &s, "box", &cg, &e) < 0)
		fail_msg("%s", e.msg);
	assert_false(cg.idle_by_group);
	assert_string_equal(cg.path, "/kubepods/box");
	assert_file(t, "cgroup.subtree_control", "");
	assert_file(t, "kubepods/box/memory.oom.group", "");
	assert_file(t, "cede.slice/cpu.idle", "0\n");
	cgroup_close(&cg);
}

static void test_create_errors(void **state)
{
	struct fake_tree *t = *state;
	struct spec s = a_spec("/a/../b");
	struct runtime other = rt;
	struct err e = ERR_INIT;
	struct cgroup cg;
	char deep[256] = "";

	fake_host(t, "");
	assert_int_equal(cgroup_create(&rt, &s, "box", &cg, &e), -EINVAL);
	assert_string_equal(e.msg,
			    "config.json: linux.cgroupsPath: cgroup path /a/../b: \"..\" is not "
			    "allowed");
	for (int i = 0; i < 40; i++)
		strcat(deep, "/a");
	s = a_spec(deep);
	assert_int_equal(cgroup_create(&rt, &s, "box", &cg, &e), -ENAMETOOLONG);
	assert_int_equal(faccessat(t->fd, "a", F_OK, 0), -1); /* undone */

	/* A file in the way; and what was made before it is gone again. */
	fake_file(t, "file", "%s", "");
	s = a_spec("/file/box");
	assert_int_equal(cgroup_create(&rt, &s, "box", &cg, &e), -ENOTDIR);
	assert_non_null(strstr(e.msg, "/file"));
	s = a_spec("/new/box"); /* in a fake tree a new group has no cgroup.events */
	assert_int_equal(cgroup_create(&rt, &s, "box", &cg, &e), -ENOENT);
	assert_int_equal(faccessat(t->fd, "new", F_OK, 0), -1);

	other.cgroup_manager = CGROUP_MANAGER_SYSTEMD;
	assert_int_equal(cgroup_create(&other, &s, "box", &cg, &e), -EINVAL);
	assert_non_null(
		strstr(e.msg, "config.json: linux.cgroupsPath: expected \"slice:prefix:name\""));
}

static void test_create_disabled(void **state)
{
	struct runtime none = {.root = "/nonexistent", .cgroup_manager = CGROUP_MANAGER_DISABLED};
	struct spec s = a_spec("/x");
	struct err e = ERR_INIT;
	struct cgroup cg;

	(void)state;
	assert_int_equal(cgroup_create(&none, &s, "box", &cg, &e), 0);
	assert_string_equal(cg.path, "");
	assert_int_equal(cg.fd, -1);
	assert_false(cg.idle_by_group || cg.created);
	cgroup_close(&cg);
	s.linux_.resources.pids_limit = (struct opt_i64)SET(5);
	assert_int_equal(cgroup_create(&none, &s, "box", &cg, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "config.json: linux.resources.pids.limit: "));
}

static void test_destroy_refused(void **state)
{
	struct fake_tree *t = *state;
	struct err e = ERR_INIT;
	static const char *const never[] = {"/",
					    "",
					    "//",
					    "/.",
					    "/cede.slice",
					    "cede.slice//",
					    "/./cede.slice",
					    "/a/..",
					    "/cede.slice/../x"};

	fake_host(t, "");
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (cgroup_destroy(never[i], 10, &e) != -EINVAL)
			fail_msg("%s was taken", never[i]);
	assert_int_equal(cgroup_destroy("/cede.slice/gone", 10, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_conversions),
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_undo_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_undo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_period, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_hybrid, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_unfit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_outside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_disabled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destroy_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
