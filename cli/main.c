/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/table.h"
#include "cli/cli.h"
#include "runtime/rootless.h"
#include "runtime/self.h"
#include "version.h"

/* `cede --help` shows the groups in this order. */
static const struct {
	const char *title;
	const struct verb *verbs[16];
} groups[] = {
	{"Secondary work", {&verb_launch, &verb_list, &verb_doctor}},
	{"Containers",
	 {&verb_run, &verb_create, &verb_start, &verb_state, &verb_kill, &verb_delete, &verb_exec,
	  &verb_ps, &verb_pause, &verb_resume, &verb_update, &verb_events, &verb_checkpoint,
	  &verb_restore}},
	{"Documents", {&verb_spec, &verb_features}},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
		for (const struct verb *const *v = groups[g].verbs; *v; v++)
			if (streq((*v)->name, name))
				return *v;
	return NULL;
}

static const struct verb self = {
	.name = "cede",
	.args = "COMMAND ...",
	.summary = "Runs containers on the idle part of this machine, and gives it back at once.",
};

struct global_options {
	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless;
	bool debug, version, help;
};

static void print_help(void)
{
	printf("Usage: cede [global options] COMMAND [options] ...\n\n%s\n", self.summary);
	printf("\nFirst steps:\n"
	       "  cede doctor                     what this machine can do\n"
	       "  cede launch -- make -j16        run a job that nobody else on the machine "
	       "notices\n");
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		printf("\n%s:\n", groups[g].title);
		for (const struct verb *const *v = groups[g].verbs; *v; v++)
			printf("  %-11s %s\n", (*v)->name, (*v)->summary);
	}
	printf("\nGlobal options:\n"
	       "  --root DIR                where container state is kept "
	       "(default: " CEDE_DEFAULT_ROOT ";\n"
	       "                            without privileges $XDG_RUNTIME_DIR/cede)\n"
	       "  --log FILE                append errors and warnings to FILE as well\n"
	       "  --log-format text|json    format of that file (default: text)\n"
	       "  --log-level LEVEL         error, warning, info or debug (default: warning)\n"
	       "  --debug                   the same as --log-level debug\n"
	       "  --cgroup-manager NAME     cgroupfs, systemd or disabled (default: cgroupfs)\n"
	       "  --systemd-cgroup          the same as --cgroup-manager systemd\n"
	       "  --rootless VALUE          true, false, or auto: whether only a user's "
	       "privileges\n"
	       "                            are there (default: auto)\n"
	       "  --version, -v             print the version\n"
	       "  --help, -h                show this help\n"
	       "\n'cede COMMAND --help' tells about one command; 'man cede' about all.\n");
}

/* docker parses "NAME version X" and "commit:"; go-runc wants its own name there, so the name is
 * the one we were called by. */
static void print_version(const struct cli *cli)
{
	printf("%s version %s\ncommit: %s\nspec: %s\n", cli->program, CEDE_VERSION, CEDE_COMMIT,
	       OCI_VERSION);
}

