/* SPDX-License-Identifier: Apache-2.0 */
/* musl's, and close_range(2). */
#ifndef CEDE_COMPAT_UNISTD_H
#define CEDE_COMPAT_UNISTD_H
#pragma GCC system_header

#include_next <unistd.h>

#include <linux/close_range.h>

int close_range(unsigned first, unsigned last, int flags);

#endif
