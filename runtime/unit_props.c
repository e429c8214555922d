/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unit_props.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define INFINITY_TEXT "18446744073709551615" /* systemd's "infinity": UINT64_MAX */
#define CPUS_MAX 8192
#define PERCENT_USEC 10000 /* of a second */

/* --- the list ------------------------------------------------------------------------------------
 */

static int no_memory(const char *name, struct err *e)
{
	return fail(e, ENOMEM, "unit property %s", name);
}

struct unit_prop *unit_props_set(struct unit_props *p, const char *name, const char *sig,
				 struct err *e)
{
	struct unit_prop *v = p->v;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (streq(v[i].name, name))
			break;
	if (i == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;

		v = arena_array(p->a, cap, sizeof(*v));
		if (!v) {
			(void)no_memory(name, e); /* NULL says it */
			return NULL;
		}
		if (p->n)
			memcpy(v, p->v, p->n * sizeof(*v));
		p->v = v;
		p->cap = cap;
	}
	if (i == p->n)
		p->n++;
	v[i] = (struct unit_prop){.name = name, .sig = sig};
	return &v[i];
}

static int add_value(struct unit_props *p, struct unit_prop *u, const char *value, struct err *e)
{
	const char *copy = value ? arena_strdup(p->a, value) : NULL;

	if (u->n == u->cap) {
		size_t cap = u->cap ? u->cap * 2 : 4;
		const char **v = arena_array(p->a, cap, sizeof(*v));

		if (!v)
			return no_memory(u->name, e);
		if (u->n)
			memcpy(v, u->values, u->n * sizeof(*v));
		u->values = v;
		u->cap = cap;
	}
	if (!copy)
		return no_memory(u->name, e);
	u->values[u->n++] = copy;
	return 0;
}

int unit_props_add(struct unit_props *p, const char *name, const char *sig, const char *value,
		   struct err *e)
{
	struct unit_prop *u = NULL;

	for (size_t i = 0; sig[0] == 'a' && i < p->n; i++)
		if (streq(p->v[i].name, name) && streq(p->v[i].sig, sig))
			u = &p->v[i];
	if (!u)
		u = unit_props_set(p, name, sig, e);
	return u ? add_value(p, u, value, e) : -ENOMEM;
}

void unit_props_write(const struct unit_props *p, struct strbuf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct unit_prop *u = &p->v[i];

		strbuf_addf(out, "%s%s%c%s%c%zu%c", u->optional ? "?" : "", u->name, '\0', u->sig,
			    '\0', u->n, '\0');
		for (size_t k = 0; k < u->n; k++)
			strbuf_add(out, u->values[k], strlen(u->values[k]) + 1);
	}
}

/* --- from the kernel's files ---------------------------------------------------------------------
 */

struct conversion {
	const char *file;
	const char *property;
	/* One line of what would be written to the file. */
	int (*convert)(struct unit_props *p, const struct conversion *c, const char *line,
		       struct err *e);
};

/* A number, or "max". */
static int as_number(struct unit_props *p, const struct conversion *c, const char *line,
		     struct err *e)
{
	uint64_t n;

	if (streq(line, "max"))
		return unit_props_add(p, c->property, "t", INFINITY_TEXT, e);
	if (parse_u64(line, 10, &n) < 0 && parse_bytes(line, &n) < 0)
		return 0; /* the kernel's own spelling of something; it will judge */
	return unit_props_add(p, c->property, "t", arena_printf(p->a, "%" PRIu64, n), e);
}

/* "QUOTA [PERIOD]" in microseconds; a quota of "max" is none. */
static int as_quota(struct unit_props *p, const struct conversion *c, const char *line,
		    struct err *e)
{
	char text[64];
	const char *blank = strchr(line, ' ');
	uint64_t quota = UINT64_MAX, period = 100000;
	int rc;

