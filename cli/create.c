/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"

static int run_create(struct cli *cli, int argc, char **argv, struct err *e)
{
	struct create_opts o = {0};
	const struct opt opts[] = {
		{"bundle", 'b', OPT_STRING, &o.bundle, "DIR",
		 "the bundle (default: the current directory)"},
		{"config", 'f', OPT_STRING, &o.config, "FILE",
		 "its configuration (default: config.json)"},
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
	pid_t pid;
	int first, rc;

	first = cli_options(&verb_create, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_create, argc, first, 1, 1, e);
	if (rc < 0)
		return rc;
	o.id = argv[first];
	return container_create(&cli->rt, &o, &pid, NULL, e);
}

const struct verb verb_create = {
	.name = "create",
	.args = "ID",
	.summary = "Create a container; its program waits for start",
	.run = run_create,
	.enters = true,
	.mixed = true,
};
