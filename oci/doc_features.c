/* SPDX-License-Identifier: Apache-2.0 */
/*
 * features.md and features-linux.md: what this build recognises, whatever the host can do. A thing
 * that is not built yet is said to be off, or is left out where there is only a list to give.
 */
#include <seccomp.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "oci/documents.h"
#include "oci/names.h"

static void write_names(struct json_writer *w, const char *key, const struct oci_names *names)
{
	json_w_array(w, key);
	for (size_t i = 0; i < names->n; i++)
		json_w_string(w, NULL, names->v[i].name);
	json_w_end_array(w);
}

static void write_list(struct json_writer *w, const char *key, const char *const *list)
{
	json_w_array(w, key);
	for (; *list; list++)
		json_w_string(w, NULL, *list);
	json_w_end_array(w);
}

static void write_enabled(struct json_writer *w, const char *key, bool enabled)
{
	json_w_object(w, key);
	json_w_bool(w, "enabled", enabled);
	json_w_end_object(w);
}

static void write_cgroup(struct json_writer *w, const struct oci_features *f)
{
	json_w_object(w, "cgroup");
	json_w_bool(w, "v1", false);
	json_w_bool(w, "v2", true);
	json_w_bool(w, "systemd", f->cgroup_systemd);
	json_w_bool(w, "systemdUser", f->cgroup_systemd_user);
	json_w_bool(w, "rdma", f->cgroup_rdma);
	json_w_end_object(w);
}

static void write_seccomp(struct json_writer *w)
{
	json_w_object(w, "seccomp");
	json_w_bool(w, "enabled", true);
	write_names(w, "actions", &oci_seccomp_actions);
	write_names(w, "operators", &oci_seccomp_operators);
	write_names(w, "archs", &oci_seccomp_archs);
	write_names(w, "knownFlags", &oci_seccomp_flags);
	/* The program is loaded by seccomp(2) itself, so libseccomp's age does not matter. */
	write_names(w, "supportedFlags", &oci_seccomp_flags);
	json_w_end_object(w);
}

static void write_intel_rdt(struct json_writer *w, const struct oci_features *f)
{
	json_w_object(w, "intelRdt");
	json_w_bool(w, "enabled", f->intel_rdt);
	json_w_bool(w, "schemata", f->intel_rdt);
	json_w_bool(w, "monitoring", f->intel_rdt);
	json_w_end_object(w);
}

static void write_linux(struct json_writer *w, const struct oci_features *f)
{
	json_w_object(w, "linux");
	write_names(w, "namespaces", &oci_namespaces);
	write_names(w, "capabilities", &oci_capabilities);
	write_cgroup(w, f);
	write_seccomp(w);
	write_enabled(w, "apparmor", f->apparmor);
	write_enabled(w, "selinux", f->selinux);
	write_intel_rdt(w, f);
	if (f->memory_policy) {
		json_w_object(w, "memoryPolicy");
		write_names(w, "modes", &oci_memory_modes);
		write_names(w, "flags", &oci_memory_flags);
		json_w_end_object(w);
	}
	json_w_object(w, "mountExtensions");
	write_enabled(w, "idmap", f->idmap);
	json_w_end_object(w);
	write_enabled(w, "netDevices", f->net_devices);
	json_w_end_object(w);
}

static void write_annotations(struct json_writer *w, const struct oci_features *f)
{
	char libseccomp[32];

	(void)snprintf(libseccomp, sizeof(libseccomp), "%d.%d.%d", SCMP_VER_MAJOR, SCMP_VER_MINOR,
		       SCMP_VER_MICRO); /* three small numbers */
	json_w_object(w, "annotations");
	json_w_string(w, "cede.checkpoint.enabled", f->checkpoint ? "true" : "false");
	json_w_string(w, "cede.commit", f->commit);
	json_w_string(w, "cede.version", f->version);
	json_w_string(w, "io.github.seccomp.libseccomp.version", libseccomp);
	/* Engines look for this under the names that runc and crun use. */
	if (f->checkpoint) {
		json_w_string(w, "org.opencontainers.runc.checkpoint.enabled", "true");
		json_w_string(w, "run.oci.crun.checkpoint.enabled", "true");
	}
	json_w_end_object(w);
}

void doc_features_write(struct json_writer *w, const struct oci_features *f)
{
	json_w_object(w, NULL);
	json_w_string(w, "ociVersionMin", OCI_VERSION_MIN);
	json_w_string(w, "ociVersionMax", OCI_VERSION);
	write_names(w, "hooks", &oci_hooks);
	write_list(w, "mountOptions", f->mount_options);
	write_linux(w, f);
	write_annotations(w, f);
	write_list(w, "potentiallyUnsafeConfigAnnotations", f->unsafe_annotations);
	json_w_end_object(w);
}
