/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/devices_bpf: the program decides as the rules say. It is attached to a group of the real
 * hierarchy, and a process in it opens and makes device nodes: EPERM is a denial; the numbers used
 * have no driver, so an allowed open says ENXIO.
 */
#include "tests/unit/fake_tree.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/cgfs.h"
#include "runtime/cgroup.h"
#include "runtime/devices_bpf.h"

/* For local and experimental use (admin-guide/devices.rst): no driver is there. */
#define MAJOR_A 240
#define MAJOR_B 241

struct group {
	struct fake_tree tree;
	struct cg_host host;
	char name[64];
	int fd;
};

static void group_remove(struct group *g)
{
	(void)umount2(g->tree.root, MNT_DETACH); /* it is mounted in our own namespace only */
	if (g->fd >= 0) {
		g->fd = fd_close(g->fd);
		for (int i = 0;
		     i < 100 && unlinkat(g->host.fd, g->name, AT_REMOVEDIR) < 0 && errno == EBUSY;
		     i++)
			usleep(1000); /* a child has exited but is not gone */
	}
	cg_host_close(&g->host);
	fake_tree_remove(&g->tree);
	free(g);
}

/* NULL if this cannot be done here. */
static int setup(void **state)
{
	struct group *g;

	*state = NULL;
	if (geteuid() != 0)
		return 0;
	g = calloc(1, sizeof(*g));
	assert_non_null(g);
	g->fd = -1;
	assert_int_equal(cg_host_open(&g->host, NULL), 0);
	fake_tree_make(&g->tree);
	(void)snprintf(g->name, sizeof(g->name), "cede-unit-dev-%d", getpid());
	if (g->host.fd >= 0 && mkdirat(g->host.fd, g->name, 0755) == 0)
		g->fd = openat(g->host.fd, g->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* /tmp may be mounted nodev: a tmpfs of our own. */
	if (g->fd < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", g->tree.root, "tmpfs", 0, NULL) < 0) {
		group_remove(g);
		return 0;
	}
	(void)fd_close(g->tree.fd);
	g->tree.fd = open(g->tree.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(g->tree.fd >= 0);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	if (*state)
		group_remove(*state);
	return 0;
}

static void node_name(char *buf, size_t size, char type, unsigned major, unsigned minor)
{
	assert_true((size_t)snprintf(buf, size, "%c%u-%u", type, major, minor) < size);
}

static void make_node(const struct group *g, char type, unsigned major, unsigned minor)
{
	char name[32];

	node_name(name, sizeof(name), type, major, minor);
	assert_int_equal(mknodat(g->tree.fd, name, (type == 'b' ? S_IFBLK : S_IFCHR) | 0600,
				 makedev(major, minor)),
			 0);
}

/* In the child: true if the kernel lets us. */
static bool may_open(const struct group *g, char type, unsigned major, unsigned minor, int flags)
{
	char name[32];
	int fd;

	node_name(name, sizeof(name), type, major, minor);
	fd = openat(g->tree.fd, name, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		fd_close(fd);
	return fd >= 0 || errno != EPERM;
}

static bool may_mknod(const struct group *g, char type, unsigned major, unsigned minor)
{
	bool ok = mknodat(g->tree.fd, "made", (type == 'b' ? S_IFBLK : S_IFCHR) | 0600,
			  makedev(major, minor)) == 0;

	if (ok)
		assert_int_equal(unlinkat(g->tree.fd, "made", 0), 0);
	return ok;
}

/* Runs fn in a child inside the group; its result is the exit status. */
static void in_group(const struct group *g, int (*fn)(const struct group *g, const void *arg),
		     const void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		char self[16];

		(void)snprintf(self, sizeof(self), "%d", getpid());
		if (cg_write(g->fd, "cgroup.procs", self, NULL) < 0)
			_exit(99);
		_exit(fn(g, arg));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("child: wait status %#x", status);
}

#define NUM(n)                                                                                     \
	{                                                                                          \
		.set = true, .val = (n)                                                            \
	}
#define R .read = true
#define W .write = true
#define M .mknod = true

static int check_defaults(const struct group *g, const void *arg)
{
	static const struct {
		unsigned major, minor;
	} ours[] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}, {136, 9}};
	bool kmsg = *(const bool *)arg;

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (!may_open(g, 'c', ours[i].major, ours[i].minor, O_RDWR))
			return 1 + (int)i;
	if (may_open(g, 'c', 1, 11, O_RDONLY) != kmsg)
		return 20;
	if (may_open(g, 'b', 1, 3, O_RDONLY) != kmsg) /* block 1:3 is not /dev/null */
		return 21;
	if (!may_mknod(g, 'b', 8, 0) || !may_mknod(g, 'c', 1, 11))
		return 22;
	return 0;
}

static void test_defaults(void **state)
{
	const struct group *g = *state;
	const struct spec_device_rule deny_all[] = {{.type = 'a', R, W, M}};
	const struct spec_device_rule allow_all[] = {{.allow = true, .type = 'a', R, W, M}};
	bool allowed = false;

	if (!g)
		skip(); /* needs root and a cgroup2 hierarchy */
	for (unsigned minor = 3; minor <= 11; minor++)
		make_node(g, 'c', 1, minor);
	for (unsigned minor = 0; minor < 3; minor++)
		make_node(g, 'c', 5, minor);
	make_node(g, 'c', 136, 9);
	make_node(g, 'b', 1, 3);
	/* Whatever the document says, or nothing: the default devices, and no more. */
	assert_int_equal(cgroup_devices_apply(g->fd, NULL, 0, NULL), 0);
	in_group(g, check_defaults, &allowed);
	assert_int_equal(cgroup_devices_apply(g->fd, deny_all, 1, NULL), 0);
	in_group(g, check_defaults, &allowed);
	/* A privileged container: the program of before is gone. */
	allowed = true;
	assert_int_equal(cgroup_devices_apply(g->fd, allow_all, 1, NULL), 0);
	in_group(g, check_defaults, &allowed);
	/* And comes again. */
	allowed = false;
	assert_int_equal(cgroup_devices_apply(g->fd, deny_all, 1, NULL), 0);
	in_group(g, check_defaults, &allowed);
}

/* --- against the rule in words: each bit is decided by the last rule that names it --- */

struct rules {
	struct spec_device_rule v[8];
	size_t n;
};

static bool decides(const struct spec_device_rule *r, char type, unsigned major, unsigned minor)
{
	return (r->type == 'a' || r->type == type) && (!r->major.set || r->major.val == major) &&
	       (!r->minor.set || r->minor.val == minor);
}

static bool expected(const struct rules *rules, char type, unsigned major, unsigned minor, bool rd,
		     bool wr)
{
	bool read = false, write = false;

	for (size_t i = 0; i < rules->n; i++) {
		const struct spec_device_rule *r = &rules->v[i];

		if (!decides(r, type, major, minor))
			continue;
		if (r->read)
			read = r->allow;
		if (r->write)
			write = r->allow;
	}
	return (!rd || read) && (!wr || write);
}

static const unsigned majors[] = {MAJOR_A, MAJOR_B};

static int check_rules(const struct group *g, const void *arg)
{
	static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR};
	const struct rules *rules = arg;

	for (size_t i = 0; i < ARRAY_SIZE(majors) * 2 * 2 * ARRAY_SIZE(modes); i++) {
		unsigned major = majors[i & 1], minor = i >> 1 & 1;
		char type = i & 4 ? 'b' : 'c';
		int mode = modes[i >> 3];
		bool want = expected(rules, type, major, minor, mode != O_WRONLY, mode != O_RDONLY);

		if (may_open(g, type, major, minor, mode) != want) {
			print_error("%c %u:%u mode %d: expected %s\n", type, major, minor, mode,
				    want ? "allowed" : "denied");
			for (size_t k = 0; k < rules->n; k++) {
				const struct spec_device_rule *r = &rules->v[k];

				print_error("  %s %c %d:%d %s%s%s\n", r->allow ? "allow" : "deny",
					    r->type, r->major.set ? (int)r->major.val : -1,
					    r->minor.set ? (int)r->minor.val : -1,
					    r->read ? "r" : "", r->write ? "w" : "",
					    r->mknod ? "m" : "");
			}
			return 1;
		}
	}
	return 0;
}

