/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "tests/bench/lib/number.h"
#include "tests/bench/lib/timeline.h"

/* The drawing's coordinates are pixels of a page this wide and high. */
#define WIDTH 960
#define HEIGHT 600
#define LEFT 78
#define RIGHT 24

struct panel {
	double top, bottom;
	double low, high; /* values at the bottom and the top; logarithms in the upper panel */
};

static const struct panel share_panel = {388, 540, 0, 100};

/* Drawn in this order, so that cede's line is on top. */
static const struct curve {
	enum arm arm;
	const char *class, *label;
} curves[] = {
	{ARM_UNCONTROLLED, "uncontrolled", "with a job that nobody controls"},
	{ARM_ALONE, "alone", "alone"},
	{ARM_CEDE, "cede", "with the same job under cede launch"},
};
#define CURVES (sizeof(curves) / sizeof(curves[0]))

struct drawing {
	struct strbuf sb;
	const struct cell *cell[CURVES];
	const struct cell *any; /* one of them: they have the same wave */
	double seconds, bin;
	unsigned n_cpus;
	struct panel latency;
};

/* Plain rules and a media query rather than variables: many viewers know no others. */
static const char style[] =
	"<style>\n"
	"text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;"
	"font-size:13px;fill:#1f2328}\n"
	"text.title{font-size:17px;font-weight:600}text.dim{fill:#59636e}"
	"text.axis{font-size:12px;fill:#59636e}\n"
	".bg{fill:#ffffff}.grid{stroke:#d1d9e0;stroke-width:1}.band{fill:#eef1f4}\n"
	".line{fill:none;stroke-width:2;stroke-linejoin:round}"
	".alone{stroke:#818b98;stroke-dasharray:5 3}.uncontrolled{stroke:#cf5c0a}"
	".cede{stroke:#0a5fb8;stroke-width:2.4}\n"
	"@media (prefers-color-scheme:dark){text{fill:#e6edf3}text.dim,text.axis{fill:#9198a1}"
	".bg{fill:#0d1117}.grid{stroke:#30363d}.band{fill:#1b222b}.alone{stroke:#8b949e}"
	".uncontrolled{stroke:#f0883e}.cede{stroke:#58a6ff}}\n"
	"</style>\n";

static double x_of(const struct drawing *d, double second)
{
	return LEFT + second / d->seconds * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct panel *p, double value)
{
	double part = (value - p->low) / (p->high - p->low);

	part = part < 0 ? 0 : part > 1 ? 1 : part;
	return p->bottom - part * (p->bottom - p->top);
}

static const struct json *series_of(const struct cell *c)
{
	return json_get(c->report, "series");
}

/* --- choosing ----------------------------------------------------------------------------------
 */

/* The latest round that has a quiet cell of cede and of uncontrolled; else the latest with any. */
static unsigned choose_round(const struct cells *cells)
{
	for (int noisy = 0; noisy < 2; noisy++) {
		for (unsigned round = 1000; round > 0; round--) {
			unsigned have = 0;

			for (size_t i = 0; i < cells->n; i++) {
				const struct cell *c = &cells->v[i];

				if (c->kind == CELL_SQUARE && c->round == round &&
				    (noisy || !c->noisy))
					have |= 1u << c->arm;
			}
			if ((have & 1u << ARM_CEDE) && (have & 1u << ARM_UNCONTROLLED))
				return round;
		}
	}
	return 0;
}

/* Alone is not run in every round: any other one will do. */
static const struct cell *choose_cell(const struct cells *cells, enum arm arm, unsigned round)
{
	const struct cell *best = NULL;

	for (size_t i = 0; i < cells->n; i++) {
		const struct cell *c = &cells->v[i];

		if (c->arm != arm || c->kind != CELL_SQUARE || !series_of(c) ||
		    (arm != ARM_ALONE && c->round != round))
			continue;
		if (!best || best->noisy || !c->noisy)
			best = c;
	}
	return best;
}

/* Whole decades around all p99 of the curves. */
static void scale_latency(struct drawing *d)
{
	double low = 1e9, high = 1;

	for (size_t i = 0; i < CURVES; i++) {
		const struct json *p99 =
			d->cell[i] ? json_get(series_of(d->cell[i]), "p99_us") : NULL;

		for (size_t k = 0; p99 && k < p99->array.n; k++) {
			double v = json_number(p99->array.items[k], 0);

			if (v <= 0)
				continue;
			low = v < low ? v : low;
			high = v > high ? v : high;
		}
	}
	d->latency = (struct panel){104, 330, floor(log10(low)), ceil(log10(high))};
	if (d->latency.high <= d->latency.low)
		d->latency.high = d->latency.low + 1;
}

/* --- drawing -----------------------------------------------------------------------------------
 */

static void draw_bands(struct drawing *d)
{
	const struct json *high = json_get(series_of(d->any), "high");

	for (size_t i = 0; high && i < high->array.n;) {
		size_t end = i;

		while (end < high->array.n && json_number(high->array.items[end], 0) > 0)
			end++;
		if (end > i)
			strbuf_addf(&d->sb,
				    "<rect class=\"band\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" "
				    "height=\"%.0f\"/>\n",
				    x_of(d, (double)i * d->bin), d->latency.top,
				    x_of(d, (double)(end - i) * d->bin) - LEFT,
				    share_panel.bottom - d->latency.top);
		i = end + 1;
	}
}

static void draw_gridline(struct drawing *d, double y, const char *label)
{
	strbuf_addf(&d->sb,
		    "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
		    "<text class=\"axis\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
		    LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, label);
}

