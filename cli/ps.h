/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CEDE_CLI_PS_H
#define CEDE_CLI_PS_H

#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* The header of ps(1)'s table and the lines of these processes, added to *out. The text is cut up.
 * Pure. */
int ps_filter(char *text, const pid_t *pids, size_t n, struct strbuf *out, struct err *e);

#endif
