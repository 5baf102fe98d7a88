/* proto/schema_records.h - what messages are made of. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_RECORDS_H
#define PROFFER_PROTO_SCHEMA_RECORDS_H

/* clang-format off */

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
    R(uri_info,       URI_INFO) \
    R(fetcher_info,   FETCHER_INFO) \
    R(command_info,   COMMAND_INFO) \
    R(http_check,     HTTP_CHECK) \
    R(tcp_check,      TCP_CHECK) \
    R(check_info,     CHECK_INFO) \
    R(check_status,   CHECK_STATUS) \
    R(port_info,      PORT_INFO) \
    R(discovery_info, DISCOVERY_INFO) \
    R(isolation_mount, ISOLATION_MOUNT) \
    R(isolation_info, ISOLATION_INFO) \
    R(cores_info,     CORES_INFO) \
    RECORDS_DOCKER(R) \
    R(executor_info,  EXECUTOR_INFO) \
    R(group_info,     GROUP_INFO) \
    R(group_member,   GROUP_MEMBER) \
    RECORDS_LAUNCHER(R) \
    R(task_info,      TASK_INFO) \
    R(exit_info,      EXIT_INFO) \
    R(container_info, CONTAINER_INFO) \
    R(task_status,    TASK_STATUS) \
    R(task_ref,       TASK_REF) \
    R(framework_info, FRAMEWORK_INFO) \
    R(cache_info,     CACHE_INFO) \
    R(node_threads,   NODE_THREADS) \
    R(numa_info,      NUMA_INFO) \
    R(socket_info,    SOCKET_INFO) \
    R(topology_info,  TOPOLOGY_INFO) \
    R(agent_info,     AGENT_INFO) \
    R(unavailability, UNAVAILABILITY) \
    R(offer_info,     OFFER_INFO) \
    R(filters,        FILTERS) \
    R(resource_change, RESOURCE_CHANGE) \
    R(operation_info, OPERATION_INFO) \
    R(operation_status, OPERATION_STATUS) \
    R(operation_ref,  OPERATION_REF) \
    R(agent_task,     AGENT_TASK) \
    R(drain_info,     DRAIN_INFO) \
    R(usage_more,     USAGE_MORE) \
    R(usage_info,     USAGE_INFO) \
    R(gpu_info,       GPU_INFO) \
    R(counter_info,   COUNTER_INFO) \
    R(constraint_info, CONSTRAINT_INFO) \
    R(need_info,      NEED_INFO) \
    R(role_needs,     ROLE_NEEDS) \
    R(gang_part,      GANG_PART) \
    R(preempt_info,   PREEMPT_INFO) \
    R(role_policy,    ROLE_POLICY) \
    R(window_info,    WINDOW_INFO) \
    R(inverse_offer_info, INVERSE_OFFER_INFO) \
    R(window_answer,  WINDOW_ANSWER)

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
    F(R, STR,  1, name,      63, FIELD_REQUIRED, "cpus, mem, swap and so on, see docs/isolators.md") \
    F(R, INT,  2, scalar,    0,  FIELD_NOT_NEGATIVE, "in thousandths; of cpus and mem no less than the task's resources") \
    F(R, BOOL, 3, unlimited, 0,  0, "as much as there is; scalar is not read") \
    F(R, STR, 110, device,   TEXT_MAX, 0, "of io_read and so on: `8:0` or a path; empty: the disk of its sandbox")

#define FIELDS_MOUNT_INFO(F, R) \
    F(R, STR,  1, volume_id,      ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "a volume that is among the task's resources, or those of another task of its group") \
    F(R, STR,  2, role,           ID_TEXT,  0, "of the volume; needed when two have that id") \
    F(R, STR,  3, container_path, TEXT_MAX, FIELD_REQUIRED, "in the sandbox, relative to it") \
    F(R, BOOL, 4, read_only,      0,        0, "needs volume/persistent on the agent")

