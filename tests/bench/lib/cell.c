/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "tests/bench/lib/cell.h"
#include "tests/bench/lib/number.h"
#include "tests/bench/lib/path.h"
#include "tests/bench/lib/secondary.h"

#define GATE_WINDOW_MS 200
#define SETTLE_MS 200

/* Everything that is read before and after. */
struct reading {
	struct machine_load load;
	unsigned long long incumbent_usec, secondary_usec;
	uint64_t work_bytes, launcher_ns, launcher_rss_kib;
};

static int take_reading(const struct lab *lab, const struct secondary *s, struct reading *ret,
			struct err *e)
{
	int r = machine_load_read(&lab->machine, &ret->load, e);

	if (r == 0)
		r = group_usage_usec(lab->incumbent, &ret->incumbent_usec, e);
	if (r == 0)
		r = secondary_read(s, &ret->secondary_usec, &ret->work_bytes, e);
	if (r == 0)
		r = secondary_launcher(s, &ret->launcher_ns, &ret->launcher_rss_kib, e);
	return r;
}

static void note_noise(struct cell *c, const char *what, double is, double limit)
{
	size_t len = strlen(c->noise);

	c->noisy = true;
	(void)snprintf(c->noise + len, sizeof(c->noise) - len, "%s%s %.1f %% (limit %.1f %%)",
		       len ? ", " : "", what, is * 100, limit * 100);
}

/* Waits until nobody else uses the machine; when that does not come, the cell is run all the same
 * and marked. */
static int gate(const struct lab *lab, const struct noise_limits *limits, struct cell *c,
		struct err *e)
{
	uint64_t end = now_ns() + (uint64_t)limits->wait_ms * NSEC_PER_MSEC;
	struct machine_load a, b;

	for (;;) {
		int r = machine_load_read(&lab->machine, &a, e);

		if (r < 0)
			return r;
		if (child_sleep_ms(GATE_WINDOW_MS) < 0)
			return refuse(e, EINTR, "interrupted");
		r = machine_load_read(&lab->machine, &b, e);
		if (r < 0)
			return r;
		c->idle_before = machine_idle_cpus(&a, &b) / lab->machine.n_cpus;
		if (c->idle_before >= limits->idle_before)
			return 0;
		if (now_ns() > end)
			break;
	}
	note_noise(c, "busy before it:", 1 - c->idle_before, 1 - limits->idle_before);
	return 0;
}

/* --- the generator -----------------------------------------------------------------------------
 */

struct generator_args {
	char port[8], rate[32], high_rate[32], low_ms[16], high_ms[16], seconds[16], warmup[16],
		seed[24], connections[16], interval[8], target[32], incumbent[600], secondary[700],
		output[320];
	const char *argv[40];
};

static void generator_args(struct lab *lab, const struct cell_load *l, const struct secondary *s,
			   struct generator_args *g)
{
	const char **v = g->argv;

#define ARG(field, option, ...)                                                                    \
	do {                                                                                       \
		(void)snprintf(g->field, sizeof(g->field), __VA_ARGS__);                           \
		*v++ = option;                                                                     \
		*v++ = g->field;                                                                   \
	} while (0)
	*v++ = lab->cfg.loadgen;
	*v++ = "--idle";
	if (!l->preload)
		*v++ = "--no-preload";
	ARG(port, "--port", "%u", lab->port);
	ARG(rate, "--rate", "%.3f", l->rate);
	ARG(seconds, "--seconds", "%u.%03u", l->duration_ms / 1000, l->duration_ms % 1000);
	ARG(warmup, "--warmup-ms", "%u", l->warmup_ms);
	ARG(seed, "--seed", "%llu", (unsigned long long)l->seed);
	ARG(connections, "--connections", "%u", l->connections);
	ARG(output, "--output", "%s/load.json", lab->dir);
	/* Alone, an empty group is watched, so that the generator does the same. */
	ARG(secondary, "--watch-cgroup", "secondary=%s", s->group[0] ? s->group : lab->secondary);
	ARG(incumbent, "--watch-cgroup", "incumbent=%s", lab->incumbent);
	/* Load steps need the counters' full resolution, a mean does not. */
	ARG(interval, "--watch-interval-ms", "%d", l->kind == CELL_SQUARE ? 1 : 20);
	if (l->kind == CELL_SQUARE) {
		ARG(high_rate, "--high-rate", "%.3f", l->high_rate);
		ARG(low_ms, "--low-ms", "%u", l->low_ms);
		ARG(high_ms, "--high-ms", "%u", l->high_ms);
	}
#undef ARG
	*v = NULL;
}

static int run_generator(struct lab *lab, const struct cell_load *l, const struct secondary *s,
			 cell_progress *progress, void *arg, struct err *e)
{
	struct generator_args g;
	char log[320];
	struct child_opts o = {
		.name = "loadgen", .argv = g.argv, .cgroup = lab->incumbent, .output = log};
	unsigned all = l->warmup_ms + l->duration_ms;
	/* Start, preload, drain; and a machine that is too slow for its load. */
	unsigned limit = all + 60000;
	uint64_t start = now_ns();
	struct child c;
	int r, status = 0;

	path_set(log, sizeof(log), "%s/loadgen.log", lab->dir);
	generator_args(lab, l, s, &g);
	r = child_start(&c, &o, e);
	if (r < 0)
		return r;
	for (;;) {
		unsigned done;

		r = child_wait(&c, 100, false, &status, e);
		done = (unsigned)((now_ns() - start) / NSEC_PER_MSEC);
		if (r != -ETIMEDOUT || done > limit)
			break;
		if (progress)
			progress(arg, done < all ? done : all, all);
	}
	if (r < 0) {
		(void)child_stop(&c, 1000, NULL); /* the error above is the one to report */
		return r;
	}
	if (status != 0) {
		char words[512] = "";

		(void)file_read(AT_FDCWD, log, words, sizeof(words), NULL); /* may be empty */
		words[strcspn(words, "\n")] = '\0';
		return refuse(e, EIO, "the load generator failed: %s", words);
	}
	return 0;
}

