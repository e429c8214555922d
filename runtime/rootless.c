/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootless.h"

#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/procfs.h"
#include "base/str.h"

/* One line of uid_map (user_namespaces(7)): inside, outside, count, padded with blanks. */
static bool map_line(const char *line, uint32_t v[3])
{
	for (int i = 0; i < 3; i++) {
		char number[16];
		size_t len;

		line += strspn(line, " ");
		len = strcspn(line, " \n");
		if (len >= sizeof(number))
			return false;
		memcpy(number, line, len);
		number[len] = '\0';
		if (parse_u32(number, 10, &v[i]) < 0)
			return false;
		line += len;
	}
	return true;
}

static const char *own_map(void)
{
	static char map[4096];
	static bool known;

	if (!known && proc_read(PROC_SELF, "uid_map", map, sizeof(map), NULL) < 0)
		map[0] = '\0';
	known = true;
	return map;
}

bool rootless_in_initial_userns(void)
{
	uint32_t v[3];

	/* No user namespaces in this kernel, or no procfs: nothing but the initial one. */
	return !map_line(own_map(), v) || (v[0] == 0 && v[1] == 0 && v[2] == UINT32_MAX);
}

bool rootless_is(void)
{
	return geteuid() != 0 || !rootless_in_initial_userns();
}

bool runtime_is_rootless(const struct runtime *rt)
{
	return rt->rootless == ROOTLESS_YES || (rt->rootless == ROOTLESS_AUTO && rootless_is());
}

int rootless_check_power(struct err *e)
{
	struct proc_status own;

	if (geteuid() == 0 || proc_status_read(PROC_SELF, &own, NULL) < 0 ||
	    own.cap_permitted & (UINT64_C(1) << CAP_SYS_ADMIN))
		return 0;
	return refuse(e, EPERM,
		      "an ordinary user cannot make a container's mounts: enter a user namespace "
		      "first, with a rootless engine or 'unshare --user --map-root-user --mount'");
}

uid_t rootless_uid(void)
{
	uid_t uid = geteuid();

	for (const char *line = own_map(); line && *line; line = strchr(line, '\n')) {
		uint32_t v[3];

		line += *line == '\n';
		if (map_line(line, v) && uid >= v[0] && uid - v[0] < v[2])
			return v[1] + (uid - v[0]);
	}
	return uid;
}
