/* tests/sim/settle.c - the whole: who knows of what runs, are all of one mind, is nothing left over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "framework-sdk/core/driver.h"
#include "tests/sim/mirror.h"
#include "tests/sim/world.h"

/* While all are connected, nothing runs for longer that the master, or its framework, does not know
 * of. A kill takes up to ten seconds; a driver asks about its tasks every 64 s at the latest. */
#define MASTER_KNOWS_US    (30 * (int64_t)US_PER_S)
#define FRAMEWORK_KNOWS_US (200 * (int64_t)US_PER_S)
/* What runs when maintenance begins has ended by then, on an agent that can write it down. */
#define DRAINED_US (60 * (int64_t)US_PER_S)

/* --- who knows of what runs -------------------------------------------------------------------- */

static bool is_with_master(const struct sim_agent *agent)
{
    return agent->core && agent->registered_since_us != DEADLINE_NEVER &&
           net_is_between(&agent->peer, agent->process.sim->master);
}

static bool master_knows(const struct container *container)
{
    const struct mirror *mirror = container->agent->process.sim->master->mirror;
    const struct mirror_task *task = mirror_task(mirror, container->fact->key);

    return task && !task_state_is_terminal(task->state) && task->state != TASK_UNREACHABLE;
}

static const struct instance *speaker_of(const struct fact *fact)
{
    const struct instance *instance = fact->framework ? fact->framework->current : NULL;

    if (!instance || instance->subscribed_since_us == DEADLINE_NEVER ||
        !net_is_between(&instance->peer, instance->process.sim->master) ||
        !fact_is_of(fact, fact->framework))
        return NULL;
    return instance;
}

static void note_since(int64_t *since_us, bool is_known, int64_t now_us)
{
    if (is_known)
        *since_us = 0;
    else if (!*since_us)
        *since_us = now_us;
}

static void sweep_down(struct sim *sim, struct container *container, bool is_connected)
{
    const struct sim_agent *agent = container->agent;
    const struct mirror_agent *known = mirror_agent(sim->master->mirror, sim_agent_id(agent));
    bool is_overdue = is_connected && known && known->is_down && !agent->disk.is_full;

    note_since(&container->overdue_us, !is_overdue, sim->now_us);
    if (container->overdue_us && sim->now_us - container->overdue_us > DRAINED_US)
        sim_fail(sim, "task %s runs on %s, which is down for maintenance", container->fact->key,
                 agent->process.name);
}

static void sweep_container(struct sim *sim, struct container *container)
{
    bool is_connected = is_with_master(container->agent);
    const struct instance *speaker = is_connected ? speaker_of(container->fact) : NULL;
    const char *task_id = strchr(container->fact->key, '/') + 1;

    if (container->state == CONTAINER_ENDED || container->is_holder)
        return;
    sweep_down(sim, container, is_connected);
    note_since(&container->unknown_to_master_us, !is_connected || master_knows(container),
               sim->now_us);
    note_since(&container->unknown_to_framework_us,
               !speaker || driver_has_task(speaker->driver, task_id), sim->now_us);
    if (container->unknown_to_master_us &&
        sim->now_us - container->unknown_to_master_us > MASTER_KNOWS_US)
        sim_fail(sim, "task %s runs on %s, and the master does not know", container->fact->key,
                 container->agent->process.name);
    if (container->unknown_to_framework_us &&
        sim->now_us - container->unknown_to_framework_us > FRAMEWORK_KNOWS_US)
        sim_fail(sim, "task %s runs on %s, and its framework does not know", container->fact->key,
                 container->agent->process.name);
}

