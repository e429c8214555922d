/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config-linux.md, "Cgroup ownership": a container that has a cgroup namespace of its own and a
 * writable cgroup mount gets its group, so that it can make groups below; and nothing else of it,
 * so that it cannot raise its own limits.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "runtime/cgroup_internal.h"

static bool has_writable_cgroup_mount(const struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];
		bool ro = false;

		if (!m->source || !streq(m->source, "cgroup") ||
		    !streq(m->destination, "/sys/fs/cgroup"))
			continue;
		for (size_t o = 0; o < m->options.n; o++)
			ro |= streq(m->options.v[o], "ro");
		if (!ro)
			return true;
	}
	return false;
}

/* The host's number of the container's user. False: no mapping, or one we do not know (a user
 * namespace joined by path). */
static bool host_uid(const struct spec *s, uid_t *ret)
{
	const struct spec_idmaps *maps = &s->linux_.uid_mappings;
	uint32_t uid = s->process->user.uid;

	if (!s->linux_.namespaces[NS_USER].wanted) {
		*ret = uid;
		return true;
	}
	if (s->linux_.namespaces[NS_USER].path)
		return false;
	for (size_t i = 0; i < maps->n; i++) {
		const struct spec_idmap *m = &maps->v[i];

		if (uid >= m->container_id && uid - m->container_id < m->size) {
			*ret = m->host_id + (uid - m->container_id);
			return true;
		}
	}
	return false;
}

static int give(int cgfd, const char *file, uid_t uid, struct err *e)
{
	if (fchownat(cgfd, file, uid, (gid_t)-1, *file ? 0 : AT_EMPTY_PATH) < 0 && errno != ENOENT)
		return fail(e, errno, "give cgroup file %s to user %u", *file ? file : ".", uid);
	return 0;
}

/* The group and each file of the list, which is cut up. */
static int give_all(int cgfd, char *list, uid_t uid, struct err *e)
{
	int rc = give(cgfd, "", uid, e);

	for (char *file = list; rc == 0 && *file;) {
		size_t len = strcspn(file, "\n");
		bool last = !file[len];

		file[len] = '\0';
		if (len && !strchr(file, '/'))
			rc = give(cgfd, file, uid, e);
		file += len + !last;
	}
	return rc;
}

int cg_owner_apply(int cgfd, const struct spec *s, struct err *e)
{
	static const char default_list[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";
	const struct spec_namespace *ns = &s->linux_.namespaces[NS_CGROUP];
	char list[2048];
	uid_t uid;
	int rc;

	if (!s->process || !ns->wanted || ns->path || !has_writable_cgroup_mount(s) ||
	    !host_uid(s, &uid) || uid == geteuid())
		return 0;
	/* The kernel's own list (since 4.15); default_list is what the specification says without.
	 */
	if (file_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", list, sizeof(list), NULL) < 0)
		memcpy(list, default_list, sizeof(default_list));
	rc = give_all(cgfd, list, uid, e);
	/* The specification asks for no more than a try: an ordinary user cannot give his files to
	 * another id, be it one that he may map. The container has its group, and makes none below.
	 */
	if (rc == -EPERM) {
		log_debug("%s", e->msg);
		err_clear(e);
		rc = 0;
	}
	return rc;
}
