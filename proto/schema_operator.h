/* proto/schema_operator.h - messages: an operator's calls. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_OPERATOR_H
#define PROFFER_PROTO_SCHEMA_OPERATOR_H

/* clang-format off */

#define MESSAGES_OPERATOR(M) \
    M(140, operator_kill,       OPERATOR_KILL,       "http", "POST /kill") \
    M(141, operator_teardown,   OPERATOR_TEARDOWN,   "http", "POST /teardown") \
    M(142, operator_reply,      OPERATOR_REPLY,      "http", "answers an operator's call") \
    M(145, operator_drain_agent, OPERATOR_DRAIN_AGENT, "http", "POST /agents/drain") \
    M(146, operator_deactivate_agent, OPERATOR_DEACTIVATE_AGENT, "http", "POST /agents/deactivate") \
    M(147, operator_reactivate_agent, OPERATOR_REACTIVATE_AGENT, "http", "POST /agents/reactivate") \
    M(148, operator_mark_gone,  OPERATOR_MARK_GONE,  "http", "POST /agents/gone") \
    M(153, operator_reservation, OPERATOR_RESERVATION, "http", "POST /reservations, /reservations/remove") \
    M(154, operator_volume,     OPERATOR_VOLUME,     "http", "POST /volumes/create, /destroy, /grow, /shrink") \
    M(155, operator_set_roles,  OPERATOR_SET_ROLES,  "http", "quotas or weights of several roles: all or none") \
    M(149, operator_schedule_maintenance, OPERATOR_SCHEDULE_MAINTENANCE, "http", "POST /maintenance") \
    M(150, operator_cancel_maintenance, OPERATOR_CANCEL_MAINTENANCE, "http", "POST /maintenance/cancel") \
    M(151, operator_start_maintenance, OPERATOR_START_MAINTENANCE, "http", "POST /maintenance/start") \
    M(152, operator_stop_maintenance, OPERATOR_STOP_MAINTENANCE, "http", "POST /maintenance/stop") \
    M(200, operator_set_quota,  OPERATOR_SET_QUOTA,  "http", \
      "replaces what was set for the role; without amounts there is no quota any more") \
    M(201, operator_set_weight, OPERATOR_SET_WEIGHT, "http", "of a role among its siblings") \
    M(202, operator_explain,    OPERATOR_EXPLAIN,    "http", "GET /explain: why is something offered, or not") \
    M(203, operator_set_priority, OPERATOR_SET_PRIORITY, "http", "of a role: whose tasks give way to whose") \
    M(207, operator_set_offers, OPERATOR_SET_OFFERS, "http", "whether a role's offers are exclusive or optimistic") \
    M(235, operator_operation,  OPERATOR_OPERATION,  "http", "reservations and volumes, by an operator")

#define FIELDS_OPERATOR_KILL(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT,     FIELD_ID, "absent: the one framework that has such a task") \
    F(R, STR, 2, task_id,      ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC, 3, kill_policy,  kill_policy, 0, "")

#define FIELDS_OPERATOR_TEARDOWN(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_OPERATOR_REPLY(F, R) \
    F(R, INT, 1, code,    0,           FIELD_REQUIRED, "an HTTP status") \
    F(R, STR, 2, message, MESSAGE_MAX, 0, "")

#define FIELDS_OPERATOR_DRAIN_AGENT(F, R) \
    F(R, STR,  1, agent_id,     ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT,  2, max_grace_ms, 0,           FIELD_NOT_NEGATIVE, "a task's own grace is cut to this; absent: it is not") \
    F(R, BOOL, 3, mark_gone,    0,           0, "gone as soon as nothing runs there") \
    F(R, STR,  4, reason,       MESSAGE_MAX, 0, "for the log")

#define FIELDS_OPERATOR_DEACTIVATE_AGENT(F, R) \
    F(R, STR, 1, agent_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, reason,   MESSAGE_MAX, 0, "for the log")

