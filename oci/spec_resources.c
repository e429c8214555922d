/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources: config-linux.md, "Control groups". */
#include <ctype.h>

#include "base/cleanup.h"
#include "oci/spec_read.h"

/* The widths of linux/kdev_t.h. */
#define MAJOR_MAX 4095
#define MINOR_MAX 1048575

/* --- devices -----------------------------------------------------------------------------------
 */

static int read_rule_type(struct spec_reader *r, const struct spec_at *at,
			  const struct spec_field *f, const struct json *v, void *obj)
{
	const char *type = v->string.text;

	(void)f;
	if (v->string.len == 0)
		return 0;
	if (v->string.len != 1 || !strchr("abc", *type))
		return spec_bad(r, at, "unknown device type %s (known: a, b, c)", QUOTE(type));
	((struct spec_device_rule *)obj)->type = *type;
	return 0;
}

/* -1 is the other way to say "any". */
static int read_rule_number(struct spec_reader *r, const struct spec_at *at,
			    const struct spec_field *f, const struct json *v, void *obj)
{
	int rc = spec_read_opt_i64(r, at, f, v, obj);
	struct opt_i64 *n = SPEC_PTR(struct opt_i64, obj, f->offset);

	if (rc == 0 && n->val < 0)
		n->set = false;
	return rc;
}

static int read_rule_access(struct spec_reader *r, const struct spec_at *at,
			    const struct spec_field *f, const struct json *v, void *obj)
{
	struct spec_device_rule *rule = obj;

	(void)f;
	for (const char *s = v->string.text; *s; s++) {
		bool *access = *s == 'r'   ? &rule->read
			       : *s == 'w' ? &rule->write
			       : *s == 'm' ? &rule->mknod
					   : NULL;
		if (!access)
			return spec_bad(r, at, "expected letters out of \"rwm\", found %s",
					QUOTE(v->string.text));
		*access = true;
	}
	return 0;
}

/* What is not given means "all". */
static int check_rule(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	struct spec_device_rule *rule = obj;

	(void)r;
	(void)at;
	if (!rule->type)
		rule->type = 'a';
	if (!rule->read && !rule->write && !rule->mknod)
		rule->read = rule->write = rule->mknod = true;
	return 0;
}

#define AT(member) .offset = offsetof(struct spec_device_rule, member)
static const struct spec_field rule_fields[] = {
	FIELD("allow", BOOL, bool, AT(allow), REQUIRED),
	ROW("type", STRING, read_rule_type),
	ROW("major", INTEGER, read_rule_number, AT(major), RANGE(-1, MAJOR_MAX)),
	ROW("minor", INTEGER, read_rule_number, AT(minor), RANGE(-1, MINOR_MAX)),
	ROW("access", STRING, read_rule_access),
};
#undef AT
static const struct spec_object rule_object =
	OBJECT_INIT(rule_fields, struct spec_device_rule, check_rule);

#define AT(member) .offset = offsetof(struct spec_resources, member)
#define COUNT(member) .count = offsetof(struct spec_resources, member)

/* --- memory ------------------------------------------------------------------------------------
 */

static int check_memory(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_resources *res = obj;
	const struct spec_at swap = spec_at_key(at, "swap");

	/* swap is the limit of memory and swap together */
	if (res->memory.limit.set && res->memory.swap.set && res->memory.swap.val >= 0 &&
	    (res->memory.limit.val < 0 || res->memory.swap.val < res->memory.limit.val))
		return spec_bad(r, &swap, "memory+swap %lld is below the memory limit %lld",
				(long long)res->memory.swap.val, (long long)res->memory.limit.val);
	return 0;
}

