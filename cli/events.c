/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events: a line of JSON each time there is news about a container, until it ends. The lines are
 * those of `runc events`, which go-runc's Event reads:
 *
 *	{"type":"stats","id":ID,"data":{...}}	each interval, see metrics/container_stats.h
 *	{"type":"oom","id":ID}			the kernel has killed in it for want of memory
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "metrics/container_stats.h"
#include "runtime/cgroup.h"

struct watch {
	const char *id;
	struct cgroup cg;
	int pidfd;     /* of init */
	int memory_fd; /* memory.events; -1: no memory controller */
	uint64_t oom_kills;
	bool all_at_once; /* memory.oom.group: the kernel kills all of it or nothing */
};

static int print_line(struct json_writer *w, struct err *e)
{
	int rc = 0;

	if (w->sb.oom)
		rc = fail(e, ENOMEM, "events");
	else if (puts(strbuf_str(&w->sb)) < 0 || fflush(stdout) != 0)
		rc = fail(e, errno, "write to standard output");
	strbuf_free(&w->sb);
	return rc;
}

static void begin(struct json_writer *w, const char *type, const char *id)
{
	json_w_object(w, NULL);
	json_w_string(w, "type", type);
	json_w_string(w, "id", id);
}

static bool has_ended(const struct watch *x)
{
	struct pollfd p = {.fd = x->pidfd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

static int print_stats(const struct watch *x, struct err *e)
{
	struct json_writer w = {0};
	int rc;

	begin(&w, "stats", x->id);
	rc = container_stats_write(x->cg.fd, &w, "data", e);
	if (rc < 0) {
		strbuf_free(&w.sb);
		return has_ended(x) ? refuse(e, ESRCH, "container not running") : rc;
	}
	json_w_end_object(&w);
	return print_line(&w, e);
}

/* How many so far; what it was if the group is gone. */
static uint64_t count_ooms(const struct watch *x)
{
	char text[512];
	ssize_t n = x->memory_fd < 0 ? -1 : pread(x->memory_fd, text, sizeof(text) - 1, 0);
	uint64_t kills;

	if (n < 0)
		return x->oom_kills;
	text[n] = '\0';
	return cg_parse_key(text, "oom_kill", &kills) < 0 ? x->oom_kills : kills;
}

/* With memory.oom.group a kill is the container's only one, and yet counts once for each process
 * and twice for the first (mm/oom_kill.c, oom_kill_process). */
static int print_oom(struct watch *x, struct err *e)
{
	uint64_t kills = count_ooms(x);
	struct json_writer w = {0};

	if (kills == x->oom_kills)
		return 0;
	x->oom_kills = kills;
	if (x->all_at_once)
		x->memory_fd = fd_close(x->memory_fd);
	begin(&w, "oom", x->id);
	json_w_end_object(&w);
	return print_line(&w, e);
}

/* Whole milliseconds until then, rounded up. */
static int ms_until(uint64_t deadline)
{
	uint64_t now = now_ns(), left = deadline > now ? deadline - now : 0;

	return (int)MIN((left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC, (uint64_t)INT32_MAX);
}

/* An error on stdout wakes us, too: nobody listens any more. */
static int follow(struct watch *x, uint64_t interval_ns, struct err *e)
{
	uint64_t next = now_ns();

	for (;;) {
		struct pollfd p[] = {
			{.fd = x->pidfd, .events = POLLIN},
			{.fd = x->memory_fd, .events = POLLPRI},
			{.fd = STDOUT_FILENO},
		};
		bool ended;
		int rc;

		if (poll(p, ARRAY_SIZE(p), ms_until(next)) < 0 && errno != EINTR)
			return fail(e, errno, "poll");
		if (p[2].revents & (POLLERR | POLLHUP | POLLNVAL))
			return refuse(e, EPIPE, "events: nobody reads standard output any more");
		ended = p[0].revents;
		rc = print_oom(x, e);
		if (rc < 0 || ended)
			return rc;
		if (now_ns() < next)
			continue;
		rc = print_stats(x, e);
		if (rc < 0)
			return has_ended(x) ? print_oom(x, e) : rc;
		next += interval_ns;
		if (next < now_ns()) /* we were stopped: those are lost */
			next = now_ns() + interval_ns;
	}
}

static int open_watch(struct watch *x, const struct runtime *rt, const char *id, struct err *e)
{
	_cleanup_container_ struct container *c = NULL;
	int rc = container_open(rt, id, CONTAINER_NO_LOCK, &c, e);
	enum oci_status status = OCI_STOPPED;
	uint64_t group;

	if (rc == 0)
		rc = container_status(c, &status, e);
	if (rc < 0)
		return rc;
	if (status == OCI_STOPPED || status == OCI_CREATING)
		return refuse(e, ESRCH, "container not running");
	x->pidfd = container_open_init(c, e);
	if (x->pidfd < 0)
		return x->pidfd;
	if (!c->cgroup)
		return refuse(e, EOPNOTSUPP, "container `%s` has no cgroup: nothing is counted",
			      id);
	rc = cgroup_open_of(c, &x->cg, e);
	if (rc < 0)
		return rc;
	x->memory_fd = file_open(x->cg.fd, "memory.events", O_RDONLY, NULL);
	x->all_at_once = cg_read_u64(x->cg.fd, "memory.oom.group", &group, NULL) == 0 && group == 1;
	x->oom_kills = count_ooms(x);
	return 0;
}

static int run_events(struct cli *cli, int argc, char **argv, struct err *e)
{
	struct watch x = {.cg = {.fd = -1, .host.fd = -1}, .pidfd = -1, .memory_fd = -1};
	const char *interval = "5s";
	bool stats = false;
	const struct opt opts[] = {
		{"stats", 0, OPT_FLAG, &stats, NULL, "print the counters once and stop"},
		{"interval", 0, OPT_STRING, &interval, "DURATION",
		 "time between two lines, like 100ms or 1m (default: 5s)"},
		{0},
	};
	uint64_t ns;
	int first, rc;

	first = cli_options(&verb_events, opts, argc, argv, e);
	if (first < 0)
		return first;
	rc = cli_operands(&verb_events, argc, first, 1, 1, e);
	if (rc < 0)
		return rc;
	if (parse_duration(interval, &ns) < 0 || ns < NSEC_PER_MSEC || ns > INT64_MAX / 2)
		return refuse(e, EINVAL,
			      "events: --interval: expected a time of at least 1ms, like 5s or "
			      "1m30s, found \"%s\"",
			      interval);
	x.id = argv[first];
	rc = open_watch(&x, &cli->rt, x.id, e);
	if (rc == 0)
		rc = stats ? print_stats(&x, e) : follow(&x, ns, e);
	(void)fd_close(x.pidfd);
	(void)fd_close(x.memory_fd);
	cgroup_close(&x.cg);
	return rc;
}

const struct verb verb_events = {
	.name = "events",
	.args = "ID",
	.summary = "Report what a container uses, and when memory runs out",
	.run = run_events,
	.mixed = true,
};
