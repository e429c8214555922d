/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"

/* Lines held back until the command is known to succeed; what is more than this is lost. */
#define HELD_MAX 65536

static struct {
	int fd; /* -1: stderr only */
	enum log_format format;
	enum log_level level;
	bool committed; /* lines go out at once */
	struct strbuf held;
} logger = {.fd = -1, .level = LOG_LEVEL_WARNING};

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

int log_open(const struct log_opts *o, struct err *e)
{
	logger.format = o->format;
	logger.level = o->level;
	if (!o->file)
		return 0;
	logger.fd = open(o->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
	if (logger.fd < 0)
		return fail(e, errno, "open log file %s", o->file);
	return 0;
}

/* One byte of a JSON string. Bytes over 0x7f pass: messages are UTF-8 already or were paths. */
static void add_escaped(struct strbuf *sb, unsigned char c)
{
	if (c == '"' || c == '\\')
		strbuf_addf(sb, "\\%c", c);
	else if (c == '\n')
		strbuf_adds(sb, "\\n");
	else if (c < 0x20 || c == 0x7f)
		strbuf_addf(sb, "\\u%04x", c);
	else
		strbuf_add(sb, &c, 1);
}

static void format_line(struct strbuf *sb, enum log_level level, const char *msg)
{
	char when[CLOCK_TEXT_SIZE];

	clock_format_now(when);
	if (logger.format == LOG_TEXT) {
		strbuf_addf(sb, "time=\"%s\" level=%s msg=\"", when, level_names[level]);
		for (const char *p = msg; *p; p++)
			add_escaped(sb, (unsigned char)*p);
		strbuf_adds(sb, "\"\n");
		return;
	}
	strbuf_addf(sb, "{\"level\":\"%s\",\"msg\":\"", level_names[level]);
	for (const char *p = msg; *p; p++)
		add_escaped(sb, (unsigned char)*p);
	strbuf_addf(sb, "\",\"time\":\"%s\"}\n", when);
}

static void write_out(int fd, const struct strbuf *sb)
{
	(void)io_write(fd, strbuf_str(sb), sb->len); /* where would we report a broken log? */
}

static void format_stderr(struct strbuf *sb, const char *prefix, const char *msg)
{
	strbuf_addf(sb, "cede: %s", prefix);
	/* One message is one line, whatever a hostile document put into it. */
	for (const char *p = msg; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f)
			strbuf_addf(sb, c == '\n' ? " " : "\\x%02x", c);
		else
			strbuf_add(sb, p, 1);
	}
	strbuf_adds(sb, "\n");
}

void log_error(const struct err *e)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;

	format_stderr(&sb, "", e->msg);
	write_out(STDERR_FILENO, &sb);
	if (logger.fd < 0)
		return;
	sb.len = 0;
	format_line(&sb, LOG_LEVEL_ERROR, e->msg);
	write_out(logger.fd, &sb);
}

static void emit(enum log_level level, const char *msg)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	if (level > logger.level)
		return;
	if (logger.fd >= 0)
		format_line(&line, level, msg);
	else
		format_stderr(&line, level == LOG_LEVEL_WARNING ? "warning: " : "", msg);
	/* With --debug somebody reads along; nobody parses the file as one object. */
	if (logger.committed || logger.level >= LOG_LEVEL_DEBUG)
		write_out(logger.fd >= 0 ? logger.fd : STDERR_FILENO, &line);
	else if (logger.held.len < HELD_MAX)
		strbuf_add(&logger.held, strbuf_str(&line), line.len);
}

void log_commit(void)
{
	logger.committed = true;
	if (logger.held.len)
		write_out(logger.fd >= 0 ? logger.fd : STDERR_FILENO, &logger.held);
	strbuf_free(&logger.held);
}

#define EMIT(level, fmt)                                                                           \
	do {                                                                                       \
		char msg_[ERR_MSG_MAX];                                                            \
		va_list ap_;                                                                       \
		va_start(ap_, fmt);                                                                \
		(void)vsnprintf(msg_, sizeof(msg_), fmt, ap_); /* cut if too long */               \
		va_end(ap_);                                                                       \
		emit(level, msg_);                                                                 \
	} while (0)

void log_warn(const char *fmt, ...)
{
	EMIT(LOG_LEVEL_WARNING, fmt);
}

void log_info(const char *fmt, ...)
{
	EMIT(LOG_LEVEL_INFO, fmt);
}

void log_debug(const char *fmt, ...)
{
	if (log_debug_enabled())
		EMIT(LOG_LEVEL_DEBUG, fmt);
}

bool log_debug_enabled(void)
{
	return logger.level >= LOG_LEVEL_DEBUG;
}

void log_close(bool failed)
{
	if (!failed)
		log_commit();
	strbuf_free(&logger.held);
	logger.fd = fd_close(logger.fd);
}
