#include "proto/checks.h"

#include <errno.h>
#include <string.h>

#define TIME_MAX_MS     (INT64_C(7) * 24 * 3600 * 1000) /* a week */
#define INTERVAL_MIN_MS 50
#define FAILURES_MAX    1000
#define PORT_MAX        65535
#define ARGS_MAX        1024

enum check_kind check_kind_of(const struct check_info *info)
{
    if (info->command)
        return CHECK_COMMAND;
    return info->http ? CHECK_HTTP : CHECK_TCP;
}

int64_t check_value(int64_t value, int64_t otherwise)
{
    return value ? value : otherwise;
}

int64_t check_timeout_ms(const struct check_info *info)
{
    int64_t timeout_ms = check_value(info->timeout_ms, CHECK_TIMEOUT_MS);

    return timeout_ms < TIME_MAX_MS ? timeout_ms : TIME_MAX_MS;
}

static int64_t first_port(const struct task_info *task)
{
    for (size_t i = 0; i < task->resources_count; i++) {
        const struct resource_info *resource = &task->resources[i];

        if (resource->kind == VALUE_RANGES && !strcmp(resource->name, "ports") &&
            resource->ranges_count)
            return resource->ranges[0].begin;
    }
    return 0;
}

int64_t check_port(const struct check_info *info, const struct task_info *task)
{
    int64_t port = info->http ? info->http->port : info->tcp ? info->tcp->port : 0;

    return port ? port : first_port(task);
}

/* --- is it one? --------------------------------------------------------------------------------- */

/* It goes into a line of HTTP as it is. */
static bool is_path(const char *path)
{
    if (!path || !*path)
        return true;
    for (const char *c = path; *c; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return *path == '/';
}

static bool is_numeric_address(const char *address)
{
    return !address || address[strspn(address, "0123456789abcdefABCDEF.:")] == '\0';
}

static int check_place(const struct check_info *info, const struct task_info *task,
                       const char *address, struct err *err)
{
    int64_t port = check_port(info, task);

    if (!port)
        return err_set(err, -EINVAL, "want a port, or a task that has one");
    if (port > PORT_MAX)
        return err_set(err, -ERANGE, "port %lld: ports end at %d", (long long)port, PORT_MAX);
    if (!is_numeric_address(address))
        return err_set(err, -EINVAL, "address %.64s: want a numeric one", address);
    return 0;
}

static int check_http(const struct check_info *info, const struct task_info *task, struct err *err)
{
    const char *scheme = info->http->scheme;

    if (scheme && *scheme && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return err_set(err, -EINVAL, "scheme %.8s: want http or https", scheme);
    if (!is_path(info->http->path))
        return err_set(
            err, -EINVAL,
            "path '%.80s': want one that begins with '/', of printable ASCII without spaces",
            info->http->path);
    return check_place(info, task, info->http->address, err);
}

static int check_command(const struct command_info *command, struct err *err)
{
    bool has_line = command->value && *command->value;

    if (!command->argv_count == !has_line)
        return err_set(err, -EINVAL, "its command wants either `value` or `argv`");
    if (command->argv_count > ARGS_MAX || command->env_count > ARGS_MAX)
        return err_set(err, -E2BIG, "its command has more than %d arguments or variables",
                       ARGS_MAX);
    if (command->argv_count && !*command->argv[0])
        return err_set(err, -EINVAL, "its argv[0], the program, is empty");
    if ((command->user && *command->user) || command->rlimits_count || command->uris_count)
        return err_set(err, -EINVAL,
                       "its command has the user and the rlimits of the task, and no uris");
    for (size_t i = 0; i < command->env_count; i++)
        if (!*command->env[i].name || strchr(command->env[i].name, '='))
            return err_set(err, -EINVAL, "\"%.64s\" cannot be the name of an environment variable",
                           command->env[i].name);
    return 0;
}

static int check_times(const struct check_info *info, bool is_health, struct err *err)
{
    if (info->delay_ms > TIME_MAX_MS || info->interval_ms > TIME_MAX_MS ||
        info->timeout_ms > TIME_MAX_MS || info->grace_ms > TIME_MAX_MS)
        return err_set(err, -ERANGE, "its times end at a week");
    if (info->interval_ms && info->interval_ms < INTERVAL_MIN_MS)
        return err_set(err, -ERANGE, "an interval of %lld ms: want at least %d",
                       (long long)info->interval_ms, INTERVAL_MIN_MS);
    if (info->consecutive_failures > FAILURES_MAX)
        return err_set(err, -ERANGE, "consecutive_failures end at %d", FAILURES_MAX);
    if (!is_health && (info->grace_ms || info->consecutive_failures || info->report_only))
        return err_set(err, -EINVAL,
                       "grace_ms, consecutive_failures and report_only are of a health check");
    return 0;
}

static int check_one(const struct check_info *info, const struct task_info *task, bool is_health,
                     struct err *err)
{
    int rc;

    if (!info)
        return 0;
    if (!!info->command + !!info->http + !!info->tcp != 1)
        return err_set(err, -EINVAL, "want one of command, http and tcp");
    rc = check_times(info, is_health, err);
    if (rc < 0)
        return rc;
    if (info->command)
        return check_command(info->command, err);
    return info->http ? check_http(info, task, err)
                      : check_place(info, task, info->tcp->address, err);
}

int task_checks_check(const struct task_info *task, struct err *err)
{
    int rc = check_one(task->health_check, task, true, err);

    if (rc < 0)
        return err_wrap(err, rc, "health_check");
    rc = check_one(task->check, task, false, err);
    return rc < 0 ? err_wrap(err, rc, "check") : 0;
}
