/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: its top, process, mounts, hooks, and whole documents. What good ones become, and one
 * refusal for each kind of mistake. */
#include "tests/unit/spec_docs.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- the top -----------------------------------------------------------------------------------
 */

static void test_minimal(void **state)
{
	struct spec *s = good(DOC(""));

	(void)state;
	assert_string_equal(s->oci_version, "1.0.2");
	assert_string_equal(s->root_path, "rootfs");
	assert_false(s->root_readonly);
	assert_null(s->process);
	assert_null(s->hostname);
	assert_int_equal(s->n_mounts, 0);
	assert_null(s->linux_.seccomp);
	assert_false(s->linux_.resources.memory.limit.set);
	for (int k = 0; k < NS_KINDS; k++)
		assert_false(s->linux_.namespaces[k].wanted);
	assert_non_null(json_get(s->json, "root"));
	spec_free(s);
	spec_free(NULL);
}

static void test_top(void **state)
{
	static const struct bad_row rows[] = {
		{"[]", "expected object, found array"},
		{"7", "expected object, found number"},
		{"{]", "line 1, column 2: invalid object key (must be a string)"},
		{"{}", "ociVersion: required but missing"},
		{"{\"ociVersion\":\"1.0.0\"}", "root: required but missing"},
		{"{\"ociVersion\":\"1.0.0\",\"root\":{}}", "root.path: required but missing"},
		{"{\"ociVersion\":\"1.0.0\",\"root\":null}", "root: required but missing"},
		{"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"\"}}",
		 "root.path: must not be empty"},
		{"{\"ociVersion\":1,\"root\":{\"path\":\"r\"}}",
		 "ociVersion: expected string, found number"},
		{DOC(",\"root\":\"rootfs\""), "root: expected object, found string"},
		{DOC(",\"root\":{\"path\":\"r\",\"readonly\":\"yes\"}"),
		 "root.readonly: expected boolean, found string"},
		{DOC(",\"linux\":[]"), "linux: expected object, found array"},
		{DOC(",\"hostname\":1"), "hostname: expected string, found number"},
		{DOC(",\"annotations\":{\"\":\"x\"}"), "annotations: has an empty key"},
		{DOC(",\"annotations\":{\"a\":1}"), "annotations.a: expected string, found number"},
		{DOC(",\"annotations\":{\"org.a/b\":[]}"),
		 "annotations[\"org.a/b\"]: expected string, found array"},
	};

	(void)state;
	ASSERT_ALL_BAD(rows);
}

