/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/bench/lib/corpus.h"
#include "tests/bench/lib/lab.h"
#include "tests/bench/lib/path.h"

#define CEDE_TIMEOUT_MS 30000
#define REDIS_TIMEOUT_MS 60000

/* --- making ------------------------------------------------------------------------------------
 */

static int make_dir(struct lab *lab, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	const char *base = lab->cfg.dir ? lab->cfg.dir : tmp && *tmp ? tmp : "/tmp";

	if (strlen(base) > PATH_BASE_MAX - 20)
		return fail(e, ENAMETOOLONG, "%s", base);
	if (lab->cfg.dir) {
		path_set(lab->dir, sizeof(lab->dir), "%s", base);
	} else {
		path_set(lab->dir, sizeof(lab->dir), "%s/cede-bench.XXXXXX", base);
		if (!mkdtemp(lab->dir))
			return fail(e, errno, "make a directory %s", lab->dir);
	}
	path_set(lab->work, sizeof(lab->work), "%s/work", lab->dir);
	path_set(lab->state, sizeof(lab->state), "%s/state", lab->dir);
	return dir_make_all(AT_FDCWD, lab->work, 0755, e);
}

static int make_groups(struct lab *lab, struct err *e)
{
	char own[PATH_BASE_MAX], manifest[sizeof(lab->group) + 2];
	int r = cg_host_open(&lab->cg, e);

	if (r == 0)
		r = cg_path_of(getpid(), own, sizeof(own), e);
	if (r < 0)
		return err_context(e, r, "the demo needs a cgroup v2 hierarchy to count in");
	path_set(lab->group, sizeof(lab->group), "%s%s/cede-bench.%d", lab->cg.mount,
		 strcmp(own, "/") == 0 ? "" : own, (int)getpid());
	path_set(lab->incumbent, sizeof(lab->incumbent), "%s/incumbent", lab->group);
	path_set(lab->secondary, sizeof(lab->secondary), "%s/secondary", lab->group);
	path_set(manifest, sizeof(manifest), "%s\n", lab->group);
	r = open(lab->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r >= 0) {
		int dirfd = r;

		r = file_write_atomic(dirfd, "manifest", manifest, strlen(manifest), 0644, e);
		(void)close(dirfd); /* read only */
	} else {
		r = fail(e, errno, "open %s", lab->dir);
	}
	if (r == 0)
		r = group_make(lab->group, e);
	if (r == 0)
		r = group_make(lab->incumbent, e);
	return r == 0 ? group_make(lab->secondary, e) : r;
}

/* A port nobody listens on. Somebody else may take it before redis does: then redis says so. */
static int free_port(uint16_t *ret, struct err *e)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return fail(e, errno, "find a free port on the loopback interface");
	*ret = ntohs(a.sin_port);
	return 0;
}

/* One PING on a connection of its own. */
static bool redis_answers(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = 2};
	char buf[16];
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return false;
	return send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 && recv(fd, buf, sizeof(buf), 0) >= 5 &&
	       memcmp(buf, "+PONG", 5) == 0;
}

static int start_redis(struct lab *lab, struct err *e)
{
	uint64_t end = now_ns() + (uint64_t)REDIS_TIMEOUT_MS * NSEC_PER_MSEC;
	char port[8], log[300];
	const char *argv[] = {"redis-server", "--port",	     port,     "--bind",
			      "127.0.0.1",    "--save",	     "",       "--appendonly",
			      "no",	      "--dir",	     lab->dir, "--daemonize",
			      "no",	      "--databases", "1",      NULL};
	struct child_opts o = {
		.name = "redis-server", .argv = argv, .cgroup = lab->incumbent, .output = log};
	int r = free_port(&lab->port, e);

	if (r < 0)
		return r;
	(void)snprintf(port, sizeof(port), "%u", lab->port);
	path_set(log, sizeof(log), "%s/redis.log", lab->dir);
	r = child_start(&lab->redis, &o, e);
	while (r == 0 && !redis_answers(lab->port)) {
		r = child_wait(&lab->redis, 50, false, NULL, e);
		if (r == 0)
			return refuse(e, EIO, "redis-server ended at once; see %s", log);
		if (r == -ETIMEDOUT)
			r = now_ns() < end ? 0 : r;
	}
	return r;
}

/* Inside the working directory it can be run from a container too, wherever the build lies: a
 * launched job sees the host's files, but an empty /tmp and /run. */
static int copy_job(const struct lab *lab, struct err *e)
{
	_cleanup_free_ char *program = NULL;
	char path[sizeof(lab->work) + 8];
	size_t len;
	int r = file_read_alloc(AT_FDCWD, lab->cfg.job, 64 << 20, &program, &len, e);

	path_set(path, sizeof(path), "%s/job", lab->work);
	return r == 0 ? file_write_atomic(AT_FDCWD, path, program, len, 0755, e) : r;
}

