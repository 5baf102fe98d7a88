/* Limits of a live task, changed by its framework: checked, ordered, and told when the launcher has answered.
 *
 * The call is not retried by us. It is written down when it is in force: an agent that dies between leaves the framework
 * without an answer, and what it says again sets the same limits again. What could not be set is put back. */
#include "agent/core/state.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "proto/executors.h"
#include "proto/limits.h"
#include "proto/resources_info.h"

static void answer(struct agent *self, const struct msg_change_limits *call,
                   const struct task *task, const char *error, uint64_t after)
{
    agent_tell_master(self,
                      MESSAGE(LIMITS_CHANGED, limits_changed, .framework_id = call->framework_id,
                              .agent_id = self->info.id, .task_id = call->task_id,
                              .number = call->number, .error = error,
                              .limits = task ? task->info->limits : NULL,
                              .limits_count = task ? task->info->limits_count : 0),
                      after);
}

static void order(struct agent *self, const struct task *task, int64_t number,
                  const struct msg_change_limits *wanted)
{
    const struct limit_info *limits = wanted ? wanted->limits : task->info->limits;
    size_t limits_count = wanted ? wanted->limits_count : task->info->limits_count;
    const struct resource_info *resources;
    size_t resources_count;

    arena_reset(self->scratch);
    resources = container_resources(task, self->scratch, &resources_count);
    self->env.contain(
        self->env.ctx,
        &MESSAGE(UPDATE_CONTAINER, update_container, .container_id = task->container_id,
                 .number = number, .resources = resources, .resources_count = resources_count,
                 .limits = container_limits(task, limits, limits_count, self->scratch),
                 .limits_count = limits_count,
                 .pids_max = wanted && wanted->pids_max ? wanted->pids_max : task->info->pids_max,
                 .sandbox = task->sandbox, .docker = task->info->docker != NULL),
        self->records);
}

static bool uses(const struct agent *self, const char *isolator)
{
    for (size_t i = 0; i < self->info.isolation_count; i++)
        if (!strcmp(self->info.isolation[i], isolator))
            return true;
    return false;
}

/* An Engine has what it needs of its own. */
static int check_isolators(const struct agent *self, const struct task *task,
                           const struct msg_change_limits *call, struct err *err)
{
    if (task->info->docker)
        return 0;
    for (size_t i = 0; i < call->limits_count; i++) {
        const char *isolator = limits_isolator(call->limits[i].name);

        if (isolator && !uses(self, isolator))
            return err_set(err, -ENOTSUP, "limits: %s needs %s, which this agent does not use",
                           call->limits[i].name, isolator);
    }
    if (call->pids_max && !uses(self, "cgroup/pids"))
        return err_set(err, -ENOTSUP, "pids_max needs cgroup/pids, which this agent does not use");
    return 0;
}

static int check(const struct agent *self, const struct task *task,
                 const struct msg_change_limits *call, struct err *err)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    int rc;

    if (!task || !task->is_contained || task->ending || task->ended || task->rests)
        return err_set(err, -ESRCH, task ? "it is ending" : "there is no such task here");
    if (task_is_inside(task->info))
        return err_set(err, -EINVAL, "it has its executor's limits: change those of %.80s",
                       task->info->executor_id);
    if (!task->is_started)
        return err_set(err, -EAGAIN, "it has not started yet: try again");
    if (task->wanted)
        return err_set(err, -EBUSY, "another change of its limits is under way: try again");
    if (self->is_store_failing)
        return err_set(err, -EIO, "the agent cannot write it down: its disk is full or broken");
    rc = resources_from_info(&resources, task->info->resources, task->info->resources_count, err);
    if (rc == 0)
        rc = limits_check(call->limits, call->limits_count, &resources, err);
    return rc == 0 ? check_isolators(self, task, call, err) : rc;
}

void limits_on_change(struct agent *self, const struct msg_change_limits *call)
{
    struct framework *framework = agent_framework_get(self, call->framework_id);
    struct task *task = framework ? agent_task_get(framework, call->task_id) : NULL;
    struct err err;

    if (check(self, task, call, &err) < 0) {
        answer(self, call, task, err.text, 0);
        return;
    }
    task->wanted_arena = arena_new(0);
    task->wanted = record_copy(&msg_change_limits_def, call, task->wanted_arena);
    task->change_number = ++self->limit_changes;
    order(self, task, task->change_number, task->wanted);
}

void limits_drop(struct task *task)
{
    task->wanted = NULL;
    if (task->wanted_arena)
        arena_destroy(&task->wanted_arena);
}

void limits_forget(struct task *task)
{
    limits_drop(task);
    if (task->limits_arena)
        arena_destroy(&task->limits_arena);
}

/* The new limits have an arena of their own, which the next change replaces; all else stays where it is. */
static void take(struct task *task)
{
    task->info_now = *task->info;
    task->info_now.limits = task->wanted->limits;
    task->info_now.limits_count = task->wanted->limits_count;
    if (task->wanted->pids_max)
        task->info_now.pids_max = task->wanted->pids_max;
    task->info = &task->info_now;
    if (task->limits_arena)
        arena_destroy(&task->limits_arena);
    task->limits_arena = task->wanted_arena;
    task->wanted_arena = NULL;
}

void limits_on_updated(struct agent *self, const struct msg_container_updated *event)
{
    struct task *task;
    const struct msg_change_limits *call;

    if (executors_on_updated(self, event))
        return;
    HASH_FIND(by_container, self->containers, event->container_id, strlen(event->container_id),
              task);
    if (!task || !task->wanted || task->change_number != event->number)
        return; /* what was put back, or one that has ended */
    call = task->wanted;
    if (*event->error) {
        self->counters.limits_refused++;
        order(self, task, 0, NULL);
        answer(self, call, task, event->error, 0);
        limits_drop(task);
        executors_on_limits(self, task);
        return;
    }
    self->counters.limits_changed++;
    take(task);
    task->wanted = NULL;
    keep_task_again(self, task);
    agent_publish(self,
                  MESSAGE(CHANGE_TASK_STATUS, change_task_status,
                          .framework_id = task->framework->info->id, .task_id = task->info->task_id,
                          .state = task->state, .has_limits = true, .limits = task->info->limits,
                          .limits_count = task->info->limits_count));
    answer(self, call, task, "", self->records);
    executors_on_limits(self, task);
}
