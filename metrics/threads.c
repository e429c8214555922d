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

/* The figures of one thread since it was read last. False when it has gone. */
static bool update(struct watched *w, uint64_t now_ns, struct thread_delays *d)
{
	uint64_t interval = now_ns - w->read_ns, wait, slices, allowed;
	struct schedstat s;

	if (!read_one(w, &s))
		return false;
	w->read_ns = now_ns;
	w->wait_ppm = 0;
	if (!(counter_delta(&w->wait, s.wait_ns, &wait) &
	      counter_delta(&w->slices, s.slices, &slices)) ||
	    !interval || __builtin_mul_overflow(slices, SAMPLE_WAKEUP_NS, &allowed))
		return true;
	w->wait_ppm = rate_ppm(wait, interval, INT32_MAX);
	if (wait > allowed)
		d->worst_ppm = MAX(d->worst_ppm, rate_ppm(wait - allowed, interval, 1000000));
	if (slices)
		d->wait_ns = MAX(d->wait_ns, (int64_t)MIN(wait / slices, (uint64_t)INT64_MAX));
	return true;
}

/* Behind the first THREADS_ALWAYS, the one whose last reading is longest ago. */
static unsigned next_in_turn(const struct threads *t)
{
	unsigned oldest = THREADS_ALWAYS;

	for (unsigned i = oldest + 1; i < t->n; i++)
		if (t->watched[i].read_ns < t->watched[oldest].read_ns)
			oldest = i;
	return oldest;
}

void threads_read(struct threads *t, uint64_t now_ns, struct thread_delays *ret)
{
	struct thread_delays d = {0};

	for (unsigned i = 0; i < MIN(t->n, THREADS_ALWAYS);)
		if (update(&t->watched[i], now_ns, &d))
			i++;
		else
			drop(t, i);
	for (unsigned i = 0; i < THREADS_IN_TURN && t->n > THREADS_ALWAYS; i++) {
		unsigned at = next_in_turn(t);

		if (t->watched[at].read_ns == now_ns)
			break;
		if (!update(&t->watched[at], now_ns, &d))
			drop(t, at);
	}
	d.n = t->n;
	for (unsigned i = 0; i < t->n; i++)
		d.total_ppm += t->watched[i].wait_ppm;
	*ret = d;
}

void threads_choose_begin(struct threads *t)
{
	for (unsigned i = 0; i < t->n; i++)
		t->watched[i].kept = false;
}

void threads_choose(struct threads *t, uint64_t now_ns, pid_t tgid, pid_t tid, uint32_t score)
{
	struct watched *w;
	struct schedstat s;
	char path[64];

	for (unsigned i = 0; i < t->n; i++) {
		w = &t->watched[i];
		if (w->tgid == tgid && w->tid == tid) {
			w->kept = true;
			w->score = score;
			return;
		}
	}
	if (t->n == THREADS_MAX)
		return;
	w = &t->watched[t->n];
	*w = (struct watched){
		.tgid = tgid, .tid = tid, .kept = true, .score = score, .read_ns = now_ns};
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

/* The busiest first. Insertion: qsort(3) allocates, and most are in order from the last time. */
static void sort(struct threads *t)
{
	for (unsigned i = 1; i < t->n; i++) {
		struct watched w = t->watched[i];
		unsigned k = i;

		for (; k > 0 && t->watched[k - 1].score < w.score; k--)
			t->watched[k] = t->watched[k - 1];
		t->watched[k] = w;
	}
}

void threads_choose_end(struct threads *t)
{
	for (unsigned i = 0; i < t->n;)
		if (t->watched[i].kept)
			i++;
		else
			drop(t, i);
	sort(t);
}
