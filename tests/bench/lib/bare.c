/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/table.h"
#include "tests/bench/lib/bare.h"

static const struct name_value namespaces[] = {
	{"pid", CLONE_NEWPID},	 {"network", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC},
	{"uts", CLONE_NEWUTS},	 {"mount", CLONE_NEWNS},    {"cgroup", CLONE_NEWCGROUP},
	{"user", CLONE_NEWUSER},
};

static int add_namespace(const char *part, size_t len, void *arg)
{
	uint64_t *flags = arg;

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		if (strlen(namespaces[i].name) != len || memcmp(namespaces[i].name, part, len) != 0)
			continue;
		*flags |= namespaces[i].value;
		return 0;
	}
	return -EINVAL;
}

int bare_namespaces(const char *list, uint64_t *ret_flags, struct err *e)
{
	uint64_t flags = 0;

	if (*list && str_split(list, ',', add_namespace, &flags) < 0)
		return refuse(e, EINVAL, "no such namespace in %s", list);
	*ret_flags = flags;
	return 0;
}

pid_t bare_start(uint64_t flags, const char *path, struct err *e)
{
	struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
	char *const argv[] = {(char *)path, NULL};
	char *const envp[] = {NULL};
	pid_t pid = sys_clone3(&args);

	if (pid < 0)
		return fail(e, errno, "clone3");
	if (pid == 0) {
		(void)execve(path, argv, envp);
		_exit(127);
	}
	return pid;
}
