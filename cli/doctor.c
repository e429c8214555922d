/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"

#define WIDTH_MIN 60
#define WIDTH_MAX 110
/* Name and verdict stand in columns before what was found. */
#define NAME_WIDTH 20
#define VERDICT_WIDTH 9

/* Words of `text` into lines that end before `width`; those behind the first are indented. */
static void wrap(struct strbuf *sb, const char *text, size_t indent, size_t width)
{
	size_t column = indent;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > indent && column + 1 + len > width) {
			strbuf_addf(sb, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			strbuf_add(sb, " ", 1);
			column++;
		}
		strbuf_add(sb, text, len);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	strbuf_add(sb, "\n", 1);
}

static void add_names(struct strbuf *sb, const struct host *h, enum host_verdict v)
{
	const char *comma = "";

	for (size_t i = 0; i < h->n; i++) {
		if (h->facts[i].verdict != v)
			continue;
		strbuf_addf(sb, "%s%s", comma, h->facts[i].name);
		comma = ", ";
	}
}

static void add_summary(struct strbuf *sb, const struct host *h, size_t width)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	const char *service = host_service(h);

	if (streq(service, "none")) {
		strbuf_adds(&line, "cede cannot work on this host: ");
		add_names(&line, h, HOST_FATAL);
	} else if (streq(service, "reduced")) {
		strbuf_adds(&line, "This host works with reduced enforcement: ");
		add_names(&line, h, HOST_LIMITED);
	} else {
		strbuf_adds(&line, "This host gives full service");
	}
	strbuf_adds(&line, ".");
	strbuf_add(sb, "\n", 1);
	wrap(sb, strbuf_str(&line), 0, width);
}

void doctor_table(const struct host *h, size_t width, struct strbuf *sb)
{
	const size_t indent = NAME_WIDTH + VERDICT_WIDTH;

	for (size_t i = 0; i < h->n; i++) {
		const struct host_fact *f = &h->facts[i];

		strbuf_addf(sb, "%-*s%-*s", NAME_WIDTH, f->name, VERDICT_WIDTH,
			    host_verdict_name(f->verdict));
		wrap(sb, f->value, indent, width);
		if (*f->costs) {
			strbuf_addf(sb, "%*s", (int)indent, "");
			wrap(sb, f->costs, indent, width);
		}
	}
	add_summary(sb, h, width);
}

void doctor_json(const struct host *h, struct strbuf *sb)
{
	struct json_writer w = {.indent = true};

	json_w_object(&w, NULL);
	json_w_bool(&w, "usable", host_usable(h));
	json_w_string(&w, "service", host_service(h));
	json_w_array(&w, "facts");
	for (size_t i = 0; i < h->n; i++) {
		json_w_object(&w, NULL);
		json_w_string(&w, "name", h->facts[i].name);
		json_w_string(&w, "verdict", host_verdict_name(h->facts[i].verdict));
		json_w_string(&w, "value", h->facts[i].value);
		json_w_string(&w, "costs", h->facts[i].costs);
		json_w_end_object(&w);
	}
	json_w_end_array(&w);
	json_w_end_object(&w);
	strbuf_free(sb);
	*sb = w.sb;
	strbuf_add(sb, "\n", 1);
}

/* What the alarm says when a probe takes longer than two seconds: made before, because a signal
 * handler may do little more than write(2). */
static char waiting[128];

static void on_alarm(int signal)
{
	(void)signal;
	(void)!write(STDERR_FILENO, waiting, strlen(waiting)); /* nobody to tell */
}

static void progress(const char *what, void *arg)
{
	struct itimerval two_seconds = {.it_value.tv_sec = what ? 2 : 0};

	(void)arg;
	if (what)
		(void)snprintf(waiting, sizeof(waiting), "cede: still at it: %s ...\n", what);
	(void)setitimer(ITIMER_REAL, &two_seconds, NULL); /* a constant that is valid */
}

/* A terminal's width; 80 elsewhere, so that files and pipes look the same everywhere. */
static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return 80;
	return CLAMP((size_t)size.ws_col, (size_t)WIDTH_MIN, (size_t)WIDTH_MAX);
}

static int run(struct cli *cli, int argc, char **argv, struct err *e)
{
	bool json = false, counters = false;
	const struct opt opts[] = {
		{"json", 0, OPT_FLAG, &json, NULL, "print one JSON object"},
		{"probe-counters", 0, OPT_FLAG, &counters, NULL,
		 "also measure what the kernel's counters can resolve (one second)"},
		{0},
	};
	const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct host_opts o = {
		.state_root = cli->rt.root,
		.environ = environ,
		.programs = true,
		.progress = progress,
	};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct host h;
	int first = cli_options(&verb_doctor, opts, argc, argv, e);
	int rc = first < 0 ? first : cli_operands(&verb_doctor, argc, first, 0, 0, e);

	if (rc < 0)
		return rc;
	(void)sigaction(SIGALRM, &action, NULL); /* cannot fail for this signal */
	o.counters = counters;
	host_probe(&o, &h);
	if (json)
		doctor_json(&h, &text);
	else
		doctor_table(&h, terminal_width(), &text);
	if (text.oom)
		return fail(e, ENOMEM, "doctor");
	fputs(text.buf, stdout); /* main checks stdout */
	return host_usable(&h) ? 0 : 1;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.args = "",
	.summary = "Tell what this machine can do, and what each missing thing costs.",
	.run = run,
	.mixed = true,
};
