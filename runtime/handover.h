/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands a descriptor over to whoever listens on a Unix socket: the terminal's master
 * (--console-socket), init's pidfd (--pidfd-socket). One message, one descriptor.
 */
#ifndef CEDE_RUNTIME_HANDOVER_H
#define CEDE_RUNTIME_HANDOVER_H

#include "base/err.h"

/* Connects; the descriptor or a negative errno. `option` names the socket in errors. */
int handover_connect(const char *path, const char *option, struct err *e);
/* `text` (not empty) is the message's payload. */
int handover_send(int sock, int fd, const char *text, struct err *e);

#endif
