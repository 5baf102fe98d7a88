/* tests/sim/mirror.c - what a master has published, kept as a reader would, and what must hold of it:
 * changes are numbered without gaps and make sense one after the other, a task that has ended stays
 * so, and nothing is promised that an agent does not have.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/resources_info.h"
#include "tests/sim/mirror.h"
#include "tests/sim/world.h"

static void copy_id(char ret_id[ID_MAX + 1], const char *id)
{
    snprintf(ret_id, ID_MAX + 1, "%s", id);
}

static void make_key(char ret_key[MIRROR_KEY_MAX], const char *framework_id, const char *task_id)
{
    snprintf(ret_key, MIRROR_KEY_MAX, "%s/%s", framework_id, task_id);
}

struct mirror_task *mirror_task(const struct mirror *self, const char *key)
{
    struct mirror_task *task;

    HASH_FIND_STR(self->tasks, key, task);
    return task;
}

static struct mirror_agent *agent_find(const struct mirror *self, const char *id)
{
    struct mirror_agent *agent;

    HASH_FIND_STR(self->agents, id, agent);
    return agent;
}

struct mirror_agent *mirror_agent(const struct mirror *self, const char *id)
{
    struct mirror_agent *agent = agent_find(self, id);

    return agent && !agent->has_left ? agent : NULL;
}

bool mirror_agent_has_left(const struct mirror *self, const char *id)
{
    const struct mirror_agent *agent = agent_find(self, id);

    return agent && agent->has_left;
}

struct mirror_offer *mirror_offer(const struct mirror *self, const char *id)
{
    struct mirror_offer *offer;

    HASH_FIND_STR(self->offers, id, offer);
    return offer;
}

/* The key is the last member. */
static void *keyed_new(size_t size, size_t key_offset, const char *key)
{
    size_t key_size = strlen(key) + 1;
    char *memory = mem_calloc(1, size + key_size);

    memcpy(memory + key_offset, key, key_size);
    return memory;
}

#define KEYED_NEW(type, member, key_) keyed_new(sizeof(type), offsetof(type, member), (key_))

static void touch(struct mirror *self, const char *agent_id)
{
    struct mirror_agent *agent = mirror_agent(self, agent_id);

    if (agent)
        agent->is_touched = true;
}

static void take_resources(struct mirror *self, struct resources *ret,
                           const struct resource_info *items, size_t count)
{
    struct err err;

    if (resources_from_info(ret, items, count, &err) < 0)
        sim_fail(self->sim, "resources are published that are none: %s", err.text);
}

/* --- agents and frameworks --------------------------------------------------------------------- */

/* Reservations and volumes make nothing more or less. */
static void check_quantities(struct mirror *self, const struct mirror_agent *agent)
{
    const struct sim *sim = self->sim;

    for (size_t i = 0; i < sim->agents_count; i++) {
        CLEANUP(resources_fini) struct resources have = {0}, said = {0};

        if (strcmp(sim_agent_id(sim->agents[i]), agent->id) != 0)
            continue;
        resources_strip(&sim->agents[i]->total, &have);
        resources_strip(&agent->total, &said);
        if (!resources_are_equal(&have, &said))
            sim_fail(self->sim, "%s is said to have other quantities than it has",
                     sim->agents[i]->process.name);
    }
}

static void on_agent(struct mirror *self, const struct msg_change_agent *change)
{
    const struct agent_info *info = change->agent;
    struct mirror_agent *agent = agent_find(self, info->id);

    if (!agent) {
        agent = KEYED_NEW(struct mirror_agent, id, info->id);
        HASH_ADD_STR(self->agents, id, agent);
    }
    if ((agent->is_connected && !change->connected) || !change->active)
        self->less_since_us = self->sim->now_us;
    agent->is_connected = change->connected;
    agent->was_connected |= change->connected;
    agent->is_unreachable = agent->has_left = false;
    agent->is_ordered = change->deactivated || change->drain;
    agent->is_down = change->down;
    agent->is_out_of_use = agent->is_ordered || agent->is_down;
    snprintf(agent->hostname, sizeof(agent->hostname), "%s", info->hostname);
    agent->is_touched = true;
    if (change->active && agent->is_out_of_use)
        sim_fail(self->sim, "agent %s is out of use and active", info->id);
    take_resources(self, &agent->total, info->resources, info->resources_count);
    check_quantities(self, agent);
}

