/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka in the order it wants. */
#ifndef CEDE_TESTS_UNIT_H
#define CEDE_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* base/err.h has the name fail(); tests say fail_msg(). */
#undef fail
#undef fail_msg
#define fail_msg(msg, ...)                                                                         \
	do {                                                                                       \
		print_error("ERROR: " msg "\n", ##__VA_ARGS__);                                    \
		_fail(__FILE__, __LINE__);                                                         \
	} while (0)

#endif
