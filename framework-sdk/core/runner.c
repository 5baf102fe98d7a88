#include "framework-sdk/core/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/deadlines.h"
#include "base/ids.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/table.h"
#include "proto/executors.h"

#define BACKOFF_MIN_US ((int64_t)20 * US_PER_MS)
#define BACKOFF_MAX_US ((int64_t)2 * US_PER_S)

struct run {
    char *run_id, *task_id; /* owned */
    enum task_state state;
    struct pending *list; /* its part of the runner's */
    bool is_killed;
    int64_t grace_ms;       /* of the kill */
    UT_hash_handle by_run;  /* runner->runs */
    UT_hash_handle by_task; /* runner->live, until its end is told */
};

struct pending {
    struct pending *prev, *next;         /* runner->list */
    struct pending *run_prev, *run_next; /* run->list */
    struct run *run;
    int64_t number;
    struct arena *arena; /* owned; of the status */
    const struct task_status *status;
    size_t bytes;
    bool is_told; /* on this connection */
};

enum link {
    LINK_DOWN,   /* `again` is set, or it has ended */
    LINK_COMING, /* connect was called */
    LINK_UP,     /* hello and subscribe are said */
    LINK_SUBSCRIBED,
};

struct runner {
    struct runner_env env;
    char *framework_id, *executor_id, *token, *version; /* owned */
    int64_t recovery_us;
    struct rng rng;
    struct deadlines deadlines;
    struct now now;
    enum link link;
    bool was_subscribed;
    bool has_ended;
    int64_t backoff_us;
    struct deadline again;   /* the next try */
    struct deadline give_up; /* while it is not subscribed */
    struct run *runs;
    struct run *live;
    struct pending *list; /* oldest first */
    size_t pending_count, pending_bytes;
    int64_t numbers; /* given out so far */
};

/* --- the connection --------------------------------------------------------------------------- */

static void fail(struct runner *self, const char *text)
{
    if (self->has_ended)
        return;
    self->has_ended = true;
    self->link = LINK_DOWN;
    deadline_cancel(&self->deadlines, &self->again);
    deadline_cancel(&self->deadlines, &self->give_up);
    self->env.error(self->env.ctx, text);
}

static void on_again(void *owner, struct deadline *deadline)
{
    struct runner *self = owner;

    (void)deadline;
    self->link = LINK_COMING;
    self->env.connect(self->env.ctx);
}

static void on_give_up(void *owner, struct deadline *deadline)
{
    struct runner *self = owner;
    CLEANUP(free_p)
    char *text = mem_printf("the agent was away for %lld ms, the recovery timeout",
                            (long long)(self->recovery_us / US_PER_MS));

    (void)deadline;
    fail(self, text);
}

int runner_new(const struct runner_settings *settings, const struct runner_env *env, struct now now,
               struct runner **ret_runner, struct err *err)
{
    struct runner *self;
    int rc = id_check(settings->framework_id, "framework_id", err);

    if (rc == 0)
        rc = id_check(settings->executor_id, "executor_id", err);
    if (rc == 0 && (!*settings->token || settings->recovery_ms < 0))
        rc = err_set(err, -EINVAL,
                     "an executor needs a token, and a recovery timeout that is "
                     "not negative");
    if (rc < 0)
        return rc;
    self = mem_new(struct runner);
    self->env = *env;
    self->framework_id = mem_strdup(settings->framework_id);
    self->executor_id = mem_strdup(settings->executor_id);
    self->token = mem_strdup(settings->token);
    self->version = mem_strdup(settings->version ? settings->version : "");
    self->recovery_us = executor_ms(settings->recovery_ms, EXECUTOR_RECOVERY_MS) * US_PER_MS;
    self->rng = (struct rng){.state = settings->seed};
    self->again.due = on_again;
    self->give_up.due = on_give_up;
    self->now = now;
    self->backoff_us = BACKOFF_MIN_US;
    deadline_set(&self->deadlines, &self->again, now.mono_us);
    deadline_set(&self->deadlines, &self->give_up, now.mono_us + self->recovery_us);
    *ret_runner = self;
    return 0;
}

