/* proto/schema_executor.h - messages: between an executor and its agent. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_EXECUTOR_H
#define PROFFER_PROTO_SCHEMA_EXECUTOR_H

/* clang-format off */

/* Beside these: message_to_executor, A>E, and message_to_framework, E>A. */
#define MESSAGES_EXECUTOR(M) \
    M(70,  executor_hello,      EXECUTOR_HELLO,      "E>A", "first on every connection; if it is wrong: executor_error, and the end") \
    M(71,  executor_subscribe,  EXECUTOR_SUBSCRIBE,  "E>A", "second on every connection; answered by executor_subscribed") \
    M(72,  executor_update,     EXECUTOR_UPDATE,     "E>A", "answered by executor_acknowledged; said again on the next connection if it was not") \
    M(73,  executor_subscribed, EXECUTOR_SUBSCRIBED, "A>E", "answers executor_subscribe; what was not acknowledged may be said again now") \
    M(74,  executor_launch,     EXECUTOR_LAUNCH,     "A>E", "a task; of a run that is known: nothing happens") \
    M(75,  executor_kill,       EXECUTOR_KILL,       "A>E", "answered by an update; of a run that is not known or has ended: nothing happens") \
    M(76,  executor_acknowledged, EXECUTOR_ACKNOWLEDGED, "A>E", "the agent has written that update down") \
    M(77,  executor_shutdown,   EXECUTOR_SHUTDOWN,   "A>E", "end all tasks, then yourself") \
    M(78,  executor_error,      EXECUTOR_ERROR,      "A>E", "what was said cannot be; the connection ends")

#define FIELDS_EXECUTOR_HELLO(F, R) \
    F(R, STR, 1, framework_id,     ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, executor_id,      ID_TEXT, FIELD_REQUIRED | FIELD_ID, "its task id") \
    F(R, STR, 3, token,            64,      FIELD_REQUIRED, "as its environment has it") \
    F(R, INT, 4, protocol_version, 0,       FIELD_REQUIRED, "PROTOCOL_VERSION") \
    F(R, STR, 5, version,          TEXT_MAX, 0, "of the program, for people")

#define FIELDS_EXECUTOR_SUBSCRIBE(F, R) \
    F(R, STRS, 1, runs, ID_TEXT, FIELD_ID, "that it has: they go on, or their end is not acknowledged")

#define FIELDS_EXECUTOR_UPDATE(F, R) \
    F(R, STR, 1, run_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT, 2, number, 0,           FIELD_REQUIRED | FIELD_NOT_NEGATIVE, "greater than that of the update before it, of this run") \
    F(R, REC, 3, status, task_status, FIELD_REQUIRED, \
      "task_id, state (STARTING, RUNNING, FINISHED, FAILED, KILLED or ERROR), message, data, exit, health; nothing else is read")

#define FIELDS_EXECUTOR_SUBSCRIBED(F, R) \
    F(R, REC, 1, framework,    framework_info, FIELD_REQUIRED, "") \
    F(R, STR, 2, agent_id,     ID_TEXT,        FIELD_ID, "") \
    F(R, STR, 3, hostname,     TEXT_MAX,       0, "of the agent") \
    F(R, STR, 4, container_id, ID_TEXT,        FIELD_ID, "")

#define FIELDS_EXECUTOR_LAUNCH(F, R) \
    F(R, STR, 1, run_id, ID_TEXT,   FIELD_REQUIRED | FIELD_ID, "of this task alone, should another of its id follow") \
    F(R, REC, 2, task,   task_info, FIELD_REQUIRED, "")

#define FIELDS_EXECUTOR_KILL(F, R) \
    F(R, STR, 1, run_id,   ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT, 2, grace_ms, 0,       FIELD_NOT_NEGATIVE, "within which it is to end")

#define FIELDS_EXECUTOR_ACKNOWLEDGED(F, R) \
    F(R, STR, 1, run_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT, 2, number, 0,       FIELD_REQUIRED | FIELD_NOT_NEGATIVE, "of the update")

#define FIELDS_EXECUTOR_SHUTDOWN(F, R) \
    F(R, INT, 1, grace_ms, 0, FIELD_NOT_NEGATIVE, "until everything in its container is killed")

#define FIELDS_EXECUTOR_ERROR(F, R) \
    F(R, STR, 1, message, MESSAGE_MAX, FIELD_REQUIRED, "")

/* clang-format on */

#endif
