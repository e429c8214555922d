/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options become the JSON that --resources takes, so that there is one parser, with one set of
 * rules and errors.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"

enum kind {
	NUMBER,	  /* -1: none */
	UNSIGNED, /* no -1 */
	BYTES,	  /* "64m"; -1: none */
	TEXT,
};

#define SIZE "a size like 512m, or -1 for no limit"

/* In the order of the sections of linux.resources. */
static const struct row {
	const char *option, *section, *key;
	enum kind kind;
	const char *arg, *help;
	const char *none; /* what is accepted, where 0 is not; NULL: it is */
} rows[] = {
	{"blkio-weight", "blockIO", "weight", UNSIGNED, "N", "share of the disks, 10 to 1000",
	 "10 to 1000"},
	{"cpu-period", "cpu", "period", UNSIGNED, "USEC", "length of a period of --cpu-quota",
	 "1000 to 1000000"},
	{"cpu-quota", "cpu", "quota", NUMBER, "USEC", "CPU time in a period; -1: no limit",
	 "at least 1000, or -1 for no limit"},
	{"cpu-burst", "cpu", "burst", UNSIGNED, "USEC", "what may be saved up above the quota",
	 NULL},
	{"cpu-share", "cpu", "shares", UNSIGNED, "N", "share of the CPU time, 2 to 262144",
	 "2 to 262144"},
	{"cpu-shares", "cpu", "shares", UNSIGNED, NULL, NULL, "2 to 262144"},
	{"cpu-rt-period", "cpu", "realtimePeriod", UNSIGNED, NULL, NULL, NULL},
	{"cpu-rt-runtime", "cpu", "realtimeRuntime", NUMBER, NULL, NULL, NULL},
	{"cpuset-cpus", "cpu", "cpus", TEXT, "LIST", "CPUs to run on, like 0-3,7", NULL},
	{"cpuset-mems", "cpu", "mems", TEXT, "LIST", "memory nodes to use", NULL},
	{"cpu-idle", "cpu", "idle", NUMBER, "0|1", "1: only when nobody beside it wants the CPU",
	 NULL},
	{"memory", "memory", "limit", BYTES, "SIZE", "memory; -1: no limit", SIZE},
	{"memory-reservation", "memory", "reservation", BYTES, "SIZE", "memory not to be reclaimed",
	 SIZE},
	{"memory-swap", "memory", "swap", BYTES, "SIZE", "memory plus swap; -1: no limit", SIZE},
	{"pids-limit", "pids", "limit", NUMBER, "N", "processes and threads; -1: no limit",
	 "a number of tasks, or -1 for no limit"},
};

/* Of intelRdt, not of resources: a line of schemata each. */
static const struct {
	const char *option, *prefix, *help;
} rdt[] = {
	{"l3-cache-schema", "L3", "share of the cache, like L3:0=f0 (linux.intelRdt)"},
	{"mem-bw-schema", "MB:", "memory bandwidth, like MB:0=20 (linux.intelRdt)"},
};
static const char *const ignored[] = {"kernel-memory", "kernel-memory-tcp"};

struct update_options {
	const char *resources;
	const char *value[ARRAY_SIZE(rows)], *rdt[ARRAY_SIZE(rdt)], *ignored[ARRAY_SIZE(ignored)];
};

static int wrong(const struct row *row, const char *value, const char *want, struct err *e)
{
	return refuse(e, EINVAL, "update: --%s: expected %s, found \"%s\"", row->option, want,
		      value);
}

static int write_value(struct json_writer *w, const struct row *row, const char *value,
		       struct err *e)
{
	uint64_t u = 0;
	int64_t i = 0;

	switch (row->kind) {
	case NUMBER:
		if (parse_i64(value, 10, &i) < 0)
			return wrong(row, value, "an integer", e);
		json_w_i64(w, row->key, i);
		return 0;
	case UNSIGNED:
		if (parse_u64(value, 10, &u) < 0)
			return wrong(row, value, "a non-negative integer", e);
		json_w_u64(w, row->key, u);
		return 0;
	case BYTES:
		if (streq(value, "-1"))
			json_w_i64(w, row->key, -1);
		else if (parse_bytes(value, &u) < 0 || u > INT64_MAX)
			return wrong(row, value, SIZE, e);
		else
			json_w_u64(w, row->key, u);
		return 0;
	case TEXT:
		json_w_string(w, row->key, value);
		return 0;
	}
	return wrong(row, value, "nothing", e);
}