static void test_version(void **state)
{
	static const char *const fine[] = {"1.0.0",	"1.3.0",      "1.0.2-dev",
					   "1.2.0+dev", "1.1.0-rc.1", "1.99.0-a.b+c-d"};
	static const struct {
		const char *version;
		bool semver;
	} wrong[] = {
		{"0.5.0-dev", true}, {"2.0.0", true},	   {"10.0.0", true},  {"1.0", false},
		{"1", false},	     {"", false},	   {"1.0.0-", false}, {"v1.0.0", false},
		{"1.0.0 ", false},   {"01.0.0", false},	   {"1.0.0+", false}, {"1..0", false},
		{"1.0.0.0", false},  {"1.0.0-\\n", false},
	};
	char text[160], msg[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		(void)snprintf(text, sizeof(text), DOC(",\"ociVersion\":\"%s\""), fine[i]);
		assert_good(text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const char *v = wrong[i].version;

		(void)snprintf(text, sizeof(text), DOC(",\"ociVersion\":\"%s\""), v);
		if (wrong[i].semver)
			(void)snprintf(msg, sizeof(msg),
				       "ociVersion: version \"%s\" is not supported, only 1.0.0 to "
				       "1.3.0",
				       v);
		else
			(void)snprintf(
				msg, sizeof(msg),
				"ociVersion: expected a version like \"1.3.0\", found \"%s\"",
				strchr(v, '\\') ? "1.0.0-\\x0a" : v);
		assert_bad(text, msg);
	}
}

static void test_unknown_keys_and_nulls(void **state)
{
	struct spec *s;

	(void)state;
	s = good(DOC(",\"solaris\":{\"x\":1},\"vm\":7,\"process\":null,\"mounts\":null,"
		     "\"linux\":{\"new\":[],\"namespaces\":null,\"seccomp\":null,"
		     "\"resources\":{\"memory\":{\"limit\":null,\"x\":{}}}},\"hostname\":null"));
	assert_null(s->process);
	assert_null(s->linux_.seccomp);
	assert_false(s->linux_.resources.memory.limit.set);
	spec_free(s);
	/* The last of equal keys counts, as in Go. */
	s = good(DOC(",\"root\":{\"path\":\"second\"}"));
	assert_string_equal(s->root_path, "second");
	spec_free(s);
}

static void test_annotations(void **state)
{
	struct spec *s = good(DOC(",\"annotations\":{\"a.b\":\"1\",\"c\":\"\",\"a.b\":\"2\"}"));

	(void)state;
	assert_int_equal(s->annotations.n, 2);
	assert_string_equal(spec_annotation(s, "a.b"), "2");
	assert_string_equal(spec_annotation(s, "c"), "");
	assert_null(spec_annotation(s, "d"));
	spec_free(s);
}

/* --- process -----------------------------------------------------------------------------------
 */

/* config.md: "Runtimes MUST ignore consoleSize if terminal is false or unset." */
static void test_console_without_terminal(void **state)
{
	static const char *const docs[] = {
		PROCESS(",\"consoleSize\":\"x\""),
		PROCESS(",\"consoleSize\":{\"height\":3,\"width\":70000},\"terminal\":false"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(docs); i++) {
		struct spec *s = good(docs[i]);

		assert_int_equal(s->process->console_height, 0);
		spec_free(s);
	}
}

static void test_process(void **state)
{
	struct spec *s = good(PROCESS(
		",\"terminal\":true,\"consoleSize\":{\"height\":25,\"width\":80},"
		"\"user\":{\"uid\":1000,\"gid\":4294967294,\"umask\":18,\"additionalGids\":[5,6],"
		"\"username\":\"me\"},\"env\":[\"A=1\",\"B=\"],\"noNewPrivileges\":true,"
		"\"apparmorProfile\":\"p\",\"selinuxLabel\":\"l\",\"oomScoreAdj\":-1000,"
		"\"execCPUAffinity\":{\"initial\":\"7\",\"final\":\"0-3,7\"},"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":7}"));
	const struct spec_process *p = s->process;

	(void)state;
	assert_true(p->terminal);
	assert_int_equal(p->console_height, 25);
	assert_int_equal(p->console_width, 80);
	assert_int_equal(p->user.uid, 1000);
	assert_int_equal(p->user.gid, 4294967294u);
	assert_true(p->user.umask.set);
	assert_int_equal(p->user.umask.val, 022);
	assert_int_equal(p->user.n_additional_gids, 2);
	assert_int_equal(p->user.additional_gids[1], 6);
	assert_int_equal(p->args.n, 1);
	assert_string_equal(p->args.v[0], "sh");
	assert_null(p->args.v[1]);
	assert_int_equal(p->env.n, 2);
	assert_string_equal(p->env.v[1], "B=");
	assert_null(p->env.v[2]);
	assert_string_equal(p->cwd, "/");
	assert_true(p->no_new_privileges);
	assert_string_equal(p->apparmor_profile, "p");
	assert_string_equal(p->selinux_label, "l");
	assert_true(p->oom_score_adj.set);
	assert_int_equal(p->oom_score_adj.val, -1000);
	assert_string_equal(p->exec_cpu_initial, "7");
	assert_string_equal(p->exec_cpu_final, "0-3,7");
	assert_true(p->io_class.set && p->io_priority.set);
	assert_int_equal(p->io_class.val, 3);
	assert_int_equal(p->io_priority.val, 7);
	assert_null(p->capabilities);
	assert_null(p->scheduler);
	spec_free(s);
	s = good(PROCESS(
		",\"apparmorProfile\":\"\",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\"}"));
	assert_null(s->process->apparmor_profile);
	assert_false(s->process->oom_score_adj.set);
	assert_false(s->process->user.umask.set);
	assert_true(s->process->io_priority.set);
	assert_int_equal(s->process->io_priority.val, 0);
	assert_null(s->process->env.v);
	spec_free(s);
}

static void test_process_errors(void **state)
{
	static const struct bad_row rows[] = {
		{DOC(",\"process\":{\"args\":[\"sh\"]}"), "process.cwd: required but missing"},
		{DOC(",\"process\":{\"cwd\":\"x\",\"args\":[\"sh\"]}"),
		 "process.cwd: must be an absolute path, found \"x\""},
		{DOC(",\"process\":{\"cwd\":\"\",\"args\":[\"sh\"]}"),
		 "process.cwd: must be an absolute path, found \"\""},
		{DOC(",\"process\":{\"cwd\":\"/\"}"),
		 "process.args: at least one entry is required"},
		{DOC(",\"process\":{\"cwd\":\"/\",\"args\":[]}"),
		 "process.args: at least one entry is required"},
		{PROCESS(",\"args\":7"), "process.args: expected array of strings, found number"},
		{PROCESS(",\"args\":\"sh\""),
		 "process.args: expected array of strings, found string"},
		{PROCESS(",\"args\":[\"sh\",7]"), "process.args[1]: expected string, found number"},
		{PROCESS(",\"args\":[null]"), "process.args[0]: expected string, found null"},
		{PROCESS(",\"env\":{\"A\":\"1\"}"),
		 "process.env: expected array of strings, found object"},
		{PROCESS(",\"terminal\":1"), "process.terminal: expected boolean, found number"},
		{PROCESS(",\"terminal\":true,\"consoleSize\":{\"height\":1}"),
		 "process.consoleSize.width: required but missing"},
		{PROCESS(",\"terminal\":true,\"consoleSize\":{\"height\":65536,\"width\":1}"),
		 "process.consoleSize.height: must be between 0 and 65535, found 65536"},
		{PROCESS(",\"user\":{\"uid\":-1}"),
		 "process.user.uid: must be between 0 and 4294967294, found -1"},
		{PROCESS(",\"user\":{\"uid\":4294967295}"),
		 "process.user.uid: must be between 0 and 4294967294, found 4294967295"},
		{PROCESS(",\"user\":{\"gid\":4294967295}"),
		 "process.user.gid: must be between 0 and 4294967294, found 4294967295"},
		{PROCESS(",\"user\":{\"additionalGids\":[4294967295]}"),
		 "process.user.additionalGids[0]: must be between 0 and 4294967294, found "
		 "4294967295"},
		{PROCESS(",\"user\":{\"uid\":4294967296}"),
		 "process.user.uid: must be between 0 and 4294967294, found 4294967296"},
		{PROCESS(",\"user\":{\"uid\":1.5}"),
		 "process.user.uid: expected integer, found \"1.5\""},
		{PROCESS(",\"user\":{\"uid\":1e3}"),
		 "process.user.uid: expected integer, found \"1e3\""},
		{PROCESS(",\"user\":{\"uid\":\"root\"}"),
		 "process.user.uid: expected integer, found string"},
		{PROCESS(",\"user\":{\"umask\":512}"),
		 "process.user.umask: must be between 0 and 511, found 512"},
		{PROCESS(",\"user\":{\"additionalGids\":[1,\"x\"]}"),
		 "process.user.additionalGids[1]: expected integer, found string"},
		{PROCESS(",\"user\":{\"additionalGids\":[-1]}"),
		 "process.user.additionalGids[0]: must be between 0 and 4294967294, found -1"},
		{PROCESS(",\"oomScoreAdj\":1001"),
		 "process.oomScoreAdj: must be between -1000 and 1000, found 1001"},
		{PROCESS(",\"oomScoreAdj\":-99999999999999999999999999999999"),
		 "process.oomScoreAdj: must be between -1000 and 1000, found "
		 "-99999999999999999999999"},
		{PROCESS(",\"execCPUAffinity\":{\"final\":\"3-1\"}"),
		 "process.execCPUAffinity.final: expected a list like \"0-3,7\", found \"3-1\""},
		{PROCESS(",\"ioPriority\":{\"priority\":1}"),
		 "process.ioPriority.class: required but missing"},
		{PROCESS(",\"ioPriority\":{\"class\":\"IDLE\"}"),
		 "process.ioPriority.class: unknown value \"IDLE\" (known: IOPRIO_CLASS_RT, "
		 "IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE)"},
		{PROCESS(",\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}"),
		 "process.ioPriority.priority: must be between 0 and 7, found 8"},
	};

	(void)state;
	ASSERT_ALL_BAD(rows);
}

static void test_rlimits(void **state)
{
	static const struct bad_row rows[] = {
		{PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":1,\"hard\":2},"
			 "{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":2},"
			 "{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":\"2\"}]"),
		 "process.rlimits[2].hard: expected integer, found string"},
		{PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"hard\":2}]"),
		 "process.rlimits[0].soft: required but missing"},
		{PROCESS(",\"rlimits\":[{\"type\":\"NOFILE\",\"soft\":1,\"hard\":2}]"),
		 "process.rlimits[0].type: unknown value \"NOFILE\""},
		{PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":3,\"hard\":2}]"),
		 "process.rlimits[0]: the soft limit 3 is above the hard limit 2"},
		{PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":-1,\"hard\":2}]"),
		 "process.rlimits[0].soft: must be between 0 and 18446744073709551615, found -1"},
		{PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":1,\"hard\":2},"
			 "{\"type\":\"RLIMIT_AS\",\"soft\":1,\"hard\":2}]"),
		 "process.rlimits[1]: duplicated type \"RLIMIT_AS\""},
		{PROCESS(",\"rlimits\":[7]"), "process.rlimits[0]: expected object, found number"},
	};
	struct spec *s = good(PROCESS(",\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1024,"
				      "\"hard\":18446744073709551615}]"));

	(void)state;
	assert_int_equal(s->process->n_rlimits, 1);
	assert_int_equal(s->process->rlimits[0].resource, RLIMIT_NOFILE);
	assert_string_equal(s->process->rlimits[0].type, "RLIMIT_NOFILE");
	assert_int_equal(s->process->rlimits[0].soft, 1024);
	assert_true(s->process->rlimits[0].hard == RLIM_INFINITY);
	spec_free(s);
	ASSERT_ALL_BAD(rows);
}

