/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cgroup on the real hierarchy of this machine (root only): groups with processes in them,
 * frozen, nested, contended; and, where the controllers are there (not on a hybrid host), what the
 * kernel says the limits are.
 */
#include "tests/unit/capture_log.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/cgroup_internal.h"

#define SET(v)                                                                                     \
	{                                                                                          \
		true, (v)                                                                          \
	}

static struct spec_device_rule allow_all[] = {
	{.allow = true, .type = 'a', .read = true, .write = true, .mknod = true},
};
static const struct runtime rt = {.root = "/nonexistent"};

struct ctx {
	struct fake_tree t; /* for the log */
	struct cg_host host;
	char id[64];
	struct spec spec;
};

static bool slice_was_there;

static int group_setup(void **state)
{
	struct cg_host h;

	(void)state;
	if (cg_host_open(&h, NULL) == 0 && h.fd >= 0)
		slice_was_there = faccessat(h.fd, CEDE_SLICE, F_OK, 0) == 0;
	cg_host_close(&h);
	return 0;
}

static int group_teardown(void **state)
{
	struct cg_host h;

	(void)state;
	if (cg_host_open(&h, NULL) == 0 && h.fd >= 0 && !slice_was_there)
		(void)unlinkat(h.fd, CEDE_SLICE, AT_REMOVEDIR); /* stays if others use it now */
	cg_host_close(&h);
	return 0;
}

/* *state NULL: this cannot be done here. */
static int setup(void **state)
{
	struct ctx *c = calloc(1, sizeof(*c));
	char probe[80];

	assert_non_null(c);
	assert_int_equal(cg_host_open(&c->host, NULL), 0);
	(void)snprintf(c->id, sizeof(c->id), "cede-unit-%d", getpid());
	(void)snprintf(probe, sizeof(probe), "%s-probe", c->id);
	if (geteuid() != 0 || c->host.fd < 0 || mkdirat(c->host.fd, probe, 0755) < 0) {
		cg_host_close(&c->host);
		free(c);
		*state = NULL;
		return 0;
	}
	assert_int_equal(unlinkat(c->host.fd, probe, AT_REMOVEDIR), 0);
	fake_tree_make(&c->t);
	capture_log_start(&c->t);
	c->spec.linux_.resources.devices = allow_all;
	c->spec.linux_.resources.n_devices = 1;
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct ctx *c = *state;
	char path[128];

	if (!c)
		return 0;
	/* Whatever a failed test has left. */
	(void)snprintf(path, sizeof(path), "/%s/%s", CEDE_SLICE, c->id);
	(void)cgroup_destroy(path, 5000, NULL);
	(void)snprintf(path, sizeof(path), "/%s", c->id);
	(void)cgroup_destroy(path, 5000, NULL);
	capture_log_stop();
	cg_host_close(&c->host);
	fake_tree_remove(&c->t);
	free(c);
	return 0;
}

#define NEED_ROOT(c)                                                                               \
	if (!(c))                                                                                  \
	skip() /* needs root and a cgroup2 hierarchy to write in */

static void create(struct ctx *c, const char *path, struct cgroup *cg)
{
	struct err e = ERR_INIT;

	c->spec.linux_.cgroups_path = path;
	if (cgroup_create(&rt, &c->spec, c->id, cg, &e) < 0)
		fail_msg("%s", e.msg);
}

static bool exists(const struct ctx *c, const char *path)
{
	return faccessat(c->host.fd, path + strspn(path, "/"), F_OK, 0) == 0;
}

/* A process that sleeps inside the group, born there. */
static pid_t process_in(int cgfd)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgfd,
	};
	pid_t pid = sys_clone3(&args);

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGTERM, SIG_DFL);
		for (;;)
			pause();
	}
	return pid;
}

static void assert_ended_by(pid_t pid, int signal)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal);
}

