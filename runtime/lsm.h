/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels of Linux security modules: process.apparmorProfile, process.selinuxLabel and
 * linux.mountLabel.
 *
 * The kernel keeps the label for the next execve in a file of procfs, which a process can write for
 * itself alone. It is opened through our own procfs (CVE-2019-16884, -2025-52881), and written last
 * before the program is executed: forks inherit it, and hooks are not to run under it.
 */
#ifndef CEDE_RUNTIME_LSM_H
#define CEDE_RUNTIME_LSM_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/spec.h"

/* Is the module there and switched on? Asked of the host once. */
bool lsm_apparmor_enabled(void);
bool lsm_selinux_enabled(void);

/* A label for a module that is not enabled here is refused by name. `mount_label` may be NULL. */
int lsm_check(const struct spec_process *p, const char *mount_label, struct err *e);

/* Descriptor of the file that takes the process's label, in the process itself; -1 in *ret: it has
 * no label. */
int lsm_open(const struct spec_process *p, int *ret, struct err *e);
/* Writes the label into it, and closes it. Nothing to do with -1. */
int lsm_apply(const struct spec_process *p, int *fd, struct err *e);

/* Keys made from now on have the process's SELinux label; on: false takes that back. Through the
 * procfs of the moment. */
int lsm_label_keys(const struct spec_process *p, bool on, struct err *e);

#endif
