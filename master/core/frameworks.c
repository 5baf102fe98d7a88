/* master/core/frameworks.c - the life of a framework. */
#include "master/core/frameworks.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/log.h"
#include "master/core/offers.h"
#include "master/core/tasks.h"

#define MOVE(state) (1u << FRAMEWORK_##state)

static const struct {
    const char *name;
    unsigned to;
} framework_moves[FRAMEWORK_STATE_MAX] = {
    [FRAMEWORK_RECOVERED] = {"recovered", MOVE(SUBSCRIBED) | MOVE(REMOVED)},
    [FRAMEWORK_SUBSCRIBED] = {"subscribed", MOVE(DISCONNECTED) | MOVE(REMOVED)},
    [FRAMEWORK_DISCONNECTED] = {"disconnected", MOVE(SUBSCRIBED) | MOVE(REMOVED)},
    [FRAMEWORK_REMOVED] = {"removed", 0},
};

struct framework *framework_find(const struct master *master, const char *id)
{
    struct framework *framework;

    HASH_FIND_STR(master->frameworks, id, framework);
    return framework;
}

struct framework *framework_of_session(const struct master *master, uint64_t session)
{
    struct framework *framework;

    HASH_FIND(hh_session, master->sessions_of_frameworks, &session, sizeof(session), framework);
    return framework;
}

void framework_send(struct master *master, const struct framework *framework,
                    struct message message)
{
    if (framework->state == FRAMEWORK_SUBSCRIBED)
        master->env.send(master->env.ctx, framework->session, &message);
}

void framework_move(struct master *master, struct framework *framework, enum framework_state state)
{
    BUG_ON(!(framework_moves[framework->state].to & (1u << state)));
    if (framework->state == FRAMEWORK_SUBSCRIBED)
        HASH_DELETE(hh_session, master->sessions_of_frameworks, framework);
    if (state == FRAMEWORK_SUBSCRIBED)
        HASH_ADD(hh_session, master->sessions_of_frameworks, session, sizeof(framework->session),
                 framework);
    log_note(master, "framework %s (%s) is %s", framework->id, framework->info->name,
             framework_moves[state].name);
    framework->state = state;
    subscriptions_settle(master, framework);
}

/* --- coming ------------------------------------------------------------------ */

static bool has_capability(const struct framework_info *info, const char *name)
{
    for (size_t i = 0; i < info->capabilities_count; i++)
        if (!strcmp(info->capabilities[i], name))
            return true;
    return false;
}

void framework_set_info(struct framework *framework, const struct framework_info *info)
{
    static const char *const any_role[] = {RESOURCE_ROLE_ANY};
    struct arena *memory = arena_new(0);
    struct framework_info full = *info;

    full.id = framework->id;
    if (!full.roles_count) {
        full.roles = any_role;
        full.roles_count = 1;
    }
    framework->info = record_copy(&framework_info_def, &full, memory);
    arena_destroy(&framework->memory);
    framework->memory = memory;
    framework->takes_revocable = has_capability(info, "REVOCABLE_RESOURCES");
    framework->is_region_aware = has_capability(info, "REGION_AWARE");
    framework->wants_topology = has_capability(info, "TOPOLOGY");
}

static int64_t failover_us(const struct master *master, const struct framework *framework)
{
    int64_t ms = framework->info->failover_timeout_ms;

    if (framework->info->ends_with_session)
        return framework->state == FRAMEWORK_RECOVERED ? master->agent_timeout_us : 0;
    if (ms <= 0)
        return master->failover_default_us;
    return (ms > FAILOVER_MAX_MS ? FAILOVER_MAX_MS : ms) * US_PER_MS;
}

static void on_failover_timeout(void *owner, struct deadline *deadline)
{
    framework_remove(owner, CONTAINER_OF(deadline, struct framework, failover),
                     REMOVED_FAILOVER_TIMEOUT, "it did not come back within its failover timeout");
}

struct framework *framework_add(struct master *master, const char *id)
{
    struct framework *framework = mem_new(struct framework);

    framework->id = mem_strdup(id);
    framework->state = FRAMEWORK_RECOVERED;
    framework->failover.due = on_failover_timeout;
    HASH_ADD_KEYPTR(hh, master->frameworks, framework->id, strlen(framework->id), framework);
    return framework;
}

struct framework *framework_recover(struct master *master, const char *id,
                                    const struct framework_info *info)
{
    const struct framework_info unknown = {.name = id};
    struct framework *framework = framework_add(master, id);

    framework_set_info(framework, info ? info : &unknown);
    framework->is_returning = true;
    framework->registered_us = master->now.wall_us;
    deadline_set(&master->deadlines, &framework->failover,
                 master->now.mono_us + failover_us(master, framework));
    log_note(master, "framework %s (%s) is recovered from its tasks", id, framework->info->name);
    publish_framework(master, framework);
    return framework;
}

