/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/lsm.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/procfs.h"
#include "base/str.h"

#define SELINUX_ROOT "/sys/fs/selinux"
#define APPARMOR_SWITCH "/sys/module/apparmor/parameters/enabled"
/* With the module's name in it (5.8): where several are stacked, the plain name is one's alone. */
#define APPARMOR_EXEC "attr/apparmor/exec"
#define SELINUX_EXEC "attr/exec"
#define SELINUX_KEYS "attr/keycreate"

bool lsm_apparmor_enabled(void)
{
	char text[8];

	return file_read(AT_FDCWD, APPARMOR_SWITCH, text, sizeof(text), NULL) > 0 && text[0] == 'Y';
}

bool lsm_selinux_enabled(void)
{
	struct statfs fs;

	return statfs(SELINUX_ROOT, &fs) == 0 && fs.f_type == SELINUX_MAGIC;
}

static bool is_given(const char *label)
{
	return label && *label;
}

/* "unconfined" is what a process is without the module. */
static bool wants_apparmor(const struct spec_process *p)
{
	return is_given(p->apparmor_profile) && !streq(p->apparmor_profile, "unconfined");
}

int lsm_check(const struct spec_process *p, const char *mount_label, struct err *e)
{
	if (p && wants_apparmor(p) && !lsm_apparmor_enabled())
		return refuse(e, EOPNOTSUPP,
			      "config.json: process.apparmorProfile: %s: AppArmor is not enabled "
			      "on this host",
			      p->apparmor_profile);
	if (p && is_given(p->selinux_label) && !lsm_selinux_enabled())
		return refuse(e, EOPNOTSUPP,
			      "config.json: process.selinuxLabel: %s: SELinux is not enabled on "
			      "this host",
			      p->selinux_label);
	if (is_given(mount_label) && !lsm_selinux_enabled())
		return refuse(e, EOPNOTSUPP,
			      "config.json: linux.mountLabel: %s: SELinux is not enabled on this "
			      "host",
			      mount_label);
	return 0;
}

/* Which file, and what goes into it; NULL: there is no label. */
static const char *label_file(const struct spec_process *p)
{
	if (is_given(p->selinux_label))
		return SELINUX_EXEC;
	return wants_apparmor(p) ? APPARMOR_EXEC : NULL;
}

/* Engines look for the file's name in backquotes, at the end of the line or before a colon. */
static int label_fail(const struct spec_process *p, int errnum, struct err *e)
{
	bool selinux = is_given(p->selinux_label);

	return refuse(e, errnum, "config.json: process.%s: %s: %s: write to `/proc/self/%s`",
		      selinux ? "selinuxLabel" : "apparmorProfile",
		      selinux ? p->selinux_label : p->apparmor_profile,
		      errnum == ENOENT ? "no such label is loaded" : strerror(errnum),
		      label_file(p));
}

int lsm_open(const struct spec_process *p, int *ret, struct err *e)
{
	const char *file = label_file(p);
	int fd;

	*ret = -1;
	if (!file)
		return 0;
	fd = proc_open(PROC_SELF, file, O_WRONLY, NULL);
	if (fd < 0)
		return label_fail(p, -fd, e);
	*ret = fd;
	return 0;
}

int lsm_apply(const struct spec_process *p, int *fd, struct err *e)
{
	bool selinux = is_given(p->selinux_label);
	char text[4096];
	int n, rc = 0;

	if (*fd < 0)
		return 0;
	n = snprintf(text, sizeof(text), "%s%s", selinux ? "" : "exec ",
		     selinux ? p->selinux_label : p->apparmor_profile);
	if (n >= (int)sizeof(text))
		rc = label_fail(p, ENAMETOOLONG, e);
	else if (write(*fd, text, (size_t)n) < 0)
		rc = label_fail(p, errno, e);
	*fd = fd_close(*fd);
	return rc;
}

int lsm_label_keys(const struct spec_process *p, bool on, struct err *e)
{
	int rc;

	if (!is_given(p->selinux_label))
		return 0;
	/* An empty write is none; the kernel takes a newline for "no label". */
	rc = proc_write(PROC_SELF, SELINUX_KEYS, on ? p->selinux_label : "\n", e);
	return rc < 0 ? err_context(e, rc, "config.json: process.selinuxLabel") : 0;
}