int lab_open(struct lab *lab, const struct lab_config *cfg, struct err *e)
{
	char corpus[300];
	int r;

	memset(lab, 0, sizeof(*lab));
	lab->cfg = *cfg;
	lab->redis.pidfd = -1;
	lab->cg.fd = -1;
	r = machine_bind(&lab->machine, cfg->cpus, e);
	if (r == 0) {
		machine_facts(&lab->machine);
		if (lab->cfg.workers == 0)
			lab->cfg.workers = lab->machine.n_cpus;
		r = make_dir(lab, e);
	}
	path_set(corpus, sizeof(corpus), "%s/corpus", lab->work);
	if (r == 0)
		r = corpus_make(corpus, LAB_CORPUS_BYTES, &lab->corpus_bytes, e);
	if (r == 0)
		r = copy_job(lab, e);
	if (r == 0)
		r = make_groups(lab, e);
	return r == 0 ? start_redis(lab, e) : r;
}

/* --- removing ----------------------------------------------------------------------------------
 */

int lab_delete_container(const struct lab *lab, const char *id, struct err *e)
{
	char log[300], group[sizeof(lab->group)];
	const char *argv[] = {lab->cfg.cede, "--root", lab->state, "delete", "--force", id, NULL};
	struct child_opts o = {.name = "cede delete", .argv = argv, .output = log};
	int r;

	path_set(log, sizeof(log), "%s/cede.log", lab->dir);
	r = child_run(&o, CEDE_TIMEOUT_MS, true, e);
	if (r < 0)
		return r;
	path_set(group, sizeof(group), "%s/cede.slice/%s", lab->cg.mount, id);
	if (access(group, F_OK) == 0)
		return refuse(e, EBUSY, "%s is left behind", group);
	return 0;
}

/* Every container below our state root: a directory each. */
static int delete_containers(const struct lab *lab, struct err *e)
{
	_cleanup_dir_ DIR *d = opendir(lab->state);
	struct dirent *de;
	int r = 0;

	while (d && (de = readdir(d))) {
		char file[600];
		int one;

		path_set(file, sizeof(file), "%s/%s/state.json", lab->state, de->d_name);
		if (de->d_name[0] == '.' || access(file, F_OK) < 0)
			continue;
		one = lab_delete_container(lab, de->d_name, r == 0 ? e : NULL);
		if (r == 0)
			r = one;
	}
	return r;
}

static int remove_all(const struct lab *lab, int r, struct err *e)
{
	struct err other = ERR_INIT;

	if (lab->state[0] && delete_containers(lab, &other) < 0 && r == 0) {
		*e = other;
		r = -other.code;
	}
	if (lab->group[0] && group_remove(lab->group, &other) < 0 && r == 0) {
		*e = other;
		r = -other.code;
	}
	if (lab->dir[0] && dir_remove_all(AT_FDCWD, lab->dir, &other) < 0 && r == 0) {
		*e = other;
		r = -other.code;
	}
	return r;
}

/* Children we forgot, or orphans of theirs that came to us. */
static int no_children_left(struct err *e)
{
	uint64_t end = now_ns() + 5 * NSEC_PER_SEC;

	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return errno == ECHILD ? 0 : fail(e, errno, "wait");
		if (pid == 0 && now_ns() > end)
			return refuse(e, EBUSY, "processes of the benchmark are left behind");
		if (pid == 0)
			(void)usleep(10000);
	}
}

int lab_close(struct lab *lab, struct err *e)
{
	int r = child_stop(&lab->redis, 5000, e), children;

	r = remove_all(lab, r, e);
	cg_host_close(&lab->cg);
	children = no_children_left(r == 0 ? e : NULL);
	return r < 0 ? r : children;
}

int lab_sweep(const char *dir, const char *cede, struct err *e)
{
	struct lab lab = {.cfg.cede = cede, .cg.fd = -1};
	char file[300];
	int r;

	if (access(dir, F_OK) < 0)
		return 0;
	path_set(lab.dir, sizeof(lab.dir), "%s", dir);
	path_set(lab.state, sizeof(lab.state), "%s/state", dir);
	path_set(file, sizeof(file), "%s/manifest", dir);
	if (file_read(AT_FDCWD, file, lab.group, sizeof(lab.group), NULL) < 0)
		lab.group[0] = '\0'; /* it was killed before it made any */
	lab.group[strcspn(lab.group, "\n")] = '\0';
	r = cg_host_open(&lab.cg, e);
	r = remove_all(&lab, r, e);
	cg_host_close(&lab.cg);
	return r;
}
