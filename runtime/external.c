/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/external.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mountinfo.h"
#include "base/procfs.h"
#include "base/rootfs.h"
#include "runtime/criu_wire.h"
#include "runtime/notify.h"

#define STDIO_FILE "descriptors.json"
#define STDIO_MAX 4096
#define NETNS_KEY "extRootNetNS"
#define PIDNS_KEY "extRootPidNS"

/* --- mounts --------------------------------------------------------------------------------------
 */

/* Mounts of a process, as text: number and mount point of each line. */
struct mounts {
	char *text;
	size_t len;
};

static int mounts_read(pid_t pid, struct mounts *ret, struct err *e)
{
	char name[32];
	int proc = proc_root(e);

	if (proc < 0)
		return proc;
	(void)snprintf(name, sizeof(name), "%d/mountinfo", pid); /* a number fits */
	return file_read_alloc(proc, name, MOUNTINFO_MAX, &ret->text, &ret->len, e);
}

static bool is_point(const struct mountinfo *m, void *arg)
{
	return streq(m->point, arg);
}

static bool has_point(const struct mounts *m, char *point)
{
	return mountinfo_any(m->text, is_point, point);
}

static bool is_id(const struct mountinfo *m, void *arg)
{
	return m->id == *(const uint64_t *)arg;
}

static void add_pair(struct strbuf *opts, enum criu_field field, const char *key, const char *value)
{
	_cleanup_strbuf_ struct strbuf pair = STRBUF_INIT;

	wire_string(&pair, 1, key);
	wire_string(&pair, 2, value);
	wire_message(opts, field, &pair);
}

/* What comes from outside of the container at this operation's destination; NULL: nothing. */
static const char *outside(const struct mount_op *op, const struct mount_plan *p)
{
	switch (op->kind) {
	case MOUNT_OP_BIND:
	case MOUNT_OP_DEVICE:
		return op->source; /* of a device: only where it cannot be made */
	case MOUNT_OP_MASK:
		return "/dev/null"; /* a file's; directories have an empty filesystem of their own
				     */
	case MOUNT_OP_CGROUP:
		return p->own_cgroupns ? NULL : p->cgroup_path;
	default:
		return NULL;
	}
}

/* CRIU writes "mnt[KEY]:VALUE" and looks for the bracket. */
static int check_key(const char *key, struct err *e)
{
	if (!strpbrk(key, "[]"))
		return 0;
	return refuse(e, EOPNOTSUPP, "mount on %s: CRIU cannot tell a path with brackets", key);
}

/* Where the destination is in the container: its links are resolved there. */
static int resolve(int root, const char *destination, char *buf, size_t size, bool *ret_dir,
		   struct err *e)
{
	_cleanup_fd_ int fd = root_open(root, destination, O_PATH, 0, NULL);
	char name[32];
	struct stat st;
	ssize_t n;

	*buf = '\0';
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, fd < 0 ? -fd : errno, "look at %s in the container", destination);
	(void)snprintf(name, sizeof(name), "self/fd/%d", fd); /* a number fits */
	n = readlinkat(proc_root(NULL), name, buf, size - 1);
	if (n < 0 || (size_t)n == size - 1)
		return fail(e, n < 0 ? errno : ENAMETOOLONG, "look at %s in the container",
			    destination);
	buf[n] = '\0';
	*ret_dir = S_ISDIR(st.st_mode);
	return 0;
}

static int dump_mount(struct strbuf *opts, const struct mount_op *op, int root,
		      const struct mounts *m, struct err *e)
{
	char point[PATH_MAX];
	bool dir = false;
	int rc = resolve(root, op->destination, point, sizeof(point), &dir, e);

	if (rc < 0 || !*point || !has_point(m, point))
		return rc;
	if (op->kind == MOUNT_OP_MASK && dir)
		return 0;
	if (op->idmap)
		return refuse(e, EOPNOTSUPP,
			      "mount on %s is id-mapped: CRIU would restore it without", point);
	rc = check_key(point, e);
	if (rc == 0)
		rc = check_key(op->destination, e);
	if (rc == 0)
		add_pair(opts, CRIU_EXT_MNT, point, op->destination);
	return rc;
}

/*
 * What the host has mounted below the source of a recursive bind mount, or below the root
 * filesystem, comes along with it, and is outside as well.
 */
struct below {
	struct strbuf *opts;
	const struct mount_plan *plan;
	const struct mount_op *op;
	const char *source;	     /* without links, as mountinfo shows it */
	const struct mounts *inside; /* dump: the container's mounts; NULL: restore */
	int rc;
	struct err *e;
};

static bool is_destination(const struct mount_plan *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->ops[i].kind != MOUNT_OP_REMOUNT && streq(p->ops[i].destination, path))
			return true;
	return false;
}

