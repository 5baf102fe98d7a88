/* Executors: who they are, whether they are there, and what that means for their tasks.
 *
 * An executor is a task as any other until its container has started. Then it has to come by itself, with the token
 * that only it was given; from there on it is TASK_RUNNING. It may go and come again, as it does when the agent is
 * restarted. Its life is its tasks': they end with it. What goes on between it and its tasks is executor_tasks.c.
 */
#include "agent/core/state.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "proto/executors.h"

#define SECRET_BYTES 16
#define TOKEN_SIZE   (2 * SECRET_BYTES + 1)
#define WHY_MAX      512

/* --- beginnings and ends ------------------------------------------------------------------------ */

struct executor *executors_find(const struct framework *framework, const char *executor_id)
{
    const struct task *task =
        executor_id && *executor_id ? agent_task_get(framework, executor_id) : NULL;

    return task && task->executor && task->is_contained && !task->ending ? task->executor : NULL;
}

static void end_for_lack_of_it(struct agent *self, struct executor *executor)
{
    const struct executor_info *info = executor->task->info->executor;
    struct task *task = executor->task;

    if (task->state == TASK_RUNNING) {
        task->ending_why =
            arena_printf(task->arena, "the executor did not come back within %lld ms",
                         (long long)(self->reregister_us / US_PER_MS));
        life_end(self, task, ENDING_UNREREGISTERED, 0);
        return;
    }
    task->ending_why = arena_printf(
        task->arena, "the executor did not subscribe within %lld ms",
        (long long)executor_ms(info->registration_timeout_ms, EXECUTOR_REGISTRATION_MS));
    life_end(self, task, ENDING_UNREGISTERED, 0);
}

static void on_patience_due(void *owner, struct deadline *deadline)
{
    end_for_lack_of_it(owner, CONTAINER_OF(deadline, struct executor, patience));
}

static void make(struct agent *self, struct task *task, const char *token)
{
    struct executor *executor = mem_new(struct executor);

    executor->task = task;
    executor->token = arena_strdup(task->arena, token);
    executor->patience.due = on_patience_due;
    executor->size_again.due = executor_size_again_due;
    task->executor = executor;
    DL_APPEND(self->executors, executor);
}

int executors_new(struct agent *self, struct task *task, struct err *err)
{
    unsigned char secret[SECRET_BYTES];
    char token[TOKEN_SIZE];
    int rc;

    if (!self->env.tell_executor)
        return err_set(err, -ENOTSUP, "this agent takes no executors");
    rc = self->env.draw_secret(self->env.ctx, secret, sizeof(secret));
    if (rc < 0)
        return err_errno(err, rc, "its executor's token");
    for (size_t i = 0; i < SECRET_BYTES; i++)
        snprintf(token + 2 * i, 3, "%02x", secret[i]);
    make(self, task, token);
    return 0;
}

void executors_restore(struct agent *self, struct task *task, const char *token)
{
    make(self, task, token);
}

/* It comes back by itself, or its container ends, or its time is over. */
static void disconnect(struct agent *self, struct executor *executor)
{
    if (!executor->connection)
        return;
    HASH_DELETE(by_connection, self->connections, executor);
    executor->connection = 0;
    executor->is_subscribed = executor->is_behind = executor->is_unheard = false;
    executor_drop_debts(executor);
    if (executor->task->state == TASK_RUNNING)
        deadline_set(&self->deadlines, &executor->patience,
                     self->now.mono_us + self->reregister_us);
}

static void hang_up(struct agent *self, struct executor *executor)
{
    uint64_t connection = executor->connection;

    disconnect(self, executor);
    if (connection)
        self->env.drop_executor(self->env.ctx, connection);
}

static void executor_end(struct agent *self, struct executor *executor)
{
    executor->has_exited = true;
    executor->is_end_due = false;
    disconnect(self, executor);
    deadline_cancel(&self->deadlines, &executor->patience);
    deadline_cancel(&self->deadlines, &executor->size_again);
    while (executor->queued)
        executor_unlink(executor->queued);
    while (executor->handed)
        executor_unlink(executor->handed);
    if (!executor->prev)
        return;
    DL_DELETE(self->executors, executor);
    executor->prev = NULL;
}

