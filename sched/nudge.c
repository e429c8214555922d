/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/nudge.h"

#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bpf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "base/sys.h"
#include "runtime/caps.h"
#include "sched/nudge_program.h"

#define PROG_NAME "cede_nudge"
/* The kernel lets programs that call its tracing helpers in only if they may be had under the GPL
 * too; this one may. */
#define PROG_LICENSE "Dual BSD/GPL"

/*
 * What the nudges of one CPU may cost: a second's worth is 2000 of them, some 10 us each, and a few
 * can be saved up. Far more than ever seen (20 a second on a quiet machine, 700 on one that builds
 * and serves at once); past it, the incumbents wait half a millisecond instead of ten microseconds.
 */
#define NUDGE_NS (500 * NSEC_PER_USEC)
#define NUDGES_SAVED 64

struct cpu {
	pthread_t thread;
	unsigned number;
	int event_fd;
	struct perf_event_mmap_page *ring;
};

/* The child's. */
struct worker {
	int events_fd, prog_fd, link_fd;
	unsigned n_cpus, n_online;
	struct cpu cpus[];
};

static int make_map(enum bpf_map_type type, unsigned value_size, unsigned n, unsigned flags,
		    struct err *e)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = value_size;
	attr.max_entries = n;
	attr.map_flags = flags;
	memcpy(attr.map_name, PROG_NAME, sizeof(PROG_NAME));
	fd = sys_bpf(BPF_MAP_CREATE, &attr);
	return fd < 0 ? fail(e, errno, "make a BPF map") : fd;
}

static int load_program(const struct bpf_insn *insns, size_t n, struct err *e)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.insn_cnt = (uint32_t)n;
	attr.license = (uint64_t)(uintptr_t)PROG_LICENSE;
	memcpy(attr.prog_name, PROG_NAME, sizeof(PROG_NAME));
	fd = sys_bpf(BPF_PROG_LOAD, &attr);
	return fd < 0 ? fail(e, errno, "load a BPF program of %zu instructions", n) : fd;
}

static int attach(int prog_fd, struct err *e)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.name = (uint64_t)(uintptr_t) "sched_switch";
	attr.raw_tracepoint.prog_fd = (uint32_t)prog_fd;
	fd = sys_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
	return fd < 0 ? fail(e, errno, "attach a BPF program to sched_switch") : fd;
}

static int load(struct worker *w, enum nudge_who who, struct err *e)
{
	struct bpf_insn insns[NUDGE_INSNS_MAX];
	struct nudge_layout l;
	int rc = nudge_layout_read(&l, e);

	if (rc < 0)
		return rc;
	w->events_fd = make_map(BPF_MAP_TYPE_PERF_EVENT_ARRAY, sizeof(uint32_t), w->n_cpus, 0, e);
	if (w->events_fd < 0)
		return w->events_fd;
	w->prog_fd = load_program(insns, nudge_program(&l, who, w->events_fd, HELPER_FD, insns), e);
	return w->prog_fd < 0 ? w->prog_fd : 0;
}

/* 0, or -ENODEV for a CPU that is not there. */
static int listen_to(struct worker *w, struct cpu *c, struct err *e)
{
	struct perf_event_attr event = {
		.size = sizeof(event),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.wakeup_events = 1,
	};
	union bpf_attr attr;

	c->event_fd =
		(int)syscall(SYS_perf_event_open, &event, -1, c->number, -1, PERF_FLAG_FD_CLOEXEC);
	if (c->event_fd < 0)
		return errno == ENODEV ? -ENODEV
				       : fail(e, errno, "open the event of CPU %u", c->number);
	/* One page for the header, one for the records, of which nothing is read. */
	c->ring = mmap(NULL, 2 * (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
		       c->event_fd, 0);
	if (c->ring == MAP_FAILED)
		return fail(e, errno, "map the event of CPU %u", c->number);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)w->events_fd;
	attr.key = (uint64_t)(uintptr_t)&c->number;
	attr.value = (uint64_t)(uintptr_t)&c->event_fd;
	if (sys_bpf(BPF_MAP_UPDATE_ELEM, &attr) < 0)
		return fail(e, errno, "register the event of CPU %u", c->number);
	return 0;
}

/* Being woken is the whole work: when this thread sleeps again the kernel has chosen anew. */
static void *nudge_thread(void *arg)
{
	struct cpu *c = arg;
	struct pollfd p = {.fd = c->event_fd, .events = POLLIN};
	uint64_t paid_until = now_ns();

	for (;;) {
		uint64_t now;

		if (poll(&p, 1, -1) < 0)
			continue;
		c->ring->data_tail = c->ring->data_head;
		now = now_ns();
		if (paid_until + NUDGES_SAVED * NUDGE_NS < now)
			paid_until = now - NUDGES_SAVED * NUDGE_NS;
		paid_until += NUDGE_NS;
		if (paid_until > now)
			(void)clock_nanosleep(CLOCK_MONOTONIC, 0,
					      &(struct timespec){.tv_nsec = NUDGE_NS}, NULL);
	}
	return NULL;
}

