/* master/core/launch_check.c - the validation of one task, as a list of checks in the order in
 * which a person would want to hear of them. What the schema checks on receipt (lengths, ids,
 * signs, UTF-8) is not repeated.
 */
#include "master/core/launch_check.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mutant.h"
#include "master/core/operations.h"
#include "master/core/preempt.h"
#include "master/core/tasks.h"
#include "proto/checks.h"
#include "proto/executors.h"
#include "proto/groups.h"
#include "proto/isolation.h"
#include "proto/limits.h"
#include "proto/mounts.h"
#include "proto/resources_info.h"
#include "proto/uris.h"

#define ARGS_MAX          4096
#define ENV_MAX           4096
#define RLIMITS_MAX       32
#define LABELS_MAX        1024
#define PORTS_MAX         1024
#define COMMAND_BYTES_MAX 1048576            /* arguments and variables: half of what exec takes */
#define CARRIED_BYTES_MAX 524288             /* labels and discovery */
#define KILL_GRACE_MAX_MS INT64_C(604800000) /* a week */
#define COMPLETION_MAX_MS INT64_C(315360000000) /* ten years */
#define PIDS_MAX          4194304               /* Linux's PID_MAX_LIMIT */
#define PORT_NUMBER_MAX   65535

static int check_agent(const struct launch *launch, const struct task_info *task, struct err *err)
{
    if (!strcmp(task->agent_id, launch->agent->id))
        return 0;
    return err_set(err, -EINVAL, "its agent_id is %.80s, but the offers are of agent %.80s",
                   task->agent_id, launch->agent->id);
}

static int check_unique(const struct launch *launch, const struct task_info *task, struct err *err)
{
    const struct task *other = task_find(launch->framework, task->task_id);

    if (!other || MUTATE(TAKE_DOUBLE_ID))
        return 0;
    return err_set(err, -EEXIST,
                   "task id %.80s is in use: that task is %s on agent %.64s; choose another id",
                   task->task_id, task_state_name(other->state), other->agent->id);
}

/* --- its executor ------------------------------------------------------------ */

/* Among what comes before it in a call of which nothing is done yet. */
static bool is_to_come(const struct msg_accept *trial, const struct task_info *task)
{
    for (size_t i = 0; trial && i < trial->operations_count; i++)
        for (size_t j = 0; j < trial->operations[i].tasks_count; j++) {
            const struct task_info *before = &trial->operations[i].tasks[j];

            if (before == task)
                return false;
            if (before->executor && !strcmp(before->task_id, task->executor_id))
                return true;
        }
    return false;
}

/* It has, or it will have before a task that is sent now could run in it: what runs in it ends with it. */
static int check_lasts(const struct task *executor, struct err *err)
{
    struct preempt_info preempt;

    if (MUTATE(LAUNCH_INTO_ENDING))
        return 0;
    if (task_state_is_terminal(executor->state) || executor->state == TASK_KILLING ||
        executor->is_kill_wanted || executor->is_kill_sent)
        return err_set(err, -ESRCH, "its executor %.80s has ended, or is about to", executor->id);
    if (preempt_of(executor, &preempt))
        return err_set(err, -ESRCH, "its executor %.80s is being preempted, for role %.64s",
                       executor->id, preempt.role);
    return 0;
}

static int check_executor(const struct launch *launch, const struct task_info *task,
                          struct err *err)
{
    const struct task *executor;
    int r = executors_check(task, err);

    if (r == 0 && task->executor && !agent_has_capability(launch->agent, "EXECUTORS"))
        return err_set(err, -ENOTSUP, "agent %.80s is too old for executors", launch->agent->id);
    if (r < 0 || !task_is_inside(task) || is_to_come(launch->trial, task))
        return r;
    executor = task_find(launch->framework, task->executor_id);
    if (!executor || !executor->is_executor)
        return err_set(err, -ENOENT,
                       "executor_id is %.80s, and the framework has no executor of that id: launch "
                       "it before, or in the same accept",
                       task->executor_id);
    if (executor->agent != launch->agent)
        return err_set(err, -EINVAL, "its executor %.80s is on agent %.64s, not on this one",
                       task->executor_id, executor->agent->id);
    return check_lasts(executor, err);
}

/* --- the command ------------------------------------------------------------- */

static int check_count(size_t count, size_t max, const char *what, struct err *err)
{
    if (count <= max)
        return 0;
    return err_set(err, -E2BIG, "%zu %s, at most %zu are allowed", count, what, max);
}

