/* proto/schema.h - everything that is said, once.
 *
 * Each record and message is one list of fields. From the lists come the C structs (here), the
 * descriptors (schema.c), and through those the one codec, validator, copier, JSON writer and reader,
 * and the tables of docs/protocol.md. Nothing else in the tree packs or unpacks by hand.
 *
 *     F(R, kind, tag, name, arg, flags, help)      R: the struct, handed through from FIELDS_X(F, R)
 *
 *     kind   C field                                     arg
 *     BOOL   bool name                                   0
 *     INT    int64_t name                                0
 *     ENUM   enum arg name                               the enum's name
 *     STR    const char *name (never NULL once decoded)  longest allowed, bytes
 *     BYTES  struct bytes name                           longest allowed, bytes
 *     REC    const struct arg *name (NULL: absent)       the record's name
 *     STRS   const char *const *name, name_count         longest allowed, bytes each
 *     RECS   const struct arg *name, name_count          the record's name
 *
 *     flags  0, or FIELD_REQUIRED (a value of zero, "" or nothing is refused on receipt), FIELD_ID (a
 *            non-empty text, or each text of STRS, must pass id_check), FIELD_NOT_NEGATIVE
 *
 * Tags are what stands on the wire: a tag is never reused and never changes its kind. A field with the
 * value zero, "", NULL or empty is left out when sent, and an absent field reads as that; a tag that
 * the reader does not know is skipped. So fields can be added, and old and new peers understand each
 * other; a new meaning gets a new field. Tags are 1 to 127.
 */
#ifndef PROFFER_PROTO_SCHEMA_H
#define PROFFER_PROTO_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counted up when a peer of the older version could no longer work with us at all. */
#define PROTOCOL_VERSION 1

#define TEXT_MAX    1024    /* a name, an address, a label */
#define MESSAGE_MAX 4096    /* a sentence for a person */
#define COMMAND_MAX 131072  /* one argument or variable: Linux's MAX_ARG_STRLEN */
#define DATA_MAX    1048576 /* opaque bytes between a framework and its executor */

enum field_flag {
    FIELD_REQUIRED = 1,
    FIELD_ID = 2,
    FIELD_NOT_NEGATIVE = 4,
};

struct bytes {
    const void *data;
    size_t size;
};

/* clang-format off */

/* ---------------------------------------------------------------------------------------- enums --- */
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
    X(constraint_kind, CONSTRAINT_KIND)

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
    E(25, REASON_COMMAND_EXECUTOR_FAILED)

#define ENUM_OPERATION_KIND(E) \
    E(1, OPERATION_LAUNCH) \
    E(2, OPERATION_RESERVE) \
    E(3, OPERATION_UNRESERVE) \
    E(4, OPERATION_CREATE) \
    E(5, OPERATION_DESTROY) \
    E(6, OPERATION_GROW_VOLUME) \
    E(7, OPERATION_SHRINK_VOLUME)

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

/* Why an agent ends a task. */
#define ENUM_TASK_ENDING(E) \
    E(1, ENDING_KILL) \
    E(2, ENDING_TIMEOUT) \
    E(3, ENDING_STOP) \
    E(4, ENDING_REMOVED) \
    E(5, ENDING_DRAIN) \
    E(6, ENDING_GONE)

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

/* -------------------------------------------------------------------------------------- records --- */
/* R(struct name, NAME): its fields are FIELDS_NAME; each stands after what it contains. */

#define RECORD_LIST(R) \
    R(range_info,     RANGE_INFO) \
    R(label_info,     LABEL_INFO) \
    R(reservation_info, RESERVATION_INFO) \
    R(volume_info,    VOLUME_INFO) \
    R(resource_info,  RESOURCE_INFO) \
    R(volume_ref,     VOLUME_REF) \
    R(limit_info,     LIMIT_INFO) \
    R(mount_info,     MOUNT_INFO) \
    R(volume_link,    VOLUME_LINK) \
    R(attribute_info, ATTRIBUTE_INFO) \
    R(domain_info,    DOMAIN_INFO) \
    R(env_info,       ENV_INFO) \
    R(rlimit_info,    RLIMIT_INFO) \
    R(kill_policy,    KILL_POLICY) \
    R(command_info,   COMMAND_INFO) \
    R(port_info,      PORT_INFO) \
    R(discovery_info, DISCOVERY_INFO) \
    R(task_info,      TASK_INFO) \
    R(exit_info,      EXIT_INFO) \
    R(container_info, CONTAINER_INFO) \
    R(task_status,    TASK_STATUS) \
    R(task_ref,       TASK_REF) \
    R(framework_info, FRAMEWORK_INFO) \
    R(cache_info,     CACHE_INFO) \
    R(numa_info,      NUMA_INFO) \
    R(socket_info,    SOCKET_INFO) \
    R(topology_info,  TOPOLOGY_INFO) \
    R(agent_info,     AGENT_INFO) \
    R(offer_info,     OFFER_INFO) \
    R(filters,        FILTERS) \
    R(resource_change, RESOURCE_CHANGE) \
    R(operation_info, OPERATION_INFO) \
    R(operation_status, OPERATION_STATUS) \
    R(operation_ref,  OPERATION_REF) \
    R(agent_task,     AGENT_TASK) \
    R(drain_info,     DRAIN_INFO) \
    R(usage_info,     USAGE_INFO) \
    R(counter_info,   COUNTER_INFO) \
    R(constraint_info, CONSTRAINT_INFO) \
    R(need_info,      NEED_INFO) \
    R(role_needs,     ROLE_NEEDS) \
    R(gang_part,      GANG_PART)

#define FIELDS_RANGE_INFO(F, R) \
    F(R, INT, 1, begin, 0, FIELD_NOT_NEGATIVE, "first number") \
    F(R, INT, 2, end,   0, FIELD_NOT_NEGATIVE, "last number, included")

#define FIELDS_RESOURCE_INFO(F, R) \
    F(R, STR,  1, name,      63,         FIELD_REQUIRED, "cpus, mem, disk, ports or any other name") \
    F(R, ENUM, 2, kind,      value_kind, FIELD_REQUIRED, "VALUE_SCALAR, VALUE_RANGES or VALUE_SET") \
    F(R, INT,  3, scalar,    0,          FIELD_NOT_NEGATIVE, "in thousandths; mem and disk count MiB") \
    F(R, RECS, 4, ranges,    range_info, 0, "sorted, disjoint") \
    F(R, STRS, 5, items,     TEXT_MAX,   0, "members of a set, sorted") \
    F(R, STR,  6, role,      ID_TEXT,    0, "whom it is reserved for; empty is the unreserved pool, `*`") \
    F(R, BOOL, 7, revocable, 0,          0, "may be taken back at any time") \
    F(R, RECS, 8, reservations, reservation_info, 0, \
      "outermost first, the last is for `role`; absent: a static one for `role`, or none") \
    F(R, REC,  9, volume,    volume_info, 0, "of reserved disk: it is a volume") \
    F(R, INT, 10, copies,    0,          FIELD_NOT_NEGATIVE, "of a shared volume: how often; absent: once")

