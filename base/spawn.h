/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to run another program: hooks, probes, helpers. The child gets exactly the argv and
 * environment given, standard descriptors as asked and nothing else; it is reaped through a pidfd,
 * and every wait has a bound.
 */
#ifndef CEDE_BASE_SPAWN_H
#define CEDE_BASE_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct spawn {
	const char *path;	/* absolute, or searched in PATH of `envp` if it has no slash */
	char *const *argv;	/* NULL-terminated, argv[0] included */
	char *const *envp;	/* NULL: empty environment */
	const char *stdin_data; /* NULL: /dev/null */
	size_t stdin_len;
	size_t output_limit; /* keep up to this many bytes of stdout+stderr; 0: /dev/null */
	int stdout_fd;	     /* > 0: the child's stdout and stderr go there instead */
	int cancel_fd;	     /* > 0: when this becomes readable: SIGKILL and -EINTR */
	int timeout_ms;	     /* <= 0: the default of 30 s; then SIGKILL and -ETIMEDOUT */
	/* Runs in the child before exec (join namespaces); non-zero ends it with status 125. */
	int (*in_child)(void *arg);
	void *arg;
};

struct spawn_result {
	int status;   /* exit status, or 128 + signal */
	char *output; /* caller frees; NUL-terminated; NULL if none was asked for */
	size_t output_len;
};

/*
 * 0 when the program was started and reaped (whatever its status); negative errno otherwise.
 * -ENOENT / -EACCES when exec itself failed. The program leads a process group of its own, which is
 * killed as a whole when the time is over; ret->output is handed out then too.
 */
int spawn_run(const struct spawn *s, struct spawn_result *ret, struct err *e);

/* PATH of an environment without one: what execvp(3)'s callers usually have. */
#define SPAWN_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The value of `name` in an environment, or NULL. */
const char *env_get(char *const *envp, const char *name);

/*
 * Which file execvp(3) would execute for `name` with this PATH (NULL: the default above), as the
 * effective user: 0 and the path in buf; -ENOENT; -EACCES (found, but not executable); -EISDIR
 * (`name` has a slash and is a directory); -ENOTDIR; -ENAMETOOLONG.
 */
int exec_find(const char *name, const char *path, char *buf, size_t size);

#endif
