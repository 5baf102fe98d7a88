/* The stream of updates of each task: one in flight, repeated until its uuid comes back.
 *
 * Streams are at rest while the agent is not registered, and all begin again when it is.
 */
#include "agent/core/state.h"
#include "base/cleanup.h"
#include "base/mutant.h"

/* A task that has ended while an older update is still in flight: its resources are free once the
 * master hears so in `latest_state`. The acknowledgement usually comes first; if not, this is how
 * long they may lie idle. */
#define NUDGE_US ((int64_t)US_PER_S)

static void send_head(struct agent *self, struct task *task)
{
    if (!task->updates || self->registration != REGISTRATION_DONE)
        return;
    self->counters.updates_sent++;
    agent_tell_master(self,
                      MESSAGE(STATUS_UPDATE, status_update,
                              .framework_id = task->framework->info->id,
                              .status = task->updates->status, .latest_state = task->state),
                      keep_needed(self, task));
    if (!MUTATE(DROP_RETRY))
        deadline_set(&self->deadlines, &task->retry, self->now.mono_us + task->retry_us);
}

static void send_new_head(struct agent *self, struct task *task)
{
    task->retry_us = self->retry_min_us;
    send_head(self, task);
}

void updates_retry_due(void *owner, struct deadline *deadline)
{
    struct task *task = CONTAINER_OF(deadline, struct task, retry);
    struct agent *self = owner;

    task->retry_us *= 2;
    if (task->retry_us > self->retry_max_us)
        task->retry_us = self->retry_max_us;
    self->counters.updates_repeated++;
    send_head(self, task);
}

static void nudge(struct agent *self, struct task *task)
{
    int64_t at_us = self->now.mono_us + NUDGE_US;

    if (deadline_is_set(&task->retry) && at_us < task->retry.at_us)
        deadline_set(&self->deadlines, &task->retry, at_us);
}

void updates_add(struct task *task, const struct task_status *status)
{
    struct update *last = task->updates ? task->updates->prev : NULL;
    struct update *update;

    if (last && last != task->updates && last->status->state == status->state) {
        last->status = status;
        return;
    }
    update = arena_alloc(task->statuses, sizeof(*update));
    update->status = status;
    DL_APPEND(task->updates, update);
}

void updates_tell(struct agent *self, struct task *task)
{
    if (!task->updates)
        return;
    if (!task->updates->next)
        send_new_head(self, task);
    else if (task_state_is_terminal(task->state))
        nudge(self, task);
}

/* While the agent was away its framework may have been told by the master how the task ended: what
 * came before that is not told after it. */
void updates_resume(struct agent *self, struct task *task)
{
    while (!MUTATE(TELL_THE_PAST) && task->updates && task->updates->next &&
           task_state_is_terminal(task->state))
        DL_DELETE(task->updates, task->updates);
    send_new_head(self, task);
}

/* A framework that comes back is not to wait for what has had many retries by now. */
void updates_on_resend(struct agent *self, const char *framework_id)
{
    struct framework *framework = agent_framework_get(self, framework_id);
    struct task *task, *next;

    for (task = framework ? framework->tasks : NULL; task; task = next) {
        next = task->by_id.next;
        send_new_head(self, task);
    }
}

void updates_pause(struct agent *self, struct task *task)
{
    deadline_cancel(&self->deadlines, &task->retry);
}

void updates_drop(struct agent *self, struct task *task)
{
    task->updates = NULL;
    deadline_cancel(&self->deadlines, &task->retry);
}

static bool is_of(const struct update *update, const struct bytes *uuid)
{
    return update && uuid->size == UUID_BYTES &&
           !memcmp(update->status->uuid.data, uuid->data, UUID_BYTES);
}

void updates_on_acknowledge(struct agent *self, const struct msg_acknowledge_update *ack)
{
    struct framework *framework = agent_framework_get(self, ack->framework_id);
    struct task *task = framework ? agent_task_get(framework, ack->task_id) : NULL;
    struct update *head = task ? task->updates : NULL;

    if (!is_of(head, &ack->uuid) || MUTATE(FORGET_ACKNOWLEDGEMENT)) {
        self->counters.acks_wrong++;
        return;
    }
    self->counters.acks_valid++;
    deadline_cancel(&self->deadlines, &task->retry);
    DL_DELETE(task->updates, head);
    if (task_state_is_terminal(head->status->state)) {
        agent_task_forget(self, task);
        return;
    }
    keep_acknowledged(self, task);
    send_new_head(self, task);
}
