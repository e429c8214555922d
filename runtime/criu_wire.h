/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encoding of CRIU's requests and answers: Protocol Buffers, version 2 of the language, of
 * which CRIU's RPC needs three kinds of field only (numbers, strings, messages). Pure.
 */
#ifndef CEDE_RUNTIME_CRIU_WIRE_H
#define CEDE_RUNTIME_CRIU_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Out: each appends one field; what fails shows as sb->oom at the end. */
void wire_u64(struct strbuf *sb, unsigned field, uint64_t value);
void wire_string(struct strbuf *sb, unsigned field, const char *value);
void wire_message(struct strbuf *sb, unsigned field, const struct strbuf *inner);

/* In: the rest of a message, borrowed. */
struct wire {
	const unsigned char *p;
	size_t len;
};

struct wire_field {
	unsigned number;
	uint64_t value;	  /* of a number */
	struct wire data; /* of a string or message; p is NULL for a number */
};

/* 1: *ret is the next field; 0: the end; -EBADMSG: not a message. Fields of fixed width, which
 * CRIU's answers do not have, are skipped. */
int wire_next(struct wire *w, struct wire_field *ret);
/* Copies a string; what does not fit is cut, bytes that are not printable become '?'. */
void wire_text(const struct wire *data, char *buf, size_t size);

#endif
