/* SPDX-License-Identifier: Apache-2.0 */
/* process: config.md, "Process". */
#include <linux/sched.h>

#include "base/cleanup.h"
#include "oci/spec_read.h"

/* --- rlimits -----------------------------------------------------------------------------------
 */

#define AT(member) .offset = offsetof(struct spec_rlimit, member)
static int read_rlimit_type(struct spec_reader *r, const struct spec_at *at,
			    const struct spec_field *f, const struct json *v, void *obj)
{
	struct spec_rlimit *limit = obj;

	limit->type = v->string.text;
	return spec_read_name(r, at, f, v, obj);
}

/* setrlimit(2) would only say EINVAL. */
static int check_rlimit(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_rlimit *limit = obj;

	if (limit->soft > limit->hard)
		return spec_bad(r, at, "the soft limit %llu is above the hard limit %llu",
				(unsigned long long)limit->soft, (unsigned long long)limit->hard);
	return 0;
}

static const struct spec_field rlimit_fields[] = {
	ROW("type", STRING, read_rlimit_type, AT(resource), NAMED(oci_rlimits), REQUIRED),
	FIELD("soft", INTEGER, u64, AT(soft), REQUIRED),
	FIELD("hard", INTEGER, u64, AT(hard), REQUIRED),
};
static const struct spec_object rlimit_object =
	OBJECT_INIT(rlimit_fields, struct spec_rlimit, check_rlimit);
#undef AT

/* --- capabilities ------------------------------------------------------------------------------
 */

/* "Any value which cannot be mapped to a relevant kernel interface MUST be logged as a warning":
 * so an unknown name is no error; it is kept, once, for who does the logging. */
static int add_unknown(struct spec_reader *r, struct strv *unknown, const char *name)
{
	enum { MOST = 64 }; /* enough to tell; the rest is noise */

	for (size_t i = 0; i < unknown->n; i++)
		if (streq(unknown->v[i], name))
			return 0;
	if (unknown->n == MOST)
		return 0;
	if (!unknown->v) {
		unknown->v = spec_alloc(r, MOST + 1, sizeof(*unknown->v));
		if (!unknown->v)
			return -ENOMEM;
	}
	unknown->v[unknown->n++] = (char *)name;
	return 0;
}

static int read_capabilities(struct spec_reader *r, const struct spec_at *at,
			     const struct spec_field *f, const struct json *v, void *obj)
{
	struct spec_capabilities *caps = obj;
	uint64_t *set = SPEC_PTR(uint64_t, obj, f->offset);

	for (size_t i = 0; i < v->array.n; i++) {
		const struct json *item = v->array.items[i];
		const struct spec_at here = spec_at_index(at, i);
		const struct name_value *hit;

		if (item->type != JSON_STRING)
			return spec_wrong(r, &here, "string", item);
		hit = oci_find(&oci_capabilities, item->string.text);
		if (hit)
			*set |= 1ULL << hit->value;
		else if (add_unknown(r, &caps->unknown, item->string.text) < 0)
			return -ENOMEM;
	}
	return 0;
}

