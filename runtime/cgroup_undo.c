/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a group said before a plan was written, so that a plan that fails half-way can
 * be taken back (`update`).
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/cgroup_internal.h"

#define OLD_MAX 65536

/* Files with a line for each key (cgroup-v2.rst, "Nested keyed"); what a key without a line has. */
static const struct {
	const char *file, *unset;
} keyed[] = {
	{"io.max", "rbps=max wbps=max riops=max wiops=max"},
	{"io.weight", "default"},
	{"io.bfq.weight", "default"},
	{"io.latency", "target=0"},
	{"rdma.max", "hca_handle=max hca_object=max"},
	{"misc.max", "max"},
};

static const char *unset_of(const char *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(keyed); i++)
		if (streq(file, keyed[i].file))
			return keyed[i].unset;
	return NULL;
}

/* The line of `text` whose first word is the len bytes at key. */
static const char *find_line(const char *text, const char *key, size_t len, size_t *ret_len)
{
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		if (n > len && line[len] == ' ' && memcmp(line, key, len) == 0) {
			*ret_len = n;
			return line;
		}
		line += n + (line[n] == '\n');
	}
	return NULL;
}

/* For each line that is to be written, the one it replaces. A number alone is the default of a
 * weight file. */
static char *old_lines(struct arena *a, const char *text, const char *value, const char *unset)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	for (const char *line = value; *line;) {
		size_t n = strcspn(line, "\n"), len = strcspn(line, " \n"), old_len;
		const char *key = len < n ? line : "default", *old;

		len = len < n ? len : strlen(key);
		old = find_line(text, key, len, &old_len);
		if (old)
			strbuf_addf(&sb, "%.*s\n", (int)old_len, old);
		else if (!streq(key, "default"))
			strbuf_addf(&sb, "%.*s %s\n", (int)len, key, unset);
		else
			strbuf_adds(&sb, text); /* bfq says just the number */
		line += n + (line[n] == '\n');
	}
	return sb.oom ? NULL : arena_strdup(a, strbuf_str(&sb));
}

int cg_undo_remember(struct cg_undo *u, struct arena *a, int cgfd, const char *file,
		     const char *value, struct err *e)
{
	static char text[OLD_MAX];
	const char *unset = unset_of(file);
	struct cg_old *old;
	ssize_t n;

	if (u->n == ARRAY_SIZE(u->v))
		return refuse(e, E2BIG, "linux.resources: more than %zu settings at once",
			      ARRAY_SIZE(u->v));
	for (size_t i = 0; i < u->n && !unset; i++)
		if (streq(u->v[i].file, file))
			return 0;
	old = &u->v[u->n];
	*old = (struct cg_old){.file = arena_strdup(a, file)};
	n = cg_read(cgfd, file, text, sizeof(text), NULL);
	if (n == -ENOENT)
		return 0; /* the write will say so */
	if (n >= 0)
		old->text = unset ? old_lines(a, text, value, unset) : arena_strdup(a, text);
	if (!old->file || (n >= 0 && !old->text))
		return fail(e, ENOMEM, "linux.resources");
	u->n++;
	return 0;
}

/* Backwards; once more for those that had to wait for another one (a quota for its burst). */
static void restore(struct cg_undo *u, int cgfd)
{
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = u->n; i-- > 0;) {
			struct cg_old *old = &u->v[i];

			if (old->text && !old->done)
				old->done = cg_write_lines(cgfd, old->file, old->text) == 0;
		}
}

int cg_undo(struct cg_undo *u, int cgfd, int rc, struct err *e)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct err first;

	restore(u, cgfd);
	for (size_t i = 0; i < u->n; i++)
		if (!u->v[i].done)
			strbuf_addf(&sb, "%s%s", sb.len ? ", " : "", u->v[i].file);
	if (!sb.len || !e)
		return rc;
	first = *e;
	return refuse(e, -rc, "%s; what was written before and could not be taken back: %s",
		      first.msg, strbuf_str(&sb));
}
