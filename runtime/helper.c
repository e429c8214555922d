/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "version.h"

int helper_find(const char *name, char buf[static PATH_MAX], struct err *e)
{
	const char *dir = secure_getenv("CEDE_LIBEXEC");

	if (!dir || *dir != '/')
		dir = CEDE_LIBEXECDIR;
	if (snprintf(buf, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return refuse(e, ENAMETOOLONG, "%s: CEDE_LIBEXEC is too long", name);
	if (access(buf, X_OK) < 0)
		return fail(e, errno, "helper program %s (is cede built with it, and installed?)",
			    buf);
	return 0;
}
