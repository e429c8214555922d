/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/netdev.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/procfs.h"
#include "runtime/rtnl.h"

/* More addresses on one device than anybody has. */
#define ADDRESSES_MAX 256

#ifndef IFLA_NEW_IFINDEX
#define IFLA_NEW_IFINDEX 49 /* 5.13 */
#endif

struct address {
	struct ifaddrmsg m;
	uint32_t flags;
	size_t len; /* of one */
	unsigned char local[16], peer[16], broadcast[16];
	bool has_local, has_peer, has_broadcast;
};

/* From one namespace to the other, in either direction. */
struct move {
	const char *host_name;	/* what the document calls it */
	const char *old, *name; /* of two namespaces */
	unsigned old_index;	/* or `old` NULL: by this number */
	struct rtnl *from, *to; /* a socket in each namespace */
	pid_t pid;		/* a process in the new one */
	unsigned index, new_index;
	bool was_up;
	struct address addresses[ADDRESSES_MAX];
	size_t n_addresses;
	bool too_many;
};

struct moved {
	const char *host_name;
	unsigned host_index, index; /* before, and in the container */
	bool was_up;
};

struct netdevs {
	struct rtnl host, there;
	struct move move; /* the one at work: large */
	struct moved *v;
	size_t n;
};

static int bad(const struct move *m, int errnum, const char *text, struct err *e)
{
	return fail(e, errnum, "config.json: linux.netDevices.%s: %s", m->host_name, text);
}

/* --- sockets -------------------------------------------------------------------------------------
 */

/* A socket stays in the namespace it was made in. */
static int open_there(struct rtnl *ret, int pidfd, struct err *e)
{
	_cleanup_fd_ int own = proc_ns_open(PROC_SELF, "net", e);
	int rc;

	if (own < 0)
		return own;
	if (setns(pidfd, CLONE_NEWNET) < 0)
		return fail(e, errno, "enter the container's network namespace");
	rc = rtnl_open(ret);
	if (setns(own, CLONE_NEWNET) < 0)
		return fail(e, errno, "return to our own network namespace");
	return rc < 0 ? fail(e, -rc, "open a netlink socket in the container") : 0;
}

/* --- questions -----------------------------------------------------------------------------------
 */

static int take_link(const struct nlmsghdr *answer, void *arg)
{
	const struct ifinfomsg *info = NLMSG_DATA(answer);

	if (answer->nlmsg_type == RTM_NEWLINK && answer->nlmsg_len >= NLMSG_LENGTH(sizeof(*info)))
		*(struct ifinfomsg *)arg = *info;
	return 0;
}

/* By name, or, if that is NULL, by index. -ENODEV: there is none. */
static int find_device(struct rtnl *r, const char *name, unsigned index, struct ifinfomsg *ret)
{
	const struct ifinfomsg info = {.ifi_index = (int)index};
	struct rtnl_msg m;

	rtnl_begin(&m, RTM_GETLINK, 0, &info, sizeof(info));
	if (name)
		rtnl_put(&m, IFLA_IFNAME, name, strlen(name) + 1);
	return rtnl_talk(r, &m, take_link, ret);
}

static bool take_bytes(const struct nlmsghdr *answer, uint16_t type, unsigned char *buf, size_t len)
{
	const struct rtattr *a = rtnl_attr(answer, sizeof(struct ifaddrmsg), type);

	if (!a || RTA_PAYLOAD(a) != len)
		return false;
	memcpy(buf, RTA_DATA(a), len);
	return true;
}

