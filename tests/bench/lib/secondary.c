/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/procfs.h"
#include "base/str.h"
#include "tests/bench/lib/path.h"
#include "tests/bench/lib/secondary.h"

#define START_TIMEOUT_MS 60000

/* --- the arms ----------------------------------------------------------------------------------
 */

static int be_nice(void *arg)
{
	(void)arg;
	return setpriority(PRIO_PROCESS, 0, 19);
}

static int be_sched_idle(void *arg)
{
	struct sched_param none = {0};

	(void)arg;
	return sched_setscheduler(0, SCHED_IDLE, &none);
}

static const struct arm_info {
	const char *name, *title;
	int (*prepare)(void *arg);
} arms[ARMS] = {
	[ARM_ALONE] = {"alone", "alone", NULL},
	[ARM_UNCONTROLLED] = {"uncontrolled", "nobody controls it", NULL},
	[ARM_NICE] = {"nice", "nice 19", be_nice},
	[ARM_SCHED_IDLE] = {"sched_idle", "chrt --idle", be_sched_idle},
	[ARM_CPU_IDLE] = {"cpu_idle", "cgroup with cpu.idle=1", NULL},
	[ARM_CEDE] = {"cede", "cede launch", NULL},
};

const char *arm_name(enum arm a)
{
	return arms[a].name;
}

const char *arm_title(enum arm a)
{
	return arms[a].title;
}

int arm_parse(const char *name, size_t len, enum arm *ret)
{
	for (int a = 0; a < ARMS; a++) {
		if (strlen(arms[a].name) != len || memcmp(arms[a].name, name, len) != 0)
			continue;
		*ret = (enum arm)a;
		return 0;
	}
	return -ENOENT;
}

bool arm_is_possible(const struct lab *lab, enum arm a, struct err *e)
{
	char control[512];

	if (a != ARM_CPU_IDLE)
		return true;
	if (file_read(lab->cg.fd, "cgroup.subtree_control", control, sizeof(control), e) < 0)
		return false;
	if (strncmp(control, "cpu ", 4) == 0 || strstr(control, " cpu ") || streq(control, "cpu\n"))
		return true;
	(void)refuse(e, EOPNOTSUPP, "the cpu controller is not enabled in cgroup v2");
	return false;
}

/* --- starting ----------------------------------------------------------------------------------
 */

static int make_idle_group(struct lab *lab, struct secondary *s, struct err *e)
{
	char file[600];
	int r;

	path_set(s->top, sizeof(s->top), "%s/cede-bench-idle.%d", lab->cg.mount, (int)getpid());
	path_set(s->group, sizeof(s->group), "%s", s->top);
	path_set(file, sizeof(file), "%s/cpu.idle", s->top);
	r = group_make(s->top, e);
	return r == 0 ? file_write(AT_FDCWD, file, "1", e) : r;
}

/* The container's cgroup, as the kernel tells it: `cede state` names its first process. */
static int find_container_group(struct lab *lab, struct secondary *s, struct err *e)
{
	char out[320], path[256];
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_free_ char *text = NULL;
	const char *argv[] = {lab->cfg.cede, "--root", lab->state, "state", s->id, NULL};
	struct child_opts o = {.name = "cede state", .argv = argv, .output = out};
	struct json *doc;
	uint64_t pid = 0;
	size_t len;
	int r;

	path_set(out, sizeof(out), "%s/%s.state", lab->dir, s->id);
	r = child_run(&o, 10000, false, e);
	if (r == 0)
		r = file_read_alloc(AT_FDCWD, out, 1 << 20, &text, &len, e);
	if (r == 0)
		r = json_parse(&a, text, len, "cede state", &doc, e);
	if (r < 0)
		return r;
	if (!json_get_u64(doc, "pid", &pid) || pid == 0)
		return refuse(e, EBADMSG, "cede state %s: names no running process", s->id);
	r = cg_path_of((pid_t)pid, path, sizeof(path), e);
	if (r == 0)
		path_set(s->group, sizeof(s->group), "%s%s", lab->cg.mount, path);
	return r;
}

/* Until every worker has counted something. */
static int wait_for_workers(struct lab *lab, struct secondary *s, const char *log, struct err *e)
{
	uint64_t end = now_ns() + (uint64_t)START_TIMEOUT_MS * NSEC_PER_MSEC;
	struct counter_sum sum = {0};

	for (;;) {
		int status, r = counter_read(s->counter, &sum, NULL);

		if (r == 0 && sum.workers > 0 && sum.started == sum.workers)
			return 0;
		r = child_wait(&s->child, 20, false, &status, e);
		if (r == 0)
			return refuse(e, EIO, "%s: the secondary ended at once (status %d); see %s",
				      lab->dir, status, log);
		if (r != -ETIMEDOUT)
			return r;
		if (now_ns() > end)
			return refuse(e, ETIMEDOUT, "the secondary did not begin to work in %d s",
				      START_TIMEOUT_MS / 1000);
	}
}

