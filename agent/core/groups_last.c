/* The last task of a group: its end is told when the holder's container has ended, too.
 *
 * What a task is told to have ended of is free: its master offers it at once. But the ports that lead to a group, and its
 * address, are the holder's, which ends after the last task. So the last one keeps what it is granted until then: to the
 * group it has ended, to its framework and master it has not. If its container had ended, how it did is in its record,
 * which the launcher keeps until it is told to forget it; a new agent is told once more, perhaps after the end of
 * the holder: so that only the last is left is written down.
 */
#include "agent/core/groups.h"

#include <errno.h>

#include "base/mutant.h"

bool group_holder_lives(const struct group *group)
{
    return group->state == HOLDER_ORDERED || group->state == HOLDER_RUNS;
}

bool groups_is_held_back(const struct task *task)
{
    return task->ended || (task->waits && task->ending) || (task->group && task->group->is_left);
}

bool group_task_lives(const struct task *task)
{
    return task && task->is_contained && !groups_is_held_back(task);
}

static bool is_last(const struct group *group, const struct task *task)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->members[i] != task && group_task_lives(group->members[i]))
            return false;
    return true;
}

static bool may_hold_back(const struct task *task)
{
    return task->group && group_holder_lives(task->group) && is_last(task->group, task) &&
           !MUTATE(FREE_BEFORE_HOLDER);
}

bool groups_hold_back(struct agent *self, struct task *task,
                      const struct msg_container_exited *event)
{
    if (!may_hold_back(task))
        return false;
    if (!task->ended)
        task->ended = message_copy_body(MSG_CONTAINER_EXITED, event, task->arena);
    life_rest(self, task);
    group_stir(self, task->group);
    return true;
}

bool groups_hold_back_waiting(struct agent *self, struct task *task)
{
    if (!may_hold_back(task))
        return false;
    life_rest(self, task);
    group_stir(self, task->group);
    return true;
}

void group_note_last(struct agent *self, struct group *group)
{
    for (size_t i = 0; i < group->count && !group->is_left; i++) {
        if (!group->members[i] || !group->members[i]->ended)
            continue;
        group->is_left = true;
        group_keep(self, group);
    }
}

void group_let_go(struct agent *self, struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        struct task *task = group->members[i];

        if (!task || !task->is_contained)
            continue;
        if (task->ended)
            life_let_go(self, task);
        else if (task->waits && task->ending)
            life_end_unlaunched(self, task);
    }
}

bool group_has_any(const struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->members[i] && group->members[i]->is_contained)
            return true;
    return false;
}

int group_check_last(const struct group *group, struct err *err)
{
    size_t count = 0;

    for (size_t i = 0; i < group->count; i++) {
        const struct task *task = group->members[i];

        if (!task || !task->is_contained || !groups_is_held_back(task))
            continue;
        count++;
        if (!group_holder_lives(group) && (task->ended || task->waits))
            return err_set(err, -EINVAL, "task %.80s is held back for nothing",
                           task->info->task_id);
        if (!is_last(group, task))
            return err_set(err, -EINVAL, "task %.80s is held back, and is not the last",
                           task->info->task_id);
    }
    return count > 1 ? err_set(err, -EINVAL, "group %.80s: %zu tasks are the last", group->info->id,
                               count)
                     : 0;
}
