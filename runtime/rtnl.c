/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rtnl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The kernel answers while it holds its lock; longer than this it is stuck. */
#define ANSWER_TIMEOUT_SEC 10
/* Recommended by netlink(7) for dumps: what the kernel fills at most (NLMSG_GOODSIZE). */
#define ANSWER_MAX 32768

int rtnl_open(struct rtnl *ret)
{
	const struct timeval bound = {.tv_sec = ANSWER_TIMEOUT_SEC};
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound)) < 0)
		return -errno;
	*ret = (struct rtnl){.fd = take_fd(&fd)};
	return 0;
}

void rtnl_close(struct rtnl *r)
{
	r->fd = fd_close(r->fd);
}

void rtnl_begin(struct rtnl_msg *m, uint16_t type, uint16_t flags, const void *family, size_t len)
{
	*m = (struct rtnl_msg){
		.h = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
		      .nlmsg_type = type,
		      .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)},
	};
	memcpy(NLMSG_DATA(&m->h), family, len);
}

void rtnl_put(struct rtnl_msg *m, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(m->h.nlmsg_len), end = at + RTA_ALIGN(RTA_LENGTH(len));
	struct rtattr *a;

	if (end > sizeof(*m)) {
		m->h.nlmsg_len = sizeof(*m) + 1; /* rtnl_talk says so */
		return;
	}
	a = (struct rtattr *)(void *)((char *)m + at);
	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	m->h.nlmsg_len = (uint32_t)end;
}

/* One packet of answers: 1: the last one. */
static int read_answers(const char *buf, size_t len, uint32_t seq,
			int (*each)(const struct nlmsghdr *answer, void *arg), void *arg)
{
	/* Signed: the macros take a length that is rounded up off it. */
	int left = (int)len;

	for (const struct nlmsghdr *h = (const void *)buf; NLMSG_OK(h, left);
	     h = NLMSG_NEXT(h, left)) {
		int rc = 0;

		if (h->nlmsg_seq != seq)
			continue; /* of a request that was given up */
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *err = NLMSG_DATA(h);

			if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*err)))
				return -EPROTO;
			return err->error ? err->error : 1;
		}
		if (each)
			rc = each(h, arg);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int rtnl_talk(struct rtnl *r, struct rtnl_msg *m,
	      int (*each)(const struct nlmsghdr *answer, void *arg), void *arg)
{
	_Alignas(struct nlmsghdr) static char buf[ANSWER_MAX];
	/* One of its two bits means something else in a message that changes something. */
	bool dump = (m->h.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	int rc = 0;

	if (m->h.nlmsg_len > sizeof(*m))
		return -EMSGSIZE;
	m->h.nlmsg_seq = ++r->seq;
	if (!dump)
		m->h.nlmsg_flags |= NLM_F_ACK;
	if (send(r->fd, m, m->h.nlmsg_len, 0) < 0)
		return -errno;
	while (rc == 0) {
		ssize_t n = recv(r->fd, buf, sizeof(buf), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		rc = read_answers(buf, (size_t)n, r->seq, each, arg);
	}
	return rc < 0 ? rc : 0;
}

const struct rtattr *rtnl_attr(const struct nlmsghdr *answer, size_t family_len, uint16_t type)
{
	size_t skip = NLMSG_LENGTH(NLMSG_ALIGN(family_len));
	int left;

	if (answer->nlmsg_len < skip)
		return NULL;
	left = (int)(answer->nlmsg_len - skip); /* signed, as above */
	for (const struct rtattr *a = (const void *)((const char *)answer + skip); RTA_OK(a, left);
	     a = RTA_NEXT(a, left))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}
