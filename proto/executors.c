#include "proto/executors.h"

#include <errno.h>
#include <string.h>

#define TIME_MAX_MS INT64_C(604800000) /* a week */

bool task_is_inside(const struct task_info *task)
{
    return task->executor_id && *task->executor_id;
}

int64_t executor_ms(int64_t ms, int64_t default_ms)
{
    return ms ? ms : default_ms;
}

bool executor_may_say(enum task_state state)
{
    switch (state) {
    case TASK_STARTING:
    case TASK_RUNNING:
    case TASK_FINISHED:
    case TASK_FAILED:
    case TASK_KILLED:
    case TASK_ERROR:
        return true;
    default:
        return false;
    }
}

/* --- an executor ------------------------------------------------------------------------------ */

static int check_executor(const struct task_info *task, struct err *err)
{
    const struct executor_info *info = task->executor;

    if (task->docker)
        return err_set(err, -EINVAL, "an executor is a native task: it cannot run in Docker");
    if (task->cores && (task->cores->policy || task->cores->exclusive))
        return err_set(err, -EINVAL,
                       "an executor has no `cores` of its own: the cpus of its tasks come and go");
    if (info->shutdown_grace_ms > TIME_MAX_MS || info->registration_timeout_ms > TIME_MAX_MS ||
        info->recovery_timeout_ms > TIME_MAX_MS)
        return err_set(err, -EINVAL, "an executor's times are a week at most");
    return 0;
}

/* --- a task for one ---------------------------------------------------------------------------- */

static bool has_volume(const struct task_info *task)
{
    for (size_t i = 0; i < task->resources_count; i++)
        if (task->resources[i].volume)
            return true;
    return task->mounts_count;
}

static bool has_gpus(const struct task_info *task)
{
    for (size_t i = 0; i < task->resources_count; i++)
        if (!strcmp(task->resources[i].name, "gpus"))
            return true;
    return false;
}

/* What has to do with a container, and so with the executor's. */
static const char *find_own(const struct task_info *task)
{
    const struct command_info *command = task->command;
    const struct {
        const char *what;
        bool is_there;
    } own[] = {
        {"docker", task->docker},
        {"isolation", task->isolation},
        {"cores", task->cores && (task->cores->policy || task->cores->exclusive)},
        {"health_check", task->health_check},
        {"check", task->check},
        {"limits", task->limits_count},
        {"pids_max", task->pids_max},
        {"a volume", has_volume(task)},
        {"gpus", has_gpus(task)},
        {"command.user", command->user && *command->user},
        {"command.rlimits", command->rlimits_count},
        {"command.uris", command->uris_count},
    };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (own[i].is_there)
            return own[i].what;
    return NULL;
}

static int check_inside(const struct task_info *task, struct err *err)
{
    const char *own = find_own(task);

    if (task->executor)
        return err_set(err, -EINVAL,
                       "it is an executor and is for one, %.80s: it can only be one of these",
                       task->executor_id);
    if (!strcmp(task->executor_id, task->task_id))
        return err_set(err, -EINVAL, "it is for itself: executor_id names an executor's task");
    if (own)
        return err_set(err, -EINVAL,
                       "%s is for tasks with a container of their own, and this one is for "
                       "executor %.80s: ask for it there",
                       own, task->executor_id);
    return 0;
}

int executors_check(const struct task_info *task, struct err *err)
{
    if (task->group && (task->executor || task_is_inside(task)))
        return err_set(err, -EINVAL, "executors and their tasks are not of groups");
    if (task_is_inside(task))
        return check_inside(task, err);
    return task->executor ? check_executor(task, err) : 0;
}
