/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One secondary on the ladder: a state x event table. The table (sched/ladder.c) is the
 * documentation; this header says what its words mean. Pure: no I/O, no clock.
 *
 * Events are levels, not pulses: the decision is fed at every tick, kernel facts whenever they are
 * looked at. A state is entered only after its action has succeeded, so an action that could not
 * be done now (the container's lock is taken) is tried again by the next tick without any queue.
 *
 * A new rung (fewer CPUs, I/O and network caps, reclaim, checkpoint, requeue) is a row here, an
 * event for its decision, and a row in the table of sched/actuators.c.
 */
#ifndef CEDE_SCHED_LADDER_H
#define CEDE_SCHED_LADDER_H

#include "sched/policy.h"

enum ladder_state {
	LADDER_FREE,	      /* in the idle class, nothing else */
	LADDER_CAPPED,	      /* the slice's CPU time is limited */
	LADDER_FROZEN,	      /* we hold it */
	LADDER_PAUSED,	      /* the user holds it, we do not */
	LADDER_PAUSED_FROZEN, /* both */
	LADDER_LET_GO,	      /* somebody thawed it behind our back: not fought in this alarm */
	LADDER_KILLED,	      /* the end was ordered, its processes are going */
	LADDER_GONE,
	LADDER_STATES,
};

enum ladder_event {
	/* The decision of this tick, as it concerns this secondary (ladder_event_for). */
	LADDER_DO_FREE,
	LADDER_DO_CAP,
	LADDER_DO_FREEZE,
	LADDER_DO_KILL,
	/* Facts. */
	LADDER_USER_PAUSED,
	LADDER_USER_RESUMED,
	LADDER_FOREIGN_THAW,
	LADDER_EXITED,
	LADDER_EVENTS,
};

enum ladder_action {
	LADDER_NONE,
	LADDER_FREEZE, /* take our hold */
	LADDER_THAW,   /* drop it; it stays frozen if the user holds it too */
	LADDER_KILL,
	LADDER_FORGET, /* close what we have open of it */
};

struct ladder_step {
	enum ladder_state next;
	enum ladder_action action;
};

/* Never fails; values out of range lead to LADDER_GONE with nothing to do. */
struct ladder_step ladder_next(enum ladder_state s, enum ladder_event ev);

/* A frozen secondary loses no work, so even one that asked to be killed under pressure is frozen
 * at first, and killed only when the alarm is confirmed. */
enum ladder_event ladder_event_for(const struct decision *d, bool kill_on_pressure);

/* On which rung a secondary in this state stands, as seen from outside: what edges tell. */
enum rung ladder_rung(enum ladder_state s);

const char *ladder_state_name(enum ladder_state s);
const char *ladder_event_name(enum ladder_event ev);

#endif