/* Bound to its CPU before it runs, and in the class of its maker. */
static int start_thread(struct cpu *c, struct err *e)
{
	pthread_attr_t attr;
	cpu_set_t *set = CPU_ALLOC(c->number + 1);
	size_t size = CPU_ALLOC_SIZE(c->number + 1);
	int error = ENOMEM;

	if (set && pthread_attr_init(&attr) == 0) {
		CPU_ZERO_S(size, set);
		CPU_SET_S(c->number, size, set);
		/* With a valid size it does not fail. */
		(void)pthread_attr_setstacksize(&attr,
						(size_t)sysconf(_SC_THREAD_STACK_MIN) + 16384);
		/* The thread inherits the set of its maker, who goes nowhere after that. */
		error = sched_setaffinity(0, size, set) < 0 ? errno : 0;
		if (!error)
			error = pthread_create(&c->thread, &attr, nudge_thread, c);
		(void)pthread_attr_destroy(&attr);
	}
	CPU_FREE(set);
	return error ? fail(e, error, "start the thread of CPU %u", c->number) : 0;
}

/* Above every fair task, and from here on without a right to anything. */
static int lay_down(struct err *e)
{
	const struct caps none = {.clear_ambient = true};

	if (sys_sched_setscheduler(0, SCHED_FIFO, 1) < 0)
		return fail(e, errno, "set SCHED_FIFO");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(e, errno, "set no_new_privs");
	return caps_finish(&none, 0, e);
}

static int start(struct worker *w, enum nudge_who who, struct err *e)
{
	int rc = load(w, who, e);

	for (unsigned i = 0; rc == 0 && i < w->n_cpus; i++) {
		w->cpus[w->n_online].number = i;
		rc = listen_to(w, &w->cpus[w->n_online], e);
		w->n_online += rc == 0;
		if (rc == -ENODEV)
			rc = 0; /* offline */
	}
	if (rc == 0)
		w->link_fd = attach(w->prog_fd, e);
	if (rc == 0)
		rc = w->link_fd < 0 ? w->link_fd : lay_down(e);
	for (unsigned i = 0; rc == 0 && i < w->n_online; i++) {
		rc = start_thread(&w->cpus[i], e);
		if (rc == -EINVAL)
			rc = 0; /* a CPU that is not in our cpuset */
	}
	return rc;
}

struct order {
	const struct nudge *nudge;
	enum nudge_who who;
};

/* Ends with our exit status, and everything it has opened. */
static int nudge_main(int parent, void *arg)
{
	const struct order *o = arg;
	struct pollfd p = {.fd = parent, .events = POLLIN};
	struct worker *w = calloc(1, sizeof(*w) + o->nudge->n_cpus * sizeof(w->cpus[0]));
	int rc = -ENOMEM;

	if (w) {
		w->events_fd = w->prog_fd = w->link_fd = -1;
		w->n_cpus = (unsigned)o->nudge->n_cpus;
		rc = start(w, o->who, NULL);
	}
	if (rc == 0)
		__atomic_store_n(&o->nudge->charges[o->nudge->n_cpus], 1, __ATOMIC_RELEASE);
	while (rc == 0 && poll(&p, 1, -1) < 0)
		;
	return -rc;
}

/* ---- the loop's side --------------------------------------------------------------------- */

int nudge_start(struct nudge *n, enum nudge_who who, struct err *e)
{
	struct order o = {.nudge = n, .who = who};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	_cleanup_fd_ int fd = -1;
	void *shared;
	int rc;

	n->n_cpus = cpus_possible();
	n->length = ((n->n_cpus + 1) * sizeof(uint64_t) + page - 1) / page * page;
	fd = make_map(BPF_MAP_TYPE_ARRAY, sizeof(uint64_t), (unsigned)n->n_cpus + 1, BPF_F_MMAPABLE,
		      e);
	if (fd < 0)
		return fd;
	shared = mmap(NULL, n->length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		return fail(e, errno, "map a BPF map");
	n->charges = shared;
	rc = helper_start(&n->child, "cede-nudge", fd, nudge_main, &o, e);
	if (rc < 0)
		nudge_stop(n);
	return rc;
}

bool nudge_ended(struct nudge *n, int *ret_status)
{
	return helper_ended(&n->child, ret_status);
}

bool nudge_charged_ns(const struct nudge *n, uint64_t *ret)
{
	uint64_t sum = 0;

	if (!n->charges || !__atomic_load_n(&n->charges[n->n_cpus], __ATOMIC_ACQUIRE))
		return false;
	for (size_t i = 0; i < n->n_cpus; i++)
		sum += __atomic_load_n(&n->charges[i], __ATOMIC_RELAXED);
	*ret = sum;
	return true;
}

void nudge_stop(struct nudge *n)
{
	helper_stop(&n->child);
	if (n->charges)
		(void)munmap(n->charges, n->length); /* ours: cannot fail */
	n->charges = NULL;
}
