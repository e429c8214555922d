/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/documents.h"
#include "oci/names.h"

static struct spec *default_spec(bool rootless)
{
	struct json_writer w = {.indent = true};
	struct err e = ERR_INIT;
	struct spec *s = NULL;

	doc_spec_write(&w, rootless);
	assert_false(w.sb.oom);
	if (spec_parse(w.sb.buf, w.sb.len, "config.json", &s, &e) < 0)
		fail_msg("%s\n%s", e.msg, w.sb.buf);
	strbuf_free(&w.sb);
	return s;
}

static const struct spec_mount *mount_at(const struct spec *s, const char *destination)
{
	for (size_t i = 0; i < s->n_mounts; i++)
		if (streq(s->mounts[i].destination, destination))
			return &s->mounts[i];
	return NULL;
}

static bool has_option(const struct spec_mount *m, const char *option)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (streq(m->options.v[i], option))
			return true;
	return false;
}

static void test_spec(void **state)
{
	static const char *const places[] = {"/proc",	    "/dev", "/dev/pts",	     "/dev/shm",
					     "/dev/mqueue", "/sys", "/sys/fs/cgroup"};
	const uint64_t caps = 1ULL << 29 | 1ULL << 5 | 1ULL << 10; /* audit_write, kill, bind */
	struct spec *s = default_spec(false);
	const struct spec_process *p = s->process;

	(void)state;
	assert_string_equal(s->oci_version, OCI_VERSION);
	assert_string_equal(s->root_path, "rootfs");
	assert_true(s->root_readonly);
	assert_true(p->terminal && p->no_new_privileges);
	assert_int_equal(p->args.n, 1);
	assert_string_equal(p->args.v[0], "sh");
	assert_string_equal(p->cwd, "/");
	assert_true(p->capabilities->bounding == caps && p->capabilities->effective == caps &&
		    p->capabilities->permitted == caps);
	assert_true(p->capabilities->inheritable == 0 && p->capabilities->ambient == 0);
	assert_int_equal(p->capabilities->unknown.n, 0);
	assert_int_equal(p->n_rlimits, 1);
	assert_int_equal(p->rlimits[0].soft, 1024);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		assert_non_null(mount_at(s, places[i]));
	assert_int_equal(s->n_mounts, ARRAY_SIZE(places));
	assert_true(has_option(mount_at(s, "/sys/fs/cgroup"), "ro"));
	assert_true(has_option(mount_at(s, "/dev/pts"), "gid=5"));
	for (int k = 0; k < NS_KINDS; k++)
		assert_int_equal(s->linux_.namespaces[k].wanted, k != NS_USER && k != NS_TIME);
	assert_int_equal(s->linux_.resources.n_devices, 1);
	assert_false(s->linux_.resources.devices[0].allow);
	assert_true(s->linux_.masked_paths.n > 5 && s->linux_.readonly_paths.n > 3);
	spec_free(s);
}

static void test_spec_rootless(void **state)
{
	struct spec *s = default_spec(true);

	(void)state;
	assert_true(s->linux_.namespaces[NS_USER].wanted);
	assert_false(s->linux_.namespaces[NS_NETWORK].wanted);
	assert_int_equal(s->linux_.uid_mappings.n, 1);
	assert_int_equal(s->linux_.uid_mappings.v[0].host_id, geteuid());
	assert_int_equal(s->linux_.gid_mappings.v[0].host_id, getegid());
	assert_int_equal(s->linux_.gid_mappings.v[0].size, 1);
	assert_int_equal(s->linux_.resources.n_devices, 0);
	assert_false(has_option(mount_at(s, "/dev/pts"), "gid=5"));
	assert_true(has_option(mount_at(s, "/sys"), "rbind"));
	assert_true(has_option(mount_at(s, "/sys"), "rro"));
	assert_null(mount_at(s, "/sys/fs/cgroup"));
	spec_free(s);
}

