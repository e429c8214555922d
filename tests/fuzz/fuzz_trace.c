/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a trace: records that, written again, are the same bytes; or an error. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "metrics/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int memory_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || io_write(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memory_file(data, size);
	struct trace_reader r;
	struct sample s;
	struct err e = ERR_INIT;
	int rc = trace_reader_init(&r, fd, &e);

	while (rc == 0 && (rc = trace_read(&r, &s, &e)) == 1) {
		unsigned char again[TRACE_RECORD_SIZE];

		trace_encode(&s, again);
		if (memcmp(data + TRACE_HEADER_SIZE + (r.n - 1) * TRACE_RECORD_SIZE, again,
			   sizeof(again)) != 0)
			abort();
		rc = 0;
	}
	if (rc < 0 && !e.msg[0])
		abort();
	close(fd);
	return 0;
}
