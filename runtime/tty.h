/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal of a container's process.
 *
 * The pair is made in the container's own devpts, and the slave is taken from the master by
 * TIOCGPTPEER: no path of the container is opened for it, so nothing in the container can put
 * another file in its place (CVE-2025-52565). The master goes to the runtime over the sync socket,
 * and from there to --console-socket or to the foreground loop (runtime/supervise.h).
 */
#ifndef CEDE_RUNTIME_TTY_H
#define CEDE_RUNTIME_TTY_H

#include <stdbool.h>
#include <termios.h>

#include "base/err.h"
#include "oci/spec.h"

/* In the container's mount namespace. rootfd: the container's root, or AT_FDCWD when that is the
 * working directory. Its size is process.consoleSize, or that of the terminal that is still our
 * fd 0. */
int tty_make(const struct spec_process *p, int rootfd, int *ret_master, int *ret_slave,
	     struct err *e);
/* Makes the slave the controlling terminal (the caller leads its session) and 0, 1, 2. */
int tty_attach(int slave, struct err *e);

/* Sends the master to --console-socket, with its slave's name as the text. */
int tty_hand_over(int console_socket, int master, struct err *e);

/*
 * Our own terminal while a container's is shown on it. Zero-initialise; tty_restore is fine at any
 * time, also twice.
 */
struct tty_mode {
	bool saved;
	struct termios before;
};
/* Raw mode, so that every key reaches the container. Nothing happens if fd 0 is not a terminal. */
int tty_raw(struct tty_mode *m, struct err *e);
void tty_restore(struct tty_mode *m);
/* The size of our terminal becomes the container's. */
void tty_copy_size(int master);

#endif
