/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/idmap.h"

#include <unistd.h>

#include "base/procfs.h"

void idmap_print(const struct spec_idmaps *m, struct strbuf *out)
{
	for (size_t i = 0; i < m->n; i++)
		strbuf_addf(out, "%u %u %u\n", m->v[i].container_id, m->v[i].host_id, m->v[i].size);
}

bool idmap_to_host(const struct spec_idmaps *m, uint32_t id, uint32_t *ret)
{
	for (size_t i = 0; i < m->n; i++) {
		uint32_t offset = id - m->v[i].container_id;

		if (id < m->v[i].container_id || offset >= m->v[i].size)
			continue;
		*ret = m->v[i].host_id + offset;
		return true;
	}
	return false;
}

static int write_map(pid_t pid, const char *file, const struct spec_idmaps *m, const char *place,
		     struct err *e)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int rc;

	idmap_print(m, &text);
	if (text.oom)
		return fail(e, ENOMEM, "write %s", file);
	rc = proc_write(pid, file, strbuf_str(&text), e);
	return rc < 0 ? err_context(e, rc, "config.json: %s", place) : 0;
}

int idmap_write(pid_t pid, const struct spec_linux *l, struct err *e)
{
	int rc = 0;

	if (geteuid() != 0)
		rc = proc_write(pid, "setgroups", "deny", e);
	if (rc == 0)
		rc = write_map(pid, "gid_map", &l->gid_mappings, "linux.gidMappings", e);
	if (rc == 0)
		rc = write_map(pid, "uid_map", &l->uid_mappings, "linux.uidMappings", e);
	return rc;
}

int idmap_become_root(const struct spec_linux *l, const struct spec_user *u, struct err *e)
{
	uint32_t ignored;
	/* A joined namespace brings its own maps, which the document may not repeat. */
	bool known = l->uid_mappings.n && l->gid_mappings.n;
	uid_t uid = !known || idmap_to_host(&l->uid_mappings, 0, &ignored) ? 0 : u->uid;
	gid_t gid = !known || idmap_to_host(&l->gid_mappings, 0, &ignored) ? 0 : u->gid;

	if (setresgid(gid, gid, gid) < 0)
		return fail(e, errno, "become group %u of the user namespace", gid);
	/* From an id that is not mapped to one that is: capabilities(7) keeps them. */
	if (setresuid(uid, uid, uid) < 0)
		return fail(e, errno, "become user %u of the user namespace", uid);
	return 0;
}
