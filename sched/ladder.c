/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/ladder.h"

/* A table is read in columns. */
/* clang-format off */
#define FREE	{LADDER_FREE, LADDER_NONE}
#define CAPPED	{LADDER_CAPPED, LADDER_NONE}
#define FROZEN	{LADDER_FROZEN, LADDER_NONE}
#define PAUSED	{LADDER_PAUSED, LADDER_NONE}
#define BOTH	{LADDER_PAUSED_FROZEN, LADDER_NONE}
#define LET_GO	{LADDER_LET_GO, LADDER_NONE}
#define KILLED	{LADDER_KILLED, LADDER_NONE}
#define GONE	{LADDER_GONE, LADDER_NONE}
#define freeze	{LADDER_FROZEN, LADDER_FREEZE}
#define hold	{LADDER_PAUSED_FROZEN, LADDER_FREEZE} /* our hold too: a resume waits for us */
#define thaw	{LADDER_FREE, LADDER_THAW}
#define to_cap	{LADDER_CAPPED, LADDER_THAW}
#define drop	{LADDER_PAUSED, LADDER_THAW} /* our hold; it stays paused */
#define kill	{LADDER_KILLED, LADDER_KILL}
#define forget	{LADDER_GONE, LADDER_FORGET}

/*
 * Capital letters: nothing to do. Three cells that want a reason:
 *  - a paused one is not killed (DO_KILL): it uses no CPU and is not the cause; it is held;
 *  - LET_GO stays as it is until the alarm is over, then the hold file goes (thaw);
 *  - the user's pause of one that was LET_GO starts afresh.
 */
static const struct ladder_step table[LADDER_STATES][LADDER_EVENTS] = {
/*			  DO_FREE  DO_CAP   DO_FREEZE DO_KILL  PAUSED  RESUMED  FOREIGN  EXITED */
[LADDER_FREE]		= {FREE,   CAPPED,  freeze,   kill,    PAUSED, FREE,    FREE,    forget},
[LADDER_CAPPED]		= {FREE,   CAPPED,  freeze,   kill,    PAUSED, CAPPED,  CAPPED,  forget},
[LADDER_FROZEN]		= {thaw,   to_cap,  FROZEN,   kill,    BOTH,   FROZEN,  LET_GO,  forget},
[LADDER_PAUSED]		= {PAUSED, PAUSED,  hold,     hold,    PAUSED, FREE,    PAUSED,  forget},
[LADDER_PAUSED_FROZEN]	= {drop,   drop,    BOTH,     BOTH,    BOTH,   FROZEN,  LET_GO,  forget},
[LADDER_LET_GO]		= {thaw,   to_cap,  LET_GO,   kill,    BOTH,   LET_GO,  LET_GO,  forget},
[LADDER_KILLED]		= {KILLED, KILLED,  KILLED,   KILLED,  KILLED, KILLED,  KILLED,  forget},
[LADDER_GONE]		= {GONE,   GONE,    GONE,     GONE,    GONE,   GONE,    GONE,    GONE},
};
/* clang-format on */

struct ladder_step ladder_next(enum ladder_state s, enum ladder_event ev)
{
	if ((unsigned)s >= LADDER_STATES || (unsigned)ev >= LADDER_EVENTS)
		return (struct ladder_step)GONE;
	return table[s][ev];
}

enum ladder_event ladder_event_for(const struct decision *d, bool kill_on_pressure)
{
	switch (d->rung) {
	case RUNG_IDLE_CLASS:
		return LADDER_DO_FREE;
	case RUNG_CPU_CAP:
		return LADDER_DO_CAP;
	case RUNG_FREEZE:
		return kill_on_pressure && d->confirmed ? LADDER_DO_KILL : LADDER_DO_FREEZE;
	case RUNG_KILL:
		return kill_on_pressure ? LADDER_DO_KILL : LADDER_DO_FREEZE;
	case RUNGS:
		break;
	}
	return LADDER_DO_FREE;
}

static const struct {
	const char *name;
	enum rung rung;
} states[LADDER_STATES] = {
	[LADDER_FREE] = {"free", RUNG_IDLE_CLASS},
	[LADDER_CAPPED] = {"capped", RUNG_CPU_CAP},
	[LADDER_FROZEN] = {"frozen", RUNG_FREEZE},
	[LADDER_PAUSED] = {"paused", RUNG_IDLE_CLASS},
	[LADDER_PAUSED_FROZEN] = {"paused and frozen", RUNG_FREEZE},
	[LADDER_LET_GO] = {"let go", RUNG_IDLE_CLASS},
	[LADDER_KILLED] = {"killed", RUNG_KILL},
	[LADDER_GONE] = {"gone", RUNG_IDLE_CLASS},
};

enum rung ladder_rung(enum ladder_state s)
{
	return (unsigned)s < LADDER_STATES ? states[s].rung : RUNG_IDLE_CLASS;
}

const char *ladder_state_name(enum ladder_state s)
{
	return (unsigned)s < LADDER_STATES ? states[s].name : "?";
}

static const char *const events[LADDER_EVENTS] = {
	[LADDER_DO_FREE] = "do-free",		[LADDER_DO_CAP] = "do-cap",
	[LADDER_DO_FREEZE] = "do-freeze",	[LADDER_DO_KILL] = "do-kill",
	[LADDER_USER_PAUSED] = "user-paused",	[LADDER_USER_RESUMED] = "user-resumed",
	[LADDER_FOREIGN_THAW] = "foreign-thaw", [LADDER_EXITED] = "exited",
};

const char *ladder_event_name(enum ladder_event ev)
{
	return (unsigned)ev < LADDER_EVENTS ? events[ev] : "?";
}
