/* master/core/preempt_say.c - what those hear whose tasks give way, and those who look at them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "master/core/changes.h"
#include "master/core/frameworks.h"
#include "master/core/preempt_state.h"

const struct preempt_info *preempt_of(const struct task *task, struct preempt_info *ret_info)
{
    const struct preemption *preemption = task->victim ? task->victim->preemption : NULL;

    if (!preemption)
        return NULL;
    *ret_info = (struct preempt_info){.role = preemption->subscription->role,
                                      .framework_id = preemption->subscription->framework->id,
                                      .need = preemption->need->info->name,
                                      .priority = preemption->need->info->priority,
                                      .guarantee = preemption->by_guarantee,
                                      .deadline_us = preemption->kill_us};
    return ret_info;
}

/* By which rule it is this task. */
static void describe_rule(const struct master *master, const struct preemption *preemption,
                          const struct task *task, char *out, size_t size)
{
    const char *role = preemption->subscription->role, *own = task->subscription->role;

    if (task->is_revocable)
        snprintf(out, size, "what it has is revocable");
    else if (preemption->by_guarantee)
        snprintf(out, size, "of what that role is guaranteed it lacks this");
    else if (!strcmp(role, own))
        snprintf(out, size, "its priority is %" PRId64 ", the task's %d",
                 preemption->need->info->priority, task->priority);
    else
        snprintf(out, size, "that role's priority is %" PRId64 ", role %.40s's %" PRId64,
                 preempt_role_priority(master, role), own, preempt_role_priority(master, own));
}

void preemption_describe(const struct master *master, const struct preemption *preemption,
                         const struct task *task, char ret_why[PREEMPT_WHY_MAX])
{
    char rule[128];

    describe_rule(master, preemption, task, rule, sizeof(rule));
    snprintf(ret_why, PREEMPT_WHY_MAX,
             "role %.40s needs its room (need %.32s of framework %.40s): %s",
             preemption->subscription->role, preemption->need->info->name,
             preemption->subscription->framework->id, rule);
}

int64_t preempt_describe_kill(const struct master *master, const struct task *task,
                              char ret_why[PREEMPT_WHY_MAX])
{
    if (task->victim)
        preemption_describe(master, task->victim->preemption, task, ret_why);
    else
        snprintf(ret_why, PREEMPT_WHY_MAX, "another was to run in its place");
    /* 0 would be no limit. */
    return master->preempting->grace_max_us / US_PER_MS + 1;
}

void preemption_tell(struct master *master, const struct task *task, const char *why,
                     bool withdrawn)
{
    const struct framework *framework = task->subscription->framework;
    int64_t left_us = task->victim->preemption->due.at_us - master->now.mono_us;

    if (!framework->hears_notice)
        return;
    framework_send(master, framework,
                   MESSAGE(PREEMPT, preempt, .task_id = task->id, .agent_id = task->agent->id,
                           .deadline_ms = withdrawn || left_us < 0 ? 0 : left_us / US_PER_MS,
                           .reason = why, .withdrawn = withdrawn));
}

void preempt_on_subscribed(struct master *master, const struct framework *framework)
{
    const struct preemption *preemption;
    const struct victim *victim;
    char why[PREEMPT_WHY_MAX];

    DL_FOREACH (master->preempting->list, preemption)
        DL_FOREACH (preemption->victims, victim) {
            if (victim->task->subscription->framework != framework ||
                preemption->stage != PREEMPT_NOTICE)
                continue;
            preemption_describe(master, preemption, victim->task, why);
            preemption_tell(master, victim->task, why, false);
        }
}
