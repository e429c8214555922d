/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/lsm.h and runtime/mempolicy.h as far as they can be seen without privileges. */
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/lsm.h"
#include "runtime/mempolicy.h"
#include "tests/unit/unit.h"

static void test_no_label(void **state)
{
	const struct spec_process none = {0}, empty = {.apparmor_profile = "", .selinux_label = ""};
	const struct spec_process unconfined = {.apparmor_profile = "unconfined"};
	const struct spec_process *const all[] = {&none, &empty, &unconfined};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int fd = 7;

		assert_int_equal(lsm_check(all[i], i ? "" : NULL, &e), 0);
		assert_int_equal(lsm_open(all[i], &fd, &e), 0);
		assert_int_equal(fd, -1);
		assert_int_equal(lsm_apply(all[i], &fd, &e), 0);
		assert_int_equal(lsm_label_keys(all[i], true, &e), 0);
	}
	assert_int_equal(lsm_check(NULL, NULL, &e), 0);
}

/* podman takes the file in backquotes at the end of the line for a failure of a label. */
static void test_words(void **state)
{
	const struct spec_process armor = {.apparmor_profile = "p"};
	const struct spec_process label = {.selinux_label = "a:b:c:d"};
	struct err e = ERR_INIT;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	(void)fd_close(fds[1]);
	/* The read end cannot be written. */
	assert_int_equal(lsm_apply(&armor, &fds[0], &e), -EBADF);
	assert_string_equal(e.msg, "config.json: process.apparmorProfile: p: Bad file descriptor: "
				   "write to `/proc/self/attr/apparmor/exec`");
	assert_int_equal(fds[0], -1);
	assert_int_equal(pipe(fds), 0);
	(void)fd_close(fds[1]);
	assert_int_equal(lsm_apply(&label, &fds[0], &e), -EBADF);
	assert_string_equal(e.msg, "config.json: process.selinuxLabel: a:b:c:d: Bad file "
				   "descriptor: write to `/proc/self/attr/exec`");
}

static void test_what_is_written(void **state)
{
	const struct spec_process armor = {.apparmor_profile = "docker-default"};
	const struct spec_process label = {.selinux_label = "a:b:c:d"};
	const struct {
		const struct spec_process *p;
		const char *text;
	} cases[] = {{&armor, "exec docker-default"}, {&label, "a:b:c:d"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64] = "";
		int fds[2];

		assert_int_equal(pipe(fds), 0);
		assert_int_equal(lsm_apply(cases[i].p, &fds[1], NULL), 0);
		assert_int_equal(fds[1], -1);
		assert_int_equal(read(fds[0], text, sizeof(text)), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
		(void)fd_close(fds[0]);
	}
}

static void test_not_enabled(void **state)
{
	const struct spec_process armor = {.apparmor_profile = "p"};
	const struct spec_process label = {.selinux_label = "a:b:c:d"};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(lsm_check(&armor, NULL, &e), lsm_apparmor_enabled() ? 0 : -EOPNOTSUPP);
	assert_int_equal(lsm_check(&label, NULL, &e), lsm_selinux_enabled() ? 0 : -EOPNOTSUPP);
	assert_int_equal(lsm_check(NULL, "x:y:z:s0", &e), lsm_selinux_enabled() ? 0 : -EOPNOTSUPP);
}

static void test_nodes(void **state)
{
	static const char *const bad[] = {"",	    ",",  "0,",	 ",0",	       "1-0",
					  "-1",	    "0-", "0x1", "1 2",	       "1024",
					  "0-1024", "a",  "0;1", "99999999999"};
	struct mempolicy_nodes n;

	(void)state;
	assert_int_equal(mempolicy_nodes_parse("0-3,7", &n), 0);
	assert_int_equal(n.bits[0], 0x8f);
	assert_int_equal(mempolicy_nodes_parse(" 1 , 2 - 3 ", &n), 0);
	assert_int_equal(n.bits[0], 0xe);
	assert_int_equal(mempolicy_nodes_parse("1023", &n), 0);
	assert_int_equal(n.bits[0], 0);
	assert_int_equal(n.bits[MEMPOLICY_NODES_MAX / MEMPOLICY_BITS - 1],
			 1UL << (MEMPOLICY_BITS - 1));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mempolicy_nodes before = n;

		if (mempolicy_nodes_parse(bad[i], &n) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_memory_equal(&before, &n, sizeof(n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_label),	cmocka_unit_test(test_words),
		cmocka_unit_test(test_what_is_written), cmocka_unit_test(test_not_enabled),
		cmocka_unit_test(test_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
