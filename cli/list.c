/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/cli.h"
#include "runtime/freezer.h"

enum { COLUMNS = 6, GAP = 2 };

struct row {
	const char *cell[COLUMNS];
	struct row *next;
};

struct listing {
	bool quiet;
	struct json_writer json; /* used with --format json */
	bool as_json;
	struct arena arena;
	struct row *rows, **end;
};

/* The scheduler's hold is not the user's pause: the container is running, and yields. */
static const char *shown_status(const struct container *c, enum oci_status status)
{
	if (status == OCI_RUNNING && freezer_is_held(c, FREEZE_SCHED))
		return "yielding";
	return oci_status_name(status);
}

/* Its strings end with the container: they are copied. */
static int add_row(struct listing *l, const struct container *c, const char *status, int pid)
{
	const char *cell[COLUMNS] = {
		arena_strdup(&l->arena, c->id),
		arena_printf(&l->arena, "%d", pid),
		status,
		arena_strdup(&l->arena, c->bundle),
		arena_strdup(&l->arena, c->created),
		c->owner ? arena_strdup(&l->arena, c->owner) : "-",
	};
	struct row *r = arena_alloc(&l->arena, sizeof(*r));

	for (size_t i = 0; i < COLUMNS; i++)
		if (!r || !cell[i])
			return -ENOMEM;
	memcpy(r->cell, cell, sizeof(cell));
	*l->end = r;
	l->end = &r->next;
	return 0;
}

/* Each column as wide as it has to be: engines' ids have 64 digits. */
static void print_rows(const struct listing *l)
{
	const struct row header = {
		.cell = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"},
		.next = l->rows,
	};
	size_t width[COLUMNS] = {0};

	for (const struct row *r = &header; r; r = r->next)
		for (size_t i = 0; i + 1 < COLUMNS; i++)
			if (strlen(r->cell[i]) + GAP > width[i])
				width[i] = strlen(r->cell[i]) + GAP;
	for (const struct row *r = &header; r; r = r->next)
		for (size_t i = 0; i < COLUMNS; i++)
			printf("%-*s%s", (int)width[i], r->cell[i], i + 1 < COLUMNS ? "" : "\n");
}

static int list_one(struct container *c, void *arg)
{
	struct listing *l = arg;
	enum oci_status status;
	struct oci_state doc;

	if (container_status(c, &status, NULL) < 0)
		return 0;
	container_state_doc(c, status, &doc);
	if (l->as_json) {
		doc_state_write(&l->json, NULL, &doc);
		return 0;
	}
	if (!l->quiet)
		return add_row(l, c, shown_status(c, status), (int)doc.pid);
	(void)puts(c->id); /* main checks stdout */
	return 0;
}

static int print_json(struct listing *l, struct err *e)
{
	json_w_end_array(&l->json);
	if (l->json.sb.oom)
		return fail(e, ENOMEM, "list");
	(void)puts(strbuf_str(&l->json.sb)); /* main checks stdout */
	return 0;
}

static int run_list(struct cli *cli, int argc, char **argv, struct err *e)
{
	struct listing l = {0};
	const char *format = "table";
	const struct opt opts[] = {
		{"format", 'f', OPT_STRING, &format, "table|json",
		 "output format (default: table)"},
		{"quiet", 'q', OPT_FLAG, &l.quiet, NULL, "print ids only"},
		{0},
	};
	int first, rc;

	first = cli_options(&verb_list, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_list, argc, first, 0, 0, e);
	if (rc < 0)
		return rc;
	l.as_json = streq(format, "json");
	if (!l.as_json && !streq(format, "table"))
		return refuse(e, EINVAL, "list: --format: expected table or json, found \"%s\"",
			      format);
	l.end = &l.rows;
	if (l.as_json)
		json_w_array(&l.json, NULL);
	rc = container_each(&cli->rt, list_one, &l, e);
	if (rc == 0 && l.as_json)
		rc = print_json(&l, e);
	else if (rc == 0 && !l.quiet)
		print_rows(&l);
	strbuf_free(&l.json.sb);
	arena_free(&l.arena);
	return rc;
}

const struct verb verb_list = {
	.name = "list",
	.args = "",
	.summary = "List containers: id, process, status, bundle",
	.run = run_list,
	.mixed = true,
};
