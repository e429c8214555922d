/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "tests/bench/lib/resp.h"

size_t resp_get(char *buf, uint32_t key)
{
	return (size_t)snprintf(buf, RESP_REQUEST_OVERHEAD,
				"*2\r\n$3\r\nGET\r\n$14\r\nkey:%010u\r\n", key);
}

size_t resp_set(char *buf, uint32_t key, const char *value, size_t value_len)
{
	size_t n =
		(size_t)snprintf(buf, RESP_REQUEST_OVERHEAD,
				 "*3\r\n$3\r\nSET\r\n$14\r\nkey:%010u\r\n$%zu\r\n", key, value_len);

	memcpy(buf + n, value, value_len);
	memcpy(buf + n + value_len, "\r\n", 2);
	return n + value_len + 2;
}

/* The body of "$<n>\r\n<n bytes>\r\n"; `head` is the first line's length with its end. */
static ssize_t parse_bulk(const char *buf, size_t len, size_t head, struct resp_reply *ret)
{
	char digits[24];
	int64_t n;

	if (head - 3 >= sizeof(digits))
		return -EBADMSG;
	memcpy(digits, buf + 1, head - 3);
	digits[head - 3] = '\0';
	if (parse_i64(digits, 10, &n) < 0 || n < -1 || n > (64 << 20))
		return -EBADMSG;
	if (n == -1) {
		*ret = (struct resp_reply){.type = RESP_NIL};
		return (ssize_t)head;
	}
	if (len < head + (size_t)n + 2)
		return 0;
	if (memcmp(buf + head + n, "\r\n", 2) != 0)
		return -EBADMSG;
	*ret = (struct resp_reply){.type = RESP_BULK, .text = buf + head, .len = (size_t)n};
	return (ssize_t)(head + (size_t)n + 2);
}

ssize_t resp_parse(const char *buf, size_t len, struct resp_reply *ret)
{
	const char *end = memchr(buf, '\n', len < 512 ? len : 512);
	size_t head;

	if (!end)
		return len < 512 ? 0 : -EBADMSG;
	head = (size_t)(end - buf) + 1;
	if (head < 3 || buf[head - 2] != '\r')
		return -EBADMSG;
	switch (buf[0]) {
	case '$':
		return parse_bulk(buf, len, head, ret);
	case '+':
		ret->type = RESP_STATUS;
		break;
	case '-':
		ret->type = RESP_ERROR;
		break;
	case ':':
		ret->type = RESP_INTEGER;
		break;
	default:
		return -EBADMSG;
	}
	ret->text = buf + 1;
	ret->len = head - 3;
	return (ssize_t)head;
}
