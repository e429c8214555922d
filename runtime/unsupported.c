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

static bool has_seccomp_listener(const struct spec *s)
{
	return s->linux_.seccomp && s->linux_.seccomp->listener_path;
}

static const struct {
	const char *place;
	bool (*is_set)(const struct spec *s);
} not_built[] = {
	{"linux.intelRdt", has_intel_rdt},
	{"linux.netDevices", has_net_devices},
	{"linux.memoryPolicy", has_memory_policy},
	{"linux.mountLabel", has_mount_label},
	{"linux.seccomp.listenerPath", has_seccomp_listener},
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

/* --- what would change the host, or cannot work; rules between objects are oci/spec_check.c's
 * -------------------------------------------------
 */

static bool lacks_mount_ns(const struct spec *s)
{
	return !s->linux_.namespaces[NS_MOUNT].wanted;
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