static void agent_free(struct mirror *self, struct mirror_agent *agent)
{
    HASH_DEL(self->agents, agent);
    resources_fini(&agent->total);
    free(agent);
}

static void on_agent_removed(struct mirror *self, const struct msg_change_agent_removed *change)
{
    struct mirror_agent *agent = mirror_agent(self, change->agent_id);

    self->less_since_us = self->sim->now_us;
    if (!agent) {
        sim_fail(self->sim, "agent %s is removed and was never there", change->agent_id);
    } else if (change->reason == REMOVED_UNREACHABLE) {
        agent->is_connected = false; /* it may come back, until it is forgotten */
        agent->is_unreachable = true;
        agent->is_touched = true;
        resources_fini(&agent->total);
    } else {
        agent->is_connected = false;
        agent->is_touched = agent->has_left = true;
        resources_fini(&agent->total);
    }
}

static struct mirror_framework *framework_find(const struct mirror *self, const char *id)
{
    struct mirror_framework *framework;

    HASH_FIND_STR(self->frameworks, id, framework);
    return framework;
}

static void on_framework(struct mirror *self, const struct msg_change_framework *change)
{
    const char *id = change->framework->id;
    struct mirror_framework *framework = framework_find(self, id);

    if (!framework) {
        framework = KEYED_NEW(struct mirror_framework, id, id);
        HASH_ADD_STR(self->frameworks, id, framework);
    }
    framework->is_connected = change->connected;
}

static void framework_free(struct mirror *self, struct mirror_framework *framework)
{
    HASH_DEL(self->frameworks, framework);
    free(framework);
}

static void on_framework_removed(struct mirror *self,
                                 const struct msg_change_framework_removed *change)
{
    struct mirror_framework *framework = framework_find(self, change->framework_id);

    if (framework)
        framework_free(self, framework);
    else
        sim_fail(self->sim, "framework %s is removed and was never there", change->framework_id);
}

/* --- tasks ------------------------------------------------------------------------------------- */

static void on_task(struct mirror *self, const struct msg_change_task *change)
{
    struct mirror_task *task;
    char key[MIRROR_KEY_MAX];

    make_key(key, change->framework_id, change->task->task_id);
    if (mirror_task(self, key)) {
        sim_fail(self->sim, "task %s is new and was there", key);
        return;
    }
    task = KEYED_NEW(struct mirror_task, key, key);
    task->state = change->state;
    copy_id(task->agent_id, change->task->agent_id);
    copy_id(task->role, change->role);
    task->priority = change->task->priority;
    take_resources(self, &task->resources, change->task->resources, change->task->resources_count);
    for (size_t i = 0; i < task->resources.count; i++)
        task->is_revocable = task->is_revocable || task->resources.items[i].revocable;
    task->is_grouped = change->task->group != NULL;
    if (change->task->executor_id && *change->task->executor_id)
        make_key(task->executor, change->framework_id, change->task->executor_id);
    HASH_ADD_STR(self->tasks, key, task);
    touch(self, task->agent_id);
}

static void on_task_status(struct mirror *self, const struct msg_change_task_status *change)
{
    struct mirror_task *task;
    char key[MIRROR_KEY_MAX];

    make_key(key, change->framework_id, change->task_id);
    task = mirror_task(self, key);
    if (!task) {
        sim_fail(self->sim, "task %s moves and was never there", key);
        return;
    }
    if (task_state_is_terminal(task->state) && change->state != task->state)
        sim_fail(self->sim, "task %s was %s and becomes %s", key, task_state_name(task->state),
                 task_state_name(change->state));
    task->state = change->state;
    preempt_on_change(self, task, change->preempt);
    touch(self, task->agent_id);
}

static void task_free(struct mirror *self, struct mirror_task *task)
{
    self->giving_way -= task->gives_way_since_us > 0;
    HASH_DEL(self->tasks, task);
    resources_fini(&task->resources);
    free(task);
}

static void on_task_removed(struct mirror *self, const struct msg_change_task_removed *change)
{
    struct mirror_task *task;
    char key[MIRROR_KEY_MAX];

    make_key(key, change->framework_id, change->task_id);
    task = mirror_task(self, key);
    if (task)
        task_free(self, task);
    else
        sim_fail(self->sim, "task %s is removed and was never there", key);
}

/* --- offers ------------------------------------------------------------------------------------ */

