/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/container_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/str.h"

#define TEXT_MAX 65536

/* One document at a time. */
static char text[TEXT_MAX];

static bool read_text(int cgfd, const char *file)
{
	return cg_read(cgfd, file, text, sizeof(text), NULL) >= 0;
}

static uint64_t key_of(const char *key)
{
	uint64_t v = 0;

	return cg_parse_key(text, key, &v) < 0 ? 0 : v;
}

/* Calls fn for each line of `text` as words; the line is cut up. */
#define WORDS_MAX 16
static void each_line(void (*fn)(char **word, size_t n, void *arg), void *arg)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *inner = NULL, *word[WORDS_MAX];
		size_t n = 0;

		for (char *t = strtok_r(line, " ", &inner); t && n < WORDS_MAX;
		     t = strtok_r(NULL, " ", &inner))
			word[n++] = t;
		if (n)
			fn(word, n, arg);
	}
}

/* --- pressure ------------------------------------------------------------------------------------
 */

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" (Documentation/accounting/psi.rst) */
static void write_pressure_line(char **word, size_t n, void *arg)
{
	struct json_writer *w = arg;

	json_w_object(w, word[0]);
	for (size_t i = 1; i < n; i++) {
		char *value = strchr(word[i], '=');
		uint64_t v;

		if (!value)
			continue;
		*value++ = '\0';
		if (streq(word[i], "total")) {
			if (parse_u64(value, 10, &v) == 0)
				json_w_u64(w, word[i], v);
		} else if (parse_milli(value, &v) == 0) {
			json_w_double(w, word[i], (double)v / 1000, 2);
		}
	}
	json_w_end_object(w);
}

static void write_pressure(int cgfd, const char *file, struct json_writer *w)
{
	if (!read_text(cgfd, file))
		return; /* no PSI in this kernel, or switched off */
	json_w_object(w, "psi");
	each_line(write_pressure_line, w);
	json_w_end_object(w);
}

/* --- the sections --------------------------------------------------------------------------------
 */

static int write_cpu(int cgfd, struct json_writer *w, struct err *e)
{
	ssize_t n = cg_read(cgfd, "cpu.stat", text, sizeof(text), e);

	/* In every group of every kernel; without it there is no group. */
	if (n < 0)
		return (int)n;
	json_w_object(w, "cpu");
	json_w_object(w, "usage");
	json_w_u64(w, "total", key_of("usage_usec") * 1000);
	json_w_u64(w, "kernel", key_of("system_usec") * 1000);
	json_w_u64(w, "user", key_of("user_usec") * 1000);
	json_w_end_object(w);
	json_w_object(w, "throttling");
	json_w_u64(w, "periods", key_of("nr_periods"));
	json_w_u64(w, "throttledPeriods", key_of("nr_throttled"));
	json_w_u64(w, "throttledTime", key_of("throttled_usec") * 1000);
	json_w_end_object(w);
	write_pressure(cgfd, "cpu.pressure", w);
	json_w_end_object(w);
	return 0;
}

/* A kind of memory; a file that is not there is a number not given. */
struct memory {
	bool has_limit, has_usage, has_max;
	uint64_t limit, usage, max, failcnt;
};

static void read_memory(int cgfd, const char *prefix, struct memory *ret)
{
	char file[32];

	*ret = (struct memory){0};
	(void)snprintf(file, sizeof(file), "%s.current", prefix); /* these fit */
	ret->has_usage = cg_read_u64(cgfd, file, &ret->usage, NULL) == 0;
	(void)snprintf(file, sizeof(file), "%s.max", prefix);
	ret->has_limit = cg_read_u64(cgfd, file, &ret->limit, NULL) == 0;
	(void)snprintf(file, sizeof(file), "%s.peak", prefix);
	ret->has_max = cg_read_u64(cgfd, file, &ret->max, NULL) == 0; /* since 5.19 */
	(void)snprintf(file, sizeof(file), "%s.events", prefix);
	if (read_text(cgfd, file))
		ret->failcnt = key_of("max");
}

static void write_memory_kind(struct json_writer *w, const char *key, const struct memory *m)
{
	json_w_object(w, key);
	json_w_u64(w, "limit", m->has_limit ? m->limit : UINT64_MAX);
	if (m->has_usage)
		json_w_u64(w, "usage", m->usage);
	if (m->has_max)
		json_w_u64(w, "max", m->max);
	json_w_u64(w, "failcnt", m->failcnt);
	json_w_end_object(w);
}

static void write_stat_line(char **word, size_t n, void *arg)
{
	uint64_t v;

	if (n == 2 && parse_u64(word[1], 10, &v) == 0)
		json_w_u64(arg, word[0], v);
}

