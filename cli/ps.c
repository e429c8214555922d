/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/spawn.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/ps.h"

#define PS_OUTPUT_MAX (8u << 20)
#define PS_TIMEOUT_MS 10000

static int print_json(const pid_t *pids, size_t n, struct err *e)
{
	struct json_writer w = {0};
	int rc = 0;

	json_w_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		json_w_i64(&w, NULL, pids[i]);
	json_w_end_array(&w);
	if (w.sb.oom)
		rc = fail(e, ENOMEM, "ps");
	else
		(void)puts(strbuf_str(&w.sb)); /* main checks stdout */
	strbuf_free(&w.sb);
	return rc;
}

static bool is_member(const pid_t *pids, size_t n, int pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* Which column of ps' header is PID; -1: none. */
static int pid_column(char *header)
{
	char *save = NULL;
	int column = 0;

	for (char *t = strtok_r(header, " ", &save); t; t = strtok_r(NULL, " ", &save), column++)
		if (streq(t, "PID"))
			return column;
	return -1;
}

static int pid_of_line(const char *line, int column)
{
	_cleanup_free_ char *copy = strdup(line);
	char *save = NULL, *t;
	int pid;

	t = copy ? strtok_r(copy, " ", &save) : NULL;
	while (t && column-- > 0)
		t = strtok_r(NULL, " ", &save);
	return t && parse_int(t, 10, &pid) == 0 ? pid : -1;
}

int ps_filter(char *text, const pid_t *pids, size_t n, struct strbuf *out, struct err *e)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);
	_cleanup_free_ char *header = line ? strdup(line) : NULL;
	int column = header ? pid_column(header) : -1;

	if (column < 0)
		return refuse(e, EINVAL, "ps: the output of ps(1) has no PID column; add -o pid");
	strbuf_addf(out, "%s\n", line);
	while ((line = strtok_r(NULL, "\n", &save)))
		if (is_member(pids, n, pid_of_line(line, column)))
			strbuf_addf(out, "%s\n", line);
	return out->oom ? fail(e, ENOMEM, "ps") : 0;
}

static int print_table(const pid_t *pids, size_t n, char **extra, struct err *e)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char locale[] = "LC_ALL=C", name[] = "ps", all[] = "-ef";
	static char *const env[] = {path, locale, NULL};
	char *argv[64] = {name, all, NULL};
	struct spawn s = {
		.path = "ps",
		.argv = argv,
		.envp = env,
		.output_limit = PS_OUTPUT_MAX,
		.timeout_ms = PS_TIMEOUT_MS,
	};
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct spawn_result r = {0};
	int rc;

	for (size_t i = 0; extra[i]; i++) {
		if (i + 2 >= ARRAY_SIZE(argv))
			return refuse(e, E2BIG, "ps: too many arguments for ps(1)");
		argv[i + 1] = extra[i];
		argv[i + 2] = NULL;
	}
	rc = spawn_run(&s, &r, e);
	if (rc == 0 && r.status != 0)
		rc = refuse(e, EIO, "ps: ps(1) failed: %s", r.output ? r.output : "");
	if (rc == 0 && r.output)
		rc = ps_filter(r.output, pids, n, &out, e);
	if (rc == 0)
		(void)fputs(strbuf_str(&out), stdout); /* main checks stdout */
	free(r.output);
	return rc;
}

static int run_ps(struct cli *cli, int argc, char **argv, struct err *e)
{
	const char *format = "table";
	const struct opt opts[] = {
		{"format", 'f', OPT_STRING, &format, "table|json",
		 "ps(1) table, or an array of process ids"},
		{0},
	};
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	int first, rc;

	first = cli_options(&verb_ps, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_ps, argc, first, 1, -1, e);
	if (rc < 0)
		return rc;
	if (!streq(format, "json") && !streq(format, "table"))
		return refuse(e, EINVAL, "ps: --format: expected table or json, found \"%s\"",
			      format);
	rc = container_pids(&cli->rt, argv[first], &pids, &n, e);
	if (rc < 0)
		return rc;
	if (streq(format, "json"))
		return print_json(pids, n, e);
	return print_table(pids, n, argv + first + 1, e);
}

const struct verb verb_ps = {
	.name = "ps",
	.args = "ID [PS-OPTION...]",
	.summary = "Show the processes in a container",
	.run = run_ps,
};
