#include "agent/crew.h"

#include <errno.h>

#include "agent/policy.h"
#include "base/cleanup.h"
#include "base/log.h"

static int start_launcher(struct launcher_process *launcher, const struct agent_flags *flags,
                          struct policy *policy, struct err *err)
{
    const struct launcher_program program = {
        .name = policy->launcher.modules_count ? "proffer-launcher-modules" : "proffer-launcher",
        .option = "--launcher",
        .path = flags->launcher,
        .has_desks = true,
    };
    int rc = launcher_process_start(&program, launcher, err);

    if (rc < 0)
        return rc;
    policy->launcher.programs_dir = launcher->programs_dir;
    rc = launcher_process_tell(
        launcher,
        &(struct message){.type = MSG_LAUNCHER_CONFIGURE, .launcher_configure = &policy->launcher},
        err);
    return rc < 0 ? err_wrap(err, rc, "the launcher is of no use") : 0;
}

static int start_docker(struct launcher_process *docker, const struct agent_flags *flags,
                        const struct policy *policy, struct err *err)
{
    const struct launcher_program program = {
        .name = "proffer-docker", .option = "--docker-program", .path = flags->docker_program};
    int rc = launcher_process_start(&program, docker, err);

    if (rc < 0)
        return rc;
    rc = launcher_process_tell(
        docker,
        &(struct message){.type = MSG_DOCKER_CONFIGURE, .docker_configure = &policy->docker}, err);
    return rc < 0 ? err_wrap(err, rc, "proffer-docker is of no use") : 0;
}

int crew_start(struct crew *self, const struct agent_flags *flags, const struct work_dir *work_dir,
               uid_t agent_uid, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct policy policy;
    int rc = policy_make(flags, work_dir, agent_uid, arena, &policy, err);

    if (rc == 0)
        rc = start_launcher(&self->launcher, flags, &policy, err);
    if (rc < 0)
        return rc;
    self->has_docker = policy.wants_docker;
    return self->has_docker ? start_docker(&self->docker, flags, &policy, err) : 0;
}

void crew_leave(struct crew *self)
{
    launcher_process_leave(&self->launcher);
    launcher_process_leave(&self->docker);
}

int crew_end(struct crew *self, bool ends_tasks)
{
    int docker_rc = launcher_process_end(&self->docker, NULL);
    int rc = launcher_process_end(&self->launcher, NULL);

    if (ends_tasks && docker_rc < 0)
        log_error("Docker containers may be left; the next agent of this work folder removes them");
    return rc;
}

void crew_clear_up(const struct agent_flags *flags, const struct work_dir *work_dir)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    struct launcher_process launcher = LAUNCHER_PROCESS_NONE;
    struct message ready;
    struct policy policy;
    struct err err;
    int rc = policy_make(flags, work_dir, 0, arena, &policy, &err);

    if (rc == 0)
        rc = start_launcher(&launcher, flags, &policy, &err);
    if (rc == 0)
        rc = launcher_process_recover(&launcher, NULL, 0, MSG_LAUNCHER_READY, arena, &ready, &err);
    if (rc == 0 && *ready.launcher_ready->error)
        rc = err_set(&err, -EIO, "%s", ready.launcher_ready->error);
    if (rc < 0)
        log_error("tasks may be left running below the group %s/%s: %s", flags->cgroup_root,
                  work_dir->unique, err.text);
    launcher_process_end(&launcher, "the agent leaves");
}
