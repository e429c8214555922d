/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cr.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
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

/*
 * Images come from elsewhere (an archive that was exported on another machine), and CRIU, which is
 * root, follows links when it reads them and when it writes its log and statistics beside them. The
 * one link that belongs there leads to the checkpoint before this one.
 */
static int check_links(const char *option, const char *path, int fd, struct err *e)
{
	_cleanup_dir_ DIR *dir = NULL;
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *d;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int errnum = errno;

		(void)fd_close(copy);
		return fail(e, errnum, "%s %s", option, path);
	}
	while (errno = 0, (d = readdir(dir))) {
		struct stat st;

		if (streq(d->d_name, CR_PARENT_LINK) ||
		    fstatat(copy, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* somebody has removed it */
		if (S_ISLNK(st.st_mode))
			return refuse(e, ELOOP, "%s %s: %s is a symbolic link", option, path,
				      d->d_name);
	}
	return errno ? fail(e, errno, "%s %s", option, path) : 0;
}

int cr_dirs_open(const struct cr_opts *o, bool make, struct cr_dirs *ret, struct err *e)
{
	const char *image = o->image_path ? o->image_path : CR_IMAGE_PATH;
	const char *work = o->work_path ? o->work_path : image;
	struct stat st;
	int rc;

	ret->image = open_dir("--image-path", image, make, e);
	if (ret->image < 0)
		return ret->image;
	ret->work = open_dir("--work-path", work, true, e);
	if (ret->work < 0)
		return ret->work;
	rc = check_links("--image-path", image, ret->image, e);
	if (rc == 0)
		rc = check_links("--work-path", work, ret->work, e);
	if (rc < 0)
		return rc;
	if (o->parent_path &&
	    (fstatat(ret->image, o->parent_path, &st, 0) < 0 || !S_ISDIR(st.st_mode)))
		return refuse(e, ENOTDIR,
			      "--parent-path %s: no such directory (it is relative to "
			      "--image-path)",
			      o->parent_path);
	return 0;
}

void cr_dirs_close(struct cr_dirs *d)
{
	d->image = fd_close(d->image);
	d->work = fd_close(d->work);
}

/* A file, or the directory itself, and no link. */
static int give(int dirfd, const char *name, uint32_t uid)
{
	_cleanup_fd_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !streq(name, "."))
		return 0;
	return fchown(fd, uid, (gid_t)-1) < 0 || fchmod(fd, S_ISDIR(st.st_mode) ? 0750 : 0640) < 0
		       ? -errno
		       : 0;
}

/*
 * Memory is in there: nobody else's business. But whoever restores a user namespace looks for some
 * of the images from within it, at first as our own user, whom the namespace does not know yet (no
 * capability helps him there), and in the end as its root. The one is let in as the group, the
 * other as the owner.
 */
int cr_images_give(int image_fd, const struct spec *s, struct err *e)
{
	int fd = openat(image_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	uint32_t uid;

	if (!dir) {
		(void)fd_close(fd);
		return fail(e, errno, "read the image directory");
	}
	if (!s->linux_.namespaces[NS_USER].wanted ||
	    !idmap_to_host(&s->linux_.uid_mappings, 0, &uid))
		return 0;
	while ((d = readdir(dir))) {
		int rc = streq(d->d_name, "..") ? 0 : give(fd, d->d_name, uid);

		if (rc < 0)
			return fail(e, -rc, "give the image %s to user %u", d->d_name, uid);
	}
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
