/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/trace.h"

#include <endian.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

static const char magic[8] = {'c', 'e', 'd', 'e', 't', 'r', 'a', 'c'};

enum kind { KIND_U64, KIND_U32, KIND_RATE /* or SAMPLE_UNKNOWN */ };

struct field {
	const char *name;
	size_t offset;
	enum kind kind;
};

#define FIELD(member, k)                                                                           \
	{                                                                                          \
#member, offsetof(struct sample, member), k                                        \
	}

/* The order is the file's: a new field goes to the end and makes a new version. */
static const struct field fields[] = {
	FIELD(at_ns, KIND_U64),
	FIELD(interval_ns, KIND_U64),
	FIELD(lateness_ns, KIND_U64),
	FIELD(n_cpus, KIND_U32),
	FIELD(n_threads, KIND_U32),
	FIELD(incumbent_delay_ppm, KIND_RATE),
	FIELD(attributable_delay_ppm, KIND_RATE),
	FIELD(incumbent_delay_total_ppm, KIND_RATE),
	FIELD(incumbent_wait_ns, KIND_RATE),
	FIELD(secondary_ucpu, KIND_RATE),
	FIELD(medium_at_ns, KIND_U64),
	FIELD(medium_interval_ns, KIND_U64),
	FIELD(node_idle_ucpu, KIND_RATE),
	FIELD(node_steal_ucpu, KIND_RATE),
	FIELD(incumbent_ucpu, KIND_RATE),
	FIELD(incumbent_cpu_psi_ppm, KIND_RATE),
	FIELD(incumbent_mem_psi_ppm, KIND_RATE),
	FIELD(incumbent_io_psi_ppm, KIND_RATE),
	FIELD(slow_at_ns, KIND_U64),
	FIELD(mem_available_bytes, KIND_RATE),
	FIELD(mem_total_bytes, KIND_RATE),
	FIELD(secondary_cpu_psi_ppm, KIND_RATE),
};

_Static_assert(ARRAY_SIZE(fields) == TRACE_FIELDS, "the record holds every field");

static void put_u64(unsigned char *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static uint64_t get_u64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

void trace_encode(const struct sample *s, unsigned char buf[TRACE_RECORD_SIZE])
{
	for (size_t i = 0; i < TRACE_FIELDS; i++) {
		const char *member = (const char *)s + fields[i].offset;
		uint64_t v = 0;
		uint32_t narrow;

		if (fields[i].kind == KIND_U32) {
			memcpy(&narrow, member, sizeof(narrow));
			v = narrow;
		} else {
			memcpy(&v, member, sizeof(v));
		}
		put_u64(buf + i * 8, v);
	}
}

const char *trace_decode(const unsigned char buf[TRACE_RECORD_SIZE], struct sample *ret)
{
	struct sample s = {0};

	for (size_t i = 0; i < TRACE_FIELDS; i++) {
		char *member = (char *)&s + fields[i].offset;
		uint64_t v = get_u64(buf + i * 8);
		uint32_t narrow = (uint32_t)v;

		if (fields[i].kind == KIND_U32 && v > UINT32_MAX)
			return fields[i].name;
		if (fields[i].kind == KIND_RATE && (int64_t)v < 0 && (int64_t)v != SAMPLE_UNKNOWN)
			return fields[i].name;
		if (fields[i].kind == KIND_U32)
			memcpy(member, &narrow, sizeof(narrow));
		else
			memcpy(member, &v, sizeof(v));
	}
	*ret = s;
	return NULL;
}

static void encode_header(unsigned char buf[TRACE_HEADER_SIZE])
{
	memset(buf, 0, TRACE_HEADER_SIZE);
	memcpy(buf, magic, sizeof(magic));
	put_u64(buf + 8, TRACE_VERSION | (uint64_t)TRACE_RECORD_SIZE << 32);
}

void trace_writer_init(struct trace_writer *w, int fd)
{
	w->fd = fd;
	w->used = TRACE_HEADER_SIZE;
	encode_header(w->buf);
}

int trace_flush(struct trace_writer *w, struct err *e)
{
	off_t begin;
	int rc;

	if (!w->used)
		return 0;
	begin = lseek(w->fd, 0, SEEK_CUR); /* -1 on a pipe: nothing to cut there */
	rc = io_write(w->fd, w->buf, w->used);
	w->used = 0;
	if (rc == 0)
		return 0;
	if (begin >= 0 && ftruncate(w->fd, begin) == 0)
		(void)lseek(w->fd, begin, SEEK_SET); /* a file: lseek worked above */
	return fail(e, -rc, "write the trace");
}

int trace_write(struct trace_writer *w, const struct sample *s, struct err *e)
{
	int rc;

	if (w->used + TRACE_RECORD_SIZE > sizeof(w->buf)) {
		rc = trace_flush(w, e);
		if (rc < 0)
			return rc;
	}
	trace_encode(s, w->buf + w->used);
	w->used += TRACE_RECORD_SIZE;
	return 0;
}

int trace_reader_init(struct trace_reader *r, int fd, struct err *e)
{
	unsigned char buf[TRACE_HEADER_SIZE], ours[TRACE_HEADER_SIZE];
	ssize_t n = io_read(fd, buf, sizeof(buf));

	if (n < 0)
		return fail(e, (int)-n, "read the trace");
	if (n < TRACE_HEADER_SIZE || memcmp(buf, magic, sizeof(magic)) != 0)
		return refuse(e, EBADMSG, "not a trace of cede: it does not begin with \"%.8s\"",
			      magic);
	encode_header(ours);
	if (memcmp(buf, ours, sizeof(ours)) != 0)
		return refuse(e, EPROTONOSUPPORT,
			      "trace of version %u with records of %u bytes: this cede reads "
			      "version %u with records of %u bytes",
			      (unsigned)(uint32_t)get_u64(buf + 8),
			      (unsigned)(get_u64(buf + 8) >> 32), (unsigned)TRACE_VERSION,
			      (unsigned)TRACE_RECORD_SIZE);
	*r = (struct trace_reader){.fd = fd};
	return 0;
}

int trace_read(struct trace_reader *r, struct sample *ret, struct err *e)
{
	unsigned char buf[TRACE_RECORD_SIZE];
	ssize_t n = io_read(r->fd, buf, sizeof(buf));
	const char *wrong;
	struct sample s;

	if (n < 0)
		return fail(e, (int)-n, "read the trace");
	if ((size_t)n < sizeof(buf)) {
		r->cut = n > 0;
		return 0;
	}
	wrong = trace_decode(buf, &s);
	if (!wrong && s.at_ns < r->last_at_ns)
		wrong = "at_ns (time goes back)";
	if (wrong)
		return refuse(e, EBADMSG, "trace: record %llu: bad %s", (unsigned long long)r->n,
			      wrong);
	r->last_at_ns = s.at_ns;
	r->n++;
	*ret = s;
	return 1;
}
