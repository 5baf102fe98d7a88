/* proto/schema_enums.h - named numbers. Part of schema.h. */
#ifndef PROFFER_PROTO_SCHEMA_ENUMS_H
#define PROFFER_PROTO_SCHEMA_ENUMS_H

/* clang-format off */

/* E(number, name): the name is the C constant and the text in JSON. Number 0 is "unset" everywhere. */

#define ENUM_LIST(X) \
    X(value_kind,    VALUE_KIND) \
    X(peer_kind,     PEER_KIND) \
    X(task_state,    TASK_STATE) \
    X(task_reason,   TASK_REASON) \
    X(status_source, STATUS_SOURCE) \
    X(operation_kind, OPERATION_KIND) \
    X(operation_state, OPERATION_STATE) \
    X(removal_reason, REMOVAL_REASON) \
    X(task_ending,   TASK_ENDING) \
    X(kept_state,    KEPT_STATE) \
    X(constraint_kind, CONSTRAINT_KIND) \
    X(pull_policy,   PULL_POLICY) \
    X(core_policy,   CORE_POLICY) \
    X(health_state,  HEALTH_STATE) \
    X(check_kind,    CHECK_KIND) \
    X(offer_mode,    OFFER_MODE) \
    X(window_state,  WINDOW_STATE) \
    X(inverse_state, INVERSE_STATE) \
    X(mount_source,  MOUNT_SOURCE) \
    X(group_part,    GROUP_PART)

#define ENUM_MOUNT_SOURCE(E) \
    E(1, MOUNT_HOST) \
    E(2, MOUNT_SANDBOX) \
    E(3, MOUNT_TMPFS) \
    E(120, MOUNT_GROUP)

/* What a task is in its group; unset: GROUP_MAIN. */
#define ENUM_GROUP_PART(E) \
    E(1, GROUP_MAIN) \
    E(2, GROUP_INIT) \
    E(3, GROUP_SIDECAR)

#define ENUM_VALUE_KIND(E) \
    E(1, VALUE_SCALAR) \
    E(2, VALUE_RANGES) \
    E(3, VALUE_SET) \
    E(4, VALUE_TEXT)

#define ENUM_PEER_KIND(E) \
    E(1, PEER_AGENT) \
    E(2, PEER_FRAMEWORK)

/* Mesos's states and names; TASK_LOST is not among them: we are always partition-aware. */
#define ENUM_TASK_STATE(E) \
    E(1,  TASK_STAGING) \
    E(2,  TASK_STARTING) \
    E(3,  TASK_RUNNING) \
    E(4,  TASK_KILLING) \
    E(5,  TASK_FINISHED) \
    E(6,  TASK_FAILED) \
    E(7,  TASK_KILLED) \
    E(8,  TASK_ERROR) \
    E(9,  TASK_DROPPED) \
    E(10, TASK_UNREACHABLE) \
    E(11, TASK_GONE) \
    E(12, TASK_GONE_BY_OPERATOR) \
    E(13, TASK_UNKNOWN)

#define ENUM_STATUS_SOURCE(E) \
    E(1, SOURCE_MASTER) \
    E(2, SOURCE_AGENT) \
    E(3, SOURCE_EXECUTOR)

#define ENUM_TASK_REASON(E) \
    E(1,  REASON_CONTAINER_LAUNCH_FAILED) \
    E(2,  REASON_CONTAINER_LIMITATION) \
    E(3,  REASON_CONTAINER_LIMITATION_DISK) \
    E(4,  REASON_CONTAINER_LIMITATION_MEMORY) \
    E(5,  REASON_CONTAINER_PREEMPTED) \
    E(6,  REASON_CONTAINER_UPDATE_FAILED) \
    E(7,  REASON_MAX_COMPLETION_TIME_REACHED) \
    E(8,  REASON_EXECUTOR_TERMINATED) \
    E(9,  REASON_FRAMEWORK_REMOVED) \
    E(10, REASON_GC_ERROR) \
    E(11, REASON_INVALID_OFFERS) \
    E(12, REASON_MASTER_DISCONNECTED) \
    E(13, REASON_RECONCILIATION) \
    E(14, REASON_AGENT_DISCONNECTED) \
    E(15, REASON_AGENT_DRAINING) \
    E(16, REASON_AGENT_REMOVED) \
    E(17, REASON_AGENT_REMOVED_BY_OPERATOR) \
    E(18, REASON_AGENT_REREGISTERED) \
    E(19, REASON_AGENT_RESTARTED) \
    E(20, REASON_AGENT_UNKNOWN) \
    E(21, REASON_TASK_INVALID) \
    E(22, REASON_TASK_KILLED_DURING_LAUNCH) \
    E(23, REASON_TASK_UNAUTHORIZED) \
    E(24, REASON_TASK_UNKNOWN) \
    E(25, REASON_COMMAND_EXECUTOR_FAILED) \
    E(40, REASON_TASK_CHECK_STATUS_UPDATED) \
    E(41, REASON_TASK_HEALTH_CHECK_STATUS_UPDATED) \
    E(42, REASON_TASK_UNHEALTHY) \
    E(30, REASON_PREEMPTED) \
    E(80, REASON_OFFER_CONFLICT) \
    E(120, REASON_TASK_GROUP_INVALID) \
    E(121, REASON_TASK_GROUP_ENDED) \
    E(130, REASON_EXECUTOR_REGISTRATION_TIMEOUT) \
    E(131, REASON_EXECUTOR_REREGISTRATION_TIMEOUT)

