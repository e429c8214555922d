/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator: schedule, protocol, following of CPU counters, and no coordinated omission.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/lib/arrivals.h"
#include "tests/bench/lib/bare.h"
#include "tests/bench/lib/load.h"
#include "tests/bench/lib/loadreport.h"
#include "tests/bench/lib/resp.h"
#include "tests/bench/lib/track.h"

#define SEC NSEC_PER_SEC
#define MS NSEC_PER_MSEC

static void assert_near(double is, double wanted, double relative)
{
	if (fabs(is - wanted) > fabs(wanted) * relative)
		fail_msg("%g is not within %g of %g", is, relative, wanted);
}

/* --- schedule ----------------------------------------------------------------------------------
 */

/* Counts arrivals; checks that they come in order and inside. */
static uint64_t run_schedule(const struct arrivals_config *c, uint64_t *ret_high,
			     double *ret_gap_cv)
{
	struct arrivals a;
	uint64_t n = 0, at, last = 0;
	double sum = 0, squares = 0;

	*ret_high = 0;
	arrivals_init(&a, c);
	while (arrivals_next(&a, &at)) {
		double gap = (double)(at - last);

		assert_true(at >= last && at < c->duration_ns);
		sum += gap;
		squares += gap * gap;
		last = at;
		n++;
		*ret_high += arrivals_is_high(c, at);
	}
	assert_false(arrivals_next(&a, &at));
	if (ret_gap_cv)
		*ret_gap_cv =
			sqrt(squares / (double)n - pow(sum / (double)n, 2)) / (sum / (double)n);
	return n;
}

static void test_constant(void **state)
{
	struct arrivals_config c = {
		.kind = ARRIVALS_CONSTANT, .rate_low = 1000, .duration_ns = 10 * SEC};
	uint64_t high;
	double cv;

	(void)state;
	assert_in_range(run_schedule(&c, &high, &cv), 9998, 10000);
	assert_int_equal(high, 0);
	assert_true(cv < 0.001);
}

static void test_poisson(void **state)
{
	struct arrivals_config c = {
		.kind = ARRIVALS_POISSON, .rate_low = 5000, .duration_ns = 20 * SEC, .seed = 3};
	uint64_t high;
	double cv;

	(void)state;
	/* 100000 expected, sigma 316; gaps of a Poisson process have a variation of 1. */
	assert_near((double)run_schedule(&c, &high, &cv), 100000, 0.015);
	assert_near(cv, 1, 0.02);
}

static void test_square(void **state)
{
	struct arrivals_config c = {.kind = ARRIVALS_POISSON,
				    .rate_low = 1000,
				    .rate_high = 20000,
				    .low_ns = 300 * MS,
				    .high_ns = 200 * MS,
				    .duration_ns = 10 * SEC,
				    .seed = 5};
	uint64_t high, step, end, n;

	(void)state;
	n = run_schedule(&c, &high, NULL);
	assert_near((double)high, 20000.0 * 4, 0.02);
	assert_near((double)(n - high), 1000.0 * 6, 0.06);
	assert_true(arrivals_step(&c, 0, &step, &end));
	assert_int_equal(step, 300 * MS);
	assert_int_equal(end, 500 * MS);
	assert_true(arrivals_step(&c, 19, &step, &end));
	assert_int_equal(end, 10 * SEC);
	assert_false(arrivals_step(&c, 20, &step, &end));
	assert_false(arrivals_is_high(&c, 299 * MS));
	assert_true(arrivals_is_high(&c, 300 * MS));
	assert_true(arrivals_is_high(&c, 499 * MS));
	assert_false(arrivals_is_high(&c, 500 * MS));
	assert_int_equal(arrivals_since_step(&c, 299 * MS), UINT64_MAX);
	assert_int_equal(arrivals_since_step(&c, 300 * MS), 0);
	assert_int_equal(arrivals_since_step(&c, 1499 * MS), 199 * MS);
	/* Constant arrivals cross the edges exactly: 300 + 4000 requests a period. */
	c.kind = ARRIVALS_CONSTANT;
	n = run_schedule(&c, &high, NULL);
	assert_in_range(n, 20 * 4300 - 2, 20 * 4300 + 2);
}

static void test_same_seed(void **state)
{
	struct arrivals_config c = {.kind = ARRIVALS_POISSON,
				    .rate_low = 1000,
				    .duration_ns = SEC,
				    .seed = 9},
			       d = c;
	struct arrivals a, b, other;
	uint64_t x, y, z, same = 0;

	(void)state;
	d.seed = 10;
	arrivals_init(&a, &c);
	arrivals_init(&b, &c);
	arrivals_init(&other, &d);
	for (int i = 0; i < 500; i++) {
		assert_true(arrivals_next(&a, &x) && arrivals_next(&b, &y));
		assert_int_equal(x, y);
		same += arrivals_next(&other, &z) && x == z;
	}
	assert_true(same < 3);
}

