/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp: config-linux.md, "Seccomp". */
#include <ctype.h>
#include <seccomp.h>

#include "base/cleanup.h"
#include "oci/spec_read.h"

/* The kernel's SECCOMP_RET_DATA: 16 bits, of which an errno uses 12 (MAX_ERRNO). */
#define ERRNO_MAX 4095

static bool takes_errno(uint32_t action)
{
	return action == SCMP_ACT_ERRNO(0) || action == SCMP_ACT_TRACE(0);
}

/* --- arguments ---------------------------------------------------------------------------------
 */

#define AT(member) .offset = offsetof(struct spec_seccomp_arg, member)
static const struct spec_field arg_fields[] = {
	FIELD("index", INTEGER, u32, AT(index), RANGE(0, 5), REQUIRED),
	FIELD("value", INTEGER, u64, AT(value), REQUIRED),
	FIELD("valueTwo", INTEGER, u64, AT(value_two)),
	FIELD("op", STRING, name, AT(op), NAMED(oci_seccomp_operators), REQUIRED),
};
#undef AT
static const struct spec_object arg_object = OBJECT_INIT(arg_fields, struct spec_seccomp_arg, NULL);

/* --- rules -------------------------------------------------------------------------------------
 */

/* Names of other kernels and architectures are let through to libseccomp, words of no kernel are
 * not; the filter's text relies on that. */
static bool is_syscall_name(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n > 0 && !s[n];
}

static int check_rule(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	const struct spec_seccomp_rule *rule = obj;
	const struct spec_at names = spec_at_key(at, "names"), ret = spec_at_key(at, "errnoRet");

	if (rule->names.n == 0)
		return spec_bad(r, &names, "at least one entry is required");
	for (size_t i = 0; i < rule->names.n; i++) {
		const struct spec_at here = spec_at_index(&names, i);

		if (!is_syscall_name(rule->names.v[i]))
			return spec_bad(r, &here, "%s is not the name of a system call",
					QUOTE(rule->names.v[i]));
	}
	if (rule->errno_ret.set && !takes_errno(rule->action))
		return spec_bad(r, &ret, "is only possible with SCMP_ACT_ERRNO and SCMP_ACT_TRACE");
	return 0;
}

#define AT(member) .offset = offsetof(struct spec_seccomp_rule, member)
static const struct spec_field rule_fields[] = {
	FIELD("names", STRINGS, strings, AT(names), REQUIRED),
	FIELD("action", STRING, name_u32, AT(action), NAMED(oci_seccomp_actions), REQUIRED),
	FIELD("errnoRet", INTEGER, opt_u64, AT(errno_ret), RANGE(0, ERRNO_MAX)),
	FIELD("args", OBJECTS, array, AT(args), .count = offsetof(struct spec_seccomp_rule, n_args),
	      OBJECT(arg_object)),
};
#undef AT
static const struct spec_object rule_object =
	OBJECT_INIT(rule_fields, struct spec_seccomp_rule, check_rule);

/* --- the object --------------------------------------------------------------------------------
 */

static void text_rule(struct strbuf *sb, const struct spec_seccomp_rule *rule)
{
	strbuf_addf(sb, "rule %x", rule->action);
	if (rule->errno_ret.set)
		strbuf_addf(sb, " errno %u", (unsigned int)rule->errno_ret.val);
	for (size_t i = 0; i < rule->n_args; i++) {
		const struct spec_seccomp_arg *a = &rule->args[i];

		strbuf_addf(sb, " arg %u %d %llx %llx", a->index, a->op,
			    (unsigned long long)a->value, (unsigned long long)a->value_two);
	}
	strbuf_add(sb, ":", 1);
	for (size_t i = 0; i < rule->names.n; i++) {
		strbuf_add(sb, " ", 1);
		strbuf_adds(sb, rule->names.v[i]);
	}
	strbuf_add(sb, "\n", 1);
}

/* All that makes the filter, and nothing else: one line for each part, and no user's text but the
 * names of flags and system calls, which have no blanks or line breaks. */
