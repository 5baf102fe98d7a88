#include "framework-sdk/tasks.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ids.h"
#include "base/units.h"
#include "proto/checks.h"
#include "proto/executors.h"
#include "proto/message.h"
#include "proto/isolation.h"
#include "proto/limits.h"
#include "proto/resources_info.h"
#include "proto/uris.h"

#define RLIMIT_UNLIMITED "unlimited"
#define LIMIT_UNLIMITED  "unlimited"

static size_t pairs_count(const struct proffer_pair *pairs)
{
    size_t count = 0;

    while (pairs && pairs[count].name)
        count++;
    return count;
}

const struct label_info *sdk_labels_to_info(const struct proffer_pair *pairs, struct arena *arena,
                                            size_t *ret_count)
{
    size_t count = pairs_count(pairs);
    struct label_info *labels = arena_array(arena, count, sizeof(*labels));

    for (size_t i = 0; i < count; i++)
        labels[i] = (struct label_info){.key = pairs[i].name, .value = pairs[i].value};
    *ret_count = count;
    return labels;
}

static int env_to_info(const struct proffer_pair *pairs, struct arena *arena,
                       struct command_info *command, struct err *err)
{
    size_t count = pairs_count(pairs);
    struct env_info *env = arena_array(arena, count, sizeof(*env));

    for (size_t i = 0; i < count; i++) {
        if (!*pairs[i].name || strchr(pairs[i].name, '='))
            return err_set(err, -EINVAL, "env: '%.64s' is no name of a variable", pairs[i].name);
        env[i] = (struct env_info){.name = pairs[i].name, .value = pairs[i].value};
    }
    command->env = env;
    command->env_count = count;
    return 0;
}

/* --- rlimits ---------------------------------------------------------------------------------- */

/* "1024", "1024:4096" (soft, hard) or "unlimited". */
static int rlimit_parse(struct rlimit_info *rlimit, const char *value, struct arena *arena,
                        struct err *err)
{
    const char *colon = strchr(value, ':');
    const char *soft = value;
    int rc;

    if (!strcmp(value, RLIMIT_UNLIMITED)) {
        rlimit->unlimited = true;
        return 0;
    }
    if (colon)
        soft = arena_memdup(arena, value, (size_t)(colon - value));
    rc = units_parse_int(soft, 0, INT64_MAX, &rlimit->soft, err);
    if (rc >= 0)
        rc = units_parse_int(colon ? colon + 1 : value, 0, INT64_MAX, &rlimit->hard, err);
    if (rc >= 0 && rlimit->soft > rlimit->hard)
        rc = err_set(err, -EINVAL, "the soft limit is above the hard one");
    return rc;
}

static int rlimits_to_info(const struct proffer_pair *pairs, struct arena *arena,
                           struct command_info *command, struct err *err)
{
    size_t count = pairs_count(pairs);
    struct rlimit_info *rlimits = arena_array(arena, count, sizeof(*rlimits));

    for (size_t i = 0; i < count; i++) {
        const char *value = pairs[i].value ? pairs[i].value : "";
        int rc;

        rlimits[i].name = pairs[i].name;
        rc = rlimit_parse(&rlimits[i], value, arena, err);
        if (rc < 0)
            return err_wrap(err, rc, "rlimits: %.64s=%.64s (wanted N, SOFT:HARD or unlimited)",
                            pairs[i].name, value);
    }
    command->rlimits = rlimits;
    command->rlimits_count = count;
    return 0;
}

/* --- task ------------------------------------------------------------------------------------- */

static const struct uri_info *uris_to_info(const struct proffer_uri *uris, struct arena *arena,
                                           size_t *ret_count)
{
    struct uri_info *infos;
    size_t count = 0;

    while (uris && uris[count].value)
        count++;
    infos = arena_array(arena, count, sizeof(*infos));
    for (size_t i = 0; i < count; i++)
        infos[i] = (struct uri_info){
            .value = uris[i].value,
            .executable = uris[i].executable,
            .extract = uris[i].extract,
            .cache = uris[i].cache,
            .output_file = uris[i].output,
            .sha256 = uris[i].sha256,
        };
    *ret_count = count;
    return infos;
}

