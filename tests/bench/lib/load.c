/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/bench/lib/load.h"
#include "tests/bench/lib/resp.h"
#include "tests/bench/lib/rng.h"

#define IN_SIZE 65536
#define MAX_VALUE 4096
#define EVENTS 64

struct conn {
	int fd;
	unsigned index;
	/* Intended times (CLOCK_MONOTONIC) of the requests under way, oldest first. */
	uint64_t due[LOAD_MAX_OUTSTANDING];
	uint32_t head, count;
	char *out; /* requests not yet taken by the socket */
	size_t out_len, out_done, out_size;
	bool wants_out; /* EPOLLOUT is armed */
	bool touched;	/* has something to flush in this turn */
	char in[IN_SIZE];
	size_t in_len;
};

struct load {
	const struct load_config *cfg;
	struct load_result *res;
	struct track *tracks;
	size_t n_tracks;
	struct conn *conns;
	int epfd;
	struct arrivals warmup, main;
	bool warm;		   /* the schedule has reached its measured part */
	bool finished;		   /* the schedule has no more requests */
	uint64_t begin_ns, end_ns; /* of warm-up and of the measured part */
	uint64_t next_ns;	   /* intended time of the next request */
	unsigned turn;		   /* connection it goes to */
	uint64_t in_flight;
	struct rng rng;
	char value[MAX_VALUE];
};

/* --- the schedule -------------------------------------------------------------------------- */

static void advance(struct load *l)
{
	uint64_t at;

	if (!l->warm) {
		if (arrivals_next(&l->warmup, &at)) {
			l->next_ns = l->begin_ns + at;
			return;
		}
		l->warm = true;
	}
	if (!arrivals_next(&l->main, &at)) {
		l->finished = true;
		return;
	}
	l->next_ns = l->res->start_ns + at;
	l->res->offered++;
}

static void schedule_start(struct load *l)
{
	struct arrivals_config warm = l->cfg->arrivals;

	warm.high_ns = 0;
	warm.duration_ns = l->cfg->warmup_ns;
	warm.seed = l->cfg->arrivals.seed + 1;
	arrivals_init(&l->warmup, &warm);
	arrivals_init(&l->main, &l->cfg->arrivals);
	rng_init(&l->rng, l->cfg->arrivals.seed + 2);
	l->begin_ns = now_ns();
	l->res->start_ns = l->begin_ns + l->cfg->warmup_ns;
	l->end_ns = l->res->start_ns + l->cfg->arrivals.duration_ns;
	advance(l);
}

static bool is_measured(const struct load *l, uint64_t due)
{
	return due >= l->res->start_ns;
}

static void count_at(const struct load *l, uint32_t *per_ms, uint64_t at)
{
	uint64_t ms = (at - l->res->start_ns) / NSEC_PER_MSEC;

	if (ms < l->res->n_ms)
		per_ms[ms]++;
}

static void record(struct load *l, uint64_t due, uint64_t now)
{
	if (!is_measured(l, due))
		return;
	count_at(l, l->res->due_per_ms, due);
	count_at(l, l->res->answered_per_ms, now);
	hist_add(&l->res->latency, now - due);
	if (arrivals_since_step(&l->cfg->arrivals, due - l->res->start_ns) < LOAD_STEP_NS)
		hist_add(&l->res->after_step, now - due);
	series_add(&l->res->series, due - l->res->start_ns, now - due);
}

/* --- connections --------------------------------------------------------------------------- */

static int conn_open(struct load *l, struct conn *c, struct err *e)
{
	const struct load_config *cfg = l->cfg;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(cfg->port)};
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	int one = 1;

	c->out_size = (size_t)LOAD_MAX_OUTSTANDING * (RESP_REQUEST_OVERHEAD + cfg->value_bytes);
	c->out = malloc(c->out_size);
	if (!c->out)
		return fail(e, ENOMEM, "connection %u", c->index);
	if (inet_pton(AF_INET, cfg->host, &addr.sin_addr) != 1)
		return refuse(e, EINVAL, "not an IPv4 address: %s", cfg->host);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return fail(e, errno, "socket");
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return fail(e, errno, "connect to %s:%u", cfg->host, cfg->port);
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		return fail(e, errno, "TCP_NODELAY");
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		return fail(e, errno, "epoll_ctl");
	return 0;
}

