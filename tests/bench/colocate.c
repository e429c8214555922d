/* SPDX-License-Identifier: Apache-2.0 */
/*
 * colocate: the measurement behind `make demo` and `make bench`: a redis server under an open-loop
 * load, alone and with a secondary beside it that is run in several ways, in interleaved rounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "tests/bench/lib/number.h"
#include "tests/bench/lib/outcome.h"
#include "tests/bench/lib/path.h"
#include "tests/bench/lib/progress.h"
#include "tests/bench/lib/timeline.h"

#define MAX_ATTEMPTS 3

struct colocate {
	struct lab_config lab_cfg;
	struct lab lab;
	struct rates rates;
	struct noise_limits limits;
	const char *out, *markdown, *sweep;
	uint32_t rounds, steady_ms, square_ms, low_ms, high_ms, warmup_ms, connections;
	uint32_t budget_s; /* 0: no limit */
	bool all_squares;  /* every arm in every round */
	bool arm[ARMS];
	bool alone_square; /* one good cell of it is there */
	struct progress progress;
	struct cells cells;
	uint64_t start_ns;
	uint64_t overhead_ns; /* of a cell beside its load; the largest seen */
};

/* --- time --------------------------------------------------------------------------------------
 */

static uint64_t cell_ns(const struct colocate *c, enum cell_kind kind)
{
	uint64_t load = c->warmup_ms + (kind == CELL_STEADY ? c->steady_ms : c->square_ms);

	return load * NSEC_PER_MSEC + c->overhead_ns;
}

/* Alone and uncontrolled are there to be seen. */
static bool has_square(const struct colocate *c, enum arm arm, unsigned round)
{
	if (!c->arm[arm])
		return false;
	if (c->all_squares || arm == ARM_CEDE)
		return true;
	if (arm == ARM_ALONE)
		return !c->alone_square;
	return arm == ARM_UNCONTROLLED && round % 2 == 1;
}

static uint64_t round_ns(const struct colocate *c, unsigned round)
{
	uint64_t sum = 0;

	for (int a = 0; a < ARMS; a++) {
		sum += c->arm[a] ? cell_ns(c, CELL_STEADY) : 0;
		sum += has_square(c, (enum arm)a, round) ? cell_ns(c, CELL_SQUARE) : 0;
	}
	return sum;
}

/* What is left of the time when everything planned from `round` on is done; 0 if nothing. */
static uint64_t spare_ns(const struct colocate *c, unsigned round)
{
	uint64_t need = now_ns() - c->start_ns, have = c->budget_s * NSEC_PER_SEC;

	if (c->budget_s == 0)
		return UINT64_MAX;
	for (; round <= c->rounds; round++)
		need += round_ns(c, round);
	return need < have ? have - need : 0;
}

/* --- cells -------------------------------------------------------------------------------------
 */

static void say_cell(struct colocate *c, const struct cell *cell)
{
	char yield[48] = "";

	if (cell->n_yields > 0)
		(void)snprintf(yield, sizeof(yield), "  yielded at %zu of %zu steps", cell->yielded,
			       cell->n_yields);
	progress_line(&c->progress,
		      "round %u  %-22s %-11s p50 %5.0f us  p99 %7.0f us  job %4.2f CPUs%s%s%s",
		      cell->round, arm_title(cell->arm),
		      cell->kind == CELL_STEADY ? "steady" : "square wave", cell->p50_us,
		      cell->p99_us, cell->secondary_cpus, yield, cell->noisy ? "  NOISY: " : "",
		      cell->noise);
}

static int one_cell(struct colocate *c, enum arm arm, enum cell_kind kind, unsigned round,
		    unsigned attempt, struct err *e)
{
	struct cell_load load = {
		.kind = kind,
		.rate = kind == CELL_STEADY ? c->rates.steady : c->rates.low,
		.high_rate = c->rates.high,
		.low_ms = c->low_ms,
		.high_ms = c->high_ms,
		.duration_ms = kind == CELL_STEADY ? c->steady_ms : c->square_ms,
		.warmup_ms = c->warmup_ms,
		.connections = c->connections,
		.seed = round, /* the same arrivals for all arms of a round */
	};
	struct noise_limits limits = c->limits;
	struct cell *cell = &c->cells.v[c->cells.n];
	uint64_t spare = spare_ns(c, round + 1), start = now_ns(), took;
	int r;

	if (c->cells.n == OUTCOME_MAX_CELLS)
		return refuse(e, E2BIG, "more than %d cells", OUTCOME_MAX_CELLS);
	if (spare / NSEC_PER_MSEC / 4 < limits.wait_ms)
		limits.wait_ms = (unsigned)(spare / NSEC_PER_MSEC / 4);
	progress_begin(&c->progress, "round %u of %u: %s, %s", round, c->rounds, arm_title(arm),
		       kind == CELL_STEADY ? "steady" : "square wave");
	r = cell_run(&c->lab, arm, &load, &limits, progress_step, &c->progress, cell, e);
	if (r < 0)
		return err_context(e, r, "%s, %s", arm_title(arm),
				   kind == CELL_STEADY ? "steady" : "square wave");
	took = now_ns() - start - (load.duration_ms + load.warmup_ms) * NSEC_PER_MSEC;
	if (took > c->overhead_ns && took < 2 * NSEC_PER_SEC)
		c->overhead_ns = took;
	cell->round = round;
	cell->attempt = attempt;
	c->cells.n++;
	say_cell(c, cell);
	return 0;
}

