/* An executor's container has what the executor and its live tasks are granted: it grows before a task is handed over,
 * and shrinks when one has ended. One change at a time; what comes meanwhile is in the next. */
#include "agent/core/state.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "proto/executors.h"
#include "proto/resources_info.h"

/* Memory that is in use cannot be taken away: it is tried again. */
#define SIZE_AGAIN_US ((int64_t)2 * US_PER_S)
#define TEXT_SIZE     512

/* --- how much ----------------------------------------------------------------------------------- */

static void add(struct resources *sum, const struct task_info *info)
{
    CLEANUP(resources_fini) struct resources one = {0};

    /* All of them fit the agent together. */
    if (resources_from_info(&one, info->resources, info->resources_count, NULL) == 0)
        (void)resources_add(sum, &one, NULL);
}

static void add_all(struct resources *sum, const struct executor *executor)
{
    const struct task *task;

    DL_FOREACH2(executor->queued, task, inside_next)
    add(sum, task->info);
    DL_FOREACH2(executor->handed, task, inside_next)
    add(sum, task->info);
}

const struct resource_info *container_resources(const struct task *task, struct arena *arena,
                                                size_t *ret_count)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    const struct resource_info *borrowed, *copies;
    size_t count;

    *ret_count = task->info->resources_count;
    if (!task->executor || (!task->executor->queued && !task->executor->handed))
        return task->info->resources;
    add(&sum, task->info);
    add_all(&sum, task->executor);
    borrowed = resources_to_info(&sum, arena, &count);
    *ret_count = count;
    copies = arena_array(arena, count, sizeof(*copies));
    for (size_t i = 0; i < count; i++)
        ((struct resource_info *)copies)[i] =
            *(const struct resource_info *)record_copy(&resource_info_def, &borrowed[i], arena);
    return copies;
}

const struct limit_info *container_limits(const struct task *task, const struct limit_info *limits,
                                          size_t count, struct arena *arena)
{
    CLEANUP(resources_fini) struct resources tasks = {0};
    struct limit_info *raised;

    if (!task->executor || !count)
        return limits;
    add_all(&tasks, task->executor);
    raised = arena_array(arena, count, sizeof(*raised));
    for (size_t i = 0; i < count; i++) {
        raised[i] = limits[i];
        if (!limits[i].unlimited)
            raised[i].scalar += resources_scalar(&tasks, limits[i].name);
    }
    return raised;
}

/* --- saying so ---------------------------------------------------------------------------------- */

static void order(struct agent *self, const struct task *task, int64_t number)
{
    const struct task_info *info = task->info;
    const struct resource_info *resources;
    size_t resources_count;

    arena_reset(self->scratch);
    resources = container_resources(task, self->scratch, &resources_count);
    self->env.contain(
        self->env.ctx,
        &MESSAGE(UPDATE_CONTAINER, update_container, .container_id = task->container_id,
                 .number = number, .resources = resources, .resources_count = resources_count,
                 .limits = container_limits(task, info->limits, info->limits_count, self->scratch),
                 .limits_count = info->limits_count, .pids_max = info->pids_max,
                 .sandbox = task->sandbox),
        task->spec_record);
}

static void note_room(struct executor *executor)
{
    struct task *task;

    DL_FOREACH2(executor->queued, task, inside_next)
    if (task->size_number)
        task->is_sized = true;
}

static void add_up(struct resources *sum, const struct executor *executor)
{
    resources_fini(sum);
    add(sum, executor->task->info);
    add_all(sum, executor);
}

/* Before its container has started, and when it is being ended, there is nothing to say; while its framework
 * changes its limits that comes first. */
void executor_size(struct agent *self, struct executor *executor)
{
    struct task *task = executor->task, *inside;

    if (executor->sizing || !executor->is_unsized || executor->has_exited || !task->is_started ||
        task->ending || task->wanted)
        return;
    deadline_cancel(&self->deadlines, &executor->size_again);
    executor->is_unsized = false;
    executor->sizing = ++self->limit_changes;
    DL_FOREACH2(executor->queued, inside, inside_next)
    if (!inside->size_number)
        inside->size_number = executor->sizing;
    add_up(&executor->asked, executor);
    if (!resources_are_empty(&executor->room) &&
        resources_contain(&executor->room, &executor->asked))
        note_room(executor); /* what it could not be deprived of is enough for them */
    order(self, task, executor->sizing);
}

/* They may be less than they were. */
void executors_on_limits(struct agent *self, struct task *task)
{
    if (!task->executor)
        return;
    resources_fini(&task->executor->room);
    executor_size(self, task->executor);
}

void executor_size_again_due(void *owner, struct deadline *deadline)
{
    struct executor *executor = CONTAINER_OF(deadline, struct executor, size_again);

    executor->is_unsized = true;
    executor_size(owner, executor);
    executor_hand_over(owner, executor);
}

/* --- the answer --------------------------------------------------------------------------------- */

/* Who came with it has no room; true: there was somebody. */
static bool refuse_newest(struct agent *self, struct executor *executor, int64_t number,
                          const char *error)
{
    struct task *task, *next;
    bool has_any = false;
    char text[TEXT_SIZE];

    snprintf(text, sizeof(text), "its executor's container cannot have what it needs: %.300s",
             error);
    DL_FOREACH_SAFE2(executor->queued, task, next, inside_next)
    {
        if (task->is_sized || task->size_number != number)
            continue;
        has_any = true;
        life_finish(self, task,
                    &(struct task_news){.state = TASK_FAILED,
                                        .reason = REASON_CONTAINER_UPDATE_FAILED,
                                        .message = text});
    }
    return has_any;
}

bool executors_on_updated(struct agent *self, const struct msg_container_updated *event)
{
    struct executor *executor;
    struct task *task;
    int64_t number;

    HASH_FIND(by_container, self->containers, event->container_id, strlen(event->container_id),
              task);
    executor = task ? task->executor : NULL;
    if (!executor || !executor->sizing || executor->sizing != event->number)
        return false;
    number = executor->sizing;
    executor->sizing = 0;
    if (event->ended) {
        /* What waits ends with it, for that reason: its CONTAINER_EXITED is on its way. */
        executor->has_exited = true;
        return true;
    }
    if (!event->error || !*event->error) {
        resources_swap(&executor->room, &executor->asked);
        note_room(executor);
    } else if (!task->ending && !refuse_newest(self, executor, number, event->error) &&
               !executor->is_unsized) {
        agent_log(self, LOG_LEVEL_DEBUG, "executor %s keeps what its tasks had, for now: %s",
                  task->info->task_id, event->error);
        deadline_set(&self->deadlines, &executor->size_again, self->now.mono_us + SIZE_AGAIN_US);
    }
    executor_size(self, executor);
    executor_hand_over(self, executor);
    return true;
}
