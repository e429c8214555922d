/* SPDX-License-Identifier: Apache-2.0 */
/* configure links this with musl, compat/musl and the archives of the system, and runs it. */
#include <fcntl.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#ifdef __GLIBC__
#error "this is glibc"
#endif

static int no_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	return !filter || seccomp_rule_add(filter, SCMP_ACT_ERRNO(1), SCMP_SYS(mount), 0) < 0 ||
	       seccomp_export_bpf(filter, fd) < 0;
}

static int no_parser(void)
{
	static const unsigned char text[] = "{\"a\": [1, 2.5]}";
	yajl_handle parser = yajl_alloc(NULL, NULL, NULL);

	return !parser || yajl_parse(parser, text, sizeof(text) - 1) != yajl_status_ok ||
	       yajl_complete_parse(parser) != yajl_status_ok;
}

int main(void)
{
	const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	struct statx st = {0};
	int self = pidfd_open(getpid(), 0);

	return no_filter() || no_parser() || self < 0 || read_only.attr_set != MOUNT_ATTR_RDONLY ||
	       statx(AT_FDCWD, "/", 0, STATX_TYPE, &st) < 0 || !S_ISDIR(st.stx_mode);
}
