/* master/core/counters.h - what is counted, once: C(constant, name in /metrics/snapshot). Names are
 * those of Mesos (docs/monitoring.md) where it has them. Gauges are computed when asked for, in
 * counters.c.
 */
#ifndef PROFFER_MASTER_CORE_COUNTERS_H
#define PROFFER_MASTER_CORE_COUNTERS_H

#include "proto/schema.h"

#define TASK_STATE_COUNT (TASK_UNKNOWN + 1)

/* clang-format off */
#define COUNTER_LIST(C) \
    C(TASKS_FINISHED,          "master/tasks_finished") \
    C(TASKS_FAILED,            "master/tasks_failed") \
    C(TASKS_KILLED,            "master/tasks_killed") \
    C(TASKS_ERROR,             "master/tasks_error") \
    C(TASKS_DROPPED,           "master/tasks_dropped") \
    C(TASKS_GONE,              "master/tasks_gone") \
    C(TASKS_GONE_BY_OPERATOR,  "master/tasks_gone_by_operator") \
    C(TASKS_LAUNCHED,          "master/tasks_launched") \
    C(PREEMPTIONS,             "master/preemptions") \
    C(PREEMPTIONS_OFFERED,     "master/preemptions_offered") \
    C(PREEMPTIONS_WITHDRAWN,   "master/preemptions_withdrawn") \
    C(PREEMPTIONS_UNUSED,      "master/preemptions_unused") \
    C(TASKS_PREEMPTED,         "master/tasks_preempted") \
    C(OPERATIONS_APPLIED,      "master/operations/applied") \
    C(OPERATIONS_REFUSED,      "master/operations/error") \
    C(OPERATIONS_FAILED,       "master/operations/failed") \
    C(AGENT_REGISTRATIONS,     "master/slave_registrations") \
    C(AGENT_REREGISTRATIONS,   "master/slave_reregistrations") \
    C(AGENT_REFUSALS,          "master/slave_registrations_refused") \
    C(AGENT_REMOVALS,          "master/slave_removals") \
    C(AGENT_REMOVALS_UNHEALTHY, "master/slave_removals/reason_unhealthy") \
    C(AGENT_REMOVALS_UNREGISTERED, "master/slave_removals/reason_unregistered") \
    C(AGENT_REMOVALS_GONE,     "master/slave_removals/reason_gone") \
    C(FRAMEWORK_REMOVALS,      "master/framework_removals") \
    C(OFFERS_MADE,             "master/offers_made") \
    C(OFFERS_ACCEPTED,         "master/offers_accepted") \
    C(OFFERS_DECLINED,         "master/offers_declined") \
    C(OFFERS_RESCINDED,        "master/offers_rescinded") \
    C(OFFERS_TIMED_OUT,        "master/offers_timed_out") \
    C(OFFERS_INVALID,          "master/offers_named_invalid") \
    C(OPTIMISTIC_OFFERS,       "master/optimistic/offers_made") \
    C(OPTIMISTIC_WINS,         "master/optimistic/offers_won") \
    C(OPTIMISTIC_LOSSES,       "master/optimistic/offers_lost") \
    C(OPTIMISTIC_REDUCED,      "master/optimistic/offers_reduced") \
    C(OPTIMISTIC_TAKEN,        "master/optimistic/offers_taken") \
    C(OPTIMISTIC_CONFLICTS,    "master/optimistic/tasks_conflicting") \
    C(INVERSE_OFFERS_MADE,      "master/inverse_offers_made") \
    C(INVERSE_OFFERS_ACCEPTED,  "master/inverse_offers_accepted") \
    C(INVERSE_OFFERS_DECLINED,  "master/inverse_offers_declined") \
    C(INVERSE_OFFERS_RESCINDED, "master/inverse_offers_rescinded") \
    C(ALLOCATION_RUNS,         "allocator/mesos/allocation_runs") \
    C(RECORDS_KEPT,            "registrar/records_kept") \
    C(RECORDS_FAILED,          "registrar/records_failed") \
    C(MESSAGES_REGISTER_FRAMEWORK,   "master/messages_register_framework") \
    C(MESSAGES_REREGISTER_FRAMEWORK, "master/messages_reregister_framework") \
    C(MESSAGES_UNREGISTER_FRAMEWORK, "master/messages_unregister_framework") \
    C(MESSAGES_LAUNCH_TASKS,   "master/messages_launch_tasks") \
    C(MESSAGES_DECLINE_OFFERS, "master/messages_decline_offers") \
    C(MESSAGES_REVIVE_OFFERS,  "master/messages_revive_offers") \
    C(MESSAGES_SUPPRESS_OFFERS, "master/messages_suppress_offers") \
    C(MESSAGES_ACCEPT_INVERSE, "master/messages_accept_inverse_offers") \
    C(MESSAGES_DECLINE_INVERSE, "master/messages_decline_inverse_offers") \
    C(MESSAGES_NEEDS,          "master/messages_needs") \
    C(MESSAGES_KILL_TASK,      "master/messages_kill_task") \
    C(MESSAGES_ACKNOWLEDGE,    "master/messages_status_update_acknowledgement") \
    C(MESSAGES_RECONCILE_TASKS, "master/messages_reconcile_tasks") \
    C(MESSAGES_TO_EXECUTOR,    "master/messages_framework_to_executor") \
    C(MESSAGES_CHANGE_LIMITS,  "master/messages_change_limits") \
    C(MESSAGES_LIMITS_CHANGED, "master/messages_limits_changed") \
    C(MESSAGES_CORES_FREE,     "master/messages_cores_free") \
    C(MESSAGES_TO_FRAMEWORK,   "master/messages_executor_to_framework") \
    C(MESSAGES_REGISTER_AGENT, "master/messages_register_slave") \
    C(MESSAGES_REGISTER_TASKS, "master/messages_register_tasks") \
    C(MESSAGES_REREGISTER_AGENT, "master/messages_reregister_slave") \
    C(MESSAGES_UNREGISTER_AGENT, "master/messages_unregister_slave") \
    C(MESSAGES_STATUS_UPDATE,  "master/messages_status_update") \
    C(MESSAGES_OPERATION_RESULT, "master/messages_operation_status_update") \
    C(MESSAGES_ACKNOWLEDGE_OPERATION, "master/messages_operation_status_update_acknowledgement") \
    C(MESSAGES_RECONCILE_OPERATIONS, "master/messages_reconcile_operations") \
    C(MESSAGES_OPERATOR,       "master/messages_operator") \
    C(MESSAGES_DROPPED,        "master/dropped_messages") \
    C(MESSAGES_OTHER_EPOCH,    "master/dropped_messages/other_epoch") \
    C(MESSAGES_UNEXPECTED,     "master/dropped_messages/unexpected") \
    C(VALID_STATUS_UPDATES,    "master/valid_status_updates") \
    C(INVALID_STATUS_UPDATES,  "master/invalid_status_updates") \
    C(VALID_ACKNOWLEDGEMENTS,  "master/valid_status_update_acknowledgements") \
    C(INVALID_ACKNOWLEDGEMENTS, "master/invalid_status_update_acknowledgements") \
    C(VALID_TO_EXECUTOR,       "master/valid_framework_to_executor_messages") \
    C(INVALID_TO_EXECUTOR,     "master/invalid_framework_to_executor_messages") \
    C(VALID_TO_FRAMEWORK,      "master/valid_executor_to_framework_messages") \
    C(INVALID_TO_FRAMEWORK,    "master/invalid_executor_to_framework_messages")
/* clang-format on */

enum counter {
#define COUNTER_CONSTANT(constant, name) COUNTER_##constant,
    COUNTER_LIST(COUNTER_CONSTANT)
#undef COUNTER_CONSTANT
        COUNTER_MAX,
};

struct master;

void counter_add(struct master *master, enum counter counter);
/* A task came to an end in this state, with a record or without. Others are not counted. */
void counter_add_task_end(struct master *master, enum task_state state);

#endif
