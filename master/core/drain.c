/* master/core/drain.c - orders of operators about agents, and what follows from them. */
#include "master/core/drain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/departed.h"
#include "master/core/keep.h"
#include "master/core/kill.h"
#include "master/core/log.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/operator.h"
#include "master/core/tasks.h"

#define AGAIN_SOON_US  ((int64_t)US_PER_S)     /* behind another change of the agent */
#define AGAIN_LATER_US ((int64_t)5 * US_PER_S) /* after the registry has failed */

/* What waits for its record. */
struct order {
    uint64_t number; /* of the operator's call; 0: it follows from an earlier one */
    struct drain_info drain;
    char why[256]; /* for people */
    char agent_id[];
};

bool agent_is_active(const struct agent *agent)
{
    bool is_in_use =
        !agent->is_deactivated && !agent->is_draining && (!agent->is_down || MUTATE(OFFER_DOWN));

    return agent->state == AGENT_REGISTERED && (is_in_use || MUTATE(OFFER_DRAINING));
}

const struct drain_info *agent_drain(const struct agent *agent)
{
    if (agent->is_draining)
        return &agent->drain;
    return agent->is_down && agent->window ? &agent->window->drain : NULL;
}

/* --- asking for the record ------------------------------------------------------ */

static struct order *order_new(uint64_t number, const struct agent *agent, const char *what,
                               const char *reason)
{
    size_t size = strlen(agent->id) + 1;
    struct order *order = mem_calloc(1, sizeof(*order) + size);

    order->number = number;
    memcpy(order->agent_id, agent->id, size);
    snprintf(order->why, sizeof(order->why), "%s%s%.200s", what, *reason ? ": " : "", reason);
    return order;
}

static void order_keep(struct master *master, const struct msg_kept_agent *record, keep_fn *done,
                       struct order *order)
{
    keep(master, &(struct message){.type = MSG_KEPT_AGENT, .kept_agent = record}, done, order);
}

static struct msg_kept_agent record_of(const struct master *master, const struct agent *agent)
{
    return kept_agent_of(master, agent,
                         agent->state == AGENT_UNREACHABLE ? KEPT_UNREACHABLE : KEPT_ADMITTED);
}

/* The agent, if it can be given an order; else the call is answered. */
static struct agent *agent_for(struct master *master, uint64_t number, const char *id)
{
    struct agent *agent = agent_find(master, id);
    struct err err;

    if (!agent && agent_is_gone(master, id))
        operator_answer(master, number, 409, "agent %.128s is gone already", id);
    else if (!agent)
        operator_answer(master, number, 404, "no agent has the id %.128s", id);
    else if (keep_is_waited_for(master, agent))
        operator_answer(master, number, 503,
                        "agent %.128s: another change of it is being written; try again", id);
    else if (keep_has_room(master, &err) < 0)
        operator_answer(master, number, 503, "%s", err.text);
    else
        return agent;
    return NULL;
}

/* The agent, if the order was kept and can be carried out; else the call is answered. */
static struct agent *agent_of(struct master *master, const struct order *order,
                              const struct kept *kept)
{
    struct agent *agent = agent_find(master, order->agent_id);

    if (kept->rc < 0) {
        if (order->number)
            operator_answer_unkept(master, order->number, kept->why);
        if (agent) /* it may be on disk all the same */
            keep_agent_soon(master, agent);
        return NULL;
    }
    if (!agent && order->number)
        operator_answer(master, order->number, 409, "agent %.128s has left meanwhile",
                        order->agent_id);
    return agent;
}

/* Who is unreachable is not shown until it is back. */
static void show(struct master *master, const struct agent *agent)
{
    if (agent->state != AGENT_UNREACHABLE)
        publish_agent(master, agent);
}

/* --- out of use ----------------------------------------------------------------- */

static void stop_offering(struct master *master, struct agent *agent, const char *why)
{
    offers_rescind_agent(master, agent, why);
    if (agent->list == AGENT_LIST_DIRTY || agent->list == AGENT_LIST_RETRY ||
        agent->list == AGENT_LIST_IDLE)
        agent_list_move(master, agent, AGENT_LIST_NONE);
}

