/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/counters: the kernel's counters as text, and what two readings say. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "base/cgfs.h"
#include "metrics/counters.h"
#include "metrics/sample.h"

#define TWO_CPUS                                                                                   \
	"cpu  100 0 50 2000 30 1 2 7 0 0\n"                                                        \
	"cpu0 60 0 20 1100 20 1 1 3 0 0\n"                                                         \
	"cpu1 40 0 30 899 10 0 1 4 0 0\n"

static void test_stat_all(void **state)
{
	struct cpu_times t;

	(void)state;
	assert_int_equal(counters_stat(TWO_CPUS "intr 123 4\n", NULL, &t), 0);
	/* Waiting for I/O is idle; the line for all is what counts. */
	assert_int_equal(t.idle_ticks, 2030);
	assert_int_equal(t.steal_ticks, 7);
	assert_int_equal(t.n_cpus, 2);
}

static void test_stat_mask(void **state)
{
	struct cpu_mask mask = {{0}};
	struct cpu_times t;

	(void)state;
	mask.bits[0] = 2;
	assert_int_equal(counters_stat(TWO_CPUS, &mask, &t), 0);
	assert_int_equal(t.idle_ticks, 909);
	assert_int_equal(t.steal_ticks, 4);
	assert_int_equal(t.n_cpus, 1);
	mask.bits[0] = 3;
	assert_int_equal(counters_stat(TWO_CPUS, &mask, &t), 0);
	assert_int_equal(t.idle_ticks, 2030);
	mask.bits[0] = 4; /* none of ours */
	assert_int_equal(counters_stat(TWO_CPUS, &mask, &t), -EBADMSG);
}

static void test_stat_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"cpu",
		"cpu  1 2 3\ncpu0 1 2 3\n",
		"cpu  1 2 3 4 5 6 7 8\n",
		"cpu  1 2 3 4 5 6 7 8\ncpuX 1 2 3 4 5 6 7 8\n",
		"cpu  1 2 3 x 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\n",
		"cpu  1 2 3 99999999999999999999 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\n",
		"cpu  1 2 3 4 5 6 7 8\ncpu1 1 2 3 4 5 6 7 8\ncpu1 1 2 3 4 5 6 7 8\n",
		"intr 1 2 3\n",
	};
	struct cpu_times t = {.n_cpus = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(counters_stat(bad[i], NULL, &t), -EBADMSG);
	assert_int_equal(t.n_cpus, 77); /* untouched */
	/* Cut in the middle of a line (a buffer that was too small): what is complete counts. */
	assert_int_equal(
		counters_stat("cpu  1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\ncpu1 1 2", NULL, &t), 0);
	assert_int_equal(t.n_cpus, 1);
}

static void test_schedstat(void **state)
{
	struct schedstat s = {.run_ns = 5};

	(void)state;
	assert_int_equal(counters_schedstat("123456 789 42\n", &s), 0);
	assert_int_equal(s.run_ns, 123456);
	assert_int_equal(s.wait_ns, 789);
	assert_int_equal(s.slices, 42);
	assert_int_equal(counters_schedstat("1 2", &s), -EBADMSG);
	assert_int_equal(counters_schedstat("", &s), -EBADMSG);
	assert_int_equal(counters_schedstat("-1 2 3", &s), -EBADMSG);
	assert_int_equal(s.run_ns, 123456);
}

static void test_psi(void **state)
{
	uint64_t v = 1;

	(void)state;
	assert_int_equal(counters_psi_some("some avg10=1.56 avg60=2.81 avg300=1.38 total=62824801\n"
					   "full avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
					   &v),
			 0);
	assert_int_equal(v, 62824801);
	assert_int_equal(counters_psi_some("full avg10=0.00 total=9\n", &v), -EBADMSG);
	assert_int_equal(counters_psi_some("some avg10=0.00\nfull total=9\n", &v), -EBADMSG);
	assert_int_equal(counters_psi_some("some total=x\n", &v), -EBADMSG);
	assert_int_equal(v, 62824801);
}

static void test_usage(void **state)
{
	uint64_t v = 1;

	(void)state;
	assert_int_equal(counters_usage("usage_usec 77\nuser_usec 70\n", &v), 0);
	assert_int_equal(v, 77);
	assert_int_equal(counters_usage("nr_periods 1\nusage_usec 78\n", &v), 0);
	assert_int_equal(v, 78);
	assert_int_equal(counters_usage("xusage_usec 79\n", &v), -EBADMSG);
	assert_int_equal(counters_usage("user_usec 79\n", &v), -EBADMSG);
}

