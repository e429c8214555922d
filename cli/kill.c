/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "cli/cli.h"

static int run_kill(struct cli *cli, int argc, char **argv, struct err *e)
{
	bool all = false;
	const struct opt opts[] = {
		{"all", 'a', OPT_FLAG, &all, NULL, "signal every process in the container"},
		{0},
	};
	int first, rc, sig = SIGTERM;

	first = cli_options(&verb_kill, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_kill, argc, first, 1, 2, e);
	if (rc == 0 && argc - first == 2)
		rc = cli_signal(argv[first + 1], &sig, e);
	return rc < 0 ? rc : container_kill(&cli->rt, argv[first], sig, all, e);
}

const struct verb verb_kill = {
	.name = "kill",
	.args = "ID [SIGNAL]",
	.summary = "Send a signal (default TERM) to a container's init",
	.run = run_kill,
	.mixed = true,
};
