/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation with rtnetlink(7): one request, its answers, bounded in time. Just what
 * runtime/netdev.c needs, so that the binary that engines start for every container stays without
 * libnl.
 */
#ifndef CEDE_RUNTIME_RTNL_H
#define CEDE_RUNTIME_RTNL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtnl {
	int fd; /* its network namespace is the one it was opened in */
	uint32_t seq;
};

/* A request: header, the family's own struct, attributes. */
struct rtnl_msg {
	struct nlmsghdr h;
	char body[1024];
};

int rtnl_open(struct rtnl *ret);
void rtnl_close(struct rtnl *r);

/* Begins a message with its family struct (struct ifinfomsg, struct ifaddrmsg). */
void rtnl_begin(struct rtnl_msg *m, uint16_t type, uint16_t flags, const void *family, size_t len);
/* Too much for the message is a -EMSGSIZE of rtnl_talk. */
void rtnl_put(struct rtnl_msg *m, uint16_t type, const void *data, size_t len);

/* Sends it and calls `each` (may be NULL) for every answer that is not an acknowledgement, until
 * the kernel has said that it is done. 0, what `each` returns if that is negative, or the kernel's
 * negative errno. */
int rtnl_talk(struct rtnl *r, struct rtnl_msg *m,
	      int (*each)(const struct nlmsghdr *answer, void *arg), void *arg);

/* The attribute of that type behind the family struct, or NULL. */
const struct rtattr *rtnl_attr(const struct nlmsghdr *answer, size_t family_len, uint16_t type);

#endif
