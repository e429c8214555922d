/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outcome as text, Markdown and JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/bench/lib/outcome.h"

#define CELL_TEXT 48

/* Figures from a machine that others kept busy prove nothing, whichever way they point. */
static const char *verdict(const struct goal *g, bool noisy)
{
	if (!g->available)
		return "not measured";
	if (noisy)
		return "not judged: noisy";
	return g->met ? "ok" : "MISSED";
}

/* "85 us", "4.1 ms", "1.2 s" */
static void time_text(double us, char *buf)
{
	if (us < 1000)
		(void)snprintf(buf, CELL_TEXT, "%.0f us", us);
	else if (us < 1e6)
		(void)snprintf(buf, CELL_TEXT, "%.*f ms", us < 1e5 ? 1 : 0, us / 1e3);
	else
		(void)snprintf(buf, CELL_TEXT, "%.1f s", us / 1e6);
}

static void text(char *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(buf, CELL_TEXT, fmt, ap); /* figures fit; a cut one is still seen */
	va_end(ap);
}

enum {
	COL_ARM,
	COL_P50,
	COL_P99,
	COL_P999,
	COL_RATIO,
	COL_WORK,
	COL_HARVEST,
	COL_YIELD,
	COL_STEP,
	COLS
};

static const char *const headings[COLS] = {
	"",	     "p50",	      "p99",	       "p99.9",		"vs alone",
	"work done", "idle CPU used", "time to yield", "p99 after step"};

static void yield_text(const struct arm_outcome *o, char *buf)
{
	if (o->steps == 0)
		text(buf, "-");
	else if (o->yielded * 100 < o->steps * 99)
		text(buf, "%zu of %zu steps", o->yielded, o->steps);
	else
		text(buf, "%.1f ms", o->yield_p99_ms);
}

static void row(const struct outcome *o, enum arm arm, char cols[COLS][CELL_TEXT])
{
	const struct arm_outcome *a = &o->arm[arm];

	text(cols[COL_ARM], "%s", arm_title(arm));
	time_text(a->p50_us, cols[COL_P50]);
	time_text(a->p99_us, cols[COL_P99]);
	time_text(a->p999_us, cols[COL_P999]);
	text(cols[COL_RATIO], arm == ARM_ALONE ? "1" : "%.2f x", a->vs_alone);
	text(cols[COL_WORK], arm == ARM_ALONE ? "-" : "%.1f MB/s", a->work_mb_per_s);
	text(cols[COL_HARVEST], arm == ARM_ALONE ? "-" : "%.0f %%", a->harvested * 100);
	yield_text(a, cols[COL_YIELD]);
	if (a->square_cells)
		time_text(a->step_p99_us, cols[COL_STEP]);
	else
		text(cols[COL_STEP], "-");
}

static void print_conditions(FILE *f, const struct outcome *o, const struct outcome_context *c)
{
	const struct machine *m = &c->lab->machine;

	(void)fprintf(f, "%s, %u of %u CPUs, Linux %s, cgroups %s\n", m->model, m->n_cpus,
		      m->online, m->kernel, m->cgroups);
	(void)fprintf(f,
		      "redis at %.0f requests/s (%.2f CPUs) steady; steps from %.0f/s to %.0f/s "
		      "(%.2f CPUs)\n",
		      c->rates->steady, c->rates->steady_cpus, c->rates->low, c->rates->high,
		      c->rates->high_cpus);
	(void)fprintf(f,
		      "medians of %u interleaved rounds; %u noisy cells %s; latency from the "
		      "intended send time; after a step: within 20 ms of it\n",
		      o->rounds, o->noisy,
		      o->is_noisy ? "(THIS MACHINE WAS TOO BUSY: some had to count)"
				  : "thrown away");
}

void outcome_print(FILE *f, const struct outcome *o, const struct outcome_context *c, bool color)
{
	struct goal g[OUTCOME_GOALS];
	size_t n = outcome_goals(o, c->cpu_controller, g);

	(void)fputc('\n', f); /* a table that cannot be shown is in result.json all the same */
	print_conditions(f, o, c);
	(void)fprintf(f, "\n%-22s %9s %9s %9s %9s %11s %14s %15s %15s\n", headings[COL_ARM],
		      headings[COL_P50], headings[COL_P99], headings[COL_P999], headings[COL_RATIO],
		      headings[COL_WORK], headings[COL_HARVEST], headings[COL_YIELD],
		      headings[COL_STEP]);
	for (int a = 0; a < ARMS; a++) {
		char v[COLS][CELL_TEXT];

		if (o->arm[a].cells == 0)
			continue;
		row(o, (enum arm)a, v);
		(void)fprintf(f, "%s%-22s %9s %9s %9s %9s %11s %14s %15s %15s%s\n",
			      color && a == ARM_CEDE ? "\033[1m" : "", v[COL_ARM], v[COL_P50],
			      v[COL_P99], v[COL_P999], v[COL_RATIO], v[COL_WORK], v[COL_HARVEST],
			      v[COL_YIELD], v[COL_STEP], color && a == ARM_CEDE ? "\033[0m" : "");
	}
	(void)fputc('\n', f);
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(f, "  %-40s %8.2f%s (goal: at %s %g%s) %s\n", g[i].what, g[i].value,
			      g[i].unit, g[i].at_least ? "least" : "most", g[i].limit, g[i].unit,
			      verdict(&g[i], o->is_noisy));
	}
}

