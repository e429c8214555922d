/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/lib/progress.h"

#define BAR 24

/* What cannot be shown is lost; the measurement goes on: results of stdio are ignored here. */

void progress_init(struct progress *p, FILE *f)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	memset(p, 0, sizeof(*p));
	p->f = f;
	p->live = isatty(fileno(f)) && term && strcmp(term, "dumb") != 0;
	p->color = p->live && !(no_color && *no_color);
}

void progress_clear(struct progress *p)
{
	if (p->dirty)
		(void)fputs("\r\033[K", p->f);
	p->dirty = false;
}

void progress_begin(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(p->what, sizeof(p->what), fmt, ap);
	va_end(ap);
	progress_step(p, 0, 1);
}

void progress_step(void *arg, unsigned done, unsigned all)
{
	struct progress *p = arg;
	unsigned full = all ? (unsigned)((unsigned long long)done * BAR / all) : 0;

	if (!p->live)
		return;
	progress_clear(p);
	(void)fprintf(p->f, "%-44s [%.*s%.*s] %u.%u s", p->what, (int)full,
		      "########################", (int)(BAR - full), "........................",
		      done / 1000, done / 100 % 10);
	(void)fflush(p->f);
	p->dirty = true;
}

void progress_line(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	progress_clear(p);
	va_start(ap, fmt);
	(void)vfprintf(p->f, fmt, ap);
	va_end(ap);
	(void)fputc('\n', p->f);
	(void)fflush(p->f);
}
