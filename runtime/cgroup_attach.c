/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into a group that the kernel does not let us move a process to. For that an ordinary user has to
 * own the nearest common ancestor of the two groups (cgroup-v2.rst, "Delegation Containment"), and
 * above a login session and the user's systemd that is root's. The user's systemd may ask the
 * system's, which checks whose process and whose unit it is, and moves it.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "runtime/cgroup.h"
#include "runtime/unit_name.h"

#define USERS_MANAGER "/user@"

static bool ends_with(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && memcmp(s + len - n, suffix, n) == 0;
}

/* The unit of a user's manager that `path` is the group of, or is below; in *ret_below, with a
 * leading slash, what is below it ("" if nothing is). */
static bool unit_of(const char *path, char *unit, size_t size, const char **ret_below)
{
	const char *p = strstr(path, USERS_MANAGER);

	p = p ? strchr(p + 1, '/') : NULL;
	while (p) {
		const char *name = p + 1;
		size_t len = strcspn(name, "/");

		if (ends_with(name, len, ".scope") || ends_with(name, len, ".service")) {
			*ret_below = name + len;
			return str_part(unit, size, name, len);
		}
		p = strchr(name, '/');
	}
	return false;
}

bool cgroup_can_attach(const struct cgroup *cg)
{
	char unit[UNIT_NAME_MAX + 1];
	const char *below;

	return unit_of(cg->path, unit, sizeof(unit), &below) && systemd_has_helper();
}

int cgroup_attach(const struct cgroup *cg, pid_t pid, struct err *e)
{
	char unit[UNIT_NAME_MAX + 1], now[sizeof(cg->path)];
	const char *below;
	int rc;

	if (!unit_of(cg->path, unit, sizeof(unit), &below))
		return refuse(
			e, EACCES,
			"cgroup %s is no unit of a user's systemd that could be asked to move "
			"a process into it",
			cg->path);
	rc = systemd_attach(SYSTEMD_USER, unit, below, pid, e);
	if (rc == 0)
		rc = cg_path_of(pid, now, sizeof(now), e);
	if (rc < 0)
		return err_context(e, rc, "move process %d into cgroup %s", pid, cg->path);
	/* Limits hold only for what is in it. */
	if (!streq(now, cg->path))
		return refuse(e, EACCES,
			      "systemd has moved process %d into cgroup %s instead of %s", pid, now,
			      cg->path);
	return 0;
}
