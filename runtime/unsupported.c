/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/unsupported.h"

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/str.h"

/* --- not built yet: a row goes when its feature comes --------------------------------------------
 */

static bool has_intel_rdt(const struct spec *s)
{
	return s->linux_.intel_rdt.set;
}

static bool has_net_devices(const struct spec *s)
{
	return s->linux_.n_net_devices > 0;
}

static bool has_memory_policy(const struct spec *s)
{
	return s->linux_.memory_policy.set;
}

static bool has_mount_label(const struct spec *s)
{
	return s->linux_.mount_label && *s->linux_.mount_label;
}

static const struct {
	const char *place;
	bool (*is_set)(const struct spec *s);
} not_built[] = {
	{"linux.intelRdt", has_intel_rdt},
	{"linux.netDevices", has_net_devices},
	{"linux.memoryPolicy", has_memory_policy},
	{"linux.mountLabel", has_mount_label},
};

static bool has_apparmor(const struct spec_process *p)
{
	return p->apparmor_profile && *p->apparmor_profile &&
	       !streq(p->apparmor_profile, "unconfined");
}

static bool has_selinux(const struct spec_process *p)
{
	return p->selinux_label && *p->selinux_label;
}

static const struct {
	const char *place;
	bool (*is_set)(const struct spec_process *p);
} not_built_process[] = {
	{"process.apparmorProfile", has_apparmor},
	{"process.selinuxLabel", has_selinux},
};

/* --- what would change the host, or cannot work --------------------------------------------------
 */

static bool lacks_mount_ns(const struct spec *s)
{
	return !s->linux_.namespaces[NS_MOUNT].wanted;
}

static bool hostname_without_uts(const struct spec *s)
{
	return s->hostname && !s->linux_.namespaces[NS_UTS].wanted;
}

static bool domainname_without_uts(const struct spec *s)
{
	return s->domainname && !s->linux_.namespaces[NS_UTS].wanted;
}

static bool offsets_without_time(const struct spec *s)
{
	const struct spec_namespace *t = &s->linux_.namespaces[NS_TIME];

	return (s->linux_.offset_monotonic.set || s->linux_.offset_boottime.set) &&
	       (!t->wanted || t->path);
}

static bool new_user_without_maps(const struct spec *s)
{
	const struct spec_namespace *u = &s->linux_.namespaces[NS_USER];

	return u->wanted && !u->path && (!s->linux_.uid_mappings.n || !s->linux_.gid_mappings.n);
}

static bool maps_without_user(const struct spec *s)
{
	return !s->linux_.namespaces[NS_USER].wanted &&
	       (s->linux_.uid_mappings.n || s->linux_.gid_mappings.n);
}

static bool lacks_root(const struct spec *s)
{
	return !s->root_path || !*s->root_path;
}

static const struct {
	bool (*is_so)(const struct spec *s);
	const char *text;
} impossible[] = {
	{lacks_root, "root.path: required but missing"},
	{lacks_mount_ns, "linux.namespaces: a mount namespace is required: without one the "
			 "container's mounts would be the host's"},
	{hostname_without_uts, "hostname: would change the host's name: the container has no uts "
			       "namespace"},
	{domainname_without_uts,
	 "domainname: would change the host's: the container has no uts namespace"},
	{offsets_without_time, "linux.timeOffsets: need a new time namespace in linux.namespaces"},
	{new_user_without_maps, "linux.namespaces: a new user namespace needs linux.uidMappings "
				"and linux.gidMappings"},
	{maps_without_user, "linux.uidMappings: ids can be mapped in a user namespace only, and "
			    "linux.namespaces has none"},
};

int unsupported_check_process(const struct spec_process *p, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_built_process); i++)
		if (not_built_process[i].is_set(p))
			return refuse(e, EOPNOTSUPP,
				      "config.json: %s: not supported by this version of cede",
				      not_built_process[i].place);
	return 0;
}

int unsupported_check(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(impossible); i++)
		if (impossible[i].is_so(s))
			return refuse(e, EINVAL, "config.json: %s", impossible[i].text);
	for (size_t i = 0; i < ARRAY_SIZE(not_built); i++)
		if (not_built[i].is_set(s))
			return refuse(e, EOPNOTSUPP,
				      "config.json: %s: not supported by this version of cede",
				      not_built[i].place);
	return s->process ? unsupported_check_process(s->process, e) : 0;
}
