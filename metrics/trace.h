/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples in a file, for replaying a policy bit for bit and for reports.
 *
 * A header of 32 bytes, then records of one size; everything little-endian, so that a trace may be
 * read elsewhere:
 *
 *	"cedetrac"  u32 version (1)  u32 record size  u64 reserved (0)  u64 reserved (0)
 *	record: each field of struct sample as one 64-bit number, in the order of trace.c's table
 *
 * Files may be hostile: the reader takes this version with this record size only, checks each
 * figure (no negative one but SAMPLE_UNKNOWN) and that time goes forward, and never looks further
 * than one record ahead. A last record that is cut (the writer was killed) ends the trace quietly.
 */
#ifndef CEDE_METRICS_TRACE_H
#define CEDE_METRICS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "metrics/sample.h"

#define TRACE_VERSION 1
#define TRACE_HEADER_SIZE 32
#define TRACE_FIELDS 22
#define TRACE_RECORD_SIZE (TRACE_FIELDS * 8)
/* Records gathered before they are written: 16, or a sixth of a second at 10 ms. */
#define TRACE_BUFFERED 16

struct trace_writer {
	int fd;
	size_t used;
	unsigned char buf[TRACE_HEADER_SIZE + TRACE_BUFFERED * TRACE_RECORD_SIZE];
};

/* Borrows fd, which must be empty and at its beginning. Writes nothing yet. */
void trace_writer_init(struct trace_writer *w, int fd);
/* Allocates nothing. On a failure (a full disk) the record is not in the file, and what was written
 * of it is cut off where the file allows that. */
int trace_write(struct trace_writer *w, const struct sample *s, struct err *e);
int trace_flush(struct trace_writer *w, struct err *e);

struct trace_reader {
	int fd;
	uint64_t n;	     /* records read */
	uint64_t last_at_ns; /* of the record before */
	bool cut;	     /* the trace ended in the middle of a record */
};

/* Borrows fd, reads the header. -EBADMSG: not a trace; -EPROTONOSUPPORT: of another version. */
int trace_reader_init(struct trace_reader *r, int fd, struct err *e);
/* 1: a record; 0: the end; -EBADMSG names the record and the field. */
int trace_read(struct trace_reader *r, struct sample *ret, struct err *e);

/* The two directions for one record; trace_decode: NULL, or the name of the field that is wrong. */
void trace_encode(const struct sample *s, unsigned char buf[TRACE_RECORD_SIZE]);
const char *trace_decode(const unsigned char buf[TRACE_RECORD_SIZE], struct sample *ret);

#endif
