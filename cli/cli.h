/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `cede` command: one verb, one file, one table row.
 */
#ifndef CEDE_CLI_CLI_H
#define CEDE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "runtime/container.h"

struct cli {
	struct runtime rt;
	struct log_opts log;
	const char *program; /* argv[0]'s last component: "runc" when called through such a link */
	char **argv;	     /* the whole command line */
};

/* Where an option's value goes. */
enum opt_kind {
	OPT_FLAG,	  /* bool *: set to true; also accepts --opt=true|false */
	OPT_SAYS,	  /* const char **: stands for another option's value, which is `arg` */
	OPT_STRING,	  /* const char **: borrowed from argv */
	OPT_INT,	  /* int * */
	OPT_U64,	  /* uint64_t * */
	OPT_LIST,	  /* struct opt_list *: repeated */
	OPT_IGNORE,	  /* accepted for compatibility, without a value */
	OPT_IGNORE_VALUE, /* the same, with a value */
};

#define OPT_LIST_MAX 256
struct opt_list {
	const char *v[OPT_LIST_MAX + 1]; /* NULL-terminated */
	size_t n;
};

struct opt {
	const char *name; /* long, without dashes; NULL ends the table */
	char letter;	  /* short, or 0 */
	enum opt_kind kind;
	void *target;
	const char *arg;  /* placeholder of the value in --help, NULL for flags; OPT_SAYS: it */
	const char *help; /* one line; NULL: not shown */
};

struct verb {
	const char *name;
	const char *args;    /* "ID [SIGNAL]": usage line behind the options */
	const char *summary; /* one line for `cede --help` */
	/* Exit status of the process; on a negative return `e` is printed and the process exits
	 * with e->exit_status or 1. argv[0] is the verb's name. */
	int (*run)(struct cli *cli, int argc, char **argv, struct err *e);
	bool enters; /* a process of ours will enter a container: see runtime/self.h */
	bool mixed;  /* options may come behind operands: none of them begins a command line */
};

/*
 * Parses options in front of the operands (GNU style: --name VALUE, --name=VALUE, -n VALUE,
 * -nVALUE; also single-dash long names, -name, because go-runc sends them). Stops at "--" or the
 * first operand; if the verb takes both mixed, argv is put in order first. Returns the index of the
 * first operand, or -EINVAL; prints help and returns CLI_HELP_SHOWN for --help and -h. `verb` is
 * for usage texts.
 */
#define CLI_HELP_SHOWN -4096
int cli_options(const struct verb *verb, const struct opt *opts, int argc, char **argv,
		struct err *e);
/* Refuses a wrong number of operands, naming what is missing or too much. max < 0: no limit. */
int cli_operands(const struct verb *verb, int argc, int first, int min, int max, struct err *e);

/* "true", "1", "f" ...: as Go's programs write it (strconv.ParseBool), or -EINVAL. */
int cli_boolean(const char *text, bool *ret);
/* "15", "TERM", "SIGTERM", "RTMIN+1" -> number, or -EINVAL. */
int cli_signal(const char *name, int *ret, struct err *e);
/* 15 -> "TERM"; NULL for what has no name, like a real-time signal. */
const char *cli_signal_name(int n);

extern const struct verb verb_run, verb_create, verb_start, verb_state, verb_kill, verb_delete,
	verb_exec, verb_list, verb_ps, verb_pause, verb_resume, verb_spec, verb_features,
	verb_launch, verb_doctor, verb_update, verb_events, verb_checkpoint, verb_restore;

#endif
