/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources -> the files of cgroup v2.
 *
 * What v2 has no equivalent of is refused when it asks for something (config-linux.md, "Unified":
 * "If the conversion is not possible the runtime MUST generate an error") and accepted when it
 * says what v2 does anyway: kernel memory limits of 0 or -1, disableOOMKiller false, useHierarchy,
 * real-time runtime and period 0, leaf weights and class id 0, no priorities.
 *
 * Zero in memory.limit, memory.swap, cpu.shares and blockIO.weight means "not given": engines send
 * it so, and none of them could be obeyed.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/cgroup_internal.h"

struct planner {
	struct arena *a;
	const struct spec_resources *r;
	struct cg_plan *plan;
	struct err *e;
};

struct knob {
	const char *json;
	const char *file;
	unsigned controller;
	int (*plan)(struct planner *p, const struct knob *k);
	size_t offset;	 /* of the value in struct spec_resources */
	const char *arg; /* io.max: the key */
	const char *hint;
};

#define FIELD(type, p, k) ((const type *)(const void *)((const char *)(p)->r + (k)->offset))

static int bad(struct planner *p, const char *json, const char *text)
{
	return refuse(p->e, EINVAL, "linux.resources.%s: %s", json, text);
}

static int add(struct planner *p, const struct knob *k, struct cg_write w)
{
	struct cg_plan *plan = p->plan;

	if (plan->n == plan->cap) {
		size_t cap = plan->cap ? plan->cap * 2 : 16;
		struct cg_write *v = arena_array(p->a, cap, sizeof(*v));

		if (!v)
			return fail(p->e, ENOMEM, "plan the cgroup's limits");
		if (plan->n)
			memcpy(v, plan->v, plan->n * sizeof(*v));
		plan->v = v;
		plan->cap = cap;
	}
	if (!w.json)
		w.json = k->json;
	if (!w.file)
		w.file = k->file;
	if (!w.controller)
		w.controller = k->controller;
	if (!w.hint)
		w.hint = k->hint;
	if (!w.value)
		return fail(p->e, ENOMEM, "linux.resources.%s", w.json);
	if (!w.neutral)
		plan->needed |= w.controller;
	plan->v[plan->n++] = w;
	return 0;
}

/* Bytes, or -1 for no limit. */
static int plan_bytes(struct planner *p, const struct knob *k)
{
	const struct opt_i64 *o = FIELD(struct opt_i64, p, k);

	if (!o->set || o->val == 0)
		return 0;
	if (o->val < -1)
		return bad(p, k->json, "expected a number of bytes, or -1 for no limit");
	if (o->val == -1)
		return add(p, k, (struct cg_write){.value = "max", .neutral = true});
	return add(p, k, (struct cg_write){.value = arena_printf(p->a, "%" PRId64, o->val)});
}

/* The v1 soft limit: below it memory is not reclaimed. -1 protects all of it, which is not what a
 * fresh group has. */
static int plan_reservation(struct planner *p, const struct knob *k)
{
	const struct opt_i64 *o = FIELD(struct opt_i64, p, k);

	if (o->set && o->val == -1)
		return add(p, k, (struct cg_write){.value = "max"});
	return plan_bytes(p, k);
}

/* The document's swap is memory+swap, the file's is swap alone. */
static int plan_swap(struct planner *p, const struct knob *k)
{
	int64_t swap = p->r->memory.swap.val, limit = p->r->memory.limit.val;

	if (!p->r->memory.swap.set || swap <= 0)
		return plan_bytes(p, k);
	if (!p->r->memory.limit.set || limit <= 0)
		return bad(p, k->json,
			   "a limit of memory plus swap needs linux.resources.memory.limit too");
	if (swap < limit)
		return bad(p, k->json,
			   "memory plus swap is less than linux.resources.memory.limit");
	return add(p, k, (struct cg_write){.value = arena_printf(p->a, "%" PRId64, swap - limit)});
}

/* A limit of 0 would stop the container's own first process; 1 is what it means to everybody who
 * is in (no further task), as in runc 1.4. */