static const struct name_value log_levels[] = {
	{"error", LOG_LEVEL_ERROR},
	{"warning", LOG_LEVEL_WARNING},
	{"warn", LOG_LEVEL_WARNING},
	{"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},
	/* what logrus has beside these */
	{"panic", LOG_LEVEL_ERROR},
	{"fatal", LOG_LEVEL_ERROR},
	{"trace", LOG_LEVEL_DEBUG},
};
static const struct name_value log_formats[] = {{"text", LOG_TEXT}, {"json", LOG_JSON}};
static const struct name_value managers[] = {
	{"cgroupfs", CGROUP_MANAGER_CGROUPFS},
	{"systemd", CGROUP_MANAGER_SYSTEMD},
	{"disabled", CGROUP_MANAGER_DISABLED},
};

static int look_up(const struct name_value *table, size_t n, const char *option, const char *value,
		   uint64_t *ret, struct err *e)
{
	const struct name_value *hit = table_find_n(table, n, value);

	if (!hit)
		return refuse(e, EINVAL, "%s: unknown value \"%s\"", option, value);
	*ret = hit->value;
	return 0;
}
#define LOOK_UP(table, option, value, ret, e)                                                      \
	look_up(table, ARRAY_SIZE(table), option, value, ret, e)

static int parse_rootless(const char *value, enum rootless *ret, struct err *e)
{
	bool yes = false;

	if (streq(value, "auto"))
		*ret = ROOTLESS_AUTO;
	else if (cli_boolean(value, &yes) == 0)
		*ret = yes ? ROOTLESS_YES : ROOTLESS_NO;
	else
		return refuse(e, EINVAL, "--rootless: unknown value \"%s\"", value);
	return 0;
}

/* Root of the machine, or of a user namespace that has a /run of its own, as a system container
 * does: there is where root's containers are. One call tells in nearly all cases. */
static bool has_roots_place(const struct cli *cli, bool has_dir)
{
	if (geteuid() != 0)
		return false;
	if (!has_dir && (access("/run", W_OK) == 0 || rootless_in_initial_userns()))
		return true;
	return !runtime_is_rootless(&cli->rt);
}

/* Where containers are when nobody says: a user's are below the directory that is his own. */
static int default_root(struct cli *cli, struct err *e)
{
	static char path[PATH_MAX];
	const char *dir = getenv("XDG_RUNTIME_DIR");
	bool has_dir = dir && *dir == '/';
	int n;

	cli->rt.root = CEDE_DEFAULT_ROOT;
	if (has_roots_place(cli, has_dir))
		return 0;
	if (has_dir)
		n = snprintf(path, sizeof(path), "%s/cede", dir);
	else
		n = snprintf(path, sizeof(path), "/run/user/%u/cede", rootless_uid());
	cli->rt.root_is_guess = !has_dir;
	cli->rt.root_is_users = true;
	if (n < 0 || (size_t)n >= sizeof(path))
		return refuse(e, ENAMETOOLONG, "XDG_RUNTIME_DIR is too long");
	cli->rt.root = path;
	return 0;
}

static int apply_globals(struct cli *cli, const struct global_options *g, struct err *e)
{
	uint64_t manager = CGROUP_MANAGER_CGROUPFS, level = LOG_LEVEL_WARNING, format = LOG_TEXT;
	int rc = 0;

	if (g->cgroup_manager)
		rc = LOOK_UP(managers, "--cgroup-manager", g->cgroup_manager, &manager, e);
	if (rc == 0 && g->log_level)
		rc = LOOK_UP(log_levels, "--log-level", g->log_level, &level, e);
	if (rc == 0 && g->log_format)
		rc = LOOK_UP(log_formats, "--log-format", g->log_format, &format, e);
	if (rc == 0 && g->rootless)
		rc = parse_rootless(g->rootless, &cli->rt.rootless, e);
	if (rc < 0)
		return rc;
	cli->rt.cgroup_manager = (enum cgroup_manager)manager;
	cli->rt.debug = g->debug;
	cli->log = (struct log_opts){
		.file = g->log,
		.format = (enum log_format)format,
		.level = g->debug ? LOG_LEVEL_DEBUG : (enum log_level)level,
	};
	if (g->root && *g->root && g->root[0] != '/') {
		static char absolute[PATH_MAX];
		char cwd[PATH_MAX];

		if (!getcwd(cwd, sizeof(cwd)))
			return fail(e, errno, "--root %s: current directory", g->root);
		if (snprintf(absolute, sizeof(absolute), "%s/%s", cwd, g->root) >=
		    (int)sizeof(absolute))
			return fail(e, ENAMETOOLONG, "--root %s", g->root);
		cli->rt.root = absolute;
		return 0;
	}
	cli->rt.root = g->root;
	return g->root && *g->root ? 0 : default_root(cli, e);
}

static int parse_globals(struct cli *cli, int argc, char **argv, struct global_options *g,
			 struct err *e)
{
	const struct opt opts[] = {
		{"root", 0, OPT_STRING, &g->root, "DIR", NULL},
		{"log", 0, OPT_STRING, &g->log, "FILE", NULL},
		{"log-format", 0, OPT_STRING, &g->log_format, "FORMAT", NULL},
		{"log-level", 0, OPT_STRING, &g->log_level, "LEVEL", NULL},
		{"debug", 0, OPT_FLAG, &g->debug, NULL, NULL},
		{"systemd-cgroup", 0, OPT_SAYS, &g->cgroup_manager, "systemd", NULL},
		{"cgroup-manager", 0, OPT_STRING, &g->cgroup_manager, "NAME", NULL},
		{"rootless", 0, OPT_STRING, &g->rootless, "VALUE", NULL},
		{"criu", 0, OPT_IGNORE_VALUE, NULL, "FILE", NULL}, /* runc 1.0's; found in PATH */
		{"version", 'v', OPT_FLAG, &g->version, NULL, NULL},
		{"help", 'h', OPT_FLAG, &g->help, NULL, NULL},
		{0},
	};
	const char *slash = strrchr(argv[0], '/');
	int first;

	cli->program = slash ? slash + 1 : argv[0];
	first = cli_options(&self, opts, argc, argv, e);
	if (first < 0)
		return first;
	return apply_globals(cli, g, e) < 0 ? -EINVAL : first;
}

/* An engine reads it in the log, as far as we know already where that is. */
static int usage_error(struct cli *cli, const struct global_options *g, const struct err *e)
{
	struct err own;

	cli->log.file = g->log;
	if (g->log_format && streq(g->log_format, "json"))
		cli->log.format = LOG_JSON;
	if (log_open(&cli->log, &own) < 0)
		log_error(&own);
	log_error(e);
	log_close(true);
	return 1;
}

/* A full disk or a closed pipe behind stdout is a failure like any other. */
static int end_output(void)
{
	struct err e = ERR_INIT;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	(void)fail(&e, errno, "write to standard output"); /* only for its text */
	log_error(&e);
	return 1;
}

static int run_verb(struct cli *cli, const struct verb *verb, int argc, char **argv)
{
	struct err e = ERR_INIT;
	int rc;

	if (verb->enters && self_protect(cli->argv, &e) < 0) {
		log_error(&e);
		return 1;
	}
	if (log_open(&cli->log, &e) < 0) {
		log_error(&e);
		return 1;
	}
	rc = verb->run(cli, argc, argv, &e);
	if (rc == CLI_HELP_SHOWN)
		rc = 0;
	if (rc < 0) {
		log_error(&e);
		rc = e.exit_status ? e.exit_status : 1;
		log_close(true);
		return rc;
	}
	log_close(false);
	return end_output() ? 1 : rc;
}

/* `cede help [COMMAND]` */
static int run_help(struct cli *cli, int argc, char **argv)
{
	char option[] = "--help";
	const struct verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;

	if (verb)
		return run_verb(cli, verb, 2, (char *[]){argv[1], option, NULL});
	print_help();
	return end_output();
}

/* A caller may have closed 0, 1 or 2. The next file that is opened would get such a number, and
 * with it what is meant for a terminal; the program in a container would get it, too. */
static bool have_stdio(void)
{
	const int flags = O_RDWR | O_NOCTTY; /* not O_CLOEXEC: whoever we execute wants them, too */

	struct pollfd p[] = {{.fd = STDIN_FILENO}, {.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};

	if (poll(p, ARRAY_SIZE(p), 0) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(p); i++)
		if (p[i].revents & POLLNVAL && open("/dev/null", flags) != p[i].fd)
			return false;
	return true;
}

/* What is parsed is a copy: a process that shows in a container overwrites what everybody there
 * could read (runtime/self.h). There until we end. */
static char **copy_arguments(int argc, char **argv)
{
	char **copy = calloc((size_t)argc + 1, sizeof(*copy));

	for (int i = 0; copy && i < argc; i++) {
		copy[i] = strdup(argv[i]);
		if (!copy[i])
			return NULL;
	}
	return copy;
}

int main(int argc, char **argv)
{
	struct cli cli = {.rt.root = CEDE_DEFAULT_ROOT, .program = "cede"};
	struct global_options g = {0};
	struct err e = ERR_INIT;
	const struct verb *verb;
	int first;

	if (argc < 1 || !have_stdio())
		return 1;
	cli.argv = argv;
	argv = copy_arguments(argc, argv);
	if (!argv)
		return 1;
	first = parse_globals(&cli, argc, argv, &g, &e);
	if (first < 0)
		return usage_error(&cli, &g, &e);
	if (g.version) {
		print_version(&cli);
		return end_output();
	}
	if (g.help || first == argc) {
		print_help();
		return end_output() || !g.help;
	}
	if (streq(argv[first], "help"))
		return run_help(&cli, argc - first, argv + first);
	verb = find_verb(argv[first]);
	if (!verb) {
		(void)refuse(&e, EINVAL, "unknown command \"%s\"; see 'cede --help'", argv[first]);
		return usage_error(&cli, &g, &e);
	}
	return run_verb(&cli, verb, argc - first, argv + first);
}