void executors_leave(struct agent *self, struct task *task)
{
    struct executor *host = task->host;

    executor_unlink(task);
    if (host)
        executor_size(self, host);
    if (!task->executor)
        return;
    hang_up(self, task->executor);
    executor_end(self, task->executor);
}

void executors_forget(struct agent *self, struct task *task)
{
    executor_unlink(task);
    if (!task->executor)
        return;
    executor_end(self, task->executor);
    resources_fini(&task->executor->asked);
    resources_fini(&task->executor->room);
    free(task->executor);
    task->executor = NULL;
}

/* --- its container ------------------------------------------------------------------------------ */

static int64_t registration_us(const struct task *task)
{
    return executor_ms(task->info->executor->registration_timeout_ms, EXECUTOR_REGISTRATION_MS) *
           US_PER_MS;
}

void executors_on_started(struct agent *self, struct task *task)
{
    struct executor *executor = task->executor;

    if (executor->is_subscribed) {
        life_register(self, task);
    } else {
        deadline_set(&self->deadlines, &executor->patience,
                     self->now.mono_us + registration_us(task));
        agent_task_move(self, task,
                        &(struct task_news){.state = TASK_STARTING,
                                            .message = "the executor is started, and has yet to "
                                                       "subscribe"});
    }
    executor_size(self, executor);
    executor_hand_over(self, executor);
}

static void end_with_it(struct agent *self, struct task *task,
                        const struct msg_container_exited *event, const char *how)
{
    char text[WHY_MAX];
    struct task_news news = {.message = text};
    bool had_it = task->is_handed && !(event->never_launched && task->state == TASK_STAGING);

    snprintf(text, sizeof(text), "its executor %s: %.*s", task->host->task->info->task_id,
             WHY_MAX - 300, how);
    if (task->ending) {
        life_finish_ending(self, task, &news);
        return;
    }
    news.state = had_it ? TASK_FAILED : TASK_DROPPED;
    news.reason = event->limitation && had_it ? event->limitation : REASON_EXECUTOR_TERMINATED;
    life_finish(self, task, &news);
}

void executors_on_exited(struct agent *self, struct task *task,
                         const struct msg_container_exited *event, const char *how)
{
    struct executor *executor = task->executor;

    if (!executor)
        return;
    executor->has_exited = true;
    while (executor->queued && !MUTATE(LEAVE_QUEUED))
        end_with_it(self, executor->queued, event, how);
    while (executor->handed)
        end_with_it(self, executor->handed, event, how);
}

/* --- its end ------------------------------------------------------------------------------------ */

/* What has to do with the executor alone is its tasks' misfortune. */
static enum task_ending ending_of_tasks(const struct task *task, struct arena *arena,
                                        const char **ret_why)
{
    *ret_why = task->ending_why ? arena_strdup(arena, task->ending_why) : NULL;
    switch (task->ending) {
    case ENDING_TIMEOUT:
        *ret_why = "its executor ran longer than it may";
        return ENDING_UNRULY;
    case ENDING_UNHEALTHY:
        *ret_why = "its executor is unhealthy";
        return ENDING_UNRULY;
    default:
        return task->ending;
    }
}

static void end_list(struct agent *self, struct task *tasks, int64_t grace_us)
{
    struct task *task, *next;

    DL_FOREACH_SAFE2(tasks, task, next, inside_next)
    {
        const char *why;
        enum task_ending ending = ending_of_tasks(task->host->task, task->arena, &why);

        if (!task->ending)
            task->ending_why = why;
        life_end(self, task, ending, grace_us);
    }
}

void executors_end_tasks(struct agent *self, struct task *task, int64_t grace_us)
{
    if (!task->executor)
        return;
    deadline_cancel(&self->deadlines, &task->executor->patience);
    deadline_cancel(&self->deadlines, &task->executor->size_again);
    end_list(self, task->executor->queued, grace_us);
    end_list(self, task->executor->handed, grace_us);
}

static int64_t grace_left_ms(const struct agent *self, const struct task *task)
{
    int64_t left_us = task->kill_by_mono_us - self->now.mono_us;

    return left_us > 0 ? left_us / US_PER_MS : 0;
}

