/* master/core/registration.c - an agent that is let in, new or back or of an earlier master, with what
 * runs on it.
 *
 * The agent is the source of truth for its tasks. The message is checked as a whole before anything
 * changes, so that the books cannot be brought out of balance: what the live tasks hold must be
 * part of what the agent has.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mutant.h"
#include "master/core/agents.h"
#include "master/core/changes.h"
#include "master/core/drain.h"
#include "master/core/filters.h"
#include "master/core/departed.h"
#include "master/core/frameworks.h"
#include "master/core/keep.h"
#include "master/core/kill.h"
#include "master/core/log.h"
#include "master/core/maintenance.h"
#include "master/core/offers.h"
#include "master/core/operations.h"
#include "master/core/preempt.h"
#include "master/core/tasks.h"
#include "master/core/weight.h"
#include "proto/resources_info.h"

/* --- is it acceptable? ------------------------------------------------------- */

/* Of one name, for whomever they are reserved: that can change. */
static int check_numbers(const struct resources *total, size_t first, struct err *err)
{
    const char *name = total->items[first].name;
    uint64_t numbers = 0;

    for (size_t i = first; i < total->count && !strcmp(total->items[i].name, name); i++) {
        const struct ranges *ranges = &total->items[i].ranges;

        for (size_t j = 0; j < ranges->count; j++) {
            uint64_t more = ranges->items[j].end - ranges->items[j].begin;

            if (more >= AGENT_NUMBERS_MAX || numbers + more >= AGENT_NUMBERS_MAX)
                return err_set(err, -ERANGE, "%s: more than %d numbers", name, AGENT_NUMBERS_MAX);
            numbers += more + 1;
        }
    }
    return 0;
}

/* There is one of it, and no other of its name in its role. */
static int check_volume(const struct resources *total, size_t index, struct err *err)
{
    const struct resource *portion = &total->items[index];
    const struct volume *volume = portion->terms->volume;

    if (portion->copies > 1)
        return err_set(err, -EINVAL, "volume %.80s is there %" PRId64 " times", volume->id,
                       portion->copies);
    for (size_t i = 0; i < index; i++)
        if (resource_volume(&total->items[i]) &&
            !strcmp(resource_volume(&total->items[i])->id, volume->id) &&
            !strcmp(total->items[i].role, portion->role))
            return err_set(err, -EEXIST, "role %.80s has two volumes %.80s", portion->role,
                           volume->id);
    return 0;
}

static int check_total(const struct agent_info *info, struct resources *ret_total, struct err *err)
{
    int r = resources_from_info(ret_total, info->resources, info->resources_count, err);

    for (size_t i = 0; i < ret_total->count && r == 0; i++) {
        if (ret_total->items[i].kind == RESOURCE_RANGES)
            r = check_numbers(ret_total, i, err);
        else if (resource_volume(&ret_total->items[i]))
            r = check_volume(ret_total, i, err);
    }
    return r < 0 ? err_wrap(err, r, "resources") : 0;
}

static int check_task(const struct agent_task *task, struct resources *sum, struct err *err)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    int r;

    if (!task_state_is_of_agent(task->state))
        return err_set(err, -EINVAL, "state %d is none that a task on an agent can have",
                       (int)task->state);
    r = resources_from_info(&resources, task->task->resources, task->task->resources_count, err);
    if (r < 0 || task->acknowledged || task_state_is_terminal(task->state))
        return r;
    return resources_add(sum, &resources, err);
}

/* Many tasks may have a shared volume. */
static void once_each(struct resources *sum)
{
    for (size_t i = 0; i < sum->count; i++)
        if (resource_is_shared(&sum->items[i]))
            sum->items[i].copies = 1;
}

static int check_tasks(const struct msg_register_agent *call, const struct resources *total,
                       struct err *err)
{
    CLEANUP(resources_fini) struct resources sum = {0};
    CLEANUP(buf_fini) struct buf lack = {0};

    for (size_t i = 0; i < call->tasks_count; i++) {
        int r = check_task(&call->tasks[i], &sum, err);

        if (r < 0)
            return err_wrap(err, r, "task %.64s", call->tasks[i].task->task_id);
    }
    once_each(&sum);
    if (resources_contain(total, &sum))
        return 0;
    resources_describe_lack(total, &sum, &lack);
    return err_set(err, -ERANGE, "its tasks hold more than it has, by %.150s", buf_text(&lack));
}

size_t agent_weight(const struct master *master, const struct agent_info *info)
{
    const struct agent_info offered = {
        .resources = info->resources,
        .resources_count = info->resources_count,
        .attributes = info->attributes,
        .attributes_count = info->attributes_count,
        .domain = info->domain,
        .topology = info->topology,
    };

    return record_weight(&agent_info_def, &offered, master->scratch);
}