#define FIELDS_VOLUME_LINK(F, R) \
    F(R, STR,  1, path,           MESSAGE_MAX, FIELD_REQUIRED, "of the volume, absolute") \
    F(R, STR,  2, container_path, TEXT_MAX,    FIELD_REQUIRED, "relative to the sandbox") \
    F(R, BOOL, 3, shared,         0,           0, "belongs to the first that has it") \
    F(R, BOOL, 4, read_only,      0,           0, "") \
    F(R, BOOL, 5, borrowed,       0,           0, "of another task of its group, for whom it counts") \
    F(R, BOOL, 6, foreign,        0,           0, "that one's user is another: whose it is, is left as it is")

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
    F(R, RECS, 5, rlimits, rlimit_info, 0, "") \
    F(R, RECS, 20, uris,   uri_info,    0, "fetched into the sandbox before it starts, in order")

#define FIELDS_FETCHER_INFO(F, R) \
    F(R, STR,  1, cache_dir,   MESSAGE_MAX, 0, "absolute; empty: nothing is cached") \
    F(R, INT,  2, cache_bytes, 0,           FIELD_NOT_NEGATIVE, "that the cache may hold") \
    F(R, STRS, 3, files,       MESSAGE_MAX, 0, "folders whose files file:// may name") \
    F(R, STR,  4, ca_file,     MESSAGE_MAX, 0, "certificates that https trusts, instead of the host's") \
    F(R, INT,  5, max_bytes,   0,           FIELD_NOT_NEGATIVE, "of one URI, packed or unpacked") \
    F(R, INT,  6, timeout_ms,  0,           FIELD_NOT_NEGATIVE, "for all URIs of a task")

#define FIELDS_URI_INFO(F, R) \
    F(R, STR,  1, value,       MESSAGE_MAX, FIELD_REQUIRED, "http://, https://, file:// or an absolute path on the agent") \
    F(R, BOOL, 2, executable,  0,           0, "it may be executed") \
    F(R, BOOL, 3, extract,     0,           0, "it is a tar or zip archive: what is in it is put into the sandbox instead") \
    F(R, BOOL, 4, cache,       0,           0, "what it names never changes: once on an agent is enough") \
    F(R, STR,  5, output_file, TEXT_MAX,    0, "relative to the sandbox; empty: the last part of the URI's path") \
    F(R, STR,  6, sha256,      64,          0, "hexadecimal; of what is fetched")

#define FIELDS_HTTP_CHECK(F, R) \
    F(R, STR, 1, scheme,  8,        0, "http or https (whose certificate is not verified); empty: http") \
    F(R, INT, 2, port,    0,        FIELD_NOT_NEGATIVE, "0: the first of the task's own") \
    F(R, STR, 3, path,    TEXT_MAX, 0, "with its query; empty: /") \
    F(R, STR, 4, address, 64,       0, "numeric; empty: 127.0.0.1")

#define FIELDS_TCP_CHECK(F, R) \
    F(R, INT, 1, port,    0,  FIELD_NOT_NEGATIVE, "0: the first of the task's own") \
    F(R, STR, 2, address, 64, 0, "numeric; empty: 127.0.0.1")

#define FIELDS_CHECK_INFO(F, R) \
    F(R, REC,  1, command,     command_info, 0, "passes by exit code 0; its user and rlimits are the task's") \
    F(R, REC,  2, http,        http_check,   0, "passes by a status of 200 to 399") \
    F(R, REC,  3, tcp,         tcp_check,    0, "passes when a connection comes about") \
    F(R, INT,  4, delay_ms,    0,            FIELD_NOT_NEGATIVE, "from the task's start to the first") \
    F(R, INT,  5, interval_ms, 0,            FIELD_NOT_NEGATIVE, "from the end of one to the next; 0: 10 s") \
    F(R, INT,  6, timeout_ms,  0,            FIELD_NOT_NEGATIVE, "of one; 0: 20 s") \
    F(R, INT,  7, grace_ms,    0,            FIELD_NOT_NEGATIVE, \
      "of a health check: from the task's start, so long failures do not count, until one has passed; 0: 10 s") \
    F(R, INT,  8, consecutive_failures, 0,   FIELD_NOT_NEGATIVE, \
      "of a health check: after so many in a row the task is unhealthy; 0: 3") \
    F(R, BOOL, 9, report_only, 0,            0, "of a health check: an unhealthy task is not killed")

