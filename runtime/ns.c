/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/sys.h"
#include "runtime/rootless.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static bool has(uint64_t set, uint64_t any)
{
	return (set & any) != 0;
}

/* A process in between is needed ... */
static bool needs_stage(uint64_t joined, uint64_t created, bool offsets, bool bound)
{
	uint64_t for_children = CLONE_NEWPID | CLONE_NEWTIME;

	/* ... to make or enter what takes effect for children only, owned by a joined user ns; */
	if (has(joined, CLONE_NEWUSER) && (has(created, for_children) || has(joined, CLONE_NEWPID)))
		return true;
	/* ... to join with the power of the old user namespace, then make a new one; */
	if (has(created, CLONE_NEWUSER) && joined)
		return true;
	/* ... to stay behind in a pid namespace from which we would not come back; */
	if (has(joined, CLONE_NEWPID) && bound)
		return true;
	/* ... to write the offsets before anybody lives by them. */
	return has(created, CLONE_NEWTIME) && offsets;
}

void ns_plan_decide(uint64_t joined, uint64_t created, bool offsets, bool bound,
		    struct ns_plan *ret)
{
	struct ns_plan p = {.joined = joined, .created = created};
	/* What only init itself can make, see the header. */
	uint64_t cgroup = created & CLONE_NEWCGROUP;

	for (int k = 0; k < NS_KINDS; k++)
		p.fds[k] = -1;
	p.offsets = offsets && has(created, CLONE_NEWTIME);
	p.two_stage = needs_stage(joined, created, offsets, bound);
	p.init_unshares = cgroup;
	p.clone_flags = created & ~cgroup;
	if (p.two_stage) {
		p.stage_joins = joined;
		if (p.offsets)
			/* The time namespace should belong to the container's user namespace. */
			p.stage_unshares = CLONE_NEWTIME | (created & CLONE_NEWUSER);
		p.clone_flags &= ~p.stage_unshares;
	} else if (has(joined, CLONE_NEWUSER)) {
		/* The new ones must belong to the joined user namespace. */
		p.init_joins = joined;
		p.init_unshares = created;
		p.clone_flags = 0;
	} else {
		p.parent_joins = joined & CLONE_NEWPID;
		p.init_joins = joined & ~p.parent_joins;
	}
	*ret = p;
}

/* Is this user namespace the one we are in? setns(2) refuses to enter it again. */
static bool is_own_userns(int fd)
{
	struct stat own, other;

	return proc_ns_stat(PROC_SELF, "user", &own, NULL) == 0 && fstat(fd, &other) == 0 &&
	       own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

/* May our children be made in our own pid namespace again, once they are made in another? To enter
 * the one that they are made in already changes nothing. */
static bool may_return(void)
{
	_cleanup_fd_ int self = pidfd_open(getpid(), 0);

	return self >= 0 && setns(self, CLONE_NEWPID) == 0;
}

/* O_NONBLOCK: the path may name anything, a FIFO for example. */
static int open_namespace(const char *path, enum spec_ns_kind k, struct err *e)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int type;

	if (fd < 0)
		return fail(e, errno, "config.json: linux.namespaces: %s namespace %s",
			    spec_ns_name(k), path);
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0)
		return refuse(e, EINVAL,
			      "config.json: linux.namespaces: %s namespace: %s is not a namespace",
			      spec_ns_name(k), path);
	if (type != spec_ns_clone_flag(k))
		return refuse(e, EINVAL, "config.json: linux.namespaces: %s is not a %s namespace",
			      path, spec_ns_name(k));
	return take_fd(&fd);
}

/* Is this mount namespace the machine's, or the runtime's? Others live in it: its root is not a
 * container's to replace. */
static bool is_shared_mountns(int fd)
{
	const pid_t members[] = {PROC_SELF, 1};
	struct stat own, theirs;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (proc_ns_stat(members[i], "mnt", &theirs, NULL) == 0 && fstat(fd, &own) == 0 &&
		    own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino)
			return true;
	return false;
}

/* One that is asked for, into p->joined, p->created or neither. */
static int plan_one(const struct spec_namespace *n, enum spec_ns_kind k, struct ns_plan *p,
		    struct err *e)
{
	uint64_t flag = (uint64_t)spec_ns_clone_flag(k);

	if (n->wanted && !n->path) {
		p->created |= flag;
		return 0;
	}
	if (n->wanted)
		p->fds[k] = open_namespace(n->path, k, e);
	else if (k == NS_MOUNT)
		p->fds[k] = proc_ns_open(PROC_SELF, "mnt", e);
	else
		return 0;
	if (p->fds[k] < 0)
		return p->fds[k];
	if (k == NS_MOUNT && is_shared_mountns(p->fds[k])) {
		p->mount_lent = true;
		p->created |= flag;
	} else if (k == NS_USER && is_own_userns(p->fds[k])) {
		if (rootless_is_ordinary())
			return refuse(e, EPERM,
				      "config.json: linux.namespaces: user namespace %s is the "
				      "caller's: an ordinary user's container needs another one",
				      n->path);
		p->fds[k] = fd_close(p->fds[k]);
	} else {
		p->joined |= flag;
	}
	return 0;
}