/* Who needs an agent for some time is not offered one that is taken down before. */
static void check_time(struct mirror *self, const struct offer_info *info)
{
    const struct sim *sim = self->sim;

    for (size_t i = 0; i < sim->frameworks_count && info->unavailability && *info->need; i++) {
        const struct sim_framework *framework = sim->frameworks[i];
        int64_t left_us = info->unavailability->start_us - self->now.wall_us;

        if (framework->character == &gang_character && !strcmp(framework->id, info->framework_id) &&
            left_us < framework->min_available_ms * US_PER_MS)
            sim_fail(self->sim,
                     "%s is offered %s for a need of %lld ms, %lld ms before maintenance",
                     info->framework_id, info->agent_id, (long long)framework->min_available_ms,
                     (long long)(left_us / US_PER_MS));
    }
}

static void on_offer(struct mirror *self, const struct offer_info *info)
{
    const struct mirror_agent *agent;
    struct mirror_offer *offer;

    if (mirror_offer(self, info->id)) {
        sim_fail(self->sim, "offer %s is made twice", info->id);
        return;
    }
    agent = mirror_agent(self, info->agent_id);
    if (agent && agent->is_out_of_use)
        sim_fail(self->sim, "agent %s is offered, and an operator has taken it out of use",
                 info->agent_id);
    check_time(self, info);
    offer = KEYED_NEW(struct mirror_offer, id, info->id);
    copy_id(offer->framework_id, info->framework_id);
    copy_id(offer->agent_id, info->agent_id);
    copy_id(offer->role, info->role);
    offer->is_optimistic = info->optimistic;
    take_resources(self, &offer->resources, info->resources, info->resources_count);
    HASH_ADD_STR(self->offers, id, offer);
    touch(self, offer->agent_id);
}

static void offer_free(struct mirror *self, struct mirror_offer *offer)
{
    HASH_DEL(self->offers, offer);
    resources_fini(&offer->resources);
    free(offer);
}

static void on_offer_removed(struct mirror *self, const struct msg_change_offer_removed *change)
{
    struct mirror_offer *offer = mirror_offer(self, change->offer_id);

    if (offer)
        offer_free(self, offer);
    else
        sim_fail(self->sim, "offer %s is removed and was never there", change->offer_id);
}

/* --- roles ------------------------------------------------------------------------------------- */

static void on_role(struct mirror *self, const struct msg_change_role *change)
{
    struct mirror_role *role;

    HASH_FIND_STR(self->roles, change->role, role);
    if (!role) {
        role = KEYED_NEW(struct mirror_role, name, change->role);
        HASH_ADD_STR(self->roles, name, role);
    }
    self->less_since_us = self->sim->now_us;
    role->has_priority = change->has_priority;
    role->priority = change->priority;
    resources_fini(&role->guarantee);
    take_resources(self, &role->guarantee, change->guarantees, change->guarantees_count);
}

static void role_free(struct mirror *self, struct mirror_role *role)
{
    HASH_DEL(self->roles, role);
    resources_fini(&role->guarantee);
    free(role);
}

/* One of the same id that is on another agent is killed there. Who has left the session, or has no id yet, is taken
 * for the right one. */
static bool is_elsewhere(const struct mirror *self, const struct mirror_task *task,
                         uint64_t session)
{
    const struct sim *sim = self->sim;
    const struct peer *peer = net_peer(sim, session);

    for (size_t i = 0; i < sim->agents_count; i++) {
        const char *id = sim_agent_id(sim->agents[i]);

        if (&sim->agents[i]->peer == peer && *id)
            return strcmp(id, task->agent_id) != 0;
    }
    return false;
}

void mirror_on_kill(struct mirror *self, uint64_t session, const struct msg_kill_task *kill)
{
    struct mirror_task *task;
    char key[MIRROR_KEY_MAX];

    make_key(key, kill->framework_id, kill->task_id);
    task = mirror_task(self, key);
    if (!task || is_elsewhere(self, task, session))
        return;
    task->kill_session = session;
    task->is_kill_wanted = task->is_kill_wanted || !kill->drain;
}

/* --- all --------------------------------------------------------------------------------------- */

