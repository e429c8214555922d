/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/restore_check.h"

#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/table.h"
#include "oci/names.h"
#include "runtime/idmap.h"

/* user_namespaces(7): up to 340 lines of three numbers, each at most 10 digits wide. */
#define MAP_TEXT_MAX 16384

/* Below /proc/<pid>/ns. */
static const char *const files[NS_KINDS] = {
	[NS_USER] = "user",   [NS_CGROUP] = "cgroup", [NS_IPC] = "ipc",	  [NS_UTS] = "uts",
	[NS_NETWORK] = "net", [NS_PID] = "pid",	      [NS_MOUNT] = "mnt", [NS_TIME] = "time",
};

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int check_path(const char *name, const char *path, int fd, const struct stat *has,
		      struct err *e)
{
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) < 0)
		return fail(e, errno, "look at the namespace %s", path);
	return fd >= 0 && same(&st, has)
		       ? 0
		       : refuse(e, EXDEV,
				"config.json: linux.namespaces: %s: the checkpoint has a namespace "
				"of its own, which cannot become %s",
				name, path);
}

static int check_one(const struct creation *c, enum spec_ns_kind kind, pid_t criu, struct err *e)
{
	const struct spec_namespace *ns = &c->spec->linux_.namespaces[kind];
	const char *name = table_name_n(oci_namespaces.v, oci_namespaces.n, kind);
	struct stat has, host, lent = {0};
	int rc = proc_ns_stat(c->pid, files[kind], &has, e);

	if (rc == -ENOENT && !ns->wanted) { /* a kernel without */
		err_clear(e);
		return 0;
	}
	if (rc == 0)
		rc = proc_ns_stat(PROC_SELF, files[kind], &host, e);
	if (rc == 0 && kind == NS_MOUNT)
		rc = proc_ns_stat(criu, files[kind], &lent, e);
	if (rc < 0)
		return rc;
	if (ns->path)
		return check_path(name, ns->path, c->ns.fds[kind], &has, e);
	if (ns->wanted && (same(&has, &host) || same(&has, &lent)))
		return refuse(e, EXDEV,
			      "config.json: linux.namespaces: %s: the checkpoint has none of its "
			      "own, the container would be in the host's",
			      name);
	/* CRIU may make one for the sake of clocks that go on where they stood. */
	if (!ns->wanted && kind != NS_TIME && !same(&has, &host))
		return refuse(e, EXDEV,
			      "config.json: linux.namespaces: no %s, but the checkpoint has one "
			      "of its own",
			      name);
	return 0;
}

bool restore_same_map(const char *text, const struct spec_idmaps *m)
{
	_cleanup_strbuf_ struct strbuf has = STRBUF_INIT, line = STRBUF_INIT;
	size_t n = 0;

	strbuf_adds(&has, "\n");
	for (; *text; text++) /* "         0     100000      65536\n" -> "0 100000 65536\n" */
		if (*text != ' ' || (text[1] != ' ' && has.len && has.buf[has.len - 1] != '\n'))
			strbuf_add(&has, text, 1);
	for (const char *p = strbuf_str(&has) + 1; *p; p++)
		n += *p == '\n';
	if (has.oom || n != m->n)
		return false;
	/* More than five lines the kernel sorts. */
	for (size_t i = 0; i < m->n; i++) {
		const struct spec_idmaps one = {.v = &m->v[i], .n = 1};

		line.len = 0;
		strbuf_adds(&line, "\n");
		idmap_print(&one, &line);
		if (line.oom || !strstr(strbuf_str(&has), strbuf_str(&line)))
			return false;
	}
	return true;
}

static int check_map(pid_t pid, const char *file, const char *key, const struct spec_idmaps *m,
		     struct err *e)
{
	char text[MAP_TEXT_MAX];
	ssize_t n = proc_read(pid, file, text, sizeof(text), e);

	if (n < 0)
		return (int)n;
	return restore_same_map(text, m)
		       ? 0
		       : refuse(e, EXDEV,
				"config.json: linux.%s: the user namespace of the checkpoint has "
				"other ids",
				key);
}

int restore_check_namespaces(const struct creation *c, pid_t criu, struct err *e)
{
	const struct spec_linux *l = &c->spec->linux_;
	int rc = 0;

	for (int kind = 0; rc == 0 && kind < NS_KINDS; kind++)
		rc = check_one(c, (enum spec_ns_kind)kind, criu, e);
	if (rc == 0 && l->namespaces[NS_USER].wanted)
		rc = check_map(c->pid, "uid_map", "uidMappings", &l->uid_mappings, e);
	if (rc == 0 && l->namespaces[NS_USER].wanted)
		rc = check_map(c->pid, "gid_map", "gidMappings", &l->gid_mappings, e);
	return rc;
}
