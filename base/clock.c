/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>

/* Days since 1970-01-01 to a date of the Gregorian calendar, counting years from March, so that the
 * leap day is the last of its year. */
static void date_of(int64_t days, int *year, int *month, int *day)
{
	enum { DAYS_400_YEARS = 146097, DAYS_TO_1970_03_01_FROM_0 = 719468 };
	int64_t n = days + DAYS_TO_1970_03_01_FROM_0;
	int64_t era = (n >= 0 ? n : n - DAYS_400_YEARS + 1) / DAYS_400_YEARS;
	int64_t of_era = n - era * DAYS_400_YEARS;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153; /* months of 31 30 31 30 31 days, from March */

	*day = (int)(of_year - (153 * m + 2) / 5) + 1;
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = (int)(y + era * 400 + (*month <= 2));
}

void clock_format(const struct timespec *ts, char buf[static CLOCK_TEXT_SIZE])
{
	int64_t days = ts->tv_sec / 86400, rest = ts->tv_sec % 86400;
	int year, month, day;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	date_of(days, &year, &month, &day);
	/* The remainders say to the compiler what is so anyway, but for the year 10000. */
	(void)snprintf(buf, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ",
		       (unsigned)year % 10000, (unsigned)month % 100, (unsigned)day % 100,
		       (unsigned)(rest / 3600) % 24, (unsigned)(rest / 60) % 60,
		       (unsigned)rest % 60, (unsigned)ts->tv_nsec % 1000000000);
}

void clock_format_now(char buf[static CLOCK_TEXT_SIZE])
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail for this clock */
	clock_format(&ts, buf);
}
