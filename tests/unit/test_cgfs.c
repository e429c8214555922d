/* SPDX-License-Identifier: Apache-2.0 */
/* base/cgfs: on a fake tree, and the parsers on text the kernel writes. */
#include "tests/unit/fake_tree.h"

#include "base/cgfs.h"

static int setup(void **state)
{
	struct fake_tree *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	fake_tree_make(t);
	fake_file(t, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
	assert_int_equal(setenv("CEDE_CGROUP_MOUNT", t->root, 1), 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fake_tree *t = *state;

	(void)unsetenv("CEDE_CGROUP_MOUNT"); /* cannot fail for a valid name */
	fake_tree_remove(t);
	free(t);
	return 0;
}

static void test_host(void **state)
{
	struct fake_tree *t = *state;
	struct cg_host h;
	struct err e = ERR_INIT;

	assert_int_equal(cg_host_open(&h, &e), 0);
	assert_int_equal(h.layout, CG_LAYOUT_UNIFIED);
	assert_string_equal(h.mount, t->root);
	assert_int_equal(h.controllers, CG_CPUSET | CG_CPU | CG_IO | CG_MEMORY | CG_HUGETLB |
						CG_PIDS | CG_RDMA | CG_MISC);
	cg_host_close(&h);
	assert_int_equal(h.fd, -1);

	fake_file(t, "cgroup.controllers", "\n");
	assert_int_equal(cg_host_open(&h, &e), 0);
	assert_int_equal(h.controllers, 0);
	cg_host_close(&h);
}

static void test_host_hybrid(void **state)
{
	struct fake_tree *t = *state;
	struct cg_host h;
	char path[128];

	fake_file(t, "unified/cgroup.controllers", "\n");
	assert_int_equal(
		setenv("CEDE_CGROUP_MOUNT", fake_path(t, "unified", path, sizeof(path)), 1), 0);
	assert_int_equal(cg_host_open(&h, NULL), 0);
	assert_int_equal(h.layout, CG_LAYOUT_HYBRID);
	cg_host_close(&h);
}

static void test_host_errors(void **state)
{
	struct fake_tree *t = *state;
	struct cg_host h;
	struct err e = ERR_INIT;
	char path[512];

	assert_int_equal(setenv("CEDE_CGROUP_MOUNT", fake_path(t, "none", path, sizeof(path)), 1),
			 0);
	assert_int_equal(cg_host_open(&h, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "none"));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(setenv("CEDE_CGROUP_MOUNT", path, 1), 0);
	assert_int_equal(cg_host_open(&h, &e), -ENAMETOOLONG);
}

/* The machine this runs on: whatever its layout is, finding it must not fail. */
static void test_host_real(void **state)
{
	struct cg_host h;
	struct err e = ERR_INIT;

	(void)state;
	(void)unsetenv("CEDE_CGROUP_MOUNT");
	if (cg_host_open(&h, &e) < 0)
		fail_msg("%s", e.msg);
	if (h.layout == CG_LAYOUT_NONE)
		assert_int_equal(h.fd, -1);
	else
		assert_true(cg_has(h.fd, "cgroup.procs"));
	cg_host_close(&h);
}

static void test_controllers(void **state)
{
	(void)state;
	assert_int_equal(cg_controllers_parse(""), 0);
	assert_int_equal(cg_controllers_parse("cpu\n"), CG_CPU);
	/* "cpuset" is not "cpu", and what we do not know is nothing. */
	assert_int_equal(cg_controllers_parse("cpuset"), CG_CPUSET);
	assert_int_equal(cg_controllers_parse("  io\tdmem  memory \n"), CG_IO | CG_MEMORY);
	assert_int_equal(cg_controllers_parse("memoryx cp"), 0);
	assert_string_equal(cg_controller_name(CG_HUGETLB), "hugetlb");
	assert_null(cg_controller_name(1u << 20));
}

static void test_open(void **state)
{
	struct fake_tree *t = *state;
	struct err e = ERR_INIT;
	struct cg_host h;
	static const char *const hostile[] = {"..", "/..", "a/../b", "a/..", "/a/b/../../.."};
	static const char *const good[] = {"a/b", "/a/b", "//a//b/", "/", ""};

	fake_file(t, "a/b/cgroup.procs", "\n");
	assert_int_equal(cg_host_open(&h, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int fd = cg_open(&h, good[i], &e);

		if (fd < 0)
			fail_msg("%s: %s", good[i], e.msg);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		fd_close(fd);
	}
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		assert_int_equal(cg_open(&h, hostile[i], &e), -EINVAL);
		assert_non_null(strstr(e.msg, hostile[i]));
	}
	assert_int_equal(cg_open(&h, "/a/...", &e), -ENOENT); /* a name like any other */
	assert_int_equal(cg_open(&h, "a/b/cgroup.procs", &e), -ENOTDIR);
	cg_host_close(&h);
	assert_int_equal(cg_open(&h, "a", &e), -ENOENT);
	assert_non_null(strstr(e.msg, "no cgroup2 hierarchy"));
}

static void test_numbers(void **state)
{
	struct fake_tree *t = *state;
	struct err e = ERR_INIT;
	uint64_t v = 7;
	char text[64];

	fake_file(t, "memory.max", "max\n");
	assert_int_equal(cg_read_u64(t->fd, "memory.max", &v, &e), 0);
	assert_true(v == UINT64_MAX);
	fake_file(t, "memory.max", "18446744073709551614\n");
	assert_int_equal(cg_read_u64(t->fd, "memory.max", &v, &e), 0);
	assert_true(v == UINT64_MAX - 1);
	v = 7;
	fake_file(t, "memory.max", "12 34\n");
	assert_int_equal(cg_read_u64(t->fd, "memory.max", &v, &e), -EBADMSG);
	assert_non_null(strstr(e.msg, "memory.max"));
	fake_file(t, "memory.max", "\n");
	assert_int_equal(cg_read_u64(t->fd, "memory.max", &v, &e), -EBADMSG);
	assert_int_equal(cg_read_u64(t->fd, "none", &v, &e), -ENOENT);
	assert_int_equal(v, 7); /* untouched by failures */

	fake_file(t, "cpu.weight", "%s", "");
	assert_int_equal(cg_write_u64(t->fd, "cpu.weight", 10000, &e), 0);
	assert_int_equal(file_read(t->fd, "cpu.weight", text, sizeof(text), &e), 5);
	assert_string_equal(text, "10000");
	assert_int_equal(cg_write(t->fd, "cpu.idle", "1", &e), -ENOENT); /* never creates files */
	assert_false(cg_has(t->fd, "cpu.idle"));
	assert_true(cg_has(t->fd, "cpu.weight"));
}

static void test_keys(void **state)
{
	static const char stat[] = "usage_usec 123456\nuser_usec 100\nsystem_usec 23\n"
				   "nice_usec 0\ncore_sched.force_idle_usec 5";
	struct fake_tree *t = *state;
	struct err e = ERR_INIT;
	uint64_t v = 0;

	assert_int_equal(cg_parse_key(stat, "usage_usec", &v), 0);
	assert_int_equal(v, 123456);
	assert_int_equal(cg_parse_key(stat, "core_sched.force_idle_usec", &v), 0);
	assert_int_equal(v, 5);
	/* A key is a whole word at the beginning of a line. */
	assert_int_equal(cg_parse_key(stat, "usec", &v), -ENODATA);
	assert_int_equal(cg_parse_key(stat, "usage", &v), -ENODATA);
	assert_int_equal(cg_parse_key("", "usage", &v), -ENODATA);
	assert_int_equal(cg_parse_key("a x\n", "a", &v), -EBADMSG);
	assert_int_equal(cg_parse_key("a 99999999999999999999\n", "a", &v), -EBADMSG);
	assert_int_equal(cg_parse_key("a 1111111111111111111111111111111111111\n", "a", &v),
			 -EBADMSG);
	assert_int_equal(v, 5);

	fake_file(t, "cgroup.events", "populated 1\nfrozen 0\n");
	assert_int_equal(cg_read_key(t->fd, "cgroup.events", "populated", &v, &e), 0);
	assert_int_equal(v, 1);
	assert_int_equal(cg_read_key(t->fd, "cgroup.events", "none", &v, &e), -ENODATA);
	assert_non_null(strstr(e.msg, "none"));
}

static void test_path_of(void **state)
{
	struct err e = ERR_INIT;
	char path[4096];
	int rc;

	(void)state;
	rc = cg_path_of(0, path, sizeof(path), &e);
	if (rc == -ENOENT)
		skip(); /* no cgroup2 hierarchy on this machine */
	assert_int_equal(rc, 0);
	assert_int_equal(path[0], '/');
	assert_null(strchr(path, '\n'));
	assert_int_equal(cg_path_of(0, path, 1, &e), -ENAMETOOLONG);
	assert_int_equal(cg_path_of(0x7fffffff, path, sizeof(path), &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_host, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_hybrid, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_real, setup, teardown),
		cmocka_unit_test(test_controllers),
		cmocka_unit_test_setup_teardown(test_open, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test(test_path_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