static int plan_pids(struct planner *p, const struct knob *k)
{
	int64_t n = p->r->pids_limit.val;

	if (!p->r->pids_limit.set)
		return 0;
	if (n < -1)
		return bad(p, k->json, "expected a number of tasks, or -1 for no limit");
	if (n == -1)
		return add(p, k, (struct cg_write){.value = "max", .neutral = true});
	return add(p, k, (struct cg_write){.value = arena_printf(p->a, "%" PRId64, MAX(n, 1))});
}

static int plan_shares(struct planner *p, const struct knob *k)
{
	uint64_t weight;

	if (!p->r->cpu.shares.set || p->r->cpu.shares.val == 0)
		return 0;
	weight = cgroup_shares_to_weight(p->r->cpu.shares.val);
	return add(p, k,
		   (struct cg_write){.value = arena_printf(p->a, "%" PRIu64, weight),
				     .neutral = weight == 100});
}

/* cpu.max is "QUOTA PERIOD"; a quota alone keeps the period (100 ms in a fresh group). */
static int plan_cpu_max(struct planner *p, const struct knob *k)
{
	const struct opt_i64 *quota = &p->r->cpu.quota;
	const struct opt_u64 *period = &p->r->cpu.period;
	const struct opt_u64 *burst = &p->r->cpu.burst;
	bool has_period = period->set && period->val;

	if (quota->set && quota->val > 0 && burst->set && burst->val > (uint64_t)quota->val)
		return bad(p, "cpu.burst", "larger than linux.resources.cpu.quota");
	if (!quota->set)
		return !has_period ? 0
				   : add(p, k,
					 (struct cg_write){.json = "cpu.period",
							   .value = arena_printf(p->a, "%" PRIu64,
										 period->val),
							   .keep_quota = true});
	if (quota->val <= 0 && !has_period)
		return add(p, k, (struct cg_write){.value = "max", .neutral = true});
	if (quota->val <= 0)
		return add(p, k,
			   (struct cg_write){
				   .value = arena_printf(p->a, "max %" PRIu64, period->val)});
	if (!has_period)
		return add(p, k,
			   (struct cg_write){.value = arena_printf(p->a, "%" PRId64, quota->val)});
	return add(p, k,
		   (struct cg_write){.value = arena_printf(p->a, "%" PRId64 " %" PRIu64, quota->val,
							   period->val)});
}

static int plan_burst(struct planner *p, const struct knob *k)
{
	if (!p->r->cpu.burst.set)
		return 0;
	return add(p, k,
		   (struct cg_write){
			   .value = arena_printf(p->a, "%" PRIu64, p->r->cpu.burst.val),
			   .neutral = p->r->cpu.burst.val == 0,
		   });
}

static int plan_idle(struct planner *p, const struct knob *k)
{
	if (!p->r->cpu.idle.set)
		return 0;
	if (p->r->cpu.idle.val != 0 && p->r->cpu.idle.val != 1)
		return bad(p, k->json, "expected 0 or 1");
	p->plan->idle = (int)p->r->cpu.idle.val;
	return 0;
}

static int plan_cpulist(struct planner *p, const struct knob *k)
{
	const char *list = *FIELD(char *const, p, k);

	if (!list || !*list)
		return 0;
	if (list[strspn(list, "0123456789,-")])
		return bad(p, k->json, "expected a list like 0-3,7");
	return add(p, k, (struct cg_write){.value = list});
}

/* v1 weights are 10 to 1000; io.weight is 1 to 10000 and io.bfq.weight 1 to 1000, both 100 when
 * nothing is said. bfq takes the number as it is, as v1 did. */
static uint64_t io_weight(uint64_t v1)
{
	return 1 + (v1 - 10) * 9999 / 990;
}

static int plan_io_weight(struct planner *p, const struct knob *k)
{
	const struct opt_u64 *w = &p->r->block_io.weight;

	if (!w->set || w->val == 0)
		return 0;
	if (w->val < 10 || w->val > 1000)
		return bad(p, k->json, "expected 10 to 1000");
	return add(p, k,
		   (struct cg_write){
			   .value = arena_printf(p->a, "%" PRIu64, w->val),
			   .other = "io.weight",
			   .other_value = arena_printf(p->a, "%" PRIu64, io_weight(w->val)),
		   });
}

