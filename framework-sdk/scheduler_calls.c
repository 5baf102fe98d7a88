/* The calls of proffer/scheduler.h: from what an author writes to what the driver takes. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ids.h"
#include "framework-sdk/err.h"
#include "framework-sdk/scheduler.h"
#include "framework-sdk/tasks.h"

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
               const struct task_info *tasks, size_t task_count, int64_t refuse_ms, struct err *err)
{
    const struct operation_info launch = {
        .kind = OPERATION_LAUNCH, .tasks = tasks, .tasks_count = task_count};
    const struct filters filters = {.refuse_ms = refuse_ms};
    const struct msg_accept accept = {
        .offer_ids = offer_ids,
        .offer_ids_count = offer_count,
        .operations = &launch,
        .operations_count = 1,
        .filters = &filters,
    };

    if (!task_count)
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

int proffer_accept(struct proffer_scheduler *scheduler, const char *const *offer_ids,
                   size_t offer_count, const struct proffer_task *tasks, size_t task_count,
                   double refuse_seconds, struct proffer_err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(SDK_ACCEPT_MAX);
    struct task_info *infos = arena_array(arena, task_count, sizeof(*infos));
    const char *agent_id;
    int rc = offer_count ? 0 : err_set(sdk_err(err), -EINVAL, "no offer is named");

    if (rc >= 0 && !infos)
        rc = err_set(sdk_err(err), -EMSGSIZE, "%zu tasks do not fit in one message", task_count);
    if (rc < 0)
        return rc;
    agent_id = driver_offer_agent(scheduler->driver, offer_ids[0]);
    for (size_t i = 0; agent_id && i < task_count && rc >= 0; i++)
        rc = sdk_task_on_offer(&tasks[i], agent_id, arena, &infos[i], sdk_err(err));
    if (rc < 0)
        return rc;
    /* Of an unknown offer, which the driver refuses, the tasks stay empty. */
    return sdk_accept(scheduler, offer_ids, offer_count, infos, task_count,
                      sdk_refuse_ms(refuse_seconds), sdk_err(err));
}

int proffer_decline(struct proffer_scheduler *scheduler, const char *offer_id,
                    double refuse_seconds)
{
    return sent(scheduler, driver_decline(scheduler->driver, &offer_id, 1,
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

int proffer_acknowledge(struct proffer_scheduler *scheduler, const struct proffer_status *status)
{
    const struct msg_acknowledge acknowledge = {
        .agent_id = text_or_empty(status->agent_id),
        .task_id = text_or_empty(status->task_id),
        .uuid = {.data = status->uuid, .size = status->uuid ? UUID_BYTES : 0},
    };

    return sent(scheduler, driver_acknowledge(scheduler->driver, &acknowledge, NULL));
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
