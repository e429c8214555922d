/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/table.h"
#include "cli/cli.h"

static bool takes_value(const struct opt *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_SAYS && o->kind != OPT_IGNORE;
}

static void print_help(const struct verb *verb, const struct opt *opts)
{
	printf("Usage: cede %s [options]%s%s\n\n%s\n", verb->name, *verb->args ? " " : "",
	       verb->args, verb->summary);
	printf("\nOptions:\n");
	for (const struct opt *o = opts; o->name; o++) {
		char left[80];
		int n;

		if (!o->help)
			continue;
		n = o->letter ? snprintf(left, sizeof(left), "  -%c, --%s", o->letter, o->name)
			      : snprintf(left, sizeof(left), "      --%s", o->name);
		if (takes_value(o) && n > 0 && (size_t)n < sizeof(left))
			(void)snprintf(left + n, sizeof(left) - (size_t)n, " %s",
				       o->arg ? o->arg : "VALUE"); /* cut at the worst */
		printf("%-30s %s\n", left, o->help);
	}
	printf("  -h, --help                   show this help\n");
}

static const struct opt *find_long(const struct opt *opts, const char *name, size_t len)
{
	for (const struct opt *o = opts; o->name; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static const struct opt *find_letter(const struct opt *opts, char letter)
{
	for (const struct opt *o = opts; o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

/* What an error begins with, behind the program's own name: nothing for the global options. */
static const char *name_of(const struct verb *v)
{
	return streq(v->name, "cede") ? "" : v->name;
}
#define OF(v) name_of(v), *name_of(v) ? ": " : ""

static int bad_value(const struct verb *v, const struct opt *o, const char *value, const char *want,
		     struct err *e)
{
	return refuse(e, EINVAL, "%s%s--%s: expected %s, found \"%s\"", OF(v), o->name, want,
		      value);
}

/* As Go's callers write them (strconv.ParseBool). */
static const struct name_value booleans[] = {
	{"true", 1},  {"True", 1},  {"TRUE", 1},  {"t", 1}, {"T", 1}, {"1", 1},
	{"false", 0}, {"False", 0}, {"FALSE", 0}, {"f", 0}, {"F", 0}, {"0", 0},
};

int cli_boolean(const char *text, bool *ret)
{
	const struct name_value *hit = table_find(booleans, text);

	if (!hit)
		return -EINVAL;
	*ret = hit->value;
	return 0;
}

/* The last one on the command line wins; "no" takes back what it would say, and nothing else. */
static void say(const struct opt *o, bool on)
{
	const char **said = o->target;

	if (on)
		*said = o->arg;
	else if (*said && streq(*said, o->arg))
		*said = NULL;
}

static int store(const struct verb *v, const struct opt *o, const char *value, struct err *e)
{
	struct opt_list *list = o->target;
	bool on = true;

	switch (o->kind) {
	case OPT_FLAG:
	case OPT_SAYS:
	case OPT_IGNORE:
		if (value && cli_boolean(value, &on) < 0)
			return bad_value(v, o, value, "true or false", e);
		if (o->kind == OPT_FLAG)
			*(bool *)o->target = on;
		if (o->kind == OPT_SAYS)
			say(o, on);
		return 0;
	case OPT_STRING:
		*(const char **)o->target = value;
		return 0;
	case OPT_INT:
		return parse_int(value, 10, o->target) < 0 ? bad_value(v, o, value, "an integer", e)
							   : 0;
	case OPT_U64:
		return parse_u64(value, 10, o->target) < 0
			       ? bad_value(v, o, value, "a non-negative integer", e)
			       : 0;
	case OPT_LIST:
		if (list->n == OPT_LIST_MAX)
			return refuse(e, E2BIG, "%s%s--%s given more than %d times", OF(v), o->name,
				      OPT_LIST_MAX);
		list->v[list->n++] = value;
		return 0;
	case OPT_IGNORE_VALUE:
		return 0;
	}
	return refuse(e, EINVAL, "%s%s--%s: unusable option table", OF(v), o->name);
}

static int unknown_option(const struct verb *v, const char *arg, struct err *e)
{
	return refuse(e, EINVAL, "%s%sunknown option %s; see 'cede %s%s--help'", OF(v), arg,
		      name_of(v), *name_of(v) ? " " : "");
}

/* A value in the next argument. podman probes for the wording "requires an argument". */
static int need_value(const struct verb *v, const struct opt *o, int argc, int i, struct err *e)
{
	if (i + 1 < argc)
		return 0;
	return refuse(e, EINVAL, "%s%soption --%s requires an argument", OF(v), o->name);
}

/* --name, --name=value, -name (as go-runc writes). Returns how many arguments it took. */
static int long_option(const struct verb *v, const struct opt *opts, int argc, char **argv, int i,
		       struct err *e)
{
	const char *name = argv[i] + (argv[i][1] == '-' ? 2 : 1);
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct opt *o = find_long(opts, name, len);
	int rc;

	if (!o)
		return unknown_option(v, argv[i], e);
	if (equals || !takes_value(o)) {
		rc = store(v, o, equals ? equals + 1 : NULL, e);
		return rc < 0 ? rc : 1;
	}
	rc = need_value(v, o, argc, i, e);
	if (rc == 0)
		rc = store(v, o, argv[i + 1], e);
	return rc < 0 ? rc : 2;
}

/* -n VALUE, -nVALUE, -abc. Returns how many arguments it took. */
static int short_options(const struct verb *v, const struct opt *opts, int argc, char **argv, int i,
			 struct err *e)
{
	for (const char *p = argv[i] + 1; *p; p++) {
		const struct opt *o = find_letter(opts, *p);
		int rc;

		if (!o)
			return unknown_option(v, argv[i], e);
		if (!takes_value(o)) {
			bool given = p[1] == '='; /* -d=false, as Go's callers may write it */

			rc = store(v, o, given ? p + 2 : NULL, e);
			if (rc < 0 || given)
				return rc < 0 ? rc : 1;
			continue;
		}
		if (p[1]) {
			rc = store(v, o, p[1] == '=' ? p + 2 : p + 1, e);
			return rc < 0 ? rc : 1;
		}
		rc = need_value(v, o, argc, i, e);
		if (rc == 0)
			rc = store(v, o, argv[i + 1], e);
		return rc < 0 ? rc : 2;
	}
	return 1;
}

static bool is_single_dash_long(const struct opt *opts, const char *arg)
{
	const char *equals = strchr(arg, '=');
	size_t len = equals ? (size_t)(equals - arg) - 1 : strlen(arg) - 1;

	return len > 1 && find_long(opts, arg + 1, len);
}

/* One option and its value; CLI_HELP_SHOWN, or how many arguments it took. */
static int take_option(const struct verb *verb, const struct opt *opts, int argc, char **argv,
		       int i, struct err *e)
{
	const char *arg = argv[i];

	/* A table with a "help" row of its own wants to show something else. */
	if ((streq(arg, "--help") && !find_long(opts, "help", 4)) ||
	    (streq(arg, "-h") && !find_letter(opts, 'h'))) {
		print_help(verb, opts);
		return CLI_HELP_SHOWN;
	}
	if (arg[1] == '-' || is_single_dash_long(opts, arg))
		return long_option(verb, opts, argc, argv, i, e);
	return short_options(verb, opts, argc, argv, i, e);
}

/* Moves n arguments from `from` to `to`, before it; what is between goes behind them. */
static void move_ahead(char **argv, int to, int from, int n)
{
	for (int k = 0; k < n; k++) {
		char *arg = argv[from + k];

		memmove(&argv[to + k + 1], &argv[to + k], (size_t)(from - to) * sizeof(*argv));
		argv[to + k] = arg;
	}
}

/* A negative number is no option: no verb has digits for letters. */
static bool is_operand(const struct verb *verb, const char *arg)
{
	return arg[0] != '-' || !arg[1] || (verb->mixed && arg[1] >= '0' && arg[1] <= '9');
}

int cli_options(const struct verb *verb, const struct opt *opts, int argc, char **argv,
		struct err *e)
{
	int first = 1; /* the first operand so far, and behind the options */

	for (int i = 1, took; i < argc; i += took, first += took) {
		bool end;

		while (i < argc && verb->mixed && is_operand(verb, argv[i]))
			i++;
		if (i == argc || is_operand(verb, argv[i]))
			return first;
		end = streq(argv[i], "--");
		took = end ? 1 : take_option(verb, opts, argc, argv, i, e);
		if (took < 0)
			return took;
		move_ahead(argv, first, i, took);
		if (end)
			return first + 1;
	}
	return first;
}

int cli_operands(const struct verb *verb, int argc, int first, int min, int max, struct err *e)
{
	int n = argc - first;

	if (n < min)
		return refuse(e, EINVAL, "%s: missing operand; usage: cede %s [options] %s",
			      verb->name, verb->name, verb->args);
	if (max >= 0 && n > max)
		return refuse(e, EINVAL, "%s: too many operands; usage: cede %s [options]%s%s",
			      verb->name, verb->name, *verb->args ? " " : "", verb->args);
	return 0;
}

/* Names of signal(7) by number on this architecture; real-time ones are computed. */
static const struct name_value signals[] = {
	{"HUP", SIGHUP},       {"INT", SIGINT},	    {"QUIT", SIGQUIT}, {"ILL", SIGILL},
	{"TRAP", SIGTRAP},     {"ABRT", SIGABRT},   {"IOT", SIGABRT},  {"BUS", SIGBUS},
	{"FPE", SIGFPE},       {"KILL", SIGKILL},   {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},
	{"USR2", SIGUSR2},     {"PIPE", SIGPIPE},   {"ALRM", SIGALRM}, {"TERM", SIGTERM},
	{"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD},   {"CLD", SIGCHLD},  {"CONT", SIGCONT},
	{"STOP", SIGSTOP},     {"TSTP", SIGTSTP},   {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},
	{"URG", SIGURG},       {"XCPU", SIGXCPU},   {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM},
	{"PROF", SIGPROF},     {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"POLL", SIGPOLL},
	{"PWR", SIGPWR},       {"SYS", SIGSYS},
};

/* What kill(1) and systemd(1) mean by RTMIN: the first that glibc leaves to applications, whatever
 * our own library keeps for itself. Engines send plain numbers anyway. */
#define FIRST_REALTIME 34

static int realtime_signal(const char *name)
{
	const char *rest;
	int n;

	if ((rest = str_after(name, "RTMIN"))) {
		if (!*rest)
			return FIRST_REALTIME;
		if (*rest == '+' && parse_int(rest + 1, 10, &n) == 0 && n >= 0)
			return FIRST_REALTIME + n <= SIGRTMAX ? FIRST_REALTIME + n : -1;
	}
	if ((rest = str_after(name, "RTMAX"))) {
		if (!*rest)
			return SIGRTMAX;
		if (*rest == '-' && parse_int(rest + 1, 10, &n) == 0 && n >= 0)
			return SIGRTMAX - n >= FIRST_REALTIME ? SIGRTMAX - n : -1;
	}
	return -1;
}

const char *cli_signal_name(int n)
{
	return table_name_n(signals, ARRAY_SIZE(signals), (uint64_t)n);
}

int cli_signal(const char *name, int *ret, struct err *e)
{
	const struct name_value *hit;
	char upper[16];
	const char *plain;
	size_t len = strlen(name);
	int n;

	if (parse_int(name, 10, &n) == 0) {
		if (n < 0 || n > SIGRTMAX)
			return refuse(e, EINVAL, "unknown signal %s: expected 0 to %d or a name",
				      name, SIGRTMAX);
		*ret = n;
		return 0;
	}
	if (len >= sizeof(upper))
		return refuse(e, EINVAL, "unknown signal \"%s\"", name);
	for (size_t i = 0; i <= len; i++)
		upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32) : name[i];
	plain = str_after(upper, "SIG");
	if (!plain)
		plain = upper;
	hit = table_find(signals, plain);
	n = hit ? (int)hit->value : realtime_signal(plain);
	if (n < 0)
		return refuse(e, EINVAL, "unknown signal \"%s\"", name);
	*ret = n;
	return 0;
}
