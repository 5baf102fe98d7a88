/* proto/schema_view.h - messages: what a core publishes to its view. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_VIEW_H
#define PROFFER_PROTO_SCHEMA_VIEW_H

/* clang-format off */

#define MESSAGES_VIEW(M) \
    M(120, change_master,       CHANGE_MASTER,       "core", \
      "what the master is called and where it is found") \
    M(121, change_agent,        CHANGE_AGENT,        "core", "new or changed") \
    M(122, change_agent_removed, CHANGE_AGENT_REMOVED, "core", "it is no longer part of the cluster") \
    M(123, change_framework,    CHANGE_FRAMEWORK,    "core", "new or changed") \
    M(124, change_framework_removed, CHANGE_FRAMEWORK_REMOVED, "core", "it is history now") \
    M(125, change_task,         CHANGE_TASK,         "core", "new") \
    M(126, change_task_status,  CHANGE_TASK_STATUS,  "core", "a task moved") \
    M(127, change_task_removed, CHANGE_TASK_REMOVED, "core", "it is history now") \
    M(128, change_offer,        CHANGE_OFFER,        "core", "new") \
    M(129, change_offer_removed, CHANGE_OFFER_REMOVED, "core", "accepted, declined, rescinded or timed out") \
    M(143, metrics_request,     METRICS_REQUEST,     "core", "the view asks its core for counters") \
    M(144, metrics_reply,       METRICS_REPLY,       "core", "answers metrics_request") \
    M(172, change_sandboxes,    CHANGE_SANDBOXES,    "core", "what an agent keeps and has removed of ended tasks") \
    M(246, change_role,         CHANGE_ROLE,         "core", "what operators have set for a role; without values, nothing any more") \
    M(247, change_window,       CHANGE_WINDOW,       "core", "a maintenance window is new or another, or somebody has answered to it; else it is no more")

#define FIELDS_CHANGE_MASTER(F, R) \
    F(R, STR, 1, master_id,  ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, hostname,   TEXT_MAX, 0, "") \
    F(R, STR, 3, address,    TEXT_MAX, 0, "ip:port of its HTTP") \
    F(R, STR, 4, cluster,    TEXT_MAX, 0, "") \
    F(R, INT, 5, started_us, 0,        0, "wall clock") \
    F(R, INT, 6, elected_us, 0,        0, "wall clock") \
    F(R, STR, 7, problem,    MESSAGE_MAX, 0, "why it is not well; absent: it is")

#define FIELDS_CHANGE_AGENT(F, R) \
    F(R, REC,  1, agent,           agent_info, FIELD_REQUIRED, "") \
    F(R, BOOL, 2, connected,       0,          0, "") \
    F(R, BOOL, 3, active,          0,          0, "is offered") \
    F(R, INT,  4, registered_us,   0,          0, "wall clock") \
    F(R, INT,  5, reregistered_us, 0,          0, "wall clock; 0: never") \
    F(R, BOOL, 6, recovered,       0,          0, "known from the registry only, not back yet") \
    F(R, BOOL, 7, deactivated,     0,          0, "by an operator: it is not offered") \
    F(R, REC,  8, drain,           drain_info, 0, "an operator empties it") \
    F(R, REC,  80, unavailability, unavailability, 0, "its next maintenance window, or the one that it is in") \
    F(R, BOOL, 81, down,           0,          0, "it is in that window")

#define FIELDS_CHANGE_AGENT_REMOVED(F, R) \
    F(R, STR,  1, agent_id, ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, ENUM, 2, reason,   removal_reason, 0, "") \
    F(R, INT,  3, when_us,  0,              0, "wall clock")

#define FIELDS_CHANGE_FRAMEWORK(F, R) \
    F(R, REC,  1, framework,        framework_info, FIELD_REQUIRED, "") \
    F(R, BOOL, 2, connected,        0,              0, "") \
    F(R, BOOL, 3, active,           0,              0, "gets offers") \
    F(R, BOOL, 4, recovered,        0,              0, "known from the registry or from agents only, not subscribed yet") \
    F(R, INT,  5, registered_us,    0,              0, "wall clock") \
    F(R, INT,  6, reregistered_us,  0,              0, "wall clock") \
    F(R, STRS, 7, suppressed_roles, ID_TEXT,        0, "")