static void test_capabilities(void **state)
{
	struct spec *s = good(PROCESS(
		",\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_CHECKPOINT_RESTORE\"],"
		"\"effective\":[\"CAP_KILL\"],\"permitted\":[\"CAP_KILL\",\"CAP_FROM_MARS\"],"
		"\"inheritable\":[\"CAP_FROM_MARS\",\"cap_kill\"],\"ambient\":[]}"));
	const struct spec_capabilities *c = s->process->capabilities;

	(void)state;
	assert_non_null(c);
	assert_true(c->bounding == (1ULL << 0 | 1ULL << 40));
	assert_true(c->effective == 1ULL << 5);
	assert_true(c->permitted == 1ULL << 5);
	assert_true(c->inheritable == 0 && c->ambient == 0);
	assert_int_equal(c->unknown.n, 2); /* each once, to be warned about */
	assert_string_equal(c->unknown.v[0], "CAP_FROM_MARS");
	assert_string_equal(c->unknown.v[1], "cap_kill");
	assert_null(c->unknown.v[2]);
	spec_free(s);
	assert_bad(PROCESS(",\"capabilities\":[\"CAP_KILL\"]"),
		   "process.capabilities: expected object, found array");
	assert_bad(PROCESS(",\"capabilities\":{\"bounding\":[1]}"),
		   "process.capabilities.bounding[0]: expected string, found number");
}

