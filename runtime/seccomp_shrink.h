/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same filter in fewer instructions.
 *
 * The kernel checks and translates a filter each time it is installed: measured, 0.17 us for each
 * instruction. libseccomp's decides call by call, some 400 to 1200 instructions for what container
 * engines ask for. But what is decided from the architecture and the number of the call alone is
 * a function of two numbers, and mostly the same for many numbers in a row: here it becomes, for
 * each architecture, a search among those intervals. What looks at arguments is kept as it is.
 */
#ifndef CEDE_RUNTIME_SECCOMP_SHRINK_H
#define CEDE_RUNTIME_SECCOMP_SHRINK_H

#include <linux/filter.h>
#include <stdbool.h>

/* True: *ret is fresh memory with *ret_n instructions, fewer than n, that return the same for every
 * struct seccomp_data. False: nothing to gain, or the filter is not of the kind that is understood
 * here; keep it. */
bool seccomp_shrink(const struct sock_filter *insns, unsigned short n, struct sock_filter **ret,
		    unsigned short *ret_n);

#endif
