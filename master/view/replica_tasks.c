#include "master/view/replica_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/mesos_json.h"
#include "proto/resources_info.h"

static struct task *find_task(const struct framework *framework, const char *id)
{
    struct task *task;

    HASH_FIND_STR(framework->tasks, id, task);
    return task;
}

static bool uses_resources(enum task_state state)
{
    return state != TASK_UNREACHABLE && !task_state_is_terminal(state);
}

/* Its state or its agent has changed: is it in the books as it should be? */
static int balance(struct replica *self, struct task *task, struct err *err)
{
    struct agent *agent = replica_agent(self, task->agent_id);
    int r;

    if (!uses_resources(task->state))
        return replica_unbook(self, &task->claim, err);
    if (task->claim.is_booked && task->claim.agent == agent)
        return 0;
    r = replica_unbook(self, &task->claim, err);
    if (r < 0)
        return r;
    task->claim.agent = agent;
    return replica_book(self, &task->claim, task->role, err);
}

/* A buffer doubles as it grows; a task that is kept for long takes what it needs. */
static void trim(struct buf *buf)
{
    buf->data = mem_resize(buf->data, buf->size + 1, 1);
    buf->data[buf->size] = '\0';
    buf->capacity = buf->size + 1;
}

/* --- statuses -----------------------------------------------------------------------------------
 */

/* As in Mesos an update that repeats a state replaces the entry before it: a task's history is the
 * way through its states, whatever else its updates carry. */
static void note_status(struct task *task, const struct task_status *status)
{
    struct json json;
    bool replaces = task->updates_count && (task->updates_state == status->state ||
                                            task->updates_count == TASK_UPDATES_MAX);

    if (replaces) {
        task->updates.size = task->updates_last;
    } else {
        if (task->updates_count++)
            buf_append(&task->updates, ",", 1);
        task->updates_last = task->updates.size;
    }
    json = JSON(&task->updates);
    mesos_json_status(&json, status);
    task->updates_state = status->state;
    trim(&task->updates);
}

/* For whom it is about to be killed. */
static void note_preemption(struct task *task, const struct preempt_info *preempt)
{
    struct json json;

    buf_fini(&task->preemption);
    if (!preempt || task_state_is_terminal(task->state))
        return;
    json = JSON(&task->preemption);
    json_object_begin(&json);
    json_pair_string(&json, "role", preempt->role);
    json_pair_string(&json, "framework_id", preempt->framework_id);
    json_pair_string(&json, "need", preempt->need);
    json_pair_int(&json, "priority", preempt->priority);
    json_pair_bool(&json, "guarantee", preempt->guarantee);
    json_pair_seconds(&json, "deadline", preempt->deadline_us);
    json_object_end(&json);
}

/* --- a task's life ------------------------------------------------------------------------------
 */

static struct task *add_task(struct replica *self, struct framework *framework, const char *id)
{
    struct task *task = mem_new(struct task);

    task->id = mem_strdup(id);
    task->framework = framework;
    task->claim.framework = framework;
    HASH_ADD_KEYPTR(hh, framework->tasks, task->id, strlen(task->id), task);
    DL_APPEND(self->tasks, task);
    return task;
}

static void note_limits(struct task *task, const struct limit_info *limits, size_t count)
{
    struct json json = JSON(&task->limits);

    task->limits.size = 0;
    if (!count)
        return;
    mesos_json_limits(&json, limits, count);
    trim(&task->limits);
}

static void note_executor(struct task *task, const struct msg_change_task *change)
{
    struct json json = JSON(&task->executor);

    task->executor.size = 0;
    if (!change->task->executor)
        return;
    mesos_json_executor(&json, change, &task->claim.resources);
    trim(&task->executor);
}

