/* The calls of proffer/scheduler.h: from what an author writes to what the driver takes. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ids.h"
#include "base/mem.h"
#include "framework-sdk/err.h"
#include "framework-sdk/scheduler.h"
#include "framework-sdk/tasks.h"
#include "proto/message.h"
#include "proto/resources_info.h"

#define REFUSE_SECONDS_MAX (366.0 * 86400)

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

/* The answer of a call whose message may have been sent. */
static int sent(struct proffer_scheduler *self, int rc)
{
    if (rc >= 0)
        sdk_scheduler_wake(self);
    return rc;
}

int64_t sdk_refuse_ms(double refuse_seconds)
{
    if (!(refuse_seconds >= 0)) /* not a number, too */
        return -1;
    if (refuse_seconds > REFUSE_SECONDS_MAX)
        refuse_seconds = REFUSE_SECONDS_MAX;
    return (int64_t)(refuse_seconds * 1000 + 0.5);
}

/* --- offers ----------------------------------------------------------------------------------- */

int sdk_accept(struct proffer_scheduler *self, const char *const *offer_ids, size_t offer_count,
               const struct sdk_work *work, int64_t refuse_ms, struct err *err)
{
    CLEANUP(free_p)
    struct operation_info *all = mem_calloc(work->operations_count + 1, sizeof(*all));
    const struct filters filters = {.refuse_ms = refuse_ms};
    struct msg_accept accept = {
        .offer_ids = offer_ids,
        .offer_ids_count = offer_count,
        .operations = all,
        .filters = &filters,
    };

    for (size_t i = 0; i < work->operations_count; i++)
        all[accept.operations_count++] = work->operations[i];
    if (work->tasks_count)
        all[accept.operations_count++] = (struct operation_info){
            .kind = OPERATION_LAUNCH, .tasks = work->tasks, .tasks_count = work->tasks_count};
    if (!accept.operations_count)
        return sent(self, driver_decline(self->driver, offer_ids, offer_count, refuse_ms, err));
    return sent(self, driver_accept(self->driver, &accept, err));
}

int sdk_task_on_offer(const struct proffer_task *task, const char *agent_id, struct arena *arena,
                      struct task_info *ret_info, struct err *err)
{
    CLEANUP(resources_fini) struct resources granted = {0};
    const struct task_info *info;
    int rc = sdk_task_parse_resources(task, &granted, err);

    if (rc >= 0 && task->ports)
        rc = err_set(err, -EINVAL,
                     "task %s: `ports` is for proffer_fit_launch; name them in `resources`",
                     text_or_empty(task->id));
    if (rc >= 0)
        rc = sdk_task_to_info(task, agent_id, &granted, arena, &info, err);
    if (rc >= 0)
        *ret_info = *info;
    return rc;
}

static int operation_to_info(const struct proffer_operation *operation, struct arena *arena,
                             struct operation_info *ret_info, struct err *err)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    CLEANUP(arena_destroy) struct arena *scratch = arena_new(0);
    struct resource_change change = {
        .id = text_or_empty(operation->id),
        .amount = (int64_t)(operation->amount * 1000 + 0.5),
    };
    int rc = resources_parse(&resources, text_or_empty(operation->resources), err);

    if (rc < 0)
        return err_wrap(err, rc, "operation %s: resources", change.id);
    change.resources = resources_to_info(&resources, scratch, &change.resources_count);
    if (record_check(&resource_change_def, &change, err) < 0)
        return err_wrap(err, -EINVAL, "operation %s", change.id);
    *ret_info = (struct operation_info){
        .kind = (enum operation_kind)operation->kind,
        .change = record_copy(&resource_change_def, &change, arena),
    };
    return ret_info->change ? 0
                            : err_set(err, -EMSGSIZE, "the operations do not fit in one message");
}

int proffer_accept_operations(struct proffer_scheduler *scheduler, const char *const *offer_ids,
                              size_t offer_count, const struct proffer_operation *operations,
                              size_t operation_count, const struct proffer_task *tasks,
                              size_t task_count, double refuse_seconds, struct proffer_err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(SDK_ACCEPT_MAX);
    struct task_info *infos = arena_array(arena, task_count, sizeof(*infos));
    struct operation_info *changes = arena_array(arena, operation_count, sizeof(*changes));
    const struct sdk_work work = {changes, operation_count, infos, task_count};
    const char *agent_id;
    int rc = offer_count ? 0 : err_set(sdk_err(err), -EINVAL, "no offer is named");

    if (rc >= 0 && (!infos || !changes))
        rc = err_set(sdk_err(err), -EMSGSIZE, "%zu tasks do not fit in one message", task_count);
    for (size_t i = 0; i < operation_count && rc >= 0; i++)
        rc = operation_to_info(&operations[i], arena, &changes[i], sdk_err(err));
    if (rc < 0)
        return rc;
    agent_id = driver_offer_agent(scheduler->driver, offer_ids[0]);
    for (size_t i = 0; agent_id && i < task_count && rc >= 0; i++)
        rc = sdk_task_on_offer(&tasks[i], agent_id, arena, &infos[i], sdk_err(err));
    if (rc < 0)
        return rc;
    /* Of an unknown offer, which the driver refuses, the tasks stay empty. */
    return sdk_accept(scheduler, offer_ids, offer_count, &work, sdk_refuse_ms(refuse_seconds),
                      sdk_err(err));
}

