/* SPDX-License-Identifier: Apache-2.0 */
/* From the document to the list of operations. Pure: nothing is opened or asked of the kernel. */
#include "runtime/mount_plan.h"

#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "runtime/mount_impl.h"
#include "runtime/rootless.h"

/* "/a//b/./c/" -> "/a/b/c", "a" -> "/a" (config.md: relative destinations start at "/"). ".." stays
 * as it is: what it means depends on links, and the kernel resolves it inside the root. */
static const char *clean_path(struct arena *a, const char *path)
{
	char *out = arena_alloc(a, strlen(path) + 2);
	size_t n = 0;

	if (!out)
		return NULL;
	while (*path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len && !(len == 1 && *path == '.')) {
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len;
	}
	if (n == 0)
		out[n++] = '/';
	out[n] = '\0';
	return out;
}

bool mount_path_means(const char *path, const char *name)
{
	const char *top = "";
	size_t depth = 0, top_len = 0;

	while (*path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && memcmp(path, "..", 2) == 0) {
			depth -= depth > 0;
		} else if (len && !(len == 1 && *path == '.')) {
			if (depth++ == 0) {
				top = path;
				top_len = len;
			}
		}
		path += len;
	}
	if (depth == 0)
		return !*name;
	return depth == 1 && strlen(name) == top_len && memcmp(top, name, top_len) == 0;
}

static const char *below_bundle(struct arena *a, const char *bundle, const char *path)
{
	return *path == '/' ? path : arena_printf(a, "%s/%s", bundle, path);
}

static struct mount_op *add_op(struct mount_plan *p, enum mount_op_kind kind, const char *dest)
{
	struct mount_op *op = &p->ops[p->n++];

	op->kind = kind;
	op->destination = dest;
	op->fd = -1;
	return op;
}

static bool is_type(const struct mount_op *op, const char *type)
{
	return op->fstype && streq(op->fstype, type);
}

/* config.md: a mount is a bind mount if it has `bind` or `rbind`; engines also say type "bind". */
static int choose_kind(struct mount_op *op, struct err *e)
{
	bool typeless = !op->fstype || !*op->fstype || is_type(op, "none");

	if (op->remount)
		op->kind = MOUNT_OP_REMOUNT;
	else if (op->bind || is_type(op, "bind"))
		op->kind = MOUNT_OP_BIND;
	else if (is_type(op, "cgroup") || is_type(op, "cgroup2"))
		op->kind = MOUNT_OP_CGROUP;
	else if (!typeless)
		op->kind = MOUNT_OP_NEW;
	else if (op->propagation) /* `mount --make-rslave`: no new mount */
		op->kind = MOUNT_OP_REMOUNT;
	else
		return refuse(e, EINVAL, "neither a type nor the option bind or rbind");
	if (op->kind == MOUNT_OP_CGROUP) {
		/* Whatever the host has, the container sees cgroup2, which takes no options except
		 * in the host's own namespace, where they are not a container's to set. */
		op->fstype = "cgroup2";
		op->fs_options.n = 0;
	}
	if (op->kind == MOUNT_OP_BIND && (!op->source || !*op->source))
		return refuse(e, EINVAL, "a bind mount needs a source");
	if (op->kind != MOUNT_OP_REMOUNT && mount_path_means(op->destination, ""))
		return refuse(e, EINVAL, "the destination is the root itself");
	return 0;
}

/* Mappings are checked with the document: given together, or else there is a user namespace. */
static int check_idmap(struct mount_op *op, struct err *e)
{
	/* Mappings without the option are meant all the same. */
	op->idmap = op->idmap || op->idmap_recursive || op->spec->uid_mappings.n;
	if (op->idmap && op->kind != MOUNT_OP_BIND)
		return refuse(e, EINVAL, "only bind mounts can be id-mapped");
	return 0;
}

static int check_extensions(const struct mount_op *op, struct err *e)
{
	if (op->tmpcopyup && !(op->kind == MOUNT_OP_NEW && is_type(op, "tmpfs")))
		return refuse(e, EINVAL, "tmpcopyup is for tmpfs mounts");
	if (op->copy_symlink && op->kind != MOUNT_OP_BIND)
		return refuse(e, EINVAL, "copy-symlink is for bind mounts");
	if ((op->src_nofollow || op->dest_nofollow) && op->kind != MOUNT_OP_BIND)
		return refuse(e, EINVAL, "%s is for bind mounts",
			      op->src_nofollow ? "src-nofollow" : "dest-nofollow");
	return 0;
}

/*
 * The kernel lets a user namespace have a sysfs only where nothing of the host's is hidden by
 * mounts over parts of it, and only with a network namespace that is its own (fs/namespace.c,
 * mount_too_revealing; fs/sysfs/mount.c). Elsewhere it gets what the host sees.
 */
