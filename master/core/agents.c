/* master/core/agents.c - the life of an agent. */
#include "master/core/agents.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mutant.h"
#include "base/mem.h"
#include "master/core/changes.h"
#include "master/core/departed.h"
#include "master/core/drain.h"
#include "master/core/filters.h"
#include "master/core/frameworks.h"
#include "master/core/keep.h"
#include "master/core/log.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/operations.h"
#include "master/core/optimistic.h"
#include "master/core/policy.h"
#include "master/core/preempt.h"
#include "master/core/removals.h"
#include "master/core/tasks.h"

#define MOVE(state) (1u << AGENT_##state)

static const struct {
    const char *name;
    unsigned to;
} agent_moves[AGENT_STATE_MAX] = {
    [AGENT_REGISTERED] = {"registered", MOVE(DISCONNECTED) | MOVE(REMOVED)},
    [AGENT_DISCONNECTED] = {"disconnected", MOVE(REGISTERED) | MOVE(UNREACHABLE) | MOVE(REMOVED)},
    [AGENT_RECOVERED] = {"recovered", MOVE(REGISTERED) | MOVE(UNREACHABLE) | MOVE(REMOVED)},
    [AGENT_UNREACHABLE] = {"unreachable", MOVE(REGISTERED) | MOVE(REMOVED)},
    [AGENT_REMOVED] = {"removed", 0},
};

struct agent *agent_find(const struct master *master, const char *id)
{
    struct agent *agent;

    HASH_FIND_STR(master->agents, id, agent);
    return agent;
}

struct agent *agent_of_session(const struct master *master, uint64_t session)
{
    struct agent *agent;

    HASH_FIND(hh_session, master->sessions_of_agents, &session, sizeof(session), agent);
    return agent;
}

void agent_send(struct master *master, const struct agent *agent, struct message message)
{
    if (agent->state != AGENT_REGISTERED)
        return;
    message.epoch = master->epoch;
    master->env.send(master->env.ctx, agent->session, &message);
}

#define TOLD_MAX 64 /* who is forgotten here is told of once more */

static void forget_told(struct agent *agent, struct told_end *told)
{
    DL_DELETE(agent->told, told);
    agent->told_count--;
    free(told);
}

static void forget_all_told(struct agent *agent)
{
    while (agent->told)
        forget_told(agent, agent->told);
}

static struct told_end *find_told(const struct agent *agent, const char *framework_id)
{
    struct told_end *told;

    DL_FOREACH (agent->told, told)
        if (!strcmp(told->framework_id, framework_id))
            return told;
    return NULL;
}

void agent_forget_end(struct agent *agent, const char *framework_id)
{
    struct told_end *told = find_told(agent, framework_id);

    if (told)
        forget_told(agent, told);
}

void agent_tell_end(struct master *master, struct agent *agent, const char *framework_id)
{
    size_t size = strlen(framework_id) + 1;
    struct told_end *told;

    if (agent->state != AGENT_REGISTERED || find_told(agent, framework_id))
        return;
    told = mem_calloc(1, sizeof(*told) + size);
    memcpy(told->framework_id, framework_id, size);
    DL_PREPEND(agent->told, told);
    if (++agent->told_count > TOLD_MAX)
        forget_told(agent, agent->told->prev); /* of the head: the last one */
    agent_send(master, agent,
               MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = framework_id));
}

void agent_count_free(struct master *master, const struct agent *agent, bool was_active)
{
    bool is_active = agent_is_active(agent);

    if (was_active && !is_active)
        allocator_free_remove(master->allocator, &agent->free);
    if (!was_active && is_active)
        allocator_free_add(master->allocator, &agent->free);
}

void agent_move(struct master *master, struct agent *agent, enum agent_state state)
{
    bool was_active = agent_is_active(agent);

    BUG_ON(!(agent_moves[agent->state].to & (1u << state)));
    if (agent->state == AGENT_REGISTERED)
        HASH_DELETE(hh_session, master->sessions_of_agents, agent);
    forget_all_told(agent);
    if (state == AGENT_REGISTERED)
        HASH_ADD(hh_session, master->sessions_of_agents, session, sizeof(agent->session), agent);
    master->unreachable_count -= agent->state == AGENT_UNREACHABLE;
    master->unreachable_count += state == AGENT_UNREACHABLE;
    master->recovered_count -= agent->state == AGENT_RECOVERED;
    agent->state = state;
    agent_count_free(master, agent, was_active);
    agent_list_move(master, agent,
                    state == AGENT_UNREACHABLE ? AGENT_LIST_UNREACHABLE : AGENT_LIST_NONE);
    log_note(master, "agent %s (%s) is %s", agent->id, agent->info->hostname,
             agent_moves[state].name);
    removals_wake(master);
    policy_on_agent(master);
}

