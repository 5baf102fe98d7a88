/* proto/schema_disk.h - messages: records on disk: an agent's checkpoint, a master's registry. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_DISK_H
#define PROFFER_PROTO_SCHEMA_DISK_H

/* clang-format off */

#define MESSAGES_DISK(M) \
    M(160, keep_identity,       KEEP_IDENTITY,       "disk", "who the agent is and whom it has obeyed; one") \
    M(161, keep_framework,      KEEP_FRAMEWORK,      "disk", "has tasks here; one a framework") \
    M(162, keep_task,           KEEP_TASK,           "disk", \
      "one a task, written before it is launched; TASK_STAGING until keep_task_state says more") \
    M(163, keep_task_state,     KEEP_TASK_STATE,     "disk", "how far it is; one a task, the newest counts") \
    M(164, forget_task,         FORGET_TASK,         "disk", "its end is acknowledged: takes its records away") \
    M(165, forget_framework,    FORGET_FRAMEWORK,    "disk", "takes its record away") \
    M(166, keep_group,          KEEP_GROUP,          "disk", "tasks that are one; written before their records; the newest counts") \
    M(167, forget_group,        FORGET_GROUP,        "disk", "all of it has ended: takes its record away") \
    M(180, kept_reign,          KEPT_REIGN,          "disk", "the newest reign; one in a registry") \
    M(181, kept_agent,          KEPT_AGENT,          "disk", "an agent, by its id") \
    M(182, kept_framework,      KEPT_FRAMEWORK,      "disk", "a framework, by its id") \
    M(183, drop_agent,          DROP_AGENT,          "disk", "there is no record of the agent any more") \
    M(184, drop_framework,      DROP_FRAMEWORK,      "disk", "likewise") \
    M(185, kept_role,           KEPT_ROLE,           "disk", "what operators have set for a role, by its name") \
    M(186, drop_role,           DROP_ROLE,           "disk", "nothing is set for the role any more") \
    M(192, kept_roles,          KEPT_ROLES,          "disk", "what operators have set for several roles, all or none; kept as one kept_role each") \
    M(189, kept_window,         KEPT_WINDOW,         "disk", "a maintenance window, by its id") \
    M(190, drop_window,         DROP_WINDOW,         "disk", "there is none of that id any more") \
    M(236, keep_resources,      KEEP_RESOURCES,      "disk", "what an agent has otherwise than its settings say; one") \
    M(238, keep_result,         KEEP_RESULT,         "disk", "of an operation, not acknowledged; one an operation") \
    M(239, forget_result,       FORGET_RESULT,       "disk", "takes it away")

#define FIELDS_KEEP_IDENTITY(F, R) \
    F(R, STR, 1, agent_id,      ID_TEXT,  FIELD_ID, "empty: no master has given it one, or it has left") \
    F(R, INT, 2, epoch,         0,        FIELD_NOT_NEGATIVE, "the newest obeyed") \
    F(R, STR, 3, master_id,     ID_TEXT,  FIELD_ID, "of the newest master obeyed") \
    F(R, STR, 4, boot_id,       TEXT_MAX, 0, "of the kernel under which the tasks were started") \
    F(R, INT, 5, registered_us, 0,        0, "wall clock, the first time; 0: never")

#define FIELDS_KEEP_FRAMEWORK(F, R) \
    F(R, REC,  1, framework, framework_info, FIELD_REQUIRED, "") \
    F(R, BOOL, 2, removed,   0,              0, "its tasks are being ended")

#define FIELDS_KEEP_TASK(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, role,         ID_TEXT,     FIELD_REQUIRED, "") \
    F(R, REC, 3, task,         task_info,   FIELD_REQUIRED, "") \
    F(R, STR, 4, container_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 5, sandbox,      MESSAGE_MAX, FIELD_REQUIRED, "") \
    F(R, STR, 6, user,         TEXT_MAX,    0, "whom it runs as; empty: the launcher's own") \
    F(R, STR, 110, cpus,       TEXT_MAX,    0, "hardware threads that it was granted") \
    F(R, STR, 111, mems,       TEXT_MAX,    0, "NUMA nodes that its memory is bound to") \
    F(R, STRS, 112, gpus,      ID_TEXT,     0, "") \
    F(R, BOOL, 120, waits,     0,           0, "its turn in its group has not come: it was not launched yet") \
    F(R, STR, 130, executor_token, 64,      0, "of an executor: by which it is known")

#define FIELDS_KEEP_TASK_STATE(F, R) \
    F(R, STR,  1,  framework_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2,  task_id,      ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, ENUM, 3,  state,        task_state,  FIELD_REQUIRED, "") \
    F(R, REC,  4,  status,       task_status, 0, "the latest, if it is acknowledged") \
    F(R, RECS, 5,  updates,      task_status, 0, "not acknowledged yet, oldest first; of an end only that") \
    F(R, BOOL, 6,  started,      0,           0, "its command was executed") \
    F(R, INT,  7,  pid,          0,           FIELD_NOT_NEGATIVE, "of the command") \
    F(R, INT,  8,  started_us,   0,           0, "wall clock") \
    F(R, ENUM, 9,  ending,       task_ending, 0, "why it is being ended, if it is") \
    F(R, INT,  10, kill_by_mono_us, 0,        0, "monotonic clock of the boot: when it is killed by force") \
    F(R, INT,  11, grace_us,     0,           FIELD_NOT_NEGATIVE, "from the first signal to that") \
    F(R, INT,  12, heard_mono_us, 0,          0, "monotonic clock of the boot: when an agent first heard of its start") \
    F(R, STR,  40, ending_why,  MESSAGE_MAX,  0, "more about why it is being ended") \
    F(R, BOOL, 120, grace_asked, 0,           0, "of a task of a group, whose turn to end may be to come: a kill has said the next") \
    F(R, INT, 121, asked_grace_us, 0,         FIELD_NOT_NEGATIVE, "its grace then") \
    F(R, BOOL, 122, rests,       0,           0, "of a task of a group, which still uses what it was granted: it has ended, and that is not told yet") \
    F(R, REC, 123, ended,        msg_container_exited, 0, "then: how, as the launcher has said it; absent: written by an older agent, and the launcher says it again") \
    F(R, INT, 130, executor_number, 0,        FIELD_NOT_NEGATIVE, "of the newest update that its executor has told of it")

