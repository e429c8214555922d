/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local resources carry a cleanup attribute; ownership transfer is visible at the call.
 *
 *	_cleanup_fd_ int fd = open(...);
 *	...
 *	*ret_fd = take_fd(&fd);
 */
#ifndef CEDE_BASE_CLEANUP_H
#define CEDE_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Closes and preserves errno; -1 is fine. Always returns -1, for `fd = fd_close(fd)`. */
static inline int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		(void)close(fd); /* nothing useful can be done: the descriptor is gone either way */
		errno = saved;
	}
	return -1;
}

static inline void cleanup_fd(int *fd)
{
	*fd = fd_close(*fd);
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d); /* read-only handle: no data can be lost */
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define take_ptr(pp)                                                                               \
	({                                                                                         \
		__typeof__(*(pp)) taken_ = *(pp);                                                  \
		*(pp) = NULL;                                                                      \
		taken_;                                                                            \
	})

#define _cleanup_fd_ _cleanup_(cleanup_fd)
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_dir_ _cleanup_(cleanup_dir)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CLAMP(x, lo, hi) ((x) < (lo) ? (lo) : (x) > (hi) ? (hi) : (x))

#endif
