/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/groups.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "metrics/sample.h"

static const char *const psi_file[PSI_KINDS] = {
	[PSI_CPU] = "cpu.pressure",
	[PSI_MEMORY] = "memory.pressure",
	[PSI_IO] = "io.pressure",
};

static void group_close(struct group *g)
{
	g->stat_fd = fd_close(g->stat_fd);
	for (int k = 0; k < PSI_KINDS; k++) {
		g->psi_fd[k] = fd_close(g->psi_fd[k]);
		counter_forget(&g->psi_usec[k]);
	}
	counter_forget(&g->usage_usec);
	g->ino = 0;
}

/* False when there is no such group. Missing files (PSI off) are fine. */
static bool group_open(struct group *g, int rootfd)
{
	_cleanup_fd_ int dir = openat(rootfd, g->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (dir < 0 || fstat(dir, &st) < 0)
		return false;
	g->stat_fd = openat(dir, "cpu.stat", O_RDONLY | O_CLOEXEC);
	for (int k = 0; k < PSI_KINDS; k++)
		g->psi_fd[k] = openat(dir, psi_file[k], O_RDONLY | O_CLOEXEC);
	g->ino = st.st_ino;
	return true;
}

static bool read_usage(int fd, uint64_t *ret_usec)
{
	char buf[1024];
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	return counters_usage(buf, ret_usec) == 0;
}

int64_t psi_read(int fd, struct counter *c, uint64_t interval_ns)
{
	char buf[512];
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf) - 1, 0);
	uint64_t total, delta;

	if (n > 0)
		buf[n] = '\0';
	if (n <= 0 || counters_psi_some(buf, &total) < 0) {
		counter_forget(c);
		return SAMPLE_UNKNOWN;
	}
	if (!counter_delta(c, total, &delta) || delta > UINT64_MAX / NSEC_PER_USEC)
		return SAMPLE_UNKNOWN;
	return rate_ppm(delta * NSEC_PER_USEC, interval_ns, 1000000);
}

static void group_init(struct group *g, const char *name)
{
	*g = (struct group){.stat_fd = -1, .psi_fd = {-1, -1, -1}};
	(void)snprintf(g->name, sizeof(g->name), "%s", name); /* callers check the length */
}

