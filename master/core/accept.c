/* master/core/accept.c - the processing of an ACCEPT. Source of the order: Mesos Master::accept.
 *
 * All named offers must be good, or none of the tasks is launched. After that each task stands
 * alone: one that is wrong does not stop the next.
 */
#include "master/core/accept.h"

#include <errno.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/filters.h"
#include "master/core/frameworks.h"
#include "master/core/gangs.h"
#include "master/core/groups.h"
#include "master/core/launch_check.h"
#include "master/core/log.h"
#include "master/core/needs.h"
#include "master/core/offers.h"
#include "master/core/operations.h"
#include "master/core/preempt.h"
#include "master/core/optimistic.h"
#include "master/core/tasks.h"
#include "proto/resources_info.h"

/* --- the offers -------------------------------------------------------------- */

static struct offer *offer_of(const struct master *master, const struct framework *framework,
                              const char *id)
{
    struct offer *offer = offer_find(master, id);

    return offer && offer->subscription->framework == framework ? offer : NULL;
}

static int refuse_offer(const struct master *master, const struct framework *framework,
                        const char *id, struct err *err)
{
    int r = optimistic_was_lost(master, framework, id, err);

    return r < 0 ? r
                 : err_set(err, -ENOENT,
                           "offer %.80s is not valid (any more): it was used, rescinded or timed "
                           "out",
                           id);
}

static int check_offer(const struct offer *offer, const struct offer *first, const char *id,
                       struct err *err)
{
    if (offer->is_named)
        return err_set(err, -EINVAL, "offer %.80s is named twice", id);
    if (offer->agent != first->agent)
        return err_set(err, -EINVAL,
                       "offers %.64s and %.64s are of different agents: accept them one by one",
                       first->id, offer->id);
    if (offer->subscription != first->subscription)
        return err_set(err, -EINVAL,
                       "offers %.64s and %.64s are to different roles: accept them one by one",
                       first->id, offer->id);
    return 0;
}

/* 0, -ESTALE: somebody else was first, or another error. */
int accept_check_offers(const struct master *master, const struct framework *framework,
                        const struct msg_accept *call, struct err *err)
{
    const struct offer *first = offer_of(master, framework, call->offer_ids[0]);
    size_t checked;
    int r = 0;

    for (checked = 0; checked < call->offer_ids_count && r == 0; checked++) {
        struct offer *offer = offer_of(master, framework, call->offer_ids[checked]);

        r = offer && first ? check_offer(offer, first, call->offer_ids[checked], err)
                           : refuse_offer(master, framework, call->offer_ids[checked], err);
        if (offer)
            offer->is_named = true;
    }
    while (checked-- > 0) {
        struct offer *offer = offer_of(master, framework, call->offer_ids[checked]);

        if (offer)
            offer->is_named = false;
    }
    return r;
}

/* A shared volume may be in several offers: it is there once. */
void accept_gather(struct resources *remaining, const struct resources *offered)
{
    CLEANUP(resources_fini) struct resources sole = {0};

    resources_unshared(&sole, offered);
    BUG_ON(resources_add(remaining, &sole, NULL) < 0);
    for (size_t i = 0; i < offered->count; i++) {
        const struct resource *portion = &offered->items[i];
        const struct resources one = {.items = (struct resource *)portion, .count = 1};

        if (resource_is_shared(portion) && !resources_contain(remaining, &one))
            BUG_ON(resources_add(remaining, &one, NULL) < 0);
    }
}

void accept_claim_offers(struct master *master, const struct framework *framework,
                         const struct msg_accept *call)
{
    for (size_t i = 0; i < call->offer_ids_count; i++) {
        struct offer *offer = offer_of(master, framework, call->offer_ids[i]);

        if (offer)
            optimistic_claim(master, offer);
    }
}

/* The named offers of this framework end; what they held is added to *remaining when they were
 * good, what they had lost to *loss. */
