/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container is doing, derived from the kernel each time it is asked.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"
#include "runtime/container.h"
#include "runtime/freezer.h"
#include "runtime/state.h"

/* Pid and start time together name a process for good. A zombie has ended. */
bool container_init_is_alive(const struct container *c)
{
	struct proc_stat st;

	/* Most that have ended have no successor yet: the answer without a procfs. */
	if (c->init_pid <= 0 || (kill(c->init_pid, 0) < 0 && errno == ESRCH))
		return false;
	return proc_stat_read(c->init_pid, &st, NULL) == 0 &&
	       st.start_ticks == c->init_start_ticks && st.state != 'Z' && st.state != 'X';
}

/* It holds the lock from before there is a state until init is recorded. */
static bool creator_is_alive(const struct container *c)
{
	_cleanup_fd_ int fd = openat(c->dirfd, STATE_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 || flock(fd, LOCK_SH | LOCK_NB) < 0;
}

static bool is_being_created(const struct container *c)
{
	return c->lockfd < 0 && creator_is_alive(c);
}

/* Nobody reads the FIFO and its name is there: init executed the program and the `start` that woke
 * it was killed; or init ends, which closes its files a moment, or as long as processes of its pid
 * namespace have to be waited for, before it is a zombie. */
static enum oci_status running_or_ending(const struct container *c)
{
	struct proc_stat st;

	if (proc_stat_read(c->init_pid, &st, NULL) < 0 || st.flags & PROC_EXITING)
		return OCI_STOPPED;
	return OCI_RUNNING;
}

/* Init holds the FIFO open for reading until it executes the program. That its name is there is not
 * enough: a `start` that was killed may have left it. */
static enum oci_status started_or_not(const struct container *c)
{
	_cleanup_fd_ int name = openat(c->dirfd, STATE_FIFO, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_fd_ int fd =
		openat(c->dirfd, STATE_FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && name < 0)
		return OCI_RUNNING;
	if (fd < 0) /* a program is executed by those that were created */
		return state_is_created(name) ? running_or_ending(c) : OCI_STOPPED;
	/* In this order: without a creator it becomes nothing that it is not yet. */
	if (!state_is_created(fd) && is_being_created(c))
		return OCI_CREATING;
	return state_is_created(fd) ? OCI_CREATED : OCI_STOPPED; /* init ends with its creator */
}

int container_status(const struct container *c, enum oci_status *ret, struct err *e)
{
	(void)e; /* every question below has an answer; the contract leaves room for errors */
	if (c->init_pid == 0 && is_being_created(c))
		*ret = OCI_CREATING;
	else if (!container_init_is_alive(c))
		*ret = OCI_STOPPED;
	else if (freezer_is_held(c, FREEZE_USER))
		*ret = OCI_PAUSED;
	else
		*ret = started_or_not(c);
	return 0;
}

void container_state_doc(const struct container *c, enum oci_status status, struct oci_state *ret)
{
	bool has_pid = status == OCI_CREATED || status == OCI_RUNNING || status == OCI_PAUSED;

	*ret = (struct oci_state){
		.id = c->id,
		.status = status,
		.pid = has_pid ? c->init_pid : 0,
		.bundle = c->bundle,
		.rootfs = c->rootfs,
		.created = c->created,
		.owner = c->owner,
		.annotations = &c->annotations,
		.extended = true,
	};
}

struct id_list {
	char **v;
	size_t n, cap;
};

static void cleanup_ids(struct id_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static int ids_add(struct id_list *l, const char *id)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		char **v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n] = strdup(id);
	return l->v[l->n] ? (int)(l->n++, 0) : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int collect_ids(const struct runtime *rt, struct id_list *ids, struct err *e)
{
	_cleanup_dir_ DIR *dir = opendir(rt->root);
	struct dirent *d;
	int rc;

	if (!dir)
		return errno == ENOENT ? 0 : fail(e, errno, "open state root %s", rt->root);
	rc = state_check_root(rt, dirfd(dir), e);
	if (rc < 0)
		return rc;
	while ((d = readdir(dir))) {
		struct err ignored;

		if (d->d_type != DT_DIR || container_id_check(d->d_name, &ignored) < 0)
			continue; /* .cache and the like */
		if (ids_add(ids, d->d_name) < 0)
			return fail(e, ENOMEM, "list containers");
	}
	if (ids->n)
		qsort(ids->v, ids->n, sizeof(*ids->v), by_name);
	return 0;
}

int container_each(const struct runtime *rt, int (*fn)(struct container *c, void *arg), void *arg,
		   struct err *e)
{
	__attribute__((cleanup(cleanup_ids))) struct id_list ids = {0};
	int rc;

	rc = collect_ids(rt, &ids, e);
	for (size_t i = 0; rc == 0 && i < ids.n; i++) {
		struct container *c;
		struct err own = ERR_INIT;

		rc = container_open(rt, ids.v[i], CONTAINER_NO_LOCK, &c, &own);
		if (rc == -ENOENT) { /* deleted, or not written yet */
			rc = 0;
			continue;
		}
		if (rc < 0) {
			log_warn("%s", own.msg);
			rc = 0;
			continue;
		}
		rc = fn(c, arg);
		container_close(c);
	}
	return rc;
}
