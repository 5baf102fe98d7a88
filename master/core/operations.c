#include "master/core/operations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/convert.h"
#include "master/core/departed.h"
#include "master/core/drain.h"
#include "master/core/filters.h"
#include "master/core/frameworks.h"
#include "master/core/log.h"
#include "master/core/offers.h"
#include "master/core/optimistic.h"
#include "master/core/errands.h"
#include "master/core/reconcile.h"
#include "proto/resources_info.h"

#define CAPABILITY "RESOURCE_OPERATIONS"

/* --- who waits to be told ---------------------------------------------------- */

struct operation *operation_find(const struct agent *agent, const char *framework_id,
                                 const char *id)
{
    struct operation *operation;

    DL_FOREACH (agent->operations, operation)
        if (!strcmp(operation->id, id) && !strcmp(operation->framework_id, framework_id))
            return operation;
    return NULL;
}

static struct operation *operation_add(struct agent *agent, const char *framework_id,
                                       const char *id)
{
    size_t size = strlen(id) + 1;
    struct operation *operation = mem_calloc(1, sizeof(*operation) + size);

    memcpy(operation->id, id, size);
    operation->framework_id = mem_strdup(framework_id);
    DL_APPEND(agent->operations, operation);
    agent->operations_count++;
    return operation;
}

static void operation_remove(struct agent *agent, struct operation *operation)
{
    DL_DELETE(agent->operations, operation);
    agent->operations_count--;
    free(operation->framework_id);
    free(operation);
}

static void tell(struct master *master, const struct framework *framework, const char *agent_id,
                 const char *id, enum operation_state state, const char *why)
{
    const struct operation_status status = {
        .operation_id = id,
        .state = state,
        .message = why,
        .agent_id = agent_id,
        .timestamp_us = master->now.wall_us,
    };

    if (framework)
        framework_send(master, framework,
                       MESSAGE(OPERATION_UPDATE, operation_update, .status = &status));
}

/* Whoever waits for it, be it an operator. */
static void tell_of(struct master *master, const struct operation *operation, const char *agent_id,
                    enum operation_state state, const char *why)
{
    if (*operation->framework_id)
        tell(master, framework_find(master, operation->framework_id), agent_id, operation->id,
             state, why);
    else
        errand_tell(master, operation->id, agent_id, state, why);
}

void operation_refuse(struct master *master, const struct framework *framework,
                      const char *agent_id, const struct operation_info *operation,
                      enum operation_state state, const char *why)
{
    counter_add(master, COUNTER_OPERATIONS_REFUSED);
    if (operation->change && *operation->change->id)
        tell(master, framework, agent_id, operation->change->id, state, why);
}

/* --- may it be done? --------------------------------------------------------- */

bool agent_has_capability(const struct agent *agent, const char *capability)
{
    for (size_t i = 0; i < agent->info->capabilities_count; i++)
        if (!strcmp(agent->info->capabilities[i], capability))
            return true;
    return false;
}

static int check_agent(const struct agent *agent, struct err *err)
{
    if (agent->state != AGENT_REGISTERED)
        return err_set(err, -EHOSTUNREACH, "agent %.80s is away", agent->id);
    if (agent_has_capability(agent, CAPABILITY))
        return 0;
    return err_set(err, -EOPNOTSUPP,
                   "agent %.80s does not keep reservations and volumes: it is of an older version",
                   agent->id);
}

static int check_id(const struct agent *agent, const struct operating *who, const char *id,
                    struct err *err)
{
    const char *framework_id = who->subscription ? who->subscription->framework->id : "";

    if (!*id)
        return 0;
    if (agent->operations_count >= AGENT_OPERATIONS_MAX)
        return err_set(err, -EAGAIN,
                       "%d operations on agent %.80s are not acknowledged yet: acknowledge them",
                       AGENT_OPERATIONS_MAX, agent->id);
    if (operation_find(agent, framework_id, id))
        return err_set(err, -EEXIST, "operation id %.80s is in use: choose another one", id);
    return 0;
}

/* Tasks may have a shared volume that is offered at the same time. */
static int check_unused(const struct agent *agent, const struct conversion *conversion,
                        struct err *err)
{
    CLEANUP(resources_fini) struct resources both = {0};

