/* SPDX-License-Identifier: Apache-2.0 */
/* Which musl does not have. */
#ifndef CEDE_COMPAT_SYS_PIDFD_H
#define CEDE_COMPAT_SYS_PIDFD_H
#pragma GCC system_header

#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>

#define PIDFD_NONBLOCK O_NONBLOCK

int pidfd_open(pid_t pid, unsigned flags);
int pidfd_getfd(int pidfd, int fd, unsigned flags);
int pidfd_send_signal(int pidfd, int signal, siginfo_t *info, unsigned flags);

#endif
