/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `cede launch`: the options, and whether the job stays here or goes on in a process of its own.
 */
#include "cli/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

/* What `env`, `nice` and `timeout` use for failures that are not the command's. */
#define EXIT_OWN_FAILURE 125
#define LOG_DIR "/var/log/cede"

/* ---- detached --------------------------------------------------------------------------- */

/* What the supervisor tells through the pipe before its parent returns. */
struct report {
	int rc;
	struct err e;
	char id[256];
};

struct supervisor {
	int pipe;
	const struct launch_plan *plan;
};

static void report(int fd, int rc, const struct err *e, const char *id)
{
	struct report r = {.rc = rc, .e = *e};

	(void)snprintf(r.id, sizeof(r.id), "%s", id); /* ids are at most 255 bytes */
	(void)io_write(fd, &r, sizeof(r));	      /* the parent was killed: nobody to tell */
}

static void on_started(void *arg)
{
	struct supervisor *s = arg;
	const struct err none = ERR_INIT;

	report(s->pipe, 0, &none, s->plan->id);
	s->pipe = fd_close(s->pipe);
}

/* The default place is found by the name, so the name must be the final one: one that is made up
 * twice by chance is the other job's, and that log has its own line about it. */
static int open_output(const struct launch_opts *o, const struct launch_plan *p, char *path,
		       size_t size, struct err *e)
{
	int fd, rc;

	if (o->output) {
		rc = snprintf(path, size, "%s", o->output);
	} else {
		rc = dir_make_all(AT_FDCWD, LOG_DIR, 0755, e);
		if (rc < 0)
			return rc;
		rc = snprintf(path, size, LOG_DIR "/%s.log", p->id);
	}
	if (rc >= (int)size)
		return fail(e, ENAMETOOLONG, "launch: --output");
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	return fd < 0 ? fail(e, errno, "launch: open %s for the job's output", path) : fd;
}

static int take_stdio(int output, struct err *e)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		return fail(e, errno, "launch: standard descriptors of the job");
	return 0;
}

static _Noreturn void supervise_job(const struct runtime *rt, struct launch_plan *p, bool quiet,
				    int output, int pipe)
{
	struct supervisor s = {pipe, p};
	struct err e = ERR_INIT;
	int rc, status = 0;

	(void)setsid(); /* fresh from fork, so not a group leader: cannot fail */
	rc = take_stdio(output, &e);
	if (rc == 0)
		rc = launch_job(rt, p, quiet, &status, on_started, &s, &e);
	if (rc < 0 && s.pipe >= 0)
		report(s.pipe, rc, &e, p->id);
	else if (rc < 0)
		log_error(&e);
	log_close(rc < 0);
	_exit(rc < 0 ? EXIT_OWN_FAILURE : status);
}

/* Of a job that never began. What was there before is not empty. */
static void forget_empty(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		(void)unlink(path); /* only litter */
}

static int detach(struct cli *cli, const struct launch_opts *o, struct launch_plan *p,
		  struct err *e)
{
	_cleanup_fd_ int output = -1, from = -1, to = -1;
	struct report r;
	char path[4096];
	int fds[2];
	pid_t pid;

	output = open_output(o, p, path, sizeof(path), e);
	if (output < 0)
		return output;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail(e, errno, "launch: pipe");
	from = fds[0];
	to = fds[1];
	(void)fflush(stdout); /* what is in the buffer is written once, by us */
	pid = fork();
	if (pid == 0)
		supervise_job(&cli->rt, p, o->quiet, output, to);
	if (pid < 0)
		return fail(e, errno, "launch: fork");
	to = fd_close(to);
	if (io_read(from, &r, sizeof(r)) != (ssize_t)sizeof(r))
		return refuse(e, ECHILD,
			      "launch: the supervisor ended before the job was started; "
			      "see %s",
			      path);
	if (r.rc < 0) {
		forget_empty(path);
		*e = r.e;
		return r.rc;
	}
	if (!o->quiet)
		fprintf(stderr, "cede: %s: output goes to %s\n", r.id, path);
	(void)puts(r.id); /* main checks stdout */
	return 0;
}

/* ---- options ---------------------------------------------------------------------------- */

