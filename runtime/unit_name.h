/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.cgroupsPath in systemd's form, "slice:prefix:name", and the names that come of it
 * (systemd.unit(5), systemd.slice(5)). All pure.
 */
#ifndef CEDE_RUNTIME_UNIT_NAME_H
#define CEDE_RUNTIME_UNIT_NAME_H

#include <stddef.h>

#include "base/err.h"

#define UNIT_NAME_MAX 255 /* systemd's; without the NUL */

struct unit_name {
	char slice[UNIT_NAME_MAX + 1]; /* "cede.slice", "machine.slice", "-.slice" */
	char unit[UNIT_NAME_MAX + 1];  /* "libpod-4711.scope" */
	char slice_path[1024];	       /* below the manager's root: "/a.slice/a-b.slice", "" */
};

/*
 * "SLICE:PREFIX:NAME": unit PREFIX-NAME.scope in SLICE; without PREFIX NAME.scope; an empty SLICE
 * is cede.slice. Absent or empty: cede-<id>.scope in cede.slice. Characters that unit names do not
 * have are escaped as systemd-escape(1) does. -EINVAL for any other form, or what is no slice.
 */
int unit_name_make(const char *cgroups_path, const char *id, struct unit_name *ret, struct err *e);

/* "a-b.slice" -> "/a.slice/a-b.slice"; "-.slice" -> "". -EINVAL if it is not the name of a slice.
 */
int unit_slice_path(const char *slice, char *buf, size_t size, struct err *e);

#endif