#define FIELDS_CHECK_STATUS(F, R) \
    F(R, ENUM, 1, kind,        check_kind,  0, "") \
    F(R, BOOL, 2, passed,      0,           0, "") \
    F(R, INT,  3, exit_code,   0,           0, "of a command that exited") \
    F(R, INT,  4, signal,      0,           FIELD_NOT_NEGATIVE, "that ended the command") \
    F(R, INT,  5, http_status, 0,           FIELD_NOT_NEGATIVE, "of an answer") \
    F(R, BOOL, 6, timed_out,   0,           0, "") \
    F(R, STR,  7, message,     MESSAGE_MAX, 0, "what it said, or why it says nothing; for a person")

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

#define FIELDS_CORES_INFO(F, R) \
    F(R, ENUM, 1, policy,    core_policy, 0, \
      "CORES_COMPACT: as near to each other as can be, memory of their nodes only; CORES_SPREAD: far from each other") \
    F(R, BOOL, 2, exclusive, 0,           0, "nobody else runs there; its cpus are whole")

#define FIELDS_EXECUTOR_INFO(F, R) \
    F(R, INT, 1, shutdown_grace_ms,       0, FIELD_NOT_NEGATIVE, \
      "between its shutdown and the end of everything in its container; 0: 5 s") \
    F(R, INT, 2, registration_timeout_ms, 0, FIELD_NOT_NEGATIVE, \
      "so long after its start it has to have subscribed; 0: 1 min") \
    F(R, INT, 3, recovery_timeout_ms,     0, FIELD_NOT_NEGATIVE, \
      "how long it waits for an agent that is away before it ends; 0: 15 min")

#define FIELDS_TASK_INFO(F, R) \
    F(R, STR,  1,  task_id,           ID_TEXT,        FIELD_REQUIRED | FIELD_ID, \
      "unique in its framework while it lives") \
    F(R, STR,  2,  name,              TEXT_MAX,       0, "for people; empty is the id") \
    F(R, STR,  3,  agent_id,          ID_TEXT,        FIELD_REQUIRED | FIELD_ID, \
      "where it runs: the offers' agent") \
    F(R, RECS, 4,  resources,         resource_info,  0, "what it is granted and held to") \
    F(R, REC,  5,  command,           command_info,   FIELD_REQUIRED, "of a task with an executor_id it may say nothing") \
    F(R, REC,  6,  kill_policy,       kill_policy,    0, "absent: the agent's default, 3 s") \
    F(R, RECS, 7,  labels,            label_info,     0, "") \
    F(R, REC,  8,  discovery,         discovery_info, 0, "carried, not interpreted") \
    F(R, INT,  9,  max_completion_ms, 0,              FIELD_NOT_NEGATIVE, \
      "killed and FAILED so long after its command began; what is fetched or pulled before does not count; 0 is never") \
    F(R, INT,  10, pids_max,          0,              FIELD_NOT_NEGATIVE, \
      "processes and threads; 0 is the agent's default") \
    F(R, BYTES, 11, data,             DATA_MAX,       0, "opaque, for the executor") \
    F(R, RECS, 14, limits,            limit_info,     0, \
      "up to which it may use what others leave; absent: its resources are its limits") \
    F(R, RECS, 15, mounts,            mount_info,     0, \
      "where its volumes are seen; one that is not named: under its id") \
    F(R, INT,  40, priority,          0,              0, \
      "among the tasks of its role: the lower gives way first; may be negative") \
    F(R, REC,  41, preemption_policy, kill_policy,    0, \
      "its grace: between the notice that it is preempted and its kill, as far as the master allows; absent: as the master has it") \
    F(R, REC,  20, isolation,         isolation_info, 0, "what it asks of the agent's isolators") \
    F(R, REC,  30, docker,            docker_info,    0, \
      "run in a container of the agent's Docker Engine; absent: natively") \
    F(R, REC, 110, cores,             cores_info,     0, "absent: those that no other task has for itself") \
    F(R, REC,  35, health_check,      check_info,     0, "whether it is well; one that fails ends it") \
    F(R, REC,  36, check,             check_info,     0, "whose result is only told, in check_status") \
    F(R, REC, 120, group,             group_member,   0, "of a task of LAUNCH_GROUP: what it is there") \
    F(R, REC, 130, executor,          executor_info,  0, "it is an executor: it takes tasks of its framework") \
    F(R, STR, 131, executor_id,       ID_TEXT,        FIELD_ID, \
      "the task id of the executor that it is for; absent: it has a container of its own")