void groups_init(struct groups *g, int rootfd, const char *slice)
{
	memset(g, 0, sizeof(*g));
	g->rootfd = rootfd;
	g->listfd = rootfd < 0 ? -1 : openat(rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	group_init(&g->slice, slice);
	groups_rescan(g);
}

void groups_close(struct groups *g)
{
	for (unsigned i = 0; i < g->n; i++)
		group_close(&g->group[i]);
	group_close(&g->slice);
	g->n = 0;
	g->listfd = fd_close(g->listfd);
	g->rootfd = fd_close(g->rootfd);
}

static void rescan_slice(struct groups *g)
{
	struct stat st;

	if (fstatat(g->rootfd, g->slice.name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		group_close(&g->slice);
		return;
	}
	if (g->slice.ino == st.st_ino)
		return;
	group_close(&g->slice);
	if (!group_open(&g->slice, g->rootfd))
		group_close(&g->slice);
}

/* Keeps, or opens, the group of a directory entry. */
static void found(struct groups *g, const char *name, uint64_t ino)
{
	struct group *group;

	for (unsigned i = 0; i < g->n; i++) {
		group = &g->group[i];
		if (group->ino == ino && streq(group->name, name)) {
			group->kept = true;
			return;
		}
	}
	if (g->n == GROUPS_MAX || strlen(name) >= sizeof(group->name)) {
		g->overflow = true;
		return;
	}
	group = &g->group[g->n];
	group_init(group, name);
	if (!group_open(group, g->rootfd))
		return;
	group->kept = true;
	g->n++;
}

void groups_rescan(struct groups *g)
{
	long len;

	if (g->listfd < 0)
		return;
	rescan_slice(g);
	for (unsigned i = 0; i < g->n; i++)
		g->group[i].kept = false;
	g->overflow = false;
	(void)lseek(g->listfd, 0, SEEK_SET); /* cannot fail on a directory */
	while ((len = syscall(SYS_getdents64, g->listfd, g->buf, sizeof(g->buf))) > 0)
		for (long pos = 0; pos < len;) {
			const struct dirent64 *d = (const void *)(g->buf + pos);

			pos += d->d_reclen;
			if (d->d_type == DT_DIR && d->d_name[0] != '.' &&
			    !streq(d->d_name, g->slice.name))
				found(g, d->d_name, d->d_ino);
		}
	g->listed = len == 0;
	for (unsigned i = 0; i < g->n;) {
		if (g->group[i].kept) {
			i++;
			continue;
		}
		group_close(&g->group[i]);
		g->group[i] = g->group[--g->n];
	}
}

bool groups_complete(const struct groups *g)
{
	return g->listed && !g->overflow;
}

bool groups_slice_usage(struct groups *g, uint64_t *ret_usec)
{
	uint64_t usage;

	g->slice_usage_known = false;
	if (g->listfd < 0)
		return false;
	if (!g->slice.ino)
		rescan_slice(g);
	if (!g->slice.ino) {
		*ret_usec = 0;
		return true;
	}
	if (!read_usage(g->slice.stat_fd, &usage)) {
		group_close(&g->slice); /* ENODEV: removed. Perhaps there is a new one. */
		return false;
	}
	g->slice_usage_usec = usage;
	g->slice_usage_known = true;
	return counter_delta(&g->slice.usage_usec, usage, ret_usec);
}

/* Does the slice lie below this top-level group? */
static bool holds_slice(const struct groups *g, const struct group *group)
{
	return g->slice.ino &&
	       counters_path_below(g->slice.name, strlen(g->slice.name), group->name);
}

/* What the machine had nothing of, none of its groups had. */
static int64_t group_psi(struct group *g, enum psi k, uint64_t interval_ns, const bool *quiet)
{
	if (quiet[k] && g->psi_usec[k].known)
		return 0;
	return psi_read(g->psi_fd[k], &g->psi_usec[k], interval_ns);
}

static void read_slice(struct groups *g, uint64_t interval_ns, const bool *quiet,
		       struct groups_figures *f)
{
	if (g->listfd < 0) {
		for (int k = 0; k < PSI_KINDS; k++)
			f->slice_psi_ppm[k] = SAMPLE_UNKNOWN;
		return;
	}
	if (!g->slice.ino) {
		f->slice_known = true;
		counter_forget(&g->slice_medium_usec);
		return;
	}
	f->slice_known = g->slice_usage_known &&
			 counter_delta(&g->slice_medium_usec, g->slice_usage_usec, &f->slice_usec);
	for (int k = 0; k < PSI_KINDS; k++)
		f->slice_psi_ppm[k] = group_psi(&g->slice, k, interval_ns, quiet);
}

static void read_group(struct groups *g, struct group *group, uint64_t interval_ns,
		       const bool *quiet, struct groups_figures *f)
{
	bool mixed = holds_slice(g, group);
	uint64_t usage, delta = 0;

	if (!read_usage(group->stat_fd, &usage)) {
		counter_forget(&group->usage_usec);
		f->usage_known = false;
	} else if (!counter_delta(&group->usage_usec, usage, &delta)) {
		f->usage_known = false;
	}
	if (mixed && !f->slice_known)
		f->usage_known = false;
	else if (mixed)
		delta -= MIN(delta, f->slice_usec);
	f->usage_usec += delta;
	for (int k = 0; k < PSI_KINDS; k++) {
		int64_t psi = group_psi(group, k, interval_ns, quiet);

		if (mixed)
			psi = k == PSI_CPU ? SAMPLE_UNKNOWN
					   : stall_of_rest(psi, f->slice_psi_ppm[k]);
		f->worst_psi_ppm[k] = MAX(f->worst_psi_ppm[k], psi);
	}
	f->n++;
}

void groups_read(struct groups *g, uint64_t interval_ns, const bool quiet[PSI_KINDS],
		 struct groups_figures *ret)
{
	struct groups_figures f = {.usage_known = g->n > 0};

	for (int k = 0; k < PSI_KINDS; k++)
		f.worst_psi_ppm[k] = SAMPLE_UNKNOWN;
	read_slice(g, interval_ns, quiet, &f);
	for (unsigned i = 0; i < g->n; i++)
		read_group(g, &g->group[i], interval_ns, quiet, &f);
	*ret = f;
}
