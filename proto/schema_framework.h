/* proto/schema_framework.h - messages: between a framework and the master. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_FRAMEWORK_H
#define PROFFER_PROTO_SCHEMA_FRAMEWORK_H

/* clang-format off */

#define MESSAGES_FRAMEWORK(M) \
    M(20,  subscribe,   SUBSCRIBE,   "F>M", "first call of a framework; answered by subscribed or error") \
    M(21,  teardown,    TEARDOWN,    "F>M", "kill everything of this framework and forget it") \
    M(22,  accept,      ACCEPT,      "F>M", "use offers of one agent; what is not used is declined") \
    M(23,  decline,     DECLINE,     "F>M", "give offers back; the same is not offered again for a while") \
    M(24,  revive,      REVIVE,      "F>M", "want offers again and drop all filters") \
    M(25,  suppress,    SUPPRESS,    "F>M", "want no offers") \
    M(26,  kill,        KILL,        "F>M", "answered by updates; of an unknown task as by reconcile") \
    M(27,  acknowledge, ACKNOWLEDGE, "F>M", "of an update that carries a uuid") \
    M(28,  reconcile,   RECONCILE,   "F>M", "answered by an update for each task, or for all when empty") \
    M(29,  message_to_executor, MESSAGE_TO_EXECUTOR, "F>M M>A A>E", "opaque, not retried") \
    M(30,  change_limits, CHANGE_LIMITS, "F>M M>A", "new limits for a task that runs; answered by limits_changed; not retried") \
    M(31,  limits_changed, LIMITS_CHANGED, "A>M M>F", "answers change_limits") \
    M(40,  subscribed,  SUBSCRIBED,  "M>F", "answers subscribe") \
    M(41,  offers,      OFFERS,      "M>F", "answered by accept or decline, before the timeout") \
    M(42,  rescind,     RESCIND,     "M>F", "the offer is no longer valid") \
    M(43,  update,      UPDATE,      "M>F", "a task's new state; acknowledge it if it has a uuid") \
    M(44,  message_to_framework, MESSAGE_TO_FRAMEWORK, "E>A A>M M>F", "opaque, not retried") \
    M(45,  agent_lost,  AGENT_LOST,  "M>F", "updates of its tasks follow by themselves") \
    M(46,  error,       ERROR,       "M>F", "the framework must stop; the session ends") \
    M(47,  preempt,     PREEMPT,     "M>F", \
      "notice, to frameworks with the capability PREEMPTION_NOTICE: a task is going to be killed for another") \
    M(49,  offer_reduced, OFFER_REDUCED, "M>F", "an optimistic offer has lost a part to an earlier accept; the rest is good") \
    M(220, needs,       NEEDS,       "F>M", "what it needs from now on: it is offered that and nothing else") \
    M(221, accept_gang, ACCEPT_GANG, "F>M", "use offers of many agents as one: all tasks are launched, or none") \
    M(232, operation_update,    OPERATION_UPDATE,    "M>F", \
      "what became of an operation with an id; acknowledge it if it has a uuid") \
    M(233, acknowledge_operation, ACKNOWLEDGE_OPERATION, "F>M", "of an operation_update that carries a uuid") \
    M(237, reconcile_operations, RECONCILE_OPERATIONS, "F>M", \
      "answered by an operation_update for each whose agent is not just away") \
    M(240, inverse_offers, INVERSE_OFFERS, "M>F", \
      "to frameworks with the capability INVERSE_OFFERS: move your tasks away from agents in time") \
    M(241, rescind_inverse, RESCIND_INVERSE, "M>F", "it need not be answered any more") \
    M(242, accept_inverse,  ACCEPT_INVERSE,  "F>M", "the tasks will be elsewhere in time; it may say otherwise later") \
    M(243, decline_inverse, DECLINE_INVERSE, "F>M", "they will not; it is asked again after a while")

#define FIELDS_SUBSCRIBE(F, R) \
    F(R, REC,  1, framework,        framework_info, FIELD_REQUIRED, "") \
    F(R, STRS, 2, suppressed_roles, ID_TEXT,        0, "want no offers for these yet") \
    F(R, RECS, 20, needs,           role_needs,     0, "of roles that have some") \
    F(R, INT,  21, offers_max,      0,              FIELD_NOT_NEGATIVE, "hold no more offers at a time; 0: as many as the master allows") \
    F(R, INT,  22, offer_timeout_ms, 0,             FIELD_NOT_NEGATIVE, "take offers back that are not answered so soon; 0: when the master does")

#define FIELDS_TEARDOWN(F, R) \
    F(R, STR, 1, reason, MESSAGE_MAX, 0, "")

#define FIELDS_ACCEPT(F, R) \
    F(R, STRS, 1, offer_ids,  ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "all of one agent and one role") \
    F(R, RECS, 2, operations, operation_info, 0, "done in order") \
    F(R, REC,  3, filters,    filters,        0, "for what is left over; absent: the default, 5 s")

#define FIELDS_DECLINE(F, R) \
    F(R, STRS, 1, offer_ids, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC,  2, filters,   filters, 0, "absent: the default, 5 s")

#define FIELDS_REVIVE(F, R) \
    F(R, STRS, 1, roles, ID_TEXT, 0, "empty: all of the framework's")

#define FIELDS_SUPPRESS(F, R) \
    F(R, STRS, 1, roles, ID_TEXT, 0, "empty: all of the framework's")

#define FIELDS_KILL(F, R) \
    F(R, STR, 1, task_id,     ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, agent_id,    ID_TEXT,     FIELD_ID, "") \
    F(R, REC, 3, kill_policy, kill_policy, 0, "instead of the task's own")

