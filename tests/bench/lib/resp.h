/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of redis' protocol (RESP2) as a generator of GET and SET needs.
 */
#ifndef CEDE_TESTS_BENCH_RESP_H
#define CEDE_TESTS_BENCH_RESP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Room that one request needs at most beside its value. */
#define RESP_REQUEST_OVERHEAD 96

/* Encodes into buf (RESP_REQUEST_OVERHEAD + value_len bytes) and returns the length. Keys are
 * "key:%010u", so that all have one length. */
size_t resp_get(char *buf, uint32_t key);
size_t resp_set(char *buf, uint32_t key, const char *value, size_t value_len);

enum resp_type { RESP_STATUS, RESP_BULK, RESP_NIL, RESP_INTEGER, RESP_ERROR };

struct resp_reply {
	enum resp_type type;
	const char *text; /* status, error or bulk data; inside the buffer parsed */
	size_t len;
};

/* Parses one reply at the start of buf: bytes consumed; 0: not complete yet; -EBADMSG: not RESP, or
 * a type no GET or SET can have. */
ssize_t resp_parse(const char *buf, size_t len, struct resp_reply *ret);

#endif
