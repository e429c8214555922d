/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the archives of libseccomp and yajl call instead of memcpy and printf when they were
 * compiled against glibc with _FORTIFY_SOURCE: the same with the size of the target, and the end of
 * the program if that would be passed. Names and arguments are the Linux Standard Base's.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
int __fprintf_chk(FILE *f, int flag, const char *fmt, ...);
int __snprintf_chk(char *to, size_t n, int flag, size_t room, const char *fmt, ...);
int __sprintf_chk(char *to, int flag, size_t room, const char *fmt, ...);

void *__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
	if (n > room)
		abort();
	return memcpy(to, from, n);
}

int __fprintf_chk(FILE *f, int flag, const char *fmt, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, fmt);
	n = vfprintf(f, fmt, ap);
	va_end(ap);
	return n;
}

int __snprintf_chk(char *to, size_t n, int flag, size_t room, const char *fmt, ...)
{
	va_list ap;
	int written;

	(void)flag;
	if (n > room)
		abort();
	va_start(ap, fmt);
	written = vsnprintf(to, n, fmt, ap);
	va_end(ap);
	return written;
}

int __sprintf_chk(char *to, int flag, size_t room, const char *fmt, ...)
{
	va_list ap;
	int written;

	(void)flag;
	va_start(ap, fmt);
	written = vsnprintf(to, room, fmt, ap);
	va_end(ap);
	if (written < 0 || (size_t)written >= room)
		abort();
	return written;
}
