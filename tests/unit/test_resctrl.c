/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/resctrl.h on a tree of plain files: no machine at hand has the hardware. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "runtime/resctrl.h"
#include "tests/unit/unit.h"

struct tree {
	char path[64];
	int fd;
};

/* The kernel fills a directory that is made with files; here they must be there before. */
static void add_files(int fd, const char *dir, const char *schemata)
{
	char path[128];
	int f;

	(void)mkdirat(fd, dir, 0755);
	(void)snprintf(path, sizeof(path), "%s/tasks", dir);
	f = openat(fd, path, O_CREAT | O_WRONLY, 0644);
	assert_true(f >= 0);
	(void)fd_close(f);
	(void)snprintf(path, sizeof(path), "%s/schemata", dir);
	f = openat(fd, path, O_CREAT | O_WRONLY, 0644);
	assert_true(f >= 0 && write(f, schemata, strlen(schemata)) == (ssize_t)strlen(schemata));
	(void)fd_close(f);
	(void)snprintf(path, sizeof(path), "%s/mon_groups", dir);
	(void)mkdirat(fd, path, 0755);
}

static int set_up(void **state)
{
	static struct tree t;

	strcpy(t.path, "/tmp/cede-resctrl.XXXXXX"); /* the template fits */
	assert_non_null(mkdtemp(t.path));
	t.fd = open(t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t.fd >= 0);
	add_files(t.fd, ".", "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n");
	*state = &t;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *t = *state;

	t->fd = fd_close(t->fd);
	return dir_remove_all(AT_FDCWD, t->path, NULL);
}

static void assert_file(const struct tree *t, const char *path, const char *text)
{
	char found[256];

	assert_true(file_read(t->fd, path, found, sizeof(found), NULL) >= 0);
	assert_string_equal(found, text);
}

static void test_lines(void **state)
{
	static const char text[] = "    L3:0=07f0;1=1f\n    MB:0= 20;1= 70\nL2:0=f\n";

	(void)state;
	assert_true(resctrl_has_line(text, "L3:0=7f0;1=1f"));
	assert_true(resctrl_has_line(text, "L3:1=01F"));
	assert_true(resctrl_has_line(text, "L2:0=f;"));
	assert_false(resctrl_has_line(text, "L3:0=7f"));
	assert_false(resctrl_has_line(text, "L3:0=7f00"));
	assert_false(resctrl_has_line(text, "L3:2=1f"));
	assert_false(resctrl_has_line(text, "L3:10=1f"));
	assert_false(resctrl_has_line(text, "L:0=7f0"));
	assert_false(resctrl_has_line(text, "L3CODE:0=7f0"));
	assert_false(resctrl_has_line(text, "L3:0"));
	assert_false(resctrl_has_line(text, "no colon"));
	assert_false(resctrl_has_line("", "L3:0=1"));
}

/* "/" is the root class: nothing is made, nothing of it removed. */
static void test_root_class(void **state)
{
	struct tree *t = *state;
	struct spec_linux l = {.intel_rdt = {.set = true, .clos_id = "/"}};
	struct rdt_place p;

	assert_int_equal(resctrl_join(t->fd, &l, "c1", 42, &p, NULL), 0);
	assert_string_equal(p.group, ".");
	assert_false(p.created || p.monitored);
	assert_file(t, "tasks", "42");
	assert_int_equal(resctrl_leave(t->fd, &p, "c1", NULL), 0);
	assert_file(t, "tasks", "42");
}

/* A class that is there: joined if its schemata is what is asked for, and kept. */
static void test_existing_class(void **state)
{
	char *more[] = {(char *)"L2:0=0f", NULL};
	struct tree *t = *state;
	struct spec_linux l = {.intel_rdt = {.set = true,
					     .clos_id = "gold",
					     .l3_cache_schema = "L3:0=7f0",
					     .mem_bw_schema = "MB:0=20",
					     .schemata = {more, 1}}};
	struct rdt_place p;
	struct err e;

	add_files(t->fd, "gold", "L3:0=7f0;1=1f\nMB:0=20;1=70\nL2:0=f\n");
	assert_int_equal(resctrl_join(t->fd, &l, "c1", 42, &p, &e), 0);
	assert_string_equal(p.group, "gold");
	assert_false(p.created);
	assert_file(t, "gold/tasks", "42");
	assert_file(t, "gold/schemata", "L3:0=7f0;1=1f\nMB:0=20;1=70\nL2:0=f\n");
	assert_int_equal(resctrl_enter(t->fd, &p, "c1", 43, &e), 0);
	assert_file(t, "gold/tasks", "43");
	l.intel_rdt.mem_bw_schema = "MB:0=30";
	assert_int_equal(resctrl_join(t->fd, &l, "c1", 44, &p, &e), -EEXIST);
	assert_string_equal(e.msg, "config.json: linux.intelRdt.closID: gold is there already, and "
				   "its schemata is not MB:0=30");
	assert_file(t, "gold/tasks", "43");
}