#define CAPABILITIES(set)                                                                          \
	ROW(#set, STRINGS, read_capabilities, .offset = offsetof(struct spec_capabilities, set))
static const struct spec_field capabilities_fields[] = {
	CAPABILITIES(bounding),	 CAPABILITIES(effective), CAPABILITIES(inheritable),
	CAPABILITIES(permitted), CAPABILITIES(ambient),
};
static const struct spec_object capabilities_object =
	OBJECT_INIT(capabilities_fields, struct spec_capabilities, NULL);

/* --- scheduler ---------------------------------------------------------------------------------
 */

/* The rules of sched_setattr(2), which would only say EINVAL. */
static int check_scheduler(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_scheduler *s = obj;
	bool realtime = s->policy == SCHED_FIFO || s->policy == SCHED_RR;
	bool deadline = s->policy == SCHED_DEADLINE;
	uint64_t period = s->period ? s->period : s->deadline;

	if (realtime && s->priority == 0)
		return spec_bad(r, at, "SCHED_FIFO and SCHED_RR need a priority from 1 to 99");
	if (!realtime && s->priority != 0)
		return spec_bad(r, at, "a priority is only possible with SCHED_FIFO and SCHED_RR");
	if (!deadline && (s->runtime || s->deadline || s->period))
		return spec_bad(r, at,
				"runtime, deadline and period are only possible with "
				"SCHED_DEADLINE");
	if (deadline && (s->runtime == 0 || s->runtime > s->deadline || s->deadline > period))
		return spec_bad(r, at, "SCHED_DEADLINE needs 0 < runtime <= deadline <= period");
	return 0;
}

#define AT(member) .offset = offsetof(struct spec_scheduler, member)
static const struct spec_field scheduler_fields[] = {
	FIELD("policy", STRING, name, AT(policy), NAMED(oci_sched_policies), REQUIRED),
	FIELD("nice", INTEGER, i32, AT(nice), RANGE(-20, 19)),
	FIELD("priority", INTEGER, i32, AT(priority), RANGE(0, 99)),
	FIELD("flags", STRINGS, flags, AT(flags), NAMED(oci_sched_flags)),
	FIELD("runtime", INTEGER, u64, AT(runtime)),
	FIELD("deadline", INTEGER, u64, AT(deadline)),
	FIELD("period", INTEGER, u64, AT(period)),
};
static const struct spec_object scheduler_object =
	OBJECT_INIT(scheduler_fields, struct spec_scheduler, check_scheduler);
#undef AT

/* --- the parts that live in the process's own struct ---------------------------------------------
 */

#define AT(member) .offset = offsetof(struct spec_process, member)
#define COUNT(member) .count = offsetof(struct spec_process, member)

static const struct spec_field console_fields[] = {
	FIELD("height", INTEGER, u16, AT(console_height), REQUIRED),
	FIELD("width", INTEGER, u16, AT(console_width), REQUIRED),
};
static const struct spec_object console_object =
	OBJECT_INIT(console_fields, struct spec_process, NULL);

/* uid and gid are required by config.md and optional in its schema; all runtimes take 0. */
static const struct spec_field user_fields[] = {
	FIELD("uid", INTEGER, u32, AT(user.uid), SPEC_ID_RANGE),
	FIELD("gid", INTEGER, u32, AT(user.gid), SPEC_ID_RANGE),
	FIELD("umask", INTEGER, opt_u64, AT(user.umask), RANGE(0, 0777)),
	FIELD("additionalGids", INTEGERS, u32s, AT(user.additional_gids),
	      COUNT(user.n_additional_gids), SPEC_ID_RANGE),
};
static const struct spec_object user_object = OBJECT_INIT(user_fields, struct spec_process, NULL);

static int read_io_class(struct spec_reader *r, const struct spec_at *at,
			 const struct spec_field *f, const struct json *v, void *obj)
{
	uint64_t class = 0;
	int rc = spec_lookup(r, at, f->names, v, &class);

	*SPEC_PTR(struct opt_i64, obj, f->offset) = (struct opt_i64){true, (int64_t) class};
	return rc;
}

static int check_io(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	struct spec_process *p = obj;

	(void)r;
	(void)at;
	p->io_priority.set = true; /* 0 if the document has none */
	return 0;
}

static const struct spec_field io_fields[] = {
	ROW("class", STRING, read_io_class, AT(io_class), NAMED(oci_io_classes), REQUIRED),
	FIELD("priority", INTEGER, opt_i64, AT(io_priority), RANGE(0, 7)),
};
static const struct spec_object io_object = OBJECT_INIT(io_fields, struct spec_process, check_io);

static const struct spec_field affinity_fields[] = {
	FIELD("initial", STRING, cpus, AT(exec_cpu_initial)),
	FIELD("final", STRING, cpus, AT(exec_cpu_final)),
};
static const struct spec_object affinity_object =
	OBJECT_INIT(affinity_fields, struct spec_process, NULL);

/* --- process -----------------------------------------------------------------------------------
 */

static int check_process(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_process *p = obj;
	uint64_t seen = 0;

	if (p->args.n == 0) {
		const struct spec_at here = spec_at_key(at, "args");

		return spec_bad(r, &here, "at least one entry is required");
	}
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct spec_at list = spec_at_key(at, "rlimits");
		const struct spec_at here = spec_at_index(&list, i);
		uint64_t bit = 1ULL << p->rlimits[i].resource;

		if (seen & bit)
			return spec_bad(r, &here, "duplicated type \"%s\"", p->rlimits[i].type);
		seen |= bit;
	}
	return 0;
}

static const struct spec_field process_fields[] = {
	FIELD("terminal", BOOL, bool, AT(terminal)),
	FIELD("consoleSize", OBJECT, object, OBJECT(console_object), ONLY_WITH("terminal")),
	FIELD("user", OBJECT, object, OBJECT(user_object)),
	FIELD("args", STRINGS, strings, AT(args)),
	FIELD("env", STRINGS, strings, AT(env)),
	FIELD("cwd", STRING, path, AT(cwd), REQUIRED),
	FIELD("capabilities", OBJECT, pointer, AT(capabilities), OBJECT(capabilities_object)),
	FIELD("rlimits", OBJECTS, array, AT(rlimits), COUNT(n_rlimits), OBJECT(rlimit_object)),
	FIELD("noNewPrivileges", BOOL, bool, AT(no_new_privileges)),
	FIELD("apparmorProfile", STRING, string, AT(apparmor_profile)),
	FIELD("selinuxLabel", STRING, string, AT(selinux_label)),
	FIELD("oomScoreAdj", INTEGER, opt_i64, AT(oom_score_adj), RANGE(-1000, 1000)),
	FIELD("scheduler", OBJECT, pointer, AT(scheduler), OBJECT(scheduler_object)),
	FIELD("ioPriority", OBJECT, object, OBJECT(io_object)),
	FIELD("execCPUAffinity", OBJECT, object, OBJECT(affinity_object)),
};
const struct spec_object spec_process_object =
	OBJECT_INIT(process_fields, struct spec_process, check_process);