static int check_command(const struct launch *launch, const struct task_info *task, struct err *err)
{
    const struct command_info *command = task->command;
    bool may_be_empty = task->docker || task_is_inside(task);

    (void)launch;
    if (!command->argv_count && !*command->value && !may_be_empty)
        return err_set(err, -EINVAL,
                       "its command is empty: give `value`, a line for the shell, or "
                       "`argv`, a program and its arguments");
    if (command->argv_count && *command->value)
        return err_set(err, -EINVAL, "its command has both `value` and `argv`: give one of them");
    if (command->argv_count && !*command->argv[0] && !may_be_empty)
        return err_set(err, -EINVAL, "argv[0], the program, is empty");
    for (size_t i = 0; i < command->env_count; i++)
        if (strchr(command->env[i].name, '='))
            return err_set(err, -EINVAL, "environment: the name %.80s has a `=` in it",
                           command->env[i].name);
    return 0;
}

static int check_command_size(const struct launch *launch, const struct task_info *task,
                              struct err *err)
{
    const struct command_info *command = task->command;
    size_t bytes = strlen(command->value);
    int r;

    (void)launch;
    r = check_count(command->argv_count, ARGS_MAX, "arguments", err);
    if (r == 0)
        r = check_count(command->env_count, ENV_MAX, "environment variables", err);
    if (r == 0)
        r = check_count(command->rlimits_count, RLIMITS_MAX, "rlimits", err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < command->argv_count; i++)
        bytes += strlen(command->argv[i]) + 1;
    for (size_t i = 0; i < command->env_count; i++)
        bytes += strlen(command->env[i].name) + strlen(command->env[i].value) + 2;
    if (bytes > COMMAND_BYTES_MAX)
        return err_set(err, -E2BIG,
                       "its arguments and environment take %zu bytes, at most %d are allowed",
                       bytes, COMMAND_BYTES_MAX);
    return 0;
}

static int check_rlimits(const struct launch *launch, const struct task_info *task, struct err *err)
{
    (void)launch;
    for (size_t i = 0; i < task->command->rlimits_count; i++) {
        const struct rlimit_info *limit = &task->command->rlimits[i];

        if (!limit->unlimited && limit->soft > limit->hard)
            return err_set(err, -EINVAL, "rlimit %s: soft %" PRId64 " is above hard %" PRId64,
                           limit->name, limit->soft, limit->hard);
    }
    return 0;
}

/* --- what is carried along --------------------------------------------------- */

static size_t discovery_bytes(const struct discovery_info *discovery)
{
    size_t bytes = 0;

    for (size_t i = 0; i < discovery->ports_count; i++)
        bytes += strlen(discovery->ports[i].name) + strlen(discovery->ports[i].protocol) + 16;
    return bytes;
}

static int check_carried(const struct launch *launch, const struct task_info *task, struct err *err)
{
    const struct discovery_info *discovery = task->discovery;
    size_t bytes = discovery ? discovery_bytes(discovery) : 0;
    int r = check_count(task->labels_count, LABELS_MAX, "labels", err);

    (void)launch;
    if (r == 0 && discovery)
        r = check_count(discovery->ports_count, PORTS_MAX, "discovery ports", err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < task->labels_count; i++)
        bytes += strlen(task->labels[i].key) + strlen(task->labels[i].value);
    if (bytes > CARRIED_BYTES_MAX)
        return err_set(err, -E2BIG, "its labels and ports take %zu bytes, at most %d are allowed",
                       bytes, CARRIED_BYTES_MAX);
    for (size_t i = 0; discovery && i < discovery->ports_count; i++)
        if (discovery->ports[i].number > PORT_NUMBER_MAX)
            return err_set(err, -ERANGE, "discovery: %" PRId64 " is no port number",
                           discovery->ports[i].number);
    return 0;
}

static int check_uris(const struct launch *launch, const struct task_info *task, struct err *err)
{
    (void)launch;
    return uris_check(task->command, err);
}

static int check_checks(const struct launch *launch, const struct task_info *task, struct err *err)
{
    (void)launch;
    return task_checks_check(task, err);
}

static int check_limits(const struct launch *launch, const struct task_info *task, struct err *err)
{
    const struct kill_policy *policy = task->kill_policy;

    (void)launch;
    if (policy && policy->grace_ms > KILL_GRACE_MAX_MS)
        return err_set(err, -ERANGE, "kill policy: a grace of %" PRId64 " ms is more than a week",
                       policy->grace_ms);
    if (task->max_completion_ms > COMPLETION_MAX_MS)
        return err_set(err, -ERANGE, "max_completion_ms is more than ten years; 0 is never");
    if (task->pids_max > PIDS_MAX)
        return err_set(err, -ERANGE, "pids_max is %" PRId64 ", at most %d are possible",
                       task->pids_max, PIDS_MAX);
    return 0;
}