/* Again while it is noisy, a bounded number of times, and only while there is time to spare. */
static int quiet_cell(struct colocate *c, enum arm arm, enum cell_kind kind, unsigned round,
		      struct err *e)
{
	for (unsigned attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
		int r = one_cell(c, arm, kind, round, attempt, e);

		if (r < 0 || !c->cells.v[c->cells.n - 1].noisy)
			return r;
		if (spare_ns(c, round + 1) < 2 * cell_ns(c, kind))
			return 0;
	}
	return 0;
}

static int run_round(struct colocate *c, unsigned round, struct err *e)
{
	/* The order rotates, so that slow changes of the machine hit all arms alike. */
	for (unsigned i = 0; i < ARMS; i++) {
		enum arm arm = (enum arm)((i + round - 1) % ARMS);
		int r = c->arm[arm] ? quiet_cell(c, arm, CELL_STEADY, round, e) : 0;

		if (r < 0)
			return r;
	}
	for (int a = 0; a < ARMS; a++) {
		int r;

		if (!has_square(c, (enum arm)a, round))
			continue;
		r = quiet_cell(c, (enum arm)a, CELL_SQUARE, round, e);
		if (r < 0)
			return r;
		if (a == ARM_ALONE)
			c->alone_square = !c->cells.v[c->cells.n - 1].noisy;
	}
	return 0;
}