static int command_to_info(const struct proffer_task *task, struct arena *arena,
                           const struct command_info **ret_command, struct err *err)
{
    struct command_info *command = arena_alloc(arena, sizeof(*command));
    int rc;

    while (task->argv && task->argv[command->argv_count])
        command->argv_count++;
    if (!command->argv_count && (!task->command || !*task->command) && !task->docker &&
        !task->executor_id)
        return err_set(err, -EINVAL, "there is nothing to run: give it `command` or `argv`");
    command->argv = task->argv;
    command->value = command->argv_count ? NULL : task->command;
    command->user = task->user;
    command->uris = uris_to_info(task->uris, arena, &command->uris_count);
    rc = env_to_info(task->env, arena, command, err);
    if (rc >= 0)
        rc = rlimits_to_info(task->rlimits, arena, command, err);
    if (rc >= 0)
        *ret_command = command;
    return rc;
}

static const struct kill_policy *policy_of(int64_t grace_ms, struct arena *arena)
{
    struct kill_policy *policy;

    if (!grace_ms)
        return NULL;
    policy = arena_alloc(arena, sizeof(*policy));
    policy->grace_ms = grace_ms < 0 ? 0 : grace_ms;
    return policy;
}

/* --- limits and mounts ------------------------------------------------------------------------ */

static int limit_parse(const char *text, size_t size, struct arena *arena, struct limit_info *limit,
                       struct err *err)
{
    const char *colon = memrchr(text, ':', size); /* a device may be called 8:0 */
    const char *value;
    char *name, *at;

    if (!colon || colon == text)
        return err_set(err, -EINVAL,
                       "limits: \"%.*s\": wanted NAME:VALUE, as cpus:4, "
                       "mem:unlimited or io_write@/dev/sda:10",
                       (int)size, text);
    name = arena_memdup(arena, text, (size_t)(colon - text));
    at = strchr(name, '@');
    if (at)
        *at = '\0';
    *limit = (struct limit_info){.name = name, .device = at ? at + 1 : ""};
    value = arena_memdup(arena, colon + 1, size - (size_t)(colon + 1 - text));
    if (!strcmp(value, LIMIT_UNLIMITED)) {
        limit->unlimited = true;
        return 0;
    }
    if (units_parse_milli(value, &limit->scalar, err) < 0)
        return err_wrap(err, -EINVAL, "limits: %s", limit->name);
    return 0;
}

int sdk_limits_to_info(const char *text, struct arena *arena, const struct limit_info **ret_limits,
                       size_t *ret_count, struct err *err)
{
    struct limit_info *limits = arena_array(arena, LIMITS_MAX, sizeof(*limits));
    size_t count = 0;

    while (text && *text) {
        size_t size = strcspn(text, ";");
        int rc;

        if (count == LIMITS_MAX)
            return err_set(err, -EINVAL, "limits: more than %d", LIMITS_MAX);
        rc = size ? limit_parse(text, size, arena, &limits[count++], err) : 0;
        if (rc < 0)
            return rc;
        text += size + (text[size] == ';');
    }
    *ret_limits = limits;
    *ret_count = count;
    return 0;
}

static int cores_to_info(const char *text, struct arena *arena, const struct cores_info **ret_info,
                         struct err *err)
{
    struct cores_info *info = arena_alloc(arena, sizeof(*info));

    *ret_info = NULL;
    if (!text || !*text)
        return 0;
    info->exclusive = !strncmp(text, "exclusive", 9);
    if (!strcmp(text, "compact") || !strcmp(text, "exclusive") ||
        !strcmp(text, "exclusive compact"))
        info->policy = CORES_COMPACT;
    else if (!strcmp(text, "spread") || !strcmp(text, "exclusive spread"))
        info->policy = CORES_SPREAD;
    else
        return err_set(err, -EINVAL,
                       "cores: \"%.40s\": wanted compact, spread, exclusive or exclusive spread",
                       text);
    *ret_info = info;
    return 0;
}

static const struct mount_info *mounts_to_info(const struct proffer_mount *mounts,
                                               struct arena *arena, size_t *ret_count)
{
    struct mount_info *infos;
    size_t count = 0;

    while (mounts && mounts[count].volume)
        count++;
    infos = arena_array(arena, count, sizeof(*infos));
    for (size_t i = 0; i < count; i++)
        infos[i] = (struct mount_info){
            .volume_id = mounts[i].volume,
            .role = mounts[i].role ? mounts[i].role : "",
            .container_path = mounts[i].path,
            .read_only = mounts[i].read_only,
        };
    *ret_count = count;
    return infos;
}

/* --- docker ----------------------------------------------------------------------------------- */

static size_t texts_count(const char *const *texts)
{
    size_t count = 0;

    while (texts && texts[count])
        count++;
    return count;
}

