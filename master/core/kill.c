/* master/core/kill.c - a kill is remembered, and said again whenever the agent comes with the task:
 * what was sent last in a session that ended may not have arrived. */
#include "master/core/kill.h"

#include "master/core/agents.h"
#include "master/core/drain.h"
#include "master/core/frameworks.h"
#include "master/core/preempt.h"
#include "master/core/reconcile.h"
#include "master/core/tasks.h"

void kill_send(struct master *master, struct task *task)
{
    const struct kill_policy policy = {.grace_ms = task->kill_grace_ms};
    char why[PREEMPT_WHY_MAX] = "";
    int64_t max_grace_ms = task->is_preempted ? preempt_describe_kill(master, task, why) : 0;

    task->is_kill_sent = true;
    agent_send(master, task->agent,
               MESSAGE(KILL_TASK, kill_task, .framework_id = task->subscription->framework->id,
                       .task_id = task->id, .kill_policy = task->has_kill_policy ? &policy : NULL,
                       .preempted = why, .max_grace_ms = max_grace_ms,
                       .drain = agent_drain(task->agent)));
}

void kill_task(struct master *master, struct task *task, const struct kill_policy *policy)
{
    task->has_kill_policy = policy != NULL;
    task->kill_grace_ms = policy ? policy->grace_ms : 0;
    task->is_kill_wanted = true;
    if (task->agent->state == AGENT_REGISTERED)
        kill_send(master, task);
}

void on_kill(struct master *master, struct framework *framework, const struct message *message)
{
    const struct msg_kill *call = message->kill;
    const struct task_ref ref = {.task_id = call->task_id, .agent_id = call->agent_id};
    struct task *task = task_find(framework, call->task_id);

    if (task && !task_state_is_terminal(task->state))
        kill_task(master, task, call->kill_policy);
    /* The answer to a kill is an update; where none will come soon, say what is known. */
    if (!task || task->state == TASK_UNREACHABLE)
        reconcile_one(master, framework, &ref);
}
