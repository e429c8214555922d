/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The talk between the runtime and the init it makes, over one SOCK_SEQPACKET pair. A message is a
 * header of fixed size, or that header and a struct err: nothing in it is parsed (CVE-2021-43784).
 * A descriptor may ride along (SCM_RIGHTS).
 *
 * Either side sees the other's death as the end of the stream, so neither can be left waiting.
 *
 *	stage, init			runtime
 *	SYNC_MAP_IDS		->	  stage only: writes its uid_map and gid_map
 *				<-	SYNC_GO
 *	SYNC_OFFSETS		->	  stage only: writes its timens_offsets
 *				<-	SYNC_GO
 *	SYNC_PID value=pid	->	  stage only: says which process init is, and ends
 *				<-	SYNC_GO, to init
 *	SYNC_BIRTH		->	  with a user namespace only: limits and scheduling, which
 *				<-	SYNC_GO	  need the host's privileges; uid_map and gid_map
 *	SYNC_HOOKS		->	  only with network devices, prestart or createRuntime
 *				<-	SYNC_GO	  hooks: moves the ones, runs the others
 *	SYNC_CONSOLE + fd	->	  only with a terminal
 *	SYNC_LISTENER value=fd	->	  only with a seccomp listener: hands it over; also behind
 *				<-	SYNC_GO	  SYNC_READY (runtime/seccomp_listener.h)
 *	SYNC_READY		->	  records the container: state, pid file
 *				<-	SYNC_GO
 *	or, when nothing of the above is to be asked and no `start` is waited for, without waiting:
 *				<-	SYNC_GO, recorded already
 *	SYNC_READY		->
 *	SYNC_ERROR + err	->	  at any moment instead of the above
 */
#ifndef CEDE_RUNTIME_SYNC_H
#define CEDE_RUNTIME_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum sync_type {
	SYNC_ERROR = 1,
	SYNC_PID,
	SYNC_MAP_IDS,
	SYNC_OFFSETS,
	SYNC_BIRTH,
	SYNC_HOOKS,
	SYNC_CONSOLE,
	SYNC_READY,
	SYNC_LISTENER,
	SYNC_GO,
};

/* What a SYNC_ERROR is about, as far as it matters to the other side. */
enum sync_failure { SYNC_FAILED, SYNC_HOOK_FAILED };

struct sync_msg {
	uint32_t type;	/* enum sync_type */
	int32_t value;	/* SYNC_PID: the pid; SYNC_LISTENER: its number; SYNC_ERROR: enum
			   sync_failure */
	struct err err; /* SYNC_ERROR only */
};

/* Both ends O_CLOEXEC. */
int sync_pair(int ret_fds[2], struct err *e);

/* Memory shared with the processes that are cloned from now on, zeroed; there until we end. */
int sync_share(void **ret, size_t size, struct err *e);

/* What takes no system call to say. In such memory. */
struct sync_flags {
	bool begun;    /* it was not killed at birth (see cgroup_enter); its program may have run */
	bool given_up; /* it has failed, and may not be allowed to say more */
};
int sync_flags(volatile struct sync_flags **ret, struct err *e);

/* The end of a process that has failed: says so by the flag and by sync_report, to the runtime
 * or to `start`, and ends with the error's exit status, or 1. */
_Noreturn void sync_give_up(int fd, volatile struct sync_flags *flags, enum sync_failure what,
			    const struct err *error);
/* At the end of the stream: -EPERM and why, if it was given up without a word. */
int sync_unsaid(const volatile struct sync_flags *flags, struct err *e);

/* `pass_fd` -1: none. Never raises SIGPIPE. */
int sync_send(int fd, enum sync_type type, int32_t value, int pass_fd, struct err *e);

/* A message without more, written: into the socket, or into the FIFO that `start` reads. 0 or
 * -errno.
 */
int sync_say(int fd, enum sync_type type, int32_t value);

/* The error as a message: into the socket, or into the FIFO that `start` reads (there it is one
 * atomic write below PIPE_BUF). 0 or -errno. */
int sync_report(int fd, enum sync_failure what, const struct err *error);

/* The other end of that FIFO: 0 at the end of the file (nothing failed), -EAGAIN if nothing is
 * there yet, SYNC_LISTENER with its number in *ret_value, else the error as sync_recv hands it out,
 * with the enum sync_failure it is about. */
int sync_read_report(int fd, int *ret_value, struct err *e);

/*
 * Waits for the next message at most timeout_ms (< 0: for as long as the other side lives).
 * `cancel_fd` (or -1): becoming readable ends the wait with -EINTR. *ret_fd: the descriptor that
 * came along, or -1; NULL: none is expected, one that comes is closed.
 *
 * A SYNC_ERROR is handed out as the error itself: e is filled with it and its code returned.
 * -ECONNRESET: the other side is gone. -ETIMEDOUT. -EPROTO: not one of our messages.
 */
int sync_recv(int fd, int cancel_fd, int timeout_ms, struct sync_msg *ret, int *ret_fd,
	      struct err *e);

/* sync_recv without bound that accepts SYNC_GO alone: what init does. */
int sync_wait_go(int fd, struct err *e);

#endif