/* --- protocol ----------------------------------------------------------------------------------
 */

static void test_resp_requests(void **state)
{
	char buf[RESP_REQUEST_OVERHEAD + 16];
	size_t n = resp_get(buf, 42);

	(void)state;
	assert_int_equal(n, strlen("*2\r\n$3\r\nGET\r\n$14\r\nkey:0000000042\r\n"));
	assert_memory_equal(buf, "*2\r\n$3\r\nGET\r\n$14\r\nkey:0000000042\r\n", n);
	n = resp_set(buf, 4294967295U, "abc", 3);
	assert_int_equal(n, strlen("*3\r\n$3\r\nSET\r\n$14\r\nkey:4294967295\r\n$3\r\nabc\r\n"));
	assert_memory_equal(buf, "*3\r\n$3\r\nSET\r\n$14\r\nkey:4294967295\r\n$3\r\nabc\r\n", n);
}

static void test_resp_replies(void **state)
{
	static const struct {
		const char *text;
		ssize_t rc;
		enum resp_type type;
	} rows[] = {
		{"+OK\r\n", 5, RESP_STATUS},
		{"+OK\r\n+OK\r\n", 5, RESP_STATUS},
		{"$3\r\nabc\r\n$3\r\n", 9, RESP_BULK},
		{"$0\r\n\r\n", 6, RESP_BULK},
		{"$-1\r\n", 5, RESP_NIL},
		{"-ERR no\r\n", 9, RESP_ERROR},
		{":7\r\n", 4, RESP_INTEGER},
		{"", 0, 0},
		{"+OK", 0, 0},
		{"+OK\r", 0, 0},
		{"$3\r\nab", 0, 0},
		{"$3\r\nabc\r", 0, 0},
		{"$3\r\nabcd\r\n", -EBADMSG, 0},
		{"$-2\r\n", -EBADMSG, 0},
		{"$x\r\n", -EBADMSG, 0},
		{"$99999999999\r\n", -EBADMSG, 0},
		{"$9999999999999999999999999999\r\n", -EBADMSG, 0},
		{"*1\r\n", -EBADMSG, 0},
		{"HTTP/1.1 400 Bad Request\r\n", -EBADMSG, 0},
		{"\n", -EBADMSG, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct resp_reply r = {0};
		ssize_t rc = resp_parse(rows[i].text, strlen(rows[i].text), &r);

		if (rc != rows[i].rc || (rc > 0 && r.type != rows[i].type))
			fail_msg("%s: %zd, type %d", rows[i].text, rc, r.type);
	}
}

/* --- counters ----------------------------------------------------------------------------------
 */

static void test_parse_counters(void **state)
{
	static const char stat[] = "cpu  9 9 9 9 9 9 9 9 9 9\n"
				   "cpu0 1 2 3 100 10 0 0 7 0 0\n"
				   "cpu1 1 2 3 200 20 0 0 5 0 0\n"
				   "cpu2 1 2 3 400 40 0 0 3 0 0\n"
				   "intr 1\n";
	uint64_t usec, idle, steal;
	cpu_set_t cpus;

	(void)state;
	assert_int_equal(track_parse_usage("usage_usec 123\nuser_usec 5\n", &usec), 0);
	assert_int_equal(usec, 123);
	assert_int_equal(track_parse_usage("user_usec 5\n", &usec), -EBADMSG);
	assert_int_equal(track_parse_usage("usage_usec x\n", &usec), -EBADMSG);
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	CPU_SET(2, &cpus);
	assert_int_equal(track_parse_stat(stat, &cpus, 100, &idle, &steal), 0);
	assert_int_equal(idle, 550 * 10000);
	assert_int_equal(steal, 10 * 10000);
	CPU_ZERO(&cpus);
	CPU_SET(5, &cpus);
	assert_int_equal(track_parse_stat(stat, &cpus, 100, &idle, &steal), -EBADMSG);
	assert_int_equal(track_parse_stat("cpu0 1 2\n", &cpus, 100, &idle, &steal), -EBADMSG);
	assert_int_equal(track_parse_stat("", &cpus, 100, &idle, &steal), -EBADMSG);
}

/* A group that uses `before` CPUs until `change`, then `after` CPUs; sampled every millisecond. */
static struct track make_track(double before, double after, uint64_t change_ms, size_t n)
{
	struct track t = {.fd = -1, .n = n, .max = n};

	t.at_ns = calloc(n, sizeof(*t.at_ns));
	t.usec = calloc(n, sizeof(*t.usec));
	assert_true(t.at_ns && t.usec);
	for (size_t i = 0; i < n; i++) {
		double early = i < change_ms ? (double)i : (double)change_ms;

		t.at_ns[i] = i * MS;
		t.usec[i] = (uint64_t)((before * early + after * ((double)i - early)) * 1000);
	}
	return t;
}

static void test_track_rate(void **state)
{
	struct track t = make_track(1.5, 0.5, 500, 1000);

	(void)state;
	assert_near(track_rate(&t, 0, 400 * MS), 1.5, 1e-3);
	assert_near(track_rate(&t, 450 * MS, 550 * MS), 1.0, 1e-3);
	/* Between samples: straight lines. */
	assert_near(track_rate(&t, 100 * MS + 300000, 101 * MS + 700000), 1.5, 1e-3);
	assert_true(track_rate(&t, 900 * MS, 1100 * MS) < 0);
	assert_true(track_rate(&t, 10, 10) < 0);
	track_close(&t);
}

/* Two steps, at 300 and 800 ms: the first is answered from 12 ms on, the second too late. */
static void test_yields_of_a_wave(void **state)
{
	enum { MILLISECONDS = 1001 };
	static uint32_t due[MILLISECONDS], answered[MILLISECONDS];
	struct load_config cfg = {.arrivals = {.rate_low = 1,
					       .rate_high = 2,
					       .low_ns = 300 * MS,
					       .high_ns = 200 * MS,
					       .duration_ns = SEC}};
	struct load_result res = {
		.n_ms = MILLISECONDS, .due_per_ms = due, .answered_per_ms = answered};
	struct track t = make_track(1.7, 0.6, 805, 1010);
	struct yields y;

	(void)state;
	for (size_t i = 0; i < MILLISECONDS; i++) {
		bool slow = (i >= 300 && i < 312) || (i >= 800 && i < 995);

		due[i] = 20;
		answered[i] = slow ? 10 : 20;
	}
	assert_int_equal(yields_measure(&cfg, &res, &y), 0);
	assert_int_equal(y.steps, 2);
	assert_int_equal(y.yielded, 1);
	/* A window with one millisecond of the slow ones is 15/16 answered. */
	assert_int_equal(y.ns[0], 11 * MS);
	assert_int_equal(y.ns[1], 200 * MS); /* the whole phase */
	free(y.ns);
	cfg.arrivals.high_ns = 0;
	assert_int_equal(yields_measure(&cfg, &res, &y), 0);
	assert_int_equal(y.steps, 0);
	free(y.ns);
	cfg.arrivals.high_ns = 200 * MS;
	assert_near(track_phase_rate(&cfg, &res, &t, false), 1.7, 0.01);
	track_close(&t);
}

/* --- no coordinated omission -------------------------------------------------------------------
 */

/* A redis that answers at once, except that it stops for `stall_ms` after so many requests. */
static _Noreturn void fake_redis(int listener, unsigned stall_after, unsigned stall_ms)
{
	struct pollfd p[32] = {{.fd = listener, .events = POLLIN}};
	unsigned n = 1, seen = 0;
	char buf[65536];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (poll(p, n, 20000) > 0) {
		for (unsigned i = n; i-- > 1;) {
			ssize_t len = p[i].revents ? recv(p[i].fd, buf, sizeof(buf) - 1, 0) : 0;

			buf[len > 0 ? len : 0] = '\0';
			for (char *s = buf; (s = strchr(s, '*')); s++) {
				(void)!write(p[i].fd, "+OK\r\n", 5);
				if (++seen == stall_after)
					(void)usleep(stall_ms * 1000);
			}
			if (p[i].revents && len <= 0)
				_exit(0);
		}
		if (p[0].revents && n < 32)
			p[n++] = (struct pollfd){.fd = accept(listener, NULL, NULL),
						 .events = POLLIN};
	}
	_exit(0);
}

static pid_t start_fake_redis(uint16_t *ret_port, unsigned stall_after, unsigned stall_ms)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 32), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin_port);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		fake_redis(fd, stall_after, stall_ms);
	close(fd);
	return pid;
}

