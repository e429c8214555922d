/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any lines as the options of `exec` and of `launch`; the first letter says which:
 *
 *	e --env		u --user	c --cap		g --additional-gids	w --cwd
 *	b the environment that is there already	h a variable of the caller
 *	m --memory	p --cpus	n --name	N --net		P --on-pressure
 *	a an argument of the command
 *
 * An error with a message, or a process that is what was asked for: never root, never a capability
 * that was not named, no entry of the environment without a name. What `launch` writes, the
 * runtime reads.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/launch.h"
#include "cli/process_options.h"
#include "oci/names.h"
#include "oci/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 16

struct words {
	char *v[WORDS_MAX + 1];
	size_t n;
};

struct input {
	struct process_options o;
	struct launch_opts l;
	struct words base, caller, args;
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void add(struct words *w, char *word)
{
	if (w->n < WORDS_MAX)
		w->v[w->n++] = word;
}

static void list(struct opt_list *l, const char *word)
{
	if (l->n < OPT_LIST_MAX)
		l->v[l->n++] = word;
}

static void add_line(struct input *in, char *line)
{
	char *value = *line ? line + 1 : line;

	switch (*line) {
	case 'e':
		list(&in->o.env, value);
		list(&in->l.env, value);
		break;
	case 'c':
		list(&in->o.caps, value);
		list(&in->l.capabilities, value);
		break;
	case 'u':
		in->o.user = in->l.user = value;
		break;
	case 'g':
		list(&in->o.gids, value);
		break;
	case 'w':
		in->o.cwd = value;
		break;
	case 'b':
		add(&in->base, value);
		break;
	case 'h':
		add(&in->caller, value);
		break;
	case 'm':
		in->l.memory = value;
		break;
	case 'p':
		in->l.cpus = value;
		break;
	case 'n':
		in->l.name = value;
		break;
	case 'N':
		in->l.net = value;
		break;
	case 'P':
		in->l.on_pressure = value;
		break;
	case 'a':
		add(&in->args, value);
		break;
	default:
		break;
	}
}

static bool is_named(const struct opt_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], name) == 0)
			return true;
	return false;
}

static void check_caps(const struct spec_capabilities *c, const struct process_options *o)
{
	require(!c->inheritable && !c->ambient);
	require(c->effective == c->permitted && c->effective == c->bounding);
	for (size_t i = 0; i < oci_capabilities.n; i++)
		if (c->effective >> oci_capabilities.v[i].value & 1)
			require(is_named(&o->caps, oci_capabilities.v[i].name));
}

static void check_process(const struct spec_process *p, const struct process_options *o, size_t had)
{
	for (size_t i = 0; i < p->env.n; i++)
		require(p->env.v[i] &&
			(i < had || (*p->env.v[i] != '=' && strchr(p->env.v[i], '='))));
	for (size_t i = 0; i < o->env.n; i++)
		require(p->env.n > 0);
	require(p->user.uid != UINT32_MAX && p->user.gid != UINT32_MAX);
	require(o->user || (p->user.uid == 1000 && p->user.gid == 1000));
	require(p->user.uid || strspn(o->user, "0") > 0);
	require(p->user.n_additional_gids == o->gids.n);
	for (size_t i = 0; i < o->gids.n; i++)
		require(p->user.additional_gids[i] != UINT32_MAX);
	require(p->cwd[0] == '/');
	require(!p->capabilities == !o->caps.n);
	if (p->capabilities)
		check_caps(p->capabilities, o);
}

static void exec_options(struct input *in)
{
	struct spec_process p = {
		.cwd = "/",
		.env = {.v = in->base.v, .n = in->base.n},
		.user = {.uid = 1000, .gid = 1000},
	};
	struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	int rc = process_options_apply(&in->o, &a, &p, &e);

	if (rc < 0)
		require(rc == -e.code && str_after(e.msg, "exec: "));
	else
		check_process(&p, &in->o, in->base.n);
	arena_free(&a);
}

static void check_launch(const struct launch_plan *p, const struct launch_opts *l)
{
	struct json_writer w = {0};
	struct spec *s = NULL;
	struct err e = ERR_INIT;

	require(p->uid != UINT32_MAX && p->gid != UINT32_MAX);
	require(p->uid || (l->user && strspn(l->user, "0") > 0));
	for (size_t i = 0; p->env[i]; i++)
		require(*p->env[i] != '=' && strchr(p->env[i], '='));
	launch_config_write(p, &w);
	if (!w.sb.oom && spec_parse(strbuf_str(&w.sb), w.sb.len, "config.json", &s, &e) < 0)
		abort();
	require(!s || (s->process->user.uid == p->uid && s->process->user.gid == p->gid));
	spec_free(s);
	strbuf_free(&w.sb);
}

static void launch_options(struct input *in)
{
	static char command[] = "true";
	const struct launch_host h = {
		.has_cpu = true,
		.has_memory = true,
		.has_cgroup = true,
		.uid = 1000,
		.gid = 1000,
		.environ = in->caller.v,
		.cwd = "/tmp",
	};
	struct launch_plan p = {0};
	struct err e = ERR_INIT;
	int rc;

	if (!in->args.n)
		add(&in->args, command);
	in->l.argc = (int)in->args.n;
	in->l.argv = in->args.v;
	rc = launch_plan_make(&in->l, &h, &p, &e);
	if (rc < 0) {
		require(rc == -e.code && e.msg[0]);
		return;
	}
	check_launch(&p, &in->l);
	launch_plan_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in;
	char *text = malloc(size + 1), *line = text;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	memset(&in, 0, sizeof(in));
	while (line) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		add_line(&in, line);
		line = end ? end + 1 : NULL;
	}
	exec_options(&in);
	launch_options(&in);
	free(text);
	return 0;
}
