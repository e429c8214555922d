/* SPDX-License-Identifier: Apache-2.0 */
/* linux: config-linux.md, all but resources and seccomp. */
#include "base/cleanup.h"
#include "oci/spec_read.h"

#define AT(member) .offset = offsetof(struct spec_linux, member)
#define COUNT(member) .count = offsetof(struct spec_linux, member)

/* --- namespaces --------------------------------------------------------------------------------
 */

struct namespace_row {
	int kind;
	const char *path;
};
static const struct spec_field namespace_fields[] = {
	FIELD("type", STRING, name, .offset = offsetof(struct namespace_row, kind),
	      NAMED(oci_namespaces), REQUIRED),
	FIELD("path", STRING, path, .offset = offsetof(struct namespace_row, path)),
};
static const struct spec_object namespace_object =
	OBJECT_INIT(namespace_fields, struct namespace_row, NULL);

static int read_namespaces(struct spec_reader *r, const struct spec_at *at,
			   const struct spec_field *f, const struct json *v, void *obj)
{
	struct spec_linux *l = obj;

	(void)f;
	for (size_t i = 0; i < v->array.n; i++) {
		const struct spec_at here = spec_at_index(at, i);
		struct namespace_row row = {0};
		int rc = spec_read_whole(r, &here, &namespace_object, v->array.items[i], &row);

		if (rc < 0)
			return rc;
		if (l->namespaces[row.kind].wanted)
			return spec_bad(r, &here, "duplicated type \"%s\"",
					spec_ns_name((enum spec_ns_kind)row.kind));
		l->namespaces[row.kind] = (struct spec_namespace){true, row.path};
	}
	return 0;
}

/* time_namespaces(7): nanoseconds are positive also in front of negative seconds. */
static const struct spec_field offset_fields[] = {
	FIELD("secs", INTEGER, i64, .offset = offsetof(struct spec_time_offset, secs)),
	FIELD("nanosecs", INTEGER, u32, .offset = offsetof(struct spec_time_offset, nanosecs),
	      RANGE(0, 999999999)),
};
static int check_offset(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	(void)r;
	(void)at;
	((struct spec_time_offset *)obj)->set = true;
	return 0;
}
static const struct spec_object offset_object =
	OBJECT_INIT(offset_fields, struct spec_time_offset, check_offset);

static const struct spec_field offsets_fields[] = {
	FIELD("monotonic", OBJECT, object, AT(offset_monotonic), OBJECT(offset_object)),
	FIELD("boottime", OBJECT, object, AT(offset_boottime), OBJECT(offset_object)),
};
static const struct spec_object offsets_object =
	OBJECT_INIT(offsets_fields, struct spec_linux, NULL);

/* The keys are the names of clocks, which is to say values: one that the kernel cannot shift is
 * refused. */
static int read_offsets(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
			const struct json *v, void *obj)
{
	for (size_t i = 0; i < v->object.n; i++) {
		const char *clock = v->object.members[i].key;
		const struct spec_at here = spec_at_key(at, clock);

		if (!streq(clock, "monotonic") && !streq(clock, "boottime"))
			return spec_bad(r, &here, "unknown clock (known: monotonic, boottime)");
	}
	return spec_read_object(r, at, f, v, obj);
}

/* --- devices -----------------------------------------------------------------------------------
 */

#define DEVICE_AT(member) .offset = offsetof(struct spec_device, member)

static int read_device_type(struct spec_reader *r, const struct spec_at *at,
			    const struct spec_field *f, const struct json *v, void *obj)
{
	const char *type = v->string.text;

	(void)f;
	if (v->string.len != 1 || !strchr("cbup", *type))
		return spec_bad(r, at, "unknown device type %s (known: c, b, u, p)", QUOTE(type));
	((struct spec_device *)obj)->type = *type == 'u' ? 'c' : *type;
	return 0;
}

/* Numbers not given are -1 until here; a mode comes with or without the file type in it. */
static int check_device(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	struct spec_device *d = obj;

	if (d->type != 'p' && (d->major < 0 || d->minor < 0)) {
		const struct spec_at here = spec_at_key(at, d->major < 0 ? "major" : "minor");

		return spec_bad(r, &here, "required but missing");
	}
	if (d->type == 'p')
		d->major = d->minor = 0;
	d->mode &= 07777;
	return 0;
}

