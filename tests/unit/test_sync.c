/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runtime/sync.h"
#include "tests/unit/unit.h"

struct pair {
	int fd[2];
};

static int make_pair(void **state)
{
	static struct pair p;

	*state = &p;
	return sync_pair(p.fd, NULL);
}

static int close_pair(void **state)
{
	struct pair *p = *state;

	(void)fd_close(p->fd[0]);
	(void)fd_close(p->fd[1]);
	return 0;
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_message(void **state)
{
	struct pair *p = *state;
	struct sync_msg m;
	struct err e;
	int fd = 99;

	assert_int_equal(sync_send(p->fd[0], SYNC_PID, 4711, -1, &e), 0);
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, &fd, &e), 0);
	assert_int_equal(m.type, SYNC_PID);
	assert_int_equal(m.value, 4711);
	assert_int_equal(fd, -1);
	assert_int_equal(sync_send(p->fd[1], SYNC_GO, 0, -1, &e), 0);
	assert_int_equal(sync_wait_go(p->fd[0], &e), 0);
	assert_int_equal(sync_send(p->fd[1], SYNC_READY, 0, -1, &e), 0);
	assert_int_equal(sync_wait_go(p->fd[0], &e), -EPROTO);
}

static void test_descriptor(void **state)
{
	struct pair *p = *state;
	struct stat a, b;
	struct sync_msg m;
	struct err e;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), got = -1, before;

	assert_int_equal(sync_send(p->fd[0], SYNC_CONSOLE, 0, null, &e), 0);
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, &got, &e), 0);
	assert_true(got >= 0 && got != null);
	assert_int_equal(fcntl(got, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(null, &a), 0);
	assert_int_equal(fstat(got, &b), 0);
	assert_int_equal(a.st_rdev, b.st_rdev);
	(void)fd_close(got);
	/* One that nobody expects does not stay open. */
	before = open_fds();
	assert_int_equal(sync_send(p->fd[0], SYNC_READY, 0, null, &e), 0);
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), 0);
	assert_int_equal(open_fds(), before);
	(void)fd_close(null);
}

static void test_error(void **state)
{
	struct pair *p = *state;
	struct err sent, e = ERR_INIT;
	struct sync_msg m;

	(void)err_exit_status(&sent, refuse(&sent, ENOENT, "no %s here", "thing"), 127);
	assert_int_equal(sync_report(p->fd[0], SYNC_HOOK_FAILED, &sent), 0);
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -ENOENT);
	assert_string_equal(e.msg, "no thing here");
	assert_int_equal(e.code, ENOENT);
	assert_int_equal(e.exit_status, 127);
	assert_int_equal(m.value, SYNC_HOOK_FAILED);
}

/* The other side's last words count, also when it has not listened to ours. */
static void test_error_with_unread_answer(void **state)
{
	struct pair *p = *state;
	struct err sent, e = ERR_INIT;
	struct sync_msg m;

	assert_int_equal(sync_send(p->fd[1], SYNC_GO, 0, -1, &e), 0);
	(void)refuse(&sent, ENOENT, "no such thing");
	assert_int_equal(sync_report(p->fd[0], SYNC_FAILED, &sent), 0);
	p->fd[0] = fd_close(p->fd[0]);
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -ENOENT);
	assert_string_equal(e.msg, "no such thing");
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -ECONNRESET);
}

/* An error without a code, or a text without an end, must not confuse us. */
static void test_broken_error(void **state)
{
	struct pair *p = *state;
	struct sync_msg m = {.type = SYNC_ERROR};
	struct err e = ERR_INIT;

	memset(m.err.msg, 'x', sizeof(m.err.msg));
	m.err.code = -5;
	assert_int_equal(write(p->fd[0], &m, sizeof(m)), sizeof(m));
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -EPROTO);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void test_foreign_messages(void **state)
{
	struct pair *p = *state;
	struct sync_msg m, big[2] = {{.type = SYNC_READY}};
	uint32_t unknown[2] = {SYNC_GO + 1, 0}, error_without_error[2] = {SYNC_ERROR, 0};
	struct err e;

	assert_int_equal(write(p->fd[0], "x", 1), 1);
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -EPROTO);
	assert_int_equal(write(p->fd[0], unknown, sizeof(unknown)), sizeof(unknown));
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -EPROTO);
	assert_int_equal(write(p->fd[0], error_without_error, 8), 8);
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -EPROTO);
	assert_int_equal(write(p->fd[0], big, sizeof(big)), sizeof(big));
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -EPROTO);
}