    resources_intersect(&both, &agent->used, &conversion->consumed);
    for (size_t i = 0; i < both.count; i++)
        if (resource_is_shared(&both.items[i]) && !MUTATE(DESTROY_USED_VOLUME))
            return err_set(err, -EBUSY, "tasks use volume %.80s", both.items[i].terms->volume->id);
    return 0;
}

static int check_available(const struct resources *available, const struct conversion *conversion,
                           const char *what, struct err *err)
{
    CLEANUP(buf_fini) struct buf lack = {0};

    if (resources_contain(available, &conversion->consumed))
        return 0;
    resources_describe_lack(available, &conversion->consumed, &lack);
    return err_set(err, -ERANGE, "it needs more than is %s, by %.150s", what, buf_text(&lack));
}

static int find_available(struct master *master, struct agent *agent, const struct operating *who,
                          const struct conversion *conversion, struct err *err)
{
    if (who->remaining)
        return check_available(who->remaining, conversion, "left of the offers", err);
    return errand_make_room(master, agent, &conversion->consumed, err);
}

/* --- doing it ---------------------------------------------------------------- */

static bool has_common_volume(const struct resources *a, const struct resources *b)
{
    CLEANUP(resources_fini) struct resources both = {0};

    resources_intersect(&both, a, b);
    return resources_have_shared(&both);
}

/* Others are offered a shared volume at the same time. */
static void rescind_shared(struct master *master, struct agent *agent,
                           const struct conversion *conversion)
{
    struct offer *offer = agent->offers, *next;

    if (!resources_have_shared(&conversion->consumed))
        return;
    for (; offer; offer = next) {
        next = offer->agent_next;
        if (has_common_volume(&offer->resources, &conversion->consumed))
            offer_remove(master, offer, OFFER_RESCINDED, "a volume in it is destroyed");
    }
}

/* The whole is checked before anything changes: what is part of it then fits, too. */
static int exchange(struct master *master, struct agent *agent, const struct operating *who,
                    const struct conversion *conversion, struct err *err)
{
    CLEANUP(resources_fini) struct resources total = {0};
    struct agent_info info = *agent->info;
    int rc;

    resources_copy(&total, &agent->total);
    rc = resources_exchange(&total, &conversion->consumed, &conversion->converted, err);
    if (rc < 0)
        return rc;
    info.resources = resources_to_info(&total, master->scratch, &info.resources_count);
    if (agent_weight(master, &info) > AGENT_WEIGHT_MAX)
        return err_set(err, -E2BIG, "the agent's resources would take more than %d bytes",
                       AGENT_WEIGHT_MAX);
    rescind_shared(master, agent, conversion);
    filters_spell_out(agent);
    if (agent_is_active(agent))
        allocator_free_remove(master->allocator, &agent->free);
    BUG_ON(resources_exchange(&agent->free, &conversion->consumed, &conversion->converted, NULL) <
           0);
    if (agent_is_active(agent))
        allocator_free_add(master->allocator, &agent->free);
    optimistic_on_taken(master, agent, who->subscription);
    if (who->remaining)
        BUG_ON(resources_exchange(who->remaining, &conversion->consumed, &conversion->converted,
                                  NULL) < 0);
    allocator_pool_remove(master->allocator, &agent->total);
    resources_swap(&agent->total, &total);
    allocator_pool_add(master->allocator, &agent->total);
    agent_look(agent);
    agent_set_info(agent, &info);
    agent->weight = agent_weight(master, agent->info); /* what `info` borrows from is gone */
    offers_wake(master, agent);
    return 0;
}

static void send_it(struct master *master, struct agent *agent, const char *framework_id,
                    const struct operation_info *operation, const struct conversion *conversion)
{
    struct msg_apply_operation apply = {
        .framework_id = framework_id,
        .kind = operation->kind,
        .operation_id = operation->change->id,
    };

    apply.consumed =
        resources_to_info(&conversion->consumed, master->scratch, &apply.consumed_count);
    apply.converted =
        resources_to_info(&conversion->converted, master->scratch, &apply.converted_count);
    if (!MUTATE(FORGET_OPERATION))
        agent_send(master, agent,
                   (struct message){.type = MSG_APPLY_OPERATION, .apply_operation = &apply});
}