/* Major and minor have 12 and 20 bits in the kernel (linux/kdev_t.h). */
static const struct spec_field device_fields[] = {
	ROW("type", STRING, read_device_type, REQUIRED),
	FIELD("path", STRING, path, DEVICE_AT(path), REQUIRED),
	FIELD("major", INTEGER, i64, DEVICE_AT(major), RANGE(0, 4095)),
	FIELD("minor", INTEGER, i64, DEVICE_AT(minor), RANGE(0, 1048575)),
	FIELD("fileMode", INTEGER, u32, DEVICE_AT(mode), RANGE(0, 0177777)),
	FIELD("uid", INTEGER, u32, DEVICE_AT(uid), SPEC_ID_RANGE),
	FIELD("gid", INTEGER, u32, DEVICE_AT(gid), SPEC_ID_RANGE),
};
static const struct spec_object device_object =
	OBJECT_INIT(device_fields, struct spec_device, check_device);

static bool is_given(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);

	return v && v->type != JSON_NULL;
}

static int read_devices(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
			const struct json *v, void *obj)
{
	struct spec_linux *l = obj;

	(void)f;
	l->devices = spec_alloc(r, v->array.n, sizeof(*l->devices));
	if (!l->devices)
		return -ENOMEM;
	for (size_t i = 0; i < v->array.n; i++) {
		const struct spec_at here = spec_at_index(at, i);
		struct spec_device *d = &l->devices[i];
		int rc;

		*d = (struct spec_device){.major = -1, .minor = -1, .mode = 0666};
		rc = spec_read_whole(r, &here, &device_object, v->array.items[i], d);
		if (rc < 0)
			return rc;
		d->mode_given = is_given(v->array.items[i], "fileMode");
		d->uid_given = is_given(v->array.items[i], "uid");
		d->gid_given = is_given(v->array.items[i], "gid");
	}
	l->n_devices = v->array.n;
	return 0;
}

/* --- network devices ---------------------------------------------------------------------------
 */

/* dev_valid_name() of the kernel: 1 to 15 bytes, no slash, colon or blank, not "." or "..". */
static bool is_interface_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 16 && !streq(s, ".") && !streq(s, "..") && !strpbrk(s, "/: \t\n\v\f\r");
}

/* "eth%d": the kernel puts in a number that makes it unique. */
static bool is_template_or_plain(const char *s)
{
	const char *percent = strchr(s, '%');

	return !percent || streq(percent, "%d");
}

static int read_interface_name(struct spec_reader *r, const struct spec_at *at,
			       const struct spec_field *f, const struct json *v, void *obj)
{
	if (v->string.len > 0 &&
	    (!is_interface_name(v->string.text) || !is_template_or_plain(v->string.text)))
		return spec_bad(r, at, "%s is not a name for a network device",
				QUOTE(v->string.text));
	return spec_read_string(r, at, f, v, obj);
}

static const struct spec_field net_device_fields[] = {
	ROW("name", STRING, read_interface_name, .offset = offsetof(struct spec_net_device, name)),
};
static const struct spec_object net_device_object =
	OBJECT_INIT(net_device_fields, struct spec_net_device, NULL);

static const char *name_inside(const struct spec_net_device *d)
{
	return d->name ? d->name : d->host_name;
}

static int check_net_names(struct spec_reader *r, const struct spec_at *at,
			   const struct spec_linux *l)
{
	for (size_t i = 1; i < l->n_net_devices; i++) {
		const char *name = name_inside(&l->net_devices[i]);
		const struct spec_at here = spec_at_key(at, l->net_devices[i].host_name);

		for (size_t k = 0; k < i && !strchr(name, '%'); k++)
			if (streq(name, name_inside(&l->net_devices[k])))
				return spec_bad(r, &here, "the name %s is taken by %s", QUOTE(name),
						QUOTE(l->net_devices[k].host_name));
	}
	return 0;
}

