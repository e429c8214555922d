/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/idmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/spawn.h"
#include "base/sys.h"
#include "runtime/rootless.h"

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

bool idmap_is_own(const struct spec_idmaps *m, uint32_t own)
{
	return m->n == 1 && m->v[0].size == 1 && m->v[0].host_id == own;
}

/* Programs that the administrator has made setuid are where the system keeps its own, never
 * wherever PATH or the bundle say. */
static const char *const helper_dirs[] = {"/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"};

static bool find_helper(const char *name, char *buf, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(helper_dirs); i++)
		if ((size_t)snprintf(buf, size, "%s/%s", helper_dirs[i], name) < size &&
		    access(buf, X_OK) == 0)
			return true;
	return false;
}

/* newuidmap(1): PID, then inside, outside and count of each range. */
static int helper_args(const char *name, pid_t pid, const struct spec_idmaps *m, struct arena *a,
		       char ***ret, struct err *e)
{
	char **argv = arena_array(a, m->n * 3 + 3, sizeof(*argv));
	size_t n = 0;

	if (!argv)
		return fail(e, ENOMEM, "arguments of %s", name);
	argv[n++] = arena_strdup(a, name);
	argv[n++] = arena_printf(a, "%d", pid);
	for (size_t i = 0; i < m->n; i++) {
		argv[n++] = arena_printf(a, "%u", m->v[i].container_id);
		argv[n++] = arena_printf(a, "%u", m->v[i].host_id);
		argv[n++] = arena_printf(a, "%u", m->v[i].size);
	}
	for (size_t i = 0; i < n; i++)
		if (!argv[i])
			return fail(e, ENOMEM, "arguments of %s", name);
	*ret = argv;
	return 0;
}

/* Its first line, which has its name in front, says why. */
static int helper_failed(const char *name, const char *place, struct spawn_result *r, struct err *e)
{
	char *line = r->output ? r->output : (char *)"";
	const char *text;

	/* execve(2): then neither set-user-ID nor capabilities of a file count. */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return refuse(e, EPERM,
			      "config.json: %s: %s(1) has no power to map ids here: cede was "
			      "called with no_new_privs",
			      place, name);
	line[strcspn(line, "\n")] = '\0';
	text = str_after(line, name);
	text = text && str_after(text, ": ") ? str_after(text, ": ") : line;
	return refuse(
		e, EPERM,
		"config.json: %s: %s: %s (exit status %d); /etc/%s says which ids user %u may map",
		place, name, *text ? text : "no message", r->status,
		streq(name, "newuidmap") ? "subuid" : "subgid", geteuid());
}

/* The kernel lets a user map his own id alone; for more there is a setuid program, which knows what
 * the administrator has given him. */
static int map_by_helper(const char *name, pid_t pid, const struct spec_idmaps *m,
			 const char *place, int cancel_fd, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct spawn_result result = {0};
	char path[64], **argv = NULL;
	struct spawn s = {.path = path, .output_limit = 1024, .cancel_fd = cancel_fd};
	int rc;

	if (!find_helper(name, path, sizeof(path)))
		return refuse(e, ENOENT,
			      "config.json: %s: an ordinary user maps other ids than his own with "
			      "%s(1), which is not installed (package uidmap)",
			      place, name);
	rc = helper_args(name, pid, m, &a, &argv, e);
	if (rc < 0)
		return rc;
	s.argv = argv;
	rc = spawn_run(&s, &result, e);
	if (rc < 0)
		rc = err_context(e, rc, "config.json: %s: %s", place, path);
	else if (result.status != 0)
		rc = helper_failed(name, place, &result, e);
	free(result.output);
	return rc;
}

/* setgroups(2) must be given up where the group's map comes without privilege; newgidmap(1) sees to
 * it where that is needed. */
static int map_groups(pid_t pid, const struct spec_idmaps *m, int cancel_fd, struct err *e)
{
	const char *place = "linux.gidMappings";
	int rc;

	if (rootless_is_ordinary() && !idmap_is_own(m, getegid()))
		return map_by_helper("newgidmap", pid, m, place, cancel_fd, e);
	rc = geteuid() != 0 ? proc_write(pid, "setgroups", "deny", e) : 0;
	return rc < 0 ? rc : write_map(pid, "gid_map", m, place, e);
}

int idmap_write(pid_t pid, const struct spec_linux *l, int cancel_fd, struct err *e)
{
	const struct spec_idmaps *m = &l->uid_mappings;
	const char *place = "linux.uidMappings";
	int rc = map_groups(pid, &l->gid_mappings, cancel_fd, e);

	if (rc < 0)
		return rc;
	if (rootless_is_ordinary() && !idmap_is_own(m, geteuid()))
		return map_by_helper("newuidmap", pid, m, place, cancel_fd, e);
	return write_map(pid, "uid_map", m, place, e);
}

int idmap_become_root(const struct spec_linux *l, const struct spec_user *u, struct err *e)
{
	uint32_t ignored;
	/* A joined namespace brings its own maps, which the document may not repeat. */
	bool known = l->uid_mappings.n && l->gid_mappings.n;
	uid_t uid = !known || idmap_to_host(&l->uid_mappings, 0, &ignored) ? 0 : u->uid;
	gid_t gid = !known || idmap_to_host(&l->gid_mappings, 0, &ignored) ? 0 : u->gid;

	if (sys_setresgid(gid, gid, gid) < 0)
		return fail(e, errno, "become group %u of the user namespace", gid);
	/* From an id that is not mapped to one that is: capabilities(7) keeps them. */
	if (sys_setresuid(uid, uid, uid) < 0)
		return fail(e, errno, "become user %u of the user namespace", uid);
	return 0;
}