static void take_offers(struct master *master, const struct framework *framework,
                        const struct msg_accept *call, enum offer_end end,
                        struct resources *remaining, struct offer_loss *loss)
{
    for (size_t i = 0; i < call->offer_ids_count; i++) {
        struct offer *offer = offer_of(master, framework, call->offer_ids[i]);

        if (!offer)
            continue;
        if (remaining) {
            accept_gather(remaining, &offer->resources);
            optimistic_gather_loss(loss, offer);
        }
        if (!MUTATE(ACCEPT_TWICE))
            offer_remove(master, offer, end, NULL);
    }
}

static bool launches(const struct operation_info *operation)
{
    return operation->kind == OPERATION_LAUNCH || operation->kind == OPERATION_LAUNCH_GROUP;
}

/* --- the tasks --------------------------------------------------------------- */

static void refuse_all(struct master *master, const struct framework *framework,
                       const struct operation_info *operation, const struct verdict *verdict)
{
    for (size_t i = 0; i < operation->tasks_count; i++)
        task_refuse(master, framework, operation->tasks[i].task_id, operation->tasks[i].agent_id,
                    verdict);
}

/* What an agent needs to know of a framework to run its tasks and to bring it back to another
 * master. */
static struct framework_info framework_for_agent(const struct framework *framework)
{
    const struct framework_info *info = framework->info;

    return (struct framework_info){
        .id = framework->id,
        .name = info->name,
        .user = info->user,
        .failover_timeout_ms = info->failover_timeout_ms,
        .hostname = info->hostname,
        .principal = info->principal,
        .webui_url = info->webui_url,
        .ends_with_session = info->ends_with_session,
    };
}

/* What one ACCEPT works on. */
struct acceptance {
    struct framework *framework;
    struct subscription *subscription;
    struct agent *agent;
    struct resources offered, remaining;
    struct offer_loss loss;       /* what was offered, too, and others were first */
    int64_t priority;             /* of the needs that the offers served: its tasks get no less */
    uint64_t round;               /* of allocations: the newest of the offers is from it */
    struct need *gang;            /* that gathered one of the offers; NULL: none */
    const struct need *freed_for; /* others gave way for one unit of it, in an offer; NULL: none */
    bool is_converted;            /* the agent's resources are others than were published */
};

static void acceptance_fini(struct acceptance *self)
{
    resources_fini(&self->offered);
    resources_fini(&self->remaining);
    resources_fini(&self->loss.lost);
}

void accept_consume(struct resources *remaining, const struct resources *taken)
{
    CLEANUP(resources_fini) struct resources sole = {0};

    if (resources_have_shared(taken))
        resources_unshared(&sole, taken);
    BUG_ON(resources_subtract(remaining, resources_have_shared(taken) ? &sole : taken, NULL) < 0);
}

/* It is in the books; what the agent is to be told. */
static struct task_info enter_task(struct master *master, struct acceptance *acceptance,
                                   const struct task_info *info, struct resources *resources)
{
    struct task_info granted = *info;
    struct task *task;

    accept_consume(&acceptance->remaining, resources);
    task = task_add(master, acceptance->subscription, acceptance->agent, info->task_id, resources,
                    TASK_STAGING);
    task_note_executor(task, info);
    task_settle(master, task);
    granted.priority =
        info->priority > acceptance->priority ? info->priority : acceptance->priority;
    preempt_on_launch(master, task, &granted);
    counter_add(master, COUNTER_TASKS_LAUNCHED);
    /* In our words: theirs may be longer than what the agent has altogether. */
    granted.resources =
        resources_to_info(&task->resources, master->scratch, &granted.resources_count);
    publish_task(master, task, &granted, NULL);
    return granted;
}

static void launch_task(struct master *master, struct acceptance *acceptance,
                        const struct task_info *info, struct resources *resources)
{
    const struct framework_info framework = framework_for_agent(acceptance->framework);
    const struct task_info granted = enter_task(master, acceptance, info, resources);

    agent_send(master, acceptance->agent,
               MESSAGE(RUN_TASK, run_task, .framework = &framework, .task = &granted,
                       .role = acceptance->subscription->role));
}

