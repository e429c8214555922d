/* SPDX-License-Identifier: Apache-2.0 */
#include "base/btf.h"

#include <linux/btf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/table.h"

#define NOT_BTF "the kernel's description of its types (BTF)"

/* One part of the file, from its beginning to its end. */
struct reader {
	int fd;
	uint64_t at, end; /* of what is not in the buffer yet */
	size_t pos, len;
	char buf[1 << 15];
};

static void reader_start(struct reader *r, int fd, uint64_t at, uint64_t length)
{
	r->fd = fd;
	r->at = at;
	r->end = at + length;
	r->pos = r->len = 0;
}

/* 1, 0 at the end, negative errno. */
static int refill(struct reader *r, struct err *e)
{
	size_t left = r->len - r->pos;
	uint64_t want = MIN(sizeof(r->buf) - left, r->end - r->at);
	ssize_t n;

	memmove(r->buf, r->buf + r->pos, left);
	r->pos = 0;
	r->len = left;
	if (want == 0)
		return 0;
	n = pread(r->fd, r->buf + left, want, (off_t)r->at);
	if (n < 0)
		return fail(e, errno, "read " NOT_BTF);
	if (n == 0)
		return refuse(e, EBADMSG, NOT_BTF ": shorter than it says");
	r->at += (uint64_t)n;
	r->len += (size_t)n;
	return 1;
}

/* `size` bytes, at most those of a buffer: a pointer that is good until the next call; NULL with
 * *rc 0 at the end of the part, else *rc says why. */
static const void *take(struct reader *r, size_t size, int *rc, struct err *e)
{
	const char *p;

	while (r->len - r->pos < size) {
		*rc = refill(r, e);
		if (*rc < 0)
			return NULL;
		if (*rc == 0) {
			if (r->len != r->pos)
				*rc = refuse(e, EBADMSG, NOT_BTF ": ends in mid-record");
			return NULL;
		}
	}
	p = r->buf + r->pos;
	r->pos += size;
	*rc = 0;
	return p;
}

/* ---- names ------------------------------------------------------------------------------- */

/* Offsets in the string section; 0, that of the empty name: not there. */
struct names {
	uint32_t type[BTF_QUERIES_MAX], member[BTF_QUERIES_MAX];
};

static void note_name(struct names *names, const struct btf_query *q, size_t n, const char *name,
		      uint32_t offset)
{
	for (size_t i = 0; i < n; i++) {
		if (streq(q[i].type, name))
			names->type[i] = offset;
		if (streq(q[i].member, name))
			names->member[i] = offset;
	}
}

static int find_names(struct reader *r, const struct btf_query *q, size_t n, struct names *names,
		      struct err *e)
{
	uint32_t offset = 0;
	int rc;

	for (;;) {
		const char *name = r->buf + r->pos;
		const char *end = memchr(name, '\0', r->len - r->pos);

		if (end) {
			note_name(names, q, n, name, offset);
			offset += (uint32_t)(end - name) + 1;
			r->pos += (size_t)(end - name) + 1;
			continue;
		}
		if (r->len - r->pos == sizeof(r->buf))
			return refuse(e, EBADMSG, NOT_BTF ": a name without an end");
		rc = refill(r, e);
		if (rc <= 0)
			return rc;
	}
}

/* ---- types ------------------------------------------------------------------------------- */