#define BYTES RANGE(-1, INT64_MAX), ZERO_UNSET
static const struct spec_field memory_fields[] = {
	FIELD("limit", INTEGER, opt_i64, AT(memory.limit), BYTES),
	FIELD("reservation", INTEGER, opt_i64, AT(memory.reservation), BYTES),
	FIELD("swap", INTEGER, opt_i64, AT(memory.swap), BYTES),
	FIELD("kernel", INTEGER, opt_i64, AT(memory.kernel), BYTES),
	FIELD("kernelTCP", INTEGER, opt_i64, AT(memory.kernel_tcp), BYTES),
	FIELD("swappiness", INTEGER, opt_u64, AT(memory.swappiness), RANGE(0, 100)),
	FIELD("disableOOMKiller", BOOL, opt_bool, AT(memory.disable_oom_killer)),
	FIELD("useHierarchy", BOOL, opt_bool, AT(memory.use_hierarchy)),
	FIELD("checkBeforeUpdate", BOOL, opt_bool, AT(memory.check_before_update)),
};
static const struct spec_object memory_object =
	OBJECT_INIT(memory_fields, struct spec_resources, check_memory);

/* --- cpu ---------------------------------------------------------------------------------------
 */

/* Bounds of the kernel's tg_set_cfs_bandwidth(): a period of 1 ms to 1 s, a quota of at least 1 ms,
 * a burst no larger than the quota. */
static int check_cpu(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_resources *res = obj;
	const struct spec_at period = spec_at_key(at, "period"), burst = spec_at_key(at, "burst");
	const struct spec_at quota = spec_at_key(at, "quota");

	if (res->cpu.period.set && (res->cpu.period.val < 1000 || res->cpu.period.val > 1000000))
		return spec_bad(r, &period,
				"must be between 1000 and 1000000 microseconds, found %llu",
				(unsigned long long)res->cpu.period.val);
	if (res->cpu.quota.set && res->cpu.quota.val > 0 && res->cpu.quota.val < 1000)
		return spec_bad(r, &quota, "must be at least 1000 microseconds, found %lld",
				(long long)res->cpu.quota.val);
	if (res->cpu.burst.set && res->cpu.quota.set && res->cpu.quota.val > 0 &&
	    res->cpu.burst.val > (uint64_t)res->cpu.quota.val)
		return spec_bad(r, &burst, "%llu is above the quota %lld",
				(unsigned long long)res->cpu.burst.val,
				(long long)res->cpu.quota.val);
	return 0;
}

static const struct spec_field cpu_fields[] = {
	FIELD("shares", INTEGER, opt_u64, AT(cpu.shares), ZERO_UNSET),
	FIELD("quota", INTEGER, opt_i64, AT(cpu.quota), RANGE(-1, INT64_MAX), ZERO_UNSET),
	FIELD("burst", INTEGER, opt_u64, AT(cpu.burst)),
	FIELD("period", INTEGER, opt_u64, AT(cpu.period), ZERO_UNSET),
	FIELD("realtimeRuntime", INTEGER, opt_i64, AT(cpu.realtime_runtime), ZERO_UNSET),
	FIELD("realtimePeriod", INTEGER, opt_u64, AT(cpu.realtime_period), ZERO_UNSET),
	FIELD("cpus", STRING, cpus, AT(cpu.cpus)),
	FIELD("mems", STRING, cpus, AT(cpu.mems)),
	FIELD("idle", INTEGER, opt_i64, AT(cpu.idle), RANGE(0, 1)),
};
static const struct spec_object cpu_object =
	OBJECT_INIT(cpu_fields, struct spec_resources, check_cpu);

static const struct spec_field pids_fields[] = {
	FIELD("limit", INTEGER, opt_i64, AT(pids_limit), RANGE(-1, INT64_MAX)),
};
static const struct spec_object pids_object = OBJECT_INIT(pids_fields, struct spec_resources, NULL);

/* --- block I/O ---------------------------------------------------------------------------------
 */

#define WEIGHT_AT(member) .offset = offsetof(struct spec_weight_device, member)
static int check_weight_device(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_weight_device *d = obj;

	if (!d->weight.set && !d->leaf_weight.set)
		return spec_bad(r, at, "needs a weight or a leafWeight");
	return 0;
}

/* 10 to 1000 in cgroup v1, from where the specification has them; 0 is Docker's "none". */
static int read_weight(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		       const struct json *v, void *obj)
{
	int rc = spec_read_opt_u64(r, at, f, v, obj);
	const struct opt_u64 *weight = SPEC_PTR(struct opt_u64, obj, f->offset);

	if (rc == 0 && weight->set && weight->val < 10)
		return spec_bad(r, at, "must be between 10 and 1000, found %llu",
				(unsigned long long)weight->val);
	return rc;
}