/* What a change says, in place of what an earlier one said; the task must not be booked. */
static int describe(struct task *task, const struct msg_change_task *change, struct err *err)
{
    const struct task_info *info = change->task;
    struct msg_change_task lasting = *change;
    struct task_info without = *info;
    struct json json = JSON(&task->text);
    int r;

    without.limits_count = 0;
    lasting.task = &without;
    note_limits(task, info->limits, info->limits_count);
    r = resources_from_info(&task->claim.resources, info->resources, info->resources_count, err);
    free(task->agent_id);
    free(task->role);
    task->agent_id = mem_strdup(info->agent_id);
    task->role = mem_strdup(change->role);
    task->state = change->state;
    task->text.size = 0;
    mesos_json_task(&json, &lasting, &task->claim.resources);
    trim(&task->text);
    note_executor(task, change);
    if (change->status)
        note_status(task, change->status);
    return r < 0 ? err_wrap(err, -EBADMSG, "task %s", info->task_id) : 0;
}

/* A task that is known already is one that its agent brought back: its history goes on. */
int replica_on_task(struct replica *self, const struct msg_change_task *change, struct err *err)
{
    struct framework *framework = replica_framework(self, change->framework_id);
    struct task *task;
    int r;

    if (!framework)
        return err_set(err, -EBADMSG, "task %s: framework %s is not known", change->task->task_id,
                       change->framework_id);
    task = find_task(framework, change->task->task_id);
    if (!task)
        task = add_task(self, framework, change->task->task_id);
    r = replica_unbook(self, &task->claim, err);
    if (r == 0)
        r = describe(task, change, err);
    if (r == 0)
        r = balance(self, task, err);
    return r;
}

int replica_on_task_status(struct replica *self, const struct msg_change_task_status *change,
                           struct err *err)
{
    struct framework *framework = replica_framework(self, change->framework_id);
    struct task *task = framework ? find_task(framework, change->task_id) : NULL;

    if (!task)
        return err_set(err, -EBADMSG, "task %s of framework %s is not known", change->task_id,
                       change->framework_id);
    if (change->status)
        note_status(task, change->status);
    if (change->has_limits)
        note_limits(task, change->limits, change->limits_count);
    task->state = change->state;
    note_preemption(task, change->preempt);
    return balance(self, task, err);
}

static size_t task_bytes(const struct task *task)
{
    return task->text.size + task->executor.size + task->limits.size + task->updates.size;
}

int replica_complete_task(struct replica *self, struct task *task, struct err *err)
{
    struct framework *framework = task->framework;
    int r = replica_unbook(self, &task->claim, err);

    claim_fini(&task->claim);
    HASH_DEL(framework->tasks, task);
    DL_APPEND2(framework->completed, task, done_prev, done_next);
    framework->completed_count++;
    framework->completed_bytes += task_bytes(task);
    while (framework->completed_count > COMPLETED_TASKS_MAX ||
           framework->completed_bytes > COMPLETED_BYTES_MAX)
        replica_free_task(self, framework->completed);
    return r;
}

void replica_free_task(struct replica *self, struct task *task)
{
    DL_DELETE2(task->framework->completed, task, done_prev, done_next);
    task->framework->completed_count--;
    task->framework->completed_bytes -= task_bytes(task);
    DL_DELETE(self->tasks, task);
    claim_fini(&task->claim);
    buf_fini(&task->text);
    buf_fini(&task->limits);
    buf_fini(&task->executor);
    buf_fini(&task->updates);
    buf_fini(&task->preemption);
    free(task->id);
    free(task->agent_id);
    free(task->role);
    free(task);
}

int replica_on_task_removed(struct replica *self, const struct msg_change_task_removed *change,
                            struct err *err)
{
    struct framework *framework = replica_framework(self, change->framework_id);
    struct task *task = framework ? find_task(framework, change->task_id) : NULL;

    if (!task)
        return err_set(err, -EBADMSG, "task %s of framework %s is not known", change->task_id,
                       change->framework_id);
    return replica_complete_task(self, task, err);
}
