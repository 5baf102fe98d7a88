/* master/core/operator.c - what an operator may ask of the core. */
#include "master/core/operator.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "master/core/drain.h"
#include "master/core/errands.h"
#include "master/core/explain.h"
#include "master/core/frameworks.h"
#include "master/core/keep.h"
#include "master/core/kill.h"
#include "master/core/log.h"
#include "master/core/maintenance.h"
#include "master/core/operations.h"
#include "master/core/policy.h"
#include "master/core/tasks.h"

void operator_answer(struct master *master, uint64_t number, int code, const char *format, ...)
{
    struct msg_operator_reply reply = {.code = code};
    char line[ERR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    utf8_repair(line);
    va_end(args);
    reply.message = line;
    master->env.reply(master->env.ctx, number, &reply);
}

void operator_answer_unkept(struct master *master, uint64_t number, const char *why)
{
    operator_answer(master, number, 503,
                    "nothing was changed: the registry cannot be written: %.180s", why);
}

/* How many live tasks have this id, in all frameworks or in the named one, and the last of them. */
static size_t find_tasks(const struct master *master, const struct msg_operator_kill *call,
                         struct task **ret_task)
{
    const struct framework *framework;
    size_t found = 0;

    for (framework = master->frameworks; framework; framework = framework->hh.next) {
        struct task *task = task_find(framework, call->task_id);

        if (*call->framework_id && strcmp(call->framework_id, framework->id) != 0)
            continue;
        if (!task || task_state_is_terminal(task->state))
            continue;
        *ret_task = task;
        found++;
    }
    return found;
}

static void operator_kill(struct master *master, uint64_t number,
                          const struct msg_operator_kill *call)
{
    struct task *task = NULL;
    size_t found = find_tasks(master, call, &task);

    if (!found) {
        operator_answer(master, number, 404, "no live task has the id %.128s", call->task_id);
        return;
    }
    if (found > 1) {
        operator_answer(master, number, 409, "%zu frameworks have a task %.128s: give framework_id",
                        found, call->task_id);
        return;
    }
    kill_task(master, task, call->kill_policy);
    log_note(master, "an operator kills task %s of framework %s", task->id,
             task->subscription->framework->id);
    if (task->agent->state != AGENT_REGISTERED)
        operator_answer(master, number, 202, "agent %.128s is away: it is told when it is back",
                        task->agent->id);
    else
        operator_answer(master, number, 202, "agent %.128s is told to kill it", task->agent->id);
}

/* A framework that is torn down when the registry says so. */
struct teardown {
    uint64_t call;
    char id[];
};

static void on_teardown_kept(struct master *master, void *arg, const struct kept *kept)
{
    const struct teardown *teardown = arg;
    struct framework *framework = framework_find(master, teardown->id);

    if (kept->rc < 0) {
        operator_answer_unkept(master, teardown->call, kept->why);
        return;
    }
    /* It may have ended by itself in the meantime. */
    if (framework && framework->state != FRAMEWORK_REMOVED) {
        framework_send(master, framework,
                       MESSAGE(ERROR, error, .message = "Framework was torn down by an operator"));
        framework_end(master, framework, REMOVED_TEARDOWN, "an operator tore it down");
    }
    operator_answer(master, teardown->call, 200, "framework %.128s is torn down", teardown->id);
}

/* The answer is as long as it takes. */
static void operator_explain(struct master *master, uint64_t number,
                             const struct msg_operator_explain *call)
{
    CLEANUP(buf_fini) struct buf text = {0};
    struct msg_operator_reply answer = {.code = explain(master, call, &text)};

    buf_text(&text);
    utf8_repair(text.data);
    answer.message = text.data;
    master->env.reply(master->env.ctx, number, &answer);
}

static void operator_teardown(struct master *master, uint64_t number,
                              const struct msg_operator_teardown *call)
{
    struct framework *framework = framework_find(master, call->framework_id);
    size_t size = strlen(call->framework_id) + 1;
    struct msg_kept_framework body;
    struct framework_info info;
    struct teardown *teardown;
    struct message record;

    if (!framework || framework->state == FRAMEWORK_REMOVED) {
        operator_answer(master, number, 404, "no framework has the id %.128s", call->framework_id);
        return;
    }
    teardown = mem_calloc(1, sizeof(*teardown) + size);
    teardown->call = number;
    memcpy(teardown->id, call->framework_id, size);
    record = framework_removal_of(master, framework, &body, &info);
    keep(master, &record, on_teardown_kept, teardown);
}

void operator_call(struct master *master, const struct message *call)
{
    uint64_t number = call->number;

    counter_add(master, COUNTER_MESSAGES_OPERATOR);
    if (call->type == MSG_OPERATOR_EXPLAIN)
        operator_explain(master, number, call->operator_explain);
    else if (call->type == MSG_OPERATOR_SET_QUOTA)
        operator_set_quota(master, number, call->operator_set_quota);
    else if (call->type == MSG_OPERATOR_SET_WEIGHT)
        operator_set_weight(master, number, call->operator_set_weight);
    else if (call->type == MSG_OPERATOR_SET_PRIORITY)
        operator_set_priority(master, number, call->operator_set_priority);
    else if (call->type == MSG_OPERATOR_SET_OFFERS)
        operator_set_offers(master, number, call->operator_set_offers);
    else if (call->type == MSG_OPERATOR_SET_ROLES)
        operator_set_roles(master, number, call->operator_set_roles);
    else if (call->type == MSG_OPERATOR_KILL)
        operator_kill(master, number, call->operator_kill);
    else if (call->type == MSG_OPERATOR_TEARDOWN)
        operator_teardown(master, number, call->operator_teardown);
    else if (call->type == MSG_OPERATOR_DRAIN_AGENT)
        operator_drain(master, number, call->operator_drain_agent);
    else if (call->type == MSG_OPERATOR_DEACTIVATE_AGENT)
        operator_deactivate(master, number, call->operator_deactivate_agent);
    else if (call->type == MSG_OPERATOR_REACTIVATE_AGENT)
        operator_reactivate(master, number, call->operator_reactivate_agent);
    else if (call->type == MSG_OPERATOR_MARK_GONE)
        operator_mark_gone(master, number, call->operator_mark_gone);
    else if (call->type == MSG_OPERATOR_SCHEDULE_MAINTENANCE)
        operator_schedule_maintenance(master, number, call->operator_schedule_maintenance);
    else if (call->type == MSG_OPERATOR_CANCEL_MAINTENANCE)
        operator_cancel_maintenance(master, number, call->operator_cancel_maintenance);
    else if (call->type == MSG_OPERATOR_START_MAINTENANCE)
        operator_start_maintenance(master, number, call->operator_start_maintenance);
    else if (call->type == MSG_OPERATOR_STOP_MAINTENANCE)
        operator_stop_maintenance(master, number, call->operator_stop_maintenance);
    else if (call->type == MSG_OPERATOR_OPERATION)
        operator_operation(master, number, call->operator_operation);
    else if (call->type == MSG_OPERATOR_RESERVATION)
        operator_reservation(master, number, call->operator_reservation);
    else if (call->type == MSG_OPERATOR_VOLUME)
        operator_volume(master, number, call->operator_volume);
    else
        operator_answer(master, number, 400, "%s is no call of an operator",
                        message_name(call->type));
}
