/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/mount_plan: from config.json to the list of operations, as it is printed. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/mount_plan.h"

#define HEAD "{\"ociVersion\":\"1.3.0\",\"process\":{\"cwd\":\"/\",\"args\":[\"true\"]},"

/* The printed plan of a document, or "error: ..."; the caller frees. */
static char *plan_text(const char *json)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_spec_ struct spec *s = NULL;
	struct mount_plan p = {0};
	struct err e = ERR_INIT;

	if (spec_parse(json, strlen(json), "config.json", &s, &e) < 0)
		fail_msg("the test's own document: %s", e.msg);
	if (mount_plan_make(s, "/bundle", &p, &e) < 0)
		strbuf_addf(&sb, "error: %s\n", e.msg);
	else
		mount_plan_print(&p, &sb);
	mount_plan_free(&p);
	return strbuf_take(&sb);
}

static void assert_plan(const char *json, const char *want)
{
	_cleanup_free_ char *got = plan_text(json);

	assert_non_null(got);
	assert_string_equal(got, want);
}

static void assert_has(const char *json, const char *line)
{
	_cleanup_free_ char *got = plan_text(json);

	assert_non_null(got);
	if (!strstr(got, line))
		fail_msg("no \"%s\" in:\n%s", line, got);
}

static void assert_lacks(const char *json, const char *part)
{
	_cleanup_free_ char *got = plan_text(json);

	assert_non_null(got);
	if (strncmp(got, "root ", 5) != 0 || strstr(got, part))
		fail_msg("unwanted \"%s\" in:\n%s", part, got);
}

#define DEVICES                                                                                    \
	"device /dev/null c 1:3 0666 0:0\n"                                                        \
	"device /dev/zero c 1:5 0666 0:0\n"                                                        \
	"device /dev/full c 1:7 0666 0:0\n"                                                        \
	"device /dev/random c 1:8 0666 0:0\n"                                                      \
	"device /dev/urandom c 1:9 0666 0:0\n"                                                     \
	"device /dev/tty c 5:0 0666 0:0\n"
#define LINKS                                                                                      \
	"symlink /dev/fd to /proc/self/fd\n"                                                       \
	"symlink /dev/stdin to /proc/self/fd/0\n"                                                  \
	"symlink /dev/stdout to /proc/self/fd/1\n"                                                 \
	"symlink /dev/stderr to /proc/self/fd/2\n"                                                 \
	"symlink /dev/ptmx to pts/ptmx\n"                                                          \
	"symlink /dev/core to /proc/kcore\n"

static void test_smallest(void **state)
{
	(void)state;
	assert_plan(HEAD "\"root\":{\"path\":\"rootfs\"},\"linux\":{}}",
		    "root /bundle/rootfs\n" DEVICES LINKS);
	assert_plan(HEAD "\"root\":{\"path\":\"/abs\",\"readonly\":true},"
			 "\"linux\":{\"rootfsPropagation\":\"rshared\"}}",
		    "root /abs ro rshared\n" DEVICES LINKS "read-only root\n");
}

static void test_usual(void **state)
{
	(void)state;
	assert_plan("{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
		    "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"],\"terminal\":true},"
		    "\"mounts\":["
		    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		    "\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
		    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
		    "\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]},"
		    "{\"destination\":\"data//x/./\",\"source\":\"vol\","
		    "\"options\":[\"rbind\",\"rprivate\",\"rw\",\"rro\"]}],"
		    "\"linux\":{\"namespaces\":[{\"type\":\"cgroup\"},{\"type\":\"mount\"}],"
		    "\"maskedPaths\":[\"/proc/kcore\",\"/sys//firmware/\"],"
		    "\"readonlyPaths\":[\"/proc/sys\"]}}",
		    "root /bundle/rootfs ro\n"
		    "new proc /proc\n"
		    "new tmpfs /dev nosuid strictatime mode=755 size=65536k\n"
		    "new cgroup2 /sys/fs/cgroup ro nosuid nodev noexec relatime\n"
		    "rbind /data/x from /bundle/vol r:ro rprivate\n" DEVICES LINKS
		    "console /dev/console\n"
		    "mask /proc/kcore\n"
		    "mask /sys/firmware\n"
		    "read-only /proc/sys\n"
		    "read-only root\n");
}

#define MOUNTS(list) HEAD "\"root\":{\"path\":\"r\"},\"mounts\":[" list "]}"
#define LINUX(linux_) HEAD "\"root\":{\"path\":\"r\"},\"linux\":{" linux_ "}}"

static void test_binds(void **state)
{
	(void)state;
	/* Options of a bind add to what the source's mount has, they lift nothing of it. */
	assert_has(MOUNTS("{\"destination\":\"/a\",\"source\":\"/s\",\"type\":\"none\","
			  "\"options\":[\"bind\",\"rw\",\"suid\",\"dev\",\"noexec\"]}"),
		   "\nbind /a from /s noexec\n");
	assert_has(MOUNTS("{\"destination\":\"/a\",\"source\":\"/s\",\"type\":\"bind\"}"),
		   "\nbind /a from /s\n");
	/* The recursive ones do. */
	assert_has(MOUNTS("{\"destination\":\"/a\",\"source\":\"/s\",\"options\":[\"rbind\","
			  "\"rrw\",\"rsuid\"]}"),
		   "\nrbind /a from /s r:-ro r:-nosuid\n");
	assert_has(MOUNTS("{\"destination\":\"/a\",\"source\":\"/s\",\"options\":[\"bind\","
			  "\"copy-symlink\"]}"),
		   "\nbind /a from /s copy-symlink\n");
}