#define FIELDS_OPERATOR_REACTIVATE_AGENT(F, R) \
    F(R, STR, 1, agent_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_OPERATOR_MARK_GONE(F, R) \
    F(R, STR, 1, agent_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "its id is refused for ever") \
    F(R, STR, 2, reason,   MESSAGE_MAX, 0, "for the log")

#define FIELDS_OPERATOR_SCHEDULE_MAINTENANCE(F, R) \
    F(R, STR,  1, id,           ID_TEXT,     FIELD_ID, "absent: one is made") \
    F(R, STRS, 2, agents,       TEXT_MAX,    FIELD_REQUIRED, "by id or by host name; they need not be known yet") \
    F(R, INT,  3, start_us,     0,           FIELD_NOT_NEGATIVE, "wall clock; absent: now") \
    F(R, INT,  4, duration_ms,  0,           FIELD_NOT_NEGATIVE, "absent: until an operator ends it") \
    F(R, STR,  5, reason,       TEXT_MAX,    0, "for frameworks and people") \
    F(R, INT,  6, max_grace_ms, 0,           FIELD_NOT_NEGATIVE, "a task's own grace is cut to this; absent: it is not") \
    F(R, BOOL, 7, replace,      0,           0, "the window of that id that there is") \
    F(R, STR,  8, asked_by,     TEXT_MAX,    0, "for the log") \
    F(R, BOOL, 9, force,        0,           0, "even if more agents would be down at once than the master allows")

#define FIELDS_OPERATOR_CANCEL_MAINTENANCE(F, R) \
    F(R, STR,  1, id,       ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "of a window that has not begun") \
    F(R, STR,  2, asked_by, TEXT_MAX, 0, "for the log")

#define FIELDS_OPERATOR_START_MAINTENANCE(F, R) \
    F(R, STR,  1, id,       ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "of a window: it begins now, and lasts as long as it was to") \
    F(R, STR,  2, asked_by, TEXT_MAX, 0, "for the log") \
    F(R, BOOL, 3, force,    0,        0, "even if more agents would be down at once than the master allows")

#define FIELDS_OPERATOR_STOP_MAINTENANCE(F, R) \
    F(R, STR,  1, id,       ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "of a window that has begun") \
    F(R, STRS, 2, agents,   TEXT_MAX, 0, "as the window names them: these are done; absent: all") \
    F(R, STR,  3, asked_by, TEXT_MAX, 0, "for the log")

#define FIELDS_OPERATOR_SET_QUOTA(F, R) \
    F(R, STR,  1, role,       ID_TEXT,       FIELD_REQUIRED, "what is set counts for all roles in it") \
    F(R, RECS, 2, guarantees, resource_info, 0, "unreserved scalars") \
    F(R, RECS, 3, limits,     resource_info, 0, "unreserved scalars; what is not named has no limit") \
    F(R, BOOL, 4, force,      0,             0, "even if more is guaranteed in all than the agents have") \
    F(R, STR,  5, asked_by,   TEXT_MAX,      0, "for the log")

#define FIELDS_OPERATOR_SET_WEIGHT(F, R) \
    F(R, STR, 1, role,         ID_TEXT, FIELD_REQUIRED, "") \
    F(R, INT, 2, weight_milli, 0,       FIELD_NOT_NEGATIVE, "1/1000; 0: what a role has that was not set, 1") \
    F(R, STR, 3, asked_by,     TEXT_MAX, 0, "for the log")

#define FIELDS_OPERATOR_SET_PRIORITY(F, R) \
    F(R, STR,  1, role,     ID_TEXT,  FIELD_REQUIRED, "") \
    F(R, INT,  2, priority, 0,        0, "may be negative") \
    F(R, BOOL, 3, unset,    0,        0, "it has none of its own any more: that of the role above counts") \
    F(R, STR,  4, asked_by, TEXT_MAX, 0, "for the log")

#define FIELDS_OPERATOR_SET_OFFERS(F, R) \
    F(R, STR,  1, role,     ID_TEXT,    FIELD_REQUIRED, "what is set counts for all roles in it that have nothing of their own") \
    F(R, ENUM, 2, offers,   offer_mode, 0, "absent: as the role above it; exclusive at the top") \
    F(R, STR,  3, asked_by, TEXT_MAX,   0, "for the log")

#define FIELDS_OPERATOR_SET_ROLES(F, R) \
    F(R, BOOL, 1, is_quota, 0,           0, "each one's quota is replaced; else its weight") \
    F(R, BOOL, 40, is_priority, 0,       0, "each one's priority is set, and neither of these") \
    F(R, RECS, 2, roles,    role_policy, FIELD_REQUIRED, "each once; what is not asked for is not read") \
    F(R, BOOL, 3, force,    0,           0, "as of a quota") \
    F(R, STR,  4, asked_by, TEXT_MAX,    0, "for the log")

#define FIELDS_OPERATOR_EXPLAIN(F, R) \
    F(R, STR, 1, framework, TEXT_MAX, FIELD_REQUIRED, "its id, or its name if no other has it") \
    F(R, STR, 2, role,      ID_TEXT,  0, "absent: all of its roles") \
    F(R, STR, 3, agent_id,  ID_TEXT,  FIELD_ID, "absent: all agents")

#define FIELDS_OPERATOR_OPERATION(F, R) \
    F(R, STR, 1, agent_id,  ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC, 2, operation, operation_info, FIELD_REQUIRED, "all but LAUNCH; without id") \
    F(R, STR, 100, asked_by, TEXT_MAX,      0, "for the log")

#define FIELDS_OPERATOR_RESERVATION(F, R) \
    F(R, STR,  1, agent_id,  ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, ENUM, 2, kind,      operation_kind, 0, "OPERATION_RESERVE or OPERATION_UNRESERVE; by the route") \
    F(R, STR,  3, role,      ID_TEXT,        FIELD_REQUIRED, "whom it is to be for, or is for") \
    F(R, STR,  4, resources, MESSAGE_MAX,    0, \
      "as in cpus:2;mem:512. Of RESERVE: as they are now. Of UNRESERVE: of what the role has; absent: all of it") \
    F(R, STR,  5, principal, TEXT_MAX,       0, "of the reservation; of UNRESERVE absent: any") \
    F(R, RECS, 6, labels,    label_info,     0, "likewise") \
    F(R, BOOL, 7, instead,   0,              0, "of RESERVE: in place of the reservation that they have; else within it") \
    F(R, STR,  8, asked_by,  TEXT_MAX,       0, "for the log")

#define FIELDS_OPERATOR_VOLUME(F, R) \
    F(R, STR,  1, agent_id,  ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, ENUM, 2, kind,      operation_kind, 0, "OPERATION_CREATE, _DESTROY, _GROW_VOLUME or _SHRINK_VOLUME; by the route") \
    F(R, STR,  3, role,      ID_TEXT,        FIELD_REQUIRED, "whose it is") \
    F(R, STR,  4, volume_id, ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "unique in its role on its agent") \
    F(R, INT,  5, mib,       0,              FIELD_NOT_NEGATIVE, "its size, or by how much it grows or shrinks") \
    F(R, STR,  6, principal, TEXT_MAX,       0, "of CREATE: who makes it") \
    F(R, BOOL, 7, shared,    0,              0, "of CREATE: many tasks may have it at once") \
    F(R, STR,  8, asked_by,  TEXT_MAX,       0, "for the log")

/* clang-format on */

#endif
