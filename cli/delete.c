/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

static int run_delete(struct cli *cli, int argc, char **argv, struct err *e)
{
	bool force = false;
	const struct opt opts[] = {
		{"force", 'f', OPT_FLAG, &force, NULL,
		 "kill a container that still runs; an unknown one is fine"},
		{0},
	};
	int first, rc;

	first = cli_options(&verb_delete, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_delete, argc, first, 1, 1, e);
	return rc < 0 ? rc : container_delete(&cli->rt, argv[first], force, e);
}

const struct verb verb_delete = {
	.name = "delete",
	.args = "ID",
	.summary = "Remove a stopped container and all that belongs to it",
	.run = run_delete,
	.mixed = true,
};
