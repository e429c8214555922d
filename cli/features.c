/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/cli.h"
#include "runtime/cr.h"
#include "runtime/mount_plan.h"
#include "runtime/systemd_bus.h"
#include "runtime/process.h"
#include "version.h"

/* An engine that lets users set annotations should know which ones change what cede does. */
static const char *const unsafe_annotations[] = {
	"cede.", CR_CONFIG_ANNOTATION, "org.systemd.property.", ANNOTATION_KEEP_GROUPS, NULL};

static int run(struct cli *cli, int argc, char **argv, struct err *e)
{
	const struct opt opts[] = {{0}};
	const struct oci_features features = {
		.version = CEDE_VERSION,
		.commit = CEDE_COMMIT,
		.mount_options = mount_option_names(),
		.unsafe_annotations = unsafe_annotations,
		.cgroup_systemd = systemd_has_helper(),
		.cgroup_systemd_user = systemd_has_helper(),
		.cgroup_rdma = true,
		.apparmor = true,
		.selinux = true,
		.memory_policy = true,
		.net_devices = true,
		.intel_rdt = true,
		.idmap = true,
		.checkpoint = true,
	};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_writer w = {.indent = true};
	int first = cli_options(&verb_features, opts, argc, argv, e);
	int rc = first < 0 ? first : cli_operands(&verb_features, argc, first, 0, 0, e);

	(void)cli;
	if (rc < 0)
		return rc;
	doc_features_write(&w, &features);
	text = w.sb;
	if (text.oom)
		return fail(e, ENOMEM, "features");
	puts(text.buf);
	return 0;
}

const struct verb verb_features = {
	.name = "features",
	.args = "",
	.summary = "Print what this build supports, as JSON.",
	.run = run,
	.mixed = true,
};
