/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/unit_name, unit_props, unit_annotations: names, limits and annotations as systemd's. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/unit_name.h"
#include "runtime/unit_props.h"

static void test_names(void **state)
{
	static const struct {
		const char *given, *slice, *unit, *path;
	} good[] = {
		{NULL, "cede.slice", "cede-box.scope", "/cede.slice"},
		{"", "cede.slice", "cede-box.scope", "/cede.slice"},
		{"machine.slice:libpod:4711", "machine.slice", "libpod-4711.scope",
		 "/machine.slice"},
		{":docker:4711", "cede.slice", "docker-4711.scope", "/cede.slice"},
		{"a-b-c.slice::x", "a-b-c.slice", "x.scope", "/a.slice/a-b.slice/a-b-c.slice"},
		{"-.slice:p:n", "-.slice", "p-n.scope", ""},
		{"s.slice:p:a+b", "s.slice", "p-a\\x2bb.scope", "/s.slice"},
		{"s.slice::.hidden", "s.slice", "\\x2ehidden.scope", "/s.slice"},
		{"s.slice:p:n.scope", "s.slice", "p-n.scope.scope", "/s.slice"},
	};
	static const char *const bad[] = {
		"/absolute",	  "relative",	   "a:b",
		"a.slice:b:",	  "a.slice:b:c:d", "a:b:c",
		"a--b.slice:p:n", ".slice:p:n",	   "-a.slice:p:n",
		"a-.slice:p:n",	  "a.slice:p/q:n", "a.slice:p:x.slice",
		"a b.slice:p:n",
	};
	struct unit_name u;
	struct err e = ERR_INIT;
	char longest[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (unit_name_make(good[i].given, "box", &u, &e) < 0)
			fail_msg("%s: %s", good[i].given, e.msg);
		assert_string_equal(u.slice, good[i].slice);
		assert_string_equal(u.unit, good[i].unit);
		assert_string_equal(u.slice_path, good[i].path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (unit_name_make(bad[i], "box", &u, &e) != -EINVAL)
			fail_msg("%s was taken: %s", bad[i], u.unit);
		assert_ptr_equal(strstr(e.msg, "linux.cgroupsPath: "), e.msg);
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "a.slice:p:", 10);
	longest[10 + 248] = '\0'; /* p-, 248, .scope: one too many */
	assert_int_equal(unit_name_make(longest, "box", &u, &e), -ENAMETOOLONG);
	longest[10 + 247] = '\0';
	assert_int_equal(unit_name_make(longest, "box", &u, &e), 0);
	assert_int_equal(strlen(u.unit), UNIT_NAME_MAX);
	memset(longest, '+', 255);
	longest[255] = '\0';
	assert_int_equal(unit_name_make(NULL, longest, &u, &e), -ENAMETOOLONG);
}

/* "Name(sig) v v; ..." */
static const char *show(const struct unit_props *p, struct strbuf *out)
{
	out->len = 0;
	for (size_t i = 0; i < p->n; i++) {
		strbuf_addf(out, "%s%s%s(%s)", i ? "; " : "", p->v[i].optional ? "?" : "",
			    p->v[i].name, p->v[i].sig);
		for (size_t k = 0; k < p->v[i].n; k++)
			strbuf_addf(out, " %s", p->v[i].values[k]);
	}
	return out->len ? strbuf_str(out) : "";
}

static void test_limits(void **state)
{
	static const struct {
		const char *json, *want;
	} cases[] = {
		{"{\"cpu\": {\"shares\": 512}}", "CPUWeight(t) 59"},
		{"{\"cpu\": {\"shares\": 1024}}", "CPUWeight(t) 100"},
		{"{\"cpu\": {\"quota\": 30000, \"period\": 100000}}",
		 "CPUQuotaPerSecUSec(t) 300000; CPUQuotaPeriodUSec(t) 100000"},
		{"{\"cpu\": {\"quota\": 10001, \"period\": 30000}}",
		 "CPUQuotaPerSecUSec(t) 340000; CPUQuotaPeriodUSec(t) 30000"},
		{"{\"cpu\": {\"quota\": 50000}}", "CPUQuotaPerSecUSec(t) 500000"},
		{"{\"cpu\": {\"quota\": -1}}", "CPUQuotaPerSecUSec(t) 18446744073709551615"},
		{"{\"cpu\": {\"cpus\": \"0-2,9\", \"mems\": \"0\"}}",
		 "AllowedCPUs(ay) 7 2; AllowedMemoryNodes(ay) 1"},
		{"{\"cpu\": {\"idle\": 1, \"shares\": 2048}}", "?CPUWeight(t) 0"},
		/* Back from idle: without a weight systemd would stay at 0. */
		{"{\"cpu\": {\"idle\": 0}}", "CPUWeight(t) 100"},
		{"{\"cpu\": {\"idle\": 0, \"shares\": 512}}", "CPUWeight(t) 59"},
		{"{\"memory\": {\"limit\": 1000000, \"swap\": 3000000, \"reservation\": 5}}",
		 "MemoryMax(t) 1000000; MemorySwapMax(t) 2000000; MemoryLow(t) 5"},
		{"{\"memory\": {\"limit\": -1}}", "MemoryMax(t) 18446744073709551615"},
		{"{\"pids\": {\"limit\": 7}}", "TasksMax(t) 7"},
		/* Where the manager gives another limit by default, none must be said. */
		{"{\"pids\": {\"limit\": -1}}", "TasksMax(t) 18446744073709551615"},
		{"{\"blockIO\": {\"weight\": 1000}}", "IOWeight(t) 10000"},
		{"{\"blockIO\": {\"weightDevice\": [{\"major\": 8, \"minor\": 1, \"weight\": "
		 "10}]}}",
		 "IODeviceWeight(a(st)) /dev/block/8:1 1"},
		{"{\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, "
		 "\"rate\": 5}, {\"major\": 8, \"minor\": 16, \"rate\": 0}]}}",
		 "IOReadBandwidthMax(a(st)) /dev/block/8:0 5 /dev/block/8:16 18446744073709551615"},
		{"{\"unified\": {\"memory.high\": \"1G\", \"cpu.max\": \"max 50000\", "
		 "\"io.max\": \"8:0 rbps=1 wiops=max\", \"memory.min\": \"max\"}}",
		 "MemoryHigh(t) 1073741824; CPUQuotaPerSecUSec(t) 18446744073709551615; "
		 "CPUQuotaPeriodUSec(t) 50000; IOReadBandwidthMax(a(st)) /dev/block/8:0 1; "
		 "IOWriteIOPSMax(a(st)) /dev/block/8:0 18446744073709551615; "
		 "MemoryMin(t) 18446744073709551615"},
		{"{\"unified\": {\"cpu.idle\": \"1\"}}", "?CPUWeight(t) 0"},
		{"{\"unified\": {\"cpu.weight.nice\": \"5\"}}", "CPUWeight(t) 33"},
		{"{\"unified\": {\"cpu.weight.nice\": \"-20\"}}", "CPUWeight(t) 8668"},
		{"{\"unified\": {\"cpu.weight.nice\": \"0\"}}", "CPUWeight(t) 100"},
		{"{\"unified\": {\"cpu.weight.nice\": \"19\"}}", "CPUWeight(t) 1"},
		{"{\"unified\": {\"cpu.weight.nice\": \"20\"}}", ""},
		/* The kernel's alone. */
		{"{\"unified\": {\"memory.oom.group\": \"1\", \"cpu.max\": \"nonsense\"}, "
		 "\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 9}]}",
		 ""},
	};
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct unit_props p = {.a = &a};
		struct spec_resources r;
		struct cg_plan plan;

		if (spec_resources_parse(&a, cases[i].json, strlen(cases[i].json), "r", &r, &e) <
			    0 ||
		    cg_plan_make(&a, &r, &plan, &e) < 0 || unit_props_of_plan(&p, &plan, &e) < 0)
			fail_msg("%s: %s", cases[i].json, e.msg);
		assert_string_equal(show(&p, &out), cases[i].want);
	}
}

