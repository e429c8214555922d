/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/threads.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "metrics/sample.h"

void threads_init(struct threads *t, int procfd, unsigned max)
{
	memset(t, 0, sizeof(*t));
	t->procfd = procfd;
	t->max = CLAMP(max, 1u, (unsigned)THREADS_MAX);
}

void threads_close(struct threads *t)
{
	for (unsigned i = 0; i < t->n; i++)
		(void)fd_close(t->watched[i].fd); /* always -1 */
	t->n = 0;
}

static void drop(struct threads *t, unsigned i)
{
	(void)fd_close(t->watched[i].fd); /* always -1 */
	t->watched[i] = t->watched[--t->n];
}

static bool read_one(const struct watched *w, struct schedstat *ret)
{
	char buf[128];
	ssize_t n = pread(w->fd, buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	return counters_schedstat(buf, ret) == 0;
}

void threads_read(struct threads *t, uint64_t interval_ns, struct thread_delays *ret)
{
	uint64_t worst = 0, total = 0, longest = 0;

	for (unsigned i = 0; i < t->n;) {
		struct watched *w = &t->watched[i];
		struct schedstat s;
		uint64_t wait, slices, allowed;

		if (!read_one(w, &s)) {
			drop(t, i);
			continue;
		}
		i++;
		if (!(counter_delta(&w->wait, s.wait_ns, &wait) &
		      counter_delta(&w->slices, s.slices, &slices)))
			continue;
		if (__builtin_mul_overflow(slices, SAMPLE_WAKEUP_NS, &allowed))
			continue;
		total += wait;
		worst = MAX(worst, wait > allowed ? wait - allowed : 0);
		if (slices)
			longest = MAX(longest, wait / slices);
	}
	*ret = (struct thread_delays){
		.n = t->n,
		.worst_ppm = rate_ppm(worst, interval_ns, 1000000),
		.total_ppm = rate_ppm(total, interval_ns, INT64_MAX),
		.wait_ns =
			interval_ns ? (int64_t)MIN(longest, (uint64_t)INT64_MAX) : SAMPLE_UNKNOWN,
	};
}

void threads_choose_begin(struct threads *t)
{
	for (unsigned i = 0; i < t->n; i++)
		t->watched[i].kept = false;
}

void threads_choose(struct threads *t, pid_t tgid, pid_t tid)
{
	struct watched *w;
	struct schedstat s;
	char path[64];

	for (unsigned i = 0; i < t->n; i++) {
		w = &t->watched[i];
		if (w->tgid == tgid && w->tid == tid) {
			w->kept = true;
			return;
		}
	}
	if (t->n == THREADS_MAX)
		return;
	w = &t->watched[t->n];
	*w = (struct watched){.tgid = tgid, .tid = tid, .kept = true};
	(void)snprintf(path, sizeof(path), "%d/task/%d/schedstat", tgid, tid); /* fits */
	w->fd = openat(t->procfd, path, O_RDONLY | O_CLOEXEC);
	if (w->fd < 0)
		return; /* ended between the scan and now */
	if (!read_one(w, &s)) {
		w->fd = fd_close(w->fd);
		return;
	}
	t->n++;
	(void)counter_delta(&w->wait, s.wait_ns, &(uint64_t){0});  /* the first reading */
	(void)counter_delta(&w->slices, s.slices, &(uint64_t){0}); /* of both */
}

void threads_choose_end(struct threads *t)
{
	for (unsigned i = 0; i < t->n;)
		if (t->watched[i].kept)
			i++;
		else
			drop(t, i);
}
