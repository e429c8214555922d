/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/procfs.h"
#include "cli/cli.h"
#include "runtime/container.h"
#include "cli/launch_summary.h"
#include "sched/edges.h"

/* ---- counters --------------------------------------------------------------------------- */

/* "cpu  user nice system idle iowait ...": idle and iowait of all CPUs together, in USER_HZ. The
 * only line of /proc/stat that can be believed (metrics/sample.h says why not the others). */
static uint64_t idle_ticks(void)
{
	char text[8192], *p;
	uint64_t v[5] = {0};

	/* The first line is what counts; a machine with many CPUs has more than fits. */
	_cleanup_fd_ int fd = proc_open(PROC_ROOT, "stat", O_RDONLY, NULL);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = text + strcspn(text, " ");
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		size_t len;

		p += strspn(p, " ");
		len = strspn(p, "0123456789");
		for (size_t k = 0; k < len; k++)
			v[i] = v[i] * 10 + (uint64_t)(p[k] - '0');
		p += len;
	}
	return v[3] + v[4];
}

static uint64_t read_key(int cgfd, const char *file, const char *key)
{
	uint64_t v = 0;

	if (cgfd < 0 || cg_read_key(cgfd, file, key, &v, NULL) < 0)
		return 0;
	return v;
}

/* "full avg10=0.00 avg60=0.00 avg300=0.00 total=123": time in which tasks wanted a CPU and none of
 * them had one (5.13 for cpu). */
static uint64_t cpu_full_usec(int cgfd)
{
	char text[256], *full, *total;
	uint64_t v;

	if (cgfd < 0 || file_read(cgfd, "cpu.pressure", text, sizeof(text), NULL) < 0)
		return 0;
	full = strstr(text, "full ");
	total = full ? strstr(full, "total=") : NULL;
	if (!total)
		return 0;
	total += strlen("total=");
	total[strcspn(total, "\n")] = '\0';
	return parse_u64(total, 10, &v) < 0 ? 0 : v;
}

