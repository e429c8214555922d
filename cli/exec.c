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
#include "runtime/state.h"

struct exec_options {
	struct exec_opts o;
	const char *process_file;
	struct process_options p;
};

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
	/* Not there yet, or deleted since: without its lock it may be either. */
	if (rc == -ENOENT)
		rc = refuse(e, ESRCH, "container not running");
	container_close(c);
	if (rc < 0)
		return rc;
	*p = (*ret_spec)->process ? *(*ret_spec)->process : (struct spec_process){.cwd = "/"};
	p->args = (struct strv){.v = args, .n = n_args};
	rc = process_options_apply(&x->p, a, p, e);
	*ret = p;
	return rc;
}

/* The document says all there is to say; what the options say beside it would be lost. */
static int check_file_alone(const struct exec_options *x, struct err *e)
{
	const struct process_options *p = &x->p;
	const struct {
		const char *option;
		bool given;
	} others[] = {
		{"cwd", p->cwd},	   {"env", p->env.n},
		{"user", p->user},	   {"additional-gids", p->gids.n},
		{"cap", p->caps.n},	   {"no-new-privs", p->no_new_privs},
		{"apparmor", p->apparmor}, {"process-label", p->label},
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
	if (rc == 0 && x->p.tty)
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
		{"cwd", 0, OPT_STRING, &x.p.cwd, "DIR", "working directory"},
		{"env", 'e', OPT_LIST, &x.p.env, "NAME=VALUE", "add to the environment"},
		{"tty", 't', OPT_FLAG, &x.p.tty, NULL, "give it a terminal"},
		{"user", 'u', OPT_STRING, &x.p.user, "UID[:GID]", "run as this user"},
		{"additional-gids", 'g', OPT_LIST, &x.p.gids, "GID", "one more group"},
		{"cap", 'c', OPT_LIST, &x.p.caps, "CAP_NAME", "one more capability"},
		{"no-new-privs", 0, OPT_FLAG, &x.p.no_new_privs, NULL,
		 "no privileges by executing setuid files"},
		{"apparmor", 0, OPT_STRING, &x.p.apparmor, "PROFILE", "AppArmor profile"},
		{"process-label", 0, OPT_STRING, &x.p.label, "LABEL", "SELinux label"},
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
