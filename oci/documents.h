/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documents a runtime hands out: `spec` (a default config.json), `features` (features.md), and
 * `state` (runtime.md, "State").
 */
#ifndef CEDE_OCI_DOCUMENTS_H
#define CEDE_OCI_DOCUMENTS_H

#include "base/json.h"
#include "oci/spec.h"

/* A default configuration like the one `runc spec` users know: sh in a read-only "rootfs",
 * pid/network/ipc/uts/mount/cgroup namespaces, the usual mounts, masked and read-only paths, a
 * small capability set. `rootless`: user namespace with the caller's own ids as 0, no network
 * namespace or resources, the host's /sys read-only with all that is mounted in it.
 */
void doc_spec_write(struct json_writer *w, bool rootless);

/* What of /proc and /sys is hidden from a container, or read-only in it; NULL-terminated. */
extern const char *const doc_masked_paths[], *const doc_readonly_paths[];

/* What the runtime really does. What it can parse comes from oci/names.h; this is the rest. */
struct oci_features {
	const char *version, *commit;	       /* of cede */
	const char *const *mount_options;      /* NULL-terminated */
	const char *const *unsafe_annotations; /* the same; prefixes end with a dot */
	bool cgroup_systemd, cgroup_systemd_user, cgroup_rdma;
	bool apparmor, selinux, intel_rdt, idmap, net_devices, memory_policy, checkpoint;
};
void doc_features_write(struct json_writer *w, const struct oci_features *f);

enum oci_status {
	OCI_CREATING,
	OCI_CREATED,
	OCI_RUNNING,
	OCI_STOPPED,
	OCI_PAUSED, /* not in the specification's list, but what every engine expects */
};
const char *oci_status_name(enum oci_status s);

struct oci_state {
	const char *id;
	enum oci_status status;
	pid_t pid; /* 0 when stopped or creating */
	const char *bundle;
	const char *rootfs;  /* absolute; engines print it */
	const char *created; /* RFC 3339 with nanoseconds */
	const char *owner;   /* user name of the creator, or NULL */
	const struct spec_pairs *annotations;
	bool extended; /* rootfs, created, owner too: for `state` and `list`; hooks get the plain
			  one */
};
/* `key` NULL for a document of its own. */
void doc_state_write(struct json_writer *w, const char *key, const struct oci_state *s);
/* What a seccomp agent gets with a listener (config-linux.md, "The Container Process State"): `pid`
 * is the process, which need not be the container's first. metadata: NULL for none. */
void doc_process_state_write(struct json_writer *w, const struct oci_state *s, pid_t pid,
			     const char *metadata);

#endif
