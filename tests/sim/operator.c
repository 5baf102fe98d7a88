/* tests/sim/operator.c - an operator who reserves things on agents, each time for a role of its own, and undoes some
 * of it; masters and agents die meanwhile.
 *
 * Held here: what is answered as done is on the agent's disk, whatever crashes later; what is answered as not
 * done is not there, and never will be.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "tests/sim/world.h"

#define ORDERS_MAX 24 /* of a run: agents are to have room for tasks */

struct order {
    struct order *next;
    const struct sim_agent *agent;
    uint64_t number; /* of the call that was made last */
    bool is_undoing; /* that call */
    enum { ORDER_ASKED, /* or nobody knows */ ORDER_DONE, ORDER_NEVER } state;
    char role[16];
};

static bool is_there(const struct order *order)
{
    CLEANUP(resources_fini) struct resources has = {0};

    sim_agent_has(order->agent, &has);
    for (size_t i = 0; i < has.count; i++)
        if (!strcmp(resource_role(&has.items[i]), order->role))
            return true;
    return false;
}

static void check(struct sim *sim, const struct order *order)
{
    if (order->state == ORDER_DONE && !is_there(order))
        sim_fail(sim, "%s has not on its disk what was answered as done: the reservation for %s",
                 order->agent->process.name, order->role);
    if (order->state == ORDER_NEVER && is_there(order))
        sim_fail(sim, "%s has what was answered as not done: the reservation for %s",
                 order->agent->process.name, order->role);
}

void operator_check(struct sim *sim)
{
    const struct order *order;

    LL_FOREACH (sim->orders, order)
        check(sim, order);
}

void operator_forgets(struct sim *sim, const struct sim_agent *agent)
{
    struct order *order;

    LL_FOREACH (sim->orders, order)
        if (order->agent == agent)
            order->state = ORDER_ASKED;
}

void operator_fini(struct sim *sim)
{
    struct order *order, *next;

    LL_FOREACH_SAFE (sim->orders, order, next)
        free(order);
    sim->orders = NULL;
}

static void ask(struct sim *sim, struct order *order, enum operation_kind kind)
{
    order->number = sim->calls + 1;
    order->is_undoing = kind == OPERATION_UNRESERVE;
    order->state = ORDER_ASKED;
    master_is_asked(sim->master,
                    &MESSAGE(OPERATOR_RESERVATION, operator_reservation,
                             .agent_id = sim_agent_id(order->agent), .kind = kind,
                             .role = order->role, .resources = order->is_undoing ? "" : "mem:1",
                             .principal = "root"));
}

static size_t count_orders(const struct sim *sim)
{
    const struct order *order;
    size_t count;

    LL_COUNT(sim->orders, order, count);
    return count;
}

void operator_reserves(struct sim *sim)
{
    const struct sim_agent *agent = sim->agents[sim_below(sim, sim->agents_count)];
    size_t count = count_orders(sim);
    struct order *order;

    if (!sim->master || !*sim_agent_id(agent))
        return;
    LL_FOREACH (sim->orders, order)
        if (order->state == ORDER_DONE && *sim_agent_id(order->agent) && sim_chance(sim, 20)) {
            ask(sim, order, OPERATION_UNRESERVE);
            return;
        }
    if (count == ORDERS_MAX)
        return;
    order = mem_new(struct order);
    order->agent = agent;
    snprintf(order->role, sizeof(order->role), "op%zu", count);
    LL_PREPEND(sim->orders, order);
    ask(sim, order, OPERATION_RESERVE);
}

/* 504, and "has not said": nobody knows, and there is nothing to hold anybody to. */
void operator_hears(struct sim *sim, uint64_t number, const struct msg_operator_reply *reply)
{
    bool is_done = reply->code == 200;
    bool is_refused = reply->code < 500 || strstr(reply->message, "nothing was changed");
    struct order *order;

    LL_FOREACH (sim->orders, order) {
        if (order->number != number || order->state != ORDER_ASKED)
            continue;
        if (is_done)
            order->state = order->is_undoing ? ORDER_NEVER : ORDER_DONE;
        else if (is_refused)
            order->state = order->is_undoing ? ORDER_DONE : ORDER_NEVER;
        check(sim, order);
    }
}
