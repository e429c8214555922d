/* SPDX-License-Identifier: Apache-2.0 */
#include "base/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "base/sys.h"

/* Inode of a procfs root directory, whichever the instance (fs/proc: PROC_ROOT_INO). */
#define PROC_ROOT_INODE 1

static int root_fd = -1;

/* A detached procfs of our own: nobody else can have mounted anything on it. */
static int open_private(void)
{
	_cleanup_fd_ int fs = fsopen("proc", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	return fsmount(fs, FSMOUNT_CLOEXEC,
		       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static int open_host(struct err *e)
{
	_cleanup_fd_ int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		return fail(e, errno, "open /proc");
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "stat /proc");
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INODE)
		return refuse(e, EINVAL, "/proc is not the root of a procfs");
	return take_fd(&fd);
}

int proc_root(struct err *e)
{
	if (root_fd < 0)
		root_fd = open_private();
	if (root_fd < 0)
		root_fd = open_host(e);
	return root_fd;
}

void proc_forget(void)
{
	root_fd = fd_close(root_fd);
}

/* "<pid>/<rel>", "self/<rel>" or "<rel>". */
static int proc_path(pid_t pid, const char *rel, char *buf, size_t size)
{
	int n;

	if (pid == PROC_ROOT)
		n = snprintf(buf, size, "%s", rel);
	else if (pid == PROC_SELF)
		n = snprintf(buf, size, "self/%s", rel);
	else
		n = snprintf(buf, size, "%d/%s", pid, rel);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int proc_open(pid_t pid, const char *rel, int flags, struct err *e)
{
	/* "self" is a symbolic link inside procfs, not a magic one: it may be followed. */
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	char path[512];
	int root, fd, rc;

	rc = proc_path(pid, rel, path, sizeof(path));
	if (rc < 0)
		return fail(e, -rc, "open /proc file %s", rel);
	root = proc_root(e);
	if (root < 0)
		return root;
	do
		fd = sys_openat2(root, path, &how);
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0)
		return fail(e, errno, "open /proc/%s", path);
	return fd;
}

/* A page, less the longest line in files of more than one piece (uid_map: 33). */
#define LEAST_PIECE 2048

ssize_t proc_read(pid_t pid, const char *rel, char *buf, size_t size, struct err *e)
{
	_cleanup_fd_ int fd = proc_open(pid, rel, O_RDONLY, e);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "read /proc file %s of process %d", rel, pid);
	/* What the kernel makes in one piece comes in one piece; other files it cuts between lines,
	 * at a page (seq_file.rst). */
	if ((size_t)n < size && n >= LEAST_PIECE) {
		ssize_t rest = io_read(fd, buf + n, size - (size_t)n);

		if (rest < 0)
			return fail(e, (int)-rest, "read /proc file %s of process %d", rel, pid);
		n += rest;
	}
	if ((size_t)n == size)
		return refuse(e, EFBIG, "read /proc file %s of process %d: too large", rel, pid);
	buf[n] = '\0';
	return n;
}

int proc_write(pid_t pid, const char *rel, const char *data, struct err *e)
{
	_cleanup_fd_ int fd = proc_open(pid, rel, O_WRONLY, e);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = write(fd, data, strlen(data));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "write \"%s\" to /proc file %s", data, rel);
	return 0;
}

static int ns_path(pid_t pid, const char *ns, char *buf, size_t size, struct err *e)
{
	char rel[32];

	if (snprintf(rel, sizeof(rel), "ns/%s", ns) >= (int)sizeof(rel) ||
	    proc_path(pid, rel, buf, size) < 0)
		return fail(e, ENAMETOOLONG, "namespace %s", ns);
	return proc_root(e);
}

int proc_ns_stat(pid_t pid, const char *ns, struct stat *ret, struct err *e)
{
	char path[64];
	int root = ns_path(pid, ns, path, sizeof(path), e);

	if (root < 0)
		return root;
	if (fstatat(root, path, ret, 0) < 0)
		return fail(e, errno, "stat /proc/%s", path);
	return 0;
}

int proc_ns_open(pid_t pid, const char *ns, struct err *e)
{
	char path[64];
	int fd, root = ns_path(pid, ns, path, sizeof(path), e);

	if (root < 0)
		return root;
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "open /proc/%s", path) : fd;
}

int proc_root_of(pid_t pid, struct err *e)
{
	char path[64];
	int fd, root = proc_root(e);

	if (root < 0)
		return root;
	if (proc_path(pid, "root", path, sizeof(path)) < 0)
		return fail(e, ENAMETOOLONG, "root of process %d", pid);
	fd = openat(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "open /proc/%s", path) : fd;
}

/* The next blank-separated token, NUL-terminated in place; NULL at the end. */
static char *next_token(char **cursor)
{
	char *start = *cursor + strspn(*cursor, " \n");
	size_t len = strcspn(start, " \n");

	if (!len)
		return NULL;
	*cursor = start + len + (start[len] ? 1 : 0);
	start[len] = '\0';
	return start;
}