#define WEIGHT RANGE(0, 1000), ZERO_UNSET
static const struct spec_field weight_fields[] = {
	FIELD("major", INTEGER, i64, WEIGHT_AT(major), RANGE(0, MAJOR_MAX), REQUIRED),
	FIELD("minor", INTEGER, i64, WEIGHT_AT(minor), RANGE(0, MINOR_MAX), REQUIRED),
	ROW("weight", INTEGER, read_weight, WEIGHT_AT(weight), WEIGHT),
	ROW("leafWeight", INTEGER, read_weight, WEIGHT_AT(leaf_weight), WEIGHT),
};
static const struct spec_object weight_object =
	OBJECT_INIT(weight_fields, struct spec_weight_device, check_weight_device);

#define THROTTLE_AT(member) .offset = offsetof(struct spec_throttle_device, member)
static const struct spec_field throttle_fields[] = {
	FIELD("major", INTEGER, i64, THROTTLE_AT(major), RANGE(0, MAJOR_MAX), REQUIRED),
	FIELD("minor", INTEGER, i64, THROTTLE_AT(minor), RANGE(0, MINOR_MAX), REQUIRED),
	FIELD("rate", INTEGER, u64, THROTTLE_AT(rate), REQUIRED),
};
static const struct spec_object throttle_object =
	OBJECT_INIT(throttle_fields, struct spec_throttle_device, NULL);

#define THROTTLE(key, member)                                                                      \
	FIELD(key, OBJECTS, array, AT(block_io.member.v), COUNT(block_io.member.n),                \
	      OBJECT(throttle_object))
static const struct spec_field block_io_fields[] = {
	ROW("weight", INTEGER, read_weight, AT(block_io.weight), WEIGHT),
	ROW("leafWeight", INTEGER, read_weight, AT(block_io.leaf_weight), WEIGHT),
	FIELD("weightDevice", OBJECTS, array, AT(block_io.weight_devices),
	      COUNT(block_io.n_weight_devices), OBJECT(weight_object)),
	THROTTLE("throttleReadBpsDevice", read_bps),
	THROTTLE("throttleWriteBpsDevice", write_bps),
	THROTTLE("throttleReadIOPSDevice", read_iops),
	THROTTLE("throttleWriteIOPSDevice", write_iops),
};
static const struct spec_object block_io_object =
	OBJECT_INIT(block_io_fields, struct spec_resources, NULL);

/* --- huge pages, network, rdma -----------------------------------------------------------------
 */

/* The name of a control file is made of it: [1-9][0-9]*[KMG]B. */
static int read_page_size(struct spec_reader *r, const struct spec_at *at,
			  const struct spec_field *f, const struct json *v, void *obj)
{
	const char *s = v->string.text;
	size_t digits = strspn(s, "0123456789");

	if (digits == 0 || digits > 6 || s[0] == '0' || !s[digits] || !strchr("KMG", s[digits]) ||
	    !streq(s + digits + 1, "B"))
		return spec_bad(r, at,
				"expected a size like \"64KB\", \"2MB\" or \"1GB\", found %s",
				QUOTE(s));
	return spec_read_string(r, at, f, v, obj);
}

static const struct spec_field hugepage_fields[] = {
	ROW("pageSize", STRING, read_page_size, .offset = offsetof(struct spec_hugepage, page_size),
	    REQUIRED),
	FIELD("limit", INTEGER, u64, .offset = offsetof(struct spec_hugepage, limit), REQUIRED),
};
static const struct spec_object hugepage_object =
	OBJECT_INIT(hugepage_fields, struct spec_hugepage, NULL);

static const struct spec_field priority_fields[] = {
	FIELD("name", STRING, string, .offset = offsetof(struct spec_net_priority, name), REQUIRED),
	FIELD("priority", INTEGER, u32, .offset = offsetof(struct spec_net_priority, priority),
	      REQUIRED),
};
static const struct spec_object priority_object =
	OBJECT_INIT(priority_fields, struct spec_net_priority, NULL);

