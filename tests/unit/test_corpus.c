/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fuzz targets (tests/fuzz) over their corpus, without a fuzzer: each file as it is, cut, and
 * with bytes changed. A target aborts where it finds something; regression inputs live in the
 * corpus.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/unit/unit.h"

#define CORPUS "tests/fuzz/corpus"
#define FILE_MAX (1 << 20)
#define CHANGES 100

typedef int target_fn(const uint8_t *data, size_t size);
/* clang-format off */
#define TARGETS(X) \
	X(btf) X(counters) X(criu) X(group) X(host) \
	X(idmap) X(json) X(lists) X(mount_plan) X(options) \
	X(policy) X(process) X(procfs) X(resources) X(seccomp_cache) \
	X(spec) X(state) X(systemd) X(trace) X(wire)
/* clang-format on */
#define DECLARE(name) target_fn fuzz_##name;
#define ROW(name) {#name, fuzz_##name},
TARGETS(DECLARE)
static const struct {
	const char *name;
	target_fn *fn;
} targets[] = {TARGETS(ROW)};

static uint32_t next(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 8;
}

static void feed(target_fn *fn, const char *text, size_t len)
{
	/* Of its own size, so that a sanitizer sees what reads past its end. */
	uint8_t *copy = malloc(len + !len);
	uint32_t seed = 1;

	assert_non_null(copy);
	memcpy(copy, text, len);
	(void)fn(copy, len);
	for (size_t i = 0; i < CHANGES && len; i++) {
		memcpy(copy, text, len);
		for (uint32_t n = next(&seed) % 4; n; n--)
			copy[next(&seed) % len] = (uint8_t)next(&seed);
		(void)fn(copy, i % 2 ? len : next(&seed) % len);
	}
	free(copy);
}

static size_t feed_all(const char *name, target_fn *fn)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *d;
	char path[512];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), CORPUS "/%s", name);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		_cleanup_free_ char *text = NULL;
		size_t len;

		if (d->d_name[0] == '.')
			continue;
		assert_int_equal(
			file_read_alloc(dirfd(dir), d->d_name, FILE_MAX, &text, &len, NULL), 0);
		feed(fn, text, len);
		n++;
	}
	return n;
}

static void test_targets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (feed_all(targets[i].name, targets[i].fn) == 0)
			fail_msg("%s/%s is empty", CORPUS, targets[i].name);
}

/* No corpus without a target, and so no target that is not here. */
static void test_all_are_here(void **state)
{
	_cleanup_dir_ DIR *dir = opendir(CORPUS);
	struct dirent *d;
	size_t n = 0;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.';
	assert_int_equal(n, ARRAY_SIZE(targets));
}

/* The source tree's top is three directories above this program's: build/tests/unit. */
static void go_to_top(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 4; i++) {
		char *slash = strrchr(path, '/');

		if (slash)
			*slash = '\0';
	}
	if (*path && access(CORPUS, F_OK) < 0 && chdir(path) < 0)
		(void)fprintf(stderr, "%s: %m\n", path); /* the tests say what is missing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_all_are_here),
	};

	go_to_top();
	return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