/* --- resources --------------------------------------------------------------- */

static int check_resources(const struct launch *launch, const struct task_info *task,
                           struct resources *ret_resources, struct err *err)
{
    CLEANUP(buf_fini) struct buf lack = {0};
    int r = resources_from_info(ret_resources, task->resources, task->resources_count, err);

    if (r < 0)
        return err_wrap(err, r, "resources");
    if (resources_are_empty(ret_resources))
        return err_set(err, -EINVAL,
                       "it asks for no resources: give at least some cpus or mem, as in "
                       "cpus:0.1;mem:32");
    for (size_t i = 0; i < ret_resources->count; i++) {
        const char *role = resource_role(&ret_resources->items[i]);

        if (ret_resources->items[i].role && !role_is_within(launch->role, role))
            return err_set(err, -EPERM,
                           "%s is reserved for role %.64s, but the offers are to role %.64s",
                           ret_resources->items[i].name, role, launch->role);
    }
    if (resources_contain(launch->remaining, ret_resources))
        return 0;
    resources_describe_lack(launch->remaining, ret_resources, &lack);
    return err_set(err, -ERANGE, "it asks for more than is left of the offers, by %.150s",
                   buf_text(&lack));
}

static int check_cores(const struct task_info *task, const struct resources *resources,
                       struct err *err)
{
    int64_t cpus = resources_scalar(resources, "cpus");

    if (!task->cores || !task->cores->exclusive || (cpus > 0 && cpus % 1000 == 0))
        return 0;
    return err_set(err, -EINVAL, "exclusive cores are whole: cpus:1, cpus:2 and so on");
}

/* Of a group's task the group's own check says more. */
static int check_alone(const struct launch *launch, const struct task_info *task, struct err *err)
{
    return launch->group ? 0 : group_check_alone(task, err);
}

static int check_priority(const struct launch *launch, const struct task_info *task,
                          struct err *err)
{
    (void)launch;
    if (task->priority <= PRIORITY_MAX && task->priority >= -PRIORITY_MAX)
        return 0;
    return err_set(err, -ERANGE, "its priority is %" PRId64 ", it must be from -%d to %d",
                   task->priority, PRIORITY_MAX, PRIORITY_MAX);
}

/* What has no limit of its own may be much together: what is for an Engine, checks, mounts. Of a group all of it is
 * weighed at once. */
static int check_size(const struct launch *launch, const struct task_info *task,
                      const struct resources *resources, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *arena = arena_new(0);
    CLEANUP(buf_fini) struct buf frame = {0};
    struct task_info granted = *task;
    int r;

    if (launch->group)
        return 0;
    granted.resources = resources_to_info(resources, arena, &granted.resources_count);
    r = message_encode(&MESSAGE(RUN_TASK, run_task, .task = &granted), &frame, err);
    if (r == 0 && frame.size > LAUNCH_BYTES_MAX)
        r = err_set(err, -E2BIG, "it takes %zu bytes, at most %d are allowed", frame.size,
                    LAUNCH_BYTES_MAX);
    return r;
}

static int check_mounts(const struct launch *launch, const struct task_info *task,
                        const struct resources *resources, struct err *err)
{
    CLEANUP(resources_fini) struct resources seen = {0};
    int rc = 0;

    resources_copy(&seen, resources);
    if (launch->group)
        rc = mounts_seen(launch->group->tasks, launch->group->tasks_count, task, &seen, err);
    return rc < 0 ? rc : mounts_check(task->mounts, task->mounts_count, &seen, err);
}

int launch_check(const struct launch *launch, const struct task_info *task,
                 struct resources *ret_resources, struct err *err)
{
    static int (*const checks[])(const struct launch *, const struct task_info *, struct err *) = {
        check_agent,        check_unique,  check_executor, check_command,
        check_command_size, check_rlimits, check_carried,  check_limits,
        check_checks,       check_uris,    check_priority, check_alone,
    };

    int r;

    for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
        r = checks[i](launch, task, err);
        if (r < 0)
            return r;
    }
    r = check_resources(launch, task, ret_resources, err);
    if (r == 0)
        r = limits_check(task->limits, task->limits_count, ret_resources, err);
    if (r == 0)
        r = check_cores(task, ret_resources, err);
    if (r == 0)
        r = isolation_info_check(task->isolation, err);
    if (r == 0)
        r = check_size(launch, task, ret_resources, err);
    return r < 0 ? r : check_mounts(launch, task, ret_resources, err);
}