static unsigned roll(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % n;
}

static void random_rules(struct rules *rules, unsigned *seed)
{
	rules->n = roll(seed, ARRAY_SIZE(rules->v) + 1);
	for (size_t i = 0; i < rules->n; i++) {
		struct spec_device_rule *r = &rules->v[i];

		*r = (struct spec_device_rule){.allow = roll(seed, 2),
					       .type = "abc"[roll(seed, 3)]};
		if (roll(seed, 2))
			r->major = (struct opt_i64)NUM(majors[roll(seed, 2)]);
		if (roll(seed, 2))
			r->minor = (struct opt_i64)NUM(roll(seed, 2));
		r->read = roll(seed, 2);
		r->write = roll(seed, 2);
		r->mknod = roll(seed, 2);
	}
}

static void test_random_rules(void **state)
{
	const struct group *g = *state;
	unsigned seed = 1;

	if (!g)
		skip(); /* needs root and a cgroup2 hierarchy */
	for (size_t i = 0; i < ARRAY_SIZE(majors) * 2 * 2; i++)
		make_node(g, i & 4 ? 'b' : 'c', majors[i & 1], i >> 1 & 1);
	for (int round = 0; round < 200; round++) {
		struct rules rules;
		struct err e = ERR_INIT;

		random_rules(&rules, &seed);
		/* Each call replaces the program of the one before: else denials would add up. */
		if (cgroup_devices_apply(g->fd, rules.v, rules.n, &e) < 0)
			fail_msg("round %d: %s", round, e.msg);
		in_group(g, check_rules, &rules);
	}
}

