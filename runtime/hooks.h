/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks of the configuration (config.md, "POSIX-platform Hooks"): each gets the container's state
 * on stdin, exactly the environment of the document, and the bundle as its working directory.
 * What its output says becomes part of the error.
 *
 * Where each kind runs is the caller's business: prestart, createRuntime, poststart and poststop in
 * the runtime's process, createContainer and startContainer in init.
 */
#ifndef CEDE_RUNTIME_HOOKS_H
#define CEDE_RUNTIME_HOOKS_H

#include "base/err.h"
#include "oci/documents.h"
#include "oci/spec.h"

/* A hook that names no timeout may take this long; nothing waits for ever. */
#define HOOK_DEFAULT_TIMEOUT_MS 300000

/* Runs the hooks of one kind in order; stops at the first that fails (-ECANCELED: it ended with a
 * status other than 0; -ETIMEDOUT; or why it could not be run). For poststop, whose failures do not
 * count, all are run and the first error is handed out. */
int hooks_run(const struct spec *s, enum spec_hook_kind kind, const struct oci_state *state,
	      struct err *e);

/* The same; a readable `cancel_fd` (or -1) ends it with -EINTR. */
int hooks_run_cancel(const struct spec *s, enum spec_hook_kind kind, const struct oci_state *state,
		     int cancel_fd, struct err *e);

/* Bit (1 << kind) for each kind that the configuration has. */
unsigned hooks_present(const struct spec *s);

/* How long the hooks of one kind may take together. */
int hooks_timeout_ms(const struct spec *s, enum spec_hook_kind kind);

#endif