static void ports_to_info(const struct proffer_docker *docker, struct arena *arena,
                          struct docker_info *info)
{
    struct port_mapping *mappings = arena_array(arena, docker->ports_count, sizeof(*mappings));

    for (size_t i = 0; i < docker->ports_count; i++)
        mappings[i] = (struct port_mapping){.host_port = docker->ports[i].host_port,
                                            .container_port = docker->ports[i].container_port,
                                            .protocol = docker->ports[i].protocol};
    info->port_mappings = mappings;
    info->port_mappings_count = docker->ports_count;
}

static void docker_volumes_to_info(const struct proffer_docker_volume *volumes, struct arena *arena,
                                   struct docker_info *info)
{
    struct docker_volume *infos;
    size_t count = 0;

    while (volumes && volumes[count].container_path)
        count++;
    infos = arena_array(arena, count, sizeof(*infos));
    for (size_t i = 0; i < count; i++)
        infos[i] = (struct docker_volume){
            .container_path = volumes[i].container_path,
            .host_path = volumes[i].host_path,
            .name = volumes[i].name,
            .driver = volumes[i].driver,
            .read_only = volumes[i].read_only,
            .tmpfs_bytes = volumes[i].tmpfs_bytes,
        };
    info->volumes = infos;
    info->volumes_count = count;
}

static void devices_to_info(const struct proffer_docker_device *devices, struct arena *arena,
                            struct docker_info *info)
{
    struct docker_device *infos;
    size_t count = 0;

    while (devices && devices[count].host_path)
        count++;
    infos = arena_array(arena, count, sizeof(*infos));
    for (size_t i = 0; i < count; i++)
        infos[i] = (struct docker_device){.host_path = devices[i].host_path,
                                          .container_path = devices[i].container_path,
                                          .permissions = devices[i].permissions};
    info->devices = infos;
    info->devices_count = count;
}

static void parameters_to_info(const struct proffer_pair *pairs, struct arena *arena,
                               struct docker_info *info)
{
    size_t count = pairs_count(pairs);
    struct docker_parameter *infos = arena_array(arena, count, sizeof(*infos));

    for (size_t i = 0; i < count; i++)
        infos[i] = (struct docker_parameter){.key = pairs[i].name, .value = pairs[i].value};
    info->parameters = infos;
    info->parameters_count = count;
}

static const struct docker_info *docker_to_info(const struct proffer_docker *docker,
                                                struct arena *arena)
{
    struct docker_info *info;

    if (!docker)
        return NULL;
    info = arena_alloc(arena, sizeof(*info));
    *info = (struct docker_info){
        .image = docker->image ? docker->image : "",
        .network = docker->network,
        .privileged = docker->privileged,
        .pull = (enum pull_policy)docker->pull,
        .credentials = docker->credentials,
        .user = docker->user,
        .init = docker->init,
        .stop_signal = docker->stop_signal,
        .workdir = docker->workdir,
        .read_only = docker->read_only,
        .cap_add = docker->cap_add,
        .cap_add_count = texts_count(docker->cap_add),
        .cap_drop = docker->cap_drop,
        .cap_drop_count = texts_count(docker->cap_drop),
        .entrypoint = docker->entrypoint,
        .entrypoint_count = texts_count(docker->entrypoint),
    };
    ports_to_info(docker, arena, info);
    docker_volumes_to_info(docker->volumes, arena, info);
    devices_to_info(docker->devices, arena, info);
    parameters_to_info(docker->parameters, arena, info);
    return info;
}

/* On the wire 0 is the default. It is over before anything can have been looked at. */
#define NO_GRACE_MS 1

static const struct check_info *check_to_info(const struct proffer_check *check,
                                              struct arena *arena)
{
    struct check_info *info = check ? arena_alloc(arena, sizeof(*info)) : NULL;
    struct command_info *command = arena_alloc(arena, sizeof(*command));
    struct http_check *http = arena_alloc(arena, sizeof(*http));
    struct tcp_check *tcp = arena_alloc(arena, sizeof(*tcp));

