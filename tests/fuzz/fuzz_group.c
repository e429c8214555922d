/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text in the files of a container's group (tree.h), and in the note of who froze it: the
 * document of `events` is JSON, the list of processes has no number that is none.
 */
#include "tests/fuzz/tree.h"

#include "base/cgfs.h"
#include "base/json.h"
#include "metrics/container_stats.h"
#include "runtime/cgroup.h"
#include "runtime/freezer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const files[] = {
	"cpu.stat",	      "cpu.pressure",
	"memory.current",     "memory.max",
	"memory.peak",	      "memory.events",
	"memory.stat",	      "memory.swap.current",
	"memory.swap.max",    "memory.swap.events",
	"memory.pressure",    "pids.current",
	"pids.max",	      "io.stat",
	"io.pressure",	      "hugetlb.2MB.current",
	"hugetlb.2MB.events", "cgroup.procs",
	"cgroup.events",      "cgroup.controllers",
	"freeze.sched",	      "child/cgroup.procs",
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void stats(void)
{
	struct json_writer w = {0};
	struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	struct json *doc;

	json_w_object(&w, NULL);
	if (container_stats_write(tree.fd, &w, "data", &e) < 0) {
		require(e.msg[0]);
	} else {
		json_w_end_object(&w);
		require(json_parse(&a, strbuf_str(&w.sb), w.sb.len, "stats", &doc, &e) == 0);
	}
	strbuf_free(&w.sb);
	arena_free(&a);
}

static void processes(void)
{
	const struct cgroup cg = {.fd = tree.fd};
	pid_t *pids = NULL;
	size_t n = 0;

	if (cgroup_pids(&cg, &pids, &n, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			require(pids[i] > 0);
	free(pids);
}

static void others(void)
{
	struct container c = {.dirfd = tree.fd};
	unsigned controllers;
	uint64_t v;

	(void)cg_read_key(tree.fd, "cgroup.events", "populated", &v, NULL);
	if (cg_read_controllers(tree.fd, "cgroup.controllers", &controllers, NULL) == 0)
		require(controllers < CG_MISC * 2);
	(void)freezer_is_stale(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	tree_make(files, sizeof(files) / sizeof(*files));
	tree_fill(data, size);
	stats();
	processes();
	others();
	tree_clear();
	return 0;
}
