/* SPDX-License-Identifier: Apache-2.0 */
/* What `launch` makes of its options: the document is read back by the runtime's own parser. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "base/cleanup.h"
#include "cli/launch.h"
#include "cli/launch_summary.h"
#include "oci/spec.h"
#include "sched/secondary.h"

static const char *const job[] = {"/usr/bin/make", "-j2", NULL};
static const char *const caller_env[] = {"PATH=/bin:/usr/bin",
					 "HOME=/home/u",
					 "SECRET=x",
					 "LC_ALL=C",
					 "TERM=vt100",
					 "EMPTY=",
					 "LANG",
					 "LC_NO_VALUE",
					 NULL};
static gid_t groups[] = {4, 27};

static const struct launch_host host = {
	.has_cpu = true,
	.has_memory = true,
	.has_cgroup = true,
	.has_var_tmp = true,
	.has_tty_group = true,
	.uid = 1000,
	.gid = 1001,
	.groups = groups,
	.n_groups = 2,
	.umask = 027,
	.environ = (char **)(uintptr_t)caller_env,
	.cwd = "/home/u/work",
	.resolv_conf = "/run/resolv.conf",
	.rows = 24,
	.columns = 80,
};

static struct launch_opts options(void)
{
	return (struct launch_opts){.argc = 2, .argv = (char **)(uintptr_t)job};
}

/* The plan's document through spec_parse. The caller frees both. */
static struct spec *parsed(const struct launch_opts *o, const struct launch_host *h,
			   struct launch_plan *p)
{
	struct json_writer w = {0};
	struct err e = ERR_INIT;
	struct spec *s = NULL;

	if (launch_plan_make(o, h, p, &e) < 0)
		fail_msg("plan: %s", e.msg);
	launch_config_write(p, &w);
	if (spec_parse(strbuf_str(&w.sb), w.sb.len, "config.json", &s, &e) < 0)
		fail_msg("document: %s", e.msg);
	strbuf_free(&w.sb);
	return s;
}

static const struct spec_mount *mount_on(const struct spec *s, const char *destination)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (streq(s->mounts[i].destination, destination))
			return &s->mounts[i];
	return NULL;
}

static bool has(const struct strv *v, const char *text)
{
	for (size_t i = 0; i < v->n; i++)
		if (streq(v->v[i], text))
			return true;
	return false;
}

static void test_default(void **state)
{
	struct launch_opts o = options();
	struct launch_plan p;
	struct spec *s = parsed(&o, &host, &p);

	(void)state;
	assert_string_equal(s->root_path, "/");
	assert_true(s->root_readonly);
	assert_string_equal(s->process->cwd, "/home/u/work");
	assert_int_equal(s->process->args.n, 2);
	assert_string_equal(s->process->args.v[0], "/usr/bin/make");
	assert_int_equal(s->process->user.uid, 1000);
	assert_int_equal(s->process->user.gid, 1001);
	assert_int_equal(s->process->user.n_additional_gids, 2);
	assert_int_equal(s->process->user.umask.val, 027);
	assert_false(s->process->terminal);
	assert_true(s->process->no_new_privileges);
	assert_non_null(s->process->capabilities);
	assert_int_equal(s->process->capabilities->bounding, 0);
	assert_int_equal(s->process->capabilities->effective, 0);
	/* Secondary by birth; the class is the runtime's to choose. */
	assert_int_equal(s->process->oom_score_adj.val, 1000);
	assert_int_equal(s->process->io_class.val, 3);
	assert_null(s->process->scheduler);
	assert_int_equal(s->process->n_rlimits, 0);
	for (int k = 0; k < NS_KINDS; k++)
		assert_int_equal(s->linux_.namespaces[k].wanted, k != NS_USER && k != NS_TIME);
	assert_null(s->linux_.cgroups_path);
	assert_string_equal(spec_annotation(s, ANNOTATION_ON_PRESSURE), "freeze");
	assert_null(spec_annotation(s, ANNOTATION_CPUS));
	assert_false(s->linux_.resources.cpu.quota.set);
	assert_false(s->linux_.resources.memory.limit.set);
	assert_true(s->linux_.masked_paths.n > 5);
	spec_free(s);
	launch_plan_free(&p);
}