static void sweep_offers(struct sim *sim, const struct instance *instance)
{
    const struct held_inverse *inverse;
    const struct held_offer *offer;

    if (!net_is_quiet(&instance->peer))
        return;
    DL_FOREACH (instance->inverses, inverse)
        if (!windows_have_asked(sim->master->mirror, inverse->window_id, inverse->agent_id,
                                instance->framework->id))
            sim_fail(sim, "%s believes that it is asked to leave %s before window %s",
                     instance->process.name, inverse->agent_id, inverse->window_id);
    DL_FOREACH (instance->offers, offer) {
        const struct mirror_offer *known = mirror_offer(sim->master->mirror, offer->id);

        if (!known)
            sim_fail(sim, "%s believes in an offer that the master has withdrawn: %s",
                     instance->process.name, offer->id);
        else if (!resources_are_equal(&known->resources, &offer->resources))
            sim_fail(sim, "%s believes in what others were first to take of offer %s",
                     instance->process.name, offer->id);
    }
}

void settle_sweep(struct sim *sim)
{
    struct container *container;

    if (!sim->master)
        return;
    for (size_t i = 0; i < sim->agents_count; i++)
        DL_FOREACH (sim->agents[i]->containers, container)
            sweep_container(sim, container);
    for (size_t i = 0; i < sim->frameworks_count; i++)
        if (sim->frameworks[i]->current && sim->frameworks[i]->current->driver)
            sweep_offers(sim, sim->frameworks[i]->current);
}

/* --- are all of one mind? ---------------------------------------------------------------------- */

#define NOT_YET(...) err_set(why, -EAGAIN, __VA_ARGS__)

static int check_agent(const struct sim *sim, const struct sim_agent *agent, struct err *why)
{
    const struct mirror *mirror = sim->master->mirror;
    const struct mirror_agent *known = mirror_agent(mirror, sim_agent_id(agent));
    CLEANUP(resources_fini) struct resources has = {0};
    const struct container *container;

    if (!is_with_master(agent) || !known || !known->is_connected)
        return NOT_YET("%s is not registered", agent->process.name);
    if (known->is_out_of_use)
        return NOT_YET("%s is out of use", agent->process.name);
    sim_agent_has(agent, &has);
    if (!resources_are_equal(&has, &known->total))
        return NOT_YET("%s has other reservations than the master believes", agent->process.name);
    DL_FOREACH (agent->containers, container)
        if (container->state != CONTAINER_ENDED && !container->is_holder &&
            !mirror_task(mirror, container->fact->key))
            return NOT_YET("%s runs %.120s, unknown to the master", agent->process.name,
                           container->fact->key);
    return 0;
}

static int check_task(const struct sim *sim, const struct mirror_task *task, struct err *why)
{
    struct fact *fact;

    HASH_FIND_STR(sim->facts, task->key, fact);
    if (task_state_is_terminal(task->state))
        return NOT_YET("the master remembers %.120s, which has ended", task->key);
    if (!fact || !fact->container || task->state != TASK_RUNNING)
        return NOT_YET("the master believes that %.120s is %s", task->key,
                       task_state_name(task->state));
    if (strcmp(sim_agent_id(fact->container->agent), task->agent_id) != 0)
        return NOT_YET("the master believes that %.120s is elsewhere", task->key);
    return 0;
}

static int check_framework(const struct sim_framework *framework, struct err *why)
{
    const struct instance *instance = framework->current;
    size_t alive = 0;

    if (!framework->character->is_good)
        return 0;
    if (!instance || !driver_is_subscribed(instance->driver) || !net_is_quiet(&instance->peer))
        return NOT_YET("%s %zu is not subscribed, or busy", framework->character->name,
                       framework->number);
    if (!batch_is_done(framework))
        return NOT_YET("%s is not content", instance->process.name);
    if (!keeper_is_done(framework))
        return NOT_YET("%s does not know how its operations ended", instance->process.name);
    if (driver_unanswered(instance->driver))
        return NOT_YET("%s asks about %zu tasks", instance->process.name,
                       driver_unanswered(instance->driver));
    if (framework->character == &service_character)
        alive = framework->jobs_count;
    if (driver_tasks(instance->driver) != alive)
        return NOT_YET("%s: its driver knows %zu tasks, not %zu", instance->process.name,
                       driver_tasks(instance->driver), alive);
    return 0;
}

