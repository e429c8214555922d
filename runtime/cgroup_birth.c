/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a secondary is born with (invariant 1): the settings of the slice and of a container's
 * group, made before the first process enters, so that incumbents are protected without a daemon.
 */
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/log.h"
#include "base/str.h"
#include "runtime/cgroup_internal.h"

/* memory.high of the slice: part of MemTotal. Above it the kernel reclaims from the secondaries
 * first, long before the machine is short. A ceiling, not a plan: the scheduler lowers it. */
#define SLICE_MEMORY_HIGH_PERCENT 80

bool cg_in_slice(const char *path)
{
	const char *rest = str_after(path + strspn(path, "/"), CEDE_SLICE);

	return rest && *rest == '/';
}

unsigned cg_birth_controllers(const struct cg_host *h)
{
	return (CG_CPU | CG_MEMORY) & h->controllers;
}

/*
 * The slice is a sibling of the incumbents at the top level, and cpu.idle acts between siblings:
 * there it makes every secondary yield to every incumbent (since 5.15). It is read each time: an
 * administrator, or systemd, may have made the slice before us, and a secondary must not run
 * beside incumbents as their equal. *fresh becomes true if nobody has set the slice up yet.
 */
static int slice_idle(int fd, bool *fresh, struct err *e)
{
	uint64_t idle = 0;
	int rc;

	if (!*fresh) {
		rc = cg_read_u64(fd, "cpu.idle", &idle, e);
		if (rc < 0 || idle == 1)
			return rc;
		*fresh = true;
	}
	return cg_write(fd, "cpu.idle", "1", e);
}

int cg_slice_memory_high(uint64_t *ret, struct err *e)
{
	struct sysinfo si;

	if (sysinfo(&si) < 0)
		return fail(e, errno, "read the size of the memory");
	*ret = (uint64_t)si.totalram * si.mem_unit / 100 * SLICE_MEMORY_HIGH_PERCENT;
	return 0;
}

static void no_idle(const struct cg_host *h, int rc)
{
	/* On a hybrid host everybody knows; `cede doctor` says what it costs. */
	if (!(h->controllers & CG_CPU))
		log_debug("no cpu controller in cgroup v2: SCHED_IDLE instead of cpu.idle");
	else
		log_warn("cgroup %s: %s: secondaries yield by SCHED_IDLE, process by process",
			 CEDE_SLICE,
			 rc ? "this kernel has no cpu.idle" : "the cpu controller is not enabled");
}

int cg_birth_slice(const struct cg_walk *w, unsigned have, bool *ret_idle, struct err *e)
{
	const struct cg_level *root = &w->level[0], *slice = &w->level[1];
	bool fresh = slice->created;
	int rc = 0;

	/* What the group has, the slice has; the root was looked at if that was not all. */
	have |= root->enabled;
	*ret_idle = false;
	if (have & CG_CPU) {
		rc = slice_idle(slice->fd, &fresh, e);
		if (rc < 0 && rc != -ENOENT)
			return err_context(e, rc, "cgroup %s", CEDE_SLICE);
		*ret_idle = rc == 0;
	}
	if (!*ret_idle)
		no_idle(w->host, rc);
	if (!fresh)
		return 0;
	/* These matter only where bfq or the io.cost model is at work; elsewhere they do not exist
	 * or do nothing. The I/O priority of each process is idle anyway. */
	if (have & CG_IO && cg_write(slice->fd, "io.weight", "1", NULL) < 0)
		(void)cg_write(slice->fd, "io.bfq.weight", "1", NULL);
	if (have & CG_MEMORY) {
		uint64_t high;

		rc = cg_slice_memory_high(&high, e);
		if (rc == 0)
			rc = cg_write_u64(slice->fd, "memory.high", high, e);
		if (rc < 0)
			return err_context(e, rc, "cgroup %s", CEDE_SLICE);
	}
	return 0;
}

int cg_birth_group(int cgfd, unsigned have, struct err *e)
{
	/* Half a job is no use: if the kernel must kill, it kills the whole container (4.19). */
	return have & CG_MEMORY ? cg_write(cgfd, "memory.oom.group", "1", e) : 0;
}
