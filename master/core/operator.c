/* master/core/operator.c - what an operator may ask of the core. */
#include "master/core/operator.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "master/core/explain.h"
#include "master/core/frameworks.h"
#include "master/core/kill.h"
#include "master/core/log.h"
#include "master/core/policy.h"
#include "master/core/tasks.h"

static void reply(struct master *master, struct msg_operator_reply *ret_reply, int code,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

static void reply(struct master *master, struct msg_operator_reply *ret_reply, int code,
                  const char *format, ...)
{
    char line[ERR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    utf8_repair(line);
    va_end(args);
    buf_consume(&master->text, master->text.size);
    buf_puts(&master->text, line);
    ret_reply->code = code;
    ret_reply->message = buf_text(&master->text);
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

static void operator_kill(struct master *master, const struct msg_operator_kill *call,
                          struct msg_operator_reply *ret_reply)
{
    struct task *task = NULL;
    size_t found = find_tasks(master, call, &task);

    if (!found) {
        reply(master, ret_reply, 404, "no live task has the id %.128s", call->task_id);
        return;
    }
    if (found > 1) {
        reply(master, ret_reply, 409, "%zu frameworks have a task %.128s: give framework_id", found,
              call->task_id);
        return;
    }
    kill_task(master, task, call->kill_policy);
    log_note(master, "an operator kills task %s of framework %s", task->id,
             task->subscription->framework->id);
    if (task->agent->state != AGENT_REGISTERED)
        reply(master, ret_reply, 202, "agent %.128s is away: it is told when it is back",
              task->agent->id);
    else
        reply(master, ret_reply, 202, "agent %.128s is told to kill it", task->agent->id);
}

static void operator_teardown(struct master *master, const struct msg_operator_teardown *call,
                              struct msg_operator_reply *ret_reply)
{
    struct framework *framework = framework_find(master, call->framework_id);

    if (!framework) {
        reply(master, ret_reply, 404, "no framework has the id %.128s", call->framework_id);
        return;
    }
    framework_send(master, framework,
                   MESSAGE(ERROR, error, .message = "Framework was torn down by an operator"));
    reply(master, ret_reply, 200, "framework %.128s is torn down", framework->id);
    framework_remove(master, framework, REMOVED_TEARDOWN, "an operator tore it down");
}

static void operator_explain(struct master *master, const struct msg_operator_explain *call,
                             struct msg_operator_reply *ret_reply)
{
    buf_consume(&master->text, master->text.size);
    ret_reply->code = explain(master, call, &master->text);
    buf_text(&master->text);
    utf8_repair(master->text.data);
    ret_reply->message = master->text.data;
}

void operator_call(struct master *master, const struct message *call,
                   struct msg_operator_reply *ret_reply)
{
    struct err text;
    int code = policy_call(master, call, &text);

    counter_add(master, COUNTER_MESSAGES_OPERATOR);
    if (call->type == MSG_OPERATOR_EXPLAIN)
        operator_explain(master, call->operator_explain, ret_reply);
    else if (code)
        reply(master, ret_reply, code, "%s", text.text);
    else if (call->type == MSG_OPERATOR_KILL)
        operator_kill(master, call->operator_kill, ret_reply);
    else if (call->type == MSG_OPERATOR_TEARDOWN)
        operator_teardown(master, call->operator_teardown, ret_reply);
    else
        reply(master, ret_reply, 400, "%s is no call of an operator", message_name(call->type));
}
