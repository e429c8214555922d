/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tests/bench/lib/loadreport.h"
#include "tests/bench/lib/stats.h"

static double us(uint64_t ns)
{
	return (double)ns / (double)NSEC_PER_USEC;
}

static double ms(uint64_t ns)
{
	return (double)ns / (double)NSEC_PER_MSEC;
}

static uint64_t sum_of(const uint32_t *per_ms, uint64_t from)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < YIELD_WINDOW_MS; i++)
		sum += per_ms[from + i];
	return sum;
}

/* Milliseconds, or those of the whole phase. */
static uint64_t yield_of(const struct load_result *res, uint64_t step_ms, uint64_t end_ms)
{
	for (uint64_t at = step_ms; at + YIELD_WINDOW_MS <= end_ms && end_ms <= res->n_ms; at++)
		if (sum_of(res->answered_per_ms, at) * 10 >= sum_of(res->due_per_ms, at) * 9)
			return at - step_ms;
	return end_ms - step_ms;
}

int yields_measure(const struct load_config *cfg, const struct load_result *res, struct yields *ret)
{
	uint64_t step, end;
	size_t n = 0;

	*ret = (struct yields){0};
	while (arrivals_step(&cfg->arrivals, n, &step, &end))
		n++;
	ret->ns = calloc(n ? n : 1, sizeof(*ret->ns));
	if (!ret->ns)
		return -ENOMEM;
	for (size_t k = 0; k < n && arrivals_step(&cfg->arrivals, k, &step, &end); k++) {
		uint64_t whole = (end - step) / NSEC_PER_MSEC;
		uint64_t ms = yield_of(res, step / NSEC_PER_MSEC, step / NSEC_PER_MSEC + whole);

		ret->ns[k] = ms * NSEC_PER_MSEC;
		ret->yielded += ms < whole;
	}
	ret->steps = n;
	return 0;
}

double track_phase_rate(const struct load_config *cfg, const struct load_result *res,
			const struct track *t, bool high)
{
	const struct arrivals_config *a = &cfg->arrivals;
	uint64_t period = a->low_ns + a->high_ns, length = high ? a->high_ns : a->low_ns;
	double sum = 0;
	unsigned n = 0;

	if (a->high_ns == 0)
		return high ? -1 : track_rate(t, res->start_ns, res->start_ns + a->duration_ns);
	for (uint64_t at = high ? a->low_ns : 0; at + length <= a->duration_ns; at += period) {
		double r =
			track_rate(t, res->start_ns + at + length / 4, res->start_ns + at + length);

		if (r < 0)
			continue;
		sum += r;
		n++;
	}
	return n ? sum / n : -1;
}

static void report_config(struct json_writer *w, const struct load_config *cfg)
{
	const struct arrivals_config *a = &cfg->arrivals;

	json_w_object(w, "load");
	json_w_string(w, "arrivals", a->kind == ARRIVALS_POISSON ? "poisson" : "constant");
	json_w_double(w, "rate", a->rate_low, 1);
	if (a->high_ns > 0) {
		json_w_double(w, "high_rate", a->rate_high, 1);
		json_w_double(w, "low_ms", ms(a->low_ns), 3);
		json_w_double(w, "high_ms", ms(a->high_ns), 3);
	}
	json_w_double(w, "seconds", (double)a->duration_ns / (double)NSEC_PER_SEC, 3);
	json_w_double(w, "warmup_ms", ms(cfg->warmup_ns), 3);
	json_w_u64(w, "seed", a->seed);
	json_w_u64(w, "connections", cfg->connections);
	json_w_u64(w, "set_percent", cfg->set_percent);
	json_w_u64(w, "keys", cfg->keys);
	json_w_u64(w, "value_bytes", cfg->value_bytes);
	json_w_end_object(w);
}

