/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootless.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/str.h"

/* The number of its inode, in all kernels with user namespaces (USER_NS_INIT_INO of linux/nsfs.h,
 * which this system's header is too old for). */
#define INITIAL_USERNS 0xeffffffdU

bool rootless_map_line(const char *line, uint32_t v[3])
{
	for (int i = 0; i < 3; i++) {
		char number[16];
		size_t len;

		line += strspn(line, " ");
		len = strcspn(line, " \n");
		if (!str_part(number, sizeof(number), line, len) ||
		    parse_u32(number, 10, &v[i]) < 0)
			return false;
		line += len;
	}
	return true;
}

/* user_namespaces(7): at most 340 lines; each is "%10u %10u %10u\n". */
#define MAP_MAX (340 * 33 + 2)

static const char *own_map(void)
{
	static char map[MAP_MAX];
	static bool known;

	if (!known && proc_read(PROC_SELF, "uid_map", map, sizeof(map), NULL) < 0)
		map[0] = '\0';
	known = true;
	return map;
}

static bool look_where(void)
{
	uint32_t v[3];
	struct stat st;

	if (proc_ns_stat(PROC_SELF, "user", &st, NULL) == 0)
		return st.st_ino == INITIAL_USERNS;
	/* No user namespaces in this kernel, or no procfs: nothing but the initial one. */
	return !rootless_map_line(own_map(), v) || (v[0] == 0 && v[1] == 0 && v[2] == UINT32_MAX);
}

bool rootless_in_initial_userns(void)
{
	static int known = -1;

	if (known < 0)
		known = look_where();
	return known;
}

bool rootless_is(void)
{
	static int known = -1; /* the runtime's own user stays what it is */

	if (known < 0)
		known = geteuid() != 0 || !rootless_in_initial_userns();
	return known;
}

bool runtime_is_rootless(const struct runtime *rt)
{
	return rt->rootless == ROOTLESS_YES || (rt->rootless == ROOTLESS_AUTO && rootless_is());
}

bool rootless_is_ordinary(void)
{
	static int known = -1;

	if (known < 0)
		known = geteuid() != 0;
	return known;
}

static int check_mounts(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];
		bool mapped = m->uid_mappings.n;

		for (size_t o = 0; o < m->options.n; o++)
			mapped |=
				streq(m->options.v[o], "idmap") || streq(m->options.v[o], "ridmap");
		if (mapped)
			return refuse(e, EPERM,
				      "config.json: mounts[%zu] (%s): an ordinary user cannot "
				      "id-map a mount: its filesystem is the host's",
				      i, m->destination ? m->destination : "no destination");
	}
	return 0;
}

int rootless_check_spec(const struct spec *s, struct err *e)
{
	const struct spec_linux *l = &s->linux_;
	const struct spec_namespace *n = l->namespaces;

	if (!n[NS_USER].wanted)
		return refuse(e, EPERM,
			      "config.json: linux.namespaces: an ordinary user's container needs a "
			      "user namespace ('cede spec --rootless' has one)");
	if (!n[NS_MOUNT].wanted || n[NS_MOUNT].path)
		return refuse(e, EPERM,
			      "config.json: linux.namespaces: an ordinary user's container needs a "
			      "new mount namespace");
	/* Init would be in it while it still sees the host (see create_init.c). */
	if (n[NS_PID].wanted && n[NS_PID].path)
		return refuse(e, EPERM,
			      "config.json: linux.namespaces: pid namespace %s: an ordinary user's "
			      "container cannot join one",
			      n[NS_PID].path);
	if (l->n_net_devices)
		return refuse(e, EPERM,
			      "config.json: linux.netDevices: an ordinary user cannot give a "
			      "network device away");
	return check_mounts(s, e);
}

/* Where distributions and administrators switch user namespaces off for ordinary users, and the
 * value that does it. */
static const struct {
	const char *file, *value;
} switches[] = {
	{"sys/user/max_user_namespaces", "0"},
	{"sys/kernel/unprivileged_userns_clone", "0"},
	{"sys/kernel/apparmor_restrict_unprivileged_userns", "1"},
};

int rootless_no_userns(int rc, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		char text[32];

		if (proc_read(PROC_ROOT, switches[i].file, text, sizeof(text), NULL) < 0)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (streq(text, switches[i].value))
			return refuse(e, -rc,
				      "an ordinary user may make no user namespace here: /proc/%s "
				      "is %s",
				      switches[i].file, text);
	}
	return rc;
}

bool rootless_has_gid(gid_t gid)
{
	static char map[MAP_MAX];
	uint32_t v[3];

	if (rootless_in_initial_userns() ||
	    proc_read(PROC_SELF, "gid_map", map, sizeof(map), NULL) < 0)
		return true;
	for (const char *line = map; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (rootless_map_line(line, v) && gid >= v[0] && gid - v[0] < v[2])
			return true;
	}
	return false;
}

bool rootless_keeps_groups(void)
{
	char text[16];

	return !rootless_in_initial_userns() &&
	       proc_read(PROC_SELF, "setgroups", text, sizeof(text), NULL) >= 0 &&
	       str_after(text, "deny");
}

uid_t rootless_uid(void)
{
	uid_t uid = geteuid();

	for (const char *line = own_map(); line && *line; line = strchr(line, '\n')) {
		uint32_t v[3];

		line += *line == '\n';
		if (rootless_map_line(line, v) && uid >= v[0] && uid - v[0] < v[2])
			return v[1] + (uid - v[0]);
	}
	return uid;
}
