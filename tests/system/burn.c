/* SPDX-License-Identifier: Apache-2.0 */
/*
 * burn SECONDS [THREADS] [COUNTER-FILE [AHEAD-FILE]]: processes that want all the CPU time they can
 * get, in a session of their own as another user's programs would be. One loop is a checksum of
 * 16 KiB, which takes the same CPU time whatever else happens. (A loop that only counts in memory
 * does not: recent processors learn to skip the memory and forget that with an interrupt, so its
 * pace differs by a factor of two to three.) The first one counts in the counter file (one line:
 * loops done, rewritten every 10 ms) so that others see whether it moves. Each that finds itself
 * running ahead of everybody (SCHED_RR) says so in the ahead file. 0 seconds: until killed.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void say_ahead(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0 || write(fd, "ahead\n", 6) != 6)
		_exit(1);
	(void)close(fd); /* written */
}

static void work(void)
{
	static unsigned char block[16384];
	unsigned sum = 2166136261u;

	for (size_t i = 0; i < sizeof(block); i++)
		sum = (sum ^ block[i]) * 16777619u;
	block[sum % sizeof(block)]++; /* or it need not be found out */
}

static void burn(double seconds, const char *file, const char *ahead)
{
	double start = now(), shown = 0, t;
	int fd = file ? open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
	unsigned long long loops = 0;

	while ((t = now()) < start + seconds || seconds <= 0) {
		work();
		loops++;
		/* The flag is a part of the answer. */
		if (ahead &&
		    (syscall(SYS_sched_getscheduler, 0) & ~SCHED_RESET_ON_FORK) == SCHED_RR)
			say_ahead(ahead);
		if (fd >= 0 && t > shown + 0.01) {
			char text[32];
			int n = snprintf(text, sizeof(text), "%llu\n", loops);

			shown = t;
			if (pwrite(fd, text, (size_t)n, 0) != n)
				_exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0;
	long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
	const char *ahead = argc > 4 ? argv[4] : NULL;

	(void)setsid(); /* fails for a leader: it has its session already */
	for (long i = 1; i < threads; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			burn(seconds, NULL, ahead);
			_exit(0);
		}
	burn(seconds, argc > 3 ? argv[3] : NULL, ahead);
	while (wait(NULL) > 0)
		;
	return 0;
}
