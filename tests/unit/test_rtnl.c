/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/rtnl against a peer that is not the kernel: packets whose lengths are odd. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/rtnl.h"
#include "tests/unit/unit.h"

struct message {
	struct nlmsghdr h;
	char body[16];
};

static struct message message(uint16_t type, uint32_t len)
{
	return (struct message){.h = {.nlmsg_len = len, .nlmsg_type = type, .nlmsg_seq = 1}};
}

static int count(const struct nlmsghdr *answer, void *arg)
{
	(void)answer;
	++*(unsigned *)arg;
	return 0;
}

/* The last message of a packet has a length that is no multiple of four: what an earlier packet has
 * left in the buffer behind it is not taken for one more. */
static void test_odd_length(void **state)
{
	const struct message both[] = {message(RTM_NEWADDR, sizeof(*both)),
				       message(RTM_NEWADDR, sizeof(*both))};
	const struct message odd = message(RTM_NEWADDR, sizeof(odd) - 3);
	const struct message done = message(NLMSG_DONE, sizeof(done));
	const struct ifaddrmsg info = {0};
	struct rtnl r = {.fd = -1};
	struct rtnl_msg m;
	unsigned seen = 0;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(send(pair[1], both, sizeof(both), 0), sizeof(both));
	assert_int_equal(send(pair[1], &odd, sizeof(odd) - 3, 0), sizeof(odd) - 3);
	assert_int_equal(send(pair[1], &done, sizeof(done), 0), sizeof(done));
	r.fd = pair[0];
	rtnl_begin(&m, RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
	assert_int_equal(rtnl_talk(&r, &m, count, &seen), 0);
	assert_int_equal(seen, 3);
	rtnl_close(&r);
	(void)close(pair[1]);
}

/* The same for the attributes of one message. */
static void test_odd_attribute(void **state)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg info;
		struct rtattr first;
		char value[4];
		struct rtattr behind;
	} m = {
		.first = {.rta_len = 5, .rta_type = 1},
		.behind = {.rta_len = 4, .rta_type = 2},
	};

	(void)state;
	m.h.nlmsg_len = offsetof(__typeof__(m), value) + 1;
	assert_ptr_equal(rtnl_attr(&m.h, sizeof(m.info), 1), &m.first);
	assert_null(rtnl_attr(&m.h, sizeof(m.info), 2));
	m.h.nlmsg_len = sizeof(m);
	assert_ptr_equal(rtnl_attr(&m.h, sizeof(m.info), 2), &m.behind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_odd_length),
		cmocka_unit_test(test_odd_attribute),
	};

	return cmocka_run_group_tests_name("rtnl", tests, NULL, NULL);
}
