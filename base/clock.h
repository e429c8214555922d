/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CEDE_BASE_CLOCK_H
#define CEDE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_USEC 1000ULL
#define USEC_PER_SEC 1000000ULL

/* Nanoseconds of the clock; clock_gettime cannot fail for the clocks used here. */
static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* "2026-11-21T23:34:00.123456789Z" and the NUL (RFC 3339, UTC). gmtime(3) and strftime(3) would
 * read the machine's time zone from a file first. */
#define CLOCK_TEXT_SIZE 31
void clock_format(const struct timespec *ts, char buf[static CLOCK_TEXT_SIZE]);
/* The same for this moment. */
void clock_format_now(char buf[static CLOCK_TEXT_SIZE]);

#endif
