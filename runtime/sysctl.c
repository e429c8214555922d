/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sysctl.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/procfs.h"

#define SYSCTL_NAME_MAX 256

/* Joined, and the one we are in. If in doubt, yes: that a path names no namespace at all is
 * ns_plan_make's to say. */
static bool is_ours(const struct spec *s, enum spec_ns_kind k)
{
	const char *joined_path = s->linux_.namespaces[k].path;
	struct stat own, joined;

	if (!joined_path)
		return false;
	return proc_ns_stat(PROC_SELF, spec_ns_proc_name(k), &own, NULL) < 0 ||
	       stat(joined_path, &joined) < 0 ||
	       (own.st_dev == joined.st_dev && own.st_ino == joined.st_ino);
}

int sysctl_check(const struct spec *s, struct err *e)
{
	const struct spec_pairs *p = &s->linux_.sysctl;

	for (size_t i = 0; i < p->n; i++) {
		char path[SYSCTL_NAME_MAX];
		enum spec_ns_kind k;

		if (spec_sysctl(p->v[i].key, path, sizeof(path), &k) < 0 || is_ours(s, k))
			return refuse(e, EINVAL,
				      "config.json: linux.sysctl: %s would change the host",
				      p->v[i].key);
	}
	return 0;
}

int sysctl_apply(const struct spec *s, struct err *e)
{
	const struct spec_pairs *p = &s->linux_.sysctl;

	for (size_t i = 0; i < p->n; i++) {
		char path[SYSCTL_NAME_MAX], file[sizeof(path) + sizeof("sys/")];
		enum spec_ns_kind k;
		int rc = spec_sysctl(p->v[i].key, path, sizeof(path), &k);

		if (rc < 0)
			return refuse(e, -rc, "config.json: linux.sysctl: %s", p->v[i].key);
		(void)snprintf(file, sizeof(file), "sys/%s", path); /* fits */
		rc = proc_write(PROC_ROOT, file, p->v[i].value, e);
		if (rc < 0)
			return err_context(e, rc, "config.json: linux.sysctl: %s", p->v[i].key);
	}
	return 0;
}
