/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup v2 files: finding the hierarchy, opening a group, reading and writing its files.
 * Policy-free: which knob gets which value is decided in runtime/ and sched/.
 * Reference: Documentation/admin-guide/cgroup-v2.rst.
 */
#ifndef CEDE_BASE_CGFS_H
#define CEDE_BASE_CGFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum cg_layout {
	CG_LAYOUT_NONE,	   /* no cgroup2 mount at all */
	CG_LAYOUT_UNIFIED, /* cgroup2 on /sys/fs/cgroup */
	CG_LAYOUT_HYBRID,  /* v1 controllers, and a cgroup2 tree beside them */
};

enum cg_controller {
	CG_CPU = 1 << 0,
	CG_CPUSET = 1 << 1,
	CG_MEMORY = 1 << 2,
	CG_IO = 1 << 3,
	CG_PIDS = 1 << 4,
	CG_HUGETLB = 1 << 5,
	CG_RDMA = 1 << 6,
	CG_MISC = 1 << 7,
};

/*
 * The cgroup2 hierarchy of this host. Found once; `CEDE_CGROUP_MOUNT` in the environment of an
 * test may name another directory (fake trees in unit tests; hybrid if it is called
 * "unified").
 */
struct cg_host {
	enum cg_layout layout;
	char mount[256];      /* e.g. /sys/fs/cgroup or /sys/fs/cgroup/unified */
	int fd;		      /* O_PATH of the mount */
	unsigned controllers; /* enum cg_controller bits listed in the root's cgroup.controllers */
};

int cg_host_open(struct cg_host *ret, struct err *e);
/* The same without reading the controllers (for those who only open a group). With no cgroup2 at
 * all both succeed, with CG_LAYOUT_NONE and fd -1. */
int cg_host_locate(struct cg_host *ret, struct err *e);
void cg_host_close(struct cg_host *h);

const char *cg_controller_name(enum cg_controller c);
/* "cpu io memory" -> bits; unknown names are ignored. */
unsigned cg_controllers_parse(const char *text);
/* Reads cgroup.controllers or cgroup.subtree_control of a group. */
int cg_read_controllers(int cgfd, const char *file, unsigned *ret, struct err *e);

/* -EINVAL if a component is "..". */
int cg_path_check(const char *path, struct err *e);

/* Opens the group (O_PATH|O_DIRECTORY) below the mount. `path` is relative to the hierarchy's root,
 * with or without a leading slash; ".." components are refused. */
int cg_open(const struct cg_host *h, const char *path, struct err *e);

/* Reads a file whole, NUL-terminated, by one read(2): the kernel gives these files in one piece
 * (not the lists cgroup.procs and cgroup.threads). Returns the length. -EFBIG if it does not fit
 * into size - 1 bytes. */
ssize_t cg_read(int cgfd, const char *file, char *buf, size_t size, struct err *e);
/* Reads a one-number file; "max" gives UINT64_MAX. */
int cg_read_u64(int cgfd, const char *file, uint64_t *ret, struct err *e);
/* Reads the value of `key` from a flat keyed file (cpu.stat, cgroup.events, memory.events). */
int cg_read_key(int cgfd, const char *file, const char *key, uint64_t *ret, struct err *e);
/* The same in text already read. -ENODATA when the key is not there. */
int cg_parse_key(const char *text, const char *key, uint64_t *ret);
int cg_write(int cgfd, const char *file, const char *value, struct err *e);
int cg_write_u64(int cgfd, const char *file, uint64_t value, struct err *e);
bool cg_has(int cgfd, const char *file);

/* The path in the cgroup2 hierarchy: the "0::" line of /proc/<pid>/cgroup. Borrowed from `text`,
 * not NUL-terminated there. 0, -ENODATA or -EBADMSG. */
int cg_path_parse(const char *text, const char **ret, size_t *ret_len);
/* The same of a process, copied. */
int cg_path_of(pid_t pid, char *buf, size_t size, struct err *e);

#endif
