/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/caps: what is granted, what is left out, and what a process really has afterwards. */
#include "tests/unit/capture_log.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/procfs.h"
#include "base/str.h"
#include "runtime/caps.h"

#define BIT(cap) (1ULL << (cap))
#define SOME (BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_AUDIT_WRITE))
#define NOBODY 65534

/* A bit no kernel has (63), and one that every process may be given. */
#define NO_SUCH BIT(63)

struct status {
	uint64_t inheritable, permitted, effective, bounding, ambient;
};

/* As process_prepare does it. */
static int resolve(const struct spec_capabilities *want, bool in_userns, struct caps *ret,
		   struct err *e)
{
	struct proc_status own;
	int rc = proc_status_read(PROC_SELF, &own, e);

	if (rc == 0)
		caps_resolve(want, in_userns ? NULL : &own, ret);
	return rc;
}

static uint64_t field(const char *text, const char *key)
{
	char hex[17];
	const char *p = strstr(text, key);
	uint64_t v;

	assert_non_null(p);
	memcpy(hex, p + strlen(key), 16);
	hex[16] = '\0';
	assert_int_equal(parse_u64(hex, 16, &v), 0);
	return v;
}

static void status_read(struct status *ret)
{
	char text[8192];

	proc_forget();
	assert_true(proc_read(PROC_SELF, "status", text, sizeof(text), NULL) > 0);
	ret->inheritable = field(text, "CapInh:\t");
	ret->permitted = field(text, "CapPrm:\t");
	ret->effective = field(text, "CapEff:\t");
	ret->bounding = field(text, "CapBnd:\t");
	ret->ambient = field(text, "CapAmb:\t");
}

static int setup(void **state)
{
	struct fake_tree *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	fake_tree_make(t);
	capture_log_start(t);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fake_tree *t = *state;

	capture_log_stop();
	fake_tree_remove(t);
	free(t);
	return 0;
}

static void test_nothing_asked(void **state)
{
	struct status now;
	struct caps c;

	(void)state;
	status_read(&now);
	assert_int_equal(resolve(NULL, false, &c, NULL), 0);
	assert_true(!c.permitted && !c.effective && !c.inheritable && !c.ambient && !c.bounding);
	assert_true(c.drop == now.bounding);
}

static void test_all_granted(void **state)
{
	struct fake_tree *t = *state;
	const struct spec_capabilities want = {
		.bounding = SOME,
		.effective = SOME,
		.permitted = SOME,
		.inheritable = SOME,
		.ambient = BIT(CAP_KILL),
	};
	struct status now;
	struct caps c;

	status_read(&now);
	if ((now.permitted & SOME) != SOME)
		skip(); /* unprivileged */
	assert_int_equal(resolve(&want, false, &c, NULL), 0);
	assert_true(c.bounding == SOME && c.effective == SOME && c.permitted == SOME);
	assert_true(c.inheritable == SOME && c.ambient == BIT(CAP_KILL));
	assert_true(c.drop == (now.bounding & ~SOME));
	assert_false(logged(t, "left out"));
}

static void test_left_out(void **state)
{
	struct fake_tree *t = *state;
	char name[] = "CAP_TIME_TRAVEL", *unknown[] = {name};
	const struct spec_capabilities want = {
		.bounding = BIT(CAP_KILL) | NO_SUCH,
		.permitted = BIT(CAP_KILL) | NO_SUCH,
		.effective = BIT(CAP_KILL) | BIT(CAP_SYS_CHROOT), /* not permitted */
		.inheritable = BIT(CAP_KILL) | BIT(CAP_SETUID),	  /* not in bounding */
		.ambient = BIT(CAP_KILL) | BIT(CAP_SETGID),	  /* neither */
		.unknown = {unknown, 1},
	};
	struct caps c;

	/* In a user namespace the ceiling does not depend on who runs this. */
	assert_int_equal(resolve(&want, true, &c, NULL), 0);
	assert_true(c.bounding == BIT(CAP_KILL) && c.permitted == BIT(CAP_KILL));
	assert_true(c.effective == BIT(CAP_KILL) && c.inheritable == BIT(CAP_KILL));
	assert_true(c.ambient == BIT(CAP_KILL));
	assert_false(c.drop & NO_SUCH);
	assert_true(c.drop & BIT(CAP_SYS_ADMIN));
	assert_true(logged(t, "CAP_TIME_TRAVEL, 63"));
	assert_true(logged(t, "CAP_SETGID, CAP_SETUID, CAP_SYS_CHROOT"));
}