static int read_net_devices(struct spec_reader *r, const struct spec_at *at,
			    const struct spec_field *f, const struct json *v, void *obj)
{
	struct spec_linux *l = obj;

	(void)f;
	l->net_devices = spec_alloc(r, v->object.n, sizeof(*l->net_devices));
	if (!l->net_devices)
		return -ENOMEM;
	for (size_t i = 0; i < v->object.n; i++) {
		const struct json_member *m = &v->object.members[i];
		const struct spec_at here = spec_at_key(at, m->key);
		struct spec_net_device *d = &l->net_devices[i];
		int rc;

		if (!is_interface_name(m->key))
			return spec_bad(r, at, "%s is not a name for a network device",
					QUOTE(m->key));
		d->host_name = m->key;
		rc = spec_read_whole(r, &here, &net_device_object, m->value, d);
		if (rc < 0)
			return rc;
	}
	l->n_net_devices = v->object.n;
	return check_net_names(r, at, l);
}

/* --- small parts -------------------------------------------------------------------------------
 */

static int read_propagation(struct spec_reader *r, const struct spec_at *at,
			    const struct spec_field *f, const struct json *v, void *obj)
{
	uint64_t flags;

	if (v->string.len > 0 && spec_lookup(r, at, &oci_propagations, v, &flags) < 0)
		return -EINVAL;
	return spec_read_string(r, at, f, v, obj);
}

/* Joined below the cgroup2 mount, so it must not climb out of it. */
static int read_cgroups_path(struct spec_reader *r, const struct spec_at *at,
			     const struct spec_field *f, const struct json *v, void *obj)
{
	for (const char *s = v->string.text; *s;) {
		size_t n = strcspn(s, "/");

		if (n == 2 && s[0] == '.' && s[1] == '.')
			return spec_bad(r, at, "must not contain \"..\", found %s",
					QUOTE(v->string.text));
		s += n + (s[n] == '/');
	}
	return spec_read_string(r, at, f, v, obj);
}

static int check_rdt(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	struct spec_linux *l = obj;
	const struct spec_at schemata = spec_at_key(at, "schemata");
	const struct spec_at l3 = spec_at_key(at, "l3CacheSchema");
	const struct spec_at mb = spec_at_key(at, "memBwSchema");
	const struct spec_at clos = spec_at_key(at, "closID");
	const char *id = l->intel_rdt.clos_id, *bw = l->intel_rdt.mem_bw_schema;

	l->intel_rdt.set = true;
	if (id && !streq(id, "/") && (strchr(id, '/') || streq(id, ".") || streq(id, "..")))
		return spec_bad(r, &clos, "must be one directory name or \"/\", found %s",
				QUOTE(id));
	if (bw && (!str_after(bw, "MB:") || strchr(bw, '\n')))
		return spec_bad(r, &mb, "must be one line starting with \"MB:\", found %s",
				QUOTE(bw));
	if (l->intel_rdt.l3_cache_schema && strchr(l->intel_rdt.l3_cache_schema, '\n'))
		return spec_bad(r, &l3, "must be one line");
	for (size_t i = 0; i < l->intel_rdt.schemata.n; i++) {
		const struct spec_at here = spec_at_index(&schemata, i);

		if (strchr(l->intel_rdt.schemata.v[i], '\n'))
			return spec_bad(r, &here, "must be one line");
	}
	return 0;
}

static const struct spec_field rdt_fields[] = {
	FIELD("closID", STRING, string, AT(intel_rdt.clos_id)),
	FIELD("l3CacheSchema", STRING, string, AT(intel_rdt.l3_cache_schema)),
	FIELD("memBwSchema", STRING, string, AT(intel_rdt.mem_bw_schema)),
	FIELD("schemata", STRINGS, strings, AT(intel_rdt.schemata)),
	FIELD("enableMonitoring", BOOL, bool, AT(intel_rdt.enable_monitoring)),
};
static const struct spec_object rdt_object = OBJECT_INIT(rdt_fields, struct spec_linux, check_rdt);

