/* SPDX-License-Identifier: Apache-2.0 */
/*
 * startup: how long programs take that start a program, side by side. Every contender is run once
 * per turn, each turn in an order of its own, by chance but always the same (the kernel clears away
 * behind a container for milliseconds: whoever always came behind the same one would pay for it);
 * the wall time is from before the start to after the reaping. One line of tab-separated figures
 * per contender on standard output.
 *
 * Memory is ru_maxrss of wait4: the largest resident set of the program or of a child it waited
 * for. The kernel counts our own pages at the moment of exec, too, so no figure is below that of
 * this program (a static one, without heap).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/magic.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "tests/bench/lib/bare.h"
#include "tests/bench/lib/rng.h"
#include "tests/bench/lib/stats.h"

#define MAX_CONTENDERS 12
#define MAX_RUNS 2000
#define MAX_WORDS 24
#define RUN_TIMEOUT_MS 30000

struct contender {
	const char *name;
	char *words[MAX_WORDS + 1]; /* words[0] NULL: the floor, from this very process */
	const char *program;	    /* of the floor */
	double ms[MAX_RUNS];
	long max_rss_kib;
	unsigned runs, failures;
	int last_status;
};

struct startup {
	struct contender c[MAX_CONTENDERS];
	size_t n;
	uint32_t runs;
	uint64_t namespaces;
	bool private_cgroup2;
};

static const char usage[] =
	"Usage: startup [OPTIONS] NAME=COMMAND... \n"
	"COMMAND is split at blanks; the word {id} becomes a new name for each run. "
	"`clone:PROGRAM`\n"
	"is a bare clone3() with the namespaces and exec of PROGRAM, from this process.\n\n"
	"  --runs N             of each (30)\n"
	"  --namespaces LIST    of clone: (" BARE_DEFAULT_NAMESPACES ")\n"
	"  --private-cgroup2    in a private mount namespace with a cgroup2 mount on "
	"/sys/fs/cgroup,\n"
	"                       if that is not there already\n";

/* The pid's status; -ETIMEDOUT after killing it. */
static int reap(pid_t pid, int *ret_status, struct rusage *ru, struct err *e)
{
	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	if (fd < 0)
		return fail(e, errno, "pidfd_open");
	do
		n = poll(&p, 1, RUN_TIMEOUT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		(void)kill(pid, SIGKILL); /* ours and not reaped */
	if (wait4(pid, ret_status, 0, ru) < 0)
		return fail(e, errno, "wait4");
	return n == 0 ? refuse(e, ETIMEDOUT, "no end within %d s", RUN_TIMEOUT_MS / 1000) : 0;
}

static pid_t start(const struct startup *s, const struct contender *c, const char *id,
		   const posix_spawn_file_actions_t *quiet, struct err *e)
{
	char *argv[MAX_WORDS + 1];
	pid_t pid;
	int r;

	if (!c->words[0])
		return bare_start(s->namespaces, c->program, e);
	for (size_t i = 0; i <= MAX_WORDS; i++) {
		argv[i] = c->words[i];
		if (argv[i] && streq(argv[i], "{id}"))
			argv[i] = (char *)id;
	}
	r = posix_spawnp(&pid, argv[0], quiet, NULL, argv, environ);
	return r == 0 ? pid : fail(e, r, "run %s", argv[0]);
}

static int one_run(const struct startup *s, struct contender *c, unsigned turn,
		   const posix_spawn_file_actions_t *quiet, struct err *e)
{
	char id[64];
	struct rusage ru = {0};
	uint64_t begin, end;
	int status = 0, r;
	pid_t pid;

	(void)snprintf(id, sizeof(id), "bench-%d-%u", (int)getpid(), turn);
	begin = now_ns();
	pid = start(s, c, id, quiet, e);
	if (pid < 0)
		return (int)pid;
	r = reap(pid, &status, &ru, e);
	end = now_ns();
	if (r < 0)
		return err_context(e, r, "%s", c->name);
	c->runs++;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		c->failures++;
		c->last_status = status;
		return 0;
	}
	c->ms[c->runs - c->failures - 1] = (double)(end - begin) / 1e6;
	if (ru.ru_maxrss > c->max_rss_kib)
		c->max_rss_kib = ru.ru_maxrss;
	return 0;
}

/* Fisher and Yates */
static void shuffle(struct contender **v, size_t n, struct rng *rng)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = rng_below(rng, (uint32_t)i);
		struct contender *last = v[i - 1];

		v[i - 1] = v[j];
		v[j] = last;
	}
}

