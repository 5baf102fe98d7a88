/* The tasks believed to be alive, and the loop that asks the master about them after each
 * subscription until every one has been answered, and about the unreachable ones for as long as they
 * are. What else the master knows of, as a task that was given up as unknown and whose agent came back
 * while nobody could be told, is asked soon after a subscription and then every quarter of an hour. */
#include <errno.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "framework-sdk/core/state.h"

#define BATCH_MAX    1000     /* tasks in one RECONCILE: about 100 KB */
#define ANSWER_US    US_PER_S /* how long a batch holds up the next one of its pass */
#define PAUSE_MIN_US US_PER_S /* between passes */
#define PAUSE_MAX_US (64 * US_PER_S)

#define IMPLICIT_FIRST_US (5 * US_PER_S) /* who lost one master do not ask the next in step */
#define IMPLICIT_US       (15 * 60 * US_PER_S)

/* --- table ------------------------------------------------------------------------------------ */

struct driver_task *driver_find_task(const struct driver *self, const char *task_id)
{
    struct driver_task *task;

    HASH_FIND_STR(self->tasks, task_id, task);
    return task;
}

int driver_add_task(struct driver *self, const char *task_id, const char *agent_id,
                    enum task_state state, struct err *err)
{
    struct driver_task *task = driver_find_task(self, task_id);

    if (task)
        return err_set(err, -EEXIST, "task %s is alive already (%s)", task_id,
                       task_state_name(task->state));
    if (HASH_COUNT(self->tasks) >= DRIVER_TASKS_MAX)
        return err_set(err, -ENOSPC,
                       "task %s: %d tasks are alive, the most that one scheduler can "
                       "hold",
                       task_id, DRIVER_TASKS_MAX);
    driver_forget_end(self, task_id);
    task = mem_new(struct driver_task);
    task->id = mem_strdup(task_id);
    task->agent_id = mem_strdup(agent_id);
    task->state = state;
    driver_init_kill(task);
    HASH_ADD_KEYPTR(hh, self->tasks, task->id, strlen(task->id), task);
    return 0;
}

struct driver_task *driver_meet_task(struct driver *self, const char *task_id, const char *agent_id,
                                     struct err *err)
{
    struct driver_task *task = driver_find_task(self, task_id);

    if (task || driver_add_task(self, task_id, agent_id, TASK_STAGING, err) < 0)
        return task;
    task = driver_find_task(self, task_id);
    driver_recall_kill(self, task);
    return task;
}

static void leave_loop(struct driver *self, struct driver_task *task)
{
    struct driver_reconciliation *loop = &self->reconciliation;

    if (task->ask == DRIVER_ASK_WAITING) {
        DL_DELETE(loop->waiting, task);
        loop->waiting_count--;
    } else if (task->ask == DRIVER_ASK_SENT) {
        DL_DELETE(loop->sent, task);
        loop->sent_count--;
    }
    task->ask = DRIVER_ASK_NOT;
}

void driver_drop_task(struct driver *self, struct driver_task *task)
{
    leave_loop(self, task);
    deadline_cancel(&self->deadlines, &task->kill_again);
    HASH_DEL(self->tasks, task);
    free(task->id);
    free(task->agent_id);
    free(task);
}

bool driver_has_task(const struct driver *self, const char *task_id)
{
    return driver_find_task(self, task_id) != NULL;
}

const char *driver_task_agent(const struct driver *self, const char *task_id)
{
    const struct driver_task *task = driver_find_task(self, task_id);

    return task ? task->agent_id : "";
}

size_t driver_tasks(const struct driver *self)
{
    return HASH_COUNT(self->tasks);
}

/* --- loop ------------------------------------------------------------------------------------- */

static void enter_waiting(struct driver_reconciliation *loop, struct driver_task *task)
{
    task->ask = DRIVER_ASK_WAITING;
    DL_APPEND(loop->waiting, task);
    loop->waiting_count++;
}

