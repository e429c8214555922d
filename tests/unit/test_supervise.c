/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/supervise.c: the end of a process whose terminal others go on writing to. */
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/supervise.h"
#include "tests/unit/unit.h"

#define END_STATUS 7
/* The wait would last for ever; this ends the test program. */
#define PATIENCE_SEC 30

static _Noreturn void flood(int fd)
{
	static const char text[4096] = "y\n";

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (write(fd, text, sizeof(text)) > 0)
		;
	_exit(1);
}

static void test_terminal_never_silent(void **state)
{
	struct signals s = SIGNALS_INIT;
	struct err e = ERR_INIT;
	int master, slave, status = -1, out, null;
	pid_t writer, process;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	writer = fork();
	if (writer == 0)
		flood(slave);
	process = fork();
	if (process == 0) {
		(void)usleep(100000); /* the terminal is full by then */
		_exit(END_STATUS);
	}
	assert_int_equal(signals_take(&s, SIGNALS_END, 0, &e), 0);
	out = fcntl(1, F_DUPFD_CLOEXEC, 3);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(out >= 0 && null >= 0 && dup2(null, 1) == 1);
	(void)alarm(PATIENCE_SEC);
	assert_int_equal(supervise(process, pidfd_open(process, 0), &s, master, NULL, &status, &e),
			 0);
	(void)alarm(0);
	assert_int_equal(dup2(out, 1), 1);
	assert_int_equal(status, END_STATUS);
	signals_give_back(&s);
	(void)kill(writer, SIGKILL);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	(void)fd_close(master);
	(void)fd_close(slave);
	(void)fd_close(out);
	(void)fd_close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal_never_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
