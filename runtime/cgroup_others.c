/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose group is it? A path, and the name of a scope, is what a container is recorded with; but a
 * group that its processes have left may be the next container's by now: removed and made again
 * (another inode), or entered as it is (the same inode, and another record that names it). And a
 * group below it may be the one of a container of its own, by that one's cgroupsPath.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/cgroup_internal.h"
#include "runtime/state.h"

uint64_t cgroup_inode(const struct cgroup *cg)
{
	struct stat st;

	return cg->fd >= 0 && fstat(cg->fd, &st) == 0 ? st.st_ino : 0;
}

bool cg_is_another(const struct container *c, uint64_t inode)
{
	return c->cgroup_inode && inode != c->cgroup_inode;
}

bool cg_is_others(const struct cgroup *cg, uint64_t inode)
{
	for (size_t i = 0; i < cg->n_others; i++)
		if (cg->others[i] == inode)
			return true;
	return false;
}

bool cg_has_groups_below(const struct cgroup *cg)
{
	uint64_t n;

	return cg_read_key(cg->fd, "cgroup.stat", "nr_descendants", &n, NULL) < 0 || n > 0;
}

/* Who enters a group finds it empty (cgroup_create): it is the latest one's. */
static bool is_later(const struct container *a, const struct container *b)
{
	if (a->init_start_ticks != b->init_start_ticks)
		return a->init_start_ticks > b->init_start_ticks;
	return strcmp(a->created, b->created) > 0;
}

struct search {
	const struct container *c;
	struct cgroup *cg; /* NULL: only the unit counts */
	uint64_t inode;
	bool taken;
	bool made; /* by another one that is recorded */
	struct err *e;
};

static bool has_same_unit(const struct container *a, const struct container *b)
{
	return a->unit && b->unit && a->user_unit == b->user_unit && streq(a->unit, b->unit);
}

static bool names_same(const struct search *s, const struct container *o)
{
	return has_same_unit(o, s->c) || (s->cg && o->cgroup && streq(o->cgroup, s->cg->path));
}

static bool owns(const struct search *s, const struct container *o)
{
	const struct container *c = s->c;

	/* Recorded without a process: a creation that was killed, whose init ends by itself. */
	if (!o->init_pid)
		return false;
	/* From before inodes were recorded: earlier than whoever has one. */
	if (s->cg && o->cgroup_inode != (o->cgroup_inode || c->cgroup_inode ? s->inode : 0))
		return false;
	return !c->init_pid || is_later(o, c);
}

static int look_at_same(struct search *s, const struct container *o)
{
	_cleanup_container_ struct container *settled = NULL;
	int rc;

	/* Being created: it comes into being, or is refused because the group is in use. */
	if (!o->init_pid) {
		rc = container_open(s->c->rt, o->id, CONTAINER_LOCK_SHARED, &settled, s->e);
		if (rc < 0)
			return rc == -ENOENT ? 0 : rc;
		o = settled;
	}
	s->taken |= names_same(s, o) && owns(s, o);
	return 0;
}

static int look_below(struct search *s, const struct container *o, const char *rel)
{
	struct cgroup *cg = s->cg;
	struct stat st;
	uint64_t *v;

	if (fstatat(cg->fd, rel, &st, AT_SYMLINK_NOFOLLOW) < 0 || cg_is_another(o, st.st_ino))
		return 0; /* its group is gone; what has the name is the container's own */
	v = reallocarray(cg->others, cg->n_others + 1, sizeof(*v));
	if (!v)
		return fail(s->e, ENOMEM, "cgroup %s", cg->path);
	cg->others = v;
	v[cg->n_others++] = st.st_ino;
	return 0;
}

static int look_at(struct container *o, void *arg)
{
	struct search *s = arg;
	const char *rel = s->cg && o->cgroup ? str_after(o->cgroup, s->cg->path) : NULL;

	if (streq(o->id, s->c->id))
		return 0;
	if (rel && *rel == '/')
		return look_below(s, o, rel + 1);
	return names_same(s, o) ? look_at_same(s, o) : 0;
}

static int search(struct search *s)
{
	return s->c->rt ? container_each(s->c->rt, look_at, s, s->e) : 0;
}

static int not_its_own(const struct container *c, struct err *e)
{
	return refuse(e, ESTALE, "cgroup %s is no longer that of container `%s`", c->cgroup, c->id);
}

int cgroup_open_own(const struct container *c, struct cgroup *ret, struct err *e)
{
	struct cgroup cg = CGROUP_INIT;
	struct search s = {.c = c, .cg = &cg, .e = e};
	int rc = cgroup_open(c->cgroup, &cg, e);

	if (rc < 0)
		return rc;
	s.inode = cgroup_inode(&cg);
	if (cg_is_another(c, s.inode))
		rc = not_its_own(c, e);
	else if (!container_init_is_alive(c) || cg_has_groups_below(&cg))
		rc = search(&s);
	if (rc == 0 && s.taken)
		rc = not_its_own(c, e);
	if (rc < 0)
		cgroup_close(&cg);
	else
		*ret = cg;
	return rc;
}

static int look_for_maker(struct container *o, void *arg)
{
	struct search *s = arg;

	s->made |= !streq(o->id, s->c->id) && o->cgroup && streq(o->cgroup, s->cg->path) &&
		   o->cgroup_created && o->cgroup_inode == s->inode;
	return 0;
}

bool cgroup_is_inherited(const struct container *c, struct cgroup *cg)
{
	struct search s = {.c = c, .cg = cg, .inode = cgroup_inode(cg)};

	/* What cannot be found out is not ours to remove. */
	return s.inode && container_each(c->rt, look_for_maker, &s, NULL) == 0 && s.made;
}

int cg_unit_is_others(const struct container *c, struct err *e)
{
	struct search s = {.c = c, .e = e};
	int rc = search(&s);

	return rc < 0 ? rc : s.taken;
}
