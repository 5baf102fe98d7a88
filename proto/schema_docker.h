/* proto/schema_docker.h - records and messages: containers of a Docker Engine. Part of schema.h, which says what the columns are. */
#ifndef PROFFER_PROTO_SCHEMA_DOCKER_H
#define PROFFER_PROTO_SCHEMA_DOCKER_H

/* Where a container sees its sandbox; in its environment as MESOS_SANDBOX and PROFFER_SANDBOX. As Mesos has it. */
#define DOCKER_SANDBOX "/mnt/mesos/sandbox"
/* Behind the framework's id: the folder that its containers' sandboxes are in, which nobody but root enters. */
#define DOCKER_SANDBOXES ".docker"

/* clang-format off */

/* Between an agent and its proffer-docker, beside the launcher's messages, which it understands as well. */
#define MESSAGES_DOCKER(M) \
    M(193, docker_configure,    DOCKER_CONFIGURE,    "A>D", "first message, from who has started it: what may be done here") \
    M(194, docker_ready,        DOCKER_READY,        "D>A", "answers launcher_recover") \
    M(195, change_engine,       CHANGE_ENGINE,       "D>A core", "the engine came, went, or is another one") \
    M(196, container_progress,  CONTAINER_PROGRESS,  "D>A", "what is done before a container can start") \
    M(197, exec_container,      EXEC_CONTAINER,      "A>D", "run a command in one that runs; answered by container_executed") \
    M(198, container_executed,  CONTAINER_EXECUTED,  "D>A", "answers exec_container")

#define RECORDS_DOCKER(R) \
    R(port_mapping,   PORT_MAPPING) \
    R(docker_volume,  DOCKER_VOLUME) \
    R(docker_device,  DOCKER_DEVICE) \
    R(docker_parameter, DOCKER_PARAMETER) \
    R(docker_info,    DOCKER_INFO) \
    R(engine_info,    ENGINE_INFO)

#define ENUM_PULL_POLICY(E) \
    E(1, PULL_IF_MISSING) \
    E(2, PULL_ALWAYS) \
    E(3, PULL_NEVER)

#define FIELDS_PORT_MAPPING(F, R) \
    F(R, INT,  1, host_port,      0,  FIELD_NOT_NEGATIVE, "one of the task's ports; 0: one of these that no other mapping has") \
    F(R, INT,  2, container_port, 0,  FIELD_NOT_NEGATIVE, "0: the same number") \
    F(R, STR,  3, protocol,       16, 0, "tcp, udp or sctp; empty: tcp")

#define FIELDS_DOCKER_VOLUME(F, R) \
    F(R, STR,  1, container_path, TEXT_MAX, FIELD_REQUIRED, "absolute") \
    F(R, STR,  2, host_path,      TEXT_MAX, 0, "absolute: on the agent, if it allows that; else beneath the sandbox") \
    F(R, STR,  3, name,           ID_TEXT,  0, "of a volume of the engine, made if need be") \
    F(R, STR,  4, driver,         ID_TEXT,  0, "of such a volume; empty: local") \
    F(R, BOOL, 5, read_only,      0,        0, "") \
    F(R, INT,  6, tmpfs_bytes,    0,        FIELD_NOT_NEGATIVE, "memory of that size instead, if neither path nor name is given")

#define FIELDS_DOCKER_DEVICE(F, R) \
    F(R, STR,  1, host_path,      TEXT_MAX, FIELD_REQUIRED, "as /dev/fuse") \
    F(R, STR,  2, container_path, TEXT_MAX, 0, "empty: the same") \
    F(R, STR,  3, permissions,    8,        0, "of r, w, m; empty: rwm")

#define FIELDS_DOCKER_PARAMETER(F, R) \
    F(R, STR,  1, key,   64,          FIELD_REQUIRED, "as `docker run` has it: hostname, dns, ulimit and so on") \
    F(R, STR,  2, value, MESSAGE_MAX, 0, "")

