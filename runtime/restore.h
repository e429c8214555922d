/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `restore`: a new container from a bundle, whose processes CRIU makes from the images of a
 * checkpoint.
 *
 * The bundle's configuration is the new container's: its cgroup, its limits, where its bind mounts
 * come from, its hooks. What the processes are, the images say: memory, files, capabilities,
 * seccomp filter, users, the terminal's settings. CRIU runs in the new cgroup and in a mount
 * namespace of its own, so that whatever it leaves behind goes with them.
 *
 * Hooks: prestart and createRuntime when the namespaces are there, poststart when the processes
 * run, poststop at delete. createContainer and startContainer are for a container that is being
 * built and for a program about to be executed; here neither happens, what they did is in the
 * images.
 */
#ifndef CEDE_RUNTIME_RESTORE_H
#define CEDE_RUNTIME_RESTORE_H

#include "base/err.h"
#include "runtime/container.h"
#include "runtime/cr.h"

struct restore_opts {
	struct create_opts create; /* id, bundle, pid file, sockets, detach, ... */
	struct cr_opts cr;
};

/*
 * Like container_run: *ret_status is what the command should exit with (0 with create.detach). On
 * failure nothing is left behind. -ECHILD: CRIU says no, and why.
 */
int container_restore(const struct runtime *rt, const struct restore_opts *o, int *ret_status,
		      struct err *e);

#endif
