/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts of any content -> a plan that keeps what runtime/mount_plan.h promises, or an error. The
 * input is a list of lines; an empty one ends a mount: destination, type, source, options. */
#include <stdlib.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "runtime/mount_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOUNTS_MAX 16
#define OPTIONS_MAX 16

struct input {
	struct spec_mount mounts[MOUNTS_MAX];
	char *options[MOUNTS_MAX][OPTIONS_MAX + 1];
	size_t n, line;
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void add_line(struct input *in, char *line)
{
	struct spec_mount *m = &in->mounts[in->n];

	if (!*line) {
		in->n += in->line > 0;
		in->line = 0;
		return;
	}
	m->options.v = in->options[in->n];
	if (in->line == 0)
		m->destination = line;
	else if (in->line == 1)
		m->type = line;
	else if (in->line == 2)
		m->source = line;
	else if (m->options.n < OPTIONS_MAX)
		m->options.v[m->options.n++] = line;
	in->line++;
}

static void split(struct input *in, char *text)
{
	while (in->n < MOUNTS_MAX) {
		char *end = strchrnul(text, '\n');
		bool last = !*end;

		*end = '\0';
		add_line(in, text);
		if (last)
			break;
		text = end + 1;
	}
	if (in->line > 0 && in->n < MOUNTS_MAX)
		in->n++;
}

static void check_path(const char *path)
{
	require(path[0] == '/' && !strstr(path, "//") && !strstr(path, "/./"));
	require(!path[1] || path[strlen(path) - 1] != '/');
}

static void check_flags(uint64_t set, uint64_t clr)
{
	const uint64_t known = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			       MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME |
			       MOUNT_ATTR_NOSYMFOLLOW;

	require(!((set | clr) & ~known));
	require(!(set & clr & ~(uint64_t)MOUNT_ATTR__ATIME));
	/* What mount_setattr(2) wants: the whole field, or nothing. */
	require(!(set & MOUNT_ATTR__ATIME) || (clr & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME);
}

static void check_plan(const struct mount_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct mount_op *op = &p->ops[i];

		check_path(op->destination);
		check_flags(op->attr_set, op->attr_clr);
		check_flags(op->rec_attr_set, op->rec_attr_clr);
		require(op->fd == -1);
		require(op->kind != MOUNT_OP_BIND || *op->source == '/');
		require(op->kind != MOUNT_OP_NEW || (op->fstype && *op->fstype));
		for (size_t k = 0; k < op->fs_options.n; k++)
			require(*op->fs_options.v[k] != '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {0};
	struct spec s = {.root_path = "rootfs", .mounts = in.mounts};
	struct strbuf text = STRBUF_INIT, printed = STRBUF_INIT;
	struct mount_plan p = {0};
	struct err e = ERR_INIT;
	int rc;

	strbuf_add(&text, data, size);
	if (!text.buf)
		return 0;
	split(&in, text.buf);
	s.n_mounts = in.n;
	rc = mount_plan_make(&s, "/bundle", &p, &e);
	if (rc < 0) {
		require(rc == -e.code && e.msg[0] && !p.ops);
	} else {
		check_plan(&p);
		mount_plan_print(&p, &printed);
		require(!printed.oom);
	}
	mount_plan_free(&p);
	strbuf_free(&printed);
	strbuf_free(&text);
	return 0;
}