int ns_plan_make(const struct spec *s, struct ns_plan *ret, struct err *e)
{
	const struct spec_linux *l = &s->linux_;
	_cleanup_(ns_plan_close) struct ns_plan p;
	bool offsets = l->offset_monotonic.set || l->offset_boottime.set;
	bool bound;

	ns_plan_decide(0, 0, false, false, &p);
	for (int k = 0; k < NS_KINDS; k++) {
		int rc = plan_one(&l->namespaces[k], k, &p, e);

		if (rc < 0)
			return rc;
	}
	if (p.mount_lent && has(p.joined | p.created, CLONE_NEWUSER))
		return refuse(e, EINVAL,
			      "config.json: linux.namespaces: with a user namespace there must be "
			      "a mount namespace: it has no power over the runtime's");
	bound = has(p.joined, CLONE_NEWPID) && !may_return();
	ns_plan_decide(p.joined, p.created, offsets, bound, ret);
	ret->mount_lent = p.mount_lent;
	for (int k = 0; k < NS_KINDS; k++)
		ret->fds[k] = take_fd(&p.fds[k]);
	return 0;
}

void ns_plan_close(struct ns_plan *p)
{
	for (int k = 0; k < NS_KINDS; k++)
		p->fds[k] = fd_close(p->fds[k]);
}

static void print_set(struct strbuf *out, const char *title, uint64_t set)
{
	const char *separator = "";

	if (!set)
		return;
	strbuf_addf(out, "%s%s=", out->len ? " " : "", title);
	for (int k = 0; k < NS_KINDS; k++) {
		if (!has(set, (uint64_t)spec_ns_clone_flag(k)))
			continue;
		strbuf_addf(out, "%s%s", separator, spec_ns_name(k));
		separator = ",";
	}
}

void ns_plan_print(const struct ns_plan *p, struct strbuf *out)
{
	print_set(out, "parent-joins", p->parent_joins);
	if (p->two_stage)
		strbuf_addf(out, "%sstage", out->len ? " " : "");
	print_set(out, "stage-joins", p->stage_joins);
	print_set(out, "stage-unshares", p->stage_unshares);
	if (p->offsets)
		strbuf_adds(out, " offsets");
	print_set(out, "clone", p->clone_flags);
	print_set(out, "init-joins", p->init_joins);
	print_set(out, "init-unshares", p->init_unshares);
	if (p->mount_lent)
		strbuf_adds(out, " init-returns=mount");
}

static int join_one(const struct ns_plan *p, enum spec_ns_kind k, struct err *e)
{
	if (setns(p->fds[k], spec_ns_clone_flag(k)) < 0)
		return fail(e, errno, "join the %s namespace", spec_ns_name(k));
	return 0;
}

int ns_join(const struct ns_plan *p, uint64_t which, struct err *e)
{
	uint64_t later = 0;
	int rc = 0;

	for (int k = 0; rc == 0 && k < NS_KINDS; k++) {
		uint64_t flag = (uint64_t)spec_ns_clone_flag(k);

		if (k == NS_USER || !has(which, flag))
			continue;
		rc = join_one(p, k, e);
		if (rc == -EPERM && has(which, CLONE_NEWUSER)) {
			later |= flag;
			rc = 0;
		}
	}
	if (rc == 0 && has(which, CLONE_NEWUSER))
		rc = join_one(p, NS_USER, e);
	for (int k = 0; rc == 0 && k < NS_KINDS; k++)
		if (has(later, (uint64_t)spec_ns_clone_flag(k)))
			rc = join_one(p, k, e);
	return rc;
}

static int write_offset(pid_t pid, const char *clock, const struct spec_time_offset *o,
			struct err *e)
{
	char line[64];
	int rc;

	if (!o->set)
		return 0;
	/* Bounded by the widths of its numbers. */
	(void)snprintf(line, sizeof(line), "%s %lld %u\n", clock, (long long)o->secs, o->nanosecs);
	rc = proc_write(pid, "timens_offsets", line, e);
	return rc < 0 ? err_context(e, rc, "config.json: linux.timeOffsets.%s", clock) : 0;
}

int ns_write_offsets(pid_t pid, const struct spec_linux *l, struct err *e)
{
	int rc = write_offset(pid, "monotonic", &l->offset_monotonic, e);

	return rc < 0 ? rc : write_offset(pid, "boottime", &l->offset_boottime, e);
}