static int subgroup(int cgfd, const char *name)
{
	int fd;

	assert_int_equal(mkdirat(cgfd, name, 0755), 0);
	fd = openat(cgfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void test_life(void **state)
{
	struct ctx *c = *state;
	_cleanup_free_ pid_t *pids = NULL;
	struct cgroup cg, again;
	struct err e = ERR_INIT;
	pid_t pid[2];
	size_t n;

	NEED_ROOT(c);
	create(c, NULL, &cg);
	assert_true(cg.created && exists(c, cg.path));
	assert_true(cg_in_slice(cg.path));
	assert_int_equal(cg.idle_by_group, !!(c->host.controllers & CG_CPU));
	assert_int_equal(cgroup_pids(&cg, &pids, &n, &e), 0);
	assert_int_equal(n, 0);
	pid[0] = process_in(cg.fd);
	pid[1] = process_in(cg.fd);
	assert_int_equal(cgroup_open(cg.path, &again, &e), 0);
	assert_int_equal(again.idle_by_group, cg.idle_by_group);
	assert_int_equal(cgroup_pids(&again, &pids, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_true((pids[0] == pid[0] && pids[1] == pid[1]) ||
		    (pids[0] == pid[1] && pids[1] == pid[0]));
	assert_int_equal(cgroup_signal(&again, SIGTERM, &e), 0);
	assert_ended_by(pid[0], SIGTERM);
	assert_ended_by(pid[1], SIGTERM);
	pid[0] = process_in(cg.fd);
	assert_int_equal(cgroup_signal(&again, SIGKILL, &e), 0);
	assert_ended_by(pid[0], SIGKILL);
	assert_int_equal(cgroup_destroy(cg.path, 1000, &e), 0);
	assert_false(exists(c, cg.path));
	assert_true(exists(c, CEDE_SLICE));			 /* the slice stays */
	assert_int_equal(cgroup_destroy(cg.path, 1000, &e), 0);	 /* twice is fine */
	assert_int_equal(cgroup_signal(&again, SIGKILL, &e), 0); /* somebody else removed it */
	assert_int_equal(cgroup_signal(&again, SIGTERM, &e), 0);
	cgroup_close(&again);
	cgroup_close(&cg);
	assert_int_equal(cgroup_open(cg.path, &again, &e), -ENOENT);
}

/* Processes, at the top and in nested groups, and all of it frozen. */
static void test_destroy_frozen(void **state)
{
	struct ctx *c = *state;
	struct err e = ERR_INIT;
	struct cgroup cg;
	int sub, subsub;
	pid_t top, below;
	uint64_t frozen = 0;

	NEED_ROOT(c);
	create(c, NULL, &cg);
	top = process_in(cg.fd);
	sub = subgroup(cg.fd, "a");
	subsub = subgroup(sub, "b");
	fd_close(subgroup(sub, "empty"));
	below = process_in(subsub);
	assert_int_equal(cg_write(cg.fd, "cgroup.freeze", "1", &e), 0);
	for (int i = 0; i < 1000 && !frozen; i++) {
		assert_int_equal(cg_read_key(cg.fd, "cgroup.events", "frozen", &frozen, &e), 0);
		usleep(1000);
	}
	assert_int_equal(frozen, 1);
	if (cgroup_destroy(cg.path, 5000, &e) < 0)
		fail_msg("%s", e.msg);
	assert_false(exists(c, cg.path));
	assert_ended_by(top, SIGKILL);
	assert_ended_by(below, SIGKILL);
	fd_close(sub);
	fd_close(subsub);
	cgroup_close(&cg);
}

/* As deep as a container that may write its cgroup likes. */
static void test_destroy_deep(void **state)
{
	struct ctx *c = *state;
	struct err e = ERR_INIT;
	_cleanup_free_ pid_t *pids = NULL;
	struct cgroup cg;
	size_t n;
	pid_t pid;
	int fd;

	NEED_ROOT(c);
	create(c, NULL, &cg);
	fd = subgroup(cg.fd, "d");
	for (int i = 0; i < 300; i++) {
		int next = subgroup(fd, "d");

		fd_close(fd);
		fd = next;
	}
	pid = process_in(fd);
	fd_close(fd);
	assert_int_equal(cgroup_pids(&cg, &pids, &n, &e), -ELOOP);
	if (cgroup_destroy(cg.path, 5000, &e) < 0)
		fail_msg("%s", e.msg);
	assert_false(exists(c, cg.path));
	assert_ended_by(pid, SIGKILL);
	cgroup_close(&cg);
}

/* A group that is in use, or frozen, is nobody's to begin in. */
static void test_existing(void **state)
{
	struct ctx *c = *state;
	struct err e = ERR_INIT;
	struct cgroup cg, second;
	pid_t pid;
	int sub;

	NEED_ROOT(c);
	create(c, NULL, &cg);
	sub = subgroup(cg.fd, "a");
	pid = process_in(sub); /* only a descendant is populated */
	assert_int_equal(cgroup_create(&rt, &c->spec, c->id, &second, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "there are processes in it"));
	assert_true(exists(c, cg.path)); /* not made here, so not undone here */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_ended_by(pid, SIGKILL);
	fd_close(sub);
	assert_int_equal(cg_write(cg.fd, "cgroup.freeze", "1", &e), 0);
	assert_int_equal(cgroup_create(&rt, &c->spec, c->id, &second, &e), -EBUSY);
	assert_non_null(strstr(e.msg, "frozen"));
	assert_int_equal(cg_write(cg.fd, "cgroup.freeze", "0", &e), 0);
	/* Empty and thawed it may be used, and is not ours to remove after a failure. */
	assert_int_equal(cgroup_create(&rt, &c->spec, c->id, &second, &e), 0);
	assert_false(second.created);
	cgroup_close(&second);
	cgroup_close(&cg);
}

static void test_threaded(void **state)
{
	struct ctx *c = *state;
	struct err e = ERR_INIT;
	struct cgroup cg;
	char path[128];
	int top, sub;

	NEED_ROOT(c);
	top = subgroup(c->host.fd, c->id);
	sub = subgroup(top, "t");
	assert_int_equal(cg_write(sub, "cgroup.type", "threaded", &e), 0);
	/* Below a threaded group a new one is "domain invalid". */
	(void)snprintf(path, sizeof(path), "/%s/new", c->id);
	c->spec.linux_.cgroups_path = path;
	assert_int_equal(cgroup_create(&rt, &c->spec, "x", &cg, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "\"domain invalid\""));
	assert_false(exists(c, path));
	(void)snprintf(path, sizeof(path), "/%s/t", c->id);
	assert_int_equal(cgroup_create(&rt, &c->spec, "x", &cg, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "threaded"));
	assert_true(exists(c, path));
	fd_close(sub);
	fd_close(top);
	assert_int_equal(cgroup_destroy(c->id, 1000, &e), 0);
	assert_false(exists(c, c->id));
}

/* Whatever fails, and wherever: nothing that was made stays. */
static void test_undo(void **state)
{
	static struct spec_pair nonsense[] = {{"cgroup.nonsense", "1"}};
	struct ctx *c = *state;
	struct err e = ERR_INIT;
	struct cgroup cg;
	char path[128], top[80];

	NEED_ROOT(c);
	(void)snprintf(path, sizeof(path), "%s/a/b", c->id);
	(void)snprintf(top, sizeof(top), "%s/%s", CEDE_SLICE, c->id);
	c->spec.linux_.cgroups_path = path;
	c->spec.linux_.resources.unified.v = nonsense;
	c->spec.linux_.resources.unified.n = 1;
	assert_int_equal(cgroup_create(&rt, &c->spec, "x", &cg, &e), -ENOENT);
	assert_string_equal(e.msg, "config.json: linux.resources.unified[\"cgroup.nonsense\"]: "
				   "cgroups of this host have no file cgroup.nonsense");
	assert_false(exists(c, top));
	/* A name the kernel does not take. */
	(void)snprintf(path, sizeof(path), "%s/a/cgroup.procs", c->id);
	c->spec.linux_.resources.unified.n = 0;
	assert_true(cgroup_create(&rt, &c->spec, "x", &cg, &e) < 0);
	assert_non_null(strstr(e.msg, "/a/cgroup.procs"));
	assert_false(exists(c, top));
}

/* "a/b" brings "a" along, and takes it away. */
static void test_relative(void **state)
{
	struct ctx *c = *state;
	struct err e = ERR_INIT;
	struct cgroup one, two;
	char path[128], top[80];

	NEED_ROOT(c);
	(void)snprintf(top, sizeof(top), "%s/%s", CEDE_SLICE, c->id);
	(void)snprintf(path, sizeof(path), "%s/one", c->id);
	create(c, path, &one);
	(void)snprintf(path, sizeof(path), "%s/two", c->id);
	create(c, path, &two);
	assert_int_equal(cgroup_destroy(one.path, 1000, &e), 0);
	assert_true(exists(c, top)); /* the other one is there */
	assert_int_equal(cgroup_destroy(two.path, 1000, &e), 0);
	assert_false(exists(c, top));
	cgroup_close(&one);
	cgroup_close(&two);
}

/* Many at once in a parent that comes and goes: each create works, nothing is left. */
static void test_contended(void **state)
{
	enum { WORKERS = 6, ROUNDS = 30 };
	struct ctx *c = *state;
	pid_t pids[WORKERS];
	char top[80];

	NEED_ROOT(c);
	(void)snprintf(top, sizeof(top), "%s/%s", CEDE_SLICE, c->id);
	for (int w = 0; w < WORKERS; w++) {
		pids[w] = fork();
		assert_true(pids[w] >= 0);
		if (pids[w])
			continue;
		for (int i = 0; i < ROUNDS; i++) {
			struct err e = ERR_INIT;
			struct cgroup cg;
			char path[128];

			(void)snprintf(path, sizeof(path), "%s/w%d", c->id, w);
			c->spec.linux_.cgroups_path = path;
			if (cgroup_create(&rt, &c->spec, "x", &cg, &e) < 0 ||
			    cgroup_destroy(cg.path, 1000, &e) < 0) {
				print_error("%s\n", e.msg);
				_exit(1);
			}
			cgroup_close(&cg);
		}
		_exit(0);
	}
	for (int w = 0; w < WORKERS; w++) {
		int status;

		assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
		assert_int_equal(status, 0);
	}
	assert_false(exists(c, top));
}

/* A process that does not die in time: stopped in the kernel is hard to make, so no time at all. */
static void test_destroy_bounded(void **state)
{
	struct ctx *c = *state;
	struct err e = ERR_INIT;
	struct cgroup cg;
	uint64_t begin;
	pid_t pid;
	int rc;

	NEED_ROOT(c);
	create(c, NULL, &cg);
	pid = process_in(cg.fd);
	begin = now_ns();
	rc = cgroup_destroy(cg.path, 0, &e);
	assert_true(now_ns() - begin < NSEC_PER_SEC);
	assert_true(rc == 0 || rc == -ETIMEDOUT || rc == -EBUSY);
	assert_ended_by(pid, SIGKILL);
	assert_int_equal(cgroup_destroy(cg.path, 1000, &e), 0);
	assert_false(exists(c, cg.path));
	cgroup_close(&cg);
}

/* The limit's own controller is missing: refused, and nothing left. */
static void test_missing_controller(void **state)
{
	struct ctx *c = *state;
	struct err e = ERR_INIT;
	struct cgroup cg;
	char path[128];

	NEED_ROOT(c);
	if (c->host.controllers & CG_MEMORY)
		skip(); /* the memory controller is there */
	(void)snprintf(path, sizeof(path), "%s/%s", CEDE_SLICE, c->id);
	c->spec.linux_.resources.memory.limit = (struct opt_i64)SET(1 << 20);
	assert_int_equal(cgroup_create(&rt, &c->spec, c->id, &cg, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "linux.resources.memory.limit: this host has no memory "));
	assert_false(exists(c, path));
}

/* --- with controllers --- */

#define NEED(c, which)                                                                             \
	NEED_ROOT(c);                                                                              \
	if (((c)->host.controllers & (which)) != (which))                                          \
	skip() /* the controllers are not in cgroup v2 here */

static void assert_file(int fd, const char *file, const char *expected)
{
	char text[4096];
	ssize_t n = file_read(fd, file, text, sizeof(text), NULL);

	if (n < 0)
		fail_msg("%s: %s", file, strerror((int)-n));
	text[strcspn(text, "\n")] = '\0';
	if (!streq(text, expected))
		fail_msg("%s: \"%s\", expected \"%s\"", file, text, expected);
}

static void test_birth(void **state)
{
	struct ctx *c = *state;
	_cleanup_fd_ int slice = -1;
	struct sysinfo si;
	struct cgroup cg;
	uint64_t high;

	NEED(c, CG_CPU | CG_MEMORY);
	(void)unlinkat(c->host.fd, CEDE_SLICE, AT_REMOVEDIR); /* a fresh one, if nobody is there */
	create(c, NULL, &cg);
	assert_true(cg.idle_by_group);
	slice = openat(c->host.fd, CEDE_SLICE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_file(slice, "cpu.idle", "1");
	assert_file(cg.fd, "memory.oom.group", "1");
	assert_int_equal(sysinfo(&si), 0);
	assert_int_equal(cg_read_u64(slice, "memory.high", &high, NULL), 0);
	assert_in_range(high, si.totalram * si.mem_unit / 10 * 7,
			si.totalram * si.mem_unit / 10 * 9);
	cgroup_close(&cg);
	/* Somebody made the slice an equal of the incumbents: not with the next container in it. */
	assert_int_equal(cg_write(slice, "cpu.idle", "0", NULL), 0);
	create(c, NULL, &cg);
	assert_file(slice, "cpu.idle", "1");
	cgroup_close(&cg);
}

static void test_limits(void **state)
{
	static struct spec_pair unified[] = {{"memory.high", "33554432"}};
	struct ctx *c = *state;
	struct spec_resources *r = &c->spec.linux_.resources;
	struct spec_resources update = {0};
	struct err e = ERR_INIT;
	struct cgroup cg;

	NEED(c, CG_CPU | CG_MEMORY | CG_PIDS);
	r->memory.limit = (struct opt_i64)SET(64 << 20);
	r->memory.reservation = (struct opt_i64)SET(8 << 20);
	r->cpu.quota = (struct opt_i64)SET(50000);
	r->cpu.period = (struct opt_u64)SET(100000);
	r->cpu.shares = (struct opt_u64)SET(512);
	r->pids_limit = (struct opt_i64)SET(0);
	r->unified.v = unified;
	r->unified.n = 1;
	create(c, NULL, &cg);
	assert_file(cg.fd, "memory.max", "67108864");
	assert_file(cg.fd, "memory.low", "8388608");
	assert_file(cg.fd, "memory.high", "33554432");
	assert_file(cg.fd, "cpu.max", "50000 100000");
	assert_file(cg.fd, "cpu.weight", "59");
	assert_file(cg.fd, "pids.max", "1");
	assert_int_equal(process_in(cg.fd) > 0, 1); /* the limit of 0 lets the first one in */

	/* update: what is not named stays */
	update.cpu.period = (struct opt_u64)SET(200000);
	update.pids_limit = (struct opt_i64)SET(-1);
	if (cgroup_apply(&cg, &update, &e) < 0)
		fail_msg("%s", e.msg);
	assert_file(cg.fd, "cpu.max", "50000 200000");
	assert_file(cg.fd, "pids.max", "max");
	assert_file(cg.fd, "memory.max", "67108864");
	update = (struct spec_resources){.cpu = {.quota = SET(-1)}, .memory.limit = SET(-1)};
	assert_int_equal(cgroup_apply(&cg, &update, &e), 0);
	assert_file(cg.fd, "cpu.max", "max 200000");
	assert_file(cg.fd, "memory.max", "max");
	/* what the kernel refuses is explained */
	update = (struct spec_resources){.cpu = {.quota = SET(1), .period = SET(100000)}};
	assert_int_equal(cgroup_apply(&cg, &update, &e), -EINVAL);
	assert_non_null(strstr(e.msg, "linux.resources.cpu.quota: write \"1 100000\" to cpu.max "
				      "(accepted: quota at least 1000"));
	cgroup_close(&cg);
}

/* cpu.idle=1 locks cpu.weight; on, off and on again must work in any mixture. */
static void test_idle_weight(void **state)
{
	struct ctx *c = *state;
	struct spec_resources *r = &c->spec.linux_.resources;
	struct spec_resources update = {.cpu = {.shares = SET(2048)}};
	struct err e = ERR_INIT;
	struct cgroup cg;

	NEED(c, CG_CPU);
	r->cpu.idle = (struct opt_i64)SET(1);
	r->cpu.shares = (struct opt_u64)SET(512);
	create(c, NULL, &cg);
	assert_file(cg.fd, "cpu.idle", "1");
	/* a weight alone: the group stays idle */
	if (cgroup_apply(&cg, &update, &e) < 0)
		fail_msg("%s", e.msg);
	assert_file(cg.fd, "cpu.idle", "1");
	update.cpu.idle = (struct opt_i64)SET(0);
	assert_int_equal(cgroup_apply(&cg, &update, &e), 0);
	assert_file(cg.fd, "cpu.idle", "0");
	assert_file(cg.fd, "cpu.weight", "174");
	update.cpu.idle = (struct opt_i64)SET(1);
	assert_int_equal(cgroup_apply(&cg, &update, &e), 0);
	assert_file(cg.fd, "cpu.idle", "1");
	update.cpu.idle = (struct opt_i64)SET(0);
	assert_int_equal(cgroup_apply(&cg, &update, &e), 0);
	assert_file(cg.fd, "cpu.weight", "174");
	cgroup_close(&cg);
}

/* A burst may not be larger than the quota, at any instant. */
static void test_burst(void **state)
{
	struct ctx *c = *state;
	struct spec_resources *r = &c->spec.linux_.resources;
	struct spec_resources update = {.cpu = {.quota = SET(20000), .burst = SET(10000)}};
	struct err e = ERR_INIT;
	struct cgroup cg;

	NEED(c, CG_CPU);
	r->cpu.quota = (struct opt_i64)SET(80000);
	r->cpu.burst = (struct opt_u64)SET(70000);
	create(c, NULL, &cg);
	assert_file(cg.fd, "cpu.max.burst", "70000");
	if (cgroup_apply(&cg, &update, &e) < 0) /* both down */
		fail_msg("%s", e.msg);
	assert_file(cg.fd, "cpu.max", "20000 100000");
	assert_file(cg.fd, "cpu.max.burst", "10000");
	update = (struct spec_resources){.cpu = {.quota = SET(90000), .burst = SET(90000)}};
	if (cgroup_apply(&cg, &update, &e) < 0) /* both up */
		fail_msg("%s", e.msg);
	assert_file(cg.fd, "cpu.max.burst", "90000");
	cgroup_close(&cg);
}

/* A controller that update needs and create did not is enabled on the way. */
static void test_update_enables(void **state)
{
	struct ctx *c = *state;
	const struct spec_resources update = {.pids_limit = SET(7)};
	struct err e = ERR_INIT;
	struct cgroup cg, again;
	pid_t pid;

	NEED(c, CG_PIDS);
	create(c, NULL, &cg);
	pid = process_in(cg.fd);
	assert_int_equal(cgroup_open(cg.path, &again, &e), 0);
	if (cgroup_apply(&again, &update, &e) < 0)
		fail_msg("%s", e.msg);
	assert_file(cg.fd, "pids.max", "7");
	cgroup_close(&again);
	cgroup_close(&cg);
	assert_int_equal(cgroup_destroy(cg.path, 1000, &e), 0);
	assert_ended_by(pid, SIGKILL);
}

/* Outside the slice: limits as asked and nothing of ours; and no limits where the group above has
 * processes of its own. */
static void test_outside(void **state)
{
	struct ctx *c = *state;
	struct err e = ERR_INIT;
	struct cgroup cg;
	char path[128];
	pid_t pid;
	int top;

	NEED(c, CG_MEMORY);
	(void)snprintf(path, sizeof(path), "/%s/box", c->id);
	c->spec.linux_.resources.memory.limit = (struct opt_i64)SET(64 << 20);
	create(c, path, &cg);
	assert_false(cg.idle_by_group);
	assert_file(cg.fd, "memory.max", "67108864");
	assert_file(cg.fd, "memory.oom.group", "0");
	cgroup_close(&cg);
	assert_int_equal(cgroup_destroy(path, 1000, &e), 0);
	assert_true(exists(c, c->id)); /* a parent out there is not ours to remove */
	assert_int_equal(cgroup_destroy(c->id, 1000, &e), 0);

	top = subgroup(c->host.fd, c->id);
	pid = process_in(top);
	assert_int_equal(cgroup_create(&rt, &c->spec, "x", &cg, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.msg, "config.json: linux.resources.memory.limit: the memory "
				      "controller cannot be enabled"));
	assert_non_null(strstr(e.msg, "it has processes of its own"));
	assert_false(exists(c, path));
	fd_close(top);
	assert_int_equal(cgroup_destroy(c->id, 1000, &e), 0);
	assert_ended_by(pid, SIGKILL);
}

/* The limits bite: that many processes, and no more; and over the memory limit the whole group
 * goes. */
static void test_limits_bite(void **state)
{
	struct ctx *c = *state;
	struct spec_resources *r = &c->spec.linux_.resources;
	struct err e = ERR_INIT;
	struct cgroup cg;
	pid_t pid, other;

	NEED(c, CG_MEMORY | CG_PIDS);
	r->memory.limit = (struct opt_i64)SET(16 << 20);
	r->memory.swap = (struct opt_i64)SET(16 << 20);
	r->pids_limit = (struct opt_i64)SET(2);
	create(c, NULL, &cg);
	other = process_in(cg.fd);
	{
		struct clone_args args = {
			.flags = CLONE_INTO_CGROUP,
			.exit_signal = SIGCHLD,
			.cgroup = (uint64_t)cg.fd,
		};

		pid = sys_clone3(&args);
		if (pid == 0) {
			static volatile char memory[64 << 20];

			if (fork() >= 0)
				_exit(1); /* a third one */
			for (size_t i = 0; i < sizeof(memory); i += 1024)
				memory[i] = 1;
			_exit(2);
		}
	}
	assert_true(pid > 0);
	assert_ended_by(pid, SIGKILL);
	assert_ended_by(other, SIGKILL);
	assert_int_equal(cgroup_destroy(cg.path, 1000, &e), 0);
	cgroup_close(&cg);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_life),
		TEST(test_destroy_frozen),
		TEST(test_destroy_deep),
		TEST(test_existing),
		TEST(test_threaded),
		TEST(test_undo),
		TEST(test_relative),
		TEST(test_contended),
		TEST(test_destroy_bounded),
		TEST(test_missing_controller),
		TEST(test_birth),
		TEST(test_limits),
		TEST(test_idle_weight),
		TEST(test_burst),
		TEST(test_update_enables),
		TEST(test_outside),
		TEST(test_limits_bite),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