static void write_memory(int cgfd, struct json_writer *w)
{
	struct memory memory, swap, kernel = {0}, tcp = {0};

	json_w_object(w, "memory");
	read_memory(cgfd, "memory", &memory);
	read_memory(cgfd, "memory.swap", &swap);
	if (memory.has_usage && read_text(cgfd, "memory.stat")) {
		json_w_u64(w, "cache", key_of("file"));
		kernel = (struct memory){.has_usage = true, .usage = key_of("kernel")};
		if (!kernel.usage) /* since 5.18 */
			kernel.usage =
				key_of("kernel_stack") + key_of("pagetables") + key_of("slab");
		tcp = (struct memory){.has_usage = true, .usage = key_of("sock")};
		json_w_object(w, "raw");
		each_line(write_stat_line, w);
		json_w_end_object(w);
		write_memory_kind(w, "usage", &memory);
		write_memory_kind(w, "kernel", &kernel);
		write_memory_kind(w, "kernelTCP", &tcp);
	}
	if (memory.has_usage && swap.has_usage) {
		swap.usage += memory.usage;
		swap.has_max = false; /* not of the sum */
		if (swap.limit != UINT64_MAX && memory.limit != UINT64_MAX)
			swap.limit += memory.limit;
		else
			swap.has_limit = false;
		write_memory_kind(w, "swap", &swap);
	}
	write_pressure(cgfd, "memory.pressure", w);
	json_w_end_object(w);
}

static void write_pids(int cgfd, struct json_writer *w)
{
	uint64_t v;

	json_w_object(w, "pids");
	if (cg_read_u64(cgfd, "pids.current", &v, NULL) == 0)
		json_w_u64(w, "current", v);
	if (cg_read_u64(cgfd, "pids.max", &v, NULL) == 0 && v != UINT64_MAX)
		json_w_u64(w, "limit", v);
	json_w_end_object(w);
}

/* --- block I/O -----------------------------------------------------------------------------------
 */

struct io_sum {
	struct json_writer *w;
	bool bytes; /* or requests */
};

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static void write_io_line(char **word, size_t n, void *arg)
{
	static const struct {
		const char *key, *op;
		bool bytes;
	} known[] = {
		{"rbytes=", "Read", true}, {"wbytes=", "Write", true}, {"dbytes=", "Discard", true},
		{"rios=", "Read", false},  {"wios=", "Write", false},  {"dios=", "Discard", false},
	};
	const struct io_sum *s = arg;
	char *minor = strchr(word[0], ':');
	uint64_t major_number, minor_number, v;

	if (minor)
		*minor++ = '\0';
	if (!minor || parse_u64(word[0], 10, &major_number) < 0 ||
	    parse_u64(minor, 10, &minor_number) < 0)
		return;
	for (size_t i = 1; i < n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
			const char *value = str_after(word[i], known[k].key);

			if (!value || known[k].bytes != s->bytes || parse_u64(value, 10, &v) < 0)
				continue;
			json_w_object(s->w, NULL);
			json_w_u64(s->w, "major", major_number);
			json_w_u64(s->w, "minor", minor_number);
			json_w_string(s->w, "op", known[k].op);
			json_w_u64(s->w, "value", v);
			json_w_end_object(s->w);
		}
}

static void write_io_array(int cgfd, struct json_writer *w, const char *key, bool bytes)
{
	struct io_sum s = {.w = w, .bytes = bytes};

	if (!read_text(cgfd, "io.stat"))
		return;
	json_w_array(w, key);
	each_line(write_io_line, &s);
	json_w_end_array(w);
}

static void write_blkio(int cgfd, struct json_writer *w)
{
	json_w_object(w, "blkio");
	write_io_array(cgfd, w, "ioServiceBytesRecursive", true);
	write_io_array(cgfd, w, "ioServicedRecursive", false);
	write_pressure(cgfd, "io.pressure", w);
	json_w_end_object(w);
}

/* --- huge pages ----------------------------------------------------------------------------------
 */

static void write_page_size(int cgfd, const char *size, struct json_writer *w)
{
	char file[64];
	uint64_t v;

	json_w_object(w, size);
	(void)snprintf(file, sizeof(file), "hugetlb.%s.current", size); /* see write_hugetlb */
	if (cg_read_u64(cgfd, file, &v, NULL) == 0)
		json_w_u64(w, "usage", v);
	(void)snprintf(file, sizeof(file), "hugetlb.%s.events", size);
	json_w_u64(w, "failcnt", read_text(cgfd, file) ? key_of("max") : 0);
	json_w_end_object(w);
}

/* The page sizes of this machine are the names of the files: hugetlb.2MB.current. */
static void write_hugetlb(int cgfd, struct json_writer *w)
{
	int fd = openat(cgfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	json_w_object(w, "hugetlb");
	while (dir && (d = readdir(dir))) {
		const char *name = str_after(d->d_name, "hugetlb.");
		char size[16];
		size_t len = name ? strcspn(name, ".") : 0;

		if (len && streq(name + len, ".current") && str_part(size, sizeof(size), name, len))
			write_page_size(cgfd, size, w);
	}
	json_w_end_object(w);
	if (!dir)
		(void)fd_close(fd);
}

int container_stats_write(int cgfd, struct json_writer *w, const char *key, struct err *e)
{
	int rc;

	json_w_object(w, key);
	rc = write_cpu(cgfd, w, e);
	if (rc < 0)
		return rc;
	write_memory(cgfd, w);
	write_pids(cgfd, w);
	write_blkio(cgfd, w);
	write_hugetlb(cgfd, w);
	json_w_end_object(w);
	return 0;
}