/* What was good when it was offered is nobody's error. */
static void refuse_task(struct master *master, const struct acceptance *acceptance,
                        const struct task_info *info, int rc, const struct resources *wanted,
                        struct err *why)
{
    struct verdict verdict = {TASK_ERROR, REASON_TASK_INVALID, why->text};

    if (rc == -ERANGE && optimistic_is_conflict(acceptance->agent, &acceptance->loss,
                                                &acceptance->remaining, wanted, why)) {
        verdict = (struct verdict){TASK_DROPPED, REASON_OFFER_CONFLICT, why->text};
        counter_add(master, COUNTER_OPTIMISTIC_CONFLICTS);
    }
    if (rc == -ESRCH)
        verdict = (struct verdict){TASK_DROPPED, REASON_EXECUTOR_TERMINATED, why->text};
    task_refuse(master, acceptance->framework, info->task_id, info->agent_id, &verdict);
}

static void launch_all(struct master *master, struct acceptance *acceptance,
                       const struct operation_info *operation)
{
    const struct launch launch = {
        .framework = acceptance->framework,
        .agent = acceptance->agent,
        .role = acceptance->subscription->role,
        .remaining = &acceptance->remaining,
    };

    for (size_t i = 0; i < operation->tasks_count; i++) {
        const struct task_info *info = &operation->tasks[i];
        CLEANUP(resources_fini) struct resources resources = {0};
        struct err err;
        int r = launch_check(&launch, info, &resources, &err);

        if (r < 0)
            refuse_task(master, acceptance, info, r, &resources, &err);
        else
            launch_task(master, acceptance, info, &resources);
    }
}

/* --- groups ------------------------------------------------------------------ */

static void refuse_group(struct master *master, const struct acceptance *acceptance,
                         const struct operation_info *operation, const char *task_id,
                         enum task_reason reason, const char *why)
{
    const bool is_conflict = reason == REASON_OFFER_CONFLICT;
    struct verdict verdict = {is_conflict ? TASK_DROPPED : TASK_ERROR, reason, NULL};
    struct err text;

    err_set(&text, -EINVAL, "nothing of group %.64s is launched%s%.64s: %.250s",
            operation->group ? operation->group->id : "?", task_id ? ": task " : "",
            task_id ? task_id : "", why);
    verdict.text = text.text;
    refuse_all(master, acceptance->framework, operation, &verdict);
    for (size_t i = 0; i < operation->tasks_count && is_conflict; i++)
        counter_add(master, COUNTER_OPTIMISTIC_CONFLICTS);
}

/* Its copy lives in the scratch arena, as what is granted does. */
static const struct group_member *place_in_group(struct master *master,
                                                 const struct task_info *info, size_t number)
{
    struct group_member *member = arena_alloc(master->scratch, sizeof(*member));

    *member = *info->group;
    member->number = (int64_t)number;
    return member;
}

static void perform_group(struct master *master, struct acceptance *acceptance,
                          const struct operation_info *operation, struct resources taken[])
{
    const struct framework_info framework = framework_for_agent(acceptance->framework);
    CLEANUP(free_p)
    struct task_info *granted = mem_calloc(operation->tasks_count, sizeof(*granted));

    for (size_t i = 0; i < operation->tasks_count; i++) {
        struct task_info info = operation->tasks[i];

        info.group = place_in_group(master, &info, i);
        granted[i] = enter_task(master, acceptance, &info, &taken[i]);
    }
    agent_send(master, acceptance->agent,
               MESSAGE(RUN_GROUP, run_group, .framework = &framework, .group = operation->group,
                       .tasks = granted,
                       .tasks_count = operation->tasks_count - MUTATE(SHORTEN_GROUP),
                       .role = acceptance->subscription->role));
}