static int make_text(struct spec_reader *r, struct spec_seccomp *s)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	size_t names = 0;

	for (size_t i = 0; i < s->n_rules; i++)
		names += s->rules[i].names.n;
	(void)strbuf_reserve(&sb, 256 + names * 20); /* a guess: sb.oom is looked at below */
	strbuf_addf(&sb, "default %x", s->default_action);
	if (s->default_errno_ret.set)
		strbuf_addf(&sb, " errno %u", (unsigned int)s->default_errno_ret.val);
	strbuf_adds(&sb, "\narch");
	for (size_t i = 0; i < s->n_architectures; i++)
		strbuf_addf(&sb, " %x", s->architectures[i]);
	strbuf_adds(&sb, "\nflags");
	for (size_t i = 0; i < s->flags.n; i++)
		strbuf_addf(&sb, " %s", s->flags.v[i]);
	strbuf_add(&sb, "\n", 1);
	for (size_t i = 0; i < s->n_rules; i++)
		text_rule(&sb, &s->rules[i]);
	if (sb.oom)
		return spec_no_memory(r);
	s->text = arena_strndup(r->a, sb.buf, sb.len);
	s->text_len = sb.len;
	return s->text ? 0 : spec_no_memory(r);
}

static int check_listener(struct spec_reader *r, const struct spec_at *at,
			  const struct spec_seccomp *s)
{
	const struct spec_at path = spec_at_key(at, "listenerPath");
	const struct spec_at metadata = spec_at_key(at, "listenerMetadata");
	const struct spec_at action = spec_at_key(at, "defaultAction");

	/* The runtime itself could not make another system call to hand the listener over. */
	if (s->default_action == SCMP_ACT_NOTIFY)
		return spec_bad(r, &action, "SCMP_ACT_NOTIFY is not possible as the default");
	if (s->listener_metadata && !s->listener_path)
		return spec_bad(r, &metadata, "must not be set without listenerPath");
	for (size_t i = 0; i < s->n_rules && !s->listener_path; i++)
		if (s->rules[i].action == SCMP_ACT_NOTIFY)
			return spec_bad(r, &path, "required with SCMP_ACT_NOTIFY");
	return 0;
}

static int check_seccomp(struct spec_reader *r, const struct spec_at *at, void *obj)
{
	struct spec_seccomp *s = obj;
	const struct spec_at ret = spec_at_key(at, "defaultErrnoRet");
	int rc;

	if (s->default_errno_ret.set && !takes_errno(s->default_action))
		return spec_bad(r, &ret, "is only possible with SCMP_ACT_ERRNO and SCMP_ACT_TRACE");
	rc = check_listener(r, at, s);
	return rc < 0 ? rc : make_text(r, s);
}

static int read_architectures(struct spec_reader *r, const struct spec_at *at,
			      const struct spec_field *f, const struct json *v, void *obj)
{
	struct spec_seccomp *s = obj;

	(void)f;
	s->architectures = spec_alloc(r, v->array.n, sizeof(*s->architectures));
	if (!s->architectures)
		return -ENOMEM;
	for (size_t i = 0; i < v->array.n; i++) {
		const struct spec_at here = spec_at_index(at, i);
		uint64_t arch = 0;
		int rc = spec_lookup(r, &here, &oci_seccomp_archs, v->array.items[i], &arch);

		if (rc < 0)
			return rc;
		s->architectures[i] = (uint32_t)arch;
	}
	s->n_architectures = v->array.n;
	return 0;
}

static int read_seccomp_flags(struct spec_reader *r, const struct spec_at *at,
			      const struct spec_field *f, const struct json *v, void *obj)
{
	const struct spec_field known = {.names = &oci_seccomp_flags};
	uint64_t flags = 0;
	int rc = spec_read_flags(r, at, &known, v, &flags);

	return rc < 0 ? rc : spec_read_strings(r, at, f, v, obj);
}

#define AT(member) .offset = offsetof(struct spec_seccomp, member)
static const struct spec_field seccomp_fields[] = {
	FIELD("defaultAction", STRING, name_u32, AT(default_action), NAMED(oci_seccomp_actions),
	      REQUIRED),
	FIELD("defaultErrnoRet", INTEGER, opt_u64, AT(default_errno_ret), RANGE(0, ERRNO_MAX)),
	ROW("architectures", STRINGS, read_architectures),
	ROW("flags", STRINGS, read_seccomp_flags, AT(flags)),
	FIELD("listenerPath", STRING, path, AT(listener_path)),
	FIELD("listenerMetadata", STRING, string, AT(listener_metadata)),
	FIELD("syscalls", OBJECTS, array, AT(rules),
	      .count = offsetof(struct spec_seccomp, n_rules), OBJECT(rule_object)),
};
const struct spec_object spec_seccomp_object =
	OBJECT_INIT(seccomp_fields, struct spec_seccomp, check_seccomp);