	if (strlen(line) >= sizeof(text))
		return 0;
	memcpy(text, line, strlen(line) + 1);
	text[strcspn(text, " ")] = '\0';
	if ((!streq(text, "max") && parse_u64(text, 10, &quota) < 0) ||
	    (blank && parse_u64(blank + 1, 10, &period) < 0) || period == 0)
		return 0;
	if (quota != UINT64_MAX) {
		unsigned __int128 per_sec =
			((unsigned __int128)quota * 1000000 + period - 1) / period;

		/* systemd keeps whole percents of a CPU, and would round down. */
		per_sec = (per_sec + PERCENT_USEC - 1) / PERCENT_USEC * PERCENT_USEC;
		quota = per_sec < UINT64_MAX ? (uint64_t)per_sec : UINT64_MAX - 1;
	}
	rc = unit_props_add(p, c->property, "t", arena_printf(p->a, "%" PRIu64, quota), e);
	if (rc == 0 && blank)
		rc = unit_props_add(p, "CPUQuotaPeriodUSec", "t",
				    arena_printf(p->a, "%" PRIu64, period), e);
	return rc;
}

/* What the kernel makes of a nice value, of which cpu.weight shows the 1024th parts of 100
 * (kernel/sched: sched_prio_to_weight; setpriority(2) has the steps, of about 1.25 each). */
static const uint32_t nice_shares[] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, /* -20 .. */
	9548,  7620,  6100,  4904,  3906,  3121,  2501,	 1991,	1586,  1277,  /* -10 .. */
	1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,   /* 0 .. */
	110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,    /* 10 .. 19 */
};

static int as_nice(struct unit_props *p, const struct conversion *c, const char *line,
		   struct err *e)
{
	int64_t nice;

	if (parse_i64(line, 10, &nice) < 0 || nice < -20 || nice > 19)
		return 0;
	return unit_props_add(p, c->property, "t",
			      arena_printf(p->a, "%u", (nice_shares[nice + 20] * 100 + 512) / 1024),
			      e);
}

static int set_bit(const char *part, size_t len, void *arg)
{
	unsigned char *bits = arg;
	char text[32];
	char *dash;
	uint32_t first, last;

	if (len == 0)
		return 0;
	if (!str_part(text, sizeof(text), part, len))
		return -EINVAL;
	dash = strchr(text, '-');
	if (dash)
		*dash++ = '\0';
	if (parse_u32(text, 10, &first) < 0 || parse_u32(dash ? dash : text, 10, &last) < 0 ||
	    first > last || last >= CPUS_MAX)
		return -EINVAL;
	for (uint32_t i = first; i <= last; i++)
		bits[i / 8] |= (unsigned char)(1u << (i % 8));
	return 0;
}

/* "0-3,7" -> bytes, lowest first. */
static int as_bitmap(struct unit_props *p, const struct conversion *c, const char *line,
		     struct err *e)
{
	unsigned char bits[CPUS_MAX / 8] = {0};
	struct unit_prop *u;
	size_t n = sizeof(bits);

	if (str_split(line, ',', set_bit, bits) < 0)
		return 0;
	while (n > 0 && !bits[n - 1])
		n--;
	u = unit_props_set(p, c->property, "ay", e);
	for (size_t i = 0; u && i < n; i++) {
		int rc = add_value(p, u, arena_printf(p->a, "%u", bits[i]), e);

		if (rc < 0)
			return rc;
	}
	return u ? 0 : -ENOMEM;
}

/* The device of "MAJOR:MINOR ..." as systemd wants it, and the rest of the line. */
static const char *device_path(struct unit_props *p, const char *line, const char **ret_rest)
{
	size_t len = strcspn(line, " ");

	if (!memchr(line, ':', len) || !line[len] || line[strspn(line, "0123456789:")] != ' ')
		return NULL;
	*ret_rest = line + len + 1;
	return arena_printf(p->a, "/dev/block/%.*s", (int)len, line);
}

static int add_device(struct unit_props *p, const char *property, const char *device,
		      const char *value, struct err *e)
{
	int rc = unit_props_add(p, property, "a(st)", device, e);

	return rc < 0 ? rc
		      : unit_props_add(p, property, "a(st)",
				       streq(value, "max") ? INFINITY_TEXT : value, e);
}

/* "WEIGHT", "default WEIGHT" or "MAJOR:MINOR WEIGHT". */
static int as_io_weight(struct unit_props *p, const struct conversion *c, const char *line,
			struct err *e)
{
	const char *all = str_after(line, "default "), *rest, *device;
	uint64_t n;

	device = device_path(p, line, &rest);
	if (device)
		return parse_u64(rest, 10, &n) < 0
			       ? 0
			       : add_device(p, "IODeviceWeight", device, rest, e);
	return as_number(p, c, all ? all : line, e);
}

