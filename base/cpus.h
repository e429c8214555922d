/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CEDE_BASE_CPUS_H
#define CEDE_BASE_CPUS_H

/* How many CPUs the machine can have: their numbers are below this, whoever may run on them and
 * whichever are online. (sysconf(3) answers by our own affinity in musl.) At least 1. */
unsigned cpus_possible(void);

#endif