static void stop_fake_redis(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static const struct load_config small_load = {
	.host = "127.0.0.1",
	.connections = 4,
	.arrivals = {.kind = ARRIVALS_CONSTANT, .rate_low = 1000, .duration_ns = SEC, .seed = 1},
	.drain_ns = 5 * SEC,
	.keys = 10,
	.value_bytes = 8,
	.bin_ns = 100 * MS,
};

/*
 * 1000 requests a second, and the server stops for 400 ms. Every request that was due during the
 * stop has waited for its end: those of its first 300 ms more than 100 ms each. A generator that
 * waits for replies before it sends would have seen 4 slow ones, one per connection.
 */
static void test_stall_is_charged(void **state)
{
	struct load_config cfg = small_load;
	struct load_result res;
	struct err e = ERR_INIT;
	pid_t pid = start_fake_redis(&cfg.port, 300, 400);

	(void)state;
	if (load_run(&cfg, NULL, 0, &res, &e) < 0)
		fail_msg("%s", e.msg);
	assert_in_range(res.offered, 998, 1000);
	assert_int_equal(res.sent, res.offered);
	assert_int_equal(res.answered, res.offered);
	assert_int_equal(res.latency.total, res.offered);
	assert_int_equal(res.errors, 0);
	assert_true(hist_quantile(&res.latency, 0.75) > 100 * MS);
	assert_true(hist_quantile(&res.latency, 0.99) > 350 * MS);
	assert_int_equal(res.series.n, 10);
	load_result_free(&res);
	stop_fake_redis(pid);
}

/* The same when it is the generator that is stopped: it says so, and charges what it caused. */
static void test_own_stall_is_charged(void **state)
{
	struct load_config cfg = small_load;
	pid_t server = start_fake_redis(&cfg.port, 0, 0), pid;
	struct {
		uint64_t p75_ns, late, offered;
	} *seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	(void)state;
	assert_true(seen != MAP_FAILED);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct load_result res;

		if (load_run(&cfg, NULL, 0, &res, NULL) < 0)
			_exit(1);
		seen->p75_ns = hist_quantile(&res.latency, 0.75);
		seen->late = res.late;
		seen->offered = res.offered;
		_exit(0);
	}
	(void)usleep(300000);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	(void)usleep(400000);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(seen->p75_ns > 100 * MS);
	assert_true(seen->late >= 390);
	assert_in_range(seen->offered, 998, 1000);
	(void)munmap(seen, 4096);
	stop_fake_redis(server);
}

