#include "master/core/groups.h"

#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "master/core/accept.h"
#include "master/core/operations.h"
#include "proto/groups.h"
#include "proto/message.h"

#define CAPABILITY "TASK_GROUPS"

static int check_size(const struct operation_info *operation, struct err *err)
{
    CLEANUP(buf_fini) struct buf frame = {0};
    int rc =
        message_encode(&MESSAGE(RUN_GROUP, run_group, .group = operation->group,
                                .tasks = operation->tasks, .tasks_count = operation->tasks_count),
                       &frame, err);

    if (rc == 0 && frame.size > LAUNCH_BYTES_MAX)
        rc = err_set(err, -E2BIG, "its tasks take %zu bytes, at most %d are allowed", frame.size,
                     LAUNCH_BYTES_MAX);
    return rc;
}

static int check_whole(const struct launch *launch, const struct operation_info *operation,
                       const char **ret_task_id, struct err *err)
{
    int rc;

    if (!agent_has_capability(launch->agent, CAPABILITY))
        return err_set(err, -ENOTSUP, "agent %.80s is too old for groups of tasks",
                       launch->agent->id);
    rc = group_check(operation->group, operation->tasks, operation->tasks_count, ret_task_id, err);
    return rc < 0 ? rc : check_size(operation, err);
}

int group_try(const struct launch *launch, struct resources *remaining,
              const struct offer_loss *loss, const struct operation_info *operation,
              struct resources *ret_taken, const char **ret_task_id, enum task_reason *ret_reason,
              struct err *err)
{
    struct launch in_group = *launch;
    int rc;

    in_group.group = operation;
    *ret_task_id = NULL;
    *ret_reason = REASON_TASK_GROUP_INVALID;
    rc = check_whole(launch, operation, ret_task_id, err);
    for (size_t i = 0; i < operation->tasks_count && rc == 0; i++) {
        CLEANUP(resources_fini) struct resources resources = {0};

        *ret_task_id = operation->tasks[i].task_id;
        rc = launch_check(&in_group, &operation->tasks[i], &resources, err);
        if (rc == -ERANGE &&
            optimistic_is_conflict(launch->agent, loss, remaining, &resources, err))
            *ret_reason = REASON_OFFER_CONFLICT;
        if (rc < 0)
            break;
        accept_consume(remaining, &resources);
        if (ret_taken)
            resources_swap(&ret_taken[i], &resources);
    }
    return rc;
}
