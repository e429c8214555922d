/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sysctl.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/str.h"

#define SYSCTL_NAME_MAX 256

/* Documentation/admin-guide/sysctl: what is kept per namespace. A name that ends in '.' is a
 * prefix. user.* counts per user namespace, but init writes it as the host's root. */
static const struct {
	const char *name;
	enum spec_ns_kind ns;
} private_sysctls[] = {
	{"net.", NS_NETWORK},
	{"fs.mqueue.", NS_IPC},
	{"kernel.auto_msgmni", NS_IPC},
	{"kernel.msg_next_id", NS_IPC},
	{"kernel.msgmax", NS_IPC},
	{"kernel.msgmnb", NS_IPC},
	{"kernel.msgmni", NS_IPC},
	{"kernel.sem", NS_IPC},
	{"kernel.sem_next_id", NS_IPC},
	{"kernel.shm_next_id", NS_IPC},
	{"kernel.shm_rmid_forced", NS_IPC},
	{"kernel.shmall", NS_IPC},
	{"kernel.shmmax", NS_IPC},
	{"kernel.shmmni", NS_IPC},
	{"kernel.domainname", NS_UTS},
	{"kernel.hostname", NS_UTS},
};

/* The dotted form of a name given either way: '.' separates, '/' stands for a dot. */
static int dotted(const char *name, char *buf, size_t size, struct err *e)
{
	size_t len = strlen(name);
	const char *first = strpbrk(name, "./");
	bool swap = first && *first == '/';

	if (len == 0 || len >= size)
		return refuse(e, EINVAL, "config.json: linux.sysctl: invalid name \"%s\"", name);
	for (size_t i = 0; i <= len; i++)
		buf[i] = !swap ? name[i] : name[i] == '.' ? '/' : name[i] == '/' ? '.' : name[i];
	return 0;
}

enum spec_ns_kind sysctl_namespace(const char *name)
{
	char buf[SYSCTL_NAME_MAX];

	if (dotted(name, buf, sizeof(buf), NULL) < 0)
		return NS_KINDS;
	for (size_t i = 0; i < ARRAY_SIZE(private_sysctls); i++) {
		const char *known = private_sysctls[i].name;
		bool prefix = known[strlen(known) - 1] == '.';

		if (prefix ? str_after(buf, known) != NULL : streq(buf, known))
			return private_sysctls[i].ns;
	}
	return NS_KINDS;
}

int sysctl_path(const char *name, char *buf, size_t size, struct err *e)
{
	char plain[SYSCTL_NAME_MAX];
	size_t n = 0;
	int rc = dotted(name, plain, sizeof(plain), e);

	if (rc < 0)
		return rc;
	if (strlen(plain) + sizeof("sys/") > size)
		return refuse(e, ENAMETOOLONG, "config.json: linux.sysctl: %s", name);
	memcpy(buf, "sys/", 4);
	for (n = 0; plain[n]; n++)
		buf[4 + n] = plain[n] == '.' ? '/' : plain[n] == '/' ? '.' : plain[n];
	buf[4 + n] = '\0';
	/* Behind the change of separators: what would leave sys/, or name a directory. */
	if (strstr(buf, "//") || strstr(buf, "/../") || strstr(buf, "/./") || buf[4 + n - 1] == '/')
		return refuse(e, EINVAL, "config.json: linux.sysctl: invalid name \"%s\"", name);
	return 0;
}

/* Shared with the runtime: not given, or joined and the very one we are in. */
static bool is_shared(const struct spec *s, enum spec_ns_kind k)
{
	const struct spec_namespace *n = &s->linux_.namespaces[k];
	struct stat own, joined;
	char path[64];

	if (!n->wanted || !n->path)
		return !n->wanted;
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", spec_ns_proc_name(k));
	/* If in doubt, refuse; that the path names no namespace is ns_plan_make's to say. */
	return stat(path, &own) < 0 || stat(n->path, &joined) < 0 ||
	       (own.st_dev == joined.st_dev && own.st_ino == joined.st_ino);
}

int sysctl_check(const struct spec *s, struct err *e)
{
	const struct spec_pairs *p = &s->linux_.sysctl;
	char path[SYSCTL_NAME_MAX + 8];

	for (size_t i = 0; i < p->n; i++) {
		enum spec_ns_kind k = sysctl_namespace(p->v[i].key);
		int rc = sysctl_path(p->v[i].key, path, sizeof(path), e);

		if (rc < 0)
			return rc;
		if (k == NS_KINDS)
			return refuse(e, EINVAL,
				      "config.json: linux.sysctl: %s would change the host: it is "
				      "not kept per namespace",
				      p->v[i].key);
		if (is_shared(s, k))
			return refuse(e, EINVAL,
				      "config.json: linux.sysctl: %s would change the host: the "
				      "container has no %s namespace of its own",
				      p->v[i].key, spec_ns_name(k));
	}
	return 0;
}

int sysctl_apply(const struct spec *s, struct err *e)
{
	const struct spec_pairs *p = &s->linux_.sysctl;
	char path[SYSCTL_NAME_MAX + 8];

	for (size_t i = 0; i < p->n; i++) {
		int rc = sysctl_path(p->v[i].key, path, sizeof(path), e);

		if (rc == 0)
			rc = proc_write(PROC_ROOT, path, p->v[i].value, e);
		if (rc < 0)
			return err_context(e, rc, "config.json: linux.sysctl: %s", p->v[i].key);
	}
	return 0;
}