#define ENUM_OPERATION_KIND(E) \
    E(1, OPERATION_LAUNCH) \
    E(2, OPERATION_RESERVE) \
    E(3, OPERATION_UNRESERVE) \
    E(4, OPERATION_CREATE) \
    E(5, OPERATION_DESTROY) \
    E(6, OPERATION_GROW_VOLUME) \
    E(7, OPERATION_SHRINK_VOLUME) \
    E(120, OPERATION_LAUNCH_GROUP)

/* Mesos's names. FINISHED to DROPPED and GONE_BY_OPERATOR are the end. */
#define ENUM_OPERATION_STATE(E) \
    E(1, OPERATION_PENDING) \
    E(2, OPERATION_FINISHED) \
    E(3, OPERATION_FAILED) \
    E(4, OPERATION_ERROR) \
    E(5, OPERATION_DROPPED) \
    E(6, OPERATION_UNREACHABLE) \
    E(7, OPERATION_GONE_BY_OPERATOR) \
    E(8, OPERATION_UNKNOWN)

#define ENUM_REMOVAL_REASON(E) \
    E(1, REMOVED_UNREACHABLE) \
    E(2, REMOVED_UNREGISTERED) \
    E(3, REMOVED_GONE) \
    E(4, REMOVED_TEARDOWN) \
    E(5, REMOVED_FAILOVER_TIMEOUT) \
    E(6, REMOVED_REPLACED) \
    E(7, REMOVED_FORGOTTEN)

/* Which hardware threads a task is held to. */
#define ENUM_CORE_POLICY(E) \
    E(1, CORES_COMPACT) \
    E(2, CORES_SPREAD)

/* Why an agent ends a task. */
#define ENUM_TASK_ENDING(E) \
    E(1, ENDING_KILL) \
    E(2, ENDING_TIMEOUT) \
    E(3, ENDING_STOP) \
    E(4, ENDING_REMOVED) \
    E(5, ENDING_DRAIN) \
    E(6, ENDING_GONE) \
    E(10, ENDING_PREEMPTED) \
    E(20, ENDING_UNHEALTHY) \
    E(120, ENDING_GROUP) \
    E(121, ENDING_GROUP_DONE) \
    E(130, ENDING_UNREGISTERED) \
    E(131, ENDING_UNREREGISTERED) \
    E(132, ENDING_UNRULY)

/* What a task's health check says; unset: nothing yet. */
#define ENUM_HEALTH_STATE(E) \
    E(1, HEALTH_HEALTHY) \
    E(2, HEALTH_UNHEALTHY)

#define ENUM_CHECK_KIND(E) \
    E(1, CHECK_COMMAND) \
    E(2, CHECK_HTTP) \
    E(3, CHECK_TCP)

/* What the master's registry says of an agent. */
#define ENUM_KEPT_STATE(E) \
    E(1, KEPT_ADMITTED) \
    E(2, KEPT_UNREACHABLE) \
    E(3, KEPT_GONE)

#define ENUM_CONSTRAINT_KIND(E) \
    E(1, CONSTRAINT_EXISTS) \
    E(2, CONSTRAINT_NOT_EXISTS) \
    E(3, CONSTRAINT_EQUALS) \
    E(4, CONSTRAINT_NOT_EQUALS) \
    E(5, CONSTRAINT_MATCHES) \
    E(6, CONSTRAINT_NOT_MATCHES)

/* How a role is offered what is free. */
#define ENUM_OFFER_MODE(E) \
    E(1, OFFERS_EXCLUSIVE) \
    E(2, OFFERS_OPTIMISTIC)

/* Of a maintenance window, as the wall clock has it. */
#define ENUM_WINDOW_STATE(E) \
    E(1, WINDOW_SCHEDULED) \
    E(2, WINDOW_ANNOUNCED) \
    E(3, WINDOW_DOWN) \
    E(4, WINDOW_OVER)

/* What a framework with tasks on an agent says to a window of it. */
#define ENUM_INVERSE_STATE(E) \
    E(1, INVERSE_ASKED) \
    E(2, INVERSE_ACCEPTED) \
    E(3, INVERSE_DECLINED) \
    E(4, INVERSE_NOT_ASKED) \
    E(5, INVERSE_WITHDRAWN)

/* clang-format on */

#endif