static int plan_io_weight_devices(struct planner *p, const struct knob *k)
{
	for (size_t i = 0; i < p->r->block_io.n_weight_devices; i++) {
		const struct spec_weight_device *d = &p->r->block_io.weight_devices[i];
		const char *json = arena_printf(p->a, "%s[%zu]", k->json, i);
		int rc;

		if (!json)
			return fail(p->e, ENOMEM, "linux.resources.%s", k->json);
		if (d->leaf_weight.set && d->leaf_weight.val)
			return refuse(
				p->e, EOPNOTSUPP,
				"linux.resources.%s.leafWeight: cgroup v2 has no leaf weights",
				json);
		if (!d->weight.set || d->weight.val == 0)
			continue;
		if (d->weight.val < 10 || d->weight.val > 1000)
			return bad(p, json, "expected a weight of 10 to 1000");
		rc = add(p, k,
			 (struct cg_write){
				 .json = json,
				 .value = arena_printf(p->a, "%" PRId64 ":%" PRId64 " %" PRIu64,
						       d->major, d->minor, d->weight.val),
				 .other = "io.weight",
				 .other_value =
					 arena_printf(p->a, "%" PRId64 ":%" PRId64 " %" PRIu64,
						      d->major, d->minor, io_weight(d->weight.val)),
			 });
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int plan_throttle(struct planner *p, const struct knob *k)
{
	const struct spec_throttle *t = FIELD(struct spec_throttle, p, k);

	for (size_t i = 0; i < t->n; i++) {
		const struct spec_throttle_device *d = &t->v[i];
		const char *json = arena_printf(p->a, "%s[%zu]", k->json, i);
		const char *value;
		int rc;

		/* In v1 a rate of 0 took the limit away. */
		if (d->rate)
			value = arena_printf(p->a, "%" PRId64 ":%" PRId64 " %s=%" PRIu64, d->major,
					     d->minor, k->arg, d->rate);
		else
			value = arena_printf(p->a, "%" PRId64 ":%" PRId64 " %s=max", d->major,
					     d->minor, k->arg);
		rc = add(p, k, (struct cg_write){.json = json, .value = json ? value : NULL});
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* "2MB", "64KB", "1GB": the middle of the file's name. */
static bool is_page_size(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	return digits > 0 && digits < 8 && s[digits] && strchr("KMG", s[digits]) &&
	       streq(s + digits + 1, "B");
}

/* The reservation limit is the better one (config-linux.md, "Huge page limits"), where the kernel
 * has it (5.7); the page fault limit holds as well. */
static int plan_hugepages(struct planner *p, const struct knob *k)
{
	static const char *const files[] = {"hugetlb.%s.max", "hugetlb.%s.rsvd.max"};

	for (size_t i = 0; i < p->r->n_hugepages; i++) {
		const char *size = p->r->hugepages[i].page_size;
		const char *json = arena_printf(p->a, "%s[%zu]", k->json, i);
		const char *value = arena_printf(p->a, "%" PRIu64, p->r->hugepages[i].limit);

		if (!json)
			return fail(p->e, ENOMEM, "linux.resources.%s", k->json);
		if (!size || !is_page_size(size))
			return bad(p, json, "pageSize: expected a size like 64KB, 2MB or 1GB");
		for (size_t f = 0; f < ARRAY_SIZE(files); f++) {
			struct cg_write w = {.json = json, .value = value, .optional = f == 1};
			int rc;

			w.file = f == 0 ? arena_printf(p->a, "hugetlb.%s.max", size)
					: arena_printf(p->a, "hugetlb.%s.rsvd.max", size);
			if (!w.file)
				w.value = NULL;
			rc = add(p, k, w);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int plan_rdma(struct planner *p, const struct knob *k)
{
	for (size_t i = 0; i < p->r->n_rdma; i++) {
		const char *device = p->r->rdma[i].device;
		_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
		int rc;

		if (!*device || device[strcspn(device, " \t\n")])
			return bad(p, k->json, "a device name is empty or has blanks");
		if (!p->r->rdma[i].hca_handles.set && !p->r->rdma[i].hca_objects.set)
			return refuse(p->e, EINVAL,
				      "linux.resources.rdma.%s: expected hcaHandles, hcaObjects or "
				      "both",
				      device);
		strbuf_adds(&line, device);
		if (p->r->rdma[i].hca_handles.set)
			strbuf_addf(&line, " hca_handle=%" PRIu64, p->r->rdma[i].hca_handles.val);
		if (p->r->rdma[i].hca_objects.set)
			strbuf_addf(&line, " hca_object=%" PRIu64, p->r->rdma[i].hca_objects.val);
		rc = add(p, k,
			 (struct cg_write){
				 .json = arena_printf(p->a, "rdma.%s", device),
				 .value = line.oom ? NULL : arena_strdup(p->a, line.buf),
			 });
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Files through which a document could undo what the runtime does itself. */
static const char *const unified_own[] = {
	"cgroup.procs", "cgroup.threads", "cgroup.type",
	"cgroup.kill",	"cgroup.freeze",  "cgroup.subtree_control",
};

static int unified_check(struct planner *p, const char *json, const struct spec_pair *pair)
{
	const char *key = pair->key;

	/* A single path component: what is written must be in this group. */
	if (strchr(key, '/') || !strchr(key, '.') || key[0] == '.' || strlen(key) > 255)
		return bad(p, json, "expected the name of a cgroup file, like memory.high");
	for (size_t i = 0; i < ARRAY_SIZE(unified_own); i++)
		if (streq(key, unified_own[i]))
			return bad(p, json, "this file is the runtime's own");
	if (!pair->value || !pair->value[0])
		return bad(p, json, "expected a value, found an empty string");
	return 0;
}

static int plan_unified(struct planner *p, const struct knob *k)
{
	for (size_t i = 0; i < p->r->unified.n; i++) {
		const struct spec_pair *pair = &p->r->unified.v[i];
		const char *json = arena_printf(p->a, "%s[\"%s\"]", k->json, pair->key);
		char name[16];
		size_t len = strcspn(pair->key, ".");
		struct cg_write w = {.json = json, .file = pair->key, .value = pair->value};
		int rc;

		if (!json)
			return fail(p->e, ENOMEM, "linux.resources.%s", k->json);
		rc = unified_check(p, json, pair);
		if (rc < 0)
			return rc;
		if (streq(pair->key, "cpu.idle") &&
		    (streq(pair->value, "0") || streq(pair->value, "1"))) {
			p->plan->idle = pair->value[0] - '0';
			continue;
		}
		if (str_part(name, sizeof(name), pair->key, len))
			w.controller = cg_controllers_parse(name);
		rc = add(p, k, w);
		if (rc < 0)
			return rc;
	}
	return 0;
}

#define AT(field) offsetof(struct spec_resources, field)
#define HINT_CPU_MAX "quota at least 1000, period 1000 to 1000000 microseconds"
#define HINT_CPUS "only what is online and what the group above has"
#define HINT_IO "a block device of this host that has a request queue"

/* In the order in which they are written; unified comes last and so has the last word. */
static const struct knob knobs[] = {
	{"cpu.shares", "cpu.weight", CG_CPU, plan_shares, 0, NULL, NULL},
	{"cpu.quota", "cpu.max", CG_CPU, plan_cpu_max, 0, NULL, HINT_CPU_MAX},
	{"cpu.burst", "cpu.max.burst", CG_CPU, plan_burst, 0, NULL, "at most the quota"},
	{"cpu.idle", "cpu.idle", CG_CPU, plan_idle, 0, NULL, NULL},
	{"cpu.cpus", "cpuset.cpus", CG_CPUSET, plan_cpulist, AT(cpu.cpus), NULL, HINT_CPUS},
	{"cpu.mems", "cpuset.mems", CG_CPUSET, plan_cpulist, AT(cpu.mems), NULL, HINT_CPUS},
	{"memory.limit", "memory.max", CG_MEMORY, plan_bytes, AT(memory.limit), NULL, NULL},
	{"memory.swap", "memory.swap.max", CG_MEMORY, plan_swap, AT(memory.swap), NULL, NULL},
	{"memory.reservation", "memory.low", CG_MEMORY, plan_reservation, AT(memory.reservation),
	 NULL, NULL},
	{"pids.limit", "pids.max", CG_PIDS, plan_pids, 0, NULL, "at most 4194304"},
	{"blockIO.weight", "io.bfq.weight", CG_IO, plan_io_weight, 0, NULL, NULL},
	{"blockIO.weightDevice", "io.bfq.weight", CG_IO, plan_io_weight_devices, 0, NULL, HINT_IO},
	{"blockIO.throttleReadBpsDevice", "io.max", CG_IO, plan_throttle, AT(block_io.read_bps),
	 "rbps", HINT_IO},
	{"blockIO.throttleWriteBpsDevice", "io.max", CG_IO, plan_throttle, AT(block_io.write_bps),
	 "wbps", HINT_IO},
	{"blockIO.throttleReadIOPSDevice", "io.max", CG_IO, plan_throttle, AT(block_io.read_iops),
	 "riops", HINT_IO},
	{"blockIO.throttleWriteIOPSDevice", "io.max", CG_IO, plan_throttle, AT(block_io.write_iops),
	 "wiops", HINT_IO},
	{"hugepageLimits", NULL, CG_HUGETLB, plan_hugepages, 0, NULL, NULL},
	{"rdma", "rdma.max", CG_RDMA, plan_rdma, 0, NULL, "an RDMA device of this host"},
	{"unified", NULL, 0, plan_unified, 0, NULL, NULL},
};

static bool limits(const struct opt_i64 *o)
{
	return o->set && o->val != 0 && o->val != -1;
}

static bool nonzero(const struct opt_u64 *o)
{
	return o->set && o->val != 0;
}

/* Asked for, and v2 has nothing like it. */
static int refuse_v1_only(const struct spec_resources *r, struct err *e)
{
	const struct {
		bool asked;
		const char *json, *text;
	} only[] = {
		{limits(&r->memory.kernel), "memory.kernel",
		 "kernel memory is part of memory.limit in cgroup v2"},
		{limits(&r->memory.kernel_tcp), "memory.kernelTCP",
		 "TCP buffers are part of memory.limit in cgroup v2"},
		{r->memory.swappiness.set, "memory.swappiness",
		 "cgroup v2 has no swappiness per group"},
		{r->memory.disable_oom_killer.set && r->memory.disable_oom_killer.val,
		 "memory.disableOOMKiller", "the OOM killer cannot be disabled in cgroup v2"},
		{nonzero(&r->cpu.realtime_period), "cpu.realtimePeriod",
		 "cgroup v2 has no real-time limits"},
		{r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.val, "cpu.realtimeRuntime",
		 "cgroup v2 has no real-time limits"},
		{nonzero(&r->block_io.leaf_weight), "blockIO.leafWeight",
		 "cgroup v2 has no leaf weights"},
		{nonzero(&r->net_class_id), "network.classID", "cgroup v2 has no network classes"},
		{r->n_net_priorities != 0, "network.priorities",
		 "cgroup v2 has no network priorities"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(only); i++)
		if (only[i].asked)
			return refuse(e, EOPNOTSUPP, "linux.resources.%s: %s; remove it",
				      only[i].json, only[i].text);
	return 0;
}

int cg_plan_make(struct arena *a, const struct spec_resources *r, struct cg_plan *ret,
		 struct err *e)
{
	struct cg_plan plan = {.idle = -1};
	struct planner p = {.a = a, .r = r, .plan = &plan, .e = e};
	int rc;

	rc = refuse_v1_only(r, e);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(knobs); i++)
		rc = knobs[i].plan(&p, &knobs[i]);
	if (rc < 0)
		return rc;
	if (r->memory.check_before_update.val && r->memory.limit.set && r->memory.limit.val > 0)
		plan.check_before = (uint64_t)r->memory.limit.val;
	*ret = plan;
	return 0;
}