static void report_hist(struct json_writer *w, const char *key, const struct hist *h)
{
	json_w_object(w, key);
	json_w_double(w, "min", us(h->total ? h->min_ns : 0), 1);
	json_w_double(w, "mean", hist_mean(h) / (double)NSEC_PER_USEC, 1);
	json_w_double(w, "p50", us(hist_quantile(h, 0.5)), 1);
	json_w_double(w, "p90", us(hist_quantile(h, 0.9)), 1);
	json_w_double(w, "p99", us(hist_quantile(h, 0.99)), 1);
	json_w_double(w, "p999", us(hist_quantile(h, 0.999)), 1);
	json_w_double(w, "max", us(h->max_ns), 1);
	json_w_end_object(w);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void report_counts(struct json_writer *w, const struct load_result *r)
{
	json_w_u64(w, "offered", r->offered);
	json_w_u64(w, "sent", r->sent);
	json_w_u64(w, "answered", r->answered);
	json_w_double(w, "delivered_share", share(r->answered_by_end, r->offered), 5);
	json_w_double(w, "late_share", share(r->late, r->sent), 5);
	json_w_u64(w, "errors", r->errors);
	if (r->errors)
		json_w_string(w, "first_error", r->first_error);
	json_w_double(w, "generator_cpus", share(r->generator_cpu_usec, r->generator_wall_usec), 4);
}

static void report_tracks(struct json_writer *w, const struct load_config *cfg,
			  const struct load_result *res, const struct track *tracks, size_t n)
{
	json_w_object(w, "cpus");
	for (size_t i = 0; i < n; i++) {
		uint64_t end = res->start_ns + cfg->arrivals.duration_ns;

		json_w_object(w, tracks[i].name);
		json_w_double(w, "mean", track_rate(&tracks[i], res->start_ns, end), 4);
		if (cfg->arrivals.high_ns > 0) {
			json_w_double(w, "low", track_phase_rate(cfg, res, &tracks[i], false), 4);
			json_w_double(w, "high", track_phase_rate(cfg, res, &tracks[i], true), 4);
		}
		json_w_end_object(w);
	}
	json_w_end_object(w);
}

static void report_series_quantile(struct json_writer *w, const char *key, const struct series *s,
				   double q)
{
	json_w_array(w, key);
	for (size_t i = 0; i < s->n; i++)
		json_w_double(w, NULL, us(hist_quantile(&s->bins[i], q)), 1);
	json_w_end_array(w);
}

static void report_series(struct json_writer *w, const struct load_config *cfg,
			  const struct load_result *res, const struct track *tracks, size_t n)
{
	const struct series *s = &res->series;

	json_w_object(w, "series");
	json_w_double(w, "bin_ms", ms(s->bin_ns), 3);
	json_w_array(w, "high");
	for (size_t i = 0; i < s->n; i++)
		json_w_u64(w, NULL,
			   arrivals_is_high(&cfg->arrivals, i * s->bin_ns + s->bin_ns / 2));
	json_w_end_array(w);
	json_w_array(w, "requests");
	for (size_t i = 0; i < s->n; i++)
		json_w_u64(w, NULL, s->bins[i].total);
	json_w_end_array(w);
	report_series_quantile(w, "p50_us", s, 0.5);
	report_series_quantile(w, "p99_us", s, 0.99);
	report_series_quantile(w, "max_us", s, 1);
	json_w_object(w, "cpus");
	for (size_t t = 0; t < n; t++) {
		json_w_array(w, tracks[t].name);
		for (size_t i = 0; i < s->n; i++)
			json_w_double(w, NULL,
				      track_rate(&tracks[t], res->start_ns + i * s->bin_ns,
						 res->start_ns + (i + 1) * s->bin_ns),
				      3);
		json_w_end_array(w);
	}
	json_w_end_object(w);
	json_w_end_object(w);
}

static void report_yields(struct json_writer *w, const struct yields *y)
{
	double *v = calloc(y->steps ? y->steps : 1, sizeof(*v));

	json_w_object(w, "yield");
	json_w_u64(w, "steps", y->steps);
	json_w_u64(w, "yielded", y->yielded);
	json_w_array(w, "ms");
	for (size_t i = 0; i < y->steps; i++)
		json_w_double(w, NULL, ms(y->ns[i]), 3);
	json_w_end_array(w);
	for (size_t i = 0; v && i < y->steps; i++)
		v[i] = ms(y->ns[i]);
	if (v && y->steps > 0) {
		json_w_double(w, "p50_ms", stats_quantile(v, y->steps, 0.5), 3);
		json_w_double(w, "p99_ms", stats_quantile(v, y->steps, 0.99), 3);
		json_w_double(w, "max_ms", stats_quantile(v, y->steps, 1), 3);
	}
	json_w_end_object(w);
	free(v);
}

void load_report(struct json_writer *w, const struct load_config *cfg,
		 const struct load_result *res, const struct track *tracks, size_t n_tracks,
		 const struct yields *y)
{
	report_config(w, cfg);
	report_counts(w, res);
	report_hist(w, "latency_us", &res->latency);
	if (res->after_step.total > 0)
		report_hist(w, "after_step_us", &res->after_step);
	report_hist(w, "lateness_us", &res->lateness);
	if (n_tracks > 0)
		report_tracks(w, cfg, res, tracks, n_tracks);
	if (y && y->steps > 0)
		report_yields(w, y);
	if (res->series.n > 0)
		report_series(w, cfg, res, tracks, n_tracks);
}