static bool add_below(const struct mountinfo *m, void *arg)
{
	struct below *b = arg;
	const char *to = streq(b->op->destination, "/") ? "" : b->op->destination;
	const char *rest = str_after(m->point, streq(b->source, "/") ? "" : b->source);
	char inside[PATH_MAX];

	if (!rest || rest[0] != '/' || !rest[1] ||
	    snprintf(inside, sizeof(inside), "%s%s", to, rest) >= (int)sizeof(inside) ||
	    is_destination(b->plan, inside) || (b->inside && !has_point(b->inside, inside)))
		return false;
	/* Of those that are only offered, the odd ones are left out. */
	b->rc = check_key(inside, b->inside ? b->e : NULL);
	if (b->rc == 0)
		add_pair(b->opts, CRIU_EXT_MNT, inside, b->inside ? inside : m->point);
	else if (!b->inside)
		b->rc = 0;
	return b->rc < 0;
}

static int below(struct strbuf *opts, const struct mount_plan *p, const struct mount_op *op,
		 const struct mounts *host, const struct mounts *inside, struct err *e)
{
	struct below b = {.opts = opts, .plan = p, .op = op, .inside = inside, .e = e};
	_cleanup_free_ char *source = NULL;

	if (op->kind != MOUNT_OP_ROOT && !(op->kind == MOUNT_OP_BIND && op->recursive))
		return 0;
	b.source = source = realpath(op->kind == MOUNT_OP_ROOT ? p->rootfs : op->source, NULL);
	if (source)
		(void)mountinfo_any(host->text, add_below,
				    &b); /* it says whether it has stopped: b.rc */
	return b.rc;
}

static int dump_mounts(struct strbuf *opts, const struct container *c, const struct spec *s,
		       const struct mounts *m, struct err *e)
{
	_cleanup_fd_ int root = proc_root_of(c->init_pid, e);
	struct mount_plan p = {0};
	struct mounts host = {0};
	int rc = root < 0 ? root : mount_plan_make(s, c->bundle, &p, e);

	if (rc == 0)
		rc = mounts_read(getpid(), &host, e);
	p.cgroup_path = c->cgroup; /* of the source, here, only that there is one counts */
	for (size_t i = 0; rc == 0 && i < p.n; i++) {
		if (outside(&p.ops[i], &p))
			rc = dump_mount(opts, &p.ops[i], root, m, e);
		if (rc == 0)
			rc = below(opts, &p, &p.ops[i], &host, m, e);
	}
	free(host.text);
	mount_plan_free(&p);
	return rc;
}

/* The container may have had a socket to say that it is ready, and this time nobody asks: what it
 * finds in place of that is an empty directory. */
static int restore_notify(struct strbuf *opts, const struct creation *c, struct err *e)
{
	const char *dir;
	int rc;

	if (c->notifies || is_destination(&c->mounts, NOTIFY_INSIDE))
		return 0;
	dir = notify_path(&c->spec->arena, c->rt, c->o->id);
	rc = dir ? notify_make_dir(c->container->dirfd, e) : fail(e, ENOMEM, NOTIFY_INSIDE);
	if (rc == 0)
		add_pair(opts, CRIU_EXT_MNT, NOTIFY_INSIDE, dir);
	return rc;
}

static int restore_mounts(struct strbuf *opts, const struct mount_plan *p, struct err *e)
{
	struct mounts host = {0};
	int rc = mounts_read(getpid(), &host, e);

	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		const char *source = outside(&p->ops[i], p);

		rc = source ? check_key(p->ops[i].destination, e) : 0;
		if (rc == 0 && source)
			add_pair(opts, CRIU_EXT_MNT, p->ops[i].destination, source);
		if (rc == 0)
			rc = below(opts, p, &p->ops[i], &host, NULL, e);
	}
	free(host.text);
	return rc;
}

/* --- namespaces ----------------------------------------------------------------------------------
 */

static const struct {
	enum spec_ns_kind kind;
	const char *file, *key; /* key: external; else joined at restore */
} joined[] = {
	{NS_NETWORK, "net", NETNS_KEY}, {NS_PID, "pid", PIDNS_KEY}, {NS_IPC, "ipc", NULL},
	{NS_UTS, "uts", NULL},		{NS_TIME, "time", NULL},
};

static int check_namespaces(const struct spec *s, struct err *e)
{
	static const struct {
		enum spec_ns_kind kind;
		const char *name;
	} fixed[] = {{NS_USER, "user"}, {NS_MOUNT, "mount"}, {NS_CGROUP, "cgroup"}};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (s->linux_.namespaces[fixed[i].kind].path)
			return refuse(e, EOPNOTSUPP,
				      "config.json: linux.namespaces: CRIU cannot take up a %s "
				      "namespace that is joined by its path",
				      fixed[i].name);
	if (!s->linux_.namespaces[NS_MOUNT].wanted)
		return refuse(e, EOPNOTSUPP,
			      "config.json: linux.namespaces: CRIU cannot take up a container "
			      "without a mount namespace");
	return 0;
}