/* The server stops for good: what was never answered counts with the time it waited. */
static void test_unanswered_is_charged(void **state)
{
	struct load_config cfg = small_load;
	struct load_result res;
	struct err e = ERR_INIT;
	pid_t pid = start_fake_redis(&cfg.port, 500, 20000);

	(void)state;
	cfg.drain_ns = 300 * MS;
	if (load_run(&cfg, NULL, 0, &res, &e) < 0)
		fail_msg("%s", e.msg);
	assert_in_range(res.answered, 300, 510);
	assert_int_equal(res.latency.total, res.offered);
	assert_true(hist_quantile(&res.latency, 0.65) > 300 * MS);
	load_result_free(&res);
	stop_fake_redis(pid);
}

static void test_bad_loads(void **state)
{
	struct load_config cfg = small_load;
	struct load_result res;
	struct err e = ERR_INIT;
	uint64_t flags;

	(void)state;
	cfg.port = 1; /* nobody listens there */
	assert_int_equal(load_run(&cfg, NULL, 0, &res, &e), -ECONNREFUSED);
	assert_non_null(strstr(e.msg, "127.0.0.1:1"));
	load_result_free(&res);
	cfg.host = "localhost";
	assert_int_equal(load_run(&cfg, NULL, 0, &res, &e), -EINVAL);
	load_result_free(&res);
	cfg = small_load;
	cfg.connections = 0;
	assert_int_equal(load_run(&cfg, NULL, 0, &res, &e), -EINVAL);
	load_result_free(&res);
	cfg = small_load;
	cfg.arrivals.rate_low = 0;
	assert_int_equal(load_run(&cfg, NULL, 0, &res, &e), -EINVAL);
	load_result_free(&res);
	assert_int_equal(bare_namespaces("pid,network", &flags, &e), 0);
	assert_int_equal(flags, CLONE_NEWPID | CLONE_NEWNET);
	assert_int_equal(bare_namespaces("pid,netwerk", &flags, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constant),
		cmocka_unit_test(test_poisson),
		cmocka_unit_test(test_square),
		cmocka_unit_test(test_same_seed),
		cmocka_unit_test(test_resp_requests),
		cmocka_unit_test(test_resp_replies),
		cmocka_unit_test(test_parse_counters),
		cmocka_unit_test(test_track_rate),
		cmocka_unit_test(test_yields_of_a_wave),
		cmocka_unit_test(test_stall_is_charged),
		cmocka_unit_test(test_own_stall_is_charged),
		cmocka_unit_test(test_unanswered_is_charged),
		cmocka_unit_test(test_bad_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
