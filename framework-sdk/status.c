#include "framework-sdk/status.h"

#include "base/clock.h"
#include "base/ids.h"
#include "proto/message.h"

#define STATE_IS_SAME(number, name)                                                                \
    _Static_assert((int)PROFFER_##name == (int)name, "the public number is the wire's");
ENUM_TASK_STATE(STATE_IS_SAME)
ENUM_OPERATION_STATE(STATE_IS_SAME)
_Static_assert((int)PROFFER_SHRINK_VOLUME == (int)OPERATION_SHRINK_VOLUME &&
                   (int)PROFFER_RESERVE == (int)OPERATION_RESERVE,
               "the public number is the wire's");

_Static_assert((int)PROFFER_HEALTH_HEALTHY == (int)HEALTH_HEALTHY &&
                   (int)PROFFER_HEALTH_UNHEALTHY == (int)HEALTH_UNHEALTHY,
               "the public number is the wire's");

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

static void add_exit(struct proffer_status *status, const struct exit_info *info)
{
    status->has_exit = true;
    status->exit_code = (int)info->code;
    status->exit_signal = (int)info->signal;
}

static void add_container(struct proffer_status *status, const struct container_info *info)
{
    status->sandbox = text_or_empty(info->sandbox);
    status->agent_address = text_or_empty(info->agent_address);
    status->peak_mem_bytes = info->peak_mem_bytes;
    status->cpu_user_us = info->cpu_user_us;
    status->cpu_system_us = info->cpu_system_us;
    status->stdout_bytes = info->stdout_bytes;
    status->stderr_bytes = info->stderr_bytes;
    status->cpus = text_or_empty(info->cpus);
    status->mems = text_or_empty(info->mems);
    status->exclusive = info->exclusive;
    status->gpus = info->gpus;
    status->gpu_count = info->gpus_count;
}

static int exit_code_of(const struct check_status *info)
{
    if (info->kind != CHECK_COMMAND || info->timed_out)
        return -1;
    if (info->signal)
        return 128 + (int)info->signal;
    return info->passed || info->exit_code ? (int)info->exit_code : -1;
}

static void add_check(struct proffer_status *status, const struct check_status *info)
{
    status->has_check = true;
    status->check_passed = info->passed;
    status->check_exit_code = exit_code_of(info);
    status->check_http_status = (int)info->http_status;
    status->check_message = text_or_empty(info->message);
}

struct proffer_status sdk_status(const struct task_status *info)
{
    struct proffer_status status = {
        .task_id = text_or_empty(info->task_id),
        .state = (enum proffer_task_state)info->state,
        .reason = task_reason_name(info->reason),
        .source = status_source_name(info->source),
        .message = text_or_empty(info->message),
        .agent_id = text_or_empty(info->agent_id),
        .timestamp = (double)info->timestamp_us / US_PER_S,
        .sandbox = "",
        .agent_address = "",
        .cpus = "",
        .mems = "",
        .uuid = info->uuid.size == UUID_BYTES ? info->uuid.data : NULL,
        .data = info->data.data,
        .data_size = info->data.size,
        .health = (enum proffer_health)info->health,
        .check_message = "",
    };

    if (info->exit)
        add_exit(&status, info->exit);
    if (info->container)
        add_container(&status, info->container);
    if (info->check)
        add_check(&status, info->check);
    return status;
}

struct proffer_operation_status sdk_operation_status(const struct operation_status *info)
{
    return (struct proffer_operation_status){
        .operation_id = text_or_empty(info->operation_id),
        .state = (enum proffer_operation_state)info->state,
        .message = text_or_empty(info->message),
        .agent_id = text_or_empty(info->agent_id),
        .uuid = info->uuid.size == UUID_BYTES ? info->uuid.data : NULL,
    };
}

const char *proffer_operation_state_name(enum proffer_operation_state state)
{
    return operation_state_name((enum operation_state)state);
}

const char *proffer_task_state_name(enum proffer_task_state state)
{
    return task_state_name((enum task_state)state);
}

bool proffer_task_state_is_terminal(enum proffer_task_state state)
{
    return task_state_is_terminal((enum task_state)state);
}