static void test_files(void **state)
{
	struct launch_opts o = options();
	struct launch_plan p;
	struct spec *s = parsed(&o, &host, &p);
	const struct spec_mount *m;

	(void)state;
	m = mount_on(s, "/home/u/work");
	assert_non_null(m);
	assert_string_equal(m->source, "/home/u/work");
	assert_true(has(&m->options, "rbind") && has(&m->options, "rw"));
	/* The last one, so that nothing made anew hides it. */
	assert_ptr_equal(m, &s->mounts[s->n_mounts - 1]);
	assert_non_null(mount_on(s, "/tmp"));
	assert_non_null(mount_on(s, "/var/tmp"));
	assert_non_null(mount_on(s, "/run"));
	assert_null(mount_on(s, "/run/resolv.conf"));
	spec_free(s);
	launch_plan_free(&p);

	o.read_only_workdir = true;
	o.net = "host";
	s = parsed(&o, &host, &p);
	m = mount_on(s, "/home/u/work");
	assert_true(has(&m->options, "rro") && !has(&m->options, "rw"));
	assert_non_null(mount_on(s, "/run/resolv.conf"));
	assert_false(s->linux_.namespaces[NS_NETWORK].wanted);
	spec_free(s);
	launch_plan_free(&p);
}

/* Whoever stands in / or in the kernel's trees when he calls gets nothing of them writable. */
static void test_workdir_of_the_kernel(void **state)
{
	static const char *const where[] = {"/",       "/proc", "/proc/1/root",
					    "/sys/fs", "/dev",	"/dev/pts"};
	struct launch_opts o = options();
	struct launch_host h = host;
	struct launch_plan p;

	(void)state;
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		struct spec *s;

		h.cwd = where[i];
		s = parsed(&o, &h, &p);
		assert_string_equal(s->process->cwd, where[i]);
		assert_int_equal(p.n_binds, 0);
		for (size_t k = 0; k < s->n_mounts; k++)
			assert_false(has(&s->mounts[k].options, "rw"));
		spec_free(s);
		launch_plan_free(&p);
	}
	h.cwd = "/dev/shm/x";
	spec_free(parsed(&o, &h, &p));
	assert_int_equal(p.n_binds, 1);
	launch_plan_free(&p);
}

static void test_rootfs(void **state)
{
	char dir[] = "/tmp/cede-test-XXXXXX";
	struct launch_opts o = options();
	struct launch_plan p;
	struct spec *s;

	(void)state;
	assert_non_null(mkdtemp(dir));
	o.rootfs = dir;
	o.workdir = "/srv";
	s = parsed(&o, &host, &p);
	assert_string_equal(s->root_path, dir);
	assert_false(s->root_readonly);
	assert_string_equal(s->process->cwd, "/srv");
	assert_null(mount_on(s, "/tmp"));
	assert_null(mount_on(s, "/home/u/work"));
	assert_non_null(mount_on(s, "/proc"));
	spec_free(s);
	launch_plan_free(&p);
	assert_int_equal(rmdir(dir), 0);
}

static void test_env(void **state)
{
	static const char *const want[] = {"PATH=/bin:/usr/bin", "HOME=/nowhere", "TERM=vt100",
					   "LC_ALL=C",		 "EMPTY=",	  "A=b=c",
					   "PWD=/home/u/work"};
	struct launch_opts o = options();
	struct launch_plan p;
	struct spec *s;

	(void)state;
	o.env = (struct opt_list){.v = {"HOME=/nowhere", "EMPTY", "A=1", "A=b=c", "NOT_SET"},
				  .n = 5};
	s = parsed(&o, &host, &p);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (!has(&s->process->env, want[i]))
			fail_msg("missing: %s", want[i]);
	assert_int_equal(s->process->env.n, sizeof(want) / sizeof(want[0]));
	spec_free(s);
	launch_plan_free(&p);
}

static void test_limits(void **state)
{
	struct launch_opts o = options();
	struct launch_host h = host;
	struct launch_plan p;
	struct spec *s;

	(void)state;
	o.cpus = "1.5";
	o.memory = "2G";
	o.on_pressure = "kill";
	s = parsed(&o, &h, &p);
	assert_int_equal(s->linux_.resources.cpu.quota.val, 75000);
	assert_int_equal(s->linux_.resources.cpu.period.val, 50000);
	assert_true(s->linux_.resources.memory.limit.val == 2ll << 30);
	assert_string_equal(spec_annotation(s, ANNOTATION_ON_PRESSURE), "kill");
	assert_string_equal(spec_annotation(s, ANNOTATION_CPUS), "1.500");
	spec_free(s);
	launch_plan_free(&p);

	/* Without the controller the scheduler keeps the limit; the document must not demand it. */
	h.has_cpu = false;
	o.memory = NULL;
	s = parsed(&o, &h, &p);
	assert_false(s->linux_.resources.cpu.quota.set);
	assert_string_equal(spec_annotation(s, ANNOTATION_CPUS), "1.500");
	spec_free(s);
	launch_plan_free(&p);
}