static const struct spec_field network_fields[] = {
	FIELD("classID", INTEGER, opt_u64, AT(net_class_id), RANGE(0, UINT32_MAX)),
	FIELD("priorities", OBJECTS, array, AT(net_priorities), COUNT(n_net_priorities),
	      OBJECT(priority_object)),
};
static const struct spec_object network_object =
	OBJECT_INIT(network_fields, struct spec_resources, NULL);

static int check_rdma(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_rdma *d = obj;

	if (!d->hca_handles.set && !d->hca_objects.set)
		return spec_bad(r, at, "needs hcaHandles or hcaObjects");
	return 0;
}

static const struct spec_field rdma_fields[] = {
	FIELD("hcaHandles", INTEGER, opt_u64, .offset = offsetof(struct spec_rdma, hca_handles),
	      RANGE(0, UINT32_MAX)),
	FIELD("hcaObjects", INTEGER, opt_u64, .offset = offsetof(struct spec_rdma, hca_objects),
	      RANGE(0, UINT32_MAX)),
};
static const struct spec_object rdma_object =
	OBJECT_INIT(rdma_fields, struct spec_rdma, check_rdma);

static int read_rdma(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
		     const struct json *v, void *obj)
{
	struct spec_resources *res = obj;

	(void)f;
	res->rdma = spec_alloc(r, v->object.n, sizeof(*res->rdma));
	if (!res->rdma)
		return -ENOMEM;
	for (size_t i = 0; i < v->object.n; i++) {
		const struct json_member *m = &v->object.members[i];
		const struct spec_at here = spec_at_key(at, m->key);
		int rc;

		/* A word of the line that goes into rdma.max. */
		if (!*m->key || strpbrk(m->key, " \t\n"))
			return spec_bad(r, at, "%s is not a name for a device", QUOTE(m->key));
		res->rdma[i].device = m->key;
		rc = spec_read_whole(r, &here, &rdma_object, m->value, &res->rdma[i]);
		if (rc < 0)
			return rc;
	}
	res->n_rdma = v->object.n;
	return 0;
}

/* --- unified -----------------------------------------------------------------------------------
 */

/* Files that do something to processes at once instead of setting a parameter of the group; with
 * them a document could move or kill what is not the container's. */
static const char *const acting_files[] = {
	"cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze", "cgroup.type",
};

static int check_unified_key(struct spec_reader *r, const struct spec_at *at, const char *key)
{
	if (strchr(key, '/') || streq(key, ".") || streq(key, ".."))
		return spec_bad(r, at, "%s is not the name of a file", QUOTE(key));
	for (size_t i = 0; i < ARRAY_SIZE(acting_files); i++)
		if (streq(key, acting_files[i]))
			return spec_bad(r, at, "%s is the runtime's own", QUOTE(key));
	return 0;
}

static int read_unified(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
			const struct json *v, void *obj)
{
	int rc = spec_read_pairs(r, at, f, v, obj);

	for (size_t i = 0; rc == 0 && i < v->object.n; i++)
		rc = check_unified_key(r, at, v->object.members[i].key);
	return rc;
}

/* --- resources ---------------------------------------------------------------------------------
 */

static const struct spec_field resources_fields[] = {
	FIELD("devices", OBJECTS, array, AT(devices), COUNT(n_devices), OBJECT(rule_object)),
	FIELD("memory", OBJECT, object, OBJECT(memory_object)),
	FIELD("cpu", OBJECT, object, OBJECT(cpu_object)),
	FIELD("pids", OBJECT, object, OBJECT(pids_object)),
	FIELD("blockIO", OBJECT, object, OBJECT(block_io_object)),
	FIELD("hugepageLimits", OBJECTS, array, AT(hugepages), COUNT(n_hugepages),
	      OBJECT(hugepage_object)),
	FIELD("network", OBJECT, object, OBJECT(network_object)),
	ROW("rdma", OBJECT, read_rdma),
	ROW("unified", OBJECT, read_unified, AT(unified)),
};
const struct spec_object spec_resources_object =
	OBJECT_INIT(resources_fields, struct spec_resources, NULL);
