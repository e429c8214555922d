/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that a C library does not wrap, or not as the kernel means them. They return like
 * syscall(2): -1 and errno.
 */
#ifndef CEDE_BASE_SYS_H
#define CEDE_BASE_SYS_H

#include <linux/openat2.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* the same on every architecture we are built for */
#endif

static inline int sys_openat2(int dirfd, const char *path, const struct open_how *how)
{
	return (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
}

/* fchmodat2(2), Linux 6.6, of an O_PATH descriptor itself. */
static inline int sys_chmod_fd(int fd, unsigned mode)
{
	return (int)syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH);
}

/* In the child the stack is the caller's, copy on write: use without CLONE_VM only. */
static inline pid_t sys_clone3(struct clone_args *args)
{
	return (pid_t)syscall(SYS_clone3, args, sizeof(*args));
}

/* A child of our parent, by clone(2), which filters know better than clone3(2). Its number, in our
 * pid namespace, is in *ret_pid before it runs. */
static inline pid_t sys_clone_sibling(volatile pid_t *ret_pid)
{
	const unsigned long flags = CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD;

#if defined(__s390x__)
	return (pid_t)syscall(SYS_clone, 0, flags, ret_pid, 0, 0);
#else
	return (pid_t)syscall(SYS_clone, flags, 0, ret_pid, 0, 0);
#endif
}

/* Ends the process also where a filter refuses exit_group(2), which _exit(2) would ask for again
 * and again. */
static inline _Noreturn void sys_exit(int status)
{
	(void)syscall(SYS_exit_group, status);
	(void)syscall(SYS_exit, status);
	for (;;)
		__builtin_trap();
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline int sys_ioprio_set(int which, int who, int ioprio)
{
	return (int)syscall(SYS_ioprio_set, which, who, ioprio);
}

static inline int sys_ioprio_get(int which, int who)
{
	return (int)syscall(SYS_ioprio_get, which, who);
}

/* sched_setattr(2); glibc 2.36 has neither the call nor the struct. */
struct sched_attr_v1 {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static inline int sys_sched_setattr(pid_t tid, const struct sched_attr_v1 *attr)
{
	return (int)syscall(SYS_sched_setattr, tid, attr, 0);
}

/* -1 with errno where the task cannot be looked at. */
static inline int sys_sched_getattr(pid_t tid, struct sched_attr_v1 *ret)
{
	return (int)syscall(SYS_sched_getattr, tid, ret, sizeof(*ret), 0);
}

/* musl refuses these two: a thread of POSIX is not a task of Linux. */
static inline int sys_sched_setscheduler(pid_t tid, int policy, int priority)
{
	return (int)syscall(SYS_sched_setscheduler, tid, policy, &priority);
}

static inline int sys_sched_getscheduler(pid_t tid)
{
	return (int)syscall(SYS_sched_getscheduler, tid);
}

/*
 * For a process of one thread, on 64 bits. The libraries' own reach all threads by signals, and
 * musl makes calls for it that a container's filter, loaded already, may not allow.
 */
static inline int sys_setgroups(size_t n, const gid_t *groups)
{
	return (int)syscall(SYS_setgroups, n, groups);
}

static inline int sys_setresgid(gid_t real, gid_t effective, gid_t saved)
{
	return (int)syscall(SYS_setresgid, real, effective, saved);
}

static inline int sys_setresuid(uid_t real, uid_t effective, uid_t saved)
{
	return (int)syscall(SYS_setresuid, real, effective, saved);
}

/* The first signals above the classic ones are the library's own, three in musl (32 to 34), two in
 * glibc: its functions deny that they exist. Other programs use the third and may send it to us. */
static inline void signals_fill(sigset_t *ret)
{
	memset(ret, 0xff, sizeof(*ret));
}

static inline int sys_signal_default(int n)
{
	static const struct {
		void (*handler)(int);
		unsigned long flags, restorer, mask;
	} usual;

	return (int)syscall(SYS_rt_sigaction, n, &usual, NULL, sizeof(usual.mask));
}

#define CEDE_IOPRIO_WHO_PROCESS 1
#define CEDE_IOPRIO_CLASS_IDLE 3
#define CEDE_IOPRIO_VALUE(class, data) (((class) << 13) | (data))
#define CEDE_IOPRIO_CLASS(value) ((value) >> 13)

#endif