static int conn_flush(struct load *l, struct conn *c, struct err *e)
{
	bool blocked;

	c->touched = false;
	while (c->out_done < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return fail(e, errno, "send to %s:%u", l->cfg->host, l->cfg->port);
		c->out_done += (size_t)n;
	}
	if (c->out_done == c->out_len)
		c->out_done = c->out_len = 0;
	blocked = c->out_len > 0;
	if (blocked != c->wants_out) {
		struct epoll_event ev = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0),
					 .data.ptr = c};

		if (epoll_ctl(l->epfd, EPOLL_CTL_MOD, c->fd, &ev) < 0)
			return fail(e, errno, "epoll_ctl");
		c->wants_out = blocked;
	}
	return 0;
}

/* Room for one more request, moving what is unsent to the front if need be. */
static bool conn_has_room(struct load *l, struct conn *c)
{
	size_t need = RESP_REQUEST_OVERHEAD + l->cfg->value_bytes;

	if (c->count == LOAD_MAX_OUTSTANDING)
		return false;
	if (c->out_size - c->out_len < need) {
		memmove(c->out, c->out + c->out_done, c->out_len - c->out_done);
		c->out_len -= c->out_done;
		c->out_done = 0;
	}
	return c->out_size - c->out_len >= need;
}

static void conn_push(struct load *l, struct conn *c, uint64_t due, bool set, uint32_t key)
{
	char *at = c->out + c->out_len;

	c->out_len += set ? resp_set(at, key, l->value, l->cfg->value_bytes) : resp_get(at, key);
	c->due[(c->head + c->count) % LOAD_MAX_OUTSTANDING] = due;
	c->count++;
	c->touched = true;
	l->in_flight++;
}

static void take_reply(struct load *l, struct conn *c, const struct resp_reply *r, uint64_t now)
{
	uint64_t due = c->due[c->head];

	c->head = (c->head + 1) % LOAD_MAX_OUTSTANDING;
	c->count--;
	l->in_flight--;
	record(l, due, now);
	if (r->type == RESP_ERROR && l->res->errors++ == 0)
		(void)snprintf(l->res->first_error, sizeof(l->res->first_error), "%.*s",
			       (int)(r->len < 100 ? r->len : 100), r->text);
	if (!is_measured(l, due))
		return;
	l->res->answered++;
	if (now <= l->end_ns)
		l->res->answered_by_end++;
}

static int conn_parse(struct load *l, struct conn *c, struct err *e)
{
	uint64_t now = now_ns();
	size_t done = 0;

	while (done < c->in_len) {
		struct resp_reply r;
		ssize_t n = resp_parse(c->in + done, c->in_len - done, &r);

		if (n < 0)
			return refuse(e, EBADMSG, "%s:%u does not speak RESP", l->cfg->host,
				      l->cfg->port);
		if (n == 0)
			break;
		if (c->count == 0)
			return refuse(e, EBADMSG, "%s:%u sent a reply to nothing", l->cfg->host,
				      l->cfg->port);
		take_reply(l, c, &r, now);
		done += (size_t)n;
	}
	memmove(c->in, c->in + done, c->in_len - done);
	c->in_len -= done;
	if (c->in_len == sizeof(c->in))
		return refuse(e, EBADMSG, "%s:%u sent a reply of more than %zu bytes", l->cfg->host,
			      l->cfg->port, sizeof(c->in));
	return 0;
}

static int conn_receive(struct load *l, struct conn *c, struct err *e)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return fail(e, errno, "receive from %s:%u", l->cfg->host, l->cfg->port);
	if (n == 0)
		return refuse(e, ECONNRESET, "%s:%u closed a connection with %u requests under way",
			      l->cfg->host, l->cfg->port, c->count);
	c->in_len += (size_t)n;
	return conn_parse(l, c, e);
}

/* --- the loop ------------------------------------------------------------------------------ */