static void test_scheduler(void **state)
{
	static const struct bad_row rows[] = {
		{PROCESS(",\"scheduler\":{}"), "process.scheduler.policy: required but missing"},
		{PROCESS(",\"scheduler\":{\"policy\":\"SCHED_ISO\"}"),
		 "process.scheduler.policy: unknown value \"SCHED_ISO\" (known: SCHED_OTHER, "
		 "SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE)"},
		{PROCESS(",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":20}"),
		 "process.scheduler.nice: must be between -20 and 19, found 20"},
		{PROCESS(",\"scheduler\":{\"policy\":\"SCHED_FIFO\"}"),
		 "process.scheduler: SCHED_FIFO and SCHED_RR need a priority from 1 to 99"},
		{PROCESS(",\"scheduler\":{\"policy\":\"SCHED_IDLE\",\"priority\":1}"),
		 "process.scheduler: a priority is only possible with SCHED_FIFO and SCHED_RR"},
		{PROCESS(",\"scheduler\":{\"policy\":\"SCHED_IDLE\",\"runtime\":1}"),
		 "process.scheduler: runtime, deadline and period are only possible with "
		 "SCHED_DEADLINE"},
		{PROCESS(",\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":2,"
			 "\"deadline\":1}"),
		 "process.scheduler: SCHED_DEADLINE needs 0 < runtime <= deadline <= period"},
		{PROCESS(",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"flags\":[\"X\"]}"),
		 "process.scheduler.flags[0]: unknown value \"X\" (known: "
		 "SCHED_FLAG_RESET_ON_FORK, "
		 "SCHED_FLAG_RECLAIM, SCHED_FLAG_DL_OVERRUN, SCHED_FLAG_KEEP_POLICY, "
		 "SCHED_FLAG_KEEP_PARAMS, SCHED_FLAG_UTIL_CLAMP_MIN, SCHED_FLAG_UTIL_CLAMP_MAX)"},
	};
	struct spec *s = good(PROCESS(
		",\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1,\"deadline\":2,"
		"\"period\":3,\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\",\"SCHED_FLAG_RECLAIM\"]}"));

	(void)state;
	assert_int_equal(s->process->scheduler->policy, SCHED_DEADLINE);
	assert_int_equal(s->process->scheduler->flags, 3);
	assert_int_equal(s->process->scheduler->period, 3);
	spec_free(s);
	assert_good(PROCESS(",\"scheduler\":{\"policy\":\"SCHED_IDLE\",\"nice\":-20}"));
	assert_good(PROCESS(",\"scheduler\":{\"policy\":\"SCHED_RR\",\"priority\":99}"));
	ASSERT_ALL_BAD(rows);
}

