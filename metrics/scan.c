/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cgfs.h"
#include "base/cleanup.h"
#include "base/procfs.h"
#include "base/str.h"
#include "metrics/task_table.h"

/* Up to this many threads a process is always opened up: one tick of CPU (10 ms) in a pass is too
 * coarse to tell a server that wakes a hundred times a second from one that sleeps. */
#define FEW_THREADS 16
/* Of a larger one at most so many are looked at, the oldest. */
#define MANY_THREADS 1024
/* One time on the CPU counts as much as 20 us of CPU time. */
#define SLICE_WORTH_NS 20000
/* Less than this is not worth a descriptor: 0.1 % of a CPU, or 50 wake-ups a second. */
#define SCORE_LEAST 1000
#define SCORE_MOST 100000000
/* What was decided about a process is looked at again after so many passes. */
#define RECHECK_PASSES 16
#define ROOT_MEMORY_PASSES 10
/* However cheap the steps are by the clock. */
#define STEPS_PER_RUN 512

enum phase { PHASE_IDLE, PHASE_LIST, PHASE_THREADS, PHASE_CHOOSE };

/* A directory read with getdents64 into a buffer of our own: readdir(3) would allocate. */
struct listing {
	int fd;
	unsigned len, pos;
	char buf[4096] __attribute__((aligned(8)));
};

struct candidate {
	pid_t tgid, tid;
	uint32_t score;
};

struct scan {
	int procfd;
	pid_t self;
	char slice[256];
	uint64_t pass_ns;
	uint64_t (*clock)(void);

	enum phase phase;
	unsigned passes;
	uint64_t began_ns, elapsed_ns; /* this pass; from the last one's beginning to this one's */
	struct task_table tables[2], *cur, *old;
	struct listing procs, threads;
	struct task *process; /* whose threads are being listed, in cur */
	unsigned n_listed;

	struct candidate best[THREADS_MAX];
	unsigned n_best, next_best;

	unsigned users, readable; /* processes of users in this pass; those with a schedstat */
	bool blind;
	unsigned root_passes; /* passes for which scan_saw_root stays true */
};

