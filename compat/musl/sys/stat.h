/* SPDX-License-Identifier: Apache-2.0 */
/* musl's, and statx(2), which it has since 1.2.4. */
#ifndef CEDE_COMPAT_SYS_STAT_H
#define CEDE_COMPAT_SYS_STAT_H
#pragma GCC system_header

#include_next <sys/stat.h>

#ifndef STATX_TYPE
#include <linux/stat.h>

int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *ret);
#endif

#endif