static int dump_namespaces(struct strbuf *opts, const struct container *c, const struct spec *s,
			   struct err *e)
{
	int rc = check_namespaces(s, e);

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(joined); i++) {
		struct stat st;
		char text[64];

		if (!joined[i].key || !s->linux_.namespaces[joined[i].kind].path)
			continue;
		rc = proc_ns_stat(c->init_pid, joined[i].file, &st, e);
		if (rc < 0)
			return rc;
		(void)snprintf(text, sizeof(text), "%s[%llu]:%s", joined[i].file,
			       (unsigned long long)st.st_ino, joined[i].key); /* fits */
		wire_string(opts, CRIU_EXTERNAL, text);
	}
	return rc;
}

/* CRIU takes over a copy of `fd` and knows it by the key. */
static int inherit(struct strbuf *opts, struct criu_start *how, int fd, const char *key,
		   struct err *e)
{
	_cleanup_strbuf_ struct strbuf pair = STRBUF_INIT;
	int copy = how->n_keep < CRIU_KEEP_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;

	if (copy < 0)
		return fail(e, errno, "pass descriptor %d to CRIU", fd);
	how->keep[how->n_keep++] = copy;
	wire_string(&pair, 1, key);
	wire_u64(&pair, 2, (uint64_t)copy);
	wire_message(opts, CRIU_INHERIT_FD, &pair);
	return 0;
}

static int restore_namespaces(struct strbuf *opts, struct criu_start *how, const struct creation *c,
			      struct err *e)
{
	int rc = check_namespaces(c->spec, e);

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(joined); i++) {
		int fd = c->ns.fds[joined[i].kind];
		char path[64];

		if (fd < 0)
			continue;
		if (joined[i].key) {
			rc = inherit(opts, how, fd, joined[i].key, e);
			continue;
		}
		/* The one that was opened and checked, not whatever has its name by now. */
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd); /* fits */
		add_pair(opts, CRIU_JOIN_NS, joined[i].file, path);
	}
	return rc;
}

/* --- 0, 1, 2 -------------------------------------------------------------------------------------
 */

static bool is_form(const char *text, const char *name, int base, int numbers)
{
	const char *p = str_after(text, name);

	for (int i = 0; p && i < numbers; i++) {
		size_t n = strspn(p, base == 16 ? "0123456789abcdef" : "0123456789");

		if (n == 0 || n > 16)
			return false;
		p += n;
		if (i + 1 < numbers && *p++ != ':')
			return false;
	}
	return p && streq(p, "]");
}

bool external_is_key(const char *text)
{
	return is_form(text, "pipe:[", 10, 1) || is_form(text, "file[", 16, 2) ||
	       is_form(text, "null[", 16, 2) || is_form(text, "tty[", 16, 2);
}

/* Unix98 terminals have majors 136-143 (devices.txt), the old ones 4; 5:0 and 5:1 are aliases. */
static bool is_tty(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && ((major(st->st_rdev) >= 136 && major(st->st_rdev) <= 143) ||
					major(st->st_rdev) == 4 || major(st->st_rdev) == 5);
}

static int mount_of(pid_t pid, int fd, uint64_t *ret)
{
	char name[48], text[1024];

	(void)snprintf(name, sizeof(name), "fdinfo/%d", fd); /* a number fits */
	if (proc_read(pid, name, text, sizeof(text), NULL) < 0)
		return -ENOENT;
	return proc_fdinfo_mount(text, ret);
}

/* What CRIU is to know about descriptor `fd` of init; what it knows itself is only shown. */
static void describe(struct strbuf *opts, pid_t pid, int fd, const struct mounts *m, char *buf,
		     size_t size)
{
	char name[48];
	struct stat st;
	uint64_t mount;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "%d/fd/%d", pid, fd); /* two numbers fit */
	n = readlinkat(proc_root(NULL), name, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	/* The magic link is followed in our own procfs, to look at what is open, not to open it. */
	if (fstatat(proc_root(NULL), name, &st, 0) < 0 || mount_of(pid, fd, &mount) < 0 ||
	    !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) || S_ISDIR(st.st_mode)) ||
	    mountinfo_any(m->text, is_id, &mount))
		return;
	if (is_tty(&st))
		(void)snprintf(buf, size, "tty[%llx:%llx]", (unsigned long long)st.st_rdev,
			       (unsigned long long)st.st_dev);
	else
		(void)snprintf(buf, size, "file[%llx:%llx]", (unsigned long long)mount,
			       (unsigned long long)st.st_ino);
	wire_string(opts, CRIU_EXTERNAL, buf);
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		memcpy(buf, "null", 4); /* the key is as long as it was */
}