static void test_remounts(void **state)
{
	(void)state;
	assert_has(MOUNTS("{\"destination\":\"/\",\"options\":[\"remount\",\"nosuid\",\"dev\"]}"),
		   "\nremount / nosuid -nodev\n");
	assert_has(MOUNTS("{\"destination\":\"/a\",\"type\":\"none\",\"options\":[\"rshared\"]}"),
		   "\nremount /a rshared\n");
}

static void test_refusals(void **state)
{
	(void)state;
	assert_plan(MOUNTS("{\"destination\":\"/a\",\"source\":\"/s\"}"),
		    "error: mounts[0] (/a): neither a type nor the option bind or rbind\n");
	assert_plan(MOUNTS("{\"destination\":\"/p\",\"type\":\"proc\"},"
			   "{\"destination\":\"/a\",\"options\":[\"bind\"]}"),
		    "error: mounts[1] (/a): a bind mount needs a source\n");
	assert_plan(MOUNTS("{\"destination\":\"/a/../..\",\"type\":\"tmpfs\"}"),
		    "error: mounts[0] (/a/../..): the destination is the root itself\n");
	assert_plan(
		MOUNTS("{\"destination\":\"/a\",\"type\":\"proc\",\"options\":[\"tmpcopyup\"]}"),
		"error: mounts[0] (/a): tmpcopyup is for tmpfs mounts\n");
	assert_plan(MOUNTS("{\"destination\":\"/"
			   "a\",\"type\":\"tmpfs\",\"options\":[\"copy-symlink\"]}"),
		    "error: mounts[0] (/a): copy-symlink is for bind mounts\n");
}

#define MAPS "[{\"containerID\":0,\"hostID\":1000,\"size\":10}]"

static void test_idmap(void **state)
{
	(void)state;
	assert_has(MOUNTS("{\"destination\":\"/a\",\"source\":\"/s\",\"options\":[\"rbind\","
			  "\"ridmap\"],\"uidMappings\":" MAPS ",\"gidMappings\":" MAPS "}"),
		   "\nrbind /a from /s ridmap\n");
	/* Mappings without the option: asked for all the same. */
	assert_has(MOUNTS("{\"destination\":\"/a\",\"source\":\"/s\",\"options\":[\"bind\"],"
			  "\"uidMappings\":" MAPS ",\"gidMappings\":" MAPS "}"),
		   "\nbind /a from /s idmap\n");
	assert_plan(MOUNTS("{\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"idmap\"],"
			   "\"uidMappings\":" MAPS ",\"gidMappings\":" MAPS "}"),
		    "error: mounts[0] (/a): only bind mounts can be id-mapped\n");
}

static void test_devices(void **state)
{
	(void)state;
	/* The document's own replaces a default one. */
	assert_plan(LINUX("\"devices\":[{\"path\":\"/dev/full\",\"type\":\"c\",\"major\":9,"
			  "\"minor\":9,\"fileMode\":384,\"uid\":5,\"gid\":6},"
			  "{\"path\":\"/run/pipe\",\"type\":\"p\"}]"),
		    "root /bundle/r\n"
		    "device /dev/null c 1:3 0666 0:0\n"
		    "device /dev/zero c 1:5 0666 0:0\n"
		    "device /dev/random c 1:8 0666 0:0\n"
		    "device /dev/urandom c 1:9 0666 0:0\n"
		    "device /dev/tty c 5:0 0666 0:0\n"
		    "device /dev/full c 9:9 0600 5:6\n"
		    "device /run/pipe p 0:0 0666 0:0\n" LINKS);
	/* mknod is not possible in a user namespace, but for fifos. */
	assert_has(LINUX("\"namespaces\":[{\"type\":\"user\"}],\"uidMappings\":" MAPS
			 ",\"gidMappings\":" MAPS
			 ",\"devices\":[{\"path\":\"/p\",\"type\":\"p\"}]"),
		   "bind-device /dev/tty from /dev/tty\ndevice /p p 0:0");
}

static void test_dev_of_others(void **state)
{
	(void)state;
	/* The host's /dev is not ours to add to. */
	assert_lacks(
		MOUNTS("{\"destination\":\"/dev/\",\"source\":\"/dev\",\"options\":[\"rbind\"]}"),
		"device");
	assert_lacks(
		MOUNTS("{\"destination\":\"/dev\",\"source\":\"/dev\",\"options\":[\"rbind\"]}"),
		"symlink");
	/* ... unless something else is mounted over it. */
	assert_has(MOUNTS("{\"destination\":\"/dev\",\"source\":\"/dev\",\"options\":[\"rbind\"]},"
			  "{\"destination\":\"/dev\",\"type\":\"tmpfs\"}"),
		   DEVICES LINKS);
	/* A mount on a default device's place is that device. */
	assert_lacks(MOUNTS("{\"destination\":\"/dev/random\",\"source\":\"/dev/urandom\","
			    "\"options\":[\"bind\"]}"),
		     "device /dev/random");
}

static void test_cgroup(void **state)
{
	(void)state;
	assert_has(MOUNTS("{\"destination\":\"/cg\",\"type\":\"cgroup\",\"options\":[\"ro\","
			  "\"nsdelegate\"]}"),
		   "\nbind-cgroup /cg ro\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smallest), cmocka_unit_test(test_usual),
		cmocka_unit_test(test_binds),	 cmocka_unit_test(test_remounts),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_idmap),
		cmocka_unit_test(test_devices),	 cmocka_unit_test(test_dev_of_others),
		cmocka_unit_test(test_cgroup),
	};

	return cmocka_run_group_tests_name("mount_plan", tests, NULL, NULL);
}