/* His own id in a user namespace, no groups, no cgroup; what he cannot have is refused. */
static void test_ordinary(void **state)
{
	struct launch_opts o = options();
	struct launch_host h = host;
	struct launch_plan p;
	struct spec *s;

	(void)state;
	h.ordinary = true;
	s = parsed(&o, &h, &p);
	assert_true(s->linux_.namespaces[NS_USER].wanted);
	assert_int_equal(s->linux_.uid_mappings.n, 1);
	assert_int_equal(s->linux_.uid_mappings.v[0].container_id, 1000);
	assert_int_equal(s->linux_.uid_mappings.v[0].host_id, 1000);
	assert_int_equal(s->linux_.gid_mappings.v[0].host_id, 1001);
	assert_int_equal(s->linux_.gid_mappings.v[0].size, 1);
	assert_int_equal(s->process->user.uid, 1000);
	assert_int_equal(s->process->user.n_additional_gids, 0);
	assert_false(has(&mount_on(s, "/dev/pts")->options, "gid=5"));
	assert_string_equal(mount_on(s, "/sys")->type, "sysfs");
	assert_null(mount_on(s, "/sys/fs/cgroup"));
	spec_free(s);
	launch_plan_free(&p);

	o.net = "host";
	s = parsed(&o, &h, &p);
	assert_true(has(&mount_on(s, "/sys")->options, "rro"));
	spec_free(s);
	launch_plan_free(&p);
}

static void test_ordinary_refusals(void **state)
{
	const struct {
		struct launch_opts o;
		const char *error;
	} bad[] = {
		{{.cpus = "1"}, "launch: --cpus: not for an ordinary user: "},
		{{.memory = "1G"}, "launch: --memory: not for an ordinary user: "},
		{{.on_pressure = "kill"}, "launch: --on-pressure: not for an ordinary user: "},
		{{.user = "0"}, "launch: --user 0: an ordinary user's job runs as himself"},
		{{.user = "1000:0"},
		 "launch: --user 1000:0: an ordinary user's job runs as himself"},
		{{.detach = true}, "launch: --detach: an ordinary user names a file with --output"},
	};
	struct launch_host h = host;

	(void)state;
	h.ordinary = true;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct launch_opts o = bad[i].o;
		struct launch_plan p;
		struct err e = ERR_INIT;

		o.argc = 2;
		o.argv = (char **)(uintptr_t)job;
		assert_true(launch_plan_make(&o, &h, &p, &e) < 0);
		assert_non_null(str_after(e.msg, bad[i].error));
	}
}

static void test_user_and_terminal(void **state)
{
	struct launch_opts o = options();
	struct launch_plan p;
	struct spec *s;

	(void)state;
	o.user = "7:8";
	o.tty = true;
	o.capabilities = (struct opt_list){.v = {"net_admin", "CAP_SYS_NICE"}, .n = 2};
	s = parsed(&o, &host, &p);
	assert_int_equal(s->process->user.uid, 7);
	assert_int_equal(s->process->user.gid, 8);
	assert_int_equal(s->process->user.n_additional_gids, 0);
	assert_true(s->process->terminal);
	assert_int_equal(s->process->console_height, 24);
	assert_int_equal(s->process->console_width, 80);
	assert_true(s->process->capabilities->bounding == (1ull << 12 | 1ull << 23));
	assert_int_equal(s->process->capabilities->ambient, 0);
	spec_free(s);
	launch_plan_free(&p);
	o.user = "9";
	spec_free(parsed(&o, &host, &p));
	assert_int_equal(p.gid, 9);
	launch_plan_free(&p);
}