/* What a plan writes to cpu.max where "35000 70000" is in force. */
static void test_quotas(void **state)
{
	static const struct {
		const char *json, *want; /* one write after the other */
	} cases[] = {
		{"{\"cpu\": {\"quota\": 14000}}", "14000 70000;"},
		{"{\"cpu\": {\"quota\": -1}}", "max 70000;"},
		{"{\"cpu\": {\"period\": 50000}}", "35000 50000;"},
		{"{\"cpu\": {\"quota\": 14000, \"period\": 20000}}", "14000 20000;"},
		{"{\"unified\": {\"cpu.max\": \"20000\"}}", "20000 70000;"},
		{"{\"unified\": {\"cpu.max\": \"20000\\n\"}}", "20000 70000;"},
		{"{\"unified\": {\"cpu.max\": \"max\"}}", "max 70000;"},
		{"{\"unified\": {\"cpu.max\": \"20000 40000\"}}", "20000 40000;"},
		{"{\"cpu\": {\"period\": 50000}, \"unified\": {\"cpu.max\": \"20000\"}}",
		 "35000 50000;20000 50000;"},
		{"{\"unified\": {\"cpu.max\": \"nonsense\"}}", "nonsense;"},
		{"{\"unified\": {\"cpu.max\": \"1000 2000 3000\"}}", "1000 2000 3000;"},
		{"{\"unified\": {\"cpu.max\": \"1000\\n2000\"}}", "1000\n2000;"},
	};
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	char dir[] = "/tmp/cede-unit.XXXXXX";
	struct err e = ERR_INIT;
	int dirfd, fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = openat(dirfd, "cpu.max", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "35000 70000\n", 12), 12);
	(void)close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct spec_resources r;
		struct cg_plan plan;

		if (spec_resources_parse(&a, cases[i].json, strlen(cases[i].json), "r", &r, &e) <
			    0 ||
		    cg_plan_make(&a, &r, &plan, &e) < 0 ||
		    cg_complete_quotas(dirfd, &a, &plan, &e) < 0)
			fail_msg("%s: %s", cases[i].json, e.msg);
		out.len = 0;
		for (size_t k = 0; k < plan.n; k++)
			strbuf_addf(&out, "%s;", plan.v[k].value);
		assert_string_equal(strbuf_str(&out), cases[i].want);
	}
	assert_int_equal(unlinkat(dirfd, "cpu.max", 0), 0);
	(void)close(dirfd);
	assert_int_equal(rmdir(dir), 0);
}

