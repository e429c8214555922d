/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/<pid>/mountinfo (proc(5)). */
#ifndef CEDE_BASE_MOUNTINFO_H
#define CEDE_BASE_MOUNTINFO_H

#include <stdbool.h>
#include <stdint.h>

/* More than any kernel lets a namespace have (fs.mount-max) at usual lengths. */
#define MOUNTINFO_MAX (4u << 20)

struct mountinfo {
	uint64_t id;
	const char *point; /* blanks and backslashes as they are, not as \040 */
	const char *type;  /* "" where the line ends before it */
};

/* Calls fn for each line of the text that is one; stops when it returns true, and returns that. The
 * strings are fn's for the call. */
bool mountinfo_any(const char *text, bool (*fn)(const struct mountinfo *m, void *arg), void *arg);

#endif
