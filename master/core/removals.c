/* master/core/removals.c - when an agent may be marked unreachable. */
#include "master/core/removals.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"

#define AGAIN_US ((int64_t)5 * US_PER_S) /* after the registry has failed */

/* --- the rules --------------------------------------------------------------- */

static bool are_too_many_away(const struct master *master)
{
    int64_t admitted = (int64_t)HASH_COUNT(master->agents) - (int64_t)master->unreachable_count;
    int64_t away = admitted - (int64_t)HASH_CNT(hh_session, master->sessions_of_agents);
    int64_t expected = maintenance_away(master);

    admitted -= expected;
    away -= expected;
    return away > 1 && away * 100 > admitted * master->removal_limit && !MUTATE(REMOVE_ALL);
}

static bool is_held(struct master *master)
{
    bool is_too_many = are_too_many_away(master);

    if (is_too_many && !master->is_removal_held)
        log_alarm(master,
                  "more than %" PRId64 "%% of the agents are away at once: no more are marked "
                  "unreachable until some are back (--agent-removal-limit)",
                  master->removal_limit);
    if (!is_too_many && master->is_removal_held)
        log_note(master, "agents that stay away are marked unreachable again");
    master->is_removal_held = is_too_many;
    return is_too_many;
}

/* When the next one may go; in the past: at once. */
static int64_t next_us(const struct master *master)
{
    int64_t next_us = master->removal_next_us - master->removal_burst_us;

    return next_us > master->removal_not_before_us ? next_us : master->removal_not_before_us;
}

static void take_turn(struct master *master)
{
    if (master->removal_next_us < master->now.mono_us)
        master->removal_next_us = master->now.mono_us;
    master->removal_next_us += master->removal_every_us;
}

/* --- marking ----------------------------------------------------------------- */

static void on_marked(struct master *master, void *arg, const struct kept *kept)
{
    struct agent *agent = agent_find(master, arg);

    /* It may have come back in the meantime. */
    if (!agent || agent->marking != kept->ticket)
        return;
    agent->marking = 0;
    if (kept->rc == 0) {
        agent_become_unreachable(master, agent);
        return;
    }
    master->removal_not_before_us = master->now.mono_us + AGAIN_US;
    removal_is_due(master, agent);
}

static void mark(struct master *master, struct agent *agent)
{
    struct msg_kept_agent record;

    agent->unreachable_us = master->now.wall_us;
    record = kept_agent_of(master, agent, KEPT_UNREACHABLE);
    agent->marking = keep(master, &(struct message){.type = MSG_KEPT_AGENT, .kept_agent = &record},
                          on_marked, mem_strdup(agent->id));
    if (MUTATE(TELL_BEFORE_KEPT)) {
        agent->marking = 0;
        agent_become_unreachable(master, agent);
    }
}

static void run(void *owner, struct deadline *deadline)
{
    struct master *master = owner;
    struct agent *agent, *next;

    DL_FOREACH_SAFE (master->lists[AGENT_LIST_OVERDUE], agent, next) {
        if (is_held(master))
            return;
        if (next_us(master) > master->now.mono_us) {
            deadline_set(&master->deadlines, deadline, next_us(master));
            return;
        }
        /* An operator's change of it is on its way: that goes first. */
        if (keep_is_waited_for(master, agent)) {
            deadline_set(&master->deadlines, deadline, master->now.mono_us + US_PER_S);
            continue;
        }
        take_turn(master);
        agent_list_move(master, agent, AGENT_LIST_NONE);
        mark(master, agent);
    }
}

void removals_wake(struct master *master)
{
    if (master->lists[AGENT_LIST_OVERDUE])
        deadline_set(&master->deadlines, &master->removal, master->now.mono_us);
    else
        master->is_removal_held = false;
}

void removal_is_due(struct master *master, struct agent *agent)
{
    agent_list_move(master, agent, AGENT_LIST_OVERDUE);
    removals_wake(master);
}

void removals_init(struct master *master)
{
    master->removal.due = run;
}