/* --- mounts and hooks --------------------------------------------------------------------------
 */

#define MOUNT(more) DOC(",\"mounts\":[{\"destination\":\"/d\"" more "}]")

static void test_mounts(void **state)
{
	static const struct bad_row rows[] = {
		{DOC(",\"mounts\":[{\"type\":\"proc\"}]"),
		 "mounts[0].destination: required but missing"},
		{DOC(",\"mounts\":[{\"destination\":\"\"}]"),
		 "mounts[0].destination: must not be empty"},
		{DOC(",\"mounts\":{}"), "mounts: expected array of objects, found object"},
		{MOUNT(",\"options\":\"ro\""),
		 "mounts[0].options: expected array of strings, found string"},
		{MOUNT(",\"options\":[\"ro\",1]"),
		 "mounts[0].options[1]: expected string, found number"},
		{MOUNT(",\"uidMappings\":[" MAP(0, 1, 1) "]"),
		 "mounts[0]: uidMappings without gidMappings"},
		{MOUNT(",\"gidMappings\":[" MAP(0, 1, 1) "]"),
		 "mounts[0]: gidMappings without uidMappings"},
		{MOUNT(",\"options\":[\"bind\",\"idmap\"]"),
		 "mounts[0].options[1]: \"idmap\" needs uidMappings and gidMappings, or a user "
		 "namespace"},
		{MOUNT(",\"options\":[\"ridmap\"]"),
		 "mounts[0].options[0]: \"ridmap\" needs uidMappings and gidMappings, or a user "
		 "namespace"},
		{MOUNT(",\"uidMappings\":[" MAP(0, 1, 0) "]"),
		 "mounts[0].uidMappings[0].size: must be between 1 and 4294967295, found 0"},
	};
	struct spec *s = good(DOC(
		",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		"{\"destination\":\"data\",\"source\":\"/d\",\"options\":[\"rbind\",\"ridmap\"],"
		"\"uidMappings\":[" MAP(0, 1000, 5) "," MAP(5, 2000, 1) "],\"gidMappings\":[" MAP(
			0, 7, 1) "]}]"));

	(void)state;
	assert_int_equal(s->n_mounts, 2);
	assert_string_equal(s->mounts[0].type, "proc");
	assert_null(s->mounts[0].options.v);
	assert_string_equal(s->mounts[1].destination, "data"); /* relative: deprecated, allowed */
	assert_null(s->mounts[1].type);
	assert_int_equal(s->mounts[1].options.n, 2);
	assert_int_equal(s->mounts[1].uid_mappings.n, 2);
	assert_int_equal(s->mounts[1].uid_mappings.v[1].host_id, 2000);
	assert_int_equal(s->mounts[1].gid_mappings.v[0].host_id, 7);
	spec_free(s);
	ASSERT_ALL_BAD(rows);
}

static void test_hooks(void **state)
{
	static const struct bad_row rows[] = {
		{DOC(",\"hooks\":{\"poststop\":[{\"args\":[\"x\"]}]}"),
		 "hooks.poststop[0].path: required but missing"},
		{DOC(",\"hooks\":{\"createContainer\":[{\"path\":\"bin/x\"}]}"),
		 "hooks.createContainer[0].path: must be an absolute path, found \"bin/x\""},
		{DOC(",\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":0}]}"),
		 "hooks.prestart[0].timeout: must be between 1 and 2147483647, found 0"},
		{DOC(",\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":-5}]}"),
		 "hooks.prestart[0].timeout: must be between 1 and 2147483647, found -5"},
		{DOC(",\"hooks\":{\"poststart\":{\"path\":\"/x\"}}"),
		 "hooks.poststart: expected array of objects, found object"},
	};
	static const char *const names[HOOK_KINDS] = {"prestart",	 "createRuntime",
						      "createContainer", "startContainer",
						      "poststart",	 "poststop"};
	struct spec *s = good(DOC(
		",\"hooks\":{\"prestart\":[{\"path\":\"/0\"}],\"createRuntime\":[{\"path\":\"/"
		"1\"}],"
		"\"createContainer\":[{\"path\":\"/2\"}],\"startContainer\":[{\"path\":\"/3\"}],"
		"\"poststart\":[{\"path\":\"/4\"}],\"poststop\":[{\"path\":\"/5\",\"args\":[\"a\","
		"\"b\"],\"env\":[\"E=1\"],\"timeout\":9},{\"path\":\"/6\"}],\"other\":[1]}"));

	(void)state;
	for (int k = 0; k < HOOK_KINDS; k++) {
		char path[] = "/0";

		path[1] = (char)('0' + k);
		assert_int_equal(s->hooks[k].n, k == HOOK_POSTSTOP ? 2 : 1);
		assert_string_equal(s->hooks[k].v[0].path, path);
		assert_string_equal(spec_hook_name((enum spec_hook_kind)k), names[k]);
	}
	assert_int_equal(s->hooks[HOOK_POSTSTOP].v[0].args.n, 2);
	assert_string_equal(s->hooks[HOOK_POSTSTOP].v[0].env.v[0], "E=1");
	assert_int_equal(s->hooks[HOOK_POSTSTOP].v[0].timeout_sec, 9);
	assert_int_equal(s->hooks[HOOK_PRESTART].v[0].timeout_sec, 0);
	spec_free(s);
	ASSERT_ALL_BAD(rows);
}