static void test_meminfo(void **state)
{
	struct meminfo m;

	(void)state;
	assert_int_equal(counters_meminfo("MemTotal:       24684000 kB\nMemFree: 1 kB\n"
					  "MemAvailable:   24000000 kB\nSwapTotal: 4 kB\n",
					  &m),
			 0);
	assert_int_equal(m.total_bytes, 24684000ull * 1024);
	assert_int_equal(m.available_bytes, 24000000ull * 1024);
	assert_int_equal(m.swap_total_bytes, 4096);
	assert_int_equal(counters_meminfo("MemTotal: 5 kB\n", &m), -EBADMSG);
	assert_int_equal(counters_meminfo("MemTotal: 5 kB\nMemAvailable: many kB\n", &m), -EBADMSG);
	assert_int_equal(counters_meminfo("XMemTotal: 5 kB\nMemAvailable: 1 kB\n", &m), -EBADMSG);
}

static void test_cgroup_path(void **state)
{
	const char *path;
	size_t len;

	(void)state;
	assert_int_equal(cg_path_parse("4:memory:/x\n0::/cede.slice/a\n", &path, &len), 0);
	assert_int_equal(len, strlen("/cede.slice/a"));
	assert_memory_equal(path, "/cede.slice/a", len);
	assert_true(counters_path_below(path, len, "cede.slice"));
	assert_false(counters_path_below(path, len, "cede"));
	assert_false(counters_path_below(path, len, "cede.slice/b"));
	assert_true(counters_path_below("/cede.slice", 11, "cede.slice"));
	assert_false(counters_path_below("/cede.slice2", 12, "cede.slice"));
	assert_false(counters_path_below("/", 1, "cede.slice"));
	assert_int_equal(cg_path_parse("4:memory:/x\n", &path, &len), -ENODATA);
	assert_int_equal(cg_path_parse("10::/x\n", &path, &len), -ENODATA);
	assert_int_equal(cg_path_parse("0::x\n", &path, &len), -EBADMSG);
}

static void test_counter(void **state)
{
	struct counter c = {0};
	uint64_t d = 99;

	(void)state;
	assert_false(counter_delta(&c, 100, &d)); /* the first reading */
	assert_int_equal(d, 99);
	assert_true(counter_delta(&c, 130, &d));
	assert_int_equal(d, 30);
	assert_false(counter_delta(&c, 5, &d)); /* back: made anew */
	assert_int_equal(d, 30);
	assert_true(counter_delta(&c, 6, &d));
	assert_int_equal(d, 1);
	counter_forget(&c);
	assert_false(counter_delta(&c, 7, &d));
}

static void test_rates(void **state)
{
	(void)state;
	assert_int_equal(rate_ppm(5, 10, 1000000), 500000);
	assert_int_equal(rate_ppm(20, 10, 1000000), 1000000);
	assert_int_equal(rate_ppm(20, 0, 1000000), SAMPLE_UNKNOWN);
	assert_int_equal(rate_ppm(UINT64_MAX, 1, INT64_MAX), INT64_MAX);
	/* 60 % of the time somebody stalls, the secondaries 50 %: of the other half a fifth. */
	assert_int_equal(stall_of_rest(600000, 500000), 200000);
	assert_int_equal(stall_of_rest(500000, 600000), 0);
	assert_int_equal(stall_of_rest(300000, 0), 300000);
	assert_int_equal(stall_of_rest(1000000, 1000000), 0);
	assert_true(stall_of_rest(1000000, 999999) <= 1000000);
	assert_int_equal(stall_of_rest(SAMPLE_UNKNOWN, 5), SAMPLE_UNKNOWN);
	assert_int_equal(stall_of_rest(5, SAMPLE_UNKNOWN), SAMPLE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat_all), cmocka_unit_test(test_stat_mask),
		cmocka_unit_test(test_stat_bad), cmocka_unit_test(test_schedstat),
		cmocka_unit_test(test_psi),	 cmocka_unit_test(test_usage),
		cmocka_unit_test(test_meminfo),	 cmocka_unit_test(test_cgroup_path),
		cmocka_unit_test(test_counter),	 cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
