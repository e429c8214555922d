/* SPDX-License-Identifier: Apache-2.0 */
/* Every state x event, written down a second time and from the other side: as sentences. */
#include "tests/unit/unit.h"

#include <string.h>

#include "sched/duty.h"
#include "sched/ladder.h"

#define F LADDER_FREE
#define C LADDER_CAPPED
#define Z LADDER_FROZEN
#define P LADDER_PAUSED
#define B LADDER_PAUSED_FROZEN
#define L LADDER_LET_GO
#define K LADDER_KILLED
#define G LADDER_GONE

static const struct {
	enum ladder_event ev;
	/* for F C Z P B L K G: the state after it, and what is done */
	enum ladder_state next[LADDER_STATES];
	enum ladder_action action[LADDER_STATES];
} rows[] = {
	{LADDER_DO_FREE,
	 {F, F, F, P, P, F, K, G},
	 {0, 0, LADDER_THAW, 0, LADDER_THAW, LADDER_THAW}},
	{LADDER_DO_CAP, {C, C, C, P, P, C, K, G}, {0, 0, LADDER_THAW, 0, LADDER_THAW, LADDER_THAW}},
	{LADDER_DO_FREEZE,
	 {Z, Z, Z, B, B, L, K, G},
	 {LADDER_FREEZE, LADDER_FREEZE, 0, LADDER_FREEZE}},
	{LADDER_DO_KILL,
	 {K, K, K, B, B, K, K, G},
	 {LADDER_KILL, LADDER_KILL, LADDER_KILL, LADDER_FREEZE, 0, LADDER_KILL}},
	{LADDER_USER_PAUSED, {P, P, B, P, B, B, K, G}, {0}},
	{LADDER_USER_RESUMED, {F, C, Z, F, Z, L, K, G}, {0}},
	{LADDER_FOREIGN_THAW, {F, C, L, P, L, L, K, G}, {0}},
	{LADDER_EXITED,
	 {G, G, G, G, G, G, G, G},
	 {LADDER_FORGET, LADDER_FORGET, LADDER_FORGET, LADDER_FORGET, LADDER_FORGET, LADDER_FORGET,
	  LADDER_FORGET, 0}},
};

static void test_every_cell(void **state)
{
	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), LADDER_EVENTS);
	for (size_t i = 0; i < LADDER_EVENTS; i++)
		for (int s = 0; s < LADDER_STATES; s++) {
			struct ladder_step got = ladder_next((enum ladder_state)s, rows[i].ev);

			if (got.next != rows[i].next[s] || got.action != rows[i].action[s])
				fail_msg("%s x %s: %s, action %d",
					 ladder_state_name((enum ladder_state)s),
					 ladder_event_name(rows[i].ev), ladder_state_name(got.next),
					 got.action);
		}
}

/* A state that is re-entered by the same event asks for nothing more: levels, not pulses. */
static void test_events_are_levels(void **state)
{
	(void)state;
	for (int s = 0; s < LADDER_STATES; s++)
		for (int ev = 0; ev < LADDER_EVENTS; ev++) {
			struct ladder_step a =
				ladder_next((enum ladder_state)s, (enum ladder_event)ev);
			struct ladder_step b = ladder_next(a.next, (enum ladder_event)ev);

			assert_int_equal(b.next, a.next);
			assert_int_equal(b.action, LADDER_NONE);
		}
}

/* What must hold on every path of length four: our freezes and thaws alternate, nothing is thawed
 * that we do not hold, and a user's pause is only ended by the user. */
static void test_paths(void **state)
{
	(void)state;
	for (int path = 0; path < LADDER_EVENTS * LADDER_EVENTS * LADDER_EVENTS * LADDER_EVENTS;
	     path++) {
		enum ladder_state s = LADDER_FREE;
		bool held = false, paused = false, over = false;

		for (int i = 0, rest = path; i < 4; i++, rest /= LADDER_EVENTS) {
			enum ladder_event ev = (enum ladder_event)(rest % LADDER_EVENTS);
			struct ladder_step n = ladder_next(s, ev);

			if (n.action == LADDER_FREEZE) {
				assert_false(held);
				held = true;
			} else if (n.action == LADDER_THAW) {
				assert_true(held);
				held = false;
			}
			if (ev == LADDER_USER_PAUSED)
				paused = true;
			else if (ev == LADDER_USER_RESUMED || ev == LADDER_FOREIGN_THAW)
				paused = false;
			over |= n.action == LADDER_KILL || n.action == LADDER_FORGET;
			if (n.action == LADDER_KILL)
				assert_false(paused && n.next != LADDER_KILLED);
			if (!over && n.next == LADDER_PAUSED)
				assert_false(held);
			s = n.next;
		}
		if (!over && held)
			assert_true(s == LADDER_FROZEN || s == LADDER_PAUSED_FROZEN ||
				    s == LADDER_LET_GO);
	}
}

