/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job: the secondary of the demo, real work that can be counted. N workers compress the same real
 * data with `xz` again and again until they are told to stop. A worker feeds its xz through a pipe
 * in blocks and counts a block when the pipe has taken it (at most a pipe's 64 KiB are counted but
 * not compressed yet); at the end of the data it waits for xz, checks its exit status, and starts
 * the next one. The counts are in a mapped file (lib/counter.h), readable at any time.
 *
 * It needs nothing but a readable corpus, a writable place for the counter and xz, so it runs the
 * same under plain exec and as the first process of a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "tests/bench/lib/counter.h"

#define BLOCK_BYTES 16384

struct job {
	const char *corpus, *counter;
	const char *compressor;
	char level[8];
	uint32_t workers;
	const char *data;
	size_t size;
	struct counter *count;
	pid_t pids[COUNTER_MAX_WORKERS];
};

static const char usage[] =
	"Usage: job --corpus FILE --counter FILE [--workers N] [--level 0..9] [--compressor xz]\n"
	"Compresses the corpus again and again and counts blocks of 16 KiB in the counter file,\n"
	"until SIGTERM or SIGINT.\n";

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	stopped = signal;
}

/* Children must not outlive their parent, however it ends. */
static void die_with(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* cannot fail with a valid signal */
	if (getppid() != parent)
		_exit(1);
}

