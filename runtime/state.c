/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/procfs.h"
#include "base/str.h"

#define STATE_FILE "state.json"
#define STATE_MAX (4u << 20)
#define ID_MAX 1024
/* How long an operation waits for another one on the same container. */
#define LOCK_WAIT_MS 10000
#define LOCK_POLL_MS 5

static bool id_char(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
		return true;
	return !first && (c == '+' || c == '-' || c == '.');
}

int container_id_check(const char *id, struct err *e)
{
	size_t len = strlen(id);

	if (len == 0)
		return refuse(e, EINVAL, "container id is empty");
	/* A path component is at most 255 bytes; the id names a directory. */
	if (len > 255)
		return refuse(e, EINVAL, "container id is %zu bytes long, at most 255 are allowed",
			      len);
	for (size_t i = 0; i < len; i++)
		if (!id_char(id[i], i == 0))
			return refuse(
				e, EINVAL,
				"invalid container id \"%s\": expected letters, digits and _ + - . "
				"and a letter, digit or _ first",
				id);
	return 0;
}

int state_check_root(const struct runtime *rt, int rootfd, struct err *e)
{
	struct stat st;

	if (!rt->root_is_users)
		return 0;
	if (fstat(rootfd, &st) < 0)
		return fail(e, errno, "stat state root %s", rt->root);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return refuse(e, EPERM,
			      "state root %s belongs to user %u, whose hooks would run as user %u: "
			      "remove it, or name another directory with --root",
			      rt->root, st.st_uid, geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(e, EPERM,
			      "state root %s can be written to by others (mode %04o), whose hooks "
			      "would run as user %u: change its mode, or name another directory "
			      "with --root",
			      rt->root, st.st_mode & 07777, geteuid());
	return 0;
}

bool container_id_is_taken(const struct runtime *rt, const char *id)
{
	_cleanup_fd_ int rootfd = open(rt->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	return rootfd >= 0 && fstatat(rootfd, id, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct container *container_new(const struct runtime *rt, const char *id)
{
	struct container *c = arena_first(sizeof(*c), offsetof(struct container, arena));

	if (!c)
		return NULL;
	c->rt = rt;
	c->dirfd = c->lockfd = -1;
	c->id = arena_strdup(&c->arena, id);
	if (!c->id) {
		arena_free(&c->arena);
		return NULL;
	}
	return c;
}

void container_close(struct container *c)
{
	if (!c)
		return;
	(void)fd_close(c->lockfd);
	(void)fd_close(c->dirfd);
	arena_free(&c->arena);
}

void container_unlock(struct container *c)
{
	if (c->lockfd >= 0)
		(void)flock(c->lockfd, LOCK_UN); /* cannot fail on a descriptor we have */
	c->lockfd = fd_close(c->lockfd);
}

/* flock(2) with a bound: a stuck operation must not hang an engine for ever. */
static int lock_fd(int fd, int how, const char *id, struct err *e)
{
	for (int waited = 0; waited < LOCK_WAIT_MS; waited += LOCK_POLL_MS) {
		if (flock(fd, how | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail(e, errno, "lock container `%s`", id);
		(void)usleep(LOCK_POLL_MS * 1000); /* woken early: one more try */
	}
	return refuse(e, EBUSY, "container `%s` is busy: another operation holds its lock", id);
}

/* The lock of a directory that was removed meanwhile protects nothing. */
bool state_still_there(int rootfd, const char *id, int dirfd)
{
	struct stat a, b;

	return fstatat(rootfd, id, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstat(dirfd, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int state_set_created(int fifo)
{
	return fchmod(fifo, STATE_FIFO_CREATED) < 0 ? -errno : 0;
}

bool state_is_created(int fifo)
{
	struct stat st;

	return fstat(fifo, &st) == 0 && (st.st_mode & 0777) == STATE_FIFO_CREATED;
}

static int lock_open(int dirfd, int flags, struct err *e)
{
	int fd = openat(dirfd, STATE_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

	return fd < 0 ? fail(e, errno, "open the container's lock") : fd;
}

static int no_root(const struct runtime *rt, int rc, struct err *e)
{
	return refuse(e, -rc,
		      "XDG_RUNTIME_DIR is not set, and %s cannot be made: %s; name a directory for "
		      "the containers with --root",
		      rt->root, strerror(-rc));
}

static int exists_already(const char *id, struct err *e)
{
	return refuse(e, EEXIST, "container `%s` already exists", id);
}

static bool has_state(const struct container *c)
{
	return faccessat(c->dirfd, STATE_FILE, F_OK, 0) == 0;
}

/*
 * Makes the directory and locks it: dirfd and lockfd. One that is there without a state and that
 * nobody locks is what a creator left that was killed at once: it is taken over. -ESTALE: `delete
 * --force` was faster than the lock and has removed it.
 */
static int make_locked(struct container *c, int rootfd, struct err *e)
{
	const char *root = c->rt->root, *id = c->id;
	bool fresh = mkdirat(rootfd, id, 0700) == 0;
	int rc;

	if (!fresh && errno != EEXIST)
		return fail(e, errno, "create %s/%s", root, id);
	c->dirfd = openat(rootfd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dirfd < 0 && errno == ENOENT)
		return -ESTALE;
	if (!fresh && (c->dirfd < 0 || has_state(c)))
		return exists_already(id, e);
	if (c->dirfd < 0) {
		rc = fail(e, errno, "open %s/%s", root, id);
		(void)unlinkat(rootfd, id, AT_REMOVEDIR); /* the error above is the one to report */
		return rc;
	}
	c->lockfd = lock_open(c->dirfd, O_CREAT, e);
	if (c->lockfd == -ENOENT)
		return -ESTALE;
	if (c->lockfd >= 0 && !fresh && flock(c->lockfd, LOCK_EX | LOCK_NB) < 0)
		return exists_already(id, e);
	rc = c->lockfd < 0 ? c->lockfd : fresh ? lock_fd(c->lockfd, LOCK_EX, id, e) : 0;
	if (rc < 0 && fresh) {
		/* The error above is the one to report; without a descriptor more, which may be
		 * what is missing. */
		(void)unlinkat(c->dirfd, STATE_LOCK, 0);
		(void)unlinkat(rootfd, id, AT_REMOVEDIR);
	}
	if (rc < 0)
		return rc;
	if (!state_still_there(rootfd, id, c->dirfd))
		return -ESTALE;
	return has_state(c) ? exists_already(id, e)
			    : 0; /* somebody took it before we had the lock */
}

/*
 * A container is made under its final name at once: mkdir is what makes an id unique. Between mkdir
 * and the lock another process may see the directory; it then finds no state.json and reports a
 * container that does not exist (yet).
 */
int state_create(const struct runtime *rt, const char *id, struct container **ret, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	_cleanup_fd_ int rootfd = -1;
	int rc;

	rc = container_id_check(id, e);
	if (rc < 0)
		return rc;
	c = container_new(rt, id);
	if (!c)
		return fail(e, ENOMEM, "create container `%s`", id);
	rootfd = open(rt->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0) {
		rc = dir_make_all(AT_FDCWD, rt->root, 0711, e);
		if (rc < 0)
			return rt->root_is_guess ? no_root(rt, rc, e) : rc;
		rootfd = open(rt->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (rootfd < 0)
			return fail(e, errno, "open state root %s", rt->root);
	}
	rc = state_check_root(rt, rootfd, e);
	if (rc < 0)
		return rc;
	while ((rc = make_locked(c, rootfd, e)) == -ESTALE) {
		c->lockfd = fd_close(c->lockfd);
		c->dirfd = fd_close(c->dirfd);
		err_clear(e);
	}
	if (rc < 0)
		return rc;
	*ret = take_ptr(&c);
	return 0;
}

int state_save(const struct container *c, struct err *e)
{
	struct json_writer w = {0};
	int rc;

	json_w_object(&w, NULL);
	json_w_string(&w, "ociVersion", OCI_VERSION);
	json_w_string(&w, "id", c->id);
	json_w_i64(&w, "pid", c->init_pid);
	json_w_u64(&w, "pidStartTicks", c->init_start_ticks);
	json_w_string(&w, "bundle", c->bundle);
	json_w_string(&w, "rootfs", c->rootfs);
	json_w_string(&w, "created", c->created);
	if (c->owner)
		json_w_string(&w, "owner", c->owner);
	if (c->cgroup)
		json_w_string(&w, "cgroup", c->cgroup);
	if (c->cgroup_inode)
		json_w_u64(&w, "cgroupInode", c->cgroup_inode);
	json_w_bool(&w, "cgroupCreated", c->cgroup_created);
	if (c->idle_weight)
		json_w_string(&w, "idleWeight", c->idle_weight);
	if (c->unit) {
		json_w_string(&w, "systemdUnit", c->unit);
		json_w_bool(&w, "systemdUser", c->user_unit);
	}
	json_w_bool(&w, "newKeyring", c->new_keyring);
	json_w_bool(&w, "seccompListener", c->listener);
	json_w_bool(&w, "notifies", c->notifies);
	if (c->no_process)
		json_w_bool(&w, "noProcess", true);
	if (c->rdt.group) {
		json_w_string(&w, "rdtGroup", c->rdt.group);
		json_w_bool(&w, "rdtCreated", c->rdt.created);
		json_w_bool(&w, "rdtMonitored", c->rdt.monitored);
	}
	json_w_u64(&w, "hooks", c->hooks);
	json_w_object(&w, "annotations");
	for (size_t i = 0; i < c->annotations.n; i++)
		json_w_string(&w, c->annotations.v[i].key, c->annotations.v[i].value);
	json_w_end_object(&w);
	json_w_end_object(&w);
	if (w.sb.oom)
		rc = fail(e, ENOMEM, "write state of container `%s`", c->id);
	else
		rc = file_write_atomic(c->dirfd, STATE_FILE, strbuf_str(&w.sb), w.sb.len, 0600, e);
	strbuf_free(&w.sb);
	return rc < 0 ? err_context(e, rc, "state of container `%s`", c->id) : 0;
}

static int copy_string(struct container *c, const struct json *doc, const char *key, bool required,
		       const char **ret, struct err *e)
{
	const char *s = json_get_string(doc, key);

	if (!s) {
		*ret = NULL;
		return required ? refuse(e, EBADMSG, "state.json: %s: required but missing", key)
				: 0;
	}
	*ret = arena_strdup(&c->arena, s);
	return *ret ? 0 : fail(e, ENOMEM, "read state.json");
}

static int load_annotations(struct container *c, const struct json *doc, struct err *e)
{
	const struct json *map = json_get(doc, "annotations");

	if (!map || map->type != JSON_OBJECT)
		return 0;
	c->annotations.v = arena_array(&c->arena, map->object.n, sizeof(*c->annotations.v));
	if (!c->annotations.v)
		return fail(e, ENOMEM, "read state.json");
	for (size_t i = 0; i < map->object.n; i++) {
		const struct json_member *m = &map->object.members[i];

		if (m->value->type != JSON_STRING)
			continue;
		c->annotations.v[c->annotations.n++] = (struct spec_pair){
			.key = m->key,
			.value = m->value->string.text,
		};
	}
	return 0;
}

/* The document is parsed into the container's own arena, so strings of it may be borrowed. */
static int state_load(struct container *c, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct json *doc;
	uint64_t ticks = 0, hooks = 0;
	int64_t pid = 0;
	size_t len;
	int rc;

	rc = file_read_alloc(c->dirfd, STATE_FILE, STATE_MAX, &text, &len, e);
	if (rc < 0)
		return rc;
	rc = json_parse(&c->arena, text, len, STATE_FILE, &doc, e);
	if (rc < 0)
		return rc;
	if (!json_get_i64(doc, "pid", &pid) || pid < 0 || pid > INT32_MAX)
		return refuse(e, EBADMSG, "state.json: pid: expected a process id");
	(void)json_get_u64(doc, "pidStartTicks", &ticks); /* missing: matches no process */
	(void)json_get_u64(doc, "hooks", &hooks);	  /* missing: none */
	c->hooks = (unsigned)hooks;
	c->init_pid = (pid_t)pid;
	c->init_start_ticks = ticks;
	(void)json_get_u64(doc, "cgroupInode", &c->cgroup_inode); /* missing: any will do */
	c->cgroup_created = json_get_bool(doc, "cgroupCreated", false);
	c->new_keyring = json_get_bool(doc, "newKeyring", true);
	c->listener = json_get_bool(doc, "seccompListener", false);
	c->notifies = json_get_bool(doc, "notifies", false);
	c->no_process = json_get_bool(doc, "noProcess", false);
	c->rdt = (struct rdt_place){json_get_string(doc, "rdtGroup"),
				    json_get_bool(doc, "rdtCreated", false),
				    json_get_bool(doc, "rdtMonitored", false)};
	c->user_unit = json_get_bool(doc, "systemdUser", false);
	rc = copy_string(c, doc, "bundle", true, &c->bundle, e);
	if (rc == 0)
		rc = copy_string(c, doc, "rootfs", true, &c->rootfs, e);
	if (rc == 0)
		rc = copy_string(c, doc, "created", true, &c->created, e);
	if (rc == 0)
		rc = copy_string(c, doc, "owner", false, &c->owner, e);
	if (rc == 0)
		rc = copy_string(c, doc, "cgroup", false, &c->cgroup, e);
	if (rc == 0)
		rc = copy_string(c, doc, "idleWeight", false, &c->idle_weight, e);
	if (rc == 0)
		rc = copy_string(c, doc, "systemdUnit", false, &c->unit, e);
	if (rc == 0 && c->unit && strlen(c->unit) > 255)
		rc = refuse(e, EBADMSG, "state.json: systemdUnit: no name of a unit");
	return rc < 0 ? rc : load_annotations(c, doc, e);
}

static int no_such_container(const char *id, struct err *e)
{
	return refuse(e, ENOENT, "container `%s` does not exist", id);
}

static int open_locked(struct container *c, int rootfd, enum container_lock lock, struct err *e)
{
	int rc;

	c->dirfd = openat(rootfd, c->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dirfd < 0)
		return errno == ENOENT ? no_such_container(c->id, e)
				       : fail(e, errno, "open %s/%s", c->rt->root, c->id);
	if (lock == CONTAINER_NO_LOCK)
		return 0;
	c->lockfd = lock_open(c->dirfd, 0, e);
	if (c->lockfd == -ENOENT) /* not a container yet, or no longer */
		return no_such_container(c->id, e);
	if (c->lockfd < 0)
		return c->lockfd;
	rc = lock_fd(c->lockfd, lock == CONTAINER_LOCK_SHARED ? LOCK_SH : LOCK_EX, c->id, e);
	if (rc < 0)
		return rc;
	return state_still_there(rootfd, c->id, c->dirfd) ? 0 : no_such_container(c->id, e);
}

int container_open(const struct runtime *rt, const char *id, enum container_lock lock,
		   struct container **ret, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	_cleanup_fd_ int rootfd = -1;
	int rc;

	rc = container_id_check(id, e);
	if (rc < 0)
		return rc;
	rootfd = open(rt->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return errno == ENOENT ? no_such_container(id, e)
				       : fail(e, errno, "open state root %s", rt->root);
	rc = state_check_root(rt, rootfd, e);
	if (rc < 0)
		return rc;
	c = container_new(rt, id);
	if (!c)
		return fail(e, ENOMEM, "open container `%s`", id);
	rc = open_locked(c, rootfd, lock, e);
	if (rc < 0)
		return rc;
	rc = state_load(c, e);
	if (rc == -ENOENT)
		return no_such_container(id, e);
	if (rc < 0)
		return err_context(e, rc, "container `%s`", id);
	*ret = take_ptr(&c);
	return 0;
}

/* What is there of a container that lived an ordinary life, the lock last. */
static const char *const usual[] = {STATE_FILE, STATE_CONFIG, STATE_LOCK};

static bool is_usual(const char *name)
{
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (streq(name, usual[i]))
			return true;
	return streq(name, ".") || streq(name, "..");
}

/* In one look, with the descriptor that is there (getdents(2); readdir(3) takes six calls). */
static bool has_only_usual(int dirfd)
{
	union {
		struct dirent first;
		char bytes[512];
	} buf;
	long n = syscall(SYS_getdents64, dirfd, &buf, sizeof(buf));

	for (long at = 0; at < n;) {
		const struct dirent *d = (const struct dirent *)(const void *)(buf.bytes + at);

		if (!is_usual(d->d_name))
			return false;
		at += d->d_reclen;
	}
	return n > 0 && (size_t)n <= sizeof(buf) - sizeof(struct dirent); /* and no more to come */
}

static bool remove_usual(const struct container *c, int rootfd)
{
	if (!has_only_usual(c->dirfd))
		return false;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (unlinkat(c->dirfd, usual[i], 0) < 0 && errno != ENOENT)
			return false;
	return unlinkat(rootfd, c->id, AT_REMOVEDIR) == 0;
}

/* The lock goes last: until then others see that somebody is at work here. */
static int remove_content(int rootfd, const char *id, struct err *e)
{
	int fd = openat(rootfd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		int saved = errno;

		(void)fd_close(fd);
		return saved == ENOENT ? 0 : fail(e, saved, "read directory %s", id);
	}
	while ((d = readdir(dir))) {
		int rc = 0;

		if (!streq(d->d_name, ".") && !streq(d->d_name, "..") &&
		    !streq(d->d_name, STATE_LOCK))
			rc = dir_remove_all(fd, d->d_name, e);
		if (rc < 0)
			return rc;
	}
	if (unlinkat(fd, STATE_LOCK, 0) < 0 && errno != ENOENT)
		return fail(e, errno, "remove %s/%s", id, STATE_LOCK);
	return 0;
}

int state_remove_dir(int rootfd, const char *id, struct err *e)
{
	int rc = remove_content(rootfd, id, e);

	if (rc < 0 || unlinkat(rootfd, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return rc;
	return dir_remove_all(rootfd, id, e); /* somebody has put something into it since */
}

int state_remove(struct container *c, struct err *e)
{
	_cleanup_fd_ int rootfd = -1;

	rootfd = open(c->rt->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd >= 0 && remove_usual(c, rootfd))
		return 0;
	/* Looking for what is there takes descriptors, and the lack of them may be what ended the
	 * container. */
	c->dirfd = fd_close(c->dirfd);
	if (rootfd < 0)
		rootfd = open(c->rt->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return fail(e, errno, "open state root %s", c->rt->root);
	return state_remove_dir(rootfd, c->id, e);
}