static int dump_stdio(struct strbuf *opts, const struct container *c, const struct mounts *m,
		      int image_fd, struct err *e)
{
	struct json_writer w = {0};
	int rc;

	json_w_array(&w, NULL);
	for (int fd = 0; fd <= 2; fd++) {
		char text[512];

		describe(opts, c->init_pid, fd, m, text, sizeof(text));
		json_w_string(&w, NULL, text);
	}
	json_w_end_array(&w);
	rc = w.sb.oom ? fail(e, ENOMEM, STDIO_FILE)
		      : file_write_atomic(image_fd, STDIO_FILE, strbuf_str(&w.sb), w.sb.len, 0600,
					  e);
	strbuf_free(&w.sb);
	return rc;
}

/* One of the three strings: "" or what CRIU is to find our descriptor under. */
static int restore_descriptor(struct strbuf *opts, struct criu_start *how, int fd, const char *text,
			      struct err *e)
{
	_cleanup_fd_ int null = -1;
	char key[64];

	if (!external_is_key(text))
		return 0;
	(void)snprintf(key, sizeof(key), "%s", text); /* as long as they may be */
	if (str_after(text, "null[")) {
		(void)snprintf(key, sizeof(key), "file%s", text + strlen("null")); /* as long */
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		return null < 0 ? fail(e, errno, "/dev/null") : inherit(opts, how, null, key, e);
	}
	/* CRIU sets the position it had. */
	if (str_after(text, "file[") && lseek(fd, 0, SEEK_CUR) < 0)
		return refuse(e, ESPIPE,
			      "descriptor %d was a file when the checkpoint was made; here it is a "
			      "pipe, a socket or a terminal, and CRIU needs a file: redirect it",
			      fd);
	return inherit(opts, how, fd, key, e);
}

static int restore_stdio(struct strbuf *opts, struct criu_start *how, int image_fd, struct err *e)
{
	_cleanup_fd_ int fd =
		openat(image_fd, STDIO_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	char text[STDIO_MAX];
	struct stat st;
	struct json *doc;
	ssize_t n;
	int rc;

	if (fd < 0 && errno == ENOENT)
		return 0; /* made by CRIU itself: nothing is known */
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return refuse(e, EBADMSG, STDIO_FILE ": not a regular file");
	n = io_read(fd, text, sizeof(text));
	if (n < 0 || n == (ssize_t)sizeof(text))
		return refuse(e, EBADMSG, STDIO_FILE ": cannot be read, or is too long");
	rc = json_parse(&arena, text, (size_t)n, STDIO_FILE, &doc, e);
	if (rc < 0)
		return rc;
	if (doc->type != JSON_ARRAY || doc->array.n > 3)
		return refuse(e, EBADMSG, STDIO_FILE ": expected an array of three strings");
	for (size_t i = 0; rc == 0 && i < doc->array.n; i++) {
		const struct json *v = doc->array.items[i];
		bool again = false;

		for (size_t j = 0; j < i; j++) /* one key, one descriptor */
			again |= v->type == JSON_STRING &&
				 doc->array.items[j]->type == JSON_STRING &&
				 streq(v->string.text, doc->array.items[j]->string.text);
		if (v->type == JSON_STRING && !again)
			rc = restore_descriptor(opts, how, (int)i, v->string.text, e);
	}
	return rc;
}

/* --- all of it -----------------------------------------------------------------------------------
 */

int external_dump(struct strbuf *opts, const struct container *c, const struct spec *s,
		  int image_fd, struct err *e)
{
	struct mounts m = {0};
	int rc = mounts_read(c->init_pid, &m, e);

	if (rc == 0)
		rc = dump_mounts(opts, c, s, &m, e);
	if (rc == 0)
		rc = dump_namespaces(opts, c, s, e);
	if (rc == 0)
		rc = dump_stdio(opts, c, &m, image_fd, e);
	free(m.text);
	return rc;
}

int external_restore(struct strbuf *opts, struct criu_start *how, const struct creation *c,
		     int image_fd, struct err *e)
{
	int rc = restore_mounts(opts, &c->mounts, e);

	if (rc == 0)
		rc = restore_notify(opts, c, e);
	if (rc == 0)
		rc = restore_namespaces(opts, how, c, e);
	return rc < 0 ? rc : restore_stdio(opts, how, image_fd, e);
}

void external_close(struct criu_start *how)
{
	for (size_t i = 0; i < how->n_keep; i++)
		(void)fd_close(how->keep[i]);
	how->n_keep = 0;
}
