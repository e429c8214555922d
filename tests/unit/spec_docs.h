/* SPDX-License-Identifier: Apache-2.0 */
/* Documents for the tests of oci/spec.h, and what to expect of them. */
#ifndef CEDE_TESTS_SPEC_DOCS_H
#define CEDE_TESTS_SPEC_DOCS_H

#include "tests/unit/unit.h"

#include <string.h>

#include "base/cleanup.h"
#include "oci/spec.h"

/* The smallest document, with room for more keys; and the same with a process or with linux. */
#define DOC(more) "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"}" more "}"
#define PROCESS_WITH(more) "{\"cwd\":\"/\",\"args\":[\"sh\"]" more "}"
#define PROCESS(more) DOC(",\"process\":" PROCESS_WITH(more))
#define LINUX(more) DOC(",\"linux\":{" more "}")
#define RESOURCES(more) LINUX("\"resources\":{" more "}")
#define SECCOMP(more) LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"" more "}")
#define RULE(more) SECCOMP(",\"syscalls\":[{" more "}]")

#define MAP(c, h, n) "{\"containerID\":" #c ",\"hostID\":" #h ",\"size\":" #n "}"
#define NS(list) "\"namespaces\":[" list "]"
#define T(type) "{\"type\":\"" type "\"}"

static inline struct spec *good(const char *text)
{
	struct err e = ERR_INIT;
	struct spec *s = NULL;

	if (spec_parse(text, strlen(text), "config.json", &s, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return s;
}

static inline void assert_good(const char *text)
{
	spec_free(good(text));
}

static inline void assert_bad(const char *text, const char *msg)
{
	struct err e = ERR_INIT;
	struct spec *s = NULL;
	int rc = spec_parse(text, strlen(text), "config.json", &s, &e);

	if (rc == 0) {
		spec_free(s);
		fail_msg("%s: accepted; expected \"%s\"", text, msg);
	}
	if (!str_after(e.msg, "config.json: ") || !streq(e.msg + 13, msg))
		fail_msg("%s: got \"%s\", expected \"%s\"", text, e.msg, msg);
	assert_null(s);
	assert_int_equal(rc, -e.code);
}

/* Rows of {document, what is wrong with it}. */
struct bad_row {
	const char *text, *msg;
};
static inline void assert_all_bad(const struct bad_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_bad(rows[i].text, rows[i].msg);
}
#define ASSERT_ALL_BAD(rows) assert_all_bad(rows, ARRAY_SIZE(rows))

#endif
