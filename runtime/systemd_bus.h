/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to systemd. The bus library stays out of this program: each request is one run of the
 * helper cede-systemd (libexec/cede-systemd.c), with the least environment and a time limit.
 */
#ifndef CEDE_RUNTIME_SYSTEMD_BUS_H
#define CEDE_RUNTIME_SYSTEMD_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct unit_props;

/* Is systemd the init of this machine (sd_booted(3)), and the helper installed? */
bool systemd_is_there(void);

/* Is the helper installed? */
bool systemd_has_helper(void);

/* The system's manager, or that of the user whose privileges end at a user namespace or an
 * ordinary uid. */
enum systemd_manager { SYSTEMD_SYSTEM, SYSTEMD_USER };

/*
 * A scope with `props`, from the cgroup of which (with a leading slash) goes to `group`. -EEXIST:
 * there is an active unit of that name. -ETIMEDOUT. -ENOENT: no helper, or no systemd to talk to.
 */
int systemd_start_scope(enum systemd_manager m, const char *unit, const struct unit_props *props,
			char *group, size_t size, struct err *e);
/* A slice; one that is there stays as it is. */
int systemd_start_slice(enum systemd_manager m, const char *unit, const struct unit_props *props,
			char *group, size_t size, struct err *e);
/* Moves a process into the unit's group, or, below it, into that of `below` (with a leading slash,
 * or ""), which is there. */
int systemd_attach(enum systemd_manager m, const char *unit, const char *below, pid_t pid,
		   struct err *e);
/* Waits until it is gone. One that is not there is fine. */
int systemd_stop(enum systemd_manager m, const char *unit, struct err *e);
/* Until the next boot. */
int systemd_set(enum systemd_manager m, const char *unit, const struct unit_props *props,
		struct err *e);

#endif