int operation_do(struct master *master, struct agent *agent, const struct operating *who,
                 const struct operation_info *operation, struct err *err)
{
    const struct framework *framework = who->subscription ? who->subscription->framework : NULL;
    const struct converting by = {
        .role = who->subscription ? who->subscription->role : NULL,
        .principal = framework ? framework->info->principal : "",
        .total = &agent->total,
    };
    CLEANUP(conversion_fini) struct conversion conversion = {0};
    int rc = check_agent(agent, err);

    if (rc == 0)
        rc = conversion_make(&by, operation, &conversion, err);
    if (rc == 0)
        rc = check_id(agent, who, operation->change->id, err);
    if (rc == 0)
        rc = find_available(master, agent, who, &conversion, err);
    if (rc == 0)
        rc = check_unused(agent, &conversion, err);
    if (rc == 0)
        rc = exchange(master, agent, who, &conversion, err);
    if (rc < 0)
        return rc;
    if (*operation->change->id)
        operation_add(agent, framework ? framework->id : "", operation->change->id);
    counter_add(master, COUNTER_OPERATIONS_APPLIED);
    send_it(master, agent, framework ? framework->id : "", operation, &conversion);
    return 0;
}

/* --- the agent's life -------------------------------------------------------- */

void operations_tell_unreachable(struct master *master, struct agent *agent)
{
    const struct operation *operation;

    DL_FOREACH (agent->operations, operation)
        tell_of(master, operation, agent->id, OPERATION_UNREACHABLE,
                "its agent cannot be reached; it may come back");
}

void operations_end(struct master *master, struct agent *agent, enum operation_state state,
                    const char *why)
{
    while (agent->operations) {
        struct operation *operation = agent->operations;

        if (!operation->has_result)
            tell_of(master, operation, agent->id, state, why);
        operation_remove(agent, operation);
    }
}

void operations_drop(struct agent *agent)
{
    while (agent->operations)
        operation_remove(agent, agent->operations);
}

/* Of an earlier master. Its framework may ask; without a record it is acknowledged just as well. */
static struct operation *adopt(const struct master *master, struct agent *agent,
                               const struct operation_status *status)
{
    if (!*status->framework_id || framework_is_completed(master, status->framework_id) ||
        agent->operations_count >= AGENT_OPERATIONS_MAX)
        return NULL;
    return operation_add(agent, status->framework_id, status->operation_id);
}

void operations_settle(struct master *master, struct agent *agent,
                       const struct msg_register_agent *call)
{
    struct operation *operation, *next;

    for (size_t i = 0; i < call->operations_count; i++) {
        operation = operation_find(agent, call->operations[i].framework_id,
                                   call->operations[i].operation_id);
        if (!operation)
            operation = adopt(master, agent, &call->operations[i]);
        if (operation)
            operation->is_reported = true;
    }
    DL_FOREACH_SAFE (agent->operations, operation, next) {
        if (operation->is_reported) {
            operation->is_reported = false;
            continue;
        }
        if (!operation->has_result)
            tell_of(master, operation, agent->id, OPERATION_DROPPED,
                    "the operation never reached its agent");
        operation_remove(agent, operation);
    }
}

/* --- messages ---------------------------------------------------------------- */

static void acknowledge(struct master *master, const struct agent *agent, const char *framework_id,
                        const char *operation_id, struct bytes uuid)
{
    agent_send(master, agent,
               MESSAGE(ACKNOWLEDGE_RESULT, acknowledge_result, .framework_id = framework_id,
                       .operation_id = operation_id, .uuid = uuid));
}

static void relay(struct master *master, struct agent *agent, const struct operation_status *status)
{
    const struct framework *framework = framework_find(master, status->framework_id);
    struct operation *operation = operation_find(agent, status->framework_id, status->operation_id);
    struct operation_status told = *status;

    if (operation) {
        operation->has_result = true;
        memcpy(operation->uuid, status->uuid.data, UUID_BYTES);
    }
    if (!framework) {
        if (operation)
            operation_remove(agent, operation);
        if (framework_is_completed(master, status->framework_id))
            acknowledge(master, agent, status->framework_id, status->operation_id, status->uuid);
        return;
    }
    told.agent_id = agent->id;
    told.framework_id = "";
    framework_send(master, framework, MESSAGE(OPERATION_UPDATE, operation_update, .status = &told));
}