/* Move the next ones from waiting to sent; answers how many, and what to ask. */
static size_t take_batch(struct driver_reconciliation *loop, struct task_ref *refs)
{
    size_t count = 0;

    while (count < BATCH_MAX && loop->pass_left && loop->waiting) {
        struct driver_task *task = loop->waiting;

        DL_DELETE(loop->waiting, task);
        loop->waiting_count--;
        loop->pass_left--;
        DL_APPEND(loop->sent, task);
        loop->sent_count++;
        task->ask = DRIVER_ASK_SENT;
        refs[count++] = (struct task_ref){.task_id = task->id, .agent_id = task->agent_id};
    }
    return count;
}

static void ask_batch(struct driver *self)
{
    struct driver_reconciliation *loop = &self->reconciliation;
    CLEANUP(free_p) struct task_ref *refs = mem_calloc(BATCH_MAX, sizeof(*refs));
    size_t count = take_batch(loop, refs);
    struct err err = {0};
    int64_t wait_us;

    if (self->env.send(self->env.ctx,
                       &MESSAGE(RECONCILE, reconcile, .tasks = refs, .tasks_count = count),
                       &err) < 0)
        driver_log(self, LOG_LEVEL_WARNING, "cannot reconcile %zu tasks: %s", count, err.text);
    wait_us = loop->pass_left ? ANSWER_US : driver_jitter(self, loop->pause_us);
    deadline_set(&self->deadlines, &loop->deadline, self->now_us + wait_us);
}

/* The batch has had its time: what of it is unanswered goes to the end. */
static void on_due(void *owner, struct deadline *deadline)
{
    struct driver *self = owner;
    struct driver_reconciliation *loop = &self->reconciliation;

    (void)deadline;
    while (loop->sent) {
        struct driver_task *task = loop->sent;

        leave_loop(self, task);
        enter_waiting(loop, task);
    }
    if (!loop->pass_left) {
        driver_log(self, LOG_LEVEL_INFO, "reconciliation: %zu tasks unanswered",
                   loop->waiting_count);
        loop->pass_left = loop->waiting_count;
        loop->pause_us *= 2;
        if (loop->pause_us > PAUSE_MAX_US)
            loop->pause_us = PAUSE_MAX_US;
    }
    ask_batch(self);
}

static void on_answer(struct driver *self, struct driver_task *task)
{
    struct driver_reconciliation *loop = &self->reconciliation;
    bool was_sent = task->ask == DRIVER_ASK_SENT;

    if (task->ask == DRIVER_ASK_NOT)
        return;
    leave_loop(self, task);
    /* Had it stood in the part that this pass has not come to, `pass_left` is one too large now,
     * and the pass asks about one task twice: harmless. */
    if (loop->pass_left > loop->waiting_count)
        loop->pass_left = loop->waiting_count;
    if (!loop->waiting && !loop->sent)
        deadline_cancel(&self->deadlines, &loop->deadline);
    else if (was_sent && !loop->sent && loop->pass_left)
        ask_batch(self);
}

/* Should its agent come back without it, or be forgotten, nobody may tell: only who still has a record
 * of the task does. */
static void ask_later(struct driver *self, struct driver_task *task)
{
    struct driver_reconciliation *loop = &self->reconciliation;

    if (task->ask == DRIVER_ASK_NOT)
        enter_waiting(loop, task);
    if (deadline_is_set(&loop->deadline))
        return;
    loop->pass_left = 0;
    loop->pause_us = PAUSE_MAX_US;
    deadline_set(&self->deadlines, &loop->deadline,
                 self->now_us + driver_jitter(self, loop->pause_us));
}

