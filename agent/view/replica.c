#include "agent/view/replica.h"

#include <string.h>

#include "base/mem.h"
#include "proto/resources_info.h"

struct replica *agent_replica_new(void)
{
    struct replica *self = mem_new(struct replica);

    self->agent_arena = arena_new(0);
    self->engine_arena = arena_new(0);
    self->sandboxes_arena = arena_new(0);
    return self;
}

/* --- tasks -------------------------------------------------------------------------------------- */

static void task_free(struct shown_task *task)
{
    struct shown_status *shown;

    DL_FOREACH (task->statuses, shown)
        arena_destroy(&shown->arena);
    resources_fini(&task->resources);
    arena_destroy(&task->arena);
    free(task);
}

static void drop_completed(struct replica *self, struct shown_task *task)
{
    DL_DELETE(task->framework->completed, task);
    DL_DELETE2(self->completed, task, old_prev, old_next);
    self->completed_count--;
    task_free(task);
}

static void complete_task(struct replica *self, struct shown_task *task)
{
    HASH_DEL(task->framework->tasks, task);
    DL_APPEND(task->framework->completed, task);
    DL_APPEND2(self->completed, task, old_prev, old_next);
    if (++self->completed_count > HISTORY_TASKS_MAX)
        drop_completed(self, self->completed);
}

static struct shown_framework *find_framework(const struct replica *self, const char *id)
{
    struct shown_framework *framework;

    HASH_FIND_STR(self->frameworks, id, framework);
    return framework;
}

static struct shown_task *find_task(const struct replica *self, const char *framework_id,
                                    const char *task_id)
{
    struct shown_framework *framework = find_framework(self, framework_id);
    struct shown_task *task = NULL;

    if (framework)
        HASH_FIND_STR(framework->tasks, task_id, task);
    return task;
}

/* A task that lives long may say something again and again. */
static void replace_status(struct shown_status *shown, const struct task_status *status)
{
    arena_destroy(&shown->arena);
    shown->arena = arena_new(0);
    shown->status = record_copy(&task_status_def, status, shown->arena);
}

static void add_status(struct shown_task *task, const struct task_status *status)
{
    struct shown_status *last = task->statuses ? task->statuses->prev : NULL;
    struct shown_status *shown;

    if (last && last->status->state == status->state) {
        replace_status(last, status);
        return;
    }
    shown = arena_alloc(task->arena, sizeof(*shown));
    shown->status = record_copy(&task_status_def, status, task->arena);
    DL_APPEND(task->statuses, shown);
}

static void on_task(struct replica *self, const struct msg_change_task *change)
{
    struct shown_framework *framework = find_framework(self, change->framework_id);
    struct shown_task *task =
        framework ? find_task(self, change->framework_id, change->task->task_id) : NULL;

    if (task) /* it is launched once more, in another container */
        task->change = record_copy(&msg_change_task_def, change, task->arena);
    if (!framework || task)
        return;
    task = mem_new(struct shown_task);
    task->framework = framework;
    task->arena = arena_new(0);
    task->change = record_copy(&msg_change_task_def, change, task->arena);
    task->state = change->state;
    resources_from_info(&task->resources, change->task->resources, change->task->resources_count,
                        NULL);
    HASH_ADD_KEYPTR(hh, framework->tasks, task->change->task->task_id,
                    strlen(task->change->task->task_id), task);
    if (task->change->status)
        add_status(task, task->change->status);
}

/* As long as it lives; framework authors change limits now and then, not all the time. */
static void set_limits(struct shown_task *task, const struct msg_change_task_status *change)
{
    const struct msg_change_task_status *copy =
        record_copy(&msg_change_task_status_def, change, task->arena);
    struct msg_change_task *shown = arena_alloc(task->arena, sizeof(*shown));
    struct task_info *info = arena_alloc(task->arena, sizeof(*info));

    *shown = *task->change;
    *info = *task->change->task;
    info->limits = copy->limits;
    info->limits_count = copy->limits_count;
    shown->task = info;
    task->change = shown;
}

static void on_task_status(struct replica *self, const struct msg_change_task_status *change)
{
    struct shown_task *task = find_task(self, change->framework_id, change->task_id);

    if (!task)
        return;
    task->state = change->state;
    if (change->has_limits)
        set_limits(task, change);
    if (!change->status)
        return;
    add_status(task, change->status);
}

static void on_task_removed(struct replica *self, const struct msg_change_task_removed *change)
{
    struct shown_task *task = find_task(self, change->framework_id, change->task_id);

    if (task)
        complete_task(self, task);
}

/* --- frameworks --------------------------------------------------------------------------------- */

static void free_framework(struct replica *self, struct shown_framework *framework)
{
    struct shown_task *task, *next;

    HASH_ITER (hh, framework->tasks, task, next) {
        HASH_DEL(framework->tasks, task);
        task_free(task);
    }
    while (framework->completed)
        drop_completed(self, framework->completed);
    arena_destroy(&framework->arena);
    free(framework);
}