void agent_look(struct agent *agent)
{
    agent->has_special = false;
    for (size_t i = 0; i < agent->total.count; i++)
        if (agent->total.items[i].role || agent->total.items[i].revocable)
            agent->has_special = true;
}

void agent_set_total(struct master *master, struct agent *agent, struct resources *total)
{
    BUG_ON(!resources_are_equal(&agent->free, &agent->total));
    allocator_pool_remove(master->allocator, &agent->total);
    resources_swap(&agent->total, total);
    resources_copy(&agent->free, &agent->total);
    agent_look(agent);
    allocator_pool_add(master->allocator, &agent->total);
}

/* --- going ------------------------------------------------------------------- */

static void agent_free(struct master *master, struct agent *agent)
{
    agent_list_move(master, agent, AGENT_LIST_NONE);
    preempt_on_agent_gone(master, agent);
    optimistic_forget_agent(master, agent);
    deadline_cancel(&master->deadlines, &agent->timeout);
    forget_all_told(agent);
    operations_drop(agent);
    maintenance_drop_agent(master, agent);
    deadline_cancel(&master->deadlines, &agent->drain_due);
    HASH_DEL(master->agents, agent);
    resources_fini(&agent->total);
    resources_fini(&agent->used);
    resources_fini(&agent->free);
    arena_destroy(&agent->memory);
    free(agent->id);
    free(agent);
}

static void tell_agent_lost(struct master *master, const struct agent *agent,
                            enum removal_reason reason)
{
    struct framework *framework, *next;

    HASH_ITER (hh, master->frameworks, framework, next)
        framework_send(master, framework,
                       MESSAGE(AGENT_LOST, agent_lost, .agent_id = agent->id,
                               .hostname = agent->info->hostname, .reason = reason));
}

/* Its tasks end; it leaves the pool and the tables. */
static void agent_remove(struct master *master, struct agent *agent, const struct verdict *verdict)
{
    struct resources nothing = {0};
    struct task *task, *next;

    agent_move(master, agent, AGENT_REMOVED);
    DL_FOREACH_SAFE (agent->tasks, task, next)
        task_end(master, task, verdict);
    operations_end(master, agent,
                   verdict->state == TASK_GONE_BY_OPERATOR ? OPERATION_GONE_BY_OPERATOR
                                                           : OPERATION_UNKNOWN,
                   verdict->text);
    filters_clear_agent(master, agent);
    agent_set_total(master, agent, &nothing);
    resources_fini(&nothing);
    agent_free(master, agent);
}

static void keep_forgotten(struct master *master, const struct agent *agent)
{
    keep_soon(master, &MESSAGE(DROP_AGENT, drop_agent, .agent_id = agent->id));
}

static void forget_unreachable(struct master *master, struct agent *agent)
{
    const struct verdict unknown = {TASK_UNKNOWN, REASON_AGENT_REMOVED,
                                    "its agent has been unreachable for so long that it is "
                                    "forgotten"};

    /* It comes back at this very moment. */
    if (keep_is_waited_for(master, agent)) {
        deadline_set(&master->deadlines, &agent->timeout, master->now.mono_us + US_PER_S);
        return;
    }
    keep_forgotten(master, agent);
    publish_agent_removed(master, agent, REMOVED_FORGOTTEN);
    agent_remove(master, agent, &unknown);
}

static void on_forget(void *owner, struct deadline *deadline)
{
    forget_unreachable(owner, CONTAINER_OF(deadline, struct agent, timeout));
}

void agent_await_forgetting(struct master *master, struct agent *agent, int64_t for_us)
{
    agent->timeout.due = on_forget;
    deadline_set(&master->deadlines, &agent->timeout, master->now.mono_us + for_us);
}

static void lose_task(struct master *master, struct task *task)
{
    const struct verdict unreachable = {TASK_UNREACHABLE, REASON_AGENT_REMOVED,
                                        "its agent cannot be reached; it may come back"};
    const struct verdict ended = {TASK_GONE, REASON_AGENT_REMOVED, "its agent cannot be reached"};

    /* A removed framework does not wait for it: if it comes back it is ended then. */
    if (task_state_is_terminal(task->state) ||
        task->subscription->framework->state == FRAMEWORK_REMOVED)
        task_end(master, task, &ended);
    else
        task_tell(master, task, &unreachable);
}