static void launch_group(struct master *master, struct acceptance *acceptance,
                         const struct operation_info *operation)
{
    CLEANUP(resources_fini) struct resources left = {0};
    CLEANUP(free_p)
    struct resources *taken = mem_calloc(operation->tasks_count, sizeof(*taken));
    const struct launch launch = {
        .framework = acceptance->framework,
        .agent = acceptance->agent,
        .role = acceptance->subscription->role,
        .remaining = &left,
    };
    enum task_reason reason;
    const char *task_id;
    struct err err;

    resources_copy(&left, &acceptance->remaining);
    if (group_try(&launch, &left, &acceptance->loss, operation, taken, &task_id, &reason, &err) < 0)
        refuse_group(master, acceptance, operation, task_id, reason, err.text);
    else
        perform_group(master, acceptance, operation, taken);
    for (size_t i = 0; i < operation->tasks_count; i++)
        resources_fini(&taken[i]);
}

/* --- the other operations ---------------------------------------------------- */

static void convert(struct master *master, struct acceptance *acceptance,
                    const struct operation_info *operation)
{
    const struct operating who = {acceptance->subscription, &acceptance->remaining};
    struct err err;

    if (operation_do(master, acceptance->agent, &who, operation, &err) < 0) {
        log_warn(master, "framework %s: an operation on agent %s is refused: %s",
                 acceptance->framework->id, acceptance->agent->id, err.text);
        operation_refuse(master, acceptance->framework, acceptance->agent->id, operation,
                         OPERATION_ERROR, err.text);
        return;
    }
    acceptance->is_converted = true;
}

static void publish_conversions(struct master *master, struct acceptance *acceptance)
{
    if (acceptance->is_converted)
        publish_agent(master, acceptance->agent);
    acceptance->is_converted = false;
}

static void do_operations(struct master *master, struct acceptance *acceptance,
                          const struct msg_accept *call)
{
    static const struct verdict unknown = {TASK_ERROR, REASON_TASK_INVALID,
                                           "its operation is no LAUNCH, or one that this master "
                                           "does not know"};

    for (size_t i = 0; i < call->operations_count; i++) {
        const struct operation_info *operation = &call->operations[i];

        if (operation->kind == OPERATION_LAUNCH) {
            publish_conversions(master, acceptance);
            launch_all(master, acceptance, operation);
        } else if (operation->kind == OPERATION_LAUNCH_GROUP) {
            publish_conversions(master, acceptance);
            launch_group(master, acceptance, operation);
        } else {
            refuse_all(master, acceptance->framework, operation, &unknown);
            convert(master, acceptance, operation);
        }
    }
    publish_conversions(master, acceptance);
}

/* What was converted comes back as something new: only what was offered and not used is refused. */
static void refuse_rest(struct master *master, struct acceptance *acceptance,
                        const struct msg_accept *call)
{
    CLEANUP(resources_fini) struct resources unused = {0};

    resources_intersect(&unused, &acceptance->remaining, &acceptance->offered);
    filter_set(master, acceptance->subscription, acceptance->agent, &unused, call->filters);
}

/* --- the call ---------------------------------------------------------------- */

void accept_drop_offers(struct master *master, const struct framework *framework,
                        const struct msg_accept *call)
{
    take_offers(master, framework, call, OFFER_INVALIDATED, NULL, NULL);
}

static void reject(struct master *master, struct framework *framework,
                   const struct msg_accept *call, int rc, const char *why)
{
    const struct verdict dropped = {
        TASK_DROPPED, rc == -ESTALE ? REASON_OFFER_CONFLICT : REASON_INVALID_OFFERS, why};

    if (rc == -ESTALE)
        counter_add(master, COUNTER_OPTIMISTIC_LOSSES);
    accept_drop_offers(master, framework, call);
    for (size_t i = 0; i < call->operations_count; i++) {
        const struct operation_info *operation = &call->operations[i];

        refuse_all(master, framework, operation, &dropped);
        for (size_t j = 0; j < operation->tasks_count && rc == -ESTALE; j++)
            counter_add(master, COUNTER_OPTIMISTIC_CONFLICTS);
        if (!launches(operation))
            operation_refuse(master, framework, "", operation, OPERATION_DROPPED, why);
    }
}

