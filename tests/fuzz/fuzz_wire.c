/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes through the runtime's sockets. The first byte says which: a packet from init, a report
 * of init in its FIFO, or packets of rtnetlink (two bytes of length before each). An error with a
 * message, or something that the headers name; nothing is read behind a packet's end.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/rtnl.h"
#include "runtime/sync.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Less than a socket's buffer holds, so that nobody waits. */
#define INPUT_MAX 16384
#define PACKETS_MAX 32

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void check_error(int rc, const struct err *e)
{
	require(rc < 0 && e->code == -rc && memchr(e->msg, '\0', sizeof(e->msg)));
}

static void packet(const uint8_t *data, size_t size)
{
	struct sync_msg m = {0};
	struct err e = ERR_INIT;
	int pair[2], rc;

	require(sync_pair(pair, &e) == 0);
	require(send(pair[1], data, size, MSG_NOSIGNAL) == (ssize_t)size);
	(void)close(pair[1]);
	rc = sync_recv(pair[0], -1, 0, &m, NULL, &e);
	if (rc < 0)
		check_error(rc, &e);
	else
		require(m.type > SYNC_ERROR && m.type <= SYNC_GO);
	(void)close(pair[0]);
}

static void report(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	int pair[2], value = 0, rc;

	require(pipe2(pair, O_CLOEXEC) == 0 && io_write(pair[1], data, size) == 0);
	(void)close(pair[1]);
	rc = sync_read_report(pair[0], &value, &e);
	if (rc < 0)
		check_error(rc, &e);
	else
		require(rc == SYNC_LISTENER || (rc == 0 && size == 0));
	(void)close(pair[0]);
}

static int on_answer(const struct nlmsghdr *answer, void *arg)
{
	const struct rtattr *a;

	require(answer->nlmsg_len >= sizeof(*answer));
	for (uint16_t type = 0; type < 8; type++) {
		a = rtnl_attr(answer, sizeof(struct ifaddrmsg), type);
		if (!a)
			continue;
		require(a->rta_len >= sizeof(*a) &&
			(const char *)a + a->rta_len <= (const char *)answer + answer->nlmsg_len);
		for (size_t i = 0; i < RTA_PAYLOAD(a); i++)
			*(unsigned *)arg += ((const unsigned char *)RTA_DATA(a))[i];
	}
	return 0;
}

static void answers(const uint8_t *data, size_t size)
{
	const struct ifinfomsg info = {0};
	const struct nlmsghdr done = {
		.nlmsg_len = sizeof(done), .nlmsg_type = NLMSG_DONE, .nlmsg_seq = 1};
	struct rtnl r = {.fd = -1};
	struct rtnl_msg m;
	unsigned sum = 0;
	int pair[2];

	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	for (int i = 0; i < PACKETS_MAX && size > 2; i++) {
		size_t len = (size_t)(data[0] | data[1] << 8);

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		if (len)
			require(send(pair[1], data, len, MSG_NOSIGNAL) == (ssize_t)len);
		data += len;
		size -= len;
	}
	require(send(pair[1], &done, sizeof(done), MSG_NOSIGNAL) == sizeof(done));
	r.fd = pair[0];
	rtnl_begin(&m, RTM_GETADDR, NLM_F_DUMP, &info, sizeof(info));
	(void)rtnl_talk(&r, &m, on_answer, &sum); /* also a positive error that a packet names */
	rtnl_close(&r);
	(void)close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const uint8_t *, size_t) = {packet, report, answers};

	if (size && size <= INPUT_MAX)
		kinds[data[0] % 3](data + 1, size - 1);
	return 0;
}