    if (!check)
        return NULL;
    while (check->argv && check->argv[command->argv_count])
        command->argv_count++;
    command->argv = check->argv;
    command->value = command->argv_count ? NULL : check->command;
    *http = (struct http_check){.scheme = check->https ? "https" : "http",
                                .port = check->port,
                                .path = check->http,
                                .address = check->address};
    *tcp = (struct tcp_check){.port = check->port, .address = check->address};
    *info = (struct check_info){
        .command = command->argv_count || check->command ? command : NULL,
        .http = check->http ? http : NULL,
        .tcp = check->tcp ? tcp : NULL,
        .delay_ms = check->delay_ms,
        .interval_ms = check->interval_ms,
        .timeout_ms = check->timeout_ms,
        .grace_ms = check->grace_ms < 0 ? NO_GRACE_MS : check->grace_ms,
        .consecutive_failures = check->failures,
        .report_only = check->report_only,
    };
    return info;
}

static const struct executor_info *executor_to_info(const struct proffer_executor_rules *rules,
                                                    struct arena *arena)
{
    struct executor_info *info = rules ? arena_alloc(arena, sizeof(*info)) : NULL;

    if (rules)
        *info = (struct executor_info){
            .shutdown_grace_ms = rules->shutdown_grace_ms,
            .registration_timeout_ms = rules->registration_timeout_ms,
            .recovery_timeout_ms = rules->recovery_timeout_ms,
        };
    return info;
}

static int isolation_to_info(const char *text, struct arena *arena, struct task_info *info,
                             struct err *err)
{
    const void *record = NULL;
    int rc;

    if (!text || !*text)
        return 0;
    rc = record_read_json_strict(&isolation_info_def, text, strlen(text), arena, &record, err);
    if (rc < 0)
        return err_wrap(err, rc, "isolation");
    info->isolation = record;
    return isolation_info_check(info->isolation, err);
}

/* Borrows from the task and from `granted`. */
static int borrow(const struct proffer_task *task, const struct resources *granted,
                  struct arena *arena, struct task_info *info, struct err *err)
{
    int rc = command_to_info(task, arena, &info->command, err);

    if (rc >= 0)
        rc = sdk_limits_to_info(task->limits, arena, &info->limits, &info->limits_count, err);
    if (rc >= 0)
        rc = cores_to_info(task->cores, arena, &info->cores, err);
    if (rc >= 0)
        rc = isolation_to_info(task->isolation, arena, info, err);
    if (rc < 0)
        return rc;
    info->task_id = task->id;
    info->name = task->name && *task->name ? task->name : task->id;
    info->resources = resources_to_info(granted, arena, &info->resources_count);
    info->kill_policy = policy_of(task->kill_grace_ms, arena);
    info->preemption_policy = policy_of(task->preemption_grace_ms, arena);
    info->priority = task->priority;
    info->labels = sdk_labels_to_info(task->labels, arena, &info->labels_count);
    info->docker = docker_to_info(task->docker, arena);
    info->mounts = mounts_to_info(task->mounts, arena, &info->mounts_count);
    info->max_completion_ms = task->max_completion_ms;
    info->pids_max = task->pids_max;
    info->data = (struct bytes){.data = task->data, .size = task->data_size};
    info->executor = executor_to_info(task->executor, arena);
    info->executor_id = task->executor_id;
    info->health_check = check_to_info(task->health_check, arena);
    info->check = check_to_info(task->check, arena);
    rc = record_check(&task_info_def, info, err);
    if (rc == 0)
        rc = executors_check(info, err);
    if (rc == 0)
        rc = uris_check(info->command, err);
    return rc < 0 ? rc : task_checks_check(info, err);
}

int sdk_task_to_info(const struct proffer_task *task, const char *agent_id,
                     const struct resources *granted, struct arena *arena,
                     const struct task_info **ret_info, struct err *err)
{
    CLEANUP(arena_destroy) struct arena *scratch = arena_new(0);
    struct task_info info = {.agent_id = agent_id};
    const struct task_info *copy;
    int rc = id_check(task->id ? task->id : "", "task_id", err);

    if (rc < 0)
        return rc;
    if (borrow(task, granted, scratch, &info, err) < 0)
        return err_wrap(err, -EINVAL, "task %s", task->id);
    copy = record_copy(&task_info_def, &info, arena);
    if (!copy)
        return err_set(err, -EMSGSIZE, "task %s: does not fit in one message any more", task->id);
    *ret_info = copy;
    return 0;
}

int sdk_task_parse_resources(const struct proffer_task *task, struct resources *ret_want,
                             struct err *err)
{
    int rc = resources_parse(ret_want, task->resources ? task->resources : "", err);

    return rc < 0 ? err_wrap(err, rc, "task %s: resources", task->id ? task->id : "?") : 0;
}
