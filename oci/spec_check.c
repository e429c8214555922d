/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules between objects: combinations that no kernel can honour, or that would reach out of the
 * container. What depends on the host is the runtime's to find out.
 */
#include <linux/sched.h>

#include "base/cleanup.h"
#include "oci/spec_read.h"

#define BAD(r, fmt, ...) refuse((r)->e, EINVAL, "%s: " fmt, (r)->what, ##__VA_ARGS__)

static bool has(const struct spec *s, enum spec_ns_kind kind)
{
	return s->linux_.namespaces[kind].wanted;
}

static bool has_new(const struct spec *s, enum spec_ns_kind kind)
{
	return has(s, kind) && !s->linux_.namespaces[kind].path;
}

/* --- user namespace ----------------------------------------------------------------------------
 */

static int check_mappings(struct spec_reader *r, const struct spec *s)
{
	const struct spec_linux *l = &s->linux_;
	bool uid = l->uid_mappings.n > 0, gid = l->gid_mappings.n > 0;

	if (!has(s, NS_USER) && (uid || gid))
		return BAD(r, "linux.%s: mappings without a user namespace",
			   uid ? "uidMappings" : "gidMappings");
	if (has_new(s, NS_USER) && (!uid || !gid))
		return BAD(r, "linux.%s: a new user namespace needs mappings",
			   uid ? "gidMappings" : "uidMappings");
	return 0;
}

static int check_idmapped_mounts(struct spec_reader *r, const struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];

		for (size_t k = 0; k < m->options.n; k++) {
			const char *o = m->options.v[k];

			if ((streq(o, "idmap") || streq(o, "ridmap")) && m->uid_mappings.n == 0 &&
			    !has(s, NS_USER))
				return BAD(r,
					   "mounts[%zu].options[%zu]: \"%s\" needs uidMappings and "
					   "gidMappings, or a user namespace",
					   i, k, o);
		}
	}
	return 0;
}

/* --- uts, time, network ------------------------------------------------------------------------
 */

/* __NEW_UTS_LEN of the kernel. */
#define UTS_NAME_MAX 64

static int check_uts(struct spec_reader *r, const struct spec *s)
{
	const struct {
		const char *key, *value;
	} names[] = {{"hostname", s->hostname}, {"domainname", s->domainname}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!names[i].value)
			continue;
		if (!has(s, NS_UTS))
			return BAD(r, "%s: needs a uts namespace", names[i].key);
		if (strlen(names[i].value) > UTS_NAME_MAX)
			return BAD(r, "%s: longer than %d bytes", names[i].key, UTS_NAME_MAX);
	}
	return 0;
}

static int check_time(struct spec_reader *r, const struct spec *s)
{
	if (!s->linux_.offset_monotonic.set && !s->linux_.offset_boottime.set)
		return 0;
	if (!has(s, NS_TIME))
		return BAD(r, "linux.timeOffsets: needs a time namespace");
	if (!has_new(s, NS_TIME)) /* time_namespaces(7): before the first process only */
		return BAD(r, "linux.timeOffsets: not possible in a time namespace that is joined");
	return 0;
}

static int check_net_devices(struct spec_reader *r, const struct spec *s)
{
	if (s->linux_.n_net_devices > 0 && !has(s, NS_NETWORK))
		return BAD(r, "linux.netDevices: needs a network namespace");
	return 0;
}

/* --- sysctl ------------------------------------------------------------------------------------
 */

/*
 * The parameters that belong to a namespace; all others are the whole machine's. A prefix ends with
 * a slash. Sources: proc_sys_kernel(5), proc_sys_fs(5), ipc/ipc_sysctl.c, ipc/mq_sysctl.c,
 * kernel/utsname_sysctl.c.
 */
static const struct {
	const char *name;
	enum spec_ns_kind ns;
} sysctls[] = {
	{"net/", NS_NETWORK},
	{"fs/mqueue/", NS_IPC},
	{"kernel/auto_msgmni", NS_IPC},
	{"kernel/domainname", NS_UTS},
	{"kernel/hostname", NS_UTS},
	{"kernel/msg_next_id", NS_IPC},
	{"kernel/msgmax", NS_IPC},
	{"kernel/msgmnb", NS_IPC},
	{"kernel/msgmni", NS_IPC},
	{"kernel/sem", NS_IPC},
	{"kernel/sem_next_id", NS_IPC},
	{"kernel/shm_next_id", NS_IPC},
	{"kernel/shm_rmid_forced", NS_IPC},
	{"kernel/shmall", NS_IPC},
	{"kernel/shmmax", NS_IPC},
	{"kernel/shmmni", NS_IPC},
};

/* Either spelling -> the path below /proc/sys. As in sysctl(8), the first separator decides what
 * the other character stands for: "net.ipv4.conf.eth0/1.mtu" is one of interface eth0.1. */
static bool sysctl_path(const char *key, char *buf, size_t size)
{
	const char *first = strpbrk(key, "./");
	bool dotted = first && *first == '.';
	size_t n = strlen(key);

	if (n >= size)
		return false;
	for (size_t i = 0; i <= n; i++)
		buf[i] = !dotted ? key[i] : key[i] == '.' ? '/' : key[i] == '/' ? '.' : key[i];
	return true;
}

static bool is_clean_path(const char *path)
{
	for (const char *s = path;; s++) {
		size_t n = strcspn(s, "/");

		if (n == 0 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s += n;
		if (!*s)
			return true;
	}
}

int spec_sysctl(const char *key, char *buf, size_t size, enum spec_ns_kind *ret_ns)
{
	if (!sysctl_path(key, buf, size) || !is_clean_path(buf))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		const char *name = sysctls[i].name;
		bool prefix = name[strlen(name) - 1] == '/';

		if (prefix ? !str_after(buf, name) : !streq(buf, name))
			continue;
		*ret_ns = sysctls[i].ns;
		return 0;
	}
	return -EPERM;
}

static int check_sysctl(struct spec_reader *r, const struct spec *s, const char *key)
{
	enum spec_ns_kind ns;
	char path[256];

	switch (spec_sysctl(key, path, sizeof(path), &ns)) {
	case 0:
		if (has(s, ns))
			return 0;
		return BAD(r, "linux.sysctl: %s needs a namespace of type %s", QUOTE(key),
			   spec_ns_name(ns));
	case -EPERM:
		return BAD(r,
			   "linux.sysctl: %s is not known as a parameter of a namespace, which "
			   "could be set for the container alone",
			   QUOTE(key));
	default:
		return BAD(r, "linux.sysctl: %s is not the name of a kernel parameter", QUOTE(key));
	}
}

static int check_sysctls(struct spec_reader *r, const struct spec *s)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->linux_.sysctl.n; i++)
		rc = check_sysctl(r, s, s->linux_.sysctl.v[i].key);
	return rc;
}

/* --- all ---------------------------------------------------------------------------------------
 */

int spec_check(struct spec_reader *r, const struct spec *s)
{
	static int (*const checks[])(struct spec_reader *, const struct spec *) = {
		check_mappings, check_idmapped_mounts, check_uts,
		check_time,	check_net_devices,     check_sysctls,
	};

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		int rc = checks[i](r, s);

		if (rc < 0)
			return rc;
	}
	return 0;
}
