/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/trace: what is recorded comes back, and hostile files do no harm. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "metrics/trace.h"

static int memory_file(void)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Every field has a value of its own, so that none can be mistaken for another. */
static struct sample sample_of(uint64_t i)
{
	return (struct sample){
		.at_ns = 1000 + i * 10,
		.interval_ns = 2000 + i,
		.lateness_ns = 3000 + i,
		.n_cpus = 4,
		.n_threads = 5,
		.incumbent_delay_ppm = 6000 + (int64_t)i,
		.attributable_delay_ppm = 7000,
		.incumbent_delay_total_ppm = 8000,
		.incumbent_wait_ns = 9000,
		.secondary_ucpu = SAMPLE_UNKNOWN,
		.medium_at_ns = 10,
		.medium_interval_ns = 11,
		.node_idle_ucpu = 12,
		.node_steal_ucpu = 13,
		.incumbent_ucpu = 14,
		.incumbent_cpu_psi_ppm = SAMPLE_UNKNOWN,
		.incumbent_mem_psi_ppm = 15,
		.incumbent_io_psi_ppm = 16,
		.slow_at_ns = 17,
		.mem_available_bytes = INT64_MAX,
		.mem_total_bytes = 18,
	};
}

static int recorded(uint64_t n)
{
	struct trace_writer w;
	int fd = memory_file();

	trace_writer_init(&w, fd);
	for (uint64_t i = 0; i < n; i++) {
		struct sample s = sample_of(i);

		assert_int_equal(trace_write(&w, &s, NULL), 0);
	}
	assert_int_equal(trace_flush(&w, NULL), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END),
			 (off_t)(TRACE_HEADER_SIZE + n * TRACE_RECORD_SIZE));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void test_round_trip(void **state)
{
	_cleanup_fd_ int fd = recorded(100);
	struct trace_reader r;
	struct sample s, wanted;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(trace_reader_init(&r, fd, &e), 0);
	for (uint64_t i = 0; i < 100; i++) {
		memset(&s, 0xaa, sizeof(s));
		wanted = sample_of(i);
		assert_int_equal(trace_read(&r, &s, &e), 1);
		assert_memory_equal(&s, &wanted, sizeof(s));
	}
	assert_int_equal(trace_read(&r, &s, &e), 0);
	assert_int_equal(r.n, 100);
	assert_false(r.cut);
}

static void test_empty(void **state)
{
	_cleanup_fd_ int fd = recorded(0);
	struct trace_reader r;
	struct sample s;

	(void)state;
	assert_int_equal(trace_reader_init(&r, fd, NULL), 0);
	assert_int_equal(trace_read(&r, &s, NULL), 0);
}

/* The writer was killed: whole records are there, half a one is not. */
static void test_cut(void **state)
{
	_cleanup_fd_ int fd = recorded(3);
	struct trace_reader r;
	struct sample s;

	(void)state;
	assert_int_equal(ftruncate(fd, TRACE_HEADER_SIZE + 3 * TRACE_RECORD_SIZE - 1), 0);
	assert_int_equal(trace_reader_init(&r, fd, NULL), 0);
	assert_int_equal(trace_read(&r, &s, NULL), 1);
	assert_int_equal(trace_read(&r, &s, NULL), 1);
	assert_int_equal(trace_read(&r, &s, NULL), 0);
	assert_true(r.cut);
}

static void test_not_a_trace(void **state)
{
	static const char *const texts[] = {"", "cede", "cedetra",
					    "{\"a\": 1}...................."};
	struct trace_reader r;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_fd_ int fd = memory_file();

		assert_int_equal(write(fd, texts[i], strlen(texts[i])), (ssize_t)strlen(texts[i]));
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(trace_reader_init(&r, fd, &e), -EBADMSG);
		assert_non_null(strstr(e.msg, "not a trace"));
	}
}

static void poke(int fd, off_t at, unsigned char byte)
{
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void test_other_version(void **state)
{
	/* Version, record size, reserved. */
	static const off_t at[] = {8, 12, 15, 16, 31};
	struct trace_reader r;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		_cleanup_fd_ int fd = recorded(1);

		poke(fd, at[i], 0x7f);
		assert_int_equal(trace_reader_init(&r, fd, &e), -EPROTONOSUPPORT);
		assert_non_null(strstr(e.msg, "version"));
	}
}

static void test_bad_records(void **state)
{
	struct {
		size_t field;
		const char *name;
	} bad[] = {{3, "n_cpus"},
		   {5, "incumbent_delay_ppm"},
		   {9, "secondary_ucpu"},
		   {20, "mem_total"}};
	struct trace_reader r;
	struct sample s;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_fd_ int fd = recorded(2);

		/* The highest byte of the second record's field: negative, or too large. */
		poke(fd, (off_t)(TRACE_HEADER_SIZE + TRACE_RECORD_SIZE + bad[i].field * 8 + 7),
		     0x80);
		assert_int_equal(trace_reader_init(&r, fd, &e), 0);
		assert_int_equal(trace_read(&r, &s, &e), 1);
		assert_int_equal(trace_read(&r, &s, &e), -EBADMSG);
		assert_non_null(strstr(e.msg, bad[i].name));
		assert_non_null(strstr(e.msg, "record 1"));
	}
}

static void test_time_goes_back(void **state)
{
	_cleanup_fd_ int fd = recorded(2);
	struct trace_reader r;
	struct sample s;
	struct err e = ERR_INIT;

	(void)state;
	poke(fd, TRACE_HEADER_SIZE + 7, 0x01); /* the first one is from far in the future */
	assert_int_equal(trace_reader_init(&r, fd, &e), 0);
	assert_int_equal(trace_read(&r, &s, &e), 1);
	assert_int_equal(trace_read(&r, &s, &e), -EBADMSG);
	assert_non_null(strstr(e.msg, "time goes back"));
}

static void test_full_disk(void **state)
{
	_cleanup_fd_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct trace_writer w;
	struct sample s = sample_of(0);
	struct err e = ERR_INIT;
	int rc = 0;

	(void)state;
	assert_true(full >= 0);
	trace_writer_init(&w, full);
	for (int i = 0; i < 2 * TRACE_BUFFERED && rc == 0; i++)
		rc = trace_write(&w, &s, &e);
	assert_int_equal(rc, -ENOSPC);
	assert_non_null(strstr(e.msg, "write the trace"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_not_a_trace),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_time_goes_back),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