static void draw_axis_title(struct drawing *d, const struct panel *p, const char *title)
{
	double middle = (p->top + p->bottom) / 2;

	strbuf_addf(&d->sb,
		    "<text class=\"dim\" transform=\"translate(18 %.0f) rotate(-90)\" "
		    "text-anchor=\"middle\">%s</text>\n",
		    middle, title);
}

static void draw_axes(struct drawing *d)
{
	static const char *const decades[] = {"1 us",  "10 us",	 "100 us", "1 ms",
					      "10 ms", "100 ms", "1 s",	   "10 s"};
	char label[16];

	for (double l = d->latency.low; l <= d->latency.high + 0.01; l++) {
		size_t i = l < 0 ? 0 : (size_t)l;

		draw_gridline(d, y_of(&d->latency, l), decades[i < 8 ? i : 7]);
	}
	for (int percent = 0; percent <= 100; percent += 25) {
		(void)snprintf(label, sizeof(label), "%d %%", percent);
		draw_gridline(d, y_of(&share_panel, percent), label);
	}
	draw_axis_title(d, &d->latency, "redis p99 latency");
	draw_axis_title(d, &share_panel, "CPU of the job");
	for (int s = 0; s <= (int)d->seconds; s++)
		strbuf_addf(&d->sb,
			    "<text class=\"axis\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%d"
			    "</text>\n",
			    x_of(d, s), share_panel.bottom + 20, s);
	strbuf_addf(&d->sb,
		    "<text class=\"dim\" x=\"%d\" y=\"%.0f\" text-anchor=\"middle\">time "
		    "(seconds)</text>\n",
		    (LEFT + WIDTH - RIGHT) / 2, share_panel.bottom + 42);
}

/* One line through the middles of the bins; bins without a value are left out. */
static void draw_curve(struct drawing *d, const struct panel *p, const struct json *values,
		       double factor, bool logarithm, const char *class)
{
	if (!values || values->type != JSON_ARRAY)
		return;
	strbuf_addf(&d->sb, "<polyline class=\"line %s\" points=\"", class);
	for (size_t i = 0; i < values->array.n; i++) {
		double v = json_number(values->array.items[i], -1);

		if (v < 0 || (logarithm && v == 0))
			continue;
		strbuf_addf(&d->sb, "%.1f,%.1f ", x_of(d, ((double)i + 0.5) * d->bin),
			    y_of(p, logarithm ? log10(v) : v * factor));
	}
	strbuf_adds(&d->sb, "\"/>\n");
}

static void draw_curves(struct drawing *d)
{
	for (size_t i = 0; i < CURVES; i++) {
		const struct json *s = d->cell[i] ? series_of(d->cell[i]) : NULL;

		if (!s)
			continue;
		draw_curve(d, &d->latency, json_get(s, "p99_us"), 1, true, curves[i].class);
		if (curves[i].arm != ARM_ALONE)
			draw_curve(d, &share_panel, json_get(json_get(s, "cpus"), "secondary"),
				   100.0 / d->n_cpus, false, curves[i].class);
	}
}

static void draw_legend(struct drawing *d, const struct outcome_context *c)
{
	static const double at[CURVES] = {170, LEFT, 430};

	strbuf_addf(&d->sb,
		    "<text class=\"title\" x=\"%d\" y=\"30\">A key-value server, and a compression "
		    "job on what it leaves idle</text>\n"
		    "<text class=\"dim\" x=\"%d\" y=\"52\">redis, %.0f requests/s, and %.0f/s in "
		    "the shaded bands; %u CPUs; latency from the intended send time, p99 per "
		    "%.0f ms</text>\n",
		    LEFT, LEFT, c->rates->low, c->rates->high, d->n_cpus, d->bin * 1e3);
	for (size_t i = 0; i < CURVES; i++) {
		if (!d->cell[i])
			continue;
		strbuf_addf(&d->sb,
			    "<line class=\"line %s\" x1=\"%.0f\" x2=\"%.0f\" y1=\"78\" "
			    "y2=\"78\"/><text x=\"%.0f\" y=\"82\">%s</text>\n",
			    curves[i].class, at[i], at[i] + 26, at[i] + 34, curves[i].label);
	}
	strbuf_addf(&d->sb,
		    "<text class=\"dim\" x=\"%d\" y=\"%.0f\">share of all CPUs the job "
		    "had</text>\n",
		    LEFT, share_panel.top - 12);
}

int timeline_write(const char *path, const struct outcome_context *c, struct err *e)
{
	struct drawing d = {.n_cpus = c->lab->machine.n_cpus};
	unsigned round = choose_round(c->cells);
	int r;

	for (size_t i = 0; i < CURVES; i++) {
		d.cell[i] = choose_cell(c->cells, curves[i].arm, round);
		if (d.cell[i])
			d.any = d.cell[i];
	}
	if (!d.any)
		return refuse(e, ENODATA, "%s: no square-wave cell was measured", path);
	d.bin = json_get_number(series_of(d.any), "bin_ms", 100) / 1e3;
	d.seconds = json_get_number(json_get(d.any->report, "load"), "seconds", 1);
	scale_latency(&d);
	strbuf_addf(&d.sb,
		    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		    "width=\"%d\" height=\"%d\" role=\"img\">\n"
		    "<title>redis latency and the secondary's CPU share over time</title>\n%s"
		    "<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n",
		    WIDTH, HEIGHT, WIDTH, HEIGHT, style, WIDTH, HEIGHT);
	draw_bands(&d);
	draw_axes(&d);
	draw_curves(&d);
	draw_legend(&d, c);
	strbuf_adds(&d.sb, "</svg>\n");
	r = d.sb.oom ? fail(e, ENOMEM, "%s", path)
		     : file_write_atomic(AT_FDCWD, path, d.sb.buf, d.sb.len, 0644, e);
	strbuf_free(&d.sb);
	return r;
}