int scan_new(const struct scan_opts *o, struct scan **ret, struct err *e)
{
	struct scan *s = calloc(1, sizeof(*s));

	if (!s)
		return fail(e, ENOMEM, "process scan");
	*s = (struct scan){
		.procfd = o->procfd, .self = o->self, .pass_ns = o->pass_ns, .clock = o->clock};
	s->procs.fd = s->threads.fd = -1;
	(void)snprintf(s->slice, sizeof(s->slice), "%s", o->slice); /* checked by the caller */
	s->cur = &s->tables[0];
	s->old = &s->tables[1];
	task_table_clear(s->cur);
	task_table_clear(s->old);
	s->procs.fd = openat(o->procfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->procs.fd < 0) {
		int rc = fail(e, errno, "list the processes in /proc");

		scan_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void scan_free(struct scan *s)
{
	if (!s)
		return;
	(void)fd_close(s->procs.fd);   /* always -1 */
	(void)fd_close(s->threads.fd); /* always -1 */
	free(s);
}

unsigned scan_passes(const struct scan *s)
{
	return s->passes;
}

bool scan_is_blind(const struct scan *s)
{
	return s->blind;
}

bool scan_saw_root(const struct scan *s)
{
	return s->root_passes > 0;
}

/* The next entry that is a number; false at the end (or when the directory has gone). */
static bool next_number(struct listing *l, pid_t *ret_pid, uint64_t *ret_ino)
{
	for (;;) {
		const struct dirent64 *d = (const void *)(l->buf + l->pos);
		uint32_t pid;

		if (l->pos >= l->len) {
			long n = syscall(SYS_getdents64, l->fd, l->buf, sizeof(l->buf));

			if (n <= 0)
				return false;
			l->pos = 0;
			l->len = (unsigned)n;
			continue;
		}
		l->pos += d->d_reclen;
		if (parse_u32(d->d_name, 10, &pid) < 0 || !pid || pid > INT32_MAX)
			continue;
		*ret_pid = (pid_t)pid;
		*ret_ino = d->d_ino;
		return true;
	}
}

static ssize_t read_file(const struct scan *s, const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = openat(s->procfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n > 0)
		buf[n] = '\0';
	return n;
}

static bool read_stat(const struct scan *s, pid_t pid, struct proc_stat *ret)
{
	char path[32], buf[1024];

	(void)snprintf(path, sizeof(path), "%d/stat", pid); /* fits */
	return read_file(s, path, buf, sizeof(buf)) > 0 && proc_stat_parse(buf, ret) == 0;
}

static bool read_schedstat(struct scan *s, pid_t tgid, pid_t tid, struct schedstat *ret)
{
	char path[64], buf[128];

	(void)snprintf(path, sizeof(path), "%d/task/%d/schedstat", tgid, tid); /* fits */
	if (read_file(s, path, buf, sizeof(buf)) <= 0 || counters_schedstat(buf, ret) < 0)
		return false;
	/* "0 0 0" is what a kernel without CONFIG_SCHED_INFO says. */
	s->readable += ret->run_ns > 0;
	return true;
}

static enum task_kind kind_of(const struct scan *s, pid_t pid, const struct proc_stat *st)
{
	if (st->flags & PROC_KTHREAD)
		return TASK_KERNEL;
	if (pid == s->self || st->ppid == s->self)
		return TASK_SELF;
	if (st->policy == SCHED_IDLE)
		return TASK_SECONDARY;
	return TASK_USER;
}

/* Where a busy process stands; asked in every pass, because administrators move processes. */
static enum task_kind kind_by_cgroup(struct scan *s, pid_t pid)
{
	char path[32], buf[4096];
	const char *group;
	size_t len;
	int rc = -ENODATA;

	(void)snprintf(path, sizeof(path), "%d/cgroup", pid); /* fits */
	if (read_file(s, path, buf, sizeof(buf)) > 0)
		rc = cg_path_parse(buf, &group, &len);
	if (rc == 0 && counters_path_below(group, len, s->slice))
		return TASK_SECONDARY;
	if (rc < 0 || len <= 1)
		s->root_passes = ROOT_MEMORY_PASSES;
	return TASK_USER;
}

/* Keeps the highest max_threads; the array is short enough to look for its lowest each time. */
static void offer(struct scan *s, unsigned max, pid_t tgid, pid_t tid, uint32_t score)
{
	struct candidate *lowest = s->best;

	if (s->n_best < max) {
		s->best[s->n_best++] = (struct candidate){tgid, tid, score};
		return;
	}
	for (unsigned i = 1; i < s->n_best; i++)
		if (s->best[i].score < lowest->score)
			lowest = &s->best[i];
	if (score > lowest->score)
		*lowest = (struct candidate){tgid, tid, score};
}

/* CPU time and turns on the CPU since the last pass, in millionths of the time. */
static uint32_t score_of(const struct scan *s, uint64_t run_ns, uint64_t slices)
{
	uint64_t worth;

	if (__builtin_mul_overflow(slices, SLICE_WORTH_NS, &worth) ||
	    __builtin_add_overflow(worth, run_ns, &worth))
		worth = UINT64_MAX;
	return (uint32_t)MAX(rate_ppm(worth, s->elapsed_ns, SCORE_MOST), 0);
}

/* `task` is the thread's entry in cur, with what is known from the last pass; `process` its
 * leader's. False if the process turns out to be a secondary. */
static bool visit_thread(struct scan *s, const struct threads *t, struct task *process,
			 struct task *task)
{
	uint64_t run = 0, slices = 0;
	struct schedstat st;

	if (!read_schedstat(s, process->pid, task->pid, &st))
		return true;
	if (task->counted && st.run_ns >= task->run_ns && st.slices >= task->slices) {
		run = st.run_ns - task->run_ns;
		slices = st.slices - task->slices;
	} else if (!task->counted && s->passes) {
		/* New since the last pass: all it did it did since then. */
		run = st.run_ns;
		slices = st.slices;
	}
	task->run_ns = st.run_ns;
	task->slices = st.slices;
	task->counted = true;
	task->active = slices > 0;
	task->score = MAX(score_of(s, run, slices), task->score / 4 * 3);
	if (task->score < SCORE_LEAST)
		return true;
	if (!process->placed) {
		process->kind = kind_by_cgroup(s, process->pid);
		process->placed = true;
	}
	if (process->kind == TASK_SECONDARY)
		return false;
	offer(s, t->max, process->pid, task->pid, task->score);
	return true;
}

/* Reads what only stat knows. False when the process has gone. */
static bool examine(const struct scan *s, struct task *p)
{
	struct proc_stat st;

	if (!read_stat(s, p->pid, &st))
		return false;
	if (p->start_ticks != st.start_ticks)
		task_copy(p, &(struct task){.ino = p->ino, .start_ticks = st.start_ticks});
	p->kind = kind_of(s, p->pid, &st);
	p->worked = !p->known || st.utime_ticks + st.stime_ticks != p->cpu_ticks;
	p->cpu_ticks = st.utime_ticks + st.stime_ticks;
	p->n_threads = (uint32_t)MIN(st.n_threads, UINT32_MAX);
	p->known = true;
	return true;
}

static bool must_examine(const struct scan *s, const struct task *p, bool same)
{
	if (!same || (s->passes + (unsigned)p->pid) % RECHECK_PASSES == 0)
		return true;
	return p->kind == TASK_USER && p->n_threads > 1; /* has it worked? */
}

static bool open_threads(struct scan *s, pid_t pid)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "%d/task", pid); /* fits */
	s->threads.fd = openat(s->procfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->threads.len = s->threads.pos = 0;
	return s->threads.fd >= 0;
}

/* The entry in cur, with what the last pass knew; *same: by its directory it is the same task. */
static struct task *recall(struct scan *s, pid_t pid, uint64_t ino, bool *same)
{
	const struct task *before = task_find(s->old, pid);
	struct task *task = task_put(s->cur, pid);

	if (!task)
		return NULL; /* more tasks than we can remember */
	*same = before && before->ino == ino;
	if (before)
		task_copy(task, before);
	task->ino = ino;
	task->placed = task->active = false;
	return task;
}

static void visit_process(struct scan *s, const struct threads *t, pid_t pid, uint64_t ino)
{
	bool same;
	struct task *p = recall(s, pid, ino, &same);

	if (!p || (must_examine(s, p, same && p->known) && !examine(s, p)))
		return;
	if (p->kind != TASK_USER)
		return;
	s->users++;
	if (p->n_threads > 1) {
		if ((p->worked || p->n_threads <= FEW_THREADS) && open_threads(s, pid)) {
			s->process = p;
			s->n_listed = 0;
			s->phase = PHASE_THREADS;
		}
		return;
	}
	/* Whoever ran may have made threads: ask, so that the next pass looks at all of them. */
	if (visit_thread(s, t, p, p) && p->active)
		(void)examine(s, p); /* gone: the next pass will not list it */
}

static void visit_task(struct scan *s, const struct threads *t, pid_t tid, uint64_t ino)
{
	struct task *process = s->process, *task = process;
	bool same;

	if (tid != process->pid) {
		task = recall(s, tid, ino, &same);
		if (!task)
			return;
		if (!same)
			task_copy(task, &(struct task){.ino = ino});
	}
	if (!visit_thread(s, t, process, task)) {
		s->threads.fd = fd_close(s->threads.fd);
		s->phase = PHASE_LIST;
	}
}

static void begin_pass(struct scan *s, uint64_t at_ns)
{
	s->elapsed_ns = s->passes ? at_ns - s->began_ns : 0;
	s->began_ns = at_ns;
	s->users = s->readable = 0;
	s->n_best = s->next_best = 0;
	s->procs.len = s->procs.pos = 0;
	s->phase = lseek(s->procs.fd, 0, SEEK_SET) == 0 ? PHASE_LIST : PHASE_IDLE;
}

static void end_pass(struct scan *s, struct threads *t)
{
	struct task_table *cur = s->cur;

	threads_choose_end(t);
	s->cur = s->old;
	s->old = cur;
	task_table_clear(s->cur);
	s->blind = s->users && !s->readable;
	s->root_passes -= s->root_passes > 0;
	s->passes++;
	s->phase = PHASE_IDLE;
}

static void step(struct scan *s, struct threads *t, uint64_t at_ns)
{
	const struct candidate *c = &s->best[s->next_best];
	uint64_t ino;
	pid_t pid;

	switch (s->phase) {
	case PHASE_LIST:
		if (next_number(&s->procs, &pid, &ino)) {
			visit_process(s, t, pid, ino);
		} else {
			threads_choose_begin(t);
			s->phase = PHASE_CHOOSE;
		}
		break;
	case PHASE_THREADS:
		if (s->n_listed++ < MANY_THREADS && next_number(&s->threads, &pid, &ino)) {
			visit_task(s, t, pid, ino);
		} else {
			s->threads.fd = fd_close(s->threads.fd);
			s->phase = PHASE_LIST;
		}
		break;
	case PHASE_CHOOSE:
		if (s->next_best < s->n_best) {
			threads_choose(t, at_ns, c->tgid, c->tid, c->score);
			s->next_best++;
		} else {
			end_pass(s, t);
		}
		break;
	case PHASE_IDLE:
		break;
	}
}

uint64_t scan_run(struct scan *s, struct threads *t, uint64_t at_ns, uint64_t budget_ns)
{
	uint64_t start = s->clock(), spent = 0;

	if (s->phase == PHASE_IDLE) {
		/* The second pass tells who is busy: it need not wait as long. */
		uint64_t pause = s->passes == 1 ? s->pass_ns / 5 : s->pass_ns;

		if (s->passes && at_ns - s->began_ns < pause)
			return 0;
		begin_pass(s, at_ns);
	}
	for (unsigned i = 0; i < STEPS_PER_RUN && s->phase != PHASE_IDLE && spent < budget_ns;
	     i++) {
		step(s, t, at_ns);
		spent = s->clock() - start;
	}
	return spent;
}
