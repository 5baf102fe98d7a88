/* agent/core/counters.h - what the agent's core counts, with the names that tools know it by.
 *
 * Names are those of Mesos's agent where it has one ("slave/..."), so that its exporters can read
 * ours.
 */
#ifndef PROFFER_AGENT_CORE_COUNTERS_H
#define PROFFER_AGENT_CORE_COUNTERS_H

#include <stdint.h>

/* C(member, name): only ever grow. */
#define AGENT_COUNTERS(C)                                                                          \
    C(tasks_launched, "slave/tasks_launched")                                                      \
    C(tasks_refused, "slave/tasks_refused")                                                        \
    C(limits_changed, "slave/limits_changed")                                                      \
    C(limits_refused, "slave/limits_refused")                                                      \
    C(tasks_doubled, "slave/tasks_doubled")                                                        \
    C(launch_errors, "slave/container_launch_errors")                                              \
    C(updates_sent, "slave/status_updates_sent")                                                   \
    C(updates_repeated, "slave/status_updates_repeated")                                           \
    C(acks_valid, "slave/valid_acknowledgements")                                                  \
    C(acks_wrong, "slave/invalid_acknowledgements")                                                \
    C(kills_unknown, "slave/kills_of_unknown_tasks")                                               \
    C(messages_dropped, "slave/dropped_framework_messages")                                        \
    C(messages_old, "slave/messages_of_older_epochs")                                              \
    C(messages_early, "slave/messages_before_registration")                                        \
    C(messages_unexpected, "slave/messages_unexpected")                                            \
    C(containers_unknown, "slave/events_of_unknown_containers")                                    \
    C(store_failures, "slave/checkpoint_failures")                                                 \
    C(tasks_recovered, "slave/tasks_recovered")                                                    \
    C(checks_done, "slave/checks_done")                                                            \
    C(checks_failed, "slave/health_checks_failed")                                                 \
    C(executors_registered, "slave/executors_registered")                                          \
    C(executors_lost, "slave/executors_disconnected")                                              \
    C(executors_refused, "slave/executors_refused")                                                \
    C(executors_unruly, "slave/executors_unruly")                                                  \
    C(executors_unheard, "slave/executors_unheard")                                                \
    C(executor_updates, "slave/executor_updates")                                                  \
    C(executor_updates_repeated, "slave/executor_updates_repeated")                                \
    C(executor_updates_unknown, "slave/executor_updates_of_unknown_tasks")                         \
    C(messages_to_executors, "slave/valid_framework_messages")                                     \
    C(messages_of_executors, "slave/executor_messages")                                            \
    C(sandboxes_removed, "gc/path_removals_succeeded")                                             \
    C(sandboxes_bytes, "gc/removed_bytes")                                                         \
    C(registrations, "slave/registrations")                                                        \
    C(registration_attempts, "slave/registration_attempts")

/* A task state's slot; one more than the highest number. */
#define AGENT_STATES 14

struct counters {
#define AGENT_COUNTER_MEMBER(member, name) uint64_t member;
    AGENT_COUNTERS(AGENT_COUNTER_MEMBER)
#undef AGENT_COUNTER_MEMBER
    uint64_t entered[AGENT_STATES]; /* by enum task_state: how often a task got there */
    uint64_t now_in[AGENT_STATES];  /* how many that are remembered are there */
};

#endif