/* Waits at most until `until` and serves what comes. */
static int turn(struct load *l, uint64_t until, struct err *e)
{
	struct epoll_event ev[EVENTS];
	uint64_t now = now_ns();
	uint64_t wait = until > now ? until - now : 0;
	struct timespec ts = {.tv_sec = (time_t)(wait / NSEC_PER_SEC),
			      .tv_nsec = (long)(wait % NSEC_PER_SEC)};
	int n = epoll_pwait2(l->epfd, ev, EVENTS, &ts, NULL);

	if (n < 0 && errno != EINTR)
		return fail(e, errno, "epoll_pwait2");
	for (int i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;
		int r = 0;

		if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			r = conn_receive(l, c, e);
		if (r == 0 && (ev[i].events & EPOLLOUT))
			r = conn_flush(l, c, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int flush_touched(struct load *l, struct err *e)
{
	for (unsigned i = 0; i < l->cfg->connections; i++) {
		int r = l->conns[i].touched ? conn_flush(l, &l->conns[i], e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* Issues what is due; true when it was held back because every ring on its way was full. */
static bool issue_due(struct load *l, uint64_t now)
{
	const struct load_config *cfg = l->cfg;
	unsigned full = 0;

	while (!l->finished && l->next_ns <= now) {
		struct conn *c = &l->conns[l->turn];

		l->turn = (l->turn + 1) % cfg->connections;
		if (!conn_has_room(l, c)) {
			if (++full == cfg->connections)
				return true;
			continue;
		}
		full = 0;
		if (is_measured(l, l->next_ns)) {
			hist_add(&l->res->lateness, now - l->next_ns);
			l->res->late += now - l->next_ns > LOAD_LATE_NS;
			l->res->sent++;
		}
		conn_push(l, c, l->next_ns, rng_below(&l->rng, 100) < cfg->set_percent,
			  rng_below(&l->rng, cfg->keys));
		advance(l);
	}
	return false;
}

static uint64_t sample_tracks(struct load *l, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < l->n_tracks; i++) {
		track_sample(&l->tracks[i], now);
		if (l->tracks[i].next_ns < next)
			next = l->tracks[i].next_ns;
	}
	return next;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int run_schedule(struct load *l, struct err *e)
{
	uint64_t stop, now;

	schedule_start(l);
	stop = l->end_ns + l->cfg->drain_ns;
	while ((now = now_ns()) < stop && (now < l->end_ns || !l->finished || l->in_flight > 0)) {
		bool held = issue_due(l, now);
		uint64_t next = sample_tracks(l, now), until = stop;
		int r = flush_touched(l, e);

		if (r < 0)
			return r;
		if (now < l->end_ns)
			until = l->end_ns;
		else
			next = UINT64_MAX; /* samples matter within the schedule only */
		if (!l->finished && !held)
			until = min_u64(until, l->next_ns);
		r = turn(l, min_u64(until, next), e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Requests that nobody answered, and those that never got out, count with the time they have been
 * waiting. */
static void censor(struct load *l)
{
	uint64_t now = now_ns();

	for (unsigned i = 0; i < l->cfg->connections; i++) {
		struct conn *c = &l->conns[i];

		for (; c->count > 0; c->count--, c->head = (c->head + 1) % LOAD_MAX_OUTSTANDING)
			record(l, c->due[c->head], now);
	}
	for (; !l->finished; advance(l))
		record(l, l->next_ns, now);
}

/* --- before it ----------------------------------------------------------------------------- */

/* Writes every key once, as fast as the server takes them. */
static int preload(struct load *l, struct err *e)
{
	uint64_t deadline = now_ns() + 60 * NSEC_PER_SEC;
	uint32_t key = 0;
	int r = 0;

	/* Not measured: everything due at 0 lies before the start. */
	l->res->start_ns = l->end_ns = UINT64_MAX;
	while (r == 0 && (key < l->cfg->keys || l->in_flight > 0)) {
		struct conn *c = &l->conns[key % l->cfg->connections];

		if (now_ns() > deadline)
			return refuse(e, ETIMEDOUT, "%s:%u did not take %u keys within a minute",
				      l->cfg->host, l->cfg->port, l->cfg->keys);
		while (key < l->cfg->keys && c->count < 64 && conn_has_room(l, c)) {
			conn_push(l, c, 0, true, key++);
			c = &l->conns[key % l->cfg->connections];
		}
		r = flush_touched(l, e);
		if (r == 0)
			r = turn(l, now_ns() + 10 * NSEC_PER_MSEC, e);
	}
	if (r == 0 && l->res->errors > 0)
		return refuse(e, EPROTO, "%s:%u refuses SET: %s", l->cfg->host, l->cfg->port,
			      l->res->first_error);
	return r;
}

static int check_config(const struct load_config *c, struct err *e)
{
	if (c->connections < 1 || c->connections > LOAD_MAX_CONNECTIONS)
		return refuse(e, EINVAL, "connections must be 1 to %d", LOAD_MAX_CONNECTIONS);
	if (c->value_bytes < 1 || c->value_bytes > MAX_VALUE)
		return refuse(e, EINVAL, "value bytes must be 1 to %d", MAX_VALUE);
	if (c->keys < 1 || c->keys > 10000000)
		return refuse(e, EINVAL, "keys must be 1 to 10000000");
	if (c->set_percent > 100)
		return refuse(e, EINVAL, "the share of SETs is a percentage");
	if (!(c->arrivals.rate_low > 0) || c->arrivals.duration_ns == 0)
		return refuse(e, EINVAL, "a load needs a rate and a duration");
	return 0;
}

static int counts_init(struct load_result *r, uint64_t duration_ns, struct err *e)
{
	size_t n = duration_ns / NSEC_PER_MSEC + 1;

	r->due_per_ms = calloc(n, sizeof(*r->due_per_ms));
	r->answered_per_ms = calloc(n, sizeof(*r->answered_per_ms));
	if (!r->due_per_ms || !r->answered_per_ms)
		return fail(e, ENOMEM, "counts per millisecond");
	r->n_ms = n;
	return 0;
}

static int load_setup(struct load *l, struct err *e)
{
	int r = 0;

	l->conns = calloc(l->cfg->connections, sizeof(*l->conns));
	if (!l->conns)
		return fail(e, ENOMEM, "%u connections", l->cfg->connections);
	for (unsigned i = 0; i < l->cfg->connections; i++) {
		l->conns[i].index = i;
		l->conns[i].fd = -1;
	}
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return fail(e, errno, "epoll_create1");
	for (unsigned i = 0; r == 0 && i < l->cfg->connections; i++)
		r = conn_open(l, &l->conns[i], e);
	for (size_t i = 0; i < sizeof(l->value); i++)
		l->value[i] = (char)('a' + i % 26);
	if (r == 0)
		r = hist_init(&l->res->latency, HIST_FINE);
	if (r == 0)
		r = hist_init(&l->res->after_step, HIST_FINE);
	if (r == 0)
		r = hist_init(&l->res->lateness, HIST_FINE);
	if (r == -ENOMEM)
		return fail(e, ENOMEM, "histogram");
	if (r == 0 && l->cfg->arrivals.high_ns > 0)
		r = counts_init(l->res, l->cfg->arrivals.duration_ns, e);
	if (r == 0 && l->cfg->bin_ns > 0)
		r = series_init(&l->res->series, l->cfg->bin_ns, l->cfg->arrivals.duration_ns, e);
	return r;
}

static void load_cleanup(struct load *l)
{
	for (unsigned i = 0; l->conns && i < l->cfg->connections; i++) {
		(void)fd_close(l->conns[i].fd); /* -1, to be forgotten with the connection */
		free(l->conns[i].out);
	}
	free(l->conns);
	(void)fd_close(l->epfd); /* the same */
}

int load_run(const struct load_config *cfg, struct track *tracks, size_t n_tracks,
	     struct load_result *ret, struct err *e)
{
	_cleanup_(load_cleanup) struct load l = {
		.cfg = cfg, .res = ret, .tracks = tracks, .n_tracks = n_tracks, .epfd = -1};
	uint64_t cpu, wall;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = check_config(cfg, e);
	if (r == 0)
		r = load_setup(&l, e);
	if (r == 0 && cfg->preload)
		r = preload(&l, e);
	if (r < 0)
		return r;
	/* The default slack of 50 us would make every second send late. */
	if (prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0) < 0)
		return fail(e, errno, "PR_SET_TIMERSLACK");
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	wall = now_ns();
	r = run_schedule(&l, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_tracks; i++)
		track_sample_now(&tracks[i], now_ns());
	ret->generator_cpu_usec = (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / NSEC_PER_USEC;
	ret->generator_wall_usec = (now_ns() - wall) / NSEC_PER_USEC;
	censor(&l);
	return 0;
}

void load_result_free(struct load_result *r)
{
	hist_free(&r->latency);
	hist_free(&r->after_step);
	hist_free(&r->lateness);
	series_free(&r->series);
	free(r->due_per_ms);
	free(r->answered_per_ms);
}