static const struct {
	const char *key, *property;
} io_max_keys[] = {
	{"rbps=", "IOReadBandwidthMax"},
	{"wbps=", "IOWriteBandwidthMax"},
	{"riops=", "IOReadIOPSMax"},
	{"wiops=", "IOWriteIOPSMax"},
};

/* "MAJOR:MINOR rbps=1 wiops=max" */
static int as_io_max(struct unit_props *p, const struct conversion *c, const char *line,
		     struct err *e)
{
	const char *rest, *device = device_path(p, line, &rest);
	int rc = 0;

	(void)c;
	while (device && rc == 0 && *rest) {
		size_t len = strcspn(rest, " ");

		for (size_t i = 0; i < ARRAY_SIZE(io_max_keys); i++) {
			const char *value = str_after(rest, io_max_keys[i].key);
			char *copy;
			uint64_t n;

			if (!value)
				continue;
			copy = arena_strndup(p->a, value, (size_t)(rest + len - value));
			if (!copy)
				return no_memory(io_max_keys[i].property, e);
			if (streq(copy, "max") || parse_u64(copy, 10, &n) == 0)
				rc = add_device(p, io_max_keys[i].property, device, copy, e);
		}
		rest += len;
		rest += strspn(rest, " ");
	}
	return rc;
}

/* systemd.resource-control(5), as of version 252. cpu.idle is of its own, below. Not there: bursts,
 * huge pages, RDMA, misc, memory.oom.group. Devices neither: systemd's allow list has no order, so
 * the container's rules are cede's own program, and systemd's policy stays "auto", which has none.
 */
static const struct conversion conversions[] = {
	{"cpu.weight", "CPUWeight", as_number},
	{"cpu.weight.nice", "CPUWeight", as_nice},
	{"cpu.max", "CPUQuotaPerSecUSec", as_quota},
	{"cpuset.cpus", "AllowedCPUs", as_bitmap},
	{"cpuset.mems", "AllowedMemoryNodes", as_bitmap},
	{"memory.max", "MemoryMax", as_number},
	{"memory.high", "MemoryHigh", as_number},
	{"memory.low", "MemoryLow", as_number},
	{"memory.min", "MemoryMin", as_number},
	{"memory.swap.max", "MemorySwapMax", as_number},
	{"pids.max", "TasksMax", as_number},
	{"io.weight", "IOWeight", as_io_weight},
	{"io.max", NULL, as_io_max},
};

static int convert_lines(struct unit_props *p, const struct conversion *c, const char *value,
			 struct err *e)
{
	int rc = 0;

	while (rc == 0 && *value) {
		size_t len = strcspn(value, "\n");
		const char *line = arena_strndup(p->a, value, len);

		rc = line ? (len ? c->convert(p, c, line, e) : 0) : no_memory(c->file, e);
		value += len;
		value += strspn(value, "\n");
	}
	return rc;
}

static int convert(struct unit_props *p, const struct cg_write *w, struct err *e)
{
	const char *file = w->file, *value = w->value;

	/* The weight has two files, the property is one. */
	if (w->other) {
		file = w->other;
		value = w->other_value;
	}
	if (w->keep_quota) /* the quota in force is not known here */
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(conversions); i++)
		if (streq(conversions[i].file, file))
			return convert_lines(p, &conversions[i], value, e);
	return 0;
}

static bool has_property(const struct unit_props *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (streq(p->v[i].name, name))
			return true;
	return false;
}

/*
 * An idle group has no weight: weight 0 is how systemd (252) says "idle". The way back needs a
 * weight, or systemd makes the group idle again the next time it touches it.
 */
static int convert_idle(struct unit_props *p, int idle, struct err *e)
{
	int rc = 0;

	if (idle == 1) {
		rc = unit_props_add(p, "CPUWeight", "t", "0", e);
		if (rc == 0)
			for (size_t i = 0; i < p->n; i++)
				p->v[i].optional |= streq(p->v[i].name, "CPUWeight");
	} else if (idle == 0 && !has_property(p, "CPUWeight")) {
		rc = unit_props_add(p, "CPUWeight", "t", "100", e);
	}
	return rc;
}

int unit_props_of_plan(struct unit_props *p, const struct cg_plan *plan, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->n; i++)
		rc = convert(p, &plan->v[i], e);
	return rc < 0 ? rc : convert_idle(p, plan->idle, e);
}
