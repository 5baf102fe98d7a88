/* What is written down, and what may be said of it before it is.
 *
 * The identity, reservations and volumes are synced to disk; records of tasks survive the end of the
 * process, and of the host's crash only a prefix of them does. That breaks no promise: after a crash
 * of the host its tasks are gone whatever was written, a task without a terminal record is dropped
 * here and ended by the master, which knows how it ended if it was ever told, and one whose
 * FORGET_TASK was lost only tells its one end once more.
 */
#include "agent/core/state.h"
#include "base/cleanup.h"
#include "base/mutant.h"

uint64_t agent_persist(struct agent *self, struct message record, bool can_wait)
{
    record.number = ++self->records;
    self->env.persist(self->env.ctx, &record, can_wait);
    return record.number;
}

static uint64_t persist(struct agent *self, struct message record)
{
    return agent_persist(self, record, false);
}

/* What follows from an acknowledgement. Nothing goes out that depends on it, and should the agent die
 * before it is written, the acknowledgement might as well have come a moment later, to the next agent:
 * that one tells its update once more, and gets another. */
static void persist_with_others(struct agent *self, struct message record)
{
    agent_persist(self, record, true);
}

void keep_identity(struct agent *self)
{
    self->identity_record =
        persist(self, MESSAGE(KEEP_IDENTITY, keep_identity, .agent_id = self->info.id,
                              .epoch = (int64_t)self->epoch, .master_id = self->master_id,
                              .boot_id = self->info.boot_id, .registered_us = self->registered_us));
}

void keep_framework(struct agent *self, struct framework *framework)
{
    framework->is_recorded = true;
    persist(self, MESSAGE(KEEP_FRAMEWORK, keep_framework, .framework = framework->info,
                          .removed = framework->is_removed));
}

static void note_record(struct agent *self, struct task *task, uint64_t number)
{
    if (keep_is_written(self, task))
        task->told_last = task->recorded;
    task->recorded = (struct standing){task->state, task->status};
    task->record = number;
}

/* The shared pool is no task's own, and changes. */
static struct msg_keep_task describe_task(struct agent *self, const struct task *task)
{
    bool has_own = task->grant && task->grant->is_exclusive;
    bool is_bound = task->grant && *task->mems;
    CLEANUP(buf_fini) struct buf cpus = {0};

    arena_reset(self->scratch);
    if (has_own || is_bound)
        numbers_print(&task->grant->cpus, &cpus);
    return (struct msg_keep_task){
        .framework_id = task->framework->info->id,
        .role = task->role,
        .task = task->info,
        .container_id = task->container_id,
        .sandbox = task->sandbox,
        .user = task->user,
        .cpus = arena_strdup(self->scratch, buf_text(&cpus)),
        .mems = is_bound ? task->mems : "",
        .gpus = task->gpus,
        .gpus_count = task->gpus_count,
        .executor_token = task->executor ? task->executor->token : "",
        .waits = task->waits,
    };
}

void keep_task_again(struct agent *self, const struct task *task)
{
    const struct msg_keep_task body = describe_task(self, task);

    if (!task->is_volatile)
        persist(self, (struct message){.type = MSG_KEEP_TASK, .keep_task = &body});
}

void keep_task(struct agent *self, struct task *task)
{
    struct msg_keep_task body;

    if (!task->framework->is_recorded)
        keep_framework(self, task->framework);
    if (MUTATE(LAUNCH_UNWRITTEN))
        return;
    body = describe_task(self, task);
    task->spec_record = persist(self, (struct message){.type = MSG_KEEP_TASK, .keep_task = &body});
    note_record(self, task, task->spec_record);
}

/* What came before an end every recovery skips (updates_resume). */
static const struct task_status *list_updates(struct agent *self, const struct task *task,
                                              size_t *ret_count)
{
    const struct update *update, *first = task->updates;
    struct task_status *items;
    size_t count = 0;

    if (first && task_state_is_terminal(task->state))
        first = first->prev; /* of the head: the last one */
    DL_COUNT(first, update, *ret_count);
    arena_reset(self->scratch);
    items = arena_array(self->scratch, *ret_count, sizeof(*items));
    DL_FOREACH (first, update)
        items[count++] = *update->status;
    return items;
}

