/* The invariants of the agent's books, for tests and the simulator. */
#include "agent/core/state.h"

#include <errno.h>

static int wrong(struct err *err, const struct task *task, const char *text)
{
    return err_set(err, -EINVAL, "task %s (%s): %s", task->info->task_id,
                   task_state_name(task->state), text);
}

static int check_container(const struct agent *self, const struct task *task, struct err *err)
{
    const struct task *found;

    HASH_FIND(by_container, self->containers, task->container_id, strlen(task->container_id),
              found);
    if (task->is_contained != (found == task))
        return wrong(err, task, "the index of containers disagrees");
    if (task_state_is_terminal(task->state) == task->is_contained)
        return wrong(err, task, "it must be over exactly when its container is");
    if (task->is_contained && !task->ending == (task->state == TASK_KILLING))
        return wrong(err, task, "it must be killing exactly while it is being ended");
    if ((task->state == TASK_RUNNING || task->completion.slot) && !task->is_started)
        return wrong(err, task, "it never started");
    return 0;
}

static int check_ending(const struct task *task, struct err *err)
{
    bool may_escalate = task->state == TASK_KILLING && !task->is_forced;

    if (deadline_is_set(&task->kill) != may_escalate)
        return wrong(err, task, "a grace must run exactly until the kill by force");
    if (deadline_is_set(&task->completion) && task->state != TASK_RUNNING)
        return wrong(err, task, "only what runs can take too long");
    if (!checks_are_right(task))
        return wrong(err, task, "it is to be looked at exactly while it runs, once at a time");
    if (task->framework->is_removed && task->is_contained && task->ending != ENDING_REMOVED)
        return wrong(err, task, "its framework is removed");
    return 0;
}

static int check_records(const struct agent *self, const struct task *task, struct err *err)
{
    if (task->is_contained && task->is_volatile)
        return wrong(err, task, "it is held, yet nothing is written of it");
    if (!task->is_volatile && !task->framework->is_recorded)
        return wrong(err, task, "its framework is not written down");
    if (task->record > self->records || task->spec_record > task->record)
        return wrong(err, task, "its records are numbered out of order");
    if (!task->is_volatile &&
        (task->recorded.state != task->state || task->recorded.status != task->status))
        return wrong(err, task, "its state is not the recorded one");
    if (self->is_store_failing && task->is_contained && task->spec_record > self->written)
        return wrong(err, task, "it is held, and that cannot be written down");
    return 0;
}

static int check_updates(const struct agent *self, const struct task *task, struct err *err)
{
    bool is_flying = task->updates && self->registration == REGISTRATION_DONE;
    enum task_state before = TASK_STAGING;
    const struct update *update;

    if (deadline_is_set(&task->retry) != is_flying)
        return wrong(err, task, "its oldest update is in flight exactly while registered");
    if (task_state_is_terminal(task->state) && !task->updates)
        return wrong(err, task, "its end is acknowledged, yet it is remembered");
    for (update = task->updates; update; update = update->next) {
        if (update != task->updates && !agent_task_may_move(before, update->status->state))
            return wrong(err, task, "its updates are not a way that it can have gone");
        before = update->status->state;
    }
    if (task->updates && before != task->state)
        return wrong(err, task, "its newest update is not its state");
    return 0;
}

static int check_framework(const struct agent *self, const struct framework *framework,
                           uint64_t ret_states[AGENT_STATES], struct err *err)
{
    bool is_idle = !framework->tasks && !framework->groups;

    if (is_idle != deadline_is_set(&framework->idle))
        return err_set(err, -EINVAL, "framework %s: idle exactly while it has no task",
                       framework->info->id);
    for (const struct task *task = framework->tasks; task; task = task->by_id.next) {
        int rc;

        ret_states[task->state]++;
        if (task->framework != framework)
            return wrong(err, task, "it is listed under another framework");
        rc = check_container(self, task, err);
        rc = rc < 0 ? rc : check_ending(task, err);
        rc = rc < 0 ? rc : check_updates(self, task, err);
        rc = rc < 0 ? rc : check_records(self, task, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int agent_check(const struct agent *self, struct err *err)
{
    uint64_t states[AGENT_STATES] = {0};
    size_t tasks = 0;

    for (const struct framework *f = self->frameworks; f; f = f->hh.next) {
        int rc = check_framework(self, f, states, err);

        if (rc < 0)
            return rc;
        tasks += HASH_CNT(by_id, f->tasks);
    }
    if (tasks != self->tasks_count)
        return err_set(err, -EINVAL, "%zu tasks, but %zu counted", tasks, self->tasks_count);
    if (memcmp(states, self->counters.now_in, sizeof(states)) != 0)
        return err_set(err, -EINVAL, "the counters of states disagree with the tasks");
    if (self->registration == REGISTRATION_DONE && !*self->info.id)
        return err_set(err, -EINVAL, "registered without an id");
    if (groups_check(self, err) < 0 || agent_operations_check(self, err) < 0 ||
        place_check(self, err) < 0 || executors_check_books(self, err) < 0)
        return -EINVAL;
    if (deadline_is_set(&self->garbage.watch) != (self->env.disk_used != NULL))
        return err_set(err, -EINVAL, "the disk is looked at again and again, if it can be");
    if (deadline_is_set(&self->register_again) != (self->registration == REGISTRATION_ASKED))
        return err_set(err, -EINVAL, "the registration is repeated exactly until answered");
    return 0;
}
