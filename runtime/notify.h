/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NOTIFY_SOCKET (sd_notify(3)): a service whose main program is a container says itself when it is
 * ready. What the service manager named must not be in the container's hands, so the container gets
 * a socket of its own, and "READY=1" alone is passed on, with the container's first process as the
 * service's (MAINPID). As runc has it: the socket is at NOTIFY_INSIDE, `start` and `run --detach`
 * return when the program is ready or has ended, and `run` passes the word on while it waits.
 */
#ifndef CEDE_RUNTIME_NOTIFY_H
#define CEDE_RUNTIME_NOTIFY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "oci/spec.h"
#include "runtime/container.h"

#define NOTIFY_INSIDE "/run/notify"
#define NOTIFY_SOCKET_NAME "notify.sock"
/* In the state directory: what is bound on NOTIFY_INSIDE. */
#define NOTIFY_DIR "notify"

/* Does our environment name a socket? Anything that is not the name of one is refused. 0 or 1. */
int notify_wanted(struct err *e);

/* The host's path of NOTIFY_DIR; NULL: no memory. */
const char *notify_path(struct arena *a, const struct runtime *rt, const char *id);
/* Adds the mount and the variable to the document. */
int notify_add(struct spec *s, const struct runtime *rt, const char *id, struct err *e);

/* Makes NOTIFY_DIR in the state directory. */
int notify_make_dir(int state_fd, struct err *e);
/* The container's socket in it, made anew. The descriptor or a negative errno. */
int notify_bind(int state_fd, struct err *e);

/* Takes what has come: true: "READY=1" was among it. Does not wait. */
bool notify_hear(int fd);
/* One datagram's text has the line "READY=1". Pure. */
bool notify_is_ready(const char *text);
/* Passes it on. */
int notify_tell(pid_t pid, struct err *e);

/* Waits until the program has said so, and passes it on, or has ended. */
int notify_wait(int fd, pid_t pid, int pidfd, struct err *e);

#endif
