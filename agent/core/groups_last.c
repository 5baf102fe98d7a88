/* What is told of the end of a group's task when its group does not use what it was granted any more.
 *
 * What a task is told to have ended of is free: its master offers it at once. But the ports that lead to a group, and its
 * address, are the holder's, which ends after the last task, and a volume of one may be mounted by others. So the last
 * one keeps what it is granted until then, as does one whose port leads to the group, and one whose volume others mount
 * does until these have ended: to the group it has ended, to its framework and master it has not.
 * If its container had ended, how it did is in its record, which the launcher keeps until it is told to forget it; a
 * new agent is told once more, perhaps after the end of the holder, and not at once: so that it has ended is written down.
 */
#include "agent/core/groups.h"

#include <errno.h>
#include <stdio.h>

#include "base/mutant.h"
#include "proto/mounts.h"

#define HOW_MAX 300

bool group_holder_lives(const struct group *group)
{
    return group->state == HOLDER_ORDERED || group->state == HOLDER_RUNS;
}

bool groups_knows_end(const struct task *task)
{
    return task->ended || (task->waits && task->ending);
}

bool groups_is_held_back(const struct task *task)
{
    return groups_knows_end(task) || task->rests;
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

static bool has_port(const struct task *task, int64_t port)
{
    for (size_t i = 0; i < task->info->resources_count; i++) {
        const struct resource_info *resource = &task->info->resources[i];

        for (size_t r = 0; r < resource->ranges_count && !strcmp(resource->name, "ports"); r++)
            if (!port || (port >= resource->ranges[r].begin && port <= resource->ranges[r].end))
                return true;
    }
    return false;
}

/* Where no port of the host is named, the holder has chosen one. */
static bool leads_to(const struct group *group, const struct task *task)
{
    for (size_t i = 0; i < group->info->port_mappings_count; i++)
        if (has_port(task, group->info->port_mappings[i].host_port))
            return !MUTATE(FREE_MAPPED_PORT);
    return false;
}

/* Another mounts a volume of it. */
static bool lends(const struct group *group, const struct task *task)
{
    for (size_t i = 0; i < group->count && !MUTATE(FREE_LENT_VOLUME); i++) {
        const struct task *other = group->members[i];

        if (other != task && group_task_lives(other) && mounts_borrow(other->info, task->info))
            return true;
    }
    return false;
}

/* Of one that has ended: what it was granted is in use. */
static bool is_used(const struct group *group, const struct task *task)
{
    if (lends(group, task))
        return true;
    return group_holder_lives(group) &&
           (leads_to(group, task) || (is_last(group, task) && !MUTATE(FREE_BEFORE_HOLDER)));
}

/* How it has ended is written down before anything follows from that: the next agent might not be told it again. What the
 * last one waits for is soon over, and nobody is told. */
static void note_rest(struct agent *self, struct task *task)
{
    char how[HOW_MAX], text[HOW_MAX + 128];

    if (task->rests || MUTATE(FORGET_HELD_END))
        return;
    task->rests = true;
    if (task->state != TASK_RUNNING || is_last(task->group, task)) {
        keep_task_state(self, task);
        return;
    }
    life_foresee(task, how, sizeof(how));
    snprintf(text, sizeof(text), "%s; that counts when its group uses what it was granted no more",
             how);
    agent_task_move(self, task, &(struct task_news){.state = TASK_RUNNING, .message = text});
}

bool groups_hold_back(struct agent *self, struct task *task,
                      const struct msg_container_exited *event)
{
    if (!task->group || !is_used(task->group, task))
        return false;
    if (!task->ended)
        task->ended = message_copy_body(MSG_CONTAINER_EXITED, event, task->arena);
    life_rest(self, task);
    note_rest(self, task);
    group_stir(self, task->group);
    return true;
}

bool groups_hold_back_waiting(struct agent *self, struct task *task)
{
    if (!task->group || !is_used(task->group, task))
        return false;
    life_rest(self, task);
    group_stir(self, task->group);
    return true;
}

void group_let_go(struct agent *self, struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        struct task *task = group->members[i];

        if (!task || !task->is_contained || is_used(group, task))
            continue;
        if (task->ended && !task->is_of_before)
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
    for (size_t i = 0; i < group->count; i++) {
        const struct task *task = group->members[i];

        if (!task || !task->is_contained)
            continue;
        if (groups_knows_end(task) && !task->is_of_before && !is_used(group, task))
            return err_set(err, -EINVAL, "task %.80s is held back for nothing",
                           task->info->task_id);
    }
    return 0;
}