int secondary_start(struct lab *lab, enum arm arm, struct secondary *s, struct err *e)
{
	char program[320], corpus[320], log[320], workers[16];
	const char *cede[] = {lab->cfg.cede, "--root", lab->state, "launch", "--name", s->id, "--"};
	const char *job[] = {program,	 "--corpus",  corpus,  "--counter",
			     s->counter, "--workers", workers, NULL};
	const char *argv[ARRAY_SIZE(cede) + ARRAY_SIZE(job)];
	struct child_opts o = {.name = arms[arm].title,
			       .argv = argv,
			       .cwd = lab->work,
			       .output = log,
			       .prepare = arms[arm].prepare};
	size_t n = 0;
	int r = 0;

	*s = (struct secondary){.arm = arm, .child = CHILD_NONE};
	if (arm == ARM_ALONE)
		return 0;
	lab->serial++;
	path_set(program, sizeof(program), "%s/job", lab->work);
	path_set(corpus, sizeof(corpus), "%s/corpus", lab->work);
	path_set(log, sizeof(log), "%s/secondary.log", lab->dir);
	(void)snprintf(workers, sizeof(workers), "%u", lab->cfg.workers);
	path_set(s->counter, sizeof(s->counter), "%s/counter.%u", lab->work, lab->serial);
	if (arm == ARM_CEDE) {
		(void)snprintf(s->id, sizeof(s->id), "cede-bench-%d-%u", (int)getpid(),
			       lab->serial);
		memcpy(argv, cede, sizeof(cede));
		n = ARRAY_SIZE(cede);
	} else if (arm == ARM_CPU_IDLE) {
		r = make_idle_group(lab, s, e);
	} else {
		path_set(s->group, sizeof(s->group), "%s", lab->secondary);
	}
	memcpy(argv + n, job, sizeof(job));
	/* `cede launch` itself is not part of the secondary, and not of the incumbents either. */
	o.cgroup = arm == ARM_CEDE ? NULL : s->group;
	if (r == 0)
		r = child_start(&s->child, &o, e);
	if (r == 0)
		r = wait_for_workers(lab, s, log, e);
	return r == 0 && arm == ARM_CEDE ? find_container_group(lab, s, e) : r;
}

/* --- stopping ----------------------------------------------------------------------------------
 */

int secondary_stop(struct lab *lab, struct secondary *s, struct err *e)
{
	struct err other = ERR_INIT;
	int r = 0;

	if (s->arm == ARM_ALONE)
		return 0;
	r = child_stop(&s->child, 10000, e);
	if (s->id[0] && lab_delete_container(lab, s->id, &other) < 0 && r == 0) {
		*e = other;
		r = -other.code;
	}
	if (s->top[0] && group_remove(s->top, &other) < 0 && r == 0) {
		*e = other;
		r = -other.code;
	}
	return r;
}

/* --- reading -----------------------------------------------------------------------------------
 */

int secondary_read(const struct secondary *s, unsigned long long *ret_usec, uint64_t *ret_blocks,
		   struct err *e)
{
	struct counter_sum sum = {0};
	int r;

	*ret_usec = 0;
	*ret_blocks = 0;
	if (s->arm == ARM_ALONE)
		return 0;
	r = group_usage_usec(s->group, ret_usec, e);
	if (r == 0)
		r = counter_read(s->counter, &sum, e);
	if (r == 0)
		*ret_blocks = sum.blocks * sum.block_bytes;
	return r;
}

int secondary_launcher(const struct secondary *s, uint64_t *ret_ns, uint64_t *ret_rss_kib,
		       struct err *e)
{
	char buf[8192];
	const char *peak;
	ssize_t n;

	*ret_ns = *ret_rss_kib = 0;
	if (s->arm != ARM_CEDE || s->child.pid == 0)
		return 0;
	n = proc_read(s->child.pid, "schedstat", buf, sizeof(buf), e);
	if (n < 0)
		return (int)n;
	buf[strcspn(buf, " \n")] = '\0';
	if (parse_u64(buf, 10, ret_ns) < 0)
		return refuse(e, EBADMSG, "/proc/%d/schedstat: cannot be understood", s->child.pid);
	n = proc_read(s->child.pid, "status", buf, sizeof(buf), e);
	if (n < 0)
		return (int)n;
	peak = strstr(buf, "VmHWM:");
	if (peak) {
		char digits[24];

		peak += strlen("VmHWM:");
		peak += strspn(peak, " \t");
		(void)snprintf(digits, sizeof(digits), "%.*s", (int)strspn(peak, "0123456789"),
			       peak);
		(void)parse_u64(digits, 10, ret_rss_kib); /* 0 says: not known */
	}
	return 0;
}
