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

/* Is <root>/<id> this very directory, and not one that was made under the name since? */
bool state_still_there(int rootfd, const char *id, int dirfd);

/*
 * Whether that descriptor of the state root may be believed, if the root is a user's by default:
 * $XDG_RUNTIME_DIR may be a directory where others could make one of that name first, with states
 * in it whose hooks would run as him. 0 or -EPERM.
 */
int state_check_root(const struct runtime *rt, int rootfd, struct err *e);

/*
 * `delete --force` of the container whose init this is (numbers as in struct container): whoever
 * has let go of its lock meanwhile must not remove another one that has the name by now. 0 if it is
 * gone. In runtime/control.c.
 */
int container_delete_same(const struct runtime *rt, const char *id, pid_t init_pid,
			  uint64_t init_start_ticks, struct err *e);

/* Removes <root>/<id> with all in it, STATE_LOCK last: a directory without it has nothing else. The
 * caller holds the lock. */
int state_remove_dir(int rootfd, const char *id, struct err *e);

#define STATE_LOCK "lock"
#define STATE_FIFO "exec.fifo"
/*
 * A container is `created` from one moment on, whoever is killed around it: from when its creator,
 * having recorded it, sets this mode of the FIFO. Others see it by name; init, which reads the
 * FIFO, by its descriptor: it ends with a creator that has not set it, and else goes on without
 * him.
 */
#define STATE_FIFO_MODE 0600
#define STATE_FIFO_CREATED 0700
/* 0 or -errno; a descriptor of the FIFO. */
int state_set_created(int fifo);
bool state_is_created(int fifo);
/* Beside it, the other way: what went wrong in init after `start`; end of file: the program runs.
 */
#define STATE_RESULT "exec.result"
/* The private copy of config.json, written by create (spec_load(c->dirfd, STATE_CONFIG, ...)). */
#define STATE_CONFIG "config.json"

#endif
