/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that glibc 2.36 does not wrap. They return like syscall(2): -1 and errno.
 */
#ifndef CEDE_BASE_SYS_H
#define CEDE_BASE_SYS_H

#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static inline int sys_openat2(int dirfd, const char *path, const struct open_how *how)
{
	return (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
}

/* In the child the stack is the caller's, copy on write: use without CLONE_VM only. */
static inline pid_t sys_clone3(struct clone_args *args)
{
	return (pid_t)syscall(SYS_clone3, args, sizeof(*args));
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

#define CEDE_IOPRIO_WHO_PROCESS 1
#define CEDE_IOPRIO_CLASS_IDLE 3
#define CEDE_IOPRIO_VALUE(class, data) (((class) << 13) | (data))
#define CEDE_IOPRIO_CLASS(value) ((value) >> 13)

#endif
