/* Is what the master wants run something that can be run here? Masters check as well; an agent does
 * not rely on it. */
#include "agent/core/state.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/resources.h"
#include "proto/checks.h"
#include "proto/executors.h"
#include "proto/groups.h"
#include "proto/isolation.h"
#include "proto/limits.h"
#include "proto/mounts.h"
#include "proto/resources_info.h"
#include "proto/uris.h"

/* Names are compared with each other when the environment is made. */
#define ENV_MAX 4096

/* An image has a command of its own, an executor knows what to do. */
static int check_command(const struct command_info *command, bool may_be_empty, struct err *err)
{
    bool has_line = command->value && *command->value;

    if (!command->argv_count && !has_line && !may_be_empty)
        return err_set(err, -EINVAL, "the command is empty: want `value` or `argv`");
    if (command->argv_count && !*command->argv[0] && !may_be_empty)
        return err_set(err, -EINVAL, "the command's first argument, the program, is empty");
    if (command->env_count > ENV_MAX)
        return err_set(err, -EINVAL, "%zu environment variables, at most %d are allowed",
                       command->env_count, ENV_MAX);
    for (size_t i = 0; i < command->env_count; i++)
        if (!*command->env[i].name || strchr(command->env[i].name, '='))
            return err_set(err, -EINVAL, "\"%s\" cannot be the name of an environment variable",
                           command->env[i].name);
    return 0;
}

/* Masters give out what they believe to be here; an operation may have failed. */
static int check_resources(const struct agent *self, const struct task_info *task,
                           const struct msg_run_group *group, struct err *err)
{
    CLEANUP(resources_fini) struct resources resources = {0};
    CLEANUP(buf_fini) struct buf lack = {0};
    int rc = resources_from_info(&resources, task->resources, task->resources_count, err);

    if (rc < 0)
        return err_wrap(err, rc, "resources");
    if (!resources_contain(&self->total, &resources)) {
        resources_describe_lack(&self->total, &resources, &lack);
        return err_set(err, -ERANGE, "this agent lacks %.150s", buf_text(&lack));
    }
    rc = limits_check(task->limits, task->limits_count, &resources, err);
    if (rc == 0)
        rc = place_validate(self, task, err);
    if (rc == 0 && group)
        rc = mounts_seen(group->tasks, group->tasks_count, task, &resources, err);
    return rc < 0 ? rc : mounts_check(task->mounts, task->mounts_count, &resources, err);
}

/* What only native tasks have is not left out silently; all else of `isolation` an Engine has as well. */
static int check_docker(const struct task_info *task, struct err *err)
{
    const struct isolation_info *asks = task->isolation;
    const char *what = !asks              ? NULL
                       : *asks->rootfs    ? "rootfs, as its image is its root,"
                       : asks->ambient    ? "ambient capabilities"
                       : asks->inner_root ? "inner_root"
                                          : NULL;

    if (task->command->user && *task->command->user)
        return err_set(err, -EINVAL,
                       "user: whom a task for Docker runs as is said by that of its container "
                       "(docker.user), whose users are the image's");
    return what ? err_set(err, -EINVAL, "isolation: %s cannot be had by a task for Docker", what)
                : 0;
}

/* By itself, or of a group. */
static int check_task(const struct agent *self, const struct task_info *task,
                      const struct msg_run_group *group, struct err *err)
{
    int rc;

    if (strcmp(task->agent_id, self->info.id) != 0)
        return err_set(err, -EINVAL, "the task is for agent %s, this is %s", task->agent_id,
                       self->info.id);
    rc = executors_check(task, err);
    if (rc == 0)
        rc = check_command(task->command, task->docker || task_is_inside(task), err);
    if (rc == 0 && task->docker)
        rc = check_docker(task, err);
    if (rc == 0)
        rc = uris_check(task->command, err);
    if (rc == 0)
        rc = task_checks_check(task, err);
    if (rc == 0)
        rc = isolation_info_check(task->isolation, err);
    return rc < 0 ? rc : check_resources(self, task, group, err);
}

int validate_run(const struct agent *self, const struct msg_run_task *run, struct err *err)
{
    int rc = group_check_alone(run->task, err);

    return rc < 0 ? rc : check_task(self, run->task, NULL, err);
}

int validate_group(const struct agent *self, const struct msg_run_group *run, struct err *err)
{
    const char *task_id;
    struct err why;
    int rc = group_check(run->group, run->tasks, run->tasks_count, &task_id, &why);

    for (size_t i = 0; i < run->tasks_count && rc == 0; i++) {
        task_id = run->tasks[i].task_id;
        rc = check_task(self, &run->tasks[i], run, &why);
    }
    return rc < 0
               ? err_set(err, rc, "nothing of group %.64s is launched%s%.64s: %.250s",
                         run->group->id, task_id ? ": task " : "", task_id ? task_id : "", why.text)
               : 0;
}