/* As many rules as anybody has, and more than the kernel takes. */
static void test_large(void **state)
{
	enum { MANY = 2000, TOO_MANY = 20000 };
	const struct group *g = *state;
	struct spec_device_rule *rules;
	struct err e = ERR_INIT;
	struct rules last = {.n = 1};

	if (!g)
		skip(); /* needs root and a cgroup2 hierarchy */
	for (size_t i = 0; i < ARRAY_SIZE(majors) * 2 * 2; i++)
		make_node(g, i & 4 ? 'b' : 'c', majors[i & 1], i >> 1 & 1);
	rules = calloc(TOO_MANY, sizeof(*rules));
	assert_non_null(rules);
	for (int i = 0; i < TOO_MANY; i++)
		rules[i] = (struct spec_device_rule){
			.allow = true, .type = 'c', .major = NUM(300), .minor = NUM(i), R, W, M};
	rules[0] = last.v[0] = (struct spec_device_rule){
		.allow = true, .type = 'b', .major = NUM(MAJOR_A), .minor = NUM(1), R, W, M};
	if (cgroup_devices_apply(g->fd, rules, MANY, &e) < 0)
		fail_msg("%s", e.msg);
	in_group(g, check_rules, &last);
	assert_int_equal(cgroup_devices_apply(g->fd, rules, TOO_MANY, &e), -E2BIG);
	assert_non_null(strstr(e.msg, "more rules than the kernel can check"));
	in_group(g, check_rules, &last); /* the program of before is still in force */
	free(rules);
}

/* --- the program itself, anywhere --- */

static void test_program(void **state)
{
	const struct spec_device_rule rules[] = {
		{.allow = true, .type = 'c', .major = NUM(10), .minor = NUM(1), R},
		{.type = 'a', R, W, M},
		{.allow = true, .type = 'c', .major = NUM(10), .minor = NUM(2), R},
		{.allow = true, .type = 'a', R, W, M},
	};
	struct bpf_insn *none, *two, *three;
	size_t n_none, n_two, n_three, n;
	struct bpf_insn *insns;

	(void)state;
	/* What stands before a rule for everything makes no code. */
	assert_int_equal(devices_program(NULL, 0, &none, &n_none, NULL), 0);
	assert_int_equal(devices_program(rules, 2, &two, &n_two, NULL), 0);
	assert_int_equal(devices_program(rules, 3, &three, &n_three, NULL), 0);
	assert_int_equal(n_two, n_none);
	assert_memory_equal(two, none, n_two * sizeof(*two));
	assert_true(n_three > n_two);
	free(none);
	free(two);
	free(three);
	insns = (struct bpf_insn *)1;
	assert_int_equal(devices_program(rules, 4, &insns, &n, NULL), 0);
	assert_null(insns);
	assert_int_equal(n, 0);
}

static void test_not_a_cgroup(void **state)
{
	_cleanup_fd_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err e = ERR_INIT;

	(void)state;
	assert_true(cgroup_devices_apply(fd, NULL, 0, &e) < 0);
	assert_ptr_equal(strstr(e.msg, "linux.resources.devices: "), e.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_not_a_cgroup),
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
