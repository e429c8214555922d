/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: systemd, CRIU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "base/str.h"
#include "metrics/host_probe.h"

#define CRIU_CHECK_MS 20000

static void probe_systemd(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "systemd");

	/* sd_booted(3) */
	if (probe_exists(p, "run/systemd/system")) {
		fact_value(f, "running");
		return;
	}
	fact_value(f, "not running");
	fact_costs(f, HOST_MISSING, "cede keeps its slice by itself (cgroupfs driver)");
}

static void progress(const struct host_probe *p, const char *what)
{
	if (p->o->progress)
		p->o->progress(what, p->o->arg);
}

/* Runs it and keeps what it said; the caller frees. */
static int run(const struct host_probe *p, const char *path, const char *arg, int timeout_ms,
	       struct spawn_result *ret)
{
	struct spawn s = {
		.path = path,
		.argv = (char *[]){(char *)"criu", (char *)arg, NULL},
		.envp = p->o->environ,
		.output_limit = 16384,
		.timeout_ms = timeout_ms,
	};

	return spawn_run(&s, ret, NULL);
}

/* "Version: 3.17.1\nGitID: ..." */
static void version_from(const char *text, char *buf, size_t size)
{
	const char *hit = text ? strstr(text, "Version: ") : NULL;

	(void)snprintf(buf, size, "unknown version");
	if (hit) {
		hit += strlen("Version: ");
		(void)snprintf(buf, size, "%.*s", (int)strcspn(hit, "\n"), hit); /* or cut */
	}
}

static bool exited(const char *line)
{
	const char *hit = strstr(line, "exited, status");

	return hit && hit < line + strcspn(line, "\n");
}

/* The first line that says "Error", without the place in CRIU's source; or the last line. That a
 * child has exited is the consequence of what stands behind it. */
static void reason_from(const char *text, char *buf, size_t size)
{
	const char *line = text, *chosen = "", *end;

	for (; line && *line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		chosen = end == line ? chosen : line;
		if (str_after(line, "Error") && !exited(line))
			break;
	}
	if (str_after(chosen, "Error (") && strstr(chosen, "): "))
		chosen = strstr(chosen, "): ") + 3;
	(void)snprintf(buf, size, "%.*s", (int)strcspn(chosen, "\n"), chosen); /* or cut */
}

static void check_criu(struct host_probe *p, struct host_fact *f, const char *path)
{
	static const char costs[] =
		"no 'cede checkpoint' and 'cede restore', and secondaries are frozen instead of "
		"checkpointed; a newer CRIU may know this kernel";
	struct spawn_result version = {0}, check = {0};
	char number[40], reason[120];
	int rc;

	progress(p, "criu check");
	(void)run(p, path, "--version", 2000, &version); /* unknown then */
	rc = run(p, path, "check", CRIU_CHECK_MS, &check);
	progress(p, NULL);
	version_from(version.output, number, sizeof(number));
	reason_from(check.output, reason, sizeof(reason));
	if (rc == 0 && check.status == 0) {
		fact_value(f, "%s, criu check: good", number);
	} else {
		fact_value(f, "%s, criu check: %s", number,
			   rc == -ETIMEDOUT ? "no answer in 20 s"
			   : rc < 0	    ? strerror(-rc)
			   : *reason	    ? reason
					    : "failed");
		fact_costs(f, HOST_MISSING, "%s", costs);
	}
	free(version.output);
	free(check.output);
}

static void probe_criu(struct host_probe *p)
{
	struct host_fact *f = fact_add(p, "criu");
	const char *search = p->o->environ ? env_get(p->o->environ, "PATH") : NULL;
	char path[4096];

	if (exec_find("criu", search, path, sizeof(path)) < 0) {
		fact_value(f, "not installed");
		fact_costs(f, HOST_MISSING,
			   "no 'cede checkpoint' and 'cede restore' (Debian: package criu); "
			   "secondaries are frozen instead: a frozen one keeps its memory and does "
			   "not outlive a reboot");
		return;
	}
	if (p->o->programs)
		check_criu(p, f, path);
	else
		fact_value(f, "%s, not checked", path);
}

void host_probe_programs(struct host_probe *p)
{
	probe_systemd(p);
	probe_criu(p);
}