/* One whose tasks had all ended a while ago may come again: it keeps its history. */
static struct shown_framework *revive_framework(struct replica *self, const char *id)
{
    struct shown_framework *framework;

    HASH_FIND_STR(self->completed_frameworks, id, framework);
    if (!framework)
        return NULL;
    HASH_DEL(self->completed_frameworks, framework);
    arena_reset(framework->arena);
    return framework;
}

static void on_framework(struct replica *self, const struct msg_change_framework *change)
{
    const char *id = change->framework->id;
    struct shown_framework *framework;

    if (find_framework(self, id))
        return;
    framework = revive_framework(self, id);
    if (!framework) {
        framework = mem_new(struct shown_framework);
        framework->arena = arena_new(0);
        framework->registered_us = change->registered_us;
    }
    framework->info = record_copy(&framework_info_def, change->framework, framework->arena);
    framework->unregistered_us = 0;
    HASH_ADD_KEYPTR(hh, self->frameworks, framework->info->id, strlen(framework->info->id),
                    framework);
}

static void complete_framework(struct replica *self, struct shown_framework *framework)
{
    struct shown_framework *oldest = self->completed_frameworks;

    HASH_DEL(self->frameworks, framework);
    if (HASH_COUNT(self->completed_frameworks) == HISTORY_FRAMEWORKS_MAX) {
        HASH_DEL(self->completed_frameworks, oldest);
        free_framework(self, oldest);
    }
    HASH_ADD_KEYPTR(hh, self->completed_frameworks, framework->info->id,
                    strlen(framework->info->id), framework);
}

static void on_framework_removed(struct replica *self,
                                 const struct msg_change_framework_removed *change)
{
    struct shown_framework *framework = find_framework(self, change->framework_id);

    if (!framework)
        return;
    framework->unregistered_us = change->unregistered_us;
    while (framework->tasks)
        complete_task(self, framework->tasks);
    complete_framework(self, framework);
}

/* --- the agent ---------------------------------------------------------------------------------- */

static void on_agent(struct replica *self, const struct msg_change_agent *change)
{
    arena_reset(self->agent_arena);
    self->agent = record_copy(&msg_change_agent_def, change, self->agent_arena);
    resources_from_info(&self->resources, change->agent->resources, change->agent->resources_count,
                        NULL);
}

static void on_engine(struct replica *self, const struct msg_change_engine *change)
{
    arena_reset(self->engine_arena);
    self->engine = record_copy(&engine_info_def, change->engine, self->engine_arena);
}

void agent_replica_destroy(struct replica **self_p)
{
    struct replica *self = *self_p;
    struct shown_framework *framework, *next;

    if (!self)
        return;
    HASH_ITER (hh, self->frameworks, framework, next) {
        HASH_DEL(self->frameworks, framework);
        free_framework(self, framework);
    }
    HASH_ITER (hh, self->completed_frameworks, framework, next) {
        HASH_DEL(self->completed_frameworks, framework);
        free_framework(self, framework);
    }
    resources_fini(&self->resources);
    arena_destroy(&self->agent_arena);
    arena_destroy(&self->engine_arena);
    arena_destroy(&self->sandboxes_arena);
    free(self);
    *self_p = NULL;
}

static void apply(struct replica *self, const struct message *change)
{
    switch (change->type) {
    case MSG_CHANGE_AGENT:
        on_agent(self, change->change_agent);
        break;
    case MSG_CHANGE_ENGINE:
        on_engine(self, change->change_engine);
        break;
    case MSG_CHANGE_FRAMEWORK:
        on_framework(self, change->change_framework);
        break;
    case MSG_CHANGE_FRAMEWORK_REMOVED:
        on_framework_removed(self, change->change_framework_removed);
        break;
    case MSG_CHANGE_TASK:
        on_task(self, change->change_task);
        break;
    case MSG_CHANGE_TASK_STATUS:
        on_task_status(self, change->change_task_status);
        break;
    case MSG_CHANGE_TASK_REMOVED:
        on_task_removed(self, change->change_task_removed);
        break;
    case MSG_CHANGE_SANDBOXES:
        arena_reset(self->sandboxes_arena);
        self->sandboxes =
            record_copy(&msg_change_sandboxes_def, change->change_sandboxes, self->sandboxes_arena);
        break;
    default:
        break;
    }
}

void agent_replica_apply(struct replica *self, const struct message *change)
{
    if (change->number) {
        if (change->number != self->number + 1)
            self->has_gap = true;
        self->number = change->number;
    }
    apply(self, change);
}

const struct shown_task *agent_replica_find_task(const struct replica *self,
                                                 const char *framework_id, const char *task_id)
{
    return find_task(self, framework_id, task_id);
}

const struct shown_task *agent_replica_find_container(const struct replica *self,
                                                      const char *container_id)
{
    for (const struct shown_framework *f = self->frameworks; f; f = f->hh.next)
        for (const struct shown_task *task = f->tasks; task; task = task->hh.next)
            if (!strcmp(task->change->container_id, container_id))
                return task;
    return NULL;
}