/* Has it obeyed a master that came after this one, or one that came in its stead? */
static int check_reign(const struct master *master, const struct msg_register_agent *call,
                       struct err *err)
{
    if ((uint64_t)call->last_epoch > master->epoch && !MUTATE(SERVE_NEWER_AGENT))
        return err_set(
            err, -ESTALE,
            "it has obeyed a newer master, of epoch %" PRId64 ", this one's is %" PRIu64
            ". If no other master runs, this one's registry is an old copy or a new one: "
            "start it with --epoch-at-least %" PRId64,
            call->last_epoch, master->epoch, call->last_epoch + 1);
    if ((uint64_t)call->last_epoch == master->epoch && *call->last_master_id &&
        strcmp(call->last_master_id, master->id) != 0)
        return err_set(
            err, -ESTALE,
            "it has obeyed another master of epoch %" PRIu64
            ": two have begun with copies of one registry. Stop one, and start the other "
            "with --epoch-at-least %" PRIu64,
            master->epoch, master->epoch + 1);
    return 0;
}

int registration_check(const struct master *master, const struct agent *current,
                       const struct msg_register_agent *call, struct resources *ret_total,
                       struct err *err)
{
    int r;

    if (current)
        return err_set(err, -EEXIST, "this session is agent %.128s already", current->id);
    r = check_reign(master, call, err);
    if (r < 0)
        return r;
    r = check_total(call->agent, ret_total, err);
    if (r < 0)
        return r;
    if (agent_weight(master, call->agent) > AGENT_WEIGHT_MAX)
        return err_set(err, -E2BIG,
                       "its resources, attributes and topology take more than %d bytes",
                       AGENT_WEIGHT_MAX);
    if (record_weight(&agent_info_def, call->agent, master->scratch) > AGENT_SHOWN_MAX)
        return err_set(err, -E2BIG, "its topology and all else it says take more than %d bytes",
                       AGENT_SHOWN_MAX);
    return check_tasks(call, ret_total, err);
}

/* --- its tasks --------------------------------------------------------------- */

/* NULL: it says nothing, or more than a framework could have said. */
static const struct framework_info *info_of(const struct master *master,
                                            const struct msg_register_agent *call, const char *id)
{
    for (size_t i = 0; i < call->frameworks_count; i++) {
        const struct framework_info *info = &call->frameworks[i];

        if (!strcmp(info->id, id))
            return framework_is_showable(master, info) ? info : NULL;
    }
    return NULL;
}

/* An agent's word does not make more roles than a framework may have. */
static struct subscription *subscription_of(struct master *master, struct framework *framework,
                                            const char *role)
{
    const struct subscription *subscription;
    size_t count;

    DL_COUNT(framework->subscriptions, subscription, count);
    if (role_check(role, NULL) < 0 || count >= FRAMEWORK_ROLES_MAX)
        role = RESOURCE_ROLE_ANY;
    return subscription_get_or_add(master, framework, role);
}

static struct task *adopt_new(struct master *master, struct agent *agent,
                              struct framework *framework, const struct agent_task *reported,
                              struct resources *resources)
{
    struct task *task = task_add(master, subscription_of(master, framework, reported->role), agent,
                                 reported->task->task_id, resources, reported->state);

    task_note_executor(task, reported->task);
    preempt_on_report(master, task, reported);
    publish_task(master, task, reported->task, reported->status);
    return task;
}

static void adopt_known(struct master *master, struct task *task, const struct agent_task *reported,
                        struct resources *resources)
{
    resources_swap(&task->resources, resources);
    if (!task_may_move(task, reported->state))
        return;
    task_move(master, task, reported->state);
    publish_task_status(master, task, reported->status);
}

/* In the words of its agent, if it has any: the last that was told of it may have been told to an earlier master, and not
 * be told again. What is shown of a new one is that already. */
static void tell_back(struct master *master, struct task *task, const struct agent_task *reported,
                      bool is_new)
{
    const struct verdict back = {reported->state, REASON_AGENT_REREGISTERED,
                                 "its agent has registered again"};
    const struct task_status *last = reported->status;
    struct task_status status = status_by_master(master, task->id, task->agent->id, &back);

    if (last && last->message && *last->message)
        status.message = last->message;
    if (last) {
        status.container = last->container;
        status.health = last->health;
        status.check = last->check;
    }
    task->told = status.state;
    task->has_told_uuid = false;
    if (!is_new || !last)
        publish_task_status(master, task, &status);
    framework_tell(master, task->subscription->framework, &status);
}

/* A task of ours on this agent, or one that we did not know. */
static void adopt(struct master *master, struct agent *agent, struct framework *framework,
                  struct task *task, const struct agent_task *reported)
{
    const struct task_info *info = reported->task;
    bool is_new = !task, is_news = is_new || task->state == TASK_UNREACHABLE;
    CLEANUP(resources_fini) struct resources resources = {0};

    BUG_ON(resources_from_info(&resources, info->resources, info->resources_count, NULL) < 0);
    if (task)
        adopt_known(master, task, reported, &resources);
    else
        task = adopt_new(master, agent, framework, reported, &resources);
    task->is_reported = true;
    task->is_kill_sent = false; /* whether it has heard of one, it has said */
    task_note_status(task, reported->status);
    task_settle(master, task);
    if (task_state_is_terminal(task->state))
        return;
    if (is_news)
        tell_back(master, task, reported, is_new);
    if (task->is_kill_wanted || (agent_drain(agent) && !MUTATE(DRAIN_NOTHING)))
        kill_send(master, task);
}