/* --- errors, whole documents, entry points ------------------------------------------------------
 */

/* A hostile document gets one line of bounded length, without control characters. */
static void test_errors_are_one_short_line(void **state)
{
	struct strbuf sb = STRBUF_INIT;
	struct err e = ERR_INIT;
	struct spec *s;

	(void)state;
	assert_bad(PROCESS(",\"cwd\":\"a\\n\\u001b[31m\""),
		   "process.cwd: must be an absolute path, found \"a\\x0a\\x1b[31m\"");
	strbuf_adds(&sb, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"annotations\":{\"");
	for (int i = 0; i < 100000; i++)
		strbuf_adds(&sb, "\xc3\xa9");
	strbuf_adds(&sb, "\":1}}");
	assert_int_equal(spec_parse(sb.buf, sb.len, "config.json", &s, &e), -EINVAL);
	assert_true(strlen(e.msg) < 200);
	assert_non_null(strstr(e.msg, "\xc3\xa9...\"]: expected string, found number"));
	strbuf_free(&sb);
}

/* The full example of the specification's config.md, 1.3, less what it repeats. */
static const char full_example[] =
	"{\"ociVersion\":\"1.0.1\",\"process\":{\"terminal\":true,\"user\":{\"uid\":1,\"gid\":1,"
	"\"additionalGids\":[5,6]},\"args\":[\"sh\"],\"env\":[\"PATH=/usr/bin:/"
	"bin\",\"TERM=xterm\"],"
	"\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\"],"
	"\"ambient\":[\"CAP_NET_BIND_SERVICE\"]},\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":"
	"1024,"
	"\"soft\":1024},{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
	"\"apparmorProfile\":\"acme_secure_profile\",\"oomScoreAdj\":100,"
	"\"selinuxLabel\":\"system_u:system_r:svirt_lxc_net_t:s0:c124,c675\","
	"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":4},\"noNewPrivileges\":true},"
	"\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"slartibartfast\","
	"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\","
	"\"strictatime\",\"mode=755\",\"size=65536k\"]}],\"hooks\":{\"prestart\":[{\"path\":"
	"\"/usr/bin/fix-mounts\",\"args\":[\"fix-mounts\",\"arg1\"],\"env\":[\"key1=value1\"]}],"
	"\"poststart\":[{\"path\":\"/usr/bin/notify-start\",\"timeout\":5}]},"
	"\"linux\":{\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229,"
	"\"fileMode\":438,\"uid\":0,\"gid\":0}],\"uidMappings\":[{\"containerID\":0,\"hostID\":"
	"1000,"
	"\"size\":32000}],\"gidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":32000}],"
	"\"sysctl\":{\"net.ipv4.ip_forward\":\"1\",\"net.core.somaxconn\":\"256\"},"
	"\"cgroupsPath\":\"/myRuntime/myContainer\",\"resources\":{\"pids\":{\"limit\":32771},"
	"\"memory\":{\"limit\":536870912,\"swap\":536870912,\"kernel\":-1,\"kernelTCP\":-1,"
	"\"swappiness\":0,\"disableOOMKiller\":false},\"devices\":[{\"allow\":false,\"access\":"
	"\"rwm\"}],"
	"\"blockIO\":{\"weight\":10,\"leafWeight\":10}},\"rootfsPropagation\":\"slave\","
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\","
	"\"SCMP_ARCH_X32\"],\"syscalls\":[{\"names\":[\"getcwd\",\"chmod\"],\"action\":"
	"\"SCMP_ACT_ERRNO\"}]},\"timeOffsets\":{\"monotonic\":{\"secs\":172800,\"nanosecs\":0},"
	"\"boottime\":{\"secs\":604800,\"nanosecs\":0}},\"namespaces\":[{\"type\":\"pid\"},"
	"{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
	"{\"type\":\"user\"},{\"type\":\"cgroup\"},{\"type\":\"time\"}],"
	"\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/asound\"],"
	"\"mountLabel\":\"system_u:object_r:svirt_sandbox_file_t:s0:c715,c811\"},"
	"\"annotations\":{\"com.example.key1\":\"value1\"}}";

