/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cgtasks.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DEPTH_MAX 8 /* a hostile container could nest a thousand */

struct walk {
	void (*look)(pid_t tid, void *arg);
	void *arg;
};

/* cgroup.threads in pieces: one number a line, of any number of lines. */
static void walk_tasks(const struct walk *w, int cgfd)
{
	_cleanup_fd_ int fd = openat(cgfd, "cgroup.threads", O_RDONLY | O_CLOEXEC);
	char buf[4096];
	pid_t tid = 0;
	ssize_t n;

	if (fd < 0)
		return;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				tid = tid * 10 + (buf[i] - '0');
			} else if (tid > 0) {
				w->look(tid, w->arg);
				tid = 0;
			}
		}
}

static void walk_groups(const struct walk *w, int cgfd, int depth)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *d;
	struct stat st;
	int fd;

	walk_tasks(w, cgfd);
	/* kernfs counts a directory's subdirectories in its links. */
	if (depth == DEPTH_MAX || (fstat(cgfd, &st) == 0 && st.st_nlink <= 2))
		return;
	fd = openat(cgfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		(void)fd_close(fd);
		return;
	}
	while ((d = readdir(dir))) {
		_cleanup_fd_ int sub = -1;

		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		sub = openat(fd, d->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			walk_groups(w, sub, depth + 1);
	}
}

void cg_each_task(int cgfd, void (*look)(pid_t tid, void *arg), void *arg)
{
	const struct walk w = {look, arg};

	walk_groups(&w, cgfd, 0);
}
