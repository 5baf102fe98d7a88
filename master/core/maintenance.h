/* master/core/maintenance.h - times at which agents are taken down: announced, drained, and back by themselves.
 *
 * A window names agents by id or by host name, whether they are known yet or not. Where it stands follows
 * from the wall clock alone, which comes with each event: scheduled; announced, a notice before its start;
 * down, from its start; over. So nothing need be written when it begins or ends, a new master knows the
 * same, and a clock that was wrong and is set right makes no window that was passed over lost: one that is
 * over is remembered for an hour more. Offers of an agent carry its next window; in one that is down the
 * agent is drained and not offered. Frameworks with tasks there are asked to leave (inverse.h).
 *
 * maintenance.c is what windows do, maintenance_agents.c whom they concern, maintenance_share.c how many of
 * them at once, maintenance_calls.c what operators order. Source: Mesos, docs/maintenance.md, which has the schedule and leaves beginning and end to the operator.
 */
#ifndef PROFFER_MASTER_CORE_MAINTENANCE_H
#define PROFFER_MASTER_CORE_MAINTENANCE_H

#include "master/core/state.h"

#define WINDOWS_MAX       4096 /* those that are over count */
#define WINDOW_AGENTS_MAX 4096
#define WINDOW_KEPT_US    ((int64_t)3600 * US_PER_S) /* how long one that is over is remembered */
/* A clock that is put back by less does not undo what has begun. */
#define WINDOW_REWIND_US ((int64_t)5 * US_PER_S)

struct stay;
struct inverse_offer;
struct window_name;
struct window_change;

struct window {
    UT_hash_handle hh;    /* maintenance->windows */
    struct arena *memory; /* owned: of info */
    const struct window_info *info;
    enum window_state state;
    struct drain_info drain;   /* for the agents' tasks */
    struct stay *stays;        /* owned list */
    struct deadline forgotten; /* while it is over */
};

/* An agent that is known, in a window that names it. */
struct stay {
    struct stay *prev, *next;             /* window->stays */
    struct stay *agent_prev, *agent_next; /* agent->stays */
    struct window *window;
    struct agent *agent;
    struct inverse_offer *offers; /* owned list */
    bool is_named;                /* by the window as it is being changed */
};

struct maintenance {
    struct window *windows;        /* owned table by id */
    struct window_name *names;     /* owned table */
    struct window_change *changes; /* owned list: the first is being written */
    struct inverse_offer *offers;  /* table by id */
    uint64_t next_offer;           /* its number */
    struct agent *stirred;         /* whose tasks have changed, with windows */
    struct framework *unasked;     /* who has inverse offers that were not sent */
    struct deadline due;           /* looks at the clock */
    int64_t notice_us;
    int64_t limit;     /* percent of the agents that may be down at once */
    int64_t offset_us; /* the wall clock's on the monotonic one, when that was looked at last */
};

/* --- maintenance.c ----------------------------------------------------------- */

void maintenance_init(struct master *master);
/* The end begins: nobody is told any more. */
void maintenance_drop_all(struct master *master);
void maintenance_fini(struct master *master);
/* As the registry has it, before the first event. */
int maintenance_recall(struct master *master, const struct window_info *info, struct err *err);
/* An event begins: has somebody set the clock? It ends: frameworks are asked what is to be asked. */
void maintenance_begins(struct master *master);
void maintenance_settle(struct master *master);
struct window *window_find(const struct master *master, const char *id);
/* There is such a window from now on, instead of the one of its id. */
void window_put(struct master *master, const struct window_info *info);
/* There is none any more: its agents are in use again. */
void window_drop(struct master *master, struct window *window, const char *why);
/* Wall clock; INT64_MAX when it has no end. */
int64_t window_end_us(const struct window_info *info);
/* "2026-11-29 22:00:00 UTC for 2h" */
void window_print_span(const struct window_info *info, struct buf *out);
/* Before anything else that is due: what has begun is not offered in the same moment. */
void maintenance_catch_up(struct master *master);
/* The clock is read, and what it says is done. */
void maintenance_look(struct master *master);
/* The wall clock, as windows see it. */
int64_t maintenance_now_us(const struct master *master);
int maintenance_check(const struct master *master, struct err *err);

/* --- maintenance_agents.c ---------------------------------------------------- */

/* What it says of itself is known, or another: which windows name it? Nothing is told or published. */
void maintenance_on_agent(struct master *master, struct agent *agent);
/* Its tasks are others. */
void maintenance_stir(struct master *master, struct agent *agent);
/* It is about to be freed. */
void maintenance_drop_agent(struct master *master, struct agent *agent);
/* Windows that name it; one after the other, from NULL on. */
struct window *window_of_name(const struct master *master, const char *name,
                              const struct window *after);
/* The agent's next window, or the one that it is in, as it is told to others; NULL: none. In the arena. */
const struct unavailability *agent_unavailability(const struct agent *agent, struct arena *arena);
/* Is it free of maintenance for so long? */
bool agent_has_time(const struct master *master, const struct agent *agent, int64_t ms);
/* How many agents are away that are down: nobody wonders at that. */
int64_t maintenance_away(const struct master *master);

/* For maintenance.c: agents that windows name are added and removed; then each is settled. */
void window_name_add(struct master *master, const char *text, struct window *window);
void window_name_remove(struct master *master, const char *text, const struct window *window);
bool window_names_agent(const struct master *master, const struct agent *agent,
                        const struct window *window);
struct stay *stay_find(const struct agent *agent, const struct window *window);
struct stay *stay_add(struct window *window, struct agent *agent);
void stay_remove(struct master *master, struct stay *stay, const char *why);
/* It is drained, or in use again, or offered with another window. `is_news`: what its window says is
 * another. */
void maintenance_settle_agent(struct master *master, struct agent *agent, bool is_news);
/* Its tasks have been looked at. */
void maintenance_calm(struct master *master, struct agent *agent);
int maintenance_check_agent(const struct master *master, const struct agent *agent,
                            struct err *err);

/* --- maintenance_share.c ----------------------------------------------------- */

/* How many agents would be down at once, at most, with that window in the place of the one of its id; and of
 * how many. Those that nobody knows, and that are unreachable, do not count. */
size_t maintenance_down_at_once(const struct master *master, const struct window_info *info,
                                size_t *ret_of);

/* --- maintenance_calls.c ----------------------------------------------------- */

void operator_schedule_maintenance(struct master *master, uint64_t number,
                                   const struct msg_operator_schedule_maintenance *call);
void operator_cancel_maintenance(struct master *master, uint64_t number,
                                 const struct msg_operator_cancel_maintenance *call);
void operator_start_maintenance(struct master *master, uint64_t number,
                                const struct msg_operator_start_maintenance *call);
void operator_stop_maintenance(struct master *master, uint64_t number,
                               const struct msg_operator_stop_maintenance *call);
void window_changes_fini(struct master *master);

#endif