static void shut_down(struct agent *self, struct executor *executor)
{
    executor_tell(self, executor,
                  MESSAGE(EXECUTOR_SHUTDOWN, executor_shutdown,
                          .grace_ms = grace_left_ms(self, executor->task)),
                  false);
}

/* A new agent that does not know of the end would take it for one that goes on, and launch into it what ends with it.
 * A disk that stays full does not keep it alive. */
static bool is_end_known(const struct agent *self, const struct executor *executor)
{
    return executor->ending_record <= self->written || self->is_store_failing ||
           MUTATE(END_UNWRITTEN);
}

void executor_end_if_due(struct agent *self, struct executor *executor)
{
    const struct task *task = executor->task;

    if (!executor->is_end_due || !is_end_known(self, executor))
        return;
    executor->is_end_due = false;
    if (executor->is_subscribed && !task->is_forced)
        shut_down(self, executor);
    else
        order_signal(self, task, task->is_forced);
}

void executors_end(struct agent *self, struct task *task, bool is_first)
{
    if (is_first)
        task->executor->ending_record = task->record;
    task->executor->is_end_due = true;
    executor_end_if_due(self, task->executor);
}

void executors_on_store_failed(struct agent *self)
{
    struct executor *executor;

    DL_FOREACH (self->executors, executor)
        executor_end_if_due(self, executor);
}

/* --- what it says ------------------------------------------------------------------------------- */

static struct executor *find(const struct agent *self, uint64_t connection)
{
    struct executor *executor;

    HASH_FIND(by_connection, self->connections, &connection, sizeof(connection), executor);
    return executor;
}

/* Of a stranger, or of one who may try again. */
static void refuse(struct agent *self, uint64_t connection, const char *why)
{
    struct executor *executor = find(self, connection);

    self->counters.executors_refused++;
    agent_log(self, LOG_LEVEL_WARNING, "a connection for executors is closed: %s", why);
    self->env.tell_executor(self->env.ctx, connection,
                            &MESSAGE(EXECUTOR_ERROR, executor_error, .message = why), false);
    if (executor)
        disconnect(self, executor);
    self->env.drop_executor(self->env.ctx, connection);
}

/* It would say the same again when it comes back; and what becomes of its tasks nobody could believe. */
static void end_unruly(struct agent *self, struct executor *executor, const char *why)
{
    struct task *task = executor->task;

    self->counters.executors_unruly++;
    agent_log(self, LOG_LEVEL_WARNING, "executor %s of %s is ended: %s", task->info->task_id,
              task->framework->info->id, why);
    executor_tell(self, executor, MESSAGE(EXECUTOR_ERROR, executor_error, .message = why), false);
    hang_up(self, executor);
    if (!task->ending)
        task->ending_why = arena_printf(task->arena, "the executor broke the protocol: %s", why);
    life_end(self, task, ENDING_UNRULY, 0);
}

/* In a time that says nothing of where they differ. */
static bool is_token(const char *token, const char *said)
{
    size_t size = strlen(token);
    unsigned char differ = 0;

    if (!size || strlen(said) != size)
        return false;
    for (size_t i = 0; i < size; i++)
        differ |= (unsigned char)(token[i] ^ said[i]);
    return !differ;
}

static struct executor *find_by_token(const struct agent *self,
                                      const struct msg_executor_hello *hello)
{
    struct framework *framework = agent_framework_get(self, hello->framework_id);
    struct task *task = framework ? agent_task_get(framework, hello->executor_id) : NULL;

    if (!task || !task->executor || !task->is_contained)
        return NULL;
    return is_token(task->executor->token, hello->token) ? task->executor : NULL;
}

/* An executor has one connection: the newer one is it. */
static void on_hello(struct agent *self, uint64_t connection,
                     const struct msg_executor_hello *hello)
{
    struct executor *executor = find_by_token(self, hello);

    if (!executor) {
        refuse(self, connection, "no executor of that id and token is here");
        return;
    }
    if (hello->protocol_version != PROTOCOL_VERSION) {
        refuse(self, connection, "another version of the protocol is spoken here");
        return;
    }
    hang_up(self, executor);
    executor->connection = connection;
    HASH_ADD(by_connection, self->connections, connection, sizeof(connection), executor);
    self->env.admit_executor(self->env.ctx, connection);
}