/* The schema's own examples that concern Linux; the bad ones are rows above. */
static void test_examples(void **state)
{
	(void)state;
	assert_good("{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"rootfs\"}}");
	assert_good("{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"cwd\":"
		    "\"/\",\"args\":[\"sh\"],\"user\":{\"uid\":0,\"gid\":0}}}");
	assert_good(
		"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"rootfs\"},\"linux\":{\"resources\":"
		"{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":10000},\"mlx4_0\":{"
		"\"hcaObjects\":1000},\"rxe3\":{\"hcaObjects\":10000}}}}}");
	/* Another platform's section is an unknown key here. */
	assert_good("{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"},\"freebsd\":{"
		    "\"jail\":{}}}");
	assert_good(full_example);
}

/* Whatever is cut off or overwritten, there is an error and no crash (and, under ASan, no leak). */
static void test_damaged(void **state)
{
	char copy[sizeof(full_example)];
	struct err e = ERR_INIT;
	struct spec *s = NULL;

	(void)state;
	for (size_t len = 0; len < sizeof(full_example) - 1; len++) {
		assert_true(spec_parse(full_example, len, "config.json", &s, &e) < 0);
		assert_null(s);
	}
	for (size_t i = 0; i < sizeof(full_example) - 1; i++) {
		memcpy(copy, full_example, sizeof(copy));
		copy[i] = '7';
		e = (struct err)ERR_INIT;
		if (spec_parse(copy, sizeof(copy) - 1, "config.json", &s, &e) < 0)
			assert_true(str_after(e.msg, "config.json: ") != NULL);
		else
			spec_free(take_ptr(&s));
	}
}

