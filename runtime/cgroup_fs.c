/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk from the mount down to a group: opening, making, enabling controllers, undoing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/cgroup_internal.h"

#define SUBTREE "cgroup.subtree_control"

static int open_level(int parent, const char *name)
{
	int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Looks first where the level probably exists (the way), makes first where it probably does not
 * (the group itself). Fills in fd and created; 0 or a negative errno. */
static int enter_level(int parent, struct cg_level *l, bool make, bool last)
{
	if (!make || !last) {
		l->fd = open_level(parent, l->name);
		if (l->fd >= 0)
			return 0;
		if (!make || l->fd != -ENOENT)
			return l->fd;
	}
	if (mkdirat(parent, l->name, 0755) == 0)
		l->created = l->known = true; /* and no controller is enabled below it */
	else if (errno != EEXIST)
		return -errno;
	l->fd = open_level(parent, l->name);
	return l->fd < 0 ? l->fd : 0;
}

static int walk_once(struct cg_walk *w, bool make, struct err *e)
{
	const char *p = w->path + strspn(w->path, "/");

	w->n = 0;
	w->level[0] = (struct cg_level){.fd = w->host->fd};
	while (*p) {
		size_t len = strcspn(p, "/");
		const char *next = p + len + strspn(p + len, "/");
		struct cg_level *l = &w->level[w->n + 1];
		int rc;

		if (w->n == CG_DEPTH_MAX || len >= sizeof(l->name))
			return refuse(e, ENAMETOOLONG,
				      "cgroup %s: more than %d levels or a name of more than 255 "
				      "bytes",
				      w->path, CG_DEPTH_MAX);
		*l = (struct cg_level){.fd = -1};
		memcpy(l->name, p, len);
		rc = enter_level(w->level[w->n].fd, l, make, !*next);
		w->n += l->created || rc == 0;
		if (rc < 0)
			return fail(e, -rc, "%s cgroup %s%s%.*s", make ? "create" : "open",
				    w->host->mount, w->path[0] == '/' ? "" : "/",
				    (int)(p + len - w->path), w->path);
		p = next;
	}
	return 0;
}

int cg_walk_init(struct cg_walk *w, const struct cg_host *h, const char *path, bool make,
		 struct err *e)
{
	int rc = -EINVAL;

	w->host = h;
	w->path = path;
	w->enable_errno = 0;
	/* Another process may remove an empty group on the way while it undoes its own failure. */
	for (int attempt = 0; attempt < 5; attempt++) {
		rc = walk_once(w, make, e);
		if (rc == 0)
			return 0;
		cg_walk_undo(w);
		cg_walk_close(w);
		if (!make || (rc != -ENOENT && rc != -ENODEV))
			break;
	}
	return rc;
}

static unsigned level_enabled(struct cg_level *l)
{
	if (!l->known && cg_read_controllers(l->fd, SUBTREE, &l->enabled, NULL) < 0)
		l->enabled = 0;
	l->known = true;
	return l->enabled;
}

static int write_enable(struct cg_level *l, unsigned bits)
{
	char line[128] = "";
	size_t used = 0;
	int rc;

	for (unsigned bit = 1; bit <= bits; bit <<= 1)
		if (bits & bit)
			used += (size_t)snprintf(line + used, sizeof(line) - used, "+%s ",
						 cg_controller_name((enum cg_controller)bit));
	rc = cg_write(l->fd, SUBTREE, line, NULL);
	if (rc == 0) {
		l->enabled |= bits;
		l->written = true;
	}
	return rc;
}

/* What the children of level i have afterwards. */
static unsigned enable_level(struct cg_walk *w, size_t i, unsigned want)
{
	struct cg_level *l = &w->level[i];
	unsigned missing = want & ~level_enabled(l);

	if (missing)
		missing &= i ? enable_level(w, i - 1, want) : w->host->controllers;
	if (!missing || write_enable(l, missing) == 0)
		return l->enabled;
	/* All or nothing is how the kernel takes it; take what there is. */
	for (unsigned bit = 1; bit <= missing; bit <<= 1) {
		int rc = missing & bit ? write_enable(l, bit) : 0;

		if (rc < 0) {
			w->enable_errno = -rc;
			w->enable_level = i;
			log_debug("cgroup %s, level %zu: controller %s not enabled: %s", w->path, i,
				  cg_controller_name((enum cg_controller)bit), strerror(-rc));
		}
	}
	return l->enabled;
}

unsigned cg_walk_enable(struct cg_walk *w, unsigned want)
{
	struct cg_level *parent;
	unsigned have;

	want &= w->host->controllers;
	if (!w->n || !want)
		return want; /* the root has what there is */
	parent = &w->level[w->n - 1];
	have = enable_level(w, w->n - 1, want);
	/* Who enables a controller shows it as enabled before the files of all children are there
	 * (kernel/cgroup/cgroup.c, cgroup_subtree_control_write), and it may be another process,
	 * this instant. A write waits until it is done. */
	if (w->level[w->n].created && have & want && !parent->written)
		(void)write_enable(parent, have & want); /* not permitted: nor to the other */
	return have;
}

int cg_walk_explain(const struct cg_walk *w, unsigned controller, const char *json, struct err *e)
{
	const char *name = cg_controller_name((enum cg_controller)controller);
	const char *field = strrchr(json, '.');

	field = !field || strchr(json, '[') ? "setting" : field + 1;
	if (!(w->host->controllers & controller))
		return refuse(e, EOPNOTSUPP,
			      "linux.resources.%s: this host has no %s controller in cgroup v2 "
			      "(hybrid or not delegated); remove the %s or boot with the unified "
			      "hierarchy",
			      json, name, field);
	if (w->enable_errno == EBUSY)
		return refuse(e, EOPNOTSUPP,
			      "linux.resources.%s: the %s controller cannot be enabled for the "
			      "children of cgroup %s%s: it has processes of its own",
			      json, name, w->enable_level ? "" : "/",
			      w->level[w->enable_level].name);
	return refuse(e, EOPNOTSUPP,
		      "linux.resources.%s: the %s controller cannot be enabled for cgroup %s: %s",
		      json, name, w->path,
		      w->enable_errno ? strerror(w->enable_errno) : "not delegated");
}

void cg_walk_undo(struct cg_walk *w)
{
	for (size_t i = w->n; i > 0; i--)
		if (w->level[i].created)
			/* Others may have moved in meanwhile: then it stays. */
			(void)unlinkat(w->level[i - 1].fd, w->level[i].name, AT_REMOVEDIR);
}

void cg_walk_close(struct cg_walk *w)
{
	for (size_t i = 1; i <= w->n; i++)
		w->level[i].fd = fd_close(w->level[i].fd);
	w->n = 0;
}
