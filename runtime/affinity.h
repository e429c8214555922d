/* SPDX-License-Identifier: Apache-2.0 */
/* process.execCPUAffinity: on which CPUs the process of an `exec` begins. */
#ifndef CEDE_RUNTIME_AFFINITY_H
#define CEDE_RUNTIME_AFFINITY_H

#include <sched.h>

#include "base/err.h"

/* "0-3,7" -> a set. -EINVAL: not a list of numbers and ranges below CPU_SETSIZE. Pure. */
int affinity_parse(const char *list, cpu_set_t *ret);
/* For the calling process. A NULL or empty list changes nothing; `key` names it in errors. */
int affinity_set(const char *list, const char *key, struct err *e);

#endif
