/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory of one container: made, locked, written, read, removed. Facts live in the
 * kernel and in these files, nowhere else.
 *
 * <root> is 0711 root-owned (created on demand), <root>/<id> is 0700.
 */
#ifndef CEDE_RUNTIME_STATE_H
#define CEDE_RUNTIME_STATE_H

#include "base/err.h"
#include "runtime/container.h"

/* Makes <root>/<id> and takes its lock (exclusive). -EEXIST: "container `ID` already exists".
 * *ret is a fresh container (see container_close) with id, dirfd and lockfd filled in; the caller
 * fills the rest (strings from c->arena) and calls state_save. */
int state_create(const struct runtime *rt, const char *id, struct container **ret, struct err *e);

/*
 * Writes state.json atomically. Called twice by create: first as soon as the cgroup's path is known
 * and before the group is made, with init_pid 0 (so that `delete --force` finds the group if the
 * runtime is killed in between), then with init's pid when it is ready.
 */
int state_save(const struct container *c, struct err *e);

/* Removes the directory with all in it, while the lock is held, and closes c->dirfd. */
int state_remove(struct container *c, struct err *e);

#define STATE_FIFO "exec.fifo"
/* Beside it, the other way: what went wrong in init after `start`; end of file: the program runs.
 */
#define STATE_RESULT "exec.result"
/* The private copy of config.json, written by create (spec_load(c->dirfd, STATE_CONFIG, ...)). */
#define STATE_CONFIG "config.json"

#endif