/* An error of ours says which option, one of the parser the key. */
static int from_options(const struct update_options *o, struct strbuf *ret, struct err *e)
{
	struct json_writer w = {0};
	const char *section = NULL;
	int rc = 0;

	json_w_object(&w, NULL);
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(rows); i++) {
		if (!o->value[i])
			continue;
		if (section && !streq(section, rows[i].section))
			json_w_end_object(&w);
		if (!section || !streq(section, rows[i].section))
			json_w_object(&w, rows[i].section);
		section = rows[i].section;
		/* In a document 0 means "not given" (oci/spec.h); a person would mean something. */
		if (rows[i].none && streq(o->value[i], "0"))
			rc = wrong(&rows[i], "0", rows[i].none, e);
		else
			rc = write_value(&w, &rows[i], o->value[i], e);
	}
	if (section)
		json_w_end_object(&w);
	json_w_end_object(&w);
	*ret = w.sb;
	if (rc == 0 && !section && !o->ignored[0] && !o->ignored[1])
		return refuse(e, EINVAL, "update: nothing to change: give a limit, or --resources");
	return rc < 0 ? rc : w.sb.oom ? fail(e, ENOMEM, "update") : 0;
}

static int read_stdin(struct strbuf *ret, struct err *e)
{
	char buf[4096];
	ssize_t n;

	do {
		n = io_read(STDIN_FILENO, buf, sizeof(buf));
		if (n < 0)
			return fail(e, (int)-n, "update: --resources: read standard input");
		strbuf_add(ret, buf, (size_t)n);
		if (ret->len > JSON_MAX_BYTES)
			return refuse(e, EFBIG, "update: --resources: more than %u bytes",
				      JSON_MAX_BYTES);
	} while (n == (ssize_t)sizeof(buf));
	return ret->oom ? fail(e, ENOMEM, "update") : 0;
}

static int from_document(const struct update_options *o, struct strbuf *ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (o->value[i])
			return refuse(e, EINVAL,
				      "update: --%s: cannot be combined with --resources",
				      rows[i].option);
	if (streq(o->resources, "-"))
		return read_stdin(ret, e);
	rc = file_read_alloc(AT_FDCWD, o->resources, JSON_MAX_BYTES, &text, &len, e);
	if (rc < 0)
		return err_context(e, rc, "update: --resources");
	strbuf_add(ret, text, len);
	return ret->oom ? fail(e, ENOMEM, "update") : 0;
}

static bool has_limits(const struct update_options *o)
{
	bool any = o->resources;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		any |= o->value[i] != NULL;
	return any;
}

static int schema_lines(const struct update_options *o, const char **line, size_t *n, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(rdt); i++) {
		if (!o->rdt[i])
			continue;
		if (!str_after(o->rdt[i], rdt[i].prefix) || !strchr(o->rdt[i], ':') ||
		    strchr(o->rdt[i], '\n'))
			return refuse(e, EINVAL,
				      "update: --%s: expected a line that begins with %s, found "
				      "\"%s\"",
				      rdt[i].option, rdt[i].prefix, o->rdt[i]);
		line[(*n)++] = o->rdt[i];
	}
	return 0;
}

static int update(struct cli *cli, const struct update_options *o, const char *id, struct err *e)
{
	const char *what = !o->resources	      ? "update"
			   : streq(o->resources, "-") ? "standard input"
						      : o->resources;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	const char *line[ARRAY_SIZE(rdt)];
	struct spec_resources r;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		if (o->ignored[i])
			log_warn("update: --%s: ignored: kernel memory is part of --memory",
				 ignored[i]);
	rc = schema_lines(o, line, &n, e);
	if (rc < 0)
		return rc;
	if (n && !has_limits(o))
		return container_update_schemata(&cli->rt, id, line, n, e);
	rc = o->resources ? from_document(o, &text, e) : from_options(o, &text, e);
	if (rc == 0)
		rc = spec_resources_parse(&a, strbuf_str(&text), text.len, what, &r, e);
	if (rc == 0)
		rc = container_update(&cli->rt, id, &r, e);
	if (rc < 0 || !n)
		return rc;
	rc = container_update_schemata(&cli->rt, id, line, n, e);
	return rc < 0 ? err_context(e, rc, "the limits are new, the schemata is not") : 0;
}

static int run_update(struct cli *cli, int argc, char **argv, struct err *e)
{
	struct update_options o = {0};
	struct opt opts[1 + ARRAY_SIZE(rows) + ARRAY_SIZE(rdt) + ARRAY_SIZE(ignored) + 1] = {
		{"resources", 'r', OPT_STRING, &o.resources, "FILE|-",
		 "the limits as JSON (linux.resources)"},
	};
	struct opt *next = opts + 1;
	int first, rc;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		*next++ = (struct opt){rows[i].option, 0,	    OPT_STRING,
				       &o.value[i],    rows[i].arg, rows[i].help};
	for (size_t i = 0; i < ARRAY_SIZE(rdt); i++)
		*next++ =
			(struct opt){rdt[i].option, 0, OPT_STRING, &o.rdt[i], "LINE", rdt[i].help};
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		*next++ = (struct opt){ignored[i], 0, OPT_STRING, &o.ignored[i], NULL, NULL};
	first = cli_options(&verb_update, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_update, argc, first, 1, 1, e);
	return rc < 0 ? rc : update(cli, &o, argv[first], e);
}

const struct verb verb_update = {
	.name = "update",
	.args = "ID",
	.summary = "Change the limits of a container",
	.run = run_update,
	.mixed = true,
};