/* An operator has nothing to acknowledge: what was asked for is there, or not. */
static void settle_order(struct master *master, struct agent *agent,
                         const struct operation_status *status)
{
    struct operation *operation = operation_find(agent, "", status->operation_id);

    errand_tell(master, status->operation_id, agent->id, status->state, status->message);
    if (operation)
        operation_remove(agent, operation);
    acknowledge(master, agent, "", status->operation_id, status->uuid);
}

static bool result_is_valid(const struct operation_status *status)
{
    return status->uuid.size == UUID_BYTES &&
           (status->state == OPERATION_FINISHED || status->state == OPERATION_FAILED);
}

void on_operation_result(struct master *master, struct agent *agent, const struct message *message)
{
    const struct msg_operation_result *result = message->operation_result;
    uint64_t session = agent->session;

    if (result->status && result_is_valid(result->status) && !*result->status->framework_id)
        settle_order(master, agent, result->status);
    else if (result->status && result_is_valid(result->status))
        relay(master, agent, result->status);
    else if (result->status)
        log_warn(master, "agent %s: the result of operation %s makes no sense and is dropped",
                 agent->id, result->status->operation_id);
    if (!result->unlike)
        return;
    counter_add(master, COUNTER_OPERATIONS_FAILED);
    log_warn(master, "agent %s could not apply an operation: it is to register again: %s",
             agent->id, result->status ? result->status->message : "");
    agent_disconnect(master, agent);
    master->env.close(master->env.ctx, session, "say again what you have");
}

void on_acknowledge_operation(struct master *master, struct framework *framework,
                              const struct message *message)
{
    const struct msg_acknowledge_operation *call = message->acknowledge_operation;
    struct agent *agent = agent_find(master, call->agent_id);
    struct operation *operation;

    /* An agent that is away repeats the result when it is back. */
    if (!agent || agent->state != AGENT_REGISTERED || call->uuid.size != UUID_BYTES)
        return;
    acknowledge(master, agent, framework->id, call->operation_id, call->uuid);
    operation = operation_find(agent, framework->id, call->operation_id);
    if (operation && operation->has_result && !memcmp(operation->uuid, call->uuid.data, UUID_BYTES))
        operation_remove(agent, operation);
}

static void reconcile(struct master *master, const struct framework *framework,
                      const struct operation_ref *ref)
{
    const struct agent *agent = agent_find(master, ref->agent_id);
    const struct task_ref where = {.task_id = "", .agent_id = ref->agent_id};

    if (may_still_return(master, framework, &where, agent) ||
        (agent && agent->state == AGENT_DISCONNECTED))
        return; /* nobody can know yet */
    if (agent_is_gone(master, ref->agent_id))
        tell(master, framework, ref->agent_id, ref->operation_id, OPERATION_GONE_BY_OPERATOR,
             "an operator has marked its agent gone");
    else if (!agent)
        tell(master, framework, ref->agent_id, ref->operation_id, OPERATION_UNKNOWN,
             "its agent is not known");
    else if (agent->state == AGENT_UNREACHABLE)
        tell(master, framework, agent->id, ref->operation_id, OPERATION_UNREACHABLE,
             "its agent cannot be reached; it may come back");
    else if (operation_find(agent, framework->id, ref->operation_id))
        tell(master, framework, agent->id, ref->operation_id, OPERATION_PENDING,
             "its agent has not told yet what became of it");
    else
        tell(master, framework, agent->id, ref->operation_id, OPERATION_UNKNOWN,
             "its agent does not know it: it never came there, or its end was acknowledged");
}

void on_reconcile_operations(struct master *master, struct framework *framework,
                             const struct message *message)
{
    const struct msg_reconcile_operations *call = message->reconcile_operations;

    for (size_t i = 0; i < call->operations_count; i++)
        reconcile(master, framework, &call->operations[i]);
}
