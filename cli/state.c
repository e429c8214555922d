/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"

static int run_state(struct cli *cli, int argc, char **argv, struct err *e)
{
	const struct opt opts[] = {{0}};
	struct json_writer w = {.indent = true};
	struct container *c;
	enum oci_status status;
	struct oci_state doc;
	int first, rc;

	first = cli_options(&verb_state, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_state, argc, first, 1, 1, e);
	if (rc == 0)
		rc = container_open(&cli->rt, argv[first], CONTAINER_NO_LOCK, &c, e);
	if (rc < 0)
		return rc;
	rc = container_status(c, &status, e);
	if (rc == 0) {
		container_state_doc(c, status, &doc);
		doc_state_write(&w, NULL, &doc);
		if (w.sb.oom)
			rc = fail(e, ENOMEM, "state of container `%s`", argv[first]);
		else
			(void)puts(strbuf_str(&w.sb)); /* main checks stdout */
	}
	strbuf_free(&w.sb);
	container_close(c);
	return rc;
}

const struct verb verb_state = {
	.name = "state",
	.args = "ID",
	.summary = "Print the state of a container as JSON",
	.run = run_state,
	.mixed = true,
};
