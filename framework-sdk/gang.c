/* proffer_accept_gang: from what an author writes to what the driver takes. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "framework-sdk/err.h"
#include "framework-sdk/scheduler.h"
#include "framework-sdk/tasks.h"

static int read_part(const struct proffer_scheduler *self, const struct proffer_gang_part *part,
                     struct arena *arena, struct gang_part *ret_part, struct err *err)
{
    struct operation_info *launch = arena_array(arena, 1, sizeof(*launch));
    struct task_info *infos = arena_array(arena, part->task_count, sizeof(*infos));
    const char *agent_id;
    int rc = 0;

    if (!launch || !infos)
        return err_set(err, -EMSGSIZE, "%zu tasks do not fit in one message", part->task_count);
    if (!part->offer_count)
        return err_set(err, -EINVAL, "no offer is named");
    agent_id = driver_offer_agent(self->driver, part->offer_ids[0]);
    if (!agent_id)
        return err_set(err, -ENOENT, "offer %s is not ours: answered, rescinded or void",
                       part->offer_ids[0]);
    for (size_t i = 0; i < part->task_count && rc >= 0; i++)
        rc = sdk_task_on_offer(&part->tasks[i], agent_id, arena, &infos[i], err);
    *launch = (struct operation_info){
        .kind = OPERATION_LAUNCH, .tasks = infos, .tasks_count = part->task_count};
    *ret_part = (struct gang_part){
        .offer_ids = part->offer_ids,
        .offer_ids_count = part->offer_count,
        .operations = launch,
        .operations_count = part->task_count ? 1 : 0,
    };
    return rc;
}

int proffer_accept_gang(struct proffer_scheduler *scheduler, const struct proffer_gang_part *parts,
                        size_t part_count, double refuse_seconds, struct proffer_err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(SDK_ACCEPT_MAX);
    struct gang_part *infos = arena_array(arena, part_count, sizeof(*infos));
    const struct filters filters = {.refuse_ms = sdk_refuse_ms(refuse_seconds)};
    const struct msg_accept_gang gang = {
        .parts = infos, .parts_count = part_count, .filters = &filters};
    int rc = infos ? 0 : err_set(sdk_err(err), -EMSGSIZE, "%zu parts are too many", part_count);

    for (size_t i = 0; i < part_count && rc >= 0; i++) {
        rc = read_part(scheduler, &parts[i], arena, &infos[i], sdk_err(err));
        if (rc < 0)
            err_wrap(sdk_err(err), rc, "part %zu", i + 1);
    }
    if (rc >= 0)
        rc = driver_accept_gang(scheduler->driver, &gang, sdk_err(err));
    if (rc >= 0)
        sdk_scheduler_wake(scheduler);
    return rc;
}