static int check_offer(const struct sim *sim, const struct mirror_offer *offer, struct err *why)
{
    for (size_t i = 0; i < sim->frameworks_count; i++) {
        const struct sim_framework *framework = sim->frameworks[i];

        if (framework->current && framework->current->driver &&
            !strcmp(framework->id, offer->framework_id) &&
            driver_offer_agent(framework->current->driver, offer->id))
            return 0;
    }
    return NOT_YET("nobody has offer %.120s", offer->id);
}

void settle_operate(struct sim *sim)
{
    const struct mirror_agent *agent, *next;

    if (!sim->master)
        return;
    windows_end(sim);
    for (agent = sim->master->mirror->agents; agent; agent = next) {
        next = agent->hh.next;
        if (agent->is_connected && agent->is_ordered)
            master_is_asked(sim->master,
                            &MESSAGE(OPERATOR_REACTIVATE_AGENT, operator_reactivate_agent,
                                     .agent_id = agent->id));
    }
}

bool settle_is_done(struct sim *sim, struct err *why)
{
    const struct mirror *mirror = sim->master->mirror;
    int r = sim->masters->next ? NOT_YET("an old master is still there") : 0;

    if (mirror->windows)
        r = NOT_YET("there are maintenance windows");

    for (size_t i = 0; i < sim->agents_count && r == 0; i++)
        r = check_agent(sim, sim->agents[i], why);
    for (size_t i = 0; i < sim->frameworks_count && r == 0; i++)
        r = check_framework(sim->frameworks[i], why);
    for (const struct mirror_task *task = mirror->tasks; task && r == 0; task = task->hh.next)
        r = check_task(sim, task, why);
    for (const struct mirror_offer *o = mirror->offers; o && r == 0; o = o->hh.next)
        r = check_offer(sim, o, why);
    operator_check(sim);
    return r == 0 && facts_check(sim, why) == 0 && pods_check_ends(sim, why) == 0;
}

/* --- is nothing left over? --------------------------------------------------------------------- */

bool settle_is_empty(struct sim *sim, struct err *why)
{
    const struct mirror *mirror = sim->master->mirror;

    if (mirror->tasks)
        return NOT_YET("the master remembers task %.120s", mirror->tasks->key) == 0;
    if (mirror->offers)
        return NOT_YET("an offer is left: %.120s", mirror->offers->id) == 0;
    for (size_t i = 0; i < sim->agents_count; i++) {
        const struct sim_agent *agent = sim->agents[i];

        if (!is_with_master(agent))
            return NOT_YET("%s is not registered", agent->process.name) == 0;
        if (agent->containers || !resources_are_empty(&agent->in_use))
            return NOT_YET("%s still runs something", agent->process.name) == 0;
        if (agent->tasks)
            return NOT_YET("%s remembers tasks", agent->process.name) == 0;
    }
    for (size_t i = 0; i < sim->frameworks_count; i++)
        if (sim->frameworks[i]->current)
            return NOT_YET("%s has not left", sim->frameworks[i]->current->process.name) == 0;
    return true;
}

bool sim_all_are_registered(struct sim *self)
{
    for (size_t i = 0; i < self->agents_count; i++)
        if (!self->master || !is_with_master(self->agents[i]))
            return false;
    return true;
}

bool sim_all_tasks_forgotten(struct sim *self)
{
    const struct sim_framework *framework = self->frameworks[0];

    if (!self->master || self->master->mirror->tasks || !framework->current ||
        driver_tasks(framework->current->driver) || !batch_is_done(framework))
        return false;
    for (size_t i = 0; i < self->agents_count; i++)
        if (self->agents[i]->tasks || self->agents[i]->containers)
            return false;
    return true;
}