void outcome_markdown(FILE *f, const struct outcome *o, const struct outcome_context *c)
{
	struct goal g[OUTCOME_GOALS];
	size_t n = outcome_goals(o, c->cpu_controller, g);

	print_conditions(f, o, c);
	(void)fputs("\n|", f);
	for (int i = 0; i < COLS; i++)
		(void)fprintf(f, " %s |", headings[i]);
	(void)fputs(" p99, lowest to highest cell | square wave p99 | yield p50 / max |\n|", f);
	for (int i = 0; i < COLS + 3; i++)
		(void)fputs(i == 0 ? "---|" : "--:|", f);
	(void)fputc('\n', f);
	for (int a = 0; a < ARMS; a++) {
		const struct arm_outcome *m = &o->arm[a];
		char v[COLS][CELL_TEXT], low[CELL_TEXT], high[CELL_TEXT], square[CELL_TEXT];

		if (m->cells == 0)
			continue;
		row(o, (enum arm)a, v);
		time_text(m->p99_low_us, low);
		time_text(m->p99_high_us, high);
		time_text(m->square_p99_us, square);
		(void)fputc('|', f);
		for (int i = 0; i < COLS; i++)
			(void)fprintf(f, " %s |", v[i]);
		(void)fprintf(f, " %s to %s | %s |", low, high, m->square_cells ? square : "-");
		if (m->steps)
			(void)fprintf(f, " %.1f / %.1f ms |\n", m->yield_p50_ms, m->yield_max_ms);
		else
			(void)fputs(" - |\n", f);
	}
	(void)fputs("\n| goal | wanted | measured | |\n|---|--:|--:|---|\n", f);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(f, "| %s | at %s %g%s | %.2f%s | %s |\n", g[i].what,
			      g[i].at_least ? "least" : "most", g[i].limit, g[i].unit, g[i].value,
			      g[i].unit, verdict(&g[i], o->is_noisy));
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static void json_arm(struct json_writer *w, enum arm arm, const struct arm_outcome *a)
{
	json_w_object(w, arm_name(arm));
	json_w_string(w, "title", arm_title(arm));
	json_w_u64(w, "cells", a->cells);
	json_w_double(w, "p50_us", a->p50_us, 1);
	json_w_double(w, "p99_us", a->p99_us, 1);
	json_w_double(w, "p99_lowest_us", a->p99_low_us, 1);
	json_w_double(w, "p99_highest_us", a->p99_high_us, 1);
	json_w_double(w, "p999_us", a->p999_us, 1);
	json_w_double(w, "p99_vs_alone", a->vs_alone, 4);
	json_w_double(w, "p99_vs_uncontrolled", a->vs_uncontrolled, 4);
	json_w_u64(w, "pairs", a->pairs);
	json_w_double(w, "work_mb_per_s", a->work_mb_per_s, 3);
	json_w_double(w, "secondary_cpus", a->secondary_cpus, 4);
	json_w_double(w, "harvested_share", a->harvested, 4);
	json_w_double(w, "launcher_cpus", a->launcher_cpus, 5);
	json_w_u64(w, "launcher_rss_kib", a->launcher_rss_kib);
	json_w_double(w, "square_p99_us", a->square_p99_us, 1);
	json_w_double(w, "after_step_p99_us", a->step_p99_us, 1);
	json_w_u64(w, "steps", a->steps);
	json_w_u64(w, "steps_yielded", a->yielded);
	if (a->steps) {
		json_w_double(w, "yield_ms_p50", a->yield_p50_ms, 3);
		json_w_double(w, "yield_ms_p99", a->yield_p99_ms, 3);
		json_w_double(w, "yield_ms_max", a->yield_max_ms, 3);
	}
	json_w_end_object(w);
}

static void json_cell(struct json_writer *w, const struct cell *c)
{
	json_w_object(w, NULL);
	json_w_string(w, "arm", arm_name(c->arm));
	json_w_string(w, "kind", c->kind == CELL_SQUARE ? "square" : "steady");
	json_w_u64(w, "round", c->round);
	json_w_u64(w, "attempt", c->attempt);
	json_w_bool(w, "noisy", c->noisy);
	if (c->noisy)
		json_w_string(w, "noise", c->noise);
	json_w_double(w, "p99_us", c->p99_us, 1);
	json_w_double(w, "seconds", c->seconds, 3);
	json_w_double(w, "idle_before", c->idle_before, 4);
	json_w_double(w, "idle_cpus", c->idle_cpus, 4);
	json_w_double(w, "steal_share", c->steal_share, 5);
	json_w_double(w, "incumbent_cpus", c->incumbent_cpus, 4);
	json_w_double(w, "secondary_cpus", c->secondary_cpus, 4);
	json_w_double(w, "launcher_cpus", c->launcher_cpus, 5);
	json_w_double(w, "foreign_cpus", c->foreign_cpus, 4);
	json_w_u64(w, "work_bytes", c->work_bytes);
	json_w_value(w, "generator", c->report);
	json_w_end_object(w);
}

static void json_goals(struct json_writer *w, const struct outcome *o, bool cpu_controller)
{
	struct goal g[OUTCOME_GOALS];
	size_t n = outcome_goals(o, cpu_controller, g);

	json_w_array(w, "goals");
	for (size_t i = 0; i < n; i++) {
		json_w_object(w, NULL);
		json_w_string(w, "what", g[i].what);
		json_w_double(w, g[i].at_least ? "at_least" : "at_most", g[i].limit, 3);
		if (g[i].available)
			json_w_double(w, "measured", g[i].value, 4);
		json_w_bool(w, "met", g[i].met);
		json_w_bool(w, "judged", g[i].available && !o->is_noisy);
		json_w_end_object(w);
	}
	json_w_end_array(w);
}

int outcome_write_json(const char *path, const struct outcome *o, const struct outcome_context *c,
		       struct err *e)
{
	const struct arm_outcome *cede = &o->arm[ARM_CEDE];
	struct json_writer w = {.indent = true};
	int r;

	json_w_object(&w, NULL);
	json_w_double(&w, "p99_alone", o->arm[ARM_ALONE].p99_us, 1);
	json_w_double(&w, "p99_uncontrolled", o->arm[ARM_UNCONTROLLED].p99_us, 1);
	json_w_double(&w, "p99_cede", cede->p99_us, 1);
	json_w_double(&w, "p99_ratio_to_alone", cede->vs_alone, 4);
	json_w_double(&w, "p99_ratio_to_uncontrolled", cede->vs_uncontrolled, 4);
	/* More than all of it is noise between the cells of a pair; the raw ratio is in the arms.
	 */
	json_w_double(&w, "harvested_share", MIN(cede->harvested, 1.0), 4);
	json_w_double(&w, "yield_ms_p99", cede->yield_p99_ms, 3);
	json_w_u64(&w, "yield_steps", cede->steps);
	json_w_u64(&w, "rounds", o->rounds);
	json_w_u64(&w, "noisy_cells", o->noisy);
	json_w_bool(&w, "noisy", o->is_noisy);
	json_w_double(&w, "seconds", c->seconds, 1);
	json_w_object(&w, "machine");
	machine_report(&w, &c->lab->machine);
	json_w_end_object(&w);
	json_w_object(&w, "load");
	json_w_double(&w, "steady_rate", c->rates->steady, 1);
	json_w_double(&w, "low_rate", c->rates->low, 1);
	json_w_double(&w, "high_rate", c->rates->high, 1);
	json_w_u64(&w, "secondary_workers", c->lab->cfg.workers);
	json_w_u64(&w, "corpus_bytes", c->lab->corpus_bytes);
	json_w_end_object(&w);
	json_goals(&w, o, c->cpu_controller);
	json_w_object(&w, "arms");
	for (int a = 0; a < ARMS; a++)
		if (o->arm[a].cells || o->arm[a].square_cells)
			json_arm(&w, (enum arm)a, &o->arm[a]);
	json_w_end_object(&w);
	json_w_array(&w, "cells");
	for (size_t i = 0; i < c->cells->n; i++)
		json_cell(&w, &c->cells->v[i]);
	json_w_end_array(&w);
	json_w_end_object(&w);
	strbuf_adds(&w.sb, "\n");
	r = w.sb.oom ? fail(e, ENOMEM, "%s", path)
		     : file_write_atomic(AT_FDCWD, path, w.sb.buf, w.sb.len, 0644, e);
	strbuf_free(&w.sb);
	return r;
}
