/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CEDE_TESTS_BENCH_CORPUS_H
#define CEDE_TESTS_BENCH_CORPUS_H

#include <stddef.h>

#include "base/err.h"

/*
 * Writes up to `bytes` of this machine's own files to `path`: text from /usr/share, programs and
 * libraries, a third each, cut into blocks that are shuffled (always in the same way), so that
 * every part of the file costs about the same to compress. *ret_bytes is what was found (at least 1
 * MiB, or -ENODATA).
 */
int corpus_make(const char *path, size_t bytes, size_t *ret_bytes, struct err *e);

#endif
