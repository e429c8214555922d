/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/resctrl.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

#define KEY "config.json: linux.intelRdt"
#define SCHEMATA_MAX 65536

#ifndef RDTGROUP_SUPER_MAGIC
#define RDTGROUP_SUPER_MAGIC 0x7655821
#endif

int resctrl_open(struct err *e)
{
	_cleanup_fd_ int fd = open(RESCTRL_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != RDTGROUP_SUPER_MAGIC)
		return refuse(e, EOPNOTSUPP,
			      KEY ": no resctrl filesystem is mounted on " RESCTRL_ROOT);
	return take_fd(&fd);
}

int resctrl_check(struct err *e)
{
	int fd = resctrl_open(e);

	if (fd < 0)
		return fd;
	(void)fd_close(fd);
	return 0;
}

/* --- schemata ------------------------------------------------------------------------------------
 */

/* "  L3" before the colon. */
static bool same_resource(const char *line, const char *wanted)
{
	size_t n = strcspn(wanted, ":");

	line += strspn(line, " ");
	return strncmp(line, wanted, n) == 0 && line[n] == ':';
}

static size_t value_length(const char *s)
{
	return strcspn(s, "; \n");
}

static bool same_value(const char *a, const char *b)
{
	size_t n;

	a += strspn(a, "0");
	b += strspn(b, "0");
	n = value_length(a);
	return n == value_length(b) && strncasecmp(a, b, n) == 0;
}

/* The value of a domain in "0=7f0;1=1f\n"; NULL: it is not there. */
static const char *domain_value(const char *list, const char *domain, size_t len)
{
	while (*list && *list != '\n') {
		list += strspn(list, " ;");
		if (strncmp(list, domain, len) == 0 && list[len] == '=')
			return list + len + 1;
		list += value_length(list);
	}
	return NULL;
}

static bool line_has(const char *line, const char *wanted)
{
	const char *list = strchr(line, ':') + 1, *w = strchr(wanted, ':') + 1;

	for (;;) {
		size_t len;
		const char *value;

		w += strspn(w, " ;");
		if (!*w)
			return true;
		len = strcspn(w, "=; ");
		value = w[len] == '=' ? domain_value(list, w, len) : NULL;
		if (!value || !same_value(value, w + len + 1))
			return false;
		w += value_length(w);
	}
}

bool resctrl_has_line(const char *text, const char *wanted)
{
	if (!strchr(wanted, ':'))
		return false;
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (same_resource(line, wanted))
			return line_has(line, wanted);
		line += len + (line[len] == '\n');
	}
	return false;
}

/* One line, by one write(2): the kernel takes or refuses it whole. */
static int write_line(int dir, const char *line, struct err *e)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int rc;

	strbuf_addf(&text, "%s\n", line);
	if (text.oom)
		return fail(e, ENOMEM, KEY);
	rc = file_write(dir, "schemata", strbuf_str(&text), e);
	return rc < 0 ? err_context(e, rc, KEY ": the schema %s", line) : 0;
}

struct lines {
	const char *first, *second;
	const struct strv *more;
};

static struct lines lines_of(const struct spec_linux *l)
{
	return (struct lines){l->intel_rdt.l3_cache_schema, l->intel_rdt.mem_bw_schema,
			      &l->intel_rdt.schemata};
}

static size_t count_lines(const struct lines *s)
{
	return (s->first != NULL) + (s->second != NULL) + s->more->n;
}

static const char *line_at(const struct lines *s, size_t i)
{
	if (s->first && i-- == 0)
		return s->first;
	if (s->second && i-- == 0)
		return s->second;
	return s->more->v[i];
}

static int write_schemata(int dir, const struct lines *s, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count_lines(s); i++)
		rc = write_line(dir, line_at(s, i), e);
	return rc;
}

static int compare_schemata(int dir, const struct lines *s, const char *group, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int rc = file_read_alloc(dir, "schemata", SCHEMATA_MAX, &text, &len, e);

	if (rc < 0)
		return err_context(e, rc, KEY ".closID: %s", group);
	for (size_t i = 0; i < count_lines(s); i++)
		if (!resctrl_has_line(text, line_at(s, i)))
			return refuse(e, EEXIST,
				      KEY
				      ".closID: %s is there already, and its schemata is not %s",
				      group, line_at(s, i));
	return 0;
}

/* As the file says them: "    L3:0=f;1=f". */
static int restore_line(const char *line, size_t len, void *arg)
{
	char text[1024];
	int *dir = arg;

	if (!len || !str_part(text, sizeof(text), line, len))
		return 0;
	return write_line(*dir, text + strspn(text, " "), NULL);
}

