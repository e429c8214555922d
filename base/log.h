/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of one command or of the daemon. Errors are not logged where they happen but where they
 * are printed (cli/); warnings and debug lines may come from anywhere.
 *
 * Where lines go (what containerd-shim, conmon and people at a shell expect):
 *  - errors: stderr ("cede: <message>") and, if --log FILE was given, one JSON or text line there;
 *  - warnings and infos: held back until the command has succeeded or log_commit() is called, then
 *    to the log file, or to stderr if there is none. Of a failed command they are dropped: a user
 *    gets one clear line, and podman parses the log file of a failed create as ONE object;
 *  - debug: only with --debug, to the log file or stderr.
 */
#ifndef CEDE_BASE_LOG_H
#define CEDE_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

enum log_format { LOG_TEXT, LOG_JSON };
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_opts {
	const char *file; /* NULL: stderr only. Opened O_APPEND|O_CREAT|O_CLOEXEC 0644 */
	enum log_format format;
	enum log_level level;
};

int log_open(const struct log_opts *o, struct err *e);
/* What matters has succeeded (the container runs): lines held back go out, later ones at once. */
void log_commit(void);
/* `failed`: the command ended with an error; what is held back is dropped. */
void log_close(bool failed);

void log_error(const struct err *e);
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool log_debug_enabled(void);

#endif
