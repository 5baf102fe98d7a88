/* The driver's invariants, for tests and the simulator. */
#include <errno.h>

#include "framework-sdk/core/state.h"

static size_t list_count(const struct driver_task *list, enum driver_ask ask, bool *ret_right)
{
    const struct driver_task *task;
    size_t count = 0;

    DL_FOREACH (list, task) {
        *ret_right = *ret_right && task->ask == ask;
        count++;
    }
    return count;
}

static int check_loop(const struct driver *self, struct err *err)
{
    const struct driver_reconciliation *loop = &self->reconciliation;
    bool right = true;
    size_t waiting = list_count(loop->waiting, DRIVER_ASK_WAITING, &right);
    size_t sent = list_count(loop->sent, DRIVER_ASK_SENT, &right);

    if (!right)
        return err_set(err, -EINVAL, "a task is in a list that it does not name");
    if (waiting != loop->waiting_count || sent != loop->sent_count)
        return err_set(err, -EINVAL, "lists of %zu and %zu tasks are counted as %zu and %zu",
                       waiting, sent, loop->waiting_count, loop->sent_count);
    if (loop->pass_left > waiting)
        return err_set(err, -EINVAL, "a pass has %zu tasks left of %zu", loop->pass_left, waiting);
    if ((waiting + sent > 0) != deadline_is_set(&loop->deadline))
        return err_set(err, -EINVAL, "%zu tasks are unanswered, the deadline is %sset",
                       waiting + sent, deadline_is_set(&loop->deadline) ? "" : "not ");
    if (waiting + sent > 0 && self->state != DRIVER_SUBSCRIBED)
        return err_set(err, -EINVAL, "reconciles without a subscription");
    if (deadline_is_set(&loop->implicit) != (self->state == DRIVER_SUBSCRIBED))
        return err_set(err, -EINVAL, "implicit reconciliation does not fit the state");
    return 0;
}

static int check_tasks(const struct driver *self, struct err *err)
{
    const struct driver_task *task, *next;

    HASH_ITER (hh, self->tasks, task, next) {
        if (task_state_is_terminal(task->state))
            return err_set(err, -EINVAL, "task %s is kept though it has ended", task->id);
        if (deadline_is_set(&task->kill_again) != driver_is_kill_due(self, task))
            return err_set(err, -EINVAL, "task %s: its kill is %sto be said again", task->id,
                           driver_is_kill_due(self, task) ? "not " : "");
    }
    if (HASH_COUNT(self->tasks) > DRIVER_TASKS_MAX)
        return err_set(err, -EINVAL, "%u tasks are too many", HASH_COUNT(self->tasks));
    return 0;
}

static int check_offers(const struct driver *self, struct err *err)
{
    const struct driver_offer *offer, *next;

    if (self->offers && self->state != DRIVER_SUBSCRIBED)
        return err_set(err, -EINVAL, "holds offers without a subscription");
    HASH_ITER (hh, self->offers, offer, next) {
        if (offer->marked)
            return err_set(err, -EINVAL, "offer %s is still marked", offer->id);
    }
    return 0;
}

int driver_check(const struct driver *self, struct err *err)
{
    int rc = check_loop(self, err);

    if (rc >= 0)
        rc = check_tasks(self, err);
    if (rc >= 0)
        rc = check_offers(self, err);
    if (rc >= 0 && deadline_is_set(&self->subscribe_again) != (self->state == DRIVER_SUBSCRIBING))
        rc = err_set(err, -EINVAL, "the deadline of SUBSCRIBE does not fit the state");
    if (rc >= 0 && self->state == DRIVER_SUBSCRIBED && !*self->framework_id)
        rc = err_set(err, -EINVAL, "is subscribed without an id");
    return rc;
}