int resctrl_update(int root, const struct rdt_place *place, const char *id,
		   const char *const *lines, size_t n, struct err *e)
{
	_cleanup_free_ char *before = NULL;
	_cleanup_fd_ int dir = -1;
	size_t len;
	int rc = 0;

	if (!place->group || !place->created)
		return refuse(e, EINVAL,
			      "container `%s` has no class of its own in resctrl (linux.intelRdt): "
			      "its schemata are others', too",
			      id);
	dir = openat(root, place->group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return fail(e, errno, "container `%s`: open its class %s", id, place->group);
	rc = file_read_alloc(dir, "schemata", SCHEMATA_MAX, &before, &len, e);
	for (size_t i = 0; rc >= 0 && i < n; i++) {
		rc = write_line(dir, lines[i], e);
		if (rc < 0 && str_split(before, '\n', restore_line, &dir) < 0)
			log_warn("container `%s`: its schemata could not be put back", id);
	}
	return rc < 0 ? rc : 0;
}

/* --- groups --------------------------------------------------------------------------------------
 */

static int put_in(int dir, pid_t pid, const char *what, struct err *e)
{
	char text[16];
	int rc;

	(void)snprintf(text, sizeof(text), "%d", pid); /* a number fits */
	rc = file_write(dir, "tasks", text, e);
	return rc < 0 ? err_context(e, rc, KEY ": %s", what) : 0;
}

static int open_group(int root, const char *group, struct err *e)
{
	int fd = openat(root, group, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return refuse(e, ENOENT,
			      KEY ".closID: there is no class %s, and no schema to make it with",
			      group);
	return fd < 0 ? fail(e, errno, KEY ".closID: %s", group) : fd;
}

static int make_dir(int dir, const char *name, const char *what, bool *ret_made, struct err *e)
{
	if (mkdirat(dir, name, 0755) == 0)
		*ret_made = true;
	else if (errno == ENOSPC)
		return refuse(e, ENOSPC, KEY ": %s %s: the hardware has no more of them", what,
			      name);
	else if (errno != EEXIST)
		return fail(e, errno, KEY ": make %s %s", what, name);
	return 0;
}

static int monitor(int dir, const char *id, bool *ret_made, struct err *e)
{
	_cleanup_fd_ int groups =
		openat(dir, "mon_groups", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (groups < 0 && errno == ENOENT)
		return refuse(e, EOPNOTSUPP,
			      KEY ".enableMonitoring: this machine has no resctrl monitoring");
	if (groups < 0)
		return fail(e, errno, KEY ".enableMonitoring");
	return make_dir(groups, id, "monitoring group", ret_made, e);
}

int resctrl_enter(int root, const struct rdt_place *place, const char *id, pid_t pid, struct err *e)
{
	_cleanup_fd_ int dir = open_group(root, place->group, e), mon = -1;
	char path[300];
	int rc;

	if (dir < 0)
		return dir;
	rc = put_in(dir, pid, "class", e);
	if (rc < 0 || !place->monitored)
		return rc;
	(void)snprintf(path, sizeof(path), "mon_groups/%s", id); /* ids have at most 255 bytes */
	mon = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (mon < 0)
		return fail(e, errno, KEY ".enableMonitoring");
	return put_in(mon, pid, "monitoring group", e);
}

static int set_up(int root, const struct spec_linux *l, const char *id, struct rdt_place *p,
		  struct err *e)
{
	const struct lines lines = lines_of(l);
	_cleanup_fd_ int dir = -1;
	int rc = 0;

	if (!streq(p->group, ".") && (!l->intel_rdt.clos_id || count_lines(&lines)))
		rc = make_dir(root, p->group, "class", &p->created, e);
	if (rc == 0)
		rc = dir = open_group(root, p->group, e);
	if (rc < 0)
		return rc;
	if (p->created || !l->intel_rdt.clos_id)
		rc = write_schemata(dir, &lines, e);
	else
		rc = compare_schemata(dir, &lines, p->group, e);
	if (rc == 0 && l->intel_rdt.enable_monitoring)
		rc = monitor(dir, id, &p->monitored, e);
	return rc;
}

int resctrl_join(int root, const struct spec_linux *l, const char *id, pid_t pid,
		 struct rdt_place *ret, struct err *e)
{
	const char *clos = l->intel_rdt.clos_id;
	struct rdt_place p = {.group = !clos ? id : streq(clos, "/") ? "." : clos};
	int rc = set_up(root, l, id, &p, e);

	if (rc == 0)
		rc = resctrl_enter(root, &p, id, pid, e);
	if (rc < 0)
		(void)resctrl_leave(root, &p, id, NULL); /* the error above is told */
	/* A class that was named is kept (config-linux.md), once it has worked. */
	p.created = p.created && !clos;
	if (rc == 0)
		*ret = p;
	return rc;
}

int resctrl_leave(int root, const struct rdt_place *place, const char *id, struct err *e)
{
	char path[600];

	if (place->monitored) {
		(void)snprintf(path, sizeof(path), "%s/mon_groups/%s", place->group, id);
		if (unlinkat(root, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return fail(e, errno, "remove monitoring group %s", path);
	}
	if (place->created && unlinkat(root, place->group, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return fail(e, errno, "remove resctrl class %s", place->group);
	return 0;
}

/* A group that stays is in nobody's way; the container is gone all the same. */
void resctrl_leave_place(const struct container *c)
{
	_cleanup_fd_ int root = c->rdt.group ? resctrl_open(NULL) : -1;
	struct err own;

	if (root >= 0 && resctrl_leave(root, &c->rdt, c->id, &own) < 0)
		log_warn("container `%s`: %s", c->id, own.msg);
}
