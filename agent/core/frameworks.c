/* The frameworks that have, or lately had, tasks here. */
#include "agent/core/state.h"
#include "base/cleanup.h"
#include "base/mem.h"

struct framework *agent_framework_get(const struct agent *self, const char *id)
{
    struct framework *framework;

    HASH_FIND_STR(self->frameworks, id, framework);
    return framework;
}

static void publish_end(struct agent *self, const struct framework *framework)
{
    agent_publish(self,
                  MESSAGE(CHANGE_FRAMEWORK_REMOVED, change_framework_removed,
                          .framework_id = framework->info->id,
                          .reason = framework->is_removed ? REMOVED_TEARDOWN : REMOVED_UNREGISTERED,
                          .unregistered_us = self->now.wall_us));
}

/* Nothing of it is left here. */
static void framework_end(struct agent *self, struct framework *framework)
{
    publish_end(self, framework);
    keep_forget_framework(self, framework);
    agent_framework_destroy(self, &framework);
}

static void on_idle(void *owner, struct deadline *deadline)
{
    struct framework *framework = CONTAINER_OF(deadline, struct framework, idle);

    framework_end(owner, framework);
}

struct framework *agent_framework_new(struct agent *self, const struct framework_info *info)
{
    struct framework *framework = mem_new(struct framework);

    framework->arena = arena_new(0);
    framework->info = record_copy(&framework_info_def, info, framework->arena);
    framework->idle.due = on_idle;
    HASH_ADD_KEYPTR(hh, self->frameworks, framework->info->id, strlen(framework->info->id),
                    framework);
    return framework;
}

void agent_framework_publish(struct agent *self, const struct framework *framework)
{
    agent_publish(self,
                  MESSAGE(CHANGE_FRAMEWORK, change_framework, .framework = framework->info,
                          .connected = true, .active = true, .registered_us = self->now.wall_us));
}

struct framework *agent_framework_meet(struct agent *self, const struct framework_info *info)
{
    struct framework *framework = agent_framework_get(self, info->id);

    if (framework) {
        deadline_cancel(&self->deadlines, &framework->idle);
        return framework;
    }
    framework = agent_framework_new(self, info);
    agent_framework_publish(self, framework);
    return framework;
}

void agent_framework_on_task_forgotten(struct agent *self, struct framework *framework)
{
    if (framework->tasks || framework->groups)
        return;
    if (framework->is_removed)
        framework_end(self, framework);
    else
        deadline_set(&self->deadlines, &framework->idle, self->now.mono_us + FRAMEWORK_IDLE_US);
}

void agent_framework_shutdown(struct agent *self, struct framework *framework)
{
    struct task *task;

    /* A master that knows it no more says so for each update that it hears of its tasks: they are being ended. */
    if (framework->is_removed)
        return;
    framework->is_removed = true;
    if (framework->is_recorded)
        keep_framework(self, framework);
    agent_log(self, LOG_LEVEL_INFO, "framework %s is removed: %u tasks of it here",
              framework->info->id, HASH_CNT(by_id, framework->tasks));
    if (!framework->tasks && !framework->groups) {
        framework_end(self, framework);
        return;
    }
    /* Those that have ended wait for the acknowledgement, which now comes from the master. */
    for (task = framework->tasks; task; task = task->by_id.next)
        life_end(self, task, ENDING_REMOVED, life_grace_us(self, task));
}

void agent_framework_destroy(struct agent *self, struct framework **framework_p)
{
    struct framework *framework = *framework_p;
    struct task *task, *next;

    for (task = framework->tasks; task; task = next) {
        next = task->by_id.next;
        agent_task_destroy(self, task);
    }
    groups_destroy_all(self, framework);
    deadline_cancel(&self->deadlines, &framework->idle);
    HASH_DEL(self->frameworks, framework);
    arena_destroy(&framework->arena);
    free(framework);
    *framework_p = NULL;
}
