/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cgfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mountinfo.h"
#include "base/procfs.h"
#include "base/str.h"
#include "base/table.h"

#define CG_MOUNT_UNIFIED "/sys/fs/cgroup"
#define CG_MOUNT_HYBRID "/sys/fs/cgroup/unified"
/* The largest flat keyed file (memory.stat) has some 3 kB on 6.18. */
#define CG_FILE_MAX 16384

static const struct name_value controllers[] = {
	{"cpu", CG_CPU},   {"cpuset", CG_CPUSET},   {"memory", CG_MEMORY}, {"io", CG_IO},
	{"pids", CG_PIDS}, {"hugetlb", CG_HUGETLB}, {"rdma", CG_RDMA},	   {"misc", CG_MISC},
};

const char *cg_controller_name(enum cg_controller c)
{
	return table_name(controllers, c);
}

unsigned cg_controllers_parse(const char *text)
{
	unsigned bits = 0;

	while (*text) {
		size_t len = strcspn(text, " \n\t");

		for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
			if (strlen(controllers[i].name) == len &&
			    memcmp(controllers[i].name, text, len) == 0)
				bits |= (unsigned)controllers[i].value;
		text += len;
		text += strspn(text, " \n\t");
	}
	return bits;
}

/* The directory's descriptor if a cgroup2 is mounted there, else -1. */
static int open_cgroup2(const char *path)
{
	_cleanup_fd_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return -1;
	return take_fd(&fd);
}

static bool open_if_cgroup2(const struct mountinfo *m, void *arg)
{
	struct cg_host *h = arg;

	if (!streq(m->type, "cgroup2") || strlen(m->point) >= sizeof(h->mount))
		return false;
	memcpy(h->mount, m->point, strlen(m->point) + 1);
	h->fd = open_cgroup2(h->mount);
	return h->fd >= 0;
}

/* Somewhere else: hosts that mount the hierarchies by hand. */
static void open_from_mountinfo(struct cg_host *h)
{
	_cleanup_free_ char *text = NULL;
	int proc = proc_root(NULL);
	size_t len;

	if (proc >= 0 &&
	    file_read_alloc(proc, "self/mountinfo", MOUNTINFO_MAX, &text, &len, NULL) >= 0)
		(void)mountinfo_any(text, open_if_cgroup2, h); /* or h->fd stays -1 */
}

static bool str_ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && streq(s + n - m, end);
}

int cg_host_locate(struct cg_host *ret, struct err *e)
{
	static bool not_unified; /* a hierarchy is not mounted between two looks at it */
	const char *fake = secure_getenv("CEDE_CGROUP_MOUNT");
	struct cg_host h = {.layout = CG_LAYOUT_UNIFIED, .fd = -1};

	if (fake) {
		if ((size_t)snprintf(h.mount, sizeof(h.mount), "%s", fake) >= sizeof(h.mount))
			return refuse(e, ENAMETOOLONG, "CEDE_CGROUP_MOUNT is too long");
		h.fd = open(h.mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (h.fd < 0)
			return fail(e, errno, "CEDE_CGROUP_MOUNT: open %s", fake);
		if (str_ends_with(h.mount, "/unified"))
			h.layout = CG_LAYOUT_HYBRID;
	}
	if (h.fd < 0 && !not_unified) {
		h.fd = open_cgroup2(CG_MOUNT_UNIFIED);
		memcpy(h.mount, CG_MOUNT_UNIFIED, sizeof(CG_MOUNT_UNIFIED));
		not_unified = h.fd < 0;
	}
	if (h.fd < 0) {
		h.layout = CG_LAYOUT_HYBRID;
		h.fd = open_cgroup2(CG_MOUNT_HYBRID);
		memcpy(h.mount, CG_MOUNT_HYBRID, sizeof(CG_MOUNT_HYBRID));
	}
	if (h.fd < 0)
		open_from_mountinfo(&h);
	if (h.fd < 0)
		h = (struct cg_host){.layout = CG_LAYOUT_NONE, .fd = -1};
	*ret = h;
	return 0;
}

ssize_t cg_read(int cgfd, const char *file, char *buf, size_t size, struct err *e)
{
	_cleanup_fd_ int fd = file_open(cgfd, file, O_RDONLY, e);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(e, errno, "read %s", file);
	if ((size_t)n == size)
		return refuse(e, EFBIG, "read %s: larger than %zu bytes", file, size - 1);
	buf[n] = '\0';
	return n;
}

int cg_read_controllers(int cgfd, const char *file, unsigned *ret, struct err *e)
{
	char text[512];
	ssize_t n = cg_read(cgfd, file, text, sizeof(text), e);

	if (n < 0)
		return (int)n;
	*ret = cg_controllers_parse(text);
	return 0;
}

int cg_host_open(struct cg_host *ret, struct err *e)
{
	struct cg_host h;
	int rc;

	rc = cg_host_locate(&h, e);
	if (rc < 0)
		return rc;
	if (h.layout != CG_LAYOUT_NONE) {
		rc = cg_read_controllers(h.fd, "cgroup.controllers", &h.controllers, e);
		if (rc < 0) {
			cg_host_close(&h);
			return rc;
		}
	}
	*ret = h;
	return 0;
}

void cg_host_close(struct cg_host *h)
{
	h->fd = fd_close(h->fd);
}

int cg_path_check(const char *path, struct err *e)
{
	for (const char *p = path; *p;) {
		size_t len;

		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len == 2 && p[0] == '.' && p[1] == '.')
			return refuse(e, EINVAL, "cgroup path %s: \"..\" is not allowed", path);
		p += len;
	}
	return 0;
}

