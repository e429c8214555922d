/* SPDX-License-Identifier: Apache-2.0 */
/* cli/doctor: the table and the JSON of facts. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/doctor.h"

static void add(struct host *h, const char *name, enum host_verdict v, const char *value,
		const char *costs)
{
	struct host_fact *f = &h->facts[h->n++];

	*f = (struct host_fact){.name = name, .verdict = v};
	snprintf(f->value, sizeof(f->value), "%s", value);
	snprintf(f->costs, sizeof(f->costs), "%s", costs);
}

static struct host full(void)
{
	struct host h = {.n = 0};

	add(&h, "kernel", HOST_OK, "6.18", "");
	add(&h, "preempt", HOST_NOTE, "none", "a note");
	add(&h, "swap", HOST_MISSING, "none", "an optional thing");
	return h;
}

/* A document that is parsed back; the caller's arena holds it. */
static struct json *as_json(struct arena *a, const struct host *h)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct err e = ERR_INIT;
	struct json *doc = NULL;

	doctor_json(h, &sb);
	assert_false(sb.oom);
	if (json_parse(a, sb.buf, sb.len, "doctor", &doc, &e) < 0)
		fail_msg("%s", e.msg);
	return doc;
}

static void check_service(const struct host *h, const char *service, bool usable,
			  const char *last_line)
{
	_cleanup_(arena_free) struct arena a = ARENA_INIT;
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	const struct json *doc = as_json(&a, h);

	assert_string_equal(json_get_string(doc, "service"), service);
	assert_int_equal(json_get_bool(doc, "usable", !usable), usable);
	doctor_table(h, 200, &sb);
	assert_int_equal(sb.buf[sb.len - 1], '\n');
	sb.buf[sb.len - 1] = '\0';
	assert_string_equal(strrchr(sb.buf, '\n') + 1, last_line);
}

static void test_service(void **state)
{
	struct host h = full();

	(void)state;
	check_service(&h, "full", true, "This host gives full service.");
	add(&h, "psi", HOST_LIMITED, "off", "something");
	add(&h, "cgroup.layout", HOST_LIMITED, "hybrid", "something");
	check_service(&h, "reduced", true,
		      "This host works with reduced enforcement: psi, cgroup.layout.");
	add(&h, "namespaces", HOST_FATAL, "none", "everything");
	check_service(&h, "none", false, "cede cannot work on this host: namespaces.");
}

static void test_json(void **state)
{
	_cleanup_(arena_free) struct arena a = ARENA_INIT;
	struct host h = full();
	const struct json *facts, *fact;

	(void)state;
	add(&h, "odd", HOST_LIMITED, "\"quoted\"\n", "\x01");
	facts = json_get(as_json(&a, &h), "facts");
	assert_non_null(facts);
	assert_int_equal(facts->type, JSON_ARRAY);
	assert_int_equal(facts->array.n, 4);
	fact = facts->array.items[2];
	assert_string_equal(json_get_string(fact, "name"), "swap");
	assert_string_equal(json_get_string(fact, "verdict"), "missing");
	assert_string_equal(json_get_string(fact, "value"), "none");
	assert_string_equal(json_get_string(fact, "costs"), "an optional thing");
	fact = facts->array.items[3];
	assert_string_equal(json_get_string(fact, "value"), "\"quoted\"\n");
}

static void test_table(void **state)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct host h = {.n = 0};

	(void)state;
	add(&h, "kernel", HOST_OK, "6.18", "");
	add(&h, "psi", HOST_LIMITED, "off",
	    "stalls of incumbents are not seen by anybody who looks at the wrong place");
	doctor_table(&h, 60, &sb);
	assert_string_equal(sb.buf, "kernel              ok       6.18\n"
				    "psi                 limited  off\n"
				    "                             stalls of incumbents are not\n"
				    "                             seen by anybody who looks at\n"
				    "                             the wrong place\n"
				    "\n"
				    "This host works with reduced enforcement: psi.\n");
}

/* Whatever the texts, no line is longer than asked for unless a word is. */
static void test_width(void **state)
{
	struct host h = full();

	(void)state;
	add(&h, "long", HOST_LIMITED,
	    "a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4",
	    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen");
	for (size_t width = 40; width < 120; width++) {
		_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

		doctor_table(&h, width, &sb);
		for (const char *line = sb.buf; *line;) {
			size_t len = strcspn(line, "\n");

			assert_true(len <= width);
			assert_true(len == 0 || line[len - 1] != ' ');
			line += len + 1;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
