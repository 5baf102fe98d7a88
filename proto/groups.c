#include "proto/groups.h"

#include <errno.h>
#include <string.h>

#include "base/resources.h"
#include "proto/isolation.h"
#include "proto/mounts.h"

static bool is_said(const char *text)
{
    return text && *text;
}

enum group_part group_part_of(const struct task_info *task)
{
    return task->group && task->group->part ? task->group->part : GROUP_MAIN;
}

struct isolation_info group_isolation(const struct group_info *group)
{
    return (struct isolation_info){
        .rootfs = "",
        .seccomp_profile = "",
        .network = group->network ? group->network : "",
        .hostname = group->hostname ? group->hostname : "",
        .shm_bytes = group->shm_bytes,
        .port_mappings = group->port_mappings,
        .port_mappings_count = group->port_mappings_count,
    };
}

/* --- the group ---------------------------------------------------------------------------------- */

static bool has_volume(const struct group_info *group, const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(group->volumes[i], name))
            return true;
    return false;
}

/* They are names of folders. */
static int check_volumes(const struct group_info *group, struct err *err)
{
    if (group->volumes_count > GROUP_VOLUMES_MAX)
        return err_set(err, -E2BIG, "%zu volumes, at most %d are allowed", group->volumes_count,
                       GROUP_VOLUMES_MAX);
    for (size_t i = 0; i < group->volumes_count; i++) {
        const char *name = group->volumes[i];

        if (!*name || *name == '.' || strchr(name, '/'))
            return err_set(err, -EINVAL, "\"%.80s\" cannot be the name of a volume", name);
        if (has_volume(group, name, i))
            return err_set(err, -EINVAL, "volume %.80s is there twice", name);
    }
    return 0;
}

int group_check_itself(const struct group_info *group, struct err *err)
{
    const struct isolation_info asks = group_isolation(group);
    int rc = check_volumes(group, err);

    if (rc < 0)
        return rc;
    if (group->labels_count > GROUP_LABELS_MAX)
        return err_set(err, -E2BIG, "%zu labels, at most %d are allowed", group->labels_count,
                       GROUP_LABELS_MAX);
    return isolation_info_check(&asks, err);
}

/* --- one of its tasks --------------------------------------------------------------------------- */

static int check_member(const struct group_info *group, const struct task_info *task,
                        struct err *err)
{
    if (!task->group)
        return err_set(err, -EINVAL, "it does not say that it is in the group");
    if (strcmp(task->group->id, group->id) != 0)
        return err_set(err, -EINVAL, "it says that it is in group %.80s", task->group->id);
    if (task->group->may_end && group_part_of(task) != GROUP_SIDECAR)
        return err_set(err, -EINVAL, "may_end is for sidecars");
    if (task->docker)
        return err_set(err, -ENOTSUP,
                       "a task of a group runs natively, and this one is for Docker");
    return 0;
}

static int check_asks(const struct group_info *group, const struct isolation_info *asks,
                      struct err *err)
{
    if (!asks)
        return 0;
    if (is_said(asks->network) || asks->port_mappings_count || is_said(asks->hostname) ||
        asks->shm_bytes)
        return err_set(err, -EINVAL,
                       "network, port_mappings, hostname and shm_bytes are the group's: say them "
                       "there");
    for (size_t i = 0; i < asks->mounts_count; i++)
        if (asks->mounts[i].source_kind == MOUNT_GROUP &&
            !has_volume(group, asks->mounts[i].source, group->volumes_count))
            return err_set(err, -EINVAL, "the group has no volume %.80s", asks->mounts[i].source);
    return 0;
}

static int check_others(const struct task_info *tasks, size_t at, struct err *err)
{
    for (size_t i = 0; i < at; i++)
        if (!strcmp(tasks[i].task_id, tasks[at].task_id))
            return err_set(err, -EEXIST, "its id is there twice");
    return strcmp(tasks[at].agent_id, tasks[0].agent_id) == 0
               ? 0
               : err_set(err, -EINVAL, "it is for another agent than the first one");
}

/* A volume that is not shared is granted once. */
static bool is_same_volume(const struct resource_info *a, const struct resource_info *b)
{
    return a->volume && b->volume && !a->volume->shared && !strcmp(a->volume->id, b->volume->id) &&
           !strcmp(a->role, b->role);
}

static bool has_same_volume(const struct task_info *task, const struct resource_info *volume)
{
    for (size_t i = 0; i < task->resources_count; i++)
        if (is_same_volume(&task->resources[i], volume))
            return true;
    return false;
}

int group_volume_is_taken(const char *volume, const char *task_id, int rc, struct err *err)
{
    return err_set(err, rc,
                   "volume %.40s is not shared and %.40s has it: name it there, elsewhere in the "
                   "mounts alone",
                   volume, task_id);
}

/* Nobody has looked at a task's resources yet: each is compared with all of those before it, so they are counted first. */
static int check_volumes_once(const struct task_info *tasks, size_t at, struct err *err)
{
    const struct task_info *task = &tasks[at];
    size_t count = 0;

    if (task->resources_count > RESOURCES_MAX)
        return err_set(err, -E2BIG, "%zu resources, at most %d are allowed", task->resources_count,
                       RESOURCES_MAX);
    for (size_t j = 0; j < task->resources_count; j++) {
        if (!task->resources[j].volume)
            continue;
        if (++count > MOUNTS_MAX)
            return err_set(err, -E2BIG, "a task may have %d volumes", MOUNTS_MAX);
        for (size_t i = 0; i < at; i++)
            if (has_same_volume(&tasks[i], &task->resources[j]))
                return group_volume_is_taken(task->resources[j].volume->id, tasks[i].task_id,
                                             -EBUSY, err);
    }
    return 0;
}

int group_check(const struct group_info *group, const struct task_info *tasks, size_t count,
                const char **ret_task_id, struct err *err)
{
    size_t mains = 0;
    int rc;

    *ret_task_id = NULL;
    if (!group)
        return err_set(err, -EINVAL, "nothing is said of the group itself");
    if (!count || count > GROUP_TASKS_MAX)
        return err_set(err, -E2BIG, "%zu tasks, it has to be from 1 to %d", count, GROUP_TASKS_MAX);
    rc = group_check_itself(group, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        *ret_task_id = tasks[i].task_id;
        rc = check_member(group, &tasks[i], err);
        if (rc == 0)
            rc = check_asks(group, tasks[i].isolation, err);
        if (rc == 0)
            rc = check_others(tasks, i, err);
        if (rc == 0)
            rc = check_volumes_once(tasks, i, err);
        mains += group_part_of(&tasks[i]) == GROUP_MAIN;
    }
    if (rc < 0)
        return rc;
    *ret_task_id = NULL;
    return mains ? 0 : err_set(err, -EINVAL, "none of its tasks is a main one");
}

int group_check_alone(const struct task_info *task, struct err *err)
{
    const struct isolation_info *asks = task->isolation;

    if (task->group)
        return err_set(err, -EINVAL, "it is to be in a group, and is not launched with one");
    for (size_t i = 0; asks && i < asks->mounts_count; i++)
        if (asks->mounts[i].source_kind == MOUNT_GROUP)
            return err_set(err, -EINVAL, "it asks for a volume of a group, and is in none");
    return 0;
}
