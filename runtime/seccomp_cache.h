/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled filters on disk: <root>/.cache/seccomp/<hash of the key>, directory 0700.
 *
 * A file holds its whole key (the filter's text, libseccomp's version, machine and kernel release)
 * and is taken only if that is equal byte by byte, it belongs to this user, nobody else may write
 * it, and its length and checksum are right. Anything else counts as not there. At most
 * SECCOMP_CACHE_MAX files are kept; the oldest half goes when there are more.
 */
#ifndef CEDE_RUNTIME_SECCOMP_CACHE_H
#define CEDE_RUNTIME_SECCOMP_CACHE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#define SECCOMP_CACHE_MAX 64

/* True: *ret is fresh memory with *ret_n instructions. */
bool seccomp_cache_get(const char *root, const char *text, size_t len, struct sock_filter **ret,
		       unsigned short *ret_n);
/* A filter that cannot be stored is compiled again next time: a debug line, no error. */
void seccomp_cache_put(const char *root, const char *text, size_t len,
		       const struct sock_filter *insns, unsigned short n);

#endif
