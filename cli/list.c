/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/cli.h"
#include "runtime/freezer.h"

struct listing {
	bool quiet;
	struct json_writer json; /* used with --format json */
	bool as_json;
	size_t n;
};

/* The scheduler's hold is not the user's pause: the container is running, and yields. */
static const char *shown_status(const struct container *c, enum oci_status status)
{
	if (status == OCI_RUNNING && freezer_is_held(c, FREEZE_SCHED))
		return "yielding";
	return oci_status_name(status);
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
	} else if (l->quiet) {
		(void)puts(c->id); /* main checks stdout */
	} else {
		if (l->n == 0)
			printf("%-24s %-8s %-10s %-32s %-30s %s\n", "ID", "PID", "STATUS", "BUNDLE",
			       "CREATED", "OWNER");
		printf("%-24s %-8d %-10s %-32s %-30s %s\n", c->id, (int)doc.pid,
		       shown_status(c, status), c->bundle, c->created, c->owner ? c->owner : "-");
	}
	l->n++;
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
	if (l.as_json)
		json_w_array(&l.json, NULL);
	rc = container_each(&cli->rt, list_one, &l, e);
	if (l.as_json && rc == 0) {
		json_w_end_array(&l.json);
		if (l.json.sb.oom)
			rc = fail(e, ENOMEM, "list");
		else
			(void)puts(strbuf_str(&l.json.sb)); /* main checks stdout */
	}
	strbuf_free(&l.json.sb);
	return rc;
}

const struct verb verb_list = {
	.name = "list",
	.args = "",
	.summary = "List containers: id, process, status, bundle",
	.run = run_list,
	.mixed = true,
};
