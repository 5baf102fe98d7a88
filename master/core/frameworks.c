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
#include "master/core/departed.h"
#include "master/core/inverse.h"
#include "master/core/keep.h"
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
    framework->hears_notice = has_capability(info, "PREEMPTION_NOTICE");
    framework->takes_inverse = has_capability(info, "INVERSE_OFFERS");
}

int64_t framework_failover_us(const struct master *master, const struct framework *framework)
{
    int64_t ms = framework->info->failover_timeout_ms;

    if (framework->info->ends_with_session)
        return framework->state == FRAMEWORK_RECOVERED ? master->agent_timeout_us : 0;
    if (ms <= 0)
        return master->failover_default_us;
    return (ms > FAILOVER_MAX_MS ? FAILOVER_MAX_MS : ms) * US_PER_MS;
}

static void on_finished(void *owner, struct deadline *deadline);

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

void framework_await_return(struct master *master, struct framework *framework, int64_t for_us)
{
    framework->deadline_us = master->now.wall_us + for_us;
    deadline_set(&master->deadlines, &framework->failover, master->now.mono_us + for_us);
}

static struct framework *add_recovered(struct master *master, const char *id,
                                       const struct framework_info *info)
{
    const struct framework_info unknown = {.name = id};
    struct framework *framework = framework_add(master, id);

    framework_set_info(framework, info ? info : &unknown);
    framework->registered_us = master->now.wall_us;
    return framework;
}

struct framework *framework_recover(struct master *master, const char *id,
                                    const struct framework_info *info)
{
    struct framework *framework = add_recovered(master, id, info);

    framework->is_returning = true;
    framework_await_return(master, framework, framework_failover_us(master, framework));
    log_note(master, "framework %s (%s) is recovered, and may come back", id,
             framework->info->name);
    keep_framework_soon(master, framework);
    publish_framework(master, framework);
    return framework;
}

struct framework *framework_recover_removed(struct master *master, const char *id,
                                            const struct framework_info *info)
{
    struct framework *framework = add_recovered(master, id, info);
    struct msg_kept_framework body;
    struct framework_info brief;
    const struct message record = framework_removal_of(master, framework, &body, &brief);

    framework->state = FRAMEWORK_REMOVED;
    framework->removal = REMOVED_TEARDOWN;
    framework->failover.due = on_finished;
    /* A registry that is not ours, or an old one, does not have its removal. */
    if (!framework_is_completed(master, id))
        keep_soon(master, &record);
    departed_add_framework(master, id, master->now.wall_us);
    log_note(master, "framework %s was removed, and has tasks yet", id);
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
    framework_await_return(master, framework, framework_failover_us(master, framework));
    keep_framework_soon(master, framework);
    publish_framework(master, framework);
    bound_away(master);
}

static void framework_free(struct master *master, struct framework *framework)
{
    if (framework->state == FRAMEWORK_SUBSCRIBED)
        HASH_DELETE(hh_session, master->sessions_of_frameworks, framework);
    deadline_cancel(&master->deadlines, &framework->failover);
    inverse_drop_framework(master, framework);
    subscriptions_fini(master, framework);
    HASH_DEL(master->frameworks, framework);
    arena_destroy(&framework->memory);
    free(framework->id);
    free(framework);
}

/* --- removal ----------------------------------------------------------------- */

static void finish(struct master *master, struct framework *framework)
{
    publish_framework_removed(master, framework, framework->removal);
    framework_free(master, framework);
}

static void on_finished(void *owner, struct deadline *deadline)
{
    struct framework *framework = CONTAINER_OF(deadline, struct framework, failover);

    /* An agent may have come with one more in the meantime. */
    if (!framework->tasks)
        finish(owner, framework);
}

/* Not at once: whoever took the task away may still be looking at it. */
void framework_on_task_gone(struct master *master, struct framework *framework)
{
    if (framework->state == FRAMEWORK_REMOVED && !framework->tasks)
        deadline_set(&master->deadlines, &framework->failover, master->now.mono_us);
}

/* It may have been removed before, so long ago that its id was forgotten (departed.c) and it could come back. */
static void shutdown_on_agents(struct master *master, struct framework *framework)
{
    struct task *task;

    for (task = framework->tasks; task; task = task->hh.next)
        agent_forget_end(task->agent, framework->id);
    for (task = framework->tasks; task && !MUTATE(SPARE_REMOVED_FRAMEWORK); task = task->hh.next)
        agent_tell_end(master, task->agent, framework->id);
}

/* Those that hold nothing need not be waited for. */
static void end_tasks(struct master *master, struct framework *framework)
{
    const struct verdict killed = {TASK_KILLED, REASON_FRAMEWORK_REMOVED, "Framework removed"};
    struct task *task, *next;

    HASH_ITER (hh, framework->tasks, task, next)
        if (!task->is_holding || MUTATE(FREE_BEFORE_ENDED))
            task_end(master, task, &killed);
}

void framework_end(struct master *master, struct framework *framework, enum removal_reason reason,
                   const char *why)
{
    bool was_subscribed = framework->state == FRAMEWORK_SUBSCRIBED;
    uint64_t session = framework->session;

    log_note(master, "framework %s (%s) is removed: %s", framework->id, framework->info->name, why);
    offers_remove_framework(master, framework, NULL, OFFER_ABANDONED, NULL);
    inverse_drop_framework(master, framework);
    framework_move(master, framework, FRAMEWORK_REMOVED);
    deadline_cancel(&master->deadlines, &framework->failover);
    framework->failover.due = on_finished;
    framework->removal = reason;
    counter_add(master, COUNTER_FRAMEWORK_REMOVALS);
    departed_add_framework(master, framework->id, master->now.wall_us);
    shutdown_on_agents(master, framework);
    end_tasks(master, framework);
    deadline_cancel(&master->deadlines, &framework->failover);
    if (framework->tasks)
        publish_framework(master, framework);
    else
        finish(master, framework);
    if (was_subscribed)
        master->env.close(master->env.ctx, session, why);
}

struct message framework_removal_of(const struct master *master, const struct framework *framework,
                                    struct msg_kept_framework *ret_body,
                                    struct framework_info *ret_info)
{
    *ret_info = (struct framework_info){.id = framework->id, .name = framework->info->name};
    *ret_body = (struct msg_kept_framework){
        .framework = ret_info,
        .registered_us = framework->registered_us,
        .removed = true,
        .since_us = master->now.wall_us,
    };
    return (struct message){.type = MSG_KEPT_FRAMEWORK, .kept_framework = ret_body};
}

void framework_remove(struct master *master, struct framework *framework,
                      enum removal_reason reason, const char *why)
{
    struct msg_kept_framework body;
    struct framework_info info;
    const struct message record = framework_removal_of(master, framework, &body, &info);

    keep_soon(master, &record);
    framework_end(master, framework, reason, why);
}

void frameworks_fini(struct master *master)
{
    while (master->frameworks)
        framework_free(master, master->frameworks);
}

void on_teardown(struct master *master, struct framework *framework, const struct message *message)
{
    (void)message;
    framework_remove(master, framework, REMOVED_TEARDOWN, "it asked for its teardown");
}
