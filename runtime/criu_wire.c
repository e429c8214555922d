/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/criu_wire.h"

#include <errno.h>

/* Protocol Buffers, "Message structure": the three low bits of a field's key. */
enum { KIND_NUMBER = 0, KIND_FIXED64 = 1, KIND_BYTES = 2, KIND_FIXED32 = 5 };

static void add_number(struct strbuf *sb, uint64_t v)
{
	unsigned char bytes[10];
	size_t n = 0;

	do {
		bytes[n] = (unsigned char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		n++;
		v >>= 7;
	} while (v);
	strbuf_add(sb, bytes, n);
}

static void add_key(struct strbuf *sb, unsigned field, unsigned kind)
{
	add_number(sb, (uint64_t)field << 3 | kind);
}

void wire_u64(struct strbuf *sb, unsigned field, uint64_t value)
{
	add_key(sb, field, KIND_NUMBER);
	add_number(sb, value);
}

static void add_bytes(struct strbuf *sb, unsigned field, const void *data, size_t len)
{
	add_key(sb, field, KIND_BYTES);
	add_number(sb, len);
	strbuf_add(sb, data, len);
}

void wire_string(struct strbuf *sb, unsigned field, const char *value)
{
	add_bytes(sb, field, value, strlen(value));
}

void wire_message(struct strbuf *sb, unsigned field, const struct strbuf *inner)
{
	add_bytes(sb, field, strbuf_str(inner), inner->len);
	sb->oom |= inner->oom;
}

static int take_number(struct wire *w, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && w->len; shift += 7) {
		unsigned char byte = *w->p++;

		w->len--;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

static int skip(struct wire *w, size_t n)
{
	if (w->len < n)
		return -EBADMSG;
	w->p += n;
	w->len -= n;
	return 0;
}

static int take_bytes(struct wire *w, struct wire *ret)
{
	uint64_t len;

	if (take_number(w, &len) < 0 || len > w->len)
		return -EBADMSG;
	*ret = (struct wire){.p = w->p, .len = (size_t)len};
	return skip(w, (size_t)len);
}

int wire_next(struct wire *w, struct wire_field *ret)
{
	while (w->len) {
		uint64_t key;
		int rc = take_number(w, &key);

		if (rc < 0 || key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3)
			return -EBADMSG;
		*ret = (struct wire_field){.number = (unsigned)(key >> 3)};
		switch (key & 7) {
		case KIND_NUMBER:
			return take_number(w, &ret->value) < 0 ? -EBADMSG : 1;
		case KIND_BYTES:
			return take_bytes(w, &ret->data) < 0 ? -EBADMSG : 1;
		case KIND_FIXED64:
			rc = skip(w, 8);
			break;
		case KIND_FIXED32:
			rc = skip(w, 4);
			break;
		default:
			return -EBADMSG;
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

void wire_text(const struct wire *data, char *buf, size_t size)
{
	size_t n = data->len < size - 1 ? data->len : size - 1;

	for (size_t i = 0; i < n; i++)
		buf[i] = data->p[i] >= 0x20 && data->p[i] < 0x7f ? (char)data->p[i] : '?';
	buf[n] = '\0';
}