/* --- going ------------------------------------------------------------------- */

/* Each that goes may come back for its failover timeout; one that never will, because it begins anew
 * with each start, is not to fill the tables meanwhile. */
static void bound_away(struct master *master)
{
    struct framework *framework, *next;

    if (HASH_COUNT(master->frameworks) - HASH_CNT(hh_session, master->sessions_of_frameworks) <=
        FRAMEWORKS_AWAY_MAX)
        return;
    HASH_ITER (hh, master->frameworks, framework, next) {
        if (framework->state != FRAMEWORK_DISCONNECTED || framework->tasks)
            continue;
        framework_remove(master, framework, REMOVED_FAILOVER_TIMEOUT,
                         "it has no tasks, and too many are away");
        return;
    }
}

/* It may be removed by this. */
void framework_disconnect(struct master *master, struct framework *framework)
{
    offers_remove_framework(master, framework, NULL, OFFER_ABANDONED, NULL);
    framework_move(master, framework, FRAMEWORK_DISCONNECTED);
    if (framework->info->ends_with_session) {
        framework_remove(master, framework, REMOVED_TEARDOWN,
                         "its session is over, and it ends with that");
        return;
    }
    deadline_set(&master->deadlines, &framework->failover,
                 master->now.mono_us + failover_us(master, framework));
    publish_framework(master, framework);
    bound_away(master);
}

bool framework_is_completed(const struct master *master, const char *id)
{
    struct completed *completed;

    HASH_FIND_STR(master->completed, id, completed);
    return completed != NULL;
}

static void forget_completed(struct master *master, struct completed *completed)
{
    HASH_DEL(master->completed, completed);
    free(completed);
}

static void remember_completed(struct master *master, const char *id)
{
    size_t size = strlen(id);
    struct completed *completed = mem_calloc(1, sizeof(*completed) + size + 1);

    memcpy(completed->id, id, size + 1);
    HASH_ADD_STR(master->completed, id, completed);
    if (HASH_COUNT(master->completed) > COMPLETED_MAX)
        forget_completed(master, master->completed);
}

static void framework_free(struct master *master, struct framework *framework)
{
    if (framework->state == FRAMEWORK_SUBSCRIBED)
        HASH_DELETE(hh_session, master->sessions_of_frameworks, framework);
    deadline_cancel(&master->deadlines, &framework->failover);
    subscriptions_fini(master, framework);
    HASH_DEL(master->frameworks, framework);
    arena_destroy(&framework->memory);
    free(framework->id);
    free(framework);
}

static void shutdown_on_agents(struct master *master, struct framework *framework)
{
    const struct verdict killed = {TASK_KILLED, REASON_FRAMEWORK_REMOVED, "Framework removed"};
    struct task *task, *next;

    HASH_ITER (hh, framework->tasks, task, next) {
        if (!task->agent->is_told && !MUTATE(SPARE_REMOVED_FRAMEWORK))
            agent_send(
                master, task->agent,
                MESSAGE(SHUTDOWN_FRAMEWORK, shutdown_framework, .framework_id = framework->id));
        task->agent->is_told = true;
    }
    HASH_ITER (hh, framework->tasks, task, next) {
        task->agent->is_told = false;
        task_end(master, task, &killed);
    }
}

void framework_remove(struct master *master, struct framework *framework,
                      enum removal_reason reason, const char *why)
{
    bool was_subscribed = framework->state == FRAMEWORK_SUBSCRIBED;
    uint64_t session = framework->session;

    log_note(master, "framework %s (%s) is removed: %s", framework->id, framework->info->name, why);
    offers_remove_framework(master, framework, NULL, OFFER_ABANDONED, NULL);
    framework_move(master, framework, FRAMEWORK_REMOVED);
    shutdown_on_agents(master, framework);
    counter_add(master, COUNTER_FRAMEWORK_REMOVALS);
    publish_framework_removed(master, framework, reason);
    remember_completed(master, framework->id);
    framework_free(master, framework);
    if (was_subscribed)
        master->env.close(master->env.ctx, session, why);
}

void frameworks_fini(struct master *master)
{
    while (master->frameworks)
        framework_free(master, master->frameworks);
    while (master->completed)
        forget_completed(master, master->completed);
}

void on_teardown(struct master *master, struct framework *framework, const struct message *message)
{
    (void)message;
    framework_remove(master, framework, REMOVED_TEARDOWN, "it asked for its teardown");
}
