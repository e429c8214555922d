/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cr.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/table.h"
#include "runtime/criu_wire.h"
#include "runtime/idmap.h"
#include "runtime/rootless.h"

static const struct name_value cgroups_modes[] = {
	{"full", CR_CG_FULL},
	{"ignore", CR_CG_IGNORE},
	{"soft", CR_CG_SOFT},
	{"strict", CR_CG_STRICT},
};

/* rpc.proto, criu_network_lock_method */
static const struct name_value network_locks[] = {{"iptables", 1}, {"nftables", 2}, {"skip", 3}};

int cr_cgroups_mode(const char *name, int fallback, struct err *e)
{
	const struct name_value *hit = name ? table_find(cgroups_modes, name) : NULL;

	if (!name)
		return fallback;
	if (!hit)
		return refuse(e, EINVAL,
			      "--manage-cgroups-mode: expected soft, full, strict or ignore, "
			      "found \"%s\"",
			      name);
	return (int)hit->value;
}

int cr_cgroups_default(const struct spec *s)
{
	const struct spec_namespace *ns = s->linux_.namespaces;

	return ns[NS_USER].wanted && ns[NS_CGROUP].wanted ? CR_CG_SOFT : CR_CG_IGNORE;
}

int cr_page_server(const char *text, char *buf, size_t size, int *ret_port, struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	int port;

	if (!colon || parse_int(colon + 1, 10, &port) < 0 || port < 1 || port > 65535 || !len)
		return refuse(e, EINVAL, "--page-server: expected ADDRESS:PORT, found \"%s\"",
			      text);
	if (text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (!len || len >= size)
		return refuse(e, EINVAL, "--page-server: not an address: \"%s\"", text);
	memcpy(buf, text, len);
	buf[len] = '\0';
	*ret_port = port;
	return 0;
}

/* criu_opts.empty_ns takes the network alone. */
static int check_empty_ns(const struct cr_opts *o, struct err *e)
{
	for (const char *const *n = o->empty_ns; n && *n; n++)
		if (!streq(*n, "network") && !streq(*n, "net"))
			return refuse(e, EOPNOTSUPP,
				      "--empty-ns %s: CRIU knows an empty network namespace alone",
				      *n);
	return 0;
}

static int check_lsm(const struct cr_opts *o, struct err *e)
{
	const char *name = o->lsm_profile;

	if (!name)
		return 0;
	if (str_after(name, "apparmor:"))
		name += strlen("apparmor:");
	else if (str_after(name, "selinux:"))
		name += strlen("selinux:");
	else
		name = "";
	return *name ? 0
		     : refuse(e, EINVAL,
			      "--lsm-profile: expected apparmor:NAME or selinux:LABEL, found "
			      "\"%s\"",
			      o->lsm_profile);
}

int cr_check(const struct cr_opts *o, struct err *e)
{
	char address[256];
	int port, rc;

	if (rootless_is_ordinary())
		return refuse(e, EPERM,
			      "an ordinary user's container cannot be checkpointed or restored: "
			      "CRIU needs root's privileges for that");
	rc = cr_cgroups_mode(o->cgroups_mode, 0, e);
	if (rc < 0)
		return rc;
	if (o->network_lock && !table_find(network_locks, o->network_lock))
		return refuse(e, EINVAL,
			      "--network-lock: expected iptables, nftables or skip, found \"%s\"",
			      o->network_lock);
	if (o->status_fd_set && (o->status_fd < 0 || fcntl(o->status_fd, F_GETFD) < 0))
		return refuse(e, EBADF, "--status-fd: descriptor %d is not open", o->status_fd);
	rc = o->page_server ? cr_page_server(o->page_server, address, sizeof(address), &port, e)
			    : 0;
	if (rc == 0)
		rc = check_empty_ns(o, e);
	return rc < 0 ? rc : check_lsm(o, e);
}

/* What CRIU makes for --parent-path. */
#define CR_PARENT_LINK "parent"

/* --- directories ---------------------------------------------------------------------------------
 */

static int open_dir(const char *option, const char *path, bool make, struct err *e)
{
	int fd, rc;

	if (make) {
		/* Others may pass, not list: a restored process that is root in a user namespace
		 * looks for images of its own. The images are 0600. */
		rc = dir_make_all(AT_FDCWD, path, 0711, e);
		if (rc < 0)
			return err_context(e, rc, "%s", option);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "%s %s", option, path) : fd;
}

/* --- the checkpoint before this one --------------------------------------------------------------
 */

char *cr_relative(const char *from, const char *to)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	size_t i = 0, common = 0;

	for (; from[i] && from[i] == to[i]; i++)
		if (from[i] == '/')
			common = i;
	if ((!from[i] || from[i] == '/') && (!to[i] || to[i] == '/'))
		common = i;
	for (const char *p = from + common; *p; p++)
		if (p[0] == '/' && p[1])
			strbuf_adds(&sb, "../");
	strbuf_adds(&sb, to + common + (to[common] == '/'));
	if (!sb.len)
		strbuf_adds(&sb, ".");
	else if (!sb.oom && sb.buf[sb.len - 1] == '/')
		sb.buf[--sb.len] = '\0';
	return strbuf_take(&sb);
}