int proffer_accept(struct proffer_scheduler *scheduler, const char *const *offer_ids,
                   size_t offer_count, const struct proffer_task *tasks, size_t task_count,
                   double refuse_seconds, struct proffer_err *err)
{
    return proffer_accept_operations(scheduler, offer_ids, offer_count, NULL, 0, tasks, task_count,
                                     refuse_seconds, err);
}

int proffer_decline(struct proffer_scheduler *scheduler, const char *offer_id,
                    double refuse_seconds)
{
    return sent(scheduler, driver_decline(scheduler->driver, &offer_id, 1,
                                          sdk_refuse_ms(refuse_seconds), NULL));
}

int proffer_accept_inverse(struct proffer_scheduler *scheduler, const char *id)
{
    return sent(scheduler, driver_accept_inverse(scheduler->driver, text_or_empty(id), NULL));
}

int proffer_decline_inverse(struct proffer_scheduler *scheduler, const char *id,
                            double refuse_seconds)
{
    return sent(scheduler, driver_decline_inverse(scheduler->driver, text_or_empty(id),
                                                  sdk_refuse_ms(refuse_seconds), NULL));
}

int proffer_suppress(struct proffer_scheduler *scheduler, const char *role)
{
    return sent(scheduler, driver_suppress(scheduler->driver, role, NULL));
}

int proffer_revive(struct proffer_scheduler *scheduler, const char *role)
{
    return sent(scheduler, driver_revive(scheduler->driver, role, NULL));
}

/* --- tasks ------------------------------------------------------------------------------------ */

int proffer_kill(struct proffer_scheduler *scheduler, const char *task_id, int64_t grace_ms)
{
    const struct kill_policy policy = {.grace_ms = grace_ms};

    return sent(scheduler, driver_kill(scheduler->driver, text_or_empty(task_id),
                                       grace_ms < 0 ? NULL : &policy, NULL));
}

int proffer_change_limits(struct proffer_scheduler *scheduler, const char *task_id,
                          const char *limits, int64_t pids_max, struct proffer_err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct msg_change_limits call = {.task_id = text_or_empty(task_id), .pids_max = pids_max};
    int rc = sdk_limits_to_info(limits, arena, &call.limits, &call.limits_count, sdk_err(err));

    if (rc >= 0 && pids_max < 0)
        rc = err_set(sdk_err(err), -EINVAL, "pids_max is negative");
    return rc < 0 ? rc
                  : sent(scheduler, driver_change_limits(scheduler->driver, &call, sdk_err(err)));
}

int proffer_acknowledge(struct proffer_scheduler *scheduler, const struct proffer_status *status)
{
    const struct msg_acknowledge acknowledge = {
        .agent_id = text_or_empty(status->agent_id),
        .task_id = text_or_empty(status->task_id),
        .uuid = {.data = status->uuid, .size = status->uuid ? UUID_BYTES : 0},
    };

    return sent(scheduler, driver_acknowledge(scheduler->driver, &acknowledge, NULL));
}

int proffer_acknowledge_operation(struct proffer_scheduler *scheduler,
                                  const struct proffer_operation_status *status)
{
    const struct msg_acknowledge_operation acknowledge = {
        .agent_id = text_or_empty(status->agent_id),
        .operation_id = text_or_empty(status->operation_id),
        .uuid = {.data = status->uuid, .size = status->uuid ? UUID_BYTES : 0},
    };

    return sent(scheduler, driver_acknowledge_operation(scheduler->driver, &acknowledge, NULL));
}

int proffer_reconcile_operation(struct proffer_scheduler *scheduler, const char *operation_id,
                                const char *agent_id)
{
    const struct operation_ref ref = {.operation_id = text_or_empty(operation_id),
                                      .agent_id = text_or_empty(agent_id)};

    return sent(scheduler, driver_reconcile_operation(scheduler->driver, &ref, NULL));
}

int proffer_reconcile(struct proffer_scheduler *scheduler, const char *task_id,
                      const char *agent_id)
{
    const struct task_ref task = {.task_id = task_id, .agent_id = text_or_empty(agent_id)};

    return sent(scheduler, driver_reconcile(scheduler->driver, task_id ? &task : NULL, NULL));
}

int proffer_message(struct proffer_scheduler *scheduler, const char *agent_id, const char *task_id,
                    const void *data, size_t size)
{
    const struct msg_message_to_executor message = {
        .agent_id = text_or_empty(agent_id),
        .task_id = text_or_empty(task_id),
        .data = {.data = data, .size = size},
    };

    return sent(scheduler, driver_message(scheduler->driver, &message, NULL));
}
