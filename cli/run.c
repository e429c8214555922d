/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

static int run_run(struct cli *cli, int argc, char **argv, struct err *e)
{
	struct create_opts o = {0};
	const struct opt opts[] = {
		{"bundle", 'b', OPT_STRING, &o.bundle, "DIR",
		 "the bundle (default: the current directory)"},
		{"config", 'f', OPT_STRING, &o.config, "FILE",
		 "its configuration (default: config.json)"},
		{"detach", 'd', OPT_FLAG, &o.detach, NULL, "return when the program runs"},
		{"keep", 0, OPT_FLAG, &o.keep, NULL, "do not delete the container at its end"},
		{"pid-file", 0, OPT_STRING, &o.pid_file, "FILE", "write init's pid there"},
		{"console-socket", 0, OPT_STRING, &o.console_socket, "PATH",
		 "hand the terminal over to this Unix socket"},
		{"pidfd-socket", 0, OPT_STRING, &o.pidfd_socket, "PATH",
		 "hand a pidfd of init over to this Unix socket"},
		{"preserve-fds", 0, OPT_INT, &o.preserve_fds, "N",
		 "pass N more descriptors, from 3 on"},
		{"no-pivot", 0, OPT_FLAG, &o.no_pivot, NULL,
		 "chroot instead of pivot_root (root is a ramdisk)"},
		{"no-new-keyring", 0, OPT_FLAG, &o.no_new_keyring, NULL,
		 "keep the caller's session keyring"},
		{"no-subreaper", 0, OPT_IGNORE, NULL, NULL, NULL},
		{0},
	};
	int first, rc, status;

	first = cli_options(&verb_run, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_run, argc, first, 1, 1, e);
	if (rc < 0)
		return rc;
	o.id = argv[first];
	rc = container_run(&cli->rt, &o, &status, e);
	return rc < 0 ? rc : status;
}

const struct verb verb_run = {
	.name = "run",
	.args = "ID",
	.summary = "Create and start a container, wait for it, delete it",
	.run = run_run,
	.enters = true,
	.mixed = true,
};