#define FIELDS_DOCKER_INFO(F, R) \
    F(R, STR,  1,  image,         TEXT_MAX,         FIELD_REQUIRED, "[registry/]name[:tag][@digest]") \
    F(R, STR,  2,  network,       ID_TEXT,          0, "host, none, bridge or the name of one that the engine has; empty: host") \
    F(R, RECS, 3,  port_mappings, port_mapping,     0, "of every network but host and none") \
    F(R, RECS, 4,  volumes,       docker_volume,    0, "beside the sandbox and persistent volumes") \
    F(R, RECS, 5,  devices,       docker_device,    0, "if the agent allows them") \
    F(R, STRS, 6,  cap_add,       64,               0, "beyond Docker's own set: if the agent allows them") \
    F(R, STRS, 7,  cap_drop,      64,               0, "or ALL") \
    F(R, BOOL, 8,  privileged,    0,                0, "if the agent allows it") \
    F(R, ENUM, 9,  pull,          pull_policy,      0, "absent: if it is missing") \
    F(R, STR,  10, credentials,   ID_TEXT,          FIELD_ID, "a file in the agent's --docker-credentials; empty: its --docker-config") \
    F(R, STR,  11, user,          TEXT_MAX,         0, "inside, as 1000:1000; empty: the image's") \
    F(R, BOOL, 12, init,          0,                0, "a first process that takes care of orphans") \
    F(R, STRS, 13, entrypoint,    COMMAND_MAX,      0, "instead of the image's") \
    F(R, STR,  14, stop_signal,   32,               0, "SIGTERM and so on, before SIGKILL; empty: the image's") \
    F(R, STR,  15, workdir,       TEXT_MAX,         0, "empty: the image's") \
    F(R, BOOL, 16, read_only,     0,                0, "its root cannot be written to") \
    F(R, RECS, 17, parameters,    docker_parameter, 0, "others of `docker run`")

/* Of the engine that an agent uses. */
#define FIELDS_ENGINE_INFO(F, R) \
    F(R, BOOL, 1, up,          0,           0, "it answers") \
    F(R, STR,  2, version,     TEXT_MAX,    0, "20.10.24; the last known") \
    F(R, STR,  3, api_version, 32,          0, "that is spoken with it") \
    F(R, STR,  4, socket,      TEXT_MAX,    0, "path") \
    F(R, STR,  5, problem,     MESSAGE_MAX, 0, "why it is of no use now; absent: it is not so") \
    F(R, INT,  6, since_us,    0,           0, "wall clock: of the last change") \
    F(R, STR,  7, root_dir,    TEXT_MAX,    0, "where it keeps images") \
    F(R, STR,  8, driver,      TEXT_MAX,    0, "of storage") \
    F(R, STR,  9, cgroups,     TEXT_MAX,    0, "cgroupfs or systemd")