/* Whoever was given room for tasks of some priority is not to lose it to one of less. */
static void note_needs(struct master *master, struct acceptance *acceptance,
                       const struct msg_accept *call)
{
    acceptance->priority = -PRIORITY_MAX;
    for (size_t i = 0; i < call->offer_ids_count; i++) {
        const struct offer *offer = offer_find(master, call->offer_ids[i]);
        int64_t priority = offer->need ? offer->need->info->priority : -PRIORITY_MAX;

        if (priority > acceptance->priority)
            acceptance->priority = priority;
        if (offer->round > acceptance->round)
            acceptance->round = offer->round;
        if (offer->need && offer->need->info->gang)
            acceptance->gang = offer->need;
        if (offer->was_preempted && offer->need)
            acceptance->freed_for = offer->need;
    }
}

/* An accept that uses nothing is a refusal, or whoever sends such would be asked first for ever. What
 * others had to give way for has been used if it was, and not a part of it. */
static void note_use(struct master *master, const struct acceptance *acceptance)
{
    CLEANUP(resources_fini) struct resources used = {0}, unused = {0};

    resources_copy(&used, &acceptance->offered);
    resources_intersect(&unused, &acceptance->remaining, &used);
    BUG_ON(resources_subtract(&used, &unused, NULL) < 0);
    if (resources_are_empty(&used)) {
        offers_note_refusal(master, acceptance->subscription, acceptance->round);
        return;
    }
    acceptance->subscription->refusals = 0;
    if (acceptance->gang)
        gang_is_met(acceptance->gang);
    if (acceptance->freed_for && need_count(acceptance->freed_for, &used, 1) > 0)
        preempt_on_used(master, acceptance->subscription);
}

/* It names nothing to be done with its offers. */
static bool is_decline(const struct msg_accept *call)
{
    for (size_t i = 0; i < call->operations_count; i++)
        if (!launches(&call->operations[i]) || call->operations[i].tasks_count)
            return false;
    return true;
}

static void decline(struct master *master, struct framework *framework,
                    const struct msg_accept *call)
{
    const struct msg_decline decline = {.offer_ids = call->offer_ids,
                                        .offer_ids_count = call->offer_ids_count,
                                        .filters = call->filters};

    on_decline(master, framework, &(struct message){.type = MSG_DECLINE, .decline = &decline});
}

void accept_perform(struct master *master, struct framework *framework,
                    const struct msg_accept *call)
{
    const struct offer *first = offer_find(master, call->offer_ids[0]);
    CLEANUP(acceptance_fini)
    struct acceptance acceptance = {
        .framework = framework, .subscription = first->subscription, .agent = first->agent};

    if (is_decline(call)) {
        decline(master, framework, call);
        return;
    }
    note_needs(master, &acceptance, call);
    accept_claim_offers(master, framework, call);
    take_offers(master, framework, call, OFFER_ACCEPTED, &acceptance.remaining, &acceptance.loss);
    resources_copy(&acceptance.offered, &acceptance.remaining);
    do_operations(master, &acceptance, call);
    note_use(master, &acceptance);
    refuse_rest(master, &acceptance, call);
}

void on_accept(struct master *master, struct framework *framework, const struct message *message)
{
    const struct msg_accept *call = message->accept;
    struct err err;
    int r = accept_check_offers(master, framework, call, &err);

    if (r < 0) {
        log_warn(master, "framework %s: accept is refused: %s", framework->id, err.text);
        reject(master, framework, call, r, err.text);
        return;
    }
    accept_perform(master, framework, call);
}