#define FIELDS_RESERVATION_INFO(F, R) \
    F(R, STR,  1, role,      ID_TEXT,    FIELD_REQUIRED, "below that of the one before") \
    F(R, BOOL, 2, dynamic,   0,          0, "made by RESERVE; static: by the agent's settings") \
    F(R, STR,  3, principal, TEXT_MAX,   0, "who made it") \
    F(R, RECS, 4, labels,    label_info, 0, "")

#define FIELDS_VOLUME_INFO(F, R) \
    F(R, STR,  1, id,        ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "unique in its role on its agent") \
    F(R, STR,  2, principal, TEXT_MAX, 0, "who made it") \
    F(R, BOOL, 3, shared,    0,        0, "many tasks may have it at once")

#define FIELDS_VOLUME_REF(F, R) \
    F(R, STR, 1, role, ID_TEXT, FIELD_REQUIRED, "") \
    F(R, STR, 2, id,   ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_LIMIT_INFO(F, R) \
    F(R, STR,  1, name,      63, FIELD_REQUIRED, "cpus or mem") \
    F(R, INT,  2, scalar,    0,  FIELD_NOT_NEGATIVE, "in thousandths; no less than the task's resources") \
    F(R, BOOL, 3, unlimited, 0,  0, "as much as there is; scalar is not read")

#define FIELDS_MOUNT_INFO(F, R) \
    F(R, STR,  1, volume_id,      ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "a volume that is among the task's resources") \
    F(R, STR,  2, role,           ID_TEXT,  0, "of the volume; needed when two have that id") \
    F(R, STR,  3, container_path, TEXT_MAX, FIELD_REQUIRED, "in the sandbox, relative to it")

#define FIELDS_VOLUME_LINK(F, R) \
    F(R, STR,  1, path,           MESSAGE_MAX, FIELD_REQUIRED, "of the volume, absolute") \
    F(R, STR,  2, container_path, TEXT_MAX,    FIELD_REQUIRED, "relative to the sandbox") \
    F(R, BOOL, 3, shared,         0,           0, "belongs to the first that has it")

#define FIELDS_DOMAIN_INFO(F, R) \
    F(R, STR, 1, region, ID_TEXT, FIELD_REQUIRED, "far away from others") \
    F(R, STR, 2, zone,   ID_TEXT, FIELD_REQUIRED, "fails as one; in its region")

#define FIELDS_ATTRIBUTE_INFO(F, R) \
    F(R, STR,  1, name,   TEXT_MAX,   FIELD_REQUIRED, "") \
    F(R, ENUM, 2, kind,   value_kind, FIELD_REQUIRED, "VALUE_SCALAR, VALUE_RANGES or VALUE_TEXT") \
    F(R, INT,  3, scalar, 0,          0, "in thousandths") \
    F(R, RECS, 4, ranges, range_info, 0, "") \
    F(R, STR,  5, text,   TEXT_MAX,   0, "")

#define FIELDS_LABEL_INFO(F, R) \
    F(R, STR, 1, key,   TEXT_MAX,    FIELD_REQUIRED, "") \
    F(R, STR, 2, value, MESSAGE_MAX, 0, "")

#define FIELDS_ENV_INFO(F, R) \
    F(R, STR, 1, name,  TEXT_MAX,    FIELD_REQUIRED, "without `=`") \
    F(R, STR, 2, value, COMMAND_MAX, 0, "")

#define FIELDS_RLIMIT_INFO(F, R) \
    F(R, STR,  1, name,      64, FIELD_REQUIRED, "RLMT_NOFILE and so on, the names of Mesos") \
    F(R, BOOL, 2, unlimited, 0,  0, "no limit; soft and hard are not read") \
    F(R, INT,  3, soft,      0,  FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  4, hard,      0,  FIELD_NOT_NEGATIVE, "")

#define FIELDS_KILL_POLICY(F, R) \
    F(R, INT, 1, grace_ms, 0, FIELD_NOT_NEGATIVE, "between SIGTERM and the end of everything; 0 is at once")

#define FIELDS_COMMAND_INFO(F, R) \
    F(R, STR,  1, value,   COMMAND_MAX, 0, "a line for /bin/sh -c, when argv is empty") \
    F(R, STRS, 2, argv,    COMMAND_MAX, 0, "program and arguments, run without a shell") \
    F(R, RECS, 3, env,     env_info,    0, "added to what the agent sets") \
    F(R, STR,  4, user,    TEXT_MAX,    0, "whom to run as; empty is the framework's user") \
    F(R, RECS, 5, rlimits, rlimit_info, 0, "")

#define FIELDS_PORT_INFO(F, R) \
    F(R, INT, 1, number,   0,        FIELD_NOT_NEGATIVE, "") \
    F(R, STR, 2, name,     TEXT_MAX, 0, "") \
    F(R, STR, 3, protocol, TEXT_MAX, 0, "tcp or udp")

#define FIELDS_DISCOVERY_INFO(F, R) \
    F(R, STR,  1, name,        TEXT_MAX,  0, "the service's name, instead of the task's") \
    F(R, STR,  2, visibility,  TEXT_MAX,  0, "FRAMEWORK, CLUSTER or EXTERNAL") \
    F(R, STR,  3, environment, TEXT_MAX,  0, "") \
    F(R, STR,  4, location,    TEXT_MAX,  0, "") \
    F(R, STR,  5, version,     TEXT_MAX,  0, "") \
    F(R, RECS, 6, ports,       port_info, 0, "")

#define FIELDS_TASK_INFO(F, R) \
    F(R, STR,  1,  task_id,           ID_TEXT,        FIELD_REQUIRED | FIELD_ID, \
      "unique in its framework while it lives") \
    F(R, STR,  2,  name,              TEXT_MAX,       0, "for people; empty is the id") \
    F(R, STR,  3,  agent_id,          ID_TEXT,        FIELD_REQUIRED | FIELD_ID, \
      "where it runs: the offers' agent") \
    F(R, RECS, 4,  resources,         resource_info,  0, "what it is granted and held to") \
    F(R, REC,  5,  command,           command_info,   FIELD_REQUIRED, "") \
    F(R, REC,  6,  kill_policy,       kill_policy,    0, "absent: the agent's default, 3 s") \
    F(R, RECS, 7,  labels,            label_info,     0, "") \
    F(R, REC,  8,  discovery,         discovery_info, 0, "carried, not interpreted") \
    F(R, INT,  9,  max_completion_ms, 0,              FIELD_NOT_NEGATIVE, \
      "killed and FAILED after that time; 0 is never") \
    F(R, INT,  10, pids_max,          0,              FIELD_NOT_NEGATIVE, \
      "processes and threads; 0 is the agent's default") \
    F(R, BYTES, 11, data,             DATA_MAX,       0, "opaque, for the executor") \
    F(R, RECS, 14, limits,            limit_info,     0, \
      "up to which it may use what others leave; absent: its resources are its limits") \
    F(R, RECS, 15, mounts,            mount_info,     0, \
      "where its volumes are seen; one that is not named: under its id")

#define FIELDS_EXIT_INFO(F, R) \
    F(R, INT, 1, code,   0, FIELD_NOT_NEGATIVE, "exit code, when signal is 0") \
    F(R, INT, 2, signal, 0, FIELD_NOT_NEGATIVE, "the signal that ended it")

#define FIELDS_CONTAINER_INFO(F, R) \
    F(R, STR, 1,  container_id,    ID_TEXT,     0, "") \
    F(R, INT, 2,  pid,             0,           FIELD_NOT_NEGATIVE, \
      "of its first process, as the agent's host sees it") \
    F(R, STR, 3,  sandbox,         MESSAGE_MAX, 0, "absolute path on the agent; the `path` of /files/read") \
    F(R, STR, 4,  agent_address,   TEXT_MAX,    0, "ip:port of the agent's HTTP") \
    F(R, INT, 5,  peak_mem_bytes,  0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT, 6,  cpu_user_us,     0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT, 7,  cpu_system_us,   0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT, 8,  stdout_bytes,    0,           FIELD_NOT_NEGATIVE, "written in all, rotated away included") \
    F(R, INT, 9,  stderr_bytes,    0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT, 10, started_us,      0,           0, "wall clock") \
    F(R, INT, 11, ended_us,        0,           0, "wall clock")

#define FIELDS_TASK_STATUS(F, R) \
    F(R, STR,   1,  task_id,        ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, ENUM,  2,  state,          task_state,     FIELD_REQUIRED, "") \
    F(R, ENUM,  3,  reason,         task_reason,    0, "") \
    F(R, ENUM,  4,  source,         status_source,  0, "") \
    F(R, STR,   5,  message,        MESSAGE_MAX,    0, "for a person") \
    F(R, STR,   6,  agent_id,       ID_TEXT,        FIELD_ID, "") \
    F(R, BYTES, 7,  uuid,           16,             0, "16 bytes: must be acknowledged; absent: must not") \
    F(R, INT,   8,  timestamp_us,   0,              0, "wall clock of the source") \
    F(R, REC,   9,  exit,           exit_info,      0, "of a task that ended by itself or was killed") \
    F(R, REC,   10, container,      container_info, 0, "") \
    F(R, INT,   11, unreachable_us, 0,              0, "since when the agent is unreachable, wall clock") \
    F(R, BYTES, 12, data,           DATA_MAX,       0, "opaque, from the executor")

#define FIELDS_TASK_REF(F, R) \
    F(R, STR, 1, task_id,  ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, agent_id, ID_TEXT, FIELD_ID, "where the framework believes it is; may be absent")

#define FIELDS_FRAMEWORK_INFO(F, R) \
    F(R, STR,  1,  id,                  ID_TEXT,    FIELD_ID, "empty: a new framework") \
    F(R, STR,  2,  name,                TEXT_MAX,   FIELD_REQUIRED, "") \
    F(R, STR,  3,  user,                TEXT_MAX,   0, "whom its tasks run as; empty: the agent's user") \
    F(R, STRS, 4,  roles,               ID_TEXT,    0, "empty: [`*`]") \
    F(R, INT,  5,  failover_timeout_ms, 0,          FIELD_NOT_NEGATIVE, \
      "how long its tasks outlive its connection; 0: the master's default") \
    F(R, STRS, 6,  capabilities,        TEXT_MAX,   0, \
      "names as in Mesos; REVOCABLE_RESOURCES, REGION_AWARE, TOPOLOGY: it is offered such; the others are always on") \
    F(R, STR,  7,  hostname,            TEXT_MAX,   0, "") \
    F(R, STR,  8,  principal,           TEXT_MAX,   0, "") \
    F(R, STR,  9,  webui_url,           TEXT_MAX,   0, "") \
    F(R, RECS, 10, labels,              label_info, 0, "") \
    F(R, BOOL, 11, ends_with_session,   0,          0, \
      "a tool in the foreground: torn down as soon as its session is lost")

#define FIELDS_CACHE_INFO(F, R) \
    F(R, INT, 1, level,      0,        FIELD_NOT_NEGATIVE, "") \
    F(R, STR, 2, kind,       16,       0, "data, instruction or unified") \
    F(R, INT, 3, size_bytes, 0,        FIELD_NOT_NEGATIVE, "") \
    F(R, STR, 4, cpus,       TEXT_MAX, 0, "hardware threads that share it, as `0-3,8`")

#define FIELDS_NUMA_INFO(F, R) \
    F(R, INT, 1, number,     0,        FIELD_NOT_NEGATIVE, "as the kernel numbers it") \
    F(R, INT, 2, mem_bytes,  0,        FIELD_NOT_NEGATIVE, "") \
    F(R, STR, 3, cpus,       TEXT_MAX, 0, "hardware threads next to it")

#define FIELDS_SOCKET_INFO(F, R) \
    F(R, INT, 1, number, 0,        FIELD_NOT_NEGATIVE, "") \
    F(R, STR, 2, model,  TEXT_MAX, 0, "what the processor calls itself") \
    F(R, INT, 3, cores,  0,        FIELD_NOT_NEGATIVE, "") \
    F(R, STR, 4, cpus,   TEXT_MAX, 0, "its hardware threads")

#define FIELDS_TOPOLOGY_INFO(F, R) \
    F(R, RECS, 1, sockets,    socket_info, 0, "") \
    F(R, RECS, 2, numa_nodes, numa_info,   0, "") \
    F(R, RECS, 3, caches,     cache_info,  0, "from the largest level down") \
    F(R, INT,  4, cores,      0,           FIELD_NOT_NEGATIVE, "in all") \
    F(R, INT,  5, threads,    0,           FIELD_NOT_NEGATIVE, "hardware threads that we may use") \
    F(R, INT,  6, mem_bytes,  0,           FIELD_NOT_NEGATIVE, "in all")

#define FIELDS_AGENT_INFO(F, R) \
    F(R, STR,  1, id,         ID_TEXT,        FIELD_ID, "empty: not registered yet") \
    F(R, STR,  2, hostname,   TEXT_MAX,       FIELD_REQUIRED, "") \
    F(R, STR,  3, address,    TEXT_MAX,       0, "ip:port of its HTTP") \
    F(R, RECS, 4, resources,  resource_info,  0, "all it has") \
    F(R, RECS, 5, attributes, attribute_info, 0, "") \
    F(R, REC,  6, topology,   topology_info,  0, "") \
    F(R, STR,  7, version,    TEXT_MAX,       0, "") \
    F(R, STR,  8, boot_id,    TEXT_MAX,       0, "of its host's running kernel") \
    F(R, STRS, 9, isolation,  TEXT_MAX,       0, "isolators in use") \
    F(R, REC,  12, domain,    domain_info,    0, "where it stands") \
    F(R, STRS, 13, capabilities, TEXT_MAX,    0, "RESOURCE_OPERATIONS: it keeps reservations and volumes")

#define FIELDS_OFFER_INFO(F, R) \
    F(R, STR,  1, id,           ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, framework_id, ID_TEXT,        FIELD_ID, "") \
    F(R, STR,  3, agent_id,     ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  4, hostname,     TEXT_MAX,       0, "") \
    F(R, STR,  5, address,      TEXT_MAX,       0, "ip:port of the agent's HTTP") \
    F(R, STR,  6, role,         ID_TEXT,        0, "the role it is made to") \
    F(R, RECS, 7, resources,    resource_info,  0, "") \
    F(R, RECS, 8, attributes,   attribute_info, 0, "") \
    F(R, REC,  12, domain,      domain_info,    0, "of the agent") \
    F(R, REC,  13, topology,    topology_info,  0, "of the agent; to frameworks with the capability TOPOLOGY") \
    F(R, STR,  20, need,        ID_TEXT,        0, "the name of the framework's need that it serves") \
    F(R, INT,  21, units,       0,              0, "for how many of it")

#define FIELDS_CONSTRAINT_INFO(F, R) \
    F(R, STR,  1, attribute, TEXT_MAX,        FIELD_REQUIRED, "of the agent; \"hostname\" is its host's name") \
    F(R, ENUM, 2, kind,      constraint_kind, FIELD_REQUIRED, "") \
    F(R, STR,  3, value,     TEXT_MAX,        0, "as it is printed; with MATCHES, `*` is any text and `?` any character")

#define FIELDS_NEED_INFO(F, R) \
    F(R, STR,  1, name,        ID_TEXT,         FIELD_REQUIRED, "among the needs in the role; comes back in offers") \
    F(R, RECS, 2, minimum,     resource_info,   FIELD_REQUIRED, \
      "what one unit cannot do without; a number under the name of ranges means so many of them") \
    F(R, RECS, 3, wanted,      resource_info,   0, "what it would like; what is not named: the minimum") \
    F(R, INT,  4, count,       0,               FIELD_NOT_NEGATIVE, "how many units are needed; 0: without end") \
    F(R, RECS, 5, constraints, constraint_info, 0, "all must hold") \
    F(R, BOOL, 6, gang,        0,               0, "its units, `count` of them, are of use only together: gather them") \
    F(R, INT,  7, hold_ms,     0,               FIELD_NOT_NEGATIVE, "of a gang: hold what is gathered no longer; 0: as the master has it")

#define FIELDS_ROLE_NEEDS(F, R) \
    F(R, STR,  1, role,  ID_TEXT,   FIELD_REQUIRED, "one of the framework's") \
    F(R, RECS, 2, needs, need_info, 0, "absent: it takes whatever there is")

#define FIELDS_FILTERS(F, R) \
    F(R, INT, 1, refuse_ms, 0, 0, "do not offer this again for so long; at least 10 ms, so that others have a chance; negative: the default")

#define FIELDS_OPERATION_INFO(F, R) \
    F(R, ENUM, 1, kind,  operation_kind, 0, "absent, or not known to the master: its tasks get TASK_ERROR") \
    F(R, RECS, 2, tasks, task_info,      0, "of LAUNCH") \
    F(R, REC,  3, change, resource_change, 0, "of all others")

#define FIELDS_RESOURCE_CHANGE(F, R) \
    F(R, STR,  1, id,        ID_TEXT,       FIELD_ID, \
      "chosen by the framework: it is told what became of it, in an operation_update") \
    F(R, RECS, 2, resources, resource_info, 0, \
      "of RESERVE and CREATE: as they will be; of the others: as they are") \
    F(R, INT,  3, amount,    0,             FIELD_NOT_NEGATIVE, \
      "of GROW_VOLUME and SHRINK_VOLUME: by so much, in thousandths of MiB") \
    F(R, RECS, 4, source,    resource_info, 0, \
      "of RESERVE by an operator: as they are now, if that is not just without the innermost reservation")

#define FIELDS_OPERATION_REF(F, R) \
    F(R, STR, 1, operation_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, agent_id,     ID_TEXT, FIELD_REQUIRED | FIELD_ID, "where it was to be done")

#define FIELDS_OPERATION_STATUS(F, R) \
    F(R, STR,   1, operation_id, ID_TEXT,         FIELD_REQUIRED | FIELD_ID, "") \
    F(R, ENUM,  2, state,        operation_state, FIELD_REQUIRED, "") \
    F(R, STR,   3, message,      MESSAGE_MAX,     0, "for a person") \
    F(R, STR,   4, agent_id,     ID_TEXT,         FIELD_ID, "") \
    F(R, STR,   5, framework_id, ID_TEXT,         FIELD_ID, "whose operation; between agent and master") \
    F(R, BYTES, 6, uuid,         16,              0, "16 bytes: must be acknowledged; absent: must not") \
    F(R, RECS,  7, converted,    resource_info,   0, "of FINISHED: what came out of it") \
    F(R, INT,   8, timestamp_us, 0,               0, "wall clock of the source")

#define FIELDS_GANG_PART(F, R) \
    F(R, STRS, 1, offer_ids,  ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "all of one agent and one role") \
    F(R, RECS, 2, operations, operation_info, 0, "LAUNCH, which is done in order")

#define FIELDS_AGENT_TASK(F, R) \
    F(R, STR,  1, framework_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, role,         ID_TEXT,     0, "the role of the offer it came from") \
    F(R, REC,  3, task,         task_info,   FIELD_REQUIRED, "") \
    F(R, ENUM, 4, state,        task_state,  FIELD_REQUIRED, "its latest state, told or not") \
    F(R, REC,  5, status,       task_status, 0, "its latest status") \
    F(R, BOOL, 6, acknowledged, 0,           0, "its terminal update is acknowledged: only the sandbox is left") \
    F(R, BOOL, 7, disowned,     0,           0, "its framework was removed: the master itself acknowledges")

#define FIELDS_DRAIN_INFO(F, R) \
    F(R, INT,  1, since_us,     0, 0, "when the operator asked for it, wall clock") \
    F(R, INT,  2, max_grace_ms, 0, FIELD_NOT_NEGATIVE, "a task's own grace is cut to this; 0: it is not") \
    F(R, BOOL, 3, mark_gone,    0, 0, "gone as soon as nothing runs there") \
    F(R, BOOL, 4, drained,      0, 0, "nothing runs there any more")

#define FIELDS_USAGE_INFO(F, R) \
    F(R, STR, 1,  container_id,    ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT, 2,  timestamp_us,    0,       0, "wall clock") \
    F(R, INT, 3,  processes,       0,       0, "") \
    F(R, INT, 4,  threads,         0,       0, "") \
    F(R, INT, 5,  cpus_limit,      0,       0, "in thousandths") \
    F(R, INT, 6,  cpu_user_us,     0,       0, "") \
    F(R, INT, 7,  cpu_system_us,   0,       0, "") \
    F(R, INT, 8,  cpu_periods,     0,       0, "CFS periods that ended") \
    F(R, INT, 9,  cpu_throttled,   0,       0, "of these, in which it was throttled") \
    F(R, INT, 10, cpu_throttled_us, 0,      0, "") \
    F(R, INT, 11, mem_limit_bytes, 0,       0, "") \
    F(R, INT, 12, mem_total_bytes, 0,       0, "charged in all") \
    F(R, INT, 13, mem_rss_bytes,   0,       0, "anonymous") \
    F(R, INT, 14, mem_cache_bytes, 0,       0, "page cache") \
    F(R, INT, 15, mem_peak_bytes,  0,       0, "")

#define FIELDS_COUNTER_INFO(F, R) \
    F(R, STR, 1, name,  TEXT_MAX, FIELD_REQUIRED, "as in /metrics/snapshot") \
    F(R, INT, 2, milli, 0,        0, "value in thousandths")

/* ------------------------------------------------------------------------------------- messages --- */
/* M(number, name, NAME, way, help): struct msg_<name>, MSG_<NAME>, its fields are FIELDS_<NAME>.
 * Ways: `link` both ways on every link, `F>M` framework to master, `M>F`, `A>M` agent to master, `M>A`,
 * `A>L` agent to its launcher, `L>A`, `shim` a shim's record on disk, `disk` a record of an agent's
 * checkpoint (KEEP_, FORGET_) or of the master's registry (KEPT_, DROP_), `core` what a core publishes to
 * its view, `http` an operator's call. */

#define MESSAGE_LIST(M) \
    M(1,   hello,    HELLO,    "link", "first on every connection; answered by welcome or goodbye") \
    M(2,   welcome,  WELCOME,  "link", "the connection is a session now") \
    M(3,   goodbye,  GOODBYE,  "link", "the session ends; nothing after it is read") \
    M(4,   ping,     PING,     "link", "answered by pong; a session that is silent too long is over") \
    M(5,   pong,     PONG,     "link", "answers ping") \
    M(20,  subscribe,   SUBSCRIBE,   "F>M", "first call of a framework; answered by subscribed or error") \
    M(21,  teardown,    TEARDOWN,    "F>M", "kill everything of this framework and forget it") \
    M(22,  accept,      ACCEPT,      "F>M", "use offers of one agent; what is not used is declined") \
    M(23,  decline,     DECLINE,     "F>M", "give offers back; the same is not offered again for a while") \
    M(24,  revive,      REVIVE,      "F>M", "want offers again and drop all filters") \
    M(25,  suppress,    SUPPRESS,    "F>M", "want no offers") \
    M(26,  kill,        KILL,        "F>M", "answered by updates; of an unknown task as by reconcile") \
    M(27,  acknowledge, ACKNOWLEDGE, "F>M", "of an update that carries a uuid") \
    M(28,  reconcile,   RECONCILE,   "F>M", "answered by an update for each task, or for all when empty") \
    M(29,  message_to_executor, MESSAGE_TO_EXECUTOR, "F>M M>A", "opaque, not retried") \
    M(40,  subscribed,  SUBSCRIBED,  "M>F", "answers subscribe") \
    M(41,  offers,      OFFERS,      "M>F", "answered by accept or decline, before the timeout") \
    M(42,  rescind,     RESCIND,     "M>F", "the offer is no longer valid") \
    M(43,  update,      UPDATE,      "M>F", "a task's new state; acknowledge it if it has a uuid") \
    M(44,  message_to_framework, MESSAGE_TO_FRAMEWORK, "A>M M>F", "opaque, not retried") \
    M(45,  agent_lost,  AGENT_LOST,  "M>F", "updates of its tasks follow by themselves") \
    M(46,  error,       ERROR,       "M>F", "the framework must stop; the session ends") \
    M(60,  register_agent, REGISTER_AGENT,   "A>M", "first of an agent, and again on each new session") \
    M(61,  status_update, STATUS_UPDATE, "A>M", "retried until acknowledged") \
    M(62,  unregister,  UNREGISTER,  "A>M", "the agent ends its tasks and leaves") \
    M(80,  agent_registered, AGENT_REGISTERED, "M>A", "answers register_agent") \
    M(81,  run_task,    RUN_TASK,    "M>A", "answered by status updates") \
    M(82,  kill_task,   KILL_TASK,   "M>A", "answered by status updates") \
    M(83,  acknowledge_update, ACKNOWLEDGE_UPDATE, "M>A", "the framework has it: the next one may come") \
    M(84,  shutdown_framework, SHUTDOWN_FRAMEWORK, "M>A", "kill all its tasks; the master acknowledges how they end") \
    M(85,  shutdown_agent, SHUTDOWN_AGENT, "M>A", "kill all tasks and exit: this agent is not wanted") \
    M(100, launcher_configure, LAUNCHER_CONFIGURE, "A>L", "first message; answered by launcher_ready") \
    M(101, launch_container,   LAUNCH_CONTAINER,   "A>L", \
      "answered by container_started, then container_exited, or only the latter") \
    M(102, signal_container,   SIGNAL_CONTAINER,   "A>L", "of a container that has ended: nothing happens") \
    M(103, usage_request,      USAGE_REQUEST,      "A>L", "answered by usage_reply") \
    M(104, launcher_ready,     LAUNCHER_READY,     "L>A", "answers launcher_configure") \
    M(105, container_started,  CONTAINER_STARTED,  "L>A", "the command was executed") \
    M(106, container_exited,   CONTAINER_EXITED,   "L>A shim", "everything in it has ended") \
    M(107, usage_reply,        USAGE_REPLY,        "L>A", \
      "answers usage_request; containers that have ended are left out") \
    M(108, forget_container,   FORGET_CONTAINER,   "A>L", \
      "its end is written down by the agent: its exit record may go") \
    M(109, launcher_end,       LAUNCHER_END,       "A>L", \
      "kill everything, clean up, exit; a channel that closes without it leaves all containers running") \
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
    M(140, operator_kill,       OPERATOR_KILL,       "http", "POST /kill") \
    M(141, operator_teardown,   OPERATOR_TEARDOWN,   "http", "POST /teardown") \
    M(142, operator_reply,      OPERATOR_REPLY,      "http", "answers an operator's call") \
    M(143, metrics_request,     METRICS_REQUEST,     "core", "the view asks its core for counters") \
    M(144, metrics_reply,       METRICS_REPLY,       "core", "answers metrics_request") \
    M(145, operator_drain_agent, OPERATOR_DRAIN_AGENT, "http", "POST /agents/drain") \
    M(146, operator_deactivate_agent, OPERATOR_DEACTIVATE_AGENT, "http", "POST /agents/deactivate") \
    M(147, operator_reactivate_agent, OPERATOR_REACTIVATE_AGENT, "http", "POST /agents/reactivate") \
    M(148, operator_mark_gone,  OPERATOR_MARK_GONE,  "http", "POST /agents/gone") \
    M(159, resend_updates,      RESEND_UPDATES,      "M>A", "the framework is back: say again what it has not acknowledged") \
    M(160, keep_identity,       KEEP_IDENTITY,       "disk", "who the agent is and whom it has obeyed; one") \
    M(161, keep_framework,      KEEP_FRAMEWORK,      "disk", "has tasks here; one a framework") \
    M(162, keep_task,           KEEP_TASK,           "disk", \
      "one a task, written before it is launched; TASK_STAGING until keep_task_state says more") \
    M(163, keep_task_state,     KEEP_TASK_STATE,     "disk", "how far it is; one a task, the newest counts") \
    M(164, forget_task,         FORGET_TASK,         "disk", "its end is acknowledged: takes its records away") \
    M(165, forget_framework,    FORGET_FRAMEWORK,    "disk", "takes its record away") \
    M(180, kept_reign,          KEPT_REIGN,          "disk", "the newest reign; one in a registry") \
    M(181, kept_agent,          KEPT_AGENT,          "disk", "an agent, by its id") \
    M(182, kept_framework,      KEPT_FRAMEWORK,      "disk", "a framework, by its id") \
    M(183, drop_agent,          DROP_AGENT,          "disk", "there is no record of the agent any more") \
    M(184, drop_framework,      DROP_FRAMEWORK,      "disk", "likewise") \
    M(185, kept_role,           KEPT_ROLE,           "disk", "what operators have set for a role, by its name") \
    M(186, drop_role,           DROP_ROLE,           "disk", "nothing is set for the role any more") \
    M(200, operator_set_quota,  OPERATOR_SET_QUOTA,  "http", \
      "replaces what was set for the role; without amounts there is no quota any more") \
    M(201, operator_set_weight, OPERATOR_SET_WEIGHT, "http", "of a role among its siblings") \
    M(202, operator_explain,    OPERATOR_EXPLAIN,    "http", "GET /explain: why is something offered, or not") \
    M(220, needs,       NEEDS,       "F>M", "what it needs from now on: it is offered that and nothing else") \
    M(221, accept_gang, ACCEPT_GANG, "F>M", "use offers of many agents as one: all tasks are launched, or none") \
    M(230, apply_operation,     APPLY_OPERATION,     "M>A", \
      "make these resources of those; answered by operation_result, if the operation has an id") \
    M(231, operation_result,    OPERATION_RESULT,    "A>M", "retried until acknowledged") \
    M(232, operation_update,    OPERATION_UPDATE,    "M>F", \
      "what became of an operation with an id; acknowledge it if it has a uuid") \
    M(233, acknowledge_operation, ACKNOWLEDGE_OPERATION, "F>M", "of an operation_update that carries a uuid") \
    M(234, acknowledge_result,  ACKNOWLEDGE_RESULT,  "M>A", "the framework has it") \
    M(235, operator_operation,  OPERATOR_OPERATION,  "http", "reservations and volumes, by an operator") \
    M(236, keep_resources,      KEEP_RESOURCES,      "disk", "what an agent has otherwise than its settings say; one") \
    M(237, reconcile_operations, RECONCILE_OPERATIONS, "F>M", \
      "answered by an operation_update for each whose agent is not just away") \
    M(238, keep_result,         KEEP_RESULT,         "disk", "of an operation, not acknowledged; one an operation") \
    M(239, forget_result,       FORGET_RESULT,       "disk", "takes it away") \
    M(246, change_role,         CHANGE_ROLE,         "core", "what operators have set for a role; without values, nothing any more")

#define FIELDS_HELLO(F, R) \
    F(R, INT,  1, protocol_version, 0,         FIELD_REQUIRED, "PROTOCOL_VERSION") \
    F(R, ENUM, 2, kind,             peer_kind, FIELD_REQUIRED, "who speaks") \
    F(R, STR,  3, version,          TEXT_MAX,  0, "of the program, for people")

#define FIELDS_WELCOME(F, R) \
    F(R, INT, 1, protocol_version, 0,        FIELD_REQUIRED, "") \
    F(R, STR, 2, version,          TEXT_MAX, 0, "") \
    F(R, INT, 3, ping_ms,          0,        FIELD_NOT_NEGATIVE, "how often each side pings") \
    F(R, INT, 4, silence_ms,       0,        FIELD_NOT_NEGATIVE, "a session silent for so long is over")

#define FIELDS_GOODBYE(F, R) \
    F(R, STR,  1, reason,    MESSAGE_MAX, 0, "") \
    F(R, BOOL, 2, try_again, 0,           0, "a new connection may succeed")

#define FIELDS_PING(F, R) \
    F(R, INT, 1, number, 0, 0, "returned in the pong")

#define FIELDS_PONG(F, R) \
    F(R, INT, 1, number, 0, 0, "")

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

#define FIELDS_ACCEPT_GANG(F, R) \
    F(R, RECS, 1, parts,   gang_part, FIELD_REQUIRED, "one for each agent") \
    F(R, REC,  2, filters, filters,   0, "for what is left over; absent: the default, 5 s")

#define FIELDS_DECLINE(F, R) \
    F(R, STRS, 1, offer_ids, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC,  2, filters,   filters, 0, "absent: the default, 5 s")

#define FIELDS_REVIVE(F, R) \
    F(R, STRS, 1, roles, ID_TEXT, 0, "empty: all of the framework's")

#define FIELDS_SUPPRESS(F, R) \
    F(R, STRS, 1, roles, ID_TEXT, 0, "empty: all of the framework's")

#define FIELDS_NEEDS(F, R) \
    F(R, RECS, 1, roles, role_needs, FIELD_REQUIRED, "what was said of these roles before is void")

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

#define FIELDS_SUBSCRIBED(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, master_id,    ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 3, master_address, TEXT_MAX, 0, "ip:port of the master's HTTP")

#define FIELDS_OFFERS(F, R) \
    F(R, RECS, 1, offers, offer_info, FIELD_REQUIRED, "")

#define FIELDS_RESCIND(F, R) \
    F(R, STR, 1, offer_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, reason,   MESSAGE_MAX, 0, "")

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

#define FIELDS_REGISTER_AGENT(F, R) \
    F(R, REC,  1, agent,      agent_info,     FIELD_REQUIRED, "its id is empty the first time") \
    F(R, RECS, 2, tasks,      agent_task,     0, "all it has, unacknowledged ones included") \
    F(R, RECS, 3, frameworks, framework_info, 0, "of these tasks") \
    F(R, INT,  4, last_epoch, 0,              FIELD_NOT_NEGATIVE, "of the newest master that it obeyed") \
    F(R, STR,  5, last_master_id, ID_TEXT,    FIELD_ID, "of that master") \
    F(R, RECS, 8, operations, operation_status, 0, "whose results are not acknowledged")

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

#define FIELDS_KILL_TASK(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, task_id,      ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC, 3, kill_policy,  kill_policy, 0, "instead of the task's own") \
    F(R, REC, 4, drain,        drain_info,  0, "because the agent is being drained")

#define FIELDS_ACKNOWLEDGE_UPDATE(F, R) \
    F(R, STR,   1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,   2, task_id,      ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, BYTES, 3, uuid,         16,      FIELD_REQUIRED, "")

#define FIELDS_SHUTDOWN_FRAMEWORK(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_RESEND_UPDATES(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_SHUTDOWN_AGENT(F, R) \
    F(R, STR, 1, reason, MESSAGE_MAX, 0, "")

#define FIELDS_LAUNCHER_CONFIGURE(F, R) \
    F(R, STR,  1, records_dir, MESSAGE_MAX, FIELD_REQUIRED, "where shims write how their task ended") \
    F(R, STRS, 2, isolation,   TEXT_MAX,    0, "isolators wanted, in order") \
    F(R, STR,  3, cgroup_root, TEXT_MAX,    FIELD_REQUIRED, \
      "path of our group below each mount, as `proffer/a1`") \
    F(R, INT,  4, pids_max,    0,           FIELD_NOT_NEGATIVE, "of a task that does not say") \
    F(R, INT,  5, log_max_bytes, 0,         FIELD_NOT_NEGATIVE, "size at which stdout and stderr rotate") \
    F(R, INT,  6, log_files,   0,           FIELD_NOT_NEGATIVE, "how many are kept, the current one included") \
    F(R, STRS, 7, recover,     ID_TEXT,     FIELD_ID, \
      "containers launched earlier whose end the agent has not written down; any other one is removed")

#define FIELDS_LAUNCH_CONTAINER(F, R) \
    F(R, STR,  1, container_id, ID_TEXT,       FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, sandbox,      MESSAGE_MAX,   FIELD_REQUIRED, "absolute path; made by the launcher") \
    F(R, STR,  3, user,         TEXT_MAX,      0, "empty: the launcher's own") \
    F(R, REC,  4, command,      command_info,  FIELD_REQUIRED, "its env is complete: the shim adds nothing") \
    F(R, RECS, 5, resources,    resource_info, 0, "its share, and its limits where `limits` does not say") \
    F(R, INT,  6, pids_max,     0,             FIELD_NOT_NEGATIVE, "") \
    F(R, RECS, 10, limits,      limit_info,    0, "above its resources") \
    F(R, RECS, 11, volumes,     volume_link,   0, "")

#define FIELDS_SIGNAL_CONTAINER(F, R) \
    F(R, STR,  1, container_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, BOOL, 2, kill,         0,       0, \
      "SIGKILL everything in it; else SIGTERM to the command's process group")

#define FIELDS_USAGE_REQUEST(F, R) \
    F(R, INT,  1, number,        0,       0, "returned in the reply") \
    F(R, STRS, 2, container_ids, ID_TEXT, FIELD_ID, "empty: all")

#define FIELDS_LAUNCHER_READY(F, R) \
    F(R, STRS, 1, isolation, TEXT_MAX,    0, "isolators in use") \
    F(R, STRS, 2, warnings,  MESSAGE_MAX, 0, "what was wanted and cannot be had here, and why") \
    F(R, STR,  3, cgroups,   TEXT_MAX,    0, "v1, v2, hybrid or none") \
    F(R, STR,  4, error,     MESSAGE_MAX, 0, "why nothing can be launched; then the launcher exits")

#define FIELDS_CONTAINER_STARTED(F, R) \
    F(R, STR, 1, container_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT, 2, pid,          0,       FIELD_NOT_NEGATIVE, "of the command") \
    F(R, INT, 3, started_us,   0,       0, "wall clock")

#define FIELDS_CONTAINER_EXITED(F, R) \
    F(R, STR,  1,  container_id,   ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC,  2,  exit,           exit_info,   0, "absent: the command never ran, or its end was not seen") \
    F(R, STR,  3,  error,          MESSAGE_MAX, 0, "why it never ran, or why its end was not seen") \
    F(R, ENUM, 4,  limitation,     task_reason, 0, "the limit that ended it") \
    F(R, STR,  5,  message,        MESSAGE_MAX, 0, "about the limitation") \
    F(R, INT,  6,  peak_mem_bytes, 0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  7,  cpu_user_us,    0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  8,  cpu_system_us,  0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  9,  stdout_bytes,   0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  10, stderr_bytes,   0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT,  11, started_us,     0,           0, "wall clock") \
    F(R, INT,  12, ended_us,       0,           0, "wall clock") \
    F(R, BOOL, 13, never_launched, 0,           0, \
      "of one to recover: the order was lost with an earlier launcher, and nothing of it ever ran")

#define FIELDS_FORGET_CONTAINER(F, R) \
    F(R, STR, 1, container_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_LAUNCHER_END(F, R) \
    F(R, STR, 1, reason, MESSAGE_MAX, 0, "for the log")

#define FIELDS_USAGE_REPLY(F, R) \
    F(R, INT,  1, number, 0,          0, "") \
    F(R, RECS, 2, usages, usage_info, 0, "")

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
    F(R, REC,  8, drain,           drain_info, 0, "an operator empties it")

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
    F(R, REC,  4, status,       task_status, 0, "as told to the framework; absent: only the state moved")

#define FIELDS_CHANGE_TASK_REMOVED(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, task_id,      ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_CHANGE_OFFER(F, R) \
    F(R, REC, 1, offer, offer_info, FIELD_REQUIRED, "")

#define FIELDS_CHANGE_OFFER_REMOVED(F, R) \
    F(R, STR, 1, offer_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_OPERATOR_KILL(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT,     FIELD_ID, "absent: the one framework that has such a task") \
    F(R, STR, 2, task_id,      ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC, 3, kill_policy,  kill_policy, 0, "")

#define FIELDS_OPERATOR_TEARDOWN(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

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

#define FIELDS_APPLY_OPERATION(F, R) \
    F(R, STR,  1, framework_id, ID_TEXT,        FIELD_ID, "absent: an operator's") \
    F(R, ENUM, 2, kind,         operation_kind, FIELD_REQUIRED, "") \
    F(R, STR,  3, operation_id, ID_TEXT,        FIELD_ID, "absent: nobody waits for the result") \
    F(R, RECS, 4, consumed,     resource_info,  FIELD_REQUIRED, "what the agent has no more") \
    F(R, RECS, 5, converted,    resource_info,  FIELD_REQUIRED, "what it has instead")

#define FIELDS_OPERATION_RESULT(F, R) \
    F(R, REC,  1, status, operation_status, 0, "with a uuid; absent: of an operation without id") \
    F(R, BOOL, 2, unlike, 0,                0, "it failed: the agent has not what the master believes, and is to register again")

#define FIELDS_OPERATION_UPDATE(F, R) \
    F(R, REC, 1, status, operation_status, FIELD_REQUIRED, "")

#define FIELDS_ACKNOWLEDGE_OPERATION(F, R) \
    F(R, STR,   1, agent_id,     ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,   2, operation_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, BYTES, 3, uuid,         16,      FIELD_REQUIRED, "of the update")

#define FIELDS_ACKNOWLEDGE_RESULT(F, R) \
    F(R, STR,   1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,   2, operation_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, BYTES, 3, uuid,         16,      FIELD_REQUIRED, "")

#define FIELDS_RECONCILE_OPERATIONS(F, R) \
    F(R, RECS, 1, operations, operation_ref, FIELD_REQUIRED, "")

#define FIELDS_KEEP_RESOURCES(F, R) \
    F(R, RECS, 1, resources, resource_info, 0, "with dynamic reservations, or volumes") \
    F(R, RECS, 2, destroyed, volume_ref,    0, "volumes whose folders may still be there")

#define FIELDS_KEEP_RESULT(F, R) \
    F(R, REC, 1, status, operation_status, FIELD_REQUIRED, "")

#define FIELDS_FORGET_RESULT(F, R) \
    F(R, STR, 1, framework_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, operation_id, ID_TEXT, FIELD_REQUIRED | FIELD_ID, "")

#define FIELDS_OPERATOR_OPERATION(F, R) \
    F(R, STR, 1, agent_id,  ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, REC, 2, operation, operation_info, FIELD_REQUIRED, "all but LAUNCH; without id")

#define FIELDS_OPERATOR_REPLY(F, R) \
    F(R, INT, 1, code,    0,           FIELD_REQUIRED, "an HTTP status") \
    F(R, STR, 2, message, MESSAGE_MAX, 0, "")

#define FIELDS_METRICS_REQUEST(F, R) \
    F(R, INT, 1, number, 0, 0, "returned in the reply")

#define FIELDS_METRICS_REPLY(F, R) \
    F(R, INT,  1, number,   0,            0, "") \
    F(R, RECS, 2, counters, counter_info, 0, "")

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
    F(R, STR, 6, user,         TEXT_MAX,    0, "whom it runs as; empty: the launcher's own")

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
    F(R, INT,  12, heard_mono_us, 0,          0, "monotonic clock of the boot: when an agent first heard of its start")

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
    F(R, RECS, 4, limits,       resource_info, 0, "unreserved scalars; what is not named has no limit")

#define FIELDS_DROP_ROLE(F, R) \
    F(R, STR, 1, role, ID_TEXT, FIELD_REQUIRED, "")

#define FIELDS_CHANGE_ROLE(F, R) \
    F(R, STR,  1, role,         ID_TEXT,       FIELD_REQUIRED, "") \
    F(R, INT,  2, weight_milli, 0,             FIELD_NOT_NEGATIVE, "1/1000; 0: not set, 1") \
    F(R, RECS, 3, guarantees,   resource_info, 0, "unreserved scalars") \
    F(R, RECS, 4, limits,       resource_info, 0, "unreserved scalars; what is not named has no limit")

#define FIELDS_OPERATOR_SET_QUOTA(F, R) \
    F(R, STR,  1, role,       ID_TEXT,       FIELD_REQUIRED, "what is set counts for all roles in it") \
    F(R, RECS, 2, guarantees, resource_info, 0, "unreserved scalars") \
    F(R, RECS, 3, limits,     resource_info, 0, "unreserved scalars; what is not named has no limit") \
    F(R, BOOL, 4, force,      0,             0, "even if more is guaranteed in all than the agents have") \
    F(R, STR,  5, asked_by,   TEXT_MAX,      0, "for the log")

#define FIELDS_OPERATOR_EXPLAIN(F, R) \
    F(R, STR, 1, framework, TEXT_MAX, FIELD_REQUIRED, "its id, or its name if no other has it") \
    F(R, STR, 2, role,      ID_TEXT,  0, "absent: all of its roles") \
    F(R, STR, 3, agent_id,  ID_TEXT,  FIELD_ID, "absent: all agents")

#define FIELDS_OPERATOR_SET_WEIGHT(F, R) \
    F(R, STR, 1, role,         ID_TEXT, FIELD_REQUIRED, "") \
    F(R, INT, 2, weight_milli, 0,       FIELD_NOT_NEGATIVE, "1/1000; 0: what a role has that was not set, 1") \
    F(R, STR, 3, asked_by,     TEXT_MAX, 0, "for the log")

/* ---------------------------------------------------------------------------- structs from lists --- */

#define ID_TEXT 255 /* ID_MAX of base/ids.h */

#define SCHEMA_ENUMERATOR(number, name) name = (number),
#define SCHEMA_ENUM(name, NAME) enum name { ENUM_##NAME(SCHEMA_ENUMERATOR) };
ENUM_LIST(SCHEMA_ENUM)

#define SCHEMA_MEMBER_BOOL(name, arg)  bool name;
#define SCHEMA_MEMBER_INT(name, arg)   int64_t name;
#define SCHEMA_MEMBER_ENUM(name, arg)  enum arg name;
#define SCHEMA_MEMBER_STR(name, arg)   const char *name;
#define SCHEMA_MEMBER_BYTES(name, arg) struct bytes name;
#define SCHEMA_MEMBER_REC(name, arg)   const struct arg *name;
#define SCHEMA_MEMBER_STRS(name, arg)  const char *const *name; size_t name##_count;
#define SCHEMA_MEMBER_RECS(name, arg)  const struct arg *name; size_t name##_count;
#define SCHEMA_MEMBER(R, kind, tag, name, arg, flags, help) SCHEMA_MEMBER_##kind(name, arg)
#define SCHEMA_RECORD(name, NAME) struct name { FIELDS_##NAME(SCHEMA_MEMBER, name) };
RECORD_LIST(SCHEMA_RECORD)
#define SCHEMA_BODY(number, name, NAME, way, help) struct msg_##name { FIELDS_##NAME(SCHEMA_MEMBER, msg_##name) };
MESSAGE_LIST(SCHEMA_BODY)

#define SCHEMA_TYPE(number, name, NAME, way, help) MSG_##NAME = (number),
enum msg_type { MESSAGE_LIST(SCHEMA_TYPE) MSG_TYPE_MAX = 256 };

/* clang-format on */

#endif
