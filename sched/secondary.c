/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/secondary.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"
#include "runtime/freezer.h"
#include "runtime/state.h"

bool secondary_lock(const struct secondary *s)
{
	return flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0;
}

void secondary_unlock(const struct secondary *s)
{
	(void)flock(s->lock_fd, LOCK_UN); /* cannot fail on a descriptor we have */
}

uint64_t secondary_usage_usec(const struct secondary *s)
{
	char text[512];
	uint64_t usec = 0;
	ssize_t n = pread(s->stat_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return cg_parse_key(text, "usage_usec", &usec) < 0 ? 0 : usec;
}

/* ---- coming ----------------------------------------------------------------------------- */

static const char *annotation(const struct container *c, const char *key)
{
	for (size_t i = 0; i < c->annotations.n; i++)
		if (streq(c->annotations.v[i].key, key))
			return c->annotations.v[i].value;
	return NULL;
}

static void read_annotations(struct secondary *s, const struct actuators *a)
{
	const char *pressure = annotation(s->c, ANNOTATION_ON_PRESSURE);
	const char *cpus = annotation(s->c, ANNOTATION_CPUS);
	uint64_t milli;

	s->kill_on_pressure = pressure && streq(pressure, "kill");
	if (pressure && !s->kill_on_pressure && !streq(pressure, "freeze"))
		log_warn("container `%s`: annotation " ANNOTATION_ON_PRESSURE
			 ": expected freeze or kill, found \"%s\"; taken as freeze",
			 s->id, pressure);
	if (!cpus || a->max.fd >= 0)
		return; /* with a cpu controller the limit is in cpu.max of its group */
	if (parse_milli(cpus, &milli) < 0 || milli == 0 || milli > 1000000)
		log_warn("container `%s`: annotation " ANNOTATION_CPUS
			 ": expected a number of CPUs, found \"%s\"; not limited",
			 s->id, cpus);
	else
		s->limit_ucpu = (int64_t)milli * 1000;
}

static int open_files(struct secondary *s, const struct actuators *a, struct err *e)
{
	struct proc_stat st;

	s->pidfd = pidfd_open(s->c->init_pid, 0);
	if (s->pidfd < 0 || proc_stat_read(s->c->init_pid, &st, NULL) < 0 ||
	    st.start_ticks != s->c->init_start_ticks)
		return refuse(e, ESRCH, "container `%s` has ended", s->id);
	s->lock_fd = openat(s->c->dirfd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->lock_fd < 0)
		return fail(e, errno, "open the lock of container `%s`", s->id);
	s->cgfd = cg_open(&a->host, s->c->cgroup, e);
	if (s->cgfd < 0)
		return s->cgfd;
	s->freeze_fd = openat(s->cgfd, "cgroup.freeze", O_RDWR | O_CLOEXEC);
	s->stat_fd = openat(s->cgfd, "cpu.stat", O_RDONLY | O_CLOEXEC);
	if (s->freeze_fd < 0 || s->stat_fd < 0)
		return fail(e, errno, "open the cgroup files of container `%s`", s->id);
	return 0;
}

static bool in_slice(const struct container *c)
{
	const char *rest = c->cgroup ? str_after(c->cgroup, "/" CEDE_SLICE) : NULL;

	return rest && *rest == '/';
}

/* A hold that is there before we have taken any was a scheduler's that is gone, or one that gave
 * the lead up without dropping it: the one who leads decides now. False: not now. */
static bool drop_stale_hold(struct secondary *s)
{
	struct err e = ERR_INIT;
	int rc;

	if (!freezer_is_held(s->c, FREEZE_SCHED))
		return true;
	if (!secondary_lock(s))
		return false;
	rc = freezer_hold(s->c, FREEZE_SCHED, false, 0, &e);
	secondary_unlock(s);
	log_debug("container `%s`: hold of an earlier scheduler dropped%s%s", s->id,
		  rc < 0 ? ": " : "", rc < 0 ? e.msg : "");
	return rc == 0;
}

/* Returns 1 if it is a secondary now, 0 if it is none of our business, -EAGAIN if not yet. */
static int adopt(struct secondary *s, const struct runtime *rt, struct actuators *a)
{
	enum oci_status status;
	struct err e = ERR_INIT;

	if (container_open(rt, s->id, CONTAINER_NO_LOCK, &s->c, &e) < 0)
		return -EAGAIN;			     /* being made, or being deleted */
	(void)container_status(s->c, &status, NULL); /* always has an answer */
	if (status == OCI_CREATING || status == OCI_CREATED)
		return -EAGAIN;
	if (status == OCI_STOPPED || !in_slice(s->c))
		return 0;
	if (open_files(s, a, &e) < 0) {
		log_debug("%s", e.msg);
		return 0;
	}
	read_annotations(s, a);
	sweep_init(&s->sweep, s->c->init_pid, !a->has_idle);
	if (!drop_stale_hold(s))
		return -EAGAIN;
	s->state = status == OCI_PAUSED ? LADDER_PAUSED : LADDER_FREE;
	s->since_ns = now_ns();
	return 1;
}

/* ---- going ------------------------------------------------------------------------------ */

static void close_files(struct secondary *s)
{
	s->pidfd = fd_close(s->pidfd);
	s->lock_fd = fd_close(s->lock_fd);
	s->cgfd = fd_close(s->cgfd);
	s->freeze_fd = fd_close(s->freeze_fd);
	s->stat_fd = fd_close(s->stat_fd);
	container_close(s->c);
	s->c = NULL;
}

void secondary_forget(struct secondaries *set, struct secondary *s)
{
	if (!s->c)
		return;
	set->n_live--;
	set->limits -= s->limit_ucpu > 0;
	close_files(s);
	s->state = LADDER_GONE;
}

static void entry_free(struct secondaries *set, size_t i)
{
	struct secondary *s = set->v[i];

	secondary_forget(set, s);
	free(s->id);
	free(s);
	set->v[i] = set->v[--set->n];
}

void secondaries_free(struct secondaries *set)
{
	while (set->n)
		entry_free(set, set->n - 1);
	free(set->v);
	*set = (struct secondaries){0};
}

/* ---- looking ---------------------------------------------------------------------------- */

static struct secondary *find(struct secondaries *set, const char *id)
{
	for (size_t i = 0; i < set->n; i++)
		if (streq(set->v[i]->id, id))
			return set->v[i];
	return NULL;
}

static struct secondary *entry_new(struct secondaries *set, const char *id, ino_t ino)
{
	struct secondary *s;

	if (set->n == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 16;
		struct secondary **v = reallocarray(set->v, cap, sizeof(struct secondary *));

		if (!v)
			return NULL;
		set->v = v;
		set->cap = cap;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->lock_fd = s->pidfd = s->cgfd = s->freeze_fd = s->stat_fd = -1;
	s->ino = ino;
	s->state = LADDER_GONE;
	s->id = strdup(id);
	if (!s->id) {
		free(s);
		return NULL;
	}
	set->v[set->n++] = s;
	return s;
}

/* A program that has not been started cannot use anything, and freezing it would block `start`. */
static bool is_started(int rootfd, const char *id)
{
	char path[300];

	if (snprintf(path, sizeof(path), "%s/" STATE_FIFO, id) >= (int)sizeof(path))
		return false;
	return faccessat(rootfd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

static int look_at(struct secondaries *set, int rootfd, const struct dirent *d,
		   const struct runtime *rt, struct actuators *a, struct secondary **ret_new)
{
	struct secondary *s = find(set, d->d_name);
	int rc;

	*ret_new = NULL;
	if (s && s->ino == d->d_ino) {
		s->seen = true;
		return 0;
	}
	if (s || !is_started(rootfd, d->d_name))
		return 0; /* the old one goes at the end of this scan */
	s = entry_new(set, d->d_name, d->d_ino);
	if (!s)
		return -ENOMEM;
	s->seen = true;
	rc = adopt(s, rt, a);
	if (rc == 1) {
		set->n_live++;
		set->limits += s->limit_ucpu > 0;
		*ret_new = s;
		return 0;
	}
	close_files(s);
	if (rc == -EAGAIN)
		entry_free(set, set->n - 1);
	return 0;
}

int secondaries_scan(struct secondaries *set, const struct runtime *rt, struct actuators *a,
		     void (*on_new)(struct secondary *s, void *arg), void *arg, struct err *e)
{
	_cleanup_dir_ DIR *dir = opendir(rt->root);
	struct dirent *d;
	int rc;

	if (!dir)
		return fail(e, errno, "open state root %s", rt->root);
	rc = state_check_root(rt, dirfd(dir), e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < set->n; i++)
		set->v[i]->seen = false;
	while ((d = readdir(dir))) {
		struct secondary *fresh;

		if (d->d_type != DT_DIR || container_id_check(d->d_name, NULL) < 0)
			continue;
		if (look_at(set, dirfd(dir), d, rt, a, &fresh) < 0)
			return fail(e, ENOMEM, "look for containers");
		if (fresh)
			on_new(fresh, arg);
	}
	for (size_t i = set->n; i-- > 0;)
		if (!set->v[i]->seen)
			entry_free(set, i);
	return 0;
}

/* ---- facts ------------------------------------------------------------------------------ */

static bool has_exited(const struct secondary *s)
{
	struct pollfd p = {.fd = s->pidfd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static bool is_frozen_in_kernel(const struct secondary *s, bool fallback)
{
	char c;

	return pread(s->freeze_fd, &c, 1, 0) == 1 ? c == '1' : fallback;
}

static void warn_foreign(struct secondary *s, const char *what)
{
	if (!s->warned_foreign)
		log_warn("container `%s`: %s behind the scheduler's back; left alone", s->id, what);
	s->warned_foreign = true;
}

bool secondary_fact(struct secondary *s, enum ladder_event *ret)
{
	bool frozen_by_us = s->state == LADDER_FROZEN || s->state == LADDER_PAUSED_FROZEN;
	bool was_paused = s->state == LADDER_PAUSED || s->state == LADDER_PAUSED_FROZEN;
	bool paused = freezer_is_held(s->c, FREEZE_USER);
	bool frozen = is_frozen_in_kernel(s, frozen_by_us);

	if (has_exited(s)) {
		*ret = LADDER_EXITED;
		return true;
	}
	if (frozen_by_us && !frozen) {
		warn_foreign(s, "thawed");
		*ret = LADDER_FOREIGN_THAW;
		return true;
	}
	/* `resume` drops its hold a moment before it thaws; a freeze without any hold that is still
	 * there at the next look is a foreign one. */
	if (!frozen_by_us && !paused && frozen && !s->duty_frozen) {
		if (s->odd_freeze)
			warn_foreign(s, "frozen");
		s->odd_freeze = true;
	} else {
		s->odd_freeze = false;
	}
	*ret = paused ? LADDER_USER_PAUSED : LADDER_USER_RESUMED;
	return paused != was_paused;
}