/* Its turn is the next one in the pass that goes on, or in one of its own. */
void driver_ask_about(struct driver *self, struct driver_task *task)
{
    struct driver_reconciliation *loop = &self->reconciliation;

    if (self->state != DRIVER_SUBSCRIBED)
        return; /* the subscription begins with it */
    leave_loop(self, task);
    task->ask = DRIVER_ASK_WAITING;
    DL_PREPEND(loop->waiting, task);
    loop->waiting_count++;
    if (loop->pass_left && deadline_is_set(&loop->deadline)) {
        if (loop->pass_left < loop->waiting_count)
            loop->pass_left++; /* else it was part of the pass already */
        return;
    }
    loop->pass_left = 1;
    loop->pause_us = PAUSE_MIN_US;
    deadline_set(&self->deadlines, &loop->deadline, self->now_us);
}

static void on_implicit(void *owner, struct deadline *deadline)
{
    struct driver *self = owner;
    struct err err = {0};

    if (self->env.send(self->env.ctx, &MESSAGE(RECONCILE, reconcile, .tasks = NULL), &err) < 0)
        driver_log(self, LOG_LEVEL_WARNING, "cannot reconcile: %s", err.text);
    deadline_set(&self->deadlines, deadline, self->now_us + driver_jitter(self, IMPLICIT_US));
}

static void note_end(struct driver *self, struct driver_task *task,
                     const struct task_status *status)
{
    if (task_state_is_terminal(status->state)) {
        driver_note_end(self, status->task_id);
        driver_forget_kill(self, status->task_id);
    } else if (task) {
        driver_keep_kill(self, task);
    }
    if (task)
        driver_drop_task(self, task);
}

void driver_note_status(struct driver *self, const struct task_status *status)
{
    struct driver_task *task = driver_find_task(self, status->task_id);
    struct err err = {0};

    if (task)
        on_answer(self, task);
    /* UNKNOWN: the agent is long gone. Should it come back against all odds, so does an update. */
    if (task_state_is_terminal(status->state) || status->state == TASK_UNKNOWN) {
        note_end(self, task, status);
        return;
    }
    task = driver_meet_task(self, status->task_id, status->agent_id, &err);
    if (!task) {
        driver_log(self, LOG_LEVEL_WARNING, "not kept for reconciliation: %s", err.text);
        return;
    }
    task->state = status->state;
    if (!*task->agent_id && *status->agent_id) {
        free(task->agent_id);
        task->agent_id = mem_strdup(status->agent_id);
    }
    driver_settle_kill(self, task);
    if (status->state == TASK_UNREACHABLE)
        ask_later(self, task);
}

void driver_init_reconciliation(struct driver *self)
{
    self->reconciliation.deadline.due = on_due;
    self->reconciliation.implicit.due = on_implicit;
}

void driver_start_reconciliation(struct driver *self)
{
    struct driver_reconciliation *loop = &self->reconciliation;
    struct driver_task *task, *next;

    BUG_ON(loop->waiting || loop->sent);
    HASH_ITER (hh, self->tasks, task, next) {
        if (!MUTATE(ASK_NOTHING))
            enter_waiting(loop, task);
        driver_settle_kill(self, task);
    }
    deadline_set(&self->deadlines, &loop->implicit,
                 self->now_us + driver_jitter(self, IMPLICIT_FIRST_US));
    loop->pass_left = loop->waiting_count;
    loop->pause_us = PAUSE_MIN_US;
    if (loop->waiting)
        ask_batch(self);
}

void driver_stop_reconciliation(struct driver *self)
{
    struct driver_reconciliation *loop = &self->reconciliation;
    struct driver_task *task, *next;

    while (loop->waiting)
        leave_loop(self, loop->waiting);
    while (loop->sent)
        leave_loop(self, loop->sent);
    loop->pass_left = 0;
    deadline_cancel(&self->deadlines, &loop->deadline);
    deadline_cancel(&self->deadlines, &loop->implicit);
    HASH_ITER (hh, self->tasks, task, next)
        driver_settle_kill(self, task);
}

size_t driver_unanswered(const struct driver *self)
{
    return self->reconciliation.waiting_count + self->reconciliation.sent_count;
}