/* Whose task is it? NULL: of nobody that is known. */
static struct framework *owner_of(struct master *master, const struct msg_register_agent *call,
                                  const struct agent_task *reported)
{
    const char *id = reported->framework_id;
    struct framework *framework = framework_find(master, id);

    if (framework)
        return framework;
    if (framework_is_completed(master, id) || reported->disowned)
        return framework_recover_removed(master, id, info_of(master, call, id));
    return framework_recover(master, id, info_of(master, call, id));
}

static void take_report(struct master *master, struct agent *agent,
                        const struct msg_register_agent *call, const struct agent_task *reported)
{
    const char *task_id = reported->task->task_id, *framework_id = reported->framework_id;
    struct framework *framework = framework_find(master, framework_id);
    struct task *task = framework ? task_find(framework, task_id) : NULL;

    if (reported->acknowledged) {
        if (task && task->agent == agent)
            task_remove(master, task);
    } else if (task && task->agent != agent) {
        log_warn(master, "agent %s has task %s of %s, which is on agent %s: it is to kill it",
                 agent->id, task_id, framework_id, task->agent->id);
        agent_send(master, agent,
                   MESSAGE(KILL_TASK, kill_task, .framework_id = framework_id, .task_id = task_id));
    } else if (!task || !task->is_reported) {
        framework = owner_of(master, call, reported);
        adopt(master, agent, framework, task, reported);
        if (framework->state == FRAMEWORK_REMOVED)
            agent_tell_end(master, agent, framework->id);
    }
}

/* What we believed to be there and is not. */
static void end_missing(struct master *master, struct agent *agent)
{
    const struct verdict dropped = {TASK_DROPPED, REASON_RECONCILIATION,
                                    "the task never reached its agent"};
    const struct verdict gone = {TASK_GONE, REASON_RECONCILIATION,
                                 "its agent has registered again without the task"};
    struct task *task, *next;

    DL_FOREACH_SAFE (agent->tasks, task, next) {
        if (!task->is_reported && !MUTATE(KEEP_MISSING_TASK))
            task_end(master, task, task->state == TASK_STAGING ? &dropped : &gone);
        else
            task->is_reported = false;
    }
}

/* --- the agent itself -------------------------------------------------------- */

/* What we knew of it until now makes room for what it says. */
static void agent_supersede(struct master *master, struct agent *agent)
{
    struct task *task;

    if (agent->state == AGENT_REGISTERED) {
        master->env.close(master->env.ctx, agent->session, "a newer session of the same agent");
        agent_move(master, agent, AGENT_DISCONNECTED);
    }
    offers_rescind_agent(master, agent, "the agent has registered again");
    filters_clear_agent(master, agent);
    deadline_cancel(&master->deadlines, &agent->timeout);
    DL_FOREACH (agent->tasks, task)
        task_release(master, task);
}

void registration_answer(struct master *master, const struct agent *agent)
{
    agent_send(master, agent,
               MESSAGE(AGENT_REGISTERED, agent_registered, .agent_id = agent->id,
                       .master_id = master->id));
}

/* The registry has it as it was, or as unreachable: then that was on its way when it came. */
static void keep_news(struct master *master, struct agent *agent, bool has_changed)
{
    if (has_changed || agent->marking)
        keep_agent_soon(master, agent);
    agent->marking = 0;
}

static struct agent *agent_register(struct master *master, uint64_t session, const char *id,
                                    const struct agent_info *info, struct resources *total)
{
    struct agent *agent = agent_find(master, id);
    bool has_changed =
        agent && agent->state != AGENT_UNREACHABLE && !kept_is_same(agent->info, info);
    bool is_return = *info->id != '\0';

    if (agent)
        agent_supersede(master, agent);
    else
        agent = agent_add(master, id);
    agent_set_info(agent, info);
    maintenance_on_agent(master, agent);
    agent->weight = agent_weight(master, info);
    agent_set_total(master, agent, total);
    agent->session = session;
    agent_move(master, agent, AGENT_REGISTERED);
    if (!agent->registered_us)
        agent->registered_us = master->now.wall_us;
    if (is_return)
        agent->reregistered_us = master->now.wall_us;
    counter_add(master, is_return ? COUNTER_AGENT_REREGISTRATIONS : COUNTER_AGENT_REGISTRATIONS);
    keep_news(master, agent, has_changed);
    registration_answer(master, agent);
    publish_agent(master, agent);
    return agent;
}

void registration_apply(struct master *master, uint64_t session, const char *id,
                        const struct msg_register_agent *call, struct resources *total)
{
    struct agent *agent = agent_register(master, session, id, call->agent, total);

    for (size_t i = 0; i < call->tasks_count; i++)
        take_report(master, agent, call, &call->tasks[i]);
    end_missing(master, agent);
    operations_settle(master, agent, call);
    drain_on_registered(master, agent);
    offers_wake(master, agent);
}
