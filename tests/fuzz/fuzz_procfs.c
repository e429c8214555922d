/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a file of a process in procfs, as the output of ps(1): nothing is read beyond its
 * end, and what is found is something that stands there. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cgfs.h"
#include "base/mountinfo.h"
#include "base/procfs.h"
#include "cli/ps.h"
#include "runtime/rootless.h"
#include "sched/sweep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static bool count(const struct mountinfo *m, void *arg)
{
	require(m->point && m->type && !strchr(m->type, ' '));
	return ++*(size_t *)arg == 1000;
}

static void mounts(const char *text)
{
	size_t n = 0, lines = 1;

	for (const char *s = text; *s; s++)
		lines += *s == '\n';
	require(mountinfo_any(text, count, &n) == (n == 1000));
	require(n <= lines);
}

static void process(const char *text)
{
	struct proc_status status;
	struct proc_stat stat;
	const char *path;
	uint64_t mount;
	uint32_t map[3];
	size_t len;
	int nice;

	(void)proc_stat_parse(text, &stat);
	if (proc_status_parse(text, &status))
		require(strstr(text, "\nSigIgn:\t") && strstr(text, "\nCapAmb:\t"));
	if (proc_status_is_first(text))
		require(strstr(text, "\t1\n") != NULL);
	if (proc_fdinfo_mount(text, &mount) == 0)
		require(strstr(text, "mnt_id:") != NULL);
	if (cg_path_parse(text, &path, &len) == 0)
		require(path >= text && path + len <= text + strlen(text) && *path == '/');
	if (rootless_map_line(text, map))
		require(*text == ' ' || (*text >= '0' && *text <= '9'));
	if (sweep_autogroup_nice(text, &nice) == 0)
		require(strstr(text, " nice ") != NULL);
}

/* Of the lines behind the header only those of our processes, whole. */
static void table(char *text)
{
	static const pid_t pids[] = {1, 7, 4711};
	struct strbuf out = STRBUF_INIT;
	struct err e = ERR_INIT;
	size_t len = strlen(text);

	if (ps_filter(text, pids, sizeof(pids) / sizeof(*pids), &out, &e) < 0)
		require(e.msg[0] && !out.len);
	else
		require(out.len > 0 && out.len <= len + 1 && out.buf[out.len - 1] == '\n');
	strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	process(text);
	mounts(text);
	table(text); /* cuts it up */
	free(text);
	return 0;
}