#define FIELDS_GROUP_INFO(F, R) \
    F(R, STR,  1, id,            ID_TEXT,      FIELD_REQUIRED | FIELD_ID, "unique in its framework on its agent while it lives") \
    F(R, STRS, 2, volumes,       TEXT_MAX,     0, "names of folders that go with the group; mounted by MOUNT_GROUP") \
    F(R, STR,  3, network,       TEXT_MAX,     0, "of all its tasks: host, none, bridge; empty: the agent's default") \
    F(R, RECS, 4, port_mappings, port_mapping, 0, "network/bridge: which of the tasks' ports lead to it, and where") \
    F(R, STR,  5, hostname,      TEXT_MAX,     0, "namespaces/uts; empty: the agent's") \
    F(R, INT,  6, shm_bytes,     0,            FIELD_NOT_NEGATIVE, "of its /dev/shm; 0: 64 MiB") \
    F(R, RECS, 7, labels,        label_info,   0, "")

#define FIELDS_GROUP_MEMBER(F, R) \
    F(R, STR,  1, id,      ID_TEXT,    FIELD_REQUIRED | FIELD_ID, "of the group") \
    F(R, ENUM, 2, part,    group_part, 0, \
      "GROUP_INIT: before all others, one by one, each must finish; GROUP_SIDECAR: before the mains, until these have ended") \
    F(R, BOOL, 3, may_end, 0,          0, "of a sidecar: its end does not end the group") \
    F(R, INT,  4, number,  0,          FIELD_NOT_NEGATIVE, "its place in the group, from 0; set by the master")

#define FIELDS_ISOLATION_MOUNT(F, R) \
    F(R, ENUM, 1, source_kind,    mount_source, FIELD_REQUIRED, "") \
    F(R, STR,  2, source,         TEXT_MAX, 0, \
      "MOUNT_HOST: absolute path on the agent; MOUNT_SANDBOX: relative to the sandbox, made if need be; MOUNT_GROUP: a volume of its group") \
    F(R, STR,  3, container_path, TEXT_MAX, FIELD_REQUIRED, "absolute, as the task sees it; MOUNT_GROUP: or relative to the sandbox") \
    F(R, BOOL, 4, read_only,      0,        0, "") \
    F(R, INT,  5, size_bytes,     0,        FIELD_NOT_NEGATIVE, "of MOUNT_TMPFS; 0: half of its memory")

#define FIELDS_ISOLATION_INFO(F, R) \
    F(R, STR,  1, rootfs,            TEXT_MAX, 0, \
      "a root that the agent has, by its name there, or `./path` in the sandbox (filesystem/rootfs); empty: the host's own tree") \
    F(R, BOOL, 2, rootfs_read_only,  0,        0, "else what it writes there is its own, and goes with it") \
    F(R, RECS, 3, mounts,            isolation_mount, 0, "volume/host, volume/sandbox, filesystem/rootfs") \
    F(R, STR,  4, hostname,          TEXT_MAX, 0, "namespaces/uts; empty: the agent's") \
    F(R, STR,  5, network,           TEXT_MAX, 0, "host, none or what a network isolator offers; empty: the agent's default") \
    F(R, STRS, 6, capabilities_add,  64,       0, "linux/capabilities: CAP_NET_ADMIN or NET_ADMIN, ALL") \
    F(R, STRS, 7, capabilities_drop, 64,       0, "likewise; before those that are added") \
    F(R, BOOL, 8, ambient,           0,        0, "a task that is not root has the added ones, too") \
    F(R, STR,  9, seccomp_profile,   TEXT_MAX, 0, \
      "linux/seccomp: by its name on the agent; `unconfined`; empty: the agent's default") \
    F(R, BOOL, 10, new_privileges,   0,        0, "linux/nnp: setuid programs work") \
    F(R, BOOL, 11, inner_root,       0,        0, "namespaces/user: its user is root inside") \
    F(R, INT,  12, shm_bytes,        0,        FIELD_NOT_NEGATIVE, "of /dev/shm; 0: 64 MiB") \
    F(R, RECS, 60, port_mappings,    port_mapping, 0, "network/bridge: which of its ports lead to it, and where")

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
    F(R, INT, 8,  stdout_bytes,    0,           FIELD_NOT_NEGATIVE, "written in all, with what was rotated away or found no room") \
    F(R, INT, 9,  stderr_bytes,    0,           FIELD_NOT_NEGATIVE, "") \
    F(R, INT, 10, started_us,      0,           0, "wall clock") \
    F(R, INT, 11, ended_us,        0,           0, "wall clock") \
    F(R, STR, 30, network_address, TEXT_MAX,    0, "of its own network; empty: it has its host's") \
    F(R, STR, 110, cpus,           TEXT_MAX,    0, "hardware threads that it was granted, as `0-3,8`") \
    F(R, STR, 111, mems,           TEXT_MAX,    0, "NUMA nodes that its memory is bound to") \
    F(R, BOOL, 112, exclusive,     0,           0, "its cpus are its alone") \
    F(R, STRS, 113, gpus,          ID_TEXT,     0, "devices that are its alone")

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
    F(R, BYTES, 12, data,           DATA_MAX,       0, "opaque, from the executor") \
    F(R, ENUM,  35, health,         health_state,   0, "what its health check says; absent: nothing yet") \
    F(R, REC,   36, check,          check_status,   0, "the latest result of its check")

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

