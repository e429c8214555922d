/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CEDE_TESTS_BENCH_PATH_H
#define CEDE_TESTS_BENCH_PATH_H

#include <stddef.h>

/* Base directories are refused beyond this, so that what is built on them fits. */
#define PATH_BASE_MAX 240

/* Formats a path into a buffer that is large enough by construction; aborts if it is not. */
void path_set(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
