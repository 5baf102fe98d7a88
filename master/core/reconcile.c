/* master/core/reconcile.c - explicit and implicit reconciliation. Source of the cases: Mesos
 * Master::reconcile.
 */
#include "master/core/reconcile.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/departed.h"
#include "master/core/frameworks.h"
#include "master/core/tasks.h"

static void tell_known(struct master *master, const struct task *task)
{
    const struct verdict known = {task->told ? task->told : task->state, REASON_RECONCILIATION,
                                  "Latest task state"};
    struct task_status status = status_by_master(master, task->id, task->agent->id, &known);
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);

    task_add_noted(task, &status, arena);
    if (status.state == TASK_UNREACHABLE)
        status.unreachable_us = task->agent->unreachable_us;
    framework_tell(master, task->subscription->framework, &status);
}

/* What a framework of another registry says may be on agents of that registry, which come by
 * themselves. For as long as they may take, it gets no answer that could be wrong. */
static bool is_returning(const struct master *master, const struct framework *framework)
{
    return framework->is_returning &&
           master->now.mono_us < master->started.mono_us + master->agent_reregister_us;
}

bool may_still_return(const struct master *master, const struct framework *framework,
                      const struct task_ref *ref, const struct agent *agent)
{
    if (MUTATE(JUDGE_TOO_EARLY))
        return false;
    if (agent)
        return agent->state == AGENT_RECOVERED;
    if (!*ref->agent_id && master->recovered_count)
        return true;
    return is_returning(master, framework) && !agent_is_gone(master, ref->agent_id);
}

static void tell_unknown(struct master *master, const struct framework *framework,
                         const struct task_ref *ref)
{
    static const struct verdict gone = {TASK_GONE, REASON_RECONCILIATION,
                                        "the task is not on its agent"};
    static const struct verdict unreachable = {TASK_UNREACHABLE, REASON_RECONCILIATION,
                                               "its agent cannot be reached; it may come back"};
    static const struct verdict by_operator = {TASK_GONE_BY_OPERATOR, REASON_RECONCILIATION,
                                               "an operator has marked its agent gone"};
    static const struct verdict unknown = {TASK_UNKNOWN, REASON_RECONCILIATION,
                                           "neither the task nor its agent is known"};
    const struct agent *agent = *ref->agent_id ? agent_find(master, ref->agent_id) : NULL;
    const struct verdict *verdict = &unknown;
    struct task_status status;

    if (may_still_return(master, framework, ref, agent))
        return;
    if (agent)
        verdict = agent->state == AGENT_UNREACHABLE ? &unreachable : &gone;
    else if (agent_is_gone(master, ref->agent_id))
        verdict = &by_operator;
    status = status_by_master(master, ref->task_id, ref->agent_id, verdict);
    if (verdict == &unreachable)
        status.unreachable_us = agent->unreachable_us;
    framework_tell(master, framework, &status);
}

void reconcile_one(struct master *master, const struct framework *framework,
                   const struct task_ref *ref)
{
    const struct task *task = task_find(framework, ref->task_id);

    if (task)
        tell_known(master, task);
    else
        tell_unknown(master, framework, ref);
}

void on_reconcile(struct master *master, struct framework *framework, const struct message *message)
{
    const struct msg_reconcile *call = message->reconcile;
    struct task *task, *next;

    for (size_t i = 0; i < call->tasks_count; i++)
        reconcile_one(master, framework, &call->tasks[i]);
    if (call->tasks_count)
        return;
    HASH_ITER (hh, framework->tasks, task, next)
        tell_known(master, task);
}