/* --- what it found -----------------------------------------------------------------------------
 */

static int take_yields(struct cell *c, struct err *e)
{
	const struct json *y = json_get(c->report, "yield");
	const struct json *list = json_get(y, "ms");

	if (!list || list->type != JSON_ARRAY || list->array.n > CELL_MAX_STEPS)
		return 0;
	c->yield_ms = arena_array(&c->arena, list->array.n + 1, sizeof(*c->yield_ms));
	if (!c->yield_ms)
		return fail(e, ENOMEM, "cell");
	for (size_t i = 0; i < list->array.n; i++)
		c->yield_ms[i] = json_number(list->array.items[i], 0);
	c->n_yields = list->array.n;
	c->yielded = (size_t)json_get_number(y, "yielded", 0);
	return 0;
}

static int take_report(const struct lab *lab, struct cell *c, struct err *e)
{
	char path[320];
	_cleanup_free_ char *text = NULL;
	const struct json *latency, *idle;
	size_t len;
	int r;

	path_set(path, sizeof(path), "%s/load.json", lab->dir);
	r = file_read_alloc(AT_FDCWD, path, 16 << 20, &text, &len, e);
	if (r == 0)
		r = json_parse(&c->arena, text, len, "loadgen", &c->report, e);
	if (r < 0)
		return r;
	latency = json_get(c->report, "latency_us");
	c->p50_us = json_get_number(latency, "p50", 0);
	c->p99_us = json_get_number(latency, "p99", 0);
	c->p999_us = json_get_number(latency, "p999", 0);
	c->max_us = json_get_number(latency, "max", 0);
	c->after_step_p99_us = json_get_number(json_get(c->report, "after_step_us"), "p99", 0);
	if (c->p99_us <= 0)
		return refuse(e, EBADMSG, "the load generator measured nothing");
	c->delivered_share = json_get_number(c->report, "delivered_share", 0);
	c->late_share = json_get_number(c->report, "late_share", 0);
	idle = json_get(json_get(c->report, "cpus"), "idle");
	c->load_cpus =
		json_get_number(json_get(json_get(c->report, "cpus"), "incumbent"), "mean", 0);
	c->idle_low_cpus = json_get_number(idle, "low", -1);
	c->idle_high_cpus = json_get_number(idle, "high", -1);
	return take_yields(c, e);
}

static void compare_readings(const struct lab *lab, const struct reading *a,
			     const struct reading *b, const struct noise_limits *limits,
			     struct cell *c)
{
	double usec = (double)(b->load.at_ns - a->load.at_ns) / 1e3;
	double n = lab->machine.n_cpus;

	c->seconds = usec / 1e6;
	c->idle_cpus = machine_idle_cpus(&a->load, &b->load);
	c->steal_share = machine_steal_share(&lab->machine, &a->load, &b->load);
	c->incumbent_cpus = (double)(b->incumbent_usec - a->incumbent_usec) / usec;
	c->secondary_cpus = (double)(b->secondary_usec - a->secondary_usec) / usec;
	c->launcher_cpus = (double)(b->launcher_ns - a->launcher_ns) / usec / 1e3;
	c->launcher_rss_kib = b->launcher_rss_kib;
	c->work_bytes = b->work_bytes - a->work_bytes;
	c->work_mb_per_s = (double)c->work_bytes / 1e6 / c->seconds;
	c->foreign_cpus =
		n - c->idle_cpus - c->incumbent_cpus - c->secondary_cpus - c->launcher_cpus;
	if (c->foreign_cpus / n > limits->foreign_share)
		note_noise(c, "others used", c->foreign_cpus / n, limits->foreign_share);
	if (c->steal_share > limits->steal_share)
		note_noise(c, "stolen by the host", c->steal_share, limits->steal_share);
}

static int run_beside(struct lab *lab, const struct cell_load *load,
		      const struct noise_limits *limits, const struct secondary *s,
		      cell_progress *progress, void *arg, struct cell *c, struct err *e)
{
	struct reading before, after;
	int r = 0;

	if (s->arm != ARM_ALONE && child_sleep_ms(SETTLE_MS) < 0)
		r = refuse(e, EINTR, "interrupted");
	if (r == 0)
		r = take_reading(lab, s, &before, e);
	if (r == 0)
		r = run_generator(lab, load, s, progress, arg, e);
	if (r == 0)
		r = take_reading(lab, s, &after, e);
	if (r == 0)
		r = take_report(lab, c, e);
	if (r == 0)
		compare_readings(lab, &before, &after, limits, c);
	return r;
}

int cell_run(struct lab *lab, enum arm arm, const struct cell_load *load,
	     const struct noise_limits *limits, cell_progress *progress, void *arg,
	     struct cell *ret, struct err *e)
{
	struct secondary s = {.arm = ARM_ALONE, .child = CHILD_NONE};
	struct err other = ERR_INIT;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->arm = arm;
	ret->kind = load->kind;
	r = gate(lab, limits, ret, e);
	if (r == 0)
		r = secondary_start(lab, arm, &s, e);
	if (r == 0)
		r = run_beside(lab, load, limits, &s, progress, arg, ret, e);
	if (secondary_stop(lab, &s, &other) < 0 && r == 0) {
		*e = other;
		r = -other.code;
	}
	if (r < 0)
		cell_free(ret);
	return r;
}

void cell_free(struct cell *c)
{
	arena_free(&c->arena);
	c->report = NULL;
	c->yield_ms = NULL;
}