static void test_bounds(void **state)
{
	struct pair *p = *state;
	uint64_t begin = now_ns();
	struct sync_msg m;
	struct err e;
	int cancel[2];

	assert_int_equal(sync_recv(p->fd[1], -1, 50, &m, NULL, &e), -ETIMEDOUT);
	assert_true(now_ns() - begin >= 50 * NSEC_PER_MSEC);
	assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	assert_int_equal(sync_recv(p->fd[1], cancel[0], 10000, &m, NULL, &e), -EINTR);
	/* What has been said already comes first. */
	assert_int_equal(sync_send(p->fd[0], SYNC_READY, 0, -1, &e), 0);
	assert_int_equal(sync_recv(p->fd[1], cancel[0], 10000, &m, NULL, &e), 0);
	(void)fd_close(cancel[0]);
	(void)fd_close(cancel[1]);
}

static void test_other_side_gone(void **state)
{
	struct pair *p = *state;
	struct sync_msg m;
	struct err e;

	p->fd[0] = fd_close(p->fd[0]);
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -ECONNRESET);
	assert_int_equal(sync_wait_go(p->fd[1], &e), -ECONNRESET);
	/* And sending raises no SIGPIPE. */
	assert_int_equal(sync_send(p->fd[1], SYNC_READY, 0, -1, &e), -EPIPE);
}

/* The same report through a FIFO, as `start` reads it. */
static void test_report_by_fifo(void **state)
{
	int what = SYNC_FAILED;
	struct err sent, e = ERR_INIT;
	int fd[2];

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(sync_read_report(fd[0], &what, &e), -EAGAIN);
	(void)refuse(&sent, ETIMEDOUT, "hook is slow");
	assert_int_equal(sync_report(fd[1], SYNC_HOOK_FAILED, &sent), 0);
	assert_int_equal(sync_read_report(fd[0], &what, &e), -ETIMEDOUT);
	assert_int_equal(what, SYNC_HOOK_FAILED);
	assert_string_equal(e.msg, "hook is slow");
	/* Two messages that came together are two. */
	assert_int_equal(sync_say(fd[1], SYNC_LISTENER, 17), 0);
	assert_int_equal(sync_report(fd[1], SYNC_FAILED, &sent), 0);
	assert_int_equal(sync_read_report(fd[0], &what, &e), SYNC_LISTENER);
	assert_int_equal(what, 17);
	assert_int_equal(sync_read_report(fd[0], &what, &e), -ETIMEDOUT);
	assert_int_equal(what, SYNC_FAILED);
	assert_int_equal(sync_say(fd[1], SYNC_READY, 0), 0);
	assert_int_equal(sync_read_report(fd[0], &what, &e), -EPROTO);
	assert_int_equal(write(fd[1], "half", 4), 4);
	assert_int_equal(sync_read_report(fd[0], &what, &e), -EPROTO);
	(void)fd_close(fd[1]);
	assert_int_equal(sync_read_report(fd[0], &what, &e), 0);
	(void)fd_close(fd[0]);
}

/* Init may fail with the very codes that mean something to whoever listens: the other side is gone
 * (the program runs), nothing is there yet. execve gives EAGAIN for a limit on processes. */
static void test_code_of_the_channel(void **state)
{
	struct pair *p = *state;
	int what = SYNC_FAILED;
	struct err sent, e = ERR_INIT;
	struct sync_msg m;
	int fd[2];

	(void)refuse(&sent, ECONNRESET, "the file server hung up");
	assert_int_equal(sync_report(p->fd[0], SYNC_FAILED, &sent), 0);
	assert_int_equal(sync_recv(p->fd[1], -1, 1000, &m, NULL, &e), -EPROTO);
	assert_string_equal(e.msg, "the file server hung up");
	assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
	(void)refuse(&sent, EAGAIN, "too many processes");
	assert_int_equal(sync_report(fd[1], SYNC_FAILED, &sent), 0);
	assert_int_equal(sync_read_report(fd[0], &what, &e), -EPROTO);
	assert_string_equal(e.msg, "too many processes");
	(void)fd_close(fd[0]);
	(void)fd_close(fd[1]);
}

int main(void)
{
#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, make_pair, close_pair)
	const struct CMUnitTest tests[] = {
		WITH_PAIR(test_message),
		WITH_PAIR(test_descriptor),
		WITH_PAIR(test_error),
		WITH_PAIR(test_error_with_unread_answer),
		WITH_PAIR(test_broken_error),
		WITH_PAIR(test_foreign_messages),
		WITH_PAIR(test_bounds),
		WITH_PAIR(test_other_side_gone),
		cmocka_unit_test(test_report_by_fifo),
		WITH_PAIR(test_code_of_the_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
