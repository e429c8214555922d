/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

static int with_id(struct cli *cli, const struct verb *verb, int argc, char **argv,
		   int (*fn)(const struct runtime *, const char *, struct err *), struct err *e)
{
	const struct opt opts[] = {{0}};
	int first, rc;

	first = cli_options(verb, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(verb, argc, first, 1, 1, e);
	return rc < 0 ? rc : fn(&cli->rt, argv[first], e);
}

static int run_pause(struct cli *cli, int argc, char **argv, struct err *e)
{
	return with_id(cli, &verb_pause, argc, argv, container_pause, e);
}

static int run_resume(struct cli *cli, int argc, char **argv, struct err *e)
{
	return with_id(cli, &verb_resume, argc, argv, container_resume, e);
}

const struct verb verb_pause = {
	.name = "pause",
	.args = "ID",
	.summary = "Freeze every process of a container",
	.run = run_pause,
	.mixed = true,
};

const struct verb verb_resume = {
	.name = "resume",
	.args = "ID",
	.summary = "Thaw a paused container",
	.run = run_resume,
	.mixed = true,
};
