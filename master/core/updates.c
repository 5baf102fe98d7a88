/* master/core/updates.c - relaying. The agent repeats an update until it is acknowledged, so the
 * master keeps none: it notes what it means for its books and passes it on.
 */
#include "master/core/updates.h"

#include <string.h>

#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/departed.h"
#include "master/core/frameworks.h"
#include "master/core/log.h"
#include "master/core/tasks.h"

/* --- status updates ---------------------------------------------------------- */

static bool contradicts_end(enum task_state end, enum task_state state)
{
    return task_state_is_terminal(end) && task_state_is_terminal(state) && end != state;
}

/* A task that is unknown here is the framework's to judge. One that ended never ends otherwise, and
 * one whose end was told is not told to live. */
static bool update_is_valid(const struct agent *agent, const struct task *task,
                            const struct msg_status_update *update)
{
    const struct task_status *status = update->status;

    if (status->uuid.size != UUID_BYTES || !task_state_is_of_agent(status->state))
        return false;
    if (update->latest_state && !task_state_is_of_agent(update->latest_state))
        return false;
    if (task_state_is_terminal(status->state) && update->latest_state &&
        update->latest_state != status->state)
        return false;
    if (!task)
        return true;
    if (task->agent != agent || contradicts_end(task->state, status->state) ||
        contradicts_end(task->state, update->latest_state))
        return false;
    return !task->has_told_uuid || !task_state_is_terminal(task->told) ||
           task->told == status->state;
}

static void note_update(struct master *master, struct task *task,
                        const struct msg_status_update *update)
{
    const struct task_status *status = update->status;
    enum task_state latest = update->latest_state ? update->latest_state : status->state;
    bool is_repeated =
        task->has_told_uuid && !memcmp(task->told_uuid, status->uuid.data, UUID_BYTES);
    bool has_moved = task_may_move(task, latest);
    struct task_status shown = *status;

    if (has_moved)
        task_move(master, task, latest);
    task->told = status->state;
    task->has_told_uuid = true;
    memcpy(task->told_uuid, status->uuid.data, UUID_BYTES);
    task_note_status(task, status);
    shown.data = (struct bytes){0};
    if (has_moved || !is_repeated)
        publish_task_status(master, task, &shown);
}

static void relay(struct master *master, const struct framework *framework,
                  const struct agent *agent, const struct task_status *status)
{
    struct task_status told = *status;

    told.agent_id = agent->id;
    if (told.source != SOURCE_EXECUTOR)
        told.source = SOURCE_AGENT;
    framework_tell(master, framework, &told);
}

/* Its framework is no more: nobody else will say so. */
static void acknowledge(struct master *master, const struct agent *agent,
                        const struct msg_status_update *update)
{
    agent_send(master, agent,
               MESSAGE(ACKNOWLEDGE_UPDATE, acknowledge_update, .framework_id = update->framework_id,
                       .task_id = update->status->task_id, .uuid = update->status->uuid));
}

static void on_update_of_removed(struct master *master, const struct agent *agent,
                                 struct task *task, const struct msg_status_update *update)
{
    if (update->status->uuid.size == UUID_BYTES)
        acknowledge(master, agent, update);
    if (task && task->agent == agent && task_state_is_terminal(task->told))
        task_remove(master, task);
}

/* Of a framework that is not known. Perhaps the agent has not heard of its end yet. */
static void on_orphan(struct master *master, struct agent *agent,
                      const struct msg_status_update *update)
{
    counter_add(master, COUNTER_INVALID_STATUS_UPDATES);
    if (!framework_is_completed(master, update->framework_id))
        return;
    agent_tell_end(master, agent, update->framework_id);
    on_update_of_removed(master, agent, NULL, update);
}

void on_status_update(struct master *master, struct agent *agent, const struct message *message)
{
    const struct msg_status_update *update = message->status_update;
    struct framework *framework = framework_find(master, update->framework_id);
    struct task *task;

    if (!framework) {
        on_orphan(master, agent, update);
        return;
    }
    task = task_find(framework, update->status->task_id);
    if (!update_is_valid(agent, task, update)) {
        counter_add(master, COUNTER_INVALID_STATUS_UPDATES);
        log_warn(master, "agent %s: update of task %s of %s makes no sense and is dropped",
                 agent->id, update->status->task_id, framework->id);
        return;
    }
    counter_add(master, COUNTER_VALID_STATUS_UPDATES);
    if (task)
        note_update(master, task, update);
    if (framework->state == FRAMEWORK_REMOVED)
        on_update_of_removed(master, agent, task, update);
    else
        relay(master, framework, agent, update->status);
}

void on_acknowledge(struct master *master, struct framework *framework,
                    const struct message *message)
{
    const struct msg_acknowledge *call = message->acknowledge;
    const struct agent *agent = agent_find(master, call->agent_id);
    struct task *task = task_find(framework, call->task_id);

    /* An agent that is away repeats the update when it is back. */
    if (!agent || agent->state != AGENT_REGISTERED || call->uuid.size != UUID_BYTES ||
        (task && task->agent != agent)) {
        counter_add(master, COUNTER_INVALID_ACKNOWLEDGEMENTS);
        return;
    }
    counter_add(master, COUNTER_VALID_ACKNOWLEDGEMENTS);
    if (!MUTATE(DROP_ACKNOWLEDGEMENT))
        agent_send(master, agent,
                   MESSAGE(ACKNOWLEDGE_UPDATE, acknowledge_update, .framework_id = framework->id,
                           .task_id = call->task_id, .uuid = call->uuid));
    if (task && task->has_told_uuid && task_state_is_terminal(task->told) &&
        !memcmp(task->told_uuid, call->uuid.data, UUID_BYTES))
        task_remove(master, task);
}

/* --- messages of executors --------------------------------------------------- */

void on_message_to_executor(struct master *master, struct framework *framework,
                            const struct message *message)
{
    struct msg_message_to_executor relayed = *message->message_to_executor;
    const struct task *task = task_find(framework, relayed.task_id);

    if (!task || task->agent->state != AGENT_REGISTERED ||
        strcmp(task->agent->id, relayed.agent_id) != 0) {
        counter_add(master, COUNTER_INVALID_TO_EXECUTOR);
        return;
    }
    counter_add(master, COUNTER_VALID_TO_EXECUTOR);
    relayed.framework_id = framework->id;
    agent_send(master, task->agent,
               (struct message){.type = MSG_MESSAGE_TO_EXECUTOR, .message_to_executor = &relayed});
}

void on_message_to_framework(struct master *master, struct agent *agent,
                             const struct message *message)
{
    struct msg_message_to_framework relayed = *message->message_to_framework;
    const struct framework *framework = framework_find(master, relayed.framework_id);
    const struct task *task = framework ? task_find(framework, relayed.task_id) : NULL;

    if (!task || task->agent != agent || framework->state != FRAMEWORK_SUBSCRIBED) {
        counter_add(master, COUNTER_INVALID_TO_FRAMEWORK);
        return;
    }
    counter_add(master, COUNTER_VALID_TO_FRAMEWORK);
    relayed.agent_id = agent->id;
    framework_send(
        master, framework,
        (struct message){.type = MSG_MESSAGE_TO_FRAMEWORK, .message_to_framework = &relayed});
}
