/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd: many containers of one runtime, some of them at a time. Each is created, started and
 * deleted with --force as an engine would, by one of several workers that take the next number when
 * they are done. One line of tab-separated figures on standard output: the containers per second of
 * wall time from the first creation to the last deletion, and what `create` alone took.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "tests/bench/lib/stats.h"

#define CONTAINERS_MAX 5000
#define WORKERS_MAX 256
#define COMMAND_TIMEOUT_S 60

struct crowd {
	const char *runtime, *root, *bundle;
	uint32_t containers, at_once;
};

/* Of all workers together. */
struct shared {
	unsigned next, failures;
	double create_ms[CONTAINERS_MAX];
};

static const char usage[] =
	"Usage: crowd --root DIR --bundle DIR [OPTIONS] RUNTIME\n"
	"  --containers N       (200)\n"
	"  --at-once N          (16)\n"
	"Prints: runtime, containers per second, wall s, create p50 ms, create p99 ms, failures\n";

/* Exit status, or -1. */
static int run(const char *const *argv)
{
	posix_spawn_file_actions_t quiet;
	pid_t pid;
	int status, rc;

	(void)posix_spawn_file_actions_init(&quiet); /* a list without entries: cannot fail */
	for (int fd = 0; fd <= 2; fd++)
		if (posix_spawn_file_actions_addopen(&quiet, fd, "/dev/null", O_RDWR, 0) != 0)
			return -1;
	rc = posix_spawn(&pid, argv[0], &quiet, NULL, (char *const *)argv, environ);
	(void)posix_spawn_file_actions_destroy(&quiet); /* frees memory */
	if (rc != 0)
		return -1;
	(void)alarm(COMMAND_TIMEOUT_S); /* ends this worker, and the measurement with it */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	(void)alarm(0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool one(const struct crowd *c, unsigned number, double *ret_create_ms)
{
	char id[32];
	const char *create[] = {c->runtime, "--root",  c->root, "create",
				"--bundle", c->bundle, id,	NULL};
	const char *start[] = {c->runtime, "--root", c->root, "start", id, NULL};
	const char *delete[] = {c->runtime, "--root", c->root, "delete", "--force", id, NULL};
	uint64_t before = now_ns();
	bool ok;

	(void)snprintf(id, sizeof(id), "crowd-%u", number); /* fits */
	ok = run(create) == 0;
	*ret_create_ms = (double)(now_ns() - before) / 1e6;
	ok = ok && run(start) == 0;
	return (run(delete) == 0) && ok;
}

static void worker(const struct crowd *c, struct shared *s)
{
	unsigned number;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* the containers' inits are ours to reap */
	while ((number = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED)) < c->containers) {
		if (!one(c, number, &s->create_ms[number]))
			(void)__atomic_fetch_add(&s->failures, 1, __ATOMIC_RELAXED);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	_exit(0);
}

static int parse(struct crowd *c, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {
		{"root", required_argument, NULL, 'r'},
		{"bundle", required_argument, NULL, 'b'},
		{"containers", required_argument, NULL, 'n'},
		{"at-once", required_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int o, rc = 0;

	while (rc == 0 && (o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (o) {
		case 'r':
			c->root = optarg;
			break;
		case 'b':
			c->bundle = optarg;
			break;
		case 'n':
			rc = parse_u32(optarg, 10, &c->containers);
			break;
		case 'a':
			rc = parse_u32(optarg, 10, &c->at_once);
			break;
		case 'h':
			(void)fputs(usage, stdout); /* nowhere else to say it */
			return 1;
		default:
			return refuse(e, EINVAL, "see crowd --help");
		}
	}
	if (rc < 0 || !c->containers || c->containers > CONTAINERS_MAX || !c->at_once ||
	    c->at_once > WORKERS_MAX)
		return refuse(e, EINVAL, "--containers is 1 to %d, --at-once 1 to %d",
			      CONTAINERS_MAX, WORKERS_MAX);
	if (!c->root || !c->bundle || optind != argc - 1)
		return refuse(e, EINVAL, "--root, --bundle and a runtime are needed");
	c->runtime = argv[optind];
	return 0;
}

static int measure(const struct crowd *c, struct err *e)
{
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t before = now_ns();
	bool died = false;
	double seconds;
	int status;

	if (s == MAP_FAILED)
		return fail(e, errno, "share memory");
	for (uint32_t i = 0; i < c->at_once; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return fail(e, errno, "start a worker");
		if (pid == 0)
			worker(c, s);
	}
	while (wait(&status) > 0)
		died |= status != 0;
	seconds = (double)(now_ns() - before) / 1e9;
	if (died)
		return refuse(e, ETIMEDOUT, "%s: a command took more than %d s", c->runtime,
			      COMMAND_TIMEOUT_S);
	(void)printf("%s\t%.1f\t%.3f\t%.2f\t%.2f\t%u\n", c->runtime, c->containers / seconds,
		     seconds, stats_quantile(s->create_ms, c->containers, 0.5),
		     stats_quantile(s->create_ms, c->containers, 0.99), s->failures);
	return 0;
}

int main(int argc, char **argv)
{
	struct crowd c = {.containers = 200, .at_once = 16};
	struct err e = ERR_INIT;
	int rc = parse(&c, argc, argv, &e);

	if (rc > 0)
		return 0;
	if (rc == 0)
		rc = measure(&c, &e);
	if (rc == 0)
		return 0;
	(void)fprintf(stderr, "crowd: %s\n", e.msg); /* nowhere else to say it */
	return 1;
}
