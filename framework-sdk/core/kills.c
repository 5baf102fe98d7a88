/* Kills. One that was said last in a session that broke may not have arrived, and a new master knows of
 * none: each is said again with growing pauses, and with each subscription, until the task is known to
 * be on its way out. While its agent is away the master remembers it. Of a task that became unknown the
 * kill is kept for a while: should its agent come back after all, it is said once more. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/mutant.h"
#include "framework-sdk/core/state.h"

#define PAUSE_MIN_US (5 * US_PER_S)
#define PAUSE_MAX_US (64 * US_PER_S)

#define DOOMED_MAX 4096

/* An unknown task that is to be killed. */
struct driver_doomed {
    UT_hash_handle hh;
    bool has_kill_policy;
    int64_t kill_grace_ms;
    char id[];
};

static void drop(struct driver *self, struct driver_doomed *doomed)
{
    HASH_DEL(self->doomed, doomed);
    free(doomed);
}

static struct driver_doomed *find(const struct driver *self, const char *task_id)
{
    struct driver_doomed *doomed;

    HASH_FIND_STR(self->doomed, task_id, doomed);
    return doomed;
}

void driver_forget_kill(struct driver *self, const char *task_id)
{
    struct driver_doomed *doomed = find(self, task_id);

    if (doomed)
        drop(self, doomed);
}

void driver_forget_kills(struct driver *self)
{
    while (self->doomed)
        drop(self, self->doomed);
}

void driver_keep_kill(struct driver *self, const struct driver_task *task)
{
    size_t size = strlen(task->id) + 1;
    struct driver_doomed *doomed;

    if (!task->is_kill_wanted)
        return;
    doomed = mem_alloc(sizeof(*doomed) + size);
    doomed->has_kill_policy = task->has_kill_policy;
    doomed->kill_grace_ms = task->kill_grace_ms;
    memcpy(doomed->id, task->id, size);
    HASH_ADD_STR(self->doomed, id, doomed);
    if (HASH_COUNT(self->doomed) > DOOMED_MAX)
        drop(self, self->doomed);
}

void driver_recall_kill(struct driver *self, struct driver_task *task)
{
    struct driver_doomed *doomed = find(self, task->id);

    if (!doomed)
        return;
    task->is_kill_wanted = true;
    task->has_kill_policy = doomed->has_kill_policy;
    task->kill_grace_ms = doomed->kill_grace_ms;
    drop(self, doomed);
}

bool driver_is_kill_due(const struct driver *self, const struct driver_task *task)
{
    return self->state == DRIVER_SUBSCRIBED && task->is_kill_wanted &&
           (task->state == TASK_STAGING || task->state == TASK_STARTING ||
            task->state == TASK_RUNNING);
}

static void say(struct driver *self, struct driver_task *task)
{
    const struct kill_policy policy = {.grace_ms = task->kill_grace_ms};
    struct err err = {0};

    if (self->env.send(self->env.ctx,
                       &MESSAGE(KILL, kill, .task_id = task->id, .agent_id = task->agent_id,
                                .kill_policy = task->has_kill_policy ? &policy : NULL),
                       &err) < 0)
        driver_log(self, LOG_LEVEL_WARNING, "task %s: cannot kill: %s", task->id, err.text);
}

static void say_and_wait(struct driver *self, struct driver_task *task)
{
    say(self, task);
    deadline_set(&self->deadlines, &task->kill_again,
                 self->now_us + driver_jitter(self, task->kill_pause_us));
    task->kill_pause_us *= 2;
    if (task->kill_pause_us > PAUSE_MAX_US)
        task->kill_pause_us = PAUSE_MAX_US;
}

static void on_again(void *owner, struct deadline *deadline)
{
    struct driver_task *task = CONTAINER_OF(deadline, struct driver_task, kill_again);
    struct driver *self = owner;

    driver_log(self, LOG_LEVEL_INFO, "task %s: the kill may be lost: saying it again", task->id);
    if (MUTATE(KILL_ONCE))
        deadline_set(&self->deadlines, deadline, self->now_us + PAUSE_MAX_US);
    else
        say_and_wait(self, task);
}

void driver_init_kill(struct driver_task *task)
{
    task->kill_again.due = on_again;
}

void driver_settle_kill(struct driver *self, struct driver_task *task)
{
    if (!driver_is_kill_due(self, task)) {
        deadline_cancel(&self->deadlines, &task->kill_again);
        return;
    }
    if (deadline_is_set(&task->kill_again))
        return;
    task->kill_pause_us = PAUSE_MIN_US;
    if (MUTATE(KILL_ONCE))
        deadline_set(&self->deadlines, &task->kill_again, self->now_us + PAUSE_MAX_US);
    else
        say_and_wait(self, task);
}

void driver_want_kill(struct driver *self, struct driver_task *task,
                      const struct kill_policy *policy)
{
    task->is_kill_wanted = true;
    task->has_kill_policy = policy != NULL;
    task->kill_grace_ms = policy ? policy->grace_ms : 0;
    task->kill_pause_us = PAUSE_MIN_US;
    if (driver_is_kill_due(self, task))
        say_and_wait(self, task);
    else if (self->state == DRIVER_SUBSCRIBED)
        say(self, task); /* it is being killed, with another grace perhaps, or is unreachable */
}
