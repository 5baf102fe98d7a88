#include "proto/message.h"

#include "proto/descriptor.h"

const char *message_name(enum msg_type type)
{
    const struct message_def *def = message_def_get(type);

    return def ? def->name : "?";
}

const char *task_state_name(enum task_state state)
{
    return enum_value_name(&task_state_enum, state);
}

const char *task_reason_name(enum task_reason reason)
{
    return enum_value_name(&task_reason_enum, reason);
}

const char *status_source_name(enum status_source source)
{
    return enum_value_name(&status_source_enum, source);
}

const char *removal_reason_name(enum removal_reason reason)
{
    return enum_value_name(&removal_reason_enum, reason);
}

const char *operation_kind_name(enum operation_kind kind)
{
    return enum_value_name(&operation_kind_enum, kind);
}

const char *operation_state_name(enum operation_state state)
{
    return enum_value_name(&operation_state_enum, state);
}

bool task_state_is_terminal(enum task_state state)
{
    switch (state) {
    case TASK_FINISHED:
    case TASK_FAILED:
    case TASK_KILLED:
    case TASK_ERROR:
    case TASK_DROPPED:
    case TASK_GONE:
    case TASK_GONE_BY_OPERATOR:
        return true;
    case TASK_STAGING:
    case TASK_STARTING:
    case TASK_RUNNING:
    case TASK_KILLING:
    case TASK_UNREACHABLE:
    case TASK_UNKNOWN:
        break;
    }
    return false;
}
