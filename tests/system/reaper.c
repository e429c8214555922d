/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper [--timeout SECONDS] [--settle MS] COMMAND [ARG...]
 *
 * Runs one test as its subreaper (as an engine would be for its containers), so that whatever the
 * test leaves running ends up here and can be named. Exit status: that of COMMAND, or
 * 97 after the time limit, 98 if processes were left behind; both end with all of them killed.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIMED_OUT = 97, LEFT_BEHIND = 98, MAX_FOUND = 4096 };

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static size_t children(pid_t pid, pid_t *found, size_t n)
{
	char path[64];
	DIR *tasks;
	struct dirent *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (d = readdir(tasks))) {
		char file[384];
		FILE *f;
		pid_t child;

		snprintf(file, sizeof(file), "/proc/%d/task/%s/children", pid, d->d_name);
		f = fopen(file, "re");
		while (f && n < MAX_FOUND && fscanf(f, "%d", &child) == 1)
			found[n++] = child;
		if (f)
			fclose(f);
	}
	if (tasks)
		closedir(tasks);
	return n;
}

/* All descendants of this process, parents before their children. */
static size_t descendants(pid_t *found)
{
	size_t n = children(getpid(), found, 0);

	for (size_t i = 0; i < n; i++)
		n = children(found[i], found, n);
	return n;
}

static void show(pid_t pid)
{
	char path[64], text[256] = "";
	FILE *f;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	f = fopen(path, "re");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	for (size_t i = 0; i + 1 < n; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	fprintf(stderr, "  %d %s\n", pid, n ? text : "(no command line)");
}

static void kill_all(bool tell)
{
	static pid_t found[MAX_FOUND];
	double end = now() + 10;

	while (now() < end) {
		size_t n = descendants(found);

		for (size_t i = 0; i < n; i++) {
			if (tell)
				show(found[i]);
			kill(found[i], SIGKILL);
		}
		tell = false;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (n == 0)
			return;
		usleep(10000);
	}
}

int main(int argc, char **argv)
{
	static const struct timespec tick = {.tv_nsec = 20000000};
	double limit = 60, settle = 1, start = now(), ended = 0;
	int at = 1, status = 0;
	bool running = true;
	sigset_t set;
	pid_t main_pid;

	for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
		if (strcmp(argv[at], "--timeout") == 0)
			limit = strtod(argv[at + 1], NULL);
		else if (strcmp(argv[at], "--settle") == 0)
			settle = strtod(argv[at + 1], NULL) / 1000;
		else
			return 2;
	}
	if (at >= argc)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	main_pid = fork();
	if (main_pid == 0) {
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		execvp(argv[at], argv + at);
		fprintf(stderr, "reaper: %s: %s\n", argv[at], strerror(errno));
		_exit(127);
	}
	for (;;) {
		int s, sig = sigtimedwait(&set, NULL, &tick);
		pid_t pid;

		if (sig > 0 && sig != SIGCHLD) {
			kill_all(false);
			return 128 + sig;
		}
		while ((pid = waitpid(-1, &s, WNOHANG)) > 0)
			if (pid == main_pid) {
				running = false;
				ended = now();
				status = WIFEXITED(s) ? WEXITSTATUS(s) : 128 + WTERMSIG(s);
			}
		if (!running && pid < 0 && errno == ECHILD)
			return status;
		if (!running && now() > ended + settle) {
			fprintf(stderr, "left running:\n");
			kill_all(true);
			return LEFT_BEHIND;
		}
		if (running && now() > start + limit) {
			fprintf(stderr, "time limit of %.0f s reached; running were:\n", limit);
			kill_all(true);
			return TIMED_OUT;
		}
	}
}
