/* master/core/gang_accept.c - the processing of an ACCEPT_GANG.
 *
 * Each part is tried without effect as an ACCEPT of its own would be; then all are done, or none is.
 * The event is one: nothing comes between the trial and the doing. A gang is one at its accept and
 * not any more after it: an agent that is lost then is lost as after any launch.
 */
#include "master/core/gang_accept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "master/core/accept.h"
#include "master/core/groups.h"
#include "master/core/launch_check.h"
#include "master/core/log.h"
#include "master/core/offers.h"
#include "master/core/optimistic.h"
#include "master/core/tasks.h"

/* The part that cannot be done. */
struct failing {
    size_t part;
    const char *task_id; /* the task that is wrong; NULL: the offers are */
    enum task_reason reason;
};

static struct msg_accept accept_of(const struct msg_accept_gang *call, size_t part)
{
    const struct gang_part *info = &call->parts[part];

    return (struct msg_accept){
        .offer_ids = info->offer_ids,
        .offer_ids_count = info->offer_ids_count,
        .operations = info->operations,
        .operations_count = info->operations_count,
        .filters = call->filters,
    };
}

/* --- what is named twice ------------------------------------------------------- */

struct name {
    const char *text;
    size_t part;
};

struct names {
    struct name *items; /* owned */
    size_t count;
};

static void names_fini(struct names *self)
{
    free(self->items);
}

static int compare_names(const void *a, const void *b)
{
    const struct name *one = a, *other = b;
    int order = strcmp(one->text, other->text);

    if (order)
        return order;
    return one->part < other->part ? -1 : one->part > other->part;
}

static const struct name *names_twice(struct names *self)
{
    if (self->count)
        qsort(self->items, self->count, sizeof(struct name), compare_names);
    for (size_t i = 1; i < self->count; i++)
        if (!strcmp(self->items[i - 1].text, self->items[i].text))
            return &self->items[i];
    return NULL;
}

static int check_offers_once(const struct msg_accept_gang *call, struct failing *ret_failing,
                             struct err *err)
{
    CLEANUP(names_fini) struct names names = {0};
    const struct name *twice;
    size_t room = 0;

    for (size_t i = 0; i < call->parts_count; i++)
        room += call->parts[i].offer_ids_count;
    names.items = mem_calloc(room, sizeof(struct name));
    for (size_t i = 0; i < call->parts_count; i++)
        for (size_t j = 0; j < call->parts[i].offer_ids_count; j++)
            names.items[names.count++] = (struct name){call->parts[i].offer_ids[j], i};
    twice = names_twice(&names);
    if (!twice)
        return 0;
    *ret_failing = (struct failing){.part = twice->part, .reason = REASON_INVALID_OFFERS};
    return err_set(err, -EINVAL, "offer %.80s is named twice", twice->text);
}

static int check_tasks_once(const struct msg_accept_gang *call, struct failing *ret_failing,
                            struct err *err)
{
    CLEANUP(names_fini) struct names names = {0};
    const struct name *twice;
    size_t room = 0;

    for (size_t i = 0; i < call->parts_count; i++)
        for (size_t j = 0; j < call->parts[i].operations_count; j++)
            room += call->parts[i].operations[j].tasks_count;
    names.items = mem_calloc(room, sizeof(struct name));
    for (size_t i = 0; i < call->parts_count; i++)
        for (size_t j = 0; j < call->parts[i].operations_count; j++)
            for (size_t k = 0; k < call->parts[i].operations[j].tasks_count; k++)
                names.items[names.count++] =
                    (struct name){call->parts[i].operations[j].tasks[k].task_id, i};
    twice = names_twice(&names);
    if (!twice)
        return 0;
    *ret_failing = (struct failing){twice->part, twice->text, REASON_TASK_INVALID};
    return err_set(err, -EINVAL, "task id %.80s is there twice", twice->text);
}

/* --- one part ------------------------------------------------------------------ */

static void loss_fini(struct offer_loss *loss)
{
    resources_fini(&loss->lost);
}

static int try_tasks(struct launch *launch, struct resources *remaining,
                     const struct offer_loss *loss, const struct operation_info *operation,
                     struct failing *ret_failing, struct err *err)
{
    if (operation->kind == OPERATION_LAUNCH_GROUP)
        return group_try(launch, remaining, loss, operation, NULL, &ret_failing->task_id,
                         &ret_failing->reason, err);
    if (operation->kind != OPERATION_LAUNCH) {
        ret_failing->task_id = operation->tasks_count ? operation->tasks[0].task_id : NULL;
        return err_set(err, -EINVAL, "a gang has no other operations than LAUNCH and LAUNCH_GROUP");
    }
    for (size_t i = 0; i < operation->tasks_count; i++) {
        CLEANUP(resources_fini) struct resources resources = {0};
        const struct task_info *task = &operation->tasks[i];
        int r = launch_check(launch, task, &resources, err);

        ret_failing->task_id = task->task_id;
        if (r == -ERANGE && optimistic_is_conflict(launch->agent, loss, remaining, &resources, err))
            ret_failing->reason = REASON_OFFER_CONFLICT;
        if (r == -ESRCH)
            ret_failing->reason = REASON_EXECUTOR_TERMINATED;
        if (r < 0)
            return r;
        accept_consume(remaining, &resources);
    }
    return 0;
}

