/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/restore.h"

#include "cli/cli.h"

static int run_restore(struct cli *cli, int argc, char **argv, struct err *e)
{
	struct restore_opts o = {0};
	struct opt_list empty_ns = {0};
	const struct opt opts[] = {
		{"bundle", 'b', OPT_STRING, &o.create.bundle, "DIR",
		 "the bundle (default: the current directory)"},
		{"config", 'f', OPT_STRING, &o.create.config, "FILE",
		 "its configuration (default: config.json)"},
		{"image-path", 0, OPT_STRING, &o.cr.image_path, "DIR",
		 "the checkpoint's images (default: checkpoint)"},
		{"work-path", 0, OPT_STRING, &o.cr.work_path, "DIR",
		 "write restore.log there (default: the image path)"},
		{"detach", 'd', OPT_FLAG, &o.create.detach, NULL, "return when it runs"},
		{"keep", 0, OPT_FLAG, &o.create.keep, NULL,
		 "do not delete the container at its end"},
		{"pid-file", 0, OPT_STRING, &o.create.pid_file, "FILE", "write init's pid there"},
		{"console-socket", 0, OPT_STRING, &o.create.console_socket, "PATH",
		 "hand the terminal over to this Unix socket"},
		{"tcp-established", 0, OPT_FLAG, &o.cr.tcp_established, NULL,
		 "restore open TCP connections"},
		{"tcp-close", 0, OPT_FLAG, &o.cr.tcp_close, NULL,
		 "restore TCP connections as closed ones"},
		{"ext-unix-sk", 0, OPT_FLAG, &o.cr.ext_unix_sk, NULL,
		 "reconnect Unix sockets to the outside"},
		{"shell-job", 0, OPT_FLAG, &o.cr.shell_job, NULL, "use the terminal of our shell"},
		{"file-locks", 0, OPT_FLAG, &o.cr.file_locks, NULL, "restore file locks"},
		{"lazy-pages", 0, OPT_FLAG, &o.cr.lazy_pages, NULL,
		 "fetch memory from criu lazy-pages when it is needed"},
		{"manage-cgroups-mode", 0, OPT_STRING, &o.cr.cgroups_mode, "MODE",
		 "soft, full, strict or ignore (default: ignore)"},
		{"empty-ns", 0, OPT_LIST, &empty_ns, "NAME",
		 "leave this namespace empty for hooks to fill (network)"},
		{"auto-dedup", 0, OPT_FLAG, &o.cr.auto_dedup, NULL,
		 "free what was read from the images"},
		{"lsm-profile", 0, OPT_STRING, &o.cr.lsm_profile, "TYPE:NAME",
		 "another AppArmor profile or SELinux label"},
		{"lsm-mount-context", 0, OPT_STRING, &o.cr.lsm_mount_context, "CONTEXT",
		 "another SELinux context for its mounts"},
		{"network-lock", 0, OPT_STRING, &o.cr.network_lock, "METHOD",
		 "iptables, nftables or skip"},
		{"no-new-keyring", 0, OPT_FLAG, &o.create.no_new_keyring, NULL,
		 "keep the caller's session keyring"},
		/* Engines send these; CRIU pivots always, finds the parent images itself. */
		{"no-pivot", 0, OPT_IGNORE, NULL, NULL, NULL},
		{"no-subreaper", 0, OPT_IGNORE, NULL, NULL, NULL},
		{"parent-path", 0, OPT_IGNORE_VALUE, NULL, NULL, NULL},
		{0},
	};
	int first, rc, status;

	first = cli_options(&verb_restore, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_restore, argc, first, 1, 1, e);
	if (rc < 0)
		return rc;
	o.create.id = argv[first];
	o.cr.empty_ns = empty_ns.v;
	rc = container_restore(&cli->rt, &o, &status, e);
	return rc < 0 ? rc : status;
}

const struct verb verb_restore = {
	.name = "restore",
	.args = "ID",
	.summary = "Make a container from a checkpoint, and wait for it",
	.run = run_restore,
	.enters = true,
	.mixed = true,
};