/* With every run that it has, so that the agent knows what it need not hand over again. */
static void introduce(struct runner *self)
{
    size_t count = 0, room = HASH_CNT(by_run, self->runs);
    CLEANUP(free_p) const char **runs = mem_calloc(room + 1, sizeof(*runs));
    const struct run *run;

    for (run = self->runs; run; run = run->by_run.next)
        runs[count++] = run->run_id;
    (void)self->env.send(self->env.ctx,
                         &MESSAGE(EXECUTOR_HELLO, executor_hello,
                                  .framework_id = self->framework_id,
                                  .executor_id = self->executor_id, .token = self->token,
                                  .protocol_version = PROTOCOL_VERSION, .version = self->version),
                         false);
    (void)self->env.send(
        self->env.ctx,
        &MESSAGE(EXECUTOR_SUBSCRIBE, executor_subscribe, .runs = runs, .runs_count = count), false);
}

void runner_on_connected(struct runner *self, struct now now)
{
    self->now = now;
    if (self->has_ended)
        return;
    self->link = LINK_UP;
    introduce(self);
}

/* With jitter, as many executors lose one agent at once. */
static void try_again_later(struct runner *self)
{
    int64_t pause_us =
        self->backoff_us / 2 + (int64_t)rng_below(&self->rng, (uint64_t)self->backoff_us / 2 + 1);

    deadline_set(&self->deadlines, &self->again, self->now.mono_us + pause_us);
    self->backoff_us *= 2;
    if (self->backoff_us > BACKOFF_MAX_US)
        self->backoff_us = BACKOFF_MAX_US;
}

void runner_on_disconnected(struct runner *self, struct now now, const char *reason)
{
    bool was_subscribed = self->link == LINK_SUBSCRIBED;

    self->now = now;
    if (self->has_ended || self->link == LINK_DOWN)
        return;
    self->link = LINK_DOWN;
    if (was_subscribed)
        deadline_set(&self->deadlines, &self->give_up, now.mono_us + self->recovery_us);
    try_again_later(self);
    if (was_subscribed)
        self->env.disconnected(self->env.ctx, reason);
}

void runner_on_deadline(struct runner *self, struct now now)
{
    self->now = now;
    deadlines_run(&self->deadlines, now.mono_us, self);
}

int64_t runner_next_deadline_us(const struct runner *self)
{
    return self->has_ended ? DEADLINE_NEVER : deadlines_next(&self->deadlines);
}

/* --- runs and updates ------------------------------------------------------------------------- */

static struct run *find_run(const struct runner *self, const char *run_id)
{
    struct run *run;

    HASH_FIND(by_run, self->runs, run_id, strlen(run_id), run);
    return run;
}

static struct run *find_live(const struct runner *self, const char *task_id)
{
    struct run *run;

    HASH_FIND(by_task, self->live, task_id, strlen(task_id), run);
    return run;
}

static struct run *run_add(struct runner *self, const char *run_id, const char *task_id)
{
    struct run *run = mem_new(struct run);

    run->run_id = mem_strdup(run_id);
    run->task_id = mem_strdup(task_id);
    run->state = TASK_STAGING;
    HASH_ADD_KEYPTR(by_run, self->runs, run->run_id, strlen(run->run_id), run);
    return run;
}

static void run_free(struct runner *self, struct run *run)
{
    HASH_DELETE(by_run, self->runs, run);
    if (!task_state_is_terminal(run->state) && find_live(self, run->task_id) == run)
        HASH_DELETE(by_task, self->live, run);
    free(run->run_id);
    free(run->task_id);
    free(run);
}

static void pending_free(struct runner *self, struct pending *pending)
{
    DL_DELETE(self->list, pending);
    self->pending_count--;
    self->pending_bytes -= pending->bytes;
    DL_DELETE2(pending->run->list, pending, run_prev, run_next);
    arena_destroy(&pending->arena);
    free(pending);
}

void runner_destroy(struct runner **self_p)
{
    struct runner *self = *self_p;

    if (!self)
        return;
    while (self->list)
        pending_free(self, self->list);
    while (self->runs)
        run_free(self, self->runs);
    deadlines_fini(&self->deadlines);
    free(self->framework_id);
    free(self->executor_id);
    free(self->token);
    free(self->version);
    free(self);
    *self_p = NULL;
}

