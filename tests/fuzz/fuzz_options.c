/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any lines as a command line, as a signal, a user, a number, a size, a duration, an address, a
 * passwd file, a file of edges: an error with a message and nothing stored, or what the headers
 * promise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/procfs.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/launch_summary.h"
#include "cli/process_options.h"
#include "runtime/cr.h"
#include "runtime/notify.h"
#include "runtime/process.h"
#include "runtime/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 32

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void options(int argc, char **argv)
{
	static struct opt_list list;
	const char *text = "untouched", *string = NULL;
	bool flag = false;
	int number = 7;
	uint64_t big = 7;
	const struct opt opts[] = {
		{"flag", 'f', OPT_FLAG, &flag, NULL, NULL},
		{"string", 's', OPT_STRING, &string, "TEXT", NULL},
		{"int", 'n', OPT_INT, &number, "N", NULL},
		{"u64", 'u', OPT_U64, &big, "N", NULL},
		{"env", 'e', OPT_LIST, &list, "X", NULL},
		{"ignored", 0, OPT_IGNORE, NULL, NULL, NULL},
		{"ignored-value", 'i', OPT_IGNORE_VALUE, NULL, NULL, NULL},
		{"help", 'h', OPT_FLAG, &flag, NULL, NULL}, /* ours: shows nothing */
		{0},
	};
	const struct verb verb = {.name = "fuzz", .args = "ID", .summary = text};
	struct err e = ERR_INIT;
	int first;

	list.n = 0;
	first = cli_options(&verb, opts, argc, argv, &e);
	require(first < 0 ? first == -e.code && e.msg[0] : first >= 1 && first <= argc);
	require(list.n <= OPT_LIST_MAX);
	if (first >= 0)
		(void)cli_operands(&verb, argc, first, 1, 2, &e);
}

/* A user is told by a number of at most ten digits that is not -1, or not at all. */
static void user(const char *s)
{
	struct spec_user u = {.uid = 4242, .gid = 4242};
	size_t digits = strspn(s, "0123456789");

	if (process_user_parse(s, &u) < 0) {
		require(u.uid == 4242 && u.gid == 4242);
		return;
	}
	require(digits > 0 && u.uid != UINT32_MAX && u.gid != UINT32_MAX);
	require(u.uid != 0 || strspn(s, "0") == digits);
	if (!s[digits])
		require(u.gid == 4242);
	else
		require(s[digits] == ':' && s[digits + 1] &&
			!s[digits + 1 + strspn(s + digits + 1, "0123456789")]);
}

static void numbers(const char *s)
{
	struct err e = ERR_INIT;
	uint64_t v = 0, again;
	int64_t i = 0;
	char text[64];
	int n = -1;

	if (parse_u64(s, 10, &v) == 0) {
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
		require(parse_u64(text, 10, &again) == 0 && again == v && !strpbrk(s, "+- .x"));
	}
	if (parse_i64(s, 10, &i) == 0) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)i);
		require(parse_i64(text, 10, &i) == 0);
	}
	(void)parse_u64(s, 8, &v);
	(void)parse_u64(s, 16, &v);
	if (parse_bytes(s, &v) == 0)
		require(*s >= '0' && *s <= '9' ? true : *s == '.');
	(void)parse_milli(s, &v);
	(void)parse_duration(s, &v);
	if (cli_signal(s, &n, &e) == 0)
		require(n >= 0 && n <= 64);
	else
		require(e.msg[0]);
}

static void names(const char *s)
{
	struct err e = ERR_INIT;
	const char *home;
	char address[32];
	size_t len;
	int port;

	if (container_id_check(s, &e) == 0)
		require(*s && *s != '.' && *s != '-' && !strchr(s, '/') && strlen(s) <= 255);
	if (cr_page_server(s, address, sizeof(address), &port, &e) == 0)
		require(port > 0 && port < 65536 && memchr(address, '\0', sizeof(address)));
	(void)cr_cgroups_mode(s, 0, &e);
	(void)notify_is_ready(s);
	if (passwd_home(s, 1000, &home, &len))
		require(home > s && len > 0 && home + len <= s + strlen(s) &&
			!memchr(home, '\n', len));
}

static void edges(const char *s)
{
	struct launch_result r = {0};

	launch_edges_parse(s, &r);
	require(memchr(r.killed_for, '\0', sizeof(r.killed_for)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *argv[ARGS_MAX + 1], *line = text;
	int argc = 0;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	names(text);
	edges(text);
	argv[argc++] = (char *)"fuzz";
	while (argc < ARGS_MAX) {
		char *end = strchrnul(line, '\n');
		bool last = !*end;

		*end = '\0';
		argv[argc++] = line;
		user(line);
		numbers(line);
		names(line);
		if (last)
			break;
		line = end + 1;
	}
	argv[argc] = NULL;
	options(argc, argv);
	free(text);
	return 0;
}
