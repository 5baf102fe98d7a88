/* Tasks of executors: handed over when they are written down and their executor's container has room for them; what
 * their executor says of them is written down before it is acknowledged.
 *
 * Each update has a number, and the newest that was taken is written down with the task: what is said again after a
 * lost acknowledgement counts once. A run that is not known was over, and acknowledged by its framework, before.
 */
#include "agent/core/state.h"

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/mutant.h"
#include "proto/executors.h"

#define TEXT_SIZE           512
#define EXECUTOR_OWED_BYTES ((size_t)1024 * 1024)

int executor_tell(struct agent *self, struct executor *executor, struct message message,
                  bool can_wait)
{
    int rc = self->env.tell_executor(self->env.ctx, executor->connection, &message, can_wait);

    if (rc < 0)
        executor->is_behind = true;
    return rc;
}

/* --- in and out --------------------------------------------------------------------------------- */

void executor_take(struct agent *self, struct executor *executor, struct task *task)
{
    task->host = executor;
    DL_APPEND2(executor->queued, task, inside_prev, inside_next);
    executor->is_unsized = true;
    executor_size(self, executor);
}

static struct task **list_of(struct executor *executor, const struct task *task)
{
    return task->is_handed ? &executor->handed : &executor->queued;
}

static void move(struct executor *executor, struct task *task, bool is_handed)
{
    DL_DELETE2(*list_of(executor, task), task, inside_prev, inside_next);
    task->is_handed = is_handed;
    DL_APPEND2(*list_of(executor, task), task, inside_prev, inside_next);
}

void executor_unlink(struct task *task)
{
    struct executor *executor = task->host;

    if (!executor)
        return;
    DL_DELETE2(*list_of(executor, task), task, inside_prev, inside_next);
    task->host = NULL;
    executor->is_unsized = true;
}

/* --- handing over ------------------------------------------------------------------------------- */

static int hand(struct agent *self, struct executor *executor, struct task *task)
{
    return executor_tell(
        self, executor,
        MESSAGE(EXECUTOR_LAUNCH, executor_launch, .run_id = task->container_id, .task = task->info),
        true);
}

void executor_hand_over(struct agent *self, struct executor *executor)
{
    struct task *task, *next;

    if (!executor->is_subscribed || !executor->task->is_started || executor->task->ending)
        return;
    DL_FOREACH_SAFE2(executor->queued, task, next, inside_next)
    {
        if (executor->is_behind)
            return;
        if ((!task->is_sized && !MUTATE(HAND_OVER_UNSIZED)) ||
            (task->spec_record > self->written && !MUTATE(HAND_OVER_UNWRITTEN)))
            continue;
        if (hand(self, executor, task) == 0)
            move(executor, task, true);
    }
}

/* --- acknowledging ------------------------------------------------------------------------------ */

static void acknowledge(struct agent *self, struct executor *executor, const char *run_id,
                        int64_t number)
{
    executor_tell(
        self, executor,
        MESSAGE(EXECUTOR_ACKNOWLEDGED, executor_acknowledged, .run_id = run_id, .number = number),
        false);
}

static struct debt *find_debt(const struct executor *executor, const char *run_id)
{
    struct debt *debt;

    DL_FOREACH (executor->debts, debt)
        if (!strcmp(debt->run_id, run_id))
            return debt;
    return NULL;
}

static struct debt *new_debt(struct executor *executor, const char *run_id)
{
    size_t size = strlen(run_id) + 1;
    struct debt *debt = mem_calloc(1, sizeof(*debt) + size);

    memcpy(debt->run_id, run_id, size);
    DL_APPEND(executor->debts, debt);
    return debt;
}

void executor_listen(struct agent *self, struct executor *executor)
{
    bool is_unheard;

    if (executor->owed_record <= self->written)
        executor->owed = executor->owed_bytes = 0;
    is_unheard = (executor->owed >= self->executor_owed_max ||
                  executor->owed_bytes >= EXECUTOR_OWED_BYTES) &&
                 !MUTATE(HEAR_EXECUTORS);
    if (!executor->is_subscribed || is_unheard == executor->is_unheard)
        return;
    executor->is_unheard = is_unheard;
    self->counters.executors_unheard += is_unheard;
    self->env.hear_executor(self->env.ctx, executor->connection, !is_unheard);
}

/* Each is a record, as long as what it says, that is in memory until it is on disk. */
static void count_owed(struct agent *self, struct executor *executor,
                       const struct msg_executor_update *update, uint64_t record)
{
    const struct task_status *said = update->status;

    executor->owed++;
    executor->owed_bytes += said->data.size + strlen(said->message ? said->message : "");
    if (record > executor->owed_record)
        executor->owed_record = record;
    executor_listen(self, executor);
}

/* One a run: to acknowledge a number is to acknowledge those below it. */
static void owe(struct agent *self, struct executor *executor,
                const struct msg_executor_update *update, uint64_t record)
{
    struct debt *debt;

    if (record <= self->written || MUTATE(ACKNOWLEDGE_UNWRITTEN)) {
        acknowledge(self, executor, update->run_id, update->number);
        return;
    }
    debt = find_debt(executor, update->run_id);
    if (!debt)
        debt = new_debt(executor, update->run_id);
    if (update->number > debt->number)
        debt->number = update->number;
    if (record > debt->record)
        debt->record = record;
    count_owed(self, executor, update, record);
}

void executor_drop_debts(struct executor *executor)
{
    struct debt *debt, *next;

    DL_FOREACH_SAFE (executor->debts, debt, next)
        free(debt);
    executor->debts = NULL;
}