/* What the test's own process lacks is left out outside a user namespace. */
static void test_own_ceiling(void **state)
{
	struct fake_tree *t = *state;
	const struct spec_capabilities want = {.bounding = BIT(CAP_SYS_TIME) | BIT(CAP_KILL),
					       .permitted = BIT(CAP_SYS_TIME) | BIT(CAP_KILL)};
	struct caps c;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct status now;

		(void)prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0); /* fails unprivileged */
		status_read(&now);
		if (resolve(&want, false, &c, NULL) < 0)
			_exit(1);
		_exit((c.bounding & ~now.bounding) || (c.permitted & ~now.permitted) ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	if (geteuid() == 0)
		assert_true(logged(t, "CAP_SYS_TIME"));
}

/* Sets c in a child that then is `uid`, and returns what it has. */
static void apply_in_child(const struct caps *c, uid_t uid, struct status *ret)
{
	int out[2], status;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = ERR_INIT;

		if (caps_prepare(c, uid, &e) < 0 || setgroups(0, NULL) < 0 ||
		    setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
		    caps_finish(c, uid, &e) < 0) {
			print_error("%s: %s\n", e.msg, strerror(errno));
			_exit(1);
		}
		status_read(ret);
		if (prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) != 0)
			_exit(2);
		_exit(write(out[1], ret, sizeof(*ret)) == sizeof(*ret) ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(out[0], ret, sizeof(*ret)), sizeof(*ret));
	fd_close(out[0]);
	fd_close(out[1]);
}

static void test_applied(void **state)
{
	const struct spec_capabilities want = {
		.bounding = SOME,
		.effective = BIT(CAP_KILL),
		.permitted = SOME,
		.inheritable = BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE),
		.ambient = BIT(CAP_KILL),
	};
	static const uid_t uids[] = {0, NOBODY};
	struct caps c;

	(void)state;
	if (geteuid() != 0)
		skip(); /* needs CAP_SETPCAP, CAP_SETUID */
	assert_int_equal(resolve(&want, false, &c, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(uids); i++) {
		struct status s;

		apply_in_child(&c, uids[i], &s);
		assert_true(s.bounding == want.bounding);
		assert_true(s.permitted == want.permitted);
		assert_true(s.effective == want.effective);
		assert_true(s.inheritable == want.inheritable);
		assert_true(s.ambient == want.ambient);
	}
	/* And nothing at all. */
	assert_int_equal(resolve(NULL, false, &c, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(uids); i++) {
		struct status s;

		apply_in_child(&c, uids[i], &s);
		assert_true(!s.bounding && !s.permitted && !s.effective && !s.inheritable &&
			    !s.ambient);
	}
}

/* A caller with ambient capabilities of its own must not hand them on. */
static void test_own_ambient(void **state)
{
	const struct spec_capabilities want = {
		.bounding = SOME, .permitted = SOME, .inheritable = SOME, .effective = SOME};
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip(); /* needs capabilities to make ambient */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct caps own = {.permitted = SOME | BIT(CAP_SETPCAP),
					 .effective = SOME | BIT(CAP_SETPCAP),
					 .inheritable = SOME,
					 .ambient = BIT(CAP_AUDIT_WRITE)};
		struct status s;
		struct caps c;

		if (caps_finish(&own, 0, NULL) < 0)
			_exit(1);
		status_read(&s);
		if (s.ambient != BIT(CAP_AUDIT_WRITE))
			_exit(2);
		if (resolve(&want, false, &c, NULL) < 0 || !c.clear_ambient)
			_exit(3);
		if (caps_prepare(&c, 0, NULL) < 0 || caps_finish(&c, 0, NULL) < 0)
			_exit(4);
		status_read(&s);
		_exit(s.ambient || s.permitted != SOME ? 5 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The status file of a process in many groups is longer than one read. */
static void test_many_groups(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip(); /* needs CAP_SETGID */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static gid_t groups[5000];
		struct caps c;

		for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
			groups[i] = (gid_t)(4000000000u + i);
		if (setgroups(ARRAY_SIZE(groups), groups) < 0)
			_exit(1);
		_exit(resolve(NULL, false, &c, NULL) == 0 && c.drop ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_not_permitted(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct caps c = {.drop = BIT(CAP_KILL)};
		const struct caps none = {0};
		struct err e = ERR_INIT;

		if (caps_finish(&none, 0, NULL) < 0)
			_exit(1);
		_exit(caps_prepare(&c, 0, &e) == -EPERM && strstr(e.msg, "bounding") ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_granted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_ceiling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_applied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_ambient, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_permitted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