/* set_mempolicy(2): which modes want nodes. */
static int check_memory_policy(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	static const struct {
		const char *mode;
		bool may_have, must_have;
	} rules[] = {
		{"MPOL_DEFAULT", false, false},	     {"MPOL_LOCAL", false, false},
		{"MPOL_BIND", true, true},	     {"MPOL_INTERLEAVE", true, true},
		{"MPOL_PREFERRED", true, false},     {"MPOL_WEIGHTED_INTERLEAVE", true, true},
		{"MPOL_PREFERRED_MANY", true, true},
	};
	const uint32_t both = OCI_MPOL_F_STATIC_NODES | OCI_MPOL_F_RELATIVE_NODES;
	struct spec_linux *l = obj;
	const struct spec_at nodes = spec_at_key(at, "nodes"), flags = spec_at_key(at, "flags");
	const char *mode =
		table_name_n(oci_memory_modes.v, oci_memory_modes.n, l->memory_policy.mode);

	l->memory_policy.set = true;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!mode || !streq(rules[i].mode, mode))
			continue;
		if (l->memory_policy.nodes && !rules[i].may_have)
			return spec_bad(r, &nodes, "%s takes no nodes", rules[i].mode);
		if (!l->memory_policy.nodes && rules[i].must_have)
			return spec_bad(r, &nodes, "%s needs at least one node", rules[i].mode);
	}
	if ((l->memory_policy.flags & both) == both)
		return spec_bad(r, &flags,
				"MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
	return 0;
}

static int read_memory_flags(struct spec_reader *r, const struct spec_at *at,
			     const struct spec_field *f, const struct json *v, void *obj)
{
	const struct spec_field plain = {.names = f->names};
	uint64_t flags = 0;
	int rc = spec_read_flags(r, at, &plain, v, &flags);

	*SPEC_PTR(uint32_t, obj, f->offset) = (uint32_t)flags;
	return rc;
}

static const struct spec_field memory_policy_fields[] = {
	FIELD("mode", STRING, name_u32, AT(memory_policy.mode), NAMED(oci_memory_modes), REQUIRED),
	FIELD("nodes", STRING, cpus, AT(memory_policy.nodes)),
	ROW("flags", STRINGS, read_memory_flags, AT(memory_policy.flags), NAMED(oci_memory_flags)),
};
static const struct spec_object memory_policy_object =
	OBJECT_INIT(memory_policy_fields, struct spec_linux, check_memory_policy);

static int check_personality(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	struct spec_linux *l = obj;
	const struct spec_at flags = spec_at_key(at, "flags");

	l->personality.set = true;
	if (l->personality.flags.n > 0) /* "Currently no flag values are supported." */
		return spec_bad(r, &flags, "unknown value %s (none is known)",
				QUOTE(l->personality.flags.v[0]));
	return 0;
}

static const struct spec_field personality_fields[] = {
	FIELD("domain", STRING, name_u64, AT(personality.domain), NAMED(oci_personalities),
	      REQUIRED),
	FIELD("flags", STRINGS, strings, AT(personality.flags)),
};
static const struct spec_object personality_object =
	OBJECT_INIT(personality_fields, struct spec_linux, check_personality);

/* --- linux -------------------------------------------------------------------------------------
 */

static const struct spec_field linux_fields[] = {
	ROW("namespaces", OBJECTS, read_namespaces),
	FIELD("uidMappings", OBJECTS, idmaps, AT(uid_mappings)),
	FIELD("gidMappings", OBJECTS, idmaps, AT(gid_mappings)),
	ROW("timeOffsets", OBJECT, read_offsets, OBJECT(offsets_object)),
	ROW("devices", OBJECTS, read_devices),
	ROW("netDevices", OBJECT, read_net_devices),
	ROW("cgroupsPath", STRING, read_cgroups_path, AT(cgroups_path)),
	FIELD("resources", OBJECT, object, AT(resources), OBJECT(spec_resources_object)),
	ROW("rootfsPropagation", STRING, read_propagation, AT(rootfs_propagation)),
	FIELD("seccomp", OBJECT, pointer, AT(seccomp), OBJECT(spec_seccomp_object)),
	FIELD("sysctl", OBJECT, pairs, AT(sysctl)),
	FIELD("maskedPaths", STRINGS, paths, AT(masked_paths)),
	FIELD("readonlyPaths", STRINGS, paths, AT(readonly_paths)),
	FIELD("mountLabel", STRING, string, AT(mount_label)),
	FIELD("intelRdt", OBJECT, object, OBJECT(rdt_object)),
	FIELD("memoryPolicy", OBJECT, object, OBJECT(memory_policy_object)),
	FIELD("personality", OBJECT, object, OBJECT(personality_object)),
};
const struct spec_object spec_linux_object = OBJECT_INIT(linux_fields, struct spec_linux, NULL);
