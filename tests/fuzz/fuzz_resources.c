/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the document of `update --resources -`: an error of one printable line, or a plan of
 * writes to files of the group, properties of its unit that cede-systemd reads as they were
 * written, and a device program. Behind a '-', its lines are the values of update's options; behind
 * a '?' it is what cede-systemd reads.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "libexec/properties.h"
#include "runtime/cgroup_internal.h"
#include "runtime/devices_bpf.h"
#include "runtime/unit_props.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const options[] = {
	"blkio-weight",	   "cpu-period",    "cpu-quota",	  "cpu-burst",	 "cpu-share",
	"cpu-shares",	   "cpu-rt-period", "cpu-rt-runtime",	  "cpuset-cpus", "cpuset-mems",
	"cpu-idle",	   "memory",	    "memory-reservation", "memory-swap", "pids-limit",
	"l3-cache-schema", "mem-bw-schema",
};
#define OPTIONS (sizeof(options) / sizeof(*options))

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void check_message(int rc, const struct err *e)
{
	require(rc == -e->code && e->msg[0]);
	for (const char *s = e->msg; *s; s++)
		require((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_plan(const struct cg_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct cg_write *w = &p->v[i];

		require(w->json && w->file && w->value && *w->file);
		require(!strchr(w->file, '/') && *w->file != '.' && strlen(w->file) < 256);
		require(!w->other || (!strchr(w->other, '/') && w->other_value));
		require(w->neutral || !(w->controller & ~p->needed));
	}
	require(p->idle >= -1 && p->idle <= 1);
}

static void check_properties(struct arena *a, const struct cg_plan *plan)
{
	struct unit_props p = {.a = a};
	struct strbuf text = STRBUF_INIT;
	struct property *v = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;
	int rc = unit_props_of_plan(&p, plan, &e);

	if (rc < 0) {
		check_message(rc, &e);
		return;
	}
	unit_props_write(&p, &text);
	require(properties_parse(strbuf_str(&text), text.len, &v, &n, &e) == 0 && n == p.n);
	for (size_t i = 0; i < n; i++) {
		require(streq(v[i].name, p.v[i].name) && streq(v[i].sig, p.v[i].sig));
		require(v[i].n == p.v[i].n && v[i].optional == p.v[i].optional);
		for (size_t k = 0; k < v[i].n; k++)
			require(streq(v[i].values[k], p.v[i].values[k]));
	}
	properties_free(v, n);
	strbuf_free(&text);
}

static void document(const char *text, size_t size)
{
	struct spec_resources r = {0};
	struct arena a = ARENA_INIT;
	struct cg_plan plan = {0};
	struct bpf_insn *insns = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;
	int rc = spec_resources_parse(&a, text, size, "standard input", &r, &e);

	if (rc == 0) {
		rc = devices_program(r.devices, r.n_devices, &insns, &n, &e);
		require(rc < 0 || !n == !insns);
		if (rc < 0)
			check_message(rc, &e);
		rc = cg_plan_make(&a, &r, &plan, &e);
	}
	if (rc < 0) {
		check_message(rc, &e);
	} else {
		check_plan(&plan);
		check_properties(&a, &plan);
	}
	free(insns);
	arena_free(&a);
}

/* The container is not there, which is found out when all options have been read. */
static void command(const char *text, size_t size)
{
	static char name[] = "update", id[] = "nobody";
	struct cli cli = {.rt = {.root = "/nonexistent/cede-fuzz"}, .program = "cede"};
	char *argv[OPTIONS + 3] = {name}, *copy = strndup(text, size), *line = copy;
	struct err e = ERR_INIT;
	int argc = 1, rc;

	require(copy != NULL);
	for (size_t i = 0; i < OPTIONS && line; i++) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		if (*line && asprintf(&argv[argc], "--%s=%s", options[i], line) > 0)
			argc++;
		line = end ? end + 1 : NULL;
	}
	argv[argc] = id;
	argv[argc + 1] = NULL;
	rc = verb_update.run(&cli, argc + 1, argv, &e);
	require(rc < 0 && rc == -e.code && e.msg[0]); /* whoever prints it escapes what was given */
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	free(copy);
}

/* As it comes on the helper's stdin. */
static void request(const char *text, size_t size)
{
	struct property *v = NULL;
	struct err e = ERR_INIT;
	size_t n = 0, values = 0;
	int rc = properties_parse(text, size, &v, &n, &e);

	if (rc < 0)
		check_message(rc, &e);
	for (size_t i = 0; i < n && (rc == 0 || i + 1 < n); i++) {
		require(v[i].name && *v[i].sig && !v[i].values[v[i].n]);
		values += v[i].n;
	}
	require(values <= size);
	properties_free(v, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	if (size && *text == '-')
		command(text + 1, size - 1);
	else if (size && *text == '?')
		request(text + 1, size - 1);
	else
		document(text, size);
	return 0;
}
