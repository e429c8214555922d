/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"

#include <linux/sched.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "oci/spec_read.h"

/* --- the top of the document -------------------------------------------------------------------
 */

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* One number of a version, without a leading zero; NULL if there is none at s. */
static const char *skip_number(const char *s)
{
	size_t n = digits(s);

	return n == 0 || n > 9 || (n > 1 && *s == '0') ? NULL : s + n;
}

/* SemVer 2.0.0: MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD]. */
static bool is_semver(const char *s)
{
	static const char word[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.";

	for (int i = 0; i < 3; i++) {
		if (i > 0 && *s++ != '.')
			return false;
		s = skip_number(s);
		if (!s)
			return false;
	}
	for (const char *mark = "-+"; *mark; mark++)
		if (*s == *mark) {
			size_t n = strspn(++s, word);

			if (n == 0)
				return false;
			s += n;
		}
	return !*s;
}

/* The specification is compatible within a major version, and there is only one. */
static int read_version(struct spec_reader *r, const struct spec_at *at, const struct spec_field *f,
			const struct json *v, void *obj)
{
	if (!is_semver(v->string.text))
		return spec_bad(r, at, "expected a version like \"%s\", found %s", OCI_VERSION,
				QUOTE(v->string.text));
	if (!str_after(v->string.text, "1."))
		return spec_bad(r, at, "version %s is not supported, only %s to %s",
				QUOTE(v->string.text), OCI_VERSION_MIN, OCI_VERSION);
	return spec_read_string(r, at, f, v, obj);
}

#define AT(member) .offset = offsetof(struct spec, member)
#define COUNT(member) .count = offsetof(struct spec, member)

static const struct spec_field root_fields[] = {
	FIELD("path", STRING, string, AT(root_path), REQUIRED),
	FIELD("readonly", BOOL, bool, AT(root_readonly)),
};
static const struct spec_object root_object = OBJECT_INIT(root_fields, struct spec, NULL);

static const struct spec_field spec_fields[] = {
	ROW("ociVersion", STRING, read_version, AT(oci_version), REQUIRED),
	FIELD("root", OBJECT, object, OBJECT(root_object), REQUIRED),
	FIELD("mounts", OBJECTS, array, AT(mounts), COUNT(n_mounts), OBJECT(spec_mount_object)),
	FIELD("process", OBJECT, pointer, AT(process), OBJECT(spec_process_object)),
	FIELD("hostname", STRING, string, AT(hostname)),
	FIELD("domainname", STRING, string, AT(domainname)),
	FIELD("hooks", OBJECT, object, OBJECT(spec_hooks_object)),
	FIELD("annotations", OBJECT, pairs, AT(annotations)),
	FIELD("linux", OBJECT, object, AT(linux_), OBJECT(spec_linux_object)),
};
static const struct spec_object spec_object = OBJECT_INIT(spec_fields, struct spec, NULL);

/* --- entry points ------------------------------------------------------------------------------
 */

static int parse_object(struct arena *a, const char *text, size_t len, const char *what,
			const struct spec_object *o, void *obj, const struct json **ret_json,
			struct err *e)
{
	struct spec_reader r = {.a = a, .what = what, .e = e};
	struct json *doc;
	int rc = json_parse(a, text, len, what, &doc, e);

	if (rc < 0)
		return rc;
	if (ret_json)
		*ret_json = doc;
	return spec_read_whole(&r, NULL, o, doc, obj);
}

int spec_parse(const char *text, size_t len, const char *what, struct spec **ret, struct err *e)
{
	_cleanup_spec_ struct spec *s = arena_first(sizeof(*s), offsetof(struct spec, arena));
	struct spec_reader r;
	int rc;

	if (!s)
		return fail(e, ENOMEM, "%s", what);
	rc = parse_object(&s->arena, text, len, what, &spec_object, s, &s->json, e);
	if (rc < 0)
		return rc;
	r = (struct spec_reader){.a = &s->arena, .what = what, .e = e};
	rc = spec_check(&r, s);
	if (rc < 0)
		return rc;
	*ret = take_ptr(&s);
	return 0;
}

int spec_load(int bundle_fd, const char *file, struct spec **ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int rc = file_read_alloc(bundle_fd, file, JSON_MAX_BYTES, &text, &len, e);

	if (rc < 0)
		return rc;
	return spec_parse(text, len, file, ret, e);
}

int spec_process_parse(struct arena *a, const char *text, size_t len, const char *what,
		       struct spec_process **ret, struct err *e)
{
	struct spec_process *p = arena_alloc(a, sizeof(*p));
	int rc;

	if (!p)
		return fail(e, ENOMEM, "%s", what);
	rc = parse_object(a, text, len, what, &spec_process_object, p, NULL, e);
	if (rc < 0)
		return rc;
	*ret = p;
	return 0;
}

int spec_resources_parse(struct arena *a, const char *text, size_t len, const char *what,
			 struct spec_resources *ret, struct err *e)
{
	struct spec_resources fresh = {0};
	int rc = parse_object(a, text, len, what, &spec_resources_object, &fresh, NULL, e);

	if (rc < 0)
		return rc;
	*ret = fresh;
	return 0;
}

void spec_free(struct spec *s)
{
	if (!s)
		return;
	arena_free(&s->arena);
}

/* --- questions ---------------------------------------------------------------------------------
 */

const char *spec_annotation(const struct spec *s, const char *key)
{
	for (size_t i = 0; i < s->annotations.n; i++)
		if (streq(s->annotations.v[i].key, key))
			return s->annotations.v[i].value;
	return NULL;
}

static const struct {
	const char *proc_name;
	int clone_flag;
} namespaces[NS_KINDS] = {
	[NS_USER] = {"user", CLONE_NEWUSER},  [NS_CGROUP] = {"cgroup", CLONE_NEWCGROUP},
	[NS_IPC] = {"ipc", CLONE_NEWIPC},     [NS_UTS] = {"uts", CLONE_NEWUTS},
	[NS_NETWORK] = {"net", CLONE_NEWNET}, [NS_PID] = {"pid", CLONE_NEWPID},
	[NS_MOUNT] = {"mnt", CLONE_NEWNS},    [NS_TIME] = {"time", CLONE_NEWTIME},
};

const char *spec_ns_name(enum spec_ns_kind k)
{
	return table_name_n(oci_namespaces.v, oci_namespaces.n, k);
}

int spec_ns_clone_flag(enum spec_ns_kind k)
{
	return namespaces[k].clone_flag;
}

const char *spec_ns_proc_name(enum spec_ns_kind k)
{
	return namespaces[k].proc_name;
}

const char *spec_hook_name(enum spec_hook_kind k)
{
	return table_name_n(oci_hooks.v, oci_hooks.n, k);
}

unsigned long spec_propagation_flags(const char *name)
{
	const struct name_value *hit = name ? oci_find(&oci_propagations, name) : NULL;

	return hit ? hit->value : 0;
}
