/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loadgen: an open-loop load on a redis server, see lib/load.h. Prints one JSON document.
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
#include "tests/bench/lib/load.h"
#include "tests/bench/lib/loadreport.h"

struct loadgen {
	struct load_config cfg;
	const char *watch[LOAD_MAX_TRACKS]; /* NAME=PATH or PATH */
	uint64_t watch_interval_ns;
	size_t n_watch;
	bool idle;
	const char *output;
	struct track tracks[LOAD_MAX_TRACKS + 1];
	size_t n_tracks;
	char names[LOAD_MAX_TRACKS][64];
};

static const char usage[] =
	"Usage: loadgen --port PORT --rate N [OPTIONS]\n"
	"Open-loop GET/SET load on a redis server; latency from the intended send time.\n\n"
	"  --host ADDR            IPv4 address (127.0.0.1)\n"
	"  --port PORT\n"
	"  --connections N        (16)\n"
	"  --arrivals KIND        poisson or constant (poisson)\n"
	"  --rate N               requests per second; the LOW rate of a square wave\n"
	"  --high-rate N          the HIGH rate; with --low-ms and --high-ms\n"
	"  --low-ms N             length of the LOW phases\n"
	"  --high-ms N            length of the HIGH phases\n"
	"  --seconds S            length of the measured part (5)\n"
	"  --warmup-ms N          unrecorded load before it (300)\n"
	"  --drain-ms N           wait for the last replies at most so long (2000)\n"
	"  --seed N               of the schedule (1)\n"
	"  --set-percent N        share of SETs (10)\n"
	"  --keys N               (10000)\n"
	"  --value-bytes N        (256)\n"
	"  --no-preload           the keys are there already\n"
	"  --bin-ms N             bins of the time series (100); 0: none\n"
	"  --watch-cgroup [NAME=]DIR  follow the CPU time of a cgroup, every millisecond; the "
	"first\n"
	"                         one is the secondary's; up to 4 times\n"
	"  --idle                 follow the idle time of the CPUs this process may use\n"
	"  --output FILE          instead of standard output\n";

enum {
	OPT_HOST = 256,
	OPT_PORT,
	OPT_CONNECTIONS,
	OPT_ARRIVALS,
	OPT_RATE,
	OPT_HIGH_RATE,
	OPT_LOW_MS,
	OPT_HIGH_MS,
	OPT_SECONDS,
	OPT_WARMUP_MS,
	OPT_DRAIN_MS,
	OPT_SEED,
	OPT_SET_PERCENT,
	OPT_KEYS,
	OPT_VALUE_BYTES,
	OPT_NO_PRELOAD,
	OPT_BIN_MS,
	OPT_WATCH_CGROUP,
	OPT_WATCH_INTERVAL,
	OPT_IDLE,
	OPT_OUTPUT,
	OPT_HELP,
};

static const struct option options[] = {
	{"host", required_argument, NULL, OPT_HOST},
	{"port", required_argument, NULL, OPT_PORT},
	{"connections", required_argument, NULL, OPT_CONNECTIONS},
	{"arrivals", required_argument, NULL, OPT_ARRIVALS},
	{"rate", required_argument, NULL, OPT_RATE},
	{"high-rate", required_argument, NULL, OPT_HIGH_RATE},
	{"low-ms", required_argument, NULL, OPT_LOW_MS},
	{"high-ms", required_argument, NULL, OPT_HIGH_MS},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"warmup-ms", required_argument, NULL, OPT_WARMUP_MS},
	{"drain-ms", required_argument, NULL, OPT_DRAIN_MS},
	{"seed", required_argument, NULL, OPT_SEED},
	{"set-percent", required_argument, NULL, OPT_SET_PERCENT},
	{"keys", required_argument, NULL, OPT_KEYS},
	{"value-bytes", required_argument, NULL, OPT_VALUE_BYTES},
	{"no-preload", no_argument, NULL, OPT_NO_PRELOAD},
	{"bin-ms", required_argument, NULL, OPT_BIN_MS},
	{"watch-cgroup", required_argument, NULL, OPT_WATCH_CGROUP},
	{"watch-interval-ms", required_argument, NULL, OPT_WATCH_INTERVAL},
	{"idle", no_argument, NULL, OPT_IDLE},
	{"output", required_argument, NULL, OPT_OUTPUT},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* A number with up to three decimals, in thousandths, times `unit` / 1000. */
static int number(const char *name, const char *text, uint64_t max, uint64_t unit, uint64_t *ret,
		  struct err *e)
{
	uint64_t milli = 0;

