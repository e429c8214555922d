/* SPDX-License-Identifier: Apache-2.0 */
/* What a function logged: warnings and debug lines go to a file of the test's own tree. */
#ifndef CEDE_TESTS_UNIT_CAPTURE_LOG_H
#define CEDE_TESTS_UNIT_CAPTURE_LOG_H

#include "tests/unit/fake_tree.h"

#include "base/log.h"

static inline void capture_log_start(const struct fake_tree *t)
{
	char path[128];
	const struct log_opts o = {
		.file = fake_path(t, "log", path, sizeof(path)),
		.format = LOG_TEXT,
		.level = LOG_LEVEL_DEBUG,
	};

	fake_file(t, "log", "%s", "");
	assert_int_equal(log_open(&o, NULL), 0);
}

static inline void capture_log_stop(void)
{
	log_close(false);
}

/* True if `text` was logged since the start. */
static inline bool logged(const struct fake_tree *t, const char *text)
{
	_cleanup_free_ char *log = NULL;
	size_t len;

	assert_int_equal(file_read_alloc(t->fd, "log", 1 << 20, &log, &len, NULL), 0);
	return strstr(log, text) != NULL;
}

#endif