static void tell(struct runner *self, struct pending *pending)
{
    pending->is_told = true;
    (void)self->env.send(self->env.ctx,
                         &MESSAGE(EXECUTOR_UPDATE, executor_update, .run_id = pending->run->run_id,
                                  .number = pending->number, .status = pending->status),
                         false);
}

static void tell_all(struct runner *self)
{
    struct pending *pending;

    DL_FOREACH (self->list, pending)
        tell(self, pending);
}

/* What was not told yet and is outdated need never be. It is the last of its run: whatever is told is told in order. */
static void drop_outdated(struct runner *self, const struct run *run, enum task_state state)
{
    struct pending *pending = run->list ? run->list->run_prev : NULL;

    while (pending && !pending->is_told) {
        struct pending *before = pending == run->list ? NULL : pending->run_prev;

        if (pending->status->state == state)
            pending_free(self, pending);
        pending = before;
    }
}

static bool may_become(enum task_state from, enum task_state to)
{
    if (!executor_may_say(to) || task_state_is_terminal(from))
        return false;
    return to != TASK_STARTING || from != TASK_RUNNING;
}

static int check_update(const struct runner *self, const struct run *run,
                        const struct task_status *status, struct err *err)
{
    size_t size = status->data.size;

    if (!run)
        return err_set(err, -ENOENT, "task %.80s does not live in this executor", status->task_id);
    if (!may_become(run->state, status->state))
        return err_set(err, -EINVAL, "task %.80s is %s here and cannot become %s", run->task_id,
                       task_state_name(run->state), task_state_name(status->state));
    if (size > DATA_MAX)
        return err_set(err, -EMSGSIZE, "%zu bytes of data, at most %d are possible", size,
                       DATA_MAX);
    if (!task_state_is_terminal(status->state) && self->pending_bytes > RUNNER_PENDING_BYTES)
        return err_set(err, -ENOBUFS,
                       "%zu bytes of updates are not acknowledged: the agent is away, or slow",
                       self->pending_bytes);
    return record_check(&task_status_def, status, err);
}

static const struct task_status *copy_status(const struct task_status *status, struct now now,
                                             struct arena *arena)
{
    struct task_status said = {
        .task_id = status->task_id,
        .state = status->state,
        .message = status->message ? status->message : "",
        .data = status->data,
        .exit = status->exit,
        .health = status->health,
        .timestamp_us = now.wall_us,
    };

    return record_copy(&task_status_def, &said, arena);
}

static void add(struct runner *self, struct run *run, const struct task_status *status)
{
    struct pending *pending = mem_new(struct pending);

    drop_outdated(self, run, status->state);
    pending->run = run;
    pending->number = ++self->numbers;
    pending->arena = arena_new(0);
    pending->status = copy_status(status, self->now, pending->arena);
    pending->bytes = arena_used(pending->arena);
    self->pending_count++;
    self->pending_bytes += pending->bytes;
    DL_APPEND(self->list, pending);
    DL_APPEND2(run->list, pending, run_prev, run_next);
    if (self->link == LINK_SUBSCRIBED)
        tell(self, pending);
}

int runner_update(struct runner *self, const struct task_status *status, struct err *err)
{
    struct run *run = find_live(self, status->task_id ? status->task_id : "");
    int rc = check_update(self, run, status, err);

    if (rc < 0)
        return rc;
    if (task_state_is_terminal(status->state))
        HASH_DELETE(by_task, self->live, run);
    run->state = status->state;
    add(self, run, status);
    return 0;
}

int runner_message(struct runner *self, const char *task_id, const void *data, size_t size,
                   struct err *err)
{
    int rc;

    if (size > DATA_MAX)
        return err_set(err, -EMSGSIZE, "a message of %zu bytes, at most %d are possible", size,
                       DATA_MAX);
    if (self->link != LINK_SUBSCRIBED)
        return err_set(err, -ENOTCONN, "the agent is not there");
    rc = task_id ? id_check(task_id, "task_id", err) : 0;
    if (rc < 0)
        return rc;
    rc = self->env.send(
        self->env.ctx,
        &MESSAGE(MESSAGE_TO_FRAMEWORK, message_to_framework, .framework_id = self->framework_id,
                 .task_id = task_id ? task_id : self->executor_id, .data = {data, size}),
        true);
    return rc < 0 ? err_set(err, rc, "the agent reads more slowly than it is told") : 0;
}