/* Without schemata the class must be there; a container's own is made, and goes with it. */
static void test_own_class(void **state)
{
	struct tree *t = *state;
	struct spec_linux named = {.intel_rdt = {.set = true, .clos_id = "none"}};
	struct spec_linux own = {.intel_rdt = {.set = true}};
	struct rdt_place p = {0};
	struct err e;

	assert_int_equal(resctrl_join(t->fd, &named, "c1", 42, &p, &e), -ENOENT);
	assert_string_equal(e.msg,
			    "config.json: linux.intelRdt.closID: there is no class none, and "
			    "no schema to make it with");
	assert_null(p.group);
	/* No kernel fills the directory that is made here: it fails, and is removed again. */
	assert_int_equal(resctrl_join(t->fd, &own, "c1", 42, &p, &e), -ENOENT);
	assert_int_equal(faccessat(t->fd, "c1", F_OK, 0), -1);
	p = (struct rdt_place){.group = "c2", .created = true};
	assert_int_equal(mkdirat(t->fd, "c2", 0755), 0);
	assert_int_equal(resctrl_leave(t->fd, &p, "c2", &e), 0);
	assert_int_equal(faccessat(t->fd, "c2", F_OK, 0), -1);
	assert_int_equal(resctrl_leave(t->fd, &p, "c2", &e), 0); /* gone already */
}

/* The container's id as the class's name, l3CacheSchema before memBwSchema before schemata (each
 * one write: the last is what a plain file keeps). */
static void test_schemata_are_written(void **state)
{
	struct tree *t = *state;
	struct spec_linux l = {.intel_rdt = {.set = true,
					     .l3_cache_schema = "L3:0=7f0;1=1f",
					     .mem_bw_schema = "MB:0=20;1=70"}};
	struct rdt_place p;

	add_files(t->fd, "c1", "");
	assert_int_equal(resctrl_join(t->fd, &l, "c1", 42, &p, NULL), 0);
	assert_string_equal(p.group, "c1");
	assert_false(p.created); /* it was there, and so it stays */
	/* The second over the first, which was one byte longer. */
	assert_file(t, "c1/schemata", "MB:0=20;1=70\n\n");
	assert_file(t, "c1/tasks", "42");
}

static void test_monitoring(void **state)
{
	struct tree *t = *state;
	struct spec_linux l = {
		.intel_rdt = {.set = true, .clos_id = "/", .enable_monitoring = true}};
	struct rdt_place p;
	struct err e;

	add_files(t->fd, "mon_groups/c1", "");
	assert_int_equal(resctrl_join(t->fd, &l, "c1", 42, &p, &e), 0);
	assert_false(p.monitored); /* not made by us */
	p.monitored = true;
	assert_int_equal(resctrl_enter(t->fd, &p, "c1", 43, &e), 0);
	assert_file(t, "mon_groups/c1/tasks", "43");
	assert_int_equal(mkdirat(t->fd, "mon_groups/c3", 0755), 0);
	assert_int_equal(resctrl_leave(t->fd, &p, "c3", &e), 0);
	assert_int_equal(faccessat(t->fd, "mon_groups/c3", F_OK, 0), -1);
	assert_int_equal(dir_remove_all(t->fd, "mon_groups", &e), 0);
	assert_int_equal(resctrl_join(t->fd, &l, "c1", 42, &p, &e), -EOPNOTSUPP);
	assert_string_equal(e.msg, "config.json: linux.intelRdt.enableMonitoring: this machine has "
				   "no resctrl monitoring");
}

/* update: only of a class that is the container's own. */
static void test_update(void **state)
{
	static const char *const lines[] = {"MB:0=20;1=20"};
	struct tree *t = *state;
	struct rdt_place p = {.group = "mine", .created = true};
	struct err e = ERR_INIT;

	add_files(t->fd, "mine", "MB:0=99;1=99\n");
	assert_int_equal(resctrl_update(t->fd, &p, "c1", lines, 1, &e), 0);
	assert_file(t, "mine/schemata", "MB:0=20;1=20\n");
	p.group = "gone";
	assert_int_equal(resctrl_update(t->fd, &p, "c1", lines, 1, &e), -ENOENT);
	p = (struct rdt_place){.group = "."};
	assert_int_equal(resctrl_update(t->fd, &p, "c1", lines, 1, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "no class of its own"));
	assert_file(t, "schemata", "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n");
	p.group = NULL;
	assert_int_equal(resctrl_update(-1, &p, "c1", lines, 1, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test_setup_teardown(test_root_class, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_existing_class, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_own_class, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_schemata_are_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_monitoring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_update, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
