/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpus.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

/* "0-3", "0", "0,2-5": a list of ranges, the highest last (cputopology.rst). */
#define POSSIBLE "/sys/devices/system/cpu/possible"

unsigned cpus_possible(void)
{
	long configured = sysconf(_SC_NPROCESSORS_CONF);
	char text[256];
	uint32_t last;
	ssize_t n = file_read(AT_FDCWD, POSSIBLE, text, sizeof(text), NULL);

	if (n > 0) {
		const char *highest;

		text[strcspn(text, "\n")] = '\0';
		highest = text + strlen(text);
		while (highest > text && highest[-1] >= '0' && highest[-1] <= '9')
			highest--;
		if (parse_u32(highest, 10, &last) == 0 && last < UINT32_MAX)
			return last + 1;
	}
	return configured > 0 ? (unsigned)configured : 1; /* a sandbox without sysfs */
}
