/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as state.json of a container: an error that names the container, or all that a
 * container must have. */
#include <fcntl.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/container.h"
#include "runtime/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[] = "/tmp/cede-fuzz-state.XXXXXX";
static char dir[sizeof(root) + 8], file[sizeof(root) + 24];

static void clean_up(void)
{
	(void)dir_remove_all(AT_FDCWD, root, NULL);
}

static void set_up(void)
{
	if (dir[0])
		return;
	if (!mkdtemp(root))
		abort();
	(void)atexit(clean_up);
	(void)snprintf(dir, sizeof(dir), "%s/x", root);
	(void)snprintf(file, sizeof(file), "%s/state.json", dir);
	if (mkdir(dir, 0700) < 0)
		abort();
}

static void check(struct container *c)
{
	struct oci_state doc;

	if (!c->bundle || !c->rootfs || !c->created || c->init_pid < 0 || strcmp(c->id, "x") != 0)
		abort();
	for (size_t i = 0; i < c->annotations.n; i++)
		if (!c->annotations.v[i].key || !c->annotations.v[i].value)
			abort();
	container_state_doc(c, OCI_RUNNING, &doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct runtime rt = {.root = root};
	struct container *c = NULL;
	struct err e = ERR_INIT;
	int fd, rc;

	set_up();
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || io_write(fd, data, size) < 0)
		abort();
	(void)close(fd);
	rc = container_open(&rt, "x", CONTAINER_NO_LOCK, &c, &e);
	if (rc < 0 && (c || !strstr(e.msg, "container `x`")))
		abort();
	if (rc == 0)
		check(c);
	container_close(c);
	return 0;
}
