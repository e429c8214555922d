/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/documents.h"

#include "base/cleanup.h"

const char *oci_status_name(enum oci_status s)
{
	static const char *const names[] = {
		[OCI_CREATING] = "creating", [OCI_CREATED] = "created", [OCI_RUNNING] = "running",
		[OCI_STOPPED] = "stopped",   [OCI_PAUSED] = "paused",
	};

	return s < ARRAY_SIZE(names) ? names[s] : "unknown";
}

/* The pid is there in any state: engines decode it into a plain integer and expect 0 for none. */
void doc_state_write(struct json_writer *w, const char *key, const struct oci_state *s)
{
	json_w_object(w, key);
	json_w_string(w, "ociVersion", OCI_VERSION);
	json_w_string(w, "id", s->id);
	json_w_i64(w, "pid", s->pid);
	json_w_string(w, "status", oci_status_name(s->status));
	json_w_string(w, "bundle", s->bundle);
	if (s->extended) {
		json_w_string(w, "rootfs", s->rootfs ? s->rootfs : "");
		json_w_string(w, "created", s->created ? s->created : "");
	}
	if (s->annotations && s->annotations->n > 0) {
		json_w_object(w, "annotations");
		for (size_t i = 0; i < s->annotations->n; i++)
			json_w_string(w, s->annotations->v[i].key, s->annotations->v[i].value);
		json_w_end_object(w);
	}
	if (s->extended)
		json_w_string(w, "owner", s->owner ? s->owner : "");
	json_w_end_object(w);
}

void doc_process_state_write(struct json_writer *w, const struct oci_state *s, pid_t pid,
			     const char *metadata)
{
	json_w_object(w, NULL);
	json_w_string(w, "ociVersion", OCI_VERSION);
	json_w_array(w, "fds");
	json_w_string(w, NULL, "seccompFd");
	json_w_end_array(w);
	json_w_i64(w, "pid", pid);
	if (metadata)
		json_w_string(w, "metadata", metadata);
	doc_state_write(w, "state", s);
	json_w_end_object(w);
}