static int try_part(struct master *master, struct framework *framework,
                    const struct msg_accept *part, struct failing *ret_failing, struct err *err)
{
    CLEANUP(resources_fini) struct resources remaining = {0};
    CLEANUP(loss_fini) struct offer_loss loss = {0};
    struct launch launch = {.framework = framework, .remaining = &remaining, .trial = part};
    const struct offer *first;
    int r = accept_check_offers(master, framework, part, err);

    ret_failing->reason = r == -ESTALE ? REASON_OFFER_CONFLICT : REASON_INVALID_OFFERS;
    if (r < 0)
        return r;
    first = offer_find(master, part->offer_ids[0]);
    launch.agent = first->agent;
    launch.role = first->subscription->role;
    for (size_t i = 0; i < part->offer_ids_count; i++) {
        const struct offer *offer = offer_find(master, part->offer_ids[i]);

        accept_gather(&remaining, &offer->resources);
        optimistic_gather_loss(&loss, offer);
    }
    ret_failing->reason = REASON_TASK_INVALID;
    for (size_t i = 0; i < part->operations_count && r == 0; i++)
        r = try_tasks(&launch, &remaining, &loss, &part->operations[i], ret_failing, err);
    return r;
}

static int try_all(struct master *master, struct framework *framework,
                   const struct msg_accept_gang *call, struct failing *ret_failing, struct err *err)
{
    int r = check_offers_once(call, ret_failing, err);

    if (r == 0)
        r = check_tasks_once(call, ret_failing, err);
    for (size_t i = 0; i < call->parts_count && r == 0; i++) {
        const struct msg_accept part = accept_of(call, i);

        *ret_failing = (struct failing){.part = i};
        r = try_part(master, framework, &part, ret_failing, err);
    }
    return r;
}

/* --- the call ------------------------------------------------------------------ */

static void refuse_part(struct master *master, const struct framework *framework,
                        const struct gang_part *part, const struct failing *failing,
                        const char *why)
{
    for (size_t i = 0; i < part->operations_count; i++)
        for (size_t j = 0; j < part->operations[i].tasks_count; j++) {
            const struct task_info *task = &part->operations[i].tasks[j];
            bool is_wrong = failing->task_id && !strcmp(task->task_id, failing->task_id) &&
                            failing->reason != REASON_OFFER_CONFLICT &&
                            failing->reason != REASON_EXECUTOR_TERMINATED;
            const struct verdict verdict = {is_wrong ? TASK_ERROR : TASK_DROPPED, failing->reason,
                                            why};

            task_refuse(master, framework, task->task_id, task->agent_id, &verdict);
            if (failing->reason == REASON_OFFER_CONFLICT)
                counter_add(master, COUNTER_OPTIMISTIC_CONFLICTS);
        }
}

/* Its good offers end too: what they held is offered again at once, and whoever gathers goes on. */
static void refuse_all(struct master *master, struct framework *framework,
                       const struct msg_accept_gang *call, const struct failing *failing,
                       const char *what)
{
    struct err why;

    err_set(&why, -EINVAL,
            "nothing of the gang is launched, and its other parts were not tried further: part %zu "
            "of %zu%s%.64s: %.250s",
            failing->part + 1, call->parts_count, failing->task_id ? ", task " : "",
            failing->task_id ? failing->task_id : "", what);
    log_warn(master, "framework %s: %s", framework->id, why.text);
    for (size_t i = 0; i < call->parts_count; i++) {
        const struct msg_accept part = accept_of(call, i);

        accept_drop_offers(master, framework, &part);
    }
    for (size_t i = 0; i < call->parts_count; i++)
        refuse_part(master, framework, &call->parts[i], failing, why.text);
}

void on_accept_gang(struct master *master, struct framework *framework,
                    const struct message *message)
{
    const struct msg_accept_gang *call = message->accept_gang;
    struct failing failing = {0};
    struct err err;

    /* What one part takes, quotas do not leave for the next: all are claimed before any is tried. */
    for (size_t i = 0; i < call->parts_count; i++) {
        const struct msg_accept part = accept_of(call, i);

        accept_claim_offers(master, framework, &part);
    }
    if (!MUTATE(SPLIT_GANG) && try_all(master, framework, call, &failing, &err) < 0) {
        refuse_all(master, framework, call, &failing, err.text);
        return;
    }
    for (size_t i = 0; i < call->parts_count; i++) {
        const struct msg_accept part = accept_of(call, i);

        /* Only a mutant's gang has a part that cannot be done. */
        if (MUTATE(SPLIT_GANG) && accept_check_offers(master, framework, &part, &err) < 0)
            accept_drop_offers(master, framework, &part);
        else
            accept_perform(master, framework, &part);
    }
}
