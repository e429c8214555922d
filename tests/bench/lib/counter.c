/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/bench/lib/counter.h"

_Static_assert(sizeof(struct counter) <= 4096, "one page");

int counter_create(const char *path, uint32_t workers, uint32_t block_bytes, struct counter **ret,
		   struct err *e)
{
	struct counter *c;
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail(e, errno, "create %s", path);
	if (ftruncate(fd, 4096) < 0)
		return fail(e, errno, "truncate %s", path);
	c = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (c == MAP_FAILED)
		return fail(e, errno, "map %s", path);
	c->workers = workers;
	c->block_bytes = block_bytes;
	c->magic = COUNTER_MAGIC;
	*ret = c;
	return 0;
}

int counter_read(const char *path, struct counter_sum *ret, struct err *e)
{
	_cleanup_free_ struct counter *c = malloc(4096);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (!c)
		return fail(e, ENOMEM, "read %s", path);
	if (fd < 0)
		return fail(e, errno, "open %s", path);
	if (pread(fd, c, 4096, 0) != 4096 || c->magic != COUNTER_MAGIC ||
	    c->workers > COUNTER_MAX_WORKERS)
		return refuse(e, EBADMSG, "%s: not a counter of this job", path);
	*ret = (struct counter_sum){.workers = c->workers, .block_bytes = c->block_bytes};
	for (uint32_t i = 0; i < c->workers; i++) {
		ret->blocks += c->slot[i].blocks;
		ret->passes += c->slot[i].passes;
		ret->started += c->slot[i].blocks > 0;
	}
	return 0;
}
