/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/self.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Opened before any container exists, in the namespaces of who called us: what is mounted on /proc
 * there is not a container's to decide. */
#define SELF_EXE "/proc/self/exe"
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Asked of the kernel, not told by a variable that somebody could set. */
static bool is_protected(void)
{
	_cleanup_fd_ int fd = -1;
	struct statfs fs;
	int seals;

#if defined(__x86_64__)
	if (self_read_only)
		return true;
#endif
	if (statfs(SELF_EXE, &fs) < 0)
		return false;
	if (fs.f_flags & ST_RDONLY)
		return true;
	if (fs.f_type != TMPFS_MAGIC) /* where sealed files live */
		return false;
	fd = open(SELF_EXE, O_RDONLY | O_CLOEXEC);
	seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & SEALS) == SEALS;
}

static int read_only_mount(void)
{
	_cleanup_fd_ int fd = open_tree(AT_FDCWD, SELF_EXE, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return take_fd(&fd);
}

static int sealed_copy(struct err *e)
{
	_cleanup_fd_ int from = open(SELF_EXE, O_RDONLY | O_CLOEXEC), to = -1;
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return fail(e, errno, "protect the runtime: open " SELF_EXE);
	to = memfd_create("cede", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (to < 0)
		return fail(e, errno, "protect the runtime: memfd_create");
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);

		if (n <= 0)
			return fail(e, n < 0 ? errno : EIO, "protect the runtime: copy");
		left -= n;
	}
	if (fchmod(to, 0500) < 0 || fcntl(to, F_ADD_SEALS, SEALS) < 0)
		return fail(e, errno, "protect the runtime: seal the copy");
	return take_fd(&to);
}

/* Where the kernel put arguments and environment, one behind the other. */
static struct {
	char *start, *end;
} given;

static void add_given(char *const *v)
{
	for (; *v; v++) {
		if (*v != given.end)
			return; /* somebody else's string */
		given.end += strlen(*v) + 1;
	}
}

void self_hide(void)
{
	static const char name[] = "cede";
	static char *nothing[1];
	size_t size = (size_t)(given.end - given.start);

	if (!size)
		return;
	memset(given.start, 0, size);
	if (size > sizeof(name))
		memcpy(given.start, name, sizeof(name));
	environ = nothing;
}

int self_protect(char *const *argv, struct err *e)
{
	_cleanup_fd_ int fd = -1;

	given.start = given.end = argv[0];
	add_given(argv);
	add_given(environ);
	if (is_protected()) {
		/* Executed by descriptor, the kernel had no name for us but its number. */
		(void)prctl(PR_SET_NAME, "cede", 0, 0, 0); /* cosmetic */
		return 0;
	}
	fd = read_only_mount();
	if (fd < 0)
		fd = sealed_copy(e);
	if (fd < 0)
		return fd;
	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return fail(e, errno, "protect the runtime: execute its read-only copy");
}