int cg_open(const struct cg_host *h, const char *path, struct err *e)
{
	const char *rel = path + strspn(path, "/");
	int fd, rc;

	if (h->fd < 0)
		return refuse(e, ENOENT, "cgroup %s: no cgroup2 hierarchy is mounted", path);
	rc = cg_path_check(path, e);
	if (rc < 0)
		return rc;
	fd = openat(h->fd, *rel ? rel : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "open cgroup %s%s%s", h->mount, *rel ? "/" : "", rel);
	return fd;
}

int cg_read_u64(int cgfd, const char *file, uint64_t *ret, struct err *e)
{
	char text[64];
	ssize_t n = cg_read(cgfd, file, text, sizeof(text), e);

	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	if (streq(text, "max"))
		*ret = UINT64_MAX;
	else if (parse_u64(text, 10, ret) < 0)
		return refuse(e, EBADMSG, "%s: expected a number, found \"%s\"", file, text);
	return 0;
}

int cg_parse_key(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);

	for (const char *line = text; line && *line;) {
		const char *end = strchr(line, '\n');
		size_t line_len = end ? (size_t)(end - line) : strlen(line);
		char number[32];

		if (line_len > len && line[len] == ' ' && memcmp(line, key, len) == 0)
			return !str_part(number, sizeof(number), line + len + 1,
					 line_len - len - 1) ||
					       parse_u64(number, 10, ret) < 0
				       ? -EBADMSG
				       : 0;
		line = end ? end + 1 : NULL;
	}
	return -ENODATA;
}

int cg_read_key(int cgfd, const char *file, const char *key, uint64_t *ret, struct err *e)
{
	char text[CG_FILE_MAX];
	ssize_t n = cg_read(cgfd, file, text, sizeof(text), e);
	int rc;

	if (n < 0)
		return (int)n;
	rc = cg_parse_key(text, key, ret);
	return rc < 0 ? fail(e, -rc, "%s: key %s", file, key) : 0;
}

int cg_write(int cgfd, const char *file, const char *value, struct err *e)
{
	return file_write(cgfd, file, value, e);
}

int cg_write_u64(int cgfd, const char *file, uint64_t value, struct err *e)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value); /* always fits */
	return file_write(cgfd, file, text, e);
}

bool cg_has(int cgfd, const char *file)
{
	return faccessat(cgfd, file, F_OK, 0) == 0;
}

int cg_path_parse(const char *text, const char **ret, size_t *ret_len)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		const char *path;

		p += *p == '\n';
		path = str_after(p, "0::");
		if (!path)
			continue;
		if (*path != '/')
			return -EBADMSG;
		*ret = path;
		*ret_len = strcspn(path, "\n");
		return 0;
	}
	return -ENODATA;
}

int cg_path_of(pid_t pid, char *buf, size_t size, struct err *e)
{
	/* One line per hierarchy; a path may be as long as PATH_MAX. */
	char text[CG_FILE_MAX];
	ssize_t n = proc_read(pid, "cgroup", text, sizeof(text), e);
	const char *path;
	size_t len;

	if (n < 0)
		return (int)n;
	if (cg_path_parse(text, &path, &len) < 0)
		return refuse(e, ENOENT, "process %d is in no cgroup2 hierarchy", pid);
	if (!str_part(buf, size, path, len))
		return refuse(e, ENAMETOOLONG, "cgroup path of process %d is too long", pid);
	return 0;
}