#define FIELDS_CHANGE_FRAMEWORK_REMOVED(F, R) \
    F(R, STR,  1, framework_id,    ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, ENUM, 2, reason,          removal_reason, 0, "") \
    F(R, INT,  3, unregistered_us, 0,              0, "wall clock")

#define FIELDS_CHANGE_TASK(F, R) \
    F(R, STR,  1, framework_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, role,         ID_TEXT,     0, "") \
    F(R, STR,  3, user,         TEXT_MAX,    0, "whom it runs as") \
    F(R, REC,  4, task,         task_info,   FIELD_REQUIRED, "without data and environment") \
    F(R, ENUM, 5, state,        task_state,  FIELD_REQUIRED, "") \
    F(R, REC,  6, status,       task_status, 0, "the latest, when it is not new to us") \
    F(R, STR,  7, container_id, ID_TEXT,     0, "on an agent") \
    F(R, STR,  8, sandbox,      MESSAGE_MAX, 0, "on an agent")

#define FIELDS_CHANGE_TASK_STATUS(F, R) \
    F(R, STR,  1, framework_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, task_id,      ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, ENUM, 3, state,        task_state,  FIELD_REQUIRED, "what it counts as from now on") \
    F(R, REC,  4, status,       task_status, 0, "as told to the framework; absent: only the state moved") \
    F(R, REC,  40, preempt,     preempt_info, 0, "it is being preempted; absent: it is not (any more)") \
    F(R, BOOL, 110, has_limits, 0,           0, "they are others than it began with") \
    F(R, RECS, 111, limits,     limit_info,  0, "then these")

#define FIELDS_CHANGE_TASK_REMOVED(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, task_id,      ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_CHANGE_OFFER(F, R) \
    F(R, REC, 1, offer, offer_info, FIELD_REQUIRED, "")

#define FIELDS_CHANGE_OFFER_REMOVED(F, R) \
    F(R, STR, 1, offer_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_METRICS_REQUEST(F, R) \
    F(R, INT, 1, number, 0, 0, "returned in the reply")

#define FIELDS_METRICS_REPLY(F, R) \
    F(R, INT,  1, number,   0,            0, "") \
    F(R, RECS, 2, counters, counter_info, 0, "")

#define FIELDS_CHANGE_ROLE(F, R) \
    F(R, STR,  1, role,         ID_TEXT,       FIELD_REQUIRED, "") \
    F(R, INT,  2, weight_milli, 0,             FIELD_NOT_NEGATIVE, "1/1000; 0: not set, 1") \
    F(R, RECS, 3, guarantees,   resource_info, 0, "unreserved scalars") \
    F(R, RECS, 4, limits,       resource_info, 0, "unreserved scalars; what is not named has no limit") \
    F(R, INT,  40, priority,    0,             0, "whose tasks give way: those of the lower one first") \
    F(R, BOOL, 41, has_priority, 0,            0, "it is set; else it is that of the role above, at the top 0") \
    F(R, ENUM, 60, offers,      offer_mode,    0, "of the role and those in it; absent: as the role above it")

#define FIELDS_CHANGE_WINDOW(F, R) \
    F(R, STR,  1, id,     ID_TEXT,       FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC,  2, window, window_info,   0, "as it is from now on; what was answered before stands") \
    F(R, ENUM, 3, state,  window_state,  0, "with `window`") \
    F(R, REC,  4, answer, window_answer, 0, "of one framework for one agent")

#define FIELDS_CHANGE_SANDBOXES(F, R) \
    F(R, INT, 1, kept,          0,           FIELD_NOT_NEGATIVE, "sandboxes on disk, those of live tasks included") \
    F(R, INT, 2, removed,       0,           FIELD_NOT_NEGATIVE, "so far") \
    F(R, INT, 3, removed_bytes, 0,           FIELD_NOT_NEGATIVE, "so far") \
    F(R, INT, 4, failed,        0,           FIELD_NOT_NEGATIVE, "that could not be removed") \
    F(R, INT, 5, max_age_ms,    0,           FIELD_NOT_NEGATIVE, "what is kept no longer, as full as the disk is") \
    F(R, INT, 6, disk_used,     0,           FIELD_NOT_NEGATIVE, "how full that is, in thousandths") \
    F(R, STR, 7, problem,       MESSAGE_MAX, 0, "why something could not be removed")

/* clang-format on */

#endif