	if (parse_milli(text, &milli) < 0 || milli / 1000 > max)
		return refuse(e, EINVAL, "--%s %s: expected a number up to %llu", name, text,
			      (unsigned long long)max);
	*ret = unit >= 1000 ? milli * (unit / 1000) : milli * unit / 1000;
	return 0;
}

static int number_u32(const char *name, const char *text, uint32_t max, uint32_t *ret,
		      struct err *e)
{
	uint64_t v;

	if (parse_u64(text, 10, &v) < 0 || v > max)
		return refuse(e, EINVAL, "--%s %s: expected a whole number up to %u", name, text,
			      max);
	*ret = (uint32_t)v;
	return 0;
}

static int decimal(const char *name, const char *text, uint64_t max, double *ret, struct err *e)
{
	uint64_t milli = 0;
	int r = number(name, text, max, 1000, &milli, e);

	if (r == 0)
		*ret = (double)milli / 1000;
	return r;
}

static int arrivals_option(const char *text, enum arrival_kind *ret, struct err *e)
{
	if (!streq(text, "poisson") && !streq(text, "constant"))
		return refuse(e, EINVAL, "--arrivals %s: expected poisson or constant", text);
	*ret = streq(text, "poisson") ? ARRIVALS_POISSON : ARRIVALS_CONSTANT;
	return 0;
}

static int watch_option(struct loadgen *g, const char *text, struct err *e)
{
	if (g->n_watch == LOAD_MAX_TRACKS)
		return refuse(e, EINVAL, "--watch-cgroup: at most %d", LOAD_MAX_TRACKS);
	g->watch[g->n_watch++] = text;
	return 0;
}

static int take_option(struct loadgen *g, int opt, const char *name, const char *v, struct err *e)
{
	struct load_config *c = &g->cfg;
	struct arrivals_config *a = &c->arrivals;
	uint32_t port = 0;
	int r;

	switch (opt) {
	case OPT_HOST:
		c->host = v;
		return 0;
	case OPT_PORT:
		r = number_u32(name, v, 65535, &port, e);
		c->port = r == 0 ? (uint16_t)port : 0;
		return r;
	case OPT_CONNECTIONS:
		return number_u32(name, v, LOAD_MAX_CONNECTIONS, &c->connections, e);
	case OPT_ARRIVALS:
		return arrivals_option(v, &a->kind, e);
	case OPT_RATE:
		return decimal(name, v, 10000000, &a->rate_low, e);
	case OPT_HIGH_RATE:
		return decimal(name, v, 10000000, &a->rate_high, e);
	case OPT_LOW_MS:
		return number(name, v, 3600000, NSEC_PER_MSEC, &a->low_ns, e);
	case OPT_HIGH_MS:
		return number(name, v, 3600000, NSEC_PER_MSEC, &a->high_ns, e);
	case OPT_SECONDS:
		return number(name, v, 86400, NSEC_PER_SEC, &a->duration_ns, e);
	case OPT_WARMUP_MS:
		return number(name, v, 3600000, NSEC_PER_MSEC, &c->warmup_ns, e);
	case OPT_DRAIN_MS:
		return number(name, v, 3600000, NSEC_PER_MSEC, &c->drain_ns, e);
	case OPT_SEED:
		return number(name, v, UINT64_MAX / 2000, 1000, &a->seed, e);
	case OPT_SET_PERCENT:
		return number_u32(name, v, 100, &c->set_percent, e);
	case OPT_KEYS:
		return number_u32(name, v, 10000000, &c->keys, e);
	case OPT_VALUE_BYTES:
		return number_u32(name, v, 4096, &c->value_bytes, e);
	case OPT_NO_PRELOAD:
		c->preload = false;
		return 0;
	case OPT_BIN_MS:
		return number(name, v, 3600000, NSEC_PER_MSEC, &c->bin_ns, e);
	case OPT_WATCH_CGROUP:
		return watch_option(g, v, e);
	case OPT_WATCH_INTERVAL:
		r = number(name, v, 1000, NSEC_PER_MSEC, &g->watch_interval_ns, e);
		if (r == 0 && g->watch_interval_ns < 100 * NSEC_PER_USEC)
			return refuse(e, EINVAL, "--%s %s: at least 0.1 is needed", name, v);
		return r;
	case OPT_IDLE:
		g->idle = true;
		return 0;
	case OPT_OUTPUT:
		g->output = v;
		return 0;
	default:
		return refuse(e, EINVAL, "see loadgen --help");
	}
}