static void on_subscribe(struct agent *self, struct executor *executor,
                         const struct msg_executor_subscribe *call)
{
    struct task *task = executor->task;

    self->counters.executors_registered++;
    executor->is_subscribed = true;
    deadline_cancel(&self->deadlines, &executor->patience);
    executor_tell(self, executor,
                  MESSAGE(EXECUTOR_SUBSCRIBED, executor_subscribed,
                          .framework = task->framework->info, .agent_id = self->info.id,
                          .hostname = self->info.hostname, .container_id = task->container_id),
                  false);
    executor_settle(self, executor, call);
    executor_listen(self, executor);
    if (task->ending && !executor->is_end_due)
        shut_down(self, executor);
    else if (task->is_started && task->state == TASK_STARTING)
        life_register(self, task);
    executor_hand_over(self, executor);
}

static void on_update(struct agent *self, struct executor *executor,
                      const struct msg_executor_update *update)
{
    struct err err;

    if (executor_on_update(self, executor, update, &err) < 0)
        end_unruly(self, executor, err.text);
}

/* Of itself, or of one of its tasks; whatever else it names is itself. */
static void on_message(struct agent *self, const struct executor *executor,
                       const struct msg_message_to_framework *message)
{
    const struct framework *framework = executor->task->framework;
    const struct task *about = agent_task_get(framework, message->task_id);
    bool is_its = about && (about == executor->task || about->host == executor);

    self->counters.messages_of_executors++;
    agent_tell_master(self,
                      MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework,
                              .framework_id = framework->info->id, .agent_id = self->info.id,
                              .task_id = is_its ? message->task_id : executor->task->info->task_id,
                              .data = message->data),
                      0);
}

static void hear(struct agent *self, struct executor *executor, const struct message *message)
{
    uint64_t connection = executor->connection;

    if (message->type == MSG_EXECUTOR_SUBSCRIBE && !executor->is_subscribed)
        on_subscribe(self, executor, message->executor_subscribe);
    else if (!executor->is_subscribed)
        refuse(self, connection, "after its hello an executor subscribes");
    else if (message->type == MSG_EXECUTOR_UPDATE)
        on_update(self, executor, message->executor_update);
    else if (message->type == MSG_MESSAGE_TO_FRAMEWORK)
        on_message(self, executor, message->message_to_framework);
    else
        refuse(self, connection, "that is nothing that an executor says");
}

void agent_on_executor(struct agent *self, struct now now, uint64_t connection,
                       const struct message *message)
{
    struct executor *executor = find(self, connection);

    self->now = now;
    if (self->is_stopped)
        return;
    if (executor)
        hear(self, executor, message);
    else if (message->type == MSG_EXECUTOR_HELLO)
        on_hello(self, connection, message->executor_hello);
    else
        refuse(self, connection, "it does not say who it is");
    stop_if_done(self);
}

void agent_on_executor_lost(struct agent *self, struct now now, uint64_t connection)
{
    struct executor *executor = find(self, connection);

    self->now = now;
    if (self->is_stopped || !executor)
        return;
    self->counters.executors_lost++;
    disconnect(self, executor);
}

void agent_on_executor_ready(struct agent *self, struct now now, uint64_t connection)
{
    struct executor *executor = find(self, connection);

    self->now = now;
    if (self->is_stopped || !executor)
        return;
    executor->is_behind = false;
    executor_hand_over(self, executor);
}

/* --- what its framework says -------------------------------------------------------------------- */

void executors_on_message(struct agent *self, const struct msg_message_to_executor *message)
{
    struct framework *framework = agent_framework_get(self, message->framework_id);
    struct task *task = framework ? agent_task_get(framework, message->task_id) : NULL;
    struct executor *executor = task && task->executor ? task->executor : task ? task->host : NULL;

    if (executor && executor->is_subscribed &&
        executor_tell(
            self, executor,
            (struct message){.type = MSG_MESSAGE_TO_EXECUTOR, .message_to_executor = message},
            true) == 0) {
        self->counters.messages_to_executors++;
        return;
    }
    self->counters.messages_dropped++;
    agent_log(self, LOG_LEVEL_DEBUG,
              "task %s has no executor that listens: a message of %zu bytes is dropped",
              message->task_id, message->data.size);
}