/* What it has free is no longer there to be offered, or is again: guarantees depend on it. */
static void set_use(struct master *master, struct agent *agent, bool is_deactivated,
                    const struct drain_info *drain)
{
    bool was_active = agent_is_active(agent);

    agent->is_deactivated = is_deactivated;
    agent->is_draining = drain != NULL;
    agent->drain = drain ? *drain : (struct drain_info){0};
    agent_count_free(master, agent, was_active);
}

static void on_deactivated(struct master *master, void *arg, const struct kept *kept)
{
    const struct order *order = arg;
    struct agent *agent = agent_of(master, order, kept);

    if (!agent)
        return;
    set_use(master, agent, true, agent->is_draining ? &agent->drain : NULL);
    stop_offering(master, agent, "the agent is deactivated");
    log_note(master, "agent %s (%s) is %s", agent->id, agent->info->hostname, order->why);
    show(master, agent);
    operator_answer(master, order->number, 200, "agent %.128s is deactivated", agent->id);
}

void operator_deactivate(struct master *master, uint64_t number,
                         const struct msg_operator_deactivate_agent *call)
{
    struct agent *agent = agent_for(master, number, call->agent_id);
    struct msg_kept_agent record;

    if (!agent)
        return;
    if (agent->is_deactivated) {
        operator_answer(master, number, 200, "agent %.128s is deactivated already", agent->id);
        return;
    }
    record = record_of(master, agent);
    record.deactivated = true;
    order_keep(master, &record, on_deactivated,
               order_new(number, agent, "deactivated", call->reason));
}

static void on_reactivated(struct master *master, void *arg, const struct kept *kept)
{
    const struct order *order = arg;
    struct agent *agent = agent_of(master, order, kept);

    if (!agent)
        return;
    set_use(master, agent, false, NULL);
    deadline_cancel(&master->deadlines, &agent->drain_due);
    log_note(master, "agent %s (%s) is %s", agent->id, agent->info->hostname, order->why);
    show(master, agent);
    offers_wake(master, agent);
    operator_answer(master, order->number, 200, "agent %.128s is in use again", agent->id);
}

void operator_reactivate(struct master *master, uint64_t number,
                         const struct msg_operator_reactivate_agent *call)
{
    struct agent *agent = agent_for(master, number, call->agent_id);
    struct msg_kept_agent record;

    if (!agent)
        return;
    if (agent->is_draining && !agent->drain.drained) {
        operator_answer(master, number, 409,
                        "agent %.128s is still being drained: its tasks have been told to end",
                        agent->id);
        return;
    }
    if (!agent->is_draining && !agent->is_deactivated && agent->is_down) {
        operator_answer(master, number, 409,
                        "agent %.128s is in maintenance window %.64s: stop that for it", agent->id,
                        agent->window->info->id);
        return;
    }
    if (!agent->is_draining && !agent->is_deactivated) {
        operator_answer(master, number, 200, "agent %.128s is in use already", agent->id);
        return;
    }
    record = record_of(master, agent);
    record.deactivated = false;
    record.drain = NULL;
    order_keep(master, &record, on_reactivated, order_new(number, agent, "in use again", ""));
}

/* --- gone ------------------------------------------------------------------------- */

static void on_gone(struct master *master, void *arg, const struct kept *kept)
{
    const struct order *order = arg;
    struct agent *agent = agent_of(master, order, kept);

    if (kept->rc < 0 && agent_find(master, order->agent_id) && !order->number) {
        agent = agent_find(master, order->agent_id);
        deadline_set(&master->deadlines, &agent->drain_due, master->now.mono_us + AGAIN_LATER_US);
        return;
    }
    if (!agent)
        return;
    agent_become_gone(master, agent, order->why);
    if (order->number)
        operator_answer(master, order->number, 200, "agent %.128s is gone for ever",
                        order->agent_id);
}

static void order_gone(struct master *master, uint64_t number, const struct agent *agent,
                       const char *what, const char *reason)
{
    const struct msg_kept_agent record = kept_agent_of(master, agent, KEPT_GONE);

    order_keep(master, &record, on_gone, order_new(number, agent, what, reason));
}

void operator_mark_gone(struct master *master, uint64_t number,
                        const struct msg_operator_mark_gone *call)
{
    const struct agent *agent = agent_for(master, number, call->agent_id);

    if (agent)
        order_gone(master, number, agent, "an operator has marked it gone", call->reason);
}

