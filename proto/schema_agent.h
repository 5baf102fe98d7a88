/* proto/schema_agent.h - messages: between an agent and the master. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_AGENT_H
#define PROFFER_PROTO_SCHEMA_AGENT_H

/* clang-format off */

#define MESSAGES_AGENT(M) \
    M(51,  register_tasks, REGISTER_TASKS,   "A>M", "before register_agent: more of what that says, if it were too long") \
    M(60,  register_agent, REGISTER_AGENT,   "A>M", "first of an agent, and again on each new session") \
    M(61,  status_update, STATUS_UPDATE, "A>M", "retried until acknowledged") \
    M(62,  unregister,  UNREGISTER,  "A>M", "the agent ends its tasks and leaves") \
    M(80,  agent_registered, AGENT_REGISTERED, "M>A", "answers register_agent") \
    M(81,  run_task,    RUN_TASK,    "M>A", "answered by status updates") \
    M(82,  kill_task,   KILL_TASK,   "M>A", "answered by status updates") \
    M(83,  acknowledge_update, ACKNOWLEDGE_UPDATE, "M>A", "the framework has it: the next one may come") \
    M(84,  shutdown_framework, SHUTDOWN_FRAMEWORK, "M>A", "kill all its tasks; the master acknowledges how they end; once a session") \
    M(85,  shutdown_agent, SHUTDOWN_AGENT, "M>A", "kill all tasks and exit: this agent is not wanted") \
    M(67,  run_group,   RUN_GROUP,   "M>A", "several tasks as one, all or none; answered by status updates of each") \
    M(88,  cores_free,  CORES_FREE,  "A>M", "what tasks have left of its NUMA nodes, whenever that changes") \
    M(159, resend_updates,      RESEND_UPDATES,      "M>A", "the framework is back: say again what it has not acknowledged") \
    M(230, apply_operation,     APPLY_OPERATION,     "M>A", \
      "make these resources of those; answered by operation_result, if the operation has an id") \
    M(231, operation_result,    OPERATION_RESULT,    "A>M", "retried until acknowledged") \
    M(234, acknowledge_result,  ACKNOWLEDGE_RESULT,  "M>A", "the framework has it")

#define FIELDS_REGISTER_AGENT(F, R) \
    F(R, REC,  1, agent,      agent_info,     FIELD_REQUIRED, "its id is empty the first time") \
    F(R, RECS, 2, tasks,      agent_task,     0, "all it has, unacknowledged ones included") \
    F(R, RECS, 3, frameworks, framework_info, 0, "of these tasks") \
    F(R, INT,  4, last_epoch, 0,              FIELD_NOT_NEGATIVE, "of the newest master that it obeyed") \
    F(R, STR,  5, last_master_id, ID_TEXT,    FIELD_ID, "of that master") \
    F(R, RECS, 8, operations, operation_status, 0, "whose results are not acknowledged")

#define FIELDS_REGISTER_TASKS(F, R) \
    F(R, RECS, 1, tasks,      agent_task,     0, "") \
    F(R, RECS, 2, frameworks, framework_info, 0, "") \
    F(R, RECS, 3, operations, operation_status, 0, "")

#define FIELDS_STATUS_UPDATE(F, R) \
    F(R, STR,  1, framework_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC,  2, status,       task_status, FIELD_REQUIRED, "the oldest not acknowledged") \
    F(R, ENUM, 3, latest_state, task_state,  0, "the newest: when terminal, the resources are free")

#define FIELDS_UNREGISTER(F, R) \
    F(R, STR, 1, reason, MESSAGE_MAX, 0, "")

#define FIELDS_AGENT_REGISTERED(F, R) \
    F(R, STR, 1, agent_id,  ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, master_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_RUN_TASK(F, R) \
    F(R, REC, 1, framework, framework_info, FIELD_REQUIRED, "") \
    F(R, REC, 2, task,      task_info,      FIELD_REQUIRED, "") \
    F(R, STR, 3, role,      ID_TEXT,        0, "the offer's")

#define FIELDS_RUN_GROUP(F, R) \
    F(R, REC,  1, framework, framework_info, FIELD_REQUIRED, "") \
    F(R, REC,  2, group,     group_info,     FIELD_REQUIRED, "") \
    F(R, RECS, 3, tasks,     task_info,      FIELD_REQUIRED, "in their order; each says what it is there") \
    F(R, STR,  4, role,      ID_TEXT,        0, "the offer's")

#define FIELDS_KILL_TASK(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, task_id,      ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC, 3, kill_policy,  kill_policy, 0, "instead of the task's own") \
    F(R, REC, 4, drain,        drain_info,  0, "because the agent is being drained") \
    F(R, STR, 40, preempted,   MESSAGE_MAX, 0, "because another is to run in its place: which, for a person") \
    F(R, INT, 41, max_grace_ms, 0,          FIELD_NOT_NEGATIVE, "its own grace is cut to this; 0: it is not")

#define FIELDS_ACKNOWLEDGE_UPDATE(F, R) \
    F(R, STR,   1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,   2, task_id,      ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, BYTES, 3, uuid,         16,      FIELD_REQUIRED, "")

#define FIELDS_SHUTDOWN_FRAMEWORK(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_SHUTDOWN_AGENT(F, R) \
    F(R, STR, 1, reason, MESSAGE_MAX, 0, "")

#define FIELDS_CORES_FREE(F, R) \
    F(R, RECS, 1, numa_nodes, numa_info, FIELD_REQUIRED, "number and what is free; the rest is as it was")

#define FIELDS_RESEND_UPDATES(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_APPLY_OPERATION(F, R) \
    F(R, STR,  1, framework_id, ID_TEXT,        FIELD_ID, "absent: an operator's") \
    F(R, ENUM, 2, kind,         operation_kind, FIELD_REQUIRED, "") \
    F(R, STR,  3, operation_id, ID_TEXT,        FIELD_ID, "absent: nobody waits for the result") \
    F(R, RECS, 4, consumed,     resource_info,  FIELD_REQUIRED, "what the agent has no more") \
    F(R, RECS, 5, converted,    resource_info,  FIELD_REQUIRED, "what it has instead")

#define FIELDS_OPERATION_RESULT(F, R) \
    F(R, REC,  1, status, operation_status, 0, "with a uuid; absent: of an operation without id") \
    F(R, BOOL, 2, unlike, 0,                0, "it failed: the agent has not what the master believes, and is to register again")

#define FIELDS_ACKNOWLEDGE_RESULT(F, R) \
    F(R, STR,   1, framework_id, ID_TEXT, FIELD_ID, "absent: an operator's") \
    F(R, STR,   2, operation_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, BYTES, 3, uuid,         16,      FIELD_REQUIRED, "")

/* clang-format on */

#endif
