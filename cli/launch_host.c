/* SPDX-License-Identifier: Apache-2.0 */
/* What a job inherits from the host and the caller. */
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "cli/launch.h"
#include "runtime/rootless.h"

static int look_at_cgroups(struct launch_host *h, struct err *e)
{
	struct cg_host cg;
	int rc = cg_host_open(&cg, e);

	if (rc < 0)
		return rc;
	h->has_cgroup = cg.layout != CG_LAYOUT_NONE;
	h->has_cpu = cg.controllers & CG_CPU;
	h->has_memory = cg.controllers & CG_MEMORY;
	cg_host_close(&cg);
	return 0;
}

static int look_at_caller(struct arena *a, struct launch_host *h, struct err *e)
{
	int n = getgroups(0, NULL);

	h->uid = getuid();
	h->gid = getgid();
	h->groups = n > 0 ? arena_array(a, (size_t)n, sizeof(gid_t)) : NULL;
	if (n > 0 && !h->groups)
		return fail(e, ENOMEM, "launch");
	n = getgroups(n, h->groups);
	if (n < 0)
		return fail(e, errno, "launch: groups of the caller");
	h->n_groups = (size_t)n;
	h->umask = umask(0); /* there is no call that only reads it */
	(void)umask(h->umask);
	h->environ = environ;
	return 0;
}

static const char *real_copy(struct arena *a, const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);

	return real ? arena_strdup(a, real) : NULL;
}

int launch_host_look(struct arena *a, struct launch_host *ret, struct err *e)
{
	struct launch_host h = {0};
	struct winsize w;
	struct stat st;
	int rc = look_at_cgroups(&h, e);

	if (rc == 0)
		rc = look_at_caller(a, &h, e);
	if (rc < 0)
		return rc;
	h.ordinary = rootless_is_ordinary();
	h.has_tty_group = rootless_has_gid(LAUNCH_TTY_GROUP);
	if (rootless_keeps_groups())
		h.n_groups = 0;
	h.has_var_tmp = stat("/var/tmp", &st) == 0 && S_ISDIR(st.st_mode);
	h.cwd = real_copy(a, ".");
	if (!h.cwd)
		return fail(e, errno, "launch: current directory");
	h.resolv_conf = real_copy(a, "/etc/resolv.conf");
	if (h.resolv_conf && !str_after(h.resolv_conf, "/run/"))
		h.resolv_conf = NULL; /* seen where it is, or not there */
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) == 0) {
		h.rows = w.ws_row;
		h.columns = w.ws_col;
	}
	*ret = h;
	return 0;
}