static struct msg_keep_task_state describe_state(struct agent *self, const struct task *task)
{
    size_t count;
    const struct task_status *updates = list_updates(self, task, &count);

    return (struct msg_keep_task_state){
        .framework_id = task->framework->info->id,
        .task_id = task->info->task_id,
        .state = task->state,
        .status = count ? NULL : task->status, /* else the last of them */
        .updates = updates,
        .updates_count = count,
        .started = task->is_started,
        .pid = task->pid,
        .started_us = task->started_us,
        .ending = task->ending,
        .ending_why = task->ending_why,
        .kill_by_mono_us = task->kill_by_mono_us,
        .heard_mono_us = task->heard_mono_us,
        .grace_us = task->grace_us,
        .executor_number = task->executor_number,
        .rests = task->rests,
        .ended = task->ended,
        .grace_asked = task->asked_grace_us >= 0,
        .asked_grace_us = task->asked_grace_us >= 0 ? task->asked_grace_us : 0,
    };
}

void keep_task_state(struct agent *self, struct task *task)
{
    struct msg_keep_task_state body;

    if (task->is_volatile)
        return;
    body = describe_state(self, task);
    note_record(
        self, task,
        persist(self, (struct message){.type = MSG_KEEP_TASK_STATE, .keep_task_state = &body}));
}

/* Its standing is what the record before says, and so is all that the next update needs. */
void keep_acknowledged(struct agent *self, const struct task *task)
{
    struct msg_keep_task_state body;

    if (task->is_volatile || task_state_is_terminal(task->state))
        return;
    body = describe_state(self, task);
    persist_with_others(self,
                        (struct message){.type = MSG_KEEP_TASK_STATE, .keep_task_state = &body});
}

void keep_forget_task(struct agent *self, const struct task *task)
{
    if (!task->is_volatile && !MUTATE(KEEP_FORGOTTEN_TASK))
        persist_with_others(self, MESSAGE(FORGET_TASK, forget_task,
                                          .framework_id = task->framework->info->id,
                                          .task_id = task->info->task_id));
}

void keep_forget_framework(struct agent *self, const struct framework *framework)
{
    if (framework->is_recorded)
        persist_with_others(
            self, MESSAGE(FORGET_FRAMEWORK, forget_framework, .framework_id = framework->info->id));
}

uint64_t keep_group(struct agent *self, const struct msg_keep_group *group)
{
    return persist(self, (struct message){.type = MSG_KEEP_GROUP, .keep_group = group});
}

void keep_forget_group(struct agent *self, const char *framework_id, const char *group_id)
{
    persist_with_others(self, MESSAGE(FORGET_GROUP, forget_group, .framework_id = framework_id,
                                      .group_id = group_id));
}

void keep_nothing(struct agent *self)
{
    struct framework *f;

    for (f = self->frameworks; f; f = f->hh.next) {
        for (const struct task *task = f->tasks; task; task = task->by_id.next)
            keep_forget_task(self, task);
        groups_keep_nothing(self, f);
        keep_forget_framework(self, f);
    }
    agent_operations_forget(self, NULL);
    /* Who was sent away is known by its id, and stays away until an operator gives it another folder. */
    if (!self->is_unwanted)
        persist(self, MESSAGE(KEEP_IDENTITY, keep_identity, .epoch = (int64_t)self->epoch,
                              .master_id = self->master_id, .boot_id = self->info.boot_id));
}

bool keep_is_written(const struct agent *self, const struct task *task)
{
    return task->record <= self->written;
}

struct standing keep_standing(const struct agent *self, const struct task *task)
{
    if (self->is_store_failing && !task->is_volatile && !keep_is_written(self, task))
        return task->told_last;
    return (struct standing){task->state, task->status};
}

uint64_t keep_needed(const struct agent *self, const struct task *task)
{
    if (task->is_volatile)
        return 0;
    return task->record > self->identity_record ? task->record : self->identity_record;
}