static bool contains(const struct json *list, const char *name)
{
	for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++)
		if (list->array.items[i]->type == JSON_STRING &&
		    streq(list->array.items[i]->string.text, name))
			return true;
	return false;
}

static const struct json *features(struct arena *a, const struct oci_features *f)
{
	struct json_writer w = {.indent = true};
	struct err e = ERR_INIT;
	struct json *doc = NULL;

	doc_features_write(&w, f);
	assert_false(w.sb.oom);
	if (json_parse(a, w.sb.buf, w.sb.len, "features", &doc, &e) < 0)
		fail_msg("%s\n%s", e.msg, w.sb.buf);
	strbuf_free(&w.sb);
	return doc;
}

static void test_features(void **state)
{
	static const char *const options[] = {"bind", "rro", NULL};
	static const char *const unsafe[] = {"cede.", NULL};
	struct oci_features f = {.version = "1.2",
				 .commit = "abc",
				 .mount_options = options,
				 .unsafe_annotations = unsafe,
				 .idmap = true};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct json *d = features(&a, &f), *l = json_get(d, "linux"), *s;

	(void)state;
	assert_string_equal(json_get_string(d, "ociVersionMin"), "1.0.0");
	assert_string_equal(json_get_string(d, "ociVersionMax"), OCI_VERSION);
	assert_int_equal(json_get(d, "hooks")->array.n, HOOK_KINDS);
	assert_true(contains(json_get(d, "hooks"), "createContainer"));
	assert_int_equal(json_get(d, "mountOptions")->array.n, 2);
	assert_true(contains(json_get(d, "mountOptions"), "rro"));
	assert_int_equal(json_get(l, "namespaces")->array.n, NS_KINDS);
	assert_true(contains(json_get(l, "namespaces"), "user"));
	assert_int_equal(json_get(l, "capabilities")->array.n, 41);
	assert_true(contains(json_get(l, "capabilities"), "CAP_CHECKPOINT_RESTORE"));
	assert_true(json_get_bool(json_get(l, "cgroup"), "v2", false));
	assert_false(json_get_bool(json_get(l, "cgroup"), "systemd", true));
	s = json_get(l, "seccomp");
	assert_true(json_get_bool(s, "enabled", false));
	assert_true(contains(json_get(s, "actions"), "SCMP_ACT_NOTIFY"));
	assert_true(contains(json_get(s, "operators"), "SCMP_CMP_MASKED_EQ"));
	assert_true(contains(json_get(s, "archs"), "SCMP_ARCH_X86_64"));
	assert_true(contains(json_get(s, "knownFlags"), "SECCOMP_FILTER_FLAG_LOG"));
	assert_true(contains(json_get(s, "supportedFlags"), "SECCOMP_FILTER_FLAG_LOG"));
	assert_false(json_get_bool(json_get(l, "apparmor"), "enabled", true));
	assert_false(json_get_bool(json_get(l, "netDevices"), "enabled", true));
	assert_true(
		json_get_bool(json_get(json_get(l, "mountExtensions"), "idmap"), "enabled", false));
	assert_null(json_get(l, "memoryPolicy"));
	assert_string_equal(json_get_string(json_get(d, "annotations"), "cede.version"), "1.2");
	assert_true(contains(json_get(d, "potentiallyUnsafeConfigAnnotations"), "cede."));

	assert_false(json_get_bool(json_get(l, "intelRdt"), "schemata", true));

	f.apparmor = f.memory_policy = f.cgroup_systemd = f.intel_rdt = true;
	l = json_get(features(&a, &f), "linux");
	assert_true(json_get_bool(json_get(l, "apparmor"), "enabled", false));
	assert_true(json_get_bool(json_get(l, "cgroup"), "systemd", false));
	assert_true(json_get_bool(json_get(l, "intelRdt"), "schemata", false));
	assert_true(json_get_bool(json_get(l, "intelRdt"), "monitoring", false));
	assert_true(contains(json_get(json_get(l, "memoryPolicy"), "modes"), "MPOL_BIND"));
}