static int annotate(struct unit_props *p, const char *name, const char *value, struct err *e)
{
	char key[128];
	struct spec_pair pair = {.key = key, .value = value};
	struct spec_pairs pairs = {&pair, 1};

	(void)snprintf(key, sizeof(key), "org.systemd.property.%s", name);
	return unit_props_of_annotations(p, &pairs, e);
}

static void test_annotations(void **state)
{
	static const struct {
		const char *name, *value, *want;
	} good[] = {
		{"KillSignal", "15", "KillSignal(i) 15"},
		{"TimeoutStopUSec", "uint64 10000000", "TimeoutStopUSec(t) 10000000"},
		{"TimeoutStopSec", "uint64 5", "TimeoutStopUSec(t) 5000000"},
		{"TimeoutStopSec", "7", "TimeoutStopUSec(t) 7000000"},
		{"CollectMode", "'inactive'", "CollectMode(s) inactive"},
		{"Description", " \"it's \\\"\\ttab\" ", "Description(s) it's \"\ttab"},
		{"SendSIGHUP", "true", "SendSIGHUP(b) 1"},
		{"After", "['a.service', 'b.service']", "After(as) a.service b.service"},
		{"After", "@as []", "After(as)"},
		{"After", "@as ['x']", "After(as) x"},
		{"X", "@t 5", "X(t) 5"},
		{"X", "[byte 0x10, 255]", "X(ay) 16 255"},
		{"X", "int64 -9223372036854775808", "X(x) -9223372036854775808"},
		{"X", "-5", "X(i) -5"},
		{"X", "017", "X(i) 15"},
		{"X", "0", "X(i) 0"},
		{"X", "objectpath '/a'", "X(o) /a"},
		{"TimeoutStopSec", "2.5", "TimeoutStopUSec(t) 2500000"},
		{"TimeoutStopSec", "double 2.5", "TimeoutStopUSec(t) 2500000"},
		{"TimeoutStopSec", "double 2", "TimeoutStopUSec(t) 2000000"},
		{"TimeoutStopSec", "0.0000019", "TimeoutStopUSec(t) 1"},
		{"DeviceAllow", "[('/dev/null','rw'), ( \"a\" , 'b' )]",
		 "DeviceAllow(a(ss)) /dev/null rw a b"},
		{"DeviceAllow", "@a(ss) []", "DeviceAllow(a(ss))"},
		{"IOReadBandwidthMax", "[('/dev/vda',uint64 1000000), ('b', 7)]",
		 "IOReadBandwidthMax(a(st)) /dev/vda 1000000 b 7"},
		{"IOReadBandwidthMax", "@a(st) [('/dev/vda', 5)]",
		 "IOReadBandwidthMax(a(st)) /dev/vda 5"},
		{"AllowedCPUs", "b'\\001'", "AllowedCPUs(ay) 1 0"},
		{"X", "b\"\\377a\\n\\0007\\'\"", "X(ay) 255 97 10 0 55 39 0"},
		{"X", "@ay b''", "X(ay) 0"},
	};
	static const struct {
		const char *name, *value;
	} bad[] = {
		{"", "1"},
		{"Two-words", "1"},
		{"X", ""},
		{"X", "word"},
		{"X", "'open"},
		{"X", "'a\\"},
		{"X", "'a' 'b'"},
		{"X", "[1, 'a']"},
		{"X", "[1, 2"},
		{"X", "[[1]]"},
		{"X", "[]"},
		{"X", "byte 256"},
		{"X", "2147483648"},
		{"X", "int16 -32769"},
		{"X", "uint32 -1"},
		{"X", "uint64 'a'"},
		{"X", "string 5"},
		{"X", "true1"},
		{"X", "1.5"},
		{"X", "double 1"},
		{"X", "@a{sv} {}"},
		{"X", "{'a': 1}"},
		{"X", "(1, 2)"},
		{"X", "99999999999999999999"},
		{"X", "'\\u0041'"},
		{"TimeoutStopSec", "'5'"},
		{"TimeoutStopSec", "-5"},
		{"TimeoutStopSec", "-2.5"},
		{"TimeoutStopSec", "1.2.3"},
		{"TimeoutStopSec", "."},
		{"TimeoutStopSec", "double '2'"},
		{"TimeoutStopSec", "[2.5]"},
		{"TimeoutStopUSec", "2.5"},
		{"X", "99999999999999999999.5"},
		{"X", "[1, 2.5]"},
		{"X", "[('a', 1)]"},
		{"X", "[('a', true)]"},
		{"X", "[(1, 'a')]"},
		{"X", "[('a')]"},
		{"X", "[('a', 'b', 'c')]"},
		{"X", "[('a', 'b'), ('a', uint64 1)]"},
		{"X", "[('a', 'b'), 'c']"},
		{"X", "['c', ('a', 'b')]"},
		{"X", "[('a', 'b'"},
		{"X", "[('a',"},
		{"X", "[('a'"},
		{"X", "[("},
		{"X", "@a(st) [('a', 'b')]"},
		{"X", "@a(st) 5"},
		{"X", "@a(su) []"},
		{"X", "b'open"},
		{"X", "b'a\\"},
		{"X", "@as b'a'"},
		{"X", "b'a' b'b'"},
	};
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct unit_props p = {.a = &a};

		if (annotate(&p, good[i].name, good[i].value, &e) < 0)
			fail_msg("%s: %s", good[i].value, e.msg);
		assert_string_equal(show(&p, &out), good[i].want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct unit_props p = {.a = &a};

		if (annotate(&p, bad[i].name, bad[i].value, &e) != -EINVAL)
			fail_msg("%s was taken: %s", bad[i].value, show(&p, &out));
		assert_ptr_equal(strstr(e.msg, "annotations[\"org.systemd.property."), e.msg);
	}
}

/* What the helper reads: fields ended by a NUL each. */
static void test_wire(void **state)
{
	static const char want[] =
		"Slice\0s\0001\0a.slice\0?CPUWeight\0t\0001\0000\0After\0as\0002\0x\0\0";
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct unit_props p = {.a = &a};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(unit_props_add(&p, "Slice", "s", "b.slice", &e), 0);
	assert_int_equal(unit_props_add(&p, "CPUWeight", "t", "0", &e), 0);
	p.v[1].optional = true;
	assert_int_equal(unit_props_add(&p, "After", "as", "x", &e), 0);
	assert_int_equal(unit_props_add(&p, "After", "as", "", &e), 0);
	assert_int_equal(unit_props_add(&p, "Slice", "s", "a.slice", &e), 0); /* the last counts */
	unit_props_write(&p, &out);
	assert_int_equal(out.len, sizeof(want) - 1);
	assert_memory_equal(out.buf, want, out.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),  cmocka_unit_test(test_limits),
		cmocka_unit_test(test_quotas), cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
