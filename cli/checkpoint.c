/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/checkpoint.h"

#include "cli/cli.h"

#define NO_FD (-2147483647)

static int run_checkpoint(struct cli *cli, int argc, char **argv, struct err *e)
{
	struct checkpoint_opts o = {.cr.status_fd = NO_FD};
	struct opt_list empty_ns = {0};
	const struct opt opts[] = {
		{"image-path", 0, OPT_STRING, &o.cr.image_path, "DIR",
		 "write the images there (default: checkpoint)"},
		{"work-path", 0, OPT_STRING, &o.cr.work_path, "DIR",
		 "write dump.log there (default: the image path)"},
		{"parent-path", 0, OPT_STRING, &o.cr.parent_path, "DIR",
		 "images of an earlier pre-dump, relative to the image path"},
		{"leave-running", 0, OPT_FLAG, &o.leave_running, NULL,
		 "let the container go on afterwards"},
		{"pre-dump", 0, OPT_FLAG, &o.pre_dump, NULL,
		 "write memory only, and let the container go on"},
		{"tcp-established", 0, OPT_FLAG, &o.cr.tcp_established, NULL,
		 "open TCP connections are no obstacle"},
		{"tcp-skip-in-flight", 0, OPT_FLAG, &o.cr.tcp_skip_in_flight, NULL,
		 "forget TCP connections being made"},
		{"link-remap", 0, OPT_FLAG, &o.cr.link_remap, NULL,
		 "deleted files that are open are no obstacle"},
		{"ext-unix-sk", 0, OPT_FLAG, &o.cr.ext_unix_sk, NULL,
		 "Unix sockets to the outside are no obstacle"},
		{"shell-job", 0, OPT_FLAG, &o.cr.shell_job, NULL,
		 "the terminal is a shell's, outside"},
		{"file-locks", 0, OPT_FLAG, &o.cr.file_locks, NULL, "file locks are no obstacle"},
		{"lazy-pages", 0, OPT_FLAG, &o.cr.lazy_pages, NULL,
		 "serve memory from the page server when it is needed"},
		{"status-fd", 0, OPT_INT, &o.cr.status_fd, "FD",
		 "write a byte there when the page server listens"},
		{"page-server", 0, OPT_STRING, &o.cr.page_server, "ADDRESS:PORT",
		 "send memory to a page server"},
		{"manage-cgroups-mode", 0, OPT_STRING, &o.cr.cgroups_mode, "MODE",
		 "soft, full, strict or ignore (default: ignore)"},
		{"empty-ns", 0, OPT_LIST, &empty_ns, "NAME",
		 "leave out what is in this namespace (network)"},
		{"auto-dedup", 0, OPT_FLAG, &o.cr.auto_dedup, NULL,
		 "drop what is in the parent images already"},
		{"network-lock", 0, OPT_STRING, &o.cr.network_lock, "METHOD",
		 "iptables, nftables or skip"},
		{0},
	};
	int first, rc;

	first = cli_options(&verb_checkpoint, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_checkpoint, argc, first, 1, 1, e);
	if (rc < 0)
		return rc;
	o.id = argv[first];
	o.cr.empty_ns = empty_ns.v;
	o.cr.status_fd_set = o.cr.status_fd != NO_FD;
	return container_checkpoint(&cli->rt, &o, e);
}

const struct verb verb_checkpoint = {
	.name = "checkpoint",
	.args = "ID",
	.summary = "Write a running container into a directory (CRIU)",
	.run = run_checkpoint,
	.mixed = true,
};