/* --- draining ----------------------------------------------------------------------- */

static void on_drained(struct master *master, void *arg, const struct kept *kept)
{
    const struct order *order = arg;
    struct agent *agent = agent_find(master, order->agent_id);

    if (!agent || !agent->is_draining)
        return;
    if (kept->rc < 0) {
        deadline_set(&master->deadlines, &agent->drain_due, master->now.mono_us + AGAIN_LATER_US);
        return;
    }
    if (agent->tasks) { /* it has come again meanwhile, with one that nobody knew of */
        keep_agent_soon(master, agent);
        return;
    }
    agent->drain.drained = true;
    log_note(master, "agent %s (%s) is drained", agent->id, agent->info->hostname);
    show(master, agent);
}

/* Who is away may still have tasks that nobody here knows of. */
static bool is_empty(const struct agent *agent)
{
    return agent->is_draining && !agent->drain.drained && !agent->tasks &&
           agent->state == AGENT_REGISTERED;
}

static void on_drain_due(void *owner, struct deadline *deadline)
{
    struct agent *agent = CONTAINER_OF(deadline, struct agent, drain_due);
    struct master *master = owner;
    struct drain_info drain = agent->drain;
    struct msg_kept_agent record;

    if (!is_empty(agent))
        return;
    if (keep_is_waited_for(master, agent)) {
        deadline_set(&master->deadlines, deadline, master->now.mono_us + AGAIN_SOON_US);
        return;
    }
    if (drain.mark_gone) {
        order_gone(master, 0, agent, "it was to be gone when it was drained", "");
        return;
    }
    drain.drained = true;
    record = record_of(master, agent);
    record.drain = &drain;
    order_keep(master, &record, on_drained, order_new(0, agent, "drained", ""));
}

void drain_init_agent(struct agent *agent)
{
    agent->drain_due.due = on_drain_due;
}

void drain_look(struct master *master, struct agent *agent)
{
    if (is_empty(agent))
        deadline_set(&master->deadlines, &agent->drain_due, master->now.mono_us);
}

void drain_on_registered(struct master *master, struct agent *agent)
{
    if (agent->is_draining && agent->drain.drained && agent->tasks) {
        agent->drain.drained = false;
        keep_agent_soon(master, agent);
        show(master, agent);
    }
    drain_look(master, agent);
}

static size_t kill_all(struct master *master, struct agent *agent)
{
    struct task *task;
    size_t count = 0;

    DL_FOREACH (agent->tasks, task) {
        if (task_state_is_terminal(task->state))
            continue;
        if (!MUTATE(DRAIN_NOTHING))
            kill_send(master, task);
        count++;
    }
    return count;
}

void drain_begins(struct master *master, struct agent *agent, const char *why)
{
    stop_offering(master, agent, why);
    kill_all(master, agent);
}

static void on_draining(struct master *master, void *arg, const struct kept *kept)
{
    const struct order *order = arg;
    struct agent *agent = agent_of(master, order, kept);
    size_t tasks;

    if (!agent)
        return;
    set_use(master, agent, agent->is_deactivated, &order->drain);
    stop_offering(master, agent, "the agent is being drained");
    log_note(master, "agent %s (%s) is %s", agent->id, agent->info->hostname, order->why);
    show(master, agent);
    tasks = kill_all(master, agent);
    operator_answer(master, order->number, 200, "agent %.128s is being drained of %zu tasks%s",
                    agent->id, tasks,
                    agent->state == AGENT_REGISTERED ? "" : " when it is back: it is away");
    drain_look(master, agent);
}

void operator_drain(struct master *master, uint64_t number,
                    const struct msg_operator_drain_agent *call)
{
    struct agent *agent = agent_for(master, number, call->agent_id);
    struct msg_kept_agent record;
    struct order *order;

    if (!agent)
        return;
    order = order_new(number, agent, "being drained", call->reason);
    order->drain = (struct drain_info){.since_us = master->now.wall_us,
                                       .max_grace_ms = call->max_grace_ms,
                                       .mark_gone = call->mark_gone};
    record = record_of(master, agent);
    record.drain = &order->drain;
    order_keep(master, &record, on_draining, order);
}
