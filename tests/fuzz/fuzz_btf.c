/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the kernel's description of its types: an error, or offsets that are none or
 * positive. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/btf.h"
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct btf_query q[] = {{"task_struct", "pid", 0}, {"rq", "curr", 0}, {"s", "b", 0}};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct err e = ERR_INIT;
	int rc;

	if (fd < 0 || io_write(fd, data, size) < 0)
		abort();
	rc = btf_find(fd, q, sizeof(q) / sizeof(*q), &e);
	if (rc < 0 && !e.msg[0])
		abort();
	for (size_t i = 0; i < sizeof(q) / sizeof(*q); i++)
		if (q[i].offset < -1)
			abort();
	(void)close(fd);
	return 0;
}