int proc_stat_parse(const char *text, struct proc_stat *ret)
{
	/* proc(5): field 2 is the name in parentheses and may contain any byte, so count from the
	 * last ')'. What follows are fields 3 ... */
	enum {
		STATE = 3,
		PPID = 4,
		PGRP = 5,
		SESSION = 6,
		FLAGS = 9,
		UTIME = 14,
		STIME = 15,
		THREADS = 20,
		START = 22,
		POLICY = 41,
	};
	const char *close = strrchr(text, ')');
	uint64_t v[POLICY + 1] = {0};
	char buf[1024], *cursor = buf, *token;

	if (!close || strlen(close + 1) >= sizeof(buf))
		return -EBADMSG;
	memcpy(buf, close + 1, strlen(close + 1) + 1);
	for (int field = STATE; field <= POLICY; field++) {
		token = next_token(&cursor);
		if (!token && field <= START)
			return -EBADMSG;
		if (!token)
			break;
		if (field == STATE)
			v[STATE] = (unsigned char)token[0];
		else if (parse_u64(token, 10, &v[field]) < 0 && token[0] != '-')
			return -EBADMSG;
	}
	*ret = (struct proc_stat){
		.state = (char)v[STATE],
		.ppid = (pid_t)v[PPID],
		.pgrp = (pid_t)v[PGRP],
		.session = (pid_t)v[SESSION],
		.flags = (unsigned)v[FLAGS],
		.policy = (unsigned)v[POLICY],
		.n_threads = v[THREADS],
		.utime_ticks = v[UTIME],
		.stime_ticks = v[STIME],
		.start_ticks = v[START],
	};
	return 0;
}

int proc_stat_read(pid_t pid, struct proc_stat *ret, struct err *e)
{
	char buf[1024];
	ssize_t n = proc_read(pid, "stat", buf, sizeof(buf), e);

	if (n < 0)
		return (int)n;
	if (proc_stat_parse(buf, ret) < 0)
		return refuse(e, EBADMSG, "/proc/%d/stat: unexpected format", pid);
	return 0;
}

static bool status_mask(const char *text, const char *key, uint64_t *ret)
{
	const char *p = strstr(text, key);
	char hex[32];
	size_t len;

	if (!p)
		return false;
	p += strlen(key);
	len = strcspn(p, "\n");
	/* Without its end the line is not complete yet. */
	return p[len] == '\n' && str_part(hex, sizeof(hex), p, len) && parse_u64(hex, 16, ret) == 0;
}

bool proc_status_parse(const char *text, struct proc_status *ret)
{
	return status_mask(text, "\nSigIgn:\t", &ret->sig_ignored) &&
	       status_mask(text, "\nSigCgt:\t", &ret->sig_caught) &&
	       status_mask(text, "\nCapPrm:\t", &ret->cap_permitted) &&
	       status_mask(text, "\nCapBnd:\t", &ret->cap_bounding) &&
	       status_mask(text, "\nCapAmb:\t", &ret->cap_ambient);
}

/* One chunk mostly has it all; only then nothing is copied. */
static bool status_with(struct strbuf *before, const char *chunk, size_t n, struct proc_status *ret)
{
	if (!before->len && proc_status_parse(chunk, ret))
		return true;
	strbuf_add(before, chunk, n);
	return proc_status_parse(strbuf_str(before), ret);
}

/* The lines stand behind "Groups:", which may be long; the file ends soon after them. */
int proc_status_read(pid_t pid, struct proc_status *ret, struct err *e)
{
	_cleanup_fd_ int fd = proc_open(pid, "status", O_RDONLY, e);
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct proc_status st;
	char chunk[4096];

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk) - 1);

		if (n < 0)
			return fail(e, errno, "read /proc file status of process %d", pid);
		chunk[n] = '\0';
		if (status_with(&text, chunk, (size_t)n, &st)) {
			*ret = st;
			return 0;
		}
		if (n == 0 || text.oom)
			return refuse(e, text.oom ? ENOMEM : EBADMSG,
				      "/proc file status of process %d: unexpected format", pid);
	}
}

bool proc_status_is_first(const char *text)
{
	const char *line = strstr(text, "\nNSpid:"), *end = line ? strchr(line + 1, '\n') : NULL;

	return end && end[-1] == '1' && end[-2] == '\t';
}

int proc_fdinfo_mount(const char *text, uint64_t *ret)
{
	const char *p = strstr(text, "mnt_id:");
	char number[24];

	if (!p)
		return -ENODATA;
	p += strlen("mnt_id:");
	p += strspn(p, " \t");
	return !str_part(number, sizeof(number), p, strcspn(p, "\n")) ||
			       parse_u64(number, 10, ret) < 0
		       ? -EBADMSG
		       : 0;
}