static void apply(struct mirror *self, const struct message *change)
{
    switch (change->type) {
    case MSG_CHANGE_AGENT:
        on_agent(self, change->change_agent);
        break;
    case MSG_CHANGE_AGENT_REMOVED:
        on_agent_removed(self, change->change_agent_removed);
        break;
    case MSG_CHANGE_FRAMEWORK:
        on_framework(self, change->change_framework);
        break;
    case MSG_CHANGE_FRAMEWORK_REMOVED:
        on_framework_removed(self, change->change_framework_removed);
        break;
    case MSG_CHANGE_TASK:
        on_task(self, change->change_task);
        break;
    case MSG_CHANGE_TASK_STATUS:
        on_task_status(self, change->change_task_status);
        break;
    case MSG_CHANGE_TASK_REMOVED:
        on_task_removed(self, change->change_task_removed);
        break;
    case MSG_CHANGE_ROLE:
        on_role(self, change->change_role);
        break;
    case MSG_CHANGE_WINDOW:
        windows_on_change(self, change->change_window);
        break;
    case MSG_CHANGE_OFFER:
        on_offer(self, change->change_offer->offer);
        break;
    case MSG_CHANGE_OFFER_REMOVED:
        on_offer_removed(self, change->change_offer_removed);
        break;
    default:
        break;
    }
}

void mirror_on_change(struct mirror *self, const struct message *change)
{
    if (change->number != ++self->changes)
        sim_fail(self->sim, "change %" PRIu64 " has the number %" PRIu64, self->changes,
                 change->number);
    apply(self, change);
}

static bool is_holding(enum task_state state)
{
    return state != TASK_UNREACHABLE && !task_state_is_terminal(state);
}

static void promise(struct mirror *self, struct resources *sum, const struct resources *more,
                    const char *what)
{
    struct err err;

    if (resources_add(sum, more, &err) < 0)
        sim_fail(self->sim, "promised twice, to %s too: %s", what, err.text);
}

static void check_total(struct mirror *self, const struct mirror_agent *agent,
                        struct resources *sum)
{
    CLEANUP(buf_fini) struct buf lack = {0};

    /* Many may have a shared volume. */
    for (size_t i = 0; i < sum->count; i++)
        if (resource_is_shared(&sum->items[i]))
            sum->items[i].copies = 1;
    if (resources_contain(&agent->total, sum))
        return;
    resources_describe_lack(&agent->total, sum, &lack);
    sim_fail(self->sim, "more is promised than agent %s has: %s", agent->id, buf_text(&lack));
}

/* What is shown to each framework is there, whatever the others are shown of the same. */
static void check_shown(struct mirror *self, const struct mirror_agent *agent,
                        const struct resources *promised)
{
    for (struct mirror_offer *first = self->offers; first; first = first->hh.next) {
        CLEANUP(resources_fini) struct resources sum = {0};

        if (!first->is_optimistic || strcmp(first->agent_id, agent->id) != 0)
            continue;
        resources_copy(&sum, promised);
        for (struct mirror_offer *offer = self->offers; offer; offer = offer->hh.next)
            if (offer->is_optimistic && !strcmp(offer->agent_id, agent->id) &&
                !strcmp(offer->framework_id, first->framework_id))
                promise(self, &sum, &offer->resources, offer->id);
        check_total(self, agent, &sum);
    }
}

static void check_agent(struct mirror *self, const struct mirror_agent *agent)
{
    CLEANUP(resources_fini) struct resources sum = {0};

    for (struct mirror_task *task = self->tasks; task; task = task->hh.next)
        if (is_holding(task->state) && !strcmp(task->agent_id, agent->id))
            promise(self, &sum, &task->resources, task->key);
    for (struct mirror_offer *offer = self->offers; offer; offer = offer->hh.next)
        if (!offer->is_optimistic && !strcmp(offer->agent_id, agent->id))
            promise(self, &sum, &offer->resources, offer->id);
    check_shown(self, agent, &sum);
    check_total(self, agent, &sum);
}

void mirror_check(struct mirror *self)
{
    if (self->giving_way)
        preempt_check_time(self);
    for (struct mirror_agent *agent = self->agents; agent; agent = agent->hh.next) {
        if (agent->is_touched)
            check_agent(self, agent);
        agent->is_touched = false;
    }
    windows_check(self);
}

struct mirror *mirror_new(struct sim *sim)
{
    struct mirror *self = mem_new(struct mirror);

    self->sim = sim;
    return self;
}

void mirror_destroy(struct mirror **self_p)
{
    struct mirror *self = *self_p;

    if (!self)
        return;
    while (self->tasks)
        task_free(self, self->tasks);
    while (self->offers)
        offer_free(self, self->offers);
    while (self->agents)
        agent_free(self, self->agents);
    while (self->frameworks)
        framework_free(self, self->frameworks);
    while (self->roles)
        role_free(self, self->roles);
    windows_fini(self);
    free(self);
    *self_p = NULL;
}