/* "all permanent IP addresses (IFA_F_PERMANENT flag) of any family with global scope". */
static int take_address(const struct nlmsghdr *answer, void *arg)
{
	struct move *m = arg;
	const struct ifaddrmsg *info = NLMSG_DATA(answer);
	const struct rtattr *flags;
	struct address a = {0};

	if (answer->nlmsg_type != RTM_NEWADDR || answer->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
	    info->ifa_index != m->index || info->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	a.m = *info;
	a.flags = info->ifa_flags;
	flags = rtnl_attr(answer, sizeof(*info), IFA_FLAGS);
	if (flags && RTA_PAYLOAD(flags) == sizeof(a.flags))
		memcpy(&a.flags, RTA_DATA(flags), sizeof(a.flags));
	if (!(a.flags & IFA_F_PERMANENT))
		return 0;
	a.len = info->ifa_family == AF_INET ? 4 : 16;
	a.has_local = take_bytes(answer, IFA_LOCAL, a.local, a.len);
	a.has_peer = take_bytes(answer, IFA_ADDRESS, a.peer, a.len);
	a.has_broadcast = take_bytes(answer, IFA_BROADCAST, a.broadcast, a.len);
	m->too_many |= m->n_addresses == ADDRESSES_MAX;
	if (m->n_addresses < ADDRESSES_MAX)
		m->addresses[m->n_addresses++] = a;
	return 0;
}

static int list_addresses(struct move *m, struct err *e)
{
	const struct ifaddrmsg all = {.ifa_family = AF_UNSPEC};
	struct rtnl_msg msg;
	int rc;

	rtnl_begin(&msg, RTM_GETADDR, NLM_F_DUMP, &all, sizeof(all));
	rc = rtnl_talk(m->from, &msg, take_address, m);
	if (rc < 0)
		return bad(m, -rc, "list its addresses", e);
	return m->too_many ? bad(m, E2BIG, "list its addresses", e) : 0;
}

/* Whether it can go, and with which name and number. */
static int examine(struct move *m, struct err *e)
{
	struct ifinfomsg device, other;
	int rc = find_device(m->from, m->old, m->old_index, &device);

	if (rc == -ENODEV)
		return refuse(e, ENODEV,
			      "config.json: linux.netDevices.%s: there is no such device in the "
			      "runtime's network namespace",
			      m->host_name);
	if (rc < 0)
		return bad(m, -rc, "find the device", e);
	m->index = (unsigned)device.ifi_index;
	m->was_up = device.ifi_flags & IFF_UP;
	/* With "%d" in it the kernel makes a name that is free. */
	rc = strchr(m->name, '%') ? -ENODEV : find_device(m->to, m->name, 0, &other);
	if (rc == 0)
		return refuse(e, EEXIST,
			      "config.json: linux.netDevices.%s: the container has a device %s "
			      "already",
			      m->host_name, m->name);
	if (rc != -ENODEV)
		return bad(m, -rc, "look for its name in the container", e);
	/* The number stays the same if it is free there; else we have to know the new one. */
	if (m->new_index == 0)
		m->new_index = m->index;
	for (; rc == -ENODEV; m->new_index++) {
		rc = find_device(m->to, NULL, m->new_index, &other);
		if (rc == -ENODEV)
			return list_addresses(m, e);
		if (rc == 0)
			rc = -ENODEV; /* taken: the next one */
	}
	return bad(m, -rc, "look for its number in the container", e);
}

/* --- changes -------------------------------------------------------------------------------------
 */

static int change_namespace(struct move *m, struct err *e)
{
	const struct ifinfomsg info = {.ifi_index = (int)m->index};
	const uint32_t pid = (uint32_t)m->pid;
	const int32_t new_index = (int32_t)m->new_index;
	struct rtnl_msg msg;
	int rc;

	rtnl_begin(&msg, RTM_NEWLINK, 0, &info, sizeof(info));
	rtnl_put(&msg, IFLA_NET_NS_PID, &pid, sizeof(pid));
	rtnl_put(&msg, IFLA_IFNAME, m->name, strlen(m->name) + 1);
	if (m->new_index != m->index)
		rtnl_put(&msg, IFLA_NEW_IFINDEX, &new_index, sizeof(new_index));
	rc = rtnl_talk(m->from, &msg, NULL, NULL);
	if (rc == -EPERM)
		return bad(m, EPERM,
			   "move it into the container (this needs CAP_NET_ADMIN in both network "
			   "namespaces)",
			   e);
	if (rc == -EINVAL)
		return bad(m, EINVAL,
			   "move it into the container (devices like lo cannot be moved)", e);
	return rc < 0 ? bad(m, -rc, "move it into the container", e) : 0;
}

static int add_address(struct move *m, const struct address *a, struct err *e)
{
	struct ifaddrmsg info = a->m;
	/* What the kernel has found out about it is not what was asked for. */
	const uint32_t found = IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED;
	const uint32_t flags = a->flags & ~found;
	struct rtnl_msg msg;
	int rc;

	info.ifa_index = m->new_index;
	info.ifa_flags = (unsigned char)flags;
	rtnl_begin(&msg, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof(info));
	rtnl_put(&msg, IFA_FLAGS, &flags, sizeof(flags));
	if (a->has_local)
		rtnl_put(&msg, IFA_LOCAL, a->local, a->len);
	if (a->has_peer)
		rtnl_put(&msg, IFA_ADDRESS, a->peer, a->len);
	if (a->has_broadcast)
		rtnl_put(&msg, IFA_BROADCAST, a->broadcast, a->len);
	rc = rtnl_talk(m->to, &msg, NULL, NULL);
	return rc < 0 ? bad(m, -rc, "give it its addresses again", e) : 0;
}

static int bring_up(struct move *m, struct err *e)
{
	const struct ifinfomsg info = {
		.ifi_index = (int)m->new_index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct rtnl_msg msg;
	int rc;

	rtnl_begin(&msg, RTM_NEWLINK, 0, &info, sizeof(info));
	rc = rtnl_talk(m->to, &msg, NULL, NULL);
	return rc < 0 ? bad(m, -rc, "bring it up in the container", e) : 0;
}

static int move_one(struct move *m, struct err *e)
{
	int rc = examine(m, e);

	return rc < 0 ? rc : change_namespace(m, e);
}

static int move_addresses(struct move *m, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < m->n_addresses; i++)
		rc = add_address(m, &m->addresses[i], e);
	return rc;
}

static int move_in(struct netdevs *n, const struct spec_net_device *d, pid_t pid, struct err *e)
{
	struct move *m = &n->move;
	int rc;

	*m = (struct move){
		.host_name = d->host_name,
		.old = d->host_name,
		.name = d->name ? d->name : d->host_name,
		.from = &n->host,
		.to = &n->there,
		.pid = pid,
	};
	rc = move_one(m, e);
	if (rc < 0)
		return rc;
	n->v[n->n++] = (struct moved){d->host_name, m->index, m->new_index, m->was_up};
	rc = move_addresses(m, e);
	return rc < 0 ? rc : bring_up(m, e);
}

int netdev_move(const struct spec_linux *l, pid_t pid, int pidfd, struct netdevs **ret,
		struct err *e)
{
	struct netdevs *n;
	int rc;

	*ret = NULL;
	if (!l->n_net_devices)
		return 0;
	n = calloc(1, sizeof(*n));
	if (!n)
		return fail(e, ENOMEM, "config.json: linux.netDevices");
	*ret = n;
	n->host.fd = n->there.fd = -1;
	n->v = calloc(l->n_net_devices, sizeof(*n->v));
	if (!n->v)
		return fail(e, ENOMEM, "config.json: linux.netDevices");
	rc = rtnl_open(&n->host);
	rc = rc < 0 ? fail(e, -rc, "open a netlink socket") : open_there(&n->there, pidfd, e);
	for (size_t i = 0; rc == 0 && i < l->n_net_devices; i++)
		rc = move_in(n, &l->net_devices[i], pid, e);
	return rc;
}

static int move_back(struct netdevs *n, const struct moved *d, struct err *e)
{
	struct move *m = &n->move;
	int rc;

	*m = (struct move){
		.host_name = d->host_name,
		.old_index = d->index,
		.new_index = d->host_index,
		.name = d->host_name,
		.from = &n->there,
		.to = &n->host,
		.pid = getpid(),
	};
	rc = move_one(m, e);
	if (rc == 0)
		rc = move_addresses(m, e);
	return rc == 0 && d->was_up ? bring_up(m, e) : rc;
}

void netdev_return(struct netdevs *n)
{
	for (; n && n->n > 0; n->n--) {
		struct err e;

		if (move_back(n, &n->v[n->n - 1], &e) < 0)
			log_warn("move it back: %s", e.msg);
	}
}

void netdev_forget(struct netdevs *n)
{
	if (!n)
		return;
	rtnl_close(&n->host);
	rtnl_close(&n->there);
	free(n->v);
	free(n);
}
