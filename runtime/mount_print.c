/* SPDX-License-Identifier: Apache-2.0 */
/* The plan for people: one line an operation. */
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "runtime/mount_plan.h"

static const struct name_value attrs[] = {
	{"ro", MOUNT_ATTR_RDONLY},
	{"nosuid", MOUNT_ATTR_NOSUID},
	{"nodev", MOUNT_ATTR_NODEV},
	{"noexec", MOUNT_ATTR_NOEXEC},
	{"nodiratime", MOUNT_ATTR_NODIRATIME},
	{"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW},
};

static const struct name_value atimes[] = {
	{"relatime", MOUNT_ATTR_RELATIME},
	{"noatime", MOUNT_ATTR_NOATIME},
	{"strictatime", MOUNT_ATTR_STRICTATIME},
};

static const struct name_value sb_flags[] = {
	{"sync", MS_SYNCHRONOUS},  {"dirsync", MS_DIRSYNC},    {"mand", MS_MANDLOCK},
	{"lazytime", MS_LAZYTIME}, {"iversion", MS_I_VERSION},
};

static const struct name_value propagations[] = {
	{"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
	{"slave", MS_SLAVE},	       {"rslave", MS_SLAVE | MS_REC},
	{"shared", MS_SHARED},	       {"rshared", MS_SHARED | MS_REC},
	{"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

static void add_mount_attrs(struct strbuf *out, const char *prefix, uint64_t set, uint64_t clr)
{
	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		if ((set | clr) & attrs[i].value)
			strbuf_addf(out, " %s%s%s", prefix, set & attrs[i].value ? "" : "-",
				    attrs[i].name);
	if (clr & MOUNT_ATTR__ATIME)
		strbuf_addf(out, " %s%s", prefix, table_name(atimes, set & MOUNT_ATTR__ATIME));
}

static void add_attrs(struct strbuf *out, const struct mount_op *op)
{
	const char *propagation = table_name(propagations, op->propagation);

	add_mount_attrs(out, "", op->attr_set, op->attr_clr);
	add_mount_attrs(out, "r:", op->rec_attr_set, op->rec_attr_clr);
	for (size_t i = 0; i < ARRAY_SIZE(sb_flags); i++)
		if (op->sb_set & sb_flags[i].value)
			strbuf_addf(out, " %s", sb_flags[i].name);
	if (propagation)
		strbuf_addf(out, " %s", propagation);
	if (op->idmap)
		strbuf_adds(out, op->idmap_recursive ? " ridmap" : " idmap");
	if (op->tmpcopyup)
		strbuf_adds(out, " tmpcopyup");
	if (op->copy_symlink)
		strbuf_adds(out, " copy-symlink");
	if (op->src_nofollow)
		strbuf_adds(out, " src-nofollow");
	if (op->dest_nofollow)
		strbuf_adds(out, " dest-nofollow");
	for (size_t i = 0; i < op->fs_options.n; i++)
		strbuf_addf(out, " %s", op->fs_options.v[i]);
}

static void add_device(struct strbuf *out, const struct mount_op *op)
{
	const struct spec_device *d = op->device;

	if (op->source)
		strbuf_addf(out, "bind-device %s from %s", op->destination, op->source);
	else
		strbuf_addf(out, "device %s %c %lld:%lld %04o %u:%u", op->destination, d->type,
			    (long long)d->major, (long long)d->minor, d->mode, d->uid, d->gid);
}

static void add_op_line(struct strbuf *out, const struct mount_plan *p, const struct mount_op *op)
{
	switch (op->kind) {
	case MOUNT_OP_ROOT:
		strbuf_addf(out, "root %s%s", op->source, p->root_readonly ? " ro" : "");
		break;
	case MOUNT_OP_NEW:
		strbuf_addf(out, "new %s %s", op->fstype, op->destination);
		if (op->or_bind)
			strbuf_addf(out, " or-rbind from %s", op->or_bind);
		break;
	case MOUNT_OP_BIND:
		strbuf_addf(out, "%s %s from %s", op->recursive ? "rbind" : "bind", op->destination,
			    op->source);
		break;
	case MOUNT_OP_CGROUP:
		strbuf_addf(out, "%s %s", p->own_cgroupns ? "new cgroup2" : "bind-cgroup",
			    op->destination);
		break;
	case MOUNT_OP_REMOUNT:
		strbuf_addf(out, "remount %s", op->destination);
		break;
	case MOUNT_OP_DEVICE:
		add_device(out, op);
		break;
	case MOUNT_OP_SYMLINK:
		strbuf_addf(out, "symlink %s to %s", op->destination, op->source);
		break;
	case MOUNT_OP_CONSOLE:
		strbuf_addf(out, "console %s", op->destination);
		break;
	case MOUNT_OP_MASK:
		strbuf_addf(out, "mask %s", op->destination);
		break;
	case MOUNT_OP_READONLY:
		strbuf_addf(out, "read-only %s", op->destination);
		break;
	case MOUNT_OP_ROOT_READONLY:
		strbuf_adds(out, "read-only root");
		break;
	}
	add_attrs(out, op);
}

void mount_plan_print(const struct mount_plan *p, struct strbuf *out)
{
	for (size_t i = 0; i < p->n; i++) {
		add_op_line(out, p, &p->ops[i]);
		strbuf_adds(out, "\n");
	}
}