void agent_become_unreachable(struct master *master, struct agent *agent)
{
    struct resources nothing = {0};
    struct task *task, *next;

    counter_add(master, COUNTER_AGENT_REMOVALS);
    counter_add(master, COUNTER_AGENT_REMOVALS_UNHEALTHY);
    tell_agent_lost(master, agent, REMOVED_UNREACHABLE);
    DL_FOREACH_SAFE (agent->tasks, task, next)
        lose_task(master, task);
    operations_tell_unreachable(master, agent);
    filters_clear_agent(master, agent);
    agent_move(master, agent, AGENT_UNREACHABLE);
    if (!MUTATE(KEEP_LOST_AGENT))
        agent_set_total(master, agent, &nothing);
    resources_fini(&nothing);
    publish_agent_removed(master, agent, REMOVED_UNREACHABLE);
    agent_await_forgetting(master, agent, master->agent_removed_keep_us);
    if (master->unreachable_count > UNREACHABLE_MAX)
        forget_unreachable(master, master->lists[AGENT_LIST_UNREACHABLE]);
}

static void on_agent_timeout(void *owner, struct deadline *deadline)
{
    removal_is_due(owner, CONTAINER_OF(deadline, struct agent, timeout));
}

void agent_await_return(struct master *master, struct agent *agent, int64_t for_us)
{
    agent->timeout.due = on_agent_timeout;
    deadline_set(&master->deadlines, &agent->timeout, master->now.mono_us + for_us);
}

void agent_disconnect(struct master *master, struct agent *agent)
{
    agent_move(master, agent, AGENT_DISCONNECTED);
    offers_rescind_agent(master, agent, "the agent's connection was lost");
    agent_await_return(master, agent, master->agent_timeout_us);
    publish_agent(master, agent);
}

void agent_become_gone(struct master *master, struct agent *agent, const char *why)
{
    const struct verdict gone = {TASK_GONE_BY_OPERATOR, REASON_AGENT_REMOVED_BY_OPERATOR,
                                 "an operator has marked its agent gone"};
    bool has_session = agent->state == AGENT_REGISTERED;
    uint64_t session = agent->session;

    log_note(master, "agent %s is gone: %s", agent->id, why);
    counter_add(master, COUNTER_AGENT_REMOVALS);
    counter_add(master, COUNTER_AGENT_REMOVALS_GONE);
    agent_send(master, agent, MESSAGE(SHUTDOWN_AGENT, shutdown_agent, .reason = why));
    offers_rescind_agent(master, agent, "the agent is gone");
    tell_agent_lost(master, agent, REMOVED_GONE);
    publish_agent_removed(master, agent, REMOVED_GONE);
    departed_add_agent(master, agent->id, master->now.wall_us);
    agent_remove(master, agent, &gone);
    if (has_session)
        master->env.close(master->env.ctx, session, why);
}

void on_unregister(struct master *master, struct agent *agent, const struct message *message)
{
    const struct verdict gone = {TASK_GONE, REASON_AGENT_REMOVED, "its agent has unregistered"};
    const char *reason = message->unregister->reason;
    uint64_t session = agent->session;

    log_note(master, "agent %s unregisters: %s", agent->id, reason);
    counter_add(master, COUNTER_AGENT_REMOVALS);
    counter_add(master, COUNTER_AGENT_REMOVALS_UNREGISTERED);
    offers_rescind_agent(master, agent, "the agent has unregistered");
    tell_agent_lost(master, agent, REMOVED_UNREGISTERED);
    publish_agent_removed(master, agent, REMOVED_UNREGISTERED);
    keep_forgotten(master, agent);
    agent_remove(master, agent, &gone);
    master->env.close(master->env.ctx, session, "unregistered");
}

/* --- coming ------------------------------------------------------------------ */

struct agent *agent_add(struct master *master, const char *id)
{
    struct agent *agent = mem_new(struct agent);

    agent->id = mem_strdup(id);
    agent->state = AGENT_DISCONNECTED;
    drain_init_agent(agent);
    HASH_ADD_KEYPTR(hh, master->agents, agent->id, strlen(agent->id), agent);
    return agent;
}

void agent_set_info(struct agent *agent, const struct agent_info *info)
{
    struct arena *memory = arena_new(0);
    struct agent_info full = *info;

    full.id = agent->id;
    agent->info = record_copy(&agent_info_def, &full, memory);
    arena_destroy(&agent->memory);
    agent->memory = memory;
}

/* The last to go: what pointed at agents is gone already. */
void agents_fini(struct master *master)
{
    while (master->agents) {
        struct agent *agent = master->agents;

        if (agent->state == AGENT_REGISTERED)
            HASH_DELETE(hh_session, master->sessions_of_agents, agent);
        agent_free(master, agent);
    }
}
