/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to open procfs.
 *
 * What is mounted on /proc may have been arranged by somebody else (CVE-2019-16884, -2025-52881),
 * so files are opened below a private, detached procfs made by fsopen(2), with openat2(2)
 * RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS. Where a new procfs is not permitted
 * (unprivileged), the host's /proc is used after its superblock's magic and its root inode (1) have
 * been checked.
 *
 * The instance belongs to the pid namespace of the process that opened it first; children inherit
 * the descriptor across fork and go on speaking the same pids ("self" works there too).
 */
#ifndef CEDE_BASE_PROCFS_H
#define CEDE_BASE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"

#define PROC_SELF 0  /* /proc/self/REL */
#define PROC_ROOT -1 /* /proc/REL */

/* Descriptor of the private procfs' root, borrowed, opened at the first call. */
int proc_root(struct err *e);
/* Forget it (closes): the next call makes a new one, e.g. after entering a pid namespace. */
void proc_forget(void);

/* Opens /proc/<pid>/<rel>; O_CLOEXEC is added. Descriptor or negative errno. */
int proc_open(pid_t pid, const char *rel, int flags, struct err *e);
/* Whole file into buf, NUL-terminated; returns the length; -EFBIG if it does not fit. For files
 * that the kernel makes in one piece (stat, status, cgroup ...) or of short lines (uid_map), not
 * for mountinfo or maps. */
ssize_t proc_read(pid_t pid, const char *rel, char *buf, size_t size, struct err *e);
/* One write(2). */
int proc_write(pid_t pid, const char *rel, const char *data, struct err *e);

/* Which namespace a process is in: two are the same if device and inode of their files are. `ns` is
 * the name below /proc/<pid>/ns/. (A magic link that is followed, in our own procfs.) */
int proc_ns_stat(pid_t pid, const char *ns, struct stat *ret, struct err *e);

/* The same file, opened: for setns(2). */
int proc_ns_open(pid_t pid, const char *ns, struct err *e);

/* The root directory of a process, O_PATH: the other magic link. */
int proc_root_of(pid_t pid, struct err *e);

/* The fields of /proc/<pid>/stat that cede needs (proc(5)). comm may hold any byte. */
struct proc_stat {
	char state; /* R S D T t Z X I */
	pid_t ppid, pgrp, session;
	unsigned flags;	 /* PF_*: PROC_KTHREAD, PROC_EXITING */
	unsigned policy; /* SCHED_*; 0 where the text ends before it */
	uint64_t n_threads;
	uint64_t utime_ticks, stime_ticks; /* USER_HZ */
	uint64_t start_ticks;		   /* field 22: with the pid, names a process for good */
};

/* PF_KTHREAD (a kernel thread) and PF_EXITING (it ends, which it may take its time for before it is
 * a zombie) of include/linux/sched.h: part of what field 9 shows since 2.6.27. */
#define PROC_KTHREAD 0x00200000u
#define PROC_EXITING 0x00000004u

int proc_stat_read(pid_t pid, struct proc_stat *ret, struct err *e);
/* For callers that hold the text already (samplers, tests). 0 or -EBADMSG. */
int proc_stat_parse(const char *text, struct proc_stat *ret);

/* The masks of /proc/<pid>/status (proc(5)): bit n - 1 is signal n, bit n is capability n. */
struct proc_status {
	uint64_t sig_ignored, sig_caught;
	uint64_t cap_permitted, cap_bounding, cap_ambient;
};

int proc_status_read(pid_t pid, struct proc_status *ret, struct err *e);
/* For a text, which may be cut: false if not all of it is there. */
bool proc_status_parse(const char *text, struct proc_status *ret);
/* The last number of its NSpid is 1: the first process of its own pid namespace, with which all the
 * others there end. */
bool proc_status_is_first(const char *text);

/* mnt_id of a text of /proc/<pid>/fdinfo/<fd> (proc(5)). 0, -ENODATA or -EBADMSG. */
int proc_fdinfo_mount(const char *text, uint64_t *ret);

#endif