static void pay(struct agent *self, struct executor *executor)
{
    struct debt *debt, *next;

    DL_FOREACH_SAFE (executor->debts, debt, next) {
        if (debt->record > self->written)
            continue;
        DL_DELETE(executor->debts, debt);
        acknowledge(self, executor, debt->run_id, debt->number);
        free(debt);
    }
}

void executors_on_stored(struct agent *self)
{
    struct executor *executor;

    if (self->is_stopped)
        return;
    DL_FOREACH (self->executors, executor) {
        pay(self, executor);
        executor_end_if_due(self, executor);
        executor_listen(self, executor);
        executor_hand_over(self, executor);
    }
}

/* --- what it has, when it comes (again) --------------------------------------------------------- */

static void ask_to_kill(struct agent *self, struct executor *executor, const char *run_id,
                        int64_t grace_us)
{
    executor_tell(self, executor,
                  MESSAGE(EXECUTOR_KILL, executor_kill, .run_id = run_id,
                          .grace_ms = grace_us > 0 ? grace_us / US_PER_MS : 0),
                  false);
}

static struct task *find_run(const struct agent *self, const struct executor *executor,
                             const char *run_id)
{
    struct task *task;

    HASH_FIND(by_container, self->containers, run_id, strlen(run_id), task);
    return task && task->host == executor && task->is_handed ? task : NULL;
}

/* It never got what it has not heard of and said nothing of; of all else it has lost. */
static void settle_unknown(struct agent *self, struct executor *executor, struct task *task)
{
    const struct task_news lost = {.state = TASK_FAILED,
                                   .reason = REASON_EXECUTOR_TERMINATED,
                                   .message = "its executor has come back and does not know it"};
    const struct task_news never_got = {.message = "its executor had not got it yet"};

    if (task->ending) {
        life_finish_ending(self, task, task->executor_number ? &lost : &never_got);
    } else if (task->state == TASK_STAGING) {
        move(executor, task, false);
        task->is_sized = false;
        task->size_number = 0;
        executor->is_unsized = true;
    } else {
        life_finish(self, task, &lost);
    }
}

void executor_settle(struct agent *self, struct executor *executor,
                     const struct msg_executor_subscribe *call)
{
    struct task *task, *next;

    DL_FOREACH2(executor->handed, task, inside_next)
    task->is_known = false;
    for (size_t i = 0; i < call->runs_count; i++) {
        task = find_run(self, executor, call->runs[i]);
        if (task)
            task->is_known = true;
        else /* it has ended here: it ends there, if it has not yet */
            ask_to_kill(self, executor, call->runs[i], 0);
    }
    DL_FOREACH_SAFE2(executor->handed, task, next, inside_next)
    {
        if (!task->is_known)
            settle_unknown(self, executor, task);
        else if (task->ending)
            ask_to_kill(self, executor, task->container_id, task->grace_us);
    }
    executor_size(self, executor);
}

/* --- what it says of them ----------------------------------------------------------------------- */

/* What counts, if it was done in the face of a kill. */
static void take_end(struct agent *self, struct task *task, const struct task_status *said)
{
    char text[TEXT_SIZE];
    struct task_news news = {.state = said->state, .message = said->message, .said = said};

    if (!task->ending || said->state == TASK_FINISHED) {
        life_finish(self, task, &news);
        return;
    }
    snprintf(text, sizeof(text), "its executor says %s%s%.300s", task_state_name(said->state),
             *said->message ? ": " : "", said->message);
    news.message = text;
    life_finish_ending(self, task, &news);
}

/* One that is being ended says nothing but how it has ended. */
static int take(struct agent *self, struct task *task, const struct task_status *said,
                struct err *err)
{
    const struct task_news news = {.state = said->state, .message = said->message, .said = said};

    if (task_state_is_terminal(said->state)) {
        take_end(self, task, said);
        return 0;
    }
    if (task->ending)
        return 0;
    if (!agent_task_may_move(task->state, said->state))
        return err_set(err, -EPROTO, "task %.64s is %s and cannot become %s", task->info->task_id,
                       task_state_name(task->state), task_state_name(said->state));
    life_tell(self, task, &news);
    return 0;
}

int executor_on_update(struct agent *self, struct executor *executor,
                       const struct msg_executor_update *update, struct err *err)
{
    struct task *task = find_run(self, executor, update->run_id);
    int rc;

    if (!executor_may_say(update->status->state))
        return err_set(err, -EPROTO, "task %.64s: %s is not for an executor to say",
                       update->status->task_id, task_state_name(update->status->state));
    self->counters.executor_updates++;
    if (!task) {
        self->counters.executor_updates_unknown++;
        owe(self, executor, update, self->records); /* its end may be among the last of them */
        return 0;
    }
    if (update->number <= task->executor_number) {
        self->counters.executor_updates_repeated++;
        owe(self, executor, update, task->record);
        return 0;
    }
    task->executor_number = update->number;
    rc = take(self, task, update->status, err);
    if (rc == 0)
        owe(self, executor, update, task->record);
    return rc;
}

/* --- ending them -------------------------------------------------------------------------------- */

bool executor_end_task(struct agent *self, struct task *task, int64_t grace_us)
{
    struct executor *executor = task->host;
    bool is_shorter = !task->is_forced || grace_us < task->grace_us;

    if (!task->is_handed) {
        life_finish_ending(self, task,
                           &(struct task_news){.message = "its executor had not got it yet"});
        return true;
    }
    if (is_shorter)
        task->grace_us = grace_us > 0 ? grace_us : 0;
    task->is_forced = true; /* there is nothing that we could do by force, but to the executor */
    if (is_shorter && executor->is_subscribed && !executor->task->ending)
        ask_to_kill(self, executor, task->container_id, grace_us);
    return false;
}