#define FIELDS_NODE_THREADS(F, R) \
    F(R, STRS, 1, cores,     TEXT_MAX, 0, "hardware threads of each core, as `0,64`") \
    F(R, STR, 2, free_cpus,  TEXT_MAX, 0, "hardware threads that no task has for itself") \
    F(R, INT, 3, free_cores, 0,        FIELD_NOT_NEGATIVE, "cores of which no task has a thread for itself") \
    F(R, INT, 4, free_mem_bytes, 0,    FIELD_NOT_NEGATIVE, "that is not promised to tasks bound to it")

#define FIELDS_NUMA_INFO(F, R) \
    F(R, INT, 1, number,     0,        FIELD_NOT_NEGATIVE, "as the kernel numbers it") \
    F(R, INT, 2, mem_bytes,  0,        FIELD_NOT_NEGATIVE, "") \
    F(R, STR, 3, cpus,       TEXT_MAX, 0, "hardware threads next to it") \
    F(R, REC, 4, threads,    node_threads, 0, "")

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
    F(R, STRS, 13, capabilities, TEXT_MAX,    0, \
      "RESOURCE_OPERATIONS: it keeps reservations and volumes; OPERATOR_RESULTS: it says what came of an operator's, too; TASK_GROUPS: it takes RUN_GROUP; EXECUTORS: it runs executors as such")

#define FIELDS_UNAVAILABILITY(F, R) \
    F(R, INT, 1, start_us,    0,           FIELD_REQUIRED | FIELD_NOT_NEGATIVE, "wall clock") \
    F(R, INT, 2, duration_ms, 0,           FIELD_NOT_NEGATIVE, "0: until an operator ends it") \
    F(R, STR, 3, reason,      TEXT_MAX, 0, "for a person") \
    F(R, STR, 4, window_id,   ID_TEXT,     FIELD_ID, "of the maintenance window")

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
    F(R, INT,  21, units,       0,              0, "for how many of it") \
    F(R, BOOL, 40, preempted,   0,              0, "others have given way for it: it is its framework's alone") \
    F(R, BOOL, 60, optimistic,  0,              0, "others may be shown the same: the first accept has it") \
    F(R, REC,  80, unavailability, unavailability, 0, "the next maintenance window of the agent")

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
    F(R, INT,  7, hold_ms,     0,               FIELD_NOT_NEGATIVE, "of a gang: hold what is gathered no longer; 0: as the master has it") \
    F(R, INT,  40, priority,   0,               0, "of the tasks that are to run on it; they get no less") \
    F(R, INT,  80, min_available_ms, 0,         FIELD_NOT_NEGATIVE, "of agents only that have no maintenance for so long")

#define FIELDS_ROLE_NEEDS(F, R) \
    F(R, STR,  1, role,  ID_TEXT,   FIELD_REQUIRED, "one of the framework's") \
    F(R, RECS, 2, needs, need_info, 0, "absent: it takes whatever there is")

