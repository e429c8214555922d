/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CEDE_CLI_PROCESS_OPTIONS_H
#define CEDE_CLI_PROCESS_OPTIONS_H

#include "oci/spec.h"

/* "UID[:GID]"; without a GID, ret keeps the one it has. -EINVAL, and ret untouched, for anything
 * else. Pure. */
int process_user_parse(const char *text, struct spec_user *ret);

#endif
