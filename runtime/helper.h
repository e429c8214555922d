/* SPDX-License-Identifier: Apache-2.0 */
/* Where the programs are that do the heavy part (systemd's bus, ...) for this one. */
#ifndef CEDE_RUNTIME_HELPER_H
#define CEDE_RUNTIME_HELPER_H

#include <limits.h>

#include "base/err.h"

/* `name` -> its path: below $CEDE_LIBEXEC (tests, and an installation that was moved; not with
 * other privileges than the caller's), else where `make install` puts it. -ENOENT, saying what to
 * install, if it is not there. */
int helper_find(const char *name, char buf[static PATH_MAX], struct err *e);

#endif