static int run_rounds(struct colocate *c, struct err *e)
{
	int r = 0;

	for (unsigned round = 1; r == 0 && round <= c->rounds; round++) {
		uint64_t spent = now_ns() - c->start_ns;

		if (c->budget_s && round > 1 &&
		    spent + round_ns(c, round) > c->budget_s * NSEC_PER_SEC) {
			progress_line(&c->progress, "time is up: %u rounds instead of %u",
				      round - 1, c->rounds);
			break;
		}
		r = run_round(c, round, e);
	}
	return r;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static int report(struct colocate *c, struct err *e)
{
	struct outcome o;
	struct outcome_context ctx = {
		.lab = &c->lab,
		.rates = &c->rates,
		.cells = &c->cells,
		.cpu_controller = arm_is_possible(&c->lab, ARM_CPU_IDLE, NULL),
		.seconds = (double)(now_ns() - c->start_ns) / 1e9,
	};
	char path[PATH_BASE_MAX + 32];
	FILE *f;
	int r;

	outcome_make(&c->cells, &o);
	progress_clear(&c->progress);
	outcome_print(stdout, &o, &ctx, c->progress.color && isatty(STDOUT_FILENO));
	path_set(path, sizeof(path), "%s/result.json", c->out);
	r = outcome_write_json(path, &o, &ctx, e);
	if (r == 0) {
		printf("\n%s\n", path);
		path_set(path, sizeof(path), "%s/timeline.svg", c->out);
		r = timeline_write(path, &ctx, e);
	}
	if (r == 0)
		printf("%s\n", path);
	if (r < 0 || !c->markdown)
		return r;
	f = fopen(c->markdown, "we");
	if (!f)
		return fail(e, errno, "create %s", c->markdown);
	outcome_markdown(f, &o, &ctx);
	return fclose(f) == 0 ? 0 : fail(e, errno, "write %s", c->markdown);
}

static int check_arms(struct colocate *c)
{
	for (int a = 0; a < ARMS; a++) {
		struct err why = ERR_INIT;

		if (!c->arm[a] || arm_is_possible(&c->lab, (enum arm)a, &why))
			continue;
		c->arm[a] = false;
		progress_line(&c->progress, "left out: %s: %s", arm_title((enum arm)a), why.msg);
	}
	return 0;
}

static int measure(struct colocate *c, struct err *e)
{
	int r;

	c->start_ns = now_ns();
	c->overhead_ns = 700 * NSEC_PER_MSEC;
	progress_begin(&c->progress, "starting redis");
	r = lab_open(&c->lab, &c->lab_cfg, e);
	if (r < 0)
		return r;
	(void)check_arms(c); /* says itself what is left out */
	progress_begin(&c->progress, "finding the loads that fit this machine");
	r = calibrate(&c->lab, c->connections, &c->rates, progress_step, &c->progress, e);
	if (r < 0)
		return r;
	progress_line(&c->progress,
		      "redis on port %u: steady %.0f/s (%.2f CPUs), low %.0f/s (%.2f CPUs), high "
		      "%.0f/s (%.2f CPUs), on CPUs %s",
		      c->lab.port, c->rates.steady, c->rates.steady_cpus, c->rates.low,
		      c->rates.low_cpus, c->rates.high, c->rates.high_cpus,
		      c->lab.machine.cpu_list);
	return run_rounds(c, e);
}

static int run(struct colocate *c, struct err *e)
{
	struct err closing = ERR_INIT;
	int r = child_signals_init(e);

	if (r == 0)
		r = dir_make_all(AT_FDCWD, c->out, 0755, e);
	if (r < 0)
		return r;
	r = measure(c, e);
	if (r == 0)
		r = report(c, e);
	progress_clear(&c->progress);
	for (size_t i = 0; i < c->cells.n; i++)
		cell_free(&c->cells.v[i]);
	if (lab_close(&c->lab, &closing) < 0) {
		if (r == 0)
			*e = closing;
		else
			(void)fprintf(stderr, "colocate: %s\n", closing.msg); /* a second one */
		r = r == 0 ? -closing.code : r;
	}
	return r;
}

/* --- options -----------------------------------------------------------------------------------
 */

static const char usage[] =
	"Usage: colocate --cede FILE --loadgen FILE --job FILE --out DIR [OPTIONS]\n"
	"       colocate --sweep DIR --cede FILE     remove what a killed run has left\n\n"
	"  --dir DIR            for temporary files; removed at the end\n"
	"  --arms LIST          of alone,uncontrolled,nice,sched_idle,cpu_idle,cede\n"
	"  --rounds N           (5)\n"
	"  --steady-ms N        length of a steady cell (3500)\n"
	"  --square-ms N        length of a square-wave cell (5200)\n"
	"  --low-ms N           (250)\n"
	"  --high-ms N          (150)\n"
	"  --warmup-ms N        load before a cell is measured (300)\n"
	"  --all-squares        square-wave cells for every arm in every round\n"
	"  --rate N, --low-rate N, --high-rate N   instead of finding them\n"
	"  --connections N      (16)\n"
	"  --cpus N             use so many CPUs, 0: all (2)\n"
	"  --workers N          of the secondary (one per CPU)\n"
	"  --budget-s N         leave rounds out rather than take longer\n"
	"  --idle-before PCT    a cell is noisy if the machine is not so idle before it (90)\n"
	"  --foreign PCT        ... if others use more of the CPUs during it (6)\n"
	"  --steal PCT          ... if the host steals more (2)\n"
	"  --gate-wait-ms N     wait at most so long for a quiet machine (3000)\n"
	"  --markdown FILE      the tables as Markdown, too\n";

enum value { V_STRING, V_NUMBER, V_RATE, V_PERCENT, V_FLAG, V_ARMS };

static int take_arms(struct colocate *c, const char *list, struct err *e)
{
	memset(c->arm, 0, sizeof(c->arm));
	while (*list) {
		size_t n = strcspn(list, ",");
		enum arm a;

		if (arm_parse(list, n, &a) < 0)
			return refuse(e, EINVAL, "--arms: no such arm: %.*s", (int)n, list);
		c->arm[a] = true;
		list += n + (list[n] == ',');
	}
	return 0;
}

static int take_value(struct colocate *c, const char *name, enum value kind, void *target,
		      const char *text, struct err *e)
{
	uint64_t v = 0;

	switch (kind) {
	case V_FLAG:
		*(bool *)target = true;
		return 0;
	case V_STRING:
		*(const char **)target = text;
		return 0;
	case V_ARMS:
		return take_arms(c, text, e);
	case V_NUMBER:
		if (parse_u32(text, 10, target) < 0 || *(uint32_t *)target > 10000000)
			return refuse(e, EINVAL, "--%s %s: expected a whole number", name, text);
		return 0;
	case V_RATE:
	case V_PERCENT:
		if (parse_milli(text, &v) < 0 || v > 10000000000ULL)
			return refuse(e, EINVAL, "--%s %s: expected a number", name, text);
		*(double *)target = (double)v / (kind == V_RATE ? 1e3 : 1e5);
		return 0;
	}
	return refuse(e, EINVAL, "--%s", name);
}

static int check(struct colocate *c, struct err *e)
{
	if (c->sweep)
		return 0;
	if (!c->lab_cfg.cede || !c->lab_cfg.loadgen || !c->lab_cfg.job || !c->out)
		return refuse(e, EINVAL, "--cede, --loadgen, --job and --out are needed");
	if (strlen(c->out) > PATH_BASE_MAX)
		return fail(e, ENAMETOOLONG, "%s", c->out);
	if (c->rounds < 1 || c->steady_ms < 100 || c->low_ms < 20 || c->high_ms < 20 ||
	    c->square_ms < c->low_ms + c->high_ms)
		return refuse(e, EINVAL, "rounds or cells are too short to measure anything");
	if (!c->arm[ARM_ALONE])
		return refuse(e, EINVAL, "--arms: nothing to compare with: alone is missing");
	return 0;
}

/* 1: help was shown. */
static int parse(struct colocate *c, int argc, char **argv, struct err *e)
{
	const struct {
		const char *name;
		enum value kind;
		void *target;
	} table[] = {
		{"cede", V_STRING, &c->lab_cfg.cede},
		{"loadgen", V_STRING, &c->lab_cfg.loadgen},
		{"job", V_STRING, &c->lab_cfg.job},
		{"dir", V_STRING, &c->lab_cfg.dir},
		{"out", V_STRING, &c->out},
		{"sweep", V_STRING, &c->sweep},
		{"markdown", V_STRING, &c->markdown},
		{"arms", V_ARMS, NULL},
		{"rounds", V_NUMBER, &c->rounds},
		{"steady-ms", V_NUMBER, &c->steady_ms},
		{"square-ms", V_NUMBER, &c->square_ms},
		{"low-ms", V_NUMBER, &c->low_ms},
		{"high-ms", V_NUMBER, &c->high_ms},
		{"warmup-ms", V_NUMBER, &c->warmup_ms},
		{"all-squares", V_FLAG, &c->all_squares},
		{"rate", V_RATE, &c->rates.steady},
		{"low-rate", V_RATE, &c->rates.low},
		{"high-rate", V_RATE, &c->rates.high},
		{"connections", V_NUMBER, &c->connections},
		{"cpus", V_NUMBER, &c->lab_cfg.cpus},
		{"workers", V_NUMBER, &c->lab_cfg.workers},
		{"budget-s", V_NUMBER, &c->budget_s},
		{"idle-before", V_PERCENT, &c->limits.idle_before},
		{"foreign", V_PERCENT, &c->limits.foreign_share},
		{"steal", V_PERCENT, &c->limits.steal_share},
		{"gate-wait-ms", V_NUMBER, &c->limits.wait_ms},
	};
	struct option options[ARRAY_SIZE(table) + 2] = {0};
	int opt, index = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		options[i] = (struct option){table[i].name, table[i].kind != V_FLAG, NULL, 1};
	options[ARRAY_SIZE(table)] = (struct option){"help", 0, NULL, 2};
	while ((opt = getopt_long(argc, argv, "", options, &index)) != -1) {
		int r;

		if (opt == 2) {
			(void)fputs(usage, stdout); /* a closed stdout loses only the help */
			return 1;
		}
		if (opt != 1)
			return refuse(e, EINVAL, "see colocate --help");
		r = take_value(c, table[index].name, table[index].kind, table[index].target, optarg,
			       e);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		return refuse(e, EINVAL, "%s: colocate takes options only", argv[optind]);
	return check(c, e);
}

int main(int argc, char **argv)
{
	static struct colocate c = {
		.lab_cfg.cpus = 2,
		.limits = {.idle_before = 0.90,
			   .wait_ms = 3000,
			   .foreign_share = 0.06,
			   .steal_share = 0.02},
		.rounds = 5,
		.steady_ms = 3500,
		.square_ms = 5200,
		.low_ms = 250,
		.high_ms = 150,
		.warmup_ms = 300,
		.connections = 16,
		.arm = {[ARM_ALONE] = true, [ARM_UNCONTROLLED] = true, [ARM_CEDE] = true},
	};
	struct err e = ERR_INIT;
	int r = parse(&c, argc, argv, &e);

	progress_init(&c.progress, stderr);
	if (r > 0)
		return 0;
	if (r == 0)
		r = c.sweep ? lab_sweep(c.sweep, c.lab_cfg.cede, &e) : run(&c, &e);
	if (r == 0)
		return 0;
	(void)fprintf(stderr, "colocate: %s\n", e.msg); /* nowhere else to say it */
	return child_stopping() ? 128 + child_stopping() : 1;
}