#define FIELDS_DOCKER_CONFIGURE(F, R) \
    F(R, STR,  1, socket,         TEXT_MAX,    FIELD_REQUIRED, "path of the engine's socket") \
    F(R, STR,  2, owner,          ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "a label on all our containers; no other agent has it") \
    F(R, STR,  3, state_dir,      MESSAGE_MAX, FIELD_REQUIRED, "how far logs were read, which images were pulled") \
    F(R, STR,  4, cgroup_parent,  TEXT_MAX,    FIELD_REQUIRED, "path of the group above theirs, as `proffer/a1/docker`") \
    F(R, INT,  5, pids_max,       0,           FIELD_NOT_NEGATIVE, "of a task that does not say") \
    F(R, INT,  6, log_max_bytes,  0,           FIELD_NOT_NEGATIVE, "size at which stdout and stderr rotate") \
    F(R, INT,  7, log_files,      0,           FIELD_NOT_NEGATIVE, "how many are kept") \
    F(R, STRS, 8, recover,        ID_TEXT,     FIELD_ID, "what launcher_recover says takes its place") \
    F(R, STRS, 9, allow,          TEXT_MAX,    0, "privileged, devices, capabilities, named-volumes, host-namespaces, unsafe-parameters") \
    F(R, STRS, 10, host_paths,    TEXT_MAX,    0, "folders of the host that tasks may have as volumes, with all beneath") \
    F(R, STR,  11, config_file,   TEXT_MAX,    0, "credentials for registries, as ~/.docker/config.json") \
    F(R, STR,  12, credentials_dir, TEXT_MAX,  0, "of such files that tasks may name") \
    F(R, INT,  13, call_timeout_ms, 0,         FIELD_NOT_NEGATIVE, "of one call; 0: 60 s") \
    F(R, INT,  14, pull_timeout_ms, 0,         FIELD_NOT_NEGATIVE, "of a whole pull; 0: 30 min") \
    F(R, INT,  15, patience_ms,   0,           FIELD_NOT_NEGATIVE, "so long new tasks wait for an engine that went away; 0: 60 s") \
    F(R, INT,  16, gc_high,       0,           FIELD_NOT_NEGATIVE, "percent of the engine's disk in use at which images go; 0: never") \
    F(R, INT,  17, gc_low,        0,           FIELD_NOT_NEGATIVE, "percent down to which") \
    F(R, INT,  18, gc_min_age_ms, 0,           FIELD_NOT_NEGATIVE, "since an image was last used") \
    F(R, STRS, 19, gc_keep,       TEXT_MAX,    0, "images that stay; `*` is any text") \
    F(R, INT,  20, ping_ms,       0,           FIELD_NOT_NEGATIVE, "between two looks whether the engine answers; 0: 5 s") \
    F(R, STR, 140, sandboxes_dir, MESSAGE_MAX, 0, "absolute: no sandbox is anywhere else") \
    F(R, STR, 141, volumes_dir,   MESSAGE_MAX, 0, "absolute: no volume is anywhere else") \
    F(R, REC,  150, fetcher,      fetcher_info, 0, "absent: tasks cannot have URIs fetched") \
    F(R, RECS, 151, gpus,         gpu_info,    0, "devices that only who is granted one may use") \
    F(R, STR,  152, seccomp_dir,  MESSAGE_MAX, 0, "profiles that tasks may name, as NAME.json; empty: none")

#define FIELDS_DOCKER_READY(F, R) \
    F(R, REC,  1, engine,   engine_info, 0, "") \
    F(R, STR,  2, error,    MESSAGE_MAX, 0, "why nothing can be done; then it exits")

#define FIELDS_CHANGE_ENGINE(F, R) \
    F(R, REC,  1, engine, engine_info, FIELD_REQUIRED, "")

#define FIELDS_CONTAINER_PROGRESS(F, R) \
    F(R, STR,  1, container_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, STR,  2, text,         MESSAGE_MAX, 0, "for a person")

#define FIELDS_EXEC_CONTAINER(F, R) \
    F(R, STR,  1, container_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT,  2, number,       0,           0, "returned in the answer") \
    F(R, STRS, 3, argv,         COMMAND_MAX, FIELD_REQUIRED, "") \
    F(R, RECS, 4, env,          env_info,    0, "added to the container's") \
    F(R, INT,  5, timeout_ms,   0,           FIELD_NOT_NEGATIVE, "then it is killed; 0: 20 s")

#define FIELDS_CONTAINER_EXECUTED(F, R) \
    F(R, STR,   1, container_id, ID_TEXT,     FIELD_REQUIRED | FIELD_ID, "") \
    F(R, INT,   2, number,       0,           0, "of the order") \
    F(R, REC,   3, exit,         exit_info,   0, "absent: it did not come to an end") \
    F(R, STR,   4, error,        MESSAGE_MAX, 0, "why") \
    F(R, BYTES, 5, output,       MESSAGE_MAX, 0, "the beginning of what it wrote")

/* clang-format on */

#endif
