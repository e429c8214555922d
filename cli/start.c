/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

static int run_start(struct cli *cli, int argc, char **argv, struct err *e)
{
	const struct opt opts[] = {{0}};
	int first, rc;

	first = cli_options(&verb_start, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_start, argc, first, 1, 1, e);
	return rc < 0 ? rc : container_start(&cli->rt, argv[first], e);
}

const struct verb verb_start = {
	.name = "start",
	.args = "ID",
	.summary = "Run the program of a container that was created",
	.run = run_start,
	.mixed = true,
};
