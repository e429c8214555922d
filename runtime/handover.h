/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an engine is told of a new process. To whoever listens on a Unix socket, a descriptor: the
 * terminal's master (--console-socket), the process's pidfd (--pidfd-socket); one message, one
 * descriptor. In a file, its number (--pid-file).
 */
#ifndef CEDE_RUNTIME_HANDOVER_H
#define CEDE_RUNTIME_HANDOVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Connects; the descriptor or a negative errno. `option` names the socket in errors. */
int handover_connect(const char *path, const char *option, struct err *e);
/* `text` (not empty) is the message's payload. */
int handover_send(int sock, int fd, const char *text, struct err *e);
/* The same of a pidfd; `sock` -1: nobody asked for it. */
int handover_pidfd(int sock, int pidfd, struct err *e);

/* Digits only, no newline: callers parse all of it. A file is replaced at once, or stays as it was;
 * what is there and is no file (/dev/stdout, a FIFO) is written to. *ret_made: a file, to be
 * removed if nothing comes of the process; may be NULL. `path` NULL: nothing is asked for. */
int handover_pid(const char *path, pid_t pid, bool *ret_made, struct err *e);

#endif