static void plan_sysfs(const struct mount_plan *p, struct mount_op *op)
{
	if (op->kind == MOUNT_OP_NEW && is_type(op, "sysfs") &&
	    (p->in_userns || !rootless_in_initial_userns()))
		op->or_bind = "/sys";
}

static int plan_mount(struct mount_plan *p, const struct spec_mount *m, const char *bundle,
		      struct err *e)
{
	const char *dest = clean_path(&p->arena, m->destination ? m->destination : "");
	struct mount_op *op;
	int rc;

	if (!dest)
		return fail(e, ENOMEM, "mount plan");
	if (!m->destination || !*m->destination)
		return refuse(e, EINVAL, "empty destination");
	op = add_op(p, MOUNT_OP_NEW, dest);
	op->spec = m;
	op->source = m->source;
	op->fstype = m->type;
	rc = mount_options_parse(&m->options, &p->arena, op, e);
	if (rc >= 0)
		rc = choose_kind(op, e);
	if (rc >= 0)
		rc = check_idmap(op, e);
	if (rc >= 0)
		rc = check_extensions(op, e);
	if (rc < 0)
		return rc;
	plan_sysfs(p, op);
	if (op->kind == MOUNT_OP_BIND) {
		op->source = below_bundle(&p->arena, bundle, m->source);
		if (!op->source)
			return fail(e, ENOMEM, "mount plan");
		/* See struct mount_op: an option lifts nothing of the source's mount. */
		op->attr_clr &= MOUNT_ATTR__ATIME;
	}
	return 0;
}

static int plan_mounts(const struct spec *s, const char *bundle, struct mount_plan *p,
		       struct err *e)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];
		int rc = plan_mount(p, m, bundle, e);

		if (rc < 0)
			return err_context(e, rc, "mounts[%zu] (%s)", i,
					   m->destination ? m->destination : "no destination");
	}
	return 0;
}

static bool is_mounted_on(const struct mount_plan *p, const char *dest)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i].spec && streq(p->ops[i].destination, dest))
			return true;
	return false;
}

static bool is_device_of(const struct spec *s, const char *path)
{
	for (size_t i = 0; i < s->linux_.n_devices; i++)
		if (streq(s->linux_.devices[i].path, path))
			return true;
	return false;
}

/* The last word on what /dev is: a bind mount brings its own content, which is not ours to add to
 * (it is the host's /dev as a rule). */
static bool is_dev_bound(const struct mount_plan *p)
{
	bool bound = false;

	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i].spec && streq(p->ops[i].destination, "/dev"))
			bound = p->ops[i].kind == MOUNT_OP_BIND;
	return bound;
}

static void plan_device(struct mount_plan *p, const struct spec_device *d, const char *dest)
{
	struct mount_op *op = add_op(p, MOUNT_OP_DEVICE, dest);

	op->device = d;
	/* mknod of devices is not permitted in a user namespace, be it the container's or, as below
	 * a rootless engine, our own; fifos are. */
	if ((p->in_userns || !rootless_in_initial_userns()) && d->type != 'p')
		op->source = dest;
}

static int plan_devices(const struct spec *s, struct mount_plan *p, struct err *e)
{
	bool dev_bound = is_dev_bound(p);

	for (size_t i = 0; i < n_default_devices && !dev_bound; i++) {
		const struct spec_device *d = &default_devices[i];

		if (!is_mounted_on(p, d->path) && !is_device_of(s, d->path))
			plan_device(p, d, d->path);
	}
	for (size_t i = 0; i < s->linux_.n_devices; i++) {
		const struct spec_device *d = &s->linux_.devices[i];
		const char *dest;

		if (!d->path || *d->path != '/')
			return refuse(e, EINVAL, "linux.devices[%zu].path: not absolute", i);
		dest = clean_path(&p->arena, d->path);
		if (!dest)
			return fail(e, ENOMEM, "mount plan");
		if (!(dev_bound && str_after(dest, "/dev/")))
			plan_device(p, d, dest);
	}
	for (size_t i = 0; i < n_default_links && !dev_bound; i++)
		if (!is_mounted_on(p, default_links[i].path))
			add_op(p, MOUNT_OP_SYMLINK, default_links[i].path)->source =
				default_links[i].target;
	if (s->process && s->process->terminal)
		add_op(p, MOUNT_OP_CONSOLE, "/dev/console");
	return 0;
}