/* CRIU makes a link of it, and follows that link when it restores, in the container's root by then:
 * an absolute path leads nowhere there. */
static int make_relative(struct cr_dirs *d, const char *path, struct err *e)
{
	_cleanup_free_ char *to = realpath(path, NULL);
	char name[32], from[PATH_MAX];
	ssize_t n;

	(void)snprintf(name, sizeof(name), "self/fd/%d", d->image); /* a number fits */
	n = to ? readlinkat(proc_root(NULL), name, from, sizeof(from)) : -1;
	if (n < 0 || (size_t)n == sizeof(from))
		return fail(e, n < 0 ? errno : ENAMETOOLONG, "--parent-path %s", path);
	from[n] = '\0';
	d->parent = cr_relative(from, to);
	return d->parent ? 0 : fail(e, ENOMEM, "--parent-path %s", path);
}

static int set_parent(const struct cr_opts *o, struct cr_dirs *d, struct err *e)
{
	const char *path = o->parent_path;
	struct stat st, own;

	if (!path)
		return 0;
	if (fstatat(d->image, path, &st, 0) < 0 || !S_ISDIR(st.st_mode))
		return refuse(e, ENOTDIR,
			      "--parent-path %s: no such directory (it is relative to "
			      "--image-path)",
			      path);
	if (fstat(d->image, &own) == 0 && own.st_dev == st.st_dev && own.st_ino == st.st_ino)
		return refuse(e, EINVAL, "--parent-path %s: this is --image-path itself", path);
	if (*path == '/')
		return make_relative(d, path, e);
	d->parent = strdup(path);
	return d->parent ? 0 : fail(e, ENOMEM, "--parent-path %s", path);
}