#define FIELDS_FILTERS(F, R) \
    F(R, INT, 1, refuse_ms, 0, 0, "do not offer this again for so long; at least 10 ms, so that others have a chance; negative: the default")

#define FIELDS_OPERATION_INFO(F, R) \
    F(R, ENUM, 1, kind,  operation_kind, 0, "absent, or not known to the master: its tasks get TASK_ERROR") \
    F(R, RECS, 2, tasks, task_info,      0, "of LAUNCH and LAUNCH_GROUP") \
    F(R, REC,  3, change, resource_change, 0, "of all others") \
    F(R, REC, 120, group, group_info,    0, "of LAUNCH_GROUP")

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

#define FIELDS_ROLE_POLICY(F, R) \
    F(R, STR,  1, role,         ID_TEXT,       FIELD_REQUIRED, "") \
    F(R, INT,  2, weight_milli, 0,             FIELD_NOT_NEGATIVE, "1/1000; 0: not set, 1") \
    F(R, RECS, 3, guarantees,   resource_info, 0, "unreserved scalars") \
    F(R, RECS, 4, limits,       resource_info, 0, "unreserved scalars; what is not named has no limit") \
    F(R, INT,  40, priority,    0,             0, "whose tasks give way: those of the lower one first") \
    F(R, BOOL, 41, has_priority, 0,            0, "it is set; else it is that of the role above, at the top 0") \
    F(R, ENUM, 60, offers,      offer_mode,    0, "of the role and those in it; absent: as the role above it")

#define FIELDS_GANG_PART(F, R) \
    F(R, STRS, 1, offer_ids,  ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "all of one agent and one role") \
    F(R, RECS, 2, operations, operation_info, 0, "LAUNCH and LAUNCH_GROUP, which are done in order")

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

#define FIELDS_PREEMPT_INFO(F, R) \
    F(R, STR,  1, role,         ID_TEXT, 0, "for whom: the role") \
    F(R, STR,  2, framework_id, ID_TEXT, FIELD_ID, "and the framework") \
    F(R, STR,  3, need,         ID_TEXT, 0, "and its need") \
    F(R, INT,  4, priority,     0,       0, "of that need") \
    F(R, BOOL, 5, guarantee,    0,       0, "because the guarantee of the role, or of one above it, is not met") \
    F(R, INT,  6, deadline_us,  0,       0, "when it is killed, wall clock")