static pid_t start_compressor(const struct job *j, int *ret_fd, struct err *e)
{
	const char *argv[] = {j->compressor, j->level, "-T1", "-c", NULL};
	int fds[2];
	pid_t parent = getpid(), pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail(e, errno, "pipe");
	pid = fork();
	if (pid < 0) {
		int r = fail(e, errno, "fork");

		(void)close(fds[0]); /* nothing was written */
		(void)close(fds[1]); /* the same */
		return r;
	}
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		die_with(parent);
		if (null < 0 || dup2(fds[0], STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
			_exit(126);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	(void)close(fds[0]); /* the child has it */
	*ret_fd = fds[1];
	return pid;
}

/* Feeds from `from` to the end of the data. */
static int feed(const struct job *j, int fd, size_t from, struct counter_slot *slot, struct err *e)
{
	for (size_t at = from; at < j->size;) {
		size_t left = j->size - at, len = left < BLOCK_BYTES ? left : BLOCK_BYTES;
		ssize_t n = write(fd, j->data + at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(e, errno, "feed %s", j->compressor);
		at += (size_t)n;
		/* Blocking pipes take all of it; a short write counts when it is completed. */
		if (at % BLOCK_BYTES == 0 || at == j->size)
			slot->blocks++;
	}
	return 0;
}

static int one_pass(const struct job *j, size_t from, struct counter_slot *slot, struct err *e)
{
	int fd = -1, status, r;
	pid_t pid = start_compressor(j, &fd, e);

	if (pid < 0)
		return (int)pid;
	r = feed(j, fd, from, slot, e);
	(void)close(fd); /* a pipe holds nothing back; xz sees the end of its input */
	if (waitpid(pid, &status, 0) < 0)
		return fail(e, errno, "wait for %s", j->compressor);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return refuse(e, ENOENT, "%s cannot be run", j->compressor);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return refuse(e, EIO, "%s failed (wait status %#x)", j->compressor,
			      (unsigned)status);
	if (r == 0)
		slot->passes++;
	return r;
}

static _Noreturn void worker(const struct job *j, uint32_t index, pid_t parent)
{
	struct err e = ERR_INIT;
	/* Workers start at different places, so that they do not all do the same thing at once. */
	size_t from = j->size / BLOCK_BYTES * index / j->workers * BLOCK_BYTES;

	die_with(parent);
	(void)signal(SIGPIPE, SIG_IGN); /* a dead xz shows as EPIPE and in its status */
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	while (one_pass(j, from, &j->count->slot[index], &e) == 0)
		from = 0;
	(void)fprintf(stderr, "job: %s\n", e.msg); /* nowhere else to say it */
	_exit(1);
}

static int map_corpus(struct job *j, struct err *e)
{
	struct stat st;
	_cleanup_fd_ int fd = open(j->corpus, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "open %s", j->corpus);
	if (!S_ISREG(st.st_mode) || st.st_size < BLOCK_BYTES)
		return refuse(e, EINVAL, "%s: expected a file of at least %d bytes", j->corpus,
			      BLOCK_BYTES);
	j->size = (size_t)st.st_size;
	j->data = mmap(NULL, j->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (j->data == MAP_FAILED)
		return fail(e, errno, "map %s", j->corpus);
	return 0;
}

static int start_workers(struct job *j, struct err *e)
{
	pid_t self = getpid();

	for (uint32_t i = 0; i < j->workers; i++) {
		j->pids[i] = fork();
		if (j->pids[i] < 0)
			return fail(e, errno, "fork");
		if (j->pids[i] == 0)
			worker(j, i, self);
	}
	return 0;
}

/* Until a signal says stop (0), or a worker ends, which none should. */
static int wait_for_end(struct err *e)
{
	int status;

	while (!stopped) {
		/* As the first process of a container we also inherit strangers: reap them. */
		pid_t pid = waitpid(-1, &status, 0);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return fail(e, errno, "wait");
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			return refuse(e, EIO, "a worker failed");
	}
	return 0;
}

static void stop_workers(struct job *j)
{
	for (uint32_t i = 0; i < j->workers; i++)
		if (j->pids[i] > 0)
			(void)kill(j->pids[i], SIGKILL); /* gone already is fine */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static int run(struct job *j, struct err *e)
{
	struct sigaction stop = {.sa_handler = on_stop}; /* no SA_RESTART: ends waitpid */
	int r = map_corpus(j, e);

	if (r == 0)
		r = counter_create(j->counter, j->workers, BLOCK_BYTES, &j->count, e);
	if (r < 0)
		return r;
	(void)sigaction(SIGTERM, &stop, NULL); /* valid signals: cannot fail */
	(void)sigaction(SIGINT, &stop, NULL);
	r = start_workers(j, e);
	if (r == 0)
		r = wait_for_end(e);
	stop_workers(j);
	return r;
}

static int parse(struct job *j, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {
		{"corpus", required_argument, NULL, 'c'},
		{"counter", required_argument, NULL, 'n'},
		{"workers", required_argument, NULL, 'w'},
		{"level", required_argument, NULL, 'l'},
		{"compressor", required_argument, NULL, 'x'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	uint32_t level = 1;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			j->corpus = optarg;
			break;
		case 'n':
			j->counter = optarg;
			break;
		case 'w':
			if (parse_u32(optarg, 10, &j->workers) < 0 || j->workers < 1 ||
			    j->workers > COUNTER_MAX_WORKERS)
				return refuse(e, EINVAL, "--workers must be 1 to %d",
					      COUNTER_MAX_WORKERS);
			break;
		case 'l':
			if (parse_u32(optarg, 10, &level) < 0 || level > 9)
				return refuse(e, EINVAL, "--level must be 0 to 9");
			break;
		case 'x':
			j->compressor = optarg;
			break;
		case 'h':
			(void)fputs(usage, stdout); /* a closed stdout loses only the help */
			return 1;
		default:
			return refuse(e, EINVAL, "see job --help");
		}
	}
	if (optind < argc || !j->corpus || !j->counter)
		return refuse(e, EINVAL, "expected --corpus FILE and --counter FILE");
	(void)snprintf(j->level, sizeof(j->level), "-%u", level);
	return 0;
}

int main(int argc, char **argv)
{
	struct job j = {.compressor = "xz", .workers = 2};
	struct err e = ERR_INIT;
	int r = parse(&j, argc, argv, &e);

	if (r == 0)
		r = run(&j, &e);
	if (r < 0)
		(void)fprintf(stderr, "job: %s\n", e.msg); /* nowhere else to say it */
	return r < 0 ? 1 : 0;
}
