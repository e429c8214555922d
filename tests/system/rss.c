/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rss FILE COMMAND [ARG...]: runs COMMAND and writes the peak resident size (kB) of it and of the
 * children it waited for into FILE. Exit status: COMMAND's.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage ru;
	int status;
	pid_t pid;
	FILE *f;

	if (argc < 3)
		return 2;
	/* vfork: a forked copy of this process would count as the child's own peak. */
	pid = vfork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &ru) != pid)
		return 2;
	f = fopen(argv[1], "we");
	if (!f || fprintf(f, "%ld\n", ru.ru_maxrss) < 0 || fclose(f) != 0)
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