/* --- an earlier life ---------------------------------------------------------------------------- */

void executors_recover(struct agent *self)
{
    struct task *task, *next;

    HASH_ITER (by_container, self->containers, task, next) {
        struct task *host = task_is_inside(task->info)
                                ? agent_task_get(task->framework, task->info->executor_id)
                                : NULL;

        if (!host || !host->executor || !host->is_contained)
            continue;
        task->host = host->executor;
        task->container_shown = arena_strdup(task->arena, host->container_id);
        task->is_handed = true;
        task->is_sized = task->state != TASK_STAGING;
        DL_APPEND2(host->executor->handed, task, inside_prev, inside_next);
    }
}

static void resume_executor(struct agent *self, struct task *task)
{
    int64_t at_us = self->now.mono_us + self->reregister_us;
    int64_t registration_end_us = task->heard_mono_us + registration_us(task);

    task->executor->is_unsized = true;
    if (!task->is_started || task->ending)
        return;
    if (task->state == TASK_STARTING && registration_end_us > at_us)
        at_us = registration_end_us;
    deadline_set(&self->deadlines, &task->executor->patience, at_us);
    executor_size(self, task->executor);
}

/* It is written down together with the end of its executor; who finds it alone finds an odd record. */
static void end_orphan(struct agent *self, struct task *task)
{
    const struct task_news news = {.state = TASK_FAILED,
                                   .reason = REASON_EXECUTOR_TERMINATED,
                                   .message = "its executor is not here any more"};

    if (task->ending)
        life_finish_ending(self, task, &news);
    else
        life_finish(self, task, &news);
}

void executors_resume(struct agent *self, struct task *task)
{
    if (task->executor)
        resume_executor(self, task);
    else if (task_is_inside(task->info) && !task->host)
        end_orphan(self, task);
    else if (task->host && task->ending)
        task->is_forced = true;
}

/* --- looking ------------------------------------------------------------------------------------ */

static int wrong(struct err *err, const struct task *task, const char *text)
{
    return err_set(err, -EINVAL, "executor's task %s (%s): %s", task->info->task_id,
                   task_state_name(task->state), text);
}

static int check_list(const struct executor *executor, const struct task *tasks, bool is_handed,
                      struct err *err)
{
    const struct task *task;

    DL_FOREACH2(tasks, task, inside_next)
    {
        if (task->host != executor || !task->is_contained || !task_is_inside(task->info))
            return wrong(err, task, "it is listed under another");
        if (task->is_handed != is_handed)
            return wrong(err, task, "it is listed as what it is not");
        if (!is_handed && task->state != TASK_STAGING)
            return wrong(err, task, "it moves before it is handed over");
        if (executor->task->ending && !task->ending)
            return wrong(err, task, "its executor is being ended, and it is not");
    }
    return 0;
}

static int check_one(const struct executor *executor, struct err *err)
{
    const struct task *task = executor->task;
    bool is_awaited = task->is_started && !task->ending && !executor->is_subscribed;
    int rc = check_list(executor, executor->queued, false, err);

    if (rc == 0)
        rc = check_list(executor, executor->handed, true, err);
    if (rc < 0)
        return rc;
    if (task->executor != executor || !task->is_contained)
        return wrong(err, task, "an executor that is none is listed");
    if (deadline_is_set(&executor->patience) != is_awaited)
        return wrong(err, task, "an executor is waited for exactly while it is not there");
    if (task->state == TASK_RUNNING && deadline_is_set(&executor->patience) &&
        executor->is_subscribed)
        return wrong(err, task, "it is there and waited for");
    if (executor->is_subscribed && !executor->connection)
        return wrong(err, task, "it has subscribed without a connection");
    return 0;
}

int executors_check_books(const struct agent *self, struct err *err)
{
    const struct executor *executor;
    int rc = 0;

    DL_FOREACH (self->executors, executor) {
        rc = rc < 0 ? rc : check_one(executor, err);
    }
    for (const struct task *task = self->containers; task && rc == 0;
         task = task->by_container.next)
        if (task_is_inside(task->info) && !task->host)
            rc = wrong(err, task, "it lives without its executor");
    return rc;
}