static void test_kill_only_if_confirmed(void **state)
{
	struct decision d = {.rung = RUNG_FREEZE};

	(void)state;
	assert_int_equal(ladder_event_for(&d, false), LADDER_DO_FREEZE);
	assert_int_equal(ladder_event_for(&d, true), LADDER_DO_FREEZE);
	d.confirmed = true;
	assert_int_equal(ladder_event_for(&d, false), LADDER_DO_FREEZE);
	assert_int_equal(ladder_event_for(&d, true), LADDER_DO_KILL);
	d.rung = RUNG_CPU_CAP;
	assert_int_equal(ladder_event_for(&d, true), LADDER_DO_CAP);
	d.rung = RUNG_IDLE_CLASS;
	assert_int_equal(ladder_event_for(&d, true), LADDER_DO_FREE);
	d.rung = RUNG_KILL;
	assert_int_equal(ladder_event_for(&d, false), LADDER_DO_FREEZE);
	assert_int_equal(ladder_event_for(&d, true), LADDER_DO_KILL);
}

static void test_out_of_range(void **state)
{
	(void)state;
	assert_int_equal(ladder_next(LADDER_STATES, LADDER_DO_FREE).next, LADDER_GONE);
	assert_int_equal(ladder_next(LADDER_FREE, LADDER_EVENTS).action, LADDER_NONE);
	assert_int_equal(ladder_next((enum ladder_state) - 1, LADDER_DO_FREE).next, LADDER_GONE);
	assert_int_equal(ladder_rung(LADDER_STATES), RUNG_IDLE_CLASS);
	assert_int_equal(ladder_rung(LADDER_CAPPED), RUNG_CPU_CAP);
	assert_int_equal(ladder_rung(LADDER_PAUSED_FROZEN), RUNG_FREEZE);
	assert_int_equal(ladder_rung(LADDER_KILLED), RUNG_KILL);
}

#define TICK 10000000ULL

/* A job of `threads` that runs whenever it may; returns the CPUs it got, in millionths. */
static int64_t duty_mean(int64_t allowed, unsigned threads, unsigned ticks, unsigned *longest_stop)
{
	struct duty d = {0};
	uint64_t used = 0, sum = 0;
	unsigned stop = 0;

	*longest_stop = 0;
	for (unsigned i = 0; i < ticks; i++) {
		bool run = duty_may_run(&d, allowed, used, TICK, TICK);

		used = run ? threads * TICK : 0;
		sum += used;
		stop = run ? 0 : stop + 1;
		if (stop > *longest_stop)
			*longest_stop = stop;
	}
	return (int64_t)(sum / (ticks * TICK / 1000000));
}

static void test_duty(void **state)
{
	static const struct {
		int64_t allowed;
		unsigned threads;
		int64_t mean;
		unsigned stop; /* ticks */
	} cells[] = {
		{1000000, 2, 1000000, 1}, /* one of two CPUs: 10 ms on, 10 ms off */
		{500000, 2, 500000, 3},	  {100000, 2, 100000, 20},  {1500000, 2, 1500000, 1},
		{2000000, 2, 2000000, 1}, {3000000, 2, 2000000, 1}, {1000000, 1, 1000000, 1},
		{0, 2, 0, 1000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		unsigned stop;
		int64_t mean = duty_mean(cells[i].allowed, cells[i].threads, 1000, &stop);

		if (mean < cells[i].mean * 97 / 100 || mean > cells[i].mean * 103 / 100 ||
		    stop > cells[i].stop)
			fail_msg("allowed %ld of %u threads: got %ld, stopped up to %u ticks",
				 (long)cells[i].allowed, cells[i].threads, (long)mean, stop);
	}
}

/* A rest saves up no more than a tick; a counter that jumps costs no more than a second. */
static void test_duty_bounds(void **state)
{
	struct duty d = {0};
	unsigned stop = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		(void)duty_may_run(&d, 500000, 0, TICK, TICK);
	assert_int_equal(d.balance_ns, 5000000);
	assert_false(duty_may_run(&d, 500000, UINT64_MAX, TICK, TICK));
	while (!duty_may_run(&d, 500000, 0, TICK, TICK))
		stop++;
	assert_in_range(stop, 90, 100);
	assert_false(duty_may_run(&d, -1, 0, UINT64_MAX, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),   cmocka_unit_test(test_events_are_levels),
		cmocka_unit_test(test_paths),	     cmocka_unit_test(test_kill_only_if_confirmed),
		cmocka_unit_test(test_out_of_range), cmocka_unit_test(test_duty),
		cmocka_unit_test(test_duty_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
