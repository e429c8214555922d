/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pty [--size ROWSxCOLS] COMMAND [ARG...]
 *
 * Runs COMMAND on a terminal of its own, as a person at a shell would: stdin goes to the terminal
 * as if typed, what the terminal shows goes to stdout. SIGWINCH makes it 10 columns wider. Exit
 * status: COMMAND's, or 128 + signal.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t wider;

static void on_winch(int sig)
{
	(void)sig;
	wider = 1;
}

int main(int argc, char **argv)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	int at = 1, master, status, input = STDIN_FILENO;
	pid_t pid;

	if (argc > 3 && strcmp(argv[1], "--size") == 0) {
		if (sscanf(argv[2], "%hux%hu", &size.ws_row, &size.ws_col) != 2)
			return 2;
		at = 3;
	}
	if (at >= argc)
		return 2;
	pid = forkpty(&master, NULL, NULL, &size);
	if (pid < 0)
		return 2;
	if (pid == 0) {
		execvp(argv[at], argv + at);
		fprintf(stderr, "pty: %s: %s\n", argv[at], strerror(errno));
		_exit(127);
	}
	sigaction(SIGWINCH, &(struct sigaction){.sa_handler = on_winch}, NULL);
	for (;;) {
		struct pollfd p[2] = {{.fd = master, .events = POLLIN},
				      {.fd = input, .events = POLLIN}};
		char buf[4096];
		ssize_t n;

		if (poll(p, 2, -1) < 0) {
			if (wider) {
				wider = 0;
				size.ws_col += 10;
				ioctl(master, TIOCSWINSZ, &size);
			}
			continue;
		}
		if (p[1].revents) {
			n = read(input, buf, sizeof(buf));
			if (n <= 0)
				input = -1;
			else if (write(master, buf, (size_t)n) < 0)
				return 2;
		}
		if (p[0].revents) {
			n = read(master, buf, sizeof(buf));
			if (n <= 0 && errno != EINTR)
				break;
			if (n > 0 && write(STDOUT_FILENO, buf, (size_t)n) < 0)
				return 2;
		}
	}
	if (waitpid(pid, &status, 0) != pid)
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
