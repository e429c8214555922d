/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/process_options.h"

#include <string.h>

#include "base/str.h"
#include "oci/names.h"

/* "0", "1000", "1000:100". Strict: what is not a number is an error, never root (CVE-2026-30892).
 */
int process_user_parse(const char *text, struct spec_user *ret)
{
	const char *colon = strchr(text, ':');
	uint32_t uid, gid = ret->gid;
	char first[16];
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	/* -1 means "unchanged" to setresuid(2). */
	if (!str_part(first, sizeof(first), text, len) || parse_u32(first, 10, &uid) < 0 ||
	    uid == UINT32_MAX)
		return -EINVAL;
	if (colon && (parse_u32(colon + 1, 10, &gid) < 0 || gid == UINT32_MAX))
		return -EINVAL;
	ret->uid = uid;
	ret->gid = gid;
	return 0;
}

static int add_env(struct arena *a, struct spec_process *p, const struct opt_list *more,
		   struct err *e)
{
	char **v = arena_array(a, p->env.n + more->n + 1, sizeof(*v));

	if (!v)
		return fail(e, ENOMEM, "exec: environment");
	if (p->env.n)
		memcpy(v, p->env.v, p->env.n * sizeof(*v));
	for (size_t i = 0; i < more->n; i++) {
		const char *equals = strchr(more->v[i], '=');
		size_t at = 0, len;

		if (!equals || equals == more->v[i])
			return refuse(e, EINVAL, "exec: --env: expected NAME=VALUE, found \"%s\"",
				      more->v[i]);
		len = (size_t)(equals - more->v[i]) + 1;
		while (at < p->env.n && strncmp(v[at], more->v[i], len) != 0)
			at++;
		v[at] = arena_strdup(a, more->v[i]);
		if (!v[at])
			return fail(e, ENOMEM, "exec: environment");
		p->env.n += at == p->env.n;
	}
	p->env.v = v;
	return 0;
}

/* Never inheritable ones: a program of another user would get them (CVE-2022-29162). */
static int add_caps(struct arena *a, struct spec_process *p, const struct opt_list *more,
		    struct err *e)
{
	struct spec_capabilities *c = arena_alloc(a, sizeof(*c));

	if (!c)
		return fail(e, ENOMEM, "exec: capabilities");
	if (p->capabilities)
		*c = *p->capabilities;
	for (size_t i = 0; i < more->n; i++) {
		const struct name_value *hit = oci_find(&oci_capabilities, more->v[i]);
		uint64_t bit = hit ? 1ULL << hit->value : 0;

		if (!hit)
			return refuse(e, EINVAL, "exec: --cap: unknown capability \"%s\"",
				      more->v[i]);
		c->bounding |= bit;
		c->permitted |= bit;
		c->effective |= bit;
	}
	p->capabilities = c;
	return 0;
}

static int add_gids(struct arena *a, struct spec_process *p, const struct opt_list *more,
		    struct err *e)
{
	size_t n = p->user.n_additional_gids;
	uint32_t *v = arena_array(a, n + more->n, sizeof(*v));

	if (!v)
		return fail(e, ENOMEM, "exec: groups");
	if (n)
		memcpy(v, p->user.additional_gids, n * sizeof(*v));
	for (size_t i = 0; i < more->n; i++)
		if (parse_u32(more->v[i], 10, &v[n]) < 0 || v[n++] == UINT32_MAX)
			return refuse(e, EINVAL,
				      "exec: --additional-gids: expected a group id, found \"%s\"",
				      more->v[i]);
	p->user.additional_gids = v;
	p->user.n_additional_gids = n;
	return 0;
}

int process_options_apply(const struct process_options *o, struct arena *a, struct spec_process *p,
			  struct err *e)
{
	int rc;

	p->terminal = o->tty;
	p->no_new_privileges |= o->no_new_privs;
	if (o->cwd && *o->cwd != '/')
		return refuse(e, EINVAL, "exec: --cwd: expected an absolute path, found \"%s\"",
			      o->cwd);
	if (o->cwd)
		p->cwd = o->cwd;
	if (o->user && process_user_parse(o->user, &p->user) < 0)
		return refuse(e, EINVAL, "exec: --user: expected UID[:GID], found \"%s\"", o->user);
	if (o->apparmor)
		p->apparmor_profile = o->apparmor;
	if (o->label)
		p->selinux_label = o->label;
	rc = add_env(a, p, &o->env, e);
	if (rc == 0 && o->caps.n)
		rc = add_caps(a, p, &o->caps, e);
	if (rc == 0 && o->gids.n)
		rc = add_gids(a, p, &o->gids, e);
	return rc;
}