#define FIELDS_USAGE_MORE(F, R) \
    F(R, INT,  1, cpu_bursts,      0,       0, "periods in which it used what it had saved") \
    F(R, INT,  2, cpu_burst_us,    0,       0, "") \
    F(R, INT,  3, cpu_some_us,     0,       0, "PSI: time in which a thread waited for a processor") \
    F(R, INT,  4, cpu_full_us,     0,       0, "in which all did") \
    F(R, INT,  5, mem_some_us,     0,       0, "PSI: time in which a thread waited for memory") \
    F(R, INT,  6, mem_full_us,     0,       0, "") \
    F(R, INT,  7, io_some_us,      0,       0, "PSI: time in which a thread waited for a disk") \
    F(R, INT,  8, io_full_us,      0,       0, "") \
    F(R, INT,  9, mem_soft_bytes,  0,       0, "the last of it to be taken away; 0: not set") \
    F(R, INT, 10, mem_swap_bytes,  0,       0, "") \
    F(R, INT, 11, mem_kernel_bytes, 0,      0, "") \
    F(R, INT, 12, mem_shmem_bytes, 0,       0, "of the page cache: tmpfs, shared") \
    F(R, INT, 13, mem_mapped_bytes, 0,      0, "of the page cache: mapped") \
    F(R, INT, 14, mem_dirty_bytes, 0,       0, "") \
    F(R, INT, 15, mem_writeback_bytes, 0,   0, "") \
    F(R, INT, 16, mem_unevictable_bytes, 0, 0, "") \
    F(R, INT, 17, mem_major_faults, 0,      0, "") \
    F(R, INT, 18, mem_limit_hits,  0,       0, "how often its limit was reached") \
    F(R, INT, 19, mem_oom_kills,   0,       0, "") \
    F(R, INT, 20, mem_low_pressure, 0,      0, "v1: events of that level since they were first asked for") \
    F(R, INT, 21, mem_medium_pressure, 0,   0, "") \
    F(R, INT, 22, mem_critical_pressure, 0, 0, "") \
    F(R, INT, 23, pids_limit,      0,       0, "0: none") \
    F(R, INT, 24, pids_refused,    0,       0, "forks that failed at the limit") \
    F(R, INT, 25, io_read_bytes,   0,       0, "of all disks") \
    F(R, INT, 26, io_write_bytes,  0,       0, "") \
    F(R, INT, 27, io_reads,        0,       0, "") \
    F(R, INT, 28, io_writes,       0,       0, "") \
    F(R, INT, 29, hugetlb_bytes,   0,       0, "in huge pages of all sizes") \
    F(R, INT, 30, hugetlb_refused, 0,       0, "requests that failed at the limit") \
    F(R, STR, 31, cpus,            TEXT_MAX, 0, "hardware threads that it may use now") \
    F(R, STR, 32, mems,            TEXT_MAX, 0, "NUMA nodes likewise") \
    F(R, STR, 60, ports_outside,   TEXT_MAX, 0, "network/ports: where it listens and should not, as `TCP 8080, UDP 53`") \
    F(R, INT, 61, disk_bytes,      0,       0, "disk/usage, disk/quota: in its sandbox") \
    F(R, INT, 62, disk_limit_bytes, 0,      0, "0: none") \
    F(R, INT, 63, disk_files,      0,       0, "files and folders in its sandbox") \
    F(R, INT, 64, volume_bytes,    0,       0, "disk/usage: in its persistent volumes") \
    F(R, INT, 65, volume_limit_bytes, 0,    0, "the sizes of these") \
    F(R, STR, 66, address,         TEXT_MAX, 0, "network/bridge: its own, as `10.1.0.2`")

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
    F(R, INT, 15, mem_peak_bytes,  0,       0, "") \
    F(R, REC, 30, more,            usage_more, 0, "what single isolators know")

#define FIELDS_GPU_INFO(F, R) \
    F(R, STR,  1, name,  ID_TEXT,  FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STRS, 2, paths, TEXT_MAX, FIELD_REQUIRED, "device nodes that make it up")

#define FIELDS_COUNTER_INFO(F, R) \
    F(R, STR, 1, name,  TEXT_MAX, FIELD_REQUIRED, "as in /metrics/snapshot") \
    F(R, INT, 2, milli, 0,        0, "value in thousandths")

#define FIELDS_WINDOW_INFO(F, R) \
    F(R, STR,  1, id,           ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "unique") \
    F(R, STRS, 2, agents,       TEXT_MAX,    FIELD_REQUIRED, "by id or by host name; they need not be known yet") \
    F(R, INT,  3, start_us,     0,           FIELD_REQUIRED | FIELD_NOT_NEGATIVE, "wall clock") \
    F(R, INT,  4, duration_ms,  0,           FIELD_NOT_NEGATIVE, "0: until an operator ends it") \
    F(R, STR,  5, reason,       TEXT_MAX,    0, "for a person") \
    F(R, INT,  6, max_grace_ms, 0,           FIELD_NOT_NEGATIVE, "a task's own grace is cut to this when it begins; 0: it is not")

#define FIELDS_INVERSE_OFFER_INFO(F, R) \
    F(R, STR, 1, id,             ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR, 2, agent_id,       ID_TEXT,        FIELD_REQUIRED | FIELD_ID, "on which the framework has tasks") \
    F(R, STR, 3, hostname,       TEXT_MAX,       0, "") \
    F(R, REC, 4, unavailability, unavailability, FIELD_REQUIRED, "by then its tasks should be elsewhere")

#define FIELDS_WINDOW_ANSWER(F, R) \
    F(R, STR,  1, agent_id,     ID_TEXT,       FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, framework_id, ID_TEXT,       FIELD_REQUIRED | FIELD_ID, "") \
    F(R, ENUM, 3, state,        inverse_state, FIELD_REQUIRED, "INVERSE_WITHDRAWN: it is no longer asked") \
    F(R, INT,  4, when_us,      0,             0, "wall clock")

/* clang-format on */

#endif