static int parse(struct launch_opts *o, int argc, char **argv, struct err *e)
{
	const struct opt opts[] = {
		{"rootfs", 0, OPT_STRING, &o->rootfs, "DIR",
		 "root file system, writable (default: the host's, read-only)"},
		{"workdir", 'w', OPT_STRING, &o->workdir, "DIR",
		 "start there (default: the current directory, which is writable)"},
		{"read-only-workdir", 0, OPT_FLAG, &o->read_only_workdir, NULL,
		 "the working directory is read-only too"},
		{"writable", 0, OPT_LIST, &o->writable, "DIR",
		 "one more directory the job may write to; repeatable"},
		{"name", 'n', OPT_STRING, &o->name, "ID", "id of the container (default: made up)"},
		{"env", 'e', OPT_LIST, &o->env, "NAME[=VALUE]",
		 "set a variable, or pass the caller's on; repeatable"},
		{"user", 'u', OPT_STRING, &o->user, "UID[:GID]", "run as (default: the caller)"},
		{"cap", 0, OPT_LIST, &o->capabilities, "NAME",
		 "give a capability (default: none); repeatable"},
		{"net", 0, OPT_STRING, &o->net, "none|host",
		 "no network but loopback (default), or the host's"},
		{"cpus", 0, OPT_STRING, &o->cpus, "N", "at most N CPUs, like 1.5"},
		{"memory", 'm', OPT_STRING, &o->memory, "SIZE", "at most SIZE bytes, like 2G"},
		{"on-pressure", 0, OPT_STRING, &o->on_pressure, "freeze|kill",
		 "when the incumbents need the room (default: freeze)"},
		{"tty", 't', OPT_FLAG, &o->tty, NULL,
		 "a terminal for the job (default: if there is one here)"},
		{"no-tty", 0, OPT_FLAG, &o->no_tty, NULL, "none, even if there is one here"},
		{"detach", 'd', OPT_FLAG, &o->detach, NULL, "print the id and return"},
		{"output", 'o', OPT_STRING, &o->output, "FILE",
		 "with --detach: append output there (root's default: " LOG_DIR "/ID.log)"},
		{"quiet", 'q', OPT_FLAG, &o->quiet, NULL, "no summary at the end"},
		{"dry-run", 0, OPT_FLAG, &o->dry_run, NULL, "print the config.json and stop"},
		{0},
	};
	int first = cli_options(&verb_launch, opts, argc, argv, e);
	int rc;

	if (first < 0)
		return first;
	rc = cli_operands(&verb_launch, argc, first, 1, -1, e);
	o->argc = argc - first;
	o->argv = argv + first;
	return rc;
}

/* Somebody sits in front of it, and it is ours: a job in the background must not take the keys. */
static bool has_terminal(void)
{
	return isatty(0) && isatty(1) && isatty(2) && tcgetpgrp(0) == getpgrp();
}

static int print_config(const struct launch_plan *p, struct err *e)
{
	struct json_writer w = {.indent = true};
	int rc = 0;

	launch_config_write(p, &w);
	if (w.sb.oom)
		rc = fail(e, ENOMEM, "launch");
	else
		(void)puts(strbuf_str(&w.sb)); /* main checks stdout */
	strbuf_free(&w.sb);
	return rc;
}

/* In the background the keys belong to somebody else. */
static int leave_the_terminal(struct err *e)
{
	_cleanup_fd_ int null = -1;

	if (!isatty(0) || tcgetpgrp(0) == getpgrp())
		return 0;
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return null < 0 || dup2(null, 0) < 0 ? fail(e, errno, "launch: /dev/null") : 0;
}

static int launch(struct cli *cli, const struct launch_opts *o, struct launch_plan *p,
		  struct err *e)
{
	int rc, status = 0;

	if (o->dry_run)
		return print_config(p, e);
	if (p->ordinary) {
		if (!o->quiet)
			log_warn("%s runs in the idle class; nobody freezes it for others, and a "
				 "session that it begins competes as any other: an ordinary user "
				 "has no scheduler",
				 p->id);
		if (cli->rt.cgroup_manager == CGROUP_MANAGER_CGROUPFS)
			cli->rt.cgroup_manager = CGROUP_MANAGER_DISABLED;
	} else if (cli->rt.cgroup_manager == CGROUP_MANAGER_DISABLED)
		return refuse(e, EINVAL,
			      "launch: --cgroup-manager disabled: a job needs a cgroup "
			      "to be secondary in");
	if (o->detach)
		return detach(cli, o, p, e);
	rc = leave_the_terminal(e);
	if (rc == 0)
		rc = launch_job(&cli->rt, p, o->quiet, &status, NULL, NULL, e);
	return rc < 0 ? rc : status;
}

static int run_launch(struct cli *cli, int argc, char **argv, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct launch_opts *o = arena_alloc(&a, sizeof(*o)); /* lists make it large */
	struct launch_host host;
	struct launch_plan plan;
	int rc;

	if (!o)
		return fail(e, ENOMEM, "launch");
	rc = parse(o, argc, argv, e);
	if (rc == CLI_HELP_SHOWN)
		return rc;
	o->tty |= !o->no_tty && !o->detach && has_terminal();
	if (rc == 0)
		rc = launch_host_look(&a, &host, e);
	if (rc == 0)
		rc = launch_plan_make(o, &host, &plan, e);
	if (rc == 0) {
		rc = launch(cli, o, &plan, e);
		launch_plan_free(&plan);
	}
	return rc < 0 && !e->exit_status ? err_exit_status(e, rc, EXIT_OWN_FAILURE) : rc;
}

const struct verb verb_launch = {
	.name = "launch",
	.args = "[--] COMMAND [ARG...]",
	.summary = "Run a job on the idle part of this machine",
	.run = run_launch,
	.enters = true,
};
