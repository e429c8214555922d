/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/process_options.h"
#include "oci/names.h"
#include "runtime/state.h"

/* "0", "1000", "1000:100". Strict: what is not a number is an error, never root (CVE-2026-30892).
 */
int process_user_parse(const char *text, struct spec_user *ret)
{
	const char *colon = strchr(text, ':');
	uint32_t uid, gid = ret->gid;
	char first[16];
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (len >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, len);
	first[len] = '\0';
	/* -1 means "unchanged" to setresuid(2). */
	if (parse_u32(first, 10, &uid) < 0 || uid == UINT32_MAX)
		return -EINVAL;
	if (colon && (parse_u32(colon + 1, 10, &gid) < 0 || gid == UINT32_MAX))
		return -EINVAL;
	ret->uid = uid;
	ret->gid = gid;
	return 0;
}

struct exec_options {
	struct exec_opts o;
	const char *process_file, *cwd, *user, *apparmor, *label;
	bool tty, no_new_privs;
	struct opt_list env, caps, gids;
};

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

/* The container's own process is the model; what the command line says replaces or adds to it. */
static int from_options(struct cli *cli, struct arena *a, struct exec_options *x, char **args,
			size_t n_args, struct spec **ret_spec, struct spec_process **ret,
			struct err *e)
{
	struct spec_process *p = arena_alloc(a, sizeof(*p));
	struct container *c;
	int rc;

	if (!p)
		return fail(e, ENOMEM, "exec");
	if (!n_args)
		return refuse(e, EINVAL, "exec: missing command; usage: cede exec [options] %s",
			      verb_exec.args);
	rc = container_open(&cli->rt, x->o.id, CONTAINER_NO_LOCK, &c, e);
	if (rc < 0)
		return rc;
	rc = spec_load(c->dirfd, STATE_CONFIG, ret_spec, e);
	container_close(c);
	if (rc < 0)
		return rc;
	*p = (*ret_spec)->process ? *(*ret_spec)->process : (struct spec_process){.cwd = "/"};
	p->args = (struct strv){.v = args, .n = n_args};
	p->terminal = x->tty;
	p->no_new_privileges |= x->no_new_privs;
	if (x->cwd && *x->cwd != '/')
		return refuse(e, EINVAL, "exec: --cwd: expected an absolute path, found \"%s\"",
			      x->cwd);
	if (x->cwd)
		p->cwd = x->cwd;
	if (x->user && process_user_parse(x->user, &p->user) < 0)
		return refuse(e, EINVAL, "exec: --user: expected UID[:GID], found \"%s\"", x->user);
	if (x->apparmor)
		p->apparmor_profile = x->apparmor;
	if (x->label)
		p->selinux_label = x->label;
	rc = add_env(a, p, &x->env, e);
	if (rc == 0 && x->caps.n)
		rc = add_caps(a, p, &x->caps, e);
	if (rc == 0 && x->gids.n)
		rc = add_gids(a, p, &x->gids, e);
	*ret = p;
	return rc;
}

/* The document says all there is to say; what the options say beside it would be lost. */
static int check_file_alone(const struct exec_options *x, struct err *e)
{
	const struct {
		const char *option;
		bool given;
	} others[] = {
		{"cwd", x->cwd},	   {"env", x->env.n},
		{"user", x->user},	   {"additional-gids", x->gids.n},
		{"cap", x->caps.n},	   {"no-new-privs", x->no_new_privs},
		{"apparmor", x->apparmor}, {"process-label", x->label},
	};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i].given)
			return refuse(e, EINVAL, "exec: --%s: cannot be combined with --process",
				      others[i].option);
	return 0;
}

static int from_file(struct arena *a, const struct exec_options *x, struct spec_process **ret,
		     struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int rc = check_file_alone(x, e);

	if (rc < 0)
		return rc;
	rc = file_read_alloc(AT_FDCWD, x->process_file, JSON_MAX_BYTES, &text, &len, e);

	if (rc < 0)
		return err_context(e, rc, "exec: --process");
	rc = spec_process_parse(a, text, len, x->process_file, ret, e);
	if (rc == 0 && x->tty)
		(*ret)->terminal = true;
	return rc;
}

static int run_exec(struct cli *cli, int argc, char **argv, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_spec_ struct spec *spec = NULL;
	static struct exec_options x;
	const struct opt opts[] = {
		{"process", 'p', OPT_STRING, &x.process_file, "FILE",
		 "the process as JSON (config.md, Process)"},
		{"detach", 'd', OPT_FLAG, &x.o.detach, NULL, "return when the program runs"},
		{"pid-file", 0, OPT_STRING, &x.o.pid_file, "FILE", "write its pid there"},
		{"console-socket", 0, OPT_STRING, &x.o.console_socket, "PATH",
		 "hand the terminal over to this Unix socket"},
		{"pidfd-socket", 0, OPT_STRING, &x.o.pidfd_socket, "PATH",
		 "hand a pidfd over to this Unix socket"},
		{"preserve-fds", 0, OPT_INT, &x.o.preserve_fds, "N",
		 "pass N more descriptors, from 3 on"},
		{"cwd", 0, OPT_STRING, &x.cwd, "DIR", "working directory"},
		{"env", 'e', OPT_LIST, &x.env, "NAME=VALUE", "add to the environment"},
		{"tty", 't', OPT_FLAG, &x.tty, NULL, "give it a terminal"},
		{"user", 'u', OPT_STRING, &x.user, "UID[:GID]", "run as this user"},
		{"additional-gids", 'g', OPT_LIST, &x.gids, "GID", "one more group"},
		{"cap", 'c', OPT_LIST, &x.caps, "CAP_NAME", "one more capability"},
		{"no-new-privs", 0, OPT_FLAG, &x.no_new_privs, NULL,
		 "no privileges by executing setuid files"},
		{"apparmor", 0, OPT_STRING, &x.apparmor, "PROFILE", "AppArmor profile"},
		{"process-label", 0, OPT_STRING, &x.label, "LABEL", "SELinux label"},
		{"cgroup", 0, OPT_STRING, &x.o.sub_cgroup, "PATH",
		 "a group below the container's own"},
		{"ignore-paused", 0, OPT_FLAG, &x.o.ignore_paused, NULL,
		 "also in a paused container; waits for its resume"},
		{"no-subreaper", 0, OPT_IGNORE, NULL, NULL, NULL},
		{0},
	};
	struct spec_process *p = NULL;
	int first, rc, status;

	first = cli_options(&verb_exec, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_exec, argc, first, 1, x.process_file ? 1 : -1, e);
	if (rc < 0)
		return rc;
	/* runc's other form, for the hierarchies of cgroup v1 */
	if (x.o.sub_cgroup && x.o.sub_cgroup[strcspn(x.o.sub_cgroup, ":/")] == ':')
		return refuse(e, EINVAL,
			      "exec: --cgroup: expected a path below the container's group, found "
			      "\"%s\": cgroup v2 has no controllers to choose from",
			      x.o.sub_cgroup);
	x.o.id = argv[first++];
	if (first < argc && streq(argv[first], "--"))
		first++;
	rc = x.process_file ? from_file(&a, &x, &p, e)
			    : from_options(cli, &a, &x, argv + first, (size_t)(argc - first), &spec,
					   &p, e);
	if (rc < 0)
		return rc;
	x.o.process = p;
	rc = container_exec(&cli->rt, &x.o, &status, e);
	return rc < 0 ? rc : status;
}

const struct verb verb_exec = {
	.name = "exec",
	.args = "ID COMMAND [ARG ...]",
	.summary = "Run one more program in a container",
	.run = run_exec,
	.enters = true,
};