static int plan_paths(struct mount_plan *p, const struct strv *paths, enum mount_op_kind kind,
		      const char *key, struct err *e)
{
	for (size_t i = 0; i < paths->n; i++) {
		const char *dest = clean_path(&p->arena, paths->v[i]);

		if (!dest)
			return fail(e, ENOMEM, "mount plan");
		if (paths->v[i][0] != '/')
			return refuse(e, EINVAL, "linux.%s[%zu]: %s is not absolute", key, i,
				      paths->v[i]);
		if (mount_path_means(dest, ""))
			return refuse(e, EINVAL, "linux.%s[%zu]: %s is the root itself", key, i,
				      paths->v[i]);
		add_op(p, kind, dest)->optional = true;
	}
	return 0;
}

static int plan_root(const struct spec *s, const char *bundle, struct mount_plan *p, struct err *e)
{
	const char *name = s->linux_.rootfs_propagation;
	char *one[] = {(char *)name, NULL};
	struct strv list = {.v = one, .n = name ? 1 : 0};
	struct mount_op parsed = {0};
	struct mount_op *op;
	int rc;

	if (!s->root_path || !*s->root_path)
		return refuse(e, EINVAL, "root.path: missing");
	rc = mount_options_parse(&list, &p->arena, &parsed, e);
	if (rc < 0)
		return rc;
	if (name && !parsed.propagation)
		return refuse(e, EINVAL, "linux.rootfsPropagation: unknown value %s", name);
	p->root_propagation = parsed.propagation;
	p->rootfs = below_bundle(&p->arena, bundle, s->root_path);
	if (!p->rootfs)
		return fail(e, ENOMEM, "mount plan");
	/* The host's own root is never written to for the sake of a read-only container. */
	p->root_keep = mount_path_means(p->rootfs, "");
	op = add_op(p, MOUNT_OP_ROOT, "/");
	op->source = p->rootfs;
	op->recursive = true;
	op->propagation = p->root_propagation;
	return 0;
}

static int fill_plan(const struct spec *s, const char *bundle, struct mount_plan *p, struct err *e)
{
	const struct spec_linux *l = &s->linux_;
	int rc;

	rc = plan_root(s, bundle, p, e);
	if (rc >= 0)
		rc = plan_mounts(s, bundle, p, e);
	if (rc >= 0)
		rc = plan_devices(s, p, e);
	if (rc >= 0)
		rc = plan_paths(p, &l->masked_paths, MOUNT_OP_MASK, "maskedPaths", e);
	if (rc >= 0)
		rc = plan_paths(p, &l->readonly_paths, MOUNT_OP_READONLY, "readonlyPaths", e);
	if (rc >= 0 && s->root_readonly)
		add_op(p, MOUNT_OP_ROOT_READONLY, "/");
	return rc;
}

int mount_plan_make(const struct spec *s, const char *bundle, struct mount_plan *ret, struct err *e)
{
	const struct spec_linux *l = &s->linux_;
	const struct spec_namespace *cgroup = &l->namespaces[NS_CGROUP];
	struct mount_plan p = {
		.in_userns = l->namespaces[NS_USER].wanted,
		/* A joined one may be the host's: see MOUNT_OP_CGROUP in mount_sources.c. */
		.own_cgroupns = cgroup->wanted && !cgroup->path,
		.root_readonly = s->root_readonly,
		.mount_label = l->mount_label,
		.root_fd = -1,
		.null_fd = -1,
	};
	size_t most = s->n_mounts + n_default_devices + l->n_devices + n_default_links +
		      l->masked_paths.n + l->readonly_paths.n + 3;
	int rc;

	p.ops = arena_array(&p.arena, most, sizeof(*p.ops));
	rc = p.ops ? fill_plan(s, bundle, &p, e) : fail(e, ENOMEM, "mount plan");
	if (rc < 0) {
		mount_plan_free(&p);
		p = (struct mount_plan){0};
	}
	*ret = p;
	return rc;
}

int mount_plan_check_clonable(const struct mount_plan *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i].propagation & MS_UNBINDABLE)
			return refuse(e, EOPNOTSUPP,
				      "mount %s: unbindable needs a mount namespace of the "
				      "container's own",
				      p->ops[i].destination);
	return 0;
}

void mount_plan_let_go(struct mount_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i].kind != MOUNT_OP_NEW)
			p->ops[i].fd = fd_close(p->ops[i].fd);
	p->root_fd = fd_close(p->root_fd);
}

void mount_plan_free(struct mount_plan *p)
{
	if (p->ops) { /* else zeroed: its descriptors mean nothing */
		for (size_t i = 0; i < p->n; i++)
			fd_close(p->ops[i].fd);
		fd_close(p->root_fd);
		fd_close(p->null_fd);
	}
	arena_free(&p->arena);
	*p = (struct mount_plan){0};
}
