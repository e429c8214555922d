/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/restore_mounts.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/rootfs.h"
#include "base/sys.h"
#include "runtime/mount_impl.h"
#include "runtime/supervise.h"

#define SEAL_WAIT_MS 60000

/* What the child has to say, in one write of less than PIPE_BUF bytes. */
struct verdict {
	struct err err;
	char missing[512]; /* destinations that are no mount points */
};

/* A later operation on the same place covers it. */
static bool is_covered(const struct mount_plan *p, size_t i)
{
	for (size_t j = i + 1; j < p->n; j++) {
		enum mount_op_kind k = p->ops[j].kind;

		if ((k == MOUNT_OP_BIND || k == MOUNT_OP_NEW || k == MOUNT_OP_CGROUP ||
		     k == MOUNT_OP_MASK) &&
		    streq(p->ops[i].destination, p->ops[j].destination))
			return true;
	}
	return false;
}

struct attrs {
	uint64_t set, clr, rec_set, rec_clr;
};

/* How times are kept CRIU restores itself. */
#define GUARDS                                                                                     \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |            \
	 MOUNT_ATTR_NOSYMFOLLOW)

static struct attrs wanted(const struct mount_op *op)
{
	switch (op->kind) {
	case MOUNT_OP_BIND: /* "rw" does not lift the "ro" of the host's mount (mount_plan.h) */
	case MOUNT_OP_NEW:
	case MOUNT_OP_CGROUP:
		return (struct attrs){op->attr_set & GUARDS, 0, op->rec_attr_set & GUARDS,
				      op->rec_attr_clr & GUARDS};
	case MOUNT_OP_REMOUNT:
		return (struct attrs){op->attr_set & GUARDS, op->attr_clr & GUARDS,
				      op->rec_attr_set & GUARDS, op->rec_attr_clr & GUARDS};
	case MOUNT_OP_MASK: /* of a file; directories hide by being empty, and are so as well */
		return (struct attrs){.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					     MOUNT_ATTR_NOEXEC};
	case MOUNT_OP_READONLY:
	case MOUNT_OP_ROOT_READONLY:
		return (struct attrs){.set = MOUNT_ATTR_RDONLY};
	default:
		return (struct attrs){0};
	}
}

static int seal(const struct mount_op *op, int root, struct verdict *v)
{
	struct attrs a = wanted(op);
	_cleanup_fd_ int fd = -1;
	size_t used = strlen(v->missing);
	int rc;

	if (!(a.set | a.clr | a.rec_set | a.rec_clr))
		return 0;
	fd = root_open(root, op->destination, O_PATH, 0, NULL);
	if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR)
		return fail(&v->err, -fd, "open %s in the container", op->destination);
	if (fd < 0 && op->optional)
		return 0;
	rc = fd < 0 ? -EINVAL : mount_set(fd, false, a.set, a.clr, 0, -1);
	if (rc == 0 && (a.rec_set | a.rec_clr))
		rc = mount_set(fd, true, a.rec_set, a.rec_clr, 0, -1);
	if (rc == -EINVAL) { /* not the root of a mount */
		(void)snprintf(v->missing + used, sizeof(v->missing) - used, " %s",
			       op->destination); /* cut at the worst */
		rc = 0;
	}
	return rc < 0 ? fail(&v->err, -rc, "set attributes of mount %s", op->destination) : 0;
}

static void seal_all(const struct mount_plan *p, int ns, struct verdict *v)
{
	int root, rc = 0;

	if (setns(ns, CLONE_NEWNS) < 0) {
		(void)fail(&v->err, errno, "enter the container's mount namespace");
		return;
	}
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		(void)fail(&v->err, errno, "open the container's root");
		return;
	}
	for (size_t i = 0; i < p->n && rc == 0; i++)
		if (!is_covered(p, i))
			rc = seal(&p->ops[i], root, v);
}

static int hear(int from, int pidfd, struct verdict *ret, struct err *e)
{
	struct pollfd p = {.fd = from, .events = POLLIN};
	int status, n;

	do
		n = poll(&p, 1, SEAL_WAIT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0); /* it may be gone by now */
	n = io_read(from, ret, sizeof(*ret)) == sizeof(*ret);
	(void)supervise_reap(pidfd, &status, NULL); /* what it had to say it has said */
	return n ? 0 : refuse(e, ECHILD, "the container's mounts could not be looked after");
}

int restore_seal(const struct mount_plan *p, pid_t pid, struct err *e)
{
	_cleanup_fd_ int ns = -1, pidfd = -1, from = -1, to = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	struct verdict v = {.missing = ""};
	int proc = proc_root(e), pair[2], rc;
	char name[32];
	pid_t child;

	if (proc < 0)
		return proc;
	(void)snprintf(name, sizeof(name), "%d/ns/mnt", pid); /* a number fits */
	/* A magic link, opened in our own procfs. */
	ns = openat(proc, name, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || pipe2(pair, O_CLOEXEC) < 0)
		return fail(e, errno, "look after the container's mounts");
	from = pair[0];
	to = pair[1];
	child = sys_clone3(&args);
	if (child == 0) {
		seal_all(p, ns, &v);
		(void)io_write(to, &v, sizeof(v)); /* nobody else would hear */
		_exit(0);
	}
	to = fd_close(to);
	if (child < 0)
		return fail(e, errno, "clone");
	rc = hear(from, pidfd, &v, e);
	if (rc == 0 && v.err.code) {
		if (e)
			*e = v.err;
		rc = -v.err.code;
	}
	if (rc == 0 && *v.missing)
		log_warn("the checkpoint does not have these mounts of config.json:%s", v.missing);
	return rc;
}

static bool is_mount(const struct mount_op *op)
{
	return op->kind == MOUNT_OP_BIND || op->kind == MOUNT_OP_NEW || op->kind == MOUNT_OP_CGROUP;
}

static bool is_below_another(const struct mount_plan *p, const char *destination)
{
	for (size_t i = 0; i < p->n; i++) {
		const char *above = p->ops[i].destination;
		size_t len = strlen(above);

		if (is_mount(&p->ops[i]) && strncmp(destination, above, len) == 0 &&
		    destination[len] == '/')
			return true;
	}
	return false;
}

int restore_mount_points(const struct mount_plan *p, int root, struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct mount_op *op = &p->ops[i];
		_cleanup_fd_ int there = -1;
		struct stat st;
		bool file;

		if (!is_mount(op) || is_below_another(p, op->destination))
			continue;
		there = root_open(root, op->destination, O_PATH, 0, NULL);
		if (there >= 0)
			continue;
		file = op->kind == MOUNT_OP_BIND && op->source && stat(op->source, &st) == 0 &&
		       !S_ISDIR(st.st_mode);
		there = file ? root_make_file(root, op->destination, 0644, e)
			     : root_make_dir(root, op->destination, 0755, e);
		if (there < 0)
			return there;
	}
	return 0;
}