/* Of the processes that were waited for: the job's init, which has ended, and all it waited for. */
static uint64_t children_usec(void)
{
	struct rusage r;

	if (getrusage(RUSAGE_CHILDREN, &r) < 0)
		return 0;
	return (uint64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * USEC_PER_SEC +
	       (uint64_t)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

int launch_usage_begin(struct launch_usage *u, const struct runtime *rt, const char *id,
		       struct err *e)
{
	struct container *c = NULL;
	int rc;

	*u = (struct launch_usage){.cgfd = -1, .slice_fd = -1, .events_fd = -1, .state_fd = -1};
	u->host.fd = -1;
	u->start_ns = now_ns();
	u->idle_ticks = idle_ticks();
	u->children_usec = children_usec();
	rc = container_open(rt, id, CONTAINER_NO_LOCK, &c, e);
	if (rc < 0)
		return rc;
	u->state_fd = take_fd(&c->dirfd);
	u->ungrouped = !c->cgroup;
	rc = u->ungrouped ? 0 : cg_host_locate(&u->host, e);
	if (rc == 0 && !u->ungrouped)
		rc = u->cgfd = cg_open(&u->host, c->cgroup, e);
	container_close(c);
	if (rc < 0 || u->ungrouped)
		return rc;
	u->slice_fd = cg_open(&u->host, CEDE_SLICE, NULL); /* not there: elsewhere by an option */
	u->slice_usec = read_key(u->slice_fd, "cpu.stat", "usage_usec");
	u->events_fd = file_open(u->cgfd, "cgroup.events", O_RDONLY, NULL);
	launch_usage_event(u); /* a first read arms the poll */
	return 0;
}

bool launch_usage_is_frozen(const struct launch_usage *u)
{
	return read_key(u->cgfd, "cgroup.events", "frozen") == 1;
}

void launch_usage_event(struct launch_usage *u)
{
	char text[256];
	ssize_t n = pread(u->events_fd, text, sizeof(text) - 1, 0);
	uint64_t frozen, now = now_ns();

	if (n <= 0)
		return;
	text[n] = '\0';
	if (cg_parse_key(text, "frozen", &frozen) < 0 || (frozen == 1) == u->frozen)
		return;
	u->frozen = frozen == 1;
	if (u->frozen)
		u->frozen_since_ns = now;
	else
		u->frozen_ns += now - u->frozen_since_ns;
}

void launch_edges_parse(const char *text, struct launch_result *r)
{
	for (const char *p = text; (p = strstr(p, "\"to\":\"")); p++) {
		const char *to = p + strlen("\"to\":\""), *reason;

		if (str_after(to, "freeze\""))
			r->yields++;
		if (!str_after(to, "kill\""))
			continue;
		reason = strstr(to, "\"reason\":\"");
		if (!reason)
			continue;
		reason += strlen("\"reason\":\"");
		(void)snprintf(r->killed_for, sizeof(r->killed_for), "%.*s",
			       (int)MIN(strcspn(reason, "\""), sizeof(r->killed_for)),
			       reason); /* cut at the worst */
	}
}

static void read_edges(const struct launch_usage *u, const char *file, struct launch_result *r)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (u->state_fd < 0 || file_read_alloc(u->state_fd, file, EDGES_MAX, &text, &len, NULL) < 0)
		return; /* there were none */
	launch_edges_parse(text, r);
}

void launch_usage_end(struct launch_usage *u, const char *id, int status, struct launch_result *ret)
{
	struct launch_result r = {.id = id, .status = status};
	uint64_t now = now_ns(), ticks = idle_ticks(), kernel_frozen;
	uint64_t slice = read_key(u->slice_fd, "cpu.stat", "usage_usec");
	long hz = sysconf(_SC_CLK_TCK);

	launch_usage_event(u);
	if (u->frozen)
		u->frozen_ns += now - u->frozen_since_ns;
	r.wall_usec = (now - u->start_ns) / NSEC_PER_USEC;
	r.ungrouped = u->ungrouped;
	r.used_usec = u->ungrouped ? children_usec() - u->children_usec
				   : read_key(u->cgfd, "cpu.stat", "usage_usec");
	/* 6.18 adds it up; before, what we were woken for. */
	kernel_frozen = read_key(u->cgfd, "cgroup.stat.local", "frozen_usec");
	r.frozen_usec = kernel_frozen ? kernel_frozen : u->frozen_ns / NSEC_PER_USEC;
	r.waited_usec = MIN(r.wall_usec, r.frozen_usec + cpu_full_usec(u->cgfd));
	if (!u->ungrouped && ticks >= u->idle_ticks && slice >= u->slice_usec)
		r.idle_usec = (ticks - u->idle_ticks) * USEC_PER_SEC / (uint64_t)hz +
			      (slice - u->slice_usec);
	r.out_of_memory = read_key(u->cgfd, "memory.events", "oom_kill") > 0;
	read_edges(u, EDGES_FILE ".1", &r);
	read_edges(u, EDGES_FILE, &r);
	*ret = r;
	u->cgfd = fd_close(u->cgfd);
	u->slice_fd = fd_close(u->slice_fd);
	u->events_fd = fd_close(u->events_fd);
	u->state_fd = fd_close(u->state_fd);
	cg_host_close(&u->host);
}

/* ---- words ------------------------------------------------------------------------------ */

static void add_seconds(struct strbuf *sb, uint64_t usec)
{
	/* Below ten seconds two decimals say something; above, one. */
	if (usec < 10 * USEC_PER_SEC)
		strbuf_addf(sb, "%llu.%02llu", (unsigned long long)(usec / USEC_PER_SEC),
			    (unsigned long long)(usec % USEC_PER_SEC / 10000));
	else
		strbuf_addf(sb, "%llu.%llu", (unsigned long long)(usec / USEC_PER_SEC),
			    (unsigned long long)(usec % USEC_PER_SEC / 100000));
}

static void add_end(struct strbuf *sb, const struct launch_result *r)
{
	const char *name = r->status > 128 ? cli_signal_name(r->status - 128) : NULL;

	if (*r->killed_for)
		strbuf_addf(sb, "killed under pressure (%s)", r->killed_for);
	else if (r->out_of_memory && r->status == 128 + SIGKILL)
		strbuf_adds(sb, "out of memory");
	else if (name)
		strbuf_addf(sb, "signal %s", name);
	else
		strbuf_addf(sb, "exit %d", r->status);
}

void launch_summary_format(const struct launch_result *r, struct strbuf *out)
{
	strbuf_addf(out, "%s: ", r->id);
	add_end(out, r);
	strbuf_adds(out, " after ");
	add_seconds(out, r->wall_usec);
	strbuf_adds(out, " s");
	if (!r->ungrouped) {
		strbuf_adds(out, ": ran ");
		add_seconds(out, r->wall_usec - r->waited_usec);
		strbuf_adds(out, " s, waited ");
		add_seconds(out, r->waited_usec);
		strbuf_adds(out, " s");
	}
	if (r->frozen_usec || r->yields) {
		strbuf_adds(out, " (frozen ");
		add_seconds(out, r->frozen_usec);
		strbuf_addf(out, " s in %u yield%s)", r->yields, r->yields == 1 ? "" : "s");
	}
	strbuf_adds(out, ", used ");
	add_seconds(out, r->used_usec);
	strbuf_adds(out, " CPU-s");
	if (r->idle_usec)
		strbuf_addf(
			out, " = %llu %% of the idle CPU",
			(unsigned long long)(MIN(r->used_usec, r->idle_usec) * 100 / r->idle_usec));
}
