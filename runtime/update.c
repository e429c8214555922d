/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `update`: new limits for a container that exists. The kernel keeps them all but one: the weight
 * of an idle group (cpu.idle=1), which it forgets. That one is in the state.
 */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/cgroup.h"
#include "runtime/container.h"
#include "runtime/resctrl.h"
#include "runtime/state.h"

struct update {
	struct container *c;
	struct cgroup cg;
	struct spec_resources r; /* as asked, and completed */
	bool was_idle, is_idle;
	const char *weight; /* asked for: "FILE VALUE"; NULL: none */
	struct err *e;
};

static const char *pair_of(const struct spec_resources *r, const char *key)
{
	for (size_t i = 0; i < r->unified.n; i++)
		if (streq(r->unified.v[i].key, key))
			return r->unified.v[i].value;
	return NULL;
}

/* "FILE VALUE" of the weight that resources ask for; NULL: none, or no memory. unified has the last
 * word, as in the plan. */
static const char *weight_of(struct arena *a, const struct spec_resources *r)
{
	static const char *const files[] = {"cpu.weight", "cpu.weight.nice"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *value = pair_of(r, files[i]);

		if (value)
			return arena_printf(a, "%s %s", files[i], value);
	}
	return r->cpu.shares.set ? arena_printf(a, "cpu.weight %" PRIu64,
						cgroup_shares_to_weight(r->cpu.shares.val))
				 : NULL;
}

static void ask_about_idle(struct update *u)
{
	const char *unified = pair_of(&u->r, "cpu.idle");
	uint64_t idle;

	u->was_idle = cg_read_u64(u->cg.fd, "cpu.idle", &idle, NULL) == 0 && idle == 1;
	u->is_idle = u->was_idle;
	if (u->r.cpu.idle.set)
		u->is_idle = u->r.cpu.idle.val == 1;
	if (unified)
		u->is_idle = streq(unified, "1");
	u->weight = weight_of(&u->c->arena, &u->r);
}

/* The weight a group had before it became idle comes back with the end of it. */
static int wake_weight(struct update *u)
{
	_cleanup_spec_ struct spec *s = NULL;
	struct arena *a = &u->c->arena;
	const char *weight = u->c->idle_weight, *space;
	struct spec_pairs *p = &u->r.unified;
	struct spec_pair *v;
	int rc;

	if (!weight) {
		rc = spec_load(u->c->dirfd, STATE_CONFIG, &s, u->e);
		if (rc < 0)
			return rc;
		weight = weight_of(a, &s->linux_.resources);
	}
	space = weight ? strchr(weight, ' ') : NULL;
	if (!space)
		return 0;
	v = arena_array(a, p->n + 1, sizeof(*v));
	if (!v)
		return fail(u->e, ENOMEM, "update");
	if (p->n)
		memcpy(v, p->v, p->n * sizeof(*v));
	v[p->n].key = arena_strndup(a, weight, (size_t)(space - weight));
	v[p->n].value = space + 1;
	if (!v[p->n].key)
		return fail(u->e, ENOMEM, "update");
	*p = (struct spec_pairs){.v = v, .n = p->n + 1};
	return 0;
}

/* In the state before it is gone from the kernel: we may be killed in between. */
static int keep_weight(struct update *u, const char **ret_before)
{
	const char *keep = u->weight;
	uint64_t now;

	*ret_before = u->c->idle_weight;
	if (!keep && !u->was_idle && cg_read_u64(u->cg.fd, "cpu.weight", &now, NULL) == 0)
		keep = arena_printf(&u->c->arena, "cpu.weight %" PRIu64, now);
	if (!keep)
		return 0;
	u->c->idle_weight = keep;
	return state_save(u->c, u->e);
}

/* New rules for the devices; what linux.devices lists stays allowed as it was from the start. */
static int apply_devices(struct update *u)
{
	_cleanup_spec_ struct spec *s = NULL;
	struct spec_linux l = {.resources = u->r};
	int rc = spec_load(u->c->dirfd, STATE_CONFIG, &s, u->e);

	if (rc == 0) {
		l.devices = s->linux_.devices;
		l.n_devices = s->linux_.n_devices;
		rc = cgroup_devices_guard(u->cg.fd, &l, u->e);
	}
	return rc < 0 ? err_context(u->e, rc, "the limits are new, the device rules are not") : 0;
}

static int apply(struct update *u)
{
	const char *before = u->c->idle_weight;
	int rc = 0;

	ask_about_idle(u);
	if (u->is_idle)
		rc = keep_weight(u, &before);
	else if (u->was_idle && !u->weight)
		rc = wake_weight(u);
	if (rc == 0)
		rc = cgroup_apply(&u->cg, &u->r, u->e);
	if (rc == 0 && u->r.n_devices)
		return apply_devices(u);
	if (rc < 0 && u->c->idle_weight != before) {
		u->c->idle_weight = before;
		(void)state_save(u->c, NULL); /* the error above is the news */
	}
	return rc;
}

static int open_alive(const struct runtime *rt, const char *id, struct container **ret,
		      struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	enum oci_status status;
	int rc = container_open(rt, id, CONTAINER_LOCK_EXCLUSIVE, &c, e);

	if (rc == 0)
		rc = container_status(c, &status, e);
	if (rc < 0)
		return rc;
	if (status == OCI_STOPPED || status == OCI_CREATING)
		return refuse(e, ESRCH, "container not running");
	*ret = take_ptr(&c);
	return 0;
}

int container_update_schemata(const struct runtime *rt, const char *id, const char *const *lines,
			      size_t n, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	_cleanup_fd_ int root = -1;
	int rc = open_alive(rt, id, &c, e);

	if (rc < 0)
		return rc;
	root = c->rdt.group ? resctrl_open(e) : -1;
	if (c->rdt.group && root < 0)
		return root;
	return resctrl_update(root, &c->rdt, id, lines, n, e);
}

int container_update(const struct runtime *rt, const char *id, const struct spec_resources *asked,
		     struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	struct update u = {.r = *asked, .e = e};
	int rc = open_alive(rt, id, &c, e);

	if (rc < 0)
		return rc;
	if (!c->cgroup)
		return refuse(e, EOPNOTSUPP, "container `%s` has no cgroup: it has no limits", id);
	/* Engines that leave the limit alone say 0. */
	if (u.r.pids_limit.val == 0)
		u.r.pids_limit.set = false;
	u.c = c;
	rc = cgroup_open_of(c, &u.cg, e);
	if (rc < 0)
		return rc;
	rc = apply(&u);
	cgroup_close(&u.cg);
	return rc;
}