#define FIELDS_KEEP_GROUP(F, R) \
    F(R, STR,  1, framework_id,    ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC,  2, group,           group_info,  FIELD_REQUIRED, "") \
    F(R, STR,  3, holder,          ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "the container that holds what they share") \
    F(R, STR,  4, folder,          MESSAGE_MAX, FIELD_REQUIRED, "of the group: that container's sandbox") \
    F(R, STR,  5, user,            TEXT_MAX,    0, "whom the holder runs as; empty: the launcher's own") \
    F(R, ENUM, 6, ending,          task_ending, 0, "why it is being ended, if it is") \
    F(R, STR,  7, ending_why,      MESSAGE_MAX, 0, "more about that") \
    F(R, INT,  8, kill_by_mono_us, 0,           0, "monotonic clock of the boot: until then all of it is to have ended; 0: by each one's own grace") \
    F(R, BOOL, 9, ended,           0,           0, "the holder has ended") \
    F(R, BOOL, 10, left,           0,           0, "of an older agent: all of its tasks have ended, which those that are here are not told to have")

#define FIELDS_FORGET_GROUP(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, group_id,     ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_FORGET_TASK(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, task_id,      ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_FORGET_FRAMEWORK(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_KEPT_REIGN(F, R) \
    F(R, STR, 1, registry_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "made with the registry, the same for ever") \
    F(R, INT, 2, epoch,       0,       FIELD_REQUIRED | FIELD_NOT_NEGATIVE, "one more than that of the reign before") \
    F(R, STR, 3, master_id,   ID_TEXT, FIELD_REQUIRED | FIELD_ID, "who reigned") \
    F(R, INT, 4, since_us,    0,       0, "wall clock")

#define FIELDS_KEPT_AGENT(F, R) \
    F(R, REC,  1, agent,         agent_info, FIELD_REQUIRED, "with its id; without topology") \
    F(R, ENUM, 2, state,         kept_state, FIELD_REQUIRED, "") \
    F(R, INT,  3, since_us,      0,          0, "wall clock") \
    F(R, INT,  4, registered_us, 0,          0, "wall clock: the first time") \
    F(R, BOOL, 5, deactivated,   0,          0, "by an operator: it is not offered") \
    F(R, REC,  6, drain,         drain_info, 0, "an operator empties it")

#define FIELDS_KEPT_FRAMEWORK(F, R) \
    F(R, REC,  1, framework,     framework_info, FIELD_REQUIRED, "with its id") \
    F(R, INT,  2, registered_us, 0,              0, "wall clock") \
    F(R, INT,  3, deadline_us,   0,              0, "away: when it is removed, wall clock; 0: it was subscribed") \
    F(R, BOOL, 4, removed,       0,              0, "its id is never used again") \
    F(R, INT,  5, since_us,      0,              0, "of the removal, wall clock")

#define FIELDS_DROP_AGENT(F, R) \
    F(R, STR, 1, agent_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_DROP_FRAMEWORK(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_KEPT_ROLE(F, R) \
    F(R, STR,  1, role,         ID_TEXT,       FIELD_REQUIRED, "") \
    F(R, INT,  2, weight_milli, 0,             FIELD_NOT_NEGATIVE, "1/1000; 0: not set, 1") \
    F(R, RECS, 3, guarantees,   resource_info, 0, "unreserved scalars") \
    F(R, RECS, 4, limits,       resource_info, 0, "unreserved scalars; what is not named has no limit") \
    F(R, INT,  40, priority,    0,             0, "whose tasks give way: those of the lower one first") \
    F(R, BOOL, 41, has_priority, 0,            0, "it is set; else it is that of the role above, at the top 0") \
    F(R, ENUM, 60, offers,      offer_mode,    0, "of the role and those in it; absent: as the role above it")

#define FIELDS_DROP_ROLE(F, R) \
    F(R, STR, 1, role, ID_TEXT, FIELD_REQUIRED, "")

#define FIELDS_KEPT_ROLES(F, R) \
    F(R, RECS, 1, roles, role_policy, FIELD_REQUIRED, "for one without values there is no record any more")

#define FIELDS_KEPT_WINDOW(F, R) \
    F(R, REC, 1, window, window_info, FIELD_REQUIRED, "")

#define FIELDS_DROP_WINDOW(F, R) \
    F(R, STR, 1, id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_KEEP_RESOURCES(F, R) \
    F(R, RECS, 1, resources, resource_info, 0, "with dynamic reservations, or volumes") \
    F(R, RECS, 2, destroyed, volume_ref,    0, "volumes whose folders may still be there")

#define FIELDS_KEEP_RESULT(F, R) \
    F(R, REC, 1, status, operation_status, FIELD_REQUIRED, "")

#define FIELDS_FORGET_RESULT(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_ID, "absent: of an operator's operation") \
    F(R, STR, 2, operation_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

/* clang-format on */

#endif