/* What follows a type's record: so many bytes, or for each of its `vlen` parts so many. */
static const struct {
	unsigned char once, each;
} trailers[] = {
	[BTF_KIND_UNKN] = {0, 0},
	[BTF_KIND_INT] = {sizeof(uint32_t), 0},
	[BTF_KIND_PTR] = {0, 0},
	[BTF_KIND_ARRAY] = {sizeof(struct btf_array), 0},
	[BTF_KIND_STRUCT] = {0, sizeof(struct btf_member)},
	[BTF_KIND_UNION] = {0, sizeof(struct btf_member)},
	[BTF_KIND_ENUM] = {0, sizeof(struct btf_enum)},
	[BTF_KIND_FWD] = {0, 0},
	[BTF_KIND_TYPEDEF] = {0, 0},
	[BTF_KIND_VOLATILE] = {0, 0},
	[BTF_KIND_CONST] = {0, 0},
	[BTF_KIND_RESTRICT] = {0, 0},
	[BTF_KIND_FUNC] = {0, 0},
	[BTF_KIND_FUNC_PROTO] = {0, sizeof(struct btf_param)},
	[BTF_KIND_VAR] = {sizeof(struct btf_var), 0},
	[BTF_KIND_DATASEC] = {0, sizeof(struct btf_var_secinfo)},
	[BTF_KIND_FLOAT] = {0, 0},
	[BTF_KIND_DECL_TAG] = {sizeof(struct btf_decl_tag), 0},
	[BTF_KIND_TYPE_TAG] = {0, 0},
	[BTF_KIND_ENUM64] = {0, sizeof(struct btf_enum64)},
};

static void note_member(const struct btf_type *t, const struct btf_member *m, struct btf_query *q,
			size_t n, const struct names *names)
{
	bool fields = BTF_INFO_KFLAG(t->info);
	uint32_t bits = fields ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;

	if ((fields && BTF_MEMBER_BITFIELD_SIZE(m->offset)) || bits % 8)
		return;
	for (size_t i = 0; i < n; i++)
		if (names->type[i] && names->type[i] == t->name_off &&
		    names->member[i] == m->name_off)
			q[i].offset = (int32_t)(bits / 8);
}

static int find_members(struct reader *r, struct btf_query *q, size_t n, const struct names *names,
			struct err *e)
{
	const struct btf_type *next;
	int rc;

	while ((next = take(r, sizeof(*next), &rc, e))) {
		const struct btf_type t = *next;
		unsigned kind = BTF_INFO_KIND(t.info);
		size_t parts = BTF_INFO_VLEN(t.info);

		if (kind >= ARRAY_SIZE(trailers))
			return refuse(e, EBADMSG, NOT_BTF ": a kind of type unknown here (%u)",
				      kind);
		if (trailers[kind].once && !take(r, trailers[kind].once, &rc, e))
			break;
		for (size_t i = 0; trailers[kind].each && i < parts; i++) {
			const void *part = take(r, trailers[kind].each, &rc, e);

			if (!part)
				return rc < 0 ? rc : refuse(e, EBADMSG, NOT_BTF ": cut short");
			if (kind == BTF_KIND_STRUCT)
				note_member(&t, part, q, n, names);
		}
	}
	return rc;
}

int btf_find(int fd, struct btf_query *q, size_t n, struct err *e)
{
	_cleanup_free_ struct reader *r = malloc(sizeof(*r));
	struct names names = {0};
	struct btf_header h;
	ssize_t got;
	int rc;

	if (!r)
		return fail(e, ENOMEM, "read " NOT_BTF);
	if (n > BTF_QUERIES_MAX)
		return fail(e, EINVAL, "read " NOT_BTF);
	for (size_t i = 0; i < n; i++)
		q[i].offset = -1;
	got = pread(fd, &h, sizeof(h), 0);
	if (got < 0)
		return fail(e, errno, "read " NOT_BTF);
	if (got != (ssize_t)sizeof(h) || h.magic != BTF_MAGIC || h.version != BTF_VERSION)
		return refuse(e, EBADMSG, NOT_BTF ": not of version %d", BTF_VERSION);
	reader_start(r, fd, (uint64_t)h.hdr_len + h.str_off, h.str_len);
	rc = find_names(r, q, n, &names, e);
	if (rc < 0)
		return rc;
	reader_start(r, fd, (uint64_t)h.hdr_len + h.type_off, h.type_len);
	return find_members(r, q, n, &names, e);
}