int cr_parent_clear(const struct cr_dirs *d, struct err *e)
{
	struct stat st;

	if (fstatat(d->image, CR_PARENT_LINK, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(e, errno, "look at " CR_PARENT_LINK);
	if (!S_ISLNK(st.st_mode))
		return refuse(e, EEXIST,
			      "--image-path: " CR_PARENT_LINK " in it is not CRIU's link to an "
			      "earlier checkpoint: remove it");
	return unlinkat(d->image, CR_PARENT_LINK, 0) < 0
		       ? fail(e, errno, "remove the link " CR_PARENT_LINK)
		       : 0;
}

int cr_parent_check(const struct cr_dirs *d, struct err *e)
{
	char text[PATH_MAX] = "";
	ssize_t n = readlinkat(d->image, CR_PARENT_LINK, text, sizeof(text) - 1);

	if (n < 0 && !d->parent)
		return 0;
	text[n > 0 ? n : 0] = '\0';
	if (d->parent && streq(text, d->parent))
		return 0;
	return refuse(e, EBADMSG,
		      "--image-path: the link " CR_PARENT_LINK " leads to \"%s\" instead of "
		      "\"%s\": the images cannot be restored",
		      text, d->parent ? d->parent : "");
}

/* What CRIU writes beside the images' own directory. */
static const char *const work_files[] = {"dump.log", "restore.log", "stats-dump", "stats-restore",
					 NULL};

static bool is_listed(const char *const *names, const char *name)
{
	while (*names && !streq(*names, name))
		names++;
	return *names;
}

/*
 * Images come from elsewhere (an archive that was exported on another machine), and CRIU, which is
 * root, follows links when it reads them and when it writes its log and statistics beside them, and
 * waits for ever at a FIFO. The one link that belongs there leads to the checkpoint before this
 * one. `names`: of those that matter; NULL: all.
 */
static int check_entry(const char *option, const char *path, int fd, const char *name,
		       const char *const *names, struct err *e)
{
	struct stat st;

	if ((names && !is_listed(names, name)) || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* or somebody has removed it */
	/* The socket of criu lazy-pages: who opens it is told so. */
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISSOCK(st.st_mode))
		return 0;
	if (!S_ISLNK(st.st_mode))
		return refuse(e, EINVAL, "%s %s: %s is not a regular file", option, path, name);
	return streq(name, CR_PARENT_LINK)
		       ? 0
		       : refuse(e, ELOOP, "%s %s: %s is a symbolic link", option, path, name);
}

static DIR *list(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		int errnum = errno;

		(void)fd_close(fd);
		errno = errnum;
	}
	return dir;
}

static int check_entries(const char *option, const char *path, int fd, const char *const *names,
			 struct err *e)
{
	_cleanup_dir_ DIR *dir = list(fd);
	struct dirent *d;

	if (!dir)
		return fail(e, errno, "%s %s", option, path);
	while (errno = 0, (d = readdir(dir))) {
		int rc = check_entry(option, path, fd, d->d_name, names, e);

		if (rc < 0)
			return rc;
	}
	return errno ? fail(e, errno, "%s %s", option, path) : 0;
}

int cr_dirs_open(const struct cr_opts *o, bool make, struct cr_dirs *ret, struct err *e)
{
	const char *image = o->image_path ? o->image_path : CR_IMAGE_PATH;
	const char *work = o->work_path ? o->work_path : image;
	int rc;

	ret->image = open_dir("--image-path", image, make, e);
	if (ret->image < 0)
		return ret->image;
	ret->work = open_dir("--work-path", work, true, e);
	if (ret->work < 0)
		return ret->work;
	rc = check_entries("--image-path", image, ret->image, NULL, e);
	if (rc == 0)
		rc = check_entries("--work-path", work, ret->work, work_files, e);
	return rc < 0 ? rc : set_parent(o, ret, e);
}

void cr_dirs_close(struct cr_dirs *d)
{
	/* Not while another restore needs it, too. */
	if (d->image >= 0 && d->mode && flock(d->image, LOCK_EX | LOCK_NB) == 0)
		(void)fchmod(d->image, d->mode); /* it had it before */
	d->image = fd_close(d->image);
	d->work = fd_close(d->work);
	free(take_ptr(&d->parent));
	strbuf_free(&d->before);
}

/* --- who may read the images ---------------------------------------------------------------------
 *
 * Memory is in there: nobody else's business. But whoever restores a user namespace looks for some
 * of the images from within it, at first as our own user, whom the namespace does not know yet (no
 * capability helps him there), and in the end as its root. The one is the owner; the other is let
 * in as the group, to read: what he could change, a later restore would believe as root.
 */

static bool userns_root(const struct spec *s, uint32_t *ret_uid, uint32_t *ret_gid)
{
	return s->linux_.namespaces[NS_USER].wanted &&
	       idmap_to_host(&s->linux_.uid_mappings, 0, ret_uid) &&
	       idmap_to_host(&s->linux_.gid_mappings, 0, ret_gid);
}

int cr_images_note(struct cr_dirs *d, struct err *e)
{
	_cleanup_dir_ DIR *dir = list(d->image);
	struct dirent *entry;

	if (!dir)
		return fail(e, errno, "read the image directory");
	while ((entry = readdir(dir)))
		strbuf_add(&d->before, entry->d_name, strlen(entry->d_name) + 1);
	return d->before.oom ? fail(e, ENOMEM, "read the image directory") : 0;
}

static bool was_before(const struct cr_dirs *d, const char *name)
{
	const char *p = strbuf_str(&d->before), *end = p + d->before.len;

	while (p < end && !streq(p, name))
		p += strlen(p) + 1;
	return p < end;
}

/* A file of this dump alone. Whatever was there, or is somewhere else as well, is not ours. */
static int give(const struct cr_dirs *d, const char *name, uint32_t uid, uint32_t gid)
{
	size_t len = strlen(name), suffix = strlen(".img");
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (len < suffix || !streq(name + len - suffix, ".img"))
		return 0;
	fd = openat(d->image, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (was_before(d, name) || st.st_nlink != 1) {
		if (st.st_uid != uid && st.st_gid != gid)
			log_warn("image %s was there before and stays whose it is: restore may "
				 "not be able to read it",
				 name);
		return 0;
	}
	return fchown(fd, (uid_t)-1, gid) < 0 || fchmod(fd, 0640) < 0 ? -errno : 0;
}

int cr_images_give(const struct cr_dirs *d, const struct spec *s, struct err *e)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *entry;
	uint32_t uid, gid;

	if (!userns_root(s, &uid, &gid))
		return 0;
	dir = list(d->image);
	if (!dir)
		return fail(e, errno, "read the image directory");
	while ((entry = readdir(dir))) {
		int rc = give(d, entry->d_name, uid, gid);

		if (rc < 0)
			return fail(e, -rc, "let group %u read the image %s", gid, entry->d_name);
	}
	return 0;
}

int cr_images_admit(struct cr_dirs *d, const struct spec *s, struct err *e)
{
	uint32_t uid, gid;
	struct stat st;
	mode_t needed;

	if (!userns_root(s, &uid, &gid))
		return 0;
	(void)flock(d->image,
		    LOCK_SH); /* see cr_dirs_close; without, that one just does not wait */
	if (fstat(d->image, &st) < 0)
		return fail(e, errno, "look at the image directory");
	needed = st.st_uid == uid ? S_IXUSR : st.st_gid == gid ? S_IXGRP : S_IXOTH;
	if (st.st_mode & needed)
		return 0;
	if (fchmod(d->image, (st.st_mode & 07777) | needed) < 0)
		return fail(e, errno, "let user %u pass through the image directory", uid);
	d->mode = st.st_mode & 07777;
	return 0;
}

/* --- for CRIU ------------------------------------------------------------------------------------
 */

int cr_config_file(const struct spec_pairs *annotations, const char **ret, struct err *e)
{
	const char *named = NULL;
	struct stat st;

	for (size_t i = 0; i < annotations->n; i++)
		if (streq(annotations->v[i].key, CR_CONFIG_ANNOTATION))
			named = annotations->v[i].value;
	*ret = NULL;
	if (!named) {
		if (stat(CR_CONFIG_FILE, &st) == 0)
			*ret = CR_CONFIG_FILE;
		return 0;
	}
	if (!*named)
		return 0;
	if (*named != '/')
		return refuse(e, EINVAL,
			      "config.json: annotations." CR_CONFIG_ANNOTATION
			      ": expected an absolute path, found \"%s\"",
			      named);
	if (stat(named, &st) < 0 || !S_ISREG(st.st_mode))
		return refuse(e, ENOENT,
			      "config.json: annotations." CR_CONFIG_ANNOTATION ": %s is not a file",
			      named);
	*ret = named;
	return 0;
}

/* All of them are older than CRIU_OLDEST. */
static const struct {
	size_t offset;
	enum criu_field field;
} switches[] = {
#define SWITCH(member, field)                                                                      \
	{                                                                                          \
		offsetof(struct cr_opts, member), field                                            \
	}
	SWITCH(tcp_established, CRIU_TCP_ESTABLISHED),
	SWITCH(tcp_skip_in_flight, CRIU_TCP_SKIP_IN_FLIGHT),
	SWITCH(tcp_close, CRIU_TCP_CLOSE),
	SWITCH(link_remap, CRIU_LINK_REMAP),
	SWITCH(ext_unix_sk, CRIU_EXT_UNIX_SK),
	SWITCH(shell_job, CRIU_SHELL_JOB),
	SWITCH(file_locks, CRIU_FILE_LOCKS),
	SWITCH(lazy_pages, CRIU_LAZY_PAGES),
	SWITCH(auto_dedup, CRIU_AUTO_DEDUP),
#undef SWITCH
};

/* CRIU ignores fields that it does not know: what is younger than CRIU_OLDEST is checked. */
static int encode_values(struct strbuf *opts, const struct cr_opts *o, const struct criu *c,
			 struct err *e)
{
	_cleanup_strbuf_ struct strbuf server = STRBUF_INIT;
	char address[256];
	int port, rc = 0;

	if (o->lsm_profile)
		wire_string(opts, CRIU_LSM_PROFILE, o->lsm_profile);
	if (o->lsm_mount_context) {
		rc = criu_needs(c, CRIU_VERSION(3, 16, 0), "--lsm-mount-context", e);
		wire_string(opts, CRIU_LSM_MOUNT_CONTEXT, o->lsm_mount_context);
	}
	if (rc == 0 && o->network_lock) {
		uint64_t how = table_find(network_locks, o->network_lock)->value;

		rc = criu_needs(c, how == 3 ? CRIU_VERSION(3, 18, 0) : CRIU_VERSION(3, 17, 0),
				how == 3 ? "--network-lock skip" : "--network-lock", e);
		wire_u64(opts, CRIU_NETWORK_LOCK, how);
	}
	if (o->empty_ns && *o->empty_ns)
		wire_u64(opts, CRIU_EMPTY_NS, CLONE_NEWNET);
	if (o->status_fd_set)
		wire_u64(opts, CRIU_STATUS_FD, (uint64_t)o->status_fd);
	if (rc == 0 && o->page_server) {
		rc = cr_page_server(o->page_server, address, sizeof(address), &port, e);
		if (rc < 0)
			return rc;
		wire_string(&server, 1, address);
		wire_u64(&server, 2, (uint64_t)port);
		wire_message(opts, CRIU_PAGE_SERVER, &server);
	}
	return rc;
}

int cr_encode(struct strbuf *opts, const struct cr_opts *o, const struct criu *c,
	      const struct cr_dirs *d, const struct spec_pairs *annotations, struct err *e)
{
	const char *config;
	int rc = cr_config_file(annotations, &config, e);

	if (rc < 0)
		return rc;
	wire_u64(opts, CRIU_IMAGES_DIR_FD, (uint64_t)d->image);
	wire_u64(opts, CRIU_WORK_DIR_FD, (uint64_t)d->work);
	wire_string(opts, CRIU_LOG_FILE, c->how.log);
	wire_u64(opts, CRIU_LOG_LEVEL, log_debug_enabled() ? 4 : 3);
	wire_u64(opts, CRIU_NOTIFY_SCRIPTS, 1);
	wire_u64(opts, CRIU_EXT_SHARING, 1);
	wire_u64(opts, CRIU_EXT_MASTERS, 1);
	wire_u64(opts, CRIU_ORPHAN_PTS_MASTER, 1);
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
		if (*(const bool *)((const char *)o + switches[i].offset))
			wire_u64(opts, switches[i].field, 1);
	if (config)
		wire_string(opts, CRIU_CONFIG_FILE, config);
	return encode_values(opts, o, c, e);
}

int cr_check_features(struct criu *c, const struct cr_opts *o, bool pre_dump, struct err *e)
{
	bool track = true, lazy = true;
	int rc = 0;

	if (pre_dump || o->lazy_pages || o->parent_path)
		rc = criu_features(c, &track, &lazy, e);
	if (rc < 0)
		return rc;
	if (o->lazy_pages && !lazy)
		return refuse(e, EOPNOTSUPP,
			      "--lazy-pages: this kernel or this CRIU cannot (userfaultfd)");
	if ((pre_dump || o->parent_path) && !track)
		return refuse(e, EOPNOTSUPP,
			      "%s: this kernel does not track memory changes "
			      "(CONFIG_MEM_SOFT_DIRTY)",
			      pre_dump ? "--pre-dump" : "--parent-path");
	return 0;
}

/* --- cgroups -------------------------------------------------------------------------------------
 */

#define YARD "criu.yard"

/*
 * A "yard" (criu(8), --cgroup-yard) is a directory with one entry for each hierarchy. Without one
 * CRIU mounts cgroup2 somewhere, without options, and by that takes nsdelegate and
 * memory_recursiveprot from the host's mount: they are the superblock's.
 */
int cr_yard_make(struct strbuf *opts, const struct container *c, struct err *e)
{
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
	struct cg_host h;
	int rc = cg_host_locate(&h, e);

	if (rc < 0)
		return rc;
	rc = h.layout == CG_LAYOUT_UNIFIED
		     ? 0
		     : refuse(e, EOPNOTSUPP, "--manage-cgroups-mode: only with unified cgroup v2");
	if (rc == 0)
		rc = dir_make_all(c->dirfd, YARD, 0700, e);
	if (rc == 0 && symlinkat(h.mount, c->dirfd, YARD "/unified") < 0 && errno != EEXIST)
		rc = fail(e, errno, "make " YARD "/unified");
	cg_host_close(&h);
	strbuf_addf(&path, "%s/%s/" YARD, c->rt->root, c->id);
	wire_string(opts, CRIU_CGROUP_YARD, strbuf_str(&path));
	opts->oom |= path.oom;
	return rc;
}

void cr_yard_remove(const struct container *c)
{
	(void)dir_remove_all(c->dirfd, YARD, NULL); /* goes with the container at the latest */
}
