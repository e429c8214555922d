/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/edges.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

static int format(const struct edge *g, char *buf, size_t size)
{
	char when[CLOCK_TEXT_SIZE];

	clock_format_now(when);
	return snprintf(
		buf, size,
		"{\"time\":\"%s\",\"from\":\"%s\",\"to\":\"%s\",\"reason\":\"%s\","
		"\"score\":%lld.%03lld,\"level\":%lld.%03lld,\"usage_usec\":%llu}\n",
		when, rung_name(g->from), rung_name(g->to), reason_name(g->reason),
		(long long)(g->score_permille / 1000), (long long)(g->score_permille % 1000),
		(long long)(g->level_ppm / LEVEL_FULL),
		(long long)(g->level_ppm % LEVEL_FULL / 1000), (unsigned long long)g->usage_usec);
}

int edge_append(int dirfd, const struct edge *edge, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char line[512];
	struct stat st;
	int n = format(edge, line, sizeof(line));

	if (fstatat(dirfd, EDGES_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size + n > EDGES_MAX)
		/* At the worst one file grows longer than it should. */
		(void)renameat(dirfd, EDGES_FILE, dirfd, EDGES_FILE ".1");
	fd = openat(dirfd, EDGES_FILE,
		    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	if (fd < 0)
		return fail(e, errno, "open %s", EDGES_FILE);
	if (io_write(fd, line, (size_t)n) < 0)
		return fail(e, errno, "append to %s", EDGES_FILE);
	return 0;
}