static int all_turns(struct startup *s, struct err *e)
{
	posix_spawn_file_actions_t quiet;
	struct contender *order[MAX_CONTENDERS];
	struct rng rng;
	int r = posix_spawn_file_actions_init(&quiet);

	/* Their complaints go to our stderr; what they print would only be in the way. */
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	if (r != 0)
		return fail(e, r, "posix_spawn");
	rng_init(&rng, 1);
	for (size_t i = 0; i < s->n; i++)
		order[i] = &s->c[i];
	for (unsigned turn = 0; r == 0 && turn < s->runs; turn++) {
		shuffle(order, s->n, &rng);
		for (size_t i = 0; r == 0 && i < s->n; i++)
			r = one_run(s, order[i], turn, &quiet, e);
	}
	(void)posix_spawn_file_actions_destroy(&quiet); /* nothing to fail */
	return r;
}

static int print(struct startup *s, struct err *e)
{
	int r = 0;

	printf("name\tmedian_ms\tmin_ms\tp90_ms\tmax_rss_kib\truns\tfailures\n");
	for (size_t i = 0; i < s->n; i++) {
		struct contender *c = &s->c[i];
		unsigned good = c->runs - c->failures;

		if (c->failures > c->runs / 10)
			r = refuse(e, EIO, "%s failed %u of %u times (wait status %#x)", c->name,
				   c->failures, c->runs, (unsigned)c->last_status);
		printf("%s\t%.3f\t%.3f\t%.3f\t%ld\t%u\t%u\n", c->name, stats_median(c->ms, good),
		       stats_quantile(c->ms, good, 0), stats_quantile(c->ms, good, 0.9),
		       c->max_rss_kib, c->runs, c->failures);
	}
	return r;
}

static int enter_private_cgroup2(struct err *e)
{
	struct statfs fs;

	if (statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return 0;
	if (unshare(CLONE_NEWNS) < 0)
		return fail(e, errno, "unshare");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(e, errno, "make all mounts private");
	if (mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		return fail(e, errno, "mount cgroup2");
	return 0;
}

static int add_contender(struct startup *s, char *arg, struct err *e)
{
	struct contender *c = &s->c[s->n];
	char *command = strchr(arg, '='), *save = NULL;
	size_t words = 0;

	if (!command || s->n == MAX_CONTENDERS)
		return refuse(e, EINVAL, "%s: expected NAME=COMMAND, at most %d of them", arg,
			      MAX_CONTENDERS);
	*command++ = '\0';
	c->name = arg;
	c->program = str_after(command, "clone:");
	for (char *w = c->program ? NULL : strtok_r(command, " ", &save); w;
	     w = strtok_r(NULL, " ", &save)) {
		if (words == MAX_WORDS)
			return refuse(e, E2BIG, "%s: more than %d words", arg, MAX_WORDS);
		c->words[words++] = w;
	}
	if (words == 0 && !c->program)
		return refuse(e, EINVAL, "%s: empty command", arg);
	s->n++;
	return 0;
}

static int parse(struct startup *s, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {
		{"runs", required_argument, NULL, 'r'},
		{"namespaces", required_argument, NULL, 'n'},
		{"private-cgroup2", no_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt, r = bare_namespaces(BARE_DEFAULT_NAMESPACES, &s->namespaces, e);

	while (r == 0 && (opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'r':
			if (parse_u32(optarg, 10, &s->runs) < 0 || s->runs < 1 ||
			    s->runs > MAX_RUNS)
				r = refuse(e, EINVAL, "--runs must be 1 to %d", MAX_RUNS);
			break;
		case 'n':
			r = bare_namespaces(optarg, &s->namespaces, e);
			break;
		case 'p':
			s->private_cgroup2 = true;
			break;
		case 'h':
			(void)fputs(usage, stdout); /* a closed stdout loses only the help */
			return 1;
		default:
			r = refuse(e, EINVAL, "see startup --help");
		}
	}
	for (int i = optind; r == 0 && i < argc; i++)
		r = add_contender(s, argv[i], e);
	if (r == 0 && s->n == 0)
		r = refuse(e, EINVAL, "nothing to run; see startup --help");
	return r;
}

int main(int argc, char **argv)
{
	static struct startup s = {.runs = 30};
	struct err e = ERR_INIT;
	int r = parse(&s, argc, argv, &e);

	if (r > 0)
		return 0;
	if (r == 0 && s.private_cgroup2)
		r = enter_private_cgroup2(&e);
	if (r == 0)
		r = all_turns(&s, &e);
	if (r == 0)
		r = print(&s, &e);
	if (r < 0)
		(void)fprintf(stderr, "startup: %s\n", e.msg); /* nowhere else to say it */
	return r < 0 ? 1 : 0;
}