#define FIELDS_ACKNOWLEDGE(F, R) \
    F(R, STR,   1, agent_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,   2, task_id,  ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, BYTES, 3, uuid,     16,      FIELD_REQUIRED, "of the update")

#define FIELDS_RECONCILE(F, R) \
    F(R, RECS, 1, tasks, task_ref, 0, "empty: all that the master knows of this framework")

#define FIELDS_MESSAGE_TO_EXECUTOR(F, R) \
    F(R, STR,   1, framework_id, ID_TEXT,  FIELD_ID, "set by the master") \
    F(R, STR,   2, agent_id,     ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,   3, task_id,      ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "whose executor") \
    F(R, BYTES, 4, data,         DATA_MAX, 0, "")

#define FIELDS_CHANGE_LIMITS(F, R) \
    F(R, STR,  1, framework_id, ID_TEXT,    FIELD_ID, "set by the master") \
    F(R, STR,  2, agent_id,     ID_TEXT,    FIELD_ID, "where the framework believes it is; may be absent") \
    F(R, STR,  3, task_id,      ID_TEXT,    FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT,  4, number,       0,          0, "returned in the answer") \
    F(R, RECS, 5, limits,       limit_info, 0, "all of them, instead of those that it has") \
    F(R, INT,  6, pids_max,     0,          FIELD_NOT_NEGATIVE, "0: as it is")

#define FIELDS_LIMITS_CHANGED(F, R) \
    F(R, STR,  1, framework_id, ID_TEXT,     FIELD_ID, "") \
    F(R, STR,  2, agent_id,     ID_TEXT,     FIELD_ID, "") \
    F(R, STR,  3, task_id,      ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT,  4, number,       0,           0, "of the call") \
    F(R, STR,  5, error,        MESSAGE_MAX, 0, "why they are as they were; empty: they are set") \
    F(R, RECS, 6, limits,       limit_info,  0, "in force now")

#define FIELDS_SUBSCRIBED(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, master_id,    ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 3, master_address, TEXT_MAX, 0, "ip:port of the master's HTTP")

#define FIELDS_OFFERS(F, R) \
    F(R, RECS, 1, offers, offer_info, FIELD_REQUIRED, "")

#define FIELDS_RESCIND(F, R) \
    F(R, STR, 1, offer_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, reason,   MESSAGE_MAX, 0, "")

#define FIELDS_OFFER_REDUCED(F, R) \
    F(R, STR,  1, offer_id, ID_TEXT,       FIELD_REQUIRED | FIELD_ID, "") \
    F(R, RECS, 2, lost,     resource_info, 0, "what it has lost just now") \
    F(R, RECS, 3, left,     resource_info, 0, "what it holds from now on") \
    F(R, INT,  4, units,    0,             0, "of its need, that fit what is left") \
    F(R, STR,  5, reason,   MESSAGE_MAX,   0, "for a person: how much, to whom, what is left")

#define FIELDS_UPDATE(F, R) \
    F(R, REC, 1, status, task_status, FIELD_REQUIRED, "")

#define FIELDS_MESSAGE_TO_FRAMEWORK(F, R) \
    F(R, STR,   1, framework_id, ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,   2, agent_id,     ID_TEXT,  FIELD_ID, "set by the master") \
    F(R, STR,   3, task_id,      ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "whose executor") \
    F(R, BYTES, 4, data,         DATA_MAX, 0, "")

#define FIELDS_AGENT_LOST(F, R) \
    F(R, STR,  1, agent_id, ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, hostname, TEXT_MAX,       0, "") \
    F(R, ENUM, 3, reason,   removal_reason, 0, "")

#define FIELDS_ERROR(F, R) \
    F(R, STR, 1, message, MESSAGE_MAX, FIELD_REQUIRED, "")

#define FIELDS_PREEMPT(F, R) \
    F(R, STR,  1, task_id,     ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, agent_id,    ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT,  3, deadline_ms, 0,           FIELD_NOT_NEGATIVE, "it is killed so long from now; it may end sooner") \
    F(R, STR,  4, reason,      MESSAGE_MAX, 0, "for whom, and why; of one that is withdrawn: why it is") \
    F(R, BOOL, 5, withdrawn,   0,           0, "it may stay after all")

#define FIELDS_NEEDS(F, R) \
    F(R, RECS, 1, roles, role_needs, FIELD_REQUIRED, "what was said of these roles before is void")

#define FIELDS_ACCEPT_GANG(F, R) \
    F(R, RECS, 1, parts,   gang_part, FIELD_REQUIRED, "one for each agent") \
    F(R, REC,  2, filters, filters,   0, "for what is left over; absent: the default, 5 s")

#define FIELDS_OPERATION_UPDATE(F, R) \
    F(R, REC, 1, status, operation_status, FIELD_REQUIRED, "")

#define FIELDS_ACKNOWLEDGE_OPERATION(F, R) \
    F(R, STR,   1, agent_id,     ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,   2, operation_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, BYTES, 3, uuid,         16,      FIELD_REQUIRED, "of the update")

#define FIELDS_RECONCILE_OPERATIONS(F, R) \
    F(R, RECS, 1, operations, operation_ref, FIELD_REQUIRED, "")

#define FIELDS_INVERSE_OFFERS(F, R) \
    F(R, RECS, 1, offers, inverse_offer_info, FIELD_REQUIRED, "")

#define FIELDS_RESCIND_INVERSE(F, R) \
    F(R, STR, 1, id,     ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, reason, MESSAGE_MAX, 0, "")

#define FIELDS_ACCEPT_INVERSE(F, R) \
    F(R, STRS, 1, ids, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_DECLINE_INVERSE(F, R) \
    F(R, STRS, 1, ids,     ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC,  2, filters, filters, 0, "when to ask again; absent: after five minutes")

/* clang-format on */

#endif