static void test_process_alone(void **state)
{
	static const char fine[] = PROCESS_WITH(",\"env\":[\"A=1\"]"),
			  wrong[] = "{\"cwd\":\"/\",\"args\":1}";
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct spec_process *p = NULL;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(spec_process_parse(&a, wrong, strlen(wrong), "p.json", &p, &e), -EINVAL);
	assert_string_equal(e.msg, "p.json: args: expected array of strings, found number");
	assert_null(p);
	assert_int_equal(spec_process_parse(&a, fine, strlen(fine), "p.json", &p, &e), 0);
	assert_string_equal(p->args.v[0], "sh");
}

static void test_resources_alone(void **state)
{
	static const char fine[] = "{\"cpu\":{\"shares\":5},\"pids\":{\"limit\":-1}}";
	static const char wrong[] = "{\"pids\":{\"limit\":7},\"cpu\":{\"shares\":-5}}";
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct spec_resources r = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(spec_resources_parse(&a, wrong, strlen(wrong), "-", &r, &e), -EINVAL);
	assert_string_equal(e.msg,
			    "-: cpu.shares: must be between 0 and 18446744073709551615, found -5");
	assert_false(r.pids_limit.set); /* untouched on failure */
	assert_int_equal(spec_resources_parse(&a, fine, strlen(fine), "-", &r, &e), 0);
	assert_int_equal(r.cpu.shares.val, 5);
	assert_int_equal(r.pids_limit.val, -1);
}

static void test_load(void **state)
{
	char dir[] = "/tmp/cede-test-spec-XXXXXX";
	struct spec *s = NULL;
	struct err e = ERR_INIT;
	_cleanup_fd_ int dirfd = -1;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_DIRECTORY | O_CLOEXEC);
	assert_true(dirfd >= 0);
	assert_int_equal(spec_load(dirfd, "config.json", &s, &e), -ENOENT);
	assert_non_null(strstr(e.msg, "config.json"));
	fd = openat(dirfd, "config.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, DOC(""), strlen(DOC(""))), strlen(DOC("")));
	assert_int_equal(close(fd), 0);
	assert_int_equal(spec_load(dirfd, "config.json", &s, &e), 0);
	assert_string_equal(s->root_path, "rootfs");
	spec_free(s);
	assert_int_equal(unlinkat(dirfd, "config.json", 0), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_top),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_unknown_keys_and_nulls),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_console_without_terminal),
		cmocka_unit_test(test_process_errors),
		cmocka_unit_test(test_rlimits),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_scheduler),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_errors_are_one_short_line),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_process_alone),
		cmocka_unit_test(test_resources_alone),
		cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