static void test_names(void **state)
{
	static const struct {
		const char *command, *prefix;
	} rows[] = {
		{"make", "make-"},	 {"/usr/bin/g++-12", "g++-12-"},
		{"./a b", "ab-"},	 {"--", "job-"},
		{"/", "job-"},		 {".hidden", "hidden-"},
		{"gr\xc3\xbcn", "grn-"},
	};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *argv[] = {(char *)(uintptr_t)rows[i].command, NULL};
		struct launch_plan p = {.argv = argv};

		assert_int_equal(launch_plan_make_id(&p, &e), 0);
		assert_int_equal(container_id_check(p.id, &e), 0);
		if (!str_after(p.id, rows[i].prefix) || strlen(p.id) != strlen(rows[i].prefix) + 4)
			fail_msg("%s: %s", rows[i].command, p.id);
		launch_plan_free(&p);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		struct launch_opts o;
		const char *text;
	} rows[] = {
		{{.net = "bridge"}, "--net: expected none or host"},
		{{.on_pressure = "panic"}, "--on-pressure: expected freeze or kill"},
		{{.cpus = "0"}, "--cpus: expected"},
		{{.cpus = "0.01"}, "--cpus: expected"},
		{{.cpus = "two"}, "--cpus: expected"},
		{{.cpus = "1001"}, "--cpus: expected"},
		{{.memory = "1k"}, "--memory: expected"},
		{{.memory = "lots"}, "--memory: expected"},
		{{.memory = "9492P"}, "--memory: expected"},
		{{.user = "root"}, "--user: expected"},
		{{.user = "1:"}, "--user: expected"},
		{{.user = "12345678901234567890:1"}, "--user: expected"},
		{{.user = ""}, "--user: expected"},
		{{.user = "4294967295"}, "--user: expected"},
		{{.user = "1:4294967295"}, "--user: expected"},
		{{.name = "../x"}, "invalid container id"},
		{{.workdir = "/does/not/exist"}, "--workdir /does/not/exist: No such file"},
		{{.workdir = "/etc/passwd"}, "not a directory"},
		{{.rootfs = "/etc/passwd"}, "not a directory"},
		{{.rootfs = "/etc", .workdir = "x"}, "absolute path"},
		{{.env = {.v = {"=x"}, .n = 1}}, "--env =x: expected NAME"},
		{{.capabilities = {.v = {"CAP_EVERYTHING"}, .n = 1}}, "--cap: expected"},
		{{.writable = {.v = {"/proc"}, .n = 1}}, "--writable /proc: not possible"},
		{{.writable = {.v = {"/"}, .n = 1}}, "--writable /: not possible"},
		{{.tty = true, .detach = true}, "exclude each other"},
		{{.tty = true, .no_tty = true}, "exclude each other"},
		{{.output = "x"}, "--output is for --detach"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct launch_opts o = rows[i].o;
		struct launch_plan p;
		struct err e = ERR_INIT;

		o.argc = 2;
		o.argv = (char **)(uintptr_t)job;
		assert_true(launch_plan_make(&o, &host, &p, &e) < 0);
		if (!strstr(e.msg, rows[i].text))
			fail_msg("row %zu: expected \"%s\", found \"%s\"", i, rows[i].text, e.msg);
	}
}

static void test_missing_controllers(void **state)
{
	struct launch_host bare = {.environ = (char **)(uintptr_t)caller_env, .cwd = "/home/u"};
	struct launch_opts o = options();
	struct launch_plan p;
	struct err e = ERR_INIT;

	(void)state;
	o.memory = "1G";
	assert_int_equal(launch_plan_make(&o, &bare, &p, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "no memory controller"));
	o.memory = NULL;
	o.cpus = "1";
	assert_int_equal(launch_plan_make(&o, &bare, &p, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "no cgroup v2"));
}

static void test_summary(void **state)
{
	static const struct {
		struct launch_result r;
		const char *text;
	} rows[] = {
		{{.id = "make-3f2a",
		  .wall_usec = 41200000,
		  .waited_usec = 3300000,
		  .frozen_usec = 1200000,
		  .yields = 3,
		  .used_usec = 71000000,
		  .idle_usec = 76300000},
		 "make-3f2a: exit 0 after 41.2 s: ran 37.9 s, waited 3.30 s (frozen 1.20 s in 3 "
		 "yields), used 71.0 CPU-s = 93 % of the idle CPU"},
		{{.id = "x", .status = 3, .wall_usec = 20000, .used_usec = 1000},
		 "x: exit 3 after 0.02 s: ran 0.02 s, waited 0.00 s, used 0.00 CPU-s"},
		{{.id = "x",
		  .status = 143,
		  .wall_usec = 1000000,
		  .yields = 1,
		  .frozen_usec = 990000,
		  .waited_usec = 1000000},
		 "x: signal TERM after 1.00 s: ran 0.00 s, waited 1.00 s (frozen 0.99 s in 1 "
		 "yield), "
		 "used 0.00 CPU-s"},
		{{.id = "x", .status = 137, .wall_usec = 1000000, .killed_for = "memory-low"},
		 "x: killed under pressure (memory-low) after 1.00 s: ran 1.00 s, waited 0.00 s, "
		 "used 0.00 CPU-s"},
		{{.id = "x", .status = 137, .out_of_memory = true},
		 "x: out of memory after 0.00 s: ran 0.00 s, waited 0.00 s, used 0.00 CPU-s"},
		{{.id = "x", .status = 255, .used_usec = 5, .idle_usec = 3},
		 "x: exit 255 after 0.00 s: ran 0.00 s, waited 0.00 s, used 0.00 CPU-s = 100 % of "
		 "the idle CPU"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strbuf sb = STRBUF_INIT;

		launch_summary_format(&rows[i].r, &sb);
		assert_string_equal(strbuf_str(&sb), rows[i].text);
		strbuf_free(&sb);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_workdir_of_the_kernel),
		cmocka_unit_test(test_rootfs),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_user_and_terminal),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ordinary),
		cmocka_unit_test(test_ordinary_refusals),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_missing_controllers),
		cmocka_unit_test(test_summary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