/* --- what the agent says ---------------------------------------------------------------------- */

static void on_subscribed(struct runner *self, const struct msg_executor_subscribed *answer)
{
    bool again = self->was_subscribed;
    struct pending *pending;

    if (self->link != LINK_UP)
        return;
    self->link = LINK_SUBSCRIBED;
    self->was_subscribed = true;
    self->backoff_us = BACKOFF_MIN_US;
    deadline_cancel(&self->deadlines, &self->give_up);
    DL_FOREACH (self->list, pending)
        pending->is_told = false;
    tell_all(self);
    self->env.registered(self->env.ctx, answer, again);
}

/* The agent knows nothing of the older one any more, or it would not launch another. */
static void refuse(struct runner *self, const struct msg_executor_launch *launch)
{
    struct run *run = run_add(self, launch->run_id, launch->task->task_id);
    const struct task_status status = {
        .task_id = run->task_id,
        .state = TASK_FAILED,
        .message = "another task of that id still lives in this executor",
    };

    run->state = TASK_FAILED;
    add(self, run, &status);
}

static void on_launch(struct runner *self, const struct msg_executor_launch *launch)
{
    struct run *run;

    if (find_run(self, launch->run_id))
        return;
    if (find_live(self, launch->task->task_id)) {
        refuse(self, launch);
        return;
    }
    run = run_add(self, launch->run_id, launch->task->task_id);
    HASH_ADD_KEYPTR(by_task, self->live, run->task_id, strlen(run->task_id), run);
    self->env.launch(self->env.ctx, launch->task);
}

static void on_kill(struct runner *self, const struct msg_executor_kill *kill)
{
    struct run *run = find_run(self, kill->run_id);

    if (!run || task_state_is_terminal(run->state) ||
        (run->is_killed && kill->grace_ms >= run->grace_ms))
        return;
    run->is_killed = true;
    run->grace_ms = kill->grace_ms;
    self->env.kill(self->env.ctx, run->task_id, kill->grace_ms);
}

static void on_acknowledged(struct runner *self, const struct msg_executor_acknowledged *ack)
{
    struct run *run = find_run(self, ack->run_id);

    if (!run)
        return;
    while (run->list && run->list->number <= ack->number)
        pending_free(self, run->list);
    if (task_state_is_terminal(run->state) && !run->list)
        run_free(self, run);
}

void runner_on_message(struct runner *self, struct now now, const struct message *message)
{
    self->now = now;
    if (self->has_ended)
        return;
    if (message->type == MSG_EXECUTOR_SUBSCRIBED)
        on_subscribed(self, message->executor_subscribed);
    else if (message->type == MSG_EXECUTOR_ERROR)
        fail(self, message->executor_error->message);
    else if (self->link != LINK_SUBSCRIBED)
        return;
    else if (message->type == MSG_EXECUTOR_LAUNCH)
        on_launch(self, message->executor_launch);
    else if (message->type == MSG_EXECUTOR_KILL)
        on_kill(self, message->executor_kill);
    else if (message->type == MSG_EXECUTOR_ACKNOWLEDGED)
        on_acknowledged(self, message->executor_acknowledged);
    else if (message->type == MSG_MESSAGE_TO_EXECUTOR)
        self->env.message(self->env.ctx, message->message_to_executor);
    else if (message->type == MSG_EXECUTOR_SHUTDOWN)
        self->env.shutdown(self->env.ctx, message->executor_shutdown->grace_ms);
}

bool runner_is_subscribed(const struct runner *self)
{
    return self->link == LINK_SUBSCRIBED;
}

bool runner_has_ended(const struct runner *self)
{
    return self->has_ended;
}

size_t runner_pending(const struct runner *self)
{
    return self->pending_count;
}

size_t runner_tasks(const struct runner *self)
{
    return HASH_CNT(by_task, self->live);
}