static int check(const struct loadgen *g, struct err *e)
{
	const struct arrivals_config *a = &g->cfg.arrivals;

	if (g->cfg.port == 0)
		return refuse(e, EINVAL, "--port is missing");
	if (a->rate_low <= 0)
		return refuse(e, EINVAL, "--rate is missing or 0");
	if ((a->rate_high > 0) != (a->high_ns > 0) || (a->high_ns > 0) != (a->low_ns > 0))
		return refuse(e, EINVAL,
			      "a square wave needs --high-rate, --low-ms and --high-ms together");
	return 0;
}

/* 1: help was shown. */
static int parse(struct loadgen *g, int argc, char **argv, struct err *e)
{
	int opt, index = 0;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "", options, &index)) != -1) {
		int r;

		if (opt == OPT_HELP) {
			(void)fputs(usage, stdout); /* a closed stdout loses only the help */
			return 1;
		}
		if (opt == '?')
			return refuse(e, EINVAL, "%s: unknown option or missing value; see --help",
				      argv[optind - 1]);
		r = take_option(g, opt, options[index].name, optarg, e);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		return refuse(e, EINVAL, "%s: loadgen takes options only", argv[optind]);
	return check(g, e);
}

static int open_tracks(struct loadgen *g, struct err *e)
{
	uint64_t total = g->cfg.warmup_ns + g->cfg.arrivals.duration_ns;
	cpu_set_t cpus;
	int r;

	for (size_t i = 0; i < g->n_watch; i++) {
		const char *path = strchr(g->watch[i], '=');

		(void)snprintf(g->names[i], sizeof(g->names[i]), "%.*s",
			       path ? (int)(path - g->watch[i]) : 9,
			       path ? g->watch[i] : "secondary");
		r = track_open_cgroup(&g->tracks[g->n_tracks], g->names[i],
				      path ? path + 1 : g->watch[i], g->watch_interval_ns, total,
				      e);
		if (r < 0)
			return r;
		g->n_tracks++;
	}
	if (!g->idle)
		return 0;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return fail(e, errno, "sched_getaffinity");
	r = track_open_idle(&g->tracks[g->n_tracks], "idle", &cpus, total, e);
	if (r == 0)
		g->n_tracks++;
	return r;
}

static int write_report(const struct loadgen *g, const struct load_result *res, struct err *e)
{
	struct yields y;
	struct json_writer w = {.indent = false};
	int fd = STDOUT_FILENO, r = 0;

	if (yields_measure(&g->cfg, res, &y) < 0)
		return fail(e, ENOMEM, "report");
	json_w_object(&w, NULL);
	load_report(&w, &g->cfg, res, g->tracks, g->n_tracks, &y);
	json_w_end_object(&w);
	strbuf_adds(&w.sb, "\n");
	free(y.ns);
	if (w.sb.oom)
		r = fail(e, ENOMEM, "report");
	if (r == 0 && g->output) {
		fd = open(g->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0)
			r = fail(e, errno, "open %s", g->output);
	}
	if (r == 0 && io_write(fd, strbuf_str(&w.sb), w.sb.len) < 0)
		r = fail(e, errno, "write %s", g->output ? g->output : "standard output");
	if (g->output)
		(void)fd_close(fd); /* -1, not used again */
	strbuf_free(&w.sb);
	return r;
}

static int run(struct loadgen *g, struct err *e)
{
	struct load_result res = {0};
	int r = open_tracks(g, e);

	if (r == 0)
		r = load_run(&g->cfg, g->tracks, g->n_tracks, &res, e);
	if (r == 0)
		r = write_report(g, &res, e);
	load_result_free(&res);
	for (size_t i = 0; i < g->n_tracks; i++)
		track_close(&g->tracks[i]);
	return r;
}

int main(int argc, char **argv)
{
	struct loadgen g = {
		.cfg = {.host = "127.0.0.1",
			.connections = 16,
			.arrivals = {.duration_ns = 5 * NSEC_PER_SEC, .seed = 1},
			.warmup_ns = 300 * NSEC_PER_MSEC,
			.drain_ns = 2 * NSEC_PER_SEC,
			.set_percent = 10,
			.keys = 10000,
			.value_bytes = 256,
			.preload = true,
			.bin_ns = 100 * NSEC_PER_MSEC},
		.watch_interval_ns = NSEC_PER_MSEC,
	};
	struct err e = ERR_INIT;
	int r = parse(&g, argc, argv, &e);

	if (r == 0)
		r = run(&g, &e);
	if (r < 0)
		(void)fprintf(stderr, "loadgen: %s\n", e.msg); /* nowhere else to say it */
	return r < 0 ? 1 : 0;
}