/* Every name that features announces is one that the parser takes: both read the same tables, and
 * no table has a name twice. */
static void test_names_are_unique(void **state)
{
	const struct oci_names *const all[] = {
		&oci_namespaces,     &oci_hooks,
		&oci_capabilities,   &oci_rlimits,
		&oci_sched_policies, &oci_sched_flags,
		&oci_io_classes,     &oci_propagations,
		&oci_personalities,  &oci_memory_modes,
		&oci_memory_flags,   &oci_seccomp_actions,
		&oci_seccomp_archs,  &oci_seccomp_operators,
		&oci_seccomp_flags,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t k = 0; k < all[i]->n; k++)
			assert_ptr_equal(oci_find(all[i], all[i]->v[k].name), &all[i]->v[k]);
	for (size_t k = 0; k < oci_capabilities.n; k++)
		assert_int_equal(oci_capabilities.v[k].value, k);
}

static void assert_state(const struct oci_state *s, const char *expected)
{
	struct json_writer w = {0};

	doc_state_write(&w, NULL, s);
	assert_string_equal(strbuf_str(&w.sb), expected);
	strbuf_free(&w.sb);
}

static void test_state(void **state)
{
	struct spec_pair pair = {"k.x", "v\n"};
	struct spec_pairs annotations = {&pair, 1};
	struct oci_state s = {
		.id = "c1", .status = OCI_STOPPED, .bundle = "/b", .rootfs = "/b/rootfs"};

	(void)state;
	/* For hooks: what runtime.md has, and pid 0 rather than none. */
	assert_state(&s, "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":0,\"status\":\"stopped\","
			 "\"bundle\":\"/b\"}");
	s.extended = true;
	s.status = OCI_RUNNING;
	s.pid = 42;
	s.created = "2026-01-02T03:04:05.000000006Z";
	s.owner = "root";
	s.annotations = &annotations;
	assert_state(&s,
		     "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":42,\"status\":\"running\","
		     "\"bundle\":\"/b\",\"rootfs\":\"/b/rootfs\","
		     "\"created\":\"2026-01-02T03:04:05.000000006Z\","
		     "\"annotations\":{\"k.x\":\"v\\n\"},\"owner\":\"root\"}");
}

/* config-linux.md, "The Container Process State". */
static void test_process_state(void **state)
{
	const struct oci_state s = {.id = "c1", .status = OCI_CREATING, .pid = 42, .bundle = "/b"};
	struct json_writer w = {0}, bare = {0};

	(void)state;
	doc_process_state_write(&w, &s, 43, "a \"b\"");
	assert_string_equal(strbuf_str(&w.sb),
			    "{\"ociVersion\":\"1.3.0\",\"fds\":[\"seccompFd\"],\"pid\":43,"
			    "\"metadata\":\"a \\\"b\\\"\",\"state\":{\"ociVersion\":\"1.3.0\","
			    "\"id\":\"c1\",\"pid\":42,\"status\":\"creating\",\"bundle\":\"/b\"}}");
	strbuf_free(&w.sb);
	doc_process_state_write(&bare, &s, 43, NULL);
	assert_null(strstr(strbuf_str(&bare.sb), "metadata"));
	strbuf_free(&bare.sb);
}

static void test_status_names(void **state)
{
	(void)state;
	assert_string_equal(oci_status_name(OCI_CREATING), "creating");
	assert_string_equal(oci_status_name(OCI_CREATED), "created");
	assert_string_equal(oci_status_name(OCI_RUNNING), "running");
	assert_string_equal(oci_status_name(OCI_STOPPED), "stopped");
	assert_string_equal(oci_status_name(OCI_PAUSED), "paused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spec),	      cmocka_unit_test(test_spec_rootless),
		cmocka_unit_test(test_features),      cmocka_unit_test(test_names_are_unique),
		cmocka_unit_test(test_state),	      cmocka_unit_test(test_status_names),
		cmocka_unit_test(test_process_state),
	};

	return cmocka_run_group_tests_name("documents", tests, NULL, NULL);
}
