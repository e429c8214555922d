/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the person who waits gets to see: on a terminal a line that moves, elsewhere nothing but
 * finished lines.
 */
#ifndef CEDE_TESTS_BENCH_PROGRESS_H
#define CEDE_TESTS_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

struct progress {
	FILE *f;
	bool live;  /* a terminal */
	bool color; /* and NO_COLOR is not set */
	bool dirty; /* the moving line is on the screen */
	char what[96];
};

void progress_init(struct progress *p, FILE *f);
/* Names what runs now, for the moving line. */
void progress_begin(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A cell_progress; arg is the struct progress. */
void progress_step(void *arg, unsigned done_ms, unsigned all_ms);
/* A finished line. */
void progress_line(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void progress_clear(struct progress *p);

#endif
