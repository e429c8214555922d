/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor: the smallest program that could be called a runtime. `floor [-n NAMESPACES] PROGRAM` runs
 * PROGRAM in new namespaces, waits, and exits with its status. What `cede run` needs on top of it
 * is the price of a container.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "tests/bench/lib/bare.h"

int main(int argc, char **argv)
{
	const char *list = BARE_DEFAULT_NAMESPACES;
	struct err e = ERR_INIT;
	uint64_t flags = 0;
	int at = 1, status, r;
	pid_t pid;

	if (argc > 2 && streq(argv[1], "-n")) {
		list = argv[2];
		at = 3;
	}
	r = argc == at + 1 ? bare_namespaces(list, &flags, &e)
			   : refuse(&e, EINVAL, "usage: floor [-n NAMESPACES] PROGRAM");
	pid = r == 0 ? bare_start(flags, argv[at], &e) : -1;
	if (pid < 0) {
		(void)fprintf(stderr, "floor: %s\n", e.msg); /* nowhere else to say it */
		return 1;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
