/* SPDX-License-Identifier: Apache-2.0 */
/* mounts: config.md, "Mounts"; id mappings: config-linux.md, "User namespace mappings". */
#include "base/cleanup.h"
#include "oci/spec_read.h"

/* The kernel's UID_GID_MAP_MAX_EXTENTS, user_namespaces(7). */
#define IDMAP_MAX 340

#define AT(member) .offset = offsetof(struct spec_idmap, member)
static const struct spec_field idmap_fields[] = {
	FIELD("containerID", INTEGER, u32, AT(container_id), REQUIRED),
	FIELD("hostID", INTEGER, u32, AT(host_id), REQUIRED),
	FIELD("size", INTEGER, u32, AT(size), RANGE(1, UINT32_MAX), REQUIRED),
};
#undef AT

/* (uid_t)-1 is no id, so a range ends before it. */
static int check_idmap(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_idmap *m = obj;

	if (m->size > UINT32_MAX - MAX(m->container_id, m->host_id))
		return spec_bad(r, at, "the range of %u ids goes beyond the last one", m->size);
	return 0;
}
static const struct spec_object idmap_object =
	OBJECT_INIT(idmap_fields, struct spec_idmap, check_idmap);

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a <= b ? b - a < a_size : a - b < b_size;
}

int spec_read_idmaps(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		     const struct json *v, void *obj)
{
	const struct spec_field list = {.object = &idmap_object,
					.offset = f->offset + offsetof(struct spec_idmaps, v),
					.count = f->offset + offsetof(struct spec_idmaps, n)};
	const struct spec_idmaps *maps = SPEC_PTR(struct spec_idmaps, obj, f->offset);
	int rc;

	if (v->array.n > IDMAP_MAX)
		return spec_bad(r, at, "%zu mappings; the kernel takes at most %d", v->array.n,
				IDMAP_MAX);
	rc = spec_read_array(r, at, &list, v, obj);
	for (size_t i = 1; rc == 0 && i < maps->n; i++)
		for (size_t j = 0; rc == 0 && j < i; j++) {
			const struct spec_idmap *a = &maps->v[j], *b = &maps->v[i];
			const struct spec_at here = spec_at_index(at, i);

			if (overlap(a->container_id, a->size, b->container_id, b->size) ||
			    overlap(a->host_id, a->size, b->host_id, b->size))
				rc = spec_bad(r, &here, "overlaps mapping %zu", j);
		}
	return rc;
}

static int check_mount(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_mount *m = obj;

	if (!m->uid_mappings.n != !m->gid_mappings.n)
		return spec_bad(r, at, "%s without %s",
				m->uid_mappings.n ? "uidMappings" : "gidMappings",
				m->uid_mappings.n ? "gidMappings" : "uidMappings");
	return 0;
}

#define AT(member) .offset = offsetof(struct spec_mount, member)
static const struct spec_field mount_fields[] = {
	FIELD("destination", STRING, string, AT(destination), REQUIRED),
	FIELD("type", STRING, string, AT(type)),
	FIELD("source", STRING, string, AT(source)),
	FIELD("options", STRINGS, strings, AT(options)),
	FIELD("uidMappings", OBJECTS, idmaps, AT(uid_mappings)),
	FIELD("gidMappings", OBJECTS, idmaps, AT(gid_mappings)),
};
const struct spec_object spec_mount_object =
	OBJECT_INIT(mount_fields, struct spec_mount, check_mount);
